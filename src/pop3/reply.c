/*
 * Reading what a POP3 server says. See reply.h.
 */
#include "pop3/reply.h"

#include "imap/sasl.h"
#include "message/pop.h"

struct pop3_reply pop3_reply_read(struct slice line)
{
	struct pop3_reply r = { POP3_NONSENSE, SLICE_LIT(""), SLICE_LIT("") };
	struct slice word = slice_cut(&line, ' ');
	ptrdiff_t close;

	if (slice_ieq(word, SLICE_LIT("+OK")))
		r.status = POP3_OK;
	else if (slice_ieq(word, SLICE_LIT("-ERR")))
		r.status = POP3_ERR;
	else if (slice_eq(word, SLICE_LIT("+")))
		r.status = POP3_CONTINUE;
	else
		return r;
	r.text = slice_trim(line);
	if (r.status != POP3_ERR || r.text.len == 0 || r.text.ptr[0] != '[')
		return r;
	close = slice_find(r.text, ']');
	if (close > 0) {
		r.code = slice_of(r.text.ptr + 1, (size_t)close - 1);
		r.text = slice_trim(slice_from(r.text, (size_t)close + 1));
	}
	return r;
}

static bool number_of(struct slice word, uint32_t *out)
{
	uint64_t n;

	if (!slice_u64(word, &n) || n == 0 || n > UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

bool pop3_uidl_read(struct slice line, uint32_t *number, struct slice *uidl)
{
	struct slice word = slice_cut(&line, ' ');

	*uidl = slice_trim(line);
	return number_of(word, number) && uidl_ok(*uidl);
}

bool pop3_size_read(struct slice line, uint32_t *number, uint64_t *size)
{
	struct slice word = slice_cut(&line, ' ');

	line = slice_trim(line);
	return number_of(word, number) && slice_u64(slice_cut(&line, ' '), size);
}

void pop3_caps_add(struct pop3_caps *caps, struct slice line)
{
	struct slice name = slice_cut(&line, ' ');

	caps->stls |= slice_ieq(name, SLICE_LIT("STLS"));
	caps->user |= slice_ieq(name, SLICE_LIT("USER"));
	caps->uidl |= slice_ieq(name, SLICE_LIT("UIDL"));
	caps->top |= slice_ieq(name, SLICE_LIT("TOP"));
	if (!slice_ieq(name, SLICE_LIT("SASL")))
		return;
	while (line.len > 0) {
		enum sasl_mech mech = sasl_mech_from_name(slice_cut(&line, ' '));

		if (mech != SASL_NONE)
			caps->auth |= SASL_BIT(mech);
	}
}

bool pop3_unstuff(struct slice *line)
{
	if (line->len == 0 || line->ptr[0] != '.')
		return true;
	if (line->len == 1)
		return false;
	*line = slice_from(*line, 1);
	return true;
}

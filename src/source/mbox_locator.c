/*
 * See mbox_locator.h.
 */
#include "source/mbox_locator.h"

#include <string.h>

#include "base/text.h"

static const char hex_digits[] = "0123456789ABCDEF";

void mbox_locator_escape(struct buf *out, struct slice name)
{
	while (name.len > 0) {
		uint32_t c = 0;
		size_t len = utf8_decode(name, &c);
		uint8_t byte = (uint8_t)name.ptr[0];

		if (len > 0 && c >= 32 && !(c >= 127 && c < 160) && c != '%' && c != '@') {
			buf_add(out, name.ptr, len);
			name = slice_from(name, len);
			continue;
		}
		buf_addc(out, '%');
		buf_addc(out, hex_digits[byte >> 4]);
		buf_addc(out, hex_digits[byte & 15]);
		name = slice_from(name, 1);
	}
}

static char *unescape(struct arena *a, struct slice escaped)
{
	char *out = arena_slice(a, escaped), *to = out;
	uint64_t byte;

	if (!out)
		return NULL;
	for (const char *p = out; *p; to++) {
		if (*p == '%' && p[1] && p[2] && slice_hex64(slice_of(p + 1, 2), &byte)) {
			*to = (char)byte;
			p += 3;
		} else {
			*to = *p++;
		}
	}
	*to = '\0';
	return out;
}

static const char eol_letters[] = { [EOL_LINES] = 'l', [EOL_CR] = 'r' };
static const char quoting_letters[] = {
	[QUOTING_NONE] = 'n', [QUOTING_MBOXO] = 'o', [QUOTING_MBOXRD] = 'd'
};

/* By hand and not by printf: one is made for each message. The room is surely enough. */
char *mbox_locator_write(const char *escaped, const struct message *m, struct arena *a)
{
	size_t name_len = strlen(escaped);
	char *out = arena_alloc(a, name_len + sizeof("@+:lnffffffff") + 2 * 20), *at = out;

	if (!out)
		return NULL;
	memcpy(at, escaped, name_len);
	at += name_len;
	*at++ = '@';
	at = text_put_number(at, m->body.off, 10);
	*at++ = '+';
	at = text_put_number(at, m->body.len, 10);
	*at++ = ':';
	*at++ = eol_letters[m->canon.eol];
	*at++ = quoting_letters[m->canon.quoting];
	at = text_put_number(at, m->canon.strip, 16);
	*at = '\0';
	return out;
}

static int bad_locator(const char *locator, struct err *err)
{
	return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
		       "'%s' is no locator of a message in an mbox", locator);
}

int mbox_locator_split(const char *locator, struct arena *a, const char **name, const char **suffix,
		       struct err *err)
{
	const char *at = strchr(locator, '@');
	char *unescaped;

	if (!at)
		return bad_locator(locator, err);
	unescaped = unescape(a, slice_of(locator, (size_t)(at - locator)));
	if (!unescaped)
		return err_nomem(err);
	*name = unescaped;
	*suffix = at;
	return 0;
}

static bool read_rules(struct slice text, struct canon_rules *out)
{
	uint64_t strip;

	if (text.len < 3 || !slice_hex64(slice_from(text, 2), &strip) || strip > UINT32_MAX)
		return false;
	if (text.ptr[0] != 'l' && text.ptr[0] != 'r')
		return false;
	out->eol = text.ptr[0] == 'r' ? EOL_CR : EOL_LINES;
	out->strip = (uint32_t)strip;
	for (size_t i = 0; i < sizeof(quoting_letters); i++)
		if (text.ptr[1] == quoting_letters[i]) {
			out->quoting = (enum quoting)i;
			return true;
		}
	return false;
}

int mbox_locator_read(const char *suffix, uint64_t *off, uint64_t *len, struct canon_rules *rules,
		      struct err *err)
{
	struct slice rest = slice_str(suffix), off_text, len_text;

	if (slice_cut(&rest, '@').len != 0)
		return bad_locator(suffix, err);
	off_text = slice_cut(&rest, '+');
	len_text = slice_cut(&rest, ':');
	if (!slice_u64(off_text, off) || !slice_u64(len_text, len) || !read_rules(rest, rules))
		return bad_locator(suffix, err);
	return 0;
}

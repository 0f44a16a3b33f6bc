/*
 * Transfer encodings. See encode.h.
 *
 * Base64 is made line by line: 57 octets are 76 characters. In quoted-printable
 * a blank and a CR are held back until it is known what follows them: a blank
 * before a line end, and a CR without LF, have to be encoded (RFC 2045 6.7).
 */
#include "mime/encode.h"

#include <string.h>

#include "base/vec.h"

#define QP_LINE	    76 /* with the "=" of a soft line break */
#define BASE64_LINE 57
#define LINE_MAX_7BIT                                                                              \
	900 /* 998 are allowed (RFC 5322 2.1.1); beyond that, gateways and we part ways */

const char *encoding_name(enum encoding e)
{
	static const char *const names[] = { "7bit", "quoted-printable", "base64" };

	return names[e];
}

/* ---- census ---- */

/* RFC 3629 4: one octet further in the check for valid UTF-8. */
static void check_utf8(struct census *c, uint8_t u)
{
	if (c->expect > 0) {
		c->utf8 = c->utf8 && u >= c->low && u <= c->high_limit;
		c->expect--;
		c->low = 0x80;
		c->high_limit = 0xbf;
		return;
	}
	if (u < 0x80)
		return;
	if (u < 0xc2 || u > 0xf4)
		c->utf8 = false;
	c->expect = u >= 0xf0 ? 3 : u >= 0xe0 ? 2 : 1;
	c->low = u == 0xe0 ? 0xa0 : u == 0xf0 ? 0x90 : 0x80;
	c->high_limit = u == 0xed ? 0x9f : u == 0xf4 ? 0x8f : 0xbf;
}

static void end_of_line(struct census *c)
{
	if (c->line > c->longest)
		c->longest = c->line;
	c->line = 0;
}

static void count_control(struct census *c, uint8_t u)
{
	if (u == '\n' && c->after_cr)
		end_of_line(c);
	else if (u == '\n' || c->after_cr || (u != '\r' && u != '\t' && u != 0x1b && u != '\f'))
		c->awkward++;
	c->after_cr = u == '\r';
}

static bool printable(uint8_t u)
{
	return u >= 0x20 && u < 0x7f;
}

/* How many printable ASCII characters `s` begins with. */
static size_t printable_run(struct slice s)
{
	const vec low = vec_all(0x20), high = vec_all(0x7e);
	size_t n = 0;

	for (; n + VEC_LEN <= s.len; n += VEC_LEN) {
		vec v = vec_load(s.ptr + n);
		size_t run = vec_zeros((vec)((v < low) | (v > high)));

		if (run < VEC_LEN)
			return n + run;
	}
	while (n < s.len && printable((uint8_t)s.ptr[n]))
		n++;
	return n;
}

static void count_octet(struct census *c, uint8_t u)
{
	if (u >= 0x80 || c->expect > 0)
		check_utf8(c, u);
	if (u < 0x20 || u == 0x7f) {
		count_control(c, u);
		return;
	}
	if (c->after_cr) {
		c->awkward++;
		c->after_cr = false;
	}
	c->line++;
	c->high += u >> 7;
}

/* Does a line end, CR LF, stand at the beginning of `s`? */
static bool at_line_end(struct slice s)
{
	return s.len > 1 && s.ptr[0] == '\r' && s.ptr[1] == '\n';
}

void census_add(struct census *c, struct slice s)
{
	static const struct slice start = { "--" BOUNDARY_START, sizeof("--" BOUNDARY_START) - 1 };

	/* A boundary inside a piece: one that is cut by its end is not seen; then the length of the
	 * boundary, made of a store's UID, must do. */
	if (!c->ours && s.len > 0 && memmem(s.ptr, s.len, start.ptr, start.len) != NULL)
		c->ours = true;
	c->total += s.len;
	while (s.len > 0) {
		if (!c->after_cr && c->expect == 0) {
			size_t run = printable_run(s);

			c->line += run;
			s = slice_from(s, run);
			if (at_line_end(s)) {
				end_of_line(c);
				s = slice_from(s, 2);
				continue;
			}
			if (s.len == 0)
				break;
		}
		count_octet(c, (uint8_t)s.ptr[0]);
		s = slice_from(s, 1);
	}
	if (c->line > c->longest)
		c->longest = c->line;
}

bool census_utf8(const struct census *c)
{
	return c->utf8 && c->expect == 0;
}

enum encoding census_encoding(const struct census *c)
{
	if (c->high == 0 && c->awkward == 0 && !c->after_cr && c->longest <= LINE_MAX_7BIT &&
	    !c->ours)
		return ENCODING_7BIT;
	/* Three characters for one octet against four for three. */
	return (c->high + c->awkward) * 6 > c->total ? ENCODING_BASE64 : ENCODING_QP;
}

/* ---- base64 ---- */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *encode_three(char *to, const uint8_t *p)
{
	uint32_t n = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

	to[0] = base64[n >> 18];
	to[1] = base64[n >> 12 & 63];
	to[2] = base64[n >> 6 & 63];
	to[3] = base64[n & 63];
	return to + 4;
}

/* The last group, padded. */
static char *encode_rest(char *to, const uint8_t *p, size_t len)
{
	const uint8_t group[3] = { p[0], len > 1 ? p[1] : 0, 0 };

	to = encode_three(to, group);
	to[-1] = '=';
	if (len == 1)
		to[-2] = '=';
	return to;
}

static char *encode_run(char *to, const uint8_t *p, size_t len)
{
	for (; len >= 3; len -= 3, p += 3)
		to = encode_three(to, p);
	return len > 0 ? encode_rest(to, p, len) : to;
}

void base64_add(struct buf *b, struct slice bytes)
{
	size_t len = (bytes.len + 2) / 3 * 4;
	char *to = buf_room(b, len);

	if (to == NULL)
		return;
	encode_run(to, (const uint8_t *)bytes.ptr, bytes.len);
	b->len += len;
}

static void base64_line(struct encoder *e, const uint8_t *p, size_t len)
{
	char *room = outlet_room(e->out, 80), *to = room;

	if (e->line_due) {
		*to++ = '\r';
		*to++ = '\n';
	}
	to = encode_run(to, p, len);
	outlet_took(e->out, (size_t)(to - room));
	e->line_due = true;
}

static void base64_encode(struct encoder *e, struct slice s)
{
	const uint8_t *p = (const uint8_t *)s.ptr;
	size_t len = s.len;

	if (e->n_carry > 0) {
		size_t more = BASE64_LINE - e->n_carry;

		if (more > len)
			more = len;
		memcpy(e->carry + e->n_carry, p, more);
		e->n_carry += more;
		p += more;
		len -= more;
		if (e->n_carry < BASE64_LINE)
			return;
		base64_line(e, e->carry, BASE64_LINE);
		e->n_carry = 0;
	}
	for (; len >= BASE64_LINE; len -= BASE64_LINE, p += BASE64_LINE)
		base64_line(e, p, BASE64_LINE);
	if (len > 0)
		memcpy(e->carry, p, len);
	e->n_carry = len;
}

/* ---- quoted-printable ---- */

static void qp_token(struct encoder *e, const char *token, size_t len)
{
	if (e->column + len > QP_LINE - 1) {
		outlet_add(e->out, "=\r\n", 3);
		e->column = 0;
	}
	outlet_add(e->out, token, len);
	e->column += len;
}

static void qp_escape(struct encoder *e, uint8_t u)
{
	static const char hex[] = "0123456789ABCDEF";
	const char token[3] = { '=', hex[u >> 4], hex[u & 15] };

	qp_token(e, token, 3);
}

/* What was held back, where it is clear now that no line ends. */
static void qp_release(struct encoder *e)
{
	if (e->n_carry == 0)
		return;
	e->n_carry = 0;
	if (e->carry[0] == '\r')
		qp_escape(e, '\r');
	else
		qp_token(e, (const char *)e->carry, 1);
}

/* LF behind whatever was held back. */
static void qp_newline(struct encoder *e, bool after_cr)
{
	if (!after_cr) {
		qp_release(e);
		qp_escape(e, '\n');
		return;
	}
	outlet_add(e->out, "\r\n", 2);
	e->column = 0;
}

static void qp_octet(struct encoder *e, uint8_t u)
{
	bool after_cr = e->n_carry > 0 && e->carry[0] == '\r';

	if (u == '\n') {
		e->n_carry = after_cr ? 0 : e->n_carry;
		qp_newline(e, after_cr);
		return;
	}
	if (u == '\r' && e->n_carry > 0 && !after_cr) {
		/* A blank at the end of a line (or before a lone CR). */
		qp_escape(e, e->carry[0]);
		e->n_carry = 0;
	}
	qp_release(e);
	if (u == ' ' || u == '\t' || u == '\r') {
		e->carry[0] = u;
		e->n_carry = 1;
	} else if (u < 0x20 || u > 0x7e || u == '=') {
		qp_escape(e, u);
	} else {
		qp_token(e, (const char *)&u, 1);
	}
}

/* May it stand for itself, unless a line ends behind it? */
static bool plain(uint8_t u)
{
	return printable(u) && u != '=';
}

static size_t plain_run(struct slice s)
{
	const vec low = vec_all(0x20), high = vec_all(0x7e), equals = vec_all('=');
	size_t n = 0;

	for (; n + VEC_LEN <= s.len; n += VEC_LEN) {
		vec v = vec_load(s.ptr + n);
		size_t run = vec_zeros((vec)((v < low) | (v > high) | (v == equals)));

		if (run < VEC_LEN)
			return n + run;
	}
	while (n < s.len && plain((uint8_t)s.ptr[n]))
		n++;
	return n;
}

/* Few octets, of which there may be more to read behind them, and room for more: a copy of known
 * length is several times as fast as one of any. */
static char *copy_few(char *to, struct slice s, size_t n)
{
	if (s.len >= QP_LINE)
		memcpy(to, s.ptr, QP_LINE);
	else
		memcpy(to, s.ptr, n);
	return to + n;
}

/* The first `n` octets of `s`: plain characters that no line end follows. */
static void qp_plain(struct encoder *e, struct slice s, size_t n)
{
	while (n > 0) {
		char *room = outlet_room(e->out, 3 + QP_LINE), *to = room;
		size_t piece;

		if (e->column >= QP_LINE - 1) {
			memcpy(to, "=\r\n", 3);
			to += 3;
			e->column = 0;
		}
		piece = QP_LINE - 1 - e->column;
		if (piece > n)
			piece = n;
		to = copy_few(to, s, piece);
		e->column += piece;
		outlet_took(e->out, (size_t)(to - room));
		s = slice_from(s, piece);
		n -= piece;
	}
}

/* Whole lines and parts of lines, as far as they need no thought: returns the octets taken. A blank
 * behind them is left for qp_octet(). */
static size_t qp_run(struct encoder *e, struct slice s)
{
	size_t run = plain_run(s);

	if (run > 0 && s.ptr[run - 1] == ' ')
		run--;
	if (run > 0) {
		qp_release(e);
		qp_plain(e, s, run);
	}
	if (e->n_carry == 0 && at_line_end(slice_from(s, run))) {
		outlet_add(e->out, "\r\n", 2);
		e->column = 0;
		run += 2;
	}
	return run;
}

static void qp_encode(struct encoder *e, struct slice s)
{
	while (s.len > 0) {
		size_t run = qp_run(e, s);

		if (run == 0) {
			qp_octet(e, (uint8_t)s.ptr[0]);
			run = 1;
		}
		s = slice_from(s, run);
	}
}

/* ---- */

void encoder_init(struct encoder *e, enum encoding kind, struct outlet *out)
{
	e->out = out;
	e->kind = kind;
	e->column = 0;
	e->n_carry = 0;
	e->line_due = false;
}

void encoder_add(struct encoder *e, struct slice s)
{
	if (e->kind == ENCODING_7BIT)
		outlet_add_slice(e->out, s);
	else if (e->kind == ENCODING_QP)
		qp_encode(e, s);
	else
		base64_encode(e, s);
}

void encoder_end(struct encoder *e)
{
	if (e->n_carry == 0)
		return;
	if (e->kind == ENCODING_BASE64)
		base64_line(e, e->carry, e->n_carry);
	else if (e->kind == ENCODING_QP)
		qp_escape(e, e->carry[0]);
	e->n_carry = 0;
}

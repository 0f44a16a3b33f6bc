/*
 * UTF-16 and code pages to UTF-8 (texts.h).
 */
#include "pst/texts.h"

#include "base/text.h"
#include "base/vec.h"
#include "pst/bytes.h"

static char *put(char *to, uint32_t c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

static bool high(uint32_t c)
{
	return c >= 0xd800 && c < 0xdc00;
}

static bool low(uint32_t c)
{
	return c >= 0xdc00 && c < 0xe000;
}

typedef uint16_t units8 __attribute__((vector_size(VEC_LEN)));

/* Eight units as octets, where each is an ASCII character other than NUL. */
static bool narrow(const char *from, char *to)
{
	union {
		vec octets;
		units8 units;
	} v = { .octets = vec_load(from) };
	uint8_t __attribute__((vector_size(8))) eight;

	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ || vec_any((vec)((v.units - 1) >= 0x7f)))
		return false;
	eight = __builtin_convertvector(v.units, __typeof__(eight));
	memcpy(to, &eight, sizeof(eight));
	return true;
}

/* Most text is ASCII: returns how many units were converted, at once and with little thought. */
static size_t narrow_run(const char *from, size_t units, char *to)
{
	size_t n = 0;

	while (n + 8 <= units && narrow(from + 2 * n, to + n))
		n += 8;
	return n;
}

void utf16_to_utf8(struct slice in, bool last, struct buf *out, size_t *used, uint32_t *degraded)
{
	size_t units = in.len / 2, i = 0;
	char *to = buf_room(out, units * 3 + 1), *start = to;

	*used = in.len;
	if (!to)
		return;
	while (i < units) {
		size_t run = narrow_run(in.ptr + 2 * i, units - i, to);
		uint32_t c;

		i += run;
		to += run;
		if (i == units)
			break;
		c = get16(in.ptr + 2 * i);
		if (c == 0)
			break;
		if (high(c) && i + 1 == units && !last)
			break;
		i++;
		if (high(c) && i < units && low(get16(in.ptr + 2 * i))) {
			c = 0x10000 + ((c - 0xd800) << 10) + (get16(in.ptr + 2 * i) - 0xdc00);
			i++;
		} else if (high(c) || low(c)) {
			c = 0xfffd;
			*degraded |= MAPI_DEGRADED_SURROGATE;
		}
		to = put(to, c);
	}
	out->len += (size_t)(to - start);
	if (!last)
		*used = 2 * i;
}

const char *text_unmarked(const char *subject)
{
	uint32_t c;
	size_t len;

	if (!subject || subject[0] != '\1')
		return subject;
	len = subject[1] ? utf8_decode(slice_str(subject + 1), &c) : 0;
	return subject + 1 + (len ? len : subject[1] != '\0');
}

/* ---- streams ---- */

void text_stream_open(struct text_stream *s, struct texts *texts, struct ndb *n, uint64_t bid,
		      bool utf16, int cp)
{
	*s = (struct text_stream){ .texts = texts, .utf16 = utf16, .cp = cp };
	tree_init(&s->tree, n, bid);
	buf_init(&s->ready, TEXT_PIECE * 4);
}

void text_stream_release(struct text_stream *s)
{
	buf_release(&s->ready);
}

void text_stream_feed(struct text_stream *s, struct slice bytes)
{
	s->fed = bytes;
}

static bool has_nul_unit(const char *units)
{
	union {
		vec octets;
		units8 units;
	} v = { .octets = vec_load(units) };

	return vec_any((vec)(v.units == 0));
}

/* The part of `in` before a NUL. Whatever follows the NULs at the end of a body was never shown to
 * anybody; that it is there is said. */
static struct slice before_nul(struct slice in, bool utf16, bool *ended, uint32_t *degraded)
{
	size_t width = utf16 ? 2 : 1, n = 0;

	if (!utf16) {
		const char *nul = in.len ? memchr(in.ptr, '\0', in.len) : NULL;

		n = nul ? (size_t)(nul - in.ptr) : in.len;
	}
	while (utf16 && n + VEC_LEN <= in.len && !has_nul_unit(in.ptr + n))
		n += VEC_LEN;
	while (n + width <= in.len && (in.ptr[n] || (utf16 && in.ptr[n + 1])))
		n += width;
	if (n + width > in.len)
		return in;
	*ended = true;
	for (size_t i = n; i < in.len; i++)
		if (in.ptr[i])
			*degraded |= MAPI_DEGRADED_BLOCK;
	return slice_head(in, n);
}

/* A block is bad: take what comes before it, and end there. */
static int read_before_damage(struct text_stream *s, struct slice *piece, struct err *err)
{
	struct buf *scratch = &s->texts->scratch;
	uint64_t good;
	size_t got;

	s->degraded |= MAPI_DEGRADED_BLOCK;
	*piece = slice_of("", 0);
	if (tree_readable(&s->tree, true, &good) || good <= s->in || good - s->in > TEXT_PIECE)
		return 0;
	if (tree_read(&s->tree, s->in, scratch->ptr, (size_t)(good - s->in), &got, err) < 0)
		return -1;
	*piece = slice_of(scratch->ptr, got);
	return 0;
}

/* The next source bytes, up to TEXT_PIECE, and whether they are the last. */
static int next_piece(struct text_stream *s, struct slice *piece, bool *last, struct err *err)
{
	struct buf *scratch = &s->texts->scratch;
	size_t got;

	*piece = slice_from(s->fed, s->in < s->fed.len ? (size_t)s->in : s->fed.len);
	*last = true;
	if (s->tree.bid == 0)
		return 0;
	buf_reset(scratch);
	if (!buf_room(scratch, TEXT_PIECE))
		return buf_ok(scratch, "text", err);
	if (tree_read(&s->tree, s->in, scratch->ptr, TEXT_PIECE, &got, err) < 0)
		return read_before_damage(s, piece, err);
	*piece = slice_of(scratch->ptr, got);
	*last = got < TEXT_PIECE;
	return 0;
}

/* Convert the next piece; s->ready becomes it. */
static int fill(struct text_stream *s, struct err *err)
{
	struct slice piece;
	size_t used;
	bool last;

	if (next_piece(s, &piece, &last, err) < 0)
		return -1;
	piece = before_nul(piece, s->utf16, &last, &s->degraded);
	s->out += s->ready.len;
	buf_reset(&s->ready);
	if (s->utf16)
		utf16_to_utf8(piece, last, &s->ready, &used, &s->degraded);
	else if (codepage_convert(s->texts->codepages, s->cp, s->in == 0, last, piece, &s->ready,
				  &used))
		s->degraded |= MAPI_DEGRADED_CHARSET;
	s->in += used;
	s->ended = last || used == 0;
	return buf_ok(&s->ready, "text", err);
}

static void rewind_stream(struct text_stream *s)
{
	s->in = s->out = 0;
	s->ended = false;
	buf_reset(&s->ready);
}

int text_stream_read(struct text_stream *s, uint64_t off, void *to, size_t want, size_t *got,
		     struct err *err)
{
	size_t done = 0;

	if (off < s->out)
		rewind_stream(s);
	while (done < want) {
		uint64_t at = off + done - s->out;
		struct slice have;

		if (at >= s->ready.len) {
			if (s->ended)
				break;
			if (fill(s, err) < 0)
				return -1;
			continue;
		}
		have = slice_head(slice_from(buf_slice(&s->ready), (size_t)at), want - done);
		memcpy((char *)to + done, have.ptr, have.len);
		done += have.len;
	}
	*got = done;
	return 0;
}

int text_stream_len(struct text_stream *s, uint64_t *len, struct err *err)
{
	int got = 0;

	rewind_stream(s);
	while (!s->ended && got == 0)
		got = fill(s, err);
	*len = s->out + s->ready.len;
	return got;
}

/*
 * The header scanner. See header.h.
 */
#include "message/header.h"

#include <iconv.h>
#include <string.h>

#include "base/text.h"

#define CHARSET_MAX	 40   /* longer charset names are none */
#define ENCODED_WORD_MAX 1000 /* RFC 2047 says 75; real mail has longer ones */

/* Length of the line at `p`, its line end included. */
static size_t line_len(const char *p, size_t left)
{
	const char *lf = memchr(p, '\n', left);

	return lf ? (size_t)(lf - p) + 1 : left;
}

static bool empty_line(const char *p, size_t left)
{
	return left > 0 && (p[0] == '\n' || (p[0] == '\r' && left > 1 && p[1] == '\n'));
}

/* Split "Name : value" into its halves; a line without a proper name keeps an empty one. */
static void split_field(struct header_field *f)
{
	struct slice whole = f->whole;
	size_t name = 0, colon;

	if (whole.len > 0 && whole.ptr[whole.len - 1] == '\n')
		whole.len--;
	if (whole.len > 0 && whole.ptr[whole.len - 1] == '\r')
		whole.len--;
	while (name < whole.len && whole.ptr[name] > 32 && whole.ptr[name] != ':' &&
	       whole.ptr[name] < 127)
		name++;
	colon = name;
	while (colon < whole.len && (whole.ptr[colon] == ' ' || whole.ptr[colon] == '\t' ||
				     whole.ptr[colon] == '\0')) /* as Dovecot reads it */
		colon++;
	if (name == 0 || colon == whole.len || whole.ptr[colon] != ':') {
		f->name = slice_head(whole, 0);
		f->value = whole;
		return;
	}
	f->name = slice_head(whole, name);
	f->value = slice_from(whole, colon + 1);
}

int header_next(struct slice *rest, struct header_field *out)
{
	size_t len;

	if (rest->len == 0)
		return 0;
	if (empty_line(rest->ptr, rest->len)) {
		*rest = slice_from(*rest, rest->ptr[0] == '\r' ? 2 : 1);
		return 0;
	}
	len = line_len(rest->ptr, rest->len);
	while (len < rest->len && (rest->ptr[len] == ' ' || rest->ptr[len] == '\t'))
		len += line_len(rest->ptr + len, rest->len - len);
	out->whole = slice_head(*rest, len);
	*rest = slice_from(*rest, len);
	split_field(out);
	return 1;
}

bool header_looks_like_field(struct slice line)
{
	struct header_field f = { .whole = line };

	split_field(&f);
	return f.name.len > 0;
}

bool header_find(struct slice block, const char *name, struct header_field *out)
{
	struct slice wanted = slice_str(name);

	while (header_next(&block, out) > 0)
		if (slice_ieq(out->name, wanted))
			return true;
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void header_unfold(struct buf *out, struct slice value)
{
	char *room = buf_room(out, value.len), *p = room;
	bool gap = false;

	if (!room)
		return;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];

		if (is_blank(c)) {
			gap = p > room;
			continue;
		}
		if (gap)
			*p++ = ' ';
		gap = false;
		*p++ = c;
	}
	out->len += (size_t)(p - room);
}

struct slice header_message_id(struct buf *scratch, struct slice value)
{
	ptrdiff_t open = slice_find(value, '<');
	ptrdiff_t close = open < 0 ? -1 : slice_find(slice_from(value, (size_t)open), '>');
	struct slice id = slice_trim(value);

	if (close > 0)
		id = slice_head(slice_from(value, (size_t)open), (size_t)close + 1);
	buf_reset(scratch);
	for (size_t i = 0; i < id.len; i++)
		if (!is_blank(id.ptr[i]))
			buf_addc(scratch, id.ptr[i]);
	return buf_slice(scratch);
}

/* ---- RFC 2047 ---- */

/* Convert to UTF-8 and append. False (nothing appended) if the charset is unknown. */
static bool add_converted(struct buf *out, struct slice bytes, const char *charset)
{
	char chunk[512];
	char *in = (char *)(uintptr_t)bytes.ptr; /* iconv(3) does not write to it */
	size_t in_left = bytes.len;
	iconv_t cd = iconv_open("UTF-8", charset);

	if (cd == (iconv_t)-1)
		return false;
	while (in_left > 0) {
		char *to = chunk;
		size_t room = sizeof(chunk), before = in_left;
		size_t got = iconv(cd, &in, &in_left, &to, &room);

		buf_add(out, chunk, sizeof(chunk) - room);
		if (got == (size_t)-1 && in_left == before && room == sizeof(chunk)) {
			buf_adds(out, "\xef\xbf\xbd"); /* a byte that is none of this charset */
			in++;
			in_left--;
		}
	}
	iconv_close(cd);
	return true;
}

static void add_8bit(struct buf *out, struct slice bytes)
{
	if (utf8_valid(bytes) || !add_converted(out, bytes, "WINDOWS-1252"))
		utf8_add_lossy(out, bytes);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode_q(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		int high = -1, low = -1;

		if (s.ptr[i] == '=' && i + 2 < s.len) {
			high = hex_digit(s.ptr[i + 1]);
			low = hex_digit(s.ptr[i + 2]);
		}
		if (high >= 0 && low >= 0) {
			buf_addc(out, (char)(high << 4 | low));
			i += 2;
		} else {
			buf_addc(out, s.ptr[i] == '_' ? ' ' : s.ptr[i]);
		}
	}
}

static void decode_b(struct buf *out, struct slice s)
{
	uint32_t bits = 0;
	int have = 0;

	for (size_t i = 0; i < s.len; i++) {
		int digit = base64_digit(s.ptr[i]);

		if (digit < 0)
			continue;
		bits = bits << 6 | (uint32_t)digit;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_addc(out, (char)(bits >> have & 0xff));
		}
	}
}

/* An encoded-word at the start of `s`? Then append it decoded and return its length, else 0. */
static size_t add_encoded_word(struct buf *out, struct slice s)
{
	struct buf raw = BUF_INIT(ENCODED_WORD_MAX);
	struct slice rest = slice_from(s, 2), charset, encoding, text;
	char name[CHARSET_MAX + 1];
	ptrdiff_t end;
	bool known;

	charset = slice_cut(&rest, '?');
	encoding = slice_cut(&rest, '?');
	end = slice_ifind(slice_head(rest, ENCODED_WORD_MAX), SLICE_LIT("?="));
	if (end < 0 || encoding.len != 1 || charset.len == 0 || charset.len > CHARSET_MAX)
		return 0;
	text = slice_head(rest, (size_t)end);
	charset = slice_cut(&charset, '*'); /* RFC 2231 language suffix */
	memcpy(name, charset.ptr, charset.len);
	name[charset.len] = '\0';
	if ((encoding.ptr[0] | 32) == 'q')
		decode_q(&raw, text);
	else if ((encoding.ptr[0] | 32) == 'b')
		decode_b(&raw, text);
	else
		return 0;
	if (slice_ieq(charset, SLICE_LIT("utf-8")) || slice_ieq(charset, SLICE_LIT("us-ascii"))) {
		utf8_add_lossy(out, buf_slice(&raw));
		known = true;
	} else {
		known = add_converted(out, buf_slice(&raw), name);
	}
	buf_release(&raw);
	return known ? (size_t)(text.ptr + text.len + 2 - s.ptr) : 0;
}

/* A value on one line, appended with its encoded-words and 8-bit octets decoded. */
static void decode_flat(struct buf *out, struct slice s)
{
	bool after_word = false;

	while (s.len > 0) {
		ptrdiff_t at = slice_ifind(s, SLICE_LIT("=?"));
		struct slice before = at < 0 ? s : slice_head(s, (size_t)at);
		size_t word;

		/* Blanks between two encoded-words are not shown (RFC 2047 6.2). */
		if (!after_word || at < 0 || slice_trim(before).len > 0)
			add_8bit(out, before);
		s = slice_from(s, before.len);
		if (s.len == 0)
			break;
		word = add_encoded_word(out, s);
		after_word = word > 0;
		if (word == 0) {
			buf_add(out, s.ptr, 2);
			word = 2;
		}
		s = slice_from(s, word);
	}
}

void header_decode(struct buf *out, struct slice value)
{
	CLEANUP(buf_release) struct buf coded = BUF_INIT(HEADER_BLOCK_MAX);
	size_t start = out->len;
	struct slice flat;

	header_unfold(out, value);
	if (out->failed)
		return;
	flat = slice_from(buf_slice(out), start);
	if (utf8_is_ascii(flat) && slice_ifind(flat, SLICE_LIT("=?")) < 0)
		return; /* most are plain */
	buf_add_slice(&coded, flat);
	out->len = start;
	decode_flat(out, buf_slice(&coded));
}

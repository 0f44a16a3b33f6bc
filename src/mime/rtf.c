/*
 * RTF tokens. See rtf.h. A control word is letters and a number; one blank behind
 * it belongs to it. \binN is followed by N octets that are no RTF.
 */
#include "mime/rtf.h"

#include <string.h>

#define NUMBER_MAX 1000000000

void rtf_scanner_start(struct rtf_scanner *s, struct reader *from)
{
	s->from = from;
	s->in = (struct slice){ NULL, 0 };
	s->back = -1;
}

static int get(struct rtf_scanner *s)
{
	int c = s->back;

	if (c >= 0) {
		s->back = -1;
		return c;
	}
	if (s->in.len == 0 && !s->from->next(s->from, &s->in)) {
		s->in.len = 0;
		return -1;
	}
	c = (unsigned char)s->in.ptr[0];
	s->in.ptr++;
	s->in.len--;
	return c;
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void scan_hex(struct rtf_scanner *s, struct rtf_token *out)
{
	int high = get(s), low = high < 0 ? -1 : get(s);
	int h = high < 0 ? -1 : hex_digit(high), l = low < 0 ? -1 : hex_digit(low);

	out->kind = RTF_OCTET;
	out->escaped = true;
	out->octet = h < 0 || l < 0 ? '?' : (uint8_t)(h << 4 | l);
}

/* The number behind a word; returns the octet that follows. */
static int scan_number(struct rtf_scanner *s, int c, struct rtf_token *out)
{
	bool minus = c == '-';
	int32_t n = 0;

	if (minus)
		c = get(s);
	for (; c >= '0' && c <= '9'; c = get(s)) {
		out->has_number = true;
		if (n < NUMBER_MAX / 10)
			n = n * 10 + (c - '0');
	}
	out->number = minus ? -n : n;
	return c;
}

static void scan_word(struct rtf_scanner *s, int c, struct rtf_token *out)
{
	size_t n = 0;

	out->kind = RTF_WORD;
	for (; is_letter(c); c = get(s))
		if (n < RTF_WORD_MAX)
			out->word[n++] = (char)c;
	out->word[n] = '\0';
	if (c == '-' || (c >= '0' && c <= '9'))
		c = scan_number(s, c, out);
	if (c != ' ')
		s->back = c;
	if (strcmp(out->word, "bin") == 0)
		for (int32_t i = 0; i < out->number && get(s) >= 0; i++)
			;
}

void rtf_scanner_next(struct rtf_scanner *s, struct rtf_token *out)
{
	int c = get(s);

	*out = (struct rtf_token){ .kind = RTF_END };
	while (c == '\r' || c == '\n' || c == '\0')
		c = get(s);
	if (c == '{' || c == '}') {
		out->kind = c == '{' ? RTF_OPEN : RTF_CLOSE;
	} else if (c != '\\') {
		out->kind = c < 0 ? RTF_END : RTF_OCTET;
		out->octet = (uint8_t)c;
	} else {
		c = get(s);
		if (is_letter(c)) {
			scan_word(s, c, out);
		} else if (c == '\'') {
			scan_hex(s, out);
		} else if (c >= 0) {
			out->kind = RTF_SYMBOL;
			out->octet = (uint8_t)c;
		}
	}
}

/* ---- what kind it is ---- */

#define KIND_TOKENS 60 /* MS-OXRTFEX 2.1.1 says ten; some write more before it */

enum rtf_kind rtf_kind(struct rtf_reader *r, struct reader *blob)
{
	struct rtf_token t;

	rtf_scanner_start(&r->scanner, lzfu_reader_start(&r->lzfu, blob));
	rtf_scanner_next(&r->scanner, &t);
	if (t.kind != RTF_OPEN)
		return RTF_NONE;
	rtf_scanner_next(&r->scanner, &t);
	if (t.kind != RTF_WORD || strcmp(t.word, "rtf") != 0)
		return RTF_NONE;
	for (int i = 0; i < KIND_TOKENS && t.kind != RTF_END; i++) {
		rtf_scanner_next(&r->scanner, &t);
		if (t.kind == RTF_WORD && strcmp(t.word, "fromhtml") == 0)
			return RTF_HTML;
		if (t.kind == RTF_WORD && strcmp(t.word, "fromtext") == 0)
			return RTF_TEXT;
	}
	return RTF_NATIVE;
}

/*
 * Text as people see it: UTF-8 checks, widths, folding for comparison, and
 * escaping for terminals. Mail may hold anything; nothing of it reaches a
 * terminal or a report unescaped.
 */
#ifndef MAILHOIST_BASE_TEXT_H
#define MAILHOIST_BASE_TEXT_H

#include "base/arena.h"
#include "base/buf.h"

/* True if `s` is valid UTF-8 (no overlong forms, no surrogates, <= U+10FFFF). */
bool utf8_valid(struct slice s);

bool utf8_is_ascii(struct slice s);

/* Decode one character; returns its length in bytes, or 0 if the bytes are not valid UTF-8. */
size_t utf8_decode(struct slice s, uint32_t *out);

/* Append the UTF-8 form of a scalar value. */
void utf8_add(struct buf *b, uint32_t c);

/* Append `s` as valid UTF-8: invalid bytes become U+FFFD. */
void utf8_add_lossy(struct buf *b, struct slice s);

/* The value of a digit of base64 (RFC 4648 4): 0 to 63, or -1. Here, since it is asked for every
 * character of every attachment. */
static inline int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Controls, line separators and marks of direction: characters that could change how the rest of a
 * line is shown. */
bool text_steers(uint32_t c);

/* Append `s` for a terminal or text report: C0, DEL, C1, bidirectional controls and
 * invalid bytes become '?'; at most `max_width` columns (0: no limit), then "...". */
void text_add_safe(struct buf *b, struct slice s, size_t max_width);

/* Columns on a terminal (wcwidth of the current locale's UTF-8; invalid counts 1). */
size_t text_width(struct slice s);

/* Case-folded NFC copy for comparing folder names; NULL when out of memory. Invalid
 * UTF-8 is folded for ASCII only. */
char *text_fold(struct arena *a, struct slice s);
/* NFC copy, unchanged if not valid UTF-8. */
char *text_nfc(struct arena *a, struct slice s);

/* Write `n` to base 10 or 16 and return what is behind it: at most 20 octets, no NUL. */
char *text_put_number(char *at, uint64_t n, unsigned base);

/* "1.4 GB", "812 B": powers of 1000, one digit after the point from kB on. */
void text_add_size(struct buf *b, uint64_t bytes);

#endif

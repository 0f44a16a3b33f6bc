/*
 * Operations on runs of bytes that somebody else owns. See slice.h.
 */
#include "base/slice.h"

#include <string.h>

#include "base/vec.h"

struct slice slice_of(const void *ptr, size_t len)
{
	return (struct slice){ ptr, len };
}

struct slice slice_str(const char *text)
{
	return (struct slice){ text, text ? strlen(text) : 0 };
}

bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;

	return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

static bool ieq(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool slice_ieq(struct slice a, struct slice b)
{
	return a.len == b.len && ieq(a.ptr, b.ptr, a.len);
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && slice_eq(slice_head(s, prefix.len), prefix);
}

bool slice_istarts(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && ieq(s.ptr, prefix.ptr, prefix.len);
}

bool slice_ends(struct slice s, struct slice suffix)
{
	return s.len >= suffix.len && slice_eq(slice_from(s, s.len - suffix.len), suffix);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct slice slice_trim(struct slice s)
{
	while (s.len > 0 && blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct slice slice_from(struct slice s, size_t from)
{
	if (from >= s.len)
		return (struct slice){ s.ptr ? s.ptr + s.len : NULL, 0 };
	return (struct slice){ s.ptr + from, s.len - from };
}

struct slice slice_head(struct slice s, size_t len)
{
	if (s.len > len)
		s.len = len;
	return s;
}

ptrdiff_t slice_find(struct slice s, char byte)
{
	const char *p = s.len ? memchr(s.ptr, byte, s.len) : NULL;

	return p ? p - s.ptr : -1;
}

/* What a character and its other case have in common when this bit is set. */
static char case_bit(char c)
{
	return lower(c) >= 'a' && lower(c) <= 'z' ? 0x20 : 0;
}

/* The first place from `i` on where the first two characters of the needle may stand, or where too
 * few bytes are left to look at sixteen at once. */
static size_t skip_to_pair(struct slice s, size_t i, struct slice needle)
{
	const vec bit0 = vec_all(case_bit(needle.ptr[0])), bit1 = vec_all(case_bit(needle.ptr[1]));
	const vec want0 = vec_all(needle.ptr[0]) | bit0, want1 = vec_all(needle.ptr[1]) | bit1;

	for (; s.len - i > VEC_LEN; i += VEC_LEN)
		if (vec_any((vec)(((vec_load(s.ptr + i) | bit0) == want0) &
				  ((vec_load(s.ptr + i + 1) | bit1) == want1))))
			break;
	return i;
}

ptrdiff_t slice_ifind(struct slice s, struct slice needle)
{
	if (needle.len > s.len)
		return -1;
	if (needle.len == 0)
		return 0;
	for (size_t i = 0; i + needle.len <= s.len;) {
		size_t stop;

		if (needle.len > 1)
			i = skip_to_pair(s, i, needle);
		for (stop = i + VEC_LEN; i < stop && i + needle.len <= s.len; i++)
			if (ieq(s.ptr + i, needle.ptr, needle.len))
				return (ptrdiff_t)i;
	}
	return -1;
}

struct slice slice_cut(struct slice *rest, char byte)
{
	ptrdiff_t at = slice_find(*rest, byte);
	struct slice head = *rest;

	if (at < 0) {
		*rest = slice_from(*rest, rest->len);
		return head;
	}
	head.len = (size_t)at;
	*rest = slice_from(*rest, (size_t)at + 1);
	return head;
}

bool slice_line(struct slice *rest, struct slice *line)
{
	if (rest->len == 0)
		return false;
	*line = slice_cut(rest, '\n');
	if (line->len > 0 && line->ptr[line->len - 1] == '\r')
		line->len--;
	return true;
}

bool slice_u64(struct slice s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)((unsigned char)s.ptr[i] - '0');

		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool slice_hex64(struct slice s, uint64_t *out)
{
	uint64_t n = 0;

	if (s.len == 0 || s.len > 16)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		int digit = hex_digit(s.ptr[i]);

		if (digit < 0)
			return false;
		n = n << 4 | (uint64_t)digit;
	}
	*out = n;
	return true;
}

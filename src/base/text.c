/*
 * Text as people see it. See text.h. Folding and composing are libunistring's.
 */
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>
#include <wchar.h>

size_t utf8_decode(struct slice s, uint32_t *out)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len;
	uint32_t c;

	if (s.len == 0)
		return 0;
	if (p[0] < 0x80) {
		*out = p[0];
		return 1;
	}
	len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || s.len < len)
		return 0;
	c = p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*out = c;
	return len;
}

/* How many octets at the start are ASCII: whole words of them, then single ones. */
static size_t ascii_len(struct slice s)
{
	size_t n = 0;
	uint64_t word;

	for (; n + sizeof(word) <= s.len; n += sizeof(word)) {
		memcpy(&word, s.ptr + n, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	while (n < s.len && (unsigned char)s.ptr[n] < 0x80)
		n++;
	return n;
}

bool utf8_is_ascii(struct slice s)
{
	return ascii_len(s) == s.len;
}

bool utf8_valid(struct slice s)
{
	while ((s = slice_from(s, ascii_len(s))).len > 0) {
		uint32_t c;
		size_t n = utf8_decode(s, &c);

		if (n == 0)
			return false;
		s = slice_from(s, n);
	}
	return true;
}

void utf8_add(struct buf *b, uint32_t c)
{
	char out[4];
	size_t len;

	if (c < 0x80) {
		out[0] = (char)c;
		len = 1;
	} else if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		len = 2;
	} else if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		len = 3;
	} else {
		out[0] = (char)(0xf0 | c >> 18);
		out[1] = (char)(0x80 | (c >> 12 & 0x3f));
		out[2] = (char)(0x80 | (c >> 6 & 0x3f));
		out[3] = (char)(0x80 | (c & 0x3f));
		len = 4;
	}
	buf_add(b, out, len);
}

void utf8_add_lossy(struct buf *b, struct slice s)
{
	while (s.len > 0) {
		uint32_t c;
		size_t n = ascii_len(s);

		if (n == 0)
			n = utf8_decode(s, &c);
		if (n == 0) {
			buf_adds(b, "\xef\xbf\xbd");
			n = 1;
		} else {
			buf_add(b, s.ptr, n);
		}
		s = slice_from(s, n);
	}
}

bool text_steers(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static int columns(uint32_t c)
{
	int width = wcwidth((wchar_t)c);

	return width < 0 ? 1 : width;
}

void text_add_safe(struct buf *b, struct slice s, size_t max_width)
{
	size_t width = 0, mark = b->len;
	bool marked = false;

	while (s.len > 0) {
		uint32_t c;
		size_t n = utf8_decode(s, &c);
		bool bad = n == 0 || text_steers(c);
		size_t w = bad ? 1 : (size_t)columns(c);

		if (max_width && !marked && width + w + 3 > max_width) {
			mark = b->len; /* here the "..." would have to start */
			marked = true;
		}
		if (max_width && width + w > max_width) {
			b->len = mark;
			buf_adds(b, "...");
			return;
		}
		if (bad)
			buf_addc(b, '?');
		else
			buf_add(b, s.ptr, n);
		width += w;
		s = slice_from(s, n ? n : 1);
	}
}

size_t text_width(struct slice s)
{
	size_t width = 0;

	while (s.len > 0) {
		uint32_t c;
		size_t n = utf8_decode(s, &c);

		width += n ? (size_t)columns(c) : 1;
		s = slice_from(s, n ? n : 1);
	}
	return width;
}

static char *ascii_fold(struct arena *a, struct slice s)
{
	char *out = arena_slice(a, s);

	for (size_t i = 0; out && i < s.len; i++)
		if (out[i] >= 'A' && out[i] <= 'Z')
			out[i] = (char)(out[i] + 32);
	return out;
}

char *text_fold(struct arena *a, struct slice s)
{
	uint8_t *folded;
	size_t len = 0;
	char *out;

	if (!utf8_valid(s))
		return ascii_fold(a, s);
	if (s.len == 0)
		return arena_copy(a, "", 0);
	folded = u8_casefold((const uint8_t *)s.ptr, s.len, NULL, UNINORM_NFC, NULL, &len);
	if (!folded)
		return NULL;
	out = arena_copy(a, folded, len);
	free(folded);
	return out;
}

char *text_nfc(struct arena *a, struct slice s)
{
	uint8_t *composed;
	size_t len = 0;
	char *out;

	if (s.len == 0 || !utf8_valid(s))
		return arena_slice(a, s);
	composed = u8_normalize(UNINORM_NFC, (const uint8_t *)s.ptr, s.len, NULL, &len);
	if (!composed)
		return NULL;
	out = arena_copy(a, composed, len);
	free(composed);
	return out;
}

char *text_put_number(char *at, uint64_t n, unsigned base)
{
	static const char digits[] = "0123456789abcdef";
	char reversed[20];
	size_t len = 0;

	do
		reversed[len++] = digits[n % base];
	while ((n /= base) != 0);
	while (len > 0)
		*at++ = reversed[--len];
	return at;
}

void text_add_size(struct buf *b, uint64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double n = (double)bytes;
	size_t unit = 0;

	while (n >= 999.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		n /= 1000;
		unit++;
	}
	if (unit == 0)
		buf_addf(b, "%llu B", (unsigned long long)bytes);
	else
		buf_addf(b, "%.1f %s", n, units[unit]);
}

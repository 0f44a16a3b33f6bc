/*
 * The streaming JSON writer. See json.h.
 */
#include "base/json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define DEPTH_MAX 63 /* one bit each in has_member */

void json_init(struct json *j, struct buf *out)
{
	*j = (struct json){ .out = out };
}

static void begin_value(struct json *j)
{
	uint64_t bit = UINT64_C(1) << j->depth;

	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->depth > 0 && (j->has_member & bit))
		buf_addc(j->out, ',');
	j->has_member |= bit;
}

void json_open(struct json *j, char bracket)
{
	begin_value(j);
	buf_addc(j->out, bracket);
	assert(j->depth < DEPTH_MAX);
	j->depth++;
	j->has_member &= ~(UINT64_C(1) << j->depth);
}

void json_close(struct json *j, char bracket)
{
	assert(j->depth > 0);
	j->depth--;
	buf_addc(j->out, bracket);
}

/* Bytes that JSON wants escaped, or that may be part of broken UTF-8. */
static bool plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\' && c < 0x7f;
}

static void add_escaped(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
		buf_adds(b, "\\\"");
		return;
	case '\\':
		buf_adds(b, "\\\\");
		return;
	case '\n':
		buf_adds(b, "\\n");
		return;
	case '\r':
		buf_adds(b, "\\r");
		return;
	case '\t':
		buf_adds(b, "\\t");
		return;
	default:
		buf_addf(b, "\\u%04x", c);
	}
}

static void add_string(struct buf *b, struct slice s)
{
	buf_addc(b, '"');
	while (s.len > 0) {
		size_t n = 0;
		uint32_t c;

		while (n < s.len && plain((unsigned char)s.ptr[n]))
			n++;
		buf_add(b, s.ptr, n);
		s = slice_from(s, n);
		if (s.len == 0)
			break;
		if ((unsigned char)s.ptr[0] < 0x80) {
			add_escaped(b, (unsigned char)s.ptr[0]);
			s = slice_from(s, 1);
			continue;
		}
		n = utf8_decode(s, &c);
		if (n == 0) {
			buf_adds(b, "\xef\xbf\xbd");
			n = 1;
		} else if (text_steers(c)) { /* escaped, so that no terminal acts on them */
			buf_addf(b, "\\u%04x", (unsigned)c);
		} else {
			buf_add(b, s.ptr, n);
		}
		s = slice_from(s, n);
	}
	buf_addc(b, '"');
}

void json_key(struct json *j, const char *key)
{
	begin_value(j);
	add_string(j->out, slice_str(key));
	buf_addc(j->out, ':');
	j->after_key = true;
}

void json_string(struct json *j, struct slice s)
{
	begin_value(j);
	add_string(j->out, s);
}

void json_cstr(struct json *j, const char *text)
{
	if (text)
		json_string(j, slice_str(text));
	else
		json_null(j);
}

void json_u64(struct json *j, uint64_t n)
{
	begin_value(j);
	buf_addf(j->out, "%llu", (unsigned long long)n);
}

void json_i64(struct json *j, int64_t n)
{
	begin_value(j);
	buf_addf(j->out, "%lld", (long long)n);
}

void json_bool(struct json *j, bool b)
{
	begin_value(j);
	buf_adds(j->out, b ? "true" : "false");
}

void json_null(struct json *j)
{
	begin_value(j);
	buf_adds(j->out, "null");
}

void json_hex(struct json *j, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	begin_value(j);
	buf_addc(j->out, '"');
	for (size_t i = 0; i < len; i++) {
		char pair[2] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };

		buf_add(j->out, pair, 2);
	}
	buf_addc(j->out, '"');
}

void json_time(struct json *j, int64_t t)
{
	if (t == TIME_NONE) {
		json_null(j);
		return;
	}
	begin_value(j);
	buf_addc(j->out, '"');
	time_add_rfc3339(j->out, t);
	buf_addc(j->out, '"');
}

void json_put_open(struct json *j, const char *key, char bracket)
{
	json_key(j, key);
	json_open(j, bracket);
}

void json_put_text(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_cstr(j, text);
}

void json_put_number(struct json *j, const char *key, uint64_t n)
{
	json_key(j, key);
	json_u64(j, n);
}

void json_put_bool(struct json *j, const char *key, bool b)
{
	json_key(j, key);
	json_bool(j, b);
}

void json_put_time(struct json *j, const char *key, int64_t t)
{
	json_key(j, key);
	json_time(j, t);
}

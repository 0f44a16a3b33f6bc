/*
 * The pull reader for JSON. See json_read.h.
 */
#include "base/json_read.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

void json_reader_init(struct json_reader *r, struct slice text)
{
	memset(r, 0, sizeof(*r));
	buf_init(&r->text, JSON_READ_STRING_MAX);
	r->rest = text;
	if (slice_starts(text, SLICE_LIT("\xEF\xBB\xBF")))
		r->rest = slice_from(text, 3);
}

void json_reader_release(struct json_reader *r)
{
	buf_release(&r->text);
}

static void skip(struct json_reader *r, size_t len)
{
	r->rest = slice_from(r->rest, len);
	r->read += len;
}

static int bad(struct json_reader *r, const char *what, struct err *err)
{
	return err_set(err, ERR_FORMAT, SCOPE_FOLDER, RETRY_NEVER, "not JSON: %s at byte %zu", what,
		       r->read);
}

/* Commas and colons are skipped like blanks: what stands between them says all we need. */
static void skip_blanks(struct json_reader *r)
{
	size_t n = 0;

	while (n < r->rest.len && r->rest.ptr[n] && strchr(" \t\r\n,:", r->rest.ptr[n]))
		n++;
	skip(r, n);
}

static bool hex4(struct slice s, uint32_t *out)
{
	uint64_t n;

	if (s.len < 4 || !slice_hex64(slice_head(s, 4), &n))
		return false;
	*out = (uint32_t)n;
	return true;
}

/* The XXXX of a \u escape, and of a second one when the first is a high surrogate. Lone
 * surrogates become U+FFFD. Returns the bytes behind the 'u' that were used; 0: bad. */
static size_t unescape_u(struct buf *out, struct slice s)
{
	uint32_t c, low;

	if (!hex4(s, &c))
		return 0;
	if (c >= 0xD800 && c < 0xDC00 && slice_starts(slice_from(s, 4), SLICE_LIT("\\u")) &&
	    hex4(slice_from(s, 6), &low) && low >= 0xDC00 && low < 0xE000) {
		utf8_add(out, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
		return 10;
	}
	utf8_add(out, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
	return 4;
}

/* r->rest stands behind a backslash. */
static int read_escape(struct json_reader *r, struct err *err)
{
	static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	const char *found;
	size_t used;

	if (r->rest.len == 0)
		return bad(r, "string without end", err);
	if (*r->rest.ptr == 'u') {
		used = unescape_u(&r->text, slice_from(r->rest, 1));
		if (used == 0)
			return bad(r, "bad \\u escape", err);
		skip(r, used + 1);
		return 0;
	}
	found = *r->rest.ptr ? strchr(letters, *r->rest.ptr) : NULL;
	if (!found)
		return bad(r, "unknown escape", err);
	buf_addc(&r->text, bytes[found - letters]);
	skip(r, 1);
	return 0;
}

/* r->rest stands at the opening quote. */
static int read_string(struct json_reader *r, struct err *err)
{
	buf_reset(&r->text);
	skip(r, 1);
	for (;;) {
		size_t n = 0;

		while (n < r->rest.len && r->rest.ptr[n] != '"' && r->rest.ptr[n] != '\\')
			n++;
		buf_add(&r->text, r->rest.ptr, n);
		skip(r, n);
		if (r->rest.len == 0)
			return bad(r, "string without end", err);
		skip(r, 1);
		if (r->rest.ptr[-1] == '"')
			return buf_ok(&r->text, "JSON string", err);
		if (read_escape(r, err) != 0)
			return -1;
	}
}

static int open_container(struct json_reader *r, struct err *err)
{
	if (r->depth == JSON_READ_DEPTH_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_FOLDER, RETRY_NEVER,
			       "JSON nested deeper than %d", JSON_READ_DEPTH_MAX);
	r->open[r->depth++] = *r->rest.ptr;
	r->want_value = false;
	skip(r, 1);
	return 0;
}

static bool bare(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '-' || c == '+' || c == '.';
}

/* A number or a word. */
static int read_bare(struct json_reader *r, struct json_token *t, struct err *err)
{
	size_t n = 0;

	while (n < r->rest.len && bare(r->rest.ptr[n]))
		n++;
	if (n == 0 || n > JSON_READ_STRING_MAX)
		return bad(r, "unexpected character", err);
	t->text = slice_head(r->rest, n);
	t->kind = *t->text.ptr >= 'A' ? JSON_WORD : JSON_NUMBER;
	skip(r, n);
	return 0;
}

static int read_token(struct json_reader *r, struct json_token *t, struct err *err)
{
	bool key = r->depth > 0 && r->open[r->depth - 1] == '{' && !r->want_value;
	char c = *r->rest.ptr;

	if (c == '}' || c == ']') {
		if (r->depth == 0 || r->open[r->depth - 1] != (c == '}' ? '{' : '['))
			return bad(r, "bracket closed that was not open", err);
		t->depth = --r->depth;
		t->kind = JSON_CLOSE;
		r->want_value = false;
		skip(r, 1);
		return 0;
	}
	if (key && c != '"')
		return bad(r, "a name should stand here", err);
	if (c == '{' || c == '[') {
		t->kind = c == '{' ? JSON_OPEN_OBJECT : JSON_OPEN_ARRAY;
		return open_container(r, err);
	}
	r->want_value = key;
	if (c != '"')
		return read_bare(r, t, err);
	if (read_string(r, err) != 0)
		return -1;
	t->kind = key ? JSON_KEY : JSON_STRING;
	t->text = buf_slice(&r->text);
	return 0;
}

int json_reader_next(struct json_reader *r, struct json_token *out, struct err *err)
{
	struct json_token t = { .depth = r->depth };

	skip_blanks(r);
	if (r->rest.len == 0)
		return r->depth > 0 ? bad(r, "it ends too early", err) : 0;
	if (read_token(r, &t, err) != 0)
		return -1;
	*out = t;
	return 1;
}

/*
 * base/json_read.c: the pull reader for other programs' JSON.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "base/json_read.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* "{ key=a string=b }": the tokens one after the other. */
static int describe(struct slice text, struct buf *out, struct err *err)
{
	static const char *const names[] = { "{", "[", "end", "key", "string", "number", "word" };
	struct json_reader r;
	struct json_token t;
	int got;

	json_reader_init(&r, text);
	while ((got = json_reader_next(&r, &t, err)) > 0) {
		buf_addf(out, "%s%s", out->len ? " " : "", names[t.kind]);
		if (t.kind >= JSON_KEY)
			buf_addf(out, "=%.*s", (int)t.text.len, t.text.ptr);
	}
	json_reader_release(&r);
	return got;
}

Test(json_read, tokens)
{
	static const struct {
		const char *name, *in, *want; /* NULL: an error */
	} rows[] = {
		{ "nothing", "", "" },
		{ "BOM", "\xEF\xBB\xBF{}", "{ end" },
		{ "members", "{\"a\" : 1, \"b\":true}", "{ key=a number=1 key=b word=true end" },
		{ "nested", "{\"a\":{\"b\":[1,\"x\",null]}}",
		  "{ key=a { key=b [ number=1 string=x word=null end end end" },
		{ "escapes", "[\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"]",
		  "[ string=a\"\\/\b\f\n\r\tz end" },
		{ "unicode", "[\"\\u00fc\\u20AC\"]", "[ string=\xC3\xBC\xE2\x82\xAC end" },
		{ "surrogates", "[\"\\ud83d\\uDE00\"]", "[ string=\xF0\x9F\x98\x80 end" },
		{ "lone surrogate", "[\"\\ud83dx\"]", "[ string=\xEF\xBF\xBDx end" },
		{ "comma too many", "[1,,2,]", "[ number=1 number=2 end" },
		{ "number", "[-1.5e+3]", "[ number=-1.5e+3 end" },
		{ "string without end", "[\"abc", NULL },
		{ "escape without end", "[\"abc\\", NULL },
		{ "unknown escape", "[\"\\x41\"]", NULL },
		{ "short \\u", "[\"\\u12\"]", NULL },
		{ "ends too early", "{\"a\":", NULL },
		{ "wrong bracket", "[1}", NULL },
		{ "bracket that was not open", "]", NULL },
		{ "no name", "{1:2}", NULL },
		{ "not JSON", "<html>", NULL },
		{ "odd character", "[%]", NULL },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(buf_release) struct buf got = BUF_INIT(1000);
		struct err err = ERR_INIT;
		int status = describe(slice_str(rows[i].in), &got, &err);

		cr_expect_eq(status, rows[i].want ? 0 : -1, "%s: %d", rows[i].name, status);
		if (rows[i].want)
			cr_expect_str_eq(got.len ? buf_cstr(&got) : "", rows[i].want, "%s: %s",
					 rows[i].name, buf_cstr(&got));
		else
			cr_expect_eq(err.code, ERR_FORMAT, "%s", rows[i].name);
	}
}

/* The depth counts what is open around a token. */
Test(json_read, depth)
{
	struct slice text = SLICE_LIT("{\"a\":{\"b\":1}}");
	static const uint32_t want[] = { 0, 1, 1, 2, 2, 1, 0 };
	struct json_reader r;
	struct json_token t;
	struct err err = ERR_INIT;

	json_reader_init(&r, text);
	for (size_t i = 0; i < ROWS(want); i++) {
		cr_assert_eq(json_reader_next(&r, &t, &err), 1);
		cr_expect_eq(t.depth, want[i], "token %zu: %u", i, t.depth);
	}
	cr_expect_eq(json_reader_next(&r, &t, &err), 0);
	json_reader_release(&r);
}

/* Both sides of the limits. */
Test(json_read, limits)
{
	for (int over = 0; over <= 1; over++) {
		CLEANUP(buf_release) struct buf text = BUF_INIT(1 << 20);
		CLEANUP(buf_release) struct buf got = BUF_INIT(1 << 20);
		struct err err = ERR_INIT;

		for (int i = 0; i < JSON_READ_DEPTH_MAX + over; i++)
			buf_addc(&text, '[');
		for (int i = 0; i < JSON_READ_DEPTH_MAX + over; i++)
			buf_addc(&text, ']');
		cr_expect_eq(describe(buf_slice(&text), &got, &err), over ? -1 : 0);
		buf_reset(&text);
		buf_addc(&text, '"');
		memset(buf_room(&text, JSON_READ_STRING_MAX + 1), 'x', JSON_READ_STRING_MAX + 1);
		text.len += JSON_READ_STRING_MAX + (size_t)over;
		buf_addc(&text, '"');
		cr_expect_eq(describe(buf_slice(&text), &got, &err), over ? -1 : 0);
	}
}

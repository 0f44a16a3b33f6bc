/*
 * The ground everything stands on: errors, slices, buffers, arenas, text, dates,
 * the JSON writer. Limits are tested on both of their sides.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <locale.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/text.h"

Test(base, err_text_is_one_safe_line)
{
	struct err err = ERR_INIT;

	cr_expect_eq(err_set(&err, ERR_FORMAT, SCOPE_FOLDER, RETRY_LATER, "a\nb\x1b[31m\xc2\x9b"),
		     -1);
	cr_expect_str_eq(err.text, "a?b?[31m??");
	err_set(&err, ERR_FORMAT, SCOPE_FOLDER, RETRY_LATER,
		"a\xe2\x80\xae"
		"b\xff\xc3\xa4");
	cr_expect_str_eq(err.text, "a???b\xff\xc3\xa4");
	cr_expect_eq(err.scope, SCOPE_FOLDER);
	cr_expect_eq(err.retry, RETRY_LATER);
}

Test(base, err_prefix_and_errno)
{
	struct err err = ERR_INIT;

	err_sys(&err, ERR_NOINPUT, SCOPE_RUN, ENOENT, "cannot open '%s'", "x");
	cr_expect_eq(err.sys_errno, ENOENT);
	err_prefix(&err, "source '%s'", "y");
	cr_expect_str_eq(err.text, "source 'y': cannot open 'x': No such file or directory");
	cr_expect_eq(err.code, ERR_NOINPUT);
}

/* A text that is too long is cut at a whole character. */
Test(base, err_cut)
{
	struct err err = ERR_INIT;
	char long_text[2 * ERR_TEXT_MAX + 1];

	for (size_t i = 0; i + 1 < sizeof(long_text); i += 2)
		memcpy(long_text + i, "\xc3\xa4", 2);
	long_text[sizeof(long_text) - 1] = '\0';
	err_set(&err, ERR_FORMAT, SCOPE_RUN, RETRY_NEVER, "%s", long_text);
	cr_expect(strlen(err.text) < ERR_TEXT_MAX);
	cr_expect(utf8_valid(slice_str(err.text)));
	err_set(&err, ERR_FORMAT, SCOPE_RUN, RETRY_NEVER, "x: %s", err.text); /* of itself */
	cr_expect(utf8_valid(slice_str(err.text)));
}

Test(base, slices)
{
	struct slice rest = SLICE_LIT("one\r\ntwo\n\nlast"), line;
	static const char *const want[] = { "one", "two", "", "last" };
	uint64_t n = 0;

	for (size_t i = 0; i < 4; i++) {
		cr_assert(slice_line(&rest, &line));
		cr_expect(slice_eq(line, slice_str(want[i])), "%zu", i);
	}
	cr_expect_not(slice_line(&rest, &line));
	cr_expect(slice_eq(slice_trim(SLICE_LIT(" \t a b\r\n")), SLICE_LIT("a b")));
	cr_expect_eq(slice_ifind(SLICE_LIT("aXbC"), SLICE_LIT("xBc")), 1);
	cr_expect_eq(slice_ifind(SLICE_LIT("ab"), SLICE_LIT("abc")), -1);
	cr_expect(slice_u64(SLICE_LIT("18446744073709551615"), &n) && n == UINT64_MAX);
	cr_expect_not(slice_u64(SLICE_LIT("18446744073709551616"), &n));
	cr_expect_not(slice_u64(SLICE_LIT(""), &n));
	cr_expect_not(slice_u64(SLICE_LIT("1 "), &n));
	cr_expect(slice_hex64(SLICE_LIT("fFffFFffffffffff"), &n) && n == UINT64_MAX);
	cr_expect_not(slice_hex64(SLICE_LIT("10000000000000000"), &n));
}

/* Wherever it stands: the search looks at sixteen bytes at a time. */
Test(base, slice_ifind_everywhere)
{
	static const char *const needles[] = { "=?", "Z", "wItH [x", "@@" };
	char text[80];

	for (size_t n = 0; n < sizeof(needles) / sizeof(needles[0]); n++) {
		struct slice needle = slice_str(needles[n]);

		for (size_t len = needle.len; len < sizeof(text); len++) {
			for (size_t at = 0; at + needle.len <= len; at++) {
				memset(text, needle.ptr[0] ^ 0x20, sizeof(text));
				if (needle.ptr[0] == 'Z' || needle.ptr[0] == 'w')
					memset(text, '{', sizeof(text)); /* '[' with the case bit */
				memcpy(text + at, needle.ptr, needle.len);
				for (size_t i = at; i < at + needle.len; i++)
					if (text[i] >= 'a' && text[i] <= 'z')
						text[i] = (char)(text[i] ^ 0x20);
				cr_assert_eq(slice_ifind(slice_of(text, len), needle),
					     (ptrdiff_t)at, "'%s' at %zu of %zu", needles[n], at,
					     len);
				cr_assert_eq(
					slice_ifind(slice_of(text, at + needle.len - 1), needle),
					-1, "'%s' cut off at %zu", needles[n], at);
			}
		}
	}
}

Test(base, buffer_limit)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT(8);
	struct err err = ERR_INIT;

	buf_adds(&b, "12345678");
	cr_expect_str_eq(buf_cstr(&b), "12345678"); /* the NUL is not counted */
	cr_expect_eq(buf_ok(&b, "x", &err), 0);
	buf_addc(&b, '9');
	cr_expect_eq(buf_ok(&b, "x", &err), -1);
	cr_expect_eq(err.code, ERR_LIMIT);
	cr_expect_eq(b.len, 8); /* as it was */
	buf_reset(&b);
	buf_addf(&b, "%s", "12345678");
	cr_expect_eq(buf_ok(&b, "x", &err), 0);
	buf_consume(&b, 3);
	cr_expect_str_eq(buf_cstr(&b), "45678");
}

Test(base, arena)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(100000);
	char *first = arena_str(&a, "first");

	cr_expect_str_eq(first, "first");
	cr_expect_null(arena_alloc(&a, 100001));
	cr_expect_not_null(arena_alloc(&a, 90000));
	cr_expect_null(arena_alloc(&a, 90000));
	arena_reset(&a);
	cr_expect_not_null(arena_alloc(&a, 90000));
	cr_expect_str_eq(arena_printf(&a, "%d-%s", 1, "x"), "1-x");
}

Test(base, safe_text)
{
	static const struct {
		const char *in;
		size_t width;
		const char *want;
	} rows[] = {
		{ "plain", 0, "plain" },
		{ "\x1b]0;title\x07", 0, "?]0;title?" },
		{ "a\xe2\x80\xae"
		  "b",
		  0, "a?b" }, /* right-to-left override */
		{ "bad\xff", 0, "bad?" },
		{ "exactly ten", 11, "exactly ten" },
		{ "exactly eleven", 11, "exactly ..." },
		{ "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 5,
		  "\xe6\x97\xa5..." }, /* two columns each */
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(buf_release) struct buf out = BUF_INIT(100);

		text_add_safe(&out, slice_str(rows[i].in), rows[i].width);
		cr_expect_str_eq(buf_cstr(&out), rows[i].want, "row %zu", i);
	}
}

Test(base, folding)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(100000);

	cr_expect_str_eq(text_fold(&a, SLICE_LIT("ENTW\xc3\x9cRFE")), "entw\xc3\xbcrfe");
	cr_expect_str_eq(text_fold(&a, SLICE_LIT("Entwu\xcc\x88rfe")), "entw\xc3\xbcrfe");
	cr_expect_str_eq(text_fold(&a, SLICE_LIT("STRA\xc3\x9f"
						 "E")),
			 "strasse");
	cr_expect_str_eq(text_fold(&a, SLICE_LIT("A\xff")), "a\xff");
	cr_expect_str_eq(text_fold(&a, SLICE_LIT("")), "");
}

Test(base, utf8)
{
	static const struct {
		const char *in;
		bool want;
	} rows[] = {
		{ "\xc3\xa4", true },
		{ "\xf0\x9f\x98\x80", true },
		{ "\xc0\xaf", false },
		{ "\xe0\x80\xaf", false }, /* overlong */
		{ "\xed\xa0\x80", false }, /* surrogate */
		{ "\xf4\x90\x80\x80", false },
		{ "\xc3", false },
		{ "\x80", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(utf8_valid(slice_str(rows[i].in)), rows[i].want, "row %zu", i);
}

Test(base, sizes)
{
	static const struct {
		uint64_t n;
		const char *want;
	} rows[] = {
		{ 0, "0 B" },		{ 999, "999 B" },     { 1000, "1.0 kB" },
		{ 999949, "999.9 kB" }, { 999951, "1.0 MB" }, { 1400000000, "1.4 GB" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(buf_release) struct buf out = BUF_INIT(100);

		text_add_size(&out, rows[i].n);
		cr_expect_str_eq(buf_cstr(&out), rows[i].want);
	}
}

/* Every day of 800 years there and back, and a few known ones. */
Test(base, civil_dates)
{
	static const struct {
		int64_t t;
		const char *want;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00Z" },		{ -1, "1969-12-31T23:59:59Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },	{ 1000384205, "2001-09-13T12:30:05Z" },
		{ 4102444800, "2100-01-01T00:00:00Z" },
	};
	int weekday = civil_from_time(-12622780800 - 86400).weekday;

	for (int64_t t = -12622780800; t < 12622780800; t += 86400) {
		struct civil c = civil_from_time(t);

		cr_assert_eq(civil_to_time(&c), t);
		cr_assert(civil_valid(&c));
		cr_assert_eq(c.weekday, (weekday + 1) % 7);
		weekday = c.weekday;
	}
	cr_expect_eq(civil_from_time(0).weekday, 4);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(buf_release) struct buf out = BUF_INIT(100);

		time_add_rfc3339(&out, rows[i].t);
		cr_expect_str_eq(buf_cstr(&out), rows[i].want);
	}
}

Test(base, json)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(1000);
	const uint8_t bytes[] = { 0x00, 0xab };
	struct json j;

	json_init(&j, &out);
	json_open(&j, '{');
	json_key(&j, "list");
	json_open(&j, '[');
	json_u64(&j, 1);
	json_cstr(&j, NULL);
	json_bool(&j, true);
	json_close(&j, ']');
	json_key(&j, "text");
	json_string(&j, SLICE_LIT("\"\\\n\x01\x7f\xff\xc2\x85\xc3\xa4\xe2\x80\xae\xe2\x81\xa6"));
	json_key(&j, "hex");
	json_hex(&j, bytes, 2);
	json_key(&j, "time");
	json_time(&j, TIME_NONE);
	json_key(&j, "empty");
	json_open(&j, '{');
	json_close(&j, '}');
	json_key(&j, "n");
	json_i64(&j, -1);
	json_close(&j, '}');
	cr_expect_str_eq(buf_cstr(&out),
			 "{\"list\":[1,null,true],\"text\":\"\\\"\\\\\\n\\u0001\\u007f\xef\xbf\xbd"
			 "\\u0085\xc3\xa4\\u202e\\u2066\",\"hex\":\"00ab\",\"time\":null,\"empty\":"
			 "{},\"n\":-1}");
}

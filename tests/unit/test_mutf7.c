/*
 * message/mutf7.c: names both ways, and what is no modified UTF-7.
 */
#include <criterion/criterion.h>

#include "message/mutf7.h"

Test(mutf7, both_ways)
{
	static const struct {
		const char *name, *utf8, *wire;
	} rows[] = {
		{ "empty", "", "" },
		{ "ascii", "Sent Mail~!", "Sent Mail~!" },
		{ "ampersand", "A&B", "A&-B" },
		{ "two ampersands", "&&", "&-&-" },
		{ "one letter", "Entw\xC3\xBCrfe", "Entw&APw-rfe" },
		{ "two letters together", "\xC3\xA4\xC3\xB6", "&AOQA9g-" },
		{ "three letters, no bits left over", "\xC3\xA4\xC3\xB6\xC3\xBC", "&AOQA9gD8-" },
		{ "letter, ascii, letter", "\xC3\xA4x\xC3\xB6", "&AOQ-x&APY-" },
		{ "ampersand behind a run", "\xC3\xA4&", "&AOQ-&-" },
		{ "ampersand before a run", "&\xC3\xA4", "&-&AOQ-" },
		{ "RFC 3501: Peking and Tokyo",
		  "~peter/mail/\xE5\x8F\xB0\xE5\x8C\x97/"
		  "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E",
		  "~peter/mail/&U,BTFw-/&ZeVnLIqe-" },
		{ "comma for slash", "\xF0\x9F\x93\xA7", "&2D3c5w-" },
		{ "beyond the BMP among others", "a\xF0\x9F\x93\xA7\xC3\xA4z", "a&2D3c5wDk-z" },
		{ "last of Unicode", "\xF4\x8F\xBF\xBF", "&2,,f,w-" },
		{ "control character", "a\tb", "a&AAk-b" },
		{ "DEL", "\x7F", "&AH8-" },
		{ "minus behind a run", "\xC3\xA4-", "&AOQ--" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(buf_release) struct buf wire = BUF_INIT(1000);
		CLEANUP(buf_release) struct buf utf8 = BUF_INIT(1000);
		struct err err = ERR_INIT;

		buf_addc(&wire, '>');
		cr_expect_eq(mutf7_encode(&wire, slice_str(rows[i].utf8), &err), 0, "%s: %s",
			     rows[i].name, err.text);
		cr_expect_str_eq(buf_cstr(&wire) + 1, rows[i].wire, "%s", rows[i].name);

		buf_addc(&utf8, '>');
		cr_expect(mutf7_decode(&utf8, slice_str(rows[i].wire)), "%s", rows[i].name);
		cr_expect_str_eq(buf_cstr(&utf8) + 1, rows[i].utf8, "%s", rows[i].name);
	}
}

Test(mutf7, not_decoded)
{
	static const struct {
		const char *name, *wire;
	} rows[] = {
		{ "lone ampersand", "A&B" },
		{ "ampersand at the end", "A&" },
		{ "run without end", "&AOQ" },
		{ "raw UTF-8", "Entw\xC3\xBCrfe" },
		{ "raw latin1", "Entw\xFCrfe" },
		{ "raw control character", "a\tb" },
		{ "DEL", "\x7F" },
		{ "encoded ascii", "&AGE-" },
		{ "encoded ampersand", "&ACY-" },
		{ "encoded NUL", "&AAA-" },
		{ "runs that should be one", "&AOQ-&APY-" },
		{ "bits left over are not zero", "&AOR-" },
		{ "a digit too many", "&AOQA-" },
		{ "too short for a unit", "&AO-" },
		{ "a single digit", "&A-" },
		{ "padding", "&AOQ=-" },
		{ "slash of ordinary base64", "&2//f/w-" },
		{ "lone high surrogate", "&2D0-" },
		{ "high surrogate, letter", "&2D0A5A-" },
		{ "lone low surrogate", "&3Oc-" },
		{ "low before high", "&3OfYPQ-" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(buf_release) struct buf out = BUF_INIT(1000);

		buf_adds(&out, "kept");
		cr_expect_not(mutf7_decode(&out, slice_str(rows[i].wire)), "%s", rows[i].name);
		cr_expect_str_eq(buf_cstr(&out), "kept", "%s", rows[i].name);
	}
}

Test(mutf7, not_encoded)
{
	static const struct {
		const char *name;
		struct slice in;
	} rows[] = {
		{ "latin1", { "\xFC", 1 } },
		{ "cut off", { "a\xC3", 2 } },
		{ "surrogate", { "\xED\xA0\x80", 3 } },
		{ "overlong", { "\xC0\xAF", 2 } },
		{ "NUL", { "a\0b", 3 } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(buf_release) struct buf out = BUF_INIT(1000);
		struct err err = ERR_INIT;

		buf_adds(&out, "kept");
		cr_expect_eq(mutf7_encode(&out, rows[i].in, &err), -1, "%s", rows[i].name);
		cr_expect_eq(err.code, ERR_FORMAT, "%s", rows[i].name);
		cr_expect_str_eq(buf_cstr(&out), "kept", "%s", rows[i].name);
	}
}

Test(mutf7, limit)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(7);
	struct err err = ERR_INIT;

	cr_expect_eq(mutf7_encode(&out, slice_str("ab\xC3\xA4"), &err), 0);
	buf_reset(&out);
	cr_expect_eq(mutf7_encode(&out, slice_str("abc\xC3\xA4"), &err), -1);
	cr_expect_eq(err.code, ERR_LIMIT);
}

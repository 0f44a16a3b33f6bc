/*
 * The header scanner, RFC 2047, and the match keys.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "message/field_set.h"
#include "message/header.h"
#include "message/keys.h"

Test(header, fields)
{
	struct slice rest = SLICE_LIT("A: one\nB : two\r\n  folded\n: none\ngarbage\nC:\n\nbody");
	static const char *const want[][2] = {
		{ "A", " one" }, { "B", " two\r\n  folded" }, { "", ": none" }, { "", "garbage" },
		{ "C", "" },
	};
	struct header_field f;

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		cr_assert_eq(header_next(&rest, &f), 1);
		cr_expect(slice_eq(f.name, slice_str(want[i][0])), "name %zu", i);
		cr_expect(slice_eq(f.value, slice_str(want[i][1])), "value %zu", i);
	}
	cr_expect_eq(header_next(&rest, &f), 0);
	cr_expect(slice_eq(rest, SLICE_LIT("body")));
}

Test(header, decoding)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ " plain  text\r\n folded ", "plain text folded" },
		{ "=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?= Bonn", "Gr\u00fc\u00dfe aus Bonn" },
		{ "=?iso-8859-1?q?a=E4?= =?utf-8?b?w7w=?= x", "a\u00e4\u00fc x" },
		{ "=?utf-8*de?B?w6Q?=", "\u00e4" },
		{ "=?no-such-set?Q?x?=", "=?no-such-set?Q?x?=" },
		{ "=?broken", "=?broken" },
		{ "=?utf-8?Q?never ends", "=?utf-8?Q?never ends" },
		{ "raw \xc3\xa4", "raw \u00e4" },
		{ "latin \xe4", "latin \u00e4" },
		{ "=?utf-8?q?bad=FF?=", "bad\ufffd" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(buf_release) struct buf out = BUF_INIT(1000);

		header_decode(&out, slice_str(rows[i].in));
		cr_expect_str_eq(buf_cstr(&out), rows[i].want, "%s", rows[i].in);
	}
}

Test(header, message_ids)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ " <a@b>", "<a@b>" },
		{ " <a\r\n @b> (comment)", "<a@b>" },
		{ " bare@id ", "bare@id" },
		{ "<unclosed", "<unclosed" },
		{ "  ", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(buf_release) struct buf out = BUF_INIT(1000);
		struct slice id = header_message_id(&out, slice_str(rows[i].in));

		cr_expect(slice_eq(id, slice_str(rows[i].want)), "%s", rows[i].in);
	}
}

static struct match_keys keys_of(const char *header)
{
	struct match_keys k;
	struct err err = ERR_INIT;

	struct keyer *keyer = keyer_new(&err);

	cr_assert_eq(keyer_run(keyer, slice_str(header), &k, NULL, NULL, &err), 0);
	keyer_free(keyer);
	return k;
}

/* What servers do to a header on the way must not change its keys. */
Test(keys, same_message)
{
	struct match_keys a =
		keys_of("Message-ID: <1@x>\r\nFrom: A  <a@x>\r\nSubject: h\xc3\xa4\r\n"
			"To: b@x,\r\n\tc@x\r\nX-Other: 1\r\n\r\n");
	struct match_keys b = keys_of("to: b@x, c@x\nSubject: hXX\nFROM: A <a@x>\nReceived: x\n"
				      "Message-Id:\n <1@x>\n");

	cr_expect(a.has_id && b.has_id);
	cr_expect_arr_eq(a.id, b.id, KEY_LEN);
	cr_expect_arr_eq(a.ident, b.ident, KEY_LEN);
	cr_expect_arr_eq(a.fields, b.fields, KEY_LEN);
}

Test(keys, other_messages)
{
	struct match_keys a = keys_of("Message-ID: <1@x>\nFrom: a\nSubject: s\n");
	struct match_keys id = keys_of("Message-ID: <2@x>\nFrom: a\nSubject: s\n");
	struct match_keys to = keys_of("Message-ID: <1@x>\nFrom: a\nSubject: s\nTo: b\n");
	struct match_keys none = keys_of("From: a\nSubject: s\nMessage-ID: <>\n");

	cr_expect(memcmp(a.id, id.id, KEY_LEN) != 0);
	cr_expect_arr_eq(a.ident, id.ident, KEY_LEN);
	cr_expect_arr_eq(a.id, to.id, KEY_LEN);
	cr_expect(memcmp(a.fields, to.fields, KEY_LEN) != 0);
	cr_expect_not(none.has_id);
}

Test(keys, recipients)
{
	static const char *const headers[] = {
		"From: a\r\nTo: b@x,\r\n c@x\r\nCc: d@x\r\n",
		"CC: d@x\nto: b@x, c@x\nMessage-ID: <1@x>\n",
		"From: a\nTo: b@x, c@x\n",
		"Cc: b@x, c@x\nTo: d@x\n",
	};
	uint8_t hashes[4][KEY_LEN];
	struct err err = ERR_INIT;
	struct keyer *keyer = keyer_new(&err);

	for (size_t i = 0; i < 4; i++)
		cr_assert_eq(keyer_recipients(keyer, slice_str(headers[i]), hashes[i], &err), 0);
	cr_expect_arr_eq(hashes[0], hashes[1], KEY_LEN);
	cr_expect(memcmp(hashes[0], hashes[2], KEY_LEN) != 0, "no Cc");
	cr_expect(memcmp(hashes[0], hashes[3], KEY_LEN) != 0, "To and Cc exchanged");
	keyer_free(keyer);
}

Test(keys, essence)
{
	static const char a[] = "From: a\r\nX-Mailer: m\r\nSubject: s\r\n";
	static const char b[] =
		"Return-Path: <r>\nReceived: by y\n id 1\nFrom: a\nX-Spam-Flag: NO\n"
		"X-Mailer:  m\nSubject: s\nStatus: RO\n";
	static const char c[] = "From: a\nX-Mailer: other\nSubject: s\n";
	uint8_t ea[KEY_LEN], eb[KEY_LEN], ec[KEY_LEN];
	struct err err = ERR_INIT;
	struct keyer *keyer = keyer_new(&err);
	struct match_keys keys;

	cr_assert_eq(keyer_run(keyer, slice_str(a), &keys, ea, NULL, &err), 0);
	cr_assert_eq(keyer_run(keyer, slice_str(b), &keys, eb, NULL, &err), 0);
	cr_assert_eq(keyer_run(keyer, slice_str(c), &keys, ec, NULL, &err), 0);
	cr_expect_arr_eq(ea, eb, KEY_LEN);
	cr_expect(memcmp(ea, ec, KEY_LEN) != 0);
	keyer_free(keyer);
}

/* A server may order, fold and spell fields anew and add its own: then nothing of ours is missing.
 */
Test(header, fields_within)
{
	static const struct {
		const char *name, *ours, *theirs;
		bool want;
	} rows[] = {
		{ "the same", "From: a\r\nSubject: s\r\n\r\n", "From: a\r\nSubject: s\r\n\r\n",
		  true },
		{ "in another dress", "From: a b\r\nSUBJECT: s\r\n",
		  "X-New: 1\nsubject:s\nfrom:  a\n\tb\n", true },
		{ "ours came by another way", "Received: by x\nFrom: a\n", "From: a\n", true },
		{ "8-bit octets lost", "From: J\xf6rg\n", "From: JXrg\n", true },
		{ "no field at all", "what is this\n", "X-New: 1\nwhat is this\n", true },
		{ "another value", "From: a\nX-Mailer: m\n", "From: a\nX-Mailer: n\n", false },
		{ "one is missing", "From: a\nX-Mailer: m\n", "From: a\n", false },
		{ "twice here, once there", "To: a\nTo: a\n", "To: a\nTo: b\n", false },
		{ "the case of a value", "From: a\n", "From: A\n", false },
		{ "nothing to tell them by", "Received: by x\n\n", "Received: by x\n\n", false },
		{ "empty", "", "From: a\n", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = ERR_INIT;
		bool within = !rows[i].want;

		cr_assert_eq(field_set_within(slice_str(rows[i].ours), slice_str(rows[i].theirs),
					      &within, &err),
			     0);
		cr_expect_eq(within, rows[i].want, "%s", rows[i].name);
	}
}

/* More fields than anybody writes are not compared. */
Test(header, fields_within_limit)
{
	for (size_t n = FIELD_SET_MAX; n <= FIELD_SET_MAX + 1; n++) {
		CLEANUP(buf_release) struct buf header = BUF_INIT(1 << 20);
		struct err err = ERR_INIT;
		bool within;

		for (size_t i = 0; i < n; i++)
			buf_adds(&header, "X: y\n");
		cr_assert_eq(
			field_set_within(buf_slice(&header), buf_slice(&header), &within, &err), 0);
		cr_expect_eq(within, n == FIELD_SET_MAX, "%zu", n);
	}
}

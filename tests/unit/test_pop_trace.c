/*
 * message/pop.h: what the fetchers write on top, as they wrote it in an experiment.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "message/pop.h"

#define OWN "Received: from a by b; Mon, 1 Mar 2004 10:00:00 +0000\r\nFrom: a@x.example\r\n\r\n"
#define RP  "Return-Path: <a@x.example>\r\n"
#define GETMAIL                                                                                    \
	"Delivered-To: unknown\r\n"                                                                \
	"Received: from 127.0.0.1 (127.0.0.1:110) by localhost with POP3 getmail6\r\n"             \
	"  msgid:000000016b02ab04; 22 Nov 2026 08:43:24 -0000\r\n"
#define MPOP                                                                                       \
	"Received: from 127.0.0.1 (localhost [127.0.0.1])\r\n\tby vm (mpop-1.4.18) with POP3\r\n"  \
	"\tfor <joe>; Sun, 22 Nov 2026 08:43:03 +0000\r\n"
#define FETCHMAIL                                                                                  \
	"Received: from 127.0.0.1 [127.0.0.1]\r\n\tby vm with POP3 (fetchmail-6.4.37)\r\n"         \
	"\tfor <joe@localhost> (single-drop); Sun, 22 Nov 2026 08:43:25 +0000 (UTC)\r\n"

static const struct {
	const char *name, *header;
	bool fetched;
	const char *uidl;
	size_t lead, path;
} rows[] = {
	{ "nobody", RP OWN, false, "", 0, 0 },
	{ "nothing", "", false, "", 0, 0 },
	{ "getmail", RP GETMAIL OWN, true, "000000016b02ab04", sizeof(GETMAIL) - 1,
	  sizeof(RP) - 1 },
	{ "mpop", MPOP RP OWN, true, "", sizeof(MPOP) - 1, 0 },
	{ "fetchmail", RP FETCHMAIL OWN, true, "", sizeof(FETCHMAIL) - 1, sizeof(RP) - 1 },
	{ "with LF", "Received: x with POP3\n (mpop-1)\nA: b\n\n", true, "", 32, 0 },
	{ "getmail by IMAP", "Received: from a by b with IMAP4-SSL getmail6 msgid:7; x\r\n" OWN,
	  false, "", 0, 0 },
	{ "fetchmail by IMAP", "Received: from a by b with IMAP (fetchmail-6.4); x\r\n" OWN, false,
	  "", 0, 0 },
	{ "getmail with a recipient",
	  "Received: from a by b with POP3 getmail6 msgid:7-x for <a@b>; x\r\n", true, "7-x", 65,
	  0 },
	{ "getmail, a UIDL that is none", "Received: from a by b with POP3 getmail6 msgid:; x\r\n",
	  true, "", 52, 0 },
	{ "a fetcher further down", "From: a\r\nReceived: a with POP3 (mpop-1); x\r\n", false, "",
	  0, 0 },
	{ "too far down",
	  RP "Delivered-To: a\r\nDelivered-To: b\r\nDelivered-To: c\r\nReceived: with POP3; x\r\n",
	  false, "", 0, 0 },
};

Test(pop_trace, fetchers)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pop_trace t;

		pop_trace_read(slice_str(rows[i].header), &t);
		cr_expect(t.fetched == rows[i].fetched, "%s: fetched", rows[i].name);
		cr_expect(slice_eq(t.uidl, slice_str(rows[i].uidl)), "%s: '%.*s'", rows[i].name,
			  (int)t.uidl.len, t.uidl.ptr);
		cr_expect(t.lead_len == rows[i].lead, "%s: lead %d", rows[i].name, (int)t.lead_len);
		cr_expect(t.path_len == rows[i].path, "%s: path %d", rows[i].name, (int)t.path_len);
	}
}

Test(pop_trace, what_can_be_a_uidl)
{
	char longest[UIDL_MAX + 2];

	memset(longest, 'a', sizeof(longest));
	cr_expect(uidl_ok(slice_of(longest, UIDL_MAX)));
	cr_expect(!uidl_ok(slice_of(longest, UIDL_MAX + 1)));
	cr_expect(uidl_ok(SLICE_LIT("!~")));
	cr_expect(!uidl_ok(SLICE_LIT("")));
	cr_expect(!uidl_ok(SLICE_LIT("a b")));
	cr_expect(!uidl_ok(SLICE_LIT("\x7f")));
	cr_expect(!uidl_ok(SLICE_LIT("\xc3\xa4")));
}

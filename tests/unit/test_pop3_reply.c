/*
 * pop3/reply.h: lines of POP3 servers.
 */
#include <criterion/criterion.h>

#include "imap/sasl.h"
#include "pop3/reply.h"

Test(pop3_reply, replies)
{
	static const struct {
		const char *line;
		enum pop3_status status;
		const char *code, *text;
	} rows[] = {
		{ "+OK", POP3_OK, "", "" },
		{ "+OK 3 messages", POP3_OK, "", "3 messages" },
		{ "+ok", POP3_OK, "", "" },
		{ "+OK [x] y", POP3_OK, "", "[x] y" },
		{ "-ERR", POP3_ERR, "", "" },
		{ "-ERR no", POP3_ERR, "", "no" },
		{ "-ERR [IN-USE] locked", POP3_ERR, "IN-USE", "locked" },
		{ "-ERR [SYS/TEMP]", POP3_ERR, "SYS/TEMP", "" },
		{ "-ERR [half", POP3_ERR, "", "[half" },
		{ "-ERR []", POP3_ERR, "", "" },
		{ "+ cmVhbG0=", POP3_CONTINUE, "", "cmVhbG0=" },
		{ "+", POP3_CONTINUE, "", "" },
		{ "* OK IMAP4rev1", POP3_NONSENSE, "", "" },
		{ "220 smtp", POP3_NONSENSE, "", "" },
		{ "+OKAY", POP3_NONSENSE, "", "" },
		{ "", POP3_NONSENSE, "", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pop3_reply r = pop3_reply_read(slice_str(rows[i].line));

		cr_expect(r.status == rows[i].status, "'%s'", rows[i].line);
		cr_expect(slice_eq(r.code, slice_str(rows[i].code)), "'%s'", rows[i].line);
		cr_expect(slice_eq(r.text, slice_str(rows[i].text)), "'%s'", rows[i].line);
	}
}

Test(pop3_reply, listings)
{
	static const struct {
		const char *line;
		bool uidl, size;
		uint32_t number;
		const char *text;
		uint64_t octets;
	} rows[] = {
		{ "1 abc", true, false, 1, "abc", 0 },
		{ "4294967295 !~", true, false, UINT32_MAX, "!~", 0 },
		{ "4294967296 a", false, false, 0, "", 0 },
		{ "0 a", false, false, 0, "", 0 },
		{ "1 ", false, false, 1, "", 0 },
		{ "1", false, false, 1, "", 0 },
		{ "a b", false, false, 0, "", 0 },
		{ "1 a b", false, false, 1, "", 0 },
		{ "1 \x80", false, false, 1, "", 0 },
		{ "2 1234", true, true, 2, "1234", 1234 },
		{ "2 1234 more", false, true, 2, "", 1234 },
		{ "2 18446744073709551616", true, false, 2, "18446744073709551616", 0 },
		{ "", false, false, 0, "", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice line = slice_str(rows[i].line), uidl;
		uint32_t number;
		uint64_t octets;
		bool good = pop3_uidl_read(line, &number, &uidl);

		cr_expect(good == rows[i].uidl, "'%s'", rows[i].line);
		cr_expect(!good || (number == rows[i].number &&
				    slice_eq(uidl, slice_str(rows[i].text))),
			  "'%s'", rows[i].line);
		good = pop3_size_read(line, &number, &octets);
		cr_expect(good == rows[i].size, "'%s'", rows[i].line);
		cr_expect(!good || (number == rows[i].number && octets == rows[i].octets), "'%s'",
			  rows[i].line);
	}
}

Test(pop3_reply, capabilities)
{
	static const char *const lines[] = { "TOP",
					     "uidl",
					     "RESP-CODES",
					     "SASL PLAIN SCRAM-SHA-256 X-OWN",
					     "IMPLEMENTATION STLS",
					     "" };
	struct pop3_caps caps = { 0 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		pop3_caps_add(&caps, slice_str(lines[i]));
	cr_expect(caps.top && caps.uidl && !caps.stls && !caps.user);
	cr_expect(caps.auth == (SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_SCRAM_SHA_256)));
	pop3_caps_add(&caps, SLICE_LIT("STLS"));
	pop3_caps_add(&caps, SLICE_LIT("USER"));
	cr_expect(caps.stls && caps.user);
}

Test(pop3_reply, dots)
{
	static const struct {
		const char *line, *want; /* NULL: the end */
	} rows[] = { { ".", NULL }, { "..", "." }, { ".a", "a" }, { "a.", "a." }, { "", "" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice line = slice_str(rows[i].line);
		bool more = pop3_unstuff(&line);

		cr_expect(more == (rows[i].want != NULL), "'%s'", rows[i].line);
		cr_expect(!more || slice_eq(line, slice_str(rows[i].want)), "'%s'", rows[i].line);
	}
}

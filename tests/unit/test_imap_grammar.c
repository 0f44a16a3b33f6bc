/*
 * What the session reads and says, without a server: imap/response.h, imap/etpan.h,
 * imap/writer.h and the items of a FETCH.
 */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "imap/lexer.h"
#include "imap/sasl.h"
#include "imap/session_impl.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct response reading(const char *text)
{
	struct frame frame = { .kind = FRAME_RESPONSE, .bytes = slice_str(text) };
	struct response r;

	response_read(&frame, &r);
	return r;
}

Test(imap_grammar, responses)
{
	static const struct {
		const char *in;
		enum response_kind kind;
		enum status status;
		const char *tag, *code, *args, *text, *name;
	} rows[] = {
		{ "+", RESPONSE_CONTINUE, 0, "", "", "", "", "" },
		{ "+ go on", RESPONSE_CONTINUE, 0, "", "", "", "go on", "" },
		{ "+OK", RESPONSE_UNKNOWN, 0, "+OK", "", "", "", "" },
		{ "* OK", RESPONSE_STATUS, STATUS_OK, "*", "", "", "", "OK" },
		{ "* no [ALERT] x", RESPONSE_STATUS, STATUS_NO, "*", "ALERT", "", "x", "no" },
		{ "* OK [X (\"]\" a)] t", RESPONSE_STATUS, STATUS_OK, "*", "X", "(\"]\" a)", "t",
		  "OK" },
		{ "* BYE [open", RESPONSE_STATUS, STATUS_BYE, "*", "", "", "[open", "BYE" },
		{ "a OK [APPENDUID 1 2] done", RESPONSE_TAGGED, STATUS_OK, "a", "APPENDUID", "1 2",
		  "done", "" },
		{ "a BAD", RESPONSE_TAGGED, STATUS_BAD, "a", "", "", "", "" },
		{ "a PREAUTH x", RESPONSE_UNKNOWN, STATUS_PREAUTH, "a", "", "", "", "" },
		{ "a FOO x", RESPONSE_UNKNOWN, 0, "a", "", "", "", "" },
		{ "* 12 EXISTS", RESPONSE_DATA, 0, "*", "", "", "", "EXISTS" },
		{ "* LIST () \"/\" x", RESPONSE_DATA, 0, "*", "", "", "", "LIST" },
		{ "* 4294967296 EXISTS", RESPONSE_UNKNOWN, 0, "*", "", "", "", "4294967296" },
		{ "* 1x EXISTS", RESPONSE_UNKNOWN, 0, "*", "", "", "", "1x" },
		{ "", RESPONSE_UNKNOWN, 0, "", "", "", "", "" },
		{ "*", RESPONSE_DATA, 0, "*", "", "", "", "" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct response r = reading(rows[i].in);

		cr_expect(r.kind == rows[i].kind && r.status == rows[i].status, "%s", rows[i].in);
		cr_expect(slice_eq(r.tag, slice_str(rows[i].tag)), "%s: tag", rows[i].in);
		cr_expect(slice_eq(r.code, slice_str(rows[i].code)), "%s: code", rows[i].in);
		cr_expect(slice_eq(r.code_args, slice_str(rows[i].args)), "%s: args", rows[i].in);
		cr_expect(slice_eq(r.text, slice_str(rows[i].text)), "%s: text", rows[i].in);
		cr_expect(slice_eq(r.name, slice_str(rows[i].name)), "%s: name", rows[i].in);
	}
}

Test(imap_grammar, refusals)
{
	static const struct {
		const char *in;
		enum refusal want;
	} rows[] = {
		{ "a NO [TRYCREATE] Mailbox doesn't exist: x", REFUSAL_NO_FOLDER },
		{ "a NO [NONEXISTENT] x", REFUSAL_NO_FOLDER },
		{ "a NO [TOOBIG] Message size exceeds fixed limit", REFUSAL_TOO_BIG },
		{ "a NO [LIMIT] Mail size is larger than the maximum size allowed",
		  REFUSAL_TOO_BIG },
		{ "a NO Message size exceeds fixed maximum message size. Size: 5 KB, Max size: 4 "
		  "KB",
		  REFUSAL_TOO_BIG },
		{ "a NO [OVERQUOTA] Quota exceeded (mailbox for user is full)", REFUSAL_QUOTA },
		{ "a NO [ALERT] You exceeded your mail quota.", REFUSAL_QUOTA },
		{ "a NO Over quota", REFUSAL_QUOTA },
		{ "a NO [OVERQUOTA] Account exceeded command or bandwidth limits",
		  REFUSAL_THROTTLED },
		{ "a BAD Request is throttled. Suggested Backoff Time: 5 milliseconds",
		  REFUSAL_THROTTLED },
		{ "a NO [LIMIT] APPEND Rate limit hit.", REFUSAL_THROTTLED },
		{ "a NO [UNAVAILABLE] Temporary System Problem", REFUSAL_THROTTLED },
		{ "a NO [LIMIT] IMAP command sent too fast", REFUSAL_THROTTLED },
		{ "a NO [LIMIT] no", REFUSAL_THROTTLED },
		{ "a NO [INUSE] mailbox in use", REFUSAL_THROTTLED },
		{ "a NO [ALERT] Account exceeded command or bandwidth limits. (Failure)",
		  REFUSAL_THROTTLED },
		{ "* BYE Connection closed. 14", REFUSAL_THROTTLED },
		{ "* BYE Session expired, please login again", REFUSAL_THROTTLED },
		{ "* BYE [OVERQUOTA] Account exceeded command or bandwidth limits.",
		  REFUSAL_THROTTLED },
		{ "a NO [LIMIT] CAPABILITY Rate limit hit.", REFUSAL_THROTTLED },
		{ "a NO [LIMIT] Mail size", REFUSAL_TOO_BIG },
		{ "a NO [TOOBIG] Message too large (Failure)", REFUSAL_TOO_BIG },
		{ "a NO [OVERQUOTA] no", REFUSAL_QUOTA },
		{ "a NO You have exceeded your mail quota", REFUSAL_QUOTA },
		{ "a NO [UNKNOWN-CTE] cannot decode", REFUSAL_CONTENT },
		{ "a NO Zero-length message literal", REFUSAL_CONTENT },
		{ "a NO Can't save a zero byte message", REFUSAL_CONTENT },
		{ "a BAD Empty message not permitted.", REFUSAL_CONTENT },
		{ "a NO [READ-ONLY] no", REFUSAL_PERMISSION },
		{ "a NO [UNAVAILABLE] later", REFUSAL_SERVER },
		{ "a NO [ALERT] Too many simultaneous connections. (Failure)", REFUSAL_THROTTLED },
		{ "a NO [LIMIT] Maximum number of connections from user+IP exceeded",
		  REFUSAL_THROTTLED },
		{ "a NO Too many open connections (3 of 3 for alice)", REFUSAL_THROTTLED },
		{ "a NO Service busy", REFUSAL_THROTTLED },
		{ "a NO Your quota has been exceeded.", REFUSAL_QUOTA },
		{ "a NO Quota limit will be exceeded", REFUSAL_QUOTA },
		{ "a NO The storage limit has been exceeded", REFUSAL_QUOTA },
		{ "a NO Mailbox is full", REFUSAL_QUOTA },
		{ "a NO Blocks limit exceeded", REFUSAL_QUOTA },
		{ "a NO Maximum size of appendable message has been exceeded.", REFUSAL_TOO_BIG },
		{ "a NO maximum message size exceeded", REFUSAL_TOO_BIG },
		{ "* BYE Literal size too large", REFUSAL_TOO_BIG },
		{ "a BAD command line limit exceeded", REFUSAL_TOO_BIG },
		{ "a NO Message contains bare newlines", REFUSAL_CONTENT },
		{ "a NO Unable to parse message", REFUSAL_CONTENT },
		{ "a NO header limit reached", REFUSAL_CONTENT },
		{ "a NO The message contains a virus", REFUSAL_CONTENT },
		{ "a NO Unexpected exception (took 3548 ms)", REFUSAL_CONTENT },
		{ "a BAD Invalid system flag \\Foo", REFUSAL_FLAGS },
		{ "a NO Invalid flag", REFUSAL_FLAGS },
		{ "a BAD unknown systemflag", REFUSAL_FLAGS },
		{ "a BAD Unrecognized flag", REFUSAL_FLAGS },
		{ "a NO [CANNOT] Keyword length too long", REFUSAL_FLAGS },
		{ "a NO Mailbox was deleted under us", REFUSAL_SERVER },
		{ "* BYE Temporary problem, please try again later", REFUSAL_SERVER },
		{ "* BYE Server shutting down", REFUSAL_SERVER },
		{ "a NO Server Unavailable. 15", REFUSAL_SERVER },
		{ "a NO [ALERT] account undergoing maintenance", REFUSAL_SERVER },
		{ "a NO Message contains NUL characters", REFUSAL_CONTENT },
		{ "a NO Message contains invalid header", REFUSAL_CONTENT },
		{ "a BAD Command Argument Error. 11", REFUSAL_CONTENT },
		{ "a NO [CANNOT] Invalid characters in keyword", REFUSAL_FLAGS },
		{ "a NO Too many user flags in mailbox", REFUSAL_FLAGS },
		{ "a NO Permission denied", REFUSAL_PERMISSION },
		{ "a NO [NOPERM] no", REFUSAL_PERMISSION },
		{ "a NO [SERVERBUG] Internal error occurred", REFUSAL_SERVER },
		{ "a NO System I/O error", REFUSAL_SERVER },
		{ "a NO [ALERT] Cannot create message - no write permission or out of disk space.",
		  REFUSAL_SERVER },
		{ "a BAD Invalid arguments", REFUSAL_SYNTAX },
		{ "a NO APPEND failed", REFUSAL_OTHER },
		{ "a NO", REFUSAL_OTHER },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct response r = reading(rows[i].in);

		cr_expect(refusal_of(&r) == rows[i].want, "%s: %d", rows[i].in,
			  (int)refusal_of(&r));
	}
}

Test(imap_grammar, how_long_to_wait)
{
	static const struct {
		const char *words;
		uint32_t want;
	} rows[] = {
		{ "Request is throttled. Suggested Backoff Time: 89000 milliseconds", 89000 },
		{ "request is throttled. suggested backoff time: 5 milliseconds", 5 },
		{ "Suggested Backoff Time: 3000000 milliseconds", 3000000 },
		{ "Suggested Backoff Time: 7200000 milliseconds", 7200000 },
		{ "Suggested Backoff Time: 7200001 milliseconds", 7200000 },
		{ "Suggested Backoff Time: 99999999999999999999999 milliseconds", 7200000 },
		{ "Suggested Backoff Time: soon", 0 },
		{ "Suggested Backoff Time: ", 0 },
		{ "[LIMIT] Rate limit hit.", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		cr_expect(refusal_wait_ms(rows[i].words) == rows[i].want, "%s: %u", rows[i].words,
			  (unsigned)refusal_wait_ms(rows[i].words));
}

Test(imap_grammar, capabilities)
{
	struct capabilities c;

	capabilities_read(
		SLICE_LIT("IMAP4rev1 literal+ MULTIAPPEND APPENDLIMIT=35651584 AUTH=PLAIN "
			  "AUTH=FOO  auth=scram-sha-256 XLIST X-UNKNOWN BINARY"),
		&c);
	cr_expect(c.known && c.xlist && c.append_limit == 35651584);
	cr_expect(c.bits == (CAP_LITERAL_PLUS | CAP_MULTIAPPEND | CAP_APPENDLIMIT | CAP_BINARY));
	cr_expect(c.auth == (SASL_BIT(SASL_PLAIN) | SASL_BIT(SASL_SCRAM_SHA_256)));
	capabilities_read(SLICE_LIT("APPENDLIMIT"), &c);
	cr_expect(c.bits == CAP_APPENDLIMIT && c.append_limit == 0);
}

/* ---- LIST, STATUS: libetpan and our own reader must agree where both can read ---- */

Test(imap_grammar, list)
{
	static const struct {
		const char *in;
		bool ok;
		const char *name;
		char separator;
		uint32_t attributes;
		enum role role;
	} rows[] = {
		{ "() \"/\" INBOX", true, "INBOX", '/', 0, ROLE_NONE },
		{ "(\\Noselect) \"/\" \"a b\"", true, "a b", '/', ATTR_NOSELECT, ROLE_NONE },
		{ "(\\noinferiors \\Marked) NIL x", true, "x", 0, ATTR_NOINFERIORS, ROLE_NONE },
		{ "(\\HasNoChildren \\sent) \".\" INBOX.Sent", true, "INBOX.Sent", '.', 0,
		  ROLE_SENT },
		{ "(\\Trash \\Subscribed) \"\\\\\" x", true, "x", '\\', ATTR_SUBSCRIBED,
		  ROLE_TRASH },
		{ "() \"/\" {3}\r\na\"b", true, "a\"b", '/', 0, ROLE_NONE },
		{ "() \"/\" \"a\\\"\\\\b\"", true, "a\"\\b", '/', 0, ROLE_NONE },
		{ "() \"/\" 4294967296", true, "4294967296", '/', 0, ROLE_NONE },
		{ "() \"/\" a[4294967296", true, "a[4294967296", '/', 0, ROLE_NONE },
		{ "() \"\" INBOX", true, "INBOX", 0, 0, ROLE_NONE },
		{ "() \"/\" Sent Items", true, "Sent Items", '/', 0, ROLE_NONE },
		{ "() \"/\" x (\"CHILDINFO\" (\"SUBSCRIBED\"))", true, "x", '/', 0, ROLE_NONE },
		{ "(\\Noselect) \"/\" \"\"", true, "", '/', ATTR_NOSELECT, ROLE_NONE },
		{ "", false, "", 0, 0, 0 },
		{ "(", false, "", 0, 0, 0 },
		{ "()", false, "", 0, 0, 0 },
		{ "() \"/\"", false, "", 0, 0, 0 },
		{ "() \"/\" \"x", false, "", 0, 0, 0 },
		{ "() \"/\" {5}\r\nx", false, "", 0, 0, 0 },
		{ "(\\x \"/\" x", false, "", 0, 0, 0 },
	};
	CLEANUP(arena_release) struct arena arena = ARENA_INIT(1 << 20);
	struct etpan *e = etpan_new();

	for (size_t i = 0; i < ROWS(rows); i++) {
		for (int ours = 0; ours < 2; ours++) {
			struct response r = { .kind = RESPONSE_DATA,
					      .rest = slice_str(rows[i].in) };
			struct list_row row = { 0 };
			bool ok = ours ? tolerant_list(&r, &arena, &row)
				       : etpan_list(e, &r, &arena, &row);

			cr_expect(ok == rows[i].ok, "%s, ours %d", rows[i].in, ours);
			if (!ok || !rows[i].ok)
				continue;
			cr_expect(slice_eq(row.name, slice_str(rows[i].name)), "%s, ours %d: %s",
				  rows[i].in, ours, row.name.ptr);
			cr_expect(row.separator == rows[i].separator &&
					  row.attributes == rows[i].attributes &&
					  row.role == rows[i].role,
				  "%s, ours %d", rows[i].in, ours);
		}
	}
	etpan_free(e);
}

Test(imap_grammar, status)
{
	static const struct {
		const char *in;
		bool ok;
		struct folder_status want;
	} rows[] = {
		{ "x (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)", true, { 3, 2, 1, 0, 0 } },
		{ "\"a b\" (UIDVALIDITY 1700000000 MESSAGES 1 UNSEEN 4)",
		  true,
		  { 1700000000, 0, 1, 0, 0 } },
		{ "x (UIDVALIDITY 4294967295 HIGHESTMODSEQ 9223372036854775807)",
		  true,
		  { 4294967295, 0, 0, 9223372036854775807, 0 } },
		{ "x (MESSAGES 1 SIZE 99999999999 MAILBOXID (a-b) UIDNEXT 2)",
		  true,
		  { 0, 2, 1, 0, 0 } },
		{ "a[x (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3 HIGHESTMODSEQ 4)",
		  true,
		  { 3, 2, 1, 4, 0 } },
		{ "x ()", true, { 0, 0, 0, 0, 0 } },
		{ "x (MESSAGES 4294967297)", true, { 0, 0, 0, 0, 0 } },
		{ "a b (MESSAGES 2)", true, { 0, 0, 2, 0, 0 } },
		{ "x", false, { 0, 0, 0, 0, 0 } },
		{ "x (MESSAGES", false, { 0, 0, 0, 0, 0 } },
		{ "x (MESSAGES 1", false, { 0, 0, 0, 0, 0 } },
	};
	struct etpan *e = etpan_new();

	for (size_t i = 0; i < ROWS(rows); i++) {
		for (int ours = 0; ours < 2; ours++) {
			struct response r = { .kind = RESPONSE_DATA,
					      .rest = slice_str(rows[i].in) };
			struct folder_status st = { 0 };
			bool ok = ours ? tolerant_status(&r, &st) : etpan_status(e, &r, &st);

			cr_expect(ok == rows[i].ok, "%s, ours %d", rows[i].in, ours);
			cr_expect(st.uidvalidity == rows[i].want.uidvalidity &&
					  st.uidnext == rows[i].want.uidnext &&
					  st.messages == rows[i].want.messages &&
					  st.highestmodseq == rows[i].want.highestmodseq,
				  "%s, ours %d", rows[i].in, ours);
		}
	}
	etpan_free(e);
}

Test(imap_grammar, namespaces)
{
	static const struct {
		const char *in;
		bool ok;
		const char *prefix;
		char separator;
		size_t n_foreign;
		const char *foreign;
	} rows[] = {
		{ "((\"\" \"/\")) NIL NIL", true, "", '/', 0, "" },
		{ "((\"INBOX.\" \".\")) ((\"user.\" \".\")) ((\"\" \".\"))", true, "INBOX.", '.', 1,
		  "user." },
		{ "((\"INBOX.\" \".\")) NIL ((\"#shared.\" \".\")(\"shared.\" \".\"))", true,
		  "INBOX.", '.', 2, "#shared." },
		{ "((\"\" NIL)) NIL NIL", true, "", 0, 0, "" },
		{ "((\"\" \"/\" \"X-PARAM\" (\"A\" \"B\"))) NIL NIL", true, "", '/', 0, "" },
		{ "NIL NIL NIL", false, "", 0, 0, "" },
		{ "((\"\"", false, "", 0, 0, "" },
		{ "((\"\" \"/\")) ((\"x\"", false, "", 0, 0, "" },
		{ "", false, "", 0, 0, "" },
	};
	CLEANUP(arena_release) struct arena arena = ARENA_INIT(1 << 20);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct response r = { .kind = RESPONSE_DATA, .rest = slice_str(rows[i].in) };
		struct namespaces ns = { 0 };
		bool ok = namespace_read(&r, &arena, &ns);

		cr_expect(ok == rows[i].ok, "%s", rows[i].in);
		if (!ok || !rows[i].ok)
			continue;
		cr_expect(slice_eq(ns.prefix, slice_str(rows[i].prefix)) &&
				  ns.separator == rows[i].separator &&
				  ns.n_foreign == rows[i].n_foreign,
			  "%s", rows[i].in);
		if (rows[i].n_foreign)
			cr_expect(slice_eq(ns.foreign[0], slice_str(rows[i].foreign)), "%s",
				  rows[i].in);
	}
}

/* What would kill libetpan does not reach it, and what it cannot read costs the response alone. */
Test(imap_grammar, hostile)
{
	CLEANUP(buf_release) struct buf in = BUF_INIT(1 << 20);
	CLEANUP(arena_release) struct arena arena = ARENA_INIT(1 << 20);
	struct etpan *e = etpan_new();
	struct list_row row;
	struct folder_status st;
	struct namespaces ns;

	for (int what = 0; what < 4; what++) {
		struct response r = { .kind = RESPONSE_DATA };

		buf_reset(&in);
		for (int n = 0; n < 100000; n++)
			buf_adds(&in, what == 0	  ? "("
				      : what == 1 ? "((\""
				      : what == 2 ? "\""
						  : "(a ");
		r.rest = buf_slice(&in);
		cr_expect(!etpan_list(e, &r, &arena, &row), "%d", what);
		cr_expect(!etpan_status(e, &r, &st), "%d", what);
		cr_expect(!namespace_read(&r, &arena, &ns), "%d", what);
	}
	etpan_free(e);
}

/* ---- FETCH ---- */

Test(imap_grammar, nesting)
{
	for (int depth = NESTING_MAX - 1; depth <= NESTING_MAX + 1; depth++) {
		CLEANUP(buf_release) struct buf in = BUF_INIT(4096);
		struct lexer l;

		for (int i = 0; i < depth; i++)
			buf_addc(&in, '(');
		for (int i = 0; i < depth; i++)
			buf_addc(&in, ')');
		l = lexer_of(buf_slice(&in));
		cr_expect(lex_skip(&l) == (depth <= NESTING_MAX), "%d", depth);
	}
}

Test(imap_grammar, fetch_items)
{
	static const struct {
		const char *in;
		bool ok;
		uint32_t uid;
		uint64_t size;
		int64_t date;
		uint32_t flags;
		size_t n_keywords;
		const char *header;
	} rows[] = {
		{ "(UID 1 RFC822.SIZE 2 FLAGS (\\Seen a b A) INTERNALDATE \"01-Jan-1970 00:00:01 "
		  "+0000\" "
		  "BODY[HEADER.FIELDS (DATE)] {4}\r\nab\r\n)",
		  true, 1, 2, 1, FLAG_SEEN, 2, "ab\r\n" },
		{ "()", true, 0, 0, TIME_NONE, 0, 0, "" },
		{ "( UID  7 )", true, 7, 0, TIME_NONE, 0, 0, "" },
		{ "(uid 7 flags ())", true, 7, 0, TIME_NONE, 0, 0, "" },
		{ "(BODY[HEADER.FIELDS (\"A]\")] \"x\\\"y\")", true, 0, 0, TIME_NONE, 0, 0,
		  "x\"y" },
		{ "(X-NEW (a (b \"c)\" {2}\r\n)() d) UID 3)", true, 3, 0, TIME_NONE, 0, 0, "" },
		{ "(ANNOTATION NIL UID 3)", true, 3, 0, TIME_NONE, 0, 0, "" },
		{ "(UID 4294967295 RFC822.SIZE 18446744073709551599)", true, 4294967295,
		  18446744073709551599u, TIME_NONE, 0, 0, "" },
		{ "(FLAGS (\\Seen a[ b) UID 3 X-NEW [x)", true, 3, 0, TIME_NONE, FLAG_SEEN, 2, "" },
		{ "(UID 4294967296)", false, 0, 0, 0, 0, 0, "" },
		{ "(UID 0)", false, 0, 0, 0, 0, 0, "" },
		{ "(UID x)", false, 0, 0, 0, 0, 0, "" },
		{ "(UID 1", false, 0, 0, 0, 0, 0, "" },
		{ "(UID", false, 0, 0, 0, 0, 0, "" },
		{ "UID 1", false, 0, 0, 0, 0, 0, "" },
		{ "(FLAGS (\\Seen)", false, 0, 0, 0, 0, 0, "" },
		{ "(BODY[HEADER", false, 0, 0, 0, 0, 0, "" },
		{ "(BODY[HEADER] {9}\r\nabc)", false, 0, 0, 0, 0, 0, "" },
		{ "", false, 0, 0, 0, 0, 0, "" },
	};
	CLEANUP(arena_release) struct arena arena = ARENA_INIT(1 << 20);
	CLEANUP(buf_release) struct buf scratch = BUF_INIT(1 << 20);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct fetched f;
		bool ok = fetch_items(slice_str(rows[i].in), &arena, &scratch, &f);

		cr_expect(ok == rows[i].ok, "%s", rows[i].in);
		if (!ok || !rows[i].ok)
			continue;
		cr_expect(f.row.uid == rows[i].uid && f.row.size == rows[i].size &&
				  f.row.internaldate == rows[i].date,
			  "%s", rows[i].in);
		cr_expect(f.row.flags.system == rows[i].flags &&
				  f.row.flags.n_keywords == rows[i].n_keywords,
			  "%s: %zu", rows[i].in, f.row.flags.n_keywords);
		cr_expect(slice_eq(f.row.header, slice_str(rows[i].header)), "%s", rows[i].in);
	}
}

/* ---- the writer ---- */

Test(imap_grammar, arguments)
{
	static const struct {
		const char *name;
		const char *in;
		size_t len;
		const char *folder, *string; /* NULL: cannot be said */
	} rows[] = {
		{ "plain", "INBOX", sizeof("INBOX") - 1, "\"INBOX\"", "\"INBOX\"" },
		{ "empty", "", sizeof("") - 1, "\"\"", "\"\"" },
		{ "quotes", "a\"b\\c", sizeof("a\"b\\c") - 1, "\"a\\\"b\\\\c\"",
		  "\"a\\\"b\\\\c\"" },
		{ "8 bit", "T\xc3\xbcr", sizeof("T\xc3\xbcr") - 1, "{4}\r\nT\xc3\xbcr",
		  "{4}\r\nT\xc3\xbcr" },
		{ "CR LF", "a\r\nb", sizeof("a\r\nb") - 1, NULL, "{4}\r\na\r\nb" },
		{ "LF", "a\n9 NOOP", sizeof("a\n9 NOOP") - 1, NULL, "{8}\r\na\n9 NOOP" },
		{ "NUL", "a\0b", sizeof("a\0b") - 1, NULL, NULL },
		{ "braces", "{5}", sizeof("{5}") - 1, "\"{5}\"", "\"{5}\"" },
		{ "DEL", "\x7f", sizeof("\x7f") - 1, "{1}\r\n\x7f", "{1}\r\n\x7f" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		for (int folder = 0; folder < 2; folder++) {
			CLEANUP(args_release) struct args args = ARGS_INIT;
			const char *want = folder ? rows[i].folder : rows[i].string;

			if (folder)
				args_folder(&args, slice_of(rows[i].in, rows[i].len));
			else
				args_string(&args, slice_of(rows[i].in, rows[i].len));
			cr_expect(args.bad == !want, "%s", rows[i].name);
			if (want)
				cr_expect_str_eq(buf_cstr(&args.text), want, "%s", rows[i].name);
		}
	}
}

Test(imap_grammar, read_only_says_what_reads)
{
	static const enum verb writing[] = {
		VERB_SELECT,   VERB_CREATE,   VERB_DELETE,    VERB_SUBSCRIBE,	VERB_APPEND,
		VERB_UID_COPY, VERB_UID_MOVE, VERB_UID_STORE, VERB_UID_EXPUNGE,
	};
	struct writer reader, writer;
	uint64_t number;
	struct err err;

	cr_assert(writer_init(&reader, true, &err) == 0 && writer_init(&writer, false, &err) == 0);
	for (int verb = 0; verb < VERB_COUNT; verb++) {
		bool writes = false;

		for (size_t i = 0; i < ROWS(writing); i++)
			writes |= (int)writing[i] == verb;
		cr_expect(writer_command(&writer, verb, SLICE_LIT("x\r\n"), &number, &err) == 0,
			  "%s", verb_name(verb));
		cr_expect((writer_command(&reader, verb, SLICE_LIT("x\r\n"), &number, &err) < 0) ==
				  writes,
			  "%s", verb_name(verb));
		if (writes)
			cr_expect(err.code == ERR_READONLY && err.scope == SCOPE_RUN, "%s",
				  verb_name(verb));
	}
	writer_release(&reader);
	writer_release(&writer);
}

Test(imap_grammar, tags)
{
	char tag[TAG_SIZE], other[TAG_SIZE];
	struct writer a, b;
	uint64_t number;
	struct err err;

	cr_assert(writer_init(&a, false, &err) == 0 && writer_init(&b, false, &err) == 0);
	cr_expect(strcmp(a.tag_prefix, b.tag_prefix) != 0, "they can be guessed");
	for (int i = 1; i <= 12; i++)
		cr_assert(writer_command(&a, VERB_NOOP, SLICE_LIT("\r\n"), &number, &err) == 0);
	writer_tag(&a, 12, tag);
	cr_expect(writer_number(&a, slice_str(tag)) == 12);
	cr_expect(writer_number(&b, slice_str(tag)) == 0);
	writer_tag(&a, 13, other);
	cr_expect(writer_number(&a, slice_str(other)) == 0, "not yet given");
	cr_expect(writer_number(&a, slice_head(slice_str(tag), 17)) == 0);
	snprintf(other, sizeof(other), "%s012", a.tag_prefix);
	cr_expect(writer_number(&a, slice_str(other)) == 0, "another spelling of it");
	cr_expect(writer_number(&a, SLICE_LIT("7")) == 0);
	cr_expect(writer_number(&a, SLICE_LIT("")) == 0);
	writer_release(&a);
	writer_release(&b);
}

/* The ring: what goes in comes out, whatever the pieces; it says when it is full. */
Test(imap_grammar, ring)
{
	CLEANUP(buf_release) struct buf in = BUF_INIT(8 << 20);
	CLEANUP(buf_release) struct buf out = BUF_INIT(8 << 20);
	struct writer w;
	struct err err;
	uint32_t random = 1;

	cr_assert(writer_init(&w, false, &err) == 0);
	while (out.len < 3 * OUTPUT_MAX) {
		struct slice pending;
		char block[7000];
		size_t n;

		random = random * 1664525 + 1013904223;
		n = random % sizeof(block);
		memset(block, (int)(random >> 24), n);
		if (writer_add(&w, block, n, &err) == 0)
			buf_add(&in, block, n);
		else
			cr_expect(n > OUTPUT_MAX - w.len);
		pending = slice_head(writer_pending(&w), random >> 19);
		buf_add_slice(&out, pending);
		writer_sent(&w, pending.len);
	}
	cr_expect(slice_eq(buf_slice(&out), slice_head(buf_slice(&in), out.len)));
	writer_release(&w);
}

Test(imap_grammar, keywords)
{
	static const struct {
		const char *keyword;
		bool ok;
	} rows[] = {
		{ "$Forwarded", true },
		{ "NonJunk", true },
		{ "a.b-c_d$1", true },
		{ "", false },
		{ "a b", false },
		{ "a\r\n9 NOOP", false },
		{ "\\Seen", false },
		{ "a]", false },
		{ "a{1}", false },
		{ "caf\xc3\xa9", false },
		{ "a\"", false },
		{ "a*", false },
		{ "12345678901234567890123456789012345678901234567890", true },
		{ "123456789012345678901234567890123456789012345678901", false },
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		cr_expect(session_keyword_ok(rows[i].keyword) == rows[i].ok, "%s", rows[i].keyword);
}

Test(imap_grammar, append_line)
{
	static const char *const good[] = { "$Forwarded", "x" }, *const bad[] = { "x) {0}\r\n" };
	CLEANUP(buf_release) struct buf b = BUF_INIT(4096);
	struct append_spec spec = { FLAG_SEEN | FLAG_DRAFT, good, 2, 1000000000, 42, true, false };
	struct err err;

	cr_expect(append_line(&b, &spec, &err) == 0);
	cr_expect_str_eq(buf_cstr(&b),
			 " (\\Seen \\Draft $Forwarded x) \"09-Sep-2001 01:46:40 +0000\" {42}\r\n");
	spec.synchronising = false;
	spec.flags = 0;
	spec.n_keywords = 0;
	buf_reset(&b);
	cr_expect(append_line(&b, &spec, &err) == 0);
	cr_expect_str_eq(buf_cstr(&b), " () \"09-Sep-2001 01:46:40 +0000\" {42+}\r\n");
	spec.literal8 = spec.synchronising = true;
	buf_reset(&b);
	cr_expect(append_line(&b, &spec, &err) == 0);
	cr_expect_str_eq(buf_cstr(&b), " () \"09-Sep-2001 01:46:40 +0000\" ~{42}\r\n");
	spec.keywords = bad;
	spec.n_keywords = 1;
	cr_expect(append_line(&b, &spec, &err) < 0 && err.code == ERR_INTERNAL);
	spec.n_keywords = 0;
	spec.internaldate = 0; /* "now" to Cyrus and Courier */
	cr_expect(append_line(&b, &spec, &err) < 0);
	spec.internaldate = INT64_C(1) << 40;
	cr_expect(append_line(&b, &spec, &err) < 0);
}

/*
 * The plan: where folders go, what servers' refusals make of names, what is left out.
 */
#include "test_journal_support.h"

#include "base/text.h"
#include "message/mutf7.h"
#include "plan/special_names.h"

Test(plan_names, special_names)
{
	static const struct {
		const char *name;
		enum role want;
	} rows[] = {
		{ "Sent", ROLE_SENT },
		{ "sent items", ROLE_SENT },
		{ "GESENDETE OBJEKTE", ROLE_SENT },
		{ "Gelöschte Elemente", ROLE_TRASH },
		{ "Gelo\xcc\x88schte Elemente", ROLE_TRASH }, /* NFD */
		{ "Éléments envoyés", ROLE_SENT },
		{ "éléments ENVOYÉS", ROLE_SENT },
		{ "Entwürfe", ROLE_DRAFTS },
		{ "Junk E-mail", ROLE_JUNK },
		{ "Posteingang", ROLE_INBOX },
		{ "Postausgang", ROLE_OUTBOX },
		{ "Unsent Messages", ROLE_OUTBOX },
		{ "Archives", ROLE_ARCHIVE },
		{ "Черновики", ROLE_DRAFTS },
		{ "Vorlagen", ROLE_TEMPLATES },
		{ "Work", ROLE_NONE },
		{ "Sent 2004", ROLE_NONE },
		{ "", ROLE_NONE },
		{ "\xff\xfe", ROLE_NONE },
	};
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect(special_name_role(slice_str(rows[i].name), &a) == rows[i].want, "%s",
			  rows[i].name);
}

Test(plan_names, the_table_is_folded_and_sorted)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);

	for (size_t i = 0; i < n_special_names; i++) {
		const char *name = special_names[i].name;
		const char *folded = text_fold(&a, slice_str(name));

		cr_expect(strcmp(name, folded) == 0, "'%s' is not folded: '%s'", name, folded);
		cr_expect(i == 0 || strcmp(special_names[i - 1].name, name) < 0, "'%s'", name);
	}
}

Test(plan_names, ladder)
{
	static const struct {
		const char *name;
		size_t keep;
		const char *want[PLAN_RUNGS]; /* in UTF-8; NULL: no such rung */
	} rows[] = {
		{ "Work", 0, { "Work", NULL, NULL, NULL, "Folder-*" } },
		{ "Work/What? a:b*c",
		  0,
		  { "Work/What? a:b*c", "Work/What_ a_b_c", NULL, NULL, "Folder-*/Folder-*" } },
		{ "Work/What? a:b*c",
		  5,
		  { "Work/What? a:b*c", "Work/What_ a_b_c", NULL, NULL, "Work/Folder-*" } },
		{ " two  blanks", 0, { " two  blanks", NULL, "two blanks", NULL, "Folder-*" } },
		{ "[Gmail]", 0, { "[Gmail]", "_Gmail_", NULL, NULL, "Folder-*" } },
		{ ".hidden.", 0, { ".hidden.", "_hidden_", "hidden", NULL, "Folder-*" } },
		{ "Grüße", 0, { "Grüße", NULL, NULL, "Grusse", "Folder-*" } },
		{ "Łódź œuvre", 0, { "Łódź œuvre", NULL, NULL, "Lodz oeuvre", "Folder-*" } },
		{ "Счета", 0, { "Счета", NULL, NULL, "scheta", "Folder-*" } },
		{ "仕事", 0, { "仕事", NULL, NULL, "Folder-*", NULL } },
		{ "party \xf0\x9f\x8e\x89",
		  0,
		  { "party \xf0\x9f\x8e\x89", "party _", NULL, NULL, "Folder-*" } },
		{ "INBOX/~x", 0, { "INBOX/~x", "INBOX/_x", "INBOX/x", NULL, "INBOX/Folder-*" } },
		{ "???", 0, { "???", "Folder-*", NULL, NULL, NULL } },
	};
	static const struct plan_server server = { .prefix = "", .separator = '/' };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned r = 0; r < PLAN_RUNGS; r++) {
			CLEANUP(buf_release)
			struct buf wire = BUF_INIT(4096), text = BUF_INIT(4096);
			const char *want = rows[i].want[r];
			int got = plan_name(&server, rows[i].name, rows[i].keep, r, &wire, &err);

			cr_expect(got == (want != NULL), "%s, rung %u: %d %s", rows[i].name, r, got,
				  got > 0 ? buf_cstr(&wire) : "");
			if (got <= 0 || !want)
				continue;
			cr_assert(mutf7_decode(&text, buf_slice(&wire)));
			/* '*' in a row stands for a hash of eight digits */
			const char *p = buf_cstr(&text);

			for (const char *w = want; *w && p; w++) {
				bool hash = *w == '*' && w > want && w[-1] == '-';

				cr_expect(hash ? strspn(p, "0123456789abcdef") >= 8 : *p == *w,
					  "%s, rung %u: %s", rows[i].name, r, text.ptr);
				p += hash ? 8 : 1;
			}
		}
	}
}

Test(plan_names, long_names_are_cut_and_stay_apart)
{
	static const struct plan_server server = { .prefix = "", .separator = '/' };
	CLEANUP(buf_release) struct buf one = BUF_INIT(8192), two = BUF_INIT(8192);
	char name[401];

	memset(name, 'x', 400);
	name[400] = '\0';
	cr_expect(plan_name(&server, name, 0, 1, &one, &err) == 1);
	name[399] = 'y';
	cr_expect(plan_name(&server, name, 0, 1, &two, &err) == 1);
	cr_expect(one.len == 180 && two.len == 180 && !slice_eq(buf_slice(&one), buf_slice(&two)));
	name[180] = '\0';
	buf_reset(&one);
	cr_expect(plan_name(&server, name, 0, 1, &one, &err) == 0, "180 octets stay as they are");
}

Test(plan_names, maps)
{
	static const struct {
		const char *text, *local, *server; /* NULL: refused */
	} rows[] = {
		{ "Work=Projects", "Work", "Projects" },
		{ "A/B=C/D", "A/B", "C/D" },
		{ "a\\=b=c", "a=b", "c" },
		{ "a=b=c", "a", "b=c" },
		{ "Work", NULL, NULL },
		{ "=x", NULL, NULL },
		{ "x=", NULL, NULL },
	};
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 16);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct plan_map map;
		int got = plan_map_parse(rows[i].text, &a, &map, &err);

		cr_expect(got == (rows[i].local ? 0 : -1), "%s", rows[i].text);
		if (got == 0)
			cr_expect(strcmp(map.local, rows[i].local) == 0 &&
					  strcmp(map.server, rows[i].server) == 0,
				  "%s: '%s' '%s'", rows[i].text, map.local, map.server);
	}
}

Test(plan_names, keywords)
{
	static const struct {
		const char *word;
		bool want;
	} rows[] = {
		{ "$Forwarded", true },
		{ "label.1-x_y", true },
		{ "", false },
		{ "b{d", false },
		{ "h\xc3\xa9", false },
		{ "a b", false },
		{ "01234567890123456789012345678901234567890123456789", true },
		{ "012345678901234567890123456789012345678901234567890", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect(plan_keyword_ok(slice_str(rows[i].word)) == rows[i].want, "'%s'",
			  rows[i].word);
}

/* ---- targets ---- */

struct server_row {
	const char *name;
	char separator;
	enum role role;
	uint32_t attributes;
};

static const struct server_row plain[] = { { "INBOX", '/', ROLE_INBOX, 0 }, { NULL, 0, 0, 0 } };
static const struct server_row german[] = {
	{ "INBOX", '/', ROLE_INBOX, 0 }, { "Gesendete Objekte", '/', ROLE_SENT, 0 },
	{ "Sent", '/', ROLE_NONE, 0 },	 { "Papierkorb", '/', ROLE_NONE, 0 },
	{ "arbeit", '/', ROLE_NONE, 0 }, { NULL, 0, 0, 0 },
};
static const struct server_row cyrus[] = {
	{ "INBOX", '.', ROLE_INBOX, 0 },
	{ "INBOX.Drafts", '.', ROLE_NONE, 0 },
	{ NULL, 0, 0, 0 },
};
static const struct server_row flat[] = { { "INBOX", 0, ROLE_INBOX, FOLDER_NOINFERIORS },
					  { NULL, 0, 0, 0 } };
static const struct server_row gmail[] = {
	{ "INBOX", '/', ROLE_INBOX, 0 },
	{ "[Gmail]", '/', ROLE_NONE, FOLDER_NOSELECT },
	{ "[Gmail]/Sent Mail", '/', ROLE_SENT, FOLDER_NOINFERIORS },
	{ "[Gmail]/All Mail", '/', ROLE_ALL, 0 },
	{ NULL, 0, 0, 0 },
};
static const struct server_row barren[] = {
	{ "Inbox", '/', ROLE_INBOX, FOLDER_NOINFERIORS },
	{ "Sent", '/', ROLE_NONE, FOLDER_NOINFERIORS },
	{ NULL, 0, 0, 0 },
};

Test(plan, targets)
{
	static const struct {
		const char *name;
		const struct server_row *server;
		const char *prefix; /* of the namespace */
		const char *option_prefix, *map_local, *map_server;
		const char *local;
		enum role role;
		const char *want;
	} rows[] = {
		{ "inbox", plain, "", NULL, NULL, NULL, "Inbox", ROLE_INBOX, "INBOX" },
		{ "inbox by name", plain, "", NULL, NULL, NULL, "Posteingang", ROLE_NONE, "INBOX" },
		{ "below inbox", plain, "", NULL, NULL, NULL, "Inbox/Old", ROLE_NONE, "INBOX/Old" },
		{ "own name", plain, "", NULL, NULL, NULL, "Work/Sub", ROLE_NONE, "Work/Sub" },
		{ "no name at all", plain, "", NULL, NULL, NULL, "", ROLE_NONE, "Imported" },
		{ "usual name", plain, "", NULL, NULL, NULL, "Gesendet", ROLE_NONE, "Sent" },
		{ "role of the store", plain, "", NULL, NULL, NULL, "Local/xyz", ROLE_SENT,
		  "Sent" },
		{ "a name deep down is no role", plain, "", NULL, NULL, NULL, "Project/Sent",
		  ROLE_NONE, "Project/Sent" },
		{ "SPECIAL-USE decides", german, "", NULL, NULL, NULL, "Sent", ROLE_SENT,
		  "Gesendete Objekte" },
		{ "server's name of the role", german, "", NULL, NULL, NULL, "Trash", ROLE_TRASH,
		  "Papierkorb" },
		{ "case does not matter", german, "", NULL, NULL, NULL, "Arbeit/Neu", ROLE_NONE,
		  "arbeit/Neu" },
		{ "below a role", german, "", NULL, NULL, NULL, "Trash/2003", ROLE_NONE,
		  "Papierkorb/2003" },
		{ "prefix of the namespace", cyrus, "INBOX.", NULL, NULL, NULL, "Work", ROLE_NONE,
		  "INBOX.Work" },
		{ "role behind the prefix", cyrus, "INBOX.", NULL, NULL, NULL, "Entwürfe",
		  ROLE_NONE, "INBOX.Drafts" },
		{ "usual name behind the prefix", cyrus, "INBOX.", NULL, NULL, NULL, "Sent",
		  ROLE_SENT, "INBOX.Sent" },
		{ "separator in a name", cyrus, "INBOX.", NULL, NULL, NULL, "v1.2", ROLE_NONE,
		  "INBOX.v1_2" },
		{ "no hierarchy", flat, "", NULL, NULL, NULL, "A/B", ROLE_NONE, "A_B" },
		{ "nothing can be below", gmail, "", NULL, NULL, NULL, "Sent/2004", ROLE_NONE,
		  "Sent/2004" },
		{ "nothing can be below that very folder", barren, "", NULL, NULL, NULL,
		  "Inbox/2004/May", ROLE_NONE, "Inbox 2004/May" },
		{ "nor below one of another role", barren, "", NULL, NULL, NULL, "Sent/2004",
		  ROLE_NONE, "Sent 2004" },
		{ "--prefix", german, "", "Old/PC", NULL, NULL, "Sent", ROLE_SENT, "Old/PC/Sent" },
		{ "--prefix with a namespace", cyrus, "INBOX.", "Old/PC", NULL, NULL, "Inbox",
		  ROLE_INBOX, "INBOX.Old.PC.Inbox" },
		{ "--map", german, "", NULL, "sent", "My Sent", "Sent", ROLE_SENT, "My Sent" },
		{ "--map wins over --prefix", german, "", "Old", "Sent", "Sent", "Sent", ROLE_SENT,
		  "Sent" },
		{ "--map takes what is below along", cyrus, "INBOX.", NULL, "Work", "P/Q", "Work/a",
		  ROLE_NONE, "INBOX.P.Q.a" },
		{ "--map to INBOX", cyrus, "INBOX.", NULL, "Work", "inbox", "Work", ROLE_NONE,
		  "INBOX" },
		{ "control characters", plain, "", NULL, NULL, NULL, "a\tb\x7f", ROLE_NONE,
		  "a_b_" },
		{ "NFD becomes NFC", plain, "", NULL, NULL, NULL, "Cafe\xcc\x81", ROLE_NONE,
		  "Caf\xc3\xa9" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
		struct plan_map map = { rows[i].map_local, rows[i].map_server };
		struct plan_options options = { .prefix = rows[i].option_prefix,
						.maps = &map,
						.n_maps = rows[i].map_local != NULL };
		struct plan_server server = { .prefix = rows[i].prefix,
					      .separator = rows[i].server[0].separator };
		struct store_info s;
		struct bench b;

		bench_init(&b);
		for (const struct server_row *r = rows[i].server; r->name; r++) {
			struct remote_folder f = { .wire_name = r->name,
						   .name = r->name,
						   .separator = r->separator,
						   .role = r->role,
						   .attributes = r->attributes };

			ok(journal_folder_put(b.j, &f, &err));
		}
		start_run(&b, RUN_RUN);
		add_store(&b, "/m", rows[i].local, rows[i].role, NULL, 0);
		ok(plan_folders(b.j, b.run, &options, &server, &err));
		yes(journal_store_next(b.j, b.run, 0, &a, &s, &err));
		cr_expect(s.target_name && strcmp(s.target_name, rows[i].want) == 0, "%s: %s",
			  rows[i].name, s.target_name ? s.target_name : "-");
		bench_release(&b);
	}
}

Test(plan, merged_folders_are_told)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	static const struct plan_server server = { .prefix = "", .separator = '/' };
	static const struct plan_options options;
	struct message m = message_of("0", "i", "w", "1", 500);
	struct run_notice n;
	struct bench b;
	int64_t after = 0;

	bench_init(&b);
	start_run(&b, RUN_RUN);
	add_store(&b, "/one", "Sent", ROLE_SENT, &m, 1);
	add_store(&b, "/two", "Gesendet", ROLE_NONE, &m, 1);
	add_store(&b, "/two", "Work", ROLE_NONE, &m, 1);
	ok(plan_folders(b.j, b.run, &options, &server, &err));
	yes(journal_notice_next(b.j, b.run, &after, &a, &n, &err));
	cr_expect(strcmp(n.kind, "folder-merged") == 0 && strcmp(n.location, "Sent") == 0 &&
			  strstr(n.text, "Gesendet"),
		  "%s", n.text);
	cr_expect(journal_notice_next(b.j, b.run, &after, &a, &n, &err) == 0);
	bench_release(&b);
}

/* ---- lines ---- */

static void make_plan(struct bench *b, const struct plan_options *options, uint64_t limit,
		      enum run_kind kind)
{
	struct plan_server server = { .prefix = "", .separator = '/', .append_limit = limit };
	struct match_options match = plan_match_options(options, kind);

	ok(plan_folders(b->j, b->run, options, &server, &err));
	ok(match_prepare(b->j, b->run, &match, &err));
	ok(match_finish(b->j, b->run, &err));
	ok(plan_lines(b->j, b->run, options, &server, &err));
}

Test(plan, what_is_left_out)
{
	static const struct {
		const char *name;
		enum message_state state;
		enum role role;
		struct plan_options options;
		enum line_outcome want;
		const char *reason;
	} rows[] = {
		{ "whole", STATE_WHOLE, ROLE_NONE, { 0 }, OUTCOME_OPEN, "" },
		{ "truncated", STATE_TRUNCATED, ROLE_NONE, { 0 }, OUTCOME_OPEN, "" },
		{ "deleted", STATE_DELETED, ROLE_NONE, { 0 }, OUTCOME_EXCLUDED, "deleted" },
		{ "deleted, wanted",
		  STATE_DELETED,
		  ROLE_NONE,
		  { .include_deleted = true },
		  OUTCOME_OPEN,
		  "" },
		{ "outbox", STATE_OUTBOX, ROLE_NONE, { 0 }, OUTCOME_EXCLUDED, "outbox" },
		{ "outbox by role", STATE_WHOLE, ROLE_OUTBOX, { 0 }, OUTCOME_EXCLUDED, "outbox" },
		{ "outbox, wanted",
		  STATE_OUTBOX,
		  ROLE_OUTBOX,
		  { .include_outbox = true },
		  OUTCOME_OPEN,
		  "" },
		{ "feed", STATE_FEED, ROLE_NONE, { 0 }, OUTCOME_EXCLUDED, "feed" },
		{ "feed, wanted",
		  STATE_FEED,
		  ROLE_FEEDS,
		  { .include_feeds = true },
		  OUTCOME_OPEN,
		  "" },
		{ "partial", STATE_PARTIAL, ROLE_NONE, { 0 }, OUTCOME_EXCLUDED, "partial" },
		{ "partial, wanted",
		  STATE_PARTIAL,
		  ROLE_NONE,
		  { .include_partial = true },
		  OUTCOME_OPEN,
		  "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
		struct message m = message_of("0", "i", "w", "1", 500);
		struct line_cursor at;
		struct line line;
		struct bench b;

		bench_init(&b);
		m.state = rows[i].state;
		start_run(&b, RUN_RUN);
		add_store(&b, "/m", "Work", rows[i].role, &m, 1);
		make_plan(&b, &rows[i].options, 0, RUN_RUN);
		ok(journal_lines_begin(b.j, b.run, LINES_ALL, &at, &err));
		yes(journal_lines_next(b.j, &at, &a, &line, &err));
		cr_expect(line.outcome == rows[i].want && strcmp(line.reason, rows[i].reason) == 0,
			  "%s: %s %s", rows[i].name, outcome_name(line.outcome), line.reason);
		journal_lines_end(&at);
		bench_release(&b);
	}
}

Test(plan, unreadable_and_too_big)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	static const struct plan_options options;
	struct message m[2] = { message_of("0", "i", "w", "1", 1000),
				message_of("1", "k", "w", "2", 1001) };
	struct balance sum;
	struct upload u[2];
	struct line_cursor at;
	struct line line;
	struct bench b;
	int64_t cursor = 0, store;
	bool fresh;

	bench_init(&b);
	start_run(&b, RUN_RUN);
	store = store_begin(&b, "/m", "Work", ROLE_NONE, "fp", &fresh);
	ok(journal_item_add(b.j, store, &m[0], &err));
	ok(journal_item_add(b.j, store, &m[1], &err));
	ok(journal_item_unreadable(b.j, store, "2", "a hole in the file", &err));
	ok(journal_store_done(b.j, store, "fp", &err));
	make_plan(&b, &options, 1000, RUN_RUN);
	ok(journal_balance(b.j, b.run, 0, &sum, &err));
	cr_expect(sum.found == 3 && sum.outcome[OUTCOME_OPEN] == 1 &&
		  sum.outcome[OUTCOME_REFUSED] == 1 && sum.outcome[OUTCOME_FAILED] == 1);
	cr_expect(journal_unkept_next(b.j, b.run, 2, &a, u, &cursor, &err) == 1 &&
		  u[0].wire_len == 1001);
	ok(journal_lines_begin(b.j, b.run, LINES_REFUSED, &at, &err));
	yes(journal_lines_next(b.j, &at, &a, &line, &err));
	cr_expect(strcmp(line.reason, REASON_TOO_BIG) == 0);
	yes(journal_lines_next(b.j, &at, &a, &line, &err));
	cr_expect(strcmp(line.reason, REASON_UNREADABLE) == 0 &&
		  strcmp(line.text, "a hole in the file") == 0 && !line.has_sha256);
	journal_lines_end(&at);
	bench_release(&b);
}

Test(plan, flags_of_duplicates_are_united)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	static const struct plan_options options;
	struct message m[3];
	struct upload u[3];
	struct remote_folder t;
	struct line_cursor at;
	struct line line;
	struct bench b;
	int64_t cursor = 0;

	for (int i = 0; i < 3; i++)
		m[i] = message_of(i == 0 ? "first" : "later", "i", "w", "1", 500);
	m[0].flags.system = FLAG_DELETED;
	m[1].flags.system = FLAG_SEEN;
	m[1].flags.keywords[m[1].flags.n_keywords++] = "work";
	m[2].flags.system = FLAG_FLAGGED | FLAG_DELETED;
	m[2].flags.keywords[m[2].flags.n_keywords++] = "WORK";
	m[2].flags.keywords[m[2].flags.n_keywords++] = "play";
	bench_init(&b);
	start_run(&b, RUN_RUN);
	add_store(&b, "/m", "Work", ROLE_NONE, m, 3);
	make_plan(&b, &options, 0, RUN_RUN);
	yes(journal_target_next(b.j, b.run, 0, &a, &t, &err));
	cr_assert(journal_uploads_next(b.j, b.run, t.id, 3, &a, u, &cursor, &err) == 1);
	cr_expect(u[0].flags.system == (FLAG_SEEN | FLAG_FLAGGED), "%u", u[0].flags.system);
	cr_expect(u[0].flags.n_keywords == 2 && strcmp(u[0].flags.keywords[1], "play") == 0);
	ok(journal_lines_begin(b.j, b.run, LINES_ALL, &at, &err));
	yes(journal_lines_next(b.j, &at, &a, &line, &err));
	cr_expect(line.action == ACTION_UPLOAD && line.flags.system == FLAG_DELETED);
	yes(journal_lines_next(b.j, &at, &a, &line, &err));
	cr_expect(line.action == ACTION_DUPLICATE && strcmp(line.twin, "first") == 0);
	journal_lines_end(&at);
	bench_release(&b);
}

Test(plan, a_saved_plan_is_carried_out_and_nothing_else)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct plan_options options = { 0 };
	struct message m[2] = { message_of("0", "i", "w", "1", 500),
				message_of("1", "k", "w", "2", 500) };
	struct balance sum;
	struct upload u[2];
	struct remote_folder t;
	struct bench b;
	int64_t cursor = 0, n;
	bool fresh;

	bench_init(&b);
	start_run(&b, RUN_PLAN);
	add_store(&b, "/m", "Work", ROLE_NONE, m, 1);
	make_plan(&b, &options, 0, RUN_PLAN);
	ok(db_int(journal_db(b.j), "SELECT count(*) FROM upload", &n, &err));
	cr_expect(n == 0, "a dry run decides nothing for later runs");
	cr_expect(journal_target_next(b.j, b.run, 0, &a, &t, &err) == 0);
	ok(journal_run_finish(b.j, b.run, 0, &err));
	options.only_run = b.run;

	start_run(&b, RUN_APPLY);
	int64_t store = store_begin(&b, "/m", "Work", ROLE_NONE, "grown", &fresh);

	ok(journal_item_add(b.j, store, &m[0], &err));
	ok(journal_item_add(b.j, store, &m[1], &err));
	ok(journal_store_done(b.j, store, "grown", &err));
	make_plan(&b, &options, 0, RUN_APPLY);
	yes(journal_target_next(b.j, b.run, 0, &a, &t, &err));
	cr_expect(journal_uploads_next(b.j, b.run, t.id, 2, &a, u, &cursor, &err) == 1 &&
		  strcmp(u[0].locator, "0") == 0);
	ok(journal_balance(b.j, b.run, 0, &sum, &err));
	cr_expect(sum.outcome[OUTCOME_EXCLUDED] == 1 && sum.outcome[OUTCOME_OPEN] == 1);
	options.only_run = 99;
	start_run(&b, RUN_APPLY);
	cr_expect(plan_lines(b.j, b.run, &options,
			     &(struct plan_server){ .prefix = "", .separator = '/' }, &err) == -1 &&
		  err.code == ERR_NOINPUT);
	bench_release(&b);
}

Test(plan, what_may_be_the_same_in_another_dress_is_told)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	static const struct plan_options options;
	struct message m[3] = { message_of("0", "i", "w", "1", 500),
				message_of("1", "i", "w", "2", 520),
				message_of("2", "i", "w", "3", 520) };
	struct run_notice n;
	struct bench b;
	int64_t after = 0;

	memcpy(m[1].essence, m[0].essence, KEY_LEN);
	m[1].header_len += 20; /* one Received field more, the same body */
	bench_init(&b);
	start_run(&b, RUN_RUN);
	add_store(&b, "/m", "Work", ROLE_NONE, m, 3);
	make_plan(&b, &options, 0, RUN_RUN);
	yes(journal_notice_next(b.j, b.run, &after, &a, &n, &err));
	cr_expect(strcmp(n.kind, "maybe-same") == 0 && n.count == 1, "%s %d", n.kind, (int)n.count);
	bench_release(&b);
}

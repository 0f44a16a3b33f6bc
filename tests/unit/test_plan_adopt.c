/*
 * plan/adopt.c: whatever a plan rests on, a change of it means planning anew; and where
 * nothing has changed, the lines are the plan's. (That they are what planning anew makes,
 * tests/servers/test_apply.py shows.)
 */
#include "test_journal_support.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define PLAIN                                                                                      \
	{                                                                                          \
		.prefix = "", .separator = '/'                                                     \
	}

static void plan_everything(struct bench *b, const struct plan_options *options,
			    const struct plan_server *server)
{
	struct match_options match = plan_match_options(options, RUN_PLAN);

	ok(match_prepare(b->j, b->run, &match, &err));
	ok(match_finish(b->j, b->run, &err));
	ok(plan_lines(b->j, b->run, options, server, &err));
	ok(journal_run_finish(b->j, b->run, 0, &err));
}

static void scan(struct bench *b)
{
	struct message m[3] = { message_of("0", "i", "w", "1", 500),
				message_of("1", "i", "w", "1", 500),
				message_of("2", "j", "w", "3", 520) };

	m[1].flags.system = FLAG_FLAGGED;
	add_store(b, "/m", "Work", ROLE_NONE, m, 3);
	add_store(b, "/m", "Empty", ROLE_NONE, m, 0);
}

static int64_t number(struct bench *b, const char *sql)
{
	int64_t n = 0;

	ok(db_int(journal_db(b->j), sql, &n, &err));
	return n;
}

struct change {
	const char *name;
	const char *before; /* the plan */
	const char *after;  /* the folders of the second run are known */
	struct plan_server server;
	struct plan_options options;
	bool run_between;
	int want;
};

static int adopt(struct bench *b, const struct change *c)
{
	static const struct plan_server server = PLAIN;
	static const struct plan_options planned = { .file = FILE_PLAN };
	struct plan_options options = c->options;

	start_run(b, RUN_PLAN);
	scan(b);
	add_folder(b, "Other", ROLE_NONE);
	ok(plan_folders(b->j, b->run, &planned, &server, &err));
	if (c->before)
		ok(db_exec(journal_db(b->j), c->before, &err));
	plan_everything(b, &planned, &server);
	options.only_run = b->run;
	if (c->run_between)
		start_run(b, RUN_UNDO);
	start_run(b, RUN_APPLY);
	scan(b);
	ok(plan_folders(b->j, b->run, &options, &server, &err));
	if (c->after)
		ok(db_exec(journal_db(b->j), c->after, &err));
	return plan_adopt(b->j, b->run, &options, &c->server, &err);
}

#define UPLOAD_IN_STATE(state_)                                                                    \
	"INSERT INTO upload(id, folder, sha256, copy, state, line, item, wire_len, nul_count,"     \
	" cr_count, cr_cr_lf_count, internaldate, flags, has_id, key, fields) VALUES (999, 1,"     \
	" x'00', 0, " state_ ", 999, 1, 1, 0, 0, 0, 1, 0, 0, x'', x'')"

Test(plan_adopt, changes)
{
	static const struct change rows[] = {
		{ "nothing", .server = PLAIN, .options = { .file = FILE_COPY }, .want = 1 },
		{ "moved, not copied", .server = PLAIN, .options = { .file = FILE_MOVE },
		  .want = 1 },
		{ "not filed", .server = PLAIN, .want = 0 },
		{ "prefix", .server = { "INBOX.", '/' }, .options = { .file = FILE_COPY } },
		{ "separator", .server = { "", '.' }, .options = { .file = FILE_COPY } },
		{ "limit", .server = { "", '/', 510 }, .options = { .file = FILE_COPY } },
		{ "case", .server = { "", '/', 0, true }, .options = { .file = FILE_COPY } },
		{ "UIDPLUS", .server = { "", '/', 0, false, true },
		  .options = { .file = FILE_COPY } },
		{ "other headers", .server = { "", '/', .rewrites_headers = true },
		  .options = { .file = FILE_COPY } },
		{ "all copies", .server = PLAIN,
		  .options = { .file = FILE_COPY, .keep_duplicates = true } },
		{ "partial ones", .server = PLAIN,
		  .options = { .file = FILE_COPY, .include_partial = true } },
		{ "into folders", .server = PLAIN,
		  .options = { .file = FILE_COPY, .duplicate_into_folders = true } },
		{ "another role", .after = "UPDATE folder SET role = 4 WHERE name = 'Other'",
		  .server = PLAIN, .options = { .file = FILE_COPY } },
		{ "no folder any more", .after = "UPDATE folder SET listed = 0 WHERE listed",
		  .server = PLAIN, .options = { .file = FILE_COPY } },
		{ "new mail", .after = "UPDATE folder SET uidnext = 2 WHERE name = 'Other'",
		  .server = PLAIN, .options = { .file = FILE_COPY } },
		{ "flags", .after = "UPDATE folder SET highestmodseq = 2 WHERE name = 'Other'",
		  .server = PLAIN, .options = { .file = FILE_COPY } },
		{ "another target",
		  .after = "UPDATE run_store SET target = 1 WHERE run = 2 AND store = 2",
		  .server = PLAIN, .options = { .file = FILE_COPY } },
		{ "a store less", .after = "DELETE FROM run_store WHERE run = 2 AND store = 2",
		  .server = PLAIN, .options = { .file = FILE_COPY } },
		{ "POP has fetched more", .after = "INSERT INTO pop_uidl VALUES ('x', 0, NULL)",
		  .server = PLAIN, .options = { .file = FILE_COPY } },
		{ "cleared", .after = "UPDATE run SET pruned = 1 WHERE id = 1", .server = PLAIN,
		  .options = { .file = FILE_COPY } },
		{ "a run between", .server = PLAIN, .options = { .file = FILE_COPY },
		  .run_between = true },
		{ "comparison to be tried again",
		  .before = "INSERT INTO candidate VALUES (x'00', 1, 2, 3, 0, 1, 1)",
		  .server = PLAIN, .options = { .file = FILE_COPY } },
		{ "comparison not made",
		  .before = "INSERT INTO candidate VALUES (x'00', 1, 2, 0, 0, 1, 1)",
		  .server = PLAIN, .options = { .file = FILE_COPY } },
		{ "what POP says of INBOX", .before = "INSERT INTO pop_uidl VALUES ('x', 0, 1)",
		  .server = PLAIN, .options = { .file = FILE_COPY } },
		{ "what the POP3 server says",
		  .before = "INSERT INTO pop_list VALUES (1, 'x', 1, NULL, NULL)", .server = PLAIN,
		  .options = { .file = FILE_COPY } },
		{ "in flight", .before = UPLOAD_IN_STATE("1"), .server = PLAIN,
		  .options = { .file = FILE_COPY } },
		{ "stored long ago", .before = UPLOAD_IN_STATE("2"), .server = PLAIN,
		  .options = { .file = FILE_COPY }, .want = 1 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench b;
		int got;

		bench_init(&b);
		got = adopt(&b, &rows[i]);
		cr_expect_eq(got, rows[i].want, "%s: %d", rows[i].name, got);
		cr_expect_eq(number(&b, "SELECT count(*) FROM line WHERE run > 1"), got ? 3 : 0,
			     "%s", rows[i].name);
		bench_release(&b);
	}
}

Test(plan_adopt, what_the_run_has)
{
	const struct change nothing = { "", .server = PLAIN, .options = { .file = FILE_COPY } };
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct upload u[4];
	struct remote_folder t;
	struct bench b;
	int64_t cursor = 0;

	bench_init(&b);
	yes(adopt(&b, &nothing));
	yes(journal_target_next(b.j, b.run, 0, &a, &t, &err));
	cr_assert_eq(journal_uploads_next(b.j, b.run, t.id, 4, &a, u, &cursor, &err), 2);
	for (size_t i = 0; i < 2; i++)
		cr_expect_eq(u[i].flags.system, u[i].locator[0] == '0' ? FLAG_FLAGGED : 0,
			     "the flags of the duplicate, too");
	cr_expect_eq(number(&b, "SELECT count(*) FROM line l JOIN upload u ON u.id = l.upload"
				" AND u.line = l.id WHERE l.run = 2 AND l.action = 0"),
		     2);
	cr_expect_eq(number(&b, "SELECT count(*) FROM line WHERE run = 2 AND action = 3"
				" AND twin IS NOT NULL AND outcome = 4"),
		     1);
	bench_release(&b);
}

/*
 * plan/filing.c and plan/flags.c: what the server copies or moves, with which flags,
 * and what a run that died has left of its changes.
 */
#include "test_journal_support.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Every candidate is the same message. */
static void plan_all(struct bench *b, const struct plan_options *options)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct plan_server server = { .prefix = "", .separator = '/' };
	struct match_options match = plan_match_options(options, RUN_RUN);
	struct match_cursor cursor = { 0 };
	struct match_candidate c;

	ok(plan_folders(b->j, b->run, options, &server, &err));
	ok(match_prepare(b->j, b->run, &match, &err));
	while (match_candidate_next(b->j, b->run, &cursor, &a, &c, &err) > 0)
		ok(match_candidate_settle(b->j, &c, VERDICT_SAME, &err));
	ok(match_finish(b->j, b->run, &err));
	ok(plan_lines(b->j, b->run, options, &server, &err));
}

static int count_filings(struct bench *b, enum filing_method method, struct arena *a,
			 struct upload *u)
{
	int64_t cursor = 0;

	return journal_filings_next(b->j, b->run, method, 4, a, u, &cursor, &err);
}

Test(plan_filing, flags_of_the_copy)
{
	static const struct {
		const char *name;
		enum flag_policy policy;
		bool pop;
		uint32_t local, server, want;
	} rows[] = {
		{ "both", FLAGS_UNION, false, FLAG_FLAGGED, FLAG_SEEN, FLAG_FLAGGED | FLAG_SEEN },
		{ "unread here, fetched by POP", FLAGS_UNION, true, 0, FLAG_SEEN | FLAG_ANSWERED,
		  FLAG_ANSWERED },
		{ "read here, fetched by POP", FLAGS_UNION, true, FLAG_SEEN, 0, FLAG_SEEN },
		{ "local", FLAGS_LOCAL, false, FLAG_FLAGGED, FLAG_SEEN, FLAG_FLAGGED },
		{ "server", FLAGS_SERVER, true, FLAG_FLAGGED, FLAG_SEEN, FLAG_SEEN },
		{ "marked as deleted here", FLAGS_UNION, false, FLAG_DELETED | FLAG_SEEN, 0,
		  FLAG_SEEN },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
		struct plan_options options = { .file = FILE_COPY, .flags = rows[i].policy };
		struct message m = message_of("0", "i", "w", "1", 500);
		struct upload u[4];
		struct bench b;

		m.flags.system = rows[i].local;
		m.pop_fetched = rows[i].pop;
		bench_init(&b);
		start_run(&b, RUN_RUN);
		add_store(&b, "/m", "Work", ROLE_NONE, &m, 1);
		int64_t inbox = add_folder(&b, "INBOX", ROLE_INBOX);

		add_remote(&b, inbox, 5, "i", "w", 500);
		ok(journal_remote_flags(b.j, inbox, 5, rows[i].server, NULL, &err));
		plan_all(&b, &options);
		cr_assert_eq(count_filings(&b, METHOD_COPY, &a, u), 1, "%s", rows[i].name);
		cr_expect_eq(u[0].flags.system, rows[i].want, "%s: %#x", rows[i].name,
			     u[0].flags.system);
		cr_expect(u[0].origin_uid == 5 && u[0].origin_flags.system == rows[i].server, "%s",
			  rows[i].name);
		bench_release(&b);
	}
}

Test(plan_filing, copies_and_moves)
{
	static const struct {
		const char *name;
		enum role role; /* of the server's folder that has the message */
		enum file_mode mode;
		bool local_inbox; /* it lies in the local Inbox, too */
		size_t folders;
		int copies, moves;
	} rows[] = {
		{ "copied", ROLE_INBOX, FILE_COPY, false, 1, 1, 0 },
		{ "moved", ROLE_INBOX, FILE_MOVE, false, 1, 0, 1 },
		{ "moved last", ROLE_INBOX, FILE_MOVE, false, 3, 2, 1 },
		{ "needed in INBOX", ROLE_INBOX, FILE_MOVE, true, 2, 2, 0 },
		{ "in All Mail it stays", ROLE_ALL, FILE_MOVE, false, 1, 1, 0 },
		{ "off", ROLE_INBOX, FILE_OFF, false, 1, 0, 0 },
		{ "a dry run only", ROLE_INBOX, FILE_PLAN, false, 1, 0, 0 },
		{ "filed elsewhere by the user", ROLE_NONE, FILE_MOVE, false, 1, 0, 0 },
	};
	static const char *const names[] = { "Work", "Home", "Trips" };

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
		struct plan_options options = { .file = rows[i].mode };
		struct message m = message_of("0", "i", "w", "1", 500);
		struct upload u[4];
		struct bench b;

		bench_init(&b);
		start_run(&b, RUN_RUN);
		for (size_t k = 0; k < rows[i].folders; k++)
			add_store(&b, "/m", names[k], ROLE_NONE, &m, 1);
		if (rows[i].local_inbox)
			add_store(&b, "/m", "Inbox", ROLE_INBOX, &m, 1);
		int64_t folder = add_folder(&b, rows[i].role == ROLE_INBOX ? "INBOX" : "Other",
					    rows[i].role);

		add_remote(&b, folder, 5, "i", "w", 500);
		plan_all(&b, &options);
		cr_expect_eq(count_filings(&b, METHOD_COPY, &a, u), rows[i].copies, "%s",
			     rows[i].name);
		cr_expect_eq(count_filings(&b, METHOD_MOVE, &a, u), rows[i].moves, "%s",
			     rows[i].name);
		bench_release(&b);
	}
}

/* The run died in the middle of its STOREs: so much is noted as the index shows. */
Test(plan_filing, changes_that_were_cut_off)
{
	static const struct {
		const char *name;
		uint32_t removed, added, now, want_removed, want_added;
		int64_t want; /* enum flag_change_state */
	} rows[] = {
		{ "nothing done", FLAG_SEEN, FLAG_FLAGGED, FLAG_SEEN, 0, 0, 2 },
		{ "all done", FLAG_SEEN, FLAG_FLAGGED, FLAG_FLAGGED, FLAG_SEEN, FLAG_FLAGGED, 1 },
		{ "half done", FLAG_SEEN, FLAG_FLAGGED, 0, FLAG_SEEN, 0, 1 },
		{ "marked as deleted", 0, FLAG_DELETED, FLAG_DELETED | FLAG_SEEN, 0, FLAG_DELETED,
		  1 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench b;
		char sql[256];
		int64_t removed, added, state;

		bench_init(&b);
		start_run(&b, RUN_RUN);
		int64_t inbox = add_folder(&b, "INBOX", ROLE_INBOX);

		add_remote(&b, inbox, 5, "i", "w", 500);
		ok(journal_remote_flags(b.j, inbox, 5, rows[i].now, NULL, &err));
		snprintf(sql, sizeof(sql),
			 "INSERT INTO flag_change(run, remote, uidvalidity, removed, added, state)"
			 " VALUES (%lld, (%lld << 32) + 5, 7, %u, %u, 0)",
			 (long long)b.run, (long long)inbox, rows[i].removed, rows[i].added);
		ok(db_exec(journal_db(b.j), sql, &err));
		ok(plan_flags_settle(b.j, &err));
		ok(db_int(journal_db(b.j), "SELECT state FROM flag_change", &state, &err));
		ok(db_int(journal_db(b.j), "SELECT removed FROM flag_change", &removed, &err));
		ok(db_int(journal_db(b.j), "SELECT added FROM flag_change", &added, &err));
		cr_expect_eq(state, rows[i].want, "%s: %d", rows[i].name, (int)state);
		if (rows[i].want == 1)
			cr_expect(removed == rows[i].want_removed && added == rows[i].want_added,
				  "%s: %d %d", rows[i].name, (int)removed, (int)added);
		bench_release(&b);
	}
}

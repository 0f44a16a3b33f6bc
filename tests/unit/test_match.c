/*
 * Matching: which server messages become candidates at which level, what verdicts
 * do, and which copy is chosen.
 */
#include "test_journal_support.h"

static const struct plan_server server = { .prefix = "", .separator = '/' };

struct account {
	struct bench b;
	int64_t inbox, work;
	struct plan_options options;
	struct arena a;
};

static void account_init(struct account *x)
{
	memset(x, 0, sizeof(*x));
	x->a = (struct arena)ARENA_INIT(1 << 24);
	bench_init(&x->b);
	ok(journal_folders_begin(x->b.j, &err));
	x->inbox = add_folder(&x->b, "INBOX", ROLE_INBOX);
	x->work = add_folder(&x->b, "Work", ROLE_NONE);
}

static void account_release(struct account *x)
{
	arena_release(&x->a);
	bench_release(&x->b);
}

static void prepare(struct account *x, enum run_kind kind)
{
	struct match_options match = plan_match_options(&x->options, kind);

	ok(plan_folders(x->b.j, x->b.run, &x->options, &server, &err));
	ok(match_prepare(x->b.j, x->b.run, &match, &err));
}

/* Settle all candidates: those whose UID is in `same` (up to a 0) are the same. Returns how many
 * there were. */
static int resolve_all(struct account *x, const uint32_t *same)
{
	struct match_cursor cursor = { 0 };
	struct match_candidate c;
	int n = 0, got;

	while ((got = match_candidate_next(x->b.j, x->b.run, &cursor, &x->a, &c, &err)) > 0) {
		enum match_verdict v = VERDICT_OTHER;

		for (const uint32_t *u = same; u && *u; u++)
			if (*u == c.uid)
				v = VERDICT_SAME;
		ok(match_candidate_settle(x->b.j, &c, v, &err));
		n++;
	}
	cr_assert(got == 0, "%s", err.text);
	return n;
}

static void lines(struct account *x)
{
	ok(match_finish(x->b.j, x->b.run, &err));
	ok(plan_lines(x->b.j, x->b.run, &x->options, &server, &err));
}

/* The actions of a run's lines in scan order, a letter each: U P E D X F. */
static const char *actions(struct account *x)
{
	static const char letters[] = "UPEDXF";
	struct line_cursor cursor;
	struct line line;
	char *out = arena_alloc(&x->a, 64);
	size_t n = 0;

	ok(journal_lines_begin(x->b.j, x->b.run, LINES_ALL, &cursor, &err));
	while (journal_lines_next(x->b.j, &cursor, &x->a, &line, &err) > 0 && n < 63)
		out[n++] = letters[line.action];
	journal_lines_end(&cursor);
	return out;
}

Test(match, levels)
{
	static const struct {
		const char *name;
		const char *id, *who; /* the server's */
		uint64_t size;
		const char *local_id;
		enum match_level want; /* MATCH_NONE: no candidate */
	} rows[] = {
		{ "all agree", "i", "w", 500, "i", MATCH_CONTENT },
		{ "a CR CR LF less", "i", "w", 498, "i", MATCH_CONTENT },
		{ "lone CRs gone", "i", "w", 497, "i", MATCH_CONTENT },
		{ "another size", "i", "w", 777, "i", MATCH_DRESS },
		{ "Message-ID only", "i", "v", 500, "i", MATCH_WEAK },
		{ "another Message-ID", "k", "w", 500, "i", MATCH_NONE },
		{ "no Message-ID on either side", NULL, "w", 500, NULL, MATCH_DRESS },
		{ "the server's copy has none", NULL, "w", 500, "i", MATCH_WEAK },
		{ "the local one has none", "i", "w", 500, NULL, MATCH_WEAK },
		{ "nothing agrees", NULL, "v", 500, NULL, MATCH_NONE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct account x;
		struct message m = message_of("0", rows[i].local_id, "w", "1", 500);
		struct match_cursor cursor = { 0 };
		struct match_candidate c = { 0 };
		int got;

		m.cr_cr_lf_count = 2;
		m.cr_count = 3;
		account_init(&x);
		add_remote(&x.b, x.inbox, 5, rows[i].id, rows[i].who, rows[i].size);
		start_run(&x.b, RUN_RUN);
		add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
		prepare(&x, RUN_RUN);
		got = match_candidate_next(x.b.j, x.b.run, &cursor, &x.a, &c, &err);
		cr_expect(got == (rows[i].want != MATCH_NONE), "%s: %s", rows[i].name, err.text);
		if (got > 0)
			cr_expect(c.level == rows[i].want && c.uid == 5 && !c.in_target &&
					  strcmp(c.wire_name, "INBOX") == 0 && c.wire_len == 500,
				  "%s: level %d", rows[i].name, (int)c.level);
		account_release(&x);
	}
}

Test(match, what_verdicts_do)
{
	static const struct {
		const char *name;
		uint32_t uid; /* of the server's copy: below 100 in INBOX, else in Work */
		enum match_verdict verdict;
		bool into_folders;
		const char *want, *reason;
	} rows[] = {
		{ "same, in the target", 100, VERDICT_SAME, false, "P", "present" },
		{ "same, elsewhere", 1, VERDICT_SAME, false, "E", "elsewhere" },
		{ "same, elsewhere, but wanted in its folder", 1, VERDICT_SAME, true, "U", "" },
		{ "another body under its Message-ID", 100, VERDICT_OTHER, false, "U",
		  "other-body" },
		{ "could not be compared", 100, VERDICT_UNKNOWN, false, "F", "undecided" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct account x;
		struct message m = message_of("0", "i", "w", "1", 500);
		struct match_cursor cursor = { 0 };
		struct match_candidate c;
		struct line_cursor at;
		struct line line;

		account_init(&x);
		x.options.duplicate_into_folders = rows[i].into_folders;
		add_remote(&x.b, rows[i].uid < 100 ? x.inbox : x.work, rows[i].uid, "i", "w", 500);
		start_run(&x.b, RUN_RUN);
		add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
		prepare(&x, RUN_RUN);
		while (match_candidate_next(x.b.j, x.b.run, &cursor, &x.a, &c, &err) > 0)
			ok(match_candidate_settle(x.b.j, &c, rows[i].verdict, &err));
		lines(&x);
		cr_expect(strcmp(actions(&x), rows[i].want) == 0, "%s: %s", rows[i].name,
			  actions(&x));
		ok(journal_lines_begin(x.b.j, x.b.run, LINES_ALL, &at, &err));
		yes(journal_lines_next(x.b.j, &at, &x.a, &line, &err));
		cr_expect(strcmp(line.reason, rows[i].reason) == 0, "%s: %s", rows[i].name,
			  line.reason);
		journal_lines_end(&at);

		/* a second run asks nothing again, except what could not be compared */
		start_run(&x.b, RUN_RUN);
		add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
		prepare(&x, RUN_RUN);
		cr_expect(resolve_all(&x, NULL) == (rows[i].verdict == VERDICT_UNKNOWN), "%s",
			  rows[i].name);
		account_release(&x);
	}
}

/* A copy that may vanish stands for nothing but for what lies in such a folder itself. */
Test(match, copies_that_do_not_stay)
{
	static const struct {
		const char *name;
		const char *folder;
		enum role role;
		uint32_t flags;
		const char *local; /* folder of the local message */
		enum role local_role;
		enum match_verdict verdict;
		const char *want, *reason;
	} rows[] = {
#define SAME VERDICT_SAME
		{ "in the archive", "Archive", ROLE_ARCHIVE, 0, "Work", 0, SAME, "E", "elsewhere" },
		{ "in Trash", "Bin", ROLE_TRASH, 0, "Work", 0, SAME, "U", "perishing" },
		{ "in Junk", "Bin", ROLE_JUNK, 0, "Work", 0, SAME, "U", "perishing" },
		{ "Trash by its name", "Papierkorb", 0, 0, "Work", 0, SAME, "U", "perishing" },
		{ "below Trash", "Trash/old", 0, 0, "Work", 0, SAME, "U", "perishing" },
		{ "below INBOX", "INBOX/Trash", 0, 0, "Work", 0, SAME, "U", "perishing" },
		{ "a folder of the user", "Work/Trash", 0, 0, "Work", 0, SAME, "E", "elsewhere" },
		{ "deleted", "Other", 0, FLAG_DELETED, "Work", 0, SAME, "U", "perishing" },
		{ "deleted, in the target", "Work", 0, FLAG_DELETED, "Work", 0, SAME, "U",
		  "perishing" },
		{ "local Trash", "Bin", ROLE_TRASH, 0, "Trash", ROLE_TRASH, SAME, "P", "present" },
		{ "local Junk, there in Trash", "Bin", ROLE_TRASH, 0, "Junk", ROLE_JUNK, SAME, "E",
		  "elsewhere" },
		{ "local Trash, deleted", "Bin", ROLE_TRASH, FLAG_DELETED, "Trash", ROLE_TRASH,
		  SAME, "U", "perishing" },
		{ "in Trash, another one", "Bin", ROLE_TRASH, 0, "Work", 0, VERDICT_OTHER, "U",
		  "other-body" },
		{ "in Trash, not to be read", "Bin", ROLE_TRASH, 0, "Work", 0, VERDICT_UNKNOWN, "U",
		  "" },
#undef SAME
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct account x;
		struct message m = message_of("0", "i", "w", "1", 500);

		account_init(&x);
		int64_t folder = add_folder(&x.b, rows[i].folder, rows[i].role);
		struct remote_row copy = { .folder = folder,
					   .uid = 5,
					   .size = 500,
					   .flags = rows[i].flags,
					   .keys = keys_of("i", "w") };

		ok(journal_remote_put(x.b.j, &copy, &err));
		for (int again = 0; again < 2; again++) {
			struct match_cursor cursor = { 0 };
			struct match_candidate c;
			struct line_cursor at;
			struct line line;

			start_run(&x.b, RUN_RUN);
			add_store(&x.b, "/m", rows[i].local, rows[i].local_role, &m, 1);
			prepare(&x, RUN_RUN);
			while (match_candidate_next(x.b.j, x.b.run, &cursor, &x.a, &c, &err) > 0)
				ok(match_candidate_settle(x.b.j, &c, rows[i].verdict, &err));
			lines(&x);
			cr_expect(strcmp(actions(&x), rows[i].want) == 0, "%s: %s", rows[i].name,
				  actions(&x));
			ok(journal_lines_begin(x.b.j, x.b.run, LINES_ALL, &at, &err));
			yes(journal_lines_next(x.b.j, &at, &x.a, &line, &err));
			cr_expect(strcmp(line.reason, rows[i].reason) == 0, "%s: '%s'",
				  rows[i].name, line.reason);
			journal_lines_end(&at);
		}
		account_release(&x);
	}
}

/* ... nor does it keep others from being looked at. */
Test(match, behind_a_copy_in_trash)
{
	struct account x;
	struct message m = message_of("0", "i", "w", "1", 500);
	static const uint32_t same[] = { 5, 6, 0 };

	account_init(&x);
	int64_t trash = add_folder(&x.b, "Trash", ROLE_TRASH);

	add_remote(&x.b, trash, 5, "i", "w", 500);
	for (int late = 0; late < 2; late++) {
		if (late) { /* put there by another client meanwhile */
			int64_t zoo = add_folder(&x.b, "Zoo", ROLE_NONE);

			add_remote(&x.b, zoo, 6, "i", "w", 500);
		}
		start_run(&x.b, RUN_RUN);
		add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
		prepare(&x, RUN_RUN);
		cr_expect(resolve_all(&x, same) == 1);
		lines(&x);
		cr_expect(strcmp(actions(&x), late ? "E" : "U") == 0, "%s", actions(&x));
	}
	account_release(&x);
}

Test(match, an_unknown_candidate_does_not_outweigh_a_proven_one)
{
	struct account x;
	struct message m = message_of("0", "i", "w", "1", 500);
	struct match_cursor cursor = { 0 };
	struct match_candidate c;

	account_init(&x);
	add_remote(&x.b, x.work, 100, "i", "w", 500);
	add_remote(&x.b, x.inbox, 1, "i", "w", 500);
	start_run(&x.b, RUN_RUN);
	add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
	prepare(&x, RUN_RUN);
	while (match_candidate_next(x.b.j, x.b.run, &cursor, &x.a, &c, &err) > 0)
		ok(match_candidate_settle(x.b.j, &c, c.in_target ? VERDICT_UNKNOWN : VERDICT_SAME,
					  &err));
	lines(&x);
	cr_expect(strcmp(actions(&x), "E") == 0, "%s", actions(&x));
	account_release(&x);
}

Test(match, needless_candidates_are_spared)
{
	struct account x;
	struct message m = message_of("0", "i", "w", "1", 500);
	static const uint32_t same[] = { 100, 101, 1, 0 };

	account_init(&x);
	add_remote(&x.b, x.work, 100, "i", "w", 500);
	add_remote(&x.b, x.work, 101, "i", "w", 500);
	add_remote(&x.b, x.inbox, 1, "i", "w", 500);
	start_run(&x.b, RUN_RUN);
	add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
	prepare(&x, RUN_RUN);
	cr_expect(resolve_all(&x, same) == 1, "the target's first copy is enough");
	lines(&x);
	cr_expect(strcmp(actions(&x), "P") == 0, "%s", actions(&x));
	account_release(&x);
}

Test(match, duplicates_one_to_one)
{
	static const struct {
		const char *name;
		bool keep;
		int copies; /* on the server */
		const char *want;
	} rows[] = {
		{ "one goes up", false, 0, "UDD" },
		{ "one is there", false, 1, "PDD" },
		{ "all go up", true, 0, "UUU" },
		{ "one of them is there", true, 1, "PUU" },
		{ "two of them are there", true, 2, "PPU" },
		{ "more than enough are there", true, 5, "PPP" },
	};
	static const uint32_t same[] = { 100, 101, 102, 103, 104, 0 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct account x;
		struct message m[3];

		for (int k = 0; k < 3; k++)
			m[k] = message_of("0", "i", "w", "1", 500);
		account_init(&x);
		x.options.keep_duplicates = rows[i].keep;
		for (int k = 0; k < rows[i].copies; k++)
			add_remote(&x.b, x.work, 100 + (uint32_t)k, "i", "w", 500);
		start_run(&x.b, RUN_RUN);
		add_store(&x.b, "/m", "Work", ROLE_NONE, m, 3);
		prepare(&x, RUN_RUN);
		resolve_all(&x, same);
		lines(&x);
		cr_expect(strcmp(actions(&x), rows[i].want) == 0, "%s: %s", rows[i].name,
			  actions(&x));
		account_release(&x);
	}
}

/* Send everything that is planned, the UIDs beginning at 500 in every folder, and index it. */
static void send_all(struct account *x, size_t at_most)
{
	struct remote_folder t;
	struct upload u[8];
	int64_t after = 0;

	while (at_most > 0 && journal_target_next(x->b.j, x->b.run, after, &x->a, &t, &err) > 0) {
		int64_t cursor = 0;
		int n = journal_uploads_next(x->b.j, x->b.run, t.id, at_most, &x->a, u, &cursor,
					     &err);

		cr_assert(n >= 0);
		for (int i = 0; i < n; i++) {
			yes(journal_upload_get(x->b.j, u[i].id, &x->a, &u[i], &err));
			ok(journal_mark_inflight(x->b.j, &u[i].id, 1, 7, 1, &err));
			ok(journal_mark_stored(x->b.j, &u[i].id, 1, 7, 500 + (uint32_t)i, &err));
			add_remote(&x->b, t.id, 500 + (uint32_t)i, u[i].message_id,
				   u[i].subject ? u[i].subject : "", u[i].wire_len);
		}
		at_most -= (size_t)n;
		after = t.id;
	}
}

/* A folder that was made anew: its UIDs are other messages, not what we once stored. */
Test(match, our_own_by_uidvalidity)
{
	for (uint32_t validity = 7; validity < 9; validity++) {
		struct account x;
		struct message m = message_of("0", "i", "w", "1", 500);
		struct message other = message_of("1", "k", "w", "2", 500);
		static const uint32_t same[] = { 500, 0 };

		account_init(&x);
		start_run(&x.b, RUN_RUN);
		add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
		prepare(&x, RUN_RUN);
		lines(&x);
		send_all(&x, 8);
		add_remote(&x.b, x.work, 500, "k", "w", 500);
		ok(journal_folder_indexed(x.b.j, x.work, validity, 501, 1, 0, &err));
		start_run(&x.b, RUN_RUN);
		x.options.keep_duplicates = true; /* what is ours counts for nobody else */
		add_store(&x.b, "/other", "Work", ROLE_NONE, &other, 1);
		prepare(&x, RUN_RUN);
		resolve_all(&x, same);
		lines(&x);
		cr_expect(strcmp(actions(&x), validity == 7 ? "U" : "P") == 0, "%u: %s", validity,
			  actions(&x));
		account_release(&x);
	}
}

/* The same messages in two folders, and one message in two dresses: however often a run is cut off,
 * what it has decided goes up, as it would have in one piece. */
Test(match, a_cut_off_run_is_completed_as_it_was_planned)
{
	for (size_t cut = 0; cut <= 3; cut++) {
		struct account x;
		struct message m = message_of("0", "i", "w", "1", 500);
		struct message dress = message_of("1", "i", "w", "other dress", 520);
		static const uint32_t same[] = { 500, 501, 0 };
		struct balance sum;

		account_init(&x);
		add_folder(&x.b, "Zoo", ROLE_NONE);
		for (int run = 0; run < 2; run++) {
			start_run(&x.b, RUN_RUN);
			add_store(&x.b, "/m", "Work", ROLE_NONE, (struct message[]){ m, dress }, 2);
			add_store(&x.b, "/m", "Zoo", ROLE_NONE, &m, 1);
			prepare(&x, RUN_RUN);
			resolve_all(&x, same);
			lines(&x);
			send_all(&x, run == 0 ? cut : 8);
		}
		int64_t stored;

		ok(db_int(journal_db(x.b.j), "SELECT count(*) FROM upload WHERE state = 2", &stored,
			  &err));
		cr_expect(stored == 3, "cut after %zu: %lld uploaded", cut, (long long)stored);
		ok(journal_balance(x.b.j, x.b.run, 0, &sum, &err));
		cr_expect(sum.outcome[OUTCOME_PRESENT] == cut && balance_adds_up(&sum), "cut %zu",
			  cut);
		account_release(&x);
	}
}

/* But what is new to a later run is matched against our own uploads as against any other. */
Test(match, a_local_move_is_no_new_message)
{
	struct account x;
	struct message m = message_of("0", "i", "w", "1", 500);
	static const uint32_t same[] = { 500, 0 };

	account_init(&x);
	start_run(&x.b, RUN_RUN);
	add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
	prepare(&x, RUN_RUN);
	lines(&x);
	send_all(&x, 8);
	start_run(&x.b, RUN_RUN);
	add_store(&x.b, "/m", "Moved", ROLE_NONE, &m, 1);
	prepare(&x, RUN_RUN);
	cr_expect(resolve_all(&x, same) == 1);
	lines(&x);
	cr_expect(strcmp(actions(&x), "E") == 0, "%s", actions(&x));
	account_release(&x);
}

Test(match, stored_is_final)
{
	struct account x;
	struct message m = message_of("0", "i", "w", "1", 500);
	struct line_cursor at;
	struct line line;

	account_init(&x);
	start_run(&x.b, RUN_RUN);
	add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
	prepare(&x, RUN_RUN);
	lines(&x);
	send_all(&x, 8);
	/* the user deletes it on the server */
	ok(journal_remote_clear(x.b.j, x.work, &err));
	ok(journal_folder_indexed(x.b.j, x.work, 7, 501, 0, 0, &err));
	start_run(&x.b, RUN_RUN);
	add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
	prepare(&x, RUN_RUN);
	lines(&x);
	ok(journal_lines_begin(x.b.j, x.b.run, LINES_ALL, &at, &err));
	yes(journal_lines_next(x.b.j, &at, &x.a, &line, &err));
	cr_expect(line.action == ACTION_PRESENT && line.level == MATCH_JOURNAL &&
		  strcmp(line.reason, REASON_STORED_GONE) == 0);
	journal_lines_end(&at);
	/* only `verify` says that it is missing */
	start_run(&x.b, RUN_VERIFY);
	add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
	prepare(&x, RUN_VERIFY);
	lines(&x);
	ok(journal_lines_begin(x.b.j, x.b.run, LINES_REFUSED, &at, &err));
	yes(journal_lines_next(x.b.j, &at, &x.a, &line, &err));
	cr_expect(line.outcome == OUTCOME_FAILED && strcmp(line.reason, REASON_MISSING) == 0);
	journal_lines_end(&at);
	account_release(&x);
}

Test(match, verdicts_end_with_the_uidvalidity)
{
	struct account x;
	struct message m = message_of("0", "i", "w", "1", 500);
	static const uint32_t same[] = { 100, 0 };

	account_init(&x);
	add_remote(&x.b, x.work, 100, "i", "w", 500);
	for (uint32_t validity = 7; validity < 9; validity++) {
		for (int again = 0; again < 2; again++) {
			ok(journal_remote_clear(x.b.j, x.work, &err));
			add_remote(&x.b, x.work, 100, "i", "w", 500);
			ok(journal_folder_indexed(x.b.j, x.work, validity, 101, 1, 0, &err));
			start_run(&x.b, RUN_RUN);
			add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
			prepare(&x, RUN_RUN);
			cr_expect(resolve_all(&x, same) == (again == 0), "UIDVALIDITY %u, %s",
				  validity, again ? "again" : "first");
		}
	}
	account_release(&x);
}

Test(match, a_folder_without_a_complete_index_is_not_matched)
{
	struct account x;
	struct message m = message_of("0", "i", "w", "1", 500);

	account_init(&x);
	ok(journal_remote_clear(x.b.j, x.work, &err));
	add_remote(&x.b, x.work, 100, "i", "w", 500);
	start_run(&x.b, RUN_RUN);
	add_store(&x.b, "/m", "Work", ROLE_NONE, &m, 1);
	prepare(&x, RUN_RUN);
	cr_expect(resolve_all(&x, NULL) == 0);
	account_release(&x);
}

/* Crowds: everything shares one key. Each message finds its own counterpart, by size or by order,
 * with a bounded number of comparisons. */
Test(match, crowds)
{
	enum { N = 300 };
	static const struct {
		const char *name;
		bool sizes; /* differ */
		const char *id;
	} rows[] = {
		{ "told apart by size", true, "same" },
		{ "told apart by nothing", false, "same" },
		{ "without Message-ID", true, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct account x;
		struct match_cursor cursor = { 0 };
		struct match_candidate c;
		int64_t store, n;
		bool fresh;

		account_init(&x);
		ok(journal_begin(x.b.j, &err));
		for (uint32_t k = 0; k < N; k++)
			add_remote(&x.b, x.work, 1000 + k, rows[i].id, "w",
				   rows[i].sizes ? 500 + k : 500);
		start_run(&x.b, RUN_RUN);
		store = store_begin(&x.b, "/m", "Work", ROLE_NONE, "fp", &fresh);
		for (uint32_t k = 0; k < N; k++) {
			char text[16];
			struct message m;

			snprintf(text, sizeof(text), "%u", k);
			m = message_of(text, rows[i].id, "w", text, rows[i].sizes ? 500 + k : 500);
			ok(journal_item_add(x.b.j, store, &m, &err));
		}
		ok(journal_store_done(x.b.j, store, "fp", &err));
		ok(journal_commit(x.b.j, &err));
		prepare(&x, RUN_RUN);
		ok(db_int(journal_db(x.b.j), "SELECT count(*) FROM candidate", &n, &err));
		cr_expect(n <= 2 * N * MATCH_CROWDED_MAX, "%s: %lld candidates", rows[i].name,
			  (long long)n);
		ok(journal_begin(x.b.j, &err));
		while (match_candidate_next(x.b.j, x.b.run, &cursor, &x.a, &c, &err) > 0) {
			bool same = atoi(c.locator) == (int)c.uid - 1000;

			ok(match_candidate_settle(x.b.j, &c, same ? VERDICT_SAME : VERDICT_OTHER,
						  &err));
			arena_reset(&x.a);
		}
		ok(journal_commit(x.b.j, &err));
		lines(&x);
		struct balance sum;

		ok(journal_balance(x.b.j, x.b.run, 0, &sum, &err));
		cr_expect(sum.outcome[OUTCOME_PRESENT] == N, "%s: %d found", rows[i].name,
			  (int)sum.outcome[OUTCOME_PRESENT]);
		account_release(&x);
	}
}

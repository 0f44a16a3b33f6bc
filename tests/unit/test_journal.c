/*
 * The journal: opening, scanning, the server's index, exactly-once states, clearing up.
 */
#include "test_journal_support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

Test(journal, open_makes_private_files_and_locks)
{
	struct bench b;
	struct journal *second = NULL;
	struct stat st;
	char path[128];
	int status;

	umask(0);
	bench_init(&b);
	snprintf(path, sizeof(path), "%s/joe@example.org/journal.sqlite", b.dir);
	cr_assert(stat(path, &st) == 0);
	cr_expect((st.st_mode & 0777) == 0600);
	snprintf(path, sizeof(path), "%s/joe@example.org", b.dir);
	cr_assert(stat(path, &st) == 0);
	cr_expect((st.st_mode & 0777) == 0700);

	if (fork() == 0) {
		int got = journal_open(b.dir, "joe@example.org", &second, &err);

		_exit(got == -1 && err.code == ERR_BUSY && strstr(err.text, "process ") ? 0 : 1);
	}
	wait(&status);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a second process is told");
	ok(journal_open_readonly(b.dir, "joe@example.org", &second, &err));
	journal_close(second);
	cr_expect(journal_open_readonly(b.dir, "nobody@example.org", &second, &err) == -1 &&
		  err.code == ERR_NOINPUT);
	bench_release(&b);
}

Test(journal, account_names_cannot_leave_the_directory)
{
	static const struct {
		const char *account, *dir;
	} rows[] = {
		{ "../x@h", "%2E.%2Fx@h" },
		{ ".hidden", "%2Ehidden" },
		{ "a b/c@h", "a%20b%2Fc@h" },
	};
	struct bench b;
	struct journal *j;

	bench_init(&b);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ok(journal_open(b.dir, rows[i].account, &j, &err));
		cr_expect(strcmp(strrchr(journal_dir(j), '/') + 1, rows[i].dir) == 0, "%s: %s",
			  rows[i].account, journal_dir(j));
		journal_close(j);
	}
	cr_expect(journal_open(b.dir, "", &j, &err) == -1 && err.code == ERR_USAGE);
	bench_release(&b);
}

Test(journal, foreign_files_are_refused)
{
	static const struct {
		const char *name, *content, *sql;
		enum err_code want;
	} rows[] = {
		{ "no database", "this is not a database, but a text that is long enough", NULL,
		  ERR_IO },
		{ "another database", NULL, "CREATE TABLE t(a)", ERR_CANTCREAT },
		{ "a later version", NULL,
		  "PRAGMA application_id=1835559473; PRAGMA user_version=99; CREATE TABLE t(a)",
		  ERR_CANTCREAT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b = { .dir = "/tmp/mailhoist-test-XXXXXX" };
		char path[128];
		struct journal *j = NULL;

		cr_assert(mkdtemp(b.dir) != NULL);
		snprintf(path, sizeof(path), "%s/a@b", b.dir);
		cr_assert(mkdir(path, 0700) == 0);
		strcat(path, "/journal.sqlite");
		if (rows[i].content) {
			FILE *f = fopen(path, "w");

			cr_assert(f && fputs(rows[i].content, f) >= 0 && fclose(f) == 0);
		} else {
			sqlite3 *db;

			cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
			cr_assert(sqlite3_exec(db, rows[i].sql, NULL, NULL, NULL) == SQLITE_OK);
			sqlite3_close(db);
		}
		cr_expect(journal_open(b.dir, "a@b", &j, &err) == -1 && err.code == rows[i].want,
			  "%s: %s", rows[i].name, err.text);
		bench_release(&b);
	}
}

Test(journal, stores_are_fresh_or_made_anew)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct message m[2];
	struct bench b;
	struct store_info info;
	bool fresh;
	int64_t first, again, changed;

	m[0] = message_of("0", "a", "who", "1", 500);
	m[1] = message_of("500", NULL, "who", "2", 600);
	bench_init(&b);
	start_run(&b, RUN_RUN);
	first = add_store(&b, "/mail", "Work/a\\b", ROLE_NONE, m, 2);
	start_run(&b, RUN_RUN);
	again = store_begin(&b, "/mail", "Work/a\\b", ROLE_NONE, "fp", &fresh);
	cr_expect(fresh && again == first, "same fingerprint: used again");
	yes(journal_store_next(b.j, b.run, 0, &a, &info, &err));
	cr_expect(info.found == 2 && info.depth == 2 && strcmp(info.folder[1], "a\\b") == 0);
	changed = store_begin(&b, "/mail", "Work/a\\b", ROLE_NONE, "other", &fresh);
	cr_expect(!fresh && changed != first, "another fingerprint: scanned again");
	cr_expect(journal_item_add(b.j, first, &m[0], &err) == -1, "only the open store is filled");
	/* a scan that was not finished is no good */
	start_run(&b, RUN_RUN);
	cr_expect(store_begin(&b, "/mail", "Work/a\\b", ROLE_NONE, "other", &fresh) != changed &&
		  !fresh);
	/* an empty fingerprint is never fresh */
	again = store_begin(&b, "/mail", "x", ROLE_NONE, "", &fresh);
	ok(journal_store_done(b.j, again, "", &err));
	cr_expect(store_begin(&b, "/mail", "x", ROLE_NONE, "", &fresh) != again && !fresh);
	bench_release(&b);
}

Test(journal, notices_come_back_with_cached_stores)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct run_notice n = { "expunged", 3, "/mail/Inbox", "3 messages" }, got;
	struct bench b;
	int64_t store, after = 0;

	bench_init(&b);
	start_run(&b, RUN_RUN);
	store = add_store(&b, "/mail", "Inbox", ROLE_INBOX, NULL, 0);
	ok(journal_notice_add(b.j, b.run, store, &n, &err));
	start_run(&b, RUN_RUN);
	cr_expect(add_store(&b, "/mail", "Inbox", ROLE_INBOX, NULL, 0) == store);
	ok(journal_notices_keep(b.j, b.run, store, &err));
	yes(journal_notice_next(b.j, b.run, &after, &a, &got, &err));
	cr_expect(got.count == 3 && strcmp(got.kind, "expunged") == 0);
	cr_expect(journal_notice_next(b.j, b.run, &after, &a, &got, &err) == 0);
	bench_release(&b);
}

Test(journal, folders_that_vanish_lose_their_index)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct bench b;
	struct remote_folder f;
	uint32_t n;
	int64_t inbox, work;

	bench_init(&b);
	ok(journal_folders_begin(b.j, &err));
	inbox = add_folder(&b, "INBOX", ROLE_INBOX);
	work = add_folder(&b, "Work", ROLE_NONE);
	add_remote(&b, work, 4, "id", "who", 10);
	add_remote(&b, work, 9, NULL, "who", 20);
	ok(journal_folders_end(b.j, &err));
	struct remote_row row;

	yes(journal_remote_next(b.j, work, 4, &a, &row, &err));
	cr_expect(row.uid == 9 && !row.keys.has_id && row.size == 20);
	cr_expect(journal_remote_next(b.j, work, 9, &a, &row, &err) == 0);
	ok(journal_folders_begin(b.j, &err));
	cr_expect(add_folder(&b, "INBOX", ROLE_INBOX) == inbox, "ids stay");
	ok(journal_folders_end(b.j, &err));
	ok(journal_remote_count(b.j, work, &n, &err));
	cr_expect(n == 0);
	yes(journal_folder_get(b.j, work, &a, &f, &err));
	cr_expect(!f.exists && f.uidnext == 0);
	yes(journal_folder_next(b.j, 0, &a, &f, &err));
	cr_expect(f.id == inbox);
	cr_expect(journal_folder_next(b.j, inbox, &a, &f, &err) == 0);
	bench_release(&b);
}

/* ---- uploads ---- */

static const struct plan_server server = { .prefix = "", .separator = '/' };
static const struct plan_options options;

static void plan_now(struct bench *b)
{
	struct match_options match = plan_match_options(&options, RUN_RUN);

	ok(plan_folders(b->j, b->run, &options, &server, &err));
	ok(match_prepare(b->j, b->run, &match, &err));
	ok(match_finish(b->j, b->run, &err));
	ok(plan_lines(b->j, b->run, &options, &server, &err));
}

static struct balance balance_of(struct bench *b)
{
	struct balance out;

	cr_assert(journal_balance(b->j, b->run, 0, &out, &err) == 0, "%s", err.text);
	return out;
}

static int64_t number_of(struct bench *b, const char *sql, int64_t id)
{
	sqlite3_stmt *st = db_stmt(journal_db(b->j), sql, &err);
	int64_t out;

	sqlite3_bind_int64(st, 1, id);
	cr_assert_eq(db_step(journal_db(b->j), st, &err), 1, "%s", err.text);
	out = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return out;
}

Test(journal, an_upload_goes_its_way)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct message m[5];
	struct bench b;
	struct remote_folder target;
	struct upload u[8];
	struct balance sum;
	int64_t cursor = 0, ids[8];

	for (int i = 0; i < 5; i++) {
		char *name = arena_printf(&a, "%d", i);

		m[i] = message_of(name, name, name, name, 100 + (uint64_t)i);
		m[i].flags.system = i % 2 ? FLAG_SEEN : 0;
	}
	m[4].flags.n_keywords = 2;
	m[4].flags.keywords[0] = "good";
	m[4].flags.keywords[1] = "b{d";
	bench_init(&b);
	ok(journal_folders_begin(b.j, &err));
	add_folder(&b, "INBOX", ROLE_INBOX);
	start_run(&b, RUN_RUN);
	add_store(&b, "/mail", "Work", ROLE_NONE, m, 5);
	plan_now(&b);
	yes(journal_target_next(b.j, b.run, 0, &a, &target, &err));
	cr_expect(strcmp(target.name, "Work") == 0 && !target.exists);
	cr_assert(journal_uploads_next(b.j, b.run, target.id, 8, &a, u, &cursor, &err) == 5, "%s",
		  err.text);
	cr_expect(journal_uploads_next(b.j, b.run, target.id, 8, &a, u + 5, &cursor, &err) == 0);
	/* equal flags together, then in scan order; tags that cannot go up are left out */
	static const char *const order[] = { "0", "2", "4", "1", "3" };

	for (int i = 0; i < 5; i++) {
		cr_expect(strcmp(u[i].locator, order[i]) == 0, "%d: %s", i, u[i].locator);
		ids[i] = u[i].id;
	}
	cr_expect(u[2].flags.n_keywords == 1 && strcmp(u[2].flags.keywords[0], "good") == 0);
	cr_expect(u[0].brief);
	yes(journal_upload_get(b.j, ids[0], &a, &u[0], &err));
	cr_expect(!u[0].brief && memcmp(&u[0].keys, &m[0].keys, sizeof(m[0].keys)) == 0);
	cr_expect(journal_upload_get(b.j, ids[4] + 1, &a, &u[0], &err) == 0);

	ok(journal_mark_inflight(b.j, ids, 5, 7, 1, &err));
	cr_expect(journal_mark_inflight(b.j, ids, 1, 7, 1, &err) == -1, "once only");
	ok(journal_mark_stored(b.j, ids, 2, 7, 11, &err));
	ok(journal_mark_planned(b.j, ids + 2, 1, &err));
	ok(journal_mark_refused(b.j, ids[3], "content", "NO bad", &err));
	ok(journal_mark_failed(b.j, ids[4], "gone", "not found", &err));
	cursor = 0;
	cr_expect(journal_uploads_next(b.j, b.run, target.id, 8, &a, u, &cursor, &err) == 1);
	cr_expect(u[0].id == ids[2]);
	cursor = 0;
	cr_expect(journal_unkept_next(b.j, b.run, 8, &a, u, &cursor, &err) == 1);
	ok(journal_mark_kept(b.j, ids[3], &err));
	cursor = 0;
	cr_expect(journal_unkept_next(b.j, b.run, 8, &a, u, &cursor, &err) == 0);
	sum = balance_of(&b);
	cr_expect(sum.found == 5 && sum.outcome[OUTCOME_UPLOADED] == 2 &&
		  sum.outcome[OUTCOME_OPEN] == 1 && sum.outcome[OUTCOME_REFUSED] == 1 &&
		  sum.outcome[OUTCOME_FAILED] == 1);
	cr_expect(!balance_adds_up(&sum), "something is open");
	ok(journal_mark_inflight(b.j, ids + 2, 1, 7, 13, &err));
	ok(journal_mark_stored(b.j, ids + 2, 1, 7, 0, &err));
	sum = balance_of(&b);
	cr_expect(balance_adds_up(&sum));

	/* verification: those without a UID first */
	yes(journal_verify_target_next(b.j, b.run, 0, &a, &target, &err));
	cursor = 0;
	cr_assert(journal_stored_next(b.j, b.run, target.id, 7, 2, &a, u, &cursor, &err) == 2);
	cr_expect(u[0].uid == 0 && u[1].uid == 11);
	cr_assert(journal_stored_next(b.j, b.run, target.id, 7, 2, &a, u, &cursor, &err) == 1);
	cr_expect(u[0].uid == 12);
	ok(journal_mark_verified(b.j, ids, 2, &err));
	ok(journal_mark_differs(b.j, ids[2], "size", &err));
	sum = balance_of(&b);
	cr_expect(sum.verified == 2 && sum.differs == 1);
	bench_release(&b);
}

/* Ids that follow each other are marked together, others by themselves; each gets the sequence
 * number and the UID of its place in the batch. */
Test(journal, marks_follow_the_batch)
{
	static const struct {
		const char *name;
		size_t n, order[6]; /* of the uploads 0..5 in the plan */
		uint32_t first_uid; /* 0: not told */
	} rows[] = {
		{ "all in order", 6, { 0, 1, 2, 3, 4, 5 }, 11 },
		{ "backwards", 6, { 5, 4, 3, 2, 1, 0 }, 11 },
		{ "with gaps", 4, { 0, 1, 3, 5 }, 11 },
		{ "a piece that comes later", 5, { 3, 4, 0, 1, 2 }, 11 },
		{ "without UIDs", 4, { 1, 2, 4, 5 }, 0 },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
		int64_t cursor = 0, ids[6], uid, seq, before = 0, remote, target, state;
		struct message m[6];
		struct upload u[6];
		struct bench b;

		for (int i = 0; i < 6; i++) {
			char *name = arena_printf(&a, "%d", i);

			m[i] = message_of(name, name, name, name, 100);
		}
		bench_init(&b);
		start_run(&b, RUN_RUN);
		add_store(&b, "/mail", "Work", ROLE_NONE, m, 6);
		plan_now(&b);
		ok(db_int(journal_db(b.j), "SELECT folder FROM run_target", &target, &err));
		cr_assert(journal_uploads_next(b.j, b.run, target, 6, &a, u, &cursor, &err) == 6);
		for (size_t i = 0; i < rows[r].n; i++)
			ids[i] = u[rows[r].order[i]].id;
		ok(journal_mark_inflight(b.j, ids, rows[r].n, 7, 11, &err));
		for (size_t i = 0; i < rows[r].n; i++, before = seq) {
			seq = number_of(&b,
					"SELECT seq + ?1 - first FROM inflight"
					" WHERE ?1 BETWEEN first AND last",
					ids[i]);
			cr_expect(seq == before + 1, "%s: %zu", rows[r].name, i);
		}
		ok(journal_mark_stored(b.j, ids, rows[r].n, 7, rows[r].first_uid, &err));
		for (size_t i = 0; i < rows[r].n; i++) {
			uint32_t want = rows[r].first_uid ? rows[r].first_uid + (uint32_t)i : 0;

			uid = number_of(&b, "SELECT uid FROM upload WHERE id = ?", ids[i]);
			remote = number_of(
				&b,
				"SELECT coalesce(remote & 4294967295, 0) FROM line WHERE id = ?",
				ids[i]);
			cr_expect(uid == want && remote == want, "%s: %zu", rows[r].name, i);
		}
		ok(db_int(journal_db(b.j), "SELECT count(*) FROM upload WHERE state = 2", &state,
			  &err));
		cr_expect(state == (int64_t)rows[r].n, "%s: no others", rows[r].name);
		cr_expect(balance_of(&b).outcome[OUTCOME_UPLOADED] == rows[r].n, "%s",
			  rows[r].name);
		bench_release(&b);
	}
}

Test(journal, doubts_survive_the_process)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct message m[3];
	struct bench b;
	struct remote_folder target;
	struct upload u[4];
	struct balance sum;
	int64_t cursor = 0, ids[3];

	for (int i = 0; i < 3; i++) {
		char *name = arena_printf(&a, "%d", i);

		m[i] = message_of(name, name, name, name, 100);
	}
	bench_init(&b);
	start_run(&b, RUN_RUN);
	add_store(&b, "/mail", "Work", ROLE_NONE, m, 3);
	plan_now(&b);
	yes(journal_target_next(b.j, b.run, 0, &a, &target, &err));
	cr_assert(journal_uploads_next(b.j, b.run, target.id, 3, &a, u, &cursor, &err) == 3);
	for (int i = 0; i < 3; i++)
		ids[i] = u[i].id;
	ok(journal_mark_inflight(b.j, ids, 3, 7, 40, &err));
	journal_close(b.j); /* as if killed */
	bench_open(&b);

	yes(journal_doubt_target_next(b.j, 0, &a, &target, &err));
	cursor = 0;
	cr_assert(journal_doubts_next(b.j, target.id, 2, &a, u, &cursor, &err) == 2);
	cr_expect(u[0].id == ids[0] && u[0].seq < u[1].seq && u[0].base_uidnext == 40);
	cr_assert(journal_doubts_next(b.j, target.id, 2, &a, u, &cursor, &err) == 1);
	ok(journal_mark_stored(b.j, ids, 1, 7, 40, &err));
	ok(journal_mark_planned(b.j, ids + 1, 1, &err));
	/* a third stays in doubt (its folder cannot be opened): neither sent nor forgotten */
	start_run(&b, RUN_RUN);
	add_store(&b, "/mail", "Work", ROLE_NONE, m, 3);
	plan_now(&b);
	sum = balance_of(&b);
	cr_expect(sum.outcome[OUTCOME_PRESENT] == 1 && sum.outcome[OUTCOME_OPEN] == 1 &&
		  sum.outcome[OUTCOME_FAILED] == 1);
	cursor = 0;
	cr_assert(journal_uploads_next(b.j, b.run, target.id, 3, &a, u, &cursor, &err) == 1);
	cr_expect(u[0].id == ids[1]);
	/* what the killed run stored without verifying is this run's to verify */
	cursor = 0;
	cr_expect(journal_stored_next(b.j, b.run, target.id, 7, 3, &a, u, &cursor, &err) == 1 &&
		  u[0].id == ids[0]);
	ok(journal_mark_verified(b.j, ids, 1, &err));
	sum = balance_of(&b);
	cr_expect(sum.verified == 1 && sum.outcome[OUTCOME_PRESENT] == 1);
	bench_release(&b);
}

/* The folder that a message was stored in is gone, and its name now leads to another one, where the
 * same message is to go: what was stored stays known, what is to go goes. */
Test(journal, a_name_that_leads_elsewhere_now)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct message m[2] = { message_of("0", "a", "a", "1", 100),
				message_of("1", "b", "b", "2", 100) };
	struct remote_folder old, other, made = { .wire_name = "x", .name = "x", .separator = '/' };
	struct upload u[2];
	struct bench b;
	int64_t cursor = 0, into, united, stored, all;

	bench_init(&b);
	start_run(&b, RUN_RUN);
	add_store(&b, "/mail", "one", ROLE_NONE, m, 1);
	plan_now(&b);
	yes(journal_target_next(b.j, b.run, 0, &a, &old, &err));
	ok(journal_folder_created(b.j, b.run, old.id, &old, &into, &err));
	cr_assert(journal_uploads_next(b.j, b.run, old.id, 2, &a, u, &cursor, &err) == 1);
	ok(journal_mark_inflight(b.j, &u[0].id, 1, 7, 1, &err));
	ok(journal_mark_stored(b.j, &u[0].id, 1, 7, 1, &err));
	ok(journal_folders_begin(b.j, &err));
	ok(journal_folders_end(b.j, &err)); /* gone */

	start_run(&b, RUN_RUN);
	add_store(&b, "/other", "one", ROLE_NONE, m + 1, 1);
	add_store(&b, "/mail", "two", ROLE_NONE, m, 1);
	plan_now(&b);
	yes(journal_target_next(b.j, b.run, old.id, &a, &other, &err));
	ok(journal_folder_created(b.j, b.run, other.id, &made, &into, &err));
	ok(journal_folder_created(b.j, b.run, old.id, &made, &united, &err));
	cr_expect_eq(united, into);
	ok(db_int(journal_db(b.j), "SELECT count(*) FROM upload WHERE state = 2", &stored, &err));
	ok(db_int(journal_db(b.j), "SELECT count(*) FROM upload", &all, &err));
	cr_expect(stored == 1 && all == 3, "%lld stored of %lld", (long long)stored,
		  (long long)all);
	cursor = 0;
	cr_expect_eq(journal_uploads_next(b.j, b.run, into, 2, &a, u, &cursor, &err), 2);
	bench_release(&b);
}

Test(journal, two_names_that_become_one_folder)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct message m[2];
	struct bench b;
	struct remote_folder target, made = { .wire_name = "a_b", .name = "a_b", .separator = '/' };
	struct upload u[4];
	struct balance sum;
	struct renaming r;
	int64_t cursor, first, second;

	m[0] = message_of("0", "a", "a", "1", 100);
	m[1] = message_of("1", "b", "b", "2", 100);
	bench_init(&b);
	start_run(&b, RUN_RUN);
	add_store(&b, "/mail", "a.b", ROLE_NONE, m, 2);
	add_store(&b, "/mail", "a:b", ROLE_NONE, m, 1);
	plan_now(&b);
	yes(journal_target_next(b.j, b.run, 0, &a, &target, &err));
	ok(journal_folder_created(b.j, b.run, target.id, &made, &first, &err));
	cr_expect(first == target.id);
	yes(journal_target_next(b.j, b.run, first, &a, &target, &err));
	ok(journal_folder_created(b.j, b.run, target.id, &made, &second, &err));
	cr_expect(second == first, "one folder on the server, one here");
	cursor = 0;
	cr_expect(journal_uploads_next(b.j, b.run, first, 4, &a, u, &cursor, &err) == 2);
	cr_expect(journal_target_next(b.j, b.run, first, &a, &target, &err) == 0);
	sum = balance_of(&b);
	cr_expect(sum.found == 3 && sum.outcome[OUTCOME_OPEN] == 2 &&
		  sum.outcome[OUTCOME_DUPLICATE] == 1);
	yes(journal_renaming_next(b.j, b.run, 0, &a, &r, &err));
	cr_expect(strcmp(r.made, "a_b") == 0);
	/* and so does the next plan */
	start_run(&b, RUN_RUN);
	add_store(&b, "/mail", "a:b", ROLE_NONE, m, 1);
	plan_now(&b);
	yes(journal_target_next(b.j, b.run, 0, &a, &target, &err));
	cr_expect(target.id == first && target.exists);
	bench_release(&b);
}

Test(journal, our_uploads_join_the_index)
{
	static const struct {
		const char *name;
		uint32_t uidnext, messages;
		bool want;
	} rows[] = {
		{ "just ours", 3, 2, true },
		{ "somebody else's too", 4, 3, false },
		{ "one came and one went", 4, 2, false },
		{ "one of ours vanished", 3, 1, false },
	};
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct message m[2] = { message_of("0", "a", "a", "1", 100),
				message_of("1", NULL, "b", "2", 100) };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench b;
		struct remote_folder target;
		struct upload u[2];
		int64_t cursor = 0, ids[2];
		bool complete = !rows[i].want;
		uint32_t n;

		bench_init(&b);
		start_run(&b, RUN_RUN);
		add_store(&b, "/mail", "Work", ROLE_NONE, m, 2);
		plan_now(&b);
		yes(journal_target_next(b.j, b.run, 0, &a, &target, &err));
		cr_assert(journal_uploads_next(b.j, b.run, target.id, 2, &a, u, &cursor, &err) ==
			  2);
		ids[0] = u[0].id;
		ids[1] = u[1].id;
		ok(journal_mark_inflight(b.j, ids, 2, 7, 1, &err));
		ok(journal_mark_stored(b.j, ids, 2, 7, 1, &err));
		ok(journal_folder_absorb(b.j, target.id, 7, rows[i].uidnext, rows[i].messages,
					 &complete, &err));
		cr_expect(complete == rows[i].want, "%s", rows[i].name);
		ok(journal_remote_count(b.j, target.id, &n, &err));
		cr_expect(n == (rows[i].want ? 2 : 0), "%s", rows[i].name);
		bench_release(&b);
	}
}

Test(journal, old_runs_are_cleared_but_not_what_they_did)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct message m[2] = { message_of("0", "a", "a", "1", 100),
				message_of("1", "b", "b", "2", 100) };
	struct bench b;
	struct remote_folder target;
	struct upload u[2];
	struct balance sum;
	struct line line;
	struct line_cursor lines;
	struct run run;
	int64_t cursor = 0, first, n;

	bench_init(&b);
	start_run(&b, RUN_RUN);
	first = b.run;
	add_store(&b, "/mail", "Work", ROLE_NONE, m, 2);
	plan_now(&b);
	yes(journal_target_next(b.j, b.run, 0, &a, &target, &err));
	cr_assert(journal_uploads_next(b.j, b.run, target.id, 1, &a, u, &cursor, &err) == 1);
	ok(journal_mark_inflight(b.j, &u[0].id, 1, 7, 1, &err));
	ok(journal_mark_stored(b.j, &u[0].id, 1, 7, 1, &err));
	ok(journal_run_finish(b.j, b.run, 0, &err));
	for (int i = 0; i < 8; i++) {
		bool fresh;
		char fingerprint[8];
		int64_t store;

		snprintf(fingerprint, sizeof(fingerprint), "%d", i / 3);
		start_run(&b, RUN_PLAN);
		store = store_begin(&b, "/mail", "Work", ROLE_NONE, fingerprint, &fresh);
		if (!fresh) {
			for (int k = 0; k < 2; k++)
				ok(journal_item_add(b.j, store, &m[k], &err));
			ok(journal_store_done(b.j, store, fingerprint, &err));
		}
		plan_now(&b);
		ok(journal_run_finish(b.j, b.run, 0, &err));
		sum = balance_of(&b);
		cr_expect(sum.found == 2 && sum.outcome[OUTCOME_PRESENT] == 1, "run %d", i);
	}
	yes(journal_run_get(b.j, first, &a, &run, &err));
	cr_expect(!run.whole && run.exit_status == 0 && run.finished != TIME_NONE);
	ok(journal_balance(b.j, first, 0, &sum, &err));
	cr_expect(sum.found == 2 && sum.outcome[OUTCOME_UPLOADED] == 1 &&
			  sum.outcome[OUTCOME_OPEN] == 1,
		  "the balance stays");
	ok(journal_lines_begin(b.j, first, LINES_ALL, &lines, &err));
	yes(journal_lines_next(b.j, &lines, &a, &line, &err));
	cr_expect(line.outcome == OUTCOME_UPLOADED && strcmp(line.locator, u[0].locator) == 0 &&
			  line.uid == 1,
		  "so does what was uploaded");
	cr_expect(journal_lines_next(b.j, &lines, &a, &line, &err) == 0);
	journal_lines_end(&lines);
	ok(journal_balance(b.j, first + 1, 0, &sum, &err));
	cr_expect(sum.found == 2 && sum.outcome[OUTCOME_PRESENT] == 1, "a run that did nothing");
	ok(db_int(journal_db(b.j), "SELECT count(*) FROM item", &n, &err));
	cr_expect(n < 8, "items of old scans are gone: %lld left", (long long)n);
	yes(journal_run_previous(b.j, 0, &a, &run, &err));
	cr_expect(run.id == b.run && run.kind == RUN_PLAN && run.whole);
	bench_release(&b);
}

Test(journal, a_full_disk_is_said_clearly_and_loses_nothing)
{
	struct message m = message_of("0", "a", "a", "1", 100);
	struct bench b;
	int64_t before, after, store;
	bool fresh;
	int result = 0;

	bench_init(&b);
	start_run(&b, RUN_RUN);
	add_store(&b, "/mail", "Inbox", ROLE_INBOX, &m, 1);
	ok(db_int(journal_db(b.j), "SELECT count(*) FROM item", &before, &err));
	ok(db_exec(journal_db(b.j), "PRAGMA max_page_count=60", &err));
	ok(journal_begin(b.j, &err));
	store = store_begin(&b, "/mail", "Work", ROLE_NONE, "fp", &fresh);
	for (int i = 0; i < 100000 && result == 0; i++)
		result = journal_item_add(b.j, store, &m, &err);
	cr_expect(result == -1 && err.code == ERR_CANTCREAT && strstr(err.text, "full"), "%s",
		  err.text);
	journal_rollback(b.j);
	journal_close(b.j);
	bench_open(&b);
	ok(db_int(journal_db(b.j), "SELECT count(*) FROM item", &after, &err));
	cr_expect(before == after);
	bench_release(&b);
}

static int64_t remote_indexes(const struct bench *b)
{
	int64_t n;

	ok(db_int(journal_db(b->j),
		  "SELECT count(*) FROM sqlite_master WHERE type = 'index'"
		  " AND tbl_name = 'remote'",
		  &n, &err));
	return n;
}

Test(journal, many_rows_of_the_server_are_sorted_at_their_end)
{
	struct bench b;
	struct {
		const char *name;
		uint64_t rows;
		uint32_t have;
		bool put_off;
	} cases[] = {
		{ "few", 999, 0, false },
		{ "many", 1000, 0, true },
		{ "many, but few beside those that are there", 1000, 4000, false },
		{ "as many again", 2000, 4000, true },
	};

	bench_init(&b);
	ok(journal_folders_begin(b.j, &err));
	int64_t folder = add_folder(&b, "INBOX", ROLE_INBOX);
	int64_t all = remote_indexes(&b);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(journal_folder_indexed(b.j, folder, 1, 1, cases[i].have, 0, &err));
		ok(journal_remote_load(b.j, cases[i].rows, &err));
		cr_expect((remote_indexes(&b) < all) == cases[i].put_off, "%s", cases[i].name);
		ok(journal_remote_loaded(b.j, &err));
		cr_expect(remote_indexes(&b) == all, "%s: sorted at the end", cases[i].name);
	}
	ok(journal_remote_load(b.j, 1000000, &err));
	cr_expect(remote_indexes(&b) < all);
	journal_close(b.j); /* killed in the middle */
	bench_open(&b);
	cr_expect(remote_indexes(&b) == all, "the next one makes up for it");
	bench_release(&b);
}

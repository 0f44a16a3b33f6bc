/*
 * Single messages are looked up, not sought: the plans of the queries, as SQLite makes them without
 * statistics.
 */
#include "test_journal_support.h"

#include "journal/flags.h"
#include "journal/lookup.h"
#include "journal/undo.h"
#include "match/work.h"

/* Does the query go through a range of the index? */
static bool looks_through(struct sqlite3 *sqlite, const char *sql, const char *range)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	const char *explain = arena_printf(&a, "EXPLAIN QUERY PLAN %s", sql);
	sqlite3_stmt *st;
	bool found = false;

	cr_assert(sqlite3_prepare_v2(sqlite, explain, -1, &st, NULL) == SQLITE_OK, "%s: %s",
		  explain, sqlite3_errmsg(sqlite));
	while (sqlite3_step(st) == SQLITE_ROW)
		found |= strstr((const char *)sqlite3_column_text(st, 3), range) != NULL;
	sqlite3_finalize(st);
	return found;
}

/* All queries that the journal has prepared. */
static size_t check_all(struct journal *j)
{
	struct sqlite3 *sqlite = journal_db(j)->sqlite;
	size_t n = 0;

	for (sqlite3_stmt *st = NULL; (st = sqlite3_next_stmt(sqlite, st));) {
		const char *sql = sqlite3_sql(st);

		if (!strstr(sql, "upload") || !strstr(sql, "uid = "))
			continue;
		n++;
		cr_expect(!looks_through(sqlite, sql, "upload_uid (folder=? AND uid>?)"),
			  "through all uploads of a folder: %s", sql);
	}
	return n;
}

Test(journal, the_upload_of_one_uid_is_looked_up)
{
	static const enum wanted_by by[] = { WANTED_BY_FIELDS, WANTED_BY_ID, WANTED_BY_SIZE };
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct match_keys keys = keys_of("1", "1");
	struct remote_wanted wanted = { .uidvalidity = 7, .first_uid = 1, .keys = &keys };
	const char *name;
	struct bench b;
	uint64_t n;
	uint32_t uid;

	bench_init(&b);
	start_run(&b, RUN_UNDO);
	wanted.folder = add_folder(&b, "INBOX", ROLE_INBOX);
	for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++) {
		wanted.by = by[i];
		cr_expect(journal_remote_unclaimed(b.j, &wanted, &uid, &err) == 0, "%s", err.text);
	}
	cr_expect(journal_remote_elsewhere(b.j, &wanted, &a, &name, &err) == 0, "%s", err.text);
	ok(journal_flags_to_undo(b.j, b.run, &n, &err));
	ok(journal_flags_undo_prepare(b.j, b.run, &err));
	ok(journal_flag_change_end(b.j, 1, FLAG_CHANGE_DONE, NULL, &err));
	cr_assert(db_stmt(journal_db(b.j), "SELECT " MATCH_OURS("?1", "?2"), &err) != NULL, "%s",
		  err.text);
	cr_expect(check_all(b.j) == 8);
	bench_release(&b);
}

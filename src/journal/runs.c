/*
 * Runs: their beginning, their end, their list, and clearing up after old ones.
 * What clearing keeps stands in schema.c.
 */
#include "journal/private.h"

#include "base/fault.h"

int journal_run_start(struct journal *j, enum run_kind kind, const char *options_json, int64_t *run,
		      struct err *err)
{
	sqlite3_stmt *st;
	bool own;
	int result;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	result = runs_prune(j, err);
	st = db_stmt(&j->db, "INSERT INTO run(kind, options, started) VALUES (?, ?, ?)", err);
	if (result == 0 && st) {
		sqlite3_bind_int(st, 1, (int)kind);
		db_bind_text(st, 2, options_json ? options_json : "{}");
		sqlite3_bind_int64(st, 3, time_now());
		result = db_run(&j->db, st, err);
	}
	if (!st)
		result = -1;
	if (result == 0)
		*run = sqlite3_last_insert_rowid(j->db.sqlite);
	return tx_end(j, own, result, err);
}

static const char freeze[] =
	"INSERT OR REPLACE INTO run_balance"
	" SELECT l.run, l.store, l.outcome, count(*), sum(l.size), sum(l.verified = 1),"
	"  sum(l.verified = 2), sum(l.verified = 3) FROM run r JOIN line l ON l.id BETWEEN "
	"r.first_line AND r.last_line"
	" WHERE r.id = ? GROUP BY l.store, l.outcome";

static int run_id(struct journal *j, const char *sql, int64_t run, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db, sql, err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	return db_run(&j->db, st, err);
}

int journal_run_finish(struct journal *j, int64_t run, int exit_status, struct err *err)
{
	sqlite3_stmt *st;
	bool own;
	int result;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	result = journal_sorting(j, true, err); /* for the report, too */
	if (result == 0)
		result = run_id(j, freeze, run, err);
	st = db_stmt(&j->db, "UPDATE run SET finished = ?, exit_status = ? WHERE id = ?", err);
	if (result == 0 && st) {
		sqlite3_bind_int64(st, 1, time_now());
		sqlite3_bind_int(st, 2, exit_status);
		sqlite3_bind_int64(st, 3, run);
		result = db_run(&j->db, st, err);
	}
	fault_point("journal-run-finish");
	return tx_end(j, own, st ? result : -1, err);
}

/* ---- the list ---- */

static int read_run(sqlite3_stmt *st, struct arena *a, struct run *out, struct err *err)
{
	struct run r = { 0 };

	r.id = sqlite3_column_int64(st, 0);
	r.kind = (enum run_kind)sqlite3_column_int(st, 1);
	r.options_json = db_text(a, st, 2);
	r.started = sqlite3_column_int64(st, 3);
	r.finished = column_time(st, 4);
	r.exit_status = sqlite3_column_int(st, 5);
	r.whole = !sqlite3_column_int(st, 6) && sqlite3_column_int64(st, 7) > 0;
	sqlite3_reset(st);
	if (!r.options_json)
		return err_nomem(err);
	*out = r;
	return 1;
}

#define RUN_COLUMNS "id, kind, options, started, finished, exit_status, pruned, first_line"

int journal_run_previous(struct journal *j, int64_t before, struct arena *a, struct run *out,
			 struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT " RUN_COLUMNS " FROM run WHERE id < ?"
				   " ORDER BY id DESC LIMIT 1",
				   err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, before > 0 ? before : INT64_MAX);
	got = one_row(j, st, err);
	return got <= 0 ? got : read_run(st, a, out, err);
}

int journal_run_get(struct journal *j, int64_t run, struct arena *a, struct run *out,
		    struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db, "SELECT " RUN_COLUMNS " FROM run WHERE id = ?", err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	got = one_row(j, st, err);
	return got <= 0 ? got : read_run(st, a, out, err);
}

/* ---- clearing up ---- */

/* Lines of one old run: keep what happened (uploads, refusals, failures, findings). */
static int clear_run(struct journal *j, int64_t run, struct err *err)
{
	static const char *const steps[] = {
		/* a killed run was never summed up */
		"INSERT OR IGNORE INTO run_balance"
		" SELECT l.run, l.store, l.outcome, count(*), sum(l.size), sum(l.verified = 1),"
		"  sum(l.verified = 2), sum(l.verified = 3) FROM run r"
		"  JOIN line l ON l.id BETWEEN r.first_line AND r.last_line"
		" WHERE r.id = ? AND r.finished IS NULL GROUP BY l.store, l.outcome",
		/* what is in flight still needs its line: 1, 3, 6, 7 uploaded, filed, refused,
		 * failed */
		"DELETE FROM line WHERE id IN (SELECT l.id FROM run r"
		"  JOIN line l ON l.id BETWEEN r.first_line AND r.last_line WHERE r.id = ?"
		"  AND l.outcome NOT IN (1, 3, 6, 7) AND l.verified < 2"
		"  AND NOT EXISTS (SELECT 1 FROM upload u WHERE u.id = l.upload AND u.state = 1"
		"   AND u.line = l.id))",
		"DELETE FROM notice WHERE run = ?",
		"DELETE FROM run_target WHERE run = ?",
		"DELETE FROM pop_leftover WHERE run = ?",
		"UPDATE run SET pruned = 1 WHERE id = ?",
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (run_id(j, steps[i], run, err) < 0)
			return -1;
	return 0;
}

/* A cleared run in which nothing happened needs no sums by store either: fold them into one row. */
static int fold_balances(struct journal *j, struct err *err)
{
	return db_exec(
		&j->db,
		"CREATE TEMP TABLE folded AS SELECT id FROM run r WHERE pruned = 1"
		"  AND NOT EXISTS (SELECT 1 FROM line l"
		"   WHERE l.id BETWEEN r.first_line AND r.last_line);"
		"INSERT INTO run_balance SELECT run, 0, outcome, sum(n), sum(bytes), sum(verified),"
		"  sum(differs), sum(changed) FROM run_balance WHERE run IN folded AND store <> 0"
		"  GROUP BY run, outcome;"
		"DELETE FROM run_balance WHERE run IN folded AND store <> 0;"
		"UPDATE run SET pruned = 2, found = (SELECT coalesce(sum(s.found), 0)"
		"  FROM run_store x JOIN store s ON s.id = x.store WHERE x.run = run.id)"
		"  WHERE id IN folded;"
		"DELETE FROM run_store WHERE run IN folded;"
		"DROP TABLE folded;",
		err);
}

/* Items of superseded scans, once no run that is still whole uses them and no line names them; then
 * the stores themselves. */
static int clear_stores(struct journal *j, struct err *err)
{
	int64_t n;

	if (db_exec(&j->db,
		    "CREATE TEMP TABLE loose AS SELECT id FROM store WHERE gone = 1"
		    " AND id NOT IN (SELECT x.store FROM run_store x JOIN run r ON r.id = x.run"
		    "  WHERE r.pruned = 0)",
		    err) < 0 ||
	    db_int(&j->db, "SELECT count(*) FROM loose", &n, err) < 0)
		return -1;
	if (n > 0 && db_exec(&j->db,
			     "DELETE FROM item WHERE id IN (SELECT i.id FROM loose"
			     "  JOIN store s ON s.id = loose.id JOIN item i"
			     "  ON i.id BETWEEN s.first_item AND s.last_item AND i.store = s.id)"
			     " AND id NOT IN (SELECT item FROM line)"
			     " AND id NOT IN (SELECT item FROM upload WHERE state = 1);"
			     "UPDATE store SET gone = 2 WHERE id IN loose;",
			     err) < 0)
		return -1;
	return db_exec(&j->db,
		       "DROP TABLE loose;"
		       "DELETE FROM store WHERE gone = 2"
		       " AND id NOT IN (SELECT store FROM run_store)",
		       err);
}

int runs_prune(struct journal *j, struct err *err)
{
	int64_t cleared = 0, before = 0;

	_Static_assert(RUNS_KEPT_WHOLE == 4, "as in the texts below");
	for (;;) {
		sqlite3_stmt *st =
			db_stmt(&j->db,
				"SELECT id FROM run WHERE pruned = 0 AND id > ?"
				" AND id NOT IN (SELECT id FROM run ORDER BY id DESC LIMIT 3)"
				" ORDER BY id LIMIT 1",
				err);
		int got;

		if (!st)
			return -1;
		sqlite3_bind_int64(st, 1, before);
		got = one_row(j, st, err);
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		before = sqlite3_column_int64(st, 0);
		sqlite3_reset(st);
		if (clear_run(j, before, err) < 0)
			return -1;
		cleared++;
	}
	if (cleared > 0 && fold_balances(j, err) < 0)
		return -1;
	return clear_stores(j, err);
}

/*
 * A saved plan is carried out by taking its lines over, where planning anew could
 * only come to the same lines.
 *
 * Planning reads the journal, the options, and a few facts of the server; it looks
 * at nothing else. So a plan notes what it rests on, as one checksum (run.basis): the
 * stores and their targets, the folders of the server and the state their index is in,
 * the settings. A run that begins right behind the plan, has read no folder of the
 * server again and finds the same basis would repeat the plan line by line.
 *
 * A plan that is not sure to be repeated notes none: what an interrupted run has left
 * in flight is settled before a run plans, comparisons that failed are tried again, and
 * what rests on UIDLs is proven first.
 */
#include "plan/internal.h"

#include "match/work.h"
#include "message/checksum.h"
#include "message/keys.h"

#define BASIS_ROW_MAX ((size_t)1 << 20)

/* ---- what a plan rests on ---- */

static void add_settings(const struct planning *p, struct buf *text)
{
	const struct match_options o = plan_match_options(p->options, p->kind);
	const struct plan_server *s = p->server;

	buf_addf(text, "%s %d %s\x1f%d %llu %d %d %d\x1f", MAILHOIST_VERSION, MATCH_RULES_VERSION,
		 s->prefix ? s->prefix : "", s->separator, (unsigned long long)s->append_limit,
		 s->any_case, s->can_take_away, s->rewrites_headers);
	buf_addf(text, "%d %d %d %d %d %d %d %d %d", plan_files(p), o.keep_duplicates,
		 o.duplicate_into_folders, p->options->duplicate_into_folders, o.include_deleted,
		 o.include_outbox, o.include_feeds, o.include_partial, o.no_uidl);
}

/* Every column of every row; ?1 is the run. */
static int add_rows(const struct planning *p, struct checksum *sum, const char *sql,
		    struct err *err)
{
	CLEANUP(buf_release) struct buf row = BUF_INIT(BASIS_ROW_MAX);
	sqlite3_stmt *st = db_stmt(p->db, sql, err);
	int got;

	if (!st)
		return -1;
	if (sqlite3_bind_parameter_count(st) > 0)
		sqlite3_bind_int64(st, 1, p->run);
	while ((got = db_step(p->db, st, err)) > 0) {
		buf_reset(&row);
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			buf_add_slice(&row, db_blob(st, i));
			buf_addc(&row, '\x1f');
		}
		if (buf_ok(&row, "what the plan rests on", err) < 0) {
			sqlite3_reset(st);
			return -1;
		}
		checksum_add(sum, buf_slice(&row));
	}
	return got;
}

static int add_all(const struct planning *p, struct checksum *sum, struct err *err)
{
	static const char *const tables[] = {
		"SELECT store, target FROM run_store WHERE run = ?1 ORDER BY store",
		"SELECT id, wire_name, name, separator, attributes, role, listed, gone, indexed,"
		" uidvalidity, uidnext, messages, highestmodseq FROM folder ORDER BY id",
		"SELECT uidl, fate FROM pop_uidl ORDER BY uidl",
	};
	CLEANUP(buf_release) struct buf settings = BUF_INIT(BASIS_ROW_MAX);

	add_settings(p, &settings);
	if (buf_ok(&settings, "what the plan rests on", err) < 0)
		return -1;
	checksum_start(sum);
	checksum_add(sum, buf_slice(&settings));
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (add_rows(p, sum, tables[i], err) < 0)
			return -1;
	return 0;
}

static int basis(const struct planning *p, uint8_t out[CHECKSUM_LEN], struct err *err)
{
	struct checksum *sum = checksum_new();
	int result;

	if (!sum)
		return err_nomem(err);
	result = add_all(p, sum, err);
	if (result == 0)
		checksum_end(sum, out);
	checksum_free(sum);
	return result;
}

/* ---- a plan notes it ---- */

/* Would a run that writes come to the same lines? 1, 0, -1. */
static int repeats(const struct planning *p, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		p->db,
		"SELECT NOT EXISTS (SELECT 1 FROM upload INDEXED BY upload_inflight WHERE state ="
		"  1)"
		" AND NOT EXISTS (SELECT 1 FROM candidate WHERE verdict IN (0, 3))"
		" AND NOT EXISTS (SELECT 1 FROM pop_list)"
		" AND NOT EXISTS (SELECT 1 FROM pop_uidl WHERE remote IS NOT NULL)"
		" AND (NOT EXISTS (SELECT 1 FROM remote) OR NOT EXISTS (SELECT 1 FROM notice"
		"  WHERE run = :run AND kind = 'uidl-join'))"
		/* `apply` files where the plan was to show it only, and gives another reason */
		" AND NOT EXISTS (SELECT 1 FROM line WHERE id BETWEEN :first AND :last"
		"  AND (level = 1 OR (action = 2 AND reason = '" REASON_UNFILED "')))",
		err);
	int result;

	_Static_assert(UPLOAD_INFLIGHT == 1 && VERDICT_OPEN == 0 && VERDICT_UNKNOWN == 3 &&
			       MATCH_UIDL == 1 && ACTION_ELSEWHERE == 2,
		       "as in the SQL");
	if (!st)
		return -1;
	plan_bind(st, ":run", p->run);
	plan_bind(st, ":first", p->base + 1);
	plan_bind(st, ":last", p->base + p->lines);
	if (db_step(p->db, st, err) <= 0)
		return -1;
	result = sqlite3_column_int(st, 0);
	sqlite3_reset(st);
	return result;
}

int plan_note_basis(const struct planning *p, struct err *err)
{
	uint8_t sum[CHECKSUM_LEN];
	sqlite3_stmt *st;
	int got = repeats(p, err);

	if (got <= 0)
		return got;
	if (basis(p, sum, err) < 0)
		return -1;
	st = db_stmt(p->db, "UPDATE run SET basis = ? WHERE id = ?", err);
	if (!st)
		return -1;
	db_bind_blob(st, 1, sum, sizeof(sum));
	sqlite3_bind_int64(st, 2, p->run);
	return db_run(p->db, st, err);
}

/* ---- a run takes the lines over ---- */

int plan_is_repeated(const struct planning *p, struct err *err)
{
	uint8_t sum[CHECKSUM_LEN];
	sqlite3_stmt *st;
	int got;

	/* not even a run that wrote nothing lies between: its index may be newer than the plan */
	if (p->kind != RUN_APPLY || p->options->only_run != p->run - 1)
		return 0;
	if (basis(p, sum, err) < 0)
		return -1;
	st = db_stmt(p->db,
		     "SELECT 1 FROM run WHERE id = ? AND kind = ? AND basis = ? AND pruned = 0",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, p->options->only_run);
	sqlite3_bind_int(st, 2, RUN_PLAN);
	db_bind_blob(st, 3, sum, sizeof(sum));
	got = db_step(p->db, st, err);
	sqlite3_reset(st);
	return got;
}

static int of_plan(const struct planning *p, const char *sql, int64_t shift, struct err *err)
{
	sqlite3_stmt *st = db_stmt(p->db, sql, err);

	if (!st)
		return -1;
	plan_bind(st, ":plan", p->options->only_run);
	plan_bind(st, ":run", p->run);
	plan_bind(st, ":shift", shift);
	return db_run(p->db, st, err);
}

/* The id of the first line, the next that AUTOINCREMENT would give, and how far it lies from the
 * one of the plan. Known beforehand, a line can name its upload, whose id it is. */
static int next_line(const struct planning *p, int64_t *first, int64_t *shift, struct err *err)
{
	sqlite3_stmt *st = db_stmt(p->db,
				   "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name ="
				   " 'line'), 0) + 1, first_line FROM run WHERE id = ?",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, p->options->only_run);
	if (db_step(p->db, st, err) <= 0)
		return -1;
	*first = sqlite3_column_int64(st, 0);
	*shift = *first - sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	return 0;
}

/* A plan names no uploads that are still to be made: those of earlier runs that did not come to be
 * are made again. */
static int take_lines(struct planning *p, struct err *err)
{
	int64_t first, shift;

	if (next_line(p, &first, &shift, err) < 0 ||
	    of_plan(p,
		    "INSERT INTO line(id, run, item, store, target, copy, action, level, outcome,"
		    " size, upload, remote, twin, reason)"
		    " SELECT l.id + :shift, :run, l.item, l.store, l.target, l.copy, l.action,"
		    " l.level, l.outcome, l.size, CASE WHEN l.action NOT IN (0, 6) THEN l.upload"
		    "  WHEN EXISTS (SELECT 1 FROM upload) THEN coalesce((SELECT u.id FROM item i"
		    "   CROSS JOIN upload u ON u.folder = l.target AND u.sha256 = i.sha256"
		    "   AND u.copy = l.copy WHERE i.id = l.item), l.id + :shift)"
		    "  ELSE l.id + :shift END, l.remote, l.twin, l.reason FROM run r"
		    " CROSS JOIN line l ON l.id BETWEEN r.first_line AND r.last_line"
		    " WHERE r.id = :plan ORDER BY l.id",
		    shift, err) < 0)
		return -1;
	plan_count_lines(p);
	if (p->lines > 0 && p->base + 1 != first)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "lines of plan %lld are missing in the journal: make a new one",
			       (long long)p->options->only_run);
	return 0;
}

int plan_take_lines(struct planning *p, struct err *err)
{
	if (take_lines(p, err) < 0)
		return -1;
	/* What planning tells, and what lies on the server alone: that has not changed either. */
	if (of_plan(p,
		    "INSERT INTO notice(run, store, kind, count, location, text)"
		    " SELECT :run, store, kind, count, location, text FROM notice WHERE run = :plan"
		    " AND kind IN ('uidl-join', 'keywords-dropped', 'maybe-same') ORDER BY id",
		    0, err) < 0)
		return -1;
	return of_plan(p, "UPDATE server_only SET run = :run WHERE run = :plan", 0, err);
}

int plan_find_twins(const struct planning *p, struct err *err)
{
	if (db_exec(p->db, "DELETE FROM work", err) < 0 ||
	    plan_over_lines(p,
			    "INSERT INTO work(item, first, copy) SELECT item, twin, 1 FROM line"
			    " WHERE id BETWEEN :first AND :last AND action = 3",
			    err) < 0)
		return -1;
	/* 2: stored, however long ago */
	return plan_over_lines(p,
			       "INSERT INTO work(item, first, copy, state) SELECT item, item, 0,"
			       " iif(action = 1 AND level = 5, 2, NULL) FROM line WHERE id BETWEEN"
			       " :first AND :last AND item IN (SELECT first FROM work)",
			       err);
}

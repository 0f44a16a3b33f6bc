/*
 * Taking back what a run did. See undo.h.
 */
#include "journal/undo.h"

#include <inttypes.h>
#include <stdio.h>

#include "journal/private.h"

/* Not what was there before it was sent: Gmail makes one message of two that have one Message-ID.
 */
#define UNDOABLE                                                                                   \
	" FROM run r CROSS JOIN line l ON l.id BETWEEN r.first_line AND r.last_line"               \
	" AND l.outcome IN (1, 3) CROSS JOIN upload u ON u.id = l.upload AND u.state IN (2, 3)"    \
	" AND (u.uid = 0 OR u.uid >= u.base_uidnext)"
_Static_assert(OUTCOME_UPLOADED == 1 && OUTCOME_FILED == 3 && UPLOAD_STORED == 2 &&
		       UPLOAD_VERIFIED == 3,
	       "as in the SQL");

int journal_undo_folder_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			     struct remote_folder *out, struct err *err)
{
	static const char sql[] = "SELECT " FOLDER_COLUMNS
				  " FROM folder f WHERE f.id = (SELECT min(u.folder)" UNDOABLE
				  " WHERE r.id = ?1 AND u.folder > ?2 AND u.uid > 0)";
	sqlite3_stmt *st;
	int got;

	got = row_after(j, sql, run, after, &st, err);
	return got <= 0 ? got : folder_read(st, a, out, err);
}

int journal_undo_state(struct journal *j, int64_t upload, struct undo_state *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		&j->db, "SELECT step, uidvalidity, base_uidnext FROM undo WHERE upload = ?", err);
	int got;

	*out = (struct undo_state){ 0 };
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, upload);
	got = one_row(j, st, err);
	if (got <= 0)
		return got;
	out->step = (enum undo_step)sqlite3_column_int(st, 0);
	out->uidvalidity = (uint32_t)sqlite3_column_int64(st, 1);
	out->base_uidnext = (uint32_t)sqlite3_column_int64(st, 2);
	sqlite3_reset(st);
	return 0;
}

int journal_undo_next(struct journal *j, int64_t run, int64_t folder, uint32_t after, size_t max,
		      struct arena *a, struct upload *out, struct undo_state *states,
		      struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT " UPLOAD_COLUMNS UNDOABLE
			" LEFT JOIN item i ON i.id = u.item LEFT JOIN store s ON s.id = i.store"
			" WHERE r.id = ?1 AND u.folder = ?2 AND u.uid > ?3 ORDER BY u.uid LIMIT ?4",
			err);
	int n;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, folder);
	sqlite3_bind_int64(st, 3, after);
	sqlite3_bind_int64(st, 4, (sqlite3_int64)max);
	n = uploads_read(j, st, max, a, out, err);
	for (int i = 0; i < n; i++)
		if (journal_undo_state(j, out[i].id, &states[i], err) < 0)
			return -1;
	return n;
}

int journal_undo_blind(struct journal *j, int64_t run, uint64_t *out, struct err *err)
{
	return count_of_run(j, "SELECT count(*)" UNDOABLE " WHERE r.id = ? AND u.uid = 0", run, out,
			    err);
}

static int begin_one(struct journal *j, int64_t upload, enum undo_step step, uint32_t uidvalidity,
		     uint32_t base_uidnext, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db, "INSERT OR REPLACE INTO undo VALUES (?, ?, ?, ?)", err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, upload);
	sqlite3_bind_int(st, 2, (int)step);
	sqlite3_bind_int64(st, 3, uidvalidity);
	sqlite3_bind_int64(st, 4, base_uidnext);
	return db_run(&j->db, st, err);
}

int journal_undo_begin(struct journal *j, const int64_t *uploads, size_t n, enum undo_step step,
		       uint32_t uidvalidity, uint32_t base_uidnext, struct err *err)
{
	bool own;
	int result = 0;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	for (size_t i = 0; i < n && result == 0; i++)
		result = begin_one(j, uploads[i], step, uidvalidity, base_uidnext, err);
	return tx_end(j, own, result, err);
}

static int end_one(struct journal *j, int64_t upload, int64_t by, struct err *err)
{
	static const char *const steps[] = {
		"UPDATE line SET text = 'taken back by run ' || ?2 WHERE upload = ?1"
		" AND id IN (SELECT l.id FROM run r JOIN line l"
		"  ON l.id BETWEEN r.first_line AND r.last_line WHERE l.upload = ?1)",
		"DELETE FROM upload WHERE id = ?1",
		"DELETE FROM undo WHERE upload = ?1",
		"DELETE FROM clearing WHERE upload = ?1",
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		sqlite3_stmt *st = db_stmt(&j->db, steps[i], err);

		if (!st)
			return -1;
		sqlite3_bind_int64(st, 1, upload);
		if (sqlite3_bind_parameter_count(st) > 1)
			sqlite3_bind_int64(st, 2, by);
		if (db_run(&j->db, st, err) < 0)
			return -1;
	}
	return 0;
}

int journal_undo_end(struct journal *j, const int64_t *uploads, size_t n, int64_t by,
		     struct err *err)
{
	bool own;
	int result = 0;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	for (size_t i = 0; i < n && result == 0; i++)
		result = end_one(j, uploads[i], by, err);
	return tx_end(j, own, result, err);
}

int journal_flags_to_undo(struct journal *j, int64_t run, uint64_t *out, struct err *err)
{
	return count_of_run(
		j,
		"SELECT count(*) FROM flag_change c"
		" JOIN folder f ON f.id = c.remote >> 32 AND f.uidvalidity = c.uidvalidity"
		" JOIN remote r ON r.id = c.remote"
		" WHERE c.run = ? AND c.state IN (0, 1)"
		" AND (c.added & r.flags <> 0 OR c.removed & ~r.flags <> 0"
		"  OR c.added_keywords IS NOT NULL OR c.removed_keywords IS NOT NULL)"
		" AND NOT EXISTS (SELECT 1 FROM upload u WHERE u.folder = c.remote >> 32"
		"  AND unlikely(u.uid = c.remote & 4294967295) AND u.uid > 0 AND u.method < 2"
		"  AND u.state IN (2, 3))",
		run, out, err);
}

int journal_flags_undone(struct journal *j, int64_t run, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "DELETE FROM merged WHERE remote IN"
				   " (SELECT remote FROM flag_change WHERE run = ? AND state = 3)",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	return db_run(&j->db, st, err);
}

int journal_flags_undo_prepare(struct journal *j, int64_t run, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		&j->db,
		"UPDATE flag_change SET state = 2 WHERE run = ? AND state = 1"
		" AND EXISTS (SELECT 1 FROM upload u WHERE u.folder = flag_change.remote >> 32"
		"  AND unlikely(u.uid = flag_change.remote & 4294967295) AND u.uid > 0"
		"  AND u.method < 2 AND u.state IN (2, 3))",
		err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	return db_run(&j->db, st, err);
}

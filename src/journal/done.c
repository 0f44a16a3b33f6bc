/*
 * What was done: the uploads that are in doubt, for recovery, and those that are on the
 * server, to be verified there or taken away from where they were.
 */
#include "journal/private.h"

/* UPLOAD_COLUMNS of a line that has no upload of ours: its item is on the server already. */
#define PRESENT_COLUMNS                                                                            \
	"0, l.id, s.kind, s.source, s.location, i.locator, i.sha256, i.wire_len, i.nul_count,"     \
	" i.cr_count, i.cr_cr_lf_count, i.internaldate, i.flags, i.keywords, i.has_id, i.key,"     \
	" i.ident, i.fields, i.message_id, i.subject, i.sender, 2, 0, 0, 0,"                       \
	" coalesce(l.remote, 0) & 4294967295, i.header_len, i.repairs, i.essence, l.level = 5 "    \
	"AND (SELECT method FROM upload WHERE id = l.upload) = 0, 0, 0, 0,"                        \
	" i.state = 1, l.target, 0, 0, i.rebuilt,"                                                 \
	" coalesce((SELECT mended FROM upload WHERE id = l.upload), 0), NULL, i.checksum, 0, 0"
_Static_assert(MATCH_JOURNAL == 5 && METHOD_APPEND == 0 && METHOD_COPY == 1 && METHOD_MOVE == 2 &&
		       STATE_PARTIAL == 1 && OUTCOME_PRESENT == 2 && OUTCOME_FILED == 3 &&
		       OUTCOME_TO_FILE == 8,
	       "as in the SQL");

/* LEFT: also when the source's rows are gone */
#define STORED_JOINS                                                                               \
	" LEFT JOIN line l ON l.id = u.line LEFT JOIN item i ON i.id = u.item"                     \
	" LEFT JOIN store s ON s.id = i.store"

/* ---- what is in doubt ---- */

int journal_doubt_target_next(struct journal *j, int64_t after, struct arena *a,
			      struct remote_folder *out, struct err *err)
{
	static const char sql[] = /* of any run */
		"SELECT " FOLDER_COLUMNS " FROM folder f WHERE f.id = (SELECT folder"
		" FROM upload INDEXED BY upload_inflight WHERE state = 1"
		" AND folder > ?2 ORDER BY folder LIMIT 1)";

	if (inflight_all_to_rows(j, err) < 0)
		return -1;
	return folder_after(j, sql, 0, after, a, out, err);
}

int journal_doubt_octets(struct journal *j, uint64_t *all, uint64_t *largest, struct err *err)
{
	sqlite3_stmt *st;

	if (inflight_all_to_rows(j, err) < 0)
		return -1;
	st = db_stmt(&j->db,
		     "SELECT coalesce(sum(wire_len), 0), coalesce(max(wire_len), 0)"
		     " FROM upload INDEXED BY upload_inflight WHERE state = 1 AND method = 0",
		     err);
	if (!st || one_row(j, st, err) <= 0)
		return -1;
	*all = (uint64_t)sqlite3_column_int64(st, 0);
	*largest = (uint64_t)sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	return 0;
}

int journal_doubts_next(struct journal *j, int64_t target, size_t max, struct arena *a,
			struct upload *out, int64_t *cursor_seq, struct err *err)
{
	/* LEFT: recovery must work when the source's rows are gone */
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT " UPLOAD_COLUMNS " FROM upload u INDEXED BY upload_inflight"
			" LEFT JOIN line l ON l.id = u.line LEFT JOIN item i ON i.id = u.item"
			" LEFT JOIN store s ON s.id = i.store"
			" WHERE u.folder = ? AND u.state = 1 AND u.seq > ?"
			" AND u.id NOT IN (SELECT upload FROM doubt_stays)"
			" ORDER BY u.seq LIMIT ?",
			err);
	int n;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, target);
	sqlite3_bind_int64(st, 2, *cursor_seq);
	sqlite3_bind_int64(st, 3, (sqlite3_int64)max);
	n = uploads_read(j, st, max, a, out, err);
	if (n > 0)
		*cursor_seq = out[n - 1].seq;
	return n;
}

/* ---- what is to be verified ---- */

int journal_verify_target_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			       struct remote_folder *out, struct err *err)
{
	static const char sql[] =
		"SELECT " FOLDER_COLUMNS " FROM folder f WHERE f.id > ?2 AND EXISTS"
		" (SELECT 1 FROM upload u JOIN run r ON r.id = ?1 WHERE u.folder = f.id"
		"  AND u.state = 2 AND u.line BETWEEN r.first_line AND r.last_line)"
		" ORDER BY f.id LIMIT 1";

	return folder_after(j, sql, run, after, a, out, err);
}

/* Run 0 wants them all. */
#define STORED_FILTER                                                                              \
	" u.uidvalidity = ?3 AND (CASE ?1 WHEN 0 THEN u.state IN (2, 3) ELSE"                      \
	" u.state = 2 AND u.line BETWEEN (SELECT first_line FROM run WHERE id = ?1)"               \
	" AND (SELECT last_line FROM run WHERE id = ?1) END)"

static sqlite3_stmt *stored_query(struct journal *j, bool blind, struct err *err)
{
	static const char blind_sql[] =
		"SELECT " UPLOAD_COLUMNS " FROM upload u INDEXED BY upload_blind" STORED_JOINS
		" WHERE u.folder = ?2 AND u.uid = 0 AND u.state IN (2, 3) AND u.id > ?4"
		" AND" STORED_FILTER " ORDER BY u.id LIMIT ?5";
	static const char known_sql[] =
		"SELECT " UPLOAD_COLUMNS " FROM upload u INDEXED BY upload_uid" STORED_JOINS
		" WHERE u.folder = ?2 AND u.uid > 0 AND u.uid > ?4 AND" STORED_FILTER
		" ORDER BY u.uid LIMIT ?5";

	return blind ? db_stmt(&j->db, blind_sql, err) : db_stmt(&j->db, known_sql, err);
}

/* The cursor: 0 or negative among those without UID (minus the id), positive (UID) behind them. */
int journal_stored_next(struct journal *j, int64_t run, int64_t target, uint32_t uidvalidity,
			size_t max, struct arena *a, struct upload *out, int64_t *cursor,
			struct err *err)
{
	int total = 0;

	for (bool blind = *cursor <= 0;; blind = false) {
		sqlite3_stmt *st = stored_query(j, blind, err);
		int n;

		if (!st)
			return -1;
		sqlite3_bind_int64(st, 1, run);
		sqlite3_bind_int64(st, 2, target);
		sqlite3_bind_int64(st, 3, uidvalidity);
		sqlite3_bind_int64(st, 4, blind ? -*cursor : *cursor > 0 ? *cursor : 0);
		sqlite3_bind_int64(st, 5, (sqlite3_int64)max - total);
		n = uploads_read(j, st, max - (size_t)total, a, out + total, err);
		if (n < 0)
			return -1;
		total += n;
		if (n > 0)
			*cursor = blind ? -out[total - 1].id : out[total - 1].uid;
		if (!blind || (size_t)total == max)
			return total;
	}
}

int journal_present_folder_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
				struct remote_folder *out, struct err *err)
{
	/* where the copy is: the folder of the known copy, else the target */
	static const char sql[] =
		"SELECT " FOLDER_COLUMNS " FROM folder f WHERE f.id = (SELECT"
		"  min(coalesce(l.remote >> 32, l.target)) FROM run r JOIN line l"
		"  ON l.id BETWEEN r.first_line AND r.last_line"
		"  WHERE r.id = ?1 AND l.outcome = 2 AND coalesce(l.remote >> 32, l.target) > ?2)";

	return folder_after(j, sql, run, after, a, out, err);
}

/* Lay the lines in order once, so that reading them in pieces does not sort them each time. */
static int queue_present(struct journal *j, int64_t run, int64_t folder, struct err *err)
{
	sqlite3_stmt *st;

	if (db_exec(&j->db,
		    "CREATE TEMP TABLE IF NOT EXISTS present_queue (n INTEGER PRIMARY KEY, line);"
		    "DELETE FROM present_queue",
		    err) < 0)
		return -1;
	st = db_stmt(&j->db,
		     "INSERT INTO present_queue(line) SELECT l.id FROM run r JOIN line l"
		     " ON l.id BETWEEN r.first_line AND r.last_line"
		     " WHERE r.id = ? AND l.outcome = 2 AND coalesce(l.remote >> 32, l.target) = ?"
		     " ORDER BY coalesce(l.remote, 0), l.id",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, folder);
	return db_run(&j->db, st, err);
}

int journal_present_next(struct journal *j, int64_t run, int64_t folder, size_t max,
			 struct arena *a, struct upload *out, int64_t *cursor, struct err *err)
{
	sqlite3_stmt *st;
	int n;

	if (*cursor == 0 && queue_present(j, run, folder, err) < 0)
		return -1;
	st = db_stmt(&j->db,
		     "SELECT " PRESENT_COLUMNS " FROM present_queue q JOIN line l ON l.id = q.line"
		     " JOIN item i ON i.id = l.item JOIN store s ON s.id = l.store"
		     " WHERE q.n > ? ORDER BY q.n LIMIT ?",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, *cursor);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)max);
	n = uploads_read(j, st, max, a, out, err);
	if (n > 0)
		*cursor += n;
	return n;
}

/* ---- origins ---- */

int journal_origins_left(struct journal *j, int64_t after, size_t max, struct arena *a,
			 struct upload *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT " UPLOAD_COLUMNS
				   " FROM upload u INDEXED BY upload_origin" STORED_JOINS
				   " WHERE u.method = 2 AND u.origin_gone = 0 AND u.state IN (2, 3)"
				   " AND u.origin > ? ORDER BY u.origin LIMIT ?",
				   err);
	int n, same = 0;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, after);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)max);
	n = uploads_read(j, st, max, a, out, err);
	while (same < n && out[same].origin_folder == out[0].origin_folder)
		same++;
	return n < 0 ? -1 : same;
}

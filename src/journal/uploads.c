/*
 * Exactly once: the states of an upload (DESIGN 4), and the queues that
 * transfer/ works off. Every change of state is on disk before the caller goes
 * on, unless he holds a transaction of his own.
 */
#include "journal/flags.h"
#include "journal/private.h"

#include <inttypes.h>

#include "base/fault.h"

/* ---- reading ---- */

/* The same of a line that has no upload of ours (its item is on the server already). */
#define PRESENT_COLUMNS                                                                            \
	"0, l.id, s.kind, s.source, s.location, i.locator, i.sha256, i.wire_len, i.nul_count,"     \
	" i.cr_count, i.cr_cr_lf_count, i.internaldate, i.flags, i.keywords, i.has_id, i.key,"     \
	" i.ident, i.fields, i.message_id, i.subject, i.sender, 2, 0, 0, 0,"                       \
	" coalesce(l.remote, 0) & 4294967295, i.header_len, i.repairs, i.essence, l.level = 5 "    \
	"AND (SELECT method FROM upload WHERE id = l.upload) = 0, 0, 0, 0,"                        \
	" i.state = 1, l.target, 0, 0, i.rebuilt,"                                                 \
	" coalesce((SELECT mended FROM upload WHERE id = l.upload), 0), NULL, i.checksum"
_Static_assert(MATCH_JOURNAL == 5 && METHOD_APPEND == 0 && METHOD_COPY == 1 && METHOD_MOVE == 2 &&
		       STATE_PARTIAL == 1 && OUTCOME_FILED == 3 && OUTCOME_TO_FILE == 8,
	       "as in the SQL");

static const char *text_or_empty(struct arena *a, sqlite3_stmt *st, int column)
{
	const char *text = db_text(a, st, column);

	return text ? text : "";
}

/* Keys of older rules have been emptied: they compare with nothing. */
static bool read_keys(sqlite3_stmt *st, struct match_keys *k)
{
	k->has_id = sqlite3_column_int(st, 14) != 0;
	if (k->has_id)
		column_bytes(st, 15, k->id, KEY_LEN);
	column_bytes(st, 16, k->ident, KEY_LEN);
	column_bytes(st, 17, k->fields, KEY_LEN);
	return sqlite3_column_bytes(st, 17) == KEY_LEN;
}

static void read_upload(sqlite3_stmt *st, struct arena *a, struct upload *u)
{
	*u = (struct upload){ 0 };
	u->id = sqlite3_column_int64(st, 0);
	u->line = sqlite3_column_int64(st, 1);
	u->kind = text_or_empty(a, st, 2);
	u->source = text_or_empty(a, st, 3);
	u->store_location = text_or_empty(a, st, 4);
	u->locator = text_or_empty(a, st, 5);
	column_bytes(st, 6, u->sha256, SHA256_LEN);
	u->wire_len = (uint64_t)sqlite3_column_int64(st, 7);
	u->nul_count = (uint64_t)sqlite3_column_int64(st, 8);
	u->cr_count = (uint64_t)sqlite3_column_int64(st, 9);
	u->cr_cr_lf_count = (uint64_t)sqlite3_column_int64(st, 10);
	u->internaldate = sqlite3_column_int64(st, 11);
	u->flags.system = (uint32_t)sqlite3_column_int64(st, 12);
	keywords_split(a, db_text(a, st, 13), &u->flags);
	u->has_keys = read_keys(st, &u->keys);
	u->message_id = db_text(a, st, 18);
	u->subject = db_text(a, st, 19);
	u->from = db_text(a, st, 20);
	u->state = (enum upload_state)sqlite3_column_int(st, 21);
	u->seq = sqlite3_column_int64(st, 22);
	u->uidvalidity = (uint32_t)sqlite3_column_int64(st, 23);
	u->base_uidnext = (uint32_t)sqlite3_column_int64(st, 24);
	u->uid = (uint32_t)sqlite3_column_int64(st, 25);
	u->header_len = (uint64_t)sqlite3_column_int64(st, 26);
	u->repairs = (uint32_t)sqlite3_column_int64(st, 27);
	column_bytes(st, 28, u->essence, KEY_LEN);
	u->ours = sqlite3_column_int(st, 29) != 0;
	u->method = (enum filing_method)sqlite3_column_int(st, 30);
	u->origin_folder = sqlite3_column_int64(st, 31) >> 32;
	u->origin_uid = (uint32_t)sqlite3_column_int64(st, 31);
	u->origin_uidvalidity = (uint32_t)sqlite3_column_int64(st, 32);
	u->partial = sqlite3_column_int(st, 33) != 0;
	u->target = sqlite3_column_int64(st, 34);
	u->origin_gone = sqlite3_column_int(st, 35) != 0;
	u->origin_flags.system = (uint32_t)sqlite3_column_int64(st, 36);
	keywords_split(a, db_text(a, st, 39), &u->origin_flags);
	u->rebuilt = sqlite3_column_int(st, 37) != 0;
	u->mended = (uint32_t)sqlite3_column_int(st, 38);
	column_bytes(st, 40, u->checksum, CHECKSUM_LEN);
}

int uploads_read(struct journal *j, sqlite3_stmt *st, size_t max, struct arena *a,
		 struct upload *out, struct err *err)
{
	size_t n = 0;
	int got = 1;

	while (n < max && (got = db_step(&j->db, st, err)) > 0)
		read_upload(st, a, &out[n++]);
	if (got < 0)
		return -1;
	sqlite3_reset(st);
	return (int)n;
}

static int one_folder(struct journal *j, sqlite3_stmt *st, struct arena *a,
		      struct remote_folder *out, struct err *err)
{
	int got = one_row(j, st, err);

	return got <= 0 ? got : folder_read(st, a, out, err);
}

/* ---- what is to be done ---- */

int journal_target_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			struct remote_folder *out, struct err *err)
{
	/* Targets lie in name order because the plan wrote the lines so. One that took another in
	 * (journal_folder_created) stands at its first range. */
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT " FOLDER_COLUMNS " FROM (SELECT folder, min(first_line) AS place"
			"  FROM run_target WHERE run = ?1 GROUP BY folder) t"
			" JOIN folder f ON f.id = t.folder"
			" WHERE t.place > coalesce((SELECT min(first_line) FROM run_target"
			"  WHERE run = ?1 AND folder = ?2), -1)"
			" AND EXISTS (SELECT 1 FROM run_target x JOIN line l"
			"  ON l.id BETWEEN x.first_line AND x.last_line"
			"  JOIN upload u ON u.id = l.upload AND u.line = l.id AND u.state = 0"
			"   AND u.method = 0"
			"  WHERE x.run = ?1 AND x.folder = t.folder)"
			" ORDER BY t.place LIMIT 1",
			err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, after);
	return one_folder(j, st, a, out, err);
}

int journal_target_lines(struct journal *j, int64_t run, int64_t target, uint64_t *out,
			 struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT coalesce(sum(last_line - first_line + 1), 0)"
				   " FROM run_target WHERE run = ?1 AND folder = ?2",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, target);
	if (one_row(j, st, err) < 0)
		return -1;
	*out = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

int journal_empty_target_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			      struct remote_folder *out, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT " FOLDER_COLUMNS " FROM folder f"
			" WHERE f.listed = 0 AND f.gone = 0 AND f.id > ?2 AND f.id IN"
			"  (SELECT r.target FROM run_store r JOIN store s ON s.id = r.store"
			"   WHERE r.run = ?1 AND s.found = 0)"
			" ORDER BY f.id LIMIT 1",
			err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, after);
	return one_folder(j, st, a, out, err);
}

/* `target` 0: of any. */
static int next_planned(struct journal *j, int64_t run, enum filing_method method, int64_t target,
			size_t max, struct arena *a, struct upload *out, int64_t *cursor,
			struct err *err)
{
	/* The plan wrote the lines of a target in the order in which they are to be sent. */
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT " UPLOAD_COLUMNS " FROM run_target x CROSS JOIN line l"
			" ON l.id BETWEEN max(x.first_line, ?3 + 1) AND x.last_line"
			" CROSS JOIN upload u ON u.id = l.upload AND u.line = l.id AND u.state = 0"
			"  AND u.method = ?5"
			" CROSS JOIN item i ON i.id = l.item CROSS JOIN store s ON s.id = l.store"
			" WHERE x.run = ?1 AND ?2 IN (0, x.folder) AND x.last_line > ?3"
			" ORDER BY x.first_line, l.id LIMIT ?4",
			err);
	int n;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, target);
	sqlite3_bind_int64(st, 3, *cursor);
	sqlite3_bind_int64(st, 4, (sqlite3_int64)max);
	sqlite3_bind_int(st, 5, (int)method);
	n = uploads_read(j, st, max, a, out, err);
	if (n > 0)
		*cursor = out[n - 1].line;
	return n;
}

int journal_uploads_next(struct journal *j, int64_t run, int64_t target, size_t max,
			 struct arena *a, struct upload *out, int64_t *cursor, struct err *err)
{
	return next_planned(j, run, METHOD_APPEND, target, max, a, out, cursor, err);
}

int journal_filings_next(struct journal *j, int64_t run, enum filing_method method, size_t max,
			 struct arena *a, struct upload *out, int64_t *cursor, struct err *err)
{
	return next_planned(j, run, method, 0, max, a, out, cursor, err);
}

int journal_unkept_next(struct journal *j, int64_t run, size_t max, struct arena *a,
			struct upload *out, int64_t *cursor, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		&j->db,
		"SELECT " UPLOAD_COLUMNS " FROM run r CROSS JOIN line l"
		" ON l.id BETWEEN max(r.first_line, ?2 + 1) AND r.last_line AND l.outcome = 6"
		" CROSS JOIN upload u ON u.id = l.upload AND u.line = l.id AND u.state = 4"
		"  AND u.kept = 0"
		" CROSS JOIN item i ON i.id = l.item CROSS JOIN store s ON s.id = l.store"
		" WHERE r.id = ?1 ORDER BY l.id LIMIT ?3",
		err);
	int n;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, *cursor);
	sqlite3_bind_int64(st, 3, (sqlite3_int64)max);
	n = uploads_read(j, st, max, a, out, err);
	if (n > 0)
		*cursor = out[n - 1].line;
	return n;
}

/* LEFT: also when the source's rows are gone */
#define STORED_JOINS                                                                               \
	" LEFT JOIN line l ON l.id = u.line LEFT JOIN item i ON i.id = u.item"                     \
	" LEFT JOIN store s ON s.id = i.store"

/* ---- changing ---- */

/* How many of these ids follow each other by one: as a rule all of a batch, for the plan wrote them
 * in the order in which they are sent. Those are marked by one statement. */
static size_t consecutive(const int64_t *ids, size_t n)
{
	size_t i = 1;

	while (i < n && ids[i] == ids[0] + (int64_t)i)
		i++;
	return i;
}

static int mark_range_inflight(struct journal *j, int64_t first, size_t n, int64_t seq,
			       uint32_t uidvalidity, uint32_t base_uidnext, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"UPDATE upload SET state = 1, seq = ?3 + (id - ?1), uidvalidity = ?4,"
			" base_uidnext = ?5, uid = 0 WHERE id BETWEEN ?1 AND ?2 AND state = 0",
			err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, first);
	sqlite3_bind_int64(st, 2, first + (int64_t)n - 1);
	sqlite3_bind_int64(st, 3, seq);
	sqlite3_bind_int64(st, 4, uidvalidity);
	sqlite3_bind_int64(st, 5, base_uidnext);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	if (sqlite3_changes64(j->db.sqlite) != (sqlite3_int64)n)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "one of %zu uploads behind %" PRId64
			       " is sent without having been planned",
			       n, first);
	return 0;
}

int journal_mark_inflight_groups(struct journal *j, const struct inflight_group *groups, size_t n,
				 struct err *err)
{
	int64_t seq = j->last_seq;

	if (!sqlite3_get_autocommit(j->db.sqlite))
		return err_set(
			err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			"uploads marked in flight within a transaction would not be on disk");
	if (journal_begin(j, err) < 0)
		return -1;
	for (const struct inflight_group *g = groups; g < groups + n; g++) {
		for (size_t i = 0, many; i < g->n; i += many, seq += (int64_t)many) {
			many = consecutive(g->uploads + i, g->n - i);
			if (mark_range_inflight(j, g->uploads[i], many, seq + 1, g->uidvalidity,
						g->base_uidnext, err) < 0) {
				journal_rollback(j);
				return -1;
			}
		}
	}
	fault_point("journal-inflight-before");
	if (journal_commit(j, err) < 0)
		return -1;
	j->last_seq = seq;
	fault_point("journal-inflight-after");
	return 0;
}

int journal_mark_inflight(struct journal *j, const int64_t *uploads, size_t n, uint32_t uidvalidity,
			  uint32_t base_uidnext, struct err *err)
{
	const struct inflight_group all = { uploads, n, uidvalidity, base_uidnext };

	return journal_mark_inflight_groups(j, &all, 1, err);
}

/* One upload and its line; `sql` has the id as ?1, `line_sql` too. Either may be NULL. */
static int mark(struct journal *j, int64_t upload, const char *sql, const char *line_sql,
		struct err *err)
{
	const char *const both[] = { sql, line_sql };

	for (size_t i = 0; i < 2; i++) {
		sqlite3_stmt *st = both[i] ? db_stmt(&j->db, both[i], err) : NULL;

		if (both[i] && !st)
			return -1;
		if (!st)
			continue;
		sqlite3_bind_int64(st, 1, upload);
		if (db_run(&j->db, st, err) < 0)
			return -1;
	}
	return 0;
}

static int mark_all(struct journal *j, const int64_t *uploads, size_t n, const char *sql,
		    const char *line_sql, struct err *err)
{
	bool own;
	int result = 0;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	for (size_t i = 0; i < n && result == 0; i++)
		result = mark(j, uploads[i], sql, line_sql, err);
	return tx_end(j, own, result, err);
}

/* Why it was uploaded although it seemed to be there is worth telling afterwards, too. */
#define KEEP_REASON                                                                                \
	"iif(reason IN ('" REASON_OTHER_BODY "', '" REASON_PERISHING "', '" REASON_UNFILED         \
	"', '" REASON_LEFTOVER_GONE "', '" REASON_WHOLE "'), reason, '')"

/* Outcome 2 (present) stays: the run found it stored by an earlier one. */
static int tell_lines_stored(struct journal *j, int64_t first, int64_t last, struct err *err)
{
	return db_run_ids(&j->db,
			  "UPDATE line SET outcome = iif(action = 6, 3, 1), reason = " KEEP_REASON
			  ", text = NULL, remote = iif(u.uid > 0, (u.folder << 32) + u.uid, NULL)"
			  " FROM upload u WHERE u.id BETWEEN ?1 AND ?2 AND line.id = u.line"
			  " AND line.outcome <> 2",
			  first, last, err);
}

static int mark_range_stored(struct journal *j, int64_t first, size_t n, uint32_t uidvalidity,
			     uint32_t first_uid, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "UPDATE upload SET state = 2, uidvalidity = ?3,"
				   " uid = iif(?4 > 0, ?4 + (id - ?1), 0)"
				   " WHERE id BETWEEN ?1 AND ?2",
				   err);
	int64_t last = first + (int64_t)n - 1;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, first);
	sqlite3_bind_int64(st, 2, last);
	sqlite3_bind_int64(st, 3, uidvalidity);
	sqlite3_bind_int64(st, 4, first_uid);
	return db_run(&j->db, st, err) < 0 ? -1 : tell_lines_stored(j, first, last, err);
}

int journal_mark_stored(struct journal *j, const int64_t *uploads, size_t n, uint32_t uidvalidity,
			uint32_t first_uid, struct err *err)
{
	bool own;
	int result = 0;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	for (size_t i = 0, many; i < n && result == 0; i += many) {
		many = consecutive(uploads + i, n - i);
		result = mark_range_stored(j, uploads[i], many, uidvalidity,
					   first_uid ? first_uid + (uint32_t)i : 0, err);
	}
	fault_point("journal-stored-before");
	if (tx_end(j, own, result, err) < 0)
		return -1;
	fault_point("journal-stored-after");
	return 0;
}

/* What was mended is tried as it is again; without its item it cannot be sent anyway. */
static const char as_it_is[] =
	"UPDATE upload SET mended = 0, (wire_len, nul_count, has_id, key, ident, fields) ="
	" (SELECT wire_len, nul_count, has_id, key, ident, fields FROM item"
	"  WHERE item.id = upload.item)"
	" WHERE id = ?1 AND mended <> 0 AND item IN (SELECT id FROM item)";

int journal_mark_mended(struct journal *j, const struct upload *u, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"UPDATE upload SET mended = ?, wire_len = ?, nul_count = ?, has_id = ?,"
			" key = ?, ident = ?, fields = ? WHERE id = ?",
			err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, u->mended);
	db_bind_u64(st, 2, u->wire_len);
	db_bind_u64(st, 3, u->nul_count);
	sqlite3_bind_int(st, 4, u->keys.has_id);
	db_bind_blob(st, 5, u->keys.has_id ? u->keys.id : u->keys.ident, KEY_LEN);
	db_bind_blob(st, 6, u->keys.ident, KEY_LEN);
	db_bind_blob(st, 7, u->keys.fields, KEY_LEN);
	sqlite3_bind_int64(st, 8, u->id);
	return db_run(&j->db, st, err);
}

int journal_mark_planned(struct journal *j, const int64_t *uploads, size_t n, struct err *err)
{
	if (mark_all(j, uploads, n, as_it_is, NULL, err) < 0)
		return -1;
	return mark_all(j, uploads, n, "UPDATE upload SET state = 0, uid = 0 WHERE id = ?1",
			"UPDATE line SET outcome = iif(action = 6, 8, 0), reason = " KEEP_REASON
			", text = NULL"
			" WHERE id = (SELECT line FROM upload WHERE id = ?1)",
			err);
}

int journal_filing_as_copy(struct journal *j, int64_t run, uint64_t *n, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		&j->db,
		"UPDATE upload SET method = 1 WHERE state = 0 AND method = 2 AND line BETWEEN"
		" (SELECT first_line FROM run WHERE id = ?1)"
		" AND (SELECT last_line FROM run WHERE id = ?1)",
		err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	*n = (uint64_t)sqlite3_changes64(j->db.sqlite);
	return 0;
}

/* The run that takes it away: it may be a later one than the one that made the copy. */
#define RUN_OF_ORIGIN "coalesce((SELECT max(run) FROM clearing WHERE upload = u.id), l.run, 0)"
/* Of which run, and which message. */
#define MARK_OF_ORIGIN                                                                             \
	"SELECT " RUN_OF_ORIGIN ", u.origin FROM upload u LEFT JOIN line l ON l.id = u.line"       \
	" WHERE u.id = ?1"
_Static_assert(FLAG_CHANGE_PLANNED == 0 && FLAG_CHANGE_DONE == 1 && FLAG_CHANGE_DROPPED == 2 &&
		       FLAG_DELETED == 8,
	       "as in the SQL");

int journal_origin_marked(struct journal *j, const int64_t *uploads, size_t n, struct err *err)
{
	return mark_all(j, uploads, n,
			"INSERT INTO flag_change(run, remote, uidvalidity, removed, added, state)"
			" SELECT " RUN_OF_ORIGIN ", u.origin, u.origin_uidvalidity, 0, 8, 0"
			" FROM upload u LEFT JOIN line l ON l.id = u.line WHERE u.id = ?1",
			NULL, err);
}

int journal_origin_gone(struct journal *j, const int64_t *uploads, size_t n, struct err *err)
{
	return mark_all(j, uploads, n, "UPDATE upload SET origin_gone = 1 WHERE id = ?1",
			"UPDATE flag_change SET state = 2 WHERE (run, remote) = (" MARK_OF_ORIGIN
			") AND state IN (0, 1) AND added = 8",
			err);
}

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

/* Refused or failed: the states and outcomes are 4 and 6, 5 and 7. */
static int mark_lost(struct journal *j, int64_t upload, int state, const char *reason,
		     const char *text, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db, "UPDATE upload SET state = ?, kept = 0, uid = 0 WHERE id = ?", err);

	if (!st)
		return -1;
	sqlite3_bind_int(st, 1, state);
	sqlite3_bind_int64(st, 2, upload);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	st = db_stmt(&j->db,
		     "UPDATE line SET outcome = ?, reason = ?, text = ?"
		     " WHERE id = (SELECT line FROM upload WHERE id = ?)",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int(st, 1, state == UPLOAD_REFUSED ? OUTCOME_REFUSED : OUTCOME_FAILED);
	db_bind_text(st, 2, reason);
	db_bind_text(st, 3, text);
	sqlite3_bind_int64(st, 4, upload);
	return db_run(&j->db, st, err);
}

static int mark_lost_tx(struct journal *j, int64_t upload, int state, const char *reason,
			const char *text, struct err *err)
{
	bool own;
	int result;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	result = mark_lost(j, upload, state, reason, text, err);
	fault_point("journal-refused");
	return tx_end(j, own, result, err);
}

int journal_mark_refused(struct journal *j, int64_t upload, const char *reason_code,
			 const char *text, struct err *err)
{
	return mark_lost_tx(j, upload, UPLOAD_REFUSED, reason_code, text, err);
}

int journal_mark_failed(struct journal *j, int64_t upload, const char *reason_code,
			const char *text, struct err *err)
{
	return mark_lost_tx(j, upload, UPLOAD_FAILED, reason_code, text, err);
}

int journal_scan_stale(struct journal *j, int64_t upload, struct err *err)
{
	return mark_all(
		j, &upload, 1,
		"UPDATE store SET fingerprint = '' WHERE id ="
		" (SELECT l.store FROM upload u JOIN line l ON l.id = u.line WHERE u.id = ?1)",
		NULL, err);
}

int journal_mark_kept(struct journal *j, int64_t upload, struct err *err)
{
	return mark_all(j, &upload, 1, "UPDATE upload SET kept = 1 WHERE id = ?1", NULL, err);
}

int journal_mark_verified(struct journal *j, const int64_t *uploads, size_t n, struct err *err)
{
	return mark_all(j, uploads, n, "UPDATE upload SET state = 3 WHERE id = ?1 AND state = 2",
			"UPDATE line SET verified = 1"
			" WHERE id = (SELECT line FROM upload WHERE id = ?1) AND verified = 0",
			err);
}

int journal_mark_uid(struct journal *j, int64_t upload, uint32_t uid, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db, "UPDATE upload SET uid = ? WHERE id = ?", err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, uid);
	sqlite3_bind_int64(st, 2, upload);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	return mark(j, upload,
		    "UPDATE line SET remote = (SELECT (folder << 32) + uid FROM upload"
		    " WHERE id = ?1) WHERE id = (SELECT line FROM upload WHERE id = ?1)",
		    NULL, err);
}

int journal_line_verified(struct journal *j, int64_t line, struct err *err)
{
	return mark_all(j, &line, 1, "UPDATE line SET verified = 1 WHERE id = ?1 AND verified = 0",
			NULL, err);
}

int journal_line_differs(struct journal *j, int64_t line, const char *finding, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db, "UPDATE line SET verified = 2, text = ? WHERE id = ?", err);

	if (!st)
		return -1;
	db_bind_text(st, 1, finding);
	sqlite3_bind_int64(st, 2, line);
	return db_run(&j->db, st, err);
}

int journal_mark_differs(struct journal *j, int64_t upload, const char *finding, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "UPDATE line SET verified = 2, text = ?"
				   " WHERE id = (SELECT line FROM upload WHERE id = ?)",
				   err);

	if (!st)
		return -1;
	db_bind_text(st, 1, finding);
	sqlite3_bind_int64(st, 2, upload);
	return db_run(&j->db, st, err);
}

/* ---- what is in doubt ---- */

int journal_doubt_target_next(struct journal *j, int64_t after, struct arena *a,
			      struct remote_folder *out, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT " FOLDER_COLUMNS " FROM folder f WHERE f.id = (SELECT folder"
			" FROM upload INDEXED BY upload_inflight WHERE state = 1"
			" AND folder > ? ORDER BY folder LIMIT 1)",
			err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, after);
	return one_folder(j, st, a, out, err);
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
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT " FOLDER_COLUMNS " FROM folder f WHERE f.id > ?2 AND EXISTS"
			" (SELECT 1 FROM upload u JOIN run r ON r.id = ?1 WHERE u.folder = f.id"
			"  AND u.state = 2 AND u.line BETWEEN r.first_line AND r.last_line)"
			" ORDER BY f.id LIMIT 1",
			err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, after);
	return one_folder(j, st, a, out, err);
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
	sqlite3_stmt *st = db_stmt(
		&j->db,
		"SELECT " FOLDER_COLUMNS " FROM folder f WHERE f.id = (SELECT"
		"  min(coalesce(l.remote >> 32, l.target)) FROM run r JOIN line l"
		"  ON l.id BETWEEN r.first_line AND r.last_line"
		"  WHERE r.id = ?1 AND l.outcome = 2 AND coalesce(l.remote >> 32, l.target) > ?2)",
		err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, after);
	return one_folder(j, st, a, out, err);
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

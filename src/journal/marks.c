/*
 * Exactly once: how the state of an upload changes (DESIGN 4). Every change is on disk before
 * the caller goes on, unless he holds a transaction of his own.
 */
#include "journal/flags.h"
#include "journal/private.h"

#include "base/fault.h"

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
	"iif(reason = '', reason, iif(reason IN ('" REASON_OTHER_BODY "', '" REASON_PERISHING      \
	"', '" REASON_UNFILED "', '" REASON_LEFTOVER_GONE "', '" REASON_WHOLE "'), reason, ''))"

/* Outcome 2 (present) stays: the run found it stored by an earlier one. */
#define LINE_STORED                                                                                \
	"UPDATE line SET outcome = iif(action = 6, 3, 1), reason = " KEEP_REASON ", text = NULL,"

/* The rows of a first attempt have the ids of their lines: two runs over two tables, no join. Says
 * how many have; the others are left to store_again(). */
static int store_first(struct journal *j, int64_t first, int64_t last, uint32_t uidvalidity,
		       uint32_t first_uid, int64_t *n, struct err *err)
{
	static const char known[] = "UPDATE upload SET state = 2, uidvalidity = ?3,"
				    " uid = ?4 + id WHERE id BETWEEN ?1 AND ?2 AND line = id";
	static const char blind[] = "UPDATE upload SET state = 2, uidvalidity = ?3, uid = 0"
				    " WHERE id BETWEEN ?1 AND ?2 AND line = id";
	sqlite3_stmt *st = first_uid ? db_stmt(&j->db, known, err) : db_stmt(&j->db, blind, err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, first);
	sqlite3_bind_int64(st, 2, last);
	sqlite3_bind_int64(st, 3, uidvalidity);
	if (first_uid)
		sqlite3_bind_int64(st, 4, (int64_t)first_uid - first);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	*n = sqlite3_changes64(j->db.sqlite);
	return 0;
}

static int tell_first(struct journal *j, int64_t first, int64_t last, uint32_t first_uid,
		      struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   LINE_STORED " remote = (target << 32) + ?3 + id"
					       " WHERE id BETWEEN ?1 AND ?2 AND outcome <> 2",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, first);
	sqlite3_bind_int64(st, 2, last);
	if (first_uid)
		sqlite3_bind_int64(st, 3, (int64_t)first_uid - first);
	return db_run(&j->db, st, err);
}

static int store_again(struct journal *j, int64_t first, int64_t last, uint32_t uidvalidity,
		       uint32_t first_uid, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "UPDATE upload SET state = 2, uidvalidity = ?3,"
				   " uid = iif(?4 > 0, ?4 + (id - ?1), 0)"
				   " WHERE id BETWEEN ?1 AND ?2 AND line <> id",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, first);
	sqlite3_bind_int64(st, 2, last);
	sqlite3_bind_int64(st, 3, uidvalidity);
	sqlite3_bind_int64(st, 4, first_uid);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	return db_run_ids(&j->db,
			  LINE_STORED " remote = iif(u.uid > 0, (u.folder << 32) + u.uid, NULL)"
				      " FROM upload u WHERE u.id BETWEEN ?1 AND ?2"
				      " AND line.id = u.line AND line.outcome <> 2",
			  first, last, err);
}

/* Behind which UIDNEXT it was begun is worth a row's while only where the UID does not say as much:
 * of one that is not known, and of a message that was there before. */
static int keep_base(struct journal *j, int64_t first, int64_t last, uint32_t first_uid,
		     struct err *err)
{
	bool behind;

	if (inflight_began_behind(j, first, last, first_uid, &behind, err) < 0)
		return -1;
	return behind ? inflight_to_rows(j, first, last, err) : 0;
}

static int mark_range_stored(struct journal *j, int64_t first, size_t n, uint32_t uidvalidity,
			     uint32_t first_uid, struct err *err)
{
	int64_t last = first + (int64_t)n - 1, n_first;

	if (keep_base(j, first, last, first_uid, err) < 0 ||
	    store_first(j, first, last, uidvalidity, first_uid, &n_first, err) < 0)
		return -1;
	return n_first == (int64_t)n ? tell_first(j, first, last, first_uid, err)
				     : store_again(j, first, last, uidvalidity, first_uid, err);
}

int journal_mark_stored(struct journal *j, const int64_t *uploads, size_t n, uint32_t uidvalidity,
			uint32_t first_uid, struct err *err)
{
	bool own;
	int result = 0;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	for (size_t i = 0, many; i < n && result == 0; i += many) {
		many = ids_consecutive(uploads + i, n - i);
		result = mark_range_stored(j, uploads[i], many, uidvalidity,
					   first_uid ? first_uid + (uint32_t)i : 0, err);
	}
	fault_point("journal-stored-before");
	if (tx_end(j, own, result, err) < 0)
		return -1;
	fault_point("journal-stored-after");
	return 0;
}

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

static int mark_range_planned(struct journal *j, int64_t first, int64_t last, struct err *err)
{
	static const char *const steps[] = {
		/* What was mended is tried as it is again; without its item it cannot be sent
		 * anyway. */
		"UPDATE upload SET mended = 0, (wire_len, nul_count, has_id, key, ident, fields) ="
		" (SELECT wire_len, nul_count, has_id, key, ident, fields FROM item"
		"  WHERE item.id = upload.item)"
		" WHERE id BETWEEN ?1 AND ?2 AND mended <> 0 AND item IN (SELECT id FROM item)",
		"UPDATE upload SET state = 0, uid = 0 WHERE id BETWEEN ?1 AND ?2"
		" AND (state <> 0 OR uid <> 0)",
		"UPDATE line SET outcome = iif(action = 6, 8, 0), reason = " KEEP_REASON
		", text = NULL FROM upload u WHERE u.id BETWEEN ?1 AND ?2 AND line.id = u.line",
	};

	if (inflight_drop(j, first, last, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (db_run_ids(&j->db, steps[i], first, last, err) < 0)
			return -1;
	return 0;
}

int journal_mark_planned(struct journal *j, const int64_t *uploads, size_t n, struct err *err)
{
	bool own;
	int result = 0;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	for (size_t i = 0, many; i < n && result == 0; i += many) {
		many = ids_consecutive(uploads + i, n - i);
		result = mark_range_planned(j, uploads[i], uploads[i] + (int64_t)many - 1, err);
	}
	return tx_end(j, own, result, err);
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

/* What verification says of an upload: into its line, as `verified`. */
static int tell(struct journal *j, int64_t upload, int verified, const char *finding,
		struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "UPDATE line SET verified = ?, text = ?"
				   " WHERE id = (SELECT line FROM upload WHERE id = ?)",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int(st, 1, verified);
	db_bind_text(st, 2, finding);
	sqlite3_bind_int64(st, 3, upload);
	return db_run(&j->db, st, err);
}

/* The same in one step with a change of the upload. */
static int tell_and(struct journal *j, int64_t upload, const char *sql, int verified,
		    const char *finding, struct err *err)
{
	bool own;
	int result;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	result = mark(j, upload, sql, NULL, err);
	if (result == 0)
		result = tell(j, upload, verified, finding, err);
	return tx_end(j, own, result, err);
}

int journal_mark_differs(struct journal *j, int64_t upload, const char *finding, struct err *err)
{
	return tell_and(j, upload, "UPDATE upload SET damaged = 1 WHERE id = ?1", 2, finding, err);
}

int journal_mark_gone(struct journal *j, int64_t upload, bool differs, const char *finding,
		      struct err *err)
{
	return tell_and(j, upload, "UPDATE upload SET state = 3, gone = 1 WHERE id = ?1",
			differs ? 2 : 3, finding, err);
}

int journal_mark_changed(struct journal *j, int64_t upload, const char *finding, struct err *err)
{
	return tell_and(j, upload, "UPDATE upload SET state = 3 WHERE id = ?1", 3, finding, err);
}

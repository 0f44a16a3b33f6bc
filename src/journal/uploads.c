/*
 * What is to be done: the queues that transfer/ works off, and how a row of them is read.
 * marks.c has how their state changes, inflight.c what is on its way, done.c what is there.
 */
#include "journal/private.h"

/* ---- reading ---- */

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
	u->damaged = sqlite3_column_int(st, 41) != 0;
	u->earlier = sqlite3_column_int(st, 42) != 0;
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

int folder_after(struct journal *j, const char *sql, int64_t run, int64_t after, struct arena *a,
		 struct remote_folder *out, struct err *err)
{
	sqlite3_stmt *st;
	int got = row_after(j, sql, run, after, &st, err);

	return got <= 0 ? got : folder_read(st, a, out, err);
}

/* ---- what is to be done ---- */

int journal_target_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			struct remote_folder *out, struct err *err)
{
	/* Targets lie in name order because the plan wrote the lines so. One that took another in
	 * (journal_folder_created) stands at its first range. */
	static const char sql[] =
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
		" ORDER BY t.place LIMIT 1";

	return folder_after(j, sql, run, after, a, out, err);
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
	return one_count(j, st, out, err);
}

int journal_empty_target_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			      struct remote_folder *out, struct err *err)
{
	static const char sql[] =
		"SELECT " FOLDER_COLUMNS " FROM folder f"
		" WHERE f.listed = 0 AND f.gone = 0 AND f.id > ?2 AND f.id IN"
		"  (SELECT r.target FROM run_store r JOIN store s ON s.id = r.store"
		"   WHERE r.run = ?1 AND s.found = 0)"
		" ORDER BY f.id LIMIT 1";

	return folder_after(j, sql, run, after, a, out, err);
}

/* The lines of a run that are to be done by one method. The plan wrote those of a target in the
 * order in which they are to be sent. Folder 0: of any. (The "+" hides from SQLite that the index
 * upload_origin might serve, depending on ?5: it would prepare the statement anew each time.) */
#define PLANNED_LINES                                                                              \
	" FROM run_target x CROSS JOIN line l"                                                     \
	" ON l.id BETWEEN max(x.first_line, ?3 + 1) AND x.last_line"                               \
	" CROSS JOIN upload u ON u.id = l.upload AND u.line = l.id AND u.state = 0"                \
	"  AND +u.method = ?5 CROSS JOIN item i ON i.id = l.item"
#define PLANNED_ORDER                                                                              \
	" WHERE x.run = ?1 AND ?2 IN (0, x.folder) AND x.last_line > ?3"                           \
	" ORDER BY x.first_line, l.id LIMIT ?4"

static void bind_planned(sqlite3_stmt *st, int64_t run, int64_t target, int64_t cursor, size_t max,
			 enum filing_method method)
{
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, target);
	sqlite3_bind_int64(st, 3, cursor);
	sqlite3_bind_int64(st, 4, (sqlite3_int64)max);
	sqlite3_bind_int(st, 5, (int)method);
}

/* The texts of a store; those of the row before where it is the same store. */
static int read_place(struct journal *j, int64_t store, struct arena *a, struct upload *u,
		      struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db, "SELECT kind, source, location FROM store WHERE id = ?", err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, store);
	got = one_row(j, st, err);
	if (got < 0)
		return -1;
	u->kind = got ? text_or_empty(a, st, 0) : "";
	u->source = got ? text_or_empty(a, st, 1) : "";
	u->store_location = got ? text_or_empty(a, st, 2) : "";
	sqlite3_reset(st);
	return 0;
}

/* What is read of each message that goes up: few columns, and those of the store once. */
#define BRIEF_COLUMNS                                                                              \
	"u.id, l.id, i.locator, i.checksum, u.wire_len, u.internaldate, u.flags, u.keywords,"      \
	" i.repairs, u.mended, l.store"

static int read_brief(struct journal *j, sqlite3_stmt *st, struct arena *a, int64_t *store,
		      const struct upload *before, struct upload *u, struct err *err)
{
	*u = (struct upload){ .brief = true };
	u->id = sqlite3_column_int64(st, 0);
	u->line = sqlite3_column_int64(st, 1);
	u->locator = text_or_empty(a, st, 2);
	column_bytes(st, 3, u->checksum, CHECKSUM_LEN);
	u->wire_len = (uint64_t)sqlite3_column_int64(st, 4);
	u->internaldate = sqlite3_column_int64(st, 5);
	u->flags.system = (uint32_t)sqlite3_column_int64(st, 6);
	keywords_split(a, db_text(a, st, 7), &u->flags);
	u->repairs = (uint32_t)sqlite3_column_int64(st, 8);
	u->mended = (uint32_t)sqlite3_column_int(st, 9);
	if (before && *store == sqlite3_column_int64(st, 10)) {
		u->kind = before->kind;
		u->source = before->source;
		u->store_location = before->store_location;
		return 0;
	}
	*store = sqlite3_column_int64(st, 10);
	return read_place(j, *store, a, u, err);
}

int journal_uploads_next(struct journal *j, int64_t run, int64_t target, size_t max,
			 struct arena *a, struct upload *out, int64_t *cursor, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db, "SELECT " BRIEF_COLUMNS PLANNED_LINES PLANNED_ORDER, err);
	int64_t store = 0;
	size_t n = 0;
	int got = 1;

	if (!st)
		return -1;
	bind_planned(st, run, target, *cursor, max, METHOD_APPEND);
	for (; n < max && (got = db_step(&j->db, st, err)) > 0; n++) {
		got = read_brief(j, st, a, &store, n ? &out[n - 1] : NULL, &out[n], err);
		if (got < 0)
			break;
	}
	sqlite3_reset(st);
	if (got < 0)
		return -1;
	if (n > 0)
		*cursor = out[n - 1].line;
	return (int)n;
}

int journal_upload_get(struct journal *j, int64_t id, struct arena *a, struct upload *out,
		       struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT " UPLOAD_COLUMNS " FROM upload u LEFT JOIN line l ON l.id = u.line"
			" LEFT JOIN item i ON i.id = u.item LEFT JOIN store s ON s.id = i.store"
			" WHERE u.id = ?",
			err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, id);
	return uploads_read(j, st, 1, a, out, err);
}

int journal_filings_next(struct journal *j, int64_t run, enum filing_method method, size_t max,
			 struct arena *a, struct upload *out, int64_t *cursor, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT " UPLOAD_COLUMNS PLANNED_LINES
				   " CROSS JOIN store s ON s.id = l.store" PLANNED_ORDER,
				   err);
	int n;

	if (!st)
		return -1;
	bind_planned(st, run, 0, *cursor, max, method);
	n = uploads_read(j, st, max, a, out, err);
	if (n > 0)
		*cursor = out[n - 1].line;
	return n;
}

int journal_has_filings(struct journal *j, int64_t run, bool *out, struct err *err)
{
	/* the lines of a range are to be done in the same way */
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT count(*) FROM run_target x CROSS JOIN line l"
				   " ON l.id = x.first_line AND l.action = 6 WHERE x.run = ?1",
				   err);
	uint64_t n;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	if (one_count(j, st, &n, err) < 0)
		return -1;
	*out = n > 0;
	return 0;
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

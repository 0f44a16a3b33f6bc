/*
 * Changes of flags on the server. See flags.h.
 */
#include "journal/flags.h"
#include "journal/private.h"

static int folder_row(struct journal *j, sqlite3_stmt *st, struct arena *a,
		      struct remote_folder *out, struct err *err)
{
	int got = one_row(j, st, err);

	return got <= 0 ? got : folder_read(st, a, out, err);
}

int journal_flag_folder_next(struct journal *j, int64_t run, enum flag_change_state state,
			     int64_t after, struct arena *a, struct remote_folder *out,
			     struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT " FOLDER_COLUMNS " FROM folder f WHERE f.id = (SELECT"
				   " remote >> 32 FROM flag_change WHERE run = ?1 AND state = ?2"
				   " AND remote >= (?3 + 1) << 32 ORDER BY remote LIMIT 1)",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int(st, 2, (int)state);
	sqlite3_bind_int64(st, 3, after);
	return folder_row(j, st, a, out, err);
}

static void read_change(sqlite3_stmt *st, struct arena *a, struct flag_change *out)
{
	out->id = sqlite3_column_int64(st, 0);
	out->folder = sqlite3_column_int64(st, 1) >> 32;
	out->uid = (uint32_t)sqlite3_column_int64(st, 1);
	out->uidvalidity = (uint32_t)sqlite3_column_int64(st, 2);
	out->removed = (uint32_t)sqlite3_column_int64(st, 3);
	out->removed_keywords = db_text(a, st, 4);
	out->added = (uint32_t)sqlite3_column_int64(st, 5);
	out->added_keywords = db_text(a, st, 6);
}

int journal_flag_changes(struct journal *j, int64_t run, enum flag_change_state state,
			 int64_t folder, size_t max, struct arena *a, struct flag_change *out,
			 struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT id, remote, uidvalidity, removed, removed_keywords, added,"
			" added_keywords FROM flag_change WHERE run = ?1 AND state = ?2"
			" AND remote BETWEEN ?3 AND ?4 ORDER BY removed, removed_keywords, added,"
			" added_keywords, remote LIMIT ?5",
			err);
	size_t n = 0;
	int got = 1;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int(st, 2, (int)state);
	sqlite3_bind_int64(st, 3, remote_id(folder, 0));
	sqlite3_bind_int64(st, 4, remote_id(folder, UINT32_MAX));
	sqlite3_bind_int64(st, 5, (sqlite3_int64)max);
	while (n < max && (got = db_step(&j->db, st, err)) > 0)
		read_change(st, a, &out[n++]);
	if (got < 0)
		return -1;
	sqlite3_reset(st);
	return (int)n;
}

static int set_state(struct journal *j, int64_t id, enum flag_change_state state, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db, "UPDATE flag_change SET state = ? WHERE id = ?", err);

	if (!st)
		return -1;
	sqlite3_bind_int(st, 1, (int)state);
	sqlite3_bind_int64(st, 2, id);
	return db_run(&j->db, st, err);
}

/* mail_keywords() and keywords_minus() are plan/'s: whoever changes flags has planned. */
static int note_in_index(struct journal *j, const struct flag_change *c, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "UPDATE remote SET flags = (flags | ?2) & ~?3, keywords ="
				   " mail_keywords(keywords_minus(keywords, ?5), ?4) WHERE id = ?1",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, remote_id(c->folder, c->uid));
	sqlite3_bind_int64(st, 2, c->added);
	sqlite3_bind_int64(st, 3, c->removed);
	db_bind_text(st, 4, c->added_keywords);
	db_bind_text(st, 5, c->removed_keywords);
	return db_run(&j->db, st, err);
}

/* What we put there has the flags that it has now. */
static int note_in_upload(struct journal *j, int64_t id, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		&j->db,
		"UPDATE upload SET (flags, keywords) = (SELECT r.flags, r.keywords FROM remote r"
		" WHERE r.id = (upload.folder << 32) + upload.uid) FROM flag_change c"
		" WHERE c.id = ?1 AND upload.folder = c.remote >> 32"
		" AND unlikely(upload.uid = c.remote & 4294967295) AND upload.uid > 0"
		" AND upload.uidvalidity = c.uidvalidity AND upload.state IN (2, 3)"
		" AND EXISTS (SELECT 1 FROM remote r WHERE r.id = c.remote)",
		err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, id);
	return db_run(&j->db, st, err);
}

int journal_flag_change_end(struct journal *j, int64_t id, enum flag_change_state state,
			    const struct flag_change *done, struct err *err)
{
	bool own;
	int result;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	result = set_state(j, id, state, err);
	if (result == 0 && done)
		result = note_in_index(j, done, err);
	if (result == 0)
		result = note_in_upload(j, id, err);
	return tx_end(j, own, result, err);
}

int journal_filed_folder_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			      struct remote_folder *out, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT " FOLDER_COLUMNS " FROM folder f WHERE f.id = (SELECT min(u.folder)"
			" FROM run r JOIN line l ON l.id BETWEEN r.first_line AND r.last_line"
			"  AND l.action <> 0" /* those have been sent */
			" JOIN upload u ON u.id = l.upload AND u.line = l.id AND u.state = 2"
			" AND u.method > 0 WHERE r.id = ?1 AND u.folder > ?2)",
			err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, after);
	return folder_row(j, st, a, out, err);
}

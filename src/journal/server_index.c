/*
 * What the server holds: folders and the index of their messages; and the folders
 * that a plan wants to have there.
 */
#include "journal/private.h"

#include "base/fault.h"

int folder_read(sqlite3_stmt *st, struct arena *a, struct remote_folder *out, struct err *err)
{
	struct remote_folder f = { 0 };

	f.id = sqlite3_column_int64(st, 0);
	f.exists = sqlite3_column_int(st, 1) != 0;
	f.wire_name = db_text(a, st, 2);
	f.name = db_text(a, st, 3);
	f.separator = (char)sqlite3_column_int(st, 4);
	f.attributes = (uint32_t)sqlite3_column_int64(st, 5);
	f.role = (enum role)sqlite3_column_int(st, 6);
	f.uidvalidity = (uint32_t)sqlite3_column_int64(st, 7);
	f.uidnext = (uint32_t)sqlite3_column_int64(st, 8);
	f.messages = (uint32_t)sqlite3_column_int64(st, 9);
	f.highestmodseq = (uint64_t)sqlite3_column_int64(st, 10);
	sqlite3_reset(st);
	if (!f.wire_name || !f.name)
		return err_nomem(err);
	*out = f;
	return 1;
}

static int query_folder(struct journal *j, sqlite3_stmt *st, struct arena *a,
			struct remote_folder *out, struct err *err)
{
	int got = one_row(j, st, err);

	return got <= 0 ? got : folder_read(st, a, out, err);
}

/* ---- the listing ---- */

int journal_folders_begin(struct journal *j, struct err *err)
{
	return db_exec(&j->db, "UPDATE folder SET seen = 0", err);
}

/* Insert or update by wire name; `listed` folders are the server's, others only wanted. */
static int put_folder(struct journal *j, const struct remote_folder *f, bool listed, int64_t *id,
		      struct err *err)
{
	static const char list[] =
		"INSERT INTO folder(wire_name, name, separator, attributes, role, listed, seen)"
		" VALUES (?, ?, ?, ?, ?, 1, 1) ON CONFLICT(wire_name) DO UPDATE SET"
		" name = excluded.name, separator = excluded.separator,"
		" attributes = excluded.attributes, role = excluded.role, listed = 1, seen = 1"
		" RETURNING id";
	static const char want[] =
		"INSERT INTO folder(wire_name, name, separator, attributes, role, listed)"
		" VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT(wire_name) DO UPDATE SET"
		" role = CASE WHEN listed THEN role ELSE excluded.role END RETURNING id";
	sqlite3_stmt *st = listed ? db_stmt(&j->db, list, err) : db_stmt(&j->db, want, err);

	if (!st)
		return -1;
	db_bind_text(st, 1, f->wire_name);
	db_bind_text(st, 2, f->name);
	sqlite3_bind_int(st, 3, (unsigned char)f->separator);
	sqlite3_bind_int64(st, 4, f->attributes);
	sqlite3_bind_int(st, 5, (int)f->role);
	if (one_row(j, st, err) <= 0)
		return -1;
	*id = sqlite3_column_int64(st, 0);
	/* RETURNING delivers its row after the change, but the statement must be run to its end */
	return db_step(&j->db, st, err) < 0 ? -1 : 0;
}

int journal_folder_put(struct journal *j, struct remote_folder *f, struct err *err)
{
	if (put_folder(j, f, true, &f->id, err) < 0)
		return -1;
	f->exists = true;
	return 0;
}

int journal_folders_end(struct journal *j, struct err *err)
{
	int64_t gone = 0;
	bool own;
	int result;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	result = db_int(&j->db, "SELECT count(*) FROM folder WHERE seen = 0 AND listed = 1", &gone,
			err);
	if (result == 0 && gone > 0)
		result = db_exec(
			&j->db,
			"DELETE FROM candidate WHERE remote >> 32 IN"
			" (SELECT id FROM folder WHERE seen = 0 AND listed = 1);"
			"DELETE FROM remote WHERE id IN (SELECT r.id FROM folder f JOIN remote r"
			" ON r.id BETWEEN f.id << 32 AND (f.id << 32) + 4294967295"
			" WHERE f.seen = 0 AND f.listed = 1);"
			"UPDATE folder SET listed = 0, gone = 1, indexed = 0, uidvalidity = 0, "
			"uidnext = 0,"
			" messages = 0, highestmodseq = 0 WHERE seen = 0 AND listed = 1",
			err);
	return tx_end(j, own, result, err);
}

int journal_folder_by_wire(struct journal *j, const char *wire_name, struct arena *a,
			   struct remote_folder *out, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db, "SELECT " FOLDER_COLUMNS " FROM folder f WHERE wire_name = ?", err);

	if (!st)
		return -1;
	db_bind_text(st, 1, wire_name);
	return query_folder(j, st, a, out, err);
}

int journal_folder_get(struct journal *j, int64_t id, struct arena *a, struct remote_folder *out,
		       struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db, "SELECT " FOLDER_COLUMNS " FROM folder f WHERE id = ?", err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, id);
	return query_folder(j, st, a, out, err);
}

int journal_folder_next(struct journal *j, int64_t after, struct arena *a,
			struct remote_folder *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT " FOLDER_COLUMNS " FROM folder f"
				   " WHERE id > ? AND listed = 1 ORDER BY id LIMIT 1",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, after);
	return query_folder(j, st, a, out, err);
}

/* ---- folders that a plan wants ---- */

int journal_folder_want(struct journal *j, const struct remote_folder *f, int64_t *id,
			struct err *err)
{
	return put_folder(j, f, false, id, err);
}

static int remember_renaming(struct journal *j, int64_t run, const struct remote_folder *wanted,
			     int64_t folder, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"INSERT OR REPLACE INTO renaming(wanted, wanted_name, folder, run)"
			" VALUES (?, ?, ?, ?)",
			err);

	if (!st)
		return -1;
	db_bind_text(st, 1, wanted->wire_name);
	db_bind_text(st, 2, wanted->name);
	sqlite3_bind_int64(st, 3, folder);
	sqlite3_bind_int64(st, 4, run);
	return db_run(&j->db, st, err);
}

/* Two targets turned out to be one folder: all that was to go to `from` goes to `into`. What `into`
 * has or is to get already becomes a duplicate, or present. (Action and outcome numbers: 1 present,
 * 3 duplicate; 2 present, 4 duplicate.) */
static int unite(struct journal *j, int64_t from, int64_t into, struct err *err)
{
	static const char *const steps[] = {
		/* only what is still open: what old runs did to a folder that is gone stays told */
		"UPDATE line SET (action, outcome, reason, level, upload) ="
		" (SELECT iif(v.state IN (2, 3), 1, 3), iif(v.state IN (2, 3), 2, 4),"
		"  iif(v.state IN (2, 3), 'stored', 'duplicate'), iif(v.state IN (2, 3), 5, 0),"
		" NULL"
		"  FROM upload u JOIN upload v ON v.folder = ?2 AND v.sha256 = u.sha256"
		"  AND v.copy = u.copy WHERE u.id = line.upload)"
		" WHERE outcome IN (0, 8) AND id IN (SELECT u.line FROM upload u JOIN upload v ON"
		" v.folder = ?2"
		"  AND v.sha256 = u.sha256 AND v.copy = u.copy WHERE u.folder = ?1)",
		/* What has been stored stays known, as one more copy: it is final (DESIGN 4.6). */
		"UPDATE upload SET copy = copy + 1 + (SELECT max(v.copy) FROM upload v"
		" WHERE v.folder IN (?1, ?2) AND v.sha256 = upload.sha256)"
		" WHERE folder = ?1 AND state IN (2, 3) AND EXISTS (SELECT 1 FROM upload v"
		" WHERE v.folder = ?2 AND v.sha256 = upload.sha256 AND v.copy = upload.copy)",
		"DELETE FROM upload WHERE folder = ?1 AND EXISTS (SELECT 1 FROM upload v"
		" WHERE v.folder = ?2 AND v.sha256 = upload.sha256 AND v.copy = upload.copy)",
		"UPDATE upload SET folder = ?2 WHERE folder = ?1",
		"UPDATE line SET target = ?2 WHERE target = ?1",
		"UPDATE run_target SET folder = ?2 WHERE folder = ?1",
		"UPDATE run_store SET target = ?2 WHERE target = ?1",
		"UPDATE renaming SET folder = ?2 WHERE folder = ?1",
		"DELETE FROM folder WHERE id = ?1 AND listed = 0 AND ?2 <> ?1",
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (db_run_ids(&j->db, steps[i], from, into, err) < 0)
			return -1;
	return 0;
}

static int become(struct journal *j, int64_t id, const struct remote_folder *made, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "UPDATE folder SET wire_name = ?, name = ?, separator = ?,"
				   " attributes = ?, role = ?, listed = 1 WHERE id = ?",
				   err);

	if (!st)
		return -1;
	db_bind_text(st, 1, made->wire_name);
	db_bind_text(st, 2, made->name);
	sqlite3_bind_int(st, 3, (unsigned char)made->separator);
	sqlite3_bind_int64(st, 4, made->attributes);
	sqlite3_bind_int(st, 5, (int)made->role);
	sqlite3_bind_int64(st, 6, id);
	return db_run(&j->db, st, err);
}

static int created(struct journal *j, int64_t run, int64_t target, const struct remote_folder *made,
		   int64_t *folder, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT((size_t)1 << 20);
	struct remote_folder wanted = { 0 }, other = { 0 };
	int got = journal_folder_get(j, target, &a, &wanted, err);

	if (got == 0)
		err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER, "no target folder %lld",
			(long long)target);
	if (got <= 0)
		return -1;
	got = journal_folder_by_wire(j, made->wire_name, &a, &other, err);
	if (got < 0)
		return -1;
	*folder = got > 0 ? other.id : target;
	if (*folder != target && (remember_renaming(j, run, &wanted, *folder, err) < 0 ||
				  unite(j, target, *folder, err) < 0))
		return -1;
	if (*folder == target &&
	    !slice_eq(slice_str(made->wire_name), slice_str(wanted.wire_name)) &&
	    remember_renaming(j, run, &wanted, target, err) < 0)
		return -1;
	return become(j, *folder, made, err);
}

int journal_folder_created(struct journal *j, int64_t run, int64_t target,
			   const struct remote_folder *made, int64_t *folder, struct err *err)
{
	int64_t id = target;
	bool own;
	int result;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	result = created(j, run, target, made, &id, err);
	fault_point("journal-folder-created");
	if (tx_end(j, own, result, err) < 0)
		return -1;
	*folder = id;
	return 0;
}

int journal_folder_made_of(struct journal *j, const char *wanted_wire_name, struct arena *a,
			   struct remote_folder *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT " FOLDER_COLUMNS " FROM renaming n"
				   " JOIN folder f ON f.id = n.folder WHERE n.wanted = ?",
				   err);

	if (!st)
		return -1;
	db_bind_text(st, 1, wanted_wire_name);
	return query_folder(j, st, a, out, err);
}

int journal_renaming_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			  struct renaming *out, struct err *err)
{
	/* of the folders that the run's stores go to, whichever run made them */
	static const char sql[] =
		"SELECT n.rowid, n.wanted_name, f.name FROM renaming n"
		" JOIN folder f ON f.id = n.folder WHERE n.rowid > ?2 AND n.folder IN"
		" (SELECT target FROM run_store WHERE run = ?1)"
		" ORDER BY n.rowid LIMIT 1";
	struct renaming r;
	sqlite3_stmt *st;
	int got;

	got = row_after(j, sql, run, after, &st, err);
	if (got <= 0)
		return got;
	r.id = sqlite3_column_int64(st, 0);
	r.wanted = db_text(a, st, 1);
	r.made = db_text(a, st, 2);
	sqlite3_reset(st);
	if (!r.wanted || !r.made)
		return err_nomem(err);
	*out = r;
	return 1;
}

/* ---- messages ---- */

#define LOAD_MIN 1000 /* rows from which sorting them once is cheaper than one by one */

int journal_remote_load(struct journal *j, uint64_t rows, struct err *err)
{
	int64_t have;

	if (db_exec(&j->db, "DELETE FROM gmail_read; DELETE FROM gmail_unread", err) < 0)
		return -1;
	if (rows < LOAD_MIN)
		return 0;
	if (db_int(&j->db, "SELECT coalesce(sum(messages), 0) FROM folder WHERE indexed", &have,
		   err) < 0)
		return -1;
	if (rows < (uint64_t)have / 2)
		return 0;
	/* What is written in its order needs no large cache; and sorting may take as much memory
	 * again. */
	return db_exec(&j->db,
		       "DROP INDEX IF EXISTS remote_key; DROP INDEX IF EXISTS remote_ident;"
		       "PRAGMA cache_size=-4096",
		       err);
}

int journal_remote_loaded(struct journal *j, struct err *err)
{
	if (schema_index_remote(&j->db, err) < 0)
		return -1;
	return db_exec(&j->db, JOURNAL_CACHE, err);
}

int journal_remote_clear(struct journal *j, int64_t folder, struct err *err)
{
	bool own;
	int result;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	result = db_run_ids(&j->db, "DELETE FROM remote WHERE id BETWEEN ?1 AND ?2",
			    remote_id(folder, 0), remote_id(folder, UINT32_MAX), err);
	if (result == 0)
		result = db_run_ids(&j->db,
				    "UPDATE folder SET indexed = 0, uidnext = 0, messages = 0,"
				    " highestmodseq = 0 WHERE id = ?",
				    folder, 0, err);
	return tx_end(j, own, result, err);
}

int journal_remote_clear_from(struct journal *j, int64_t folder, uint32_t uid, struct err *err)
{
	return db_run_ids(&j->db, "DELETE FROM remote WHERE id BETWEEN ?1 AND ?2",
			  remote_id(folder, uid), remote_id(folder, UINT32_MAX), err);
}

/* Which of Gmail's messages it is. */
static int note_gmail(struct journal *j, const struct remote_row *row, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   row->unread ? "INSERT OR REPLACE INTO gmail_unread VALUES (?, ?)"
					       : "INSERT OR REPLACE INTO gmail_read VALUES (?, ?)",
				   err);

	if (!st)
		return -1;
	db_bind_u64(st, 1, row->gmail_id);
	sqlite3_bind_int64(st, 2, remote_id(row->folder, row->uid));
	return db_run(&j->db, st, err);
}

int journal_remote_join_gmail(struct journal *j, int64_t folder, uint64_t *joined, struct err *err)
{
	if (db_run_ids(&j->db,
		       "UPDATE remote SET (key, fields, ident) = (r.key, r.fields, r.ident)"
		       " FROM gmail_unread u, gmail_read g, remote r"
		       " WHERE remote.id BETWEEN ?1 AND ?2 AND length(remote.key) = 0"
		       " AND u.remote = remote.id AND g.id = u.id AND r.id = g.remote"
		       " AND r.size = remote.size AND length(r.key) > 0",
		       remote_id(folder, 0), remote_id(folder, UINT32_MAX), err) < 0)
		return -1;
	*joined = (uint64_t)sqlite3_changes64(j->db.sqlite);
	return 0;
}

int journal_remote_put(struct journal *j, const struct remote_row *row, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "INSERT OR REPLACE INTO remote(id, size, internaldate, flags,"
				   " keywords, key, fields, ident) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
				   err);
	const struct match_keys *k = &row->keys;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, remote_id(row->folder, row->uid));
	db_bind_u64(st, 2, row->size);
	db_bind_time(st, 3, row->internaldate);
	sqlite3_bind_int64(st, 4, row->flags);
	sqlite3_bind_text(st, 5, row->keywords, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 6, k->has_id ? k->id : k->ident, row->unread ? 0 : KEY_LEN,
			  SQLITE_STATIC);
	sqlite3_bind_blob(st, 7, k->fields, row->unread ? 0 : KEY_LEN, SQLITE_STATIC);
	if (k->has_id && !row->unread)
		sqlite3_bind_blob(st, 8, k->ident, KEY_LEN, SQLITE_STATIC);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	sqlite3_clear_bindings(st);
	return row->gmail_id != 0 ? note_gmail(j, row, err) : 0;
}

int journal_remote_flags(struct journal *j, int64_t folder, uint32_t uid, uint32_t flags,
			 const char *keywords, struct err *err)
{
	/* a row that is as it was need not be written */
	sqlite3_stmt *st = db_stmt(&j->db,
				   "UPDATE remote SET flags = ?2, keywords = ?3 WHERE id = ?1"
				   " AND (flags, keywords) IS NOT (?2, ?3)",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, remote_id(folder, uid));
	sqlite3_bind_int64(st, 2, flags);
	db_bind_text(st, 3, keywords);
	return db_run(&j->db, st, err);
}

int journal_remote_next(struct journal *j, int64_t folder, uint32_t after, struct arena *a,
			struct remote_row *out, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT id, size, internaldate, flags, keywords, key, fields, ident"
			" FROM remote WHERE id > ? AND id <= ? ORDER BY id LIMIT 1",
			err);
	struct remote_row r = { 0 };
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, remote_id(folder, after));
	sqlite3_bind_int64(st, 2, remote_id(folder, UINT32_MAX));
	got = one_row(j, st, err);
	if (got <= 0)
		return got;
	r.folder = folder;
	r.uid = (uint32_t)sqlite3_column_int64(st, 0);
	r.size = (uint64_t)sqlite3_column_int64(st, 1);
	r.internaldate = column_time(st, 2);
	r.flags = (uint32_t)sqlite3_column_int64(st, 3);
	r.keywords = db_text(a, st, 4);
	r.keys.has_id = sqlite3_column_type(st, 7) != SQLITE_NULL;
	column_bytes(st, 5, r.keys.has_id ? r.keys.id : r.keys.ident, KEY_LEN);
	column_bytes(st, 6, r.keys.fields, KEY_LEN);
	if (r.keys.has_id)
		column_bytes(st, 7, r.keys.ident, KEY_LEN);
	sqlite3_reset(st);
	*out = r;
	return 1;
}

/* UIDs of another UIDVALIDITY are other messages: verdicts about them are void. */
static int void_verdicts(struct journal *j, int64_t folder, uint32_t uidvalidity, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		&j->db, "SELECT 1 FROM folder WHERE id = ? AND uidvalidity NOT IN (0, ?)", err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, folder);
	sqlite3_bind_int64(st, 2, uidvalidity);
	got = one_row(j, st, err);
	if (got <= 0)
		return got;
	sqlite3_reset(st);
	return db_run_ids(&j->db, "DELETE FROM candidate WHERE remote BETWEEN ?1 AND ?2",
			  remote_id(folder, 0), remote_id(folder, UINT32_MAX), err);
}

static int set_indexed(struct journal *j, int64_t folder, uint32_t uidvalidity, uint32_t uidnext,
		       uint32_t messages, uint64_t highestmodseq, struct err *err)
{
	sqlite3_stmt *st;

	if (void_verdicts(j, folder, uidvalidity, err) < 0)
		return -1;
	st = db_stmt(&j->db,
		     "UPDATE folder SET indexed = 1, uidvalidity = ?, uidnext = ?, messages = ?,"
		     " highestmodseq = ? WHERE id = ?",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, uidvalidity);
	sqlite3_bind_int64(st, 2, uidnext);
	sqlite3_bind_int64(st, 3, messages);
	db_bind_u64(st, 4, highestmodseq);
	sqlite3_bind_int64(st, 5, folder);
	return db_run(&j->db, st, err);
}

int journal_folder_indexed(struct journal *j, int64_t folder, uint32_t uidvalidity,
			   uint32_t uidnext, uint32_t messages, uint64_t highestmodseq,
			   struct err *err)
{
	bool own;
	int result;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	result = set_indexed(j, folder, uidvalidity, uidnext, messages, highestmodseq, err);
	return tx_end(j, own, result, err);
}

/* ---- our own uploads ---- */

/* Rows of a folder from a UID on. */
static int count_from(struct journal *j, int64_t folder, uint32_t uid, int64_t *out,
		      struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db, "SELECT count(*) FROM remote WHERE id BETWEEN ? AND ?", err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, remote_id(folder, uid));
	sqlite3_bind_int64(st, 2, remote_id(folder, UINT32_MAX));
	if (one_row(j, st, err) <= 0)
		return -1;
	*out = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

/* Complete when every UID given out since the last index is ours, and the number of all messages
 * says that none has vanished: equal numbers alone could hide one that came and one that went. */
static int absorb(struct journal *j, const struct remote_folder *f, uint32_t uidvalidity,
		  uint32_t uidnext, uint32_t messages, bool *complete, struct err *err)
{
	/* size: as sent; what a server stores shorter only makes a weaker candidate */
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"INSERT OR IGNORE INTO remote(id, size, internaldate, flags, keywords, key,"
			" fields, ident) SELECT (?1 << 32) + uid, wire_len, internaldate, flags,"
			" keywords, key, fields, iif(has_id, ident, NULL) FROM upload"
			" WHERE folder = ?1 AND uid >= ?3 AND uid > 0 AND uidvalidity = ?2"
			" AND state IN (2, 3) AND key <> x''",
			err);
	uint32_t first = f->uidnext > 0 ? f->uidnext : 1;
	int64_t all, ours;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, f->id);
	sqlite3_bind_int64(st, 2, uidvalidity);
	sqlite3_bind_int64(st, 3, first);
	if (db_run(&j->db, st, err) < 0 || count_from(j, f->id, 0, &all, err) < 0 ||
	    count_from(j, f->id, first, &ours, err) < 0)
		return -1;
	*complete = all == messages && ours == (int64_t)uidnext - first;
	return 0;
}

int journal_remote_count(struct journal *j, int64_t folder, uint32_t *out, struct err *err)
{
	int64_t n;

	if (count_from(j, folder, 0, &n, err) < 0)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

int journal_folder_absorb(struct journal *j, int64_t folder, uint32_t uidvalidity, uint32_t uidnext,
			  uint32_t messages, bool *complete, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT((size_t)1 << 20);
	struct remote_folder f = { 0 };
	bool whole = false;
	int result = journal_folder_get(j, folder, &a, &f, err);

	if (result < 0)
		return -1;
	*complete = false;
	/* an index of another UIDVALIDITY is no beginning to go on from */
	if (result == 0 || (f.uidvalidity != 0 && f.uidvalidity != uidvalidity))
		return 0;
	if (db_exec(&j->db, "SAVEPOINT absorb", err) < 0)
		return -1;
	result = absorb(j, &f, uidvalidity, uidnext, messages, &whole, err);
	/* HIGHESTMODSEQ as it was: flags that others change meanwhile are still to be asked for. */
	if (result == 0 && whole)
		result = set_indexed(j, folder, uidvalidity, uidnext, messages, f.highestmodseq,
				     err);
	if (result < 0 || !whole)
		sqlite3_exec(j->db.sqlite, "ROLLBACK TO absorb", NULL, NULL, NULL);
	if (db_exec(&j->db, "RELEASE absorb", result < 0 ? &(struct err)ERR_INIT : err) < 0)
		return -1;
	*complete = result == 0 && whole;
	return result;
}

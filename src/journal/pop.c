/*
 * What POP has to say about INBOX. See pop.h.
 */
#include "journal/pop.h"

#include "journal/private.h"

int journal_pop_clear(struct journal *j, struct err *err)
{
	return db_exec(&j->db, "DELETE FROM pop_uidl; DELETE FROM pop_list", err);
}

int journal_pop_add(struct journal *j, struct slice uidl, enum pop_fate fate, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "INSERT INTO pop_uidl(uidl, fate) VALUES (?, ?) ON CONFLICT"
				   " DO UPDATE SET fate = min(fate, excluded.fate)",
				   err);

	_Static_assert(POP_FETCHED < POP_DELETED && POP_DELETED < POP_BEGINNING,
		       "the smallest knows most");
	if (!st)
		return -1;
	sqlite3_bind_text(st, 1, uidl.ptr, (int)uidl.len, SQLITE_TRANSIENT);
	sqlite3_bind_int(st, 2, (int)fate);
	return db_run(&j->db, st, err);
}

int journal_pop_list_add(struct journal *j, uint32_t number, struct slice uidl, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "INSERT OR REPLACE INTO pop_list(seq, uidl, size)"
				   " VALUES (?, ?, 0)",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, number);
	sqlite3_bind_text(st, 2, uidl.ptr, (int)uidl.len, SQLITE_TRANSIENT);
	return db_run(&j->db, st, err);
}

int journal_pop_list_size(struct journal *j, uint32_t number, uint64_t size, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db, "UPDATE pop_list SET size = ? WHERE seq = ?", err);

	if (!st)
		return -1;
	db_bind_u64(st, 1, size);
	sqlite3_bind_int64(st, 2, number);
	return db_run(&j->db, st, err);
}

int journal_leftover_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			  struct pop_leftover *out, struct err *err)
{
	static const char sql[] = "SELECT l.remote, f.name, l.uidl, l.size, l.internaldate"
				  " FROM pop_leftover l JOIN folder f ON f.id = l.remote >> 32"
				  " WHERE l.run = ? AND l.remote > ? ORDER BY l.remote LIMIT 1";
	struct pop_leftover l = { 0 };
	sqlite3_stmt *st;
	int got;

	got = row_after(j, sql, run, after, &st, err);
	if (got <= 0)
		return got;
	l.id = sqlite3_column_int64(st, 0);
	l.folder = db_text(a, st, 1);
	l.uid = (uint32_t)l.id;
	l.uidl = db_text(a, st, 2);
	l.size = (uint64_t)sqlite3_column_int64(st, 3);
	l.internaldate = column_time(st, 4);
	sqlite3_reset(st);
	if (!l.folder || !l.uidl)
		return err_nomem(err);
	*out = l;
	return 1;
}

int journal_leftover_count(struct journal *j, int64_t run, uint64_t *n, uint64_t *bytes,
			   struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT count(*), coalesce(sum(size), 0) FROM pop_leftover"
				   " WHERE run = ?",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	if (one_row(j, st, err) <= 0)
		return -1;
	*n = (uint64_t)sqlite3_column_int64(st, 0);
	*bytes = (uint64_t)sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	return 0;
}

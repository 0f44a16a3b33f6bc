/*
 * What state files of POP programs say about INBOX: which of its messages POP has
 * fetched, and which of these are not here any more. See uidl.h.
 */
#include "match/uidl_private.h"

#include "journal/pop.h"

_Static_assert(POP_FETCHED == 0 && POP_DELETED == 1 && STATE_DELETED == 3, "as in the SQL");

/* The next UIDL behind `*after`, which it replaces: 1, 0, -1. */
static int next_uidl(struct db *db, struct buf *after, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(db, "SELECT uidl FROM pop_uidl WHERE uidl > ? ORDER BY uidl LIMIT 1", err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_text(st, 1, after->ptr ? after->ptr : "", (int)after->len, SQLITE_TRANSIENT);
	got = db_step(db, st, err);
	if (got <= 0)
		return got;
	buf_reset(after);
	buf_adds(after, (const char *)sqlite3_column_text(st, 0));
	sqlite3_reset(st);
	return buf_cstr(after) ? 1 : buf_ok(after, "a UIDL", err);
}

static int set_remote(struct db *db, const char *uidl, int64_t remote, struct err *err)
{
	sqlite3_stmt *st = db_stmt(db,
				   "UPDATE pop_uidl SET remote = (SELECT id FROM remote"
				   " WHERE id = ?2) WHERE uidl = ?1",
				   err);

	if (!st)
		return -1;
	db_bind_text(st, 1, uidl);
	sqlite3_bind_int64(st, 2, remote);
	return db_run(db, st, err);
}

/* Not what the sample has shown to be wrong. A UIDL without a UIDVALIDITY in it says too little,
 * unless messages here bear such ones. */
static int is_believed(struct db *db, enum uidl_format format, struct err *err)
{
	sqlite3_stmt *st = db_stmt(db,
				   "SELECT coalesce((SELECT believed FROM uidl_verdict"
				   " WHERE format = ?1), ?1 <> 6)",
				   err);
	int believed;

	_Static_assert(UIDL_UID == 6, "as in the text above");
	if (!st)
		return -1;
	sqlite3_bind_int(st, 1, (int)format);
	if (db_step(db, st, err) <= 0)
		return -1;
	believed = sqlite3_column_int(st, 0);
	sqlite3_reset(st);
	return believed;
}

int match_states_join(struct db *db, const struct uidl_place *p, struct err *err)
{
	CLEANUP(buf_release) struct buf uidl = BUF_INIT(UIDL_MAX + 1);
	int got;

	while ((got = next_uidl(db, &uidl, err)) > 0) {
		struct uidl_meaning m;
		int believed;

		if (uidl_meaning_of(db, p, uidl.ptr, &m, err) < 0)
			return -1;
		believed = m.remote == 0 ? 0 : is_believed(db, m.format, err);
		if (believed < 0 || set_remote(db, uidl.ptr, believed > 0 ? m.remote : 0, err) < 0)
			return -1;
	}
	return got;
}

int match_find_leftovers(struct db *db, int64_t run, struct err *err)
{
	sqlite3_stmt *st;
	int64_t any;

	if (db_int(db, "SELECT EXISTS (SELECT 1 FROM pop_uidl WHERE remote IS NOT NULL)", &any,
		   err) < 0)
		return -1;
	if (!any)
		return 0;
	if (db_exec(db, "CREATE INDEX IF NOT EXISTS temp.work_content ON work(sha256)", err) < 0)
		return -1;
	/* not here: neither by its UIDL nor as anything that may be the same content */
	st = db_stmt(db,
		     "INSERT OR IGNORE INTO pop_leftover(run, remote, uidl, size, internaldate)"
		     " SELECT ?, p.remote, p.uidl, r.size, r.internaldate FROM pop_uidl p"
		     " CROSS JOIN remote r ON r.id = p.remote WHERE p.fate IN (0, 1)"
		     " AND r.flags & 8 = 0"
		     " AND NOT EXISTS (SELECT 1 FROM uidl_pair q CROSS JOIN item i ON i.id = q.item"
		     "  WHERE q.remote = p.remote AND i.state <> 3)"
		     " AND NOT EXISTS (SELECT 1 FROM candidate c CROSS JOIN work w"
		     "  ON w.sha256 = c.sha256 WHERE c.remote = p.remote AND c.verdict <> 2)",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	return db_run(db, st, err);
}

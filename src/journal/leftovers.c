/*
 * What stays on the server. See leftovers.h.
 */
#include "journal/leftovers.h"

#include "journal/private.h"

_Static_assert(ROLE_INBOX == 1 && METHOD_COPY == 1 && UPLOAD_STORED == 2 && UPLOAD_VERIFIED == 3,
	       "as in the SQL");

static int amount_of(struct journal *j, sqlite3_stmt *st, struct amount *out, struct err *err)
{
	if (!st || one_row(j, st, err) <= 0)
		return -1;
	out->n = (uint64_t)sqlite3_column_int64(st, 0);
	out->bytes = (uint64_t)sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	return 0;
}

int journal_server_only(struct journal *j, int64_t run, bool *known, struct amount *out,
			struct err *err)
{
	sqlite3_stmt *st;
	int64_t other;

	if (db_int(&j->db, "SELECT coalesce(max(run), 0) FROM server_only", &other, err) < 0)
		return -1;
	*known = other == 0 || other == run;
	st = db_stmt(&j->db,
		     "SELECT count(*), coalesce(sum(size), 0) FROM server_only WHERE run = ?", err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	return amount_of(j, st, out, err);
}

int journal_server_only_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			     struct server_only *out, struct err *err)
{
	static const char sql[] = "SELECT o.remote, f.name, o.size, o.internaldate"
				  " FROM server_only o JOIN folder f ON f.id = o.remote >> 32"
				  " WHERE o.run = ? AND o.remote > ? ORDER BY o.remote LIMIT 1";
	struct server_only s = { 0 };
	sqlite3_stmt *st;
	int got;

	got = row_after(j, sql, run, after, &st, err);
	if (got <= 0)
		return got;
	s.id = sqlite3_column_int64(st, 0);
	s.folder = db_text(a, st, 1);
	s.uid = (uint32_t)s.id;
	s.size = (uint64_t)sqlite3_column_int64(st, 2);
	s.internaldate = column_time(st, 3);
	sqlite3_reset(st);
	if (!s.folder)
		return err_nomem(err);
	*out = s;
	return 1;
}

/* What has been moved away since the index was made is not counted. */
#define IN_INBOX                                                                                   \
	" FROM folder f JOIN remote r ON r.id BETWEEN f.id << 32 AND (f.id << 32) + 4294967295"    \
	" WHERE f.role = 1 AND f.listed = 1 AND NOT EXISTS (SELECT 1 FROM upload u"                \
	"  WHERE u.method = 2 AND u.origin = r.id AND u.origin_gone = 1"                           \
	"  AND u.origin_uidvalidity = f.uidvalidity)"

int journal_inbox_facts(struct journal *j, struct inbox_facts *out, struct err *err)
{
	static const char all[] = "SELECT count(*), coalesce(sum(r.size), 0)" IN_INBOX;
	static const char filed[] =
		"SELECT count(*), coalesce(sum(r.size), 0)" IN_INBOX
		" AND r.id IN (SELECT u.origin FROM upload u WHERE u.method > 0"
		"  AND u.state IN (2, 3) AND u.origin_uidvalidity = f.uidvalidity)";
	static const char server_only[] = "SELECT count(*), coalesce(sum(r.size), 0)" IN_INBOX
					  " AND r.id IN (SELECT remote FROM server_only)";
	static const char looked_at[] =
		"SELECT count(*) FROM folder WHERE role = 1 AND listed = 1 AND indexed = 1";
	struct inbox_facts facts;
	int64_t inboxes;

	if (db_int(&j->db, looked_at, &inboxes, err) < 0 ||
	    amount_of(j, db_stmt(&j->db, all, err), &facts.all, err) < 0 ||
	    amount_of(j, db_stmt(&j->db, filed, err), &facts.filed, err) < 0 ||
	    amount_of(j, db_stmt(&j->db, server_only, err), &facts.server_only, err) < 0)
		return -1;
	facts.known = inboxes > 0;
	*out = facts;
	return 0;
}

/*
 * Messages that are on the server and nowhere here: they are left alone, but the
 * user should know of them. Known here is what is or may be one of our messages,
 * and what we put there.
 */
#include "plan/internal.h"

_Static_assert(ROLE_ALL == 9 && UPLOAD_STORED == 2 && UPLOAD_VERIFIED == 3, "as in the SQL");

int plan_server_only(const struct planning *p, struct err *err)
{
	sqlite3_stmt *st;

	if (db_exec(p->db,
		    "CREATE TEMP TABLE IF NOT EXISTS known_here (remote INTEGER PRIMARY KEY);"
		    "DELETE FROM known_here; DELETE FROM server_only;"
		    /* verdict 2: looked like one of ours, but is another message */
		    "INSERT OR IGNORE INTO known_here SELECT remote FROM candidate"
		    " WHERE verdict <> 2;"
		    "INSERT OR IGNORE INTO known_here SELECT (folder << 32) + uid FROM upload"
		    " WHERE uid > 0 AND state IN (2, 3)",
		    err) < 0)
		return -1;
	st = db_stmt(p->db,
		     "INSERT INTO server_only SELECT r.id, ?, r.size, r.internaldate FROM remote r"
		     " JOIN folder f ON f.id = r.id >> 32 AND f.listed = 1"
		     " WHERE r.id NOT IN (SELECT remote FROM known_here)"
		     /* All Mail has everything once more */
		     " AND NOT (f.role = 9 AND EXISTS (SELECT 1 FROM remote o CROSS JOIN folder g"
		     "  ON g.id = o.id >> 32 AND g.listed = 1 AND g.role <> 9"
		     "  WHERE o.key = r.key AND o.fields = r.fields AND o.size = r.size))",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, p->run);
	return db_run(p->db, st, err);
}

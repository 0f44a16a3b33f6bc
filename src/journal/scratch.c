/*
 * Scratch folders, as rows of `meta` whose names begin with "scratch:". See scratch.h.
 */
#include "journal/scratch.h"

#include "journal/private.h"

static int change(struct journal *j, const char *sql, const char *wire_name, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db, sql, err);

	if (!st)
		return -1;
	db_bind_text(st, 1, wire_name);
	return db_run(&j->db, st, err);
}

int journal_scratch_add(struct journal *j, const char *wire_name, struct err *err)
{
	return change(j, "INSERT OR REPLACE INTO meta VALUES ('scratch:' || ?, 1)", wire_name, err);
}

int journal_scratch_gone(struct journal *j, const char *wire_name, struct err *err)
{
	return change(j, "DELETE FROM meta WHERE name = 'scratch:' || ?", wire_name, err);
}

int journal_scratch_next(struct journal *j, const char *after, struct arena *a, const char **out,
			 struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT substr(name, 9) FROM meta WHERE name > 'scratch:' || ?"
				   " AND substr(name, 1, 8) = 'scratch:' ORDER BY name LIMIT 1",
				   err);
	int got;

	if (!st)
		return -1;
	db_bind_text(st, 1, after);
	got = one_row(j, st, err);
	if (got <= 0)
		return got;
	*out = db_text(a, st, 0);
	sqlite3_reset(st);
	return *out ? 1 : err_nomem(err);
}

/*
 * Folders of the server whose messages do not stay: Trash and Junk, which providers
 * empty after some weeks, and what lies below them. A copy there proves nothing for
 * a message that the user keeps in another folder. They are known by SPECIAL-USE, or
 * by their name at the top level, as in the mapping of folders.
 */
#include "match/work.h"
#include "plan/internal.h"
#include "plan/special_names.h"

#define PERISHING_TEXT_MAX ((size_t)1 << 20)

static bool is_perishing(enum role role)
{
	return role == ROLE_TRASH || role == ROLE_JUNK;
}

/* The first part of the name below the server's prefix, or below INBOX: some servers keep all
 * folders there. */
static struct slice first_part(const struct remote_folder *f, const struct plan_server *server)
{
	struct slice name = slice_str(f->name), prefix = slice_str(server->prefix), part;

	if (prefix.len > 0 && slice_istarts(name, prefix))
		name = slice_from(name, prefix.len);
	if (!f->separator)
		return name;
	part = slice_cut(&name, f->separator);
	return slice_ieq(part, SLICE_LIT("INBOX")) ? slice_cut(&name, f->separator) : part;
}

static int add(struct db *db, const struct remote_folder *f, struct err *err)
{
	/* itself, and what lies below it */
	sqlite3_stmt *st = db_stmt(db,
				   "INSERT OR IGNORE INTO perishing SELECT id FROM folder"
				   " WHERE id = ?1 OR (?3 > 0 AND substr(wire_name, 1,"
				   "  length(?2) + 1) = ?2 || char(?3))",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, f->id);
	db_bind_text(st, 2, f->wire_name);
	sqlite3_bind_int(st, 3, (unsigned char)f->separator);
	return db_run(db, st, err);
}

static int add_listed(struct journal *j, const struct plan_server *server, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(PERISHING_TEXT_MAX);
	struct remote_folder f;
	int64_t after = 0;
	int got;

	while ((got = journal_folder_next(j, after, &a, &f, err)) > 0) {
		enum role role = f.role;

		after = f.id;
		if (role == ROLE_NONE)
			role = special_name_role(first_part(&f, server), &a);
		if (is_perishing(role) && add(journal_db(j), &f, err) < 0)
			return -1;
		arena_reset(&a);
	}
	return got;
}

/* Targets that are still to be made hold no copies; but a message that goes there may be proven by
 * a copy in any of these folders. */
static int add_wanted(struct journal *j, int64_t run, struct err *err)
{
	sqlite3_stmt *st = db_stmt(journal_db(j),
				   "INSERT OR IGNORE INTO perishing SELECT f.id FROM run_store x"
				   " JOIN folder f ON f.id = x.target AND f.listed = 0"
				   " JOIN store s ON s.id = x.store"
				   " WHERE x.run = ?1 AND (f.role IN (4, 5) OR s.role IN (4, 5))",
				   err);

	_Static_assert(ROLE_TRASH == 4 && ROLE_JUNK == 5, "as in the text above");
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	return db_run(journal_db(j), st, err);
}

int perishing_find(struct journal *j, int64_t run, const struct plan_server *server,
		   struct err *err)
{
	if (match_work_exists(j, err) < 0 ||
	    db_exec(journal_db(j), "DELETE FROM perishing", err) < 0 ||
	    add_listed(j, server, err) < 0)
		return -1;
	return add_wanted(j, run, err);
}

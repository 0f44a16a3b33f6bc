/*
 * The work table, the candidates' way through resolving, and the choice of the best
 * copy. See match.h; the joins by keys are in candidates.c.
 */
#include "match/work.h"

#include <string.h>

#include "base/fault.h"
#include "match/uidl.h"

_Static_assert(VERDICT_OPEN == 0 && VERDICT_SAME == 1 && VERDICT_OTHER == 2 && VERDICT_UNKNOWN == 3,
	       "as in the SQL");

/* Run `step` in a transaction, unless the caller has one. */
static int transact(struct journal *j, int64_t run, const void *options,
		    int (*step)(struct journal *, int64_t, const void *, struct err *),
		    struct err *err)
{
	bool own = sqlite3_get_autocommit(journal_db(j)->sqlite) != 0;

	if (own && journal_begin(j, err) < 0)
		return -1;
	if (step(j, run, options, err) < 0) {
		if (own)
			journal_rollback(j);
		return -1;
	}
	return own ? journal_commit(j, err) : 0;
}

/* ---- the work table ---- */

static void bind_named(sqlite3_stmt *st, const char *name, int value)
{
	int index = sqlite3_bind_parameter_index(st, name);

	if (index > 0)
		sqlite3_bind_int(st, index, value);
}

void match_bind_includes(sqlite3_stmt *st, const struct match_options *options)
{
	bind_named(st, ":deleted", options->include_deleted);
	bind_named(st, ":outbox", options->include_outbox);
	bind_named(st, ":feeds", options->include_feeds);
	bind_named(st, ":partial", options->include_partial);
}

int match_work_exists(struct journal *j, struct err *err)
{
	return db_exec(journal_db(j),
		       "CREATE TEMP TABLE IF NOT EXISTS work (item INTEGER PRIMARY KEY,"
		       " target INTEGER, sha256 BLOB, head INTEGER, copy INTEGER, first INTEGER,"
		       " flags INTEGER, keywords TEXT, upload INTEGER, state INTEGER,"
		       " uid INTEGER, uidvalidity INTEGER,"
		       " remote INTEGER, level INTEGER, blocked INTEGER NOT NULL DEFAULT 0);"
		       "CREATE TEMP TABLE IF NOT EXISTS perishing (folder INTEGER PRIMARY KEY);"
		       "CREATE TEMP TABLE IF NOT EXISTS match_setting (keep INTEGER, into_folders"
		       " INTEGER)",
		       err);
}

/* Every item that may go up, as if it were the only one of its content. In the order of the scan,
 * in which both tables are read and written from end to end. */
static int add_items(struct journal *j, int64_t run, const struct match_options *options,
		     struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		journal_db(j),
		"INSERT INTO work(item, target, sha256, head, copy, first, upload, state, uid,"
		" uidvalidity) SELECT i.id, x.target, i.sha256, i.sha_head, 0, i.id, u.id,"
		" u.state, u.uid, u.uidvalidity"
		" FROM run_store x CROSS JOIN store s ON s.id = x.store"
		" CROSS JOIN item i ON i.id BETWEEN s.first_item AND s.last_item AND i.store = s.id"
		" LEFT JOIN upload u ON u.folder = x.target AND u.sha256 = i.sha256 AND u.copy = 0"
		" WHERE x.run = :run AND x.target IS NOT NULL AND i.state <> 6"
		" AND " MATCH_LEFT_OUT " IS NULL",
		err);

	if (!st)
		return -1;
	match_bind_includes(st, options);
	sqlite3_bind_int64(st, sqlite3_bind_parameter_index(st, ":run"), run);
	return db_run(journal_db(j), st, err);
}

/* An item is copy number `copy` of another one. */
static int set_copy(struct journal *j, int64_t item, int64_t first, int64_t copy, bool keep,
		    struct err *err)
{
	static const char plain[] = "UPDATE work SET first = ?2, copy = ?3 WHERE item = ?1";
	static const char own_upload[] = /* where each copy goes up, each has an upload row */
		"UPDATE work SET first = ?2, copy = ?3, (upload, state, uid, uidvalidity) ="
		" (SELECT u.id, u.state, u.uid, u.uidvalidity FROM upload u WHERE u.folder ="
		" work.target"
		"  AND u.sha256 = work.sha256 AND u.copy = ?3) WHERE item = ?1";
	sqlite3_stmt *st =
		keep ? db_stmt(journal_db(j), own_upload, err) : db_stmt(journal_db(j), plain, err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, item);
	sqlite3_bind_int64(st, 2, first);
	sqlite3_bind_int64(st, 3, copy);
	return db_run(journal_db(j), st, err);
}

struct group {
	int64_t target, first, copy;
	uint8_t sha256[SHA256_LEN];
};

/* Does the item belong to the group? If not, it begins a new one. */
static bool joins(struct group *g, int64_t item, int64_t target, struct slice sha256)
{
	if (g->first != 0 && g->target == target && sha256.len == SHA256_LEN &&
	    memcmp(g->sha256, sha256.ptr, SHA256_LEN) == 0) {
		g->copy++;
		return true;
	}
	g->first = item;
	g->target = target;
	g->copy = 0;
	if (sha256.len == SHA256_LEN)
		memcpy(g->sha256, sha256.ptr, SHA256_LEN);
	return false;
}

static int number_copies(struct journal *j, bool keep, struct err *err)
{
	struct group g = { 0 };
	sqlite3_stmt *st = db_stmt(journal_db(j),
				   "SELECT item, target, sha256 FROM work WHERE head IN"
				   " (SELECT head FROM twin_head) ORDER BY sha256, target, item",
				   err);
	int got;

	if (!st)
		return -1;
	while ((got = db_step(journal_db(j), st, err)) > 0) {
		int64_t item = sqlite3_column_int64(st, 0);

		if (joins(&g, item, sqlite3_column_int64(st, 1), db_blob(st, 2)) &&
		    set_copy(j, item, g.first, g.copy, keep, err) < 0)
			break;
	}
	sqlite3_reset(st);
	return got > 0 ? -1 : got;
}

/* Most items are the only ones of their kind: numbers alone are sorted to find that out. */
static int find_copies(struct journal *j, bool keep, struct err *err)
{
	int64_t any;

	if (journal_sorting(j, true, err) < 0 ||
	    db_exec(journal_db(j),
		    "CREATE TEMP TABLE IF NOT EXISTS twin_head (head INTEGER PRIMARY KEY);"
		    "DELETE FROM twin_head; INSERT INTO twin_head SELECT head FROM work GROUP BY"
		    " head"
		    " HAVING count(*) > 1",
		    err) < 0 ||
	    db_int(journal_db(j), "SELECT EXISTS (SELECT 1 FROM twin_head)", &any, err) < 0 ||
	    journal_sorting(j, false, err) < 0)
		return -1;
	return any ? number_copies(j, keep, err) : 0;
}

static int fill_work(struct journal *j, int64_t run, const struct match_options *options,
		     struct err *err)
{
	if (add_items(j, run, options, err) < 0)
		return -1;
	return find_copies(j, options->keep_duplicates, err);
}

/* For `mailhoist verify`: what the journal says counts only where the index agrees. */
static int distrust(struct journal *j, struct err *err)
{
	return db_exec(journal_db(j),
		       "UPDATE work SET state = NULL WHERE state IN (2, 3) AND NOT EXISTS"
		       " (SELECT 1 FROM upload u JOIN folder f ON f.id = u.folder AND f.indexed"
		       "  AND f.uidvalidity = u.uidvalidity"
		       "  JOIN remote r ON r.id = (u.folder << 32) + u.uid"
		       "  WHERE u.id = work.upload AND u.uid > 0)",
		       err);
}

static int prepare(struct journal *j, int64_t run, const void *context, struct err *err)
{
	const struct match_options *options = context;
	struct db *db = journal_db(j);
	sqlite3_stmt *st;

	if (match_work_exists(j, err) < 0 ||
	    db_exec(db, "DELETE FROM work; DELETE FROM match_setting", err) < 0)
		return -1;
	st = db_stmt(db, "INSERT INTO match_setting VALUES (?, ?)", err);
	if (!st)
		return -1;
	sqlite3_bind_int(st, 1, options->keep_duplicates);
	sqlite3_bind_int(st, 2, options->duplicate_into_folders);
	if (db_run(db, st, err) < 0 || fill_work(j, run, options, err) < 0)
		return -1;
	if (options->distrust_journal && distrust(j, err) < 0)
		return -1;
	if (match_seek_candidates(j, run, options, err) < 0)
		return -1;
	return match_uidl_join(j, run, options, err);
}

int match_prepare(struct journal *j, int64_t run, const struct match_options *options,
		  struct err *err)
{
	return transact(j, run, options, prepare, err);
}

/* ---- resolving ---- */

static int read_candidate(sqlite3_stmt *st, struct arena *a, struct match_candidate *c,
			  struct err *err)
{
	int64_t remote = sqlite3_column_int64(st, 16);

	c->item = sqlite3_column_int64(st, 0);
	c->kind = db_text(a, st, 1);
	c->source = db_text(a, st, 2);
	c->store_location = db_text(a, st, 3);
	c->locator = db_text(a, st, 4);
	memcpy(c->sha256, sqlite3_column_blob(st, 5), SHA256_LEN);
	c->wire_len = (uint64_t)sqlite3_column_int64(st, 6);
	c->header_len = (uint64_t)sqlite3_column_int64(st, 7);
	c->nul_count = (uint64_t)sqlite3_column_int64(st, 8);
	c->cr_count = (uint64_t)sqlite3_column_int64(st, 9);
	c->cr_cr_lf_count = (uint64_t)sqlite3_column_int64(st, 10);
	c->repairs = (uint32_t)sqlite3_column_int64(st, 11);
	if (sqlite3_column_bytes(st, 12) == KEY_LEN)
		memcpy(c->essence, sqlite3_column_blob(st, 12), KEY_LEN);
	c->has_id = sqlite3_column_int(st, 13) != 0;
	c->folder = remote >> 32;
	c->wire_name = db_text(a, st, 14);
	c->uid = (uint32_t)remote;
	c->size = (uint64_t)sqlite3_column_int64(st, 15);
	c->level = (enum match_level)sqlite3_column_int(st, 17);
	c->in_target = sqlite3_column_int(st, 18) == 0;
	c->partial = sqlite3_column_int(st, 19) != 0;
	c->rebuilt = sqlite3_column_int(st, 20) != 0;
	sqlite3_reset(st);
	if (!c->kind || !c->source || !c->store_location || !c->locator || !c->wire_name)
		return err_nomem(err);
	return 1;
}

int match_candidate_next(struct journal *j, int64_t run, struct match_cursor *cursor,
			 struct arena *a, struct match_candidate *out, struct err *err)
{
	/* Needless: a copy in the same folder is proven already; or, outside the target folder, any
	 * copy is that stays: All Mail, which holds everything once more, comes last. With
	 * keep_duplicates every copy counts. */
	sqlite3_stmt *st = db_stmt(
		journal_db(j),
		"SELECT i.id, s.kind, s.source, s.location, i.locator, i.sha256, i.wire_len,"
		" i.header_len, i.nul_count, i.cr_count, i.cr_cr_lf_count, i.repairs, i.essence,"
		" i.has_id, f.wire_name, r.size, c.remote, c.level, c.phase, i.state = 1, i.rebuilt"
		" FROM candidate c INDEXED BY candidate_open CROSS JOIN remote r ON r.id = c.remote"
		" CROSS JOIN folder f ON f.id = c.remote >> 32 CROSS JOIN item i ON i.id = c.item"
		" CROSS JOIN store s ON s.id = i.store"
		" WHERE c.verdict = 0 AND (c.phase, c.remote, c.sha256) > (?2, ?3, ?4) AND c.run ="
		" ?1"
		" AND ((SELECT keep FROM match_setting) OR NOT EXISTS (SELECT 1 FROM candidate d"
		"  CROSS JOIN remote e ON e.id = d.remote WHERE d.sha256 = c.sha256 AND d.verdict"
		" = 1 AND e.flags & 8 = 0 AND (d.remote >> 32 = c.remote >> 32 OR (c.phase > 0"
		"  AND d.remote >> 32 NOT IN (SELECT folder FROM perishing)))))"
		" ORDER BY c.phase, c.remote, c.sha256 LIMIT 1",
		err);
	struct match_candidate c = { 0 };
	int got, phase;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int(st, 2, cursor->started ? cursor->phase : -1);
	sqlite3_bind_int64(st, 3, cursor->remote);
	sqlite3_bind_blob(st, 4, cursor->sha256, SHA256_LEN, SQLITE_STATIC);
	got = db_step(journal_db(j), st, err);
	if (got <= 0)
		return got;
	phase = sqlite3_column_int(st, 18);
	if (read_candidate(st, a, &c, err) < 0)
		return -1;
	cursor->started = true;
	cursor->phase = phase;
	cursor->remote = (int64_t)((uint64_t)c.folder << 32 | c.uid);
	memcpy(cursor->sha256, c.sha256, SHA256_LEN);
	*out = c;
	return 1;
}

int match_candidate_settle(struct journal *j, const struct match_candidate *c,
			   enum match_verdict verdict, struct err *err)
{
	sqlite3_stmt *st = db_stmt(journal_db(j),
				   "UPDATE candidate SET verdict = ?, level = ?"
				   " WHERE sha256 = ? AND remote = ?",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int(st, 1, (int)verdict);
	sqlite3_bind_int(st, 2, (int)c->level);
	sqlite3_bind_blob(st, 3, c->sha256, SHA256_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, (int64_t)((uint64_t)c->folder << 32 | c->uid));
	return db_run(journal_db(j), st, err);
}

int match_candidate_count(struct journal *j, int64_t run, uint64_t *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		journal_db(j), "SELECT count(*) FROM candidate WHERE verdict = 0 AND run = ?", err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	if (db_step(journal_db(j), st, err) <= 0)
		return -1;
	*out = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

/* ---- the choice ---- */

/* Proven copies of the content of a row of work, in folders whose index is complete, that stay. An
 * upload that was decided before is not given up for a copy of our own. */
#define PROVEN                                                                                     \
	" FROM candidate c CROSS JOIN remote r ON r.id = c.remote"                                 \
	" CROSS JOIN folder f ON f.id = c.remote >> 32 AND f.indexed = 1 AND f.listed = 1"         \
	" WHERE c.sha256 = work.sha256 AND c.verdict = 1"                                          \
	" AND " MATCH_STANDS(                                                                      \
		"c.remote", "r.flags",                                                             \
		"work.target") " AND (work.state IS NULL OR NOT " MATCH_OURS("c.remote",           \
									     "r.key") ")"

/* Asked once in a statement, where the rest would be asked for every message in vain. */
#define ANY_CANDIDATE "EXISTS (SELECT 1 FROM candidate)"

/* Every local copy takes a server copy of its own in the target folder: the best level first, then
 * in scan order. */
static int claim_copies(struct journal *j, struct err *err)
{
	struct db *db = journal_db(j);
	sqlite3_stmt *st, *claim;
	int got;

	if (db_exec(db,
		    "CREATE TEMP TABLE IF NOT EXISTS claimed (remote INTEGER PRIMARY KEY);"
		    "DELETE FROM claimed",
		    err) < 0)
		return -1;
	st = db_stmt(db,
		     "SELECT work.item, c.remote, c.level FROM work CROSS JOIN candidate c"
		     " ON c.sha256 = work.sha256 AND c.verdict = 1"
		     " AND c.remote BETWEEN work.target << 32 AND (work.target << 32) + 4294967295"
		     " CROSS JOIN remote r ON r.id = c.remote AND r.flags & 8 = 0"
		     " WHERE (work.state IS NULL OR work.state IN (0, 4, 5))"
		     " AND NOT " MATCH_OURS("c.remote",
					    "r.key") " ORDER BY c.level, work.item, c.remote",
		     err);
	if (!st)
		return -1;
	while ((got = db_step(db, st, err)) > 0) {
		claim = db_stmt(db,
				"UPDATE work SET remote = ?2, level = ?3 WHERE item = ?1"
				" AND remote IS NULL AND ?2 NOT IN (SELECT remote FROM claimed)",
				err);
		if (!claim)
			break;
		sqlite3_bind_int64(claim, 1, sqlite3_column_int64(st, 0));
		sqlite3_bind_int64(claim, 2, sqlite3_column_int64(st, 1));
		sqlite3_bind_int(claim, 3, sqlite3_column_int(st, 2));
		if (db_run(db, claim, err) < 0)
			break;
		if (sqlite3_changes(db->sqlite) == 0)
			continue;
		claim = db_stmt(db, "INSERT INTO claimed VALUES (?)", err);
		if (!claim)
			break;
		sqlite3_bind_int64(claim, 1, sqlite3_column_int64(st, 1));
		if (db_run(db, claim, err) < 0)
			break;
	}
	sqlite3_reset(st);
	return got > 0 ? -1 : got;
}

/* Where a copy lies: in its target; where somebody has filed it on the server; in INBOX, in All
 * Mail, from where it may still have to be filed; where we ourselves have put it, for another local
 * folder. */
#define PLACE                                                                                      \
	"CASE WHEN c.remote >> 32 = work.target THEN 0 WHEN f.role = 1 THEN 2 WHEN f.role = 9"     \
	" THEN 3 WHEN " MATCH_OURS("c.remote", "r.key") " THEN 4 ELSE 1 END"
_Static_assert(ROLE_INBOX == 1 && ROLE_ALL == 9, "as in PLACE");

static int finish(struct journal *j, int64_t run, const void *unused, struct err *err)
{
	struct db *db = journal_db(j);
	sqlite3_stmt *st;
	int64_t keep;

	(void)unused;
	if (match_work_exists(j, err) < 0 ||
	    db_int(db, "SELECT coalesce(max(keep), 0) FROM match_setting", &keep, err) < 0)
		return -1;
	if (keep && claim_copies(j, err) < 0)
		return -1;
	/* With keep_duplicates the target's copies have been given out; others are "elsewhere". */
	st = db_stmt(
		db,
		"UPDATE work SET (remote, level) = (SELECT remote, level FROM (SELECT c.remote,"
		" c.level, " PLACE " AS place" PROVEN
		" AND NOT (?1 AND c.remote >> 32 = work.target))"
		" ORDER BY place, level, remote LIMIT 1)"
		" WHERE " ANY_CANDIDATE " AND (copy = 0 OR ?1)"
		" AND (state IS NULL OR state IN (0, 4, 5)) AND remote IS NULL",
		err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, keep);
	if (db_run(db, st, err) < 0)
		return -1;
	/* Not compared, and nothing else proves it to be there. What is still open although
	 * resolving has ended was needless; but not if nothing at all was settled for it. */
	st = db_stmt(db,
		     "UPDATE work SET blocked = 1 WHERE " ANY_CANDIDATE
		     " AND remote IS NULL AND (copy = 0 OR ?2)"
		     " AND (state IS NULL OR state IN (0, 4, 5)) AND EXISTS (SELECT 1"
		     " FROM candidate c CROSS JOIN remote r ON r.id = c.remote"
		     " WHERE c.sha256 = work.sha256 AND c.run = ?1"
		     " AND " MATCH_STANDS("c.remote", "r.flags",
					  "work.target") " AND (c.verdict = 3 OR (c.verdict = 0 "
							 "AND work.state IS NULL)))",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, keep);
	fault_point("match-finish");
	if (db_run(db, st, err) < 0)
		return -1;
	return match_uidl_leftovers(j, run, err);
}

int match_finish(struct journal *j, int64_t run, struct err *err)
{
	return transact(j, run, NULL, finish, err);
}

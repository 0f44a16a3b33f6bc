/*
 * What is to be changed in the flags of messages that are on the server already.
 *
 * The server's flags and the local ones are united, once: what we have merged is
 * remembered, and from then on only flags that are new here are added. What the user
 * takes away on the server stays away. \\Seen is special: fetching by POP sets it,
 * whatever the user did, so that of such messages the local state counts (once, too).
 * \\Deleted is never touched.
 */
#include "journal/notice.h"
#include "match/work.h"
#include "plan/internal.h"

_Static_assert(FLAG_SEEN == 1 && FLAG_DELETED == 8 && FLAG_ALL == 31 && FLAGS_UNION == 0 &&
		       FLAGS_LOCAL == 1 && FLAGS_SERVER == 2,
	       "as in the SQL");

/* Changes of dead runs: what the index shows was done, the rest was not. Of one that was cut off in
 * its middle so much stays as was done, so that it can be taken back. */
#define DONE_KEYWORDS "keywords_minus(added_keywords, keywords_minus(added_keywords, r.keywords))"
static int settle_dead(const struct planning *p, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		p->db,
		"UPDATE flag_change SET added = added & r.flags, removed = removed & ~r.flags,"
		" added_keywords = " DONE_KEYWORDS ","
		" removed_keywords = keywords_minus(removed_keywords, r.keywords),"
		" state = iif(added & r.flags OR removed & ~r.flags OR " DONE_KEYWORDS
		" IS NOT NULL"
		"  OR keywords_minus(removed_keywords, r.keywords) IS NOT NULL, 1, 2)"
		" FROM remote r JOIN folder f ON f.id = r.id >> 32"
		" WHERE state = 0 AND run <> ? AND r.id = flag_change.remote"
		" AND f.uidvalidity = flag_change.uidvalidity",
		err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, p->run);
	if (db_run(p->db, st, err) < 0)
		return -1;
	/* the message is not there any more */
	st = db_stmt(p->db, "UPDATE flag_change SET state = 2 WHERE state = 0 AND run <> ?", err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, p->run);
	return db_run(p->db, st, err);
}

int plan_flags_settle(struct journal *j, struct err *err)
{
	const struct planning p = { .j = j, .db = journal_db(j) };

	return keyword_functions(p.db, err) < 0 ? -1 : settle_dead(&p, err);
}

/* Of each message in its folder: its flags, the local ones, and those it was given before
 * (`before` NULL: never). */
#define PRESENT                                                                                    \
	"SELECT l.remote AS remote, f.uidvalidity AS uidvalidity, r.flags AS has,"                 \
	" r.keywords AS has_k, coalesce(w.flags, i.flags) & 23 AS local,"                          \
	" coalesce(w.keywords, i.keywords) AS local_k, " MATCH_POP_FETCHED(                        \
		"r.id") " AS pop,"                                                                 \
			" CASE WHEN l.level = 5 THEN u.flags ELSE m.flags END AS before,"          \
			" CASE WHEN l.level = 5 THEN u.keywords ELSE m.keywords END AS before_k"   \
			" FROM line l CROSS JOIN item i ON i.id = l.item LEFT JOIN work w ON "     \
			"w.item = l.item"                                                          \
			" CROSS JOIN remote r ON r.id = l.remote CROSS JOIN folder f ON f.id = "   \
			"l.remote >> 32"                                                           \
			" LEFT JOIN upload u ON u.id = l.upload"                                   \
			" LEFT JOIN merged m ON m.remote = l.remote AND m.uidvalidity = "          \
			"f.uidvalidity"                                                            \
			" WHERE l.id BETWEEN :first AND :last AND l.action = 1"                    \
			" AND (l.level <> 5 OR u.uidvalidity = f.uidvalidity)"

#define CHANGED                                                                                    \
	"SELECT remote, uidvalidity,"                                                              \
	" CASE WHEN :policy = 1 THEN has & ~local & 23"                                            \
	"  WHEN before IS NULL AND pop THEN has & ~local & 1 ELSE 0 END AS removed,"               \
	" iif(:policy = 1, keywords_minus(has_k, local_k), NULL) AS removed_k,"                    \
	" iif(:policy = 1, local, local & ~coalesce(before, 0)) & ~has AS added,"                  \
	" keywords_minus(iif(:policy = 1, local_k, keywords_minus(local_k, before_k)), has_k)"     \
	"  AS added_k FROM (" PRESENT ")"

#define ANY_CHANGE                                                                                 \
	" WHERE (removed <> 0 OR added <> 0 OR removed_k IS NOT NULL OR added_k IS NOT NULL)"

int plan_flag_changes(const struct planning *p, struct err *err)
{
	if (settle_dead(p, err) < 0)
		return -1;
	if (p->options->flags == FLAGS_SERVER)
		return 0;
	return plan_over_lines(
		p,
		"INSERT INTO flag_change(run, remote, uidvalidity, removed,"
		" removed_keywords, added, added_keywords, state)"
		" SELECT :run, remote, uidvalidity, removed, removed_k, added, added_k, 0"
		" FROM (" CHANGED ")" ANY_CHANGE,
		err);
}

int plan_count_flag_changes(const struct planning *p, struct err *err)
{
	struct run_notice n = { "flags-differ", 0, NULL,
				"messages on the server would get flags or tags from here" };
	sqlite3_stmt *st;

	if (p->options->flags == FLAGS_SERVER)
		return 0;
	st = db_stmt(p->db, "SELECT count(*) FROM (" CHANGED ")" ANY_CHANGE, err);
	if (!st)
		return -1;
	plan_bind(st, ":first", p->base + 1);
	plan_bind(st, ":last", p->base + p->lines);
	plan_bind(st, ":policy", p->options->flags);
	if (db_step(p->db, st, err) <= 0)
		return -1;
	n.count = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return n.count ? journal_notice_add(p->j, p->run, 0, &n, err) : 0;
}

/* ---- after filing ---- */

static int with_run(struct journal *j, int64_t run, enum flag_policy policy, const char *sql,
		    struct err *err)
{
	sqlite3_stmt *st = db_stmt(journal_db(j), sql, err);

	if (!st)
		return -1;
	plan_bind(st, ":run", run);
	plan_bind(st, ":policy", policy);
	return db_run(journal_db(j), st, err);
}

int plan_filed_flags(struct journal *j, int64_t run, enum flag_policy policy, struct err *err)
{
	/* Taken away is only what was meant to be: others may have added some meanwhile. */
	return with_run(
		j, run, policy,
		"INSERT INTO flag_change(run, remote, uidvalidity, removed, removed_keywords,"
		" added, added_keywords, state) SELECT :run, remote, uidvalidity, removed,"
		" removed_k, added, added_k, 0 FROM (SELECT r.id AS remote, u.uidvalidity AS"
		" uidvalidity, r.flags & ~u.flags & CASE WHEN :policy = 1 THEN 23"
		"  WHEN :policy = 0 AND " MATCH_POP_FETCHED(
			"u.origin") " THEN 1 ELSE 0 END AS removed,"
				    " iif(:policy = 1, keywords_minus(r.keywords, u.keywords), "
				    "NULL) AS removed_k,"
				    " u.flags & ~r.flags & 23 AS added, keywords_minus(u.keywords, "
				    "r.keywords) AS"
				    " added_k FROM run x JOIN line l ON l.id BETWEEN x.first_line "
				    "AND x.last_line AND l.action <> 0"
				    " CROSS JOIN upload u ON u.id = l.upload AND u.line = l.id AND "
				    "u.state = 2"
				    "  AND u.method > 0 AND u.uid > 0"
				    " CROSS JOIN item i ON i.id = l.item"
				    " CROSS JOIN folder f ON f.id = u.folder AND f.uidvalidity = "
				    "u.uidvalidity"
				    " CROSS JOIN remote r ON r.id = (u.folder << 32) + u.uid WHERE "
				    "x.id = :run"
				    " AND NOT EXISTS (SELECT 1 FROM flag_change c WHERE c.run = "
				    ":run AND c.state IN (0, 1, 2, 3) AND c.remote = "
				    "r.id))" ANY_CHANGE,
		err);
}

int plan_flags_merged(struct journal *j, int64_t run, enum flag_policy policy, struct err *err)
{
	if (policy == FLAGS_SERVER)
		return 0;
	return with_run(j, run, policy,
			"INSERT OR REPLACE INTO merged SELECT l.remote, f.uidvalidity,"
			" coalesce(w.flags, i.flags) & 23, coalesce(w.keywords, i.keywords)"
			" FROM run x JOIN line l ON l.id BETWEEN x.first_line AND x.last_line"
			" CROSS JOIN item i ON i.id = l.item LEFT JOIN work w ON w.item = l.item"
			" CROSS JOIN remote r ON r.id = l.remote"
			" CROSS JOIN folder f ON f.id = l.remote >> 32"
			" LEFT JOIN merged m ON m.remote = l.remote"
			" WHERE x.id = :run AND l.action = 1 AND l.level <> 5"
			" AND (m.uidvalidity, m.flags, m.keywords) IS NOT (f.uidvalidity,"
			"  coalesce(w.flags, i.flags) & 23, coalesce(w.keywords, i.keywords))",
			err);
}

/*
 * What a saved plan wanted to upload or file, and what no source has any more when it is
 * carried out, and that has not gone up before: it cannot go up. It is in no balance, for the
 * balance is of what is found now; so each is named by a notice, and one tells how many there are
 * and what to do.
 */
#include "plan/internal.h"

#include "journal/notice.h"

/* Nothing has vanished where no store was scanned again. */
static int scanned_again(const struct planning *p, bool *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(p->db,
				   "SELECT EXISTS (SELECT store FROM run_store WHERE run = ?"
				   " EXCEPT SELECT store FROM run_store WHERE run = ?)",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, p->options->only_run);
	sqlite3_bind_int64(st, 2, p->run);
	if (db_step(p->db, st, err) <= 0)
		return -1;
	*out = sqlite3_column_int(st, 0) != 0;
	sqlite3_reset(st);
	return 0;
}

/* One notice for each content and target, in the order of the plan. */
static int name_each(const struct planning *p, uint64_t *n, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		p->db,
		"INSERT INTO notice(run, store, kind, count, location, text)"
		" SELECT :run, 0, 'vanished', 1, t.name, '\"' || coalesce(i.subject, '') ||"
		"  '\" from ' || coalesce(i.sender, '?') || ' is gone from ' || s.location ||"
		"  ' (' || i.locator || ')'"
		" FROM (SELECT min(l.id) AS id FROM run r CROSS JOIN line l"
		"   ON l.id BETWEEN r.first_line AND r.last_line CROSS JOIN item o ON o.id = l.item"
		"  WHERE r.id = :plan AND l.action IN (0, 6) AND o.sha256 NOT IN"
		"   (SELECT x.sha256 FROM line n CROSS JOIN item x ON x.id = n.item"
		"    WHERE n.id BETWEEN :first AND :last AND x.sha256 IS NOT NULL)"
		"   AND NOT EXISTS (SELECT 1 FROM upload u WHERE u.folder = l.target"
		"    AND u.sha256 = o.sha256 AND u.state IN (2, 3))"
		"  GROUP BY l.target, o.sha256) v"
		" CROSS JOIN line l ON l.id = v.id CROSS JOIN item i ON i.id = l.item"
		" CROSS JOIN store s ON s.id = l.store CROSS JOIN folder t ON t.id = l.target"
		" ORDER BY l.item",
		err);

	_Static_assert(ACTION_UPLOAD == 0 && ACTION_FILE == 6 && UPLOAD_STORED == 2 &&
			       UPLOAD_VERIFIED == 3,
		       "as in the SQL");
	if (!st)
		return -1;
	plan_bind(st, ":run", p->run);
	plan_bind(st, ":plan", p->options->only_run);
	plan_bind(st, ":first", p->base + 1);
	plan_bind(st, ":last", p->base + p->lines);
	if (db_run(p->db, st, err) < 0)
		return -1;
	*n = (uint64_t)sqlite3_changes64(p->db->sqlite);
	return 0;
}

int plan_tell_vanished(const struct planning *p, struct err *err)
{
	struct run_notice n = {
		NOTICE_KIND_LOST, 0, NULL,
		"messages of the plan, named above, are no longer in their sources and have not "
		"gone up: make a"
		" new plan where they were moved or deleted on purpose, else get the files back"
		" from a backup and apply the plan again"
	};
	bool again;

	if (scanned_again(p, &again, err) < 0)
		return -1;
	if (!again)
		return 0;
	if (name_each(p, &n.count, err) < 0)
		return -1;
	return n.count > 0 ? journal_notice_add(p->j, p->run, 0, &n, err) : 0;
}

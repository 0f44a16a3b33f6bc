/*
 * The uploads that the server makes itself: what lies unfiled there is copied into
 * its folder. Such an upload is known by the copy it is made from: size, date and
 * keys are that copy's, so that recovery and verification look for the right thing.
 *
 * Moving takes the original away, and can be done once: a message that goes into
 * several folders is copied into all but the last of them. An original that stands
 * for a message of the local Inbox, or that we ourselves put where it is, stays.
 */
#include "base/fault.h"
#include "journal/notice.h"
#include "match/work.h"
#include "plan/internal.h"

_Static_assert(METHOD_APPEND == 0 && METHOD_COPY == 1 && METHOD_MOVE == 2 && FLAG_SEEN == 1 &&
		       FLAG_DELETED == 8 && FLAG_ALL == 31,
	       "as in the SQL");

/* Flags of the copy in its folder: 23 is all but \\Deleted. */
#define LOCAL_FLAGS    "(coalesce(w.flags, i.flags) & 23)"
#define LOCAL_KEYWORDS "coalesce(w.keywords, i.keywords)"
#define WANTED_FLAGS                                                                               \
	"CASE :policy WHEN 0 THEN iif(" MATCH_POP_FETCHED(                                         \
		"r.id") ", ((r.flags | " LOCAL_FLAGS ") & 22) | (" LOCAL_FLAGS                     \
			" & 1), (r.flags | " LOCAL_FLAGS ") & 23) WHEN 1 THEN " LOCAL_FLAGS        \
			" ELSE r.flags & 23 END"
#define WANTED_KEYWORDS                                                                            \
	"CASE :policy WHEN 0 THEN mail_keywords(r.keywords, " LOCAL_KEYWORDS                       \
	") WHEN 1 THEN mail_keywords(" LOCAL_KEYWORDS ", NULL) ELSE mail_keywords(r.keywords,"     \
	" NULL) END"
_Static_assert(FLAGS_UNION == 0 && FLAGS_LOCAL == 1 && FLAGS_SERVER == 2, "as in WANTED_FLAGS");

static int write_copies(struct planning *p, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		p->db,
		"INSERT INTO upload(id, folder, sha256, copy, state, line, item, wire_len,"
		" nul_count, cr_count, cr_cr_lf_count, internaldate, flags, keywords, has_id,"
		" key, ident, fields, method, origin, origin_uidvalidity, origin_flags,"
		" origin_keywords)"
		" SELECT l.id, l.target, i.sha256, l.copy, 0, l.id, i.id, r.size, 0, 0, 0,"
		" coalesce(r.internaldate, i.internaldate), " WANTED_FLAGS ", " WANTED_KEYWORDS
		", r.ident IS NOT NULL, r.key, coalesce(r.ident, r.key), r.fields, 1, r.id,"
		" f.uidvalidity, r.flags, r.keywords"
		" FROM line l CROSS JOIN item i ON i.id = l.item"
		" LEFT JOIN work w ON w.item = l.item CROSS JOIN remote r ON r.id = l.remote"
		" CROSS JOIN folder f ON f.id = l.remote >> 32"
		" WHERE l.id BETWEEN :first AND :last AND l.action = 6"
		" ON CONFLICT(folder, sha256, copy) DO UPDATE SET state = excluded.state,"
		" line = excluded.line, item = excluded.item, flags = excluded.flags,"
		" keywords = excluded.keywords, internaldate = excluded.internaldate, kept = 0,"
		" " PLAN_FACTS_RENEWED " WHERE state IN (0, 4, 5)",
		err);

	if (!st)
		return -1;
	plan_bind(st, ":first", p->base + 1);
	plan_bind(st, ":last", p->base + p->lines);
	plan_bind(st, ":policy", p->options->flags);
	return db_run(p->db, st, err);
}

static int choose_moves(struct planning *p, struct err *err)
{
	if (db_exec(p->db,
		    "CREATE TEMP TABLE IF NOT EXISTS filing_origin (remote INTEGER PRIMARY KEY,"
		    " last_line INTEGER); DELETE FROM filing_origin",
		    err) < 0)
		return -1;
	if (plan_over_lines(p,
			    "INSERT INTO filing_origin SELECT remote, max(id) FROM line"
			    " WHERE id BETWEEN :first AND :last AND action = 6 GROUP BY remote",
			    err) < 0)
		return -1;
	/* what stands for a message of the local Inbox */
	if (plan_over_lines(p,
			    "DELETE FROM filing_origin WHERE remote IN (SELECT remote FROM line"
			    " WHERE id BETWEEN :first AND :last AND action IN (1, 2)"
			    " AND remote IS NOT NULL)",
			    err) < 0)
		return -1;
	return plan_over_lines(
		p,
		"UPDATE upload SET method = 2 FROM filing_origin o, remote r, folder f"
		" WHERE upload.line = o.last_line AND upload.id IN (SELECT upload FROM line"
		"  WHERE id = o.last_line) AND upload.method = 1 AND upload.state = 0"
		" AND r.id = o.remote AND f.id = o.remote >> 32 AND f.role = 1"
		" AND o.last_line BETWEEN :first AND :last AND NOT " MATCH_OURS("o.remote",
										"r.key"),
		err);
}

int plan_filings(struct planning *p, struct err *err)
{
	if (write_copies(p, err) < 0)
		return -1;
	return p->options->file == FILE_MOVE ? choose_moves(p, err) : 0;
}

/* ---- originals of earlier copies ---- */

/* What an earlier run has copied, and that is still where it was copied to; the original is the
 * same as then, and stands for nothing else that is here. One copy of each original. */
static const char choose_clearing[] =
	"INSERT INTO clearing(run, upload) SELECT :run, max(u.id) FROM line l"
	" CROSS JOIN upload u ON u.id = l.upload AND u.method = 1 AND u.state IN (2, 3)"
	"  AND u.uid > 0"
	" CROSS JOIN folder f ON f.id = u.origin >> 32 AND f.role = 1 AND f.listed = 1"
	"  AND f.uidvalidity = u.origin_uidvalidity"
	" CROSS JOIN remote r ON r.id = u.origin AND r.size = u.wire_len AND r.flags & 8 = 0"
	" CROSS JOIN folder g ON g.id = u.folder AND g.listed = 1 AND g.uidvalidity = u.uidvalidity"
	" CROSS JOIN remote c ON c.id = (u.folder << 32) + u.uid"
	" WHERE l.id BETWEEN :first AND :last AND l.action = 1 AND u.folder = l.target"
	" AND u.origin NOT IN (SELECT remote FROM line WHERE id BETWEEN :first AND :last"
	"  AND action IN (1, 2, 6) AND remote IS NOT NULL)"
	" AND (:only = 0 OR EXISTS (SELECT 1 FROM clearing o WHERE o.run = :only"
	"  AND o.upload = u.id))"
	" AND NOT " MATCH_OURS("r.id", "r.key") " GROUP BY u.origin";

int plan_clearing(struct planning *p, struct err *err)
{
	struct run_notice n = { "originals-left", 0, NULL,
				"messages in INBOX, copied into their folders by an earlier run, "
				"would be taken away there" };
	sqlite3_stmt *st;

	if (p->options->file != FILE_MOVE || p->kind == RUN_VERIFY || !p->server->can_take_away)
		return 0;
	st = db_stmt(p->db, choose_clearing, err);
	if (!st)
		return -1;
	plan_bind(st, ":first", p->base + 1);
	plan_bind(st, ":last", p->base + p->lines);
	plan_bind(st, ":run", p->run);
	plan_bind(st, ":only", p->options->only_run);
	if (db_run(p->db, st, err) < 0)
		return -1;
	n.count = (uint64_t)sqlite3_changes64(p->db->sqlite);
	return p->kind == RUN_PLAN && n.count > 0 ? journal_notice_add(p->j, p->run, 0, &n, err)
						  : 0;
}

/* ---- when the server's copy is gone ---- */

static int with_upload(struct journal *j, const char *sql, int64_t upload, const char *text,
		       bool include_partial, struct err *err)
{
	sqlite3_stmt *st = db_stmt(journal_db(j), sql, err);

	if (!st)
		return -1;
	plan_bind(st, ":upload", upload);
	plan_bind(st, ":partial", include_partial);
	if (sqlite3_bind_parameter_index(st, ":text") > 0)
		db_bind_text(st, sqlite3_bind_parameter_index(st, ":text"), text);
	return db_run(journal_db(j), st, err);
}

int plan_fall_back(struct journal *j, int64_t upload, const char *text, bool include_partial,
		   struct err *err)
{
	static const char *const steps[] = {
		"UPDATE upload SET (wire_len, nul_count, cr_count, cr_cr_lf_count, internaldate,"
		" flags, keywords, has_id, key, ident, fields) = (SELECT i.wire_len, i.nul_count,"
		" i.cr_count, i.cr_cr_lf_count, i.internaldate, coalesce(w.flags, i.flags),"
		" mail_keywords(" LOCAL_KEYWORDS ", NULL), i.has_id, i.key, i.ident, i.fields"
		" FROM item i LEFT JOIN work w ON w.item = i.id WHERE i.id = upload.item),"
		" method = 0, origin = NULL, state = 0, uid = 0 WHERE id = :upload",
		"UPDATE line SET action = 0, outcome = 0, level = 0, remote = NULL, text = :text,"
		" reason = '" REASON_LEFTOVER_GONE "'"
		" WHERE id = (SELECT line FROM upload WHERE id = :upload)",
		"UPDATE line SET action = 4, outcome = 5, upload = NULL,"
		" reason = '" REASON_PARTIAL "' WHERE NOT :partial"
		" AND id = (SELECT line FROM upload WHERE id = :upload)"
		" AND (SELECT state FROM item WHERE id = line.item) = 1",
		"DELETE FROM upload WHERE id = :upload AND (SELECT action FROM line"
		" WHERE id = upload.line) = 4",
	};
	bool own = sqlite3_get_autocommit(journal_db(j)->sqlite) != 0;
	int result = own ? journal_begin(j, err) : 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && result == 0; i++)
		result = with_upload(j, steps[i], upload, text, include_partial, err);
	fault_point("file-fall-back");
	if (own && result == 0)
		return journal_commit(j, err);
	if (own)
		journal_rollback(j);
	return result;
}

/*
 * The lines of a plan: for each item of the run what shall happen to it, worked out
 * in SQL from the work table of match/. See plan.h.
 *
 * Lines to upload come last and in the order in which they are to be sent: by target
 * name, then equal flags together, then as scanned. So the uploader reads ranges, and
 * an upload row that is new has the id of its line.
 */
#include "plan/internal.h"

#include "base/fault.h"
#include "journal/notice.h"
#include "match/work.h"

/* The numbers in the SQL below. */
_Static_assert(ACTION_UPLOAD == 0 && ACTION_PRESENT == 1 && ACTION_ELSEWHERE == 2 &&
		       ACTION_DUPLICATE == 3 && ACTION_EXCLUDED == 4 && ACTION_FAILED == 5 &&
		       ACTION_FILE == 6,
	       "as in the SQL");
_Static_assert(OUTCOME_OPEN == 0 && OUTCOME_PRESENT == 2 && OUTCOME_DUPLICATE == 4 &&
		       OUTCOME_EXCLUDED == 5 && OUTCOME_REFUSED == 6 && OUTCOME_FAILED == 7 &&
		       OUTCOME_TO_FILE == 8,
	       "as in the SQL");
_Static_assert(MATCH_NONE == 0 && MATCH_JOURNAL == 5 && FLAG_DELETED == 8, "as in the SQL");

/* ---- options ---- */

int plan_map_parse(const char *text, struct arena *a, struct plan_map *out, struct err *err)
{
	char *copy = arena_str(a, text);
	char *to = copy, *server = NULL;

	if (!copy)
		return err_nomem(err);
	for (const char *p = text; *p; p++) {
		if (*p == '\\' && p[1] == '=')
			p++;
		else if (*p == '=' && !server) {
			*to++ = '\0';
			server = to;
			continue;
		}
		*to++ = *p;
	}
	*to = '\0';
	if (!server || !*copy || !*server)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "--map wants 'Local name=Server name', not '%s'", text);
	out->local = copy;
	out->server = server;
	return 0;
}

struct match_options plan_match_options(const struct plan_options *options, enum run_kind kind)
{
	return (struct match_options){
		.keep_duplicates = options->keep_duplicates,
		/* what can be copied there needs no upload, so that other folders count */
		.duplicate_into_folders = options->duplicate_into_folders &&
					  (options->file < FILE_COPY || kind == RUN_VERIFY),
		.include_deleted = options->include_deleted,
		.include_outbox = options->include_outbox,
		.include_feeds = options->include_feeds,
		.include_partial = options->include_partial,
		.no_uidl = options->no_uidl || kind == RUN_VERIFY,
		.distrust_journal = kind == RUN_VERIFY,
	};
}

/* ---- duplicates ---- */

static int unite_into(struct db *db, int64_t item, sqlite3_stmt *copy, struct err *err)
{
	/* \Deleted only if every copy is; the other flags if any is */
	sqlite3_stmt *st =
		db_stmt(db,
			"UPDATE work SET flags = ((i.flags | ?2) & ~8) | (i.flags & ?2 & 8),"
			" keywords = mail_keywords(i.keywords, ?3)"
			" FROM (SELECT coalesce(w.flags, o.flags) AS flags,"
			"  coalesce(w.keywords, o.keywords) AS keywords FROM work w JOIN item o ON"
			" o.id = w.item"
			"  WHERE w.item = ?1) AS i WHERE item = ?1",
			err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, item);
	sqlite3_bind_int64(st, 2, sqlite3_column_int64(copy, 1));
	sqlite3_bind_value(st, 3, sqlite3_column_value(copy, 2));
	return db_run(db, st, err);
}

/* Local copies that do not go up leave their flags to the one that does. */
static int unite_flags(struct db *db, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		db,
		"SELECT d.first, i.flags, i.keywords FROM work d CROSS JOIN work w ON w.item ="
		" d.first"
		" CROSS JOIN item i ON i.id = d.item"
		" WHERE d.copy > 0 AND (w.state IS NULL OR w.state NOT IN (2, 3)) ORDER BY d.item",
		err);
	int got;

	if (!st)
		return -1;
	while ((got = db_step(db, st, err)) > 0) {
		if (unite_into(db, sqlite3_column_int64(st, 0), st, err) < 0) {
			sqlite3_reset(st);
			return -1;
		}
	}
	return got;
}

/* ---- a saved plan ---- */

/* What the plan `run` wanted to upload: the only things that may be. */
static int load_saved_plan(struct journal *j, int64_t run, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT((size_t)1 << 20);
	struct db *db = journal_db(j);
	sqlite3_stmt *st;
	struct run r;
	int got;

	if (db_exec(db,
		    "CREATE TEMP TABLE IF NOT EXISTS saved_plan (target INTEGER, sha256 BLOB,"
		    " PRIMARY KEY (target, sha256)) WITHOUT ROWID; DELETE FROM saved_plan",
		    err) < 0)
		return -1;
	if (run == 0)
		return 0;
	got = journal_run_get(j, run, &a, &r, err);
	if (got < 0)
		return -1;
	if (got == 0)
		return err_set(err, ERR_NOINPUT, SCOPE_RUN, RETRY_NEVER, "there is no plan %lld",
			       (long long)run);
	if (!r.whole)
		return err_set(
			err, ERR_NOINPUT, SCOPE_RUN, RETRY_NEVER,
			"plan %lld is too old, its lines are no longer there: make a new one",
			(long long)run);
	st = db_stmt(db,
		     "INSERT OR IGNORE INTO saved_plan SELECT l.target, i.sha256 FROM run r"
		     " JOIN line l ON l.id BETWEEN r.first_line AND r.last_line"
		     " JOIN item i ON i.id = l.item WHERE r.id = ? AND l.action IN (0, 6)",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	return db_run(db, st, err);
}

/* ---- lines ---- */

static bool writes(const struct planning *p)
{
	return p->kind == RUN_RUN || p->kind == RUN_APPLY;
}

void plan_bind(sqlite3_stmt *st, const char *name, int64_t value)
{
	int index = sqlite3_bind_parameter_index(st, name);

	if (index > 0)
		sqlite3_bind_int64(st, index, value);
}

bool plan_files(const struct planning *p)
{
	enum file_mode mode = p->options->file;

	if (p->kind == RUN_VERIFY || mode == FILE_OFF)
		return false;
	return mode != FILE_PLAN || p->kind == RUN_PLAN;
}

/* A copy that no folder of the user's has: it lies in INBOX, or in All Mail alone. Where everything
 * is to go into its folder, any copy will do to be copied from. */
#define UNFILED "(c.role IN (1, 9) OR :into)"
#define FILEABLE                                                                                   \
	"(:file AND w.remote IS NOT NULL AND " UNFILED                                             \
	" AND c.id NOT IN (SELECT folder FROM perishing))"
_Static_assert(ROLE_INBOX == 1 && ROLE_ALL == 9, "as in UNFILED");
#define IN_SAVED_PLAN                                                                              \
	"(NOT :only OR EXISTS (SELECT 1 FROM saved_plan p WHERE p.target = x.target"               \
	" AND p.sha256 = w.sha256))"

/* Proven to be there, but only where it does not stay. */
#define PERISHES                                                                                   \
	"(:any AND w.remote IS NULL AND EXISTS (SELECT 1 FROM candidate c CROSS JOIN remote r"     \
	" ON r.id = c.remote CROSS JOIN folder f ON f.id = c.remote >> 32 AND f.listed = 1"        \
	" AND f.indexed = 1 WHERE c.sha256 = i.sha256 AND c.verdict = 1"                           \
	" AND NOT " MATCH_STANDS("c.remote", "r.flags", "x.target") "))"

#define IN_DOUBT "(d.state = 1)"
#define TOO_BIG	 "(:limit > 0 AND d.size > :limit)"

/* What an item is, and what becomes of it. (The LIMIT, together with a WHERE outside, keeps
 * SQLite from taking the query apart and working out the action again wherever it is named: four
 * times slower.) */
#define DECIDED                                                                                    \
	"SELECT i.id AS item, i.store AS store, x.target AS target, i.wire_len AS size,"           \
	" i.state = 6 AS unreadable, w.copy AS copy, w.first AS first,"                            \
	" coalesce(w.flags, i.flags) AS flags, coalesce(w.keywords, i.keywords) AS keywords,"      \
	" w.upload AS upload, w.state AS state, w.remote AS remote,"                               \
	" w.level AS level, w.uid AS uid, w.uidvalidity AS uidvalidity,"                           \
	" " PERISHES " AS perishes, w.state IN (2, 3) AS stored, " MATCH_LEFT_OUT                  \
	" AS left_out, t.name AS name,"                                                            \
	" t.listed AS listed, t.indexed AND t.uidvalidity = w.uidvalidity AS known,"               \
	" CASE WHEN i.state = 6 THEN 5"                                                            \
	" WHEN w.item IS NULL THEN 4"                                                              \
	" WHEN w.copy > 0 AND NOT :keep THEN 3"                                                    \
	" WHEN w.state IN (2, 3) THEN 1"                                                           \
	" WHEN w.remote >> 32 = x.target THEN 1"                                                   \
	" WHEN w.state = 1 THEN 0"                                                                 \
	" WHEN " FILEABLE " THEN iif(" IN_SAVED_PLAN ", 6, 4)"                                     \
	" WHEN w.remote IS NOT NULL AND NOT :into THEN 2"                                          \
	" WHEN w.blocked THEN 5"                                                                   \
	" WHEN i.state = 1 AND NOT :partial THEN 4"                                                \
	" WHEN NOT " IN_SAVED_PLAN " THEN 4 ELSE 0 END AS action, i.state = 1 AS partial,"         \
	" " UNFILED " AS unfiled"                                                                  \
	" FROM run_store x CROSS JOIN store s ON s.id = x.store"                                   \
	" CROSS JOIN folder t ON t.id = x.target"                                                  \
	" CROSS JOIN item i ON i.id BETWEEN s.first_item AND s.last_item AND i.store = s.id"       \
	" LEFT JOIN work w ON w.item = i.id LEFT JOIN folder c ON c.id = w.remote >> 32"           \
	" WHERE x.run = :run LIMIT -1"

#define OUTCOME                                                                                    \
	"CASE d.action WHEN 1 THEN 2 WHEN 2 THEN 2 WHEN 3 THEN 4 WHEN 4 THEN 5"                    \
	" WHEN 5 THEN 7 WHEN 6 THEN 8 ELSE CASE WHEN :verify THEN 7"                               \
	" WHEN " IN_DOUBT " THEN iif(:writes, 7, 0)"                                               \
	" WHEN " TOO_BIG " THEN 6 ELSE 0 END END"

#define REASON                                                                                     \
	"CASE d.action WHEN 1 THEN CASE WHEN d.stored IS NOT 1"                                    \
	" THEN '" REASON_PRESENT "' WHEN NOT d.listed OR (d.known AND d.uid > 0"                   \
	" AND NOT EXISTS (SELECT 1 FROM remote r"                                                  \
	" WHERE r.id = (d.target << 32) + d.uid)) THEN '" REASON_STORED_GONE                       \
	"' ELSE '" REASON_STORED "' END"                                                           \
	" WHEN 2 THEN iif(:unfiled AND d.unfiled, '" REASON_UNFILED "', '" REASON_ELSEWHERE "')"   \
	" WHEN 3 THEN '" REASON_DUPLICATE "' WHEN 6 THEN iif(d.partial, '" REASON_WHOLE            \
	"', '" REASON_UNFILED "')"                                                                 \
	" WHEN 4 THEN coalesce(d.left_out, iif(d.partial AND NOT :partial, '" REASON_PARTIAL       \
	"', '" REASON_NOT_IN_PLAN "'))"                                                            \
	" WHEN 5 THEN iif(d.unreadable, '" REASON_UNREADABLE "', '" REASON_UNDECIDED "')"          \
	" ELSE CASE WHEN " IN_DOUBT " THEN '" REASON_IN_DOUBT "'"                                  \
	" WHEN :verify THEN iif(d.perishes, '" REASON_PERISHING "', '" REASON_MISSING "')"         \
	" WHEN " TOO_BIG " THEN '" REASON_TOO_BIG "'"                                              \
	" WHEN :any AND EXISTS (SELECT 1 FROM item o CROSS JOIN candidate c ON c.sha256 ="         \
	" o.sha256 AND c.verdict = 2 CROSS JOIN remote r ON r.id = c.remote AND r.key = o.key"     \
	" WHERE o.id = d.item AND o.has_id) AND NOT d.perishes THEN '" REASON_OTHER_BODY "'"       \
	" WHEN d.perishes THEN '" REASON_PERISHING "' ELSE '' END END"

#define WRITE_LINES                                                                                \
	"INSERT INTO line(run, item, store, target, copy, action, level, outcome, size,"           \
	" upload, remote, twin, reason)"                                                           \
	" SELECT :run, d.item, d.store, d.target, iif(:keep, coalesce(d.copy, 0), 0),"             \
	" d.action, CASE WHEN d.action = 1 AND d.stored THEN 5"                                    \
	"  WHEN d.action IN (1, 2, 6) THEN d.level ELSE 0 END,"                                    \
	" " OUTCOME ", coalesce(d.size, 0),"                                                       \
	" CASE WHEN d.action IN (0, 6) AND :writes OR d.action = 1 AND d.stored THEN d.upload "    \
	"END,"                                                                                     \
	" CASE WHEN d.action IN (1, 2, 6) THEN coalesce(d.remote,"                                 \
	"  iif(d.stored AND d.uid > 0, (d.target << 32) + d.uid, NULL)) END,"                      \
	" iif(d.action = 3, d.first, NULL), " REASON " FROM (" DECIDED ") d WHERE true"

/* Ids rise in the order of the insertion. A run that has nothing to upload need not sort. */
static sqlite3_stmt *lines_statement(struct planning *p, struct err *err)
{
	static const char as_scanned[] = WRITE_LINES;
	static const char as_sent[] =
		WRITE_LINES " ORDER BY CASE d.action WHEN 6 THEN 1 WHEN 0 THEN 2 ELSE 0 END,"
			    " iif(d.action IN (0, 6), d.name, NULL),"
			    " iif(d.action IN (0, 6), d.target, NULL),"
			    " iif(d.action = 6, d.remote, NULL), iif(d.action = 0, d.flags, NULL),"
			    " iif(d.action = 0, d.keywords, NULL), d.item";
	int64_t open;

	if (db_int(p->db,
		   "SELECT EXISTS (SELECT 1 FROM work WHERE (remote IS NULL"
		   " OR remote >> 32 <> target) AND (state IS NULL OR state NOT IN (2, 3)))",
		   &open, err) < 0)
		return NULL;
	open = open || p->options->duplicate_into_folders;
	return open ? db_stmt(p->db, as_sent, err) : db_stmt(p->db, as_scanned, err);
}

void plan_count_lines(struct planning *p)
{
	p->lines = sqlite3_changes64(p->db->sqlite);
	p->base = p->lines ? sqlite3_last_insert_rowid(p->db->sqlite) - p->lines : 0;
}

static int write_lines(struct planning *p, struct err *err)
{
	sqlite3_stmt *st = lines_statement(p, err);
	struct match_options includes = plan_match_options(p->options, p->kind);
	int64_t any;

	/* where there is none, they need not be sought for every message */
	if (!st || db_int(p->db, "SELECT EXISTS (SELECT 1 FROM candidate)", &any, err) < 0)
		return -1;
	match_bind_includes(st, &includes);
	plan_bind(st, ":any", any);
	plan_bind(st, ":run", p->run);
	plan_bind(st, ":keep", p->options->keep_duplicates);
	plan_bind(st, ":into", p->options->duplicate_into_folders);
	plan_bind(st, ":only", p->options->only_run != 0);
	plan_bind(st, ":limit",
		  p->server->append_limit > INT64_MAX ? INT64_MAX
						      : (int64_t)p->server->append_limit);
	plan_bind(st, ":verify", p->kind == RUN_VERIFY);
	plan_bind(st, ":writes", writes(p));
	plan_bind(st, ":file", plan_files(p));
	plan_bind(st, ":unfiled", p->options->file == FILE_PLAN);
	if (db_run(p->db, st, err) < 0)
		return -1;
	plan_count_lines(p);
	return 0;
}

static int note_range(struct planning *p, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(p->db, "UPDATE run SET first_line = ?, last_line = ? WHERE id = ?", err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, p->base + 1);
	sqlite3_bind_int64(st, 2, p->base + p->lines);
	sqlite3_bind_int64(st, 3, p->run);
	return db_run(p->db, st, err);
}

/* ---- uploads ---- */

int plan_over_lines(const struct planning *p, const char *sql, struct err *err)
{
	sqlite3_stmt *st = db_stmt(p->db, sql, err);

	if (!st)
		return -1;
	plan_bind(st, ":first", p->base + 1);
	plan_bind(st, ":last", p->base + p->lines);
	plan_bind(st, ":run", p->run);
	plan_bind(st, ":policy", p->options->flags);
	return db_run(p->db, st, err);
}

/* What was seen in its folder by an earlier verification, and is not there any more. */
#define SEEN_AND_GONE                                                                              \
	" u.state = 3 AND (NOT t.listed OR (t.indexed AND u.uid > 0"                               \
	" AND t.uidvalidity = u.uidvalidity AND NOT EXISTS (SELECT 1 FROM remote r"                \
	" WHERE r.id = (u.folder << 32) + u.uid)))"
#define MISSING_OF_RUN                                                                             \
	" line.id BETWEEN :first AND :last AND line.action = 0"                                    \
	" AND line.reason IN ('" REASON_MISSING "', '" REASON_PERISHING "')"

/* `verify`: somebody has moved or deleted it, as a rule. It is missing once, and told so; after
 * that it is left out. */
static int excuse_gone(struct planning *p, struct err *err)
{
	if (plan_over_lines(p,
			    "UPDATE line SET action = 4, outcome = 5, upload = u.id, reason ="
			    " '" REASON_STORED_GONE "' FROM work w CROSS JOIN upload u"
			    " ON u.id = w.upload AND u.gone CROSS JOIN folder t ON t.id = u.folder"
			    " WHERE" MISSING_OF_RUN " AND w.item = line.item AND" SEEN_AND_GONE,
			    err) < 0 ||
	    plan_over_lines(
		    p,
		    "UPDATE line SET upload = u.id, text = 'it was there when it was verified"
		    " after its upload: deleted or moved on the server since'"
		    " FROM work w CROSS JOIN upload u ON u.id = w.upload"
		    " CROSS JOIN folder t ON t.id = u.folder"
		    " WHERE" MISSING_OF_RUN " AND w.item = line.item AND" SEEN_AND_GONE,
		    err) < 0)
		return -1;
	return plan_over_lines(
		p,
		"UPDATE upload SET gone = 1 WHERE id IN (SELECT line.upload FROM line"
		" WHERE" MISSING_OF_RUN " AND line.upload IS NOT NULL)",
		err);
}

/* A new upload has the id of its line, which no other line or upload ever has. */
static int name_uploads(struct planning *p, struct err *err)
{
	return plan_over_lines(p,
			       "UPDATE line SET upload = id WHERE id BETWEEN :first AND :last"
			       " AND action IN (0, 6) AND upload IS NULL",
			       err);
}

static int write_uploads(struct planning *p, struct err *err)
{
	/* What is stored is final, what is in flight is recovery's: neither is touched. */
	if (plan_over_lines(
		    p,
		    "INSERT INTO upload(id, folder, sha256, copy, state, line, item, wire_len,"
		    " nul_count, cr_count, cr_cr_lf_count, internaldate, flags, keywords, has_id,"
		    " key, ident, fields)"
		    " SELECT l.id, l.target, i.sha256, l.copy, iif(l.outcome = 6, 4, 0), l.id,"
		    " i.id,"
		    " i.wire_len, i.nul_count, i.cr_count, i.cr_cr_lf_count, i.internaldate,"
		    " coalesce(w.flags, i.flags), mail_keywords(coalesce(w.keywords, i.keywords),"
		    " NULL), i.has_id, i.key, i.ident, i.fields"
		    " FROM line l CROSS JOIN item i ON i.id = l.item"
		    " LEFT JOIN work w ON w.item = l.item"
		    " WHERE l.id BETWEEN :first AND :last AND l.action = 0"
		    " AND l.reason <> '" REASON_IN_DOUBT "'"
		    " ON CONFLICT(folder, sha256, copy) DO UPDATE SET state = excluded.state,"
		    " line = excluded.line, item = excluded.item, flags = excluded.flags,"
		    " keywords = excluded.keywords, internaldate = excluded.internaldate, kept = 0,"
		    " " PLAN_FACTS_RENEWED " WHERE state IN (0, 4, 5)",
		    err) < 0)
		return -1;
	if (plan_filings(p, err) < 0)
		return -1;
	/* Stored by a run that was killed before it verified: verified by this one. */
	if (plan_over_lines(
		    p,
		    "UPDATE upload SET line = l.id FROM line l WHERE l.id BETWEEN :first AND :last"
		    " AND l.action = 1 AND l.level = 5 AND l.upload = upload.id"
		    " AND upload.state = 2",
		    err) < 0)
		return -1;
	return plan_over_lines(p,
			       "INSERT INTO run_target(run, first_line, last_line, folder)"
			       " SELECT :run, min(id), max(id), target FROM line"
			       " WHERE id BETWEEN :first AND :last AND (action, outcome) IN"
			       " (VALUES (0, 0), (6, 8)) GROUP BY target, action",
			       err);
}

/* A notice with the number that the query over the run's lines (first, last) gives; none for 0. */
static int tell_count(struct planning *p, sqlite3_stmt *st, struct run_notice *n, struct err *err)
{
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, p->base + 1);
	sqlite3_bind_int64(st, 2, p->base + p->lines);
	if (db_step(p->db, st, err) <= 0)
		return -1;
	n->count = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return n->count ? journal_notice_add(p->j, p->run, 0, n, err) : 0;
}

static int tell_keywords(struct planning *p, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(p->db,
			"SELECT count(*) FROM line l CROSS JOIN item i ON i.id = l.item"
			" WHERE l.id BETWEEN ? AND ? AND l.action = 0 AND i.keywords IS NOT NULL"
			" AND i.keywords IS NOT mail_keywords(i.keywords, NULL)",
			err);
	struct run_notice n = { "keywords-dropped", 0, NULL,
				"tags that an IMAP server cannot keep are left out" };

	return tell_count(p, st, &n, err);
}

/* A run reads the headers of what is known by UIDLs alone before it acts on it. */
static int tell_sampled(struct planning *p, struct err *err)
{
	sqlite3_stmt *st = db_stmt(p->db,
				   "SELECT count(*) FROM line l CROSS JOIN remote r"
				   " ON r.id = l.remote WHERE l.id BETWEEN ? AND ? AND l.level = 1"
				   " AND r.joined",
				   err);
	struct run_notice n = { "uidl-sample", 0, NULL,
				"messages are known by their UIDLs alone, of which a sample agreed;"
				" a run reads the headers of all of them first, and compares"
				" contents where they differ" };

	return tell_count(p, st, &n, err);
}

/* The same message may lie in two stores in two dresses (each fetched by its own POP client, with
 * other Received fields). Without reading the bodies that cannot be proven, so all go up; but the
 * user is told how many may be such. */
static int tell_dresses(struct planning *p, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		p->db,
		"SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM line l"
		" CROSS JOIN item i ON i.id = l.item"
		" WHERE l.id BETWEEN ? AND ? AND l.action = 0 AND l.copy = 0"
		/* target and length in one number: by numbers rows are sorted in half the time */
		" GROUP BY (l.target << 40) + i.wire_len - i.header_len, i.essence"
		" HAVING count(*) > 1)",
		err);
	struct run_notice n = { "maybe-same", 0, NULL,
				"messages have the headers and the length of another one that goes"
				" into the same folder, but not quite its bytes: all go up" };

	return tell_count(p, st, &n, err);
}

/* ---- all of it ---- */

static int read_kind(struct planning *p, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT((size_t)1 << 20);
	struct run r;
	int got = journal_run_get(p->j, p->run, &a, &r, err);

	if (got == 0)
		err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER, "no run %lld",
			(long long)p->run);
	if (got <= 0)
		return -1;
	p->kind = r.kind;
	return 0;
}

/* In a run that writes, when its lines are there. */
static int prepare_changes(struct planning *p, struct err *err)
{
	return write_uploads(p, err) < 0 ? -1 : plan_flag_changes(p, err);
}

static int make_lines(struct planning *p, struct err *err)
{
	if (load_saved_plan(p->j, p->options->only_run, err) < 0)
		return -1;
	if (!p->options->keep_duplicates && unite_flags(p->db, err) < 0)
		return -1;
	if (journal_sorting(p->j, true, err) < 0 || write_lines(p, err) < 0 ||
	    note_range(p, err) < 0 || tell_keywords(p, err) < 0 || tell_dresses(p, err) < 0 ||
	    journal_sorting(p->j, false, err) < 0)
		return -1;
	if (p->options->only_run != 0 && plan_tell_vanished(p, err) < 0)
		return -1;
	if (p->kind == RUN_VERIFY ? excuse_gone(p, err) < 0 : plan_server_only(p, err) < 0)
		return -1;
	if (plan_clearing(p, err) < 0)
		return -1;
	if (p->kind == RUN_PLAN)
		return tell_sampled(p, err) < 0 || plan_count_flag_changes(p, err) < 0
			       ? -1
			       : plan_note_basis(p, err);
	if (!writes(p))
		return 0;
	return name_uploads(p, err) < 0 ? -1 : prepare_changes(p, err);
}

static int adopt_lines(struct planning *p, struct err *err)
{
	if (plan_take_lines(p, err) < 0 || note_range(p, err) < 0 || plan_clearing(p, err) < 0)
		return -1;
	if (!p->options->keep_duplicates &&
	    (plan_find_twins(p, err) < 0 || unite_flags(p->db, err) < 0))
		return -1;
	fault_point("plan-adopted");
	return prepare_changes(p, err);
}

/* `make` the lines, in one transaction. */
static int carry_out(struct planning *p, int (*make)(struct planning *, struct err *),
		     struct err *err)
{
	if (journal_begin(p->j, err) < 0)
		return -1;
	if (match_work_exists(p->j, err) < 0 || keyword_functions(p->db, err) < 0 ||
	    make(p, err) < 0) {
		journal_rollback(p->j);
		return -1;
	}
	fault_point("plan-commit-before");
	if (journal_commit(p->j, err) < 0)
		return -1;
	fault_point("plan-commit-after");
	return 0;
}

int plan_lines(struct journal *j, int64_t run, const struct plan_options *options,
	       const struct plan_server *server, struct err *err)
{
	struct planning p = {
		.j = j, .db = journal_db(j), .run = run, .options = options, .server = server
	};

	return read_kind(&p, err) < 0 ? -1 : carry_out(&p, make_lines, err);
}

int plan_adopt(struct journal *j, int64_t run, const struct plan_options *options,
	       const struct plan_server *server, struct err *err)
{
	struct planning p = {
		.j = j, .db = journal_db(j), .run = run, .options = options, .server = server
	};
	int got = read_kind(&p, err);

	if (got == 0)
		got = plan_is_repeated(&p, err);
	if (got <= 0)
		return got;
	return carry_out(&p, adopt_lines, err) < 0 ? -1 : 1;
}

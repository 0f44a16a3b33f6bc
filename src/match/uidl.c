/*
 * The UIDL join. See uidl.h. Temporary tables of the journal's connection:
 *   uidl_pair     an item, and the row of INBOX that its UIDL means
 *   uidl_verdict  a format: how many messages, how many sampled, how many of these wrong
 *   uidl_size     sizes and dates of INBOX
 */
#include "match/uidl_private.h"

#include <string.h>

#include "base/buf.h"
#include "journal/notice.h"
#include "match/work.h"

_Static_assert(ROLE_INBOX == 1 && MATCH_UIDL == 1 && DATE_RECEIVED == 2 && STATE_UNREADABLE == 6 &&
		       STATE_PARTIAL == 1,
	       "as in the SQL");

static int tables(struct db *db, struct err *err)
{
	return db_exec(db,
		       "CREATE TEMP TABLE IF NOT EXISTS uidl_pair (remote INTEGER, item INTEGER,"
		       " format INTEGER NOT NULL, sampled INTEGER NOT NULL DEFAULT 0,"
		       " sound INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (remote, item))"
		       " WITHOUT ROWID;"
		       "CREATE TEMP TABLE IF NOT EXISTS uidl_verdict (run INTEGER, folder INTEGER,"
		       " uidvalidity INTEGER, format INTEGER PRIMARY KEY, sampled INTEGER,"
		       " wrong INTEGER, believed INTEGER);"
		       "CREATE TEMP TABLE IF NOT EXISTS uidl_size (size INTEGER,"
		       " internaldate INTEGER, id INTEGER,"
		       " PRIMARY KEY (size, internaldate, id))",
		       err);
}

static int place_query(struct db *db, const char *sql, const struct uidl_place *p, struct err *err)
{
	sqlite3_stmt *st = db_stmt(db, sql, err);

	if (!st)
		return -1;
	if (sqlite3_bind_parameter_count(st) > 0)
		sqlite3_bind_int64(st, 1, p->folder);
	if (sqlite3_bind_parameter_count(st) > 1)
		sqlite3_bind_int64(st, 2, p->run);
	if (sqlite3_bind_parameter_count(st) > 2)
		sqlite3_bind_int64(st, 3, p->uidvalidity);
	return db_run(db, st, err);
}

#define IN_INBOX(id_) id_ " BETWEEN ?1 << 32 AND (?1 << 32) + 4294967295"

/* ---- reading UIDLs ---- */

/* The message of INBOX that a UIDL means: its UID and the format, or 0. With UIDs that are of
 * another UIDVALIDITY, *alien is set. */
static uint32_t uid_of(struct slice uidl, uint32_t uidvalidity, enum uidl_format *format,
		       bool *alien)
{
	struct uidl_ids ids;

	*alien = false;
	for (enum uidl_format f = UIDL_NONE + 1; f < UIDL_LISTED; f++) {
		if (!uidl_decode(f, uidl, &ids))
			continue;
		if (f == UIDL_UID || ids.uidvalidity == uidvalidity) {
			*format = f;
			return ids.uid;
		}
		*alien = true;
	}
	return 0;
}

/* The same as the POP3 server listed it: 1, 0, -1. What two messages have is nobody's. */
static int listed(struct db *db, const char *uidl, int64_t *remote, struct err *err)
{
	sqlite3_stmt *st = db_stmt(db,
				   "SELECT min(remote) FROM pop_list WHERE uidl = ?"
				   " HAVING count(*) = 1 AND min(remote) IS NOT NULL",
				   err);
	int got;

	if (!st)
		return -1;
	db_bind_text(st, 1, uidl);
	got = db_step(db, st, err);
	if (got <= 0)
		return got;
	*remote = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 1;
}

int uidl_meaning_of(struct db *db, const struct uidl_place *p, const char *uidl,
		    struct uidl_meaning *out, struct err *err)
{
	int got = listed(db, uidl, &out->remote, err);
	uint32_t uid;

	out->alien = false;
	out->format = UIDL_LISTED;
	if (got != 0)
		return got < 0 ? -1 : 0;
	uid = uid_of(slice_str(uidl), p->uidvalidity, &out->format, &out->alien);
	out->remote = uid == 0 ? 0 : (int64_t)((uint64_t)p->folder << 32 | uid);
	return 0;
}

/* Items of the run that have a UIDL. */
static sqlite3_stmt *items(struct db *db, const struct uidl_place *p, struct err *err)
{
	sqlite3_stmt *st = db_stmt(db,
				   "SELECT i.id, i.uidl FROM run_store x CROSS JOIN store s"
				   " ON s.id = x.store CROSS JOIN item i ON i.id BETWEEN"
				   " s.first_item AND s.last_item AND i.store = s.id"
				   " WHERE x.run = ? AND i.uidl IS NOT NULL AND i.state <> 6",
				   err);

	if (st)
		sqlite3_bind_int64(st, 1, p->run);
	return st;
}

/* Does the POP3 server list it? (Not yet known is, which message of INBOX that is.) */
static int is_listed(struct db *db, const char *uidl, struct err *err)
{
	sqlite3_stmt *st = db_stmt(db, "SELECT 1 FROM pop_list WHERE uidl = ? LIMIT 1", err);
	int got;

	if (!st)
		return -1;
	db_bind_text(st, 1, uidl);
	got = db_step(db, st, err);
	if (got > 0)
		sqlite3_reset(st);
	return got;
}

int match_uidl_promising(struct journal *j, const struct uidl_place *p, uint32_t first, bool *out,
			 struct err *err)
{
	struct db *db = journal_db(j);
	sqlite3_stmt *st = items(db, p, err);
	int64_t least = (int64_t)((uint64_t)p->folder << 32 | first);
	int n = 0, got = -1;

	while (st && n < UIDL_WORTH && (got = db_step(db, st, err)) > 0) {
		const char *uidl = (const char *)sqlite3_column_text(st, 1);
		struct uidl_meaning m;
		int in_list = is_listed(db, uidl, err);

		if (in_list < 0 || uidl_meaning_of(db, p, uidl, &m, err) < 0) {
			sqlite3_reset(st);
			return -1;
		}
		n += m.remote >= least || in_list > 0;
	}
	if (!st || got < 0)
		return -1;
	sqlite3_reset(st);
	*out = n >= UIDL_WORTH;
	return 0;
}

/* ---- pairs ---- */

static int add_pair(struct db *db, int64_t item, const struct uidl_meaning *m, struct err *err)
{
	sqlite3_stmt *st = db_stmt(db,
				   "INSERT OR IGNORE INTO uidl_pair(remote, item, format)"
				   " SELECT ?1, ?2, ?3 FROM remote WHERE id = ?1",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, m->remote);
	sqlite3_bind_int64(st, 2, item);
	sqlite3_bind_int(st, 3, (int)m->format);
	return db_run(db, st, err);
}

/* Pairs from UID `first` on; *alien: so many UIDLs are of another UIDVALIDITY. */
static int fill_pairs(struct db *db, const struct uidl_place *p, uint32_t first, uint64_t *alien,
		      struct err *err)
{
	int64_t least = (int64_t)((uint64_t)p->folder << 32 | first);
	sqlite3_stmt *st;
	int got;

	*alien = 0;
	if (tables(db, err) < 0 || db_exec(db, "DELETE FROM uidl_pair", err) < 0)
		return -1;
	st = items(db, p, err);
	if (!st)
		return -1;
	while ((got = db_step(db, st, err)) > 0) {
		struct uidl_meaning m;

		if (uidl_meaning_of(db, p, (const char *)sqlite3_column_text(st, 1), &m, err) < 0)
			break;
		*alien += m.alien && m.remote == 0;
		if (m.remote >= least && add_pair(db, sqlite3_column_int64(st, 0), &m, err) < 0)
			break;
	}
	sqlite3_reset(st);
	return got > 0 ? -1 : got;
}

/* Of each format UIDL_SAMPLE_MIN messages, or one in UIDL_SAMPLE_DIVIDE, evenly spread over the
 * UIDs. A row whose header is a local one's says nothing. */
static int choose_samples(struct db *db, const struct uidl_place *p, struct err *err)
{
	_Static_assert(UIDL_SAMPLE_MIN == 20 && UIDL_SAMPLE_DIVIDE == 100, "as in the text below");
	return place_query(
		db,
		"UPDATE uidl_pair SET sampled = 1 WHERE (format, remote) IN (SELECT format, remote"
		" FROM (SELECT format, remote, row_number() OVER f AS nth, count(*) OVER g AS n,"
		"  min(count(*) OVER g, max(20, (count(*) OVER g + 99) / 100)) AS want"
		"  FROM (SELECT DISTINCT p.format, p.remote FROM uidl_pair p CROSS JOIN remote r"
		"   ON r.id = p.remote AND r.joined = 0)"
		"  GROUP BY format, remote"
		"  WINDOW f AS (PARTITION BY format ORDER BY remote), g AS (PARTITION BY format))"
		" WHERE nth * want / n <> (nth - 1) * want / n)",
		p, err);
}

int match_uidl_pair(struct journal *j, const struct uidl_place *p, uint32_t first, struct err *err)
{
	struct db *db = journal_db(j);
	uint64_t alien;

	if (fill_pairs(db, p, first, &alien, err) < 0 ||
	    db_exec(db, "DELETE FROM uidl_verdict", err) < 0)
		return -1;
	return choose_samples(db, p, err);
}

int match_uidl_unread(struct journal *j, const struct uidl_place *p, enum uidl_unread which,
		      uint32_t after, uint32_t *uids, size_t max, size_t *n, struct err *err)
{
	static const char sample[] =
		"SELECT DISTINCT r.id FROM uidl_pair p CROSS JOIN remote r ON r.id = p.remote"
		" WHERE p.sampled = 1 AND p.remote > ?1 AND p.remote <= ?2 AND length(r.key) = 0"
		" ORDER BY p.remote LIMIT ?3";
	static const char rest[] =
		"SELECT id FROM remote WHERE id > ?1 AND id <= ?2 AND length(key) = 0"
		" ORDER BY id LIMIT ?3";
	struct db *db = journal_db(j);
	sqlite3_stmt *st = which == UIDL_SAMPLE ? db_stmt(db, sample, err) : db_stmt(db, rest, err);
	size_t got_n = 0;
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, (int64_t)((uint64_t)p->folder << 32 | after));
	sqlite3_bind_int64(st, 2, (int64_t)((uint64_t)p->folder << 32 | UINT32_MAX));
	sqlite3_bind_int64(st, 3, (int64_t)max);
	while ((got = db_step(db, st, err)) > 0)
		uids[got_n++] = (uint32_t)sqlite3_column_int64(st, 0);
	*n = got_n;
	return got;
}

int match_uidl_drop_unread(struct journal *j, const struct uidl_place *p, uint64_t *n,
			   struct err *err)
{
	struct db *db = journal_db(j);

	if (place_query(db, "DELETE FROM remote WHERE " IN_INBOX("id") " AND length(key) = 0", p,
			err) < 0)
		return -1;
	*n = (uint64_t)sqlite3_changes64(db->sqlite);
	return 0;
}

/* ---- judging ---- */

/* A format is believed if nothing of its sample was wrong. Verdicts of this reading of INBOX
 * stand. */
static int judge(struct db *db, const struct uidl_place *p, struct err *err)
{
	return place_query(
		db,
		"INSERT OR IGNORE INTO uidl_verdict(folder, run, uidvalidity, format, sampled,"
		" wrong, believed) SELECT ?1, ?2, ?3, format, sampled, wrong,"
		" wrong = 0 AND (sampled > 0 OR unread = 0) FROM (SELECT p.format AS format,"
		" count(DISTINCT iif(p.sampled AND length(r.key) > 0, p.remote, NULL)) AS sampled,"
		" count(DISTINCT iif(p.sampled AND length(r.key) > 0"
		"  AND r.fields IS NOT i.fields, p.remote, NULL)) AS wrong,"
		" sum(r.joined = 0) AS unread"
		" FROM uidl_pair p CROSS JOIN item i ON i.id = p.item"
		" CROSS JOIN remote r ON r.id = p.remote GROUP BY p.format)",
		p, err);
}

/* What servers are known to store shorter: one CR of each CR CR LF, all lone CRs, both; and a final
 * line end that POP adds to a message without one. */
#define EXPLAINS(less_)                                                                            \
	"(i.wire_len - r.size - (" less_ ")) IN (0, 2, i.cr_cr_lf_count, i.cr_count,"              \
	" i.cr_cr_lf_count + i.cr_count)"
/* ... or the lines that the fetcher put on top, with or without its Return-Path. */
#define SIZE_EXPLAINED                                                                             \
	"(" EXPLAINS("0") " OR (i.pop_lead > 0 AND (" EXPLAINS("i.pop_lead") " OR " EXPLAINS(      \
		"i.pop_lead + i.pop_path") ")))"

/* Without the header: nothing else in INBOX has this size; or nothing else of this size has arrived
 * at that time, if both sides know it. */
#define OTHER_OF_SIZE "SELECT 1 FROM uidl_size o WHERE o.size = r.size AND o.id <> r.id"
#define WITNESS                                                                                    \
	"iif(i.date_source = 2 AND abs(i.internaldate - r.internaldate) <= 600,"                   \
	" NOT EXISTS (" OTHER_OF_SIZE                                                              \
	"  AND o.internaldate BETWEEN i.internaldate - 600 AND i.internaldate + 600),"             \
	" NOT EXISTS (" OTHER_OF_SIZE "))"
_Static_assert(UIDL_SAME_ARRIVAL == 600, "as in WITNESS");

static int find_sound(struct db *db, const struct uidl_place *p, struct err *err)
{
	if (place_query(db,
			"INSERT INTO uidl_size SELECT size, internaldate, id FROM remote "
			"WHERE " IN_INBOX("id"),
			p, err) < 0)
		return -1;
	return place_query(db,
			   "UPDATE uidl_pair SET sound = 1 FROM item i, remote r, uidl_verdict v"
			   " WHERE i.id = uidl_pair.item AND r.id = uidl_pair.remote"
			   " AND v.format = uidl_pair.format AND v.believed AND (" SIZE_EXPLAINED
			   /* of a stub the whole, whose header has been read */
			   " OR (i.state = 1 AND r.size > i.wire_len AND length(r.key) > 0))"
			   " AND iif(length(r.key) > 0, r.fields = i.fields, " WITNESS ")"
			   /* one UIDL, different messages: which of them is meant? */
			   " AND NOT EXISTS (SELECT 1 FROM uidl_pair o JOIN item k ON k.id = o.item"
			   "  WHERE o.remote = uidl_pair.remote AND k.fields <> i.fields)",
			   p, err);
}

static int find_believed(struct db *db, const struct uidl_place *p, struct err *err)
{
	if (db_exec(db, "DELETE FROM uidl_size", err) < 0 || judge(db, p, err) < 0)
		return -1;
	return find_sound(db, p, err);
}

int match_uidl_judge(struct journal *j, const struct uidl_place *p, bool *believed, struct err *err)
{
	struct db *db = journal_db(j);
	int64_t any;

	if (find_believed(db, p, err) < 0 ||
	    place_query(db,
			"UPDATE remote SET key = i.key, fields = i.fields,"
			" ident = iif(i.has_id, i.ident, NULL), joined = 1"
			" FROM (SELECT remote, min(item) AS item FROM uidl_pair WHERE sound"
			"  GROUP BY remote) p JOIN item i ON i.id = p.item"
			" WHERE remote.id = p.remote AND length(remote.key) = 0",
			p, err) < 0 ||
	    db_int(db, "SELECT EXISTS (SELECT 1 FROM uidl_verdict WHERE believed)", &any, err) < 0)
		return -1;
	*believed = any != 0;
	return 0;
}

/* ---- what comes of it ---- */

int uidl_find_inbox(struct db *db, struct uidl_place *p, struct err *err)
{
	sqlite3_stmt *st = db_stmt(db,
				   "SELECT id, uidvalidity FROM folder WHERE role = 1"
				   " AND listed = 1 AND indexed = 1 AND uidvalidity > 0 LIMIT 1",
				   err);
	int got;

	if (!st)
		return -1;
	got = db_step(db, st, err);
	if (got <= 0)
		return got;
	p->folder = sqlite3_column_int64(st, 0);
	p->uidvalidity = (uint32_t)sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	return 1;
}

/* A decision to upload that was taken before stands against copies of our own. */
static int add_candidates(struct db *db, int64_t run, const struct match_options *options,
			  struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		db,
		"INSERT INTO candidate(sha256, remote, level, verdict, phase, run, item)"
		" SELECT w.sha256, p.remote, 1, 1, p.remote >> 32 <> w.target, ?1, w.item"
		" FROM uidl_pair p CROSS JOIN work w ON w.item = p.item"
		" CROSS JOIN remote r ON r.id = p.remote"
		" WHERE p.sound AND (p.remote >> 32 = w.target OR NOT ?2)"
		" AND (w.state IS NULL OR w.state IN (0, 4, 5))"
		" AND NOT ((?3 OR w.state IS NOT NULL) AND " MATCH_OURS(
			"p.remote", "r.key") ") ON CONFLICT DO UPDATE SET verdict = 1, level = 1,"
					     " run = excluded.run, item = excluded.item"
					     " WHERE verdict IN (0, 3)",
		err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int(st, 2, options->duplicate_into_folders);
	sqlite3_bind_int(st, 3, options->keep_duplicates);
	return db_run(db, st, err);
}

static int notice(struct journal *j, int64_t run, uint64_t count, struct buf *text, struct err *err)
{
	struct run_notice n = { "uidl-join", count, "INBOX", buf_cstr(text) };

	return n.text ? journal_notice_add(j, run, 0, &n, err) : buf_ok(text, "a notice", err);
}

static int tell_verdicts(struct journal *j, int64_t run, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(1024);
	struct db *db = journal_db(j);
	sqlite3_stmt *st = db_stmt(
		db,
		"SELECT v.format, v.sampled, v.wrong, v.believed, (SELECT count(DISTINCT remote)"
		" FROM uidl_pair p WHERE p.format = v.format AND p.sound) FROM uidl_verdict v",
		err);
	int got;

	if (!st)
		return -1;
	while ((got = db_step(db, st, err)) > 0) {
		const char *format = uidl_format_name((enum uidl_format)sqlite3_column_int(st, 0));
		long long sampled = sqlite3_column_int64(st, 1),
			  wrong = sqlite3_column_int64(st, 2);

		buf_reset(&text);
		if (sqlite3_column_int(st, 3))
			buf_addf(&text,
				 "messages known by their UIDLs (%s), after a look at %lld of them",
				 format, sampled);
		else
			buf_addf(&text,
				 "UIDLs (%s) were not believed: %lld of %lld looked at belong to"
				 " other messages; contents were compared instead",
				 format, wrong, sampled);
		if (notice(j, run, (uint64_t)sqlite3_column_int64(st, 4), &text, err) < 0) {
			sqlite3_reset(st);
			return -1;
		}
	}
	return got;
}

static int tell_alien(struct journal *j, int64_t run, uint64_t n, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(1024);

	if (n == 0)
		return 0;
	buf_adds(&text, "UIDLs were given out by another mailbox, or before this one was made anew"
			" (UIDVALIDITY): contents were compared instead");
	return notice(j, run, n, &text, err);
}

/* Verdicts count for the reading of INBOX they were made in. */
static int forget_old_verdicts(struct db *db, const struct uidl_place *p, struct err *err)
{
	return place_query(db,
			   "DELETE FROM uidl_verdict WHERE folder <> ?1 OR run <> ?2"
			   " OR uidvalidity <> ?3",
			   p, err);
}

static int join(struct journal *j, const struct uidl_place *p, const struct match_options *options,
		uint64_t alien, struct err *err)
{
	struct db *db = journal_db(j);

	if (forget_old_verdicts(db, p, err) < 0 || choose_samples(db, p, err) < 0 ||
	    find_believed(db, p, err) < 0 || add_candidates(db, p->run, options, err) < 0)
		return -1;
	return tell_verdicts(j, p->run, err) < 0 ? -1 : tell_alien(j, p->run, alien, err);
}

int match_uidl_join(struct journal *j, int64_t run, const struct match_options *options,
		    struct err *err)
{
	struct db *db = journal_db(j);
	struct uidl_place p = { .run = run };
	uint64_t alien;
	int got = tables(db, err) < 0 ? -1 : uidl_find_inbox(db, &p, err);

	if (got <= 0)
		return got;
	if (fill_pairs(db, &p, 1, &alien, err) < 0 ||
	    (!options->no_uidl && join(j, &p, options, alien, err) < 0))
		return -1;
	return match_states_join(db, &p, err);
}

/* ---- proof ---- */

int match_uidl_unproven(struct journal *j, int64_t after, int64_t *remotes, size_t max, size_t *n,
			struct err *err)
{
	sqlite3_stmt *st = db_stmt(journal_db(j),
				   "SELECT DISTINCT w.remote FROM work w CROSS JOIN remote r"
				   " ON r.id = w.remote AND r.joined WHERE w.level = 1"
				   " AND w.remote > ? ORDER BY w.remote LIMIT ?",
				   err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, after);
	sqlite3_bind_int64(st, 2, (int64_t)max);
	*n = 0;
	while ((got = db_step(journal_db(j), st, err)) > 0)
		remotes[(*n)++] = sqlite3_column_int64(st, 0);
	return got;
}

int match_uidl_read(struct journal *j, int64_t remote, const struct match_keys *keys,
		    struct err *err)
{
	sqlite3_stmt *st = db_stmt(journal_db(j),
				   "UPDATE remote SET key = ?2, fields = ?3, ident = ?4,"
				   " joined = 0 WHERE id = ?1",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, remote);
	sqlite3_bind_blob(st, 2, keys->has_id ? keys->id : keys->ident, KEY_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(st, 3, keys->fields, KEY_LEN, SQLITE_STATIC);
	if (keys->has_id)
		sqlite3_bind_blob(st, 4, keys->ident, KEY_LEN, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, 4);
	return db_run(journal_db(j), st, err);
}

/* What the join has said counts no more; it will be said anew. */
static int tell_refuted(struct journal *j, int64_t run, uint64_t n, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(1024);
	sqlite3_stmt *st = db_stmt(journal_db(j),
				   "DELETE FROM notice WHERE run = ? AND kind = 'uidl-join'", err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	if (db_run(journal_db(j), st, err) < 0)
		return -1;
	buf_adds(&text, "UIDLs were those of other messages of the same size, as their headers say:"
			" contents were compared instead");
	return notice(j, run, n, &text, err);
}

int match_uidl_refute(struct journal *j, int64_t run, uint64_t *n, struct err *err)
{
	struct db *db = journal_db(j);

	if (db_exec(db,
		    "UPDATE candidate SET verdict = 2 WHERE level = 1 AND verdict = 1"
		    " AND (sha256, remote) IN (SELECT w.sha256, w.remote FROM work w"
		    "  CROSS JOIN item i ON i.id = w.item CROSS JOIN remote r ON r.id = w.remote"
		    "  WHERE w.level = 1 AND r.joined = 0 AND r.fields IS NOT i.fields)",
		    err) < 0)
		return -1;
	*n = (uint64_t)sqlite3_changes64(db->sqlite);
	return *n > 0 ? tell_refuted(j, run, *n, err) : 0;
}

int match_uidl_leftovers(struct journal *j, int64_t run, struct err *err)
{
	return tables(journal_db(j), err) < 0 ? -1 : match_find_leftovers(journal_db(j), run, err);
}

static int forget_joined(struct db *db, struct err *err)
{
	return db_exec(db,
		       "DELETE FROM candidate WHERE level = 1 AND verdict = 1;"
		       "CREATE TEMP TABLE IF NOT EXISTS uidl_folder (id INTEGER PRIMARY KEY);"
		       "DELETE FROM uidl_folder;"
		       "INSERT INTO uidl_folder SELECT DISTINCT id >> 32 FROM remote WHERE joined;"
		       "DELETE FROM remote WHERE id >> 32 IN (SELECT id FROM uidl_folder);"
		       "UPDATE folder SET indexed = 0, uidnext = 0, messages = 0, highestmodseq = 0"
		       " WHERE id IN (SELECT id FROM uidl_folder)",
		       err);
}

int match_uidl_distrust(struct journal *j, struct err *err)
{
	if (journal_begin(j, err) < 0)
		return -1;
	if (forget_joined(journal_db(j), err) < 0) {
		journal_rollback(j);
		return -1;
	}
	return journal_commit(j, err);
}

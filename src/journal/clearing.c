/*
 * Taking away the originals of copies that were made before. See clearing.h.
 */
#include "journal/clearing.h"

#include "journal/flags.h"
#include "journal/private.h"

#define WORDS_MAX 16384

_Static_assert(METHOD_COPY == 1 && METHOD_MOVE == 2 && UPLOAD_STORED == 2 && UPLOAD_VERIFIED == 3 &&
		       FLAG_CHANGE_DONE == 1 && FLAG_DELETED == 8,
	       "as in the SQL");

static int run_over(struct journal *j, const char *sql, int64_t run, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db, sql, err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	return db_run(&j->db, st, err);
}

int journal_clearing_begin(struct journal *j, int64_t run, struct err *err)
{
	return run_over(j,
			"UPDATE upload SET method = 2, origin_gone = 0 WHERE method = 1"
			" AND state IN (2, 3)"
			" AND id IN (SELECT upload FROM clearing WHERE run = ?1)",
			run, err);
}

int journal_clearing_missed(struct journal *j, const int64_t *uploads, size_t n, struct err *err)
{
	static const char sql[] =
		"UPDATE upload SET method = 1 WHERE id = ?1 AND id IN (SELECT upload FROM clearing)"
		" AND origin_gone = 0 AND NOT EXISTS (SELECT 1 FROM flag_change c"
		"  WHERE c.remote = upload.origin AND c.state IN (0, 1) AND c.added = 8"
		"  AND c.uidvalidity = upload.origin_uidvalidity)";
	static const char forget_copies[] = "DELETE FROM clearing WHERE upload = ?1"
					    " AND (SELECT method FROM upload WHERE id = ?1) = 1";
	bool own;
	int result = 0;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	for (size_t i = 0; i < n && result == 0; i++) {
		result = run_over(j, sql, uploads[i], err);
		if (result == 0)
			result = run_over(j, forget_copies, uploads[i], err);
	}
	return tx_end(j, own, result, err);
}

#define CLEARED                                                                                    \
	" FROM clearing c JOIN upload u ON u.id = c.upload WHERE c.run = ?1 AND u.method = 2"      \
	" AND u.origin_gone = 1 AND u.state IN (2, 3) AND u.uid > 0"

int journal_cleared(struct journal *j, int64_t run, uint64_t *out, struct err *err)
{
	return count_of_run(j, "SELECT count(*)" CLEARED, run, out, err);
}

/* ---- undo ---- */

int journal_clearing_forget(struct journal *j, int64_t run, struct err *err)
{
	bool own;
	int result;

	if (tx_begin(j, &own, err) < 0)
		return -1;
	result = run_over(j,
			  "UPDATE upload SET method = 1 WHERE method = 2 AND origin_gone = 0"
			  " AND state IN (2, 3)"
			  " AND id IN (SELECT upload FROM clearing WHERE run = ?1)",
			  run, err);
	if (result == 0)
		result = run_over(j,
				  "DELETE FROM clearing WHERE run = ?1"
				  " AND upload IN (SELECT id FROM upload WHERE method = 1)",
				  run, err);
	return tx_end(j, own, result, err);
}

int journal_cleared_folder_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
				struct remote_folder *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT " FOLDER_COLUMNS
				   " FROM folder f WHERE f.id = (SELECT min(u.folder)" CLEARED
				   " AND u.folder > ?2)",
				   err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, after);
	got = one_row(j, st, err);
	return got <= 0 ? got : folder_read(st, a, out, err);
}

int journal_cleared_next(struct journal *j, int64_t run, int64_t folder, uint32_t after, size_t max,
			 struct arena *a, struct upload *out, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT " UPLOAD_COLUMNS " FROM clearing c JOIN upload u ON u.id = c.upload"
			" LEFT JOIN line l ON l.id = u.line LEFT JOIN item i ON i.id = u.item"
			" LEFT JOIN store s ON s.id = i.store"
			" WHERE c.run = ?1 AND u.folder = ?2 AND u.uid > ?3 AND u.method = 2"
			" AND u.origin_gone = 1 AND u.state IN (2, 3) ORDER BY u.uid LIMIT ?4",
			err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, folder);
	sqlite3_bind_int64(st, 3, after);
	sqlite3_bind_int64(st, 4, (sqlite3_int64)max);
	return uploads_read(j, st, max, a, out, err);
}

static bool has_word(const struct flag_set *set, const char *word)
{
	for (size_t i = 0; i < set->n_keywords; i++)
		if (slice_ieq(slice_str(set->keywords[i]), slice_str(word)))
			return true;
	return false;
}

/* The words of `a` that `b` has not. */
static void add_words(struct buf *out, const struct flag_set *a, const struct flag_set *b)
{
	for (size_t i = 0; i < a->n_keywords; i++) {
		if (has_word(b, a->keywords[i]))
			continue;
		if (out->len > 0)
			buf_addc(out, ' ');
		buf_adds(out, a->keywords[i]);
	}
}

static bool has_all(const struct flag_set *a, const struct flag_set *b)
{
	for (size_t i = 0; i < b->n_keywords; i++)
		if (!has_word(a, b->keywords[i]))
			return false;
	return true;
}

#define COMPARED (FLAG_ALL & ~FLAG_DELETED)

bool journal_cleared_differs(const struct upload *u, const struct flag_set *now)
{
	const struct flag_set *was = &u->origin_flags;

	return ((was->system ^ now->system) & COMPARED) != 0 || !has_all(was, now) ||
	       !has_all(now, was);
}

static int bind_words(sqlite3_stmt *st, int at, struct buf *words, struct err *err)
{
	if (words->len > 0)
		db_bind_text(st, at, buf_cstr(words));
	return buf_ok(words, "keywords", err);
}

/* As if the run had changed the flags of the one that is back now: that is turned round. */
static int note_flags(struct journal *j, int64_t run, const struct upload *u, int64_t remote,
		      uint32_t uidvalidity, const struct flag_set *now, struct err *err)
{
	CLEANUP(buf_release) struct buf removed = BUF_INIT(WORDS_MAX);
	CLEANUP(buf_release) struct buf added = BUF_INIT(WORDS_MAX);
	const struct flag_set *was = &u->origin_flags;
	sqlite3_stmt *st;

	if (!journal_cleared_differs(u, now))
		return 0;
	add_words(&removed, was, now);
	add_words(&added, now, was);
	st = db_stmt(&j->db,
		     "INSERT INTO flag_change(run, remote, uidvalidity, removed, added,"
		     " removed_keywords, added_keywords, state) VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, remote);
	sqlite3_bind_int64(st, 3, uidvalidity);
	sqlite3_bind_int64(st, 4, was->system & ~now->system & COMPARED);
	sqlite3_bind_int64(st, 5, now->system & ~was->system & COMPARED);
	if (bind_words(st, 6, &removed, err) < 0 || bind_words(st, 7, &added, err) < 0) {
		sqlite3_reset(st);
		return -1;
	}
	return db_run(&j->db, st, err);
}

int journal_cleared_back(struct journal *j, int64_t run, const struct upload *u, uint32_t uid,
			 uint32_t uidvalidity, const struct flag_set *now, struct err *err)
{
	int64_t remote = remote_id(u->origin_folder, uid);
	sqlite3_stmt *st;

	if (note_flags(j, run, u, remote, uidvalidity, now, err) < 0)
		return -1;
	st = db_stmt(&j->db,
		     "UPDATE upload SET method = 1, origin_gone = 0, origin = ?2,"
		     " origin_uidvalidity = ?3 WHERE id = ?1",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, u->id);
	sqlite3_bind_int64(st, 2, remote);
	sqlite3_bind_int64(st, 3, uidvalidity);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	if (run_over(j, "DELETE FROM clearing WHERE upload = ?1", u->id, err) < 0)
		return -1;
	return run_over(j, "DELETE FROM undo WHERE upload = ?1", u->id, err);
}

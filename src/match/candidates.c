/*
 * Which messages of the server may be which of ours: the joins by keys.
 *
 * Each item looks its key up in the index: as a rule none, one or two rows come
 * back. Where more than MATCH_CANDIDATES_MAX share the key, the rows are narrowed
 * down by `fields` and size, all by bounded index searches; where even those agree
 * for many, items and messages are paired in order, both sides being read in the
 * same one (a folder's order is kept by every copy). So the work grows with the
 * number of items, whatever their keys are.
 *
 * A decision to upload that an interrupted run has taken stands. Items with such a
 * row are not matched against what we ourselves put on the server: otherwise a run
 * killed half way would end up with other mailboxes than one left in peace.
 */
#include "match/work.h"
#include "message/fidelity.h"

#include <string.h>

#define CROWD_LOOK_MAX 512 /* messages of a crowd among which those of one folder are sought */

struct seeker {
	struct db *db;
	int64_t run;
	const struct match_options *options;
	/* the item at hand */
	int64_t item, target;
	uint8_t sha256[SHA256_LEN], key[KEY_LEN], ident[KEY_LEN], fields[KEY_LEN];
	bool has_id;
	bool partial;	   /* the server's whole copy is larger */
	bool rebuilt;	   /* the original has other octets */
	bool made_id;	   /* and may have another Message-ID, or none */
	bool not_ours;	   /* leave out what we uploaded */
	uint64_t sizes[4]; /* as sent, and as servers are known to store it */
	size_t n_sizes;
	/* pairing in order within a crowd */
	struct crowd {
		uint8_t key[KEY_LEN], fields[KEY_LEN];
		uint64_t size;
		int64_t target;
		uint64_t seen;
		int64_t start;
	} crowd;
};

static void read_blob(sqlite3_stmt *st, int column, uint8_t *out, size_t len)
{
	struct slice blob = db_blob(st, column);

	memset(out, 0, len);
	if (blob.len == len)
		memcpy(out, blob.ptr, len);
}

static void add_size(struct seeker *s, uint64_t size)
{
	for (size_t i = 0; i < s->n_sizes; i++)
		if (s->sizes[i] == size)
			return;
	s->sizes[s->n_sizes++] = size;
}

/* Dovecot and Courier drop one CR of CR CR LF, Courier also lone CRs (servers.md 2.2). */
static void set_sizes(struct seeker *s, uint64_t wire_len, uint64_t cr, uint64_t cr_cr_lf)
{
	s->n_sizes = 0;
	add_size(s, wire_len);
	if (cr_cr_lf <= wire_len)
		add_size(s, wire_len - cr_cr_lf);
	if (cr <= wire_len)
		add_size(s, wire_len - cr);
	if (cr_cr_lf <= wire_len && cr <= wire_len - cr_cr_lf)
		add_size(s, wire_len - cr - cr_cr_lf);
}

static bool size_fits(const struct seeker *s, uint64_t size)
{
	for (size_t i = 0; i < s->n_sizes; i++)
		if (s->sizes[i] == size)
			return true;
	return false;
}

/* ---- writing candidates ---- */

static int is_ours(struct seeker *s, int64_t remote, struct err *err)
{
	sqlite3_stmt *st = db_stmt(s->db, "SELECT " MATCH_OURS("?1", "?2"), err);
	int ours;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, remote);
	sqlite3_bind_blob(st, 2, s->key, KEY_LEN, SQLITE_STATIC);
	if (db_step(s->db, st, err) <= 0)
		return -1;
	ours = sqlite3_column_int(st, 0);
	sqlite3_reset(st);
	return ours;
}

/* 1: it is (or was) a candidate; 0: left out; -1. */
_Static_assert(ROLE_ALL == 9, "as in propose()");
static int propose(struct seeker *s, int64_t remote, enum match_level level, struct err *err)
{
	bool in_target = remote >> 32 == s->target;
	sqlite3_stmt *st;

	if (!in_target && s->options->duplicate_into_folders)
		return 0;
	if (s->not_ours) {
		int ours = is_ours(s, remote, err);

		if (ours != 0)
			return ours < 0 ? -1 : 0;
	}
	st = db_stmt(s->db,
		     "INSERT INTO candidate(sha256, remote, level, verdict, phase, run, item)"
		     " SELECT ?1, ?2, ?3, 0, iif(?4, 1 + (role = 9), 0), ?5, ?6 FROM folder"
		     " WHERE id = ?2 >> 32 AND indexed = 1 AND listed = 1"
		     " ON CONFLICT DO UPDATE SET verdict = 0, level = min(level, excluded.level),"
		     " phase = iif(run = ?5, min(phase, excluded.phase), excluded.phase),"
		     " run = ?5, item = ?6 WHERE verdict IN (0, 3)",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_blob(st, 1, s->sha256, SHA256_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, remote);
	sqlite3_bind_int(st, 3, (int)level);
	sqlite3_bind_int(st, 4, !in_target);
	sqlite3_bind_int64(st, 5, s->run);
	sqlite3_bind_int64(st, 6, s->item);
	return db_run(s->db, st, err) < 0 ? -1 : 1;
}

/* ---- looking up ---- */

struct found {
	int64_t remote;
	bool fields_agree;
	uint64_t size;
};

/* Rows of a bound query (id, size, fields agree), `max` at most. */
static int read_found(struct seeker *s, sqlite3_stmt *st, struct found *out, int max,
		      struct err *err)
{
	int n = 0, got = 1;

	while (n < max && (got = db_step(s->db, st, err)) > 0) {
		out[n].remote = sqlite3_column_int64(st, 0);
		out[n].size = (uint64_t)sqlite3_column_int64(st, 1);
		out[n++].fields_agree = sqlite3_column_int(st, 2) != 0;
	}
	if (got < 0)
		return -1;
	sqlite3_reset(st);
	return n;
}

/* Everything with a key, MATCH_CANDIDATES_MAX + 1 at most. */
static int by_key(struct seeker *s, const uint8_t *key, struct found *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		s->db, "SELECT id, size, fields = ?2 FROM remote WHERE key = ?1 LIMIT ?3", err);

	if (!st)
		return -1;
	sqlite3_bind_blob(st, 1, key, KEY_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, s->fields, KEY_LEN, SQLITE_STATIC);
	sqlite3_bind_int(st, 3, MATCH_CANDIDATES_MAX + 1);
	return read_found(s, st, out, MATCH_CANDIDATES_MAX + 1, err);
}

/* Messages with a Message-ID whose From, Date and Subject are ours. */
static int by_ident(struct seeker *s, struct found *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		s->db,
		"SELECT id, size, 0 FROM remote WHERE ident = ?1 AND ident IS NOT NULL LIMIT ?2",
		err);

	if (!st)
		return -1;
	sqlite3_bind_blob(st, 1, s->ident, KEY_LEN, SQLITE_STATIC);
	sqlite3_bind_int(st, 2, MATCH_CROWDED_MAX);
	return read_found(s, st, out, MATCH_CROWDED_MAX, err);
}

/* MATCH_NONE: cannot be the same message. Without a Message-ID, `fields` must agree: else it is
 * the same text to somebody else. */
static enum match_level level_of(const struct seeker *s, const struct found *f)
{
	if (s->rebuilt)
		return f->fields_agree && size_fits(s, f->size) ? MATCH_CONTENT : MATCH_REBUILT;
	if (s->partial && (!f->fields_agree || f->size < s->sizes[0]))
		return MATCH_NONE;
	if (!s->has_id)
		return f->fields_agree ? MATCH_DRESS : MATCH_NONE;
	if (!f->fields_agree)
		return MATCH_WEAK;
	return size_fits(s, f->size) ? MATCH_CONTENT : MATCH_DRESS;
}

static int propose_all(struct seeker *s, const struct found *list, int n, int *proposed,
		       struct err *err)
{
	for (int i = 0; i < n; i++) {
		enum match_level level = level_of(s, &list[i]);
		int got = level == MATCH_NONE ? 0 : propose(s, list[i].remote, level, err);

		if (got < 0)
			return -1;
		*proposed += got;
	}
	return 0;
}

/* ---- crowds ---- */

/* Key, fields and size agree, in the range of ids, beyond `start`. */
static int exact_rows(struct seeker *s, uint64_t size, int64_t start, int64_t last,
		      struct found *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(s->db,
				   "SELECT id, size, 1 FROM remote WHERE key = ?1 AND fields = ?2"
				   " AND size = ?3 AND id > ?4 AND id <= ?5 ORDER BY id LIMIT ?6",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_blob(st, 1, s->key, KEY_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, s->fields, KEY_LEN, SQLITE_STATIC);
	db_bind_u64(st, 3, size);
	sqlite3_bind_int64(st, 4, start);
	sqlite3_bind_int64(st, 5, last);
	sqlite3_bind_int(st, 6, MATCH_CROWDED_MAX);
	return read_found(s, st, out, MATCH_CROWDED_MAX, err);
}

/* Key and fields agree; the sizes next to ours on one side. */
static int near_rows(struct seeker *s, bool larger, struct found *out, struct err *err)
{
	static const char up[] = "SELECT id, size, 1 FROM remote WHERE key = ?1 AND fields = ?2"
				 " AND size > ?3 ORDER BY size, id LIMIT ?4";
	static const char down[] = "SELECT id, size, 1 FROM remote WHERE key = ?1 AND fields = ?2"
				   " AND size < ?3 ORDER BY size DESC, id DESC LIMIT ?4";
	sqlite3_stmt *st = larger ? db_stmt(s->db, up, err) : db_stmt(s->db, down, err);

	if (!st)
		return -1;
	sqlite3_bind_blob(st, 1, s->key, KEY_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, s->fields, KEY_LEN, SQLITE_STATIC);
	db_bind_u64(st, 3, s->sizes[0]);
	sqlite3_bind_int(st, 4, MATCH_CROWDED_MAX / 2);
	return read_found(s, st, out, MATCH_CROWDED_MAX / 2, err);
}

/* The place of this item in its crowd: the window moves on by one message an item, once the item is
 * half a window away from the crowd's beginning. */
static void enter_crowd(struct seeker *s)
{
	struct crowd *c = &s->crowd;

	if (c->seen > 0 && memcmp(c->key, s->key, KEY_LEN) == 0 &&
	    memcmp(c->fields, s->fields, KEY_LEN) == 0 && c->size == s->sizes[0] &&
	    c->target == s->target) {
		c->seen++;
		return;
	}
	memcpy(c->key, s->key, KEY_LEN);
	memcpy(c->fields, s->fields, KEY_LEN);
	c->size = s->sizes[0];
	c->target = s->target;
	c->seen = 1;
	c->start = 0;
}

static void move_window(struct crowd *c, const struct found *list, int n)
{
	if (n == MATCH_CROWDED_MAX && c->seen > MATCH_CROWDED_MAX / 2)
		c->start = list[0].remote;
}

static int seek_exact(struct seeker *s, int *proposed, struct err *err)
{
	struct found list[MATCH_CROWDED_MAX];
	int64_t first = s->target << 32, last = (s->target << 32) + UINT32_MAX;
	struct crowd *c = &s->crowd;
	int n;

	enter_crowd(s);
	/* in the target folder, where the order is likeliest to be ours */
	n = exact_rows(s, s->sizes[0], c->start > first ? c->start : first, last, list, err);
	if (n > 0)
		move_window(c, list, n);
	for (size_t i = 0; n == 0 && i < s->n_sizes; i++)
		n = exact_rows(s, s->sizes[i], c->start, INT64_MAX, list, err);
	if (n > 0 && list[0].remote >> 32 != s->target)
		move_window(c, list, n);
	return n < 0 ? -1 : propose_all(s, list, n, proposed, err);
}

/* Key and fields agree, in the target folder: all, if it is not a crowd that is there. A server
 * that writes headers anew has other sizes, and they may be those of other messages. */
static int seek_in_target(struct seeker *s, int *proposed, struct err *err)
{
	struct found list[MATCH_CANDIDATES_MAX + 1];
	sqlite3_stmt *st = db_stmt(s->db,
				   "SELECT id, size, 1 FROM (SELECT id, size FROM remote"
				   " WHERE key = ?1 AND fields = ?2 LIMIT ?5)"
				   " WHERE id BETWEEN ?3 AND ?3 + 4294967295 LIMIT ?4",
				   err);
	int n;

	if (!st)
		return -1;
	sqlite3_bind_blob(st, 1, s->key, KEY_LEN, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, s->fields, KEY_LEN, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, s->target << 32);
	sqlite3_bind_int(st, 4, MATCH_CANDIDATES_MAX + 1);
	sqlite3_bind_int(st, 5, CROWD_LOOK_MAX);
	n = read_found(s, st, list, MATCH_CANDIDATES_MAX + 1, err);
	if (n > MATCH_CANDIDATES_MAX)
		return 0;
	return n < 0 ? -1 : propose_all(s, list, n, proposed, err);
}

static int seek_in_crowd(struct seeker *s, const struct found *any, int *proposed, struct err *err)
{
	struct found list[MATCH_CROWDED_MAX];

	if (seek_exact(s, proposed, err) < 0)
		return -1;
	if ((*proposed == 0 || s->options->rewritten) && seek_in_target(s, proposed, err) < 0)
		return -1;
	for (int larger = 0; larger < 2 && *proposed < MATCH_CROWDED_MAX; larger++) {
		int n = near_rows(s, larger, list, err);

		if (n < 0 || propose_all(s, list, n, proposed, err) < 0)
			return -1;
	}
	return *proposed > 0 ? 0 : propose_all(s, any, MATCH_CROWDED_MAX, proposed, err);
}

/* ---- one item ---- */

static int propose_some(struct seeker *s, const struct found *list, int n, int *proposed,
			struct err *err)
{
	enum match_level level = s->rebuilt ? MATCH_REBUILT : MATCH_WEAK;

	for (int i = 0; i < n && i < MATCH_CROWDED_MAX; i++) {
		int got = propose(s, list[i].remote, level, err);

		if (got < 0)
			return -1;
		*proposed += got;
	}
	return 0;
}

/* The Message-ID is missing on one side only, or it was made up here. */
static int seek_across(struct seeker *s, int *proposed, struct err *err)
{
	struct found list[MATCH_CANDIDATES_MAX + 1];
	int n = s->has_id ? by_key(s, s->ident, list, err) : by_ident(s, list, err);

	if (n < 0 || propose_some(s, list, n, proposed, err) < 0)
		return -1;
	if (!s->made_id)
		return 0;
	n = by_ident(s, list, err);
	return n < 0 ? -1 : propose_some(s, list, n, proposed, err);
}

static int seek(struct seeker *s, struct err *err)
{
	struct found list[MATCH_CANDIDATES_MAX + 1];
	int proposed = 0;
	int n = by_key(s, s->key, list, err);

	if (n < 0)
		return -1;
	if (n > MATCH_CANDIDATES_MAX) {
		if (seek_in_crowd(s, list, &proposed, err) < 0)
			return -1;
	} else if (propose_all(s, list, n, &proposed, err) < 0) {
		return -1;
	}
	return proposed > 0 || (s->partial && !s->rebuilt) ? 0 : seek_across(s, &proposed, err);
}

static void read_item(struct seeker *s, sqlite3_stmt *st)
{
	bool decided = sqlite3_column_type(st, 10) != SQLITE_NULL;

	s->item = sqlite3_column_int64(st, 0);
	s->target = sqlite3_column_int64(st, 1);
	read_blob(st, 2, s->sha256, SHA256_LEN);
	s->has_id = sqlite3_column_int(st, 3) != 0;
	read_blob(st, 4, s->key, KEY_LEN);
	read_blob(st, 5, s->ident, KEY_LEN);
	read_blob(st, 6, s->fields, KEY_LEN);
	set_sizes(s, (uint64_t)sqlite3_column_int64(st, 7), (uint64_t)sqlite3_column_int64(st, 8),
		  (uint64_t)sqlite3_column_int64(st, 9));
	s->partial = sqlite3_column_int(st, 11) != 0;
	s->rebuilt = sqlite3_column_int(st, 12) != 0;
	s->made_id = (sqlite3_column_int64(st, 13) & FIDELITY_ID_SYNTHESISED) != 0;
	s->not_ours = decided || s->options->keep_duplicates;
}

/* In the order of the index, which makes neighbours of what belongs together. Left out is what a
 * kept verdict answers: a copy in the target, or anywhere if that is enough (unless the upload has
 * been decided already: then the copy may be our own). */
static sqlite3_stmt *items_to_match(struct seeker *s, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		s->db,
		"SELECT w.item, w.target, w.sha256, i.has_id, i.key, i.ident, i.fields, i.wire_len,"
		" i.cr_count, i.cr_cr_lf_count, w.state, i.state = 1, i.rebuilt, i.fidelity FROM "
		"work w CROSS JOIN item i "
		"ON i.id ="
		" w.item"
		" WHERE (w.state IS NULL OR w.state IN (0, 4, 5)) AND (?1 OR (w.copy = 0"
		" AND NOT EXISTS (SELECT 1 FROM candidate c CROSS JOIN remote r ON r.id = c.remote"
		"  CROSS JOIN folder f ON f.id = c.remote >> 32 AND f.indexed = 1 AND f.listed = 1"
		"  WHERE c.sha256 = w.sha256 AND c.verdict = 1"
		"  AND " MATCH_STANDS("c.remote", "r.flags",
				      "w.target") "  AND (c.remote >> 32 = w.target OR (w.state IS "
						  "NULL AND NOT ?2)))))"
						  " ORDER BY i.key, i.fields, i.wire_len, w.item",
		err);

	if (!st)
		return NULL;
	sqlite3_bind_int(st, 1, s->options->keep_duplicates);
	sqlite3_bind_int(st, 2, s->options->duplicate_into_folders);
	return st;
}

int match_seek_candidates(struct journal *j, int64_t run, const struct match_options *options,
			  struct err *err)
{
	struct seeker s = { .db = journal_db(j), .run = run, .options = options };
	sqlite3_stmt *st;
	int64_t any;
	int got;

	if (db_int(s.db, "SELECT EXISTS (SELECT 1 FROM remote)", &any, err) < 0)
		return -1;
	st = any ? items_to_match(&s, err) : NULL;
	if (!st)
		return any ? -1 : 0;
	while ((got = db_step(s.db, st, err)) > 0) {
		read_item(&s, st);
		if (seek(&s, err) < 0) {
			sqlite3_reset(st);
			return -1;
		}
	}
	return got;
}

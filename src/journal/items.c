/*
 * What the sources hold: stores, their items, notices. A store's items are one
 * range of ids, so that nothing but the row itself is written for a message.
 */
#include "journal/notice.h"
#include "journal/private.h"

#include <string.h>

#define PATH_TEXT_MAX ((size_t)1 << 20) /* of one folder path */

/* ---- stores ---- */

/* The valid store of a key: 1 and its id, 0, -1. *same: the scan can be used as it is. */
static int find_store(struct journal *j, const struct store_key *key, const char *folder,
		      int64_t *id, bool *same, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT id, fingerprint <> '' AND fingerprint = ?4 AND options = ?5"
			" AND role = ?6 FROM store WHERE gone = 0 AND source = ?1"
			" AND folder = ?2 AND kind = ?3 AND location = ?7"
			" ORDER BY id DESC LIMIT 1",
			err);
	int got;

	if (!st)
		return -1;
	db_bind_text(st, 1, key->source);
	db_bind_text(st, 2, folder);
	db_bind_text(st, 3, key->kind);
	db_bind_text(st, 4, key->fingerprint ? key->fingerprint : "");
	db_bind_text(st, 5, key->options ? key->options : "");
	sqlite3_bind_int(st, 6, (int)key->role);
	db_bind_text(st, 7, key->location ? key->location : "");
	got = one_row(j, st, err);
	if (got <= 0)
		return got;
	*id = sqlite3_column_int64(st, 0);
	*same = sqlite3_column_int(st, 1) != 0;
	sqlite3_reset(st);
	return 1;
}

static int new_store(struct journal *j, const struct store_key *key, const char *folder,
		     int64_t *id, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"INSERT INTO store(kind, source, folder, location, role, options,"
			" fingerprint) VALUES (?, ?, ?, ?, ?, ?, '')",
			err);

	if (!st)
		return -1;
	db_bind_text(st, 1, key->kind);
	db_bind_text(st, 2, key->source);
	db_bind_text(st, 3, folder);
	db_bind_text(st, 4, key->location ? key->location : "");
	sqlite3_bind_int(st, 5, (int)key->role);
	db_bind_text(st, 6, key->options ? key->options : "");
	if (db_run(&j->db, st, err) < 0)
		return -1;
	*id = sqlite3_last_insert_rowid(j->db.sqlite);
	return 0;
}

static int begin_store(struct journal *j, int64_t run, const struct store_key *key,
		       const char *folder, int64_t *id, bool *fresh, struct err *err)
{
	int got = find_store(j, key, folder, id, fresh, err);

	if (got < 0)
		return -1;
	if (got == 0)
		*fresh = false;
	if (got > 0 && !*fresh &&
	    db_run_ids(&j->db, "UPDATE store SET gone = 1 WHERE id = ?", *id, 0, err) < 0)
		return -1;
	if (!*fresh && new_store(j, key, folder, id, err) < 0)
		return -1;
	return db_run_ids(&j->db, "INSERT OR IGNORE INTO run_store(run, store) VALUES (?, ?)", run,
			  *id, err);
}

int journal_store_begin(struct journal *j, int64_t run, const struct store_key *key, int64_t *store,
			bool *fresh, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(PATH_TEXT_MAX);
	const char *folder = path_join(&a, key->folder, key->depth);
	int64_t id = 0;
	bool own, same = false;
	int result;

	if (!folder)
		return err_nomem(err);
	if (store_counts_flush(j, err) < 0 || tx_begin(j, &own, err) < 0)
		return -1;
	result = tx_end(j, own, begin_store(j, run, key, folder, &id, &same, err), err);
	if (result < 0)
		return -1;
	j->filling = (struct filling){ .store = same ? 0 : id };
	*store = id;
	*fresh = same;
	return 0;
}

int journal_store_done(struct journal *j, int64_t store, const char *fingerprint, struct err *err)
{
	sqlite3_stmt *st;

	if (store_counts_flush(j, err) < 0)
		return -1;
	st = db_stmt(&j->db, "UPDATE store SET fingerprint = ? WHERE id = ?", err);
	if (!st)
		return -1;
	db_bind_text(st, 1, fingerprint ? fingerprint : "");
	sqlite3_bind_int64(st, 2, store);
	j->filling = (struct filling){ 0 };
	return db_run(&j->db, st, err);
}

/* ---- items ---- */

/* Written before each commit: written at the scan's end only, a killed scan would leave items that
 * nobody could ever remove. */
int store_counts_flush(struct journal *j, struct err *err)
{
	struct filling *f = &j->filling;
	sqlite3_stmt *st;

	if (f->added == 0)
		return 0;
	st = db_stmt(
		&j->db,
		"UPDATE store SET found = found + ?1, last_item = ?3,"
		" first_item = CASE WHEN first_item = 0 THEN ?2 ELSE first_item END WHERE id = ?4",
		err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, f->added);
	sqlite3_bind_int64(st, 2, f->first_item);
	sqlite3_bind_int64(st, 3, f->last_item);
	sqlite3_bind_int64(st, 4, f->store);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	f->added = 0;
	return 0;
}

static int count_item(struct journal *j, struct err *err)
{
	struct filling *f = &j->filling;

	f->last_item = sqlite3_last_insert_rowid(j->db.sqlite);
	if (f->added++ == 0)
		f->first_item = f->last_item;
	return sqlite3_get_autocommit(j->db.sqlite) ? store_counts_flush(j, err) : 0;
}

/* Texts and keys outlive the step: no copies. */
static void bind_static_text(sqlite3_stmt *st, int index, const char *text)
{
	if (text)
		sqlite3_bind_text(st, index, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, index);
}

static void bind_static_key(sqlite3_stmt *st, int index, const uint8_t *key, size_t len)
{
	sqlite3_bind_blob(st, index, key, (int)len, SQLITE_STATIC);
}

static void bind_item(sqlite3_stmt *st, int64_t store, const struct message *m,
		      const char *keywords)
{
	int64_t head;

	sqlite3_bind_int64(st, 1, store);
	bind_static_text(st, 2, m->locator);
	sqlite3_bind_int(st, 3, (int)m->state);
	bind_static_key(st, 4, m->sha256, SHA256_LEN);
	db_bind_u64(st, 5, m->wire_len);
	db_bind_u64(st, 6, m->header_len);
	db_bind_u64(st, 7, m->nul_count);
	db_bind_u64(st, 8, m->cr_count);
	db_bind_u64(st, 9, m->cr_cr_lf_count);
	db_bind_time(st, 10, m->internaldate);
	sqlite3_bind_int(st, 11, (int)m->date_source);
	db_bind_time(st, 12, m->date);
	sqlite3_bind_int64(st, 13, m->flags.system);
	bind_static_text(st, 14, keywords);
	sqlite3_bind_int64(st, 15, m->repairs);
	sqlite3_bind_int(st, 16, m->keys.has_id);
	bind_static_key(st, 17, m->keys.has_id ? m->keys.id : m->keys.ident, KEY_LEN);
	bind_static_key(st, 18, m->keys.ident, KEY_LEN);
	bind_static_key(st, 19, m->keys.fields, KEY_LEN);
	bind_static_key(st, 20, m->essence, KEY_LEN);
	bind_static_text(st, 21, m->message_id);
	bind_static_text(st, 22, m->subject);
	bind_static_text(st, 23, m->from);
	memcpy(&head, m->sha256, sizeof(head));
	sqlite3_bind_int64(st, 24, head);
	bind_static_text(st, 25, m->uidl);
	sqlite3_bind_int(st, 26, m->pop_fetched);
	db_bind_u64(st, 27, m->pop_lead_len);
	db_bind_u64(st, 28, m->pop_path_len);
	sqlite3_bind_int(st, 29, m->rebuilt);
	sqlite3_bind_int64(st, 30, m->fidelity);
	bind_static_key(st, 31, m->checksum, CHECKSUM_LEN);
}

int journal_item_add(struct journal *j, int64_t store, const struct message *m, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT((size_t)1 << 20);
	const char *keywords = keywords_join(&a, &m->flags);
	sqlite3_stmt *st;

	if (store != j->filling.store)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "items of two stores at the same time");
	if (!keywords && m->flags.n_keywords > 0)
		return err_nomem(err);
	st = db_stmt(&j->db,
		     "INSERT INTO item(store, locator, state, sha256, wire_len, header_len,"
		     " nul_count, cr_count, cr_cr_lf_count, internaldate, date_source, date, flags,"
		     " keywords, repairs, has_id, key, ident, fields, essence, message_id, subject,"
		     " sender, sha_head, uidl, pop_fetched, pop_lead,"
		     " pop_path, rebuilt, fidelity, checksum) VALUES"
		     " (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
		     err);
	if (!st)
		return -1;
	bind_item(st, store, m, keywords);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	sqlite3_clear_bindings(st);
	return count_item(j, err);
}

int journal_item_unreadable(struct journal *j, int64_t store, const char *locator,
			    const char *reason, struct err *err)
{
	sqlite3_stmt *st;

	if (store != j->filling.store)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "items of two stores at the same time");
	st = db_stmt(&j->db,
		     "INSERT INTO item(store, locator, state, wire_len, header_len, nul_count,"
		     " cr_count, cr_cr_lf_count, date_source, flags, repairs, has_id, reason)"
		     " VALUES (?, ?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, ?)",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, store);
	db_bind_text(st, 2, locator ? locator : "");
	sqlite3_bind_int(st, 3, STATE_UNREADABLE);
	db_bind_text(st, 4, reason);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	return count_item(j, err);
}

/* ---- stores of a run ---- */

#define STORE_COLUMNS                                                                              \
	"s.id, s.kind, s.source, s.location, s.folder, s.role, s.found, x.target, f.name"          \
	" FROM run_store x JOIN store s ON s.id = x.store"                                         \
	" LEFT JOIN folder f ON f.id = x.target"

static int read_store(struct journal *j, sqlite3_stmt *st, struct arena *a, struct store_info *out,
		      struct err *err)
{
	struct store_info s = { 0 };
	const char *folder;
	int got = one_row(j, st, err);

	if (got <= 0)
		return got;
	s.id = sqlite3_column_int64(st, 0);
	s.kind = db_text(a, st, 1);
	s.source = db_text(a, st, 2);
	s.location = db_text(a, st, 3);
	folder = db_text(a, st, 4);
	s.role = (enum role)sqlite3_column_int(st, 5);
	s.found = (uint64_t)sqlite3_column_int64(st, 6);
	s.target = sqlite3_column_int64(st, 7);
	s.target_name = db_text(a, st, 8);
	sqlite3_reset(st);
	if (!s.kind || !s.source || !s.location || !folder ||
	    path_split(a, folder, &s.folder, &s.depth) < 0)
		return err_nomem(err);
	*out = s;
	return 1;
}

int journal_store_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
		       struct store_info *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT " STORE_COLUMNS
				   " WHERE x.run = ? AND x.store > ? ORDER BY x.store LIMIT 1",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, after);
	return read_store(j, st, a, out, err);
}

int journal_store_at(struct journal *j, int64_t run, const struct store_info *s, size_t n,
		     struct arena *a, struct store_info *out, struct err *err)
{
	const char *path = path_join(a, s->folder, n);
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT " STORE_COLUMNS " WHERE x.run = ? AND s.kind = ?"
				   " AND s.source = ? AND s.folder = ? LIMIT 1",
				   err);

	if (!st || !path)
		return path ? -1 : err_nomem(err);
	sqlite3_bind_int64(st, 1, run);
	db_bind_text(st, 2, s->kind);
	db_bind_text(st, 3, s->source);
	db_bind_text(st, 4, path);
	return read_store(j, st, a, out, err);
}

int journal_store_target(struct journal *j, int64_t run, int64_t store, int64_t folder,
			 struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db, "UPDATE run_store SET target = ? WHERE run = ? AND store = ?", err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, folder);
	sqlite3_bind_int64(st, 2, run);
	sqlite3_bind_int64(st, 3, store);
	return db_run(&j->db, st, err);
}

int journal_merged_target_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			       struct merged_target *out, struct err *err)
{
	static const char sql[] =
		"SELECT x.target, f.name, count(*), substr(group_concat(s.location, ', '), 1, 2000)"
		" FROM run_store x JOIN store s ON s.id = x.store"
		" JOIN folder f ON f.id = x.target WHERE x.run = ? AND x.target > ?"
		" AND s.found > 0 AND s.role NOT IN (8, 10)"
		" GROUP BY x.target HAVING count(*) > 1 ORDER BY x.target LIMIT 1";
	struct merged_target m;
	sqlite3_stmt *st;
	int got;

	_Static_assert(ROLE_OUTBOX == 8 && ROLE_FEEDS == 10, "as in the text above");
	got = row_after(j, sql, run, after, &st, err);
	if (got <= 0)
		return got;
	m.folder = sqlite3_column_int64(st, 0);
	m.name = db_text(a, st, 1);
	m.stores = (uint64_t)sqlite3_column_int64(st, 2);
	m.locations = db_text(a, st, 3);
	sqlite3_reset(st);
	if (!m.name || !m.locations)
		return err_nomem(err);
	*out = m;
	return 1;
}

/* ---- notices ---- */

int journal_notice_add(struct journal *j, int64_t run, int64_t store, const struct run_notice *n,
		       struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "INSERT INTO notice(run, store, kind, count, location, text)"
				   " VALUES (?, ?, ?, ?, ?, ?)",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, store);
	db_bind_text(st, 3, n->kind);
	db_bind_u64(st, 4, n->count);
	db_bind_text(st, 5, n->location);
	db_bind_text(st, 6, n->text ? n->text : "");
	return db_run(&j->db, st, err);
}

int journal_notices_keep(struct journal *j, int64_t run, int64_t store, struct err *err)
{
	return db_run_ids(&j->db,
			  "INSERT INTO notice(run, store, kind, count, location, text)"
			  " SELECT ?1, store, kind, count, location, text FROM notice"
			  " WHERE store = ?2 AND run = (SELECT max(x.run) FROM run_store x"
			  "  WHERE x.store = ?2 AND x.run < ?1) ORDER BY id",
			  run, store, err);
}

int journal_notice_next(struct journal *j, int64_t run, int64_t *after, struct arena *a,
			struct run_notice *out, struct err *err)
{
	static const char sql[] = "SELECT id, kind, count, location, text FROM notice"
				  " WHERE run = ? AND id > ? ORDER BY id LIMIT 1";
	struct run_notice n = { 0 };
	sqlite3_stmt *st;
	int64_t id;
	int got;

	got = row_after(j, sql, run, *after, &st, err);
	if (got <= 0)
		return got;
	id = sqlite3_column_int64(st, 0);
	n.kind = db_text(a, st, 1);
	n.count = (uint64_t)sqlite3_column_int64(st, 2);
	n.location = db_text(a, st, 3);
	n.text = db_text(a, st, 4);
	sqlite3_reset(st);
	if (!n.kind || !n.text)
		return err_nomem(err);
	*after = id;
	*out = n;
	return 1;
}

int journal_notices_grave(struct journal *j, int64_t run, uint64_t *out, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT count(*) FROM notice WHERE run = ? AND kind IN"
				   " ('" NOTICE_KIND_LOST "', '" NOTICE_KIND_INTEGRITY "')",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	if (one_row(j, st, err) < 0)
		return -1;
	*out = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

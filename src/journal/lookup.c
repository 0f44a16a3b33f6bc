/*
 * Single messages of the server index. See lookup.h.
 */
#include "journal/lookup.h"

#include <string.h>

#include "journal/private.h"

int journal_remote_get(struct journal *j, int64_t folder, uint32_t uid, struct arena *a,
		       struct remote_row *out, struct err *err)
{
	int got = journal_remote_next(j, folder, uid - 1, a, out, err);

	return got > 0 && out->uid != uid ? 0 : got;
}

/* A stored upload has this message already. */
#define CLAIMED                                                                                    \
	" EXISTS (SELECT 1 FROM upload u WHERE u.folder = ?1 AND u.uid > 0"                        \
	" AND unlikely(u.uid = r.id & 4294967295) AND u.uidvalidity = ?2 AND u.state IN (2, 3))"

static sqlite3_stmt *unclaimed_query(struct journal *j, const struct remote_wanted *w,
				     struct err *err)
{
#define UNCLAIMED                                                                                  \
	"SELECT r.id & 4294967295 FROM remote r WHERE r.id BETWEEN ?3 AND ?4 AND NOT" CLAIMED
#define LOWEST " ORDER BY r.id LIMIT 1"
	static const char by_fields[] = UNCLAIMED " AND r.key = ?5 AND r.fields = ?6"
						  " AND r.size BETWEEN ?7 AND ?8" LOWEST;
	static const char by_key[] = UNCLAIMED " AND r.key = ?5" LOWEST;
	/* it got a Message-ID on the way */
	static const char by_ident[] = UNCLAIMED " AND (r.key = ?5 OR r.ident = ?5)" LOWEST;
	static const char by_size[] = UNCLAIMED " AND r.size BETWEEN ?7 AND ?8" LOWEST;

	switch (w->by) {
	case WANTED_BY_ID:
		return w->keys->has_id ? db_stmt(&j->db, by_key, err)
				       : db_stmt(&j->db, by_ident, err);
	case WANTED_BY_SIZE:
		return db_stmt(&j->db, by_size, err);
	case WANTED_BY_FIELDS:
		break;
	}
	return db_stmt(&j->db, by_fields, err);
#undef UNCLAIMED
#undef LOWEST
}

int journal_remote_unclaimed(struct journal *j, const struct remote_wanted *wanted, uint32_t *uid,
			     struct err *err)
{
	const struct match_keys *k = wanted->keys;
	sqlite3_stmt *st = unclaimed_query(j, wanted, err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, wanted->folder);
	sqlite3_bind_int64(st, 2, wanted->uidvalidity);
	sqlite3_bind_int64(st, 3, remote_id(wanted->folder, wanted->first_uid));
	sqlite3_bind_int64(st, 4, remote_id(wanted->folder, UINT32_MAX));
	if (wanted->by != WANTED_BY_SIZE)
		db_bind_blob(st, 5, k->has_id ? k->id : k->ident, KEY_LEN);
	if (wanted->by == WANTED_BY_FIELDS)
		db_bind_blob(st, 6, k->fields, KEY_LEN);
	if (wanted->by != WANTED_BY_ID) {
		db_bind_u64(st, 7, wanted->size_min);
		db_bind_u64(st, 8, wanted->size_max);
	}
	got = one_row(j, st, err);
	if (got > 0)
		*uid = (uint32_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return got;
}

int journal_remote_elsewhere(struct journal *j, const struct remote_wanted *wanted, struct arena *a,
			     const char **name, struct err *err)
{
	const struct match_keys *k = wanted->keys;
	sqlite3_stmt *st = db_stmt(
		&j->db,
		"SELECT f.name FROM remote r CROSS JOIN folder f ON f.id = r.id >> 32 AND f.listed"
		" WHERE r.key = ?1 AND r.fields = ?2 AND r.size BETWEEN ?3 AND ?4"
		" AND NOT EXISTS (SELECT 1 FROM upload u WHERE u.folder = f.id AND u.uid > 0"
		"  AND unlikely(u.uid = r.id & 4294967295) AND u.uidvalidity = f.uidvalidity"
		"  AND u.state IN (2, 3)) ORDER BY r.id LIMIT 1",
		err);
	int got;

	if (!st)
		return -1;
	db_bind_blob(st, 1, k->has_id ? k->id : k->ident, KEY_LEN);
	db_bind_blob(st, 2, k->fields, KEY_LEN);
	db_bind_u64(st, 3, wanted->size_min);
	db_bind_u64(st, 4, wanted->size_max);
	got = one_row(j, st, err);
	if (got > 0)
		*name = db_text(a, st, 0);
	sqlite3_reset(st);
	return got > 0 && !*name ? err_nomem(err) : got;
}

static void count_flag(struct flag_record *r, bool given, bool there)
{
	r->given += given;
	r->kept += given && there;
	r->without += !given;
	r->free += !given && !there;
}

int journal_flag_records(struct journal *j, struct flag_record records[FLAG_BITS], struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT u.flags, r.flags FROM upload u CROSS JOIN folder f"
				   " ON f.id = u.folder AND f.uidvalidity = u.uidvalidity"
				   " CROSS JOIN remote r ON r.id = (u.folder << 32) + u.uid"
				   " WHERE u.uid > 0 AND u.state IN (2, 3)",
				   err);
	int got;

	_Static_assert(FLAG_ALL == (1 << FLAG_BITS) - 1, "one record each");
	if (!st)
		return -1;
	memset(records, 0, FLAG_BITS * sizeof(records[0]));
	while ((got = db_step(&j->db, st, err)) > 0) {
		uint32_t given = (uint32_t)sqlite3_column_int64(st, 0);
		uint32_t there = (uint32_t)sqlite3_column_int64(st, 1);

		for (unsigned i = 0; i < FLAG_BITS; i++)
			count_flag(&records[i], given >> i & 1, there >> i & 1);
	}
	return got;
}

/* ---- doubts ---- */

#define IN_DOUBT_OF "upload u INDEXED BY upload_inflight WHERE u.folder = ?1 AND u.state = 1"
#define BLIND_OF                                                                                   \
	"upload u INDEXED BY upload_blind WHERE u.folder = ?1 AND u.uid = 0 AND u.state IN (2, 3)"

/* The number that a query with one parameter gives. */
static int number_of(struct journal *j, sqlite3_stmt *st, int64_t parameter, uint64_t *out,
		     struct err *err)
{
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, parameter);
	if (one_row(j, st, err) <= 0)
		return -1;
	*out = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

int journal_doubts_left(struct journal *j, int64_t folder, uint64_t *n, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT (SELECT count(*) FROM " IN_DOUBT_OF
				   ") + (SELECT count(*) FROM " BLIND_OF ")",
				   err);

	return number_of(j, st, folder, n, err);
}

int journal_doubts_begin(struct journal *j, int64_t folder, uint64_t *n, struct err *err)
{
	sqlite3_stmt *st;

	if (db_exec(&j->db,
		    "CREATE TEMP TABLE IF NOT EXISTS doubt_key (key BLOB PRIMARY KEY) WITHOUT"
		    " ROWID; DELETE FROM doubt_key; DELETE FROM doubt_stays",
		    err) < 0 ||
	    inflight_all_to_rows(j, err) < 0 || journal_doubts_left(j, folder, n, err) < 0)
		return -1;
	if (*n == 0)
		return 0;
	st = db_stmt(
		&j->db,
		"INSERT INTO doubt_key SELECT key FROM (SELECT u.key, u.sha256 FROM " IN_DOUBT_OF
		" UNION ALL SELECT u.key, u.sha256 FROM " BLIND_OF
		") GROUP BY key HAVING count(DISTINCT sha256) > 1",
		err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, folder);
	return db_run(&j->db, st, err);
}

int journal_doubt_shared(struct journal *j, const struct upload *u, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db, "SELECT 1 FROM doubt_key WHERE key = ?", err);
	int got;

	if (!st)
		return -1;
	db_bind_blob(st, 1, u->keys.has_id ? u->keys.id : u->keys.ident, KEY_LEN);
	got = one_row(j, st, err);
	sqlite3_reset(st);
	return got;
}

int journal_doubt_stays(struct journal *j, int64_t upload, struct err *err)
{
	static const char *const steps[] = {
		"INSERT OR IGNORE INTO doubt_stays VALUES (?1)",
		"UPDATE line SET outcome = 7, reason = '" REASON_IN_DOUBT "' WHERE outcome = 0"
		" AND id = (SELECT line FROM upload WHERE id = ?1)",
	};

	_Static_assert(OUTCOME_OPEN == 0 && OUTCOME_FAILED == 7, "as in the text above");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		sqlite3_stmt *st = db_stmt(&j->db, steps[i], err);

		if (!st)
			return -1;
		sqlite3_bind_int64(st, 1, upload);
		if (db_run(&j->db, st, err) < 0)
			return -1;
	}
	return 0;
}

#define UNSURE "(state = 1 OR (uid = 0 AND state IN (2, 3)))"

int journal_doubts_refresh(struct journal *j, int64_t run, struct err *err)
{
	sqlite3_stmt *st;
	int64_t any;

	if (inflight_all_to_rows(j, err) < 0 ||
	    db_int(&j->db,
		   "SELECT EXISTS (SELECT 1 FROM upload INDEXED BY upload_inflight WHERE state = 1)"
		   " OR EXISTS (SELECT 1 FROM upload INDEXED BY upload_blind WHERE uid = 0"
		   "  AND state IN (2, 3))",
		   &any, err) < 0)
		return -1;
	if (!any)
		return 0;
	st = db_stmt(&j->db,
		     "UPDATE upload SET item = n.item FROM (SELECT i.sha256, min(i.id) AS item"
		     " FROM run_store x CROSS JOIN store s ON s.id = x.store CROSS JOIN item i"
		     " ON i.id BETWEEN s.first_item AND s.last_item AND i.store = s.id"
		     " WHERE x.run = ? AND i.sha256 IN (SELECT sha256 FROM upload WHERE " UNSURE
		     ") GROUP BY i.sha256) n WHERE upload.sha256 = n.sha256 AND " UNSURE,
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	return db_run(&j->db, st, err);
}

int journal_server_rewrites(struct journal *j, uint64_t slack, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT EXISTS (SELECT 1 FROM upload u JOIN folder f ON f.id = u.folder"
			" AND f.uidvalidity = u.uidvalidity"
			" JOIN remote r ON r.id = (u.folder << 32) + u.uid"
			" WHERE u.uid > 0 AND u.state IN (2, 3) AND (r.size > u.wire_len + ?1"
			"  OR r.size < u.wire_len - u.cr_count - u.cr_cr_lf_count - ?1))",
			err);
	uint64_t rewrites;

	return number_of(j, st, (int64_t)slack, &rewrites, err) < 0 ? -1 : rewrites != 0;
}

/*
 * Single messages of the server index. See lookup.h.
 */
#include "journal/lookup.h"

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
	" AND u.uid = r.id & 4294967295 AND u.uidvalidity = ?2 AND u.state IN (2, 3))"

int journal_remote_unclaimed(struct journal *j, const struct remote_wanted *wanted, bool by_id,
			     uint32_t *uid, struct err *err)
{
	static const char by_fields_sql[] =
		"SELECT r.id & 4294967295 FROM remote r WHERE r.id BETWEEN ?3 AND ?4 AND r.key = ?5"
		" AND r.fields = ?6 AND r.size BETWEEN ?7 AND ?8 AND NOT" CLAIMED
		" ORDER BY r.id LIMIT 1";
	static const char by_id_sql[] =
		"SELECT r.id & 4294967295 FROM remote r WHERE r.id BETWEEN ?3 AND ?4 AND r.key = ?5"
		" AND NOT" CLAIMED " ORDER BY r.id LIMIT 1";
	const struct match_keys *k = wanted->keys;
	sqlite3_stmt *st =
		by_id ? db_stmt(&j->db, by_id_sql, err) : db_stmt(&j->db, by_fields_sql, err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, wanted->folder);
	sqlite3_bind_int64(st, 2, wanted->uidvalidity);
	sqlite3_bind_int64(st, 3, remote_id(wanted->folder, wanted->first_uid));
	sqlite3_bind_int64(st, 4, remote_id(wanted->folder, UINT32_MAX));
	db_bind_blob(st, 5, k->has_id ? k->id : k->ident, KEY_LEN);
	if (!by_id) {
		db_bind_blob(st, 6, k->fields, KEY_LEN);
		db_bind_u64(st, 7, wanted->size_min);
		db_bind_u64(st, 8, wanted->size_max);
	}
	got = one_row(j, st, err);
	if (got > 0)
		*uid = (uint32_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return got;
}

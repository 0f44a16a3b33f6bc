/*
 * What is on its way: uploads that are marked before their octets go out, so that the next run
 * sees each message that may have been sent.
 */
#include "journal/private.h"

#include <inttypes.h>

#include "base/fault.h"

size_t ids_consecutive(const int64_t *ids, size_t n)
{
	size_t i = 1;

	while (i < n && ids[i] == ids[0] + (int64_t)i)
		i++;
	return i;
}

static int mark_range_inflight(struct journal *j, int64_t first, size_t n, int64_t seq,
			       uint32_t uidvalidity, uint32_t base_uidnext, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"UPDATE upload SET state = 1, seq = ?3 + (id - ?1), uidvalidity = ?4,"
			" base_uidnext = ?5, uid = 0 WHERE id BETWEEN ?1 AND ?2 AND state = 0",
			err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, first);
	sqlite3_bind_int64(st, 2, first + (int64_t)n - 1);
	sqlite3_bind_int64(st, 3, seq);
	sqlite3_bind_int64(st, 4, uidvalidity);
	sqlite3_bind_int64(st, 5, base_uidnext);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	if (sqlite3_changes64(j->db.sqlite) != (sqlite3_int64)n)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "one of %zu uploads behind %" PRId64
			       " is sent without having been planned",
			       n, first);
	return 0;
}

int journal_mark_inflight_groups(struct journal *j, const struct inflight_group *groups, size_t n,
				 struct err *err)
{
	int64_t seq = j->last_seq;

	if (!sqlite3_get_autocommit(j->db.sqlite))
		return err_set(
			err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			"uploads marked in flight within a transaction would not be on disk");
	if (journal_begin(j, err) < 0)
		return -1;
	for (const struct inflight_group *g = groups; g < groups + n; g++) {
		for (size_t i = 0, many; i < g->n; i += many, seq += (int64_t)many) {
			many = ids_consecutive(g->uploads + i, g->n - i);
			if (mark_range_inflight(j, g->uploads[i], many, seq + 1, g->uidvalidity,
						g->base_uidnext, err) < 0) {
				journal_rollback(j);
				return -1;
			}
		}
	}
	fault_point("journal-inflight-before");
	if (journal_commit(j, err) < 0)
		return -1;
	j->last_seq = seq;
	fault_point("journal-inflight-after");
	return 0;
}

int journal_mark_inflight(struct journal *j, const int64_t *uploads, size_t n, uint32_t uidvalidity,
			  uint32_t base_uidnext, struct err *err)
{
	const struct inflight_group all = { uploads, n, uidvalidity, base_uidnext };

	return journal_mark_inflight_groups(j, &all, 1, err);
}

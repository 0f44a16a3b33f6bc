/*
 * What is on its way: uploads are marked before their octets go out, so that the next run sees
 * each message that may have been sent.
 *
 * All but few of them are stored a second later. So while a process sends them they are not
 * marked row by row: a range of ids says so in one row of the table `inflight`, on disk, and the
 * rows of those in it that are in flight are UPLOAD_PLANNED still. What is stored or refused has
 * another state, and what is given back is cut out of its range (inflight_drop); ranges in which
 * nothing is left mean nothing, and go every now and then. What is in flight when the process dies,
 * or loses its line, becomes rows in UPLOAD_INFLIGHT, each with its place in the order
 * (inflight_to_rows): when the journal is opened, and before anybody asks for what is in doubt.
 * Nobody else looks for UPLOAD_PLANNED where a range can be: queues have a cursor, and reports,
 * which read a journal that others are writing, go by the lines.
 */
#include "journal/private.h"

#include <inttypes.h>

#include "base/fault.h"

#define RANGES_MAX 16 /* then those that are finished go: to find them, rows are read */

/* ---- ranges ---- */

struct range {
	int64_t first, last;
	int64_t seq; /* of the first */
	uint32_t uidvalidity, base_uidnext;
};

size_t ids_consecutive(const int64_t *ids, size_t n)
{
	size_t i = 1;

	while (i < n && ids[i] == ids[0] + (int64_t)i)
		i++;
	return i;
}

static void bind_range(sqlite3_stmt *st, const struct range *r)
{
	sqlite3_bind_int64(st, 1, r->first);
	sqlite3_bind_int64(st, 2, r->last);
	sqlite3_bind_int64(st, 3, r->seq);
	sqlite3_bind_int64(st, 4, r->uidvalidity);
	sqlite3_bind_int64(st, 5, r->base_uidnext);
}

/* Is every upload of the range planned, and in no other range? 1, 0, -1. */
static int may_begin(struct journal *j, const struct range *r, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT (SELECT count(*) FROM upload WHERE id BETWEEN ?1 AND ?2"
			" AND state = 0) = ?2 - ?1 + 1 AND NOT EXISTS (SELECT 1 FROM inflight"
			" WHERE first = (SELECT max(first) FROM inflight WHERE first <= ?2)"
			" AND last >= ?1)",
			err);
	int may;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, r->first);
	sqlite3_bind_int64(st, 2, r->last);
	if (one_row(j, st, err) < 0)
		return -1;
	may = sqlite3_column_int(st, 0);
	sqlite3_reset(st);
	return may;
}

static int add_range(struct journal *j, const struct range *r, struct err *err)
{
	sqlite3_stmt *st;
	int may = may_begin(j, r, err);

	if (may == 0)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "one of %" PRId64 " uploads behind %" PRId64
			       " is sent without having been planned",
			       r->last - r->first + 1, r->first);
	if (may < 0)
		return -1;
	st = db_stmt(&j->db,
		     "INSERT INTO inflight(first, last, seq, uidvalidity, base_uidnext)"
		     " VALUES (?, ?, ?, ?, ?)",
		     err);
	if (!st)
		return -1;
	bind_range(st, r);
	j->n_ranges++;
	return db_run(&j->db, st, err);
}

/* No range lies on both sides of the beginning of `id`. */
static int split_at(struct journal *j, int64_t id, struct err *err)
{
	static const char *const steps[] = {
		"INSERT INTO inflight SELECT ?1, last, seq + (?1 - first), uidvalidity,"
		" base_uidnext FROM inflight WHERE first ="
		" (SELECT max(first) FROM inflight WHERE first < ?1) AND last >= ?1",
		"UPDATE inflight SET last = ?1 - 1 WHERE first ="
		" (SELECT max(first) FROM inflight WHERE first < ?1) AND last >= ?1",
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (db_run_ids(&j->db, steps[i], id, 0, err) < 0)
			return -1;
	return 0;
}

/* The ranges between these ids are those that begin there. */
static int split_around(struct journal *j, int64_t first, int64_t last, struct err *err)
{
	if (split_at(j, first, err) < 0)
		return -1;
	return last < INT64_MAX ? split_at(j, last + 1, err) : 0;
}

static int delete_ranges(struct journal *j, int64_t first, int64_t last, struct err *err)
{
	return db_run_ids(&j->db, "DELETE FROM inflight WHERE first BETWEEN ?1 AND ?2", first, last,
			  err);
}

int inflight_drop(struct journal *j, int64_t first, int64_t last, struct err *err)
{
	if (!j->ranges)
		return 0;
	if (split_around(j, first, last, err) < 0)
		return -1;
	return delete_ranges(j, first, last, err);
}

/* Nothing is in flight in it any more. */
static int delete_finished(struct journal *j, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"DELETE FROM inflight WHERE NOT EXISTS (SELECT 1 FROM upload"
			" WHERE id BETWEEN inflight.first AND inflight.last AND state = 0)",
			err);

	j->n_ranges = 0;
	return st ? db_run(&j->db, st, err) : -1;
}

int inflight_began_behind(struct journal *j, int64_t first, int64_t last, uint32_t uid, bool *out,
			  struct err *err)
{
	sqlite3_stmt *st;

	*out = false;
	if (uid >= j->base_max)
		return 0;
	st = db_stmt(&j->db,
		     "SELECT EXISTS (SELECT 1 FROM inflight WHERE first <= ?2 AND last >= ?1"
		     " AND base_uidnext > ?3)",
		     err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, first);
	sqlite3_bind_int64(st, 2, last);
	sqlite3_bind_int64(st, 3, uid);
	if (one_row(j, st, err) < 0)
		return -1;
	*out = sqlite3_column_int(st, 0) != 0;
	sqlite3_reset(st);
	return 0;
}

/* ---- rows ---- */

/* The first range that begins between these ids: 1, 0, -1. */
static int first_range(struct journal *j, int64_t first, int64_t last, struct range *out,
		       struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT first, last, seq, uidvalidity, base_uidnext FROM inflight"
			" WHERE first BETWEEN ? AND ? ORDER BY first LIMIT 1",
			err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, first);
	sqlite3_bind_int64(st, 2, last);
	got = one_row(j, st, err);
	if (got <= 0)
		return got;
	*out = (struct range){
		.first = sqlite3_column_int64(st, 0),
		.last = sqlite3_column_int64(st, 1),
		.seq = sqlite3_column_int64(st, 2),
		.uidvalidity = (uint32_t)sqlite3_column_int64(st, 3),
		.base_uidnext = (uint32_t)sqlite3_column_int64(st, 4),
	};
	sqlite3_reset(st);
	return 1;
}

static int range_to_rows(struct journal *j, const struct range *r, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"UPDATE upload SET state = 1, seq = ?3 + (id - ?1), uidvalidity = ?4,"
			" base_uidnext = ?5, uid = 0 WHERE id BETWEEN ?1 AND ?2 AND state = 0",
			err);

	if (!st)
		return -1;
	bind_range(st, r);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	return delete_ranges(j, r->first, r->first, err);
}

static int to_rows(struct journal *j, int64_t first, int64_t last, struct err *err)
{
	struct range r;
	int got = split_around(j, first, last, err) < 0 ? -1 : 1;

	while (got > 0 && (got = first_range(j, first, last, &r, err)) > 0)
		if (range_to_rows(j, &r, err) < 0)
			return -1;
	return got;
}

int inflight_to_rows(struct journal *j, int64_t first, int64_t last, struct err *err)
{
	bool own;
	int result;

	if (!j->ranges)
		return 0;
	if (tx_begin(j, &own, err) < 0)
		return -1;
	result = to_rows(j, first, last, err);
	if (own)
		fault_point("journal-doubts-before");
	return tx_end(j, own, result, err);
}

int inflight_all_to_rows(struct journal *j, struct err *err)
{
	return inflight_to_rows(j, 0, INT64_MAX, err);
}

int inflight_found(struct journal *j, struct err *err)
{
	int64_t any;

	if (db_int(&j->db, "SELECT EXISTS (SELECT 1 FROM inflight)", &any, err) < 0)
		return -1;
	j->ranges = any != 0;
	if (inflight_all_to_rows(j, err) < 0)
		return -1;
	return db_int(&j->db, "SELECT coalesce(max(seq), 0) FROM upload WHERE state = 1",
		      &j->last_seq, err);
}

int journal_mark_in_doubt(struct journal *j, const int64_t *uploads, size_t n, struct err *err)
{
	for (size_t i = 0, many; i < n; i += many) {
		many = ids_consecutive(uploads + i, n - i);
		if (inflight_to_rows(j, uploads[i], uploads[i] + (int64_t)many - 1, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- marking ---- */

static int add_group(struct journal *j, const struct inflight_group *g, int64_t *seq,
		     struct err *err)
{
	for (size_t i = 0, many; i < g->n; i += many, *seq += (int64_t)many) {
		many = ids_consecutive(g->uploads + i, g->n - i);
		struct range r = {
			.first = g->uploads[i],
			.last = g->uploads[i] + (int64_t)many - 1,
			.seq = *seq + 1,
			.uidvalidity = g->uidvalidity,
			.base_uidnext = g->base_uidnext,
		};

		if (add_range(j, &r, err) < 0)
			return -1;
	}
	if (j->base_max < g->base_uidnext)
		j->base_max = g->base_uidnext;
	return 0;
}

static int add_groups(struct journal *j, const struct inflight_group *groups, size_t n, bool rows,
		      int64_t *seq, struct err *err)
{
	if (j->n_ranges >= RANGES_MAX && delete_finished(j, err) < 0)
		return -1;
	for (const struct inflight_group *g = groups; g < groups + n; g++)
		if (add_group(j, g, seq, err) < 0)
			return -1;
	for (const struct inflight_group *g = groups; rows && g < groups + n; g++)
		if (journal_mark_in_doubt(j, g->uploads, g->n, err) < 0)
			return -1;
	return 0;
}

static int mark_inflight(struct journal *j, const struct inflight_group *groups, size_t n,
			 bool rows, struct err *err)
{
	int64_t seq = j->last_seq;

	if (!sqlite3_get_autocommit(j->db.sqlite))
		return err_set(
			err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			"uploads marked in flight within a transaction would not be on disk");
	if (journal_begin(j, err) < 0)
		return -1;
	j->ranges = true;
	if (add_groups(j, groups, n, rows, &seq, err) < 0) {
		journal_rollback(j);
		return -1;
	}
	fault_point("journal-inflight-before");
	if (journal_commit(j, err) < 0)
		return -1;
	j->last_seq = seq;
	fault_point("journal-inflight-after");
	return 0;
}

int journal_mark_inflight_groups(struct journal *j, const struct inflight_group *groups, size_t n,
				 struct err *err)
{
	return mark_inflight(j, groups, n, true, err);
}

int journal_mark_inflight(struct journal *j, const int64_t *uploads, size_t n, uint32_t uidvalidity,
			  uint32_t base_uidnext, struct err *err)
{
	const struct inflight_group all = { uploads, n, uidvalidity, base_uidnext };

	return mark_inflight(j, &all, 1, false, err);
}

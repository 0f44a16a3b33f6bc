/*
 * Questions to the journal. See query.h.
 */
#include "report/query.h"

#include "report/report.h"

int reasons_begin(struct journal *j, int64_t run, bool named, struct reason_query *out,
		  struct err *err)
{
	out->statement =
		db_stmt(journal_db(j),
			"SELECT outcome, action, reason, level, count(*), sum(size)"
			" FROM line WHERE id BETWEEN (SELECT first_line FROM run WHERE id = ?1)"
			" AND (SELECT last_line FROM run WHERE id = ?1) AND run = ?1"
			" AND (NOT ?2 OR reason <> '')"
			" GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
			err);
	if (!out->statement)
		return -1;
	sqlite3_bind_int64(out->statement, 1, run);
	sqlite3_bind_int(out->statement, 2, named);
	return 0;
}

int reasons_next(struct journal *j, struct reason_query *q, struct arena *a,
		 struct reason_count *out, struct err *err)
{
	sqlite3_stmt *st = q->statement;
	int got = db_step(journal_db(j), st, err);

	if (got <= 0)
		return got;
	out->outcome = (enum line_outcome)sqlite3_column_int(st, 0);
	out->action = (enum action)sqlite3_column_int(st, 1);
	out->reason = db_text(a, st, 2);
	out->level = (enum match_level)sqlite3_column_int(st, 3);
	out->n = (uint64_t)sqlite3_column_int64(st, 4);
	out->bytes = (uint64_t)sqlite3_column_int64(st, 5);
	return out->reason ? 1 : err_nomem(err);
}

int query_fidelity(struct journal *j, int64_t run, struct fidelity_counts *out, struct err *err)
{
	struct fidelity_counts counts = { 0 };
	/* Only what comes out of a PST is composed: other runs need not look at their items. */
	sqlite3_stmt *st =
		db_stmt(journal_db(j),
			"SELECT i.fidelity, count(*) FROM run r"
			" JOIN line l ON l.id BETWEEN r.first_line AND r.last_line"
			" JOIN item i ON i.id = l.item WHERE r.id = ?1 AND i.fidelity <> 0"
			" AND EXISTS (SELECT 1 FROM run_store x JOIN store s ON s.id = x.store"
			"  WHERE x.run = ?1 AND s.kind = 'pst') GROUP BY 1",
			err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	while ((got = db_step(journal_db(j), st, err)) > 0) {
		uint32_t bits = (uint32_t)sqlite3_column_int64(st, 0);
		uint64_t n = (uint64_t)sqlite3_column_int64(st, 1);

		counts.messages += n;
		for (unsigned i = 0; i < FIDELITY_COUNT; i++)
			if (bits & UINT32_C(1) << i)
				counts.of[i] += n;
	}
	*out = counts;
	return got;
}

void query_folder_name(struct buf *out, const struct store_info *store)
{
	for (size_t i = 0; i < store->depth; i++) {
		if (i)
			buf_addc(out, '/');
		buf_adds(out, store->folder[i]);
	}
}

static uint64_t sum_of_outcomes(const struct balance *b)
{
	uint64_t sum = 0;

	for (enum line_outcome o = 0; o < OUTCOME_COUNT; o++)
		sum += b->outcome[o];
	return sum;
}

bool report_accounts_for_all(const struct balance *b)
{
	return sum_of_outcomes(b) == b->found;
}

bool report_nothing_decided(const struct balance *b)
{
	return b->found > 0 && sum_of_outcomes(b) == 0;
}

/*
 * The lines of a run for reports, and the balance.
 */
#include "journal/private.h"

#include <string.h>

/* ---- lines ---- */

static const char *filter_sql(enum line_filter filter)
{
	switch (filter) {
	case LINES_REFUSED:
		return "l.outcome IN (6, 7)";
	case LINES_DIFFERS:
		return "l.verified = 2";
	case LINES_CHANGED:
		return "l.verified = 3";
	case LINES_NOT_SENT:
		return "l.action IN (2, 4)";
	case LINES_FIDELITY:
		return "i.fidelity <> 0";
	case LINES_OPEN:
		return "l.outcome IN (0, 8)";
	case LINES_ALL:
		break;
	}
	return "1";
}

int journal_lines_begin(struct journal *j, int64_t run, enum line_filter filter,
			struct line_cursor *out, struct err *err)
{
	CLEANUP(buf_release) struct buf sql = BUF_INIT(4096);
	sqlite3_stmt *st = NULL;

	buf_adds(
		&sql,
		"SELECT l.id, l.item, l.store, l.action, l.level, l.outcome, l.size, l.verified,"
		" l.reason, coalesce(l.text, i.reason), l.remote & 4294967295,"
		" s.kind, s.source, s.location, s.folder, s.role, s.found, t.id, t.name, c.name,"
		" i.locator, i.message_id, i.subject, i.sender, i.state, i.repairs, i.sha256,"
		" i.internaldate, i.date_source, i.flags, i.keywords, w.locator,"
		" i.rebuilt, i.fidelity"
		" FROM run r JOIN line l ON l.id BETWEEN r.first_line AND r.last_line"
		" JOIN item i ON i.id = l.item JOIN store s ON s.id = l.store"
		" LEFT JOIN folder t ON t.id = l.target LEFT JOIN folder c ON c.id = l.remote >> 32"
		" LEFT JOIN item w ON w.id = l.twin WHERE r.id = ? AND ");
	buf_addf(&sql, "%s ORDER BY l.item", filter_sql(filter));
	if (!buf_cstr(&sql))
		return err_nomem(err);
	if (sqlite3_prepare_v2(j->db.sqlite, sql.ptr, -1, &st, NULL) != SQLITE_OK)
		return err_set(err, ERR_IO, SCOPE_RUN, RETRY_NEVER, "journal: %s",
			       sqlite3_errmsg(j->db.sqlite));
	sqlite3_bind_int64(st, 1, run);
	out->statement = st;
	out->run = run;
	return 0;
}

void journal_lines_end(struct line_cursor *cursor)
{
	sqlite3_finalize(cursor->statement);
	cursor->statement = NULL;
}

static int read_store(sqlite3_stmt *st, struct arena *a, struct store_info *s, struct err *err)
{
	const char *folder = db_text(a, st, 14);

	s->id = sqlite3_column_int64(st, 2);
	s->kind = db_text(a, st, 11);
	s->source = db_text(a, st, 12);
	s->location = db_text(a, st, 13);
	s->role = (enum role)sqlite3_column_int(st, 15);
	s->found = (uint64_t)sqlite3_column_int64(st, 16);
	s->target = sqlite3_column_int64(st, 17);
	s->target_name = db_text(a, st, 18);
	if (!folder || !s->kind || !s->source || !s->location ||
	    path_split(a, folder, &s->folder, &s->depth) < 0)
		return err_nomem(err);
	return 0;
}

static void read_decision(sqlite3_stmt *st, struct arena *a, struct line *l)
{
	l->id = sqlite3_column_int64(st, 0);
	l->item = sqlite3_column_int64(st, 1);
	l->action = (enum action)sqlite3_column_int(st, 3);
	l->level = (enum match_level)sqlite3_column_int(st, 4);
	l->outcome = (enum line_outcome)sqlite3_column_int(st, 5);
	l->size = (uint64_t)sqlite3_column_int64(st, 6);
	l->verified = sqlite3_column_int(st, 7) == 1;
	l->differs = sqlite3_column_int(st, 7) == 2;
	l->reason = db_text(a, st, 8);
	l->text = db_text(a, st, 9);
	l->uid = (uint32_t)sqlite3_column_int64(st, 10);
	l->target = db_text(a, st, 18);
	l->found_in = db_text(a, st, 19);
	l->twin = db_text(a, st, 31);
}

static void read_message(sqlite3_stmt *st, struct arena *a, struct line *l)
{
	l->locator = db_text(a, st, 20);
	l->message_id = db_text(a, st, 21);
	l->subject = db_text(a, st, 22);
	l->from = db_text(a, st, 23);
	l->state = (enum message_state)sqlite3_column_int(st, 24);
	l->repairs = (uint32_t)sqlite3_column_int64(st, 25);
	l->has_sha256 = sqlite3_column_type(st, 26) != SQLITE_NULL;
	column_bytes(st, 26, l->sha256, SHA256_LEN);
	l->internaldate = column_time(st, 27);
	l->date_source = (enum date_source)sqlite3_column_int(st, 28);
	l->flags.system = (uint32_t)sqlite3_column_int64(st, 29);
	keywords_split(a, db_text(a, st, 30), &l->flags);
	l->rebuilt = sqlite3_column_int(st, 32) != 0;
	l->fidelity = (uint32_t)sqlite3_column_int64(st, 33);
}

int journal_lines_next(struct journal *j, struct line_cursor *cursor, struct arena *a,
		       struct line *out, struct err *err)
{
	struct line l = { 0 };
	int got = db_step(&j->db, cursor->statement, err);

	if (got <= 0)
		return got;
	if (read_store(cursor->statement, a, &l.store, err) < 0)
		return -1;
	read_decision(cursor->statement, a, &l);
	read_message(cursor->statement, a, &l);
	if (!l.locator || !l.reason)
		return err_nomem(err);
	*out = l;
	return 1;
}

/* ---- the balance ---- */

static int run_state(struct journal *j, int64_t run, bool *finished, int *pruned, uint64_t *found,
		     struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		&j->db, "SELECT finished IS NOT NULL, pruned, found FROM run WHERE id = ?", err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	got = one_row(j, st, err);
	if (got == 0)
		err_set(err, ERR_NOINPUT, SCOPE_RUN, RETRY_NEVER, "no run %lld", (long long)run);
	if (got <= 0)
		return -1;
	*finished = sqlite3_column_int(st, 0) != 0;
	*pruned = sqlite3_column_int(st, 1);
	*found = (uint64_t)sqlite3_column_int64(st, 2);
	sqlite3_reset(st);
	return 0;
}

static int count_found(struct journal *j, int64_t run, int64_t store, uint64_t *found,
		       struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT coalesce(sum(s.found), 0) FROM run_store x"
				   " JOIN store s ON s.id = x.store"
				   " WHERE x.run = ?1 AND (?2 = 0 OR x.store = ?2)",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, store);
	if (one_row(j, st, err) <= 0)
		return -1;
	*found = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 0;
}

/* While the run is going on: from the lines, one by one (sorting them by outcome takes longer). */
static int add_lines(struct journal *j, int64_t run, int64_t store, struct balance *b,
		     struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT l.outcome, l.size, l.verified"
			" FROM run r JOIN line l ON l.id BETWEEN r.first_line AND r.last_line"
			" WHERE r.id = ?1 AND (?2 = 0 OR l.store = ?2)",
			err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, store);
	while ((got = db_step(&j->db, st, err)) > 0) {
		int outcome = sqlite3_column_int(st, 0), verified = sqlite3_column_int(st, 2);

		if (outcome < 0 || outcome >= OUTCOME_COUNT)
			continue; /* a damaged row: the balance will not add up */
		b->outcome[outcome]++;
		b->bytes[outcome] += (uint64_t)sqlite3_column_int64(st, 1);
		b->verified += verified == 1;
		b->differs += verified == 2;
		b->changed += verified == 3;
	}
	return got;
}

/* Afterwards: the sums that its end wrote. */
static int add_sums(struct journal *j, int64_t run, int64_t store, struct balance *b,
		    struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"SELECT outcome, sum(n), sum(bytes), sum(verified), sum(differs),"
			" sum(changed) FROM run_balance WHERE run = ?1 AND (?2 = 0 OR store = ?2)"
			" GROUP BY outcome",
			err);
	int got;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, store);
	while ((got = db_step(&j->db, st, err)) > 0) {
		int outcome = sqlite3_column_int(st, 0);

		if (outcome < 0 || outcome >= OUTCOME_COUNT)
			continue;
		b->outcome[outcome] += (uint64_t)sqlite3_column_int64(st, 1);
		b->bytes[outcome] += (uint64_t)sqlite3_column_int64(st, 2);
		b->verified += (uint64_t)sqlite3_column_int64(st, 3);
		b->differs += (uint64_t)sqlite3_column_int64(st, 4);
		b->changed += (uint64_t)sqlite3_column_int64(st, 5);
	}
	return got;
}

int journal_balance(struct journal *j, int64_t run, int64_t store, struct balance *out,
		    struct err *err)
{
	struct balance b = { 0 };
	bool finished;
	int pruned, got;

	if (run_state(j, run, &finished, &pruned, &b.found, err) < 0)
		return -1;
	if (pruned < 2 && count_found(j, run, store, &b.found, err) < 0)
		return -1;
	got = finished || pruned ? add_sums(j, run, store, &b, err)
				 : add_lines(j, run, store, &b, err);
	if (got < 0)
		return -1;
	*out = b;
	return 0;
}

int journal_open_with(struct journal *j, int64_t run, uint32_t repairs, uint64_t *n,
		      struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT count(*) FROM run r CROSS JOIN line l"
				   " ON l.id BETWEEN r.first_line AND r.last_line"
				   " CROSS JOIN item i ON i.id = l.item"
				   " WHERE r.id = ?1 AND l.outcome = 0 AND i.repairs & ?2",
				   err);

	_Static_assert(OUTCOME_OPEN == 0, "as in the text above");
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	sqlite3_bind_int64(st, 2, repairs);
	return one_count(j, st, n, err);
}

int journal_lines_because(struct journal *j, int64_t run, const char *reason, uint64_t *n,
			  struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT count(*) FROM run r CROSS JOIN line l"
				   " ON l.id BETWEEN r.first_line AND r.last_line"
				   " WHERE r.id = ? AND l.reason = ?",
				   err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run);
	db_bind_text(st, 2, reason);
	return one_count(j, st, n, err);
}

bool balance_adds_up(const struct balance *b)
{
	uint64_t sum = 0;

	for (int i = 0; i < OUTCOME_COUNT; i++)
		sum += b->outcome[i];
	return sum == b->found && b->outcome[OUTCOME_OPEN] == 0 && b->outcome[OUTCOME_TO_FILE] == 0;
}

/*
 * Uploads on their way: what is loaded of them; ranges while they are sent, rows in doubt when
 * nobody will hear of them any more. Uploads have one digit each, by their place in the plan.
 */
#include "test_journal_support.h"

#include "journal/undo.h"

#define UPLOADS	    8
#define UIDVALIDITY 7
#define BASE	    40

static const struct plan_server server = { .prefix = "", .separator = '/' };
static const struct plan_options options;

static void plan_now(struct bench *b)
{
	struct match_options match = plan_match_options(&options, RUN_RUN);

	ok(plan_folders(b->j, b->run, &options, &server, &err));
	ok(match_prepare(b->j, b->run, &match, &err));
	ok(match_finish(b->j, b->run, &err));
	ok(plan_lines(b->j, b->run, &options, &server, &err));
}

/* What is brief is what the whole has, also where two stores go into one folder. */
Test(journal, brief_uploads_agree_with_the_whole)
{
	static const char *const sources[] = { "/mail", "/other" };
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct upload u[5], whole;
	struct remote_folder target;
	struct message m[4];
	int64_t cursor = 0;
	struct bench b;

	for (int i = 0; i < 4; i++) {
		char *name = arena_printf(&a, "%d", i);

		m[i] = message_of(name, name, name, name, 100 + (uint64_t)i);
		m[i].repairs = i % 2 ? NOTE_8BIT_HEADER : 0;
		m[i].flags.n_keywords = 1;
		m[i].flags.keywords[0] = "good";
		memset(m[i].checksum, 'a' + i, CHECKSUM_LEN);
	}
	bench_init(&b);
	start_run(&b, RUN_RUN);
	for (size_t i = 0; i < 2; i++)
		add_store(&b, sources[i], "Work", ROLE_NONE, m + 2 * i, 2);
	plan_now(&b);
	yes(journal_target_next(b.j, b.run, 0, &a, &target, &err));
	cr_assert(journal_uploads_next(b.j, b.run, target.id, 5, &a, u, &cursor, &err) == 4);
	for (int i = 0; i < 4; i++) {
		yes(journal_upload_get(b.j, u[i].id, &a, &whole, &err));
		cr_expect_str_eq(u[i].source, sources[i / 2], "%d", i);
		cr_expect_str_eq(u[i].source, whole.source, "%d", i);
		cr_expect_str_eq(u[i].kind, whole.kind, "%d", i);
		cr_expect_str_eq(u[i].store_location, whole.store_location, "%d", i);
		cr_expect_str_eq(u[i].locator, whole.locator, "%d", i);
		cr_expect(u[i].line == whole.line && u[i].wire_len == whole.wire_len &&
				  u[i].internaldate == whole.internaldate &&
				  u[i].repairs == m[i].repairs && whole.repairs == m[i].repairs,
			  "%d", i);
		cr_expect(u[i].flags.n_keywords == 1 && u[i].flags.system == whole.flags.system &&
				  memcmp(u[i].checksum, m[i].checksum, CHECKSUM_LEN) == 0,
			  "%d", i);
	}
	bench_release(&b);
}

struct sending {
	struct bench b;
	struct arena a;
	struct message m[UPLOADS];
	struct upload u[UPLOADS];
	int64_t target;
};

static void plan_run(struct sending *s)
{
	start_run(&s->b, RUN_RUN);
	add_store(&s->b, "/mail", "Work", ROLE_NONE, s->m, UPLOADS);
	plan_now(&s->b);
}

static void sending_init(struct sending *s)
{
	int64_t cursor = 0;

	*s = (struct sending){ .a = ARENA_INIT(1 << 20) };
	for (int i = 0; i < UPLOADS; i++) {
		char *name = arena_printf(&s->a, "%d", i);

		s->m[i] = message_of(name, name, name, name, 100);
	}
	bench_init(&s->b);
	plan_run(s);
	ok(db_int(journal_db(s->b.j), "SELECT folder FROM run_target", &s->target, &err));
	cr_assert(journal_uploads_next(s->b.j, s->b.run, s->target, UPLOADS, &s->a, s->u, &cursor,
				       &err) == UPLOADS);
}

static void sending_release(struct sending *s)
{
	bench_release(&s->b);
	arena_release(&s->a);
}

static size_t ids_of(const struct sending *s, const char *digits, int64_t *ids)
{
	size_t n = 0;

	for (; digits && digits[n]; n++)
		ids[n] = s->u[digits[n] - '0'].id;
	return n;
}

/* The digits of these uploads. */
static const char *digits_of(struct sending *s, const struct upload *list, int n)
{
	char *out = arena_alloc(&s->a, UPLOADS + 1);
	size_t len = 0;

	for (int k = 0; k < n; k++)
		for (int i = 0; i < UPLOADS; i++)
			if (s->u[i].id == list[k].id)
				out[len++] = (char)('0' + i);
	out[len] = '\0';
	return out;
}

static const char *doubts(struct sending *s, const char *row)
{
	struct upload list[UPLOADS];
	struct remote_folder f;
	int64_t cursor = 0, seq = 0;
	int n, got = journal_doubt_target_next(s->b.j, 0, &s->a, &f, &err);

	cr_assert(got >= 0, "%s: %s", row, err.text);
	if (got == 0)
		return "";
	n = journal_doubts_next(s->b.j, f.id, UPLOADS, &s->a, list, &cursor, &err);
	for (int i = 0; i < n; i++) {
		cr_expect(list[i].seq > seq && list[i].uidvalidity == UIDVALIDITY &&
				  list[i].base_uidnext == BASE,
			  "%s: %d", row, i);
		seq = list[i].seq;
	}
	return digits_of(s, list, n);
}

static const char *queue(struct sending *s)
{
	struct upload list[UPLOADS];
	int64_t cursor = 0;
	int n = journal_uploads_next(s->b.j, s->b.run, s->target, UPLOADS, &s->a, list, &cursor,
				     &err);

	return digits_of(s, list, n);
}

static int64_t ranges(struct sending *s)
{
	int64_t n;

	ok(db_int(journal_db(s->b.j), "SELECT count(*) FROM inflight", &n, &err));
	return n;
}

static void reopen(struct sending *s)
{
	journal_close(s->b.j); /* as if killed */
	bench_open(&s->b);
}

Test(journal, what_a_killed_run_had_in_flight_is_in_doubt)
{
	static const struct {
		const char *name, *sent[2];
		int64_t ranges;
		const char *stored, *back, *refused, *doubtful;
		uint32_t uid;
		const char *doubts, *queue;
	} rows[] = {
		{ "nothing answered",
		  { "01234567" },
		  1,
		  NULL,
		  NULL,
		  NULL,
		  NULL,
		  0,
		  "01234567",
		  "" },
		{ "its beginning stored",
		  { "01234567" },
		  1,
		  "012",
		  NULL,
		  NULL,
		  NULL,
		  40,
		  "34567",
		  "" },
		{ "its middle stored",
		  { "01234567" },
		  1,
		  "345",
		  NULL,
		  NULL,
		  NULL,
		  40,
		  "01267",
		  "" },
		{ "its end stored", { "01234567" }, 1, "67", NULL, NULL, NULL, 40, "012345", "" },
		{ "all stored", { "01234567" }, 1, "01234567", NULL, NULL, NULL, 40, "", "" },
		{ "stored without UIDs",
		  { "01234567" },
		  1,
		  "123",
		  NULL,
		  NULL,
		  NULL,
		  0,
		  "04567",
		  "" },
		{ "not all were sent", { "2345" }, 1, "23", NULL, NULL, NULL, 40, "45", "0167" },
		{ "two loads", { "0123", "4567" }, 2, "0145", NULL, NULL, NULL, 40, "2367", "" },
		{ "a command over the edge of two loads",
		  { "0123", "4567" },
		  2,
		  "345",
		  NULL,
		  NULL,
		  NULL,
		  40,
		  "01267",
		  "" },
		{ "others' places between them",
		  { "0257" },
		  4,
		  "25",
		  NULL,
		  NULL,
		  NULL,
		  40,
		  "07",
		  "1346" },
		{ "in another order",
		  { "5670", "12" },
		  3,
		  "6",
		  NULL,
		  NULL,
		  NULL,
		  40,
		  "57012",
		  "34" },
		{ "given back", { "01234567" }, 1, "0", "3467", NULL, NULL, 40, "125", "3467" },
		{ "all given back",
		  { "01234567" },
		  1,
		  NULL,
		  "01234567",
		  NULL,
		  NULL,
		  0,
		  "",
		  "01234567" },
		{ "refused", { "01234567" }, 1, "01", NULL, "35", NULL, 40, "2467", "" },
		{ "given up, and stored after all",
		  { "01234567" },
		  1,
		  "34",
		  NULL,
		  NULL,
		  "2345",
		  40,
		  "012567",
		  "" },
		{ "all of it", { "0123", "567" }, 2, "01", "6", "2", "35", 40, "357", "46" },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		const char *name = rows[r].name;
		int64_t ids[UPLOADS];
		struct sending s;
		size_t n;

		sending_init(&s);
		for (size_t k = 0; k < 2 && rows[r].sent[k]; k++) {
			n = ids_of(&s, rows[r].sent[k], ids);
			ok(journal_mark_inflight(s.b.j, ids, n, UIDVALIDITY, BASE, &err));
		}
		cr_expect(ranges(&s) == rows[r].ranges, "%s", name);
		n = ids_of(&s, rows[r].doubtful, ids);
		ok(journal_mark_in_doubt(s.b.j, ids, n, &err));
		n = ids_of(&s, rows[r].stored, ids);
		ok(journal_mark_stored(s.b.j, ids, n, UIDVALIDITY, rows[r].uid, &err));
		n = ids_of(&s, rows[r].back, ids);
		ok(journal_mark_planned(s.b.j, ids, n, &err));
		n = ids_of(&s, rows[r].refused, ids);
		for (size_t i = 0; i < n; i++)
			ok(journal_mark_refused(s.b.j, ids[i], "content", "NO", &err));
		reopen(&s);
		cr_expect(ranges(&s) == 0, "%s", name);
		cr_expect_str_eq(doubts(&s, name), rows[r].doubts, "%s", name);
		cr_expect_str_eq(queue(&s), rows[r].queue, "%s", name);
		sending_release(&s);
	}
}

/* The same without a death: a line was lost. */
Test(journal, who_asks_for_doubts_sees_what_is_in_flight)
{
	int64_t ids[UPLOADS];
	struct sending s;
	size_t n;

	sending_init(&s);
	n = ids_of(&s, "0123456", ids);
	ok(journal_mark_inflight(s.b.j, ids, n, UIDVALIDITY, BASE, &err));
	ok(journal_mark_stored(s.b.j, ids, 3, UIDVALIDITY, BASE, &err));
	cr_expect_str_eq(doubts(&s, "line lost"), "3456");
	cr_expect_str_eq(queue(&s), "7");
	cr_expect(ranges(&s) == 0);
	/* what goes again is behind what is still in doubt */
	ok(journal_mark_planned(s.b.j, ids + 3, 1, &err));
	ok(journal_mark_inflight(s.b.j, ids + 3, 1, UIDVALIDITY, BASE, &err));
	cr_expect_str_eq(doubts(&s, "sent again"), "4563");
	sending_release(&s);
}

Test(journal, only_what_is_planned_is_sent)
{
	static const struct {
		const char *name, *first, *then;
	} rows[] = {
		{ "the same", "234", "234" },	    { "its beginning", "234", "2" },
		{ "its end", "234", "45" },	    { "around it", "34", "2345" },
		{ "among others", "4", "0156347" }, { "twice in one load", "7", "0120" },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		int64_t ids[UPLOADS], before;
		struct sending s;
		size_t n;

		sending_init(&s);
		n = ids_of(&s, rows[r].first, ids);
		ok(journal_mark_inflight(s.b.j, ids, n, UIDVALIDITY, BASE, &err));
		before = ranges(&s);
		n = ids_of(&s, rows[r].then, ids);
		cr_expect(journal_mark_inflight(s.b.j, ids, n, UIDVALIDITY, BASE, &err) == -1 &&
				  err.code == ERR_INTERNAL,
			  "%s", rows[r].name);
		cr_expect(ranges(&s) == before, "%s: nothing of it", rows[r].name);
		cr_expect_str_eq(doubts(&s, rows[r].name), rows[r].first, "%s", rows[r].name);
		n = ids_of(&s, rows[r].first, ids);
		cr_expect(journal_mark_inflight(s.b.j, ids, n, UIDVALIDITY, BASE, &err) == -1,
			  "%s: in doubt", rows[r].name);
		sending_release(&s);
	}
}

/* A report reads the journal while a run works, or after it was killed; the next plan knows. */
Test(journal, reports_and_plans_after_a_kill)
{
	struct balance before, after;
	struct journal *reader;
	int64_t ids[UPLOADS];
	struct sending s;
	int64_t n;

	sending_init(&s);
	ids_of(&s, "012345", ids);
	ok(journal_mark_inflight(s.b.j, ids, 6, UIDVALIDITY, BASE, &err));
	ok(journal_mark_stored(s.b.j, ids, 2, UIDVALIDITY, BASE, &err));
	ok(journal_open_readonly(s.b.dir, "joe@example.org", &reader, &err));
	ok(journal_balance(reader, s.b.run, 0, &before, &err));
	journal_close(reader);
	cr_expect(before.outcome[OUTCOME_UPLOADED] == 2 && before.outcome[OUTCOME_OPEN] == 6);
	reopen(&s);
	ok(journal_balance(s.b.j, s.b.run, 0, &after, &err));
	cr_expect(memcmp(&before, &after, sizeof(before)) == 0);
	plan_run(&s); /* as where the folder cannot be asked: nothing has been recovered */
	ok(journal_balance(s.b.j, s.b.run, 0, &after, &err));
	cr_expect(after.outcome[OUTCOME_PRESENT] == 2 && after.outcome[OUTCOME_FAILED] == 4 &&
		  after.outcome[OUTCOME_OPEN] == 2);
	ok(db_int(journal_db(s.b.j),
		  "SELECT count(*) FROM line WHERE outcome = 7 AND reason = '" REASON_IN_DOUBT "'",
		  &n, &err));
	cr_expect(n == 4);
	cr_expect_str_eq(queue(&s), "67");
	sending_release(&s);
}

/* Attempts that are not the first have other lines than their ids say. */
Test(journal, stored_by_a_later_run)
{
	int64_t ids[UPLOADS], n;
	struct balance sum;
	struct sending s;

	sending_init(&s);
	ids_of(&s, "01234567", ids);
	ok(journal_mark_failed(s.b.j, ids[2], "gone", "", &err));
	ok(journal_mark_inflight(s.b.j, ids, 2, UIDVALIDITY, BASE, &err));
	ok(journal_mark_stored(s.b.j, ids, 2, UIDVALIDITY, BASE, &err));
	plan_run(&s);
	ok(journal_mark_inflight(s.b.j, ids + 2, 6, UIDVALIDITY, BASE + 2, &err));
	ok(journal_mark_stored(s.b.j, ids + 2, 6, UIDVALIDITY, BASE + 2, &err));
	ok(journal_balance(s.b.j, s.b.run, 0, &sum, &err));
	cr_expect(sum.outcome[OUTCOME_UPLOADED] == 6 && sum.outcome[OUTCOME_PRESENT] == 2);
	ok(db_int(journal_db(s.b.j),
		  "SELECT count(*) FROM upload u JOIN line l ON l.id = u.line"
		  " WHERE u.uid = 40 + u.id - (SELECT min(id) FROM upload)"
		  " AND l.remote = (u.folder << 32) + u.uid",
		  &n, &err));
	cr_expect(n == UPLOADS);
	sending_release(&s);
}

/* A message that was on the server before is nobody's to take back (journal/undo.h). */
Test(journal, what_was_there_before_is_not_undone)
{
	static const struct {
		const char *name;
		uint32_t uid;
		uint64_t undone;
	} rows[] = {
		{ "the first that can be ours", BASE, 1 },
		{ "one that was there before", BASE - 1, 0 },
		{ "not known", 0, 0 },
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		struct undo_state states[UPLOADS];
		struct upload list[UPLOADS];
		struct sending s;

		sending_init(&s);
		ok(journal_mark_inflight(s.b.j, &s.u[0].id, 1, UIDVALIDITY, BASE, &err));
		ok(journal_mark_stored(s.b.j, &s.u[0].id, 1, UIDVALIDITY, rows[r].uid, &err));
		if (rows[r].uid == 0) /* found later, as that of another message */
			ok(journal_mark_uid(s.b.j, s.u[0].id, BASE - 1, &err));
		cr_expect(journal_undo_next(s.b.j, s.b.run, s.target, 0, UPLOADS, &s.a, list,
					    states, &err) == (int)rows[r].undone,
			  "%s", rows[r].name);
		sending_release(&s);
	}
}

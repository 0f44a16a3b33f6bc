/*
 * settle_doubts(): what of the uploads in flight has arrived, judged by the index of
 * the folder. Nothing is lost, nothing is sent twice.
 */
#include "test_journal_support.h"

#include "transfer/internal.h"

#define LOCAL_MAX  4
#define SERVER_MAX 5
#define BASE	   10

struct local {
	const char *id, *who, *body;
	uint64_t size, cr_count;
};

struct remote {
	uint32_t uid;
	const char *id, *who;
	uint64_t size;
};

#define A                                                                                          \
	{                                                                                          \
		"a", "A", "x", 1000, 0                                                             \
	}
#define B                                                                                          \
	{                                                                                          \
		"b", "B", "x", 2000, 0                                                             \
	}
#define N                                                                                          \
	{                                                                                          \
		NULL, "N", "x", 3000, 0                                                            \
	} /* no Message-ID */

static const struct row {
	const char *name;
	struct local local[LOCAL_MAX];
	struct remote server[SERVER_MAX];
	uint32_t want[LOCAL_MAX]; /* UID; 0: planned again */
	bool other_uidvalidity;
} rows[] = {
	{ "all arrived",
	  { A, B, N },
	  { { 10, "a", "A", 1000 }, { 11, "b", "B", 2000 }, { 12, NULL, "N", 3000 } },
	  { 10, 11, 12 },
	  false },
	{ "nothing arrived", { A, B, N }, { { 0 } }, { 0, 0, 0 }, false },
	{ "the first ones", { A, B, N }, { { 10, "a", "A", 1000 } }, { 10, 0, 0 }, false },
	{ "the second was refused",
	  { A, B, N },
	  { { 10, "a", "A", 1000 }, { 11, NULL, "N", 3000 } },
	  { 10, 0, 11 },
	  false },
	{ "mail of others between",
	  { A, B },
	  { { 10, "z", "Z", 5 },
	    { 11, "a", "A", 1000 },
	    { 12, "y", "Y", 2000 },
	    { 13, "b", "B", 2000 } },
	  { 11, 13 },
	  false },
	{ "there before we began", { A }, { { 9, "a", "A", 1000 } }, { 0 }, false },
	{ "identical copies, one arrived", { A, A }, { { 10, "a", "A", 1000 } }, { 10, 0 }, false },
	{ "identical copies, both arrived",
	  { A, A },
	  { { 10, "a", "A", 1000 }, { 14, "a", "A", 1000 } },
	  { 10, 14 },
	  false },
	{ "identical, without Message-ID",
	  { N, N, N },
	  { { 10, NULL, "N", 3000 }, { 11, NULL, "N", 3000 } },
	  { 10, 11, 0 },
	  false },
	{ "same sender and date, other sizes",
	  { { NULL, "N", "x", 3000, 0 }, { NULL, "N", "y", 4000, 0 } },
	  { { 10, NULL, "N", 4000 } },
	  { 0, 10 },
	  false },
	{ "the server dropped a bare CR",
	  { { NULL, "N", "x", 3000, 1 } },
	  { { 10, NULL, "N", 2999 } },
	  { 10 },
	  false },
	{ "the final line end", { N }, { { 10, NULL, "N", 2998 } }, { 10 }, false },
	{ "three octets less", { N }, { { 10, NULL, "N", 2997 } }, { 0 }, false },
	{ "sizes that are only about right",
	  { A, B },
	  { { 10, "a", "A", 1100 }, { 11, "b", "B", 1900 } },
	  { 10, 11 },
	  false },
	{ "the exact one first",
	  { A, { "a", "A", "y", 1500, 0 } },
	  { { 10, "a", "A", 1500 }, { 11, "a", "A", 1007 } },
	  { 11, 10 },
	  false },
	{ "a folder made anew, empty", { A }, { { 0 } }, { 0 }, true },
	{ "a folder made anew, ours is in it", { A }, { { 1, "a", "A", 1000 } }, { 1 }, true },
};

static size_t add_messages(struct bench *b, const struct row *row)
{
	struct message m[LOCAL_MAX];
	static const char *const names[] = { "0", "1", "2", "3" };
	size_t n = 0;

	while (n < LOCAL_MAX && row->local[n].who) {
		const struct local *l = &row->local[n];

		m[n] = message_of(names[n], l->id, l->who, l->body, l->size);
		m[n].cr_count = l->cr_count;
		n++;
	}
	add_store(b, "/mail", "Work", ROLE_NONE, m, n);
	return n;
}

static void plan_copies(struct bench *b)
{
	struct plan_options options = { .keep_duplicates = true };
	struct plan_server server = { .prefix = "", .separator = '/' };
	struct match_options match = plan_match_options(&options, RUN_RUN);

	ok(plan_folders(b->j, b->run, &options, &server, &err));
	ok(match_prepare(b->j, b->run, &match, &err));
	ok(match_finish(b->j, b->run, &err));
	ok(plan_lines(b->j, b->run, &options, &server, &err));
}

static void send_all(struct bench *b, const struct remote_folder *target, size_t n, int64_t *ids)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct upload u[LOCAL_MAX];
	int64_t cursor = 0;
	int got = journal_uploads_next(b->j, b->run, target->id, LOCAL_MAX, &a, u, &cursor, &err);

	cr_assert_eq(got, (int)n, "%d uploads", got);
	for (size_t i = 0; i < n; i++)
		ids[i] = u[i].id;
	ok(journal_mark_inflight(b->j, ids, n, 7, BASE, &err));
}

/* The UID that an upload has now. */
static uint32_t uid_of(struct bench *b, const struct remote_folder *f, int64_t id)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct upload u[LOCAL_MAX];
	int64_t cursor = 0;
	int n = journal_stored_next(b->j, 0, f->id, f->uidvalidity, LOCAL_MAX, &a, u, &cursor,
				    &err);

	for (int i = 0; i < n; i++) {
		if (u[i].id == id)
			return u[i].uid;
	}
	return 0;
}

static void try_row(const struct row *row)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct remote_folder f;
	struct bench b;
	int64_t ids[LOCAL_MAX];
	uint32_t validity = row->other_uidvalidity ? 8 : 7;
	size_t n;

	bench_init(&b);
	start_run(&b, RUN_RUN);
	n = add_messages(&b, row);
	plan_copies(&b);
	yes(journal_target_next(b.j, b.run, 0, &a, &f, &err));
	send_all(&b, &f, n, ids);

	add_folder(&b, f.wire_name, ROLE_NONE);
	for (size_t i = 0; i < SERVER_MAX && row->server[i].uid; i++)
		add_remote(&b, f.id, row->server[i].uid, row->server[i].id, row->server[i].who,
			   row->server[i].size);
	ok(journal_folder_indexed(b.j, f.id, validity, 20, 0, 0, &err));
	yes(journal_folder_get(b.j, f.id, &a, &f, &err));

	struct transfer t = { .journal = b.j, .run = b.run };

	ok(settle_doubts(&t, &f, true, &err));
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(uid_of(&b, &f, ids[i]), row->want[i], "%s: message %zu has UID %u",
			     row->name, i, uid_of(&b, &f, ids[i]));
	cr_expect_eq(t.tally.recovered + t.tally.replanned, n, "%s: %lu + %lu", row->name,
		     (unsigned long)t.tally.recovered, (unsigned long)t.tally.replanned);
	cr_expect_eq(journal_doubt_target_next(b.j, 0, &a, &f, &err), 0, "%s: still in doubt",
		     row->name);
	bench_release(&b);
}

Test(transfer, settle_doubts)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		try_row(&rows[i]);
}

/* A server that tells no UIDs: what it acknowledged owns its messages before what is in doubt. */
Test(transfer, claims_come_before_doubts)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	static const struct row row = { .local = { A, A } };
	struct remote_folder f;
	struct bench b;
	int64_t ids[LOCAL_MAX];

	bench_init(&b);
	start_run(&b, RUN_RUN);
	add_messages(&b, &row);
	plan_copies(&b);
	yes(journal_target_next(b.j, b.run, 0, &a, &f, &err));
	send_all(&b, &f, 2, ids);
	ok(journal_mark_stored(b.j, ids, 1, 7, 0, &err));
	add_folder(&b, f.wire_name, ROLE_NONE);
	add_remote(&b, f.id, 10, "a", "A", 1000);
	yes(journal_folder_get(b.j, f.id, &a, &f, &err));

	struct transfer t = { .journal = b.j, .run = b.run };

	ok(settle_doubts(&t, &f, true, &err));
	cr_expect_eq(uid_of(&b, &f, ids[0]), 10);
	cr_expect_eq(uid_of(&b, &f, ids[1]), 0);
	cr_expect_eq(t.tally.replanned, 1);
	bench_release(&b);
}

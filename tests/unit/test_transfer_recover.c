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
	const char *body; /* NULL: "x"; "?": the server does not give it out */
};

#define IN_DOUBT UINT32_MAX

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
	uint32_t want[LOCAL_MAX]; /* UID; 0: planned again; IN_DOUBT */
	enum { PLAIN, MADE_ANEW, NO_BASE /* the server told no UIDNEXT */ } special;
} rows[] = {
	{ "all arrived",
	  { A, B, N },
	  { { 10, "a", "A", 1000, NULL },
	    { 11, "b", "B", 2000, NULL },
	    { 12, NULL, "N", 3000, NULL } },
	  { 10, 11, 12 },
	  PLAIN },
	{ "nothing arrived", { A, B, N }, { { 0 } }, { 0, 0, 0 }, PLAIN },
	{ "the first ones", { A, B, N }, { { 10, "a", "A", 1000, NULL } }, { 10, 0, 0 }, PLAIN },
	{ "the second was refused",
	  { A, B, N },
	  { { 10, "a", "A", 1000, NULL }, { 11, NULL, "N", 3000, NULL } },
	  { 10, 0, 11 },
	  PLAIN },
	{ "mail of others between",
	  { A, B },
	  { { 10, "z", "Z", 5, NULL },
	    { 11, "a", "A", 1000, NULL },
	    { 12, "y", "Y", 2000, NULL },
	    { 13, "b", "B", 2000, NULL } },
	  { 11, 13 },
	  PLAIN },
	{ "there before we began", { A }, { { 9, "a", "A", 1000, NULL } }, { 0 }, PLAIN },
	{ "identical copies, one arrived",
	  { A, A },
	  { { 10, "a", "A", 1000, NULL } },
	  { 10, 0 },
	  PLAIN },
	{ "identical copies, both arrived",
	  { A, A },
	  { { 10, "a", "A", 1000, NULL }, { 14, "a", "A", 1000, NULL } },
	  { 10, 14 },
	  PLAIN },
	{ "identical, without Message-ID",
	  { N, N, N },
	  { { 10, NULL, "N", 3000, NULL }, { 11, NULL, "N", 3000, NULL } },
	  { 10, 11, 0 },
	  PLAIN },
	{ "same sender and date, other sizes",
	  { { NULL, "N", "x", 3000, 0 }, { NULL, "N", "y", 4000, 0 } },
	  { { 10, NULL, "N", 4000, "y" } },
	  { 0, 10 },
	  PLAIN },
	{ "the server dropped a bare CR",
	  { { NULL, "N", "x", 3000, 1 } },
	  { { 10, NULL, "N", 2999, NULL } },
	  { 10 },
	  PLAIN },
	{ "the final line end", { N }, { { 10, NULL, "N", 2998, NULL } }, { 10 }, PLAIN },
	{ "three octets less", { N }, { { 10, NULL, "N", 2997, "y" } }, { 0 }, PLAIN },
	{ "sizes that are only about right",
	  { A, B },
	  { { 10, "a", "A", 1100, NULL }, { 11, "b", "B", 1900, NULL } },
	  { 10, 11 },
	  PLAIN },
	{ "the exact one first",
	  { A, { "a", "A", "y", 1500, 0 } },
	  { { 10, "a", "A", 1500, "y" }, { 11, "a", "A", 1007, NULL } },
	  { 11, 10 },
	  PLAIN },
	{ "a folder made anew, empty", { A }, { { 0 } }, { 0 }, MADE_ANEW },
	{ "a folder made anew, ours is in it",
	  { A },
	  { { 1, "a", "A", 1000, NULL } },
	  { 1 },
	  MADE_ANEW },
	{ "a folder made anew, another one is in it",
	  { A },
	  { { 1, "a", "A", 1000, "y" } },
	  { 0 },
	  MADE_ANEW },
	{ "made anew, another one by its Message-ID",
	  { A },
	  { { 1, "a", "Z", 1700, "y" } },
	  { 0 },
	  MADE_ANEW },
	{ "no UIDNEXT, another one is in it",
	  { A },
	  { { 3, "a", "A", 1000, "y" } },
	  { 0 },
	  NO_BASE },
	{ "no UIDNEXT, behind another one",
	  { A },
	  { { 3, "a", "A", 1000, "y" }, { 4, "a", "A", 1000, NULL } },
	  { 4 },
	  NO_BASE },
	{ "equal keys and nearly equal sizes, the first was refused",
	  { A, { "a", "A", "y", 1001, 0 } },
	  { { 10, "a", "A", 1001, "y" } },
	  { 0, 10 },
	  PLAIN },
	{ "equal keys and sizes, the first was refused",
	  { N, { NULL, "N", "y", 3000, 0 }, { NULL, "N", "z", 3000, 0 } },
	  { { 10, NULL, "N", 3000, "y" }, { 11, NULL, "N", 3000, "z" } },
	  { 0, 10, 11 },
	  PLAIN },
	{ "the Message-ID, but another body",
	  { A },
	  { { 10, "a", "Z", 1500, "y" } },
	  { 0 },
	  PLAIN },
	{ "the Message-ID, and the body behind another one",
	  { A },
	  { { 10, "a", "Z", 1500, "y" }, { 12, "a", "Y", 1600, NULL } },
	  { 12 },
	  PLAIN },
	{ "got a Message-ID on the way", { N }, { { 10, "new", "N", 3060, NULL } }, { 10 }, PLAIN },
	{ "equal keys, and one that cannot be compared",
	  { A, { "a", "A", "y", 1001, 0 } },
	  { { 10, "a", "A", 1001, "?" } },
	  { IN_DOUBT, IN_DOUBT },
	  PLAIN },
	{ "one that cannot be compared, but need not be",
	  { A },
	  { { 10, "a", "A", 1000, "?" } },
	  { 10 },
	  PLAIN },
};

/* The part of a content's name behind the last '|' (message_of()). */
static const char *body_of(const uint8_t *sha256)
{
	static char text[SHA256_LEN + 1];

	memcpy(text, sha256, SHA256_LEN);
	return strrchr(text, '|') + 1;
}

static int judge(void *context, const struct upload *u, uint32_t uid, bool whole,
		 enum judgement *out, struct err *cause)
{
	const struct row *row = context;

	(void)whole;
	(void)cause;
	*out = JUDGED_UNKNOWN;
	for (size_t i = 0; i < SERVER_MAX && row->server[i].uid; i++) {
		const char *body = row->server[i].body ? row->server[i].body : "x";

		if (row->server[i].uid == uid && strcmp(body, "?") != 0)
			*out = strcmp(body, body_of(u->sha256)) == 0 ? JUDGED_SAME : JUDGED_OTHER;
	}
	return 0;
}

static struct judging judging_of(const struct row *row)
{
	return (struct judging){ judge, (void *)(uintptr_t)row };
}

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
	struct plan_options options = { .keep_duplicates = MADE_ANEW };
	struct plan_server server = { .prefix = "", .separator = '/' };
	struct match_options match = plan_match_options(&options, RUN_RUN);

	ok(plan_folders(b->j, b->run, &options, &server, &err));
	ok(match_prepare(b->j, b->run, &match, &err));
	ok(match_finish(b->j, b->run, &err));
	ok(plan_lines(b->j, b->run, &options, &server, &err));
}

static void send_all(struct bench *b, const struct remote_folder *target, size_t n, uint32_t base,
		     int64_t *ids)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct upload u[LOCAL_MAX];
	int64_t cursor = 0;
	int got = journal_uploads_next(b->j, b->run, target->id, LOCAL_MAX, &a, u, &cursor, &err);

	cr_assert_eq(got, (int)n, "%d uploads", got);
	for (size_t i = 0; i < n; i++)
		ids[i] = u[i].id;
	ok(journal_mark_inflight(b->j, ids, n, 7, base, &err));
}

static int64_t state_of(struct bench *b, int64_t id)
{
	char sql[80];
	int64_t state;

	snprintf(sql, sizeof(sql), "SELECT state FROM upload WHERE id = %lld", (long long)id);
	ok(db_int(journal_db(b->j), sql, &state, &err));
	return state;
}

/* The UID that an upload has now. */
static uint32_t uid_of(struct bench *b, const struct remote_folder *f, int64_t id)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct upload u[LOCAL_MAX];
	int64_t cursor = 0;

	if (state_of(b, id) == UPLOAD_INFLIGHT)
		return IN_DOUBT;
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
	uint32_t validity = row->special == MADE_ANEW ? 8 : 7;
	size_t n;

	bench_init(&b);
	start_run(&b, RUN_RUN);
	n = add_messages(&b, row);
	plan_copies(&b);
	yes(journal_target_next(b.j, b.run, 0, &a, &f, &err));
	send_all(&b, &f, n, row->special == NO_BASE ? 0 : BASE, ids);

	add_folder(&b, f.wire_name, ROLE_NONE);
	for (size_t i = 0; i < SERVER_MAX && row->server[i].uid; i++)
		add_remote(&b, f.id, row->server[i].uid, row->server[i].id, row->server[i].who,
			   row->server[i].size);
	ok(journal_folder_indexed(b.j, f.id, validity, 20, 0, 0, &err));
	yes(journal_folder_get(b.j, f.id, &a, &f, &err));

	struct transfer t = { .journal = b.j, .run = b.run };
	struct judging judging = judging_of(row);
	size_t in_doubt = 0;

	ok(settle_doubts(&t, &f, true, &judging, &err));
	for (size_t i = 0; i < n; i++)
		in_doubt += row->want[i] == IN_DOUBT;
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(uid_of(&b, &f, ids[i]), row->want[i], "%s: message %zu has UID %u",
			     row->name, i, uid_of(&b, &f, ids[i]));
	cr_expect_eq(t.tally.recovered + t.tally.replanned, n - in_doubt, "%s: %lu + %lu",
		     row->name, (unsigned long)t.tally.recovered, (unsigned long)t.tally.replanned);
	cr_expect_eq(journal_doubt_target_next(b.j, 0, &a, &f, &err), in_doubt > 0, "%s: in doubt",
		     row->name);
	bench_release(&b);
}

Test(transfer, settle_doubts)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		try_row(&rows[i]);
}

/* The first is acknowledged without a UID, the second in doubt. */
static void try_claims(const struct row *row)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct judging judging = judging_of(row);
	struct remote_folder f;
	struct bench b;
	int64_t ids[LOCAL_MAX];

	bench_init(&b);
	start_run(&b, RUN_RUN);
	add_messages(&b, row);
	plan_copies(&b);
	yes(journal_target_next(b.j, b.run, 0, &a, &f, &err));
	send_all(&b, &f, 2, BASE, ids);
	ok(journal_mark_stored(b.j, ids, 1, 7, 0, &err));
	add_folder(&b, f.wire_name, ROLE_NONE);
	for (size_t i = 0; i < SERVER_MAX && row->server[i].uid; i++)
		add_remote(&b, f.id, row->server[i].uid, row->server[i].id, row->server[i].who,
			   row->server[i].size);
	yes(journal_folder_get(b.j, f.id, &a, &f, &err));

	struct transfer t = { .journal = b.j, .run = b.run };

	ok(settle_doubts(&t, &f, true, &judging, &err));
	for (size_t i = 0; i < 2; i++)
		cr_expect_eq(uid_of(&b, &f, ids[i]), row->want[i], "%s: message %zu has UID %u",
			     row->name, i, uid_of(&b, &f, ids[i]));
	bench_release(&b);
}

/* A server that tells no UIDs: what it acknowledged owns its messages before what is in doubt; but
 * a message that is only like it belongs to the one in doubt that it equals. */
Test(transfer, claims_and_doubts)
{
	static const struct row both[] = {
		{ "identical, one is there",
		  { A, A },
		  { { 10, "a", "A", 1000, NULL } },
		  { 10, 0 },
		  PLAIN },
		{ "the one in doubt is equal",
		  { A, { "a", "A", "y", 1500, 0 } },
		  { { 10, "a", "A", 1500, "y" }, { 11, "a", "Z", 2000, NULL } },
		  { 11, 10 },
		  PLAIN },
		{ "nothing new came: the server had it",
		  { A, B },
		  { { 3, "a", "A", 1000, NULL } },
		  { 3, 0 },
		  PLAIN },
		{ "nothing new came: it had another one",
		  { A, B },
		  { { 3, "a", "A", 1000, "y" } },
		  { 0, 0 },
		  PLAIN },
	};

	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
		try_claims(&both[i]);
}

/* One that is known to be ours shows that this server rewrites bodies: equal fields must do. */
Test(transfer, a_server_that_rewrites)
{
	static const struct row row = { "rewritten",
					{ A, B },
					{ { 10, "a", "A", 1300, "X" },
					  { 11, "b", "B", 2400, "X" } },
					{ 10, 11 },
					PLAIN };

	for (int known = 0; known < 2; known++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
		struct judging judging = judging_of(&row);
		struct remote_folder f;
		struct bench b;
		int64_t ids[LOCAL_MAX];

		bench_init(&b);
		start_run(&b, RUN_RUN);
		add_messages(&b, &row);
		plan_copies(&b);
		yes(journal_target_next(b.j, b.run, 0, &a, &f, &err));
		send_all(&b, &f, 2, BASE, ids);
		if (known)
			ok(journal_mark_stored(b.j, ids, 1, 7, 10, &err));
		add_folder(&b, f.wire_name, ROLE_NONE);
		add_remote(&b, f.id, 10, "a", "A", 1300);
		add_remote(&b, f.id, 11, "b", "B", 2400);
		yes(journal_folder_get(b.j, f.id, &a, &f, &err));

		struct transfer t = { .journal = b.j, .run = b.run };

		ok(settle_doubts(&t, &f, true, &judging, &err));
		cr_expect_eq(uid_of(&b, &f, ids[1]), known ? 11 : 0);
		bench_release(&b);
	}
}

/* Keys of older rules: the octets must tell. */
Test(transfer, doubts_of_older_rules)
{
	static const struct row row = { "older rules",
					{ A, B },
					{ { 10, "q", "Q", 1000, "y" },
					  { 11, "q", "Q", 2000, "x" },
					  { 12, "p", "P", 1000, "x" } },
					{ 12, 11 },
					PLAIN };
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1 << 20);
	struct judging judging = judging_of(&row);
	struct remote_folder f;
	struct bench b;
	int64_t ids[LOCAL_MAX];

	bench_init(&b);
	start_run(&b, RUN_RUN);
	add_messages(&b, &row);
	plan_copies(&b);
	yes(journal_target_next(b.j, b.run, 0, &a, &f, &err));
	send_all(&b, &f, 2, BASE, ids);
	ok(db_exec(journal_db(b.j), "UPDATE meta SET value = -1 WHERE name = 'match_rules'", &err));
	journal_close(b.j);
	bench_open(&b);
	add_folder(&b, f.wire_name, ROLE_NONE);
	for (size_t i = 0; i < 3; i++)
		add_remote(&b, f.id, row.server[i].uid, row.server[i].id, row.server[i].who,
			   row.server[i].size);
	yes(journal_folder_get(b.j, f.id, &a, &f, &err));

	struct transfer t = { .journal = b.j, .run = b.run };

	ok(settle_doubts(&t, &f, true, &judging, &err));
	for (size_t i = 0; i < 2; i++)
		cr_expect_eq(uid_of(&b, &f, ids[i]), row.want[i], "message %zu has UID %u", i,
			     uid_of(&b, &f, ids[i]));
	bench_release(&b);
}

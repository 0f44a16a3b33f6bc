/*
 * match/uidl.h: which messages are known by their UIDLs, how many headers that
 * costs, and that wrong UIDLs put nothing in the wrong place. INBOX is read here as
 * transfer/rows_uidl.c reads it; message n of the server is `truth[n]`.
 */
#include "test_journal_support.h"

#include "journal/pop.h"
#include "match/uidl.h"

#define N	    400
#define UIDVALIDITY 7 /* of add_folder() */
#define ARRIVAL	    1000000000

static const struct plan_server server = { .prefix = "", .separator = '/' };

struct life {
	struct bench b;
	int64_t inbox;
	struct plan_options options;
	struct arena a;
	uint64_t headers; /* read off the server */
	bool believed;
};

/* How a life goes: each message as a number makes it. */
struct story {
	const char *name;
	uint32_t (*uid)(uint32_t n);	/* that the UIDL of message n means */
	uint64_t (*size)(uint32_t n);	/* on both sides */
	int64_t (*arrival)(uint32_t n); /* on the server */
	const char *format;		/* of UID and UIDVALIDITY */
	uint32_t uidvalidity;
	bool believed;
	uint64_t joined_min, headers_max;
};

static uint32_t own_uid(uint32_t n)
{
	return n;
}

static uint32_t next_uid(uint32_t n)
{
	return n + 1;
}

static uint32_t reused_uid(uint32_t n) /* the last ones got those of the first */
{
	return n > N - 10 ? n - (N - 10) : n;
}

static uint32_t swapped_uid(uint32_t n) /* a pair that no sample has */
{
	return n == 101 ? 102 : n == 102 ? 101 : n;
}

static uint64_t own_size(uint32_t n)
{
	return 500 + n;
}

static uint64_t one_size(uint32_t n)
{
	(void)n;
	return 500;
}

static int64_t own_arrival(uint32_t n)
{
	return ARRIVAL + (int64_t)n * 3600;
}

static int64_t one_arrival(uint32_t n)
{
	(void)n;
	return ARRIVAL;
}

static int64_t no_arrival(uint32_t n)
{
	return ARRIVAL + 1000000 + (int64_t)n;
}

#define DOVECOT "%08x%08x"

static const struct story stories[] = {
	{ "as it should be", own_uid, own_size, own_arrival, DOVECOT, UIDVALIDITY, true, N, 20 },
	{ "sizes are enough", own_uid, own_size, no_arrival, DOVECOT, UIDVALIDITY, true, N, 20 },
	{ "dates are enough", own_uid, one_size, own_arrival, DOVECOT, UIDVALIDITY, true, N, 20 },
	{ "neither are: headers are read", own_uid, one_size, no_arrival, DOVECOT, UIDVALIDITY,
	  true, N, N },
	{ "nor together", own_uid, one_size, one_arrival, DOVECOT, UIDVALIDITY, true, N, N },
	{ "another UIDVALIDITY", own_uid, own_size, own_arrival, DOVECOT, 8, false, 0, N },
	{ "the wrong UIDs", next_uid, own_size, own_arrival, DOVECOT, UIDVALIDITY, false, 0,
	  N + 20 },
	{ "the wrong UIDs, one size", next_uid, one_size, one_arrival, DOVECOT, UIDVALIDITY, false,
	  0, N + 20 },
	{ "UIDs without UIDVALIDITY", own_uid, own_size, own_arrival, "%u", UIDVALIDITY, true, N,
	  20 },
	{ "numbers that are no UIDs", next_uid, own_size, own_arrival, "%u", UIDVALIDITY, false, 0,
	  N + 20 },
	{ "opaque", own_uid, own_size, own_arrival, "x%08x%08x", UIDVALIDITY, false, 0, N },
	{ "some given out twice", reused_uid, own_size, own_arrival, DOVECOT, UIDVALIDITY, true,
	  N - 20, 60 },
	{ "some given out twice, one size", reused_uid, one_size, one_arrival, DOVECOT, UIDVALIDITY,
	  true, N - 20, N },
	{ "two swapped, not sampled", swapped_uid, own_size, own_arrival, DOVECOT, UIDVALIDITY,
	  true, N - 2, 30 },
	{ "two swapped, one size, two dates", swapped_uid, one_size, own_arrival, DOVECOT,
	  UIDVALIDITY, true, N - 2, 30 },
	{ "two swapped, not to be told apart", swapped_uid, one_size, one_arrival, DOVECOT,
	  UIDVALIDITY, true, N - 2, N },
};

static const char *name_of(struct life *x, uint32_t n)
{
	return arena_printf(&x->a, "%u", n);
}

static void add_items(struct life *x, const struct story *s)
{
	struct message *list = calloc(N, sizeof(*list));

	for (uint32_t n = 1; n <= N; n++) {
		const char *id = name_of(x, n);
		struct message *m = &list[n - 1];

		*m = message_of(arena_printf(&x->a, "l%u", n), id, id, id, s->size(n));
		m->date_source = DATE_RECEIVED;
		m->internaldate = ARRIVAL + (int64_t)n * 3600 + 5;
		if (s->arrival == one_arrival)
			m->internaldate = ARRIVAL;
		m->pop_fetched = true;
		m->uidl = strcmp(s->format, "%u") == 0 ? arena_printf(&x->a, "%u", s->uid(n))
			  : s->format[0] == 'x'
				  ? arena_printf(&x->a, "x" DOVECOT, s->uid(n), s->uidvalidity)
				  : arena_printf(&x->a, DOVECOT, s->uid(n), s->uidvalidity);
	}
	add_store(&x->b, "/mail", "Work", ROLE_NONE, list, N);
	free(list);
}

/* The server's row of UID n: message n. */
static void put_row(struct life *x, const struct story *s, uint32_t n, bool unread)
{
	struct remote_row row = {
		.folder = x->inbox,
		.uid = n,
		.size = s->size(n),
		.internaldate = s->arrival(n),
		.keys = keys_of(name_of(x, n), name_of(x, n)),
		.unread = unread,
	};

	ok(journal_remote_put(x->b.j, &row, &err));
}

static void read_unread(struct life *x, const struct story *s, const struct uidl_place *p,
			enum uidl_unread which)
{
	uint32_t uids[64], after = 0;
	size_t n;

	for (;;) {
		ok(match_uidl_unread(x->b.j, p, which, after, uids, 64, &n, &err));
		if (n == 0)
			return;
		for (size_t i = 0; i < n; i++)
			put_row(x, s, uids[i], false);
		x->headers += n;
		after = uids[n - 1];
	}
}

static void index_inbox(struct life *x, const struct story *s)
{
	struct uidl_place p = { x->b.run, x->inbox, UIDVALIDITY };
	bool promising;
	uint64_t vanished;

	ok(journal_begin(x->b.j, &err));
	ok(match_uidl_promising(x->b.j, &p, 1, &promising, &err));
	for (uint32_t n = 1; n <= N; n++)
		put_row(x, s, n, promising);
	x->headers = promising ? 0 : N;
	if (promising) {
		ok(match_uidl_pair(x->b.j, &p, 1, &err));
		read_unread(x, s, &p, UIDL_SAMPLE);
		ok(match_uidl_judge(x->b.j, &p, &x->believed, &err));
		read_unread(x, s, &p, UIDL_REST);
		ok(match_uidl_drop_unread(x->b.j, &p, &vanished, &err));
		cr_expect(vanished == 0);
	}
	ok(journal_folder_indexed(x->b.j, x->inbox, UIDVALIDITY, N + 1, N, 0, &err));
	ok(journal_commit(x->b.j, &err));
}

static void life_init(struct life *x)
{
	memset(x, 0, sizeof(*x));
	x->a = (struct arena)ARENA_INIT(1 << 24);
	bench_init(&x->b);
	ok(journal_folders_begin(x->b.j, &err));
	x->inbox = add_folder(&x->b, "INBOX", ROLE_INBOX);
	start_run(&x->b, RUN_RUN);
}

static void life_release(struct life *x)
{
	arena_release(&x->a);
	bench_release(&x->b);
}

static void prepare(struct life *x)
{
	struct match_options match = plan_match_options(&x->options, RUN_RUN);

	ok(plan_folders(x->b.j, x->b.run, &x->options, &server, &err));
	ok(match_prepare(x->b.j, x->b.run, &match, &err));
}

static int64_t number(struct life *x, const char *sql)
{
	int64_t n;

	ok(db_int(journal_db(x->b.j), sql, &n, &err));
	return n;
}

/* Proven by its UIDL, and not the message that it is. */
#define WRONG                                                                                      \
	"SELECT count(*) FROM candidate c JOIN item i ON i.sha256 = c.sha256 WHERE c.verdict = 1"  \
	" AND 'l' || (c.remote & 4294967295) <> i.locator"
#define JOINED "SELECT count(*) FROM candidate WHERE verdict = 1 AND level = 1"

Test(match_uidl, stories)
{
	for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
		const struct story *s = &stories[i];
		struct life x;
		int64_t joined;

		life_init(&x);
		add_items(&x, s);
		index_inbox(&x, s);
		prepare(&x);
		joined = number(&x, JOINED);
		cr_expect(x.believed == s->believed, "%s: believed %d", s->name, x.believed);
		cr_expect(number(&x, WRONG) == 0, "%s: wrong", s->name);
		cr_expect(joined >= (int64_t)s->joined_min, "%s: %d joined", s->name, (int)joined);
		cr_expect(s->joined_min > 0 || joined == 0, "%s: %d joined", s->name, (int)joined);
		cr_expect(x.headers <= s->headers_max, "%s: %d headers", s->name, (int)x.headers);
		/* whatever UIDLs say, ordinary matching has the rest */
		cr_expect(number(&x, "SELECT count(*) FROM item i WHERE NOT EXISTS (SELECT 1 FROM"
				     " candidate c WHERE c.sha256 = i.sha256"
				     " AND 'l' || (c.remote & 4294967295) = i.locator)") == 0,
			  "%s: lost", s->name);
		life_release(&x);
	}
}

/* What is in the index already, headers and all: the same join without asking anything. */
Test(match_uidl, second_run)
{
	struct life x;

	life_init(&x);
	add_items(&x, &stories[0]);
	for (uint32_t n = 1; n <= N; n++)
		put_row(&x, &stories[0], n, false);
	prepare(&x);
	cr_expect(number(&x, JOINED) == N);
	cr_expect(number(&x, "SELECT count(*) FROM notice WHERE kind = 'uidl-join' AND count = 400"
			     " AND text LIKE 'messages known by their UIDLs (Dovecot''s), after a"
			     " look at 20%'") == 1);
	/* and off: what they found is forgotten, and found again by its contents */
	ok(match_uidl_distrust(x.b.j, &err));
	cr_expect(number(&x, JOINED) == 0);
	x.options.no_uidl = true;
	prepare(&x);
	cr_expect(number(&x, JOINED) == 0);
	cr_expect(number(&x, "SELECT count(*) FROM candidate WHERE verdict = 0") == N);
	life_release(&x);
}

Test(match_uidl, distrust_reads_again)
{
	struct life x;

	life_init(&x);
	add_items(&x, &stories[0]);
	index_inbox(&x, &stories[0]);
	cr_expect(number(&x, "SELECT count(*) FROM remote WHERE joined") == N - 20);
	ok(match_uidl_distrust(x.b.j, &err));
	cr_expect(number(&x, "SELECT count(*) FROM remote") == 0);
	cr_expect(number(&x, "SELECT uidnext + messages + indexed FROM folder WHERE role = 1") ==
		  0);
	life_release(&x);
}

/* A body that was compared and found to be another one counts more than a UIDL. */
Test(match_uidl, verdicts_stand)
{
	struct life x;

	life_init(&x);
	add_items(&x, &stories[0]);
	for (uint32_t n = 1; n <= N; n++)
		put_row(&x, &stories[0], n, false);
	ok(db_exec(journal_db(x.b.j),
		   "INSERT INTO candidate SELECT sha256, (SELECT id FROM folder WHERE role = 1)"
		   " << 32 | 5, 2, 2, 1, 1, id FROM item WHERE locator = 'l5'",
		   &err));
	prepare(&x);
	cr_expect(number(&x, JOINED) == N - 1);
	cr_expect(number(&x, "SELECT count(*) FROM candidate WHERE verdict = 2") == 1);
	life_release(&x);
}

/* Few UIDLs are not worth two questions; others' sizes must be explained. */
Test(match_uidl, sizes)
{
	static const struct {
		const char *name;
		uint64_t local, remote, lead, path;
		bool joined;
	} rows[] = {
		{ "equal", 900, 900, 0, 0, true },
		{ "one octet more", 901, 900, 0, 0, false },
		{ "a line end that POP adds", 902, 900, 0, 0, true },
		{ "a fetcher's lines", 1000, 900, 100, 0, true },
		{ "and Return-Path", 1000, 870, 100, 30, true },
		{ "or not", 1000, 900, 100, 30, true },
		{ "something else", 1000, 899, 100, 30, false },
		{ "lone CRs gone", 900, 897, 0, 0, true },
		{ "CR CR LF", 900, 898, 0, 0, true },
		{ "both", 900, 895, 0, 0, true },
		{ "the server's is larger", 900, 901, 0, 0, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct life x;
		struct message m = message_of("l1", "1", "1", "1", rows[i].local);
		struct uidl_place p;
		bool promising = true;

		life_init(&x);
		p = (struct uidl_place){ x.b.run, x.inbox, UIDVALIDITY };
		m.uidl = "0000000100000007";
		m.pop_lead_len = rows[i].lead;
		m.pop_path_len = rows[i].path;
		m.cr_cr_lf_count = 2;
		m.cr_count = 3;
		add_store(&x.b, "/mail", "Work", ROLE_NONE, &m, 1);
		add_remote(&x.b, x.inbox, 1, "1", "1", rows[i].remote);
		ok(match_uidl_promising(x.b.j, &p, 1, &promising, &err));
		cr_expect(!promising);
		prepare(&x);
		cr_expect(number(&x, JOINED) == rows[i].joined, "%s", rows[i].name);
		life_release(&x);
	}
}

/* State files of POP programs: what they say was fetched and is not here any more. */
Test(match_uidl, leftovers)
{
	static const struct {
		const char *name, *uidl;
		enum pop_fate fate;
		bool left;
	} rows[] = {
		{ "gone", "0000000200000007", POP_FETCHED, true },
		{ "deleted", "0000000300000007", POP_DELETED, true },
		{ "never fetched", "0000000400000007", POP_BEGINNING, false },
		{ "here", "0000000100000007", POP_FETCHED, false },
		{ "not there any more", "0000002000000007", POP_FETCHED, false },
		{ "another UIDVALIDITY", "0000000200000008", POP_FETCHED, false },
		{ "a number", "5", POP_FETCHED, false },
		{ "here, with another UIDL", "0000000600000007", POP_FETCHED, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct life x;
		struct message m[2];
		struct match_cursor cursor = { 0 };
		struct match_candidate c;

		life_init(&x);
		m[0] = message_of("l1", "1", "1", "1", 500);
		m[0].uidl = "0000000100000007";
		m[1] = message_of("l6", "6", "6", "6", 500);
		add_store(&x.b, "/mail", "Work", ROLE_NONE, m, 2);
		for (uint32_t n = 1; n <= 6; n++)
			add_remote(&x.b, x.inbox, n, name_of(&x, n), name_of(&x, n), 500);
		ok(journal_pop_clear(x.b.j, &err));
		ok(journal_pop_add(x.b.j, slice_str(rows[i].uidl), POP_BEGINNING, &err));
		ok(journal_pop_add(x.b.j, slice_str(rows[i].uidl), rows[i].fate, &err));
		prepare(&x);
		while (match_candidate_next(x.b.j, x.b.run, &cursor, &x.a, &c, &err) > 0)
			ok(match_candidate_settle(x.b.j, &c, VERDICT_SAME, &err));
		ok(match_finish(x.b.j, x.b.run, &err));
		cr_expect(number(&x, "SELECT count(*) FROM pop_leftover") == rows[i].left, "%s",
			  rows[i].name);
		life_release(&x);
	}
}

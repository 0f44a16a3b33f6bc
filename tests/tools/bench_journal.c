/*
 * How long the journal takes: bench_journal DIR [ITEMS [normal|crowd]]. Fills a journal in DIR with
 * items and as many messages of the server, plans, "uploads" half of them, and plans
 * again. One line a step, in seconds of CPU (other programs do not count) and rows a
 * second; at the end the peak RSS.
 *
 *   normal   every message has its own keys; half of them are on the server
 *   crowd    all have one Message-ID and one header: the hostile case
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "journal/journal.h"
#include "match/match.h"
#include "plan/plan.h"

#define BATCH 100

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void check(int result, const struct err *err, const char *what)
{
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, err->text);
	exit(1);
}

static void step(const char *what, double since, unsigned n)
{
	double t = now() - since;

	printf("  %-28s %7.3f s %9.0f /s\n", what, t, n / t);
	fflush(stdout);
}

/* Octets that look like a hash: spread over the whole index. */
static void scatter(uint8_t *out, size_t len, uint64_t n, uint64_t kind)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t x = n * 0x9e3779b97f4a7c15u + kind * 0xbf58476d1ce4e5b9u + i + 1;

		x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
		x = (x ^ x >> 27) * 0x94d049bb133111ebu;
		x ^= x >> 31;
		memcpy(out + i, &x, 8);
	}
}

static struct match_keys keys_of(unsigned n, bool crowd)
{
	struct match_keys k = { .has_id = crowd || n % 10 < 7 };

	scatter(k.ident, KEY_LEN, crowd ? 0 : n, 1);
	if (k.has_id)
		scatter(k.id, KEY_LEN, crowd ? 0 : n, 2);
	scatter(k.fields, KEY_LEN, crowd ? 0 : n, 3);
	return k;
}

struct mailbox {
	struct journal *j;
	int64_t run, inbox;
	unsigned items;
	bool crowd;
	struct err err;
};

static bool fill_store(struct mailbox *b)
{
	static const char *const folder[] = { "Work" };
	struct store_key key = { "mbox", "/mail", "/mail/Work", folder, 1, ROLE_NONE, "fp", "" };
	int64_t store;
	bool fresh;

	check(journal_store_begin(b->j, b->run, &key, &store, &fresh, &b->err), &b->err, "store");
	if (fresh)
		return true;
	check(journal_begin(b->j, &b->err), &b->err, "begin");
	for (unsigned n = 0; n < b->items; n++) {
		char locator[32];
		struct message m = {
			.locator = locator,
			.wire_len = b->crowd ? 5000 : 5000 + n % 1000,
			.header_len = 800,
			.message_id = "<20040102030405.12345.some.machine@mail.example.org>",
			.subject = "Re: a subject as people write them",
			.from = "Somebody Somewhere <somebody@example.org>",
			.internaldate = 1000000000 + n,
			.date = 1000000000 + n,
			.flags = { .system = n % 3 == 0 ? FLAG_SEEN : 0 },
			.keys = keys_of(n, b->crowd),
		};

		snprintf(locator, sizeof(locator), "%u@%u", n * 5000, 5000);
		scatter(m.sha256, SHA256_LEN, n, 5);
		scatter(m.essence, KEY_LEN, n, 6);
		check(journal_item_add(b->j, store, &m, &b->err), &b->err, "item");
		if (n % 10000 == 9999) {
			check(journal_commit(b->j, &b->err), &b->err, "commit");
			check(journal_begin(b->j, &b->err), &b->err, "begin");
		}
	}
	check(journal_commit(b->j, &b->err), &b->err, "commit");
	check(journal_store_done(b->j, store, "fp", &b->err), &b->err, "done");
	return false;
}

static void fill_remote(struct mailbox *b)
{
	struct remote_folder f = {
		.wire_name = "INBOX", .name = "INBOX", .separator = '/', .role = ROLE_INBOX
	};

	check(journal_folder_put(b->j, &f, &b->err), &b->err, "folder");
	b->inbox = f.id;
	check(journal_begin(b->j, &b->err), &b->err, "begin");
	for (unsigned n = 0; n < b->items; n++) {
		/* every second one is ours; in a crowd all look like it */
		struct remote_row row = {
			.folder = f.id,
			.uid = n + 1,
			.size = b->crowd ? 5000 : 5000 + n * 2 % 1000,
			.internaldate = 1000000000 + n,
			.keys = keys_of(n * 2, b->crowd),
		};

		check(journal_remote_put(b->j, &row, &b->err), &b->err, "remote");
	}
	check(journal_folder_indexed(b->j, f.id, 7, b->items + 1, b->items, 0, &b->err), &b->err,
	      "indexed");
	check(journal_commit(b->j, &b->err), &b->err, "commit");
}

static unsigned settle_all(struct mailbox *b)
{
	struct arena a = ARENA_INIT(1 << 20);
	struct match_cursor cursor = { 0 };
	struct match_candidate c;
	unsigned n = 0;

	check(journal_begin(b->j, &b->err), &b->err, "begin");
	while (match_candidate_next(b->j, b->run, &cursor, &a, &c, &b->err) > 0) {
		enum match_verdict v = b->crowd ? VERDICT_OTHER : VERDICT_SAME;

		check(match_candidate_settle(b->j, &c, v, &b->err), &b->err, "settle");
		arena_reset(&a);
		n++;
	}
	check(journal_commit(b->j, &b->err), &b->err, "commit");
	arena_release(&a);
	return n;
}

static void send_all(struct mailbox *b)
{
	static struct upload u[BATCH];
	struct arena a = ARENA_INIT(1 << 22);
	struct remote_folder t;
	int64_t ids[BATCH], cursor = 0;
	uint32_t uid = 1;
	unsigned sent = 0;
	double since = now();
	int n;

	while (journal_target_next(b->j, b->run, cursor ? t.id : 0, &a, &t, &b->err) > 0) {
		cursor = 0;
		while ((n = journal_uploads_next(b->j, b->run, t.id, BATCH, &a, u, &cursor,
						 &b->err)) > 0) {
			for (int i = 0; i < n; i++)
				ids[i] = u[i].id;
			check(journal_mark_inflight(b->j, ids, (size_t)n, 7, 1, &b->err), &b->err,
			      "in flight");
			check(journal_mark_stored(b->j, ids, (size_t)n, 7, uid, &b->err), &b->err,
			      "stored");
			uid += (uint32_t)n;
			sent += (unsigned)n;
			arena_reset(&a);
		}
		check(n, &b->err, "uploads");
	}
	arena_release(&a);
	step("upload states, 100 a batch", since, sent);
}

static void plan(struct mailbox *b)
{
	static const struct plan_options options;
	static const struct plan_server server = { "", '/', 0 };
	struct match_options match = plan_match_options(&options, RUN_RUN);
	struct balance sum;
	double all = now(), since = all;
	unsigned n;

	check(plan_folders(b->j, b->run, &options, &server, &b->err), &b->err, "folders");
	check(match_prepare(b->j, b->run, &match, &b->err), &b->err, "prepare");
	step("match_prepare", since, b->items);
	since = now();
	n = settle_all(b);
	step("candidates settled", since, n);
	since = now();
	check(match_finish(b->j, b->run, &b->err), &b->err, "finish");
	step("match_finish", since, b->items);
	since = now();
	check(plan_lines(b->j, b->run, &options, &server, &b->err), &b->err, "lines");
	step("plan_lines", since, b->items);
	since = now();
	check(journal_balance(b->j, b->run, 0, &sum, &b->err), &b->err, "balance");
	step("balance", since, b->items);
	step("plan, all of it", all, b->items);
	printf("  found %llu, open %llu, present %llu\n", (unsigned long long)sum.found,
	       (unsigned long long)sum.outcome[OUTCOME_OPEN],
	       (unsigned long long)sum.outcome[OUTCOME_PRESENT]);
}

static void work(const char *dir, const char *account, unsigned items, bool crowd)
{
	struct mailbox b = { .items = items, .crowd = crowd };

	printf("%s, %u items, %u on the server\n", account, items, items);
	check(journal_open(dir, account, &b.j, &b.err), &b.err, "open");
	for (int round = 0; round < 3; round++) {
		double all = now(), since = all;

		printf(" run %d\n", round + 1);
		check(journal_run_start(b.j, RUN_RUN, "{}", &b.run, &b.err), &b.err, "run");
		if (!fill_store(&b))
			step("items added", since, items);
		since = now();
		if (round == 0) {
			fill_remote(&b);
			step("remote rows added", since, items);
		}
		plan(&b);
		if (round == 0)
			send_all(&b);
		since = now();
		check(journal_run_finish(b.j, b.run, 0, &b.err), &b.err, "finish");
		step("run finished", since, items);
		if (round > 0)
			step("whole run", all, items);
	}
	journal_close(b.j);
}

int main(int argc, char **argv)
{
	unsigned items = argc > 2 ? (unsigned)atoi(argv[2]) : 20000;
	struct rusage use;

	if (argc < 2) {
		fprintf(stderr, "usage: bench_journal DIR [ITEMS [normal|crowd]]\n");
		return 64;
	}
	if (argc < 4 || strcmp(argv[3], "normal") == 0)
		work(argv[1], "normal", items, false);
	if (argc < 4 || strcmp(argv[3], "crowd") == 0)
		work(argv[1], "crowd", items, true);
	getrusage(RUSAGE_SELF, &use);
	printf("peak RSS %ld KiB\n", use.ru_maxrss);
	return 0;
}

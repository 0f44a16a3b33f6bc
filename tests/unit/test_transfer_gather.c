/*
 * gather(): stores into the journal; what has not changed is not read again, and
 * what may have changed in the same second is. source_set.h: each store once.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "transfer/transfer.h"

static const char pop_mail[] =
	"From - Thu Sep 13 12:30:05 2001\nX-Account-Key: account1\nX-UIDL: 000000016b02ab04\n"
	"X-Mozilla-Status: 0001\nX-Mozilla-Status2: 00000000\nFrom: a@example.org\n\nx\n\n"
	"From a@example.org Thu Sep 13 12:30:06 2001\n"
	"Return-Path: <a@example.org>\nDelivered-To: unknown\n"
	"Received: from a by b with POP3 getmail6 msgid:17; Thu, 13 Sep 2001 12:30:06 +0000\n"
	"From: a@example.org\n\nx\n\n"
	"From a@example.org Thu Sep 13 12:30:06 2001\nFrom: a@example.org\n\nx\n\n";

static const char mail[] = "From a@example.org Thu Sep 13 12:30:05 2001\n"
			   "From: a@example.org\nSubject: one\nMessage-ID: <1@example.org>\n\nx\n\n"
			   "From a@example.org Thu Sep 13 12:30:06 2001\n"
			   "From: a@example.org\nSubject: two\n\ny\n\n";

struct place {
	char dir[64], mbox[96], state[96];
};

static void make_place(struct place *p)
{
	snprintf(p->dir, sizeof(p->dir), "/tmp/mailhoist-gather-XXXXXX");
	cr_assert_not_null(mkdtemp(p->dir));
	snprintf(p->mbox, sizeof(p->mbox), "%s/inbox", p->dir);
	snprintf(p->state, sizeof(p->state), "%s/state", p->dir);
}

static void remove_place(const struct place *p)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -r '%s'", p->dir);
	cr_expect_eq(system(command), 0);
}

static void write_mbox(const struct place *p, const char *text, time_t age)
{
	struct timespec when[2] = { { .tv_sec = time(NULL) - age },
				    { .tv_sec = time(NULL) - age } };
	struct err err = ERR_INIT;
	int fd = open(p->mbox, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(fd_write(fd, text, strlen(text), &err), 0);
	cr_assert_eq(futimens(fd, when), 0);
	close(fd);
}

static struct transfer_tally run_gather(const struct place *p)
{
	struct source_options options = { 0 };
	struct transfer t = { 0 };
	struct err err = ERR_INIT;

	t.sources = source_set_new(&options);
	cr_assert_eq(source_set_add(t.sources, p->mbox, &err), 0, "%s", err.text);
	cr_assert_eq(journal_open(p->state, "a@example.org", &t.journal, &err), 0, "%s", err.text);
	cr_assert_eq(journal_run_start(t.journal, RUN_PLAN, "{}", &t.run, &err), 0);
	cr_assert_eq(gather(&t, NULL, &err), 0, "%s", err.text);
	journal_close(t.journal);
	source_set_free(t.sources);
	return t.tally;
}

Test(transfer, gather_reads_what_may_have_changed)
{
	struct place p;
	struct transfer_tally tally;

	make_place(&p);
	write_mbox(&p, mail, 0);
	tally = run_gather(&p);
	cr_expect_eq(tally.items, 2);
	tally = run_gather(&p);
	cr_expect_eq(tally.stores_cached, 0, "written in this second: not to be trusted");

	write_mbox(&p, mail, 100);
	tally = run_gather(&p);
	cr_expect_eq(tally.stores_cached, 0, "another mtime");
	tally = run_gather(&p);
	cr_expect_eq(tally.stores_cached, 1);
	cr_expect_eq(tally.items, 0);

	write_mbox(&p, mail, 50);
	tally = run_gather(&p);
	cr_expect_eq(tally.items, 2, "changed");
	remove_place(&p);
}

Test(transfer, source_set)
{
	struct source_options options = { 0 };
	struct source_set *set = source_set_new(&options);
	struct err err = ERR_INIT;
	char dotted[128];
	struct place p;

	make_place(&p);
	write_mbox(&p, mail, 0);
	snprintf(dotted, sizeof(dotted), "%s/./inbox", p.dir);
	cr_assert_eq(source_set_add(set, p.mbox, &err), 0, "%s", err.text);
	cr_expect_eq(source_set_add(set, dotted, &err), -1);
	cr_expect_eq(err.code, ERR_USAGE);
	cr_expect_eq(source_set_count(set), 1);
	cr_expect_str_eq(source_set_kind(set, 0), "mbox");
	cr_expect_str_eq(source_set_path(set, 0), p.mbox);

	CLEANUP(arena_release) struct arena a = ARENA_INIT(1u << 20);
	struct message m = { 0 };

	cr_expect_eq(source_set_find(set, "mbox", "/nowhere", "inbox@0+1:", &a, &m, &err), -1);
	cr_expect_eq(err.scope, SCOPE_MESSAGE);
	source_set_free(set);
	remove_place(&p);
}

Test(transfer, gather_keeps_what_pop_left)
{
	static const char want[] = "000000016b02ab04 1 0 0;17 1 107 30;- 0 0 0";
	struct place p;
	struct err err = ERR_INIT;
	struct journal *j;
	sqlite3_stmt *st;

	make_place(&p);
	write_mbox(&p, pop_mail, 100);
	run_gather(&p);
	cr_assert_eq(journal_open_readonly(p.state, "a@example.org", &j, &err), 0, "%s", err.text);
	st = db_stmt(journal_db(j),
		     "SELECT group_concat(coalesce(uidl, '-') || ' ' || pop_fetched || ' ' ||"
		     " pop_lead || ' ' || pop_path, ';') FROM (SELECT * FROM item ORDER BY id)",
		     &err);
	cr_assert_not_null(st);
	cr_assert_eq(db_step(journal_db(j), st, &err), 1);
	cr_expect_str_eq((const char *)sqlite3_column_text(st, 0), want);
	sqlite3_reset(st);
	journal_close(j);
	remove_place(&p);
}

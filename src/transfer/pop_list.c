/*
 * Asking the POP3 server which UIDLs its messages have, where these say nothing by
 * themselves. Twice, at most: its list before INBOX is read (some servers let nobody
 * in by IMAP while POP is at work), and afterwards the headers of what could not be
 * found in INBOX by size and order.
 */
#include "base/stop.h"
#include "journal/pop.h"
#include "match/pop_list.h"
#include "message/header.h"
#include "message/keys.h"
#include "pop3/pop3.h"
#include "transfer/internal.h"

#define HEADERS_MAX 5000 /* asked of the POP3 server; beyond that contents are compared */

/* What the user must put right stops the run; what may pass costs only this help. */
static int fail_or_note(struct transfer *t, const struct err *cause, struct err *err)
{
	if (cause->retry == RETRY_NEVER || cause->code == ERR_INTERRUPTED) {
		*err = *cause;
		return -1;
	}
	progress_note(t->progress, "%s; UIDLs of its own make are not known then", cause->text);
	return transfer_notice(t, 0, "pop3", 1, t->pop3->host, cause->text, err);
}

/* ---- the list ---- */

static int read_list(struct transfer *t, struct pop3 *p, struct err *err)
{
	struct pop3_row row;
	int got;

	if (pop3_uidls_start(p, err) < 0)
		return -1;
	while ((got = pop3_row_next(p, &row, err)) > 0)
		if (journal_pop_list_add(t->journal, row.number, row.uidl, err) < 0)
			return -1;
	if (got < 0 || pop3_sizes_start(p, err) < 0)
		return -1;
	while ((got = pop3_row_next(p, &row, err)) > 0)
		if (journal_pop_list_size(t->journal, row.number, row.size, err) < 0)
			return -1;
	return got;
}

static int ask_list(struct transfer *t, struct err *err)
{
	struct pop3 *p;

	if (pop3_open(t->pop3, &p, err) < 0)
		return -1;
	if (journal_begin(t->journal, err) < 0) {
		pop3_close(p);
		return -1;
	}
	if (read_list(t, p, err) < 0) {
		journal_rollback(t->journal);
		pop3_close(p);
		return -1;
	}
	pop3_close(p);
	return journal_commit(t->journal, err);
}

int pop_list_ask(struct transfer *t, struct err *err)
{
	struct err cause = ERR_INIT;

	if (!t->pop3 || t->no_uidl)
		return 0;
	progress_update(t->progress, "asking the POP3 server", 0, 0, 0);
	return ask_list(t, &cause) == 0 ? 0 : fail_or_note(t, &cause, err);
}

/* ---- headers ---- */

struct headers {
	struct transfer *t;
	struct pop3 *pop3;
	struct keyer *keyer;
	struct buf header;
};

static void headers_release(struct headers *h)
{
	pop3_close(h->pop3);
	keyer_free(h->keyer);
	buf_release(&h->header);
}

static int read_header(struct headers *h, uint32_t number, struct err *err)
{
	struct match_keys keys;
	int got = pop3_header(h->pop3, number, &h->header, err);

	if (got <= 0)
		return got;
	if (keyer_run(h->keyer, buf_slice(&h->header), &keys, NULL, NULL, err) < 0)
		return -1;
	return match_pop_header(h->t->journal, number, keys.fields, err);
}

static int read_headers(struct headers *h, uint32_t number, struct err *err)
{
	int got = 1;

	if (pop3_open(h->t->pop3, &h->pop3, err) < 0)
		return -1;
	h->keyer = keyer_new(err);
	if (!h->keyer)
		return -1;
	for (int n = 0; n < HEADERS_MAX && got > 0; n++) {
		if (stop_check(err) < 0 || read_header(h, number, err) < 0)
			return -1;
		got = match_pop_unaligned(h->t->journal, h->t->run, number, &number, err);
	}
	return got < 0 ? -1 : 0;
}

int pop_list_settle(struct transfer *t, struct err *err)
{
	CLEANUP(headers_release)
	struct headers h = { .t = t, .header = BUF_INIT(HEADER_BLOCK_MAX) };
	struct err cause = ERR_INIT;
	struct uidl_place place;
	uint32_t number;
	int got;

	if (!t->pop3 || t->no_uidl)
		return 0;
	got = match_pop_place(t->journal, t->run, &place, err);
	if (got <= 0)
		return got;
	if (match_pop_align(t->journal, &place, err) < 0)
		return -1;
	got = match_pop_unaligned(t->journal, t->run, 0, &number, err);
	if (got <= 0)
		return got;
	if (read_headers(&h, number, &cause) < 0 && fail_or_note(t, &cause, err) < 0)
		return -1;
	return match_pop_by_header(t->journal, &place, err);
}

/*
 * Filing by the server. All copies first, then the moves, for an original can be
 * moved only once.
 *
 * A page of messages is marked in flight, with the UIDNEXT of their targets, and then
 * looked at again: between the plan and now the user's old program may have deleted or
 * moved what it left on the server. What is still as it was planned goes to the server
 * at once, in groups (one origin folder, one target). While the server is at work the
 * next page is loaded and marked, and the answers to the one before are written down.
 * COPYUID tells what became of each; without it, or when the answer never came, the
 * target's index does, as for uploads (recover.c), once nothing is on its way. What
 * cannot be filed is uploaded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/stop.h"
#include "journal/clearing.h"
#include "transfer/filing_work.h"

#define PAGE_FIRST	 500 /* nothing is on its way while it is made ready */
#define PAGE_FIRST_HURRY 5   /* tests need more than one */
#define PAGE_ARENA_MAX	 (16u << 20)
#define NAME_ARENA_MAX	 (1u << 20)
#define PASSES_MAX	 3 /* the server refuses, or says OK, and nothing has come */

static struct filing *filing_new(struct transfer *t, enum file_mode mode, bool include_partial,
				 struct err *err)
{
	struct filing *f = calloc(1, sizeof(*f));

	if (!f) {
		err_nomem(err);
		return NULL;
	}
	f->t = t;
	f->mode = mode;
	f->include_partial = include_partial;
	f->names = (struct arena)ARENA_INIT(NAME_ARENA_MAX);
	f->ready.arena = (struct arena)ARENA_INIT(NAME_ARENA_MAX);
	for (size_t i = 0; i < PAGES; i++)
		f->pages[i].arena = (struct arena)ARENA_INIT(PAGE_ARENA_MAX);
	return f;
}

static void filing_free(struct filing *f)
{
	for (size_t i = 0; i < PAGES; i++)
		arena_release(&f->pages[i].arena);
	arena_release(&f->ready.arena);
	arena_release(&f->names);
	free(f);
}

/* ---- giving up ---- */

int filing_fall_back(struct filing *f, struct upload *const *u, size_t n, const char *why,
		     struct err *err)
{
	int result = 0;

	if (n == 0)
		return 0;
	if (journal_begin(f->t->journal, err) < 0)
		return -1;
	for (size_t i = 0; i < n && result == 0; i++) {
		f->t->tally.leftovers_gone++;
		result = plan_fall_back(f->t->journal, u[i]->id, why, f->include_partial, err);
	}
	if (result == 0)
		return journal_commit(f->t->journal, err);
	journal_rollback(f->t->journal);
	return -1;
}

/* ---- pages ---- */

/* Nothing new is sent before what is on its way has ended. */
static bool holds_back(const struct filing *f)
{
	return f->throttled || f->renamed || f->doubt;
}

static struct page *free_page(struct filing *f)
{
	for (size_t i = 0; i < PAGES; i++)
		if (f->pages[i].state == PAGE_FREE)
			return &f->pages[i];
	return NULL; /* cannot be: two are marked or sent, at most */
}

/* The page goes back: it is loaded again when its turn has come. */
static void put_back(struct filing *f, struct page *p)
{
	p->state = PAGE_FREE;
	f->cursor = p->cursor;
	f->at_end = false;
}

/* What is marked is not sent after all. */
static int put_back_marked(struct filing *f, struct err *err)
{
	f->marked = NULL;
	for (size_t i = 0; i < PAGES; i++) {
		struct page *p = &f->pages[i];

		if (p->state != PAGE_MARKED)
			continue;
		if (page_unmark(f, p, err) < 0)
			return -1;
		put_back(f, p);
	}
	return 0;
}

/* The next page, its targets made ready; NULL: none now. A server that tells no COPYUID leaves
 * every page in doubt: one at a time. */
static int next_page(struct filing *f, struct page **out, struct err *err)
{
	bool alone = !(session_capabilities(f->t->session) & CAP_UIDPLUS);
	struct page *p = free_page(f);
	int n;

	*out = NULL;
	if (f->at_end || holds_back(f) || (alone && (f->marked || f->sent)))
		return 0;
	if (stop_check(err) < 0)
		return -1;
	n = page_load(f, p, f->page_len, err);
	if (n < 0)
		return -1;
	f->at_end = n == 0;
	if (n == 0)
		return 0;
	f->page_len = f->page_len * 2 < FILING_PAGE ? f->page_len * 2 : FILING_PAGE;
	if (page_ready_places(f, p, err) < 0)
		return -1;
	if (f->renamed || f->throttled || p->n == 0)
		put_back(f, p);
	else
		*out = p;
	return 0;
}

/* Each page goes one step on: while the server is busy with what has just been sent, the next is
 * marked and the one before is finished. */
static int advance(struct filing *f, struct err *err)
{
	struct page *next;

	if (next_page(f, &next, err) < 0)
		return -1;
	if (holds_back(f) && put_back_marked(f, err) < 0)
		return -1;
	if (f->marked && page_send(f, f->marked, err) < 0)
		return -1;
	if (next && page_mark(f, next, err) < 0)
		return -1;
	if (f->sent && page_finish(f, f->sent, err) < 0)
		return -1;
	f->sent = f->marked;
	f->marked = next;
	return 0;
}

static int settle_pages(struct filing *f, struct err *err)
{
	for (size_t i = 0; i < PAGES && f->doubt; i++)
		if (page_settle(f, &f->pages[i], err) < 0)
			return -1;
	f->doubt = false;
	return 0;
}

static void begin_pass(struct filing *f, enum filing_method method)
{
	f->method = method;
	f->moves = method == METHOD_MOVE && session_capabilities(f->t->session) & CAP_MOVE;
	f->renamed = f->doubt = f->at_end = false;
	f->marked = f->sent = NULL;
	f->cursor = 0;
	f->page_len = fault_hurry() ? PAGE_FIRST_HURRY : PAGE_FIRST;
	for (size_t i = 0; i < PAGES; i++) {
		f->pages[i].state = PAGE_FREE;
		f->pages[i].n_places = 0;
	}
}

/* Once over all that is planned: 1 there was something, 0 nothing, -1. */
static int file_pass(struct filing *f, enum filing_method method, struct err *err)
{
	bool any = false;

	begin_pass(f, method);
	for (;;) {
		if (advance(f, err) < 0) {
			struct err lost = ERR_INIT;

			(void)put_back_marked(f, &lost); /* if not, the next run finds out */
			return -1;
		}
		any |= f->marked != NULL;
		if (f->marked || f->sent)
			continue;
		if (settle_pages(f, err) < 0)
			return -1;
		if (f->throttled || f->renamed)
			return 1;
		if (f->at_end)
			return any;
	}
}

/* What is left goes up. */
static int give_up(struct filing *f, enum filing_method method, struct err *err)
{
	struct page *p = &f->pages[0];
	int n;

	begin_pass(f, method);
	while ((n = page_load(f, p, FILING_PAGE, err)) > 0)
		if (filing_fall_back(f, p->u, p->n, f->reason, err) < 0)
			return -1;
	return n;
}

/* The server asks for patience: wait, longer each time. What does not go away stops the account. */
static int be_patient(struct filing *f, struct err *err)
{
	if (!f->throttled) {
		f->pauses = 0;
		return 0;
	}
	f->throttled = false;
	if (f->pauses++ >= transfer_tries(f->t, &f->put_off))
		return err_set(err, ERR_TEMPFAIL, SCOPE_ACCOUNT, RETRY_LATER,
			       "the server does not copy messages for now");
	return transfer_pause_for(f->t, &f->put_off, f->pauses - 1, err);
}

static int file_method(struct filing *f, enum filing_method method, struct err *err)
{
	snprintf(f->reason, sizeof(f->reason), "the server has not copied it");
	for (int pass = 0;; pass++) {
		int got = pass < PASSES_MAX ? file_pass(f, method, err) : give_up(f, method, err);

		if (got <= 0)
			return got;
		if (f->throttled || f->renamed)
			pass--;
		if (be_patient(f, err) < 0)
			return -1;
	}
}

/* A server that cannot take single messages away again only copies. */
static int moves_as_copies(struct filing *f, struct err *err)
{
	uint64_t n;

	if (session_capabilities(f->t->session) & (CAP_MOVE | CAP_UIDPLUS))
		return 0;
	if (journal_filing_as_copy(f->t->journal, f->t->run, &n, err) < 0)
		return -1;
	return n == 0 ? 0
		      : transfer_notice(f->t, 0, "copied-not-moved", n, NULL,
					"copied, not moved: the server cannot take away single"
					" messages",
					err);
}

/* Originals of moves on a server without MOVE, and of what earlier runs have copied. */
static int clear_inbox(struct filing *f, struct err *err)
{
	struct transfer *t = f->t;

	if (!(session_capabilities(t->session) & CAP_UIDPLUS))
		return 0;
	if (journal_clearing_begin(t->journal, t->run, err) < 0)
		return -1;
	fault_point("file-clearing");
	f->open = 0;
	return origins_remove(t, err);
}

static int tell_cleared(struct filing *f, struct err *err)
{
	struct transfer *t = f->t;
	uint64_t n;

	if (journal_cleared(t->journal, t->run, &n, err) < 0)
		return -1;
	return n == 0 ? 0
		      : transfer_notice(t, 0, "originals-removed", n, NULL,
					"messages in INBOX, copied into their folders by an earlier"
					" run, were taken away there",
					err);
}

/* ---- all of it ---- */

static int file_all(struct filing *f, struct err *err)
{
	int got;

	f->open = 0;
	f->throttled = false;
	if (moves_as_copies(f, err) < 0 || file_method(f, METHOD_COPY, err) < 0 ||
	    file_method(f, METHOD_MOVE, err) < 0)
		return -1;
	if (f->mode == FILE_MOVE && clear_inbox(f, err) < 0)
		return -1;
	got = f->t->session && f->open != 0 ? session_unselect(f->t->session, err) : 0;
	f->open = 0;
	return got;
}

/* The line was lost for the reason in *cause: get it back, and find out what is there. */
static int get_back(struct filing *f, uint32_t *losses, const struct err *cause, struct err *err)
{
	struct transfer *t = f->t;

	t->lost_at_ms = time_monotonic_ms();
	*losses = t->tally.filed > f->filed_at_loss ? 1 : *losses + 1;
	f->filed_at_loss = t->tally.filed;
	t->tally.reconnects++;
	if (*losses > transfer_tries(t, cause)) {
		*err = *cause;
		err->retry = RETRY_LATER;
		return -1;
	}
	transfer_disconnect(t);
	if (transfer_pause_for(t, cause, *losses - 1, err) < 0)
		return -1;
	return recover(t, err);
}

static int file_patiently(struct filing *f, struct err *err)
{
	uint32_t losses = 0;

	for (;;) {
		struct err cause = ERR_INIT;

		if (stop_check(err) < 0 || transfer_connect(f->t, err) < 0)
			return -1;
		if (file_all(f, &cause) == 0)
			return 0;
		if (!transfer_line_lost(&cause) &&
		    !(f->t->session && session_is_dead(f->t->session))) {
			*err = cause;
			return -1;
		}
		if (get_back(f, &losses, &cause, err) < 0)
			return -1;
	}
}

int filing(struct transfer *t, enum file_mode mode, bool include_partial, struct err *err)
{
	struct balance balance;
	struct filing *f;
	bool any;
	int result;

	if (mode < FILE_COPY)
		return 0;
	if (journal_has_filings(t->journal, t->run, &any, err) < 0)
		return -1;
	if (!any && mode != FILE_MOVE)
		return 0;
	if (journal_balance(t->journal, t->run, 0, &balance, err) < 0)
		return -1;
	/* a move may have originals left to remove */
	if (balance.outcome[OUTCOME_TO_FILE] == 0 && mode != FILE_MOVE)
		return 0;
	f = filing_new(t, mode, include_partial, err);
	if (!f)
		return -1;
	f->total = balance.outcome[OUTCOME_TO_FILE];
	result = file_patiently(f, err);
	if (result == 0)
		result = tell_cleared(f, err);
	filing_free(f);
	return result;
}

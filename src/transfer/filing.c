/*
 * Filing by the server. All copies first, target by target, then the moves, for an
 * original can be moved only once.
 *
 * A group (messages of one origin folder that go into one target) is looked at again
 * before it is used: between the plan and now the user's old program may have deleted
 * or moved what it left on the server. What is still as it was planned is marked in
 * flight, with the target's UIDNEXT, and only then copied. COPYUID tells what became of each;
 * without it, or when the answer never came, the target's index does, as for uploads
 * (recover.c). What cannot be filed is uploaded.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/stop.h"
#include "transfer/filing.h"
#include "transfer/lane.h"

#define PAGE_ARENA_MAX (16u << 20)
#define NAME_ARENA_MAX (1u << 20)
#define PASSES_MAX     3 /* over a target: the server refuses, or says OK, and nothing has come */
#define POLL_MS	       500
#define STOP_GRACE_MS  15000 /* after a signal: for the answers to what has been sent */

struct filing {
	struct transfer *t;
	enum file_mode mode;
	bool include_partial;
	struct arena page_arena, names, target_arena;
	struct remote_folder target;
	bool target_ready; /* it is there, `uidvalidity` and `base` are known */
	uint32_t uidvalidity, base;
	int64_t open; /* folder that is selected; 0: none */
	uint32_t open_uidvalidity;
	bool in_doubt;	 /* something was sent, and its answer does not tell where it is */
	bool throttled;	 /* the last answer asked for patience */
	uint32_t pauses; /* in a row */
	bool give_up;	 /* what is left of this target goes up, */
	char reason[ERR_TEXT_MAX]; /* because of this */
	uint64_t total, filed_at_loss;
};

static void filing_release(struct filing *f)
{
	arena_release(&f->page_arena);
	arena_release(&f->names);
	arena_release(&f->target_arena);
}

/* ---- giving up ---- */

static int fall_back(struct filing *f, const struct upload *u, const char *why, struct err *err)
{
	f->t->tally.leftovers_gone++;
	return plan_fall_back(f->t->journal, u->id, why, f->include_partial, err);
}

static int fall_back_all(struct filing *f, struct upload *const *u, size_t n, const char *why,
			 struct err *err)
{
	int result = 0;

	if (n == 0)
		return 0;
	if (journal_begin(f->t->journal, err) < 0)
		return -1;
	for (size_t i = 0; i < n && result == 0; i++)
		result = fall_back(f, u[i], why, err);
	if (result == 0)
		return journal_commit(f->t->journal, err);
	journal_rollback(f->t->journal);
	return -1;
}

/* ---- the origin ---- */

static int by_uid(const void *a, const void *b)
{
	const struct upload *const *x = a, *const *y = b;

	return (*x)->origin_uid < (*y)->origin_uid ? -1 : (*x)->origin_uid > (*y)->origin_uid;
}

/* The one of `n`, ascending, whose origin has this UID; n: none. */
static size_t find_uid(struct upload *const *u, size_t n, uint32_t uid)
{
	struct upload key = { .origin_uid = uid };
	const struct upload *wanted = &key;
	struct upload *const *at = bsearch(&wanted, u, n, sizeof(*u), by_uid);

	return at ? (size_t)(at - u) : n;
}

/* Open a folder: 1; 0: it cannot be opened, *err tells; -1. */
static int open_folder(struct filing *f, int64_t folder, bool writing, struct err *err)
{
	struct session *s = f->t->session;
	struct remote_folder origin;
	struct selected sel;
	int got;

	if (f->open == folder)
		return 1;
	f->open = 0;
	arena_reset(&f->names);
	got = journal_folder_get(f->t->journal, folder, &f->names, &origin, err);
	if (got == 0)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "the journal lost a folder that messages are in");
	if (got < 0)
		return -1;
	got = writing ? session_select(s, origin.wire_name, &sel, err)
		      : session_examine(s, origin.wire_name, &sel, err);
	if (got < 0)
		return transfer_folder_shut(err) ? 0 : -1;
	f->open = folder;
	f->open_uidvalidity = sel.uidvalidity;
	return 1;
}

/* Is the message of the server still the one that was planned with? */
static bool as_planned(const struct upload *u, const struct found_message *m)
{
	return origin_same(m, u) && !(m->flags.system & FLAG_DELETED);
}

/* Leave in u[] and uids[] those that are still there; the others go up. */
static int look_again(struct filing *f, struct upload **u, uint32_t *uids, size_t *n,
		      struct err *err)
{
	static const char gone[] = "the server's copy has vanished or changed";
	struct upload *lost[FILING_PAGE];
	struct found_message *found = arena_alloc(&f->page_arena, *n * sizeof(*found));
	size_t kept = 0, n_lost = 0;

	if (f->open_uidvalidity != u[0]->origin_uidvalidity) {
		size_t all = *n;

		*n = 0;
		return fall_back_all(f, u, all, "its folder on the server has been made anew", err);
	}
	if (!found)
		return err_nomem(err);
	if (uids_look(f->t, uids, *n, false, &f->page_arena, found, err) < 0)
		return -1;
	for (size_t i = 0; i < *n; i++) {
		if (!as_planned(u[i], &found[i])) {
			lost[n_lost++] = u[i];
			continue;
		}
		u[kept] = u[i];
		uids[kept++] = uids[i];
	}
	*n = kept;
	return fall_back_all(f, lost, n_lost, gone, err);
}

/* ---- the target ---- */

/* 1: ready; 0: the server refuses the folder; -1. Closes nothing. */
static int ready_target(struct filing *f, struct err *err)
{
	struct folder_status now;
	bool created;
	int got;

	if (f->target_ready)
		return 1;
	got = target_ensure(f->t, &f->target, &f->target_arena, &created, err);
	if (got <= 0)
		return got;
	if (session_status(f->t->session, f->target.wire_name, &now, err) < 0)
		return transfer_folder_shut(err) ? 0 : -1;
	f->uidvalidity = now.uidvalidity;
	f->base = now.uidnext;
	f->target_ready = true;
	return 1;
}

/* Find out from the target's index what has become of all that is in flight there. */
static int settle_target(struct filing *f, struct err *err)
{
	int got;

	if (!f->in_doubt)
		return 0;
	f->in_doubt = false;
	f->open = 0;
	got = index_folder(f->t, &f->target, err);
	if (got < 0)
		return -1;
	return settle_doubts(f->t, &f->target, got > 0, NULL, err);
}

/* ---- a group ---- */

struct group {
	struct upload **u; /* ascending by origin_uid, each once */
	uint32_t *uids;
	int64_t *ids;
	bool *stored;
	size_t n;
	bool moves; /* by MOVE: the origin goes with it */
};

static int stored(struct filing *f, const struct group *g, size_t i, uint32_t uid, struct err *err)
{
	struct journal *j = f->t->journal;

	if (uid < f->base || g->stored[i])
		return 0;
	g->stored[i] = true;
	f->t->tally.filed++;
	f->t->tally.filed_octets += g->u[i]->wire_len;
	if (journal_mark_stored(j, &g->ids[i], 1, f->uidvalidity, uid, err) < 0)
		return -1;
	return g->moves ? journal_origin_gone(j, &g->ids[i], 1, err) : 0;
}

/* The pairs of COPYUID. */
static int store_pairs(struct filing *f, const struct group *g, const struct append_result *r,
		       struct err *err)
{
	size_t to = 0;
	uint32_t next = r->n_to > 0 ? r->to[0].first : 0;

	if (r->uidvalidity != f->uidvalidity)
		return 0;
	for (size_t from = 0; from < r->n_from; from++) {
		for (uint64_t uid = r->from[from].first; uid <= r->from[from].last; uid++) {
			size_t i = find_uid(g->u, g->n, (uint32_t)uid);

			if (i < g->n && stored(f, g, i, next, err) < 0)
				return -1;
			if (next < r->to[to].last)
				next++;
			else if (++to < r->n_to)
				next = r->to[to].first;
			else
				return 0;
		}
	}
	return 0;
}

static int write_pairs(struct filing *f, const struct group *g, const struct append_result *r,
		       struct err *err)
{
	fault_point("file-answered");
	if (journal_begin(f->t->journal, err) < 0)
		return -1;
	if (store_pairs(f, g, r, err) < 0) {
		journal_rollback(f->t->journal);
		return -1;
	}
	if (journal_commit(f->t->journal, err) < 0)
		return -1;
	fault_point("file-stored");
	return 0;
}

/* What a NO means for the rest. What of it the server did all the same, the index tells. */
static int refused(struct filing *f, const struct append_result *r, struct err *err)
{
	f->in_doubt = true;
	switch (r->refusal) {
	case REFUSAL_QUOTA:
		return err_set(err, ERR_QUOTA, SCOPE_ACCOUNT, RETRY_LATER,
			       "'%s': the account is full: %s", f->target.name, r->text);
	case REFUSAL_NO_FOLDER:
		f->target_ready = false;
		return 0;
	case REFUSAL_THROTTLED:
	case REFUSAL_SERVER:
		f->throttled = true;
		return 0;
	default:
		/* One that has vanished spoils a whole COPY (RFC 5530 EXPUNGEISSUED): look again.
		 */
		snprintf(f->reason, sizeof(f->reason), "the server refused to copy it: %s",
			 r->text);
		return 0;
	}
}

/* Take in the answers to `left` commands. After a stop signal what was sent is still answered, for
 * a while. */
static int reap_all(struct filing *f, const struct group *g, size_t left, struct err *err)
{
	struct session *const sessions[] = { f->t->session };
	struct err stop = ERR_INIT;
	struct append_result r;
	int64_t give_up = 0;

	while (left > 0) {
		int got = session_reap(f->t->session, &r, err);

		if (got < 0)
			return -1;
		if (got > 0) {
			left--;
			got = r.ok ? write_pairs(f, g, &r, err) : refused(f, &r, err);
			if (got < 0)
				return -1;
			continue;
		}
		if (session_poll(sessions, 1, POLL_MS, &stop) == 0)
			continue;
		if (give_up == 0)
			give_up = time_monotonic_ms() + STOP_GRACE_MS;
		if (time_monotonic_ms() >= give_up)
			break;
	}
	if (stop.code == ERR_NONE)
		return 0;
	*err = stop;
	return -1;
}

static int submit(struct filing *f, const struct group *g, struct err *err)
{
	struct session *s = f->t->session;
	size_t commands = 0, taken;
	int result = 0;

	for (size_t done = 0; done < g->n; done += taken, commands++) {
		int64_t ticket = g->moves ? session_move(s, g->uids + done, g->n - done,
							 f->target.wire_name, &taken, err)
					  : session_copy(s, g->uids + done, g->n - done,
							 f->target.wire_name, &taken, err);

		if (ticket < 0)
			return -1;
	}
	if (session_poll(&s, 1, 0, err) < 0)
		return -1;
	fault_point("file-sent");
	result = reap_all(f, g, commands, err);
	for (size_t i = 0; i < g->n; i++)
		f->in_doubt |= !g->stored[i];
	return result;
}

static int copy_group(struct filing *f, struct group *g, struct err *err)
{
	for (size_t i = 0; i < g->n; i++)
		g->ids[i] = g->u[i]->id;
	if (journal_mark_inflight(f->t->journal, g->ids, g->n, f->uidvalidity, f->base, err) < 0)
		return -1;
	fault_point("file-before-copy");
	return submit(f, g, err);
}

/* A server that cannot take single messages away again only copies. */
static int as_copies(struct filing *f, struct group *g, struct err *err)
{
	for (size_t i = 0; i < g->n; i++)
		g->ids[i] = g->u[i]->id;
	if (journal_filing_as_copy(f->t->journal, g->ids, g->n, err) < 0)
		return -1;
	return transfer_notice(f->t, 0, "copied-not-moved", g->n, f->target.name,
			       "copied, not moved: the server cannot take away single messages",
			       err);
}

static int file_group(struct filing *f, struct upload **u, size_t n, struct err *err)
{
	uint32_t uids[FILING_PAGE];
	int64_t ids[FILING_PAGE];
	bool done[FILING_PAGE] = { false };
	struct group g = { .u = u, .uids = uids, .ids = ids, .stored = done };
	uint32_t caps = session_capabilities(f->t->session);
	bool move = u[0]->method == METHOD_MOVE;
	struct err cause = ERR_INIT;
	int got;

	for (size_t i = 0; i < n; i++)
		uids[i] = u[i]->origin_uid;
	if (move && !(caps & (CAP_MOVE | CAP_UIDPLUS))) {
		g.n = n;
		if (as_copies(f, &g, err) < 0)
			return -1;
		move = false;
	}
	g.moves = move && (caps & CAP_MOVE);
	got = ready_target(f, &cause);
	if (got > 0)
		got = open_folder(f, u[0]->origin_folder, g.moves, &cause);
	if (got == 0)
		return fall_back_all(f, u, n, cause.text, err);
	if (got < 0) {
		*err = cause;
		return -1;
	}
	if (look_again(f, u, uids, &n, err) < 0)
		return -1;
	g.n = n;
	return n > 0 ? copy_group(f, &g, err) : 0;
}

/* ---- a target ---- */

/* How many of the next `n` go into one group: one origin folder, UIDs ascending. */
static size_t group_len(struct upload *const *u, size_t n)
{
	size_t i = 1;

	while (i < n && u[i]->origin_folder == u[0]->origin_folder &&
	       u[i]->origin_uid > u[i - 1]->origin_uid &&
	       u[i]->origin_uidvalidity == u[0]->origin_uidvalidity)
		i++;
	return i;
}

/* The next page of what is planned: its number, 0, -1. */
static int load_page(struct filing *f, enum filing_method method, struct upload **u,
		     int64_t *cursor, struct err *err)
{
	struct upload *page;
	int n;

	arena_reset(&f->page_arena);
	page = arena_alloc(&f->page_arena, FILING_PAGE * sizeof(*page));
	if (!page)
		return err_nomem(err);
	n = journal_filings_next(f->t->journal, f->t->run, method, f->target.id, FILING_PAGE,
				 &f->page_arena, page, cursor, err);
	for (int i = 0; i < n; i++)
		u[i] = &page[i];
	return n;
}

/* Once over all that is planned: 1 there was something, 0 nothing, -1. */
static int file_pass(struct filing *f, enum filing_method method, struct err *err)
{
	struct upload *u[FILING_PAGE];
	int64_t cursor = 0;
	bool any = false;
	int n;

	while ((n = load_page(f, method, u, &cursor, err)) > 0) {
		any = true;
		if (f->give_up && fall_back_all(f, u, (size_t)n, f->reason, err) < 0)
			return -1;
		for (size_t at = 0, len; !f->give_up && at < (size_t)n; at += len) {
			len = group_len(u + at, (size_t)n - at);
			if (stop_check(err) < 0 || file_group(f, u + at, len, err) < 0)
				return -1;
			progress_update(f->t->progress, "filing on the server", f->t->tally.filed,
					f->total, 0);
			if (f->throttled)
				break;
		}
		if (f->throttled)
			break;
	}
	if (n < 0 || settle_target(f, err) < 0)
		return -1;
	return any;
}

/* The server asks for patience: wait, longer each time. What does not go away stops the account. */
static int be_patient(struct filing *f, struct err *err)
{
	if (!f->throttled) {
		f->pauses = 0;
		return 0;
	}
	f->throttled = false;
	if (f->pauses++ >= transfer_limits(f->t).retry_max)
		return err_set(err, ERR_TEMPFAIL, SCOPE_ACCOUNT, RETRY_LATER,
			       "'%s': the server does not copy messages for now", f->target.name);
	return transfer_pause(f->t, transfer_backoff_ms(f->t, f->pauses - 1), err);
}

/* Before anything is loaded: the server may make another name of it, and with it another target. A
 * refusal is told of with each message. */
static int find_target(struct filing *f, struct err *err)
{
	struct err refused = ERR_INIT;

	f->target_ready = false;
	if (ready_target(f, &refused) >= 0)
		return 0;
	*err = refused;
	return -1;
}

static int file_target(struct filing *f, enum filing_method method, struct err *err)
{
	int got = find_target(f, err);

	if (got < 0)
		return -1;
	snprintf(f->reason, sizeof(f->reason), "the server has not copied it");
	for (int pass = 0;; pass++) {
		f->give_up = pass >= PASSES_MAX;
		got = file_pass(f, method, err);
		if (got <= 0)
			return got;
		if (f->throttled)
			pass--;
		if (be_patient(f, err) < 0)
			return -1;
	}
}

static int file_method(struct filing *f, enum filing_method method, struct err *err)
{
	int64_t after = 0;
	int got;

	for (;;) {
		arena_reset(&f->target_arena);
		got = journal_filing_target_next(f->t->journal, f->t->run, method, after,
						 &f->target_arena, &f->target, err);
		if (got <= 0)
			return got;
		after = f->target.id;
		if (file_target(f, method, err) < 0)
			return -1;
	}
}

/* ---- all of it ---- */

static int file_all(struct filing *f, struct err *err)
{
	int got;

	f->open = 0;
	f->in_doubt = f->throttled = false;
	if (file_method(f, METHOD_COPY, err) < 0 || file_method(f, METHOD_MOVE, err) < 0)
		return -1;
	/* moves that turned out to be copies */
	if (file_method(f, METHOD_COPY, err) < 0)
		return -1;
	if (f->mode == FILE_MOVE && origins_remove(f->t, err) < 0)
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
	if (*losses > transfer_limits(t).retry_max) {
		*err = *cause;
		err->retry = RETRY_LATER;
		return -1;
	}
	progress_note(t->progress, "%s; connecting again", cause->text);
	transfer_disconnect(t);
	if (transfer_pause(t, transfer_backoff_ms(t, *losses - 1), err) < 0)
		return -1;
	return recover(t, err);
}

int filing(struct transfer *t, enum file_mode mode, bool include_partial, struct err *err)
{
	CLEANUP(filing_release)
	struct filing f = {
		.t = t,
		.mode = mode,
		.include_partial = include_partial,
		.page_arena = ARENA_INIT(PAGE_ARENA_MAX),
		.names = ARENA_INIT(NAME_ARENA_MAX),
		.target_arena = ARENA_INIT(NAME_ARENA_MAX),
	};
	struct balance balance;
	uint32_t losses = 0;

	if (mode < FILE_COPY)
		return 0;
	if (journal_balance(t->journal, t->run, 0, &balance, err) < 0)
		return -1;
	f.total = balance.outcome[OUTCOME_TO_FILE];
	for (;;) {
		struct err cause = ERR_INIT;

		if (stop_check(err) < 0 || transfer_connect(t, err) < 0)
			return -1;
		if (file_all(&f, &cause) == 0)
			return 0;
		if (!transfer_line_lost(&cause) && !(t->session && session_is_dead(t->session))) {
			*err = cause;
			return -1;
		}
		if (get_back(&f, &losses, &cause, err) < 0)
			return -1;
	}
}

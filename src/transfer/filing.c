/*
 * Filing by the server. All copies first, then the moves, for an original can be
 * moved only once.
 *
 * A page of messages is looked at again before it is used: between the plan and now
 * the user's old program may have deleted or moved what it left on the server. What
 * is still as it was planned goes to the server in groups (one origin folder, one
 * target). Each is marked in flight, with the target's UIDNEXT, and only then copied;
 * the next ones are marked and sent while the server is at work. COPYUID tells what
 * became of each; without it, or when the answer never came, the target's index does,
 * as for uploads (recover.c). What cannot be filed is uploaded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/stop.h"
#include "transfer/filing.h"
#include "transfer/lane.h"

#define PAGE_ARENA_MAX (16u << 20)
#define NAME_ARENA_MAX (1u << 20)
#define PASSES_MAX     3 /* the server refuses, or says OK, and nothing has come */
#define POLL_MS	       500
#define STOP_GRACE_MS  15000 /* after a signal: for the answers to what has been sent */

/* A target of the page. */
struct place {
	int64_t target; /* as it was planned: it may have become another folder */
	struct remote_folder folder;
	uint32_t uidvalidity, base; /* before the page */
	bool in_doubt; /* something was sent, and its answer does not tell where it is */
};

/* Some of the page: of one origin folder, into one target, each UID once and ascending. */
struct group {
	struct place *place;
	struct upload **u;
	bool *stored;
	size_t n;
	size_t commands; /* sent, not yet answered */
};

struct filing {
	struct transfer *t;
	enum file_mode mode;
	bool include_partial;
	struct arena page_arena, names;
	int64_t open; /* folder that is selected; 0: none */
	uint32_t open_uidvalidity;
	bool throttled;	    /* the last answer asked for patience */
	bool renamed;	    /* a target has become another folder: what was loaded is stale */
	uint32_t pauses;    /* in a row */
	struct err put_off; /* why there has to be one */
	char reason[ERR_TEXT_MAX]; /* why what is left goes up */
	uint64_t total, filed_at_loss;

	/* the page */
	struct upload *u[FILING_PAGE];
	bool stored[FILING_PAGE];
	struct place *places;
	size_t n_places;
	struct group *groups;
	bool moves; /* by MOVE: the origin goes with it */
};

static void filing_release(struct filing *f)
{
	arena_release(&f->page_arena);
	arena_release(&f->names);
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

/* Leave in u[] those that are still there; the others go up. */
static int look_again(struct filing *f, struct upload **u, size_t *n, struct err *err)
{
	static const char gone[] = "the server's copy has vanished or changed";
	struct upload *lost[FILING_PAGE];
	uint32_t uids[FILING_PAGE];
	size_t kept = 0, n_lost = 0;
	struct look look;

	if (f->open_uidvalidity != u[0]->origin_uidvalidity) {
		size_t all = *n;

		*n = 0;
		return fall_back_all(f, u, all, "its folder on the server has been made anew", err);
	}
	for (size_t i = 0; i < *n; i++)
		uids[i] = u[i]->origin_uid;
	if (look_at(f->t, uids, *n, false, &f->page_arena, &look, err) < 0)
		return -1;
	for (size_t i = 0; i < *n; i++) {
		if (as_planned(u[i], look_found(&look, u[i]->origin_uid)))
			u[kept++] = u[i];
		else
			lost[n_lost++] = u[i];
	}
	*n = kept;
	return fall_back_all(f, lost, n_lost, gone, err);
}

/* ---- targets ---- */

/* 1: ready; 0: the server refuses the folder; -1. Closes nothing. */
static int ready_place(struct filing *f, int64_t target, struct place *out, struct err *err)
{
	struct folder_status now;
	bool created;
	int got;

	*out = (struct place){ .target = target };
	got = journal_folder_get(f->t->journal, target, &f->page_arena, &out->folder, err);
	if (got == 0)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "the journal lost a folder that messages go into");
	if (got > 0)
		got = target_ensure(f->t, &out->folder, &f->page_arena, &created, err);
	if (got <= 0)
		return got;
	if (session_status(f->t->session, out->folder.wire_name, &now, err) < 0)
		return transfer_folder_shut(err) ? 0 : -1;
	out->uidvalidity = now.uidvalidity;
	out->base = now.uidnext;
	f->renamed |= out->folder.id != target;
	f->n_places++;
	return 1;
}

static struct place *place_of(struct filing *f, int64_t target)
{
	for (size_t i = f->n_places; i-- > 0;)
		if (f->places[i].target == target)
			return &f->places[i];
	return NULL;
}

/* Make ready the targets of u[]; what goes into one that is refused is left out, and goes up. */
static int ready_places(struct filing *f, struct upload **u, size_t *n, struct err *err)
{
	size_t kept = 0;

	for (size_t at = 0, len; at < *n; at += len) {
		struct err cause = ERR_INIT;
		int got = 1;

		for (len = 1; at + len < *n && u[at + len]->target == u[at]->target; len++)
			;
		if (!place_of(f, u[at]->target))
			got = ready_place(f, u[at]->target, &f->places[f->n_places], &cause);
		if (got < 0) {
			*err = cause;
			return -1;
		}
		if (got == 0 && fall_back_all(f, u + at, len, cause.text, err) < 0)
			return -1;
		if (got == 0)
			continue;
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is in it */
		memmove(u + kept, u + at, len * sizeof(*u));
		kept += len;
	}
	*n = kept;
	return 0;
}

/* Find out from the targets' indexes what has become of all that is in flight there. */
static int settle_places(struct filing *f, struct err *err)
{
	for (size_t i = 0; i < f->n_places; i++) {
		struct place *p = &f->places[i];
		int got;

		if (!p->in_doubt)
			continue;
		p->in_doubt = false;
		f->open = 0;
		got = index_folder(f->t, &p->folder, err);
		if (got < 0 || settle_doubts(f->t, &p->folder, got > 0, NULL, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- answers ---- */

static int by_uid(const void *a, const void *b)
{
	const struct upload *const *x = a, *const *y = b;

	return (*x)->origin_uid < (*y)->origin_uid ? -1 : (*x)->origin_uid > (*y)->origin_uid;
}

/* The one of the group whose origin has this UID; g->n: none. */
static size_t find_uid(const struct group *g, uint32_t uid)
{
	struct upload key = { .origin_uid = uid };
	struct upload *wanted = &key;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is in it */
	struct upload *const *at = bsearch(&wanted, g->u, g->n, sizeof(*g->u), by_uid);

	return at ? (size_t)(at - g->u) : g->n;
}

static int stored(struct filing *f, const struct group *g, size_t i, uint32_t uid, struct err *err)
{
	struct journal *j = f->t->journal;
	int64_t id = g->u[i]->id;

	if (uid < g->place->base || g->stored[i])
		return 0;
	g->stored[i] = true;
	f->t->tally.filed++;
	f->t->tally.filed_octets += g->u[i]->wire_len;
	if (journal_mark_stored(j, &id, 1, g->place->uidvalidity, uid, err) < 0)
		return -1;
	return f->moves ? journal_origin_gone(j, &id, 1, err) : 0;
}

/* The pairs of COPYUID. */
static int store_pairs(struct filing *f, const struct group *g, const struct append_result *r,
		       struct err *err)
{
	size_t to = 0;
	uint32_t next = r->n_to > 0 ? r->to[0].first : 0;

	if (r->uidvalidity != g->place->uidvalidity)
		return 0;
	for (size_t from = 0; from < r->n_from; from++) {
		for (uint64_t uid = r->from[from].first; uid <= r->from[from].last; uid++) {
			size_t i = find_uid(g, (uint32_t)uid);

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
	progress_update(f->t->progress, "filing on the server", f->t->tally.filed, f->total, 0);
	return 0;
}

/* What a NO means for the rest. What of it the server did all the same, the index tells. */
static int refused(struct filing *f, const struct group *g, const struct append_result *r,
		   struct err *err)
{
	switch (r->refusal) {
	case REFUSAL_QUOTA:
		return err_set(err, ERR_QUOTA, SCOPE_ACCOUNT, RETRY_LATER,
			       "'%s': the account is full: %s", g->place->folder.name, r->text);
	case REFUSAL_THROTTLED:
	case REFUSAL_SERVER:
		f->throttled = true;
		err_set(&f->put_off,
			r->refusal == REFUSAL_THROTTLED ? ERR_UNAVAILABLE : ERR_TEMPFAIL,
			SCOPE_ACCOUNT, RETRY_LATER, "the server does not copy for now: %s",
			r->text);
		f->put_off.wait_ms = refusal_wait_ms(r->text);
		return 0;
	case REFUSAL_NO_FOLDER: /* it is made in the next pass */
		return 0;
	default:
		/* One that has vanished spoils a whole COPY (RFC 5530 EXPUNGEISSUED): look again.
		 */
		snprintf(f->reason, sizeof(f->reason), "the server refused to copy it: %s",
			 r->text);
		return 0;
	}
}

/* Take in the answers to all commands of the groups, in their order. After a stop signal what was
 * sent is still answered, for a while. */
static int reap_all(struct filing *f, struct group *g, const struct group *end, struct err *err)
{
	struct session *const sessions[] = { f->t->session };
	struct err stop = ERR_INIT;
	struct append_result r;
	int64_t give_up = 0;

	while (g < end) {
		int got = session_reap(f->t->session, &r, err);

		if (got < 0)
			return -1;
		if (got > 0) {
			got = r.ok ? write_pairs(f, g, &r, err) : refused(f, g, &r, err);
			if (got < 0)
				return -1;
			g->commands--;
			while (g < end && g->commands == 0)
				g++;
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

/* ---- groups ---- */

static int submit(struct filing *f, struct group *g, struct err *err)
{
	const char *target = g->place->folder.wire_name;
	struct session *s = f->t->session;
	uint32_t uids[FILING_PAGE];
	size_t taken;

	for (size_t i = 0; i < g->n; i++)
		uids[i] = g->u[i]->origin_uid;
	for (size_t done = 0; done < g->n; done += taken, g->commands++) {
		int64_t ticket =
			f->moves ? session_move(s, uids + done, g->n - done, target, &taken, err)
				 : session_copy(s, uids + done, g->n - done, target, &taken, err);

		if (ticket < 0)
			return -1;
	}
	if (session_poll(&s, 1, 0, err) < 0)
		return -1;
	fault_point("file-sent");
	return 0;
}

static int begin_group(struct filing *f, struct group *g, struct err *err)
{
	int64_t ids[FILING_PAGE];

	for (size_t i = 0; i < g->n; i++)
		ids[i] = g->u[i]->id;
	if (journal_mark_inflight(f->t->journal, ids, g->n, g->place->uidvalidity, g->place->base,
				  err) < 0)
		return -1;
	fault_point("file-before-copy");
	return submit(f, g, err);
}

/* How many of the next `n` go into one group. */
static size_t group_len(struct upload *const *u, size_t n)
{
	size_t i = 1;

	while (i < n && u[i]->target == u[0]->target && u[i]->origin_uid > u[i - 1]->origin_uid)
		i++;
	return i;
}

/* Of one origin folder: all groups are on their way before the first answer is waited for. */
static int file_groups(struct filing *f, struct upload **u, size_t n, struct err *err)
{
	struct group *g = f->groups, *end = f->groups;

	memset(f->stored, 0, sizeof(f->stored));
	for (size_t at = 0; at < n; at += end++->n) {
		*end = (struct group){
			.place = place_of(f, u[at]->target),
			.u = u + at,
			.stored = f->stored + at,
			.n = group_len(u + at, n - at),
		};
		if (begin_group(f, end, err) < 0)
			return -1;
	}
	if (reap_all(f, g, end, err) < 0)
		return -1;
	for (; g < end; g++)
		for (size_t i = 0; i < g->n; i++)
			g->place->in_doubt |= !g->stored[i];
	return 0;
}

static int file_stretch(struct filing *f, struct upload **u, size_t n, struct err *err)
{
	struct err cause = ERR_INIT;
	int got;

	if (ready_places(f, u, &n, err) < 0)
		return -1;
	if (n == 0 || f->renamed)
		return 0;
	got = open_folder(f, u[0]->origin_folder, f->moves, &cause);
	if (got < 0)
		*err = cause;
	if (got <= 0)
		return got < 0 ? -1 : fall_back_all(f, u, n, cause.text, err);
	if (look_again(f, u, &n, err) < 0)
		return -1;
	return file_groups(f, u, n, err);
}

/* ---- pages ---- */

/* The next page of what is planned: its number, 0, -1. */
static int load_page(struct filing *f, enum filing_method method, int64_t *cursor, struct err *err)
{
	struct upload *page;
	int n;

	arena_reset(&f->page_arena);
	page = arena_alloc(&f->page_arena, FILING_PAGE * sizeof(*page));
	f->places = arena_alloc(&f->page_arena, FILING_PAGE * sizeof(*f->places));
	f->groups = arena_alloc(&f->page_arena, FILING_PAGE * sizeof(*f->groups));
	f->n_places = 0;
	if (!page || !f->places || !f->groups)
		return err_nomem(err);
	n = journal_filings_next(f->t->journal, f->t->run, method, FILING_PAGE, &f->page_arena,
				 page, cursor, err);
	for (int i = 0; i < n; i++)
		f->u[i] = &page[i];
	return n;
}

static int file_page(struct filing *f, size_t n, struct err *err)
{
	for (size_t at = 0, len; at < n && !f->throttled && !f->renamed; at += len) {
		struct upload **u = f->u + at;

		for (len = 1; at + len < n && u[len]->origin_folder == u[0]->origin_folder &&
			      u[len]->origin_uidvalidity == u[0]->origin_uidvalidity;
		     len++)
			;
		if (stop_check(err) < 0 || file_stretch(f, u, len, err) < 0)
			return -1;
	}
	return settle_places(f, err);
}

/* Once over all that is planned: 1 there was something, 0 nothing, -1. */
static int file_pass(struct filing *f, enum filing_method method, bool give_up, struct err *err)
{
	int64_t cursor = 0;
	bool any = false;
	int n;

	f->moves = method == METHOD_MOVE && session_capabilities(f->t->session) & CAP_MOVE;
	f->renamed = false;
	while (!f->throttled && !f->renamed && (n = load_page(f, method, &cursor, err)) != 0) {
		if (n < 0)
			return -1;
		any = true;
		n = give_up ? fall_back_all(f, f->u, (size_t)n, f->reason, err)
			    : file_page(f, (size_t)n, err);
		if (n < 0)
			return -1;
	}
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
	if (f->pauses++ >= transfer_tries(f->t, &f->put_off))
		return err_set(err, ERR_TEMPFAIL, SCOPE_ACCOUNT, RETRY_LATER,
			       "the server does not copy messages for now");
	return transfer_pause_for(f->t, &f->put_off, f->pauses - 1, err);
}

static int file_method(struct filing *f, enum filing_method method, struct err *err)
{
	snprintf(f->reason, sizeof(f->reason), "the server has not copied it");
	for (int pass = 0;; pass++) {
		int got = file_pass(f, method, pass >= PASSES_MAX, err);

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

/* ---- all of it ---- */

static int file_all(struct filing *f, struct err *err)
{
	int got;

	f->open = 0;
	f->throttled = false;
	if (moves_as_copies(f, err) < 0 || file_method(f, METHOD_COPY, err) < 0 ||
	    file_method(f, METHOD_MOVE, err) < 0)
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

int filing(struct transfer *t, enum file_mode mode, bool include_partial, struct err *err)
{
	CLEANUP(filing_release)
	struct filing f = {
		.t = t,
		.mode = mode,
		.include_partial = include_partial,
		.page_arena = ARENA_INIT(PAGE_ARENA_MAX),
		.names = ARENA_INIT(NAME_ARENA_MAX),
	};
	struct balance balance;
	uint32_t losses = 0;

	if (mode < FILE_COPY)
		return 0;
	if (journal_balance(t->journal, t->run, 0, &balance, err) < 0)
		return -1;
	f.total = balance.outcome[OUTCOME_TO_FILE];
	if (f.total == 0 && mode != FILE_MOVE) /* which may have originals left to remove */
		return 0;
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

/*
 * One page of filing, step by step. See filing.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/stop.h"
#include "transfer/filing_work.h"

#define POLL_MS	      500
#define STOP_GRACE_MS 15000 /* after a signal: for the answers to what has been sent */

/* ---- loading ---- */

/* How many of the next `n` go into one group. */
static size_t group_len(struct upload *const *u, size_t n)
{
	size_t i = 1;

	while (i < n && u[i]->target == u[0]->target &&
	       u[i]->origin_folder == u[0]->origin_folder &&
	       u[i]->origin_uidvalidity == u[0]->origin_uidvalidity &&
	       u[i]->origin_uid > u[i - 1]->origin_uid)
		i++;
	return i;
}

/* As many as go with the commands that the server, or the session, bears at a time. */
static size_t bearable(const struct filing *f, const struct page *p, size_t n)
{
	unsigned most = session_profile(f->t->session)->commands;
	size_t at = 0;

	if (most == 0 || most > PAGE_COMMANDS_MAX)
		most = PAGE_COMMANDS_MAX;
	while (at < n && most-- > 0)
		at += group_len(p->u + at, n - at);
	return at;
}

int page_load(struct filing *f, struct page *p, size_t max, struct err *err)
{
	struct upload *all;
	int n;

	arena_reset(&p->arena);
	all = arena_alloc(&p->arena, max * sizeof(*all));
	p->places = arena_alloc(&p->arena, max * sizeof(*p->places));
	p->groups = arena_alloc(&p->arena, max * sizeof(*p->groups));
	p->n = p->n_places = p->n_groups = 0;
	p->cursor = f->cursor;
	if (!all || !p->places || !p->groups)
		return err_nomem(err);
	n = journal_filings_next(f->t->journal, f->t->run, f->method, max, &p->arena, all,
				 &f->cursor, err);
	if (n <= 0)
		return n;
	for (int i = 0; i < n; i++)
		p->u[i] = &all[i];
	p->n = bearable(f, p, (size_t)n);
	f->cursor = p->u[p->n - 1]->line;
	p->state = PAGE_LOADED;
	return (int)p->n;
}

/* ---- in flight ---- */

static void ids_of(const struct page *p, int64_t *ids)
{
	for (size_t i = 0; i < p->n; i++)
		ids[i] = p->u[i]->id;
}

int page_mark(struct filing *f, struct page *p, struct err *err)
{
	struct inflight_group *groups = arena_alloc(&p->arena, p->n * sizeof(*groups));
	int64_t ids[FILING_PAGE];
	size_t n = 0;

	if (!groups)
		return err_nomem(err);
	ids_of(p, ids);
	for (size_t at = 0, len; at < p->n; at += len) {
		const struct place *place = page_place(p, p->u[at]->target);

		for (len = 1; at + len < p->n && p->u[at + len]->target == place->target; len++)
			;
		groups[n++] =
			(struct inflight_group){ ids + at, len, place->uidvalidity, place->base };
	}
	if (journal_mark_inflight_groups(f->t->journal, groups, n, err) < 0)
		return -1;
	p->state = PAGE_MARKED;
	fault_point("file-before-copy");
	return 0;
}

int page_unmark(struct filing *f, struct page *p, struct err *err)
{
	int64_t ids[FILING_PAGE];

	ids_of(p, ids);
	if (journal_mark_planned(f->t->journal, ids, p->n, err) < 0)
		return -1;
	p->state = PAGE_FREE;
	return 0;
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
static int look_again(struct filing *f, struct page *p, struct upload **u, size_t *n,
		      struct err *err)
{
	static const char gone[] = "the server's copy has vanished or changed";
	struct upload *lost[FILING_PAGE];
	uint32_t uids[FILING_PAGE];
	size_t kept = 0, n_lost = 0;
	struct look look;

	if (f->open_uidvalidity != u[0]->origin_uidvalidity) {
		size_t all = *n;

		*n = 0;
		return filing_fall_back(f, u, all, "its folder on the server has been made anew",
					err);
	}
	for (size_t i = 0; i < *n; i++)
		uids[i] = u[i]->origin_uid;
	if (look_at(f->t, uids, *n, false, &p->arena, &look, err) < 0)
		return -1;
	for (size_t i = 0; i < *n; i++) {
		if (as_planned(u[i], look_found(&look, u[i]->origin_uid)))
			u[kept++] = u[i];
		else
			lost[n_lost++] = u[i];
	}
	*n = kept;
	return filing_fall_back(f, lost, n_lost, gone, err);
}

/* ---- sending ---- */

static int send_group(struct filing *f, struct group *g, struct err *err)
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

static int send_groups(struct filing *f, struct page *p, struct upload **u, size_t n,
		       struct err *err)
{
	for (size_t at = 0; at < n;) {
		struct group *g = &p->groups[p->n_groups];

		*g = (struct group){
			.place = page_place(p, u[at]->target),
			.u = u + at,
			.stored = p->stored + (u + at - p->u),
			.n = group_len(u + at, n - at),
		};
		at += g->n;
		p->n_groups++;
		if (send_group(f, g, err) < 0)
			return -1;
	}
	return 0;
}

/* Those of one origin folder. */
static int send_stretch(struct filing *f, struct page *p, struct upload **u, size_t n,
			struct err *err)
{
	struct err cause = ERR_INIT;
	int got = open_folder(f, u[0]->origin_folder, f->moves, &cause);

	if (got < 0)
		*err = cause;
	if (got <= 0)
		return got < 0 ? -1 : filing_fall_back(f, u, n, cause.text, err);
	if (look_again(f, p, u, &n, err) < 0)
		return -1;
	return send_groups(f, p, u, n, err);
}

int page_send(struct filing *f, struct page *p, struct err *err)
{
	p->state = PAGE_SENT;
	memset(p->stored, 0, sizeof(p->stored));
	for (size_t at = 0, len; at < p->n; at += len) {
		struct upload **u = p->u + at;

		for (len = 1; at + len < p->n && u[len]->origin_folder == u[0]->origin_folder &&
			      u[len]->origin_uidvalidity == u[0]->origin_uidvalidity;
		     len++)
			;
		if (send_stretch(f, p, u, len, err) < 0)
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

/* Some that follow each other, as do the UIDs that they have got. */
struct stretch {
	size_t first, n;
	uint32_t uid;
};

static int store_stretch(struct filing *f, const struct group *g, struct stretch *s,
			 struct err *err)
{
	struct journal *j = f->t->journal;
	int64_t ids[FILING_PAGE];
	size_t n = s->n;

	s->n = 0;
	for (size_t i = 0; i < n; i++) {
		ids[i] = g->u[s->first + i]->id;
		g->stored[s->first + i] = true;
		f->t->tally.filed_octets += g->u[s->first + i]->wire_len;
	}
	f->t->tally.filed += n;
	if (n == 0)
		return 0;
	if (journal_mark_stored(j, ids, n, g->place->uidvalidity, s->uid, err) < 0)
		return -1;
	return f->moves ? journal_origin_gone(j, ids, n, err) : 0;
}

/* Message `i` of the group is `uid` now. */
static int store_pair(struct filing *f, const struct group *g, size_t i, uint32_t uid,
		      struct stretch *s, struct err *err)
{
	if (i == g->n || uid < g->place->base || g->stored[i])
		return 0;
	if ((s->n > 0 && (i != s->first + s->n || uid != s->uid + s->n)) &&
	    store_stretch(f, g, s, err) < 0)
		return -1;
	if (s->n == 0)
		*s = (struct stretch){ .first = i, .uid = uid };
	s->n++;
	return 0;
}

/* The pairs of COPYUID. */
static int store_pairs(struct filing *f, const struct group *g, const struct append_result *r,
		       struct err *err)
{
	struct stretch s = { 0 };
	size_t to = 0;
	uint32_t next = r->n_to > 0 ? r->to[0].first : 0;

	if (r->uidvalidity != g->place->uidvalidity)
		return 0;
	for (size_t from = 0; from < r->n_from && to < r->n_to; from++) {
		for (uint64_t uid = r->from[from].first; uid <= r->from[from].last && to < r->n_to;
		     uid++) {
			if (store_pair(f, g, find_uid(g, (uint32_t)uid), next, &s, err) < 0)
				return -1;
			if (next < r->to[to].last)
				next++;
			else if (++to < r->n_to)
				next = r->to[to].first;
		}
	}
	return store_stretch(f, g, &s, err);
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

static void skip_answered(struct group **g, const struct group *end)
{
	while (*g < end && (*g)->commands == 0)
		++*g;
}

/* The answer `r`, and those behind it that have come. 0; 1: the line is lost, or the account full,
 * *err tells; -1: the journal. */
static int take_answers(struct filing *f, struct group **g, const struct group *end,
			struct append_result *r, struct err *err)
{
	int got;

	do {
		fault_point("file-answered");
		if (r->ok && store_pairs(f, *g, r, err) < 0)
			return -1;
		if (!r->ok && refused(f, *g, r, err) < 0)
			return 1;
		(*g)->commands--;
		skip_answered(g, end);
		got = *g < end ? session_reap(f->t->session, r, err) : 0;
	} while (got > 0);
	return got < 0 ? 1 : 0;
}

/* Write down what has been answered, in one transaction: also what came before an end. */
static int write_answers(struct filing *f, struct group **g, const struct group *end,
			 struct err *err)
{
	struct journal *j = f->t->journal;
	struct append_result r;
	struct err why = ERR_INIT;
	int got = session_reap(f->t->session, &r, err);

	if (got <= 0)
		return got;
	if (journal_begin(j, err) < 0)
		return -1;
	got = take_answers(f, g, end, &r, &why);
	if (got < 0)
		journal_rollback(j);
	else if (journal_commit(j, err) < 0)
		return -1;
	if (got != 0) {
		*err = why;
		return -1;
	}
	fault_point("file-stored");
	progress_update(f->t->progress, "filing on the server", f->t->tally.filed, f->total, 0);
	return 0;
}

/* Take in the answers to all commands of the page, in their order. After a stop signal what was
 * sent is still answered, for a while. */
static int reap_all(struct filing *f, struct page *p, struct err *err)
{
	struct session *const sessions[] = { f->t->session };
	struct group *g = p->groups, *const end = p->groups + p->n_groups;
	struct err stop = ERR_INIT;
	int64_t give_up = 0;

	skip_answered(&g, end);
	while (g < end) {
		if (write_answers(f, &g, end, err) < 0)
			return -1;
		if (g == end)
			break;
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

int page_finish(struct filing *f, struct page *p, struct err *err)
{
	if (reap_all(f, p, err) < 0)
		return -1;
	for (struct group *g = p->groups; g < p->groups + p->n_groups; g++) {
		for (size_t i = 0; i < g->n; i++)
			g->place->in_doubt |= !g->stored[i];
		f->doubt |= g->place->in_doubt;
	}
	p->state = PAGE_FREE;
	return 0;
}

/*
 * The targets come from the journal in the plan's order and leave in the order of
 * their size: with several connections the end is not one of them with a large
 * folder while the others have nothing to do.
 */
#include "transfer/ready.h"

#include <stdlib.h>

#include "base/fault.h"
#include "transfer/lane.h"

/* ---- from the journal ---- */

static int larger_first(const void *a, const void *b)
{
	const struct ready_target *x = a, *y = b;

	return (y->lines > x->lines) - (y->lines < x->lines);
}

static int load_one(struct ready *r, struct transfer *t, struct err *err)
{
	struct ready_target *target = &r->target[r->n];
	int got =
		journal_target_next(t->journal, t->run, r->after, &r->arena, &target->folder, err);

	if (got <= 0)
		return got;
	target->status = (struct folder_status){ 0 };
	r->after = target->folder.id;
	if (journal_target_lines(t->journal, t->run, r->after, &target->lines, err) < 0)
		return -1;
	return 1;
}

int ready_load(struct ready *r, struct transfer *t, bool (*is_taken)(const void *, int64_t),
	       const void *context, struct err *err)
{
	int got = 1;

	if (r->at < r->n)
		return 1;
	r->at = r->n = 0;
	r->asked = false;
	arena_reset(&r->arena);
	while (r->n < READY_MAX && (got = load_one(r, t, err)) > 0)
		if (!is_taken(context, r->after))
			r->n++;
	if (got < 0) {
		r->n = 0;
		return -1;
	}
	qsort(r->target, r->n, sizeof(r->target[0]), larger_first);
	return r->n > 0;
}

const struct ready_target *ready_take(struct ready *r)
{
	return &r->target[r->at++];
}

/* ---- from the server ---- */

/* The server lists the folder under its name: take that over, and subscribe it. */
static int take_over(struct ready *r, struct transfer *t, struct ready_target *target,
		     const struct listed_folder *made, struct err *err)
{
	if (!made->wire_name || (made->attributes & ATTR_NOSELECT))
		return 0;
	if (session_subscribe_later(t->session, made->wire_name, err) < 0)
		return -1;
	return target_adopt(t, &target->folder, made, &r->arena, err) < 0 ? -1 : 0;
}

/* Make those that are missing, and ask for the status of all. Empty folders of servers that may not
 * keep their UIDVALIDITY are the lane's (lane.c). */
int ready_ask(struct ready *r, struct transfer *t, struct books *books, struct err *err)
{
	const bool kept = session_capabilities(t->session) & CAP_CONDSTORE;
	struct ready_target *target = &r->target[r->at];
	const size_t n = r->n - r->at;
	struct new_folder wanted[READY_MAX];
	struct listed_folder made[READY_MAX];
	struct folder_status status[READY_MAX];
	bool any_missing = false;

	for (size_t i = 0; i < n; i++) {
		const struct remote_folder *f = &target[i].folder;

		wanted[i] = (struct new_folder){ f->wire_name, f->role, f->exists };
		any_missing |= !f->exists;
	}
	if (any_missing)
		fault_point("upload-before-create");
	if (session_prepare_many(t->session, wanted, n, &r->arena, made, status, err) < 0)
		return -1;
	if (any_missing)
		fault_point("upload-after-create");
	if (any_missing && books && books_begin(books, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!wanted[i].exists && take_over(r, t, &target[i], &made[i], err) < 0)
			return -1;
		if (target[i].folder.exists && (kept || status[i].messages > 0))
			target[i].status = status[i];
	}
	r->asked = true;
	return 0;
}

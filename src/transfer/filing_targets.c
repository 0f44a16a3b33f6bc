/*
 * The target folders of a page of filing: created together where they are missing,
 * their UIDNEXT asked for together; one by one where that does not go smoothly.
 */
#include <string.h>

#include "transfer/filing_work.h"
#include "transfer/lane.h"

/* One by one. 1: ready; 0: the server refuses the folder; -1. */
static int ready_alone(struct filing *f, struct page *p, struct place *out, struct err *err)
{
	struct folder_status now;
	bool created;
	int got = target_ensure(f->t, &out->folder, &p->arena, &created, err);

	if (got <= 0)
		return got;
	if (session_status(f->t->session, out->folder.wire_name, &now, err) < 0)
		return transfer_folder_shut(err) && !transfer_folder_may_pass(err) ? 0 : -1;
	out->uidvalidity = now.uidvalidity;
	out->base = now.uidnext;
	return 1;
}

struct place *page_place(const struct page *p, int64_t target)
{
	for (size_t i = p->n_places; i-- > 0;)
		if (p->places[i].target == target)
			return &p->places[i];
	return NULL;
}

/* All targets of the page, as the journal knows them. */
static int load_places(struct filing *f, struct page *p, struct err *err)
{
	p->n_places = 0;
	for (size_t i = 0; i < p->n; i++) {
		struct place *place = &p->places[p->n_places];
		int64_t target = p->u[i]->target;

		if (page_place(p, target))
			continue;
		*place = (struct place){ .target = target };
		int got = journal_folder_get(f->t->journal, target, &p->arena, &place->folder, err);

		if (got == 0)
			return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
				       "the journal lost a folder that messages go into");
		if (got < 0)
			return -1;
		p->n_places++;
	}
	return 0;
}

/* Ask about them together: what goes smoothly is ready afterwards. */
static int ready_together(struct filing *f, struct page *p, struct err *err)
{
	struct ready *r = &f->ready;

	for (size_t at = 0, n; at < p->n_places; at += n) {
		n = p->n_places - at < READY_MAX ? p->n_places - at : READY_MAX;
		arena_reset(&r->arena);
		r->at = 0;
		r->n = n;
		for (size_t i = 0; i < n; i++)
			r->target[i] = (struct ready_target){ .folder = p->places[at + i].folder };
		if (ready_ask(r, f->t, NULL, err) < 0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			struct place *place = &p->places[at + i];
			const struct ready_target *made = &r->target[i];

			if (!made->folder.exists)
				continue;
			place->folder = made->folder;
			place->folder.wire_name = arena_str(&p->arena, made->folder.wire_name);
			place->folder.name = arena_str(&p->arena, made->folder.name);
			if (!place->folder.wire_name || !place->folder.name)
				return err_nomem(err);
			place->uidvalidity = made->status.uidvalidity;
			place->base = made->status.uidnext;
		}
	}
	return 0;
}

/* What goes into the refused place goes up. */
static int leave_out(struct filing *f, struct page *p, int64_t target, const char *why,
		     struct err *err)
{
	struct upload *lost[FILING_PAGE];
	size_t kept = 0, n_lost = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (p->u[i]->target == target)
			lost[n_lost++] = p->u[i];
		else
			p->u[kept++] = p->u[i];
	}
	p->n = kept;
	return filing_fall_back(f, lost, n_lost, why, err);
}

int page_ready_places(struct filing *f, struct page *p, struct err *err)
{
	if (load_places(f, p, err) < 0 || ready_together(f, p, err) < 0)
		return -1;
	for (size_t i = 0; i < p->n_places; i++) {
		struct place *place = &p->places[i];
		struct err cause = ERR_INIT;
		int got = place->uidvalidity ? 1 : ready_alone(f, p, place, &cause);

		if (got < 0 && transfer_folder_may_pass(&cause)) {
			if (f->pauses < transfer_tries(f->t, &cause)) {
				f->throttled = true;
				f->put_off = cause;
				return 0;
			}
			got = 0;
		}
		if (got < 0) {
			*err = cause;
			return -1;
		}
		if (got == 0 && leave_out(f, p, place->target, cause.text, err) < 0)
			return -1;
		f->renamed |= got > 0 && place->folder.id != place->target;
	}
	return 0;
}

int page_settle(struct filing *f, struct page *p, struct err *err)
{
	for (size_t i = 0; i < p->n_places; i++) {
		struct place *place = &p->places[i];
		int got;

		if (!place->in_doubt)
			continue;
		place->in_doubt = false;
		f->open = 0;
		got = index_folder(f->t, &place->folder, err);
		if (got < 0 || settle_doubts(f->t, &place->folder, got > 0, NULL, err) < 0)
			return -1;
	}
	return 0;
}

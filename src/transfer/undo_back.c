/*
 * Bringing messages back to where they were: many at a time, by MOVE, or by COPY and
 * UID EXPUNGE. What may be back already, from an undo that was cut off, is looked for
 * there before it is copied again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/stop.h"
#include "journal/clearing.h"
#include "message/keys.h"
#include "transfer/undo_work.h"

#define POLL_MS 500

/* Wait for the end of a command: 1, 0 refused, -1. */
static int finish(struct undoing *w, struct append_result *r, struct err *err)
{
	struct session *s = w->t->session;
	int got;

	while ((got = session_reap(s, r, err)) == 0)
		if (session_poll(&s, 1, POLL_MS, err) < 0)
			return -1;
	if (got < 0)
		return -1;
	if (!r->ok)
		progress_note(w->t->progress, "'%s': the server does not bring messages back: %s",
			      w->folder.name, r->text);
	return r->ok;
}

static int moved_back(struct undoing *w, const int64_t *ids, size_t n, struct err *err)
{
	w->tally->moved_back += n;
	fault_point("undo-moved-back");
	return journal_undo_end(w->t->journal, ids, n, w->t->run, err);
}

/* ---- by MOVE ---- */

/* What is still here afterwards was not moved. */
int undo_move(struct undoing *w, size_t from, size_t n, const char *origin, struct err *err)
{
	struct session *s = w->t->session;
	struct append_result r;
	size_t taken;

	if (journal_undo_begin(w->t->journal, w->ids + from, n, UNDO_MOVING, 0, 0, err) < 0)
		return -1;
	fault_point("undo-before-move");
	for (size_t done = 0; done < n; done += taken) {
		int got;

		if (session_move(s, w->uids + from + done, n - done, origin, &taken, err) < 0 ||
		    session_poll(&s, 1, 0, err) < 0)
			return -1;
		fault_point("undo-move-sent");
		got = finish(w, &r, err);
		if (got == 0)
			w->tally->changed += taken;
		if (got < 0 || (got > 0 && moved_back(w, w->ids + from + done, taken, err) < 0))
			return -1;
	}
	return 0;
}

/* ---- by COPY ---- */

/* Where the messages of at[] are in the origin folder. */
struct returned {
	bool there[FILING_PAGE];
	uint32_t uid[FILING_PAGE]; /* 0: the server has not told */
	uint32_t uidvalidity;	   /* of the origin folder */
};

/* A message of the origin folder: the first that it can be takes it. */
static void claim(struct undoing *w, const size_t *at, size_t n, const struct index_row *row,
		  const struct match_keys *keys, struct returned *back)
{
	for (size_t i = 0; i < n; i++) {
		const struct upload *u = &w->u[at[i]];
		const struct undo_state *state = &w->states[at[i]];

		if (back->uid[i] != 0 || state->step != UNDO_MOVING ||
		    state->uidvalidity != back->uidvalidity || row->uid < state->base_uidnext ||
		    row->size != u->wire_len || row->internaldate != u->internaldate ||
		    memcmp(keys->fields, u->keys.fields, KEY_LEN) != 0)
			continue;
		back->there[i] = true;
		back->uid[i] = row->uid;
		return;
	}
}

/* What of at[] may have been copied already is looked for in the origin folder. */
static int find_returned(struct undoing *w, const size_t *at, size_t n, const char *origin,
			 struct returned *back, struct err *err)
{
	CLEANUP(arena_release) struct arena scratch = ARENA_INIT(1u << 20);
	struct session *s = w->t->session;
	struct keyer *keyer;
	struct match_keys keys;
	struct index_row row;
	struct selected sel;
	uint32_t first = 0;
	int got;

	for (size_t i = 0; i < n; i++) {
		const struct undo_state *state = &w->states[at[i]];

		if (state->step == UNDO_MOVING && state->uidvalidity == back->uidvalidity &&
		    back->uid[i] == 0 && (first == 0 || state->base_uidnext < first))
			first = state->base_uidnext;
	}
	if (first == 0)
		return 0;
	if (session_examine(s, origin, &sel, err) < 0)
		return -1;
	keyer = keyer_new(err);
	got = keyer ? session_index_start(s, first, err) : -1;
	while (got == 0 && (got = session_index_next(s, &scratch, &row, err)) > 0) {
		got = keyer_run(keyer, row.header, &keys, NULL, NULL, err);
		if (got == 0)
			claim(w, at, n, &row, &keys, back);
		arena_reset(&scratch);
	}
	keyer_free(keyer);
	return got < 0 ? -1 : session_select(s, w->folder.wire_name, &w->sel, err);
}

/* Message `uid` is now `copy`. */
static void note_pair(struct undoing *w, const size_t *at, size_t n, uint32_t uid, uint32_t copy,
		      struct returned *back)
{
	for (size_t low = 0, high = n; low < high;) {
		size_t middle = low + (high - low) / 2;
		uint32_t here = w->u[at[middle]].uid;

		if (here == uid) {
			back->there[middle] = true;
			back->uid[middle] = copy;
			return;
		}
		if (here < uid)
			low = middle + 1;
		else
			high = middle;
	}
}

/* An OK without COPYUID: all are there. */
static void note_pairs(struct undoing *w, const size_t *at, size_t n, const uint32_t *uids,
		       size_t n_uids, const struct append_result *r, struct returned *back)
{
	size_t to = 0;
	uint32_t next = r->n_to > 0 ? r->to[0].first : 0;

	if (r->n_from == 0 || r->uidvalidity != back->uidvalidity) {
		for (size_t i = 0; i < n_uids; i++)
			note_pair(w, at, n, uids[i], 0, back);
		return;
	}
	for (size_t from = 0; from < r->n_from; from++) {
		for (uint64_t uid = r->from[from].first; uid <= r->from[from].last; uid++) {
			note_pair(w, at, n, (uint32_t)uid, next, back);
			if (next < r->to[to].last)
				next++;
			else if (++to < r->n_to)
				next = r->to[to].first;
			else
				return;
		}
	}
}

static int send_copies(struct undoing *w, const size_t *at, size_t n, const uint32_t *uids,
		       size_t n_uids, const char *origin, struct returned *back, struct err *err)
{
	struct session *s = w->t->session;
	struct append_result r;
	size_t taken;

	for (size_t done = 0; done < n_uids; done += taken) {
		int got;

		if (session_copy(s, uids + done, n_uids - done, origin, &taken, err) < 0 ||
		    session_poll(&s, 1, 0, err) < 0)
			return -1;
		fault_point("undo-move-sent");
		got = finish(w, &r, err);
		if (got < 0)
			return -1;
		if (got == 0)
			w->tally->changed += taken;
		else
			note_pairs(w, at, n, uids + done, taken, &r, back);
	}
	return 0;
}

/* Copy those of at[] that are not there yet. */
static int copy_back(struct undoing *w, const size_t *at, size_t n, const char *origin,
		     struct returned *back, struct err *err)
{
	struct folder_status now;
	uint32_t uids[FILING_PAGE];
	int64_t ids[FILING_PAGE];
	size_t missing = 0;

	if (stop_check(err) < 0 || session_status(w->t->session, origin, &now, err) < 0)
		return -1;
	*back = (struct returned){ .uidvalidity = now.uidvalidity };
	if (find_returned(w, at, n, origin, back, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (back->there[i])
			continue;
		uids[missing] = w->u[at[i]].uid;
		ids[missing++] = w->u[at[i]].id;
		w->states[at[i]] = (struct undo_state){ UNDO_MOVING, now.uidvalidity, now.uidnext };
	}
	if (journal_undo_begin(w->t->journal, ids, missing, UNDO_MOVING, now.uidvalidity,
			       now.uidnext, err) < 0)
		return -1;
	fault_point("undo-before-move");
	return send_copies(w, at, n, uids, missing, origin, back, err);
}

int undo_carry(struct undoing *w, const size_t *at, size_t n, const struct remote_folder *origin,
	       struct err *err)
{
	struct returned back;
	uint32_t uids[FILING_PAGE];
	int64_t ids[FILING_PAGE];
	size_t there = 0;

	if (copy_back(w, at, n, origin->wire_name, &back, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!back.there[i])
			continue;
		uids[there] = w->u[at[i]].uid;
		ids[there++] = w->u[at[i]].id;
	}
	if (uids_remove(w->t, uids, there, err) < 0)
		return -1;
	return moved_back(w, ids, there, err);
}

static int note_put_back(struct undoing *w, const size_t *at, size_t n, const struct returned *back,
			 struct err *err)
{
	struct journal *j = w->t->journal;

	if (journal_begin(j, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (back->uid[i] == 0)
			continue;
		if (journal_cleared_back(j, w->run, &w->u[at[i]], back->uid[i], back->uidvalidity,
					 &w->found[at[i]]->flags, err) < 0) {
			journal_rollback(j);
			return -1;
		}
		w->tally->put_back++;
	}
	return journal_commit(j, err);
}

int undo_put_back(struct undoing *w, const size_t *at, size_t n, const struct remote_folder *origin,
		  struct err *err)
{
	struct returned back;

	if (copy_back(w, at, n, origin->wire_name, &back, err) < 0)
		return -1;
	fault_point("undo-put-back");
	/* a server that has not told where */
	if (find_returned(w, at, n, origin->wire_name, &back, err) < 0 ||
	    note_put_back(w, at, n, &back, err) < 0)
		return -1;
	fault_point("undo-put-back-noted");
	return 0;
}

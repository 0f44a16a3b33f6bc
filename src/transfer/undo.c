/*
 * Taking back what a run did: flags first, then folder by folder the messages it
 * put there. Each is looked at before: it must be the one (UIDVALIDITY, keys or
 * size), with the flags we left it with; what somebody has changed since is left
 * alone. What was copied or uploaded goes by UID EXPUNGE of exactly its UID, what was
 * moved goes back by MOVE.
 *
 * Every step is in the journal before it is taken, so that an undo that was cut off
 * goes on when it is called again: a \Deleted of ours is known, and a message that
 * may be back already is looked for there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/stop.h"
#include "journal/clearing.h"
#include "journal/undo.h"
#include "message/keys.h"
#include "transfer/undo_work.h"

#define UNDO_ARENA_MAX (16u << 20)

static void undoing_release(struct undoing *w)
{
	arena_release(&w->arena);
	arena_release(&w->names);
}

/* ---- may it be taken back? ---- */

static bool has_keyword(const struct flag_set *set, const char *keyword)
{
	for (size_t i = 0; i < set->n_keywords; i++)
		if (slice_ieq(slice_str(set->keywords[i]), slice_str(keyword)))
			return true;
	return false;
}

/* The message we put there: its header is ours, or its size where the server alters headers. */
bool undo_is_it(const struct upload *u, const struct found_message *m)
{
	bool same_header = u->has_keys && u->keys.has_id == m->keys.has_id &&
			   memcmp(u->keys.fields, m->keys.fields, KEY_LEN) == 0;

	return same_header || m->size == u->wire_len;
}

/* Nobody has touched it since. Of what was filed each flag may still be as it came along: the run
 * may have died while it changed them. A server need not have kept every keyword; but one that is
 * new is somebody's. */
static bool is_untouched(const struct upload *u, const struct found_message *m, enum undo_step step)
{
	uint32_t mask = FLAG_ALL & ~(step == UNDO_REMOVING ? FLAG_DELETED : 0);
	bool filed = u->method != METHOD_APPEND;
	uint32_t as_copied = filed ? m->flags.system ^ u->origin_flags.system : FLAG_ALL;

	if (((m->flags.system ^ u->flags.system) & as_copied & mask) != 0)
		return false;
	for (size_t i = 0; i < m->flags.n_keywords; i++)
		if (!has_keyword(&u->flags, m->flags.keywords[i]) &&
		    !(filed && has_keyword(&u->origin_flags, m->flags.keywords[i])))
			return false;
	return true;
}

static bool goes_back(const struct upload *u)
{
	return u->method == METHOD_MOVE && u->origin_gone;
}

/* ---- taking away ---- */

/* What is neither there nor may be anywhere else has been taken away by somebody: forgotten. */
static int forget(struct undoing *w, size_t n, struct err *err)
{
	w->tally->gone += n;
	return w->o.dry || n == 0 ? 0 : journal_undo_end(w->t->journal, w->ids, n, w->t->run, err);
}

static int remove_some(struct undoing *w, size_t n, struct err *err)
{
	w->tally->removed += n;
	if (w->o.dry || n == 0)
		return 0;
	if (journal_undo_begin(w->t->journal, w->ids, n, UNDO_REMOVING, 0, 0, err) < 0)
		return -1;
	fault_point("undo-before-remove");
	if (uids_remove(w->t, w->uids, n, err) < 0)
		return -1;
	fault_point("undo-removed");
	if (journal_undo_end(w->t->journal, w->ids, n, w->t->run, err) < 0)
		return -1;
	fault_point("undo-noted");
	return 0;
}

static int remove_page(struct undoing *w, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct upload *u = &w->u[i];
		const struct found_message *m = w->found[i];

		if (goes_back(u) || m->uid == 0)
			continue;
		if (!undo_is_it(u, m) || !is_untouched(u, m, w->states[i].step)) {
			w->tally->changed++;
			continue;
		}
		w->ids[n] = u->id;
		w->uids[n++] = u->uid;
	}
	return remove_some(w, n, err);
}

static int forget_page(struct undoing *w, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (!goes_back(&w->u[i]) && w->found[i]->uid == 0)
			w->ids[n++] = w->u[i].id;
	return forget(w, n, err);
}

/* ---- moving back ---- */

/* What is not here any more is back if we were at it, else somebody has taken it. */
static int note_absent(struct undoing *w, struct err *err)
{
	for (size_t i = 0; i < w->n; i++) {
		bool was_moved = w->states[i].step == UNDO_MOVING;

		if (!goes_back(&w->u[i]) || w->found[i]->uid != 0)
			continue;
		w->tally->gone += !was_moved;
		w->tally->moved_back += was_moved;
		if (!w->o.dry &&
		    journal_undo_end(w->t->journal, &w->u[i].id, 1, w->t->run, err) < 0)
			return -1;
	}
	return 0;
}

/* Those of the page that are to go back: their places into at[], and ids[] and uids[]. */
static size_t choose_moves(struct undoing *w, size_t at[FILING_PAGE])
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct upload *u = &w->u[i];
		const struct found_message *m = w->found[i];

		if (!goes_back(u) || m->uid == 0)
			continue;
		if (!undo_is_it(u, m) || !is_untouched(u, m, UNDO_REMOVING)) {
			w->tally->changed++;
			continue;
		}
		at[n] = i;
		w->ids[n] = u->id;
		w->uids[n++] = u->uid;
	}
	return n;
}

static int move_run(struct undoing *w, const size_t *at, size_t from, size_t n, struct err *err)
{
	struct remote_folder origin;
	int got;

	arena_reset(&w->names);
	got = journal_folder_get(w->t->journal, w->u[at[from]].origin_folder, &w->names, &origin,
				 err);
	if (got < 0)
		return -1;
	if (got == 0 || !origin.exists) {
		w->tally->changed += n;
		return 0;
	}
	if (session_capabilities(w->t->session) & CAP_MOVE)
		return undo_move(w, from, n, origin.wire_name, err);
	return undo_carry(w, at + from, n, &origin, err);
}

static int move_page(struct undoing *w, struct err *err)
{
	size_t at[FILING_PAGE], n;

	if (note_absent(w, err) < 0)
		return -1;
	n = choose_moves(w, at);
	if (w->o.dry) {
		w->tally->moved_back += n;
		return 0;
	}
	for (size_t from = 0, len; from < n; from += len) {
		len = 1;
		while (from + len < n &&
		       w->u[at[from + len]].origin_folder == w->u[at[from]].origin_folder)
			len++;
		if (stop_check(err) < 0 || move_run(w, at, from, len, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- folders ---- */

static int open_folder(struct undoing *w, struct err *err)
{
	struct session *s = w->t->session;
	int got = w->o.dry ? session_examine(s, w->folder.wire_name, &w->sel, err)
			   : session_select(s, w->folder.wire_name, &w->sel, err);

	if (got == 0)
		return 1;
	return transfer_folder_shut(err) ? 0 : -1;
}

static int alloc_page(struct undoing *w, struct err *err)
{
	arena_reset(&w->arena);
	w->u = arena_alloc(&w->arena, FILING_PAGE * sizeof(*w->u));
	w->states = arena_alloc(&w->arena, FILING_PAGE * sizeof(*w->states));
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is in it */
	w->found = arena_alloc(&w->arena, FILING_PAGE * sizeof(*w->found));
	return w->u && w->states && w->found ? 0 : err_nomem(err);
}

/* The next page behind UID `after`: their number, 0, -1. */
static int load_page(struct undoing *w, uint32_t after, struct err *err)
{
	int n;

	if (alloc_page(w, err) < 0)
		return -1;
	n = journal_undo_next(w->t->journal, w->run, w->folder.id, after, FILING_PAGE, &w->arena,
			      w->u, w->states, err);
	w->n = n > 0 ? (size_t)n : 0;
	return n;
}

/* Of another UIDVALIDITY: these UIDs are other messages now. */
static size_t leave_strangers(struct undoing *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++) {
		if (w->u[i].uidvalidity != w->sel.uidvalidity) {
			w->tally->changed++;
			continue;
		}
		w->u[kept] = w->u[i];
		w->states[kept++] = w->states[i];
	}
	return kept;
}

/* What of the page is there, as it is now. */
static int look_at_page(struct undoing *w, struct err *err)
{
	struct look look;

	w->n = leave_strangers(w);
	for (size_t i = 0; i < w->n; i++)
		w->uids[i] = w->u[i].uid;
	if (look_at(w->t, w->uids, w->n, true, &w->arena, &look, err) < 0)
		return -1;
	for (size_t i = 0; i < w->n; i++)
		w->found[i] = look_found(&look, w->u[i].uid);
	return 0;
}

static int undo_page(struct undoing *w, struct err *err)
{
	if (look_at_page(w, err) < 0 || remove_page(w, err) < 0 || forget_page(w, err) < 0)
		return -1;
	return move_page(w, err);
}

static int undo_folder(struct undoing *w, struct err *err)
{
	struct err shut = ERR_INIT;
	uint32_t after = 0;
	int got = open_folder(w, &shut);

	if (got < 0)
		*err = shut;
	if (got <= 0) {
		progress_note(w->t->progress, "'%s' cannot be opened, nothing is taken back there",
			      w->folder.name);
		return got;
	}
	while ((got = load_page(w, after, err)) > 0) {
		after = w->u[w->n - 1].uid;
		if (stop_check(err) < 0 || undo_page(w, err) < 0)
			return -1;
		progress_update(w->t->progress, "taking back", w->tally->removed, 0, 0);
	}
	return got;
}

static int undo_folders(struct undoing *w, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1u << 20);
	int64_t after = 0;
	int got;

	for (;;) {
		arena_reset(&a);
		got = journal_undo_folder_next(w->t->journal, w->run, after, &a, &w->folder, err);
		if (got <= 0)
			return got;
		after = w->folder.id;
		if (undo_folder(w, err) < 0)
			return -1;
	}
}

/* ---- originals that the run took away of what another had copied ---- */

static int load_cleared(struct undoing *w, uint32_t after, struct err *err)
{
	int n;

	if (alloc_page(w, err) < 0)
		return -1;
	n = journal_cleared_next(w->t->journal, w->run, w->folder.id, after, FILING_PAGE, &w->arena,
				 w->u, err);
	w->n = n > 0 ? (size_t)n : 0;
	for (size_t i = 0; i < w->n; i++)
		if (journal_undo_state(w->t->journal, w->u[i].id, &w->states[i], err) < 0)
			return -1;
	return n;
}

/* Those of the page whose copy is there to be copied back: their places into at[]. */
static size_t choose_put_back(struct undoing *w, size_t at[FILING_PAGE])
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++) {
		const struct found_message *m = w->found[i];

		if (m->uid == 0)
			w->tally->gone++;
		else if (!undo_is_it(&w->u[i], m))
			w->tally->changed++;
		else
			at[n++] = i;
	}
	return n;
}

static int put_back_page(struct undoing *w, struct err *err)
{
	size_t at[FILING_PAGE], n;
	struct remote_folder origin;

	if (look_at_page(w, err) < 0)
		return -1;
	n = choose_put_back(w, at);
	for (size_t from = 0, len; from < n; from += len) {
		int64_t folder = w->u[at[from]].origin_folder;
		int got;

		for (len = 1; from + len < n && w->u[at[from + len]].origin_folder == folder; len++)
			;
		arena_reset(&w->names);
		got = journal_folder_get(w->t->journal, folder, &w->names, &origin, err);
		if (got < 0)
			return -1;
		if (got == 0 || !origin.exists) {
			w->tally->changed += len;
			continue;
		}
		if (!w->o.dry && undo_put_back(w, at + from, len, &origin, err) < 0)
			return -1;
		w->tally->put_back += w->o.dry ? len : 0;
		for (size_t i = from; w->o.dry && i < from + len; i++)
			w->tally->flags +=
				journal_cleared_differs(&w->u[at[i]], &w->found[at[i]]->flags);
	}
	return 0;
}

static int put_back_folder(struct undoing *w, struct err *err)
{
	uint32_t after = 0;
	int got;

	while ((got = load_cleared(w, after, err)) > 0) {
		after = w->u[w->n - 1].uid;
		if (stop_check(err) < 0 || put_back_page(w, err) < 0)
			return -1;
		progress_update(w->t->progress, "taking back", w->tally->put_back, 0, 0);
	}
	return got;
}

static int put_back_all(struct undoing *w, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1u << 20);
	int64_t after = 0;
	int got;

	if (!w->o.dry && journal_clearing_forget(w->t->journal, w->run, err) < 0)
		return -1;
	for (;;) {
		struct err shut = ERR_INIT;

		arena_reset(&a);
		got = journal_cleared_folder_next(w->t->journal, w->run, after, &a, &w->folder,
						  err);
		if (got <= 0)
			return got;
		after = w->folder.id;
		got = open_folder(w, &shut);
		if (got < 0)
			*err = shut;
		if (got < 0 || (got > 0 && put_back_folder(w, err) < 0))
			return -1;
	}
}

/* ---- all of it ---- */

static int undo_flags(struct undoing *w, struct err *err)
{
	struct transfer *t = w->t;
	uint64_t before = t->tally.flags_changed;

	if (w->o.dry) {
		if (journal_flags_to_undo(t->journal, w->run, &before, err) < 0)
			return -1;
		w->tally->flags += before;
		return 0;
	}
	if (journal_flags_undo_prepare(t->journal, w->run, err) < 0 ||
	    flags_restore(t, w->run, err) < 0 || journal_flags_undone(t->journal, w->run, err) < 0)
		return -1;
	w->tally->flags += t->tally.flags_changed - before;
	fault_point("undo-flags-restored");
	return 0;
}

static int undo_once(struct undoing *w, struct err *err)
{
	struct transfer *t = w->t;

	if (transfer_connect(t, err) < 0)
		return -1;
	if (!(session_capabilities(t->session) & CAP_UIDPLUS))
		return err_set(
			err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_NEVER,
			"the server has no UIDPLUS: it cannot take away single messages, only "
			"all that anybody has marked; nothing was changed");
	/* what has been undone before counts once; what stays is counted anew */
	w->tally->changed = 0;
	if (w->o.dry)
		*w->tally = (struct undo_tally){ 0 };
	if (origins_refresh(t, err) < 0 || plan_flags_settle(t->journal, err) < 0 ||
	    put_back_all(w, err) < 0 || undo_flags(w, err) < 0 || undo_folders(w, err) < 0)
		return -1;
	if (journal_undo_blind(t->journal, w->run, &w->tally->unknown, err) < 0)
		return -1;
	return session_unselect(t->session, err);
}

int undo(struct transfer *t, int64_t run, const struct undo_options *options,
	 struct undo_tally *tally, struct err *err)
{
	struct undoing *w = calloc(1, sizeof(*w));
	int result;

	if (!w)
		return err_nomem(err);
	*tally = (struct undo_tally){ 0 };
	*w = (struct undoing){
		.t = t,
		.run = run,
		.o = *options,
		.tally = tally,
		.arena = ARENA_INIT(UNDO_ARENA_MAX),
		.names = ARENA_INIT(1u << 20),
	};
	for (uint32_t attempt = 0;; attempt++) {
		result = undo_once(w, err);
		if (result == 0 || !transfer_line_lost(err) || attempt >= transfer_tries(t, err))
			break;
		transfer_disconnect(t);
		if (transfer_pause_for(t, err, attempt, err) < 0)
			break;
		t->tally.reconnects++;
	}
	undoing_release(w);
	free(w);
	return result;
}

/*
 * Taking messages away, one by one as the server knows them: the originals of moves
 * on a server without MOVE, and what undo takes back. Only UID EXPUNGE of exactly
 * these UIDs (RFC 4315): a plain EXPUNGE would take along what others have marked.
 */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/stop.h"
#include "journal/clearing.h"
#include "transfer/filing.h"

#define ORIGIN_ARENA_MAX (16u << 20)
#define POLL_MS		 500

/* ---- taking away ---- */

/* Wait for the end of one command. */
static int finish(struct transfer *t, const char *what, struct err *err)
{
	struct session *const sessions[] = { t->session };
	struct append_result r;
	int got;

	while ((got = session_reap(t->session, &r, err)) == 0)
		if (session_poll(sessions, 1, POLL_MS, err) < 0)
			return -1;
	if (got < 0)
		return -1;
	return r.ok ? 0
		    : err_set(err, ERR_REFUSED, SCOPE_FOLDER, RETRY_NEVER,
			      "the server refused to %s: %s", what, r.text);
}

int uids_remove(struct transfer *t, const uint32_t *uids, size_t n, struct err *err)
{
	const struct store_spec deleted = { .flags = FLAG_DELETED };
	size_t taken;

	for (size_t done = 0; done < n; done += taken) {
		fault_point("file-before-delete");
		if (session_store(t->session, uids + done, n - done, &deleted, &taken, err) < 0 ||
		    finish(t, "mark messages as deleted", err) < 0)
			return -1;
		fault_point("file-before-expunge");
		if (session_expunge(t->session, uids + done, taken, &taken, err) < 0 ||
		    finish(t, "expunge messages", err) < 0)
			return -1;
		fault_point("file-expunged");
	}
	return 0;
}

/* ---- the originals of moves ---- */

struct origins {
	struct transfer *t;
	struct arena arena;
	struct upload *u;
	size_t n;
	bool copied[FILING_PAGE]; /* the copy is there: the original may go */
	struct look look;
	uint32_t uids[FILING_PAGE];
	int64_t ids[FILING_PAGE], to_mark[FILING_PAGE], missed[FILING_PAGE];
};

/* Open a folder for reading or writing: 1, 0 it cannot be opened, -1. */
static int open_folder(struct origins *o, int64_t folder, bool writing, struct selected *sel,
		       struct err *err)
{
	struct remote_folder f;
	int got = journal_folder_get(o->t->journal, folder, &o->arena, &f, err);

	if (got <= 0)
		return got;
	got = writing ? session_select(o->t->session, f.wire_name, sel, err)
		      : session_examine(o->t->session, f.wire_name, sel, err);
	if (got == 0)
		return 1;
	return transfer_folder_shut(err) ? 0 : -1;
}

bool origin_same(const struct found_message *m, const struct upload *u)
{
	return m->uid != 0 && m->size == u->wire_len &&
	       (m->internaldate == TIME_NONE || m->internaldate == u->internaldate);
}

/* The copy may have been made long ago, by another run: its header is looked at, too. */
static bool is_the_same(const struct found_message *m, const struct upload *u)
{
	return origin_same(m, u) &&
	       (!u->has_keys || memcmp(m->keys.fields, u->keys.fields, KEY_LEN) == 0);
}

/* Which of the page's copies in `target` are there, and are what was copied? */
static int look_at_copies(struct origins *o, int64_t target, struct err *err)
{
	struct selected sel;
	struct err shut = ERR_INIT;
	size_t n = 0;
	int got = open_folder(o, target, false, &sel, &shut);

	if (got < 0)
		*err = shut;
	if (got <= 0)
		return got;
	for (size_t i = 0; i < o->n; i++)
		if (o->u[i].target == target && o->u[i].uid != 0 &&
		    o->u[i].uidvalidity == sel.uidvalidity)
			o->uids[n++] = o->u[i].uid;
	if (look_at(o->t, o->uids, n, true, &o->arena, &o->look, err) < 0)
		return -1;
	for (size_t i = 0; i < o->n; i++)
		if (o->u[i].target == target && o->u[i].uidvalidity == sel.uidvalidity)
			o->copied[i] = is_the_same(look_found(&o->look, o->u[i].uid), &o->u[i]);
	return 0;
}

static int look_at_all_copies(struct origins *o, struct err *err)
{
	memset(o->copied, 0, sizeof(o->copied));
	for (size_t i = 0; i < o->n; i++) {
		bool seen = false;

		for (size_t k = 0; k < i && !seen; k++)
			seen = o->u[k].target == o->u[i].target;
		if (!seen && look_at_copies(o, o->u[i].target, err) < 0)
			return -1;
	}
	return 0;
}

static int look_at_originals(struct origins *o, bool header, struct err *err)
{
	for (size_t i = 0; i < o->n; i++)
		o->uids[i] = o->u[i].origin_uid;
	return look_at(o->t, o->uids, o->n, header, &o->arena, &o->look, err);
}

/* Take away the originals whose copies are there. */
static int remove_originals(struct origins *o, struct err *err)
{
	struct selected sel;
	struct err shut = ERR_INIT;
	size_t n_gone = 0, n_there = 0, n_to_mark = 0, n_missed = 0;
	int got = open_folder(o, o->u[0].origin_folder, true, &sel, &shut);

	if (got < 0)
		*err = shut;
	if (got <= 0)
		return got;
	if (look_at_originals(o, true, err) < 0)
		return -1;
	for (size_t i = 0; i < o->n; i++) {
		const struct found_message *m = look_found(&o->look, o->u[i].origin_uid);
		bool there = m->uid != 0 && sel.uidvalidity == o->u[i].origin_uidvalidity;

		if (there && (!o->copied[i] || !is_the_same(m, &o->u[i])))
			continue; /* it stays */
		o->ids[n_gone++] = o->u[i].id;
		if (!there)
			o->missed[n_missed++] = o->u[i].id;
		if (there && !(m->flags.system & FLAG_DELETED))
			o->to_mark[n_to_mark++] = o->u[i].id;
		if (there)
			o->uids[n_there++] = o->u[i].origin_uid;
	}
	if (journal_clearing_missed(o->t->journal, o->missed, n_missed, err) < 0 ||
	    journal_origin_marked(o->t->journal, o->to_mark, n_to_mark, err) < 0)
		return -1;
	fault_point("file-marking");
	if (uids_remove(o->t, o->uids, n_there, err) < 0 ||
	    journal_origin_gone(o->t->journal, o->ids, n_gone, err) < 0)
		return -1;
	fault_point("file-origin-gone");
	return 0;
}

/* Note which originals are not there any more. */
static int note_gone(struct origins *o, struct err *err)
{
	struct selected sel;
	struct err shut = ERR_INIT;
	size_t n_gone = 0;
	int got = open_folder(o, o->u[0].origin_folder, false, &sel, &shut);

	if (got < 0)
		*err = shut;
	if (got <= 0)
		return got;
	if (look_at_originals(o, false, err) < 0)
		return -1;
	for (size_t i = 0; i < o->n; i++)
		if (sel.uidvalidity != o->u[i].origin_uidvalidity ||
		    look_found(&o->look, o->u[i].origin_uid)->uid == 0)
			o->ids[n_gone++] = o->u[i].id;
	return journal_origin_gone(o->t->journal, o->ids, n_gone, err);
}

static int each_page(struct origins *o, bool remove, struct err *err)
{
	int64_t after = 0;
	int n;

	for (;;) {
		arena_reset(&o->arena);
		o->u = arena_alloc(&o->arena, FILING_PAGE * sizeof(*o->u));
		if (!o->u)
			return err_nomem(err);
		n = journal_origins_left(o->t->journal, after, FILING_PAGE, &o->arena, o->u, err);
		if (n <= 0)
			return n;
		o->n = (size_t)n;
		after = (int64_t)((uint64_t)o->u[n - 1].origin_folder << 32 |
				  o->u[n - 1].origin_uid);
		if (stop_check(err) < 0)
			return -1;
		if (!remove && note_gone(o, err) < 0)
			return -1;
		if (remove && (look_at_all_copies(o, err) < 0 || remove_originals(o, err) < 0))
			return -1;
	}
}

static int over_origins(struct transfer *t, bool remove, struct err *err)
{
	struct origins *o = calloc(1, sizeof(*o));
	int result;

	if (!o)
		return err_nomem(err);
	o->t = t;
	o->arena = (struct arena)ARENA_INIT(ORIGIN_ARENA_MAX);
	result = each_page(o, remove, err);
	if (result == 0)
		result = session_unselect(t->session, err);
	arena_release(&o->arena);
	free(o);
	return result;
}

int origins_remove(struct transfer *t, struct err *err)
{
	return session_capabilities(t->session) & CAP_UIDPLUS ? over_origins(t, true, err) : 0;
}

int origins_refresh(struct transfer *t, struct err *err)
{
	return over_origins(t, false, err);
}

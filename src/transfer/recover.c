/*
 * After a lost line nobody knows what of the in-flight uploads is stored: servers
 * go on executing what they have received (servers.md 2.8), so first the mailbox
 * must come to rest. Then its index is brought up to date, and each upload, in the
 * order of submission, takes the lowest message that has its keys and size, a UID
 * not below the UIDNEXT from before it was sent, and no other owner. Identical
 * copies are thereby counted: as many uploads are stored as there are messages.
 *
 * A second sweep looks at the Message-ID alone, for servers that change sizes or
 * fields. What is left was never stored and is planned again.
 */
#include "base/stop.h"
#include "base/fault.h"
#include "journal/lookup.h"
#include "transfer/internal.h"

#define DOUBTS_PER_PAGE 200
#define DOUBT_ARENA_MAX (16u << 20)
#define FINAL_EOL_LEN	2

struct recovery {
	struct transfer *t;
	struct arena arena;
	struct remote_folder folder;
	struct upload *page;
};

static void recovery_release(struct recovery *r)
{
	arena_release(&r->arena);
}

/* ---- quiet ---- */

static bool same_status(const struct folder_status *a, const struct folder_status *b)
{
	return a->uidvalidity == b->uidvalidity && a->uidnext == b->uidnext &&
	       a->messages == b->messages;
}

/* Wait until two looks in a row see the same. 1: at rest; 0: the folder cannot be asked, *err
 * tells; -1, also when it does not come to rest: to decide now could mean to send twice what the
 * server is still storing. */
static int wait_until_quiet(struct recovery *r, struct err *err)
{
	struct transfer *t = r->t;
	struct transfer_options o = transfer_limits(t);
	int64_t lost = t->lost_at_ms ? t->lost_at_ms : time_monotonic_ms();
	int64_t give_up = time_monotonic_ms() + o.quiet_max_ms;
	struct folder_status before, now;

	if (session_status(t->session, r->folder.wire_name, &before, err) < 0)
		return transfer_folder_shut(err) ? 0 : -1;
	for (;;) {
		if (transfer_pause(t, o.quiet_poll_ms, err) < 0)
			return -1;
		if (session_status(t->session, r->folder.wire_name, &now, err) < 0)
			return transfer_folder_shut(err) ? 0 : -1;
		int64_t clock = time_monotonic_ms();

		if (same_status(&before, &now) && clock - lost >= o.quiet_min_ms)
			return 1;
		if (clock >= give_up)
			return err_set(err, ERR_TEMPFAIL, SCOPE_ACCOUNT, RETRY_LATER,
				       "'%s' keeps changing: what an interrupted upload left there "
				       "cannot be told yet; run it again later",
				       r->folder.name);
		before = now;
	}
}

/* ---- matching ---- */

enum sweep { SWEEP_EXACT, SWEEP_ID, SWEEP_ANYWHERE, SWEEP_REST };

/* What servers are known to do to a message moves its size within these bounds. */
static void size_bounds(const struct upload *u, struct remote_wanted *w)
{
	uint64_t less = u->cr_count + u->cr_cr_lf_count + FINAL_EOL_LEN;

	w->size_min = u->wire_len > less ? u->wire_len - less : 0;
	w->size_max = u->wire_len + FINAL_EOL_LEN;
}

static int find_stored(struct recovery *r, const struct upload *u, enum sweep sweep, uint32_t *uid,
		       struct err *err)
{
	struct remote_wanted w = {
		.folder = r->folder.id,
		.uidvalidity = r->folder.uidvalidity,
		.first_uid = u->uidvalidity == r->folder.uidvalidity ? u->base_uidnext : 1,
		.keys = &u->keys,
		.size_max = UINT64_MAX,
	};

	if (sweep == SWEEP_ANYWHERE)
		w.first_uid = 1;
	if (sweep != SWEEP_ID)
		size_bounds(u, &w);
	else if (!u->keys.has_id)
		return 0;
	return journal_remote_unclaimed(r->t->journal, &w, sweep == SWEEP_ID, uid, err);
}

static int settle(struct recovery *r, const struct upload *u, enum sweep sweep, struct err *err)
{
	struct journal *j = r->t->journal;
	uint32_t uid;
	int found;

	if (sweep == SWEEP_REST) {
		r->t->tally.replanned++;
		return journal_mark_planned(j, &u->id, 1, err);
	}
	found = find_stored(r, u, sweep, &uid, err);
	if (found <= 0)
		return found;
	r->t->tally.recovered++;
	return journal_mark_stored(j, &u->id, 1, r->folder.uidvalidity, uid, err);
}

static int sweep_doubts(struct recovery *r, enum sweep sweep, struct err *err)
{
	int64_t cursor = 0;

	for (;;) {
		arena_reset(&r->arena);
		r->page = arena_alloc(&r->arena, DOUBTS_PER_PAGE * sizeof(*r->page));
		if (!r->page)
			return err_nomem(err);
		int n = journal_doubts_next(r->t->journal, r->folder.id, DOUBTS_PER_PAGE, &r->arena,
					    r->page, &cursor, err);

		if (n <= 0)
			return n;
		for (int i = 0; i < n; i++) {
			if (settle(r, &r->page[i], sweep, err) < 0)
				return -1;
		}
	}
}

/* One page of stored uploads whose UID is not known: *more tells whether there may be others. */
static int claim_page(struct transfer *t, const struct remote_folder *folder, struct upload *page,
		      int n, bool *more, struct err *err)
{
	/* Gmail says OK to what it has already, wherever that lies: look everywhere at last. */
	static const enum sweep sweeps[] = { SWEEP_EXACT, SWEEP_ID, SWEEP_ANYWHERE };
	struct recovery r = { .t = t, .folder = *folder };

	for (int i = 0; i < n; i++) {
		uint32_t uid;

		if (page[i].uid != 0) { /* those without come first */
			*more = false;
			return 0;
		}
		int found = 0;

		for (size_t k = 0; k < sizeof(sweeps) / sizeof(sweeps[0]) && found == 0; k++)
			found = find_stored(&r, &page[i], sweeps[k], &uid, err);
		if (found < 0 ||
		    (found > 0 && journal_mark_uid(t->journal, page[i].id, uid, err) < 0))
			return -1;
	}
	return 0;
}

int claim_uids(struct transfer *t, const struct remote_folder *folder, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(DOUBT_ARENA_MAX);
	bool more = true;
	int64_t cursor = 0;

	while (more) {
		arena_reset(&a);
		struct upload *page = arena_alloc(&a, DOUBTS_PER_PAGE * sizeof(*page));
		int n = page ? journal_stored_next(t->journal, 0, folder->id, folder->uidvalidity,
						   DOUBTS_PER_PAGE, &a, page, &cursor, err)
			     : err_nomem(err);

		if (n <= 0)
			return n;
		if (claim_page(t, folder, page, n, &more, err) < 0)
			return -1;
	}
	return 0;
}

/* All verdicts in one transaction: half of them would make the rest guess wrong. */
int settle_doubts(struct transfer *t, const struct remote_folder *folder, bool look,
		  struct err *err)
{
	CLEANUP(recovery_release)
	struct recovery r = {
		.t = t,
		.folder = *folder,
		.arena = ARENA_INIT(DOUBT_ARENA_MAX),
	};
	static const enum sweep sweeps[] = { SWEEP_EXACT, SWEEP_ID };

	if (journal_begin(t->journal, err) < 0)
		return -1;
	/* Stored ones without a UID came before those in doubt: they choose first. */
	int result = look ? claim_uids(t, folder, err) : 0;

	for (size_t i = 0; look && result == 0 && i < sizeof(sweeps) / sizeof(sweeps[0]); i++)
		result = sweep_doubts(&r, sweeps[i], err);
	if (result == 0)
		result = sweep_doubts(&r, SWEEP_REST, err);
	if (result < 0) {
		journal_rollback(t->journal);
		return -1;
	}
	fault_point("recover-before-commit");
	if (journal_commit(t->journal, err) < 0)
		return -1;
	fault_point("recover-after-commit");
	return 0;
}

/* ---- folders ---- */

/* The folder cannot be read. If it is gone, so is what we put there; if not, we must not guess. */
static int settle_without_folder(struct recovery *r, const struct err *cause, struct err *err)
{
	struct transfer *t = r->t;
	struct listed_folder listed;
	int there = session_list_one(t->session, r->folder.wire_name, &r->arena, &listed, err);

	if (there < 0)
		return -1;
	if (there == 0 || (listed.attributes & ATTR_NOSELECT))
		return settle_doubts(t, &r->folder, false, err);
	t->tally.folders_blind++;
	progress_note(t->progress,
		      "'%s': it is not known what of an interrupted upload is there: %s",
		      r->folder.name, cause->text);
	return transfer_notice(t, 0, "in-doubt", 1, r->folder.name, cause->text, err);
}

static int recover_folder(struct recovery *r, struct err *err)
{
	struct err cause = ERR_INIT;
	int got;

	progress_note(r->t->progress, "'%s': finding out what of an interrupted upload is there",
		      r->folder.name);
	got = wait_until_quiet(r, &cause);
	if (got > 0)
		got = index_folder(r->t, &r->folder, &cause);
	if (got < 0) {
		*err = cause;
		return -1;
	}
	fault_point("recover-indexed");
	if (got == 0)
		return settle_without_folder(r, &cause, err);
	return settle_doubts(r->t, &r->folder, true, err);
}

static int recover_folders(struct transfer *t, uint64_t *resolved, struct err *err)
{
	struct recovery r = { .t = t, .arena = ARENA_INIT(DOUBT_ARENA_MAX) };
	struct arena names = ARENA_INIT(1u << 20);
	int64_t after = 0;
	int got;

	for (;;) {
		arena_reset(&names);
		got = journal_doubt_target_next(t->journal, after, &names, &r.folder, err);
		if (got <= 0)
			break;
		after = r.folder.id;
		got = recover_folder(&r, err);
		if (got < 0)
			break;
		++*resolved;
	}
	arena_release(&r.arena);
	arena_release(&names);
	return got;
}

int recover(struct transfer *t, struct err *err)
{
	struct transfer_options o = transfer_limits(t);
	uint64_t resolved = 0; /* folders */

	for (uint32_t attempt = 0;; attempt++) {
		if (transfer_connect(t, err) < 0)
			return -1;
		int got = recover_folders(t, &resolved, err);

		if (got == 0 && resolved > 0)
			got = session_unselect(t->session, err);
		if (got == 0)
			break;
		if (!transfer_line_lost(err) || attempt >= o.retry_max)
			return -1;
		t->lost_at_ms = time_monotonic_ms();
		progress_note(t->progress, "%s; connecting again", err->text);
		transfer_disconnect(t);
		if (transfer_pause(t, transfer_backoff_ms(t, attempt), err) < 0)
			return -1;
		t->tally.reconnects++;
	}
	t->lost_at_ms = 0;
	return 0;
}

/*
 * What of the uploads whose answer was lost has arrived, judged by the index of the
 * folder, which is up to date. Each upload, in the order of submission, takes the
 * lowest message that is like it, has a UID not below the UIDNEXT from before it
 * was sent, and no other owner. Identical copies are thereby counted: as many
 * uploads are stored as there are messages.
 *
 * In sweeps, from certain to vague, and in each first those that the server has
 * acknowledged without telling a UID, for they are there; what a message is sure of
 * is not taken away by one that is only like it:
 *   - fields and size are equal, but for what servers are known to do to a size
 *   - the Message-ID is equal and the body, whatever the size
 *   - a server that rewrites what it stores (it has done so before): equal fields
 *   - acknowledged, but nothing new is there: Gmail says OK to what it has already
 * Where keys are no proof the octets are compared (judge.c): when another upload in
 * doubt has the same key, and when nobody knows which messages are new (the folder
 * was made anew, or the server told no UIDNEXT).
 *
 * What is not found was never stored and is planned again. What cannot be told
 * (the message here is not the one any more that was sent) stays in doubt: neither
 * sent again nor given up.
 */
#include <inttypes.h>

#include "base/fault.h"
#include "journal/lookup.h"
#include "transfer/internal.h"

#define DOUBTS_PER_PAGE 200
#define DOUBT_ARENA_MAX (16u << 20)
#define FINAL_EOL_LEN	2
#define JUDGED_MAX	200 /* messages of the server that one upload is compared with */

enum sweep { SWEEP_EXACT, SWEEP_ID, SWEEP_REWRITTEN, SWEEP_ANYWHERE, SWEEP_COUNT };

/* Takes a message of the server for an upload, or not. */
enum claim { CLAIM_NONE, CLAIM_FOUND, CLAIM_UNKNOWN };

struct doubts {
	struct transfer *t;
	const struct remote_folder *folder;
	const struct judging *judging;
	struct arena arena;
	uint64_t unknown; /* stay in doubt */
};

static void doubts_release(struct doubts *d)
{
	arena_release(&d->arena);
}

/* ---- one upload ---- */

/* What servers are known to do to a message moves its size within these bounds. */
void transfer_size_bounds(const struct upload *u, struct remote_wanted *w)
{
	uint64_t less = u->cr_count + u->cr_cr_lf_count + FINAL_EOL_LEN;

	w->size_min = u->wire_len > less ? u->wire_len - less : 0;
	w->size_max = u->wire_len + FINAL_EOL_LEN;
}

/* Is it known which messages came after the upload was begun? */
static bool base_known(const struct doubts *d, const struct upload *u)
{
	return u->base_uidnext > 0 && u->uidvalidity == d->folder->uidvalidity;
}

/* False: this sweep is not for that upload. */
static bool wanted_by(const struct doubts *d, const struct upload *u, enum sweep sweep,
		      struct remote_wanted *w)
{
	*w = (struct remote_wanted){
		.folder = d->folder->id,
		.uidvalidity = d->folder->uidvalidity,
		.first_uid = base_known(d, u) && sweep != SWEEP_ANYWHERE ? u->base_uidnext : 1,
		.keys = &u->keys,
		.size_max = INT64_MAX,
	};
	switch (sweep) {
	case SWEEP_EXACT:
	case SWEEP_ANYWHERE:
		transfer_size_bounds(u, w);
		w->by = u->has_keys ? WANTED_BY_FIELDS : WANTED_BY_SIZE;
		return true;
	case SWEEP_ID:
		w->by = WANTED_BY_ID;
		return u->has_keys;
	case SWEEP_REWRITTEN:
		w->by = WANTED_BY_FIELDS;
		return u->has_keys && base_known(d, u);
	case SWEEP_COUNT:
		break;
	}
	return false;
}

/* Are the keys no proof? 1, 0, -1. */
static int must_judge(struct doubts *d, const struct upload *u, enum sweep sweep, struct err *err)
{
	if (sweep == SWEEP_ID || sweep == SWEEP_ANYWHERE || !u->has_keys || !base_known(d, u))
		return 1;
	return journal_doubt_shared(d->t->journal, u, err);
}

/* The lowest message that is proven to be the upload. */
static int find_judged(struct doubts *d, const struct upload *u, struct remote_wanted *w,
		       bool whole, enum claim *out, uint32_t *uid, struct err *err)
{
	*out = CLAIM_NONE;
	for (int tries = 0; tries < JUDGED_MAX; tries++) {
		enum judgement judgement;
		int got = journal_remote_unclaimed(d->t->journal, w, uid, err);

		if (got <= 0)
			return got;
		if (d->judging->judge(d->judging->context, u, *uid, whole, &judgement, err) < 0)
			return -1;
		*out = judgement == JUDGED_SAME	     ? CLAIM_FOUND
		       : judgement == JUDGED_UNKNOWN ? CLAIM_UNKNOWN
						     : CLAIM_NONE;
		if (*out != CLAIM_NONE || *uid == UINT32_MAX)
			return 0;
		w->first_uid = *uid + 1;
	}
	*out = CLAIM_UNKNOWN; /* a crowd: rather ask nobody than send it twice */
	return 0;
}

static int find_stored(struct doubts *d, const struct upload *u, enum sweep sweep, enum claim *out,
		       uint32_t *uid, struct err *err)
{
	struct remote_wanted w;
	int judged, got;

	*out = CLAIM_NONE;
	if (!wanted_by(d, u, sweep, &w))
		return 0;
	judged = must_judge(d, u, sweep, err);
	if (judged < 0)
		return -1;
	if (judged && sweep == SWEEP_REWRITTEN)
		return 0; /* the bodies will differ */
	if (judged)
		return find_judged(d, u, &w, sweep != SWEEP_ID, out, uid, err);
	got = journal_remote_unclaimed(d->t->journal, &w, uid, err);
	*out = got > 0 ? CLAIM_FOUND : CLAIM_NONE;
	return got < 0 ? -1 : 0;
}

/* ---- those that the server has acknowledged ---- */

static int claim_one(struct doubts *d, const struct upload *u, enum sweep sweep, struct err *err)
{
	enum claim claim;
	uint32_t uid;

	if (find_stored(d, u, sweep, &claim, &uid, err) < 0)
		return -1;
	return claim == CLAIM_FOUND ? journal_mark_uid(d->t->journal, u->id, uid, err) : 0;
}

static int claim_stored(struct doubts *d, enum sweep sweep, struct err *err)
{
	int64_t cursor = 0;

	for (;;) {
		arena_reset(&d->arena);
		struct upload *page = arena_alloc(&d->arena, DOUBTS_PER_PAGE * sizeof(*page));
		int n = page ? journal_stored_next(d->t->journal, 0, d->folder->id,
						   d->folder->uidvalidity, DOUBTS_PER_PAGE,
						   &d->arena, page, &cursor, err)
			     : err_nomem(err);

		if (n <= 0)
			return n;
		for (int i = 0; i < n; i++) {
			if (page[i].uid != 0) /* those without come first */
				return 0;
			if (claim_one(d, &page[i], sweep, err) < 0)
				return -1;
		}
	}
}

/* ---- those in doubt ---- */

static int settle_one(struct doubts *d, const struct upload *u, enum sweep sweep, struct err *err)
{
	struct journal *j = d->t->journal;
	enum claim claim;
	uint32_t uid;

	if (find_stored(d, u, sweep, &claim, &uid, err) < 0)
		return -1;
	if (claim == CLAIM_UNKNOWN) {
		d->unknown++;
		return journal_doubt_stays(j, u->id, err);
	}
	if (claim == CLAIM_NONE)
		return 0;
	d->t->tally.recovered++;
	if (transfer_tell_mended(d->t, u, err) < 0)
		return -1;
	return journal_mark_stored(j, &u->id, 1, d->folder->uidvalidity, uid, err);
}

/* `sweep` SWEEP_COUNT: the rest is planned again. */
static int sweep_doubts(struct doubts *d, enum sweep sweep, struct err *err)
{
	int64_t cursor = 0;

	for (;;) {
		arena_reset(&d->arena);
		struct upload *page = arena_alloc(&d->arena, DOUBTS_PER_PAGE * sizeof(*page));
		int n = page ? journal_doubts_next(d->t->journal, d->folder->id, DOUBTS_PER_PAGE,
						   &d->arena, page, &cursor, err)
			     : err_nomem(err);

		if (n <= 0)
			return n;
		for (int i = 0; i < n; i++) {
			if (sweep < SWEEP_COUNT && settle_one(d, &page[i], sweep, err) < 0)
				return -1;
			if (sweep == SWEEP_COUNT &&
			    journal_mark_planned(d->t->journal, &page[i].id, 1, err) < 0)
				return -1;
		}
		if (sweep == SWEEP_COUNT)
			d->t->tally.replanned += (uint64_t)n;
	}
}

/* ---- all of them ---- */

/* Is this sweep worth its while? 1, 0, -1. */
static int has_work(struct doubts *d, enum sweep sweep, struct err *err)
{
	uint64_t left;

	if (journal_doubts_left(d->t->journal, d->folder->id, &left, err) < 0)
		return -1;
	if (left == 0 || sweep != SWEEP_REWRITTEN)
		return left > 0;
	return journal_server_rewrites(d->t->journal, FINAL_EOL_LEN, err);
}

static int all_sweeps(struct doubts *d, bool with_doubts, struct err *err)
{
	for (enum sweep sweep = SWEEP_EXACT; sweep < SWEEP_COUNT; sweep++) {
		int work = has_work(d, sweep, err);

		if (work < 0)
			return -1;
		if (work == 0)
			continue;
		if (claim_stored(d, sweep, err) < 0)
			return -1;
		if (with_doubts && sweep != SWEEP_ANYWHERE && sweep_doubts(d, sweep, err) < 0)
			return -1;
	}
	return 0;
}

static int sweep_judged(struct doubts *d, bool with_doubts, struct err *err)
{
	struct judging real = { .judge = judge_by_server };
	struct judge *judge;
	int result;

	if (d->judging)
		return all_sweeps(d, with_doubts, err);
	judge = judge_new(d->t, d->folder, err);
	if (!judge)
		return -1;
	real.context = judge;
	d->judging = &real;
	result = all_sweeps(d, with_doubts, err);
	d->judging = NULL;
	judge_free(judge);
	return result;
}

static int tell_unknown(const struct doubts *d, struct err *err)
{
	static const char text[] =
		"it cannot be told whether these messages of an interrupted upload "
		"are there, because they have changed here since";

	if (d->unknown == 0)
		return 0;
	progress_note(d->t->progress, "'%s': %s (%" PRIu64 ")", d->folder->name, text, d->unknown);
	return transfer_notice(d->t, 0, "in-doubt", d->unknown, d->folder->name, text, err);
}

static int settle(struct doubts *d, bool look, bool with_doubts, struct err *err)
{
	uint64_t n;

	if (journal_doubts_begin(d->t->journal, d->folder->id, &n, err) < 0)
		return -1;
	if (n > 0 && look && sweep_judged(d, with_doubts, err) < 0)
		return -1;
	if (n > 0 && with_doubts && sweep_doubts(d, SWEEP_COUNT, err) < 0)
		return -1;
	return tell_unknown(d, err);
}

int claim_uids(struct transfer *t, const struct remote_folder *folder, struct err *err)
{
	CLEANUP(doubts_release)
	struct doubts d = { .t = t, .folder = folder, .arena = ARENA_INIT(DOUBT_ARENA_MAX) };

	return settle(&d, true, false, err);
}

/* All verdicts in one transaction: half of them would make the rest guess wrong. */
int settle_doubts(struct transfer *t, const struct remote_folder *folder, bool look,
		  const struct judging *judging, struct err *err)
{
	CLEANUP(doubts_release)
	struct doubts d = {
		.t = t,
		.folder = folder,
		.judging = judging,
		.arena = ARENA_INIT(DOUBT_ARENA_MAX),
	};

	if (journal_begin(t->journal, err) < 0)
		return -1;
	if (settle(&d, look, true, err) < 0) {
		journal_rollback(t->journal);
		return -1;
	}
	fault_point("recover-before-commit");
	if (journal_commit(t->journal, err) < 0)
		return -1;
	fault_point("recover-after-commit");
	return 0;
}

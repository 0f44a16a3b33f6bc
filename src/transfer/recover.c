/*
 * After a lost line nobody knows what of the in-flight uploads is stored: servers
 * go on executing what they have received (servers.md 2.8), so first the mailbox
 * must come to rest. Then its index is brought up to date, and each upload looks
 * for its message there (doubts.c).
 *
 * At rest is not only a folder that does not change between two looks: of a large message
 * on a slow line nothing shows until its last octet. Our own computer delivers nothing
 * any more of what had not gone out, but a relay on the way may have taken it from us
 * long before. So the octets in doubt are given the time that they take at the rate at
 * which the server has answered, which says something about the line behind the relay.
 */
#include "base/stop.h"
#include "base/fault.h"
#include "journal/lookup.h"
#include "transfer/internal.h"

#define LISTED_ARENA_MAX (1u << 20)
#define NAME_ARENA_MAX	 (1u << 20)
#define TOLD_FROM_MS	 10000

struct recovery {
	struct transfer *t;
	struct arena arena;
	struct remote_folder folder;
	int64_t arrived_ms; /* monotonic: nothing that was on its way comes any more */
};

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
	int64_t begun = time_monotonic_ms();
	int64_t give_up = (begun > r->arrived_ms ? begun : r->arrived_ms) + o.quiet_max_ms;
	struct folder_status before, now;

	if (session_status(t->session, r->folder.wire_name, &before, err) < 0)
		return transfer_folder_shut(err) ? 0 : -1;
	for (;;) {
		if (transfer_pause(t, o.quiet_poll_ms, err) < 0)
			return -1;
		if (session_status(t->session, r->folder.wire_name, &now, err) < 0)
			return transfer_folder_shut(err) ? 0 : -1;
		int64_t clock = time_monotonic_ms();

		if (same_status(&before, &now) && clock - lost >= o.quiet_min_ms &&
		    clock >= r->arrived_ms)
			return 1;
		if (clock >= give_up)
			return err_set(err, ERR_TEMPFAIL, SCOPE_ACCOUNT, RETRY_LATER,
				       "'%s' keeps changing: what an interrupted upload left there "
				       "cannot be told yet; run it again later",
				       r->folder.name);
		before = now;
	}
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
		return settle_doubts(t, &r->folder, false, NULL, err);
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
	return settle_doubts(r->t, &r->folder, true, NULL, err);
}

/* Octets that can have been on their way: those in doubt, but never more than a window, or one
 * message, on each connection: they share the line. (A process that was killed has marked more than
 * it had begun with.) */
static int octets_on_their_way(struct transfer *t, uint64_t *out, struct err *err)
{
	uint64_t all, largest, most = transfer_limits(t).window_octets;

	if (journal_doubt_octets(t->journal, &all, &largest, err) < 0)
		return -1;
	if (most < largest)
		most = largest;
	most *= transfer_connections(t);
	*out = all < most ? all : most;
	return 0;
}

static int reckon_arrival(struct recovery *r, struct err *err)
{
	struct transfer *t = r->t;
	struct transfer_options o = transfer_limits(t);
	uint64_t octets, rate = rate_best(&t->rate);

	if (octets_on_their_way(t, &octets, err) < 0 ||
	    (rate == 0 && journal_rate(t->journal, &rate, err) < 0))
		return -1;
	uint32_t ms = rate_arrival_ms(octets, rate, o.quiet_min_ms, o.arrival_max_ms);
	int64_t now = time_monotonic_ms();

	r->arrived_ms = (t->lost_at_ms ? t->lost_at_ms : now) + ms;
	if (octets > 0 && r->arrived_ms - now > TOLD_FROM_MS)
		progress_note(t->progress,
			      "waiting %u s for what may still be on its way to the server",
			      (unsigned)((r->arrived_ms - now) / 1000));
	return 0;
}

static int recover_folders(struct transfer *t, uint64_t *resolved, struct err *err)
{
	struct recovery r = { .t = t, .arena = ARENA_INIT(LISTED_ARENA_MAX) };
	struct arena names = ARENA_INIT(NAME_ARENA_MAX);
	int64_t after = 0;
	int got = reckon_arrival(&r, err);

	while (got >= 0) {
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
	uint64_t resolved = 0; /* folders */

	if (journal_doubts_refresh(t->journal, t->run, err) < 0)
		return -1;
	for (uint32_t attempt = 0;; attempt++) {
		if (transfer_connect(t, err) < 0)
			return -1;
		int got = recover_folders(t, &resolved, err);

		if (got == 0 && resolved > 0)
			got = session_unselect(t->session, err);
		if (got == 0)
			break;
		if (!transfer_line_lost(err) || attempt >= transfer_tries(t, err))
			return -1;
		t->lost_at_ms = time_monotonic_ms();
		transfer_disconnect(t);
		if (transfer_pause_for(t, err, attempt, err) < 0)
			return -1;
		t->tally.reconnects++;
	}
	t->lost_at_ms = 0;
	return 0;
}

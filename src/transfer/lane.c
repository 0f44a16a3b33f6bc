/*
 * The way of the uploads of one folder: loaded (lane_load.c), written (lane_write.c), and
 * here what the server answers, and how a lane begins and ends.
 */
#include "transfer/lane.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"

/* ---- answers ---- */

/* The first answer tells the UIDVALIDITY of a folder that was empty: one that came up since, with
 * the UID that was foretold. (Some servers swap the two.) */
static void settle_validity(struct lane *l, const struct append_result *r)
{
	if (l->validity_open && r->n_uids > 0 && r->first_uid == l->base &&
	    r->uidvalidity > l->uidvalidity)
		l->uidvalidity = r->uidvalidity;
	l->validity_open = false;
}

/* Are the UIDs what they can be? Some servers announce UIDPLUS and give none, or swap the values.
 */
static bool uids_sane(const struct lane *l, const struct batch *b, const struct append_result *r)
{
	return r->n_uids == b->n && r->uidvalidity == l->uidvalidity && r->first_uid >= l->base &&
	       r->first_uid > 0 && r->last_uid - r->first_uid == b->n - 1;
}

static void follow_pace(struct lane *l)
{
	l->shape.window = l->pace.window;
	l->shape.octets = l->pace.octets;
}

static void learn_pace(struct lane *l, uint64_t octets)
{
	if (l->shape.commands == 1) /* one at a time on purpose */
		return;
	pace_stored(&l->pace, time_monotonic_ms(), octets);
	follow_pace(l);
	if (l->pace.round >= PACE_ROUNDS_FIRST)
		l->books->window = l->pace.window;
}

static int stored(struct lane *l, struct batch *b, const struct append_result *r, struct err *err)
{
	int64_t ids[BATCH_MESSAGES_MAX];

	settle_validity(l, r);
	bool sane = uids_sane(l, b, r);

	fault_point("upload-acknowledged");
	batch_ids(b, ids);
	if (books_begin(l->books, err) < 0 ||
	    journal_mark_stored(l->t->journal, ids, b->n, l->uidvalidity, sane ? r->first_uid : 0,
				err) < 0)
		return -1;
	for (size_t i = 0; i < b->n; i++)
		if (transfer_tell_mended(l->t, &b->chunk->uploads[b->first + i], err) < 0)
			return -1;
	if (sane)
		l->base = r->last_uid + 1;
	for (size_t i = b->first; i < b->first + b->n; i++)
		if (l->books->taken < b->chunk->uploads[i].wire_len)
			l->books->taken = b->chunk->uploads[i].wire_len;
	l->stored += b->n;
	l->t->tally.uploaded += b->n;
	l->t->tally.uploaded_octets += b->octets;
	rate_stored(&l->t->rate, time_monotonic_ms(), b->octets);
	learn_pace(l, b->octets);
	l->pauses = 0;
	l->books->gate->put_off = 0;
	l->refusals_in_a_row = 0;
	progress_update(l->t->progress, l->phase_text, l->t->tally.uploaded, l->total,
			l->t->tally.uploaded_octets);
	batch_free(b);
	return 0;
}

/* An answer to the command that is still being written. */
static int answered_early(struct lane *l, const struct append_result *r, struct err *err)
{
	struct batch *b = l->writing;

	if (!b || b->ticket != r->ticket || r->ok)
		return err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_LATER,
			       "the server answered a command that was not waiting for an answer");
	if (l->phase == PHASE_WAIT) {
		l->writing = NULL;
		l->phase = PHASE_IDLE;
		return lane_refused(l, b, r->refusal, r->text, err);
	}
	if (session_is_dead(l->t->session)) {
		l->writing = NULL;
		l->phase = PHASE_IDLE;
		return lane_refused(l, b, r->refusal, r->text, err);
	}
	/* It goes on swallowing the octets that were announced. */
	b->answered = true;
	b->refusal = r->refusal;
	snprintf(b->text, sizeof(b->text), "%s", r->text);
	return 0;
}

static int take_answers(struct lane *l, struct err *err)
{
	struct append_result r;
	int got;

	while ((got = session_reap(l->t->session, &r, err)) > 0) {
		struct batch *b = l->sent.first;

		if (!b || b->ticket != r.ticket) {
			l->refused_last = true;
			if (answered_early(l, &r, err) < 0)
				return -1;
			continue;
		}
		list_take_first(&l->sent);
		l->refused_last = !r.ok;
		if (r.ok)
			got = stored(l, b, &r, err);
		else
			got = lane_refused(l, b, r.refusal, r.text, err);
		if (got < 0)
			return -1;
	}
	return got;
}

/* A refusal can end the session: the server hangs up, or might take mail for commands. As answers
 * come in order, nothing is in doubt if it was the last command: just connect again. */
static int take_all_answers(struct lane *l, struct err *err)
{
	if (take_answers(l, err) == 0)
		return 0;
	if (!l->refused_last || !session_is_dead(l->t->session) || l->sent.n > 0 || l->writing)
		return -1;
	return lane_connect_again(l, err);
}

/* ---- the lane ---- */

static int set_phase_text(struct lane *l, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(1024);

	buf_adds(&text, "uploading '");
	text_add_safe(&text, slice_str(l->target.name), 60);
	buf_addc(&text, '\'');
	l->phase_text = arena_slice(&l->names, buf_slice(&text));
	return l->phase_text ? 0 : err_nomem(err);
}

static int copy_target(struct lane *l, const struct remote_folder *target, struct err *err)
{
	l->target = *target;
	l->target.wire_name = arena_str(&l->names, target->wire_name);
	l->target.name = arena_str(&l->names, target->name);
	return l->target.wire_name && l->target.name ? 0 : err_nomem(err);
}

/* 1; 0: nobody could recover what goes there. */
static int begin_behind(struct lane *l, const struct folder_status *status, struct err *err)
{
	if (status->uidnext == 0) {
		err_set(err, ERR_PROTOCOL, SCOPE_FOLDER, RETRY_NEVER,
			"the server does not tell its UIDNEXT: after a lost line nobody could say "
			"what is new in it");
		return 0;
	}
	l->uidvalidity = status->uidvalidity;
	l->base = status->uidnext;
	l->messages = status->messages;
	/* Courier makes the UIDVALIDITY of an empty folder up anew each second until there is mail
	 * in it. CONDSTORE tells servers that keep such things. */
	l->validity_open =
		status->messages == 0 && !(session_capabilities(l->t->session) & CAP_CONDSTORE);
	l->keywords_known = false;
	l->folder_proven = false;
	return 1;
}

int lane_open_target(struct lane *l, struct err *err)
{
	struct folder_status status;
	bool created = false;
	int got = target_ensure(l->t, &l->target, &l->names, &created, err);

	if (got <= 0)
		return got;
	if (session_status(l->t->session, l->target.wire_name, &status, err) < 0)
		return transfer_folder_shut(err) && !transfer_folder_may_pass(err) &&
				       !session_is_dead(l->t->session)
			       ? 0
			       : -1;
	return begin_behind(l, &status, err);
}

/* Octets that may be on their way at most: the provider's, or what the rate that was set allows. */
static uint64_t window_max(const struct lane *l)
{
	bool limited = l->books->gate->limits.octets_per_second > 0;

	return limited ? l->shape.window : session_profile(l->t->session)->window;
}

int lane_open(struct lane *l, struct books *books, const struct ready_target *target, bool careful,
	      uint64_t total, struct err *err)
{
	struct transfer *t = books->t;

	*l = (struct lane){
		.t = t,
		.books = books,
		.limits = transfer_limits(t),
		.names = ARENA_INIT(1u << 20),
		.keyword_arena = ARENA_INIT(1u << 20),
		.total = total,
		.lines = target->lines,
	};
	l->shape = shape_of(session_capabilities(t->session), session_append_limit(t->session),
			    session_profile(t->session), &l->limits);
	if (careful)
		l->shape = shape_careful(&l->shape);
	shape_slow(&l->shape, &books->gate->limits);
	pace_begin(&l->pace, &l->shape, window_max(l), books->window);
	if (!careful)
		follow_pace(l);
	l->canon = canon_new();
	if (!l->canon)
		return err_nomem(err);
	l->outgoing = outgoing_new(err);
	if (!l->outgoing || copy_target(l, &target->folder, err) < 0 || set_phase_text(l, err) < 0)
		return -1;
	if (target->status.uidvalidity != 0)
		return begin_behind(l, &target->status, err);
	return lane_open_target(l, err);
}

static bool is_done(const struct lane *l)
{
	if (l->writing || l->sent.n > 0)
		return false;
	return l->stopping || (l->exhausted && l->queue.n == 0 && l->ailing.n == 0);
}

int lane_work(struct lane *l, struct err *err)
{
	int did;

	if (take_all_answers(l, err) < 0)
		return -1;
	do {
		if (lane_fill(l, err) < 0)
			return -1;
		did = lane_step(l, err);
	} while (did > 0);
	if (did < 0 || books_commit_by_time(l->books, err) < 0)
		return -1;
	if (!is_done(l))
		return 1;
	return lane_leave_folder(l, err);
}

int lane_wait_ms(const struct lane *l, int most)
{
	int64_t left = l->books->pause_until_ms - time_monotonic_ms();

	if (l->slowed && most > GATE_STEP_MS)
		return GATE_STEP_MS;
	return left > 0 && left < most ? (int)left : most;
}

void lane_stop(struct lane *l)
{
	l->stopping = true;
}

static int give_back(struct lane *l, const struct batch *b, struct err *err)
{
	int64_t ids[BATCH_MESSAGES_MAX];

	batch_ids(b, ids);
	return journal_mark_planned(l->t->journal, ids, b->n, err);
}

/* Its answer will not come any more. */
static int give_up(struct lane *l, const struct batch *b, struct err *err)
{
	int64_t ids[BATCH_MESSAGES_MAX];

	batch_ids(b, ids);
	return journal_mark_in_doubt(l->t->journal, ids, b->n, err);
}

int lane_settle(struct lane *l, struct err *err)
{
	if (l->writing && l->writing->ticket == 0) {
		lane_requeue(l, l->writing);
		l->writing = NULL;
	}
	while (l->ailing.first)
		lane_requeue(l, list_take_first(&l->ailing));
	if ((l->queue.n > 0 || l->sent.n > 0 || l->writing) && books_begin(l->books, err) < 0)
		return -1;
	for (const struct batch *b = l->queue.first; b; b = b->next)
		if (give_back(l, b, err) < 0)
			return -1;
	for (const struct batch *b = l->sent.first; b; b = b->next)
		if (give_up(l, b, err) < 0)
			return -1;
	if (l->writing && give_up(l, l->writing, err) < 0)
		return -1;
	list_release(&l->queue);
	return books_commit(l->books, err);
}

int64_t lane_suspect(const struct lane *l)
{
	const struct batch *b = l->writing ? l->writing : l->sent.first;

	if ((l->writing != NULL) + l->sent.n != 1 || b->n != 1)
		return 0;
	return b->chunk->uploads[b->first].id;
}

void lane_release(struct lane *l)
{
	list_release(&l->queue);
	list_release(&l->sent);
	list_release(&l->ailing);
	batch_free(l->writing);
	outgoing_free(l->outgoing);
	canon_free(l->canon);
	arena_release(&l->names);
	arena_release(&l->keyword_arena);
	*l = (struct lane){ 0 };
}

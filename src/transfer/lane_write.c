/*
 * Writing a lane's batches, a step at a time: each returns 1 (did something), 0 (must
 * wait), -1.
 */
#include "transfer/lane.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/text.h"
#include "message/mend.h"

/* Each is remembered until it is answered. */
#define SENT_MESSAGES_MAX 1000

static struct upload *current(const struct lane *l)
{
	return &l->writing->chunk->uploads[l->writing->first + l->at];
}

/* Messages that no server would take, or that this one does not: not sent at all. 1: may be sent;
 * 0: refused; -1. */
static int check_message(struct lane *l, const struct upload *u, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(200);

	if (u->id == l->condemned)
		return lane_refuse_message(l, u, "connection-lost",
					   "the server closes the connection on this message", err);
	if (u->wire_len == 0)
		return lane_refuse_message(l, u, "empty", "an empty message: no server stores it",
					   err);
	if (l->shape.append_limit == 0 || u->wire_len <= l->shape.append_limit)
		return 1;
	buf_adds(&text, "too big: ");
	text_add_size(&text, u->wire_len);
	buf_adds(&text, ", the server's limit is ");
	text_add_size(&text, l->shape.append_limit);
	return lane_refuse_message(l, u, "too-big", buf_cstr(&text), err);
}

/* May the next command go? 1; 0: later; -1. */
static int ask_gate(struct lane *l, const struct batch *b, struct err *err)
{
	struct gate_time now = gate_now();
	enum gate_reason reason;
	int64_t ms = gate_wait_ms(l->books->gate, l->t->journal, &now, b->octets, &reason, err);

	if (ms < 0)
		return -1;
	if (ms >= REST_FROM_MS) {
		l->books->rest_ms = ms;
		l->books->rest_reason = reason;
		lane_stop(l);
	} else if (ms > 0) {
		l->books->pause_until_ms = now.monotonic_ms + ms;
	}
	return ms == 0;
}

/* The first message of a folder waits for its "+" in any case: so let it be the largest of those
 * that would wait for theirs later, when everything on its way has to be answered before. */
static void largest_first(struct lane *l)
{
	struct batch *largest = NULL;

	if (l->folder_proven || l->sent.n > 0 || l->shape.commands == 1)
		return;
	for (struct batch *b = l->queue.first; b; b = b->next)
		if (b->n == 1 && batch_waits_once(&l->shape, b->octets, l->books->taken) &&
		    (!largest || b->octets > largest->octets))
			largest = b;
	if (largest)
		list_bring_first(&l->queue, largest);
}

static int step_idle(struct lane *l, struct err *err)
{
	int may;

	if (l->ailing.first && !l->stopping && !session_is_dead(l->t->session))
		return lane_mend_next(l, err);
	if (l->stopping || !l->queue.first || session_room(l->t->session) == 0)
		return 0;
	if (l->sent.n >= l->shape.commands || l->sent.octets >= l->shape.window ||
	    l->sent.messages >= SENT_MESSAGES_MAX)
		return 0;
	if (time_monotonic_ms() < l->books->pause_until_ms)
		return 0;
	if (lane_keep_open(l, err) < 0)
		return -1;
	largest_first(l);
	may = ask_gate(l, l->queue.first, err);
	if (may <= 0)
		return may;
	l->writing = list_take_first(&l->queue);
	gate_sent_messages(l->books->gate, l->writing->n);
	if (l->shape.noop_every > 0 && ++l->commands % l->shape.noop_every == 0 &&
	    session_noop(l->t->session, err) < 0)
		return -1;
	l->writing->creation = l->creation;
	l->at = 0;
	l->phase = PHASE_MESSAGE;
	return lane_prepare_flags(l, l->writing, err) < 0 ? -1 : 1;
}

/* All octets are queued: now it is the server's turn. */
static int end_command(struct lane *l, struct err *err)
{
	struct batch *b = l->writing;

	if (session_append_end(l->t->session, err) < 0)
		return -1;
	fault_point("upload-sent");
	l->writing = NULL;
	l->phase = PHASE_IDLE;
	if (b->answered)
		return lane_refused(l, b, b->refusal, b->text, err) < 0 ? -1 : 1;
	list_push_last(&l->sent, b);
	return 1;
}

/* The current message goes out of the batch; those behind it go back into the queue. */
static int take_out(struct lane *l, struct err *err)
{
	struct batch *rest = batch_split(l->writing, l->at);
	struct batch *behind = rest ? batch_split(rest, 1) : NULL;

	batch_free(rest);
	if (!behind)
		return err_nomem(err);
	if (behind->n > 0)
		lane_requeue(l, behind);
	else
		batch_free(behind);
	return 0;
}

/* The current message is out of the run. Before the first message of a command it is just left
 * out; behind others the command ends here, and the rest makes another. */
static int leave_out(struct lane *l, struct err *err)
{
	if (take_out(l, err) < 0)
		return -1;
	if (l->at > 0)
		return end_command(l, err);
	batch_free(l->writing);
	l->writing = NULL;
	l->phase = PHASE_IDLE;
	return 1;
}

/* A line that a server rejects when it parses it makes some execute the mail behind it (servers.md
 * 0.1): so nothing goes unasked unless the server has taken every part of the line before: the
 * folder's name in this lane, each system flag anywhere, keywords together and here. */
static bool is_proven(const struct lane *l, const struct flag_set *flags)
{
	if (!l->folder_proven)
		return false;
	if (flags->n_keywords > 0)
		return l->proven == flag_set_hash(flags);
	return (flags->system & ~l->books->proven_flags) == 0;
}

static void prove(struct lane *l, const struct flag_set *flags)
{
	l->folder_proven = true;
	l->proven = flag_set_hash(flags);
	l->books->proven_flags |= flags->system;
}

void lane_unprove(struct lane *l)
{
	l->folder_proven = false;
	l->books->proven_flags = 0;
	l->books->taken = 0;
}

static int begin_octets(struct lane *l, const struct upload *u, struct err *err)
{
	struct append_spec spec = {
		.flags = u->flags.system,
		.keywords = u->flags.keywords,
		.n_keywords = u->flags.n_keywords,
		.internaldate = u->internaldate,
		.size = u->wire_len,
		.literal8 = u->mended == MEND_BINARY,
		.synchronising = u->mended == MEND_BINARY ||
				 batch_waits(&l->shape, u->wire_len, l->books->taken,
					     is_proven(l, &u->flags)),
	};

	if (l->writing->ticket == 0) {
		l->writing->ticket = session_append_begin(l->t->session, l->target.wire_name, err);
		if (l->writing->ticket < 0)
			return -1;
	}
	if (session_append_message(l->t->session, &spec, err) < 0)
		return -1;
	if (l->sent.n == 0 && l->at == 0)
		pace_resumed(&l->pace, time_monotonic_ms());
	l->asked_ms = spec.synchronising && l->sent.n == 0 && l->at == 0 ? time_monotonic_ms() : 0;
	l->phase = spec.synchronising ? PHASE_WAIT : PHASE_OCTETS;
	return 1;
}

static int step_message(struct lane *l, struct err *err)
{
	struct err cause = ERR_INIT;
	struct upload *u;
	int got;

	if (l->at == l->writing->n)
		return end_command(l, err);
	u = current(l);
	got = check_message(l, u, err);
	if (got < 0)
		return -1;
	if (got == 0)
		return leave_out(l, err);
	if (outgoing_open(l->outgoing, l->t->sources, u, &cause) == 0)
		return begin_octets(l, u, err);
	if (cause.scope != SCOPE_MESSAGE) {
		*err = cause;
		return -1;
	}
	if (lane_fail_message(l, u, &cause, err) < 0)
		return -1;
	return leave_out(l, err);
}

static int step_wait(struct lane *l, struct err *err)
{
	int may = session_may_continue(l->t->session);

	if (may == 0)
		return 0;
	if (may > 0) {
		if (l->asked_ms > 0)
			pace_round_trip(&l->pace, time_monotonic_ms() - l->asked_ms);
		prove(l, &current(l)->flags);
		l->phase = PHASE_OCTETS;
		return 1;
	}
	if (session_is_dead(l->t->session)) {
		struct append_result ignored;

		/* the reason */
		return session_reap(l->t->session, &ignored, err) < 0 ? -1 : 0;
	}
	struct batch *b = l->writing; /* refused before its octets */

	l->writing = NULL;
	l->phase = PHASE_IDLE;
	if (b->answered) /* while an earlier message of it was on its way */
		return lane_refused(l, b, b->refusal, b->text, err) < 0 ? -1 : 1;
	list_push_last(&l->sent, b); /* to be reaped */
	return 1;
}

static int step_octets(struct lane *l, struct err *err)
{
	struct err cause = ERR_INIT;
	size_t room = session_room(l->t->session);
	struct gate_time now = gate_now();
	struct slice bytes;
	int got;

	if (room == 0)
		return 0;
	room = gate_room(l->books->gate, &now, room);
	l->slowed = room == 0;
	if (room == 0)
		return 0;
	got = outgoing_next(l->outgoing, room, &bytes, &cause);
	if (got > 0) {
		got = session_append_bytes(l->t->session, bytes.ptr, bytes.len, err);
		gate_sent_octets(l->books->gate, bytes.len);
		fault_point("upload-octets");
		return got < 0 ? -1 : 1;
	}
	if (got == 0) {
		l->at++;
		l->phase = PHASE_MESSAGE;
		return 1;
	}
	if (cause.scope != SCOPE_MESSAGE) {
		*err = cause;
		return -1;
	}
	if (lane_fail_message(l, current(l), &cause, err) < 0)
		return -1;
	l->phase = PHASE_DROP;
	return 1;
}

int lane_connect_again(struct lane *l, struct err *err)
{
	struct folder_status now;

	transfer_disconnect(l->t);
	if (transfer_connect(l->t, err) < 0)
		return -1;
	int got = session_status(l->t->session, l->target.wire_name, &now, err);

	if (got < 0 && !transfer_folder_shut(err))
		return -1;
	if (got < 0 || now.uidvalidity != l->uidvalidity)
		return err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_NOW,
			       "'%s' was made anew on the server", l->target.name);
	l->t->tally.reconnects++;
	l->folder_proven = false;
	return 0;
}

/* Its octets cannot be completed: close the line before its end, so that the server stores nothing
 * of this command. What was sent before it is answered first. */
static int step_drop(struct lane *l, struct err *err)
{
	if (l->sent.n > 0)
		return 0;
	progress_note(l->t->progress, "a message changed while it was sent: connecting again");
	if (lane_connect_again(l, err) < 0)
		return -1;

	/* The messages before it in the same command have to go again. */
	if (take_out(l, err) < 0)
		return -1;
	if (l->at > 0)
		lane_requeue(l, l->writing);
	else
		batch_free(l->writing);
	l->writing = NULL;
	l->phase = PHASE_IDLE;
	return 1;
}

int lane_step(struct lane *l, struct err *err)
{
	switch (l->phase) {
	case PHASE_IDLE:
		return step_idle(l, err);
	case PHASE_MESSAGE:
		return step_message(l, err);
	case PHASE_WAIT:
		return step_wait(l, err);
	case PHASE_OCTETS:
		return step_octets(l, err);
	case PHASE_DROP:
		return step_drop(l, err);
	}
	return 0;
}

/*
 * The way of the uploads of one folder. What is loaded from the journal is marked
 * in flight and on disk before its first octet goes out; what the server has
 * acknowledged is marked stored, and committed together with the next load, at
 * the end, or after two seconds: until then it is in doubt, which recover.c can
 * settle. So there is about one commit for CHUNK_UPLOADS messages.
 */
#include "transfer/lane.h"

#include <stdio.h>
#include <strings.h>

#include "base/fault.h"
#include "base/text.h"
#include "message/mend.h"

#define CHUNK_UPLOADS	500 /* marked in flight by one commit */
#define CHUNK_CAREFUL	20
#define COMMIT_AFTER_MS 2000

static void not_begun(struct batch *b)
{
	b->ticket = 0;
	b->answered = false;
}

void lane_requeue(struct lane *l, struct batch *b)
{
	not_begun(b);
	list_push_first(&l->queue, b);
}

void lane_requeue_last(struct lane *l, struct batch *b)
{
	not_begun(b);
	list_push_last(&l->queue, b);
}

/* ---- transactions ---- */

int books_begin(struct books *b, struct err *err)
{
	if (b->in_transaction)
		return 0;
	if (journal_begin(b->t->journal, err) < 0)
		return -1;
	b->in_transaction = true;
	b->transaction_ms = time_monotonic_ms();
	return 0;
}

int books_commit(struct books *b, struct err *err)
{
	if (gate_write(b->gate, b->t->journal, time_now(), err) < 0)
		return -1;
	if (!b->in_transaction)
		return 0;
	b->in_transaction = false;
	fault_point("upload-before-commit");
	if (journal_commit(b->t->journal, err) < 0)
		return -1;
	fault_point("upload-after-commit");
	return 0;
}

static int commit_by_time(struct books *b, struct err *err)
{
	if (b->in_transaction && time_monotonic_ms() - b->transaction_ms >= COMMIT_AFTER_MS)
		return books_commit(b, err);
	return 0;
}

/* ---- loading ---- */

/* All of a chunk becomes in flight, on disk on return. */
static int mark_inflight(struct lane *l, const struct chunk *c, struct err *err)
{
	int64_t ids[CHUNK_UPLOADS];

	for (size_t i = 0; i < c->n; i++)
		ids[i] = c->uploads[i].id;
	if (books_commit(l->books, err) < 0)
		return -1;
	fault_point("upload-before-inflight");
	if (journal_mark_inflight(l->t->journal, ids, c->n, l->uidvalidity, l->base, err) < 0)
		return -1;
	fault_point("upload-after-inflight");
	return 0;
}

/* How many of these come before one that has to be mended first. */
static size_t well(const struct lane *l, const struct upload *uploads, size_t n)
{
	size_t i = 0;

	while (i < n && !lane_mends_early(l, &uploads[i]))
		i++;
	return i;
}

static int cut_chunk(struct lane *l, struct chunk *c, struct err *err)
{
	for (size_t first = 0; first < c->n;) {
		bool early = lane_mends_early(l, c->uploads + first);
		size_t n = early ? 1
				 : batch_cut(&l->shape, c->uploads + first,
					     well(l, c->uploads + first, c->n - first));
		struct batch *b = batch_new(c, first, n);

		if (!b)
			return err_nomem(err);
		b->early = early;
		list_push_last(early ? &l->ailing : &l->queue, b);
		first += n;
	}
	return 0;
}

static int load_chunk(struct lane *l, struct err *err)
{
	size_t max = l->shape.commands > 1 ? CHUNK_UPLOADS : CHUNK_CAREFUL;
	struct chunk *c = chunk_new(max);
	int n;

	if (!c)
		return err_nomem(err);
	n = journal_uploads_next(l->t->journal, l->t->run, l->target.id, max, &c->arena, c->uploads,
				 &l->cursor, err);
	if (n > 0) {
		c->n = (size_t)n;
		n = mark_inflight(l, c, err);
		if (n == 0)
			n = cut_chunk(l, c, err);
	} else if (n == 0) {
		l->exhausted = true;
	}
	chunk_unref(c);
	return n;
}

/* Keep the queue filled, so that the line never waits for the disk. */
static int fill(struct lane *l, struct err *err)
{
	while (!l->exhausted && !l->stopping && l->queue.octets < l->shape.window &&
	       l->queue.n < l->shape.commands) {
		if (load_chunk(l, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- flags ---- */

/* Which keywords may be stored here: asked once, when the first message has one. The folder is not
 * kept open, because then every APPEND costs an untagged answer. */
static int learn_keywords(struct lane *l, struct err *err)
{
	struct selected sel;

	if (session_select(l->t->session, l->target.wire_name, &sel, err) < 0) {
		/* A folder that one may put mail into, but not open (RFC 4314 "i" without "r"). */
		l->keywords_known = err->code == ERR_REFUSED && !session_is_dead(l->t->session);
		return l->keywords_known ? 0 : -1;
	}
	l->keywords_allowed = sel.keywords_allowed;
	l->keywords = arena_alloc(&l->keyword_arena, (sel.n_keywords + 1) * sizeof(*l->keywords));
	for (size_t i = 0; l->keywords && i < sel.n_keywords; i++)
		l->keywords[i] = arena_str(&l->keyword_arena, sel.keywords[i]);
	l->n_keywords = l->keywords ? sel.n_keywords : 0;
	l->keywords_known = true;
	return session_unselect(l->t->session, err);
}

static bool keyword_kept(const struct lane *l, const char *keyword)
{
	if (!session_keyword_ok(keyword))
		return false;
	/* Those of RFC 5788 are known to servers that keep no others. */
	if (session_profile(l->t->session)->no_keywords && keyword[0] != '$')
		return false;
	if (l->keywords_allowed)
		return true;
	for (size_t i = 0; i < l->n_keywords; i++) {
		if (l->keywords[i] && strcasecmp(l->keywords[i], keyword) == 0)
			return true;
	}
	return false;
}

/* Leave out what the server does not keep. */
static int drop_keywords(struct lane *l, struct upload *u, bool all, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < u->flags.n_keywords; i++) {
		if (!all && keyword_kept(l, u->flags.keywords[i]))
			u->flags.keywords[kept++] = u->flags.keywords[i];
	}
	if (kept == u->flags.n_keywords)
		return 0;
	u->flags.n_keywords = kept;
	l->t->tally.flags_dropped++;
	if (l->keywords_noted)
		return 0;
	l->keywords_noted = true;
	progress_note(l->t->progress, "'%s': the server does not keep some keywords here; left out",
		      l->target.name);
	return transfer_notice(l->t, 0, "keywords-dropped", 1, l->target.name,
			       "the server does not keep all keywords in this folder", err);
}

static int prepare_flags(struct lane *l, struct batch *b, struct err *err)
{
	struct upload *u = &b->chunk->uploads[b->first];
	bool any = false;

	for (size_t i = 0; i < b->n; i++)
		any = any || u[i].flags.n_keywords > 0;
	if (!any)
		return 0;
	if (!l->keywords_known && learn_keywords(l, err) < 0)
		return -1;
	for (size_t i = 0; i < b->n; i++) {
		if (drop_keywords(l, &u[i], b->plain_flags, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- writing: each step returns 1 (did something), 0 (must wait), -1 ---- */

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

static int step_idle(struct lane *l, struct err *err)
{
	int may;

	if (l->ailing.first && !l->stopping && !session_is_dead(l->t->session))
		return lane_mend_next(l, err);
	if (l->stopping || !l->queue.first || session_room(l->t->session) == 0)
		return 0;
	if (l->sent.n >= l->shape.commands || l->sent.octets >= l->shape.window)
		return 0;
	if (time_monotonic_ms() < l->books->pause_until_ms)
		return 0;
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
	return prepare_flags(l, l->writing, err) < 0 ? -1 : 1;
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

/* The current message is out of the run. Before the first message of a command it is just left
 * out; behind others the command ends here, and the rest makes another. */
static int leave_out(struct lane *l, struct err *err)
{
	struct batch *rest = batch_split(l->writing, l->at);

	if (!rest)
		return err_nomem(err);
	struct batch *behind = batch_split(rest, 1);

	batch_free(rest);
	if (!behind)
		return err_nomem(err);
	if (behind->n > 0)
		lane_requeue(l, behind);
	else
		batch_free(behind);
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

/* With nothing in doubt. The folder may have been made anew meanwhile: then what is queued is
 * marked in flight with numbers that say nothing any more, and the lane has to begin again. */
static int connect_again(struct lane *l, struct err *err)
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
	if (connect_again(l, err) < 0)
		return -1;

	/* The messages before it in the same command have to go again, and those behind it. */
	struct batch *rest = batch_split(l->writing, l->at);
	struct batch *behind = rest ? batch_split(rest, 1) : NULL;

	batch_free(rest);
	if (!behind)
		return err_nomem(err);
	if (behind->n > 0)
		lane_requeue(l, behind);
	else
		batch_free(behind);
	if (l->at > 0)
		lane_requeue(l, l->writing);
	else
		batch_free(l->writing);
	l->writing = NULL;
	l->phase = PHASE_IDLE;
	return 1;
}

static int step(struct lane *l, struct err *err)
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

static void learn_pace(struct lane *l, uint64_t octets)
{
	if (l->shape.commands == 1) /* one at a time on purpose */
		return;
	pace_stored(&l->pace, time_monotonic_ms(), octets);
	l->shape.window = l->pace.window;
	l->shape.octets = l->pace.octets;
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
	return connect_again(l, err);
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
		return transfer_folder_shut(err) && !session_is_dead(l->t->session) ? 0 : -1;
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
	};
	l->shape = shape_of(session_capabilities(t->session), session_append_limit(t->session),
			    session_profile(t->session), &l->limits);
	if (careful)
		l->shape = shape_careful(&l->shape);
	shape_slow(&l->shape, &books->gate->limits);
	pace_begin(&l->pace, &l->shape, window_max(l));
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
		if (fill(l, err) < 0)
			return -1;
		did = step(l, err);
	} while (did > 0);
	if (did < 0 || commit_by_time(l->books, err) < 0)
		return -1;
	return !is_done(l);
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
	int64_t ids[CHUNK_UPLOADS];

	batch_ids(b, ids);
	return journal_mark_planned(l->t->journal, ids, b->n, err);
}

int lane_settle(struct lane *l, struct err *err)
{
	if (l->writing && l->writing->ticket == 0) {
		lane_requeue(l, l->writing);
		l->writing = NULL;
	}
	while (l->ailing.first)
		lane_requeue(l, list_take_first(&l->ailing));
	if (l->queue.n > 0 && books_begin(l->books, err) < 0)
		return -1;
	for (const struct batch *b = l->queue.first; b; b = b->next) {
		if (give_back(l, b, err) < 0)
			return -1;
	}
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

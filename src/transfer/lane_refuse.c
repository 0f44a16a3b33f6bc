/*
 * What becomes of a refused command. A batch that was refused for what one of its
 * messages is, is halved until that one stands alone; for what the folder or the
 * server is, it is tried again or the lane stops. After each refusal a NOOP:
 * servers close the line after a number of errors in a row (servers.md 0.7).
 */
#include "transfer/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "transfer/mended.h"

#define SERVER_TRIES	     3	/* "internal error" for the same batch */
#define REFUSED_IN_A_ROW_MAX 25 /* then it is not the messages */
#define CREATIONS_MAX	     1	/* again, when a folder vanishes while we upload into it */
#define REFUSED_ARENA_MAX    (1u << 20)

static const char *refusal_code(enum refusal refusal)
{
	switch (refusal) {
	case REFUSAL_NO_FOLDER:
		return "no-folder";
	case REFUSAL_TOO_BIG:
		return "too-big";
	case REFUSAL_QUOTA:
		return "quota";
	case REFUSAL_CONTENT:
		return "content";
	case REFUSAL_FLAGS:
		return "flags";
	case REFUSAL_PERMISSION:
		return "permission";
	case REFUSAL_SYNTAX:
		return "syntax";
	default:
		return "refused";
	}
}

static struct upload *only_message(const struct batch *b)
{
	return &b->chunk->uploads[b->first];
}

/* ---- one message ---- */

/* What has not been allowed and could be tried. That there is a header to be mended shows only when
 * trying: the server's words have to say so. */
static int tell_repair(struct lane *l, const struct upload *u, const char *text, struct err *err)
{
	CLEANUP(buf_release) struct buf hint = BUF_INIT(256);
	uint32_t steps = mended_possible(u->repairs) & ~l->limits.repair;

	if (slice_ifind(slice_str(text), SLICE_LIT("header")) < 0)
		steps &= ~(uint32_t)MEND_HEADER_BLOCK;
	if (!(session_capabilities(l->t->session) & CAP_BINARY))
		steps &= ~(uint32_t)MEND_BINARY;
	if (steps == 0)
		return 0;
	buf_adds(&hint, "refused as it is, it may be taken with --repair: ");
	mend_add_names(&hint, steps);
	return transfer_notice(l->t, 0, "repairable", 1, l->target.name,
			       buf_cstr(&hint) ? hint.ptr : "--repair may help", err);
}

int lane_refuse_message(struct lane *l, const struct upload *u, const char *code, const char *text,
			struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(REFUSED_ARENA_MAX);
	struct upload whole;
	int kept;

	if (lane_whole(l, u, &a, &whole, err) < 0)
		return -1;
	kept = refused_keep(l->t, l->canon, &l->target, &whole, text ? text : code, err);
	if (kept < 0)
		return -1;
	fault_point("upload-refused");
	progress_note(l->t->progress, "'%s': 1 message refused: %s%s", l->target.name,
		      text ? text : code, kept ? "; kept in failed/" : "");
	l->t->tally.refused++;
	if (books_begin(l->books, err) < 0)
		return -1;
	if (journal_mark_refused(l->t->journal, u->id, code, text ? text : "", err) < 0)
		return -1;
	if ((strcmp(code, "content") == 0 || strcmp(code, "syntax") == 0) &&
	    tell_repair(l, u, text, err) < 0)
		return -1;
	return kept ? journal_mark_kept(l->t->journal, u->id, err) : 0;
}

int lane_fail_message(struct lane *l, const struct upload *u, const struct err *cause,
		      struct err *err)
{
	progress_note(l->t->progress, "'%s': 1 message not uploaded: %s", u->store_location,
		      cause->text);
	l->t->tally.failed++;
	/* A file that was rewritten in place shows in no directory: without this, each run would
	 * find the same old scan, and fail. */
	if (books_begin(l->books, err) < 0 || journal_scan_stale(l->t->journal, u->id, err) < 0)
		return -1;
	return journal_mark_failed(l->t->journal, u->id,
				   cause->code == ERR_CHANGED ? "changed" : "unreadable",
				   cause->text, err);
}

/* ---- the batch ---- */

/* `tries`: what each half has behind it. */
static int halve(struct lane *l, struct batch *b, uint32_t tries, struct err *err)
{
	struct batch *second = batch_split(b, b->n / 2);

	if (!second) {
		batch_free(b);
		return err_nomem(err);
	}
	b->tries = tries;
	second->tries = tries;
	lane_requeue(l, second);
	lane_requeue(l, b);
	return 0;
}

/* The whole account has to stop; what is on its way is still awaited. */
static void stop_with(struct lane *l, struct batch *b, const struct err *fatal)
{
	lane_requeue(l, b);
	if (!l->failed)
		l->fatal = *fatal;
	l->failed = true;
	lane_stop(l);
}

static int stop_for_later(struct lane *l, struct batch *b, enum err_code code, const char *what,
			  const char *text)
{
	struct err fatal = ERR_INIT;

	err_set(&fatal, code, SCOPE_ACCOUNT, RETRY_LATER, "'%s': %s: %s", l->target.name, what,
		text);
	stop_with(l, b, &fatal);
	return 0;
}

/* The folder takes nothing: upload() writes it down for all that is left. */
static int refuse_folder(struct lane *l, struct batch *b, const char *text)
{
	lane_requeue(l, b);
	if (!l->folder_refused)
		snprintf(l->folder_reason, sizeof(l->folder_reason), "%s", text);
	l->folder_refused = true;
	lane_stop(l);
	return 0;
}

/* All lanes wait; for long without connections. */
static void begin_pause(struct lane *l, uint32_t ms, const char *text)
{
	CLEANUP(buf_release) struct buf until = BUF_INIT(64);

	time_add_rfc3339(&until, time_now() + (ms + 999) / 1000);
	progress_note(l->t->progress, "'%s': waiting %u s, until %s, the server says: %s",
		      l->target.name, (ms + 999) / 1000, buf_cstr(&until), text);
	l->books->pause_until_ms = time_monotonic_ms() + ms;
	if (ms >= REST_FROM_MS) {
		l->books->rest_ms = ms;
		l->books->rest_reason = GATE_SERVER;
		lane_stop(l);
	}
	if (l->shape.window > l->limits.window_octets / 8)
		l->shape.window /= 2;
	if (l->shape.commands > 1)
		l->shape.commands /= 2;
}

/* A server in trouble: soon again, and not for long. One that puts us off: when it says, or with
 * more and more patience. */
static int pause_lane(struct lane *l, struct batch *b, bool put_off, const char *text)
{
	uint32_t *pauses = put_off ? &l->books->gate->put_off : &l->pauses;
	uint32_t most = put_off ? l->limits.throttle_max : l->limits.retry_max;
	uint32_t ms = refusal_wait_ms(text);

	if (ms == 0)
		ms = put_off ? transfer_throttle_ms(l->t, *pauses)
			     : transfer_backoff_ms(l->t, *pauses);
	/* Commands that were on their way are refused together: that is one pause. */
	if (time_monotonic_ms() >= l->books->pause_until_ms) {
		if ((*pauses)++ >= most)
			return stop_for_later(l, b, ERR_TEMPFAIL, "the server keeps putting us off",
					      text);
		begin_pause(l, ms, text);
	}
	lane_requeue(l, b);
	return 0;
}

/* "Internal error". If others go through meanwhile, it is this message; if not, it is the server.
 */
static int server_trouble(struct lane *l, struct batch *b, const char *text, struct err *err)
{
	if (b->tries == 0)
		b->uploaded_before = l->t->tally.uploaded;
	if (++b->tries <= SERVER_TRIES)
		return pause_lane(l, b, false, text);
	if (b->n > 1) /* it has been given its time: the halves get none of their own */
		return halve(l, b, SERVER_TRIES, err);
	if (l->queue.n > 0 && b->tries <= SERVER_TRIES + 1) { /* let the others go first */
		b->uploaded_before = l->t->tally.uploaded;
		lane_requeue_last(l, b);
		return 0;
	}
	if (l->t->tally.uploaded == b->uploaded_before)
		return stop_for_later(l, b, ERR_TEMPFAIL, "the server has trouble", text);
	int result = lane_refuse_message(l, only_message(b), "server", text, err);

	batch_free(b);
	return result;
}

/* Is there no room for this one message in the account? 1; 0: there is, or nobody knows; -1. */
static int asks_too_much(struct lane *l, const struct batch *b, struct err *err)
{
	uint64_t octets = only_message(b)->wire_len;
	struct quota q;

	if (session_quota(l->t->session, l->target.wire_name, &q, err) < 0)
		return -1;
	if (q.has_messages && q.messages_used >= q.messages_limit)
		return 1;
	return q.has_octets &&
	       (q.octets_used >= q.octets_limit || octets > q.octets_limit - q.octets_used);
}

/* "APPEND failed", without a code: some say no more than that when the account is full. */
static bool is_vague(const struct lane *l, const struct batch *b, enum refusal refusal)
{
	return b->n == 1 && !b->asked && !session_is_dead(l->t->session) &&
	       (session_capabilities(l->t->session) & CAP_QUOTA) &&
	       (refusal == REFUSAL_OTHER ||
		(refusal == REFUSAL_SERVER && b->tries >= SERVER_TRIES));
}

/* Created once more; deleted again, it is somebody's will. Other commands that were on their way
 * get the same answer: they are just sent again. */
static int no_folder(struct lane *l, struct batch *b, const char *text, struct err *err)
{
	struct err cause = ERR_INIT;
	int got;

	if (b->creation == l->creation && l->creation >= CREATIONS_MAX)
		return refuse_folder(l, b, text);
	bool again = b->creation == l->creation;

	lane_requeue(l, b);
	if (!again || l->writing) /* in the middle of an APPEND nothing can be asked: next time */
		return 0;
	l->creation++;
	got = lane_open_target(l, &cause);
	if (got < 0 && transfer_folder_may_pass(&cause) && !session_is_dead(l->t->session))
		got = 0; /* with mail on its way there is no waiting for it: the next run does */
	if (got < 0)
		*err = cause;
	if (got != 0)
		return got < 0 ? -1 : 0;
	snprintf(l->folder_reason, sizeof(l->folder_reason), "%s", cause.text);
	l->folder_refused = true;
	lane_stop(l);
	return 0;
}

static int retry_without_keywords(struct lane *l, struct batch *b, const char *text,
				  struct err *err)
{
	struct upload *u = only_message(b);

	if (!b->plain_flags && u->flags.n_keywords > 0) {
		b->plain_flags = true;
		lane_requeue(l, b);
		return transfer_notice(l->t, 0, "keywords-dropped", 1, l->target.name, text, err);
	}
	int result = lane_refuse_message(l, u, "flags", text, err);

	batch_free(b);
	return result;
}

/* As big as this one go alone and wait for "+" from now on: refused before their octets. */
static void learn_limit(struct lane *l, uint64_t size)
{
	if (size > 0 && l->shape.plain_max >= size)
		l->shape.plain_max = size - 1;
	if (size > 0 && l->shape.alone_above >= size)
		l->shape.alone_above = size - 1;
}

static int refuse_single(struct lane *l, struct batch *b, enum refusal refusal, const char *text,
			 struct err *err)
{
	int result;

	if (refusal == REFUSAL_OTHER && ++l->refusals_in_a_row > REFUSED_IN_A_ROW_MAX)
		return stop_for_later(l, b, ERR_TEMPFAIL, "the server refuses everything", text);
	/* Some say just BAD to octets that they do not bear: the line that announced them is ours.
	 */
	if ((refusal == REFUSAL_CONTENT || refusal == REFUSAL_SYNTAX) && lane_may_mend(l, b)) {
		snprintf(b->text, sizeof(b->text), "%s", text);
		list_push_last(&l->ailing, b);
		return 0;
	}
	if (refusal == REFUSAL_TOO_BIG)
		learn_limit(l, only_message(b)->wire_len);
	result = lane_refuse_message(l, only_message(b), refusal_code(refusal), text, err);
	batch_free(b);
	return result;
}

static int react(struct lane *l, struct batch *b, enum refusal refusal, const char *text,
		 struct err *err)
{
	switch (refusal) {
	case REFUSAL_THROTTLED:
		return pause_lane(l, b, true, text);
	case REFUSAL_SERVER:
		return server_trouble(l, b, text, err);
	case REFUSAL_NO_FOLDER:
		return no_folder(l, b, text, err);
	case REFUSAL_PERMISSION:
		return refuse_folder(l, b, text);
	default:
		break;
	}
	if (b->n > 1)
		return halve(l, b, 0, err);
	if (refusal == REFUSAL_QUOTA)
		return stop_for_later(l, b, ERR_QUOTA, "the account is full", text);
	if (refusal == REFUSAL_FLAGS)
		return retry_without_keywords(l, b, text, err);
	return refuse_single(l, b, refusal, text, err);
}

int lane_refused(struct lane *l, struct batch *b, enum refusal refusal, const char *text,
		 struct err *err)
{
	char copy[ERR_TEXT_MAX]; /* the session's text lives until its next call */

	snprintf(copy, sizeof(copy), "%s", text);
	b->ticket = 0;
	b->answered = false;
	lane_unprove(l);
	if (!l->writing && !session_is_dead(l->t->session) &&
	    session_noop(l->t->session, err) < 0 && !session_is_dead(l->t->session)) {
		batch_free(b);
		return -1;
	}
	if (!is_vague(l, b, refusal))
		return react(l, b, refusal, copy, err);
	b->asked = true; /* between two commands: in the middle of one nothing can be asked */
	b->refusal = refusal;
	snprintf(b->text, sizeof(b->text), "%s", copy);
	list_push_last(&l->ailing, b);
	return 0;
}

int lane_ask_why(struct lane *l, struct batch *b, struct err *err)
{
	struct err cause = ERR_INIT;
	char copy[ERR_TEXT_MAX];
	int full = asks_too_much(l, b, &cause);

	if (full < 0 && session_is_dead(l->t->session)) {
		batch_free(b);
		*err = cause;
		return -1;
	}
	snprintf(copy, sizeof(copy), "%s", b->text);
	return react(l, b, full > 0 ? REFUSAL_QUOTA : b->refusal, copy, err) < 0 ? -1 : 1;
}

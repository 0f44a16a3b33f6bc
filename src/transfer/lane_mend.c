/*
 * What the server refused for its content, mended step by step (message/mend.h) as
 * far as the user allows, until it is taken.
 *
 * The original is kept in the sidecar first. Then the journal learns in which form the message goes
 * up, on disk before an octet of it leaves: so recovery looks for that form. Another run, on
 * another machine, may have put it there already: the index is asked before anything is sent.
 */
#include "transfer/lane.h"

#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "journal/lookup.h"
#include "transfer/mended.h"

#define LOOKED_AT_MAX 20 /* messages of the server that have the keys and the size */

static struct upload *only_message(const struct batch *b)
{
	return &b->chunk->uploads[b->first];
}

bool lane_mends_early(const struct lane *l, const struct upload *u)
{
	return (l->limits.repair & MEND_HEADER_8BIT) && (u->repairs & NOTE_8BIT_HEADER) &&
	       session_profile(l->t->session)->loses_8bit_header;
}

bool lane_may_mend(const struct lane *l, const struct batch *b)
{
	const struct upload *u = only_message(b);

	return b->n == 1 &&
	       mend_attempt(l->limits.repair, mended_possible(u->repairs), b->mends) != 0;
}

int transfer_tell_mended(struct transfer *t, const struct upload *u, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(1024);

	if (!u->mended)
		return 0;
	buf_adds(&text, "uploaded with a repair (");
	mend_add_names(&text, u->mended);
	buf_adds(&text, "): ");
	text_add_safe(&text, slice_str(u->subject ? u->subject : u->locator), 60);
	if (u->message_id) {
		buf_adds(&text, " ");
		text_add_safe(&text, slice_str(u->message_id), 80);
	}
	buf_adds(&text, "; as it was it is in failed/");
	return transfer_notice(t, 0, "repaired", 1, u->store_location,
			       buf_cstr(&text) ? text.ptr : "a message", err);
}

/* ---- is it there already? ---- */

/* A message of the server that is the mended one, octet for octet: 1 *uid; 0; -1. */
static int find_there(struct lane *l, const struct upload *u, uint32_t *uid, struct err *err)
{
	struct remote_wanted w = {
		.by = WANTED_BY_FIELDS,
		.folder = l->target.id,
		.uidvalidity = l->uidvalidity,
		.first_uid = 1,
		.keys = &u->keys,
		.size_min = u->wire_len,
		.size_max = u->wire_len,
	};
	enum judgement judgement = JUDGED_UNKNOWN;
	struct judge *judge = NULL;
	int got = 0;

	if (l->target.uidvalidity != l->uidvalidity)
		return 0;
	for (int i = 0; i < LOOKED_AT_MAX && judgement != JUDGED_SAME; i++) {
		got = journal_remote_unclaimed(l->t->journal, &w, uid, err);
		if (got <= 0)
			break;
		w.first_uid = *uid + 1;
		judge = judge ? judge : judge_new(l->t, &l->target, err);
		got = judge ? judge_by_server(judge, u, *uid, true, &judgement, err) : -1;
		if (got < 0)
			break;
	}
	if (judge && got >= 0 && session_unselect(l->t->session, err) < 0)
		got = -1;
	judge_free(judge);
	return got < 0 ? -1 : judgement == JUDGED_SAME;
}

static int settle_there(struct lane *l, struct batch *b, uint32_t uid, struct err *err)
{
	const struct upload *u = only_message(b);
	int result = -1;

	if (books_begin(l->books, err) == 0 &&
	    journal_mark_stored(l->t->journal, &u->id, 1, l->uidvalidity, uid, err) == 0)
		result = transfer_tell_mended(l->t, u, err);
	if (result == 0)
		batch_free(b);
	return result;
}

/* ---- one form ---- */

/* The message in the form that `steps` give it: 1 *u tells; 0: nothing new comes of that; -1. */
static int mend(struct lane *l, struct upload *u, uint32_t steps, struct err *err)
{
	CLEANUP(mended_release) struct mended m = MENDED_INIT;
	struct err cause = ERR_INIT;

	if (steps == MEND_BINARY) {
		if (!(session_capabilities(l->t->session) & CAP_BINARY) || u->mended)
			return 0;
		u->mended = MEND_BINARY;
		return 1;
	}
	if (mended_make(l->t->sources, u->kind, u->source, u->locator, steps, &m, &cause) < 0) {
		if (cause.scope == SCOPE_MESSAGE)
			return 0;
		*err = cause;
		return -1;
	}
	if (m.did != steps || m.did == u->mended || m.message.wire_len == 0 ||
	    memcmp(m.original, u->sha256, SHA256_LEN) != 0)
		return 0;
	u->mended = m.did;
	u->wire_len = m.message.wire_len;
	u->nul_count = m.message.nul_count;
	u->keys = m.message.keys;
	return 1;
}

/* The original is kept, the journal knows. */
static int write_down(struct lane *l, struct batch *b, struct err *err)
{
	struct upload *u = only_message(b);

	if (!b->kept &&
	    refused_keep(l->t, l->canon, &l->target, u,
			 *b->text ? b->text : "the server would damage its header", err) < 0)
		return -1;
	b->kept = true;
	b->octets = u->wire_len;
	fault_point("upload-mended");
	if (books_begin(l->books, err) < 0 || journal_mark_mended(l->t->journal, u, err) < 0)
		return -1;
	return books_commit(l->books, err);
}

/* ---- the ladder ---- */

static uint32_t next_steps(struct lane *l, struct batch *b)
{
	if (b->early) {
		b->early = false;
		return MEND_HEADER_8BIT;
	}
	return mend_attempt(l->limits.repair, mended_possible(only_message(b)->repairs),
			    b->mends++);
}

/* 1: the batch is in the queue again, or done with. 0: nothing helps, or -1: it stays the caller's.
 */
static int climb(struct lane *l, struct batch *b, struct err *err)
{
	const bool was_early = b->early;
	struct upload *u = only_message(b);
	uint32_t steps, uid;
	int got = lane_whole(l, u, &b->chunk->arena, u, err);

	while (got == 0 && (steps = next_steps(l, b)) != 0)
		got = mend(l, u, steps, err);
	if (got == 0 && was_early) {
		lane_requeue(l, b);
		return 1;
	}
	if (got <= 0 || write_down(l, b, err) < 0)
		return got <= 0 ? got : -1;
	got = find_there(l, u, &uid, err);
	if (got > 0)
		return settle_there(l, b, uid, err) < 0 ? -1 : 1;
	if (got == 0)
		lane_requeue(l, b);
	return got < 0 ? -1 : 1;
}

int lane_mend_next(struct lane *l, struct err *err)
{
	struct batch *b = list_take_first(&l->ailing);
	int got;

	if (b->asked && !b->why_known) {
		b->why_known = true;
		return lane_ask_why(l, b, err);
	}
	got = climb(l, b, err);
	if (got > 0)
		return 1;
	if (got == 0)
		got = lane_refuse_message(l, only_message(b), "content", b->text, err);
	batch_free(b);
	return got < 0 ? -1 : 1;
}

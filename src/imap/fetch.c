/*
 * Fetching octets of messages (RFC 3501 6.4.5), streamed: the framer hands the
 * literal of BODY[...] out as it arrives, so that no message is ever in memory.
 *
 * Most servers tell the UID before the octets. From one that tells it behind them
 * nobody could know whose octets these are; so its first answers are dropped, and
 * the messages are asked for one by one.
 */
#include "imap/session_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imap/lexer.h"
#include "imap/uid_set.h"

#define SET_MAX 900 /* octets of a UID set: RFC 2683 3.2.1.5 wants lines below 1000 */

static int ask(struct session *s, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct fetch_state *f = &s->fetch;
	size_t left = f->n - f->next;

	f->from = f->next;
	f->next += uid_set_add(&args.text, f->uids + f->from, f->one_by_one ? 1 : left, SET_MAX);
	buf_addf(&args.text, " (UID BODY.PEEK%s", f->item + 4);
	if (f->octets > 0)
		buf_addf(&args.text, "<0.%" PRIu64 ">", f->octets);
	buf_adds(&args.text, ")");
	f->restart = false;
	f->n_given = 0;
	f->state = FETCH_IDLE;
	if (command_start(s, VERB_UID_FETCH, &args, err) < 0)
		return -1;
	f->active = true;
	s->framer.stream_bodies = true;
	return 0;
}

int session_fetch_start(struct session *s, const uint32_t *uids, size_t n, const char *section,
			uint64_t octets, struct err *err)
{
	struct fetch_state *f = &s->fetch;

	if (session_check(s, err) < 0 || command_finish(s, err) < 0)
		return -1;
	if (strcmp(section, "") != 0 && strcmp(section, "HEADER") != 0 &&
	    strcmp(section, "TEXT") != 0)
		return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER,
			       "no such section: '%s'", section);
	free(f->uids);
	f->uids = malloc((n + 1) * sizeof(*uids));
	if (!f->uids)
		return err_nomem(err);
	if (n > 0)
		memcpy(f->uids, uids, n * sizeof(*uids));
	f->n = n;
	f->from = f->next = 0;
	f->octets = octets;
	snprintf(f->item, sizeof(f->item), "BODY[%s]", section);
	return n > 0 ? ask(s, err) : 0;
}

static bool asked_for(const struct fetch_state *f, uint32_t uid)
{
	for (size_t i = f->from; i < f->next; i++)
		if (f->uids[i] == uid)
			return true;
	return false;
}

/* "BODY[TEXT]<0>" is an answer to "BODY.PEEK[TEXT]<0.100>". */
static bool is_our_item(const struct fetch_state *f, struct slice name)
{
	ptrdiff_t angle = slice_find(name, '<');

	return slice_ieq(angle < 0 ? name : slice_head(name, (size_t)angle), slice_str(f->item));
}

/* What a FETCH response, or the part of it that has come, says. */
struct answer {
	uint32_t uid; /* 0: not told */
	bool is_ours; /* the body that we asked for is in it */
	struct token body;
};

/* The items from `l` on; with `partial` the last one ends in the "{n}" of a literal to come. */
static bool read_answer(const struct fetch_state *f, struct lexer *l, bool partial,
			struct answer *out)
{
	struct slice name;

	for (lex_blanks(l); l->at < l->end && !lex_char(l, ')'); lex_blanks(l)) {
		if (!lex_word(l, &name))
			return false;
		lex_blanks(l);
		if (slice_ieq(name, SLICE_LIT("UID"))) {
			if (!lex_number32(l, &out->uid))
				return false;
		} else if (is_our_item(f, name)) {
			out->is_ours = true;
			if (partial && l->at < l->end && (*l->at == '{' || *l->at == '~'))
				return true;
			if (!lex_token(l, &out->body))
				return false;
		} else if (!lex_skip(l)) {
			return partial;
		}
	}
	return true;
}

static bool read_head(const struct fetch_state *f, struct slice head, struct answer *out)
{
	ptrdiff_t open = slice_find(head, '(');
	struct lexer l;

	*out = (struct answer){ 0 };
	if (open < 0)
		return false;
	l = lexer_of(slice_from(head, (size_t)open + 1));
	return read_answer(f, &l, true, out);
}

/* Whose octets are these? Sets f->uid and returns true if they are to be handed out. */
static bool claim(struct session *s, const struct answer *answer, struct err *err)
{
	struct fetch_state *f = &s->fetch;

	if (!answer->is_ours || f->restart)
		return false;
	if (answer->uid == 0 && !f->one_by_one) {
		if (f->n_given > 0)
			session_fail_protocol(s, err, "told the UID of some messages only");
		f->restart = true;
		return false;
	}
	f->uid = answer->uid ? answer->uid : f->uids[f->from];
	if (!asked_for(f, f->uid))
		return false;
	f->n_given++;
	return true;
}

static int begin_chunk(const struct fetch_state *f, uint64_t total, struct fetch_chunk *out)
{
	*out = (struct fetch_chunk){ .kind = CHUNK_BEGIN, .uid = f->uid, .total = total };
	return 1;
}

static int bytes_chunk(const struct fetch_state *f, struct slice bytes, struct fetch_chunk *out)
{
	*out = (struct fetch_chunk){ .kind = CHUNK_BYTES, .uid = f->uid, .bytes = bytes };
	return 1;
}

static int end_chunk(struct fetch_state *f, struct fetch_chunk *out)
{
	*out = (struct fetch_chunk){ .kind = CHUNK_END, .uid = f->uid };
	f->state = FETCH_IDLE;
	return 1;
}

/* A literal begins. */
static int begin_literal(struct session *s, const struct frame *frame, struct fetch_chunk *out,
			 struct err *err)
{
	struct fetch_state *f = &s->fetch;
	struct answer answer;

	f->state = FETCH_SKIP;
	if (frame->tail || !read_head(f, frame->bytes, &answer) || !claim(s, &answer, err))
		return 0;
	f->state = FETCH_STREAM;
	return begin_chunk(f, frame->literal_len, out);
}

/* A response that came whole: a short body as a quoted string, or one that is NIL (gone). */
static int whole(struct session *s, const struct response *r, struct fetch_chunk *out,
		 struct err *err)
{
	struct fetch_state *f = &s->fetch;
	struct lexer l = lexer_of(r->rest);
	struct answer answer = { 0 };

	if (!r->has_number || !response_is(r, "FETCH") || !lex_char(&l, '('))
		return 0;
	if (!read_answer(f, &l, false, &answer) || !answer.is_ours ||
	    answer.body.kind == TOKEN_NIL || !claim(s, &answer, err))
		return 0;
	f->memory = token_text(&answer.body, &s->scratch);
	f->state = FETCH_MEMORY;
	return begin_chunk(f, f->memory.len, out);
}

/* What stands behind the octets: the UID, perhaps. */
static int tail(struct session *s, const struct frame *frame, struct err *err)
{
	struct lexer l = lexer_of(frame->bytes);
	struct answer answer = { 0 };

	if (s->fetch.restart || s->fetch.n_given == 0)
		return 0;
	if (read_answer(&s->fetch, &l, false, &answer) && answer.uid != 0 &&
	    answer.uid != s->fetch.uid)
		return session_fail_protocol(s, err, "gave the octets of another message");
	return 0;
}

static int on_frame(struct session *s, const struct frame *frame, const struct response *r,
		    struct fetch_chunk *out, struct err *err)
{
	struct fetch_state *f = &s->fetch;

	switch (frame->kind) {
	case FRAME_LITERAL_BEGIN:
		return begin_literal(s, frame, out, err);
	case FRAME_LITERAL_BYTES:
		return f->state == FETCH_STREAM ? bytes_chunk(f, frame->bytes, out) : 0;
	case FRAME_LITERAL_END:
		return f->state == FETCH_STREAM ? end_chunk(f, out) : 0;
	case FRAME_RESPONSE:
		return frame->tail ? tail(s, frame, err) : whole(s, r, out, err);
	}
	return 0;
}

/* The command has ended: 1 the next one is on its way, 0 that was all, -1. */
static int next_command(struct session *s, const struct response *r, struct err *err)
{
	struct fetch_state *f = &s->fetch;

	s->command.active = false;
	if (r->status != STATUS_OK) {
		f->active = s->framer.stream_bodies = false;
		return refused(s, VERB_UID_FETCH, r, SCOPE_FOLDER, err);
	}
	if (f->restart) {
		f->one_by_one = true;
		f->next = f->from;
	}
	if (f->next < f->n)
		return ask(s, err) < 0 ? -1 : 1;
	f->active = s->framer.stream_bodies = false;
	return 0;
}

int session_fetch_next(struct session *s, struct fetch_chunk *out, struct err *err)
{
	struct fetch_state *f = &s->fetch;
	struct response r = { 0 };
	struct frame frame;
	int got = 0;

	if (!f->active)
		return session_check(s, err);
	if (f->state == FETCH_MEMORY) {
		f->state = FETCH_MEMORY_END;
		return bytes_chunk(f, f->memory, out);
	}
	if (f->state == FETCH_MEMORY_END)
		return end_chunk(f, out);
	while (got == 0) {
		if (session_frame(s, &frame, &r, err) < 0)
			return -1;
		if (frame.kind == FRAME_RESPONSE && !frame.tail && r.kind == RESPONSE_TAGGED) {
			got = next_command(s, &r, err);
			if (got <= 0)
				return got;
			got = 0;
		} else {
			got = on_frame(s, &frame, &r, out, err);
		}
	}
	return got;
}

/*
 * Reading frames: what the server says is traced, noted where it is about the session
 * itself (capabilities, alerts, "* BYE", "+", the ends of APPENDs), and handed to the
 * command at work.
 */
#include "imap/session_impl.h"

#include <poll.h>

#include "base/clock.h"
#include "imap/echo.h"

void note_capabilities(struct session *s, struct slice list)
{
	capabilities_read(list, &s->caps);
	buf_reset(&s->capability_words);
	buf_add_slice(&s->capability_words, list);
}

/* "* BYE": the line ends. Throttling and connection limits speak here too. */
static void bye(struct session *s, const struct response *r)
{
	struct err err;
	bool busy = says_too_many_connections(r->text) || refusal_of(r) == REFUSAL_THROTTLED;

	if (s->logging_out)
		return;
	err_set(&err, busy ? ERR_UNAVAILABLE : ERR_CONNECT, SCOPE_ACCOUNT, RETRY_LATER,
		"%s: the server closed the connection: %s", s->host,
		response_words(r, &s->scratch));
	err.wait_ms = refusal_wait_ms(err.text);
	/* It was read behind the loss of the line that it explains. */
	if (s->dead && (s->death.code == ERR_CONNECT || s->death.code == ERR_EOF))
		s->death = err;
	session_fail(s, &err);
}

/* What an untagged response means to the session itself, whoever else reads it. */
static void note_untagged(struct session *s, const struct response *r)
{
	if (r->kind == RESPONSE_STATUS) {
		if (response_has_code(r, "CAPABILITY"))
			note_capabilities(s, r->code_args);
		if (r->status == STATUS_OK && response_has_code(r, "COPYUID"))
			filing_noted(s, r);
		if (r->status == STATUS_BYE)
			bye(s, r);
	} else if (response_is(r, "CAPABILITY")) {
		note_capabilities(s, r->rest);
	} else if (r->has_number && response_is(r, "EXISTS")) {
		s->exists = r->number;
	} else if (r->has_number && response_is(r, "EXPUNGE") && s->exists > 0) {
		s->exists--;
	}
}

/* "[ALERT] words": for the user. */
static void pass_alert(struct session *s, const struct response *r)
{
	if (s->alert && (r->kind == RESPONSE_TAGGED || r->kind == RESPONSE_STATUS) &&
	    response_has_code(r, "ALERT"))
		s->alert(s->alert_context, response_words(r, &s->scratch));
}

/* The command at work has been answered. What took long says nothing of the line. */
static void time_answer(struct session *s)
{
	int64_t took_ms = time_monotonic_ms() - s->asked_ms;

	if (took_ms < s->round_trip_ms)
		s->round_trip_ms = (uint32_t)took_ms;
}

/* Responses without an end would pass for progress for ever. */
static int count_untagged(struct session *s, const struct response *r, struct err *err)
{
	if (r->kind == RESPONSE_TAGGED)
		s->untagged = 0;
	else if (++s->untagged > UNTAGGED_MAX + 2 * (uint64_t)s->exists)
		return session_fail_protocol(s, err, "talks and talks, and answers nothing");
	return 0;
}

/* True when the response is the command's; otherwise the books are kept. */
static bool sort_out(struct session *s, const struct response *r)
{
	struct err err;
	uint64_t number;

	switch (r->kind) {
	case RESPONSE_UNKNOWN:
		if (!s->greeted)
			session_fail_protocol(s, &err, "does not speak IMAP");
		/* Skipped; but an index must know that it misses something. */
		if (s->index.active && slice_ifind(r->whole, SLICE_LIT(" FETCH ")) > 0)
			s->index.unreadable++;
		return false;
	case RESPONSE_CONTINUE:
		if (s->command.active && s->command.wants_continue)
			return true;
		if (!append_continued(s))
			session_fail_protocol(s, &err, "said \"+\" to nothing");
		return false;
	case RESPONSE_TAGGED:
		number = writer_number(&s->writer, r->tag);
		if (s->command.active && number >= s->command.number && number <= s->command.last) {
			time_answer(s);
			return true;
		}
		if (number == 0 || !append_ended(s, number, r))
			session_fail_protocol(s, &err, "answered a command that was not given");
		return false;
	case RESPONSE_STATUS:
	case RESPONSE_DATA:
		note_untagged(s, r);
		return s->command.active;
	}
	return false;
}

/* The server repeats the password. A "+" stays as it is: SASL wants it, and nobody else sees it. */
static void hide(struct session *s, struct response *r)
{
	trace(s, "S: ", SLICE_LIT("(not shown: the password is in it)"));
	if (r->kind == RESPONSE_CONTINUE)
		return;
	r->code = r->code_args = SLICE_LIT("");
	r->text = SLICE_LIT("(its words are not shown: they repeat the password)");
}

/* A frame that has come: 1 it belongs to the command at work, 0 it was somebody else's or none is
 * there, -1. *any tells whether there was a frame. */
static int take_frame(struct session *s, struct frame *frame, struct response *r, bool *any,
		      struct err *err)
{
	int got;

	*any = false;
	if (s->broken)
		return session_check(s, err);
	got = framer_next(&s->framer, frame, err);
	*any = got > 0;
	if (got < 0) {
		err_prefix(err, "%s", s->host);
		s->broken = true;
		return session_fail(s, err);
	}
	if (got == 0)
		return 0;
	s->octets_since = PROGRESS_OCTETS; /* a whole frame is progress */
	if (frame->kind != FRAME_RESPONSE || frame->tail)
		return s->command.active;
	response_read(frame, r);
	if (echo_has_secret(frame->bytes, s->guarded))
		hide(s, r);
	else
		trace(s, "S: ", frame->bytes);
	pass_alert(s, r);
	return count_untagged(s, r, err) < 0 ? -1 : sort_out(s, r);
}

/* The next frame that is here already: 1, 0, -1. */
static int frame_here(struct session *s, struct frame *frame, struct response *r, struct err *err)
{
	bool any = true;

	while (any) {
		int got = take_frame(s, frame, r, &any, err);

		if (got != 0)
			return got;
	}
	if (s->octets_since >= PROGRESS_OCTETS)
		session_progress(s);
	return 0;
}

int session_frame(struct session *s, struct frame *frame, struct response *r, struct err *err)
{
	for (;;) {
		int got = frame_here(s, frame, r, err);

		if (got != 0)
			return got;
		if (session_round(s, err) < 0)
			return -1;
	}
}

int session_frame_now(struct session *s, struct frame *frame, struct response *r, struct err *err)
{
	int got = frame_here(s, frame, r, err);

	if (got != 0)
		return got;
	session_pump(s, POLLIN);
	got = frame_here(s, frame, r, err);
	if (got != 0)
		return got;
	session_check_deadline(s);
	return session_check(s, err);
}

void session_digest(struct session *s)
{
	struct response r;
	struct frame frame;
	struct err err;
	bool any = true;

	while (any && !session_is_pulled(s))
		if (take_frame(s, &frame, &r, &any, &err) < 0)
			return;
	if (s->octets_since >= PROGRESS_OCTETS)
		session_progress(s);
}

/*
 * One command at a time, said and waited for. (Several: several.c; questions asked
 * ahead: ahead.c; uploads, which do not wait: append.c.)
 */
#include "imap/session_impl.h"

#include "base/clock.h"

int refused(struct session *s, enum verb verb, const struct response *r, enum err_scope scope,
	    struct err *err)
{
	/* Somebody expunged messages in the meantime (RFC 5530): the next time they are known to be
	 * gone. */
	enum err_retry retry = response_has_code(r, "EXPUNGEISSUED") ? RETRY_NOW : RETRY_NEVER;

	if (refusal_of(r) == REFUSAL_THROTTLED) {
		const char *words = response_words(r, &s->scratch);

		err_set(err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_LATER,
			"the server puts off %s: %s", verb_name(verb), words);
		err->wait_ms = refusal_wait_ms(words);
		return -1;
	}
	return err_set(err, ERR_REFUSED, scope, retry, "the server refused %s: %s", verb_name(verb),
		       response_words(r, &s->scratch));
}

int refused_target(struct session *s, enum verb verb, const struct response *r, struct err *err)
{
	refused(s, verb, r, SCOPE_FOLDER, err);
	if (err->code == ERR_REFUSED && refusal_may_pass(r))
		err->retry = RETRY_LATER;
	if (verb == VERB_CREATE && refusal_of(r) == REFUSAL_QUOTA)
		return err_set(err, ERR_QUOTA, SCOPE_ACCOUNT, RETRY_LATER,
			       "the account is full: %s", response_words(r, &s->scratch));
	return -1;
}

void command_answered(struct session *s)
{
	if (--s->command.left == 0)
		s->command.active = false;
}

/* The answers of an iteration that was given up. */
int command_finish(struct session *s, struct err *err)
{
	struct response r;
	struct frame frame;

	s->index.active = false;
	s->fetch.active = false;
	while (s->command.active) {
		if (session_frame(s, &frame, &r, err) < 0)
			return -1;
		if (frame.kind == FRAME_RESPONSE && !frame.tail && r.kind == RESPONSE_TAGGED)
			command_answered(s);
	}
	s->framer.stream_bodies = false;
	return 0;
}

static int stage(struct session *s, enum verb verb, struct slice arguments, struct err *err)
{
	session_turn(s);
	if (writer_command(&s->writer, verb, arguments, &s->command.number, err) < 0)
		return -1;
	s->command.active = true;
	s->command.last = s->command.number;
	s->command.left = 1;
	s->command.wants_continue = s->command.ended = false;
	s->command.verb = verb;
	s->open |= opens_folder(verb);
	s->asked_ms = time_monotonic_ms();
	return 0;
}

int command_start(struct session *s, enum verb verb, struct args *args, struct err *err)
{
	struct slice text, rest;
	struct response r;
	size_t from, to;
	int got = 1;

	args_end(args);
	if (session_check(s, err) < 0 || command_finish(s, err) < 0 ||
	    buf_ok(&args->text, "a command", err) < 0)
		return -1;
	if (args->bad)
		return err_set(err, ERR_REFUSED, SCOPE_FOLDER, RETRY_NEVER,
			       "a name or word with octets that no server accepts");
	if (s->append.open)
		return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER,
			       "%s in the middle of an APPEND", verb_name(verb));
	text = buf_slice(&args->text);
	got = ahead_adopt(s, verb, text, err);
	if (got != 0)
		return got < 0 ? -1 : 0;
	got = 1;
	from = args->n_literals > 0 ? args->literal_at[0] : text.len;
	if (stage(s, verb, slice_head(text, from), err) < 0)
		return -1;
	s->writer.secret |= verb == VERB_LOGIN || verb == VERB_AUTHENTICATE;
	trace_command(s, verb, s->command.number, slice_head(text, from));
	for (size_t i = 0; i < args->n_literals && got > 0; i++) {
		to = i + 1 < args->n_literals ? args->literal_at[i + 1] : text.len;
		rest = slice_head(slice_from(text, args->literal_at[i]), to - args->literal_at[i]);
		got = command_continue(s, &r, err);
		if (got > 0 && command_add(s, rest.ptr, rest.len, err) < 0)
			return -1;
	}
	s->command.ended = got == 0;
	if (got == 0)
		s->command.end = r;
	return got < 0 ? -1 : 0;
}

int command_add(struct session *s, const void *bytes, size_t len, struct err *err)
{
	s->writer.secret |= s->command.verb == VERB_LOGIN || s->command.verb == VERB_AUTHENTICATE;
	return writer_add(&s->writer, bytes, len, err);
}

int command_continue(struct session *s, struct response *r, struct err *err)
{
	struct frame frame;

	s->command.wants_continue = true;
	for (;;) {
		if (session_frame(s, &frame, r, err) < 0)
			return -1;
		if (r->kind == RESPONSE_CONTINUE) {
			s->command.wants_continue = false;
			return 1;
		}
		if (r->kind == RESPONSE_TAGGED) {
			command_answered(s);
			s->command.wants_continue = false;
			return 0;
		}
	}
}

int command_next(struct session *s, struct response *r, struct err *err)
{
	struct frame frame;

	if (s->command.ended) {
		*r = s->command.end;
		s->command.ended = false;
		return 0;
	}
	if (session_frame(s, &frame, r, err) < 0)
		return -1;
	if (r->kind != RESPONSE_TAGGED)
		return 1;
	command_answered(s);
	return 0;
}

int command_next_now(struct session *s, struct response *r, struct err *err)
{
	struct frame frame;
	int got;

	if (s->command.ended)
		return command_next(s, r, err);
	got = session_frame_now(s, &frame, r, err);
	if (got <= 0)
		return got < 0 ? -1 : 2;
	if (r->kind != RESPONSE_TAGGED)
		return 1;
	command_answered(s);
	return 0;
}

int command_run(struct session *s, enum verb verb, struct args *args, struct response *r,
		struct err *err)
{
	int got;

	if (command_start(s, verb, args, err) < 0)
		return -1;
	while ((got = command_next(s, r, err)) > 0)
		;
	return got < 0 ? -1 : r->status != STATUS_OK;
}

/*
 * The session: moving bytes, reading frames, one command at a time. See session.h
 * and session_impl.h.
 *
 * Reading has the right of way: every round polls for input, and for output only
 * while something is staged; a server that stops reading because we do not read
 * its answers (imap-client.md 1.7) cannot stop us.
 */
#include "imap/session_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stop.h"
#include "imap/echo.h"

#define OWN_MAX	     (256u << 10)
#define SELECTED_MAX (1u << 20)
#define SESSIONS_MAX 64
#define SLICE_MS     1000 /* of waiting, before the stop flag is looked at again */

/* ---- death ---- */

int session_fail(struct session *s, const struct err *err)
{
	if (!s->dead)
		s->death = *err;
	s->dead = true;
	return -1;
}

int session_fail_protocol(struct session *s, struct err *err, const char *what)
{
	err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_LATER, "%s: the server %s", s->host, what);
	s->broken = true;
	return session_fail(s, err);
}

int session_check(const struct session *s, struct err *err)
{
	if (!s->dead)
		return 0;
	*err = s->death;
	return -1;
}

bool session_is_dead(const struct session *s)
{
	return s->dead;
}

/* ---- trace ---- */

#define TRACE_MAX 400 /* octets of a line */

/* Lines without their literals; what we say while logging in is left out by the callers. */
void trace(struct session *s, const char *who, struct slice line)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(TRACE_MAX + 16);
	const char *end;

	if (s->trace_fd < 0)
		return;
	end = line.len > 0 ? memchr(line.ptr, '\n', line.len) : NULL;
	if (end)
		line.len = (size_t)(end - line.ptr);
	buf_adds(&text, who);
	for (size_t i = 0; i < line.len && i < TRACE_MAX; i++)
		if (line.ptr[i] != '\r')
			buf_addc(&text, line.ptr[i]);
	buf_addc(&text, '\n');
	/* The trace is for people: that it cannot be written must not stop mail. */
	if (write(s->trace_fd, text.ptr, text.len) < 0)
		s->trace_fd = -1;
}

/* ---- deadlines ---- */

void session_progress(struct session *s)
{
	s->progress_ms = time_monotonic_ms();
	s->octets_since = 0;
}

/* Is it the server's turn? An APPEND whose octets the caller still has to bring does not count. */
static bool is_waiting(const struct session *s)
{
	size_t ours = s->append.open && !s->append.refused && !s->append.wants_continue;

	return s->command.active || s->ahead.n > 0 || s->n_undone > ours || s->writer.len > 0 ||
	       !s->greeted;
}

void session_turn(struct session *s)
{
	if (!is_waiting(s))
		session_progress(s);
}

int64_t session_time_left(const struct session *s)
{
	int64_t limit = s->timeout_ms;
	int64_t left;

	if (!is_waiting(s))
		return -1;
	if (limit == 0) {
		limit = s->greeted ? REPLY_TIMEOUT_MS : GREETING_TIMEOUT_MS;
		if (s->append.wants_continue || s->command.wants_continue)
			limit = CONTINUE_TIMEOUT_MS;
		limit += (int64_t)(s->octets_undone / SLOWEST_OCTETS_A_MS);
	}
	left = s->progress_ms + limit - time_monotonic_ms();
	return left > 0 ? left : 0;
}

static void check_deadline(struct session *s)
{
	struct err err;

	if (s->dead || session_time_left(s) != 0)
		return;
	err_set(&err, ERR_TIMEOUT, SCOPE_ACCOUNT, RETRY_LATER,
		"%s: the server has not answered in time", s->host);
	session_fail(s, &err);
}

/* ---- moving bytes ---- */

static void read_some(struct session *s)
{
	struct err err;
	size_t room;
	char *space = framer_space(&s->framer, &room);
	ssize_t got;

	if (!space) {
		err_nomem(&err);
		session_fail(s, &err);
		return;
	}
	got = stream_read(s->stream, space, room, &err);
	if (got < 0) {
		session_fail(s, &err);
		return;
	}
	framer_filled(&s->framer, (size_t)got);
	s->octets_since += (size_t)got;
	if (s->octets_since >= PROGRESS_OCTETS)
		session_progress(s);
}

static void write_some(struct session *s)
{
	struct slice piece = writer_pending(&s->writer);
	struct err err;
	ssize_t sent;

	if (piece.len == 0)
		return;
	sent = stream_write(s->stream, piece.ptr, piece.len, &err);
	if (sent < 0) {
		/* The server's last words (a BYE, a refusal) may still lie there to be read. */
		read_some(s);
		session_fail(s, &err);
		return;
	}
	writer_sent(&s->writer, (size_t)sent);
	s->flow.octets += (size_t)sent;
	if (sent > 0)
		session_progress(s);
}

/* What is staged has all been taken: let it go. */
static void push(struct session *s)
{
	struct err err;

	if (stream_push(s->stream, &err) < 0) {
		read_some(s);
		session_fail(s, &err);
	}
}

void session_pump(struct session *s, short revents)
{
	if (s->dead)
		return;
	if ((revents & (POLLIN | POLLHUP | POLLERR)) || stream_has_pending(s->stream))
		read_some(s);
	/* TLS may want to read before it writes: what it can do now, it does now. */
	if (!s->dead && s->writer.len > 0)
		write_some(s);
	if (!s->dead && s->writer.len == 0)
		push(s);
}

/* Has somebody asked, or announced to ask, for what comes next? */
static bool is_pulled(const struct session *s)
{
	return s->command.active || s->ahead.n > 0;
}

/* Poll the living among the sessions once and move their bytes. Whoever pulls an answer pulls it
 * alone: besides `pulling` (or NULL) no session with a command at work. */
static void poll_once(struct session *const *sessions, size_t n, const struct session *pulling,
		      int timeout_ms)
{
	struct pollfd fds[SESSIONS_MAX];
	size_t polled[SESSIONS_MAX], n_polled = 0;
	int64_t begun_ms = time_monotonic_ms(), waited_ms;
	int ready;

	for (size_t i = 0; i < n; i++) {
		const struct session *s = sessions[i];

		/* cppcheck-suppress nullPointerRedundantCheck; pulling is NULL, s never */
		if (s->dead || (s != pulling && is_pulled(s)))
			continue;
		if (stream_has_pending(s->stream))
			timeout_ms = 0;
		polled[n_polled] = i;
		fds[n_polled++] = (struct pollfd){ stream_fd(s->stream),
						   stream_events(s->stream, s->writer.len > 0), 0 };
	}
	ready = poll(fds, n_polled, timeout_ms);
	waited_ms = time_monotonic_ms() - begun_ms;
	for (size_t i = 0; i < n_polled; i++)
		if (sessions[polled[i]]->writer.len > 0 && waited_ms > 0)
			sessions[polled[i]]->flow.full_ms += (uint64_t)waited_ms;
	if (ready < 0)
		return; /* EINTR: the caller looks at the stop flag */
	for (size_t i = 0; i < n_polled; i++)
		if (fds[i].revents || stream_has_pending(sessions[polled[i]]->stream))
			session_pump(sessions[polled[i]], fds[i].revents);
}

static int earlier(int64_t timeout_ms, int64_t other_ms)
{
	if (other_ms >= 0 && other_ms < timeout_ms)
		timeout_ms = other_ms;
	return timeout_ms > SLICE_MS ? SLICE_MS : (int)timeout_ms;
}

/* The answer that `s` waits for, and meanwhile what concerns the others. */
static void round_in_company(struct session *s)
{
	struct session *all[SESSIONS_MAX];
	size_t n = s->company->work(s->company->context, all, SESSIONS_MAX - 1);
	int wait_ms = earlier(SLICE_MS, session_time_left(s));

	for (size_t i = 0; i < n; i++)
		wait_ms = all[i]->dead ? 0 : earlier(wait_ms, session_time_left(all[i]));
	all[n] = s;
	poll_once(all, n + 1, s, wait_ms);
	for (size_t i = 0; i < n; i++) {
		session_digest(all[i]);
		check_deadline(all[i]);
	}
}

int session_round(struct session *s, struct err *err)
{
	struct session *const one[] = { s };

	if (stop_check(err) < 0 || session_check(s, err) < 0)
		return -1;
	if (s->company)
		round_in_company(s);
	else
		poll_once(one, 1, s, earlier(SLICE_MS, session_time_left(s)));
	check_deadline(s);
	/* What came before the line broke is still to be read: session_frame() asks for the reason
	 * of death when it finds no more frames. */
	return 0;
}

/* ---- frames ---- */

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

int session_frame(struct session *s, struct frame *frame, struct response *r, struct err *err)
{
	bool any;
	int got;

	for (;;) {
		got = take_frame(s, frame, r, &any, err);
		if (got != 0)
			return got;
		if (any)
			continue;
		if (s->octets_since >= PROGRESS_OCTETS)
			session_progress(s);
		if (session_round(s, err) < 0)
			return -1;
	}
}

void session_digest(struct session *s)
{
	struct response r;
	struct frame frame;
	struct err err;
	bool any = true;

	while (any && !is_pulled(s))
		if (take_frame(s, &frame, &r, &any, &err) < 0)
			return;
	if (s->octets_since >= PROGRESS_OCTETS)
		session_progress(s);
}

/* ---- commands ---- */

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
	s->asked_ms = time_monotonic_ms();
	return 0;
}

void trace_command(struct session *s, enum verb verb, uint64_t number, struct slice first)
{
	CLEANUP(buf_release) struct buf line = BUF_INIT(TRACE_MAX * 2);
	char tag[TAG_SIZE];

	if (s->trace_fd < 0)
		return;
	writer_tag(&s->writer, number, tag);
	buf_adds(&line, tag);
	buf_addc(&line, ' ');
	buf_adds(&line, verb_name(verb));
	if (verb == VERB_LOGIN || verb == VERB_AUTHENTICATE)
		first = SLICE_LIT("(not shown)");
	if (first.len > 0 && first.ptr[0] != '\r')
		buf_addc(&line, ' ');
	buf_add_slice(&line, slice_head(first, TRACE_MAX));
	trace(s, "C: ", buf_slice(&line));
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

/* ---- compression ---- */

int session_compress(struct session *s, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct response r;
	int got;

	if (session_check(s, err) < 0 || command_finish(s, err) < 0)
		return -1;
	if (session_is_compressed(s))
		return 1;
	if (!s->logged_in || !(s->caps.bits & CAP_COMPRESS))
		return 0;
	if (ahead_drop(s, err) < 0)
		return -1;
	if (s->n_undone > 0)
		return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER,
			       "COMPRESS in the middle of other commands");
	args_raw(&args, "DEFLATE");
	got = command_run(s, VERB_COMPRESS, &args, &r, err);
	if (got < 0)
		return -1;
	s->caps.bits &= ~(uint32_t)CAP_COMPRESS; /* it is asked once */
	if (got > 0)
		return 0;
	if (stream_compress(s->stream, framer_take(&s->framer), err) < 0)
		return session_fail(s, err);
	return 1;
}

bool session_is_compressed(const struct session *s)
{
	return stream_is_compressed(s->stream);
}

uint32_t session_round_trip_ms(const struct session *s)
{
	return s->round_trip_ms;
}

struct session_flow session_flow(const struct session *s)
{
	return s->flow;
}

/* ---- open and close ---- */

static int session_new(const struct session_options *options, struct session **out, struct err *err)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return err_nomem(err);
	framer_init(&s->framer);
	s->own = (struct arena)ARENA_INIT(OWN_MAX);
	s->selected_arena = (struct arena)ARENA_INIT(SELECTED_MAX);
	buf_init(&s->scratch, FRAME_KEEP_MAX + 1024);
	s->secret = options->secret;
	s->alert = options->alert;
	s->alert_context = options->alert_context;
	s->read_only = options->read_only;
	s->timeout_ms = options->timeout_ms;
	s->round_trip_ms = UINT32_MAX;
	s->trace_fd = options->trace_fd;
	s->company = options->company;
	s->profile_file =
		options->profile_file.len > 0 ? options->profile_file : profiles_builtin();
	s->profile_wanted = options->profile;
	s->profile = (struct profile){ .name = "", .title = "" };
	buf_init(&s->capability_words, FRAME_KEEP_MAX);
	s->host = arena_str(&s->own, options->host);
	s->prefix = s->server_name = s->greeting = s->mechanism = "";
	s->etpan = etpan_new();
	s->ring = calloc(PIPELINE_MAX, sizeof(*s->ring));
	if (!s->host || !s->etpan || !s->ring || writer_init(&s->writer, s->read_only, err) < 0) {
		session_close(s);
		return err_nomem(err);
	}
	*out = s;
	return 0;
}

static int connect_stream(struct session *s, const struct session_options *options, struct err *err)
{
	struct stream_options stream = {
		.host = options->host,
		.port = options->port ? options->port
				      : (options->security == SECURITY_TLS ? "993" : "143"),
		.tls = options->security == SECURITY_TLS,
		.ca_file = options->ca_file,
		.tls_fingerprint = options->tls_fingerprint,
		.connect_timeout_ms = options->timeout_ms ? options->timeout_ms : 30000,
	};

	return stream_connect(&stream, &s->stream, err);
}

/* One connection. *stalled has the mechanisms that are known to get no answer; one more may be. */
static int open_once(const struct session_options *options, uint32_t *stalled, struct session **out,
		     struct err *err)
{
	struct session *s = NULL;

	if (session_new(options, &s, err) < 0)
		return -1;
	s->stalled = *stalled;
	if (connect_stream(s, options, err) < 0 || session_login(s, options, err) < 0 ||
	    (options->compress && session_compress(s, err) < 0)) {
		*stalled = s->stalled;
		session_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

/* A mechanism that the server offers and then leaves without an answer costs a connection: the next
 * one uses another. */
int session_open(const struct session_options *options, struct session **out, struct err *err)
{
	uint32_t own = 0, *stalled = options->stalled ? options->stalled : &own;

	for (;;) {
		uint32_t before = *stalled;

		if (open_once(options, stalled, out, err) == 0)
			return 0;
		if (*stalled == before)
			return -1;
	}
}

/* Say good-bye and give the server a moment to say it too: the next login should find this
 * connection gone. */
static void log_out(struct session *s)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct response r;
	struct err err;

	s->logging_out = true;
	s->timeout_ms = LOGOUT_TIMEOUT_MS;
	session_progress(s);
	(void)command_run(s, VERB_LOGOUT, &args, &r, &err);
}

void session_close(struct session *s)
{
	if (!s)
		return;
	if (s->stream && !s->dead && s->logged_in && !s->append.open && !is_waiting(s) &&
	    !stop_requested())
		log_out(s);
	stream_close(s->stream);
	append_release(s);
	ahead_release(s);
	free(s->ring);
	free(s->fetch.uids);
	etpan_free(s->etpan);
	writer_release(&s->writer);
	framer_release(&s->framer);
	buf_release(&s->scratch);
	buf_release(&s->capability_words);
	arena_release(&s->selected_arena);
	arena_release(&s->own);
	free(s);
}

/* ---- what the server is ---- */

uint32_t session_capabilities(const struct session *s)
{
	return s->caps.bits;
}

uint64_t session_append_limit(const struct session *s)
{
	return s->caps.append_limit ? s->caps.append_limit : s->profile.append_limit;
}

const struct profile *session_profile(const struct session *s)
{
	return &s->profile;
}

const char *session_prefix(const struct session *s)
{
	return s->prefix;
}

char session_separator(const struct session *s)
{
	return s->separator;
}

const char *session_server_name(const struct session *s)
{
	return s->server_name;
}

struct slice session_capability_words(const struct session *s)
{
	return buf_slice(&s->capability_words);
}

const char *session_mechanism(const struct session *s)
{
	return s->mechanism;
}

int session_tls(const struct session *s, struct arena *a, struct tls_facts *out, struct err *err)
{
	return stream_tls_facts(s->stream, a, out, err);
}

/* ---- sharing a poll loop ---- */

void session_accompany(struct session *s, const struct session_company *company)
{
	s->company = company;
}

int session_poll(struct session *const *sessions, size_t n, int timeout_ms, struct err *err)
{
	int wait_ms = timeout_ms < 0 ? SLICE_MS : timeout_ms;

	if (n > SESSIONS_MAX)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "more than %d sessions at once", SESSIONS_MAX);
	for (size_t i = 0; i < n; i++) {
		session_digest(sessions[i]);
		if (sessions[i]->dead || sessions[i]->news)
			wait_ms = 0;
		wait_ms = earlier(wait_ms, session_time_left(sessions[i]));
	}
	poll_once(sessions, n, NULL, wait_ms);
	for (size_t i = 0; i < n; i++) {
		session_digest(sessions[i]);
		check_deadline(sessions[i]);
		sessions[i]->news = false;
	}
	return stop_check(err);
}

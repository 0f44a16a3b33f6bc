/*
 * The session: opening and closing it, its trace, what it knows of its server. Its
 * bytes move in pump.c, its frames are read in reader.c, commands are said in
 * command.c. See session.h and session_impl.h.
 */
#include "imap/session_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stop.h"

#define OWN_MAX	     (256u << 10)
#define SELECTED_MAX (1u << 20)

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
	if (write(s->trace_fd, text.ptr, text.len) < 0) {
		s->trace_fd = -1;
		if (s->trace_ended)
			s->trace_ended(s->alert_context, errno);
	}
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

/* ---- compression ---- */

/* What nobody waits for (ID) has to be answered before the octets change their form. */
static int await_unasked(struct session *s, struct err *err)
{
	for (session_digest(s); append_only_unasked(s); session_digest(s))
		if (session_round(s, err) < 0)
			return -1;
	return 0;
}

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
	if (ahead_drop(s, err) < 0 || await_unasked(s, err) < 0)
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

static int session_new(const struct session_options *options, struct opening *beside,
		       struct session **out, struct err *err)
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
	s->trace_ended = options->trace_ended;
	s->alert_context = options->alert_context;
	s->read_only = options->read_only;
	s->timeout_ms = options->timeout_ms;
	s->round_trip_ms = UINT32_MAX;
	s->trace_fd = options->trace_fd;
	s->company = options->company;
	s->opening = beside;
	s->awaited.fd = -1;
	s->waiter = (struct waiter){ session_await, s };
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
		.waiter = s->company || s->opening ? &s->waiter : NULL,
	};

	return stream_connect(&stream, &s->stream, err);
}

/* One connection. *stalled has the mechanisms that are known to get no answer; one more may be. */
static int open_once(const struct session_options *options, struct opening *beside,
		     uint32_t *stalled, struct session **out, struct err *err)
{
	struct session *s = NULL;

	if (session_new(options, beside, &s, err) < 0)
		return -1;
	if (beside)
		opening_of(beside, s);
	s->stalled = *stalled;
	if (connect_stream(s, options, err) < 0 || session_login(s, options, err) < 0 ||
	    (options->compress && session_compress(s, err) < 0)) {
		*stalled |= s->stalled; /* others may have found some meanwhile */
		session_close(s);
		if (beside)
			opening_of(beside, NULL);
		return -1;
	}
	s->opening = NULL;
	*out = s;
	return 0;
}

/* A mechanism that the server offers and then leaves without an answer costs a connection: the next
 * one uses another. */
int session_open_beside(const struct session_options *options, struct opening *beside,
			struct session **out, struct err *err)
{
	uint32_t own = 0, *stalled = options->stalled ? options->stalled : &own;

	for (;;) {
		uint32_t before = *stalled;

		if (open_once(options, beside, stalled, out, err) == 0)
			return 0;
		if (*stalled == before)
			return -1;
	}
}

int session_open(const struct session_options *options, struct session **out, struct err *err)
{
	return session_open_beside(options, NULL, out, err);
}

void session_leave(struct session *s)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct err err;

	if (!s || !s->stream || s->dead || !s->logged_in || s->logging_out || s->append.open ||
	    session_is_waiting(s) || stop_requested())
		return;
	s->logging_out = true;
	s->timeout_ms = LOGOUT_TIMEOUT_MS;
	session_progress(s);
	if (command_start(s, VERB_LOGOUT, &args, &err) == 0)
		session_pump(s, 0);
}

/* Give the server a moment to say good-bye too: the next login should find this connection gone. */
static void await_farewell(struct session *s)
{
	struct response r;
	struct err err;

	while (s->command.active && command_next(s, &r, &err) > 0)
		;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	session_leave(s);
	if (s->logging_out)
		await_farewell(s);
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

/*
 * The POP3 conversation. See pop3.h. One command at a time, one answer: what is
 * asked here is short, and asked once.
 */
#include "pop3/pop3.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "imap/echo.h"
#include "imap/sasl.h"
#include "net/stream.h"
#include "net/wait.h"
#include "pop3/reply.h"

#define INPUT_LEN    16384 /* a line of an answer; of a longer one the rest is passed over */
#define COMMAND_LEN  255   /* RFC 2449 4 */
#define REPLY_MS     120000
#define CAPS_MAX     200      /* lines */
#define ROWS_MAX     10000000 /* of one listing: more than any server has */
#define HEADER_LINES 100000   /* of one header */

/* All that is ever said, but for the answers to a login. */
enum verb { V_CAPA, V_STLS, V_AUTH, V_USER, V_PASS, V_UIDL, V_LIST, V_TOP, V_QUIT };
static const char *const verbs[] = { "CAPA", "STLS", "AUTH", "USER", "PASS",
				     "UIDL", "LIST", "TOP",  "QUIT" };

struct pop3 {
	struct stream *stream;
	const char *host;
	int timeout_ms, trace_fd;
	bool dead, listing, sizes;
	uint32_t stalled; /* SASL_BIT(): not to be used, since the server gives no answer to them */
	uint64_t rows;
	struct pop3_caps caps;
	struct slice guarded; /* the password, while it is used: never repeated to anybody */
	size_t at, len;
	bool in_long; /* in the middle of a line that is too long */
	char input[INPUT_LEN];
};

/* ---- octets ---- */

static void trace(struct pop3 *p, const char *who, struct slice line)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(INPUT_LEN + 16);

	if (p->trace_fd < 0)
		return;
	buf_adds(&text, who);
	if (p->guarded.len > 0 && echo_has_secret(line, p->guarded))
		buf_adds(&text, "(not shown)");
	else
		buf_add_slice(&text, line);
	buf_addc(&text, '\n');
	if (!text.failed && write(p->trace_fd, text.ptr, text.len) < 0)
		p->trace_fd = -1;
}

/* The line is of no use any more. */
static int broken(struct pop3 *p)
{
	p->dead = true;
	return -1;
}

static int wait_line(struct pop3 *p, bool want_write, int64_t deadline, struct err *err)
{
	int got = stream_has_pending(p->stream) && !want_write
			  ? 1
			  : wait_for(stream_fd(p->stream), stream_events(p->stream, want_write),
				     deadline, err);

	if (got == 0)
		err_set(err, ERR_TIMEOUT, SCOPE_ACCOUNT, RETRY_NOW,
			"%s: the POP3 server does not answer", p->host);
	return got > 0 ? 0 : broken(p);
}

static int64_t deadline_of(const struct pop3 *p)
{
	return time_monotonic_ms() + (p->timeout_ms > 0 ? p->timeout_ms : REPLY_MS);
}

static int send_all(struct pop3 *p, const char *bytes, size_t len, struct err *err)
{
	int64_t deadline = deadline_of(p);

	while (len > 0) {
		ssize_t n = stream_write(p->stream, bytes, len, err);

		if (n < 0 || (n == 0 && wait_line(p, true, deadline, err) < 0))
			return broken(p);
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* More input behind what is left. */
static int receive(struct pop3 *p, struct err *err)
{
	int64_t deadline = deadline_of(p);
	ssize_t n;

	memmove(p->input, p->input + p->at, p->len - p->at);
	p->len -= p->at;
	p->at = 0;
	for (;;) {
		n = stream_read(p->stream, p->input + p->len, sizeof(p->input) - p->len, err);
		if (n < 0)
			return broken(p);
		if (n > 0)
			break;
		if (wait_line(p, false, deadline, err) < 0)
			return -1;
	}
	p->len += (size_t)n;
	return 0;
}

/* The next line, valid until the next call. Of one that is too long, its beginning. */
static int next_line(struct pop3 *p, struct slice *out, struct err *err)
{
	for (;;) {
		struct slice rest = slice_of(p->input + p->at, p->len - p->at);
		ptrdiff_t lf = slice_find(rest, '\n');
		bool skip = p->in_long;

		if (lf < 0 && rest.len < sizeof(p->input)) {
			if (receive(p, err) < 0)
				return -1;
			continue;
		}
		p->in_long = lf < 0;
		p->at += lf < 0 ? rest.len : (size_t)lf + 1;
		if (skip)
			continue;
		*out = lf < 0 ? rest : slice_head(rest, (size_t)lf);
		if (out->len > 0 && out->ptr[out->len - 1] == '\r')
			out->len--;
		return 0;
	}
}

/* ---- commands ---- */

static int protocol(struct pop3 *p, const char *what, struct err *err)
{
	err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_NEVER, "%s: %s", p->host, what);
	return broken(p);
}

/* The first line of an answer: 0 with any status that makes sense, -1. */
static int read_reply(struct pop3 *p, struct pop3_reply *out, struct err *err)
{
	struct slice line;

	if (next_line(p, &line, err) < 0)
		return -1;
	trace(p, "S: ", line);
	*out = pop3_reply_read(line);
	if (out->status == POP3_NONSENSE)
		return protocol(p, "does not answer as POP3 servers do", err);
	return 0;
}

/* The one function that begins commands. */
static int command(struct pop3 *p, enum verb verb, struct slice argument, struct pop3_reply *out,
		   struct err *err)
{
	CLEANUP(sasl_wipe) struct buf line = BUF_INIT(COMMAND_LEN + SASL_TOKEN_MAX);

	for (size_t i = 0; i < argument.len; i++)
		if (argument.ptr[i] == '\r' || argument.ptr[i] == '\n' || argument.ptr[i] == '\0')
			return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
				       "%s: POP3 cannot say such a name or password", p->host);
	buf_adds(&line, verbs[verb]);
	trace(p, "C: ", buf_slice(&line));
	if (argument.len > 0) {
		buf_addc(&line, ' ');
		buf_add_slice(&line, argument);
	}
	buf_adds(&line, "\r\n");
	if (buf_ok(&line, "a POP3 command", err) < 0 || send_all(p, line.ptr, line.len, err) < 0)
		return -1;
	return read_reply(p, out, err);
}

/* A server's words for an error text; without the password, should they hold it. */
static const char *words(struct pop3 *p, const struct pop3_reply *r, char out[200])
{
	bool bad = p->guarded.len > 0 && echo_has_secret(r->text, p->guarded);
	size_t n = 0;

	for (size_t i = 0; !bad && i < r->text.len && n < 199; i++) {
		unsigned char c = (unsigned char)r->text.ptr[i];

		out[n++] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
	}
	out[n] = '\0';
	return n > 0 ? out : "(no words that can be shown)";
}

static int refused(struct pop3 *p, const struct pop3_reply *r, const char *what, struct err *err)
{
	char text[200];
	const char *said = words(p, r, text);

	if (slice_ieq(r->code, SLICE_LIT("IN-USE")))
		return err_set(err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_LATER,
			       "%s: another program has the mailbox open by POP: close it, or wait"
			       " a few minutes: %s",
			       p->host, said);
	if (slice_ieq(r->code, SLICE_LIT("LOGIN-DELAY")) ||
	    slice_ieq(r->code, SLICE_LIT("SYS/TEMP")))
		return err_set(err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_LATER,
			       "%s: the POP3 server wants us to wait: %s", p->host, said);
	return err_set(err, what ? ERR_UNAVAILABLE : ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
		       "%s: the POP3 server refused %s: %s", p->host, what ? what : "the login",
		       said);
}

static int ask_caps(struct pop3 *p, struct err *err)
{
	struct pop3_reply r;
	struct slice line;

	p->caps = (struct pop3_caps){ 0 };
	if (command(p, V_CAPA, SLICE_LIT(""), &r, err) < 0)
		return -1;
	if (r.status != POP3_OK) { /* older than RFC 2449: USER and PASS are all there is */
		p->caps.user = true;
		return 0;
	}
	for (int n = 0; n < CAPS_MAX; n++) {
		if (next_line(p, &line, err) < 0)
			return -1;
		trace(p, "S: ", line);
		if (!pop3_unstuff(&line))
			return 0;
		pop3_caps_add(&p->caps, line);
	}
	return protocol(p, "lists capabilities without end", err);
}

/* ---- TLS ---- */

static int tls_err(const struct pop3 *p, struct err *err, const char *what)
{
	return err_set(err, ERR_TLS, SCOPE_ACCOUNT, RETRY_NEVER, "%s: %s", p->host, what);
}

static bool is_private(const struct pop3 *p, const struct session_options *o)
{
	return stream_is_tls(p->stream) || stream_is_loopback(p->stream) || o->allow_plaintext;
}

static int secure(struct pop3 *p, const struct session_options *o, struct err *err)
{
	struct pop3_reply r;

	if (o->security != SECURITY_STARTTLS)
		return is_private(p, o)
			       ? 0
			       : tls_err(p, err,
					 "a POP3 login without TLS is only for this machine"
					 " itself, or when explicitly allowed");
	if (!p->caps.stls)
		return o->allow_plaintext
			       ? 0
			       : tls_err(p, err, "the POP3 server offers no STLS; not logged in");
	if (command(p, V_STLS, SLICE_LIT(""), &r, err) < 0)
		return -1;
	if (r.status != POP3_OK)
		return tls_err(p, err, "the POP3 server refused STLS; not logged in");
	if (p->at < p->len)
		return tls_err(p, err,
			       "somebody put words behind the answer to STLS (injection); not"
			       " logged in");
	if (stream_starttls(p->stream, err) < 0)
		return broken(p);
	return ask_caps(p, err);
}

/* ---- login ---- */

static int say(struct pop3 *p, struct slice message, struct pop3_reply *r, struct err *err)
{
	CLEANUP(sasl_wipe) struct buf line = BUF_INIT(SASL_RESPONSE_MAX * 2);

	sasl_base64_encode(&line, message);
	buf_adds(&line, "\r\n");
	if (buf_ok(&line, "a login answer", err) < 0 || send_all(p, line.ptr, line.len, err) < 0)
		return -1;
	return read_reply(p, r, err);
}

/* Give up: "*", and the server says no. *err stays what it is. */
static int cancel(struct pop3 *p)
{
	struct err ignored = ERR_INIT;
	struct pop3_reply r;

	if (send_all(p, "*\r\n", 3, &ignored) == 0)
		(void)read_reply(p, &r, &ignored);
	return -1;
}

/* Answer challenges until the server has decided: *r is its last word. */
static int converse(struct pop3 *p, struct sasl *sasl, struct pop3_reply *r, struct err *err)
{
	while (r->status == POP3_CONTINUE) {
		CLEANUP(sasl_wipe) struct buf challenge = BUF_INIT(SASL_CHALLENGE_MAX);
		CLEANUP(sasl_wipe) struct buf answer = BUF_INIT(SASL_RESPONSE_MAX);

		if (!sasl_base64_decode(&challenge, r->text)) {
			err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_NEVER,
				"%s: the server's login challenge is not base64", p->host);
			return cancel(p);
		}
		if (sasl_step(sasl, buf_slice(&challenge), &answer, err) < 0)
			return cancel(p);
		if (say(p, buf_slice(&answer), r, err) < 0)
			return -1;
	}
	return 0;
}

/* AUTH, with the first message on the line where it fits (RFC 5034 4). */
static int authenticate(struct pop3 *p, struct sasl *sasl, enum sasl_mech mech,
			struct pop3_reply *r, struct err *err)
{
	CLEANUP(sasl_wipe) struct buf first = BUF_INIT(SASL_RESPONSE_MAX);
	CLEANUP(sasl_wipe) struct buf line = BUF_INIT(SASL_RESPONSE_MAX * 2);
	int client_first = sasl_initial(sasl, &first, err);

	if (client_first < 0)
		return -1;
	buf_adds(&line, sasl_mech_name(mech));
	if (client_first > 0 && first.len > 0 && first.len * 4 / 3 + 40 < COMMAND_LEN) {
		buf_addc(&line, ' ');
		sasl_base64_encode(&line, buf_slice(&first));
		client_first = 0;
	}
	if (command(p, V_AUTH, buf_slice(&line), r, err) < 0)
		return -1;
	if (client_first > 0 && r->status == POP3_CONTINUE && say(p, buf_slice(&first), r, err) < 0)
		return -1;
	return converse(p, sasl, r, err);
}

/* As in imap/login.c: a token gets no answer from some, but one for another mechanism. */
static int authenticate_in_time(struct pop3 *p, const struct session_options *o, struct sasl *sasl,
				enum sasl_mech mech, struct pop3_reply *r, struct err *err)
{
	const int timeout_ms = p->timeout_ms;
	int got;

	if (o->secret.token && (timeout_ms <= 0 || timeout_ms > TOKEN_TIMEOUT_MS))
		p->timeout_ms = TOKEN_TIMEOUT_MS;
	got = authenticate(p, sasl, mech, r, err);
	p->timeout_ms = timeout_ms;
	if (got >= 0 || !o->secret.token || err->code != ERR_TIMEOUT)
		return got;
	if (!o->mechanism && (p->caps.auth & SASL_TOKEN_BITS & ~p->stalled & ~SASL_BIT(mech)))
		p->stalled |= SASL_BIT(mech);
	return err_set(err, ERR_TIMEOUT, SCOPE_ACCOUNT, o->mechanism ? RETRY_NEVER : RETRY_LATER,
		       "%s: the POP3 server gives no answer to a login by %s", p->host,
		       sasl_mech_name(mech));
}

static int sasl_login(struct pop3 *p, const struct session_options *o, enum sasl_mech mech,
		      uint32_t listed, bool *may_try_another, struct err *err)
{
	struct sasl_options options = {
		.mech = mech,
		.offered = listed,
		.user = o->user,
		.authzid = o->authzid,
		.host = o->host,
		.port = o->port			      ? o->port
			: o->security == SECURITY_TLS ? "995"
						      : "110",
		.secret = p->guarded,
	};
	struct pop3_reply r;
	struct sasl *sasl;
	int result;

	*may_try_another = false;
	if (sasl_new(&options, &sasl, err) < 0)
		return err_prefix(err, "%s", p->host);
	result = authenticate_in_time(p, o, sasl, mech, &r, err);
	if (result == 0 && r.status == POP3_OK)
		result = sasl_finish(sasl, err);
	else if (result == 0 && sasl_refusal(sasl)) {
		result = err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
				 "%s: the POP3 server refused the OAuth token (%s)", p->host,
				 sasl_refusal(sasl));
	} else if (result == 0) {
		result = refused(p, &r, NULL, err);
		*may_try_another = err->code == ERR_AUTH && !sasl_password_used(sasl);
	}
	sasl_free(sasl);
	return result;
}

static int user_pass(struct pop3 *p, const struct session_options *o, struct err *err)
{
	struct pop3_reply r;

	if (o->authzid)
		return err_set(err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_NEVER,
			       "%s: the POP3 server has no login for acting as somebody else",
			       p->host);
	if (command(p, V_USER, slice_str(o->user), &r, err) < 0)
		return -1;
	if (r.status == POP3_OK && command(p, V_PASS, p->guarded, &r, err) < 0)
		return -1;
	return r.status == POP3_OK ? 0 : refused(p, &r, NULL, err);
}

static int log_in_with(struct pop3 *p, const struct session_options *o, struct err *err)
{
	const uint32_t listed = p->caps.auth & ~p->stalled;
	struct sasl_situation situation = {
		.offered = listed,
		.wanted = o->mechanism,
		.private_line = is_private(p, o),
		.has_authzid = o->authzid != NULL,
		.has_token = o->secret.token,
	};
	enum sasl_mech mech;
	bool again;

	do {
		if (sasl_choose(&situation, &mech, err) < 0)
			return err_prefix(err, "%s", p->host);
		if (mech == SASL_NONE)
			return user_pass(p, o, err);
		if (sasl_login(p, o, mech, listed, &again, err) == 0)
			return 0;
		situation.offered &= ~SASL_BIT(mech);
	} while (again && !p->dead && !o->mechanism);
	return -1;
}

static int log_in(struct pop3 *p, const struct session_options *o, struct err *err)
{
	char secret[SASL_TOKEN_MAX];
	int len = o->secret.get(o->secret.context, secret, sizeof(secret), err);
	int result = -1;

	if (len >= 0) {
		p->guarded = slice_of(secret, (size_t)len);
		result = log_in_with(p, o, err);
	}
	p->guarded = SLICE_LIT("");
	explicit_bzero(secret, sizeof(secret));
	return result;
}

/* ---- opening and closing ---- */

static int greet(struct pop3 *p, struct err *err)
{
	struct pop3_reply r;

	if (read_reply(p, &r, err) < 0)
		return -1;
	if (r.status == POP3_CONTINUE)
		return protocol(p, "does not greet as POP3 servers do", err);
	return r.status == POP3_OK ? 0 : refused(p, &r, "us", err);
}

static int enter(struct pop3 *p, const struct session_options *o, struct err *err)
{
	if (greet(p, err) < 0 || ask_caps(p, err) < 0 || secure(p, o, err) < 0)
		return -1;
	return log_in(p, o, err);
}

/* One connection. *stalled has the mechanisms that are known to get no answer; one more may be. */
static int open_once(const struct session_options *o, uint32_t *stalled, struct pop3 **out,
		     struct err *err)
{
	bool tls = o->security == SECURITY_TLS;
	struct stream_options line = {
		.host = o->host,
		.port = o->port ? o->port
			: tls	? "995"
				: "110",
		.tls = tls,
		.ca_file = o->ca_file,
		.tls_fingerprint = o->tls_fingerprint,
		.connect_timeout_ms = o->timeout_ms,
	};
	struct pop3 *p = calloc(1, sizeof(*p));

	if (!p)
		return err_nomem(err);
	p->host = o->host;
	p->timeout_ms = o->timeout_ms;
	p->trace_fd = o->trace_fd;
	p->stalled = *stalled;
	p->guarded = SLICE_LIT("");
	if (stream_connect(&line, &p->stream, err) < 0) {
		free(p);
		return -1;
	}
	if (enter(p, o, err) < 0) {
		*stalled = p->stalled;
		pop3_close(p);
		return -1;
	}
	*out = p;
	return 0;
}

int pop3_open(const struct session_options *o, struct pop3 **out, struct err *err)
{
	uint32_t own = 0, *stalled = o->stalled ? o->stalled : &own;

	for (;;) {
		uint32_t before = *stalled;

		if (open_once(o, stalled, out, err) == 0)
			return 0;
		if (*stalled == before)
			return -1;
	}
}

void pop3_close(struct pop3 *p)
{
	struct err ignored = ERR_INIT;
	struct pop3_reply r;

	if (!p)
		return;
	if (!p->dead && !p->listing)
		(void)command(p, V_QUIT, SLICE_LIT(""), &r, &ignored);
	stream_close(p->stream);
	free(p);
}

/* ---- looking ---- */

static int listing(struct pop3 *p, enum verb verb, bool sizes, struct err *err)
{
	struct pop3_reply r;

	if (command(p, verb, SLICE_LIT(""), &r, err) < 0)
		return -1;
	if (r.status != POP3_OK)
		return refused(p, &r, verbs[verb], err);
	p->listing = true;
	p->sizes = sizes;
	p->rows = 0;
	return 0;
}

int pop3_uidls_start(struct pop3 *p, struct err *err)
{
	return listing(p, V_UIDL, false, err);
}

int pop3_sizes_start(struct pop3 *p, struct err *err)
{
	return listing(p, V_LIST, true, err);
}

int pop3_row_next(struct pop3 *p, struct pop3_row *out, struct err *err)
{
	struct pop3_row row = { .uidl = SLICE_LIT("") };
	struct slice line;
	bool good;

	if (!p->listing)
		return 0;
	if (next_line(p, &line, err) < 0)
		return -1;
	if (!pop3_unstuff(&line)) {
		p->listing = false;
		return 0;
	}
	good = p->sizes ? pop3_size_read(line, &row.number, &row.size)
			: pop3_uidl_read(line, &row.number, &row.uidl);
	if (!good || p->rows++ >= ROWS_MAX)
		return protocol(p, "the POP3 server's list of messages cannot be read", err);
	*out = row;
	return 1;
}

int pop3_header(struct pop3 *p, uint32_t number, struct buf *out, struct err *err)
{
	struct pop3_reply r;
	struct slice line;
	char argument[32];

	snprintf(argument, sizeof(argument), "%u 0", number);
	if (command(p, V_TOP, slice_str(argument), &r, err) < 0)
		return -1;
	if (r.status != POP3_OK)
		return 0;
	buf_reset(out);
	for (int n = 0; n < HEADER_LINES; n++) {
		if (next_line(p, &line, err) < 0)
			return -1;
		if (!pop3_unstuff(&line))
			return 1;
		if (out->len + line.len + 1 <= out->limit) {
			buf_add_slice(out, line);
			buf_addc(out, '\n');
		}
	}
	return protocol(p, "sends a header without end", err);
}

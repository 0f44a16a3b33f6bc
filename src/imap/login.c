/*
 * From the greeting to a session that knows its server: STARTTLS (RFC 3501 6.2.1),
 * SASL (RFC 4959) or LOGIN, CAPABILITY again after each, ID, NAMESPACE.
 *
 * A wrong password is never tried twice (accounts get locked), and what is not the
 * password's fault (too many connections, a server in trouble) is never called so.
 */
#include "imap/session_impl.h"

#include <string.h>

#include "imap/sasl.h"
#include "message/mutf7.h"

/* Does the line keep a password to itself? */
static bool is_private(const struct session *s, const struct session_options *o)
{
	return stream_is_tls(s->stream) || stream_is_loopback(s->stream) || o->allow_plaintext;
}

/* ---- greeting ---- */

static int no_greeting(struct session *s, struct err *err)
{
	if (err->code != ERR_EOF)
		return -1;
	return err_set(err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_LATER,
		       "%s: the server closed the connection without a greeting: it may have too "
		       "many connections",
		       s->host);
}

static int greeting(struct session *s, bool *preauth, struct err *err)
{
	struct frame frame;
	struct response r;

	session_progress(s);
	/* The greeting is like the answer to a command that has no tag. */
	s->command = (struct command){ .active = true, .number = UINT64_MAX, .left = 1 };
	if (session_frame(s, &frame, &r, err) < 0)
		return no_greeting(s, err);
	s->command.active = false;
	if (r.kind != RESPONSE_STATUS || r.status == STATUS_NO || r.status == STATUS_BAD)
		return session_fail_protocol(s, err, "does not greet as IMAP servers do");
	if (r.status == STATUS_BYE)
		return session_check(s, err);
	s->greeted = true;
	*preauth = r.status == STATUS_PREAUTH;
	s->server_name = s->greeting = arena_slice(&s->own, slice_head(slice_trim(r.text), 200));
	return s->server_name ? 0 : err_nomem(err);
}

static int ask_capabilities(struct session *s, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct response r;
	int got;

	if (s->caps.known)
		return 0;
	got = command_run(s, VERB_CAPABILITY, &args, &r, err);
	if (got == 1)
		return refused(s, VERB_CAPABILITY, &r, SCOPE_ACCOUNT, err);
	return got;
}

/* After the login: what the server does not tell by itself is asked for once. */
static int recall_capabilities(struct session *s, struct session_memory *m, struct err *err)
{
	if (!s->caps.known && memory_knows(s, m)) {
		note_capabilities(s, buf_slice(&m->after));
		return 0;
	}
	if (ask_capabilities(s, err) < 0)
		return -1;
	memory_note_capabilities(s, m);
	return 0;
}

/* ---- TLS ---- */

static int tls_err(const struct session *s, struct err *err, const char *what)
{
	return err_set(err, ERR_TLS, SCOPE_ACCOUNT, RETRY_NEVER, "%s: %s", s->host, what);
}

static int start_tls(struct session *s, const struct session_options *o, bool preauth,
		     struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct response r;
	int got;

	if (preauth)
		return tls_err(s, err,
			       "the server logs us in before TLS (PREAUTH): somebody may sit "
			       "in between; not used");
	if (ask_capabilities(s, err) < 0)
		return -1;
	if (!(s->caps.bits & CAP_STARTTLS) && o->allow_plaintext)
		return 0;
	if (!(s->caps.bits & CAP_STARTTLS))
		return tls_err(s, err, "the server offers no STARTTLS; not logged in");
	got = command_run(s, VERB_STARTTLS, &args, &r, err);
	if (got < 0)
		return -1;
	if (got == 1)
		return tls_err(s, err, "the server refused STARTTLS; not logged in");
	/* Whatever came in the clear behind the OK would be taken for words said under TLS. */
	if (framer_has_bytes(&s->framer))
		return tls_err(s, err,
			       "somebody put words behind the answer to STARTTLS (injection); "
			       "not logged in");
	if (stream_starttls(s->stream, err) < 0)
		return -1;
	s->caps = (struct capabilities){ 0 };
	session_progress(s);
	return 0;
}

static int secure(struct session *s, const struct session_options *o, bool preauth, struct err *err)
{
	if (o->security == SECURITY_STARTTLS)
		return start_tls(s, o, preauth, err);
	if (is_private(s, o))
		return 0;
	return tls_err(s, err,
		       "a login without TLS is only for this machine itself, or when "
		       "explicitly allowed");
}

/* ---- the provider ---- */

static int find_profile(struct session *s, struct err *err)
{
	struct profile_signs signs = {
		.capabilities = buf_slice(&s->capability_words),
		.greeting = slice_str(s->greeting),
		.id = slice_str(s->server_name),
	};

	return profile_find(s->profile_file, &signs, s->profile_wanted, &s->own, &s->profile, err);
}

/* The server does not take the password. What helps differs from provider to provider. */
static int wrong_password(struct session *s, const char *words, struct err *err)
{
	struct err ignored;

	if (find_profile(s, &ignored) > 0 && s->profile.login_advice)
		return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
			       "%s: the server refused the login: %s (%s)", s->host, words,
			       s->profile.login_advice);
	return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
		       "%s: the server refused the login: %s", s->host, words);
}

/* ---- login ---- */

/* Neither wrong nor a password: the advice of the profile is about passwords. */
static int refused_token(struct session *s, const char *words, const char *why, struct err *err)
{
	return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
		       "%s: the server refused the OAuth token (%s): %s", s->host,
		       why ? why : "no reason given", words);
}

static int wrong_secret(struct session *s, const char *words, struct err *err)
{
	return s->secret.token ? refused_token(s, words, NULL, err) : wrong_password(s, words, err);
}

/* [LIMIT] of commands, not of connections (Yahoo). */
static bool says_rate(struct slice words)
{
	return slice_ifind(words, SLICE_LIT("rate limit")) >= 0 ||
	       slice_ifind(words, SLICE_LIT("too fast")) >= 0;
}

/* The server said NO (or BAD): is it the password, or something that passes? */
static int login_refused(struct session *s, const struct response *r, const char *why_token,
			 struct err *err)
{
	const char *words = response_words(r, &s->scratch);
	enum refusal refusal = refusal_of(r);

	if (slice_ifind(r->text, SLICE_LIT("authenticated but not connected")) >= 0)
		return err_set(
			err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_LATER,
			"%s: the password is right, but the mailbox is out of reach (too many "
			"connections, or an account without one): %s",
			s->host, words);
	if (says_too_many_connections(r->text) ||
	    (response_has_code(r, "LIMIT") && !says_rate(r->text)))
		return err_set(err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_LATER,
			       "%s: too many connections: %s", s->host, words);
	if (s->secret.token && why_token)
		return refused_token(s, words, why_token, err);
	if (response_has_code(r, "AUTHENTICATIONFAILED") ||
	    response_has_code(r, "AUTHORIZATIONFAILED") || response_has_code(r, "EXPIRED"))
		return wrong_secret(s, words, err);
	if (refusal == REFUSAL_THROTTLED || refusal == REFUSAL_SERVER) {
		err_set(err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_LATER,
			"%s: the server cannot log in anybody now: %s", s->host, words);
		err->wait_ms = refusal_wait_ms(err->text);
		return -1;
	}
	return wrong_secret(s, words, err);
}

static int logged_in(struct session *s, const struct response *r)
{
	s->logged_in = true;
	if (response_has_code(r, "CAPABILITY"))
		note_capabilities(s, r->code_args);
	return 0;
}

static int login_command(struct session *s, const struct session_options *o, struct slice secret,
			 struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct response r;
	int got;

	if (s->caps.bits & CAP_LOGINDISABLED)
		return err_set(err, stream_is_tls(s->stream) ? ERR_UNAVAILABLE : ERR_TLS,
			       SCOPE_ACCOUNT, RETRY_NEVER,
			       "%s: the server allows no login here (LOGINDISABLED)", s->host);
	if (o->authzid)
		return err_set(err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_NEVER,
			       "%s: the server has no login for acting as somebody else", s->host);
	s->caps.known = false;
	args_string(&args, slice_str(o->user));
	args_string(&args, secret);
	got = command_run(s, VERB_LOGIN, &args, &r, err);
	if (got == 1)
		return login_refused(s, &r, NULL, err);
	s->mechanism = "LOGIN";
	return got < 0 ? -1 : logged_in(s, &r);
}

/* Send one SASL message. */
static int say(struct session *s, struct slice message, struct err *err)
{
	CLEANUP(sasl_wipe) struct buf line = BUF_INIT(SASL_RESPONSE_MAX * 2);

	sasl_base64_encode(&line, message);
	buf_adds(&line, "\r\n");
	if (buf_ok(&line, "a login answer", err) < 0)
		return -1;
	return command_add(s, line.ptr, line.len, err);
}

/* Give up: "*" and wait for the server's NO. *err stays what it is. */
static int cancel(struct session *s)
{
	struct response r;
	struct err other;

	if (command_add(s, "*\r\n", 3, &other) == 0)
		while (command_next(s, &r, &other) > 0)
			;
	return -1;
}

/* Answer one "+". */
static int answer(struct session *s, struct sasl *sasl, struct slice challenge, struct err *err)
{
	CLEANUP(sasl_wipe) struct buf decoded = BUF_INIT(SASL_CHALLENGE_MAX);
	CLEANUP(sasl_wipe) struct buf response = BUF_INIT(SASL_RESPONSE_MAX);

	if (!sasl_base64_decode(&decoded, challenge)) {
		err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_NEVER,
			"%s: the server's login challenge is not base64", s->host);
		return cancel(s);
	}
	if (sasl_step(sasl, buf_slice(&decoded), &response, err) < 0)
		return cancel(s);
	return say(s, buf_slice(&response), err);
}

/* The conversation after AUTHENTICATE: 0 OK, 1 refused, -1. `first` is still to be said. */
static int converse(struct session *s, struct sasl *sasl, const struct buf *first, bool first_due,
		    struct response *r, struct err *err)
{
	int got, result;

	while ((got = command_continue(s, r, err)) > 0) {
		if (first_due)
			result = say(s, buf_slice(first), err);
		else
			result = answer(s, sasl, slice_trim(slice_from(r->whole, 2)), err);
		first_due = false;
		if (result < 0)
			return -1;
	}
	return got < 0 ? -1 : r->status != STATUS_OK;
}

static int authenticate(struct session *s, struct sasl *sasl, enum sasl_mech mech,
			struct response *r, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	CLEANUP(sasl_wipe) struct buf first = BUF_INIT(SASL_RESPONSE_MAX);
	int client_first = sasl_initial(sasl, &first, err);
	bool at_once = client_first == 1 && (s->caps.bits & CAP_SASL_IR);

	if (client_first < 0)
		return -1;
	args_raw(&args, sasl_mech_name(mech));
	if (at_once) {
		buf_adds(&args.text, first.len > 0 ? " " : " =");
		sasl_base64_encode(&args.text, buf_slice(&first));
	}
	s->caps.known = false;
	if (command_start(s, VERB_AUTHENTICATE, &args, err) < 0)
		return -1;
	return converse(s, sasl, &first, client_first == 1 && !at_once, r, err);
}

/* Dovecot 2.3.19 never answers an OAUTHBEARER that is good; and who hands tokens on to somebody
 * else for a check may wait for ever. */
static int authenticate_in_time(struct session *s, const struct session_options *o,
				struct sasl *sasl, enum sasl_mech mech, struct response *r,
				struct err *err)
{
	const int timeout_ms = s->timeout_ms;
	int got;

	if (s->secret.token && (timeout_ms == 0 || timeout_ms > TOKEN_TIMEOUT_MS))
		s->timeout_ms = TOKEN_TIMEOUT_MS;
	got = authenticate(s, sasl, mech, r, err);
	s->timeout_ms = timeout_ms;
	if (got >= 0 || !s->secret.token || err->code != ERR_TIMEOUT)
		return got;
	if (!o->mechanism && (s->caps.auth & SASL_TOKEN_BITS & ~s->stalled & ~SASL_BIT(mech)))
		s->stalled |= SASL_BIT(mech);
	return err_set(err, ERR_TIMEOUT, SCOPE_ACCOUNT, o->mechanism ? RETRY_NEVER : RETRY_LATER,
		       "%s: the server gives no answer to a login by %s", s->host,
		       sasl_mech_name(mech));
}

/* The binding to TLS is used when its mechanism was asked for by name only. Cyrus lists -PLUS, but
 * knows no tls-exporter: it takes the client's first message, and calls the second one, which has
 * all to do with the password, "bad protocol". That cannot be told from a wrong password. */
static size_t channel_binding(const struct session *s, const struct session_options *o,
			      uint8_t binding[32])
{
	return o->mechanism ? stream_channel_binding(s->stream, binding) : 0;
}

static int sasl_login(struct session *s, const struct session_options *o, enum sasl_mech mech,
		      uint32_t offered, struct slice secret, bool *may_try_another, struct err *err)
{
	uint8_t binding[32];
	struct sasl_options options = {
		.mech = mech,
		.offered = offered,
		.user = o->user,
		.authzid = o->authzid,
		.host = o->host,
		.port = o->port			      ? o->port
			: o->security == SECURITY_TLS ? "993"
						      : "143",
		.secret = secret,
		.binding = slice_of(binding, channel_binding(s, o, binding)),
	};
	struct response r;
	struct sasl *sasl;
	int got;

	if (sasl_new(&options, &sasl, err) < 0)
		return err_prefix(err, "%s", s->host);
	got = authenticate_in_time(s, o, sasl, mech, &r, err);
	if (got == 0 && sasl_finish(sasl, err) < 0)
		got = -1;
	if (got == 0) {
		s->mechanism = sasl_mech_name(mech);
		logged_in(s, &r);
	}
	if (got == 1)
		login_refused(s, &r, sasl_refusal(sasl), err);
	*may_try_another = got == 1 && err->code == ERR_AUTH &&
			   (s->secret.token ? !sasl_refusal(sasl) : !sasl_password_used(sasl));
	sasl_free(sasl);
	return got == 0 ? 0 : -1;
}

/* The best mechanism; if the server refuses it before the password came into play (it lists SCRAM
 * but keeps no secrets for it), the next best. */
static int log_in_with(struct session *s, const struct session_options *o, struct slice secret,
		       struct err *err)
{
	uint8_t binding[32];
	struct sasl_situation situation = {
		.offered = s->caps.auth & ~s->stalled,
		.wanted = o->mechanism,
		.private_line = is_private(s, o),
		.can_bind = channel_binding(s, o, binding) > 0,
		.has_authzid = o->authzid != NULL,
		.has_token = s->secret.token,
	};
	const uint32_t listed = s->caps.auth;
	bool may_try_another = false;
	enum sasl_mech mech;

	do {
		if (sasl_choose(&situation, &mech, err) < 0)
			return err_prefix(err, "%s", s->host);
		if (mech == SASL_NONE)
			return login_command(s, o, secret, err);
		if (sasl_login(s, o, mech, listed, secret, &may_try_another, err) == 0)
			return 0;
		situation.offered &= ~SASL_BIT(mech);
		if (s->secret.token)
			situation.offered &= SASL_TOKEN_BITS;
	} while (may_try_another && !o->mechanism && situation.offered != 0);
	return -1;
}

/* As log_in_with(), and what the server repeats of the secret is not shown. */
static int log_in_guarded(struct session *s, const struct session_options *o, struct slice secret,
			  struct err *err)
{
	int result;

	s->guarded = secret;
	result = log_in_with(s, o, secret, err);
	s->guarded = slice_of(NULL, 0);
	return result;
}

/* The server has refused the token `old`. Whoever made it may have another by now: it had expired
 * earlier than it said, or was revoked. The same one is not tried twice. */
static int log_in_anew(struct session *s, const struct session_options *o, struct slice old,
		       struct err *err)
{
	char secret[SASL_TOKEN_MAX];
	struct err other = ERR_INIT;
	int len, result = -1;

	if (s->secret.refused)
		s->secret.refused(s->secret.context);
	len = s->secret.get(s->secret.context, secret, sizeof(secret), &other);
	if (len < 0)
		*err = other;
	else if (!slice_eq(slice_of(secret, (size_t)len), old) && !s->dead)
		result = log_in_guarded(s, o, slice_of(secret, (size_t)len), err);
	explicit_bzero(secret, sizeof(secret));
	return result;
}

static int log_in(struct session *s, const struct session_options *o, struct err *err)
{
	char secret[SASL_TOKEN_MAX];
	struct slice given;
	int len, result = -1;

	if (ask_capabilities(s, err) < 0)
		return -1;
	memory_recognise(s, o->memory);
	len = s->secret.get(s->secret.context, secret,
			    s->secret.token ? SASL_TOKEN_MAX : SASL_SECRET_MAX, err);
	if (len >= 0) {
		given = slice_of(secret, (size_t)len);
		result = log_in_guarded(s, o, given, err);
		if (result < 0 && s->secret.token && err->code == ERR_AUTH)
			result = log_in_anew(s, o, given, err);
	}
	explicit_bzero(secret, sizeof(secret));
	return result;
}

/* ---- what the server is ---- */

#define WHO_WE_ARE "(\"name\" \"mailhoist\" \"version\" \"" MAILHOIST_VERSION "\")"

/* Google and Yahoo ask clients to say who they are. */
static int exchange_id(struct session *s, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	CLEANUP(buf_release) struct buf name = BUF_INIT(512);
	struct response r;
	int got;

	if (!(s->caps.bits & CAP_ID))
		return 0;
	args_raw(&args, WHO_WE_ARE);
	if (command_start(s, VERB_ID, &args, err) < 0)
		return -1;
	while ((got = command_next(s, &r, err)) > 0)
		if (response_is(&r, "ID") && etpan_id(s->etpan, &r, &name) && !name.failed)
			s->server_name = arena_slice(&s->own, buf_slice(&name));
	if (!s->server_name)
		return err_nomem(err);
	return got;
}

/* To a server that we know: its answer is nothing new, nobody waits for it. */
static int introduce(struct session *s, struct err *err)
{
	const struct slice words = SLICE_LIT(WHO_WE_ARE "\r\n");
	struct pending *p;

	if (!(s->caps.bits & CAP_ID))
		return 0;
	p = session_enqueue(s, VERB_ID, words, err);
	if (!p)
		return -1;
	trace_command(s, VERB_ID, p->number, words);
	return 0;
}

/* A server that puts us off has not said what it is asked for: without the prefix and the separator
 * every folder would get another name, in this session and in all that remember it. */
static int unless_put_off(struct session *s, enum verb verb, const struct response *r,
			  struct err *err)
{
	if (r->status == STATUS_OK || refusal_of(r) != REFUSAL_THROTTLED)
		return 0;
	return refused(s, verb, r, SCOPE_ACCOUNT, err);
}

static int ask_namespace(struct session *s, struct session_memory *m, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct namespaces ns;
	struct response r;
	int got;

	if (!(s->caps.bits & CAP_NAMESPACE))
		return 0;
	if (command_start(s, VERB_NAMESPACE, &args, err) < 0)
		return -1;
	while ((got = command_next(s, &r, err)) > 0) {
		if (!response_is(&r, "NAMESPACE") || !namespace_read(&r, &s->own, &ns))
			continue;
		s->namespaces = ns;
		memory_note_namespaces(s, m, &r);
	}
	return got < 0 ? -1 : unless_put_off(s, VERB_NAMESPACE, &r, err);
}

/* Both questions are on their way before the first is answered. */
static int ask_ahead(struct session *s, struct err *err)
{
	CLEANUP(args_release) struct args id = ARGS_INIT;
	CLEANUP(args_release) struct args none = ARGS_INIT;

	if (!(s->caps.bits & CAP_ID) || !(s->caps.bits & CAP_NAMESPACE))
		return 0;
	args_raw(&id, WHO_WE_ARE);
	if (ahead_announce(s, VERB_ID, &id, err) < 0)
		return -1;
	return ahead_announce(s, VERB_NAMESPACE, &none, err) < 0 ? -1 : 0;
}

/* LIST "" "" tells the separator alone (RFC 3501 6.3.8). */
static int ask_separator(struct session *s, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	CLEANUP(arena_release) struct arena arena = ARENA_INIT(FRAME_KEEP_ALL_MAX);
	struct list_row row;
	struct response r;
	int got;

	if (s->namespaces.has_personal && s->namespaces.separator) {
		s->separator = s->namespaces.separator;
		return 0;
	}
	args_string(&args, SLICE_LIT(""));
	args_string(&args, SLICE_LIT(""));
	if (command_start(s, VERB_LIST, &args, err) < 0)
		return -1;
	while ((got = command_next(s, &r, err)) > 0)
		if (response_is(&r, "LIST") && etpan_list(s->etpan, &r, &arena, &row))
			s->separator = row.separator;
	return got < 0 ? -1 : unless_put_off(s, VERB_LIST, &r, err);
}

static int decode_prefix(struct session *s, struct err *err)
{
	CLEANUP(buf_release) struct buf prefix = BUF_INIT(4096);

	if (!mutf7_decode(&prefix, s->namespaces.prefix))
		buf_add_slice(&prefix, s->namespaces.prefix);
	if (buf_ok(&prefix, "the namespace's prefix", err) < 0)
		return -1;
	s->prefix = arena_slice(&s->own, buf_slice(&prefix));
	return s->prefix ? 0 : err_nomem(err);
}

static int ask_account(struct session *s, struct session_memory *m, struct err *err)
{
	if (ask_ahead(s, err) < 0 || exchange_id(s, err) < 0 || ask_namespace(s, m, err) < 0 ||
	    ask_separator(s, err) < 0)
		return -1;
	memory_note_account(s, m);
	return 0;
}

int session_login(struct session *s, const struct session_options *o, struct err *err)
{
	bool preauth = false;

	if (greeting(s, &preauth, err) < 0 || secure(s, o, preauth, err) < 0)
		return -1;
	if (preauth)
		s->logged_in = true;
	else if (log_in(s, o, err) < 0)
		return -1;
	if (recall_capabilities(s, o->memory, err) < 0)
		return -1;
	if (memory_recall_account(s, o->memory) ? introduce(s, err) < 0
						: ask_account(s, o->memory, err) < 0)
		return -1;
	if (find_profile(s, err) < 0)
		return -1;
	return decode_prefix(s, err);
}

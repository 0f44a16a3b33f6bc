/*
 * The device flow (RFC 8628): show a code, ask until the user has typed it in.
 */
#include <poll.h>

#include "base/clock.h"
#include "base/stop.h"
#include "base/text.h"
#include "oauth/form.h"
#include "oauth/http.h"
#include "oauth/login.h"

#define INTERVAL_S     5   /* RFC 8628 3.2: if the server names none */
#define INTERVAL_MAX_S 300 /* a server that wants less has forgotten us */
#define SLOWER_S       5   /* RFC 8628 3.5 */
#define LIFETIME_S     900 /* if the server names none */
#define LIFETIME_MAX_S 3600
#define FORM_MAX       (32u << 10)
#define SLICE_MS       500
#define CODE_TRIES     3 /* a code that nobody has seen is no loss */
#define CODE_PAUSE_S   1

static void add_client(struct buf *form, const struct oauth_grant *g)
{
	form_add(form, "client_id", buf_slice(&g->client_id));
	if (g->client_secret.len > 0)
		form_add(form, "client_secret", buf_slice(&g->client_secret));
}

/* 0, or -1 when a signal asks us to stop. */
static int sleep_s(uint64_t seconds, struct err *err)
{
	int64_t until = time_monotonic_ms() + (int64_t)seconds * 1000;

	while (time_monotonic_ms() < until) {
		if (stop_check(err) < 0)
			return -1;
		poll(NULL, 0, SLICE_MS);
	}
	return stop_check(err);
}

/* A connection that the server has closed too early: asked once more, and again. */
static int ask_patiently(const struct oauth_provider *p, struct slice form,
			 struct oauth_answer *answer, struct err *err)
{
	for (int tries = 1; oauth_ask(p->device, form, p->ca_file, answer, err) < 0; tries++) {
		if (err->code != ERR_EOF || tries == CODE_TRIES || sleep_s(CODE_PAUSE_S, err) < 0)
			return -1;
	}
	return 0;
}

static int ask_code(const struct oauth_login *login, struct oauth_grant *g,
		    struct oauth_answer *answer, struct err *err)
{
	CLEANUP(buf_wipe) struct buf form = BUF_INIT(FORM_MAX);
	const struct oauth_provider *p = login->provider;
	struct http_url ignored;

	buf_room(&form, FORM_MAX - 1);
	add_client(&form, g);
	if (p->scope)
		form_add(&form, "scope", slice_str(p->scope));
	if (buf_ok(&form, "the request", err) < 0 ||
	    ask_patiently(p, buf_slice(&form), answer, err) < 0)
		return -1;
	if (answer->status != 200)
		return oauth_failed(answer, buf_slice(&form), p->name, "a login by device code",
				    err);
	if (answer->device_code.len == 0 || answer->user_code.len == 0 ||
	    !http_url_parse(buf_slice(&answer->verification_uri), &ignored))
		return err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_NEVER,
			       "%s gives no code that could be typed in", p->name);
	return 0;
}

static void show_code(const struct oauth_login *login, const struct oauth_answer *answer,
		      uint64_t lifetime)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(16384);

	buf_adds(&text, "Open this address in a browser, on any machine:\n\n    ");
	text_add_safe(&text, buf_slice(&answer->verification_uri), 0);
	buf_adds(&text, "\n\nand enter this code there, within ");
	buf_addf(&text, "%llu minutes:\n\n    ", (unsigned long long)(lifetime + 59) / 60);
	text_add_safe(&text, buf_slice(&answer->user_code), 100);
	buf_adds(&text, "\n");
	if (buf_cstr(&text))
		login->say(login->context, text.ptr);
}

/* Has the user done it? 1: the grant has tokens; 0: not yet; -1. *interval may grow. */
static int poll_once(const struct oauth_login *login, struct oauth_grant *g, struct slice form,
		     uint64_t *interval, struct err *err)
{
	CLEANUP(oauth_answer_release) struct oauth_answer answer;
	const struct oauth_provider *p = login->provider;

	oauth_answer_init(&answer);
	if (oauth_ask(p->token, form, p->ca_file, &answer, err) < 0) {
		if (err->retry == RETRY_NEVER || err->code == ERR_INTERRUPTED)
			return -1;
		*interval *= 2; /* RFC 8628 3.5: a line that fails is asked less often */
		return 0;
	}
	if (answer.status == 200)
		return oauth_grant_take(g, &answer, err) < 0 ? -1 : 1;
	if (oauth_is_error(&answer, "authorization_pending"))
		return 0;
	if (oauth_is_error(&answer, "slow_down")) {
		*interval += SLOWER_S;
		return 0;
	}
	if (oauth_is_error(&answer, "access_denied"))
		return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
			       "%s: the login was refused in the browser", p->name);
	if (oauth_is_error(&answer, "expired_token"))
		return err_set(err, ERR_TIMEOUT, SCOPE_ACCOUNT, RETRY_NEVER,
			       "%s: the code was not entered in time", p->name);
	return oauth_failed(&answer, form, p->name, "the login", err);
}

static int poll_until_done(const struct oauth_login *login, struct oauth_grant *g,
			   const struct oauth_answer *code, uint64_t lifetime, struct err *err)
{
	CLEANUP(buf_wipe) struct buf form = BUF_INIT(FORM_MAX);
	uint64_t interval = code->interval > 0 ? code->interval : INTERVAL_S;
	int64_t deadline = time_monotonic_ms() + (int64_t)lifetime * 1000;
	int got = 0;

	buf_room(&form, FORM_MAX - 1);
	form_add(&form, "grant_type", SLICE_LIT("urn:ietf:params:oauth:grant-type:device_code"));
	form_add(&form, "device_code", buf_slice(&code->device_code));
	add_client(&form, g);
	if (buf_ok(&form, "the request", err) < 0)
		return -1;
	while (got == 0) {
		if (interval > INTERVAL_MAX_S)
			interval = INTERVAL_MAX_S;
		if (time_monotonic_ms() + (int64_t)interval * 1000 > deadline)
			return err_set(err, ERR_TIMEOUT, SCOPE_ACCOUNT, RETRY_NEVER,
				       "%s: the code was not entered in time",
				       login->provider->name);
		if (sleep_s(interval, err) < 0)
			return -1;
		got = poll_once(login, g, buf_slice(&form), &interval, err);
	}
	return got < 0 ? -1 : 0;
}

int oauth_login_device(const struct oauth_login *login, struct oauth_grant *g, struct err *err)
{
	CLEANUP(oauth_answer_release) struct oauth_answer code;
	uint64_t lifetime;

	oauth_answer_init(&code);
	if (ask_code(login, g, &code, err) < 0)
		return -1;
	lifetime = code.expires_in > 0 ? code.expires_in : LIFETIME_S;
	if (lifetime > LIFETIME_MAX_S)
		lifetime = LIFETIME_MAX_S;
	show_code(login, &code, lifetime);
	return poll_until_done(login, g, &code, lifetime, err);
}

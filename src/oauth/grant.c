/*
 * Tokens, and asking for them. See grant.h.
 */
#include "oauth/grant.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/text.h"
#include "oauth/form.h"
#include "oauth/http.h"

#define LIFETIME_MAX (10 * 366 * 86400u) /* seconds; longer ones are nonsense */
#define SECRET_MIN   8			 /* shorter words of a form are no secrets */

/* ---- texts by name ---- */

struct text {
	const char *key;
	size_t offset, limit;
	bool secret;
};

static const struct text grant_texts[] = {
	{ "provider", offsetof(struct oauth_grant, provider), OAUTH_WORD_MAX, false },
	{ "token_url", offsetof(struct oauth_grant, token_url), OAUTH_WORD_MAX, false },
	{ "client_id", offsetof(struct oauth_grant, client_id), OAUTH_WORD_MAX, false },
	{ "scope", offsetof(struct oauth_grant, scope), OAUTH_WORD_MAX, false },
	{ "ca_file", offsetof(struct oauth_grant, ca_file), OAUTH_WORD_MAX, false },
	{ "client_secret", offsetof(struct oauth_grant, client_secret), OAUTH_WORD_MAX, true },
	{ "access_token", offsetof(struct oauth_grant, access_token), OAUTH_TOKEN_MAX, true },
	{ "refresh_token", offsetof(struct oauth_grant, refresh_token), OAUTH_TOKEN_MAX, true },
};
#define N_GRANT_TEXTS (sizeof(grant_texts) / sizeof(grant_texts[0]))

static const struct text answer_texts[] = {
	{ "access_token", offsetof(struct oauth_answer, access_token), OAUTH_TOKEN_MAX, true },
	{ "refresh_token", offsetof(struct oauth_answer, refresh_token), OAUTH_TOKEN_MAX, true },
	{ "error", offsetof(struct oauth_answer, error), OAUTH_WORD_MAX, false },
	{ "error_description", offsetof(struct oauth_answer, error_description), OAUTH_WORD_MAX,
	  false },
	{ "device_code", offsetof(struct oauth_answer, device_code), OAUTH_TOKEN_MAX, true },
	{ "user_code", offsetof(struct oauth_answer, user_code), OAUTH_WORD_MAX, false },
	{ "verification_uri", offsetof(struct oauth_answer, verification_uri), OAUTH_WORD_MAX,
	  false },
	/* Google's older name */
	{ "verification_url", offsetof(struct oauth_answer, verification_uri), OAUTH_WORD_MAX,
	  false },
};
#define N_ANSWER_TEXTS (sizeof(answer_texts) / sizeof(answer_texts[0]))

static struct buf *text_of(void *thing, const struct text *t)
{
	return (struct buf *)((char *)thing + t->offset);
}

static const struct buf *const_text_of(const void *thing, const struct text *t)
{
	return (const struct buf *)((const char *)thing + t->offset);
}

static void init_texts(void *thing, const struct text *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_init(text_of(thing, &texts[i]), texts[i].limit);
}

static void release_texts(void *thing, const struct text *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_wipe(text_of(thing, &texts[i]));
}

static const struct text *find_text(const struct text *texts, size_t n, struct slice key)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(key, slice_str(texts[i].key)))
			return &texts[i];
	return NULL;
}

/* Replace it. Room first: growing leaves copies. */
static void set_text(struct buf *b, struct slice value)
{
	buf_reset(b);
	if (buf_room(b, value.len))
		buf_add_slice(b, value);
}

/* ---- JSON objects, their outermost level ---- */

struct pair {
	struct slice key, value; /* valid until the next one */
};

struct pairs {
	struct json_reader reader;
	char key[64];
	bool has_key;
};

static void pairs_init(struct pairs *p, struct slice json)
{
	memset(p, 0, sizeof(*p));
	json_reader_init(&p->reader, json);
	buf_room(&p->reader.text, JSON_READ_STRING_MAX - 1); /* no copies by growing */
}

static void pairs_release(struct pairs *p)
{
	buf_wipe(&p->reader.text);
	json_reader_release(&p->reader);
}

/* The next key with a string, a number or a word: 1, 0, -1. */
static int pairs_next(struct pairs *p, struct pair *out, struct err *err)
{
	struct json_token t;
	int got;

	while ((got = json_reader_next(&p->reader, &t, err)) > 0) {
		bool has_key = p->has_key;

		p->has_key = false;
		if (t.depth != 1)
			continue;
		if (t.kind == JSON_KEY && t.text.len < sizeof(p->key)) {
			memcpy(p->key, t.text.ptr, t.text.len);
			p->key[t.text.len] = '\0';
			p->has_key = true;
		} else if (has_key && (t.kind == JSON_STRING || t.kind == JSON_NUMBER ||
				       t.kind == JSON_WORD)) {
			*out = (struct pair){ slice_str(p->key), t.text };
			return 1;
		}
	}
	return got;
}

/* ---- grants ---- */

void oauth_grant_init(struct oauth_grant *g)
{
	*g = (struct oauth_grant){ 0 };
	init_texts(g, grant_texts, N_GRANT_TEXTS);
}

void oauth_grant_release(struct oauth_grant *g)
{
	release_texts(g, grant_texts, N_GRANT_TEXTS);
}

int oauth_grant_ok(const struct oauth_grant *g, struct err *err)
{
	for (size_t i = 0; i < N_GRANT_TEXTS; i++)
		if (buf_ok(const_text_of(g, &grant_texts[i]), grant_texts[i].key, err) < 0)
			return -1;
	return 0;
}

void oauth_grant_write(const struct oauth_grant *g, bool open, bool secret, struct buf *json)
{
	struct json j;

	if (!buf_room(json, 3 * OAUTH_TOKEN_MAX))
		return;
	json_init(&j, json);
	json_open(&j, '{');
	for (size_t i = 0; i < N_GRANT_TEXTS; i++) {
		const struct buf *text = const_text_of(g, &grant_texts[i]);

		if (text->len == 0 || !(grant_texts[i].secret ? secret : open))
			continue;
		json_key(&j, grant_texts[i].key);
		json_string(&j, buf_slice(text));
	}
	if (open) {
		json_key(&j, "expires");
		json_i64(&j, g->expires);
		json_key(&j, "keyring");
		json_bool(&j, g->keyring);
	}
	json_close(&j, '}');
}

int oauth_grant_read(struct oauth_grant *g, struct slice json, struct err *err)
{
	CLEANUP(pairs_release) struct pairs pairs;
	struct pair pair;
	uint64_t n;
	int got;

	pairs_init(&pairs, json);
	while ((got = pairs_next(&pairs, &pair, err)) > 0) {
		const struct text *t = find_text(grant_texts, N_GRANT_TEXTS, pair.key);

		if (t)
			set_text(text_of(g, t), pair.value);
		else if (slice_eq(pair.key, SLICE_LIT("expires")) && slice_u64(pair.value, &n) &&
			 n < INT64_MAX)
			g->expires = (int64_t)n;
		else if (slice_eq(pair.key, SLICE_LIT("keyring")))
			g->keyring = slice_eq(pair.value, SLICE_LIT("true"));
	}
	return got < 0 ? -1 : oauth_grant_ok(g, err);
}

bool oauth_grant_is_fresh(const struct oauth_grant *g, int64_t now)
{
	return g->access_token.len > 0 && (g->expires == 0 || g->expires - OAUTH_EARLY_S > now);
}

/* ---- answers ---- */

void oauth_answer_init(struct oauth_answer *a)
{
	*a = (struct oauth_answer){ 0 };
	init_texts(a, answer_texts, N_ANSWER_TEXTS);
}

void oauth_answer_release(struct oauth_answer *a)
{
	release_texts(a, answer_texts, N_ANSWER_TEXTS);
}

/* "3600", also in quotes, also "3600.0". */
static uint64_t seconds(struct slice text)
{
	uint64_t n;

	return slice_u64(slice_cut(&text, '.'), &n) && n <= LIFETIME_MAX ? n : 0;
}

int oauth_answer_read(struct oauth_answer *a, struct slice json, struct err *err)
{
	CLEANUP(pairs_release) struct pairs pairs;
	struct err ignored = ERR_INIT;
	struct pair pair;
	int got;

	pairs_init(&pairs, json);
	while ((got = pairs_next(&pairs, &pair, &ignored)) > 0) {
		const struct text *t = find_text(answer_texts, N_ANSWER_TEXTS, pair.key);

		if (t)
			set_text(text_of(a, t), pair.value);
		else if (slice_eq(pair.key, SLICE_LIT("expires_in")))
			a->expires_in = seconds(pair.value);
		else if (slice_eq(pair.key, SLICE_LIT("interval")))
			a->interval = seconds(pair.value);
	}
	/* the reader's own words may have some of the text in them */
	if (got < 0 || !slice_starts(slice_trim(json), SLICE_LIT("{")))
		return err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_LATER,
			       "the answer is no JSON (status %d)", a->status);
	for (size_t i = 0; i < N_ANSWER_TEXTS; i++)
		if (buf_ok(text_of(a, &answer_texts[i]), answer_texts[i].key, err) < 0)
			return -1;
	return 0;
}

int oauth_ask(const char *url, struct slice form, const char *ca_file, struct oauth_answer *out,
	      struct err *err)
{
	CLEANUP(buf_wipe) struct buf body = BUF_INIT(HTTP_BODY_MAX);

	buf_room(&body, HTTP_BODY_MAX - 1);
	if (http_post(url, form, ca_file && *ca_file ? ca_file : NULL, &out->status, &body, err) <
	    0)
		return -1;
	if (oauth_answer_read(out, buf_slice(&body), err) < 0)
		return err_prefix(err, "%.200s", url);
	return 0;
}

bool oauth_is_error(const struct oauth_answer *a, const char *error)
{
	return slice_eq(buf_slice(&a->error), slice_str(error));
}

/* Is a value of the form in these words? (The short ones, and the names of grants, are none.) */
static bool repeats(struct slice words, struct slice form)
{
	static const char *const harmless[] = { "client_id", "grant_type", "scope" };

	while (form.len > 0) {
		CLEANUP(buf_wipe) struct buf value = BUF_INIT(OAUTH_TOKEN_MAX);
		struct slice pair = slice_cut(&form, '&'), whole = pair;
		struct slice name = slice_cut(&pair, '=');
		bool plain = false;

		for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
			plain |= slice_eq(name, slice_str(harmless[i]));
		if (plain || pair.len < SECRET_MIN)
			continue;
		if (memmem(words.ptr, words.len, pair.ptr, pair.len))
			return true;
		CLEANUP(buf_release) struct buf key = BUF_INIT(64);

		buf_add_slice(&key, name);
		if (!buf_cstr(&key) || form_get(whole, key.ptr, &value) <= 0 ||
		    memmem(words.ptr, words.len, value.ptr, value.len))
			return true;
	}
	return false;
}

static void add_words(struct buf *out, const struct buf *words, struct slice form)
{
	if (words->len == 0)
		return;
	if (out->len > 0)
		buf_adds(out, ": ");
	if (repeats(buf_slice(words), form))
		buf_adds(out, "(its words are not shown: they repeat a secret)");
	else
		text_add_safe(out, buf_slice(words), 200);
}

int oauth_failed(const struct oauth_answer *a, struct slice form, const char *provider,
		 const char *what, struct err *err)
{
	CLEANUP(buf_release) struct buf words = BUF_INIT(4096);
	bool later = a->status >= 500 || a->status == 429 || oauth_is_error(a, "server_error") ||
		     oauth_is_error(a, "temporarily_unavailable");

	add_words(&words, &a->error, form);
	add_words(&words, &a->error_description, form);
	return err_set(err, later ? ERR_UNAVAILABLE : ERR_AUTH, SCOPE_ACCOUNT,
		       later ? RETRY_LATER : RETRY_NEVER, "%s %s %s: %s (status %d)", provider,
		       later ? "cannot answer" : "refuses", what,
		       words.len > 0 && buf_cstr(&words) ? words.ptr : "no reason given",
		       a->status);
}

int oauth_grant_take(struct oauth_grant *g, const struct oauth_answer *a, struct err *err)
{
	if (a->access_token.len == 0)
		return err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_LATER,
			       "%s gives no access token (status %d)",
			       buf_cstr(&g->provider) ? g->provider.ptr : "the provider",
			       a->status);
	set_text(&g->access_token, buf_slice(&a->access_token));
	if (a->refresh_token.len > 0)
		set_text(&g->refresh_token, buf_slice(&a->refresh_token));
	g->expires = a->expires_in > 0 ? time_now() + (int64_t)a->expires_in : 0;
	return oauth_grant_ok(g, err);
}

/* ---- refreshing ---- */

static void refresh_form(const struct oauth_grant *g, struct buf *form)
{
	buf_room(form, HTTP_BODY_MAX / 2);
	form_add(form, "grant_type", SLICE_LIT("refresh_token"));
	form_add(form, "refresh_token", buf_slice(&g->refresh_token));
	form_add(form, "client_id", buf_slice(&g->client_id));
	if (g->client_secret.len > 0)
		form_add(form, "client_secret", buf_slice(&g->client_secret));
	if (g->scope.len > 0)
		form_add(form, "scope", buf_slice(&g->scope));
}

static int log_in_again(struct err *err, const char *provider, const char *why)
{
	return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
		       "the OAuth login with %s %s: log in again by `mailhoist login`", provider,
		       why);
}

int oauth_grant_refresh(struct oauth_grant *g, struct err *err)
{
	CLEANUP(buf_wipe) struct buf form = BUF_INIT(HTTP_BODY_MAX - 1);
	CLEANUP(oauth_answer_release) struct oauth_answer answer;
	const char *provider = buf_cstr(&g->provider), *url = buf_cstr(&g->token_url);
	const char *ca_file = buf_cstr(&g->ca_file);

	oauth_answer_init(&answer);
	if (!provider || !url)
		return err_nomem(err);
	if (g->refresh_token.len == 0)
		return log_in_again(err, provider, "has ended, and cannot be renewed");
	refresh_form(g, &form);
	if (buf_ok(&form, "the request", err) < 0 ||
	    oauth_ask(url, buf_slice(&form), ca_file, &answer, err) < 0)
		return -1;
	if (oauth_is_error(&answer, "invalid_grant"))
		return log_in_again(err, provider, "has expired or was revoked");
	if (answer.status != 200)
		return oauth_failed(&answer, buf_slice(&form), provider, "a new token", err);
	return oauth_grant_take(g, &answer, err);
}

/*
 * SASL mechanisms as state machines: see sasl.h.
 *
 * What each mechanism says stands in say_...() here, in sasl_token.c (OAuth) and
 * in sasl_scram.c.
 *
 * Passwords are used octet for octet as UTF-8. SASLprep (RFC 4013) would map a
 * few exotic characters; we refuse control characters and leave the rest alone,
 * as servers and other clients do.
 */
#include "imap/sasl.h"

#include <openssl/crypto.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "imap/sasl_scram.h"
#include "imap/sasl_token.h"

enum state {
	STATE_BEGIN,	/* nothing has been said */
	STATE_USER,	/* LOGIN: the server asks for the name */
	STATE_PASSWORD, /* LOGIN: it asks for the password */
	STATE_TOKEN,	/* the token has been said: if it is refused, a challenge tells why */
	STATE_REFUSED,	/* and has told; NO is due */
	STATE_FIRST,	/* SCRAM: server-first-message is due */
	STATE_FINAL,	/* SCRAM: server-final-message is due */
	STATE_DONE,
	STATE_FAILED,
};

struct sasl {
	enum sasl_mech mech;
	enum state state;
	bool password_used;
	const char *refusal; /* of a token */
	char *user, *authzid, *host, *port;
	struct buf secret;
	struct scram scram; /* used by its mechanisms alone */
};

/* ---- names ---- */

static const char *const mech_names[SASL_COUNT] = {
	[SASL_NONE] = "",
	[SASL_EXTERNAL] = "EXTERNAL",
	[SASL_LOGIN] = "LOGIN",
	[SASL_PLAIN] = "PLAIN",
	[SASL_OAUTHBEARER] = "OAUTHBEARER",
	[SASL_XOAUTH2] = "XOAUTH2",
	[SASL_SCRAM_SHA_1] = "SCRAM-SHA-1",
	[SASL_SCRAM_SHA_1_PLUS] = "SCRAM-SHA-1-PLUS",
	[SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
	[SASL_SCRAM_SHA_256_PLUS] = "SCRAM-SHA-256-PLUS",
};

enum sasl_mech sasl_mech_from_name(struct slice name)
{
	for (int i = SASL_NONE + 1; i < SASL_COUNT; i++)
		if (slice_ieq(name, slice_str(mech_names[i])))
			return (enum sasl_mech)i;
	return SASL_NONE;
}

const char *sasl_mech_name(enum sasl_mech mech)
{
	return mech_names[mech];
}

static bool is_plus(enum sasl_mech mech)
{
	return mech == SASL_SCRAM_SHA_1_PLUS || mech == SASL_SCRAM_SHA_256_PLUS;
}

static bool is_scram(enum sasl_mech mech)
{
	return mech >= SASL_SCRAM_SHA_1;
}

static bool takes_token(enum sasl_mech mech)
{
	return SASL_BIT(mech) & SASL_TOKEN_BITS;
}

static bool sends_secret(enum sasl_mech mech)
{
	return mech == SASL_PLAIN || mech == SASL_LOGIN || takes_token(mech);
}

/* ---- choosing ---- */

/* NULL, or why the mechanism cannot be used here. */
static const char *obstacle(const struct sasl_situation *s, enum sasl_mech mech)
{
	if (takes_token(mech) && !s->has_token)
		return "it needs an OAuth token, not a password";
	if (s->has_token && !takes_token(mech))
		return "it needs a password, not an OAuth token";
	if (!(s->offered & SASL_BIT(mech)))
		return "the server does not offer it";
	if (sends_secret(mech) && !s->private_line)
		return takes_token(mech) ? "it would send the token in clear text without TLS"
					 : "it would send the password in clear text without TLS";
	if (is_plus(mech) && !s->can_bind)
		return "it needs TLS 1.3";
	if ((mech == SASL_LOGIN || takes_token(mech)) && s->has_authzid)
		return "it cannot act for another user";
	return NULL;
}

static int choose_wanted(const struct sasl_situation *s, enum sasl_mech *out, struct err *err)
{
	enum sasl_mech mech = sasl_mech_from_name(slice_str(s->wanted));
	const char *why;

	if (mech == SASL_NONE)
		return err_set(err, ERR_USAGE, SCOPE_ACCOUNT, RETRY_NEVER,
			       "login mechanism '%s' is not known", s->wanted);
	why = obstacle(s, mech);
	if (why != NULL)
		return err_set(err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_NEVER,
			       "login mechanism %s cannot be used: %s", sasl_mech_name(mech), why);
	*out = mech;
	return 0;
}

/* A token is never tried as a password. */
static int no_token_mech(const struct sasl_situation *s, struct err *err)
{
	enum sasl_mech mech = s->offered & SASL_BIT(SASL_XOAUTH2) ? SASL_XOAUTH2 : SASL_OAUTHBEARER;

	if (!(s->offered & SASL_TOKEN_BITS))
		return err_set(err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_NEVER,
			       "the server takes no OAuth tokens (neither XOAUTH2 nor "
			       "OAUTHBEARER)");
	return err_set(err, ERR_UNAVAILABLE, SCOPE_ACCOUNT, RETRY_NEVER,
		       "login mechanism %s cannot be used: %s", sasl_mech_name(mech),
		       obstacle(s, mech));
}

int sasl_choose(const struct sasl_situation *situation, enum sasl_mech *out, struct err *err)
{
	static const enum sasl_mech best_first[] = {
		SASL_SCRAM_SHA_256_PLUS,
		SASL_SCRAM_SHA_256,
		SASL_SCRAM_SHA_1_PLUS,
		SASL_SCRAM_SHA_1,
		SASL_PLAIN,
		SASL_LOGIN,
		SASL_XOAUTH2,
		SASL_OAUTHBEARER,
	};

	if (situation->wanted != NULL)
		return choose_wanted(situation, out, err);
	for (size_t i = 0; i < sizeof(best_first) / sizeof(best_first[0]); i++) {
		if (obstacle(situation, best_first[i]) != NULL)
			continue;
		*out = best_first[i];
		return 0;
	}
	if (situation->has_token)
		return no_token_mech(situation, err);
	*out = SASL_NONE;
	return 0;
}

/* ---- beginning and end ---- */

static int check_text(const char *what, struct slice s, size_t max, struct err *err)
{
	const char *why = NULL;

	if (s.len == 0)
		why = "empty";
	else if (s.len > max)
		why = "too long";
	else if (sasl_has_control(s))
		why = "not usable: it has control characters";
	if (why == NULL)
		return 0;
	return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER, "the %s is %s", what, why);
}

static int check_options(const struct sasl_options *o, struct err *err)
{
	assert(o->mech > SASL_NONE && o->mech < SASL_COUNT);
	assert(o->binding.len <= SCRAM_BINDING_MAX);
	assert(o->binding.len > 0 || !is_plus(o->mech));
	if (o->authzid != NULL &&
	    check_text("authorization name", slice_str(o->authzid), SASL_NAME_MAX, err) < 0)
		return -1;
	if (o->mech == SASL_EXTERNAL)
		return 0;
	if (check_text("user name", slice_str(o->user), SASL_NAME_MAX, err) < 0)
		return -1;
	if (!takes_token(o->mech))
		return check_text("password", o->secret, SASL_SECRET_MAX, err);
	if (o->secret.len > 0 && !sasl_token_ok(o->secret))
		return err_set(
			err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
			"the OAuth token is not usable: it has characters that no token has");
	return check_text("OAuth token", o->secret, SASL_TOKEN_MAX, err);
}

static bool copy_text(char **out, const char *text)
{
	if (text == NULL)
		return true;
	*out = strdup(text);
	return *out != NULL;
}

static int fill(struct sasl *s, const struct sasl_options *o, struct err *err)
{
	s->mech = o->mech;
	if (o->mech != SASL_EXTERNAL)
		buf_add_slice(&s->secret, o->secret);
	if (!copy_text(&s->user, o->user) || !copy_text(&s->authzid, o->authzid) ||
	    !copy_text(&s->host, o->host) || !copy_text(&s->port, o->port))
		return err_nomem(err);
	if (buf_ok(&s->secret, "password", err) < 0)
		return -1;
	return is_scram(o->mech) ? scram_init(&s->scram, o, s->user, s->authzid, err) : 0;
}

int sasl_new(const struct sasl_options *options, struct sasl **out, struct err *err)
{
	struct sasl *s;

	if (check_options(options, err) < 0)
		return -1;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return err_nomem(err);
	buf_init(&s->secret, SASL_TOKEN_MAX);
	if (fill(s, options, err) < 0) {
		sasl_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

void sasl_free(struct sasl *s)
{
	if (s == NULL)
		return;
	sasl_wipe(&s->secret);
	scram_release(&s->scram);
	free(s->user);
	free(s->authzid);
	free(s->host);
	free(s->port);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

bool sasl_password_used(const struct sasl *s)
{
	return s->password_used;
}

const char *sasl_refusal(const struct sasl *s)
{
	return s->refusal;
}

/* ---- PLAIN, LOGIN, EXTERNAL ---- */

/* Room first: a buffer that grows later would leave the password behind in freed memory. */
static void say_password(struct sasl *s, struct buf *response)
{
	s->password_used = true;
	if (buf_room(response, s->secret.len) != NULL)
		buf_add_slice(response, buf_slice(&s->secret));
}

static void say_plain(struct sasl *s, struct buf *response)
{
	struct slice authzid = slice_str(s->authzid), user = slice_str(s->user);

	if (buf_room(response, authzid.len + user.len + s->secret.len + 2) == NULL)
		return;
	buf_add_slice(response, authzid);
	buf_addc(response, '\0');
	buf_add_slice(response, user);
	buf_addc(response, '\0');
	say_password(s, response);
}

/* ---- XOAUTH2, OAUTHBEARER ---- */

static void say_token(struct sasl *s, struct buf *response)
{
	s->password_used = true;
	if (s->mech == SASL_XOAUTH2)
		sasl_token_xoauth2(response, s->user, buf_slice(&s->secret));
	else
		sasl_token_oauthbearer(response, s->user, s->host, s->port, buf_slice(&s->secret));
}

/* The server waits for a word before it says no: an empty one, or ^A (RFC 7628 3.2.3). */
static int hear_refusal(struct sasl *s, struct slice challenge, struct buf *response)
{
	s->refusal = sasl_token_refusal(challenge);
	if (s->mech == SASL_OAUTHBEARER)
		buf_addc(response, '\001');
	s->state = STATE_REFUSED;
	return 0;
}

/* ---- the machine ---- */

int sasl_initial(struct sasl *s, struct buf *response, struct err *err)
{
	assert(s->state == STATE_BEGIN);
	switch (s->mech) {
	case SASL_LOGIN:
		s->state = STATE_USER;
		return 0;
	case SASL_PLAIN:
		say_plain(s, response);
		s->state = STATE_DONE;
		break;
	case SASL_XOAUTH2:
	case SASL_OAUTHBEARER:
		say_token(s, response);
		s->state = STATE_TOKEN;
		break;
	case SASL_EXTERNAL:
		buf_adds(response, s->authzid ? s->authzid : "");
		s->state = STATE_DONE;
		break;
	default:
		scram_first(&s->scram, response);
		s->state = STATE_FIRST;
	}
	return buf_ok(response, "login", err) < 0 ? -1 : 1;
}

static int step(struct sasl *s, struct slice challenge, struct buf *response, struct err *err)
{
	switch (s->state) {
	case STATE_USER: /* whatever it asks in: "Username:", "User Name", nothing */
		buf_adds(response, s->user);
		s->state = STATE_PASSWORD;
		return 0;
	case STATE_PASSWORD:
		say_password(s, response);
		s->state = STATE_DONE;
		return 0;
	case STATE_TOKEN:
		return hear_refusal(s, challenge, response);
	case STATE_FIRST:
		s->state = STATE_FINAL;
		if (scram_answer(&s->scram, buf_slice(&s->secret), challenge, response, err) < 0)
			return -1;
		s->password_used = true;
		return 0;
	case STATE_FINAL:
		s->state = STATE_DONE;
		return scram_check(&s->scram, challenge, err);
	default:
		return sasl_no_sense(err, "it goes on asking");
	}
}

int sasl_step(struct sasl *s, struct slice challenge, struct buf *response, struct err *err)
{
	int rc;

	assert(s->state != STATE_BEGIN && s->state != STATE_FAILED);
	if (challenge.len > SASL_CHALLENGE_MAX)
		rc = sasl_no_sense(err, "it is too long");
	else
		rc = step(s, challenge, response, err);
	if (rc == 0)
		rc = buf_ok(response, "login", err);
	if (rc < 0)
		s->state = STATE_FAILED;
	return rc;
}

int sasl_finish(const struct sasl *s, struct err *err)
{
	if (s->state == STATE_DONE || s->state == STATE_TOKEN)
		return 0;
	if (s->state == STATE_REFUSED)
		return sasl_no_sense(err, "it refuses the token, and lets us in");
	if (is_scram(s->mech))
		return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
			       "the server did not prove that it knows the password: it may be an "
			       "impostor");
	return err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_NEVER,
		       "the server ended the login before it had asked for the password");
}

void sasl_wipe(struct buf *b)
{
	buf_wipe(b);
}

/*
 * SASL mechanisms as state machines: see sasl.h.
 *
 * SCRAM (RFC 5802) in short: both sides add nonces; the client proves that it
 * knows a key derived from the password, the server proves that it has the
 * matching one, and neither sends the password. Every message is taken apart
 * here by slices; a server may say anything.
 *
 * Passwords are used octet for octet as UTF-8. SASLprep (RFC 4013) would map a
 * few exotic characters; we refuse control characters and leave the rest alone,
 * as servers and other clients do.
 */
#include "imap/sasl.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "imap/sasl_token.h"

#define HASH_MAX    32 /* SHA-256 */
#define BINDING_MAX 64
#define NONCE_LEN   18 /* random octets: 24 in base64, none of them padding */
#define SALT_MAX    1024

#define GS2_HEADER_MAX	 (32 + 3 * SASL_NAME_MAX) /* "p=tls-exporter,a=...," with "=2C" for "," */
#define AUTH_MESSAGE_MAX (3 * SASL_CHALLENGE_MAX + 8 * SASL_NAME_MAX)

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
	bool offers_plus;    /* the server lists this mechanism with -PLUS */
	const char *refusal; /* of a token */
	char *user, *authzid, *host, *port;
	struct buf secret;
	struct buf nonce;
	uint8_t binding[BINDING_MAX];
	size_t binding_len;

	/* SCRAM */
	struct buf gs2_header;	 /* what of client-first is not bare */
	struct buf auth_message; /* client-first-bare "," server-first "," client-final-bare */
	uint8_t server_signature[HASH_MAX];
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

static bool is_sha1(enum sasl_mech mech)
{
	return mech == SASL_SCRAM_SHA_1 || mech == SASL_SCRAM_SHA_1_PLUS;
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

static bool has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((uint8_t)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return true;
	return false;
}

static int check_text(const char *what, struct slice s, size_t max, struct err *err)
{
	const char *why = NULL;

	if (s.len == 0)
		why = "empty";
	else if (s.len > max)
		why = "too long";
	else if (has_control(s))
		why = "not usable: it has control characters";
	if (why == NULL)
		return 0;
	return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER, "the %s is %s", what, why);
}

static int check_options(const struct sasl_options *o, struct err *err)
{
	assert(o->mech > SASL_NONE && o->mech < SASL_COUNT);
	assert(o->binding.len <= BINDING_MAX);
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

/* Random, or the test's. In base64, which has no ','. */
static int make_nonce(struct sasl *s, const char *given, struct err *err)
{
	uint8_t random[NONCE_LEN];

	if (given != NULL) {
		buf_adds(&s->nonce, given);
		return 0;
	}
	if (RAND_bytes(random, sizeof(random)) != 1)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "no random numbers for the login");
	sasl_base64_encode(&s->nonce, slice_of(random, sizeof(random)));
	return 0;
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
	enum sasl_mech plus = is_sha1(o->mech) ? SASL_SCRAM_SHA_1_PLUS : SASL_SCRAM_SHA_256_PLUS;

	s->mech = o->mech;
	s->offers_plus = o->offered & SASL_BIT(plus);
	if (o->binding.len > 0)
		memcpy(s->binding, o->binding.ptr, o->binding.len);
	s->binding_len = o->binding.len;
	if (o->mech != SASL_EXTERNAL)
		buf_add_slice(&s->secret, o->secret);
	if (!copy_text(&s->user, o->user) || !copy_text(&s->authzid, o->authzid) ||
	    !copy_text(&s->host, o->host) || !copy_text(&s->port, o->port))
		return err_nomem(err);
	if (make_nonce(s, o->nonce, err) < 0)
		return -1;
	if (buf_ok(&s->secret, "password", err) < 0)
		return -1;
	return buf_ok(&s->nonce, "nonce", err);
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
	buf_init(&s->nonce, SASL_NAME_MAX);
	buf_init(&s->gs2_header, GS2_HEADER_MAX);
	buf_init(&s->auth_message, AUTH_MESSAGE_MAX);
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
	sasl_wipe(&s->auth_message);
	buf_release(&s->nonce);
	buf_release(&s->gs2_header);
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

/* ---- failing ---- */

static int no_sense(struct err *err, const char *what)
{
	return err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_NEVER,
		       "the server's part of the login makes no sense: %s", what);
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

/* ---- SCRAM: what the client says ---- */

static bool is_scram(const struct sasl *s)
{
	return s->mech >= SASL_SCRAM_SHA_1;
}

static const EVP_MD *hash_of(const struct sasl *s)
{
	return is_sha1(s->mech) ? EVP_sha1() : EVP_sha256();
}

static size_t hash_len(const struct sasl *s)
{
	return is_sha1(s->mech) ? 20 : 32;
}

/* "y" tells the server that we could bind and saw no -PLUS: if it offered one, somebody between
 * us hid it, and the server will refuse (RFC 5802 6). */
static const char *binding_flag(const struct sasl *s)
{
	if (is_plus(s->mech))
		return "p=tls-exporter";
	return s->binding_len > 0 && !s->offers_plus ? "y" : "n";
}

static void make_gs2_header(struct sasl *s)
{
	buf_adds(&s->gs2_header, binding_flag(s));
	buf_addc(&s->gs2_header, ',');
	if (s->authzid != NULL) {
		buf_adds(&s->gs2_header, "a=");
		sasl_add_name(&s->gs2_header, s->authzid);
	}
	buf_addc(&s->gs2_header, ',');
}

static void say_client_first(struct sasl *s, struct buf *response)
{
	make_gs2_header(s);
	buf_adds(&s->auth_message, "n=");
	sasl_add_name(&s->auth_message, s->user);
	buf_adds(&s->auth_message, ",r=");
	buf_add_slice(&s->auth_message, buf_slice(&s->nonce));
	buf_add_slice(response, buf_slice(&s->gs2_header));
	buf_add_slice(response, buf_slice(&s->auth_message));
}

/* client-final-message-without-proof */
static void add_final_without_proof(struct buf *b, const struct sasl *s, struct slice nonce)
{
	CLEANUP(buf_release) struct buf bound = BUF_INIT(GS2_HEADER_MAX + BINDING_MAX);

	buf_add_slice(&bound, buf_slice(&s->gs2_header));
	if (is_plus(s->mech))
		buf_add(&bound, s->binding, s->binding_len);
	buf_adds(b, "c=");
	sasl_base64_encode(b, buf_slice(&bound));
	buf_adds(b, ",r=");
	buf_add_slice(b, nonce);
}

/* ---- SCRAM: what the server says ---- */

/* Cut off "X=value" and give the value; false if the next attribute is another one. */
static bool take_attribute(struct slice *rest, char name, struct slice *value)
{
	struct slice attribute = slice_cut(rest, ',');

	if (attribute.len < 2 || attribute.ptr[0] != name || attribute.ptr[1] != '=')
		return false;
	*value = slice_from(attribute, 2);
	return true;
}

static bool take_rounds(struct slice *rest, uint64_t *rounds)
{
	struct slice value;

	return take_attribute(rest, 'i', &value) && slice_u64(value, rounds);
}

static bool take_salt(struct slice *rest, struct buf *salt)
{
	struct slice value;

	return take_attribute(rest, 's', &value) && sasl_base64_decode(salt, value) &&
	       !salt->failed && salt->len > 0;
}

struct server_first {
	struct slice nonce;
	struct buf salt;
	int rounds;
};

static void server_first_release(struct server_first *first)
{
	buf_release(&first->salt);
}

/* "r=NONCE,s=SALT,i=ROUNDS" and perhaps extensions; but "m=" comes first and is one that we would
 * have to know. */
static int read_server_first(const struct sasl *s, struct slice text, struct server_first *out,
			     struct err *err)
{
	uint64_t rounds = 0;

	if (has_control(text))
		return no_sense(err, "control characters");
	if (slice_starts(text, SLICE_LIT("m=")))
		return no_sense(err, "it demands an extension");
	if (!take_attribute(&text, 'r', &out->nonce) ||
	    !slice_starts(out->nonce, buf_slice(&s->nonce)) || out->nonce.len <= s->nonce.len)
		return no_sense(err, "its nonce does not continue ours");
	if (!take_salt(&text, &out->salt))
		return no_sense(err, "no salt");
	if (!take_rounds(&text, &rounds))
		return no_sense(err, "no number of rounds");
	if (rounds < SCRAM_ROUNDS_MIN || rounds > SCRAM_ROUNDS_MAX)
		return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
			       "the server demands %llu rounds of hashing the password; accepted "
			       "are %d to %d",
			       (unsigned long long)rounds, SCRAM_ROUNDS_MIN, SCRAM_ROUNDS_MAX);
	out->rounds = (int)rounds;
	return 0;
}

/* ---- SCRAM: the proof ---- */

struct keys {
	uint8_t salted[HASH_MAX], client[HASH_MAX], stored[HASH_MAX], server[HASH_MAX];
	uint8_t proof[HASH_MAX];
};

static void wipe_keys(struct keys *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

static bool hmac(const struct sasl *s, const uint8_t *key, struct slice text, uint8_t *out)
{
	unsigned len = 0;

	return HMAC(hash_of(s), key, (int)hash_len(s), (const uint8_t *)text.ptr, text.len, out,
		    &len) != NULL &&
	       len == hash_len(s);
}

static bool hash(const struct sasl *s, const uint8_t *bytes, uint8_t *out)
{
	return EVP_Digest(bytes, hash_len(s), out, NULL, hash_of(s), NULL) == 1;
}

/* RFC 5802 3, line by line. */
static bool prove(struct sasl *s, const struct server_first *first, struct keys *k)
{
	struct slice message = buf_slice(&s->auth_message);

	if (PKCS5_PBKDF2_HMAC(s->secret.ptr, (int)s->secret.len, (const uint8_t *)first->salt.ptr,
			      (int)first->salt.len, first->rounds, hash_of(s), (int)hash_len(s),
			      k->salted) != 1)
		return false;
	if (!hmac(s, k->salted, SLICE_LIT("Client Key"), k->client) ||
	    !hash(s, k->client, k->stored) || !hmac(s, k->stored, message, k->proof))
		return false;
	for (size_t i = 0; i < hash_len(s); i++)
		k->proof[i] ^= k->client[i];
	return hmac(s, k->salted, SLICE_LIT("Server Key"), k->server) &&
	       hmac(s, k->server, message, s->server_signature);
}

/* AuthMessage = client-first-message-bare "," server-first-message "," client-final-...-proof */
static int complete_auth_message(struct sasl *s, struct slice server_first, struct slice final,
				 struct err *err)
{
	buf_addc(&s->auth_message, ',');
	buf_add_slice(&s->auth_message, server_first);
	buf_addc(&s->auth_message, ',');
	buf_add_slice(&s->auth_message, final);
	return buf_ok(&s->auth_message, "login", err);
}

static int answer_server_first(struct sasl *s, struct slice challenge, struct buf *response,
			       struct err *err)
{
	CLEANUP(server_first_release)
	struct server_first first = { { NULL, 0 }, BUF_INIT(SALT_MAX), 0 };
	CLEANUP(buf_release) struct buf final = BUF_INIT(AUTH_MESSAGE_MAX);
	CLEANUP(wipe_keys) struct keys keys = { 0 };

	if (read_server_first(s, challenge, &first, err) < 0)
		return -1;
	add_final_without_proof(&final, s, first.nonce);
	if (buf_ok(&final, "login", err) < 0 ||
	    complete_auth_message(s, challenge, buf_slice(&final), err) < 0)
		return -1;
	if (!prove(s, &first, &keys))
		return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER,
			       "cannot compute the proof of the password");
	s->password_used = true;
	buf_add_slice(response, buf_slice(&final));
	buf_adds(response, ",p=");
	sasl_base64_encode(response, slice_of(keys.proof, hash_len(s)));
	return 0;
}

/* "e=other-error": the server's reason */
static int refused(struct slice reason, struct err *err)
{
	CLEANUP(buf_release) struct buf safe = BUF_INIT(SASL_CHALLENGE_MAX * 4);

	text_add_safe(&safe, reason, 100);
	return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER, "login refused: server says '%s'",
		       buf_cstr(&safe) ? safe.ptr : "?");
}

/* "v=SIGNATURE" or "e=ERROR" */
static int check_server_final(const struct sasl *s, struct slice challenge, struct err *err)
{
	CLEANUP(buf_release) struct buf signature = BUF_INIT(SALT_MAX);
	struct slice value, rest = challenge;

	if (take_attribute(&rest, 'e', &value))
		return refused(value, err);
	rest = challenge;
	if (!take_attribute(&rest, 'v', &value) || !sasl_base64_decode(&signature, value))
		return no_sense(err, "no signature");
	if (signature.len != hash_len(s) ||
	    CRYPTO_memcmp(signature.ptr, s->server_signature, hash_len(s)) != 0)
		return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
			       "the server does not know the password: it may be an impostor");
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
		say_client_first(s, response);
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
		return answer_server_first(s, challenge, response, err);
	case STATE_FINAL:
		s->state = STATE_DONE;
		return check_server_final(s, challenge, err);
	default:
		return no_sense(err, "it goes on asking");
	}
}

int sasl_step(struct sasl *s, struct slice challenge, struct buf *response, struct err *err)
{
	int rc;

	assert(s->state != STATE_BEGIN && s->state != STATE_FAILED);
	if (challenge.len > SASL_CHALLENGE_MAX)
		rc = no_sense(err, "it is too long");
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
		return no_sense(err, "it refuses the token, and lets us in");
	if (is_scram(s))
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

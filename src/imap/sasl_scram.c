/*
 * SCRAM: see sasl_scram.h. Every message is taken apart by slices; a server may
 * say anything.
 */
#include "imap/sasl_scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <string.h>

#include "base/text.h"
#include "imap/sasl_token.h"

#define NONCE_LEN 18 /* random octets: 24 in base64, none of them padding */
#define SALT_MAX  1024

#define GS2_HEADER_MAX	 (32 + 3 * SASL_NAME_MAX) /* "p=tls-exporter,a=...," with "=2C" for "," */
#define AUTH_MESSAGE_MAX (3 * SASL_CHALLENGE_MAX + 8 * SASL_NAME_MAX)

int sasl_no_sense(struct err *err, const char *what)
{
	return err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_NEVER,
		       "the server's part of the login makes no sense: %s", what);
}

bool sasl_has_control(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((uint8_t)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return true;
	return false;
}

/* ---- beginning and end ---- */

/* Random, or the test's. In base64, which has no ','. */
static int make_nonce(struct scram *s, const char *given, struct err *err)
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

int scram_init(struct scram *s, const struct sasl_options *o, const char *user, const char *authzid,
	       struct err *err)
{
	bool sha1 = o->mech == SASL_SCRAM_SHA_1 || o->mech == SASL_SCRAM_SHA_1_PLUS;
	enum sasl_mech plus = sha1 ? SASL_SCRAM_SHA_1_PLUS : SASL_SCRAM_SHA_256_PLUS;

	*s = (struct scram){ .sha1 = sha1,
			     .plus = o->mech == plus,
			     .offers_plus = o->offered & SASL_BIT(plus),
			     .user = user,
			     .authzid = authzid,
			     .nonce = BUF_INIT(SASL_NAME_MAX),
			     .gs2_header = BUF_INIT(GS2_HEADER_MAX),
			     .auth_message = BUF_INIT(AUTH_MESSAGE_MAX) };
	if (o->binding.len > 0)
		memcpy(s->binding, o->binding.ptr, o->binding.len);
	s->binding_len = o->binding.len;
	if (make_nonce(s, o->nonce, err) < 0)
		return -1;
	return buf_ok(&s->nonce, "nonce", err);
}

void scram_release(struct scram *s)
{
	sasl_wipe(&s->auth_message);
	buf_release(&s->nonce);
	buf_release(&s->gs2_header);
	OPENSSL_cleanse(s, sizeof(*s));
}

/* ---- what the client says ---- */

static const EVP_MD *hash_of(const struct scram *s)
{
	return s->sha1 ? EVP_sha1() : EVP_sha256();
}

static size_t hash_len(const struct scram *s)
{
	return s->sha1 ? 20 : 32;
}

/* "y" tells the server that we could bind and saw no -PLUS: if it offered one, somebody between
 * us hid it, and the server will refuse (RFC 5802 6). */
static const char *binding_flag(const struct scram *s)
{
	if (s->plus)
		return "p=tls-exporter";
	return s->binding_len > 0 && !s->offers_plus ? "y" : "n";
}

static void make_gs2_header(struct scram *s)
{
	buf_adds(&s->gs2_header, binding_flag(s));
	buf_addc(&s->gs2_header, ',');
	if (s->authzid != NULL) {
		buf_adds(&s->gs2_header, "a=");
		sasl_add_name(&s->gs2_header, s->authzid);
	}
	buf_addc(&s->gs2_header, ',');
}

void scram_first(struct scram *s, struct buf *response)
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
static void add_final_without_proof(struct buf *b, const struct scram *s, struct slice nonce)
{
	CLEANUP(buf_release) struct buf bound = BUF_INIT(GS2_HEADER_MAX + SCRAM_BINDING_MAX);

	buf_add_slice(&bound, buf_slice(&s->gs2_header));
	if (s->plus)
		buf_add(&bound, s->binding, s->binding_len);
	buf_adds(b, "c=");
	sasl_base64_encode(b, buf_slice(&bound));
	buf_adds(b, ",r=");
	buf_add_slice(b, nonce);
}

/* ---- what the server says ---- */

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
static int read_server_first(const struct scram *s, struct slice text, struct server_first *out,
			     struct err *err)
{
	uint64_t rounds = 0;

	if (sasl_has_control(text))
		return sasl_no_sense(err, "control characters");
	if (slice_starts(text, SLICE_LIT("m=")))
		return sasl_no_sense(err, "it demands an extension");
	if (!take_attribute(&text, 'r', &out->nonce) ||
	    !slice_starts(out->nonce, buf_slice(&s->nonce)) || out->nonce.len <= s->nonce.len)
		return sasl_no_sense(err, "its nonce does not continue ours");
	if (!take_salt(&text, &out->salt))
		return sasl_no_sense(err, "no salt");
	if (!take_rounds(&text, &rounds))
		return sasl_no_sense(err, "no number of rounds");
	if (rounds < SCRAM_ROUNDS_MIN || rounds > SCRAM_ROUNDS_MAX)
		return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
			       "the server demands %llu rounds of hashing the password; accepted "
			       "are %d to %d",
			       (unsigned long long)rounds, SCRAM_ROUNDS_MIN, SCRAM_ROUNDS_MAX);
	out->rounds = (int)rounds;
	return 0;
}

/* ---- the proof ---- */

struct keys {
	uint8_t salted[SCRAM_HASH_MAX], client[SCRAM_HASH_MAX], stored[SCRAM_HASH_MAX],
		server[SCRAM_HASH_MAX];
	uint8_t proof[SCRAM_HASH_MAX];
};

static void wipe_keys(struct keys *k)
{
	OPENSSL_cleanse(k, sizeof(*k));
}

static bool hmac(const struct scram *s, const uint8_t *key, struct slice text, uint8_t *out)
{
	unsigned len = 0;

	return HMAC(hash_of(s), key, (int)hash_len(s), (const uint8_t *)text.ptr, text.len, out,
		    &len) != NULL &&
	       len == hash_len(s);
}

static bool hash(const struct scram *s, const uint8_t *bytes, uint8_t *out)
{
	return EVP_Digest(bytes, hash_len(s), out, NULL, hash_of(s), NULL) == 1;
}

/* RFC 5802 3, line by line. */
static bool prove(struct scram *s, struct slice secret, const struct server_first *first,
		  struct keys *k)
{
	struct slice message = buf_slice(&s->auth_message);

	if (PKCS5_PBKDF2_HMAC(secret.ptr, (int)secret.len, (const uint8_t *)first->salt.ptr,
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
static int complete_auth_message(struct scram *s, struct slice server_first, struct slice final,
				 struct err *err)
{
	buf_addc(&s->auth_message, ',');
	buf_add_slice(&s->auth_message, server_first);
	buf_addc(&s->auth_message, ',');
	buf_add_slice(&s->auth_message, final);
	return buf_ok(&s->auth_message, "login", err);
}

int scram_answer(struct scram *s, struct slice secret, struct slice challenge, struct buf *response,
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
	if (!prove(s, secret, &first, &keys))
		return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER,
			       "cannot compute the proof of the password");
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
int scram_check(const struct scram *s, struct slice challenge, struct err *err)
{
	CLEANUP(buf_release) struct buf signature = BUF_INIT(SALT_MAX);
	struct slice value, rest = challenge;

	if (take_attribute(&rest, 'e', &value))
		return refused(value, err);
	rest = challenge;
	if (!take_attribute(&rest, 'v', &value) || !sasl_base64_decode(&signature, value))
		return sasl_no_sense(err, "no signature");
	if (signature.len != hash_len(s) ||
	    CRYPTO_memcmp(signature.ptr, s->server_signature, hash_len(s)) != 0)
		return err_set(err, ERR_AUTH, SCOPE_ACCOUNT, RETRY_NEVER,
			       "the server does not know the password: it may be an impostor");
	return 0;
}

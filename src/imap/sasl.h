/*
 * The client side of SASL (RFC 4422) as a state machine without any I/O:
 * PLAIN (RFC 4616), LOGIN, EXTERNAL, SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802,
 * 7677), the latter also with channel binding to TLS (-PLUS, tls-exporter, RFC
 * 9266); and, with an OAuth 2 access token instead of a password, XOAUTH2 and
 * OAUTHBEARER (RFC 7628). The session carries the messages, in base64, over
 * AUTHENTICATE:
 *
 *     sasl_choose()                   the mechanism, or "use the LOGIN command"
 *     sasl_new()
 *     sasl_initial()                  1: for SASL-IR, or the answer to the first, empty "+"
 *     sasl_step() for each further "+", and send what it gives (maybe nothing) in base64;
 *                                     -1: send "*", the login has failed
 *     sasl_finish() after the tagged OK: only now the server is who it should be
 *     sasl_free()
 *
 * Responses may hold the password or token: keep them in buffers that are wiped
 * (CLEANUP(sasl_wipe)), and write them to no log.
 */
#ifndef MAILHOIST_IMAP_SASL_H
#define MAILHOIST_IMAP_SASL_H

#include "base/buf.h"

enum sasl_mech {
	SASL_NONE,
	SASL_EXTERNAL,
	SASL_LOGIN,
	SASL_PLAIN,
	SASL_OAUTHBEARER,
	SASL_XOAUTH2,
	SASL_SCRAM_SHA_1,
	SASL_SCRAM_SHA_1_PLUS,
	SASL_SCRAM_SHA_256,
	SASL_SCRAM_SHA_256_PLUS,
	SASL_COUNT
};
#define SASL_BIT(mech) (1u << (mech))
/* Those that carry a token. A token goes by no other, a password by none of them. */
#define SASL_TOKEN_BITS	 (SASL_BIT(SASL_XOAUTH2) | SASL_BIT(SASL_OAUTHBEARER))
#define TOKEN_TIMEOUT_MS 30000 /* until AUTHENTICATE or AUTH with a token is answered */

#define SASL_NAME_MAX	   1024	 /* octets of a user name, of an authorization name */
#define SASL_SECRET_MAX	   4096	 /* octets of a password */
#define SASL_TOKEN_MAX	   8192	 /* octets of a token; Microsoft's have some 2 KiB */
#define SASL_CHALLENGE_MAX 8192	 /* octets of one decoded challenge; real ones have under 1 KiB */
#define SASL_RESPONSE_MAX  16384 /* octets of one response: a limit for the caller's buffers */
/* PBKDF2 rounds: fewer are an attempt at making the password cheap to guess (RFC 5802 5.1), more an
 * attempt at keeping us busy (this many take a few seconds). */
#define SCRAM_ROUNDS_MIN 4096
#define SCRAM_ROUNDS_MAX 5000000

/* "PLAIN" and so on, case-insensitive (what stands behind "AUTH="); SASL_NONE if we lack it. */
enum sasl_mech sasl_mech_from_name(struct slice name);
const char *sasl_mech_name(enum sasl_mech mech); /* "" for SASL_NONE */

struct sasl_situation {
	uint32_t offered;   /* SASL_BIT() of each mechanism that the server lists */
	const char *wanted; /* what the user asked for by name, or NULL */
	bool private_line;  /* TLS, or loopback, or allowed: the password may go as it is */
	bool can_bind;	    /* stream_channel_binding() gave something */
	bool has_authzid;
	bool has_token; /* what there is to say is an access token */
};
/* The strongest mechanism that fits: SCRAM-SHA-256-PLUS, SCRAM-SHA-256, SCRAM-SHA-1-PLUS,
 * SCRAM-SHA-1, PLAIN, LOGIN; EXTERNAL only when wanted. *out is SASL_NONE when none does; then the
 * LOGIN command is left (only on a private line, and it cannot act for another user). With a token
 * XOAUTH2 or OAUTHBEARER, and nothing else: XOAUTH2 first, since Dovecot 2.3.19 has been
 * seen to leave a good OAUTHBEARER without an answer. -1 when `wanted` is unknown (ERR_USAGE), or
 * not offered or not possible here (ERR_UNAVAILABLE), and when a token cannot be used at all
 * (ERR_UNAVAILABLE). */
int sasl_choose(const struct sasl_situation *situation, enum sasl_mech *out, struct err *err);

struct sasl;

struct sasl_options {
	enum sasl_mech mech; /* not SASL_NONE */
	uint32_t offered;    /* as in sasl_situation: SCRAM tells the server what we saw, so that
				nobody can hide its -PLUS from us */
	const char *user;    /* UTF-8; NULL allowed for EXTERNAL */
	const char *authzid; /* NULL, or whom to act for */
	const char *host, *port; /* for OAUTHBEARER: where we have connected to; or NULL */
	struct slice secret;	 /* password or token; copied, and wiped by sasl_free() */
	struct slice binding;	 /* tls-exporter bytes, or empty; copied */
	const char *nonce;	 /* NULL: random. For tests alone. */
};
/* -1: ERR_AUTH when name or password cannot be used at all (empty, too long, control characters),
 * ERR_INTERNAL when there is no randomness. */
int sasl_new(const struct sasl_options *options, struct sasl **out, struct err *err);
void sasl_free(struct sasl *s); /* wipes; NULL does nothing */

/* The message that the client begins with: 1 and it is appended to *response (not in base64, may be
 * empty), or 0 when the server begins (LOGIN). */
int sasl_initial(struct sasl *s, struct buf *response, struct err *err);

/* Answer a challenge (decoded): 0 and the answer, perhaps nothing, is appended to *response; or -1:
 * ERR_PROTOCOL (it makes no sense), ERR_AUTH (the server says no, or did not prove that it knows
 * the password). After -1 nothing but sasl_free() may follow. */
int sasl_step(struct sasl *s, struct slice challenge, struct buf *response, struct err *err);

/* After the server's OK: 0, or -1 (ERR_AUTH) when the exchange was not complete: with SCRAM an OK
 * without the server's signature is worth nothing. */
int sasl_finish(const struct sasl *s, struct err *err);

/* Has anything gone out that depends on the password? If not, a refusal says nothing about it, and
 * another mechanism may be tried (a server whose -PLUS knows other bindings only). */
bool sasl_password_used(const struct sasl *s);

/* Why the server did not take the token, in words of ours; NULL if it gave no reason. */
const char *sasl_refusal(const struct sasl *s);

/* ---- base64 (RFC 4648 4) ---- */

void sasl_base64_encode(struct buf *out, struct slice bytes);
/* False (and *out as it was) unless `text` is base64 with its padding and nothing else. */
bool sasl_base64_decode(struct buf *out, struct slice text);

/* Overwrite the memory of a buffer, then release it. For CLEANUP(sasl_wipe). */
void sasl_wipe(struct buf *b);

#endif

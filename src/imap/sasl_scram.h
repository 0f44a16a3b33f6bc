/*
 * SCRAM (RFC 5802, 7677), for sasl.c alone. In short: both sides add nonces; the
 * client proves that it knows a key derived from the password, the server proves
 * that it has the matching one, and neither sends the password.
 *
 *     client: n,,n=USER,r=NONCE           scram_first()
 *     server: r=NONCE...,s=SALT,i=ROUNDS
 *     client: c=...,r=NONCE...,p=PROOF    scram_answer()
 *     server: v=SIGNATURE                 scram_check()
 */
#ifndef MAILHOIST_IMAP_SASL_SCRAM_H
#define MAILHOIST_IMAP_SASL_SCRAM_H

#include "imap/sasl.h"

#define SCRAM_HASH_MAX	  32 /* SHA-256 */
#define SCRAM_BINDING_MAX 64

struct scram {
	bool sha1;
	bool plus;		    /* binds the channel */
	bool offers_plus;	    /* the server lists this mechanism with -PLUS */
	const char *user, *authzid; /* the caller's */
	struct buf nonce;
	uint8_t binding[SCRAM_BINDING_MAX];
	size_t binding_len;
	struct buf gs2_header;	 /* what of client-first is not bare */
	struct buf auth_message; /* client-first-bare "," server-first "," client-final-bare */
	uint8_t server_signature[SCRAM_HASH_MAX];
};

/* `user` and `authzid` stay the caller's, who keeps them until scram_release(). -1: ERR_INTERNAL
 * without randomness. */
int scram_init(struct scram *s, const struct sasl_options *o, const char *user, const char *authzid,
	       struct err *err);
void scram_release(struct scram *s); /* wipes */

/* Append client-first-message. */
void scram_first(struct scram *s, struct buf *response);
/* Append client-final-message, which answers the server's first. 0, or -1: it makes no sense. */
int scram_answer(struct scram *s, struct slice secret, struct slice challenge, struct buf *response,
		 struct err *err);
/* Does the server's final message prove that it knows the password, too? 0 or -1. */
int scram_check(const struct scram *s, struct slice challenge, struct err *err);

/* ERR_PROTOCOL: "the server's part of the login makes no sense: WHAT". Always returns -1. */
int sasl_no_sense(struct err *err, const char *what);

bool sasl_has_control(struct slice s);

#endif

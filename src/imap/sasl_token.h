/*
 * The words of the two mechanisms that carry an OAuth 2 access token: XOAUTH2
 * (Google's and Microsoft's) and OAUTHBEARER (RFC 7628). The client says one
 * message; a server that does not take the token answers it by a challenge, a
 * small JSON object, wants an empty word back, and only then says no.
 */
#ifndef MAILHOIST_IMAP_SASL_TOKEN_H
#define MAILHOIST_IMAP_SASL_TOKEN_H

#include "base/buf.h"

/* "user=" user ^A "auth=Bearer " token ^A ^A */
void sasl_token_xoauth2(struct buf *out, const char *user, struct slice token);

/* gs2-header ^A "host=" ... ^A "port=" ... ^A "auth=Bearer " token ^A ^A (RFC 7628 3.1). `host` and
 * `port` may be NULL. */
void sasl_token_oauthbearer(struct buf *out, const char *user, const char *host, const char *port,
			    struct slice token);

/* Why the server does not take it, in words of ours: what the server says may repeat the token. */
const char *sasl_token_refusal(struct slice json);

/* A token as RFC 6750 2.1 has it: nothing that could be taken for the message around it. */
bool sasl_token_ok(struct slice token);

/* A name with ',' and '=' spelt out (saslname, RFC 5801 4). */
void sasl_add_name(struct buf *b, const char *name);

#endif

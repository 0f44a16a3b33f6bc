/*
 * Forms (application/x-www-form-urlencoded), and the random words and digests that
 * go into them: PKCE (RFC 7636) and `state`.
 */
#ifndef MAILHOIST_OAUTH_FORM_H
#define MAILHOIST_OAUTH_FORM_H

#include "base/buf.h"

#define RANDOM_WORD_LEN 43 /* characters: 32 random octets in base64url */

/* "key=value", with "&" before it unless the buffer is empty or ends in '?' or '&'. */
void form_add(struct buf *form, const char *key, struct slice value);

/* The value of a key in "a=b&c=d", decoded: 1; 0: it is not there; -1: it cannot be decoded or does
 * not fit. */
int form_get(struct slice form, const char *key, struct buf *value);

/* base64url without padding (RFC 4648 5): (8 len + 5) / 6 characters and a NUL. */
void base64url(const uint8_t *bytes, size_t len, char *out);

int random_word(char out[RANDOM_WORD_LEN + 1], struct err *err);

/* The S256 code_challenge of a code_verifier. */
void pkce_challenge(const char *verifier, char out[RANDOM_WORD_LEN + 1]);

#endif

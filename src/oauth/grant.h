/*
 * What a login has brought: tokens, and what it takes to get new ones. And the one
 * question that is asked of a token endpoint (RFC 6749 5): a form goes, a small
 * JSON object comes back. All texts are wiped when they are released.
 */
#ifndef MAILHOIST_OAUTH_GRANT_H
#define MAILHOIST_OAUTH_GRANT_H

#include "base/buf.h"

#define OAUTH_TOKEN_MAX 8192 /* octets of a token */
#define OAUTH_WORD_MAX	4096 /* of anything else */
#define OAUTH_EARLY_S	300  /* a token that has so few seconds left is renewed */

struct oauth_grant {
	struct buf provider, token_url, client_id, scope, ca_file; /* ca_file: may be empty */
	struct buf client_secret, access_token, refresh_token;	   /* may be empty */
	int64_t expires; /* of the access token, UTC; 0: not known */
	bool keyring;	 /* the secrets are kept there */
};

void oauth_grant_init(struct oauth_grant *g);
void oauth_grant_release(struct oauth_grant *g);
/* Did an addition to any of its texts fail? 0, or -1. */
int oauth_grant_ok(const struct oauth_grant *g, struct err *err);

/* As JSON: without secrets, or only the secrets. Reading adds to what is there. */
void oauth_grant_write(const struct oauth_grant *g, bool open, bool secret, struct buf *json);
int oauth_grant_read(struct oauth_grant *g, struct slice json, struct err *err);

/* Does the access token last, at `now`, for a while? */
bool oauth_grant_is_fresh(const struct oauth_grant *g, int64_t now);

/* A new access token by the refresh token: 0 and the grant has it (and the new refresh token, if
 * there is one: the old one may be void now, so keep the grant at once). -1: ERR_AUTH when somebody
 * has to log in again, with these words. */
int oauth_grant_refresh(struct oauth_grant *g, struct err *err);

/* ---- answers ---- */

struct oauth_answer {
	int status;
	struct buf access_token, refresh_token, error, error_description;
	struct buf device_code, user_code, verification_uri;
	uint64_t expires_in, interval; /* 0: not told */
};
void oauth_answer_init(struct oauth_answer *a);
void oauth_answer_release(struct oauth_answer *a);

/* POST a form and read the answer: 0, also when it is an error (oauth_failed() tells); -1 when
 * there is none. */
int oauth_ask(const char *url, struct slice form, const char *ca_file, struct oauth_answer *out,
	      struct err *err);
/* The body of an answer; -1: ERR_PROTOCOL. */
int oauth_answer_read(struct oauth_answer *a, struct slice json, struct err *err);

/* Is it this error of RFC 6749 5.2 or RFC 8628 3.5? */
bool oauth_is_error(const struct oauth_answer *a, const char *error);
/* "PROVIDER refuses WHAT: its words": -1. Words that hold anything of `form` are left out: it has
 * secrets in it. */
int oauth_failed(const struct oauth_answer *a, struct slice form, const char *provider,
		 const char *what, struct err *err);

/* The tokens of a good answer into the grant; ERR_PROTOCOL if there are none. */
int oauth_grant_take(struct oauth_grant *g, const struct oauth_answer *a, struct err *err);

#endif

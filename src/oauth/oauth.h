/*
 * Access tokens for a run: those of `mailhoist login`, renewed five minutes before
 * they expire, and when a server refuses one. The functions have the shape of a
 * struct secret_source (imap/session.h): they are asked at each login.
 */
#ifndef MAILHOIST_OAUTH_OAUTH_H
#define MAILHOIST_OAUTH_OAUTH_H

#include "oauth/store.h"

struct oauth;

/* `place` lives as long. NULL when out of memory. */
struct oauth *oauth_new(const struct oauth_place *place);
void oauth_free(struct oauth *o); /* wipes; NULL does nothing */

/* An access token of at most `size` octets: its length, or -1 (ERR_AUTH: somebody has to log in
 * again). */
int oauth_get(void *oauth, char *token, size_t size, struct err *err);
/* The server has refused the one that was given last: the next one is another. */
void oauth_refused(void *oauth);

#endif

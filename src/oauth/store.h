/*
 * Where a grant is kept: `oauth.json` in the account's state directory, which only
 * its owner may read (0600, checked), replaced in one step; or, of the secrets, the
 * keyring of the desktop, by secret-tool(1). One process at a time renews: a
 * refresh token is often good for once only.
 */
#ifndef MAILHOIST_OAUTH_STORE_H
#define MAILHOIST_OAUTH_STORE_H

#include "oauth/grant.h"

struct oauth_place {
	const char *dir;     /* of the account; it is there */
	const char *account; /* "user@host": what the keyring knows it by */
};

/* Has somebody logged in? */
bool oauth_store_exists(const struct oauth_place *place);

/* Wait for the other processes (at most a minute): a descriptor that holds the lock until it is
 * closed, or -1 (ERR_BUSY, ERR_CANTCREAT). */
int oauth_store_lock(const struct oauth_place *place, struct err *err);

/* ERR_CONFIG when others may read the file, or when it is damaged. */
int oauth_store_load(const struct oauth_place *place, struct oauth_grant *out, struct err *err);

/* On disk, or in the keyring (g->keyring), when it returns. */
int oauth_store_save(const struct oauth_place *place, const struct oauth_grant *g, struct err *err);

/* ---- keyring.c: secret-tool(1) ---- */

#define KEYRING_MAX 8000 /* octets; secret-tool reads 8192 */

int keyring_save(const char *account, struct slice secret, struct err *err);
int keyring_load(const char *account, struct buf *secret, struct err *err);

#endif

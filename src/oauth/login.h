/*
 * Getting a grant from somebody who sits in front of a browser: by a code that he
 * types in (device flow, RFC 8628), on any machine; or by the browser of this
 * machine, which is sent back to a port of ours (RFC 8252, with PKCE, RFC 7636).
 */
#ifndef MAILHOIST_OAUTH_LOGIN_H
#define MAILHOIST_OAUTH_LOGIN_H

#include "oauth/grant.h"
#include "oauth/provider.h"

struct oauth_login {
	const struct oauth_provider *provider;	      /* prepared */
	const char *user;			      /* whom the provider should ask; a hint */
	bool open_browser;			      /* xdg-open(1), besides showing the address */
	void (*say)(void *context, const char *text); /* a line for the user */
	void *context;
};

/* The grant has provider, client and secret; on success it has tokens. ERR_AUTH when the user or
 * the provider says no, ERR_TIMEOUT when nobody says anything. */
int oauth_login_device(const struct oauth_login *login, struct oauth_grant *g, struct err *err);
int oauth_login_browser(const struct oauth_login *login, struct oauth_grant *g, struct err *err);

/* ---- for tests ---- */

enum visit { VISIT_OTHER, VISIT_CODE, VISIT_REFUSED };
/* The first line of what a browser asks of us. VISIT_CODE: *word is the code; VISIT_REFUSED: it is
 * the error. VISIT_OTHER: a favicon, another page's guess (the state is not ours), nonsense. */
enum visit oauth_read_visit(struct slice request, const char *state, struct buf *word);

#endif

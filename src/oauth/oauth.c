/*
 * The tokens of a run. See oauth.h. The file is read anew each time: another
 * process may have renewed what is in it.
 */
#include "oauth/oauth.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"

struct oauth {
	const struct oauth_place *place;
	struct buf given; /* the token that was given last */
	bool refused;
};

struct oauth *oauth_new(const struct oauth_place *place)
{
	struct oauth *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->place = place;
	buf_init(&o->given, OAUTH_TOKEN_MAX);
	return o;
}

void oauth_free(struct oauth *o)
{
	if (!o)
		return;
	buf_wipe(&o->given);
	free(o);
}

void oauth_refused(void *oauth)
{
	struct oauth *o = oauth;

	o->refused = true;
}

static bool must_renew(const struct oauth *o, const struct oauth_grant *g)
{
	if (!oauth_grant_is_fresh(g, time_now()))
		return true;
	return o->refused && slice_eq(buf_slice(&o->given), buf_slice(&g->access_token));
}

/* A token that lasts. The refresh token that comes with it is on disk before anything is done with
 * the access token: the old one may be void. */
static int load_or_renew(struct oauth *o, struct oauth_grant *g, struct err *err)
{
	CLEANUP(fd_cleanup) int lock = oauth_store_lock(o->place, err);

	if (lock < 0 || oauth_store_load(o->place, g, err) < 0)
		return -1;
	if (!must_renew(o, g))
		return 0;
	if (oauth_grant_refresh(g, err) < 0)
		return -1;
	return oauth_store_save(o->place, g, err);
}

int oauth_get(void *oauth, char *token, size_t size, struct err *err)
{
	CLEANUP(oauth_grant_release) struct oauth_grant g;
	struct oauth *o = oauth;
	struct slice text;

	oauth_grant_init(&g);
	if (load_or_renew(o, &g, err) < 0)
		return -1;
	o->refused = false;
	text = buf_slice(&g.access_token);
	if (text.len > size)
		return err_set(err, ERR_LIMIT, SCOPE_ACCOUNT, RETRY_NEVER,
			       "the access token is too long for a login");
	buf_reset(&o->given);
	if (buf_room(&o->given, OAUTH_TOKEN_MAX))
		buf_add_slice(&o->given, text);
	memcpy(token, text.ptr, text.len);
	return (int)text.len;
}

/*
 * `mailhoist login`: get tokens from an OAuth provider, by the browser or by a code
 * that is typed in anywhere, keep them, and see whether the mail server takes them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "cli/account.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "journal/journal.h"
#include "oauth/login.h"

#define PROVIDER_FILE_MAX (1u << 20)

struct login_command {
	const struct options *options;
	struct account account;
	struct buf file; /* of providers */
	struct oauth_provider provider;
	struct oauth_grant grant;
};

static void tear_down(struct login_command *c)
{
	oauth_grant_release(&c->grant);
	account_release(&c->account);
	buf_release(&c->file);
}

/* ---- which provider, which client ---- */

static int no_provider(const struct login_command *c, struct err *err)
{
	const char *name = c->options->oauth.provider;

	if (name)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "there is no OAuth provider '%s'", name);
	return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
		       "no OAuth provider is known for %s: name one by --oauth-provider, or "
		       "describe it by --oauth-provider-file",
		       c->account.url.host);
}

/* The user's file first, then what is built in. */
static int find_provider(struct login_command *c, struct err *err)
{
	const char *path = c->options->oauth.provider_file;
	const char *name = c->options->oauth.provider, *host = c->account.url.host;
	int found = 0;

	buf_init(&c->file, PROVIDER_FILE_MAX);
	if (path) {
		if (fd_slurp(AT_FDCWD, path, &c->file, err) < 0)
			return err_prefix(err, "--oauth-provider-file");
		found = oauth_provider_find(buf_slice(&c->file), name, host, &c->account.arena,
					    &c->provider, err);
	}
	if (found == 0)
		found = oauth_provider_find(oauth_providers_builtin(), name, host,
					    &c->account.arena, &c->provider, err);
	if (found <= 0)
		return found < 0 ? -1 : no_provider(c, err);
	if (c->options->oauth.client_id)
		c->provider.client_id = c->options->oauth.client_id;
	if (c->options->oauth.client_secret_file)
		c->provider.client_secret_file = c->options->oauth.client_secret_file;
	return oauth_provider_prepare(&c->provider, c->options->oauth.tenant, &c->account.arena,
				      err);
}

static int add_client_secret(struct login_command *c, struct err *err)
{
	char secret[SECRET_MAX];
	int len;

	if (!c->provider.client_secret_file)
		return 0;
	len = secret_from_file(c->provider.client_secret_file, "--oauth-client-secret-file", secret,
			       sizeof(secret), err);
	if (len > 0 && buf_room(&c->grant.client_secret, (size_t)len))
		buf_add(&c->grant.client_secret, secret, (size_t)len);
	explicit_bzero(secret, sizeof(secret));
	return len < 0 ? -1 : 0;
}

/* Whatever refreshing needs later is in the grant: the other commands take no options for it. */
static int begin_grant(struct login_command *c, struct err *err)
{
	struct oauth_grant *g = &c->grant;

	buf_adds(&g->provider, c->provider.name);
	buf_adds(&g->token_url, c->provider.token);
	buf_adds(&g->client_id, c->provider.client_id);
	buf_adds(&g->scope, c->provider.scope ? c->provider.scope : "");
	if (c->provider.ca_file) {
		char *path = realpath(c->provider.ca_file, NULL);

		buf_adds(&g->ca_file, path ? path : c->provider.ca_file);
		free(path);
	}
	g->keyring = c->options->oauth.keyring;
	if (add_client_secret(c, err) < 0)
		return -1;
	return oauth_grant_ok(g, err);
}

/* ---- the login ---- */

static void say(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "%s\n", text);
	fflush(stderr);
}

static int log_in(struct login_command *c, struct err *err)
{
	const struct oauth_login login = { .provider = &c->provider,
					   .user = c->account.url.user,
					   .open_browser = c->options->oauth.open_browser,
					   .say = say };
	const bool device =
		c->options->oauth.device || (c->provider.device && !c->options->oauth.browser);

	if (device && !c->provider.device)
		return err_set(err, ERR_UNAVAILABLE, SCOPE_RUN, RETRY_NEVER,
			       "the provider '%s' has no device flow (for mail): use --oauth-flow "
			       "browser",
			       c->provider.name);
	if (!device && !c->provider.authorize)
		return err_set(err, ERR_UNAVAILABLE, SCOPE_RUN, RETRY_NEVER,
			       "the provider '%s' has the device flow only", c->provider.name);
	return device ? oauth_login_device(&login, &c->grant, err)
		      : oauth_login_browser(&login, &c->grant, err);
}

static int keep(struct login_command *c, struct err *err)
{
	CLEANUP(buf_release) struct buf dir = BUF_INIT(8192);
	CLEANUP(fd_cleanup) int lock = -1;

	if (journal_account_dir(c->account.state_dir, c->account.name, true, &dir, err) < 0)
		return -1;
	lock = oauth_store_lock(&c->account.place, err);
	if (lock < 0)
		return -1;
	return oauth_store_save(&c->account.place, &c->grant, err);
}

/* The proof: the mail server takes the token. */
static int try_out(struct login_command *c, struct err *err)
{
	struct session *session;

	if (account_use_login(&c->account, err) < 0)
		return -1;
	c->account.connect.read_only = true;
	if (session_open(&c->account.connect, &session, err) < 0)
		return err_prefix(err, "the tokens are kept, but the mail server was not reached "
				       "with them");
	session_close(session);
	return 0;
}

static int run(struct login_command *c, struct err *err)
{
	if (account_init(&c->account, c->options, err) < 0)
		return -1;
	if (find_provider(c, err) < 0 || begin_grant(c, err) < 0 || log_in(c, err) < 0 ||
	    keep(c, err) < 0)
		return -1;
	if (c->grant.refresh_token.len == 0)
		say(NULL, "The provider gives no refresh token: you have to log in again when this "
			  "login expires.");
	return try_out(c, err);
}

int command_login(const struct options *options, struct err *err)
{
	CLEANUP(tear_down) struct login_command c = { .options = options };

	oauth_grant_init(&c.grant);
	if (run(&c, err) < 0)
		return -1;
	printf("Logged in as %s.\n", c.account.name);
	return EXIT_OK;
}

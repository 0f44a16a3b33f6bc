/*
 * The providers. See provider.h.
 */
#include "oauth/provider.h"

#include <string.h>

#include "oauth/http.h"

#define TENANT_MARK "{tenant}"

/* Google's device flow gives no access to mail, so that only the browser is left there. */
static const char builtin[] =
	"[google]\n"
	"hosts = imap.gmail.com pop.gmail.com imap.googlemail.com pop.googlemail.com\n"
	"authorize = https://accounts.google.com/o/oauth2/v2/auth\n"
	"token = https://oauth2.googleapis.com/token\n"
	"scope = https://mail.google.com/\n"
	"extra = access_type=offline&prompt=consent\n"
	"\n"
	"[microsoft]\n"
	"hosts = outlook.office365.com outlook.office.com imap-mail.outlook.com "
	"pop-mail.outlook.com\n"
	"authorize = https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize\n"
	"token = https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token\n"
	"device = https://login.microsoftonline.com/{tenant}/oauth2/v2.0/devicecode\n"
	"scope = https://outlook.office.com/IMAP.AccessAsUser.All offline_access\n"
	"redirect = localhost\n";

struct slice oauth_providers_builtin(void)
{
	return slice_of(builtin, sizeof(builtin) - 1);
}

static const struct {
	const char *key;
	size_t offset;
} keys[] = {
	{ "hosts", offsetof(struct oauth_provider, hosts) },
	{ "authorize", offsetof(struct oauth_provider, authorize) },
	{ "token", offsetof(struct oauth_provider, token) },
	{ "device", offsetof(struct oauth_provider, device) },
	{ "scope", offsetof(struct oauth_provider, scope) },
	{ "redirect", offsetof(struct oauth_provider, redirect) },
	{ "extra", offsetof(struct oauth_provider, extra) },
	{ "client-id", offsetof(struct oauth_provider, client_id) },
	{ "client-secret-file", offsetof(struct oauth_provider, client_secret_file) },
	{ "ca-file", offsetof(struct oauth_provider, ca_file) },
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

/* The place of a key's value, or NULL. */
static const char **field(struct oauth_provider *p, struct slice key)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (slice_eq(key, slice_str(keys[i].key)))
			return (const char **)((char *)p + keys[i].offset);
	return NULL;
}

static int bad(unsigned line, const char *what, struct err *err)
{
	return err_set(err, ERR_CONFIG, SCOPE_RUN, RETRY_NEVER,
		       "file of OAuth providers, line %u: %s", line, what);
}

static bool is_wanted(const struct oauth_provider *p, const char *name, const char *host)
{
	struct slice hosts = slice_str(p->hosts);

	if (!p->name)
		return false;
	if (name)
		return strcmp(p->name, name) == 0;
	while (hosts.len > 0)
		if (slice_ieq(slice_cut(&hosts, ' '), slice_str(host)))
			return true;
	return false;
}

/* "key = value" */
static int read_pair(struct oauth_provider *p, struct slice line, unsigned number, struct arena *a,
		     struct err *err)
{
	struct slice key = slice_trim(slice_cut(&line, '=')), value = slice_trim(line);
	const char **to = field(p, key);

	if (!p->name)
		return bad(number, "a key outside of any section", err);
	if (!to)
		return bad(number, "an unknown key", err);
	if (value.len == 0)
		return bad(number, "a key without a value", err);
	*to = arena_slice(a, value);
	return *to ? 0 : err_nomem(err);
}

static int begin_section(struct oauth_provider *p, struct slice line, unsigned number,
			 struct arena *a, struct err *err)
{
	if (line.len < 3 || line.ptr[line.len - 1] != ']')
		return bad(number, "no [name]", err);
	*p = (struct oauth_provider){ .name = arena_slice(
					      a, slice_head(slice_from(line, 1), line.len - 2)) };
	return p->name ? 0 : err_nomem(err);
}

/* The file is read to its end, so that a mistake shows wherever it is. */
int oauth_provider_find(struct slice file, const char *name, const char *host, struct arena *a,
			struct oauth_provider *out, struct err *err)
{
	struct oauth_provider current = { 0 }, found = { 0 };

	for (unsigned number = 1; file.len > 0; number++) {
		struct slice line = slice_trim(slice_cut(&file, '\n'));
		int result = 0;

		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (line.ptr[0] == '[' && !found.name && is_wanted(&current, name, host))
			found = current;
		if (line.ptr[0] == '[')
			result = begin_section(&current, line, number, a, err);
		else
			result = read_pair(&current, line, number, a, err);
		if (result < 0)
			return -1;
	}
	if (!found.name && is_wanted(&current, name, host))
		found = current;
	if (!found.name)
		return 0;
	*out = found;
	return 1;
}

/* ---- getting ready ---- */

static int set_tenant(const char **url, const char *tenant, struct arena *a, struct err *err)
{
	const char *mark = *url ? strstr(*url, TENANT_MARK) : NULL;

	if (!mark)
		return 0;
	*url = arena_printf(a, "%.*s%s%s", (int)(mark - *url), *url, tenant,
			    mark + strlen(TENANT_MARK));
	return *url ? 0 : err_nomem(err);
}

static bool is_tenant(const char *tenant)
{
	return *tenant && strspn(tenant, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789.-") == strlen(tenant);
}

static int check_url(const struct oauth_provider *p, const char *key, const char *url,
		     struct err *err)
{
	struct http_url ignored;

	if (!url || http_url_parse(slice_str(url), &ignored))
		return 0;
	return err_set(err, ERR_CONFIG, SCOPE_RUN, RETRY_NEVER,
		       "OAuth provider '%s': %s is no https:// address: '%s'", p->name, key, url);
}

static int lacks(const struct oauth_provider *p, const char *what, struct err *err)
{
	return err_set(err, ERR_CONFIG, SCOPE_RUN, RETRY_NEVER, "OAuth provider '%s' has no %s",
		       p->name, what);
}

int oauth_provider_prepare(struct oauth_provider *p, const char *tenant, struct arena *a,
			   struct err *err)
{
	if (tenant && !is_tenant(tenant))
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "'%s' is no name of a tenant", tenant);
	if (!tenant)
		tenant = "common";
	if (set_tenant(&p->authorize, tenant, a, err) < 0 ||
	    set_tenant(&p->token, tenant, a, err) < 0 || set_tenant(&p->device, tenant, a, err) < 0)
		return -1;
	if (check_url(p, "authorize", p->authorize, err) < 0 ||
	    check_url(p, "token", p->token, err) < 0 || check_url(p, "device", p->device, err) < 0)
		return -1;
	if (!p->redirect)
		p->redirect = "127.0.0.1";
	if (strcmp(p->redirect, "127.0.0.1") != 0 && strcmp(p->redirect, "localhost") != 0)
		return err_set(err, ERR_CONFIG, SCOPE_RUN, RETRY_NEVER,
			       "OAuth provider '%s': redirect is 127.0.0.1 or localhost", p->name);
	if (!p->token)
		return lacks(p, "token = https://...", err);
	if (!p->authorize && !p->device)
		return lacks(p, "authorize = https://... and no device = https://...", err);
	if (!p->client_id)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "no client id: register a client with the provider '%s' (see "
			       "README.md) and give its id by --oauth-client-id",
			       p->name);
	return 0;
}

/*
 * Who gives out tokens: addresses and scopes of providers, built in or from a file
 * (--oauth-provider-file) of sections:
 *
 *	[name]
 *	hosts = imap.example.org pop.example.org      whose tokens these are
 *	authorize = https://...                       for the browser
 *	token = https://...
 *	device = https://...                          if there is the device flow
 *	scope = words
 *	redirect = 127.0.0.1 (default) or localhost   as it was registered
 *	extra = key=value&key=value                   for the browser
 *	client-id = ...
 *	client-secret-file = PATH
 *	ca-file = PATH                                of the provider's certificates
 *
 * {tenant} in an address stands for the organisation (Microsoft). No client id is
 * built in: who uses mailhoist registers a client of his own with the provider.
 */
#ifndef MAILHOIST_OAUTH_PROVIDER_H
#define MAILHOIST_OAUTH_PROVIDER_H

#include "base/arena.h"

struct oauth_provider {
	const char *name, *hosts;
	const char *authorize, *token, *device; /* NULL: has none */
	const char *scope, *redirect, *extra;
	const char *client_id, *client_secret_file, *ca_file;
};

struct slice oauth_providers_builtin(void);

/* The provider of this name or, with name NULL, the one that has the mail server `host`. Texts
 * belong to the arena. 1; 0: there is none; -1: the file cannot be read (ERR_CONFIG). */
int oauth_provider_find(struct slice file, const char *name, const char *host, struct arena *a,
			struct oauth_provider *out, struct err *err);

/* Put `tenant` into the addresses, and check that these are https:// and enough to log in by. */
int oauth_provider_prepare(struct oauth_provider *p, const char *tenant, struct arena *a,
			   struct err *err);

#endif

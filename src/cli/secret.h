/*
 * Where the password comes from: --password-command, --password-file,
 * --password-fd, $MAILHOIST_PASSWORD, or a prompt. Or, instead of a password, an
 * OAuth access token: --oauth-token-command. Never argv. It is asked for at
 * each login (a reconnect needs it again); what can only be read once (descriptor,
 * environment, prompt) is kept in locked memory and wiped at the end.
 */
#ifndef MAILHOIST_CLI_SECRET_H
#define MAILHOIST_CLI_SECRET_H

#include "cli/options.h"

#define SECRET_MAX 1024 /* octets of a password */

struct secret; /* context of a struct secret_source */

/* Takes $MAILHOIST_PASSWORD out of the environment at once. `user` and `host` are for the prompt
 * and must live as long. NULL when out of memory. */
struct secret *secret_new(const struct options *options, const char *user, const char *host);
void secret_free(struct secret *s); /* wipes */

struct secret_source secret_source_of(struct secret *s);

/* The first line of a file that nobody else may read: its length, or -1. `option` is for the error
 * texts. */
int secret_from_file(const char *path, const char *option, char *out, size_t size, struct err *err);

#endif

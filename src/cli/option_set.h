/*
 * The options one by one, for options.c alone: what each is called inside, and
 * what its argument sets in struct options. Which commands have it, and its help
 * text, stands in the table of options.c.
 */
#ifndef MAILHOIST_CLI_OPTION_SET_H
#define MAILHOIST_CLI_OPTION_SET_H

#include "cli/options.h"

enum option_id {
	OPT_TO = 256,
	OPT_FORMAT,
	OPT_STATE,
	OPT_QUIET,
	OPT_VERBOSE,
	OPT_INCLUDE_DELETED,
	OPT_INCLUDE_PARTIAL,
	OPT_INCLUDE_OUTBOX,
	OPT_INCLUDE_FEEDS,
	OPT_RECOVERED,
	OPT_ADDRESS_MAP,
	OPT_EXPORT_OTHERS,
	OPT_TLS_CA,
	OPT_TLS_FINGERPRINT,
	OPT_PASSWORD_COMMAND,
	OPT_PASSWORD_FILE,
	OPT_PASSWORD_FD,
	OPT_OAUTH_TOKEN_COMMAND,
	OPT_OAUTH_PROVIDER,
	OPT_OAUTH_PROVIDER_FILE,
	OPT_OAUTH_CLIENT_ID,
	OPT_OAUTH_CLIENT_SECRET_FILE,
	OPT_OAUTH_TENANT,
	OPT_OAUTH_FLOW,
	OPT_OAUTH_OPEN_BROWSER,
	OPT_OAUTH_KEYRING,
	OPT_AUTH,
	OPT_AUTHZID,
	OPT_ALLOW_PLAINTEXT,
	OPT_TIMEOUT,
	OPT_CONNECTIONS,
	OPT_COMPRESS,
	OPT_PROFILE,
	OPT_PROFILE_FILE,
	OPT_MAX_RATE,
	OPT_MAX_BYTES_PER_DAY,
	OPT_WINDOW,
	OPT_TRACE,
	OPT_MAP,
	OPT_PREFIX,
	OPT_DUPLICATE_INTO_FOLDERS,
	OPT_KEEP_DUPLICATES,
	OPT_POP_STATE,
	OPT_POP3,
	OPT_NO_UIDL,
	OPT_FILE,
	OPT_FLAGS,
	OPT_DRY_RUN,
	OPT_CLEANUP,
	OPT_PROBE,
	OPT_REPAIR,
	OPT_VERIFY,
	OPT_HELP,
	OPT_VERSION,
};

/* Keep what option `id` says; `value` is its argument, or NULL for those that take none. 0, or -1
 * (ERR_USAGE) when that is not what the option wants. */
int option_set(struct options *o, enum option_id id, const char *value, struct err *err);

/* ERR_USAGE: "WHAT 'VALUE' (see mailhoist --help)"; `value` may be NULL. Always returns -1. */
int option_usage(struct err *err, const char *what, const char *value);

#endif

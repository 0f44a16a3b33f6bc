/*
 * The account that a command works on: its URL, secret and session options, and
 * where its journal lies.
 */
#ifndef MAILHOIST_CLI_ACCOUNT_H
#define MAILHOIST_CLI_ACCOUNT_H

#include "base/progress.h"
#include "cli/options.h"
#include "cli/secret.h"
#include "cli/url.h"
#include "oauth/oauth.h"

#define ALERTS_MAX 8 /* of a server: each is shown once, and no more than so many */

struct account {
	struct arena arena; /* all texts */
	struct account_url url;
	const char *name; /* "user@host" or "user@host:port": the key of the journal */
	const char *state_dir;
	struct secret *secret;
	struct oauth_place place; /* where `mailhoist login` keeps its tokens, */
	struct oauth *oauth;	  /* if they are used */
	struct session_options connect;
	uint32_t stalled, pop3_stalled; /* mechanisms that the server leaves without an answer */
	bool has_pop3;
	struct session_options pop3;  /* with --pop3: the same secret and trust, another server */
	struct buf profiles;	      /* content of --profile-file */
	struct session_memory memory; /* `connect` points to it */
	int trace_fd;
	const char *trace;
	const struct progress *progress; /* account_tell_to() */
	const char *alerts[ALERTS_MAX];	 /* shown already */
	size_t n_alerts;
	bool trace_ended;
};

/* From --to and the other options; nothing is connected. What `mailhoist login` has kept is used,
 * unless a password or a token was given otherwise. */
int account_init(struct account *acc, const struct options *o, struct err *err);
void account_release(struct account *acc);

/* What the server wants people to read, and that the trace has come to its end, is told there, each
 * once. The progress lives as long as the account. */
void account_tell_to(struct account *acc, const struct progress *progress);

/* From now on with the tokens of `mailhoist login`. */
int account_use_login(struct account *acc, struct err *err);

/* Only the state directory, for `report` and `apply`: the account of --to, or without it the one
 * whose journal was written last. `only`: with several accounts that is an error. The name goes to
 * *out (in the arena). */
int account_find(const struct options *o, bool only, struct arena *a, const char **state_dir,
		 const char **name, struct err *err);

#endif

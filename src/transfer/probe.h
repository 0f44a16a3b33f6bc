/*
 * Trying what a migration will need in a scratch folder of its own, and taking
 * everything away again: names of folders, dates, flags, octets that servers
 * refuse or change, commands.
 *
 * The folder's name has SCRATCH_MARK and a random part in it and is in the journal before the
 * folder is made: what a killed probe leaves, the next one removes. Nothing else is ever deleted.
 */
#ifndef MAILHOIST_TRANSFER_PROBE_H
#define MAILHOIST_TRANSFER_PROBE_H

#include "base/progress.h"
#include "imap/session.h"
#include "journal/journal.h"

enum trial_verdict {
	TRIAL_GOOD,    /* as it should be */
	TRIAL_CHANGED, /* taken, but altered: the text tells how */
	TRIAL_REFUSED, /* the text has the server's words */
	TRIAL_UNKNOWN, /* could not be tried */
};
const char *trial_verdict_name(enum trial_verdict verdict); /* "good", "changed", ... */

struct trial {
	const char *id;	   /* stable, for scripts: "nul-body" */
	const char *title; /* for people */
	enum trial_verdict verdict;
	const char *text; /* "" when there is nothing to say */
};

#define TRIALS_MAX 64

struct probe_result {
	struct trial trials[TRIALS_MAX];
	size_t n;
	bool can_create, can_upload; /* without these there is no migration */
	bool full;		     /* it could not: the account is full */
	const char *left_behind;     /* a scratch folder that could not be removed, or NULL */
};

struct probe {
	const struct session_options *connect; /* read_only false */
	struct journal *journal;
	const char *below;    /* UTF-8 path of an existing folder, '/' between its parts, or NULL */
	unsigned connections; /* how many to try at once */
	const struct progress *progress;
};

/* 0: *out tells all, its texts belong to the arena; -1: the account cannot be reached, or a signal
 * came; everything is removed all the same if the server lets us (out->left_behind). */
int probe(const struct probe *p, struct arena *a, struct probe_result *out, struct err *err);

#endif

/*
 * Notices: what a run left out on purpose or met on its way, one line each, for
 * the report. They count nothing in the balance; they explain it.
 */
#ifndef MAILHOIST_JOURNAL_NOTICE_H
#define MAILHOIST_JOURNAL_NOTICE_H

#include "journal/journal.h"

/* The kinds that keep a run from being a full success: messages that were in a store and could not
 * be had, and stores that contradict themselves. */
#define NOTICE_KIND_LOST      "lost"
#define NOTICE_KIND_INTEGRITY "integrity"

struct run_notice {
	const char *kind; /* stable short name: "expunged", "source-error", "folder-blind" */
	uint64_t count;
	const char *location; /* file, folder, or NULL */
	const char *text;     /* one line for the user */
};

/* store 0: of no store. */
int journal_notice_add(struct journal *j, int64_t run, int64_t store, const struct run_notice *n,
		       struct err *err);

/* A store that was not read again keeps what its last scan noticed: copied to this run. */
int journal_notices_keep(struct journal *j, int64_t run, int64_t store, struct err *err);

/* How many notices of the two kinds above a run has. */
int journal_notices_grave(struct journal *j, int64_t run, uint64_t *out, struct err *err);

/* The notices of a run in order: pass the last id (0 first); it is advanced. 1, 0, -1. */
int journal_notice_next(struct journal *j, int64_t run, int64_t *after, struct arena *a,
			struct run_notice *out, struct err *err);

#endif

/*
 * What stays on the server: messages that are only there, and what INBOX still
 * holds after a run. For reports.
 */
#ifndef MAILHOIST_JOURNAL_LEFTOVERS_H
#define MAILHOIST_JOURNAL_LEFTOVERS_H

#include "journal/journal.h"

struct amount {
	uint64_t n, bytes;
};

/* Messages on the server only; *known false: a newer run has looked since, nothing is known. */
int journal_server_only(struct journal *j, int64_t run, bool *known, struct amount *out,
			struct err *err);
/* One of them by one, in the order of folders and UIDs: pass the last `id` (0 first). 1, 0, -1. */
struct server_only {
	int64_t id;
	const char *folder; /* UTF-8 */
	uint32_t uid;
	uint64_t size;
	int64_t internaldate; /* TIME_NONE: not known */
};
int journal_server_only_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			     struct server_only *out, struct err *err);

/* INBOX, as far as the index knows. */
struct inbox_facts {
	bool known; /* else no run has looked at it yet */
	struct amount all;
	struct amount filed;	   /* copied into a folder by the server; still here as well */
	struct amount server_only; /* nowhere on this computer */
};
int journal_inbox_facts(struct journal *j, struct inbox_facts *out, struct err *err);

#endif

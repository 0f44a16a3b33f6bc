/*
 * What POP has to say about the account's INBOX: UIDLs of state files, the list of
 * a POP3 server, and the messages that are still on the server although the user
 * has deleted them here.
 */
#ifndef MAILHOIST_JOURNAL_POP_H
#define MAILHOIST_JOURNAL_POP_H

#include "journal/journal.h"
#include "message/pop.h"

/* Forget the UIDLs of the state files that an earlier run read, and the list of a POP3 server. */
int journal_pop_clear(struct journal *j, struct err *err);
/* A UIDL of a state file. Of several files the one that knows most counts. */
int journal_pop_add(struct journal *j, struct slice uidl, enum pop_fate fate, struct err *err);

/* A message of a POP3 server: its number there, and its size, which comes later. */
int journal_pop_list_add(struct journal *j, uint32_t number, struct slice uidl, struct err *err);
int journal_pop_list_size(struct journal *j, uint32_t number, uint64_t size, struct err *err);

/* The run's leftovers, in order: pass the last `id` (0 first). 1, 0, -1. */
struct pop_leftover {
	int64_t id;	    /* of the index row: folder and UID */
	const char *folder; /* UTF-8 */
	uint32_t uid;
	const char *uidl;
	uint64_t size;
	int64_t internaldate; /* TIME_NONE: not known */
};
int journal_leftover_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			  struct pop_leftover *out, struct err *err);
int journal_leftover_count(struct journal *j, int64_t run, uint64_t *n, uint64_t *bytes,
			   struct err *err);

#endif

/*
 * What uidl.c and pop_states.c share.
 */
#ifndef MAILHOIST_MATCH_UIDL_PRIVATE_H
#define MAILHOIST_MATCH_UIDL_PRIVATE_H

#include "match/uidl.h"

/* The message of INBOX that a UIDL means. */
struct uidl_meaning {
	int64_t remote; /* 0: none */
	enum uidl_format format;
	bool alien; /* it is of another UIDVALIDITY */
};
int uidl_meaning_of(struct db *db, const struct uidl_place *p, const char *uidl,
		    struct uidl_meaning *out, struct err *err);

/* Where INBOX is, if it is indexed: folder and uidvalidity of *p. 1, 0, -1. */
int uidl_find_inbox(struct db *db, struct uidl_place *p, struct err *err);

/* Find the messages of INBOX that the state files name. After the formats have been judged. */
int match_states_join(struct db *db, const struct uidl_place *p, struct err *err);

/* Which of them are not here any more. When all candidates have been settled. */
int match_find_leftovers(struct db *db, int64_t run, struct err *err);

#endif

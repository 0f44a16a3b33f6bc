/*
 * Which message of INBOX is which of those that a POP3 server lists (journal:
 * pop_list): the two see the same mailbox, as a rule in the same order. Sizes that
 * one message alone has on both sides are the fixed points; what lies between two of
 * them, as many messages of the same sizes in the same order, follows. For the rest
 * headers are asked of the POP3 server (TOP) and compared with those of INBOX.
 */
#ifndef MAILHOIST_MATCH_POP_LIST_H
#define MAILHOIST_MATCH_POP_LIST_H

#include "match/uidl.h"

/* Once the sizes of INBOX are in the index. What was found before is found anew. */
int match_pop_align(struct journal *j, const struct uidl_place *p, struct err *err);

/* INBOX as the index has it now: 1, 0 (there is none), -1. */
int match_pop_place(struct journal *j, int64_t run, struct uidl_place *out, struct err *err);

/* The next listed message above `after` (0 first) that was not found, and that matters: a message
 * of the run or a state file bears its UIDL. 1, 0, -1. */
int match_pop_unaligned(struct journal *j, int64_t run, uint32_t after, uint32_t *number,
			struct err *err);

/* The header fields (keys.h) of a listed message, as TOP gave them. */
int match_pop_header(struct journal *j, uint32_t number, const uint8_t fields[KEY_LEN],
		     struct err *err);

/* Find messages of INBOX by these: where one alone has them on either side. */
int match_pop_by_header(struct journal *j, const struct uidl_place *p, struct err *err);

#endif

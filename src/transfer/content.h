/*
 * A message on disk against the octets that a server sends of it: compare.h, the
 * local side pulled from canon.h as it is needed.
 */
#ifndef MAILHOIST_TRANSFER_CONTENT_H
#define MAILHOIST_TRANSFER_CONTENT_H

#include "message/canon.h"
#include "transfer/compare.h"

struct content {
	struct canon *canon; /* the caller's */
	struct compare compare;
	struct slice local; /* not compared yet */
	uint64_t skip;	    /* local octets still to be left out */
	bool local_ended;
};

/* Begin with a message. `header`: with its first octet; false: with its body, the first `skip`
 * local octets are left out. */
void content_begin(struct content *c, struct canon *canon, const struct body *body,
		   const struct canon_rules *rules, bool header, uint64_t skip);
/* The next octets from the server. 0 (also when they differ), or -1: the local file. */
int content_feed(struct content *c, struct slice remote, struct err *err);
/* The server has sent all; `prefix`: it was asked for the beginning only. *same tells. */
int content_end(struct content *c, bool prefix, bool *same, struct err *err);

#endif

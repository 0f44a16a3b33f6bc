/*
 * The bytes of a message that come in pieces and belong to no file: in memory while
 * they are few, then in a sealed file in memory, above 16 MiB in a file without a
 * name. One after the other, in the same struct.
 */
#ifndef MAILHOIST_SOURCE_PST_BODY_H
#define MAILHOIST_SOURCE_PST_BODY_H

#include "message/message.h"

#define PST_BODY_MEMORY ((size_t)512 << 10)  /* kept as bytes */
#define PST_BODY_MEMFD	(UINT64_C(16) << 20) /* kept as a file in memory */

struct pst_body {
	struct buf bytes;
	int fd; /* -1: all is in `bytes` */
	bool spooled;
	uint64_t len;
	size_t memory; /* kept as bytes: PST_BODY_MEMORY, or 0 when a descriptor is wanted */
};

void pst_body_init(struct pst_body *b, size_t memory);
void pst_body_release(struct pst_body *b);
void pst_body_reset(struct pst_body *b); /* the next message */

int pst_body_add(struct pst_body *b, struct slice bytes, struct err *err);

/* All is there: *out is valid until the next reset. Its `fd` is -1 when it has `bytes`. */
int pst_body_finish(struct pst_body *b, struct body *out, struct err *err);

#endif

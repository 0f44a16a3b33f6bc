/*
 * One message on its way out: found again in its source, read as canonical
 * bytes, and checked against the checksum of the scan before its last octets are
 * handed out. So what the server stores is what the journal knows, or nothing.
 */
#ifndef MAILHOIST_TRANSFER_OUTGOING_H
#define MAILHOIST_TRANSFER_OUTGOING_H

#include "journal/journal.h"
#include "transfer/source_set.h"

struct outgoing; /* serves one message after the other */

struct outgoing *outgoing_new(struct err *err);
void outgoing_free(struct outgoing *o);

/* Find the message and read its beginning. A message that fits into one piece of 32 KiB (most do)
 * is checked here already. -1 with SCOPE_MESSAGE: it is gone, unreadable, or not what was scanned.
 */
int outgoing_open(struct outgoing *o, struct source_set *sources, const struct upload *u,
		  struct err *err);

/* The next octets, at most `room` (> 0): 1, or 0 when all wire_len have been delivered, or -1
 * (SCOPE_MESSAGE: it changed; its last octets were not delivered). Valid until the next call. */
int outgoing_next(struct outgoing *o, size_t room, struct slice *out, struct err *err);

/* Give the descriptor back; opening another message does that too. */
void outgoing_close(struct outgoing *o);

#endif

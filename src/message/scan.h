/*
 * The scan of one message: a single pass over its canonical bytes gives length,
 * SHA-256, header facts, match keys and INTERNALDATE.
 */
#ifndef MAILHOIST_MESSAGE_SCAN_H
#define MAILHOIST_MESSAGE_SCAN_H

#include "message/canon.h"
#include "message/message.h"

struct scanner; /* a canon, a digest and a header buffer, for one message after the other */

struct scanner *scanner_new(struct err *err);
void scanner_free(struct scanner *s);

/* Complete the second part of *m. Texts go to the arena. `now` bounds the date (clock.h).
 * Returns 0, or -1 with SCOPE_MESSAGE when the message's bytes cannot be read, or it is a file
 * without any. */
int scanner_run(struct scanner *s, struct message *m, int64_t now, struct arena *a,
		struct err *err);

#endif

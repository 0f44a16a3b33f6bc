/*
 * The compressing layer of a stream (RFC 4978, RFC 1951): deflate between the
 * client and TLS or TCP, both ways, by zlib.
 *
 * What comes in is blown up into the reader's own buffer and never further: however
 * much a few octets claim to become, it exists only as far as somebody reads. There is
 * no limit on the ratio: a message of 10 MB of blanks comes 1,000 times smaller than
 * it is and is honest; what is read is bounded where all that servers say is bounded
 * (imap/framer.h).
 *
 * What goes out is looked at block by block: one without a blank is base64, in which
 * nothing repeats, and its letters are packed by frequency alone, which is four times
 * as fast; text is searched for repetitions (imap-client 3.4 measured both).
 */
#ifndef MAILHOIST_NET_DEFLATE_H
#define MAILHOIST_NET_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/slice.h"

/* What lies below: both as stream_read() and stream_write(), of which they are the insides. */
struct lower_line {
	ssize_t (*read)(void *context, void *bytes, size_t len, struct err *err);
	ssize_t (*write)(void *context, const void *bytes, size_t len, struct err *err);
	void *context;
};

struct deflater;

/* `early`: octets that have been read already (DEFLATE_EARLY_MAX at most). */
#define DEFLATE_EARLY_MAX (16u << 10)
int deflater_new(const struct lower_line *lower, struct slice early, struct deflater **out,
		 struct err *err);
void deflater_free(struct deflater *d); /* NULL does nothing */

/* Bytes moved; 0: would block; -1: the line's errors, after all that had come before has been read;
 * ERR_PROTOCOL: this is no deflate. */
ssize_t deflater_read(struct deflater *d, void *bytes, size_t len, struct err *err);

/* Bytes taken; some of them stay here until deflater_push(). */
ssize_t deflater_write(struct deflater *d, const void *bytes, size_t len, struct err *err);

/* The writer has nothing more for now: whatever was taken is to reach the other end. 0: on its way,
 * or waiting until the line takes it (deflater_wants_write); -1. */
int deflater_push(struct deflater *d, struct err *err);

bool deflater_wants_write(const struct deflater *d);
/* Bytes can be read without anything coming in. */
bool deflater_has_pending(const struct deflater *d);

#endif

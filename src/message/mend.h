/*
 * Repairs of a message that a server refuses as it is: what is changed, and nothing
 * else. Each step is asked for by the user and reported; the original is kept.
 *
 * A stream of canonical octets goes in, the mended one comes out. Only the header is ever in
 * memory, up to HEADER_BLOCK_MAX; a longer one is left as it is.
 */
#ifndef MAILHOIST_MESSAGE_MEND_H
#define MAILHOIST_MESSAGE_MEND_H

#include "base/buf.h"
#include "base/err.h"

/* In the order in which they are tried. */
enum mend {
	MEND_BINARY = 1u << 0,	    /* sent as literal8 (RFC 3516): no octet is changed */
	MEND_HEADER_8BIT = 1u << 1, /* 8-bit octets in header fields become encoded-words */
	MEND_NUL = 1u << 2,	    /* NUL octets are left out */
	MEND_LONG_LINES =
		1u << 3, /* text with over-long lines as quoted-printable (long_lines.h) */
	MEND_HEADER_BLOCK = 1u << 4, /* an empty line before the first line that is no field */
};
#define MEND_COUNT 5
#define MEND_ALL   ((1u << MEND_COUNT) - 1)
#define MEND_BYTES (MEND_ALL & ~(uint32_t)MEND_BINARY) /* those that change octets */

const char *mend_name(uint32_t bit); /* "binary", "header-8bit", ...; NULL for others */
/* "nul, header-block" */
void mend_add_names(struct buf *out, uint32_t steps);

struct mender;

struct mender *mender_new(void); /* NULL: out of memory */
void mender_free(struct mender *m);

/* Begin with another message. */
/* MEND_BINARY and MEND_LONG_LINES are not done here. */
void mender_start(struct mender *m, uint32_t steps);
/* More octets; what they become is appended to *out. Of the header nothing comes before its end. */
void mender_add(struct mender *m, struct slice bytes, struct buf *out);
void mender_end(struct mender *m, struct buf *out);

/* The steps that have changed something so far. */
uint32_t mender_did(const struct mender *m);

/* How to try `wanted` steps on a message that was refused: the n-th attempt (0 first), or 0 when
 * there is no more. Each by itself in turn, then all of them. `possible`: those that would change
 * this message. */
uint32_t mend_attempt(uint32_t wanted, uint32_t possible, unsigned n);

#endif

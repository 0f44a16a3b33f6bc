/*
 * Over-long lines (RFC 5322 2.1.1: 998 octets) of text become quoted-printable (RFC
 * 2045 6.7), part by part: only where a part is text, is not encoded yet, and lies in
 * no signed or encrypted one; what is in an attached message stays as it is, too.
 *
 * Two passes over the canonical octets of a message: the first looks which parts have such lines,
 * the second writes. Of a message nothing is in memory but a part's header, up to 64 KiB; of a part
 * with a longer one nothing is changed.
 */
#ifndef MAILHOIST_MESSAGE_LONG_LINES_H
#define MAILHOIST_MESSAGE_LONG_LINES_H

#include "base/buf.h"

struct long_lines;

struct long_lines *long_lines_new(void); /* NULL: out of memory */
void long_lines_free(struct long_lines *l);

/* The first pass. */
void long_lines_look(struct long_lines *l, struct slice bytes);
/* Has it found a part that can be mended? Begins the second pass. */
bool long_lines_begin(struct long_lines *l);
/* The same octets again; what they become is appended to *out. */
void long_lines_add(struct long_lines *l, struct slice bytes, struct buf *out);
void long_lines_end(struct long_lines *l, struct buf *out);

#endif

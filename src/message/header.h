/*
 * The header scanner (RFC 5322 2.2): walks the fields of a header block that
 * lies in memory. Tolerant: lines may end in LF or CR LF, a field may be folded,
 * garbage lines are delivered as fields without a name.
 */
#ifndef MAILHOIST_MESSAGE_HEADER_H
#define MAILHOIST_MESSAGE_HEADER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

#define HEADER_BLOCK_MAX (1u << 20) /* octets looked at; a longer header is cut for scanning */

struct header_field {
	struct slice whole; /* name to the line end of the last folded line, inclusive */
	struct slice name;  /* without blanks before the colon; empty: not a field */
	struct slice value; /* raw: folded lines included, not trimmed, without the last line end */
};

/* Next field of *rest: 1, or 0 at the end (an empty line, or no bytes left). After 0, *rest
 * stands behind the empty line. */
int header_next(struct slice *rest, struct header_field *out);

/* True when the line could start a header field: printable name, colon. */
bool header_looks_like_field(struct slice line);

/* First field of that name, or false. */
bool header_find(struct slice block, const char *name, struct header_field *out);

/* Append the value unfolded: runs of blanks and line ends become one SP, both ends trimmed. */
void header_unfold(struct buf *out, struct slice value);

/* Append the value decoded for people: unfolded, RFC 2047 encoded-words decoded (iconv; unknown
 * charset: left as it is), raw 8-bit taken as UTF-8, else as windows-1252. Always UTF-8. */
void header_decode(struct buf *out, struct slice value);

/* The first <...> of a Message-ID value without blanks, brackets included; without brackets the
 * trimmed value. Empty if there is none. */
struct slice header_message_id(struct buf *scratch, struct slice value);

#endif

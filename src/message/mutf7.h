/*
 * Modified UTF-7 (RFC 3501 5.1.3) for mailbox names.
 */
#ifndef MAILHOIST_MESSAGE_MUTF7_H
#define MAILHOIST_MESSAGE_MUTF7_H

#include "base/buf.h"

/* Append the mUTF-7 form of UTF-8 text. 0, or -1 (ERR_FORMAT) if it is not valid UTF-8. */
int mutf7_encode(struct buf *out, struct slice utf8, struct err *err);

/* Append the UTF-8 form. False if the text is not valid, canonical mUTF-7 (then *out is as
 * it was): raw 8-bit, a bad sequence, encoded ASCII, a lone surrogate. */
bool mutf7_decode(struct buf *out, struct slice text);

#endif

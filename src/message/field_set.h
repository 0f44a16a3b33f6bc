/*
 * Two headers as sets of fields: does one say all that the other says? Servers that write headers
 * anew (Exchange, Domino) put fields into another order, fold and spell them anew, and add some of
 * their own, so that nothing but this tells their copy from another message.
 */
#ifndef MAILHOIST_MESSAGE_FIELD_SET_H
#define MAILHOIST_MESSAGE_FIELD_SET_H

#include "base/err.h"
#include "base/slice.h"

#define FIELD_SET_MAX 4096 /* fields of one header; real mail has less than 200 */

/* Is every field of `ours`, but for those that transport or stores add, in `theirs` as often as in
 * `ours`? Blanks, line ends and the case of names do not count; octets above 127 and NUL are one
 * (keys.h). A header of more than FIELD_SET_MAX fields is within none. 0, or -1 out of memory. */
int field_set_within(struct slice ours, struct slice theirs, bool *out, struct err *err);

#endif

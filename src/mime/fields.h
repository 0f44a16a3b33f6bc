/*
 * The header of a composed message. Where the store has the headers that the
 * message travelled with, these stay octet for octet, in their order and with
 * their folding; only what describes the old body (MIME-Version, Content-*) goes,
 * and what is missing is added behind them. Otherwise all of it is made from the
 * properties.
 */
#ifndef MAILHOIST_MIME_FIELDS_H
#define MAILHOIST_MIME_FIELDS_H

#include "mime/composer.h"

/* Read the transport headers into e->header and decide e->synthesised and e->ours. */
void transport_load(struct composer *c, struct entity *e);
/* True for a field of the transport headers that goes into the message. */
struct header_field;
bool transport_keeps(const struct header_field *field);
/* Write one kept field: line ends CR LF, no line over 998 octets. One whose name alone is as good
 * as a line is left out. */
void transport_write(struct composer *c, const struct header_field *field);

/* All fields but MIME-Version and Content-*. */
void fields_write(struct composer *c, const struct entity *e);

/* A FILETIME as UTC seconds; TIME_NONE for 0 and for what no calendar can hold. */
int64_t filetime_seconds(uint64_t filetime);

#endif

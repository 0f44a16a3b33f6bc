/*
 * A checksum of canonical bytes (XXH3-128 in its canonical form), computed by the
 * scan beside SHA-256. SHA-256 says which message it is, for ever and anywhere;
 * this one says whether a file still holds what the scan has read a while ago,
 * at a tenth of the cost. It is not proof against somebody who makes messages up.
 */
#ifndef MAILHOIST_MESSAGE_CHECKSUM_H
#define MAILHOIST_MESSAGE_CHECKSUM_H

#include <stdint.h>

#include "base/slice.h"

#define CHECKSUM_LEN 16

struct checksum;

struct checksum *checksum_new(void); /* NULL when out of memory */
void checksum_free(struct checksum *c);

/* Begin with another message; the bytes may come in any pieces. */
void checksum_start(struct checksum *c);
void checksum_add(struct checksum *c, struct slice bytes);
void checksum_end(struct checksum *c, uint8_t out[CHECKSUM_LEN]);

#endif

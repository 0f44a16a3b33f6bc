/*
 * gzip files (RFC 1952) unpacked into an unlinked spool file, within bounds.
 */
#ifndef MAILHOIST_SOURCE_GUNZIP_H
#define MAILHOIST_SOURCE_GUNZIP_H

#include "base/err.h"
#include "base/slice.h"

/* Mail packs by a factor of 2 to 10, repeated base64 or HTML by perhaps 30: what packs better
 * than this is a bomb. Small files may pack as well as they like. */
#define GUNZIP_RATIO_MAX  200
#define GUNZIP_SMALL	  (UINT64_C(64) << 20)
#define GUNZIP_OUTPUT_MAX (UINT64_C(256) << 30)

/* Do these bytes begin a gzip file? */
bool gunzip_magic(struct slice head);

/* Unpack all members of `fd`. Returns the spool's descriptor (the caller's) or -1: ERR_LIMIT when
 * a bound is exceeded, ERR_FORMAT when not even one byte could be unpacked, ERR_IO, ERR_CANTCREAT.
 * A file that is cut off or damaged later gives what was read until there, and *damaged. */
int gunzip_spool(int fd, bool *damaged, struct err *err);

/* Unpack the beginning, at most `len` bytes; returns how many, 0 when it is no gzip. */
size_t gunzip_head(int fd, void *bytes, size_t len);

#endif

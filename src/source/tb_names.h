/*
 * Thunderbird's folder names on disk. A name that some file system could not
 * take is cut and gets eight hex digits of a hash (nsMsgUtils.cpp,
 * NS_MsgHashIfNecessary; mail-stores.md 6). The hash cannot be undone, but a
 * candidate for the real name can be checked against it.
 */
#ifndef MAILHOIST_SOURCE_TB_NAMES_H
#define MAILHOIST_SOURCE_TB_NAMES_H

#include "base/buf.h"

#define TB_NAME_MAX  4096 /* bytes of a folder's real name that we look at */
#define TB_HASH_LEN  8
#define TB_UNITS_MAX 55 /* UTF-16 units of a name on disk */

/* Append the name on disk of a folder called `real` (UTF-8). 0, or -1: not UTF-8, empty, or over
 * TB_NAME_MAX. */
int tb_name_on_disk(struct buf *out, struct slice real, struct err *err);

/* True if the name ends like a hashed one. Says nothing for certain: a user may have typed it. */
bool tb_name_looks_hashed(struct slice disk);

/* True if a folder that lies on disk as `disk` can be called `real`. */
bool tb_name_fits(struct slice disk, struct slice real);

#endif

/*
 * The kinds of source there are; source_kinds[] in source.c lists them.
 */
#ifndef MAILHOIST_SOURCE_KINDS_H
#define MAILHOIST_SOURCE_KINDS_H

#include "source/source.h"

extern const struct source_ops source_mbox;
extern const struct source_ops source_maildir;
extern const struct source_ops source_mh;
extern const struct source_ops source_eml;
extern const struct source_ops source_thunderbird;
extern const struct source_ops source_pst;

#endif

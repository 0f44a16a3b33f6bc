/*
 * Formats that are near mail, known by their first bytes or by what lies in the directory, so that
 * an error can say what a file is instead of only what it is not.
 */
#ifndef MAILHOIST_SOURCE_FORMAT_H
#define MAILHOIST_SOURCE_FORMAT_H

#include "base/slice.h"

#define FORMAT_HEAD_LEN 64 /* first bytes that format_name() wants to see */

/* "an Outlook data file (PST or OST)" and so on, or NULL. gzip is not named here: mbox files
 * compressed with it are read. The text is constant. */
const char *format_name(struct slice head);

/* The same for a path: opens it, looks, closes it. NULL also when it cannot be read. */
const char *format_name_of_file(int dirfd, const char *path);

#endif

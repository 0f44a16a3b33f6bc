/*
 * One mbox file, message by message: the boundary rule of mail-stores.md 3.2.
 * Used by the readers of mbox trees and of Thunderbird's profiles.
 *
 * The file is read in chunks with 64-bit offsets; a message is never held in
 * memory to find its end. gzip files are unpacked into an unlinked spool file.
 */
#ifndef MAILHOIST_SOURCE_MBOX_FILE_H
#define MAILHOIST_SOURCE_MBOX_FILE_H

#include "source/notices.h"

struct mbox_file;

/* How surely the bytes at the start of this file are an mbox: 0, or 50..90. Empty file: 10. */
int mbox_file_probe(const char *path);

/* Open `path` below dirfd. ERR_FORMAT (SCOPE_FOLDER) "not an mbox: ..." when the first line that
 * is not empty is no From_ line; an empty file has no messages. `name` stands in locators, `path`
 * in errors and notices (both are copied). Notices go to `notices` (owned by the caller, who keeps
 * it longer). */
int mbox_file_open(int dirfd, const char *path, const char *name, struct notices *notices,
		   struct mbox_file **out, struct err *err);

/* Fills everything that a source fills (message.h): body, canon rules, flags by dialect
 * (dialect.h), arrival, state (STATE_DELETED for expunged and \Deleted ones, also delivered),
 * locator "NAME@OFFSET+LENGTH:RULES". Pseudo messages are not delivered but noticed. At the end the
 * file's stamp is compared: ERR_CHANGED, SCOPE_FOLDER. 1, 0, -1. After -1 only close() may follow.
 */
int mbox_file_next(struct mbox_file *f, struct arena *a, struct message *out, struct err *err);

/* Start over with the first message. */
void mbox_file_rewind(struct mbox_file *f);

/* Is there not even a From_ line? */
bool mbox_file_is_empty(const struct mbox_file *f);

/* The stamp when it was opened, for fingerprints. */
struct stamp mbox_file_stamp(const struct mbox_file *f);

/* Whether the file is still the one that was opened (fstat and name). */
bool mbox_file_unchanged(const struct mbox_file *f);

/* Body and rules from the part of a locator behind NAME ("@OFFSET+LENGTH:RULES"): 0, or -1;
 * ERR_CHANGED (SCOPE_MESSAGE) when no message has these borders. The iteration is not disturbed.
 * Whether it is the same message still, its digest tells. */
int mbox_file_locate(struct mbox_file *f, const char *suffix, struct message *out, struct err *err);

void mbox_file_close(struct mbox_file *f); /* NULL does nothing */

#endif

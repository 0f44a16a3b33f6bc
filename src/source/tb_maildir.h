/*
 * One folder of Thunderbird's maildir store: NAME/cur/FILE.eml, each file one
 * message. It is no real maildir: names carry no flags; these stand in the
 * X-Mozilla-* headers at the top of each file, as in the mbox store.
 */
#ifndef MAILHOIST_SOURCE_TB_MAILDIR_H
#define MAILHOIST_SOURCE_TB_MAILDIR_H

#include "source/notices.h"

struct tb_maildir;

/* Open the folder at `path`; `name` is its path for locators (copied). Lists the directory once for
 * the fingerprint. tmp/ is counted in the notices, never read. */
int tb_maildir_open(const char *path, const char *name, struct notices *notices,
		    struct tb_maildir **out, struct err *err);

/* As mbox_file_next(): every message, the deleted ones as STATE_DELETED. */
int tb_maildir_next(struct tb_maildir *d, struct arena *a, struct message *out, struct err *err);

/* Changes with any file's name, size or mtime. */
uint64_t tb_maildir_fingerprint(const struct tb_maildir *d);

void tb_maildir_close(struct tb_maildir *d);

#endif

/*
 * Locators of messages in mboxes, "NAME@OFFSET+LENGTH:RULES": text that finds a message again.
 */
#ifndef MAILHOIST_SOURCE_MBOX_LOCATOR_H
#define MAILHOIST_SOURCE_MBOX_LOCATOR_H

#include "message/message.h"

/* Append a file's name as it stands in locators, printable and reversible: '%', '@', controls and
 * what is not UTF-8 become %XX. */
void mbox_locator_escape(struct buf *out, struct slice name);

/* The locator of the message with this body and these rules. NULL when out of memory. */
char *mbox_locator_write(const char *escaped, const struct message *m, struct arena *a);

/* Split a locator: *name is unescaped into the arena, *suffix points at the '@' in `locator`.
 * 0, or -1 (ERR_FORMAT, SCOPE_MESSAGE). */
int mbox_locator_split(const char *locator, struct arena *a, const char **name, const char **suffix,
		       struct err *err);

/* What stands behind NAME. 0, or -1 (ERR_FORMAT, SCOPE_MESSAGE). */
int mbox_locator_read(const char *suffix, uint64_t *off, uint64_t *len, struct canon_rules *rules,
		      struct err *err);

#endif

/*
 * Names of scratch folders that a probe is about to make on the server: written
 * down before they are made and struck out when they are gone, so that whatever
 * happens in between, the next probe takes them away.
 */
#ifndef MAILHOIST_JOURNAL_SCRATCH_H
#define MAILHOIST_JOURNAL_SCRATCH_H

#include "journal/journal.h"

int journal_scratch_add(struct journal *j, const char *wire_name, struct err *err);
int journal_scratch_gone(struct journal *j, const char *wire_name, struct err *err);

/* The names in order: pass the last one ("" first). 1, 0, -1. */
int journal_scratch_next(struct journal *j, const char *after, struct arena *a, const char **out,
			 struct err *err);

#endif

/*
 * A list of notices, for the sources to fill and their next_notice() to drain.
 */
#ifndef MAILHOIST_SOURCE_NOTICES_H
#define MAILHOIST_SOURCE_NOTICES_H

#include "source/source.h"

#define NOTICES_MAX 1000 /* a store with more is summed up in the last one */

struct notices {
	struct arena arena;
	size_t n, taken;
	struct notice list[NOTICES_MAX];
};

struct notices *notices_new(void);
void notices_free(struct notices *n);

/* Add one; the same kind and location is summed up. Text by printf. */
void notices_add(struct notices *n, enum notice_kind kind, uint64_t count, const char *location,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* As source_ops.next_notice; texts are copied into the arena. */
int notices_next(struct notices *n, struct arena *a, struct notice *out);

#endif

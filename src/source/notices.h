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
	uint32_t hash[NOTICES_MAX]; /* of kind and location: finds the one to add to */
};

struct notices *notices_new(void); /* NULL when out of memory */
void notices_free(struct notices *n);

/* Add one; the same kind and location is summed up under its first text. Text by printf. When
 * the list is full or memory is out, the count goes to the last notice of the list. */
void notices_add(struct notices *n, enum notice_kind kind, uint64_t count, const char *location,
		 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The same, but only the same text is summed up: for places of which several things are told. */
void notices_tell(struct notices *n, enum notice_kind kind, uint64_t count, const char *location,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* As source_ops.next_notice; texts are copied into the arena. A drained list starts over. */
int notices_next(struct notices *n, struct arena *a, struct notice *out);

#endif

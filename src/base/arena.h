/*
 * An arena hands out memory that is freed all at once: one for each message,
 * reset before the next; one for each account. An arena has a limit, so that a
 * hostile file cannot make it grow without end.
 */
#ifndef MAILHOIST_BASE_ARENA_H
#define MAILHOIST_BASE_ARENA_H

#include "base/buf.h"
#include "base/slice.h"

struct arena_block;

struct arena {
	struct arena_block *first, *current;
	size_t used, limit;
};

#define ARENA_INIT(limit_)                                                                         \
	{                                                                                          \
		NULL, NULL, 0, (limit_)                                                            \
	}

void arena_release(struct arena *a); /* frees everything */
void arena_reset(struct arena *a);   /* forgets everything, keeps the first block */

/* Zeroed memory, aligned for any type; NULL when out of memory or over the limit. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_copy(struct arena *a, const void *bytes, size_t len); /* NUL-terminated copy */
char *arena_str(struct arena *a, const char *text);
char *arena_slice(struct arena *a, struct slice s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

/*
 * A set of 64-bit hashes, eight bytes a member and as much again of empty room: which files of a
 * folder were met already. 200,000 members take 4 MiB.
 */
#ifndef MAILHOIST_SOURCE_HASH_SET_H
#define MAILHOIST_SOURCE_HASH_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct hash_set {
	uint64_t *slots; /* 0: empty */
	size_t n, cap;	 /* cap is a power of two, or 0 */
};

#define HASH_SET_INIT                                                                              \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}

/* Add a hash (0 counts as 1): 1 when it is new, 0 when it was there, -1 when out of memory. */
int hash_set_add(struct hash_set *set, uint64_t hash, struct err *err);

void hash_set_clear(struct hash_set *set); /* keeps the memory */
void hash_set_release(struct hash_set *set);

#endif

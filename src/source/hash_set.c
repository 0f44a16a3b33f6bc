/*
 * A set of hashes with open addressing: see hash_set.h.
 */
#include "source/hash_set.h"

#include <stdlib.h>
#include <string.h>

#define CAP_MIN 1024

/* The slot that holds `hash` or is free for it. */
static size_t slot_of(const uint64_t *slots, size_t cap, uint64_t hash)
{
	size_t at = (size_t)hash & (cap - 1);

	while (slots[at] && slots[at] != hash)
		at = (at + 1) & (cap - 1);
	return at;
}

static int grow(struct hash_set *set, struct err *err)
{
	size_t cap = set->cap ? 2 * set->cap : CAP_MIN;
	uint64_t *slots = calloc(cap, sizeof(*slots));

	if (!slots)
		return err_nomem(err);
	for (size_t i = 0; i < set->cap; i++)
		if (set->slots[i])
			slots[slot_of(slots, cap, set->slots[i])] = set->slots[i];
	free(set->slots);
	set->slots = slots;
	set->cap = cap;
	return 0;
}

int hash_set_add(struct hash_set *set, uint64_t hash, struct err *err)
{
	size_t at;

	if (hash == 0)
		hash = 1;
	if (4 * set->n >= 3 * set->cap && grow(set, err) != 0)
		return -1;
	at = slot_of(set->slots, set->cap, hash);
	if (set->slots[at])
		return 0;
	set->slots[at] = hash;
	set->n++;
	return 1;
}

void hash_set_clear(struct hash_set *set)
{
	if (set->slots)
		memset(set->slots, 0, set->cap * sizeof(*set->slots));
	set->n = 0;
}

void hash_set_release(struct hash_set *set)
{
	free(set->slots);
	*set = (struct hash_set)HASH_SET_INIT;
}

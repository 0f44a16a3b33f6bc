/*
 * Arenas: chained blocks, freed at once. See arena.h.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)16 << 10)

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	max_align_t data[];
};

void arena_release(struct arena *a)
{
	struct arena_block *block = a->first;

	while (block) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	*a = (struct arena)ARENA_INIT(a->limit);
}

void arena_reset(struct arena *a)
{
	struct arena_block *block = a->first ? a->first->next : NULL;

	while (block) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	if (a->first) {
		a->first->next = NULL;
		a->first->used = 0;
	}
	a->current = a->first;
	a->used = 0;
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
	size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
	struct arena_block *block = malloc(sizeof(*block) + room);

	if (!block)
		return NULL;
	block->next = NULL;
	block->size = room;
	block->used = 0;
	if (a->current)
		a->current->next = block;
	else
		a->first = block;
	a->current = block;
	return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *block = a->current;
	void *out;

	if (size > a->limit || a->used > a->limit - size)
		return NULL;
	size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
	if (!block || block->size - block->used < size)
		block = add_block(a, size);
	if (!block)
		return NULL;
	out = (char *)block->data + block->used;
	block->used += size;
	a->used += size;
	return memset(out, 0, size);
}

char *arena_copy(struct arena *a, const void *bytes, size_t len)
{
	char *out = len == SIZE_MAX ? NULL : arena_alloc(a, len + 1);

	if (out && len > 0)
		memcpy(out, bytes, len);
	return out;
}

char *arena_str(struct arena *a, const char *text)
{
	return arena_copy(a, text, strlen(text));
}

char *arena_slice(struct arena *a, struct slice s)
{
	return arena_copy(a, s.ptr, s.len);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	char *out;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	out = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
	if (!out)
		return NULL;
	va_start(args, fmt);
	vsnprintf(out, (size_t)len + 1, fmt, args);
	va_end(args);
	return out;
}

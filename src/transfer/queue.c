/*
 * Batches and lists of them. Nothing here fails but for want of memory.
 */
#include "transfer/queue.h"

#include <stdlib.h>

#define CHUNK_ARENA_MAX (32u << 20) /* texts of the uploads; one is about 1 kB */

struct chunk *chunk_new(size_t max)
{
	struct chunk *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->refs = 1;
	c->arena = (struct arena)ARENA_INIT(CHUNK_ARENA_MAX);
	c->uploads = arena_alloc(&c->arena, max * sizeof(*c->uploads));
	if (!c->uploads) {
		chunk_unref(c);
		return NULL;
	}
	return c;
}

void chunk_unref(struct chunk *c)
{
	if (--c->refs > 0)
		return;
	arena_release(&c->arena);
	free(c);
}

static uint64_t sum_octets(const struct chunk *c, size_t first, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = first; i < first + n; i++)
		sum += c->uploads[i].wire_len;
	return sum;
}

struct batch *batch_new(struct chunk *c, size_t first, size_t n)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	c->refs++;
	b->chunk = c;
	b->first = first;
	b->n = n;
	b->octets = sum_octets(c, first, n);
	return b;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	chunk_unref(b->chunk);
	free(b);
}

struct batch *batch_split(struct batch *b, size_t n)
{
	struct batch *rest = batch_new(b->chunk, b->first + n, b->n - n);

	if (!rest)
		return NULL;
	rest->plain_flags = b->plain_flags;
	rest->tries = b->tries;
	rest->uploaded_before = b->uploaded_before;
	b->n = n;
	b->octets -= rest->octets;
	return rest;
}

void list_push_last(struct batch_list *list, struct batch *b)
{
	b->next = NULL;
	if (list->last)
		list->last->next = b;
	else
		list->first = b;
	list->last = b;
	list->n++;
	list->octets += b->octets;
	list->messages += b->n;
}

void list_push_first(struct batch_list *list, struct batch *b)
{
	b->next = list->first;
	list->first = b;
	if (!list->last)
		list->last = b;
	list->n++;
	list->octets += b->octets;
	list->messages += b->n;
}

struct batch *list_take_first(struct batch_list *list)
{
	struct batch *b = list->first;

	if (!b)
		return NULL;
	list->first = b->next;
	if (!list->first)
		list->last = NULL;
	list->n--;
	list->octets -= b->octets;
	list->messages -= b->n;
	b->next = NULL;
	return b;
}

void list_bring_first(struct batch_list *list, struct batch *b)
{
	struct batch *before = list->first;

	if (b == before)
		return;
	while (before->next != b)
		before = before->next;
	before->next = b->next;
	if (list->last == b)
		list->last = before;
	b->next = list->first;
	list->first = b;
}

void list_release(struct batch_list *list)
{
	struct batch *b;

	while ((b = list_take_first(list)))
		batch_free(b);
}

size_t batch_ids(const struct batch *b, int64_t *ids)
{
	for (size_t i = 0; i < b->n; i++)
		ids[i] = b->chunk->uploads[b->first + i].id;
	return b->n;
}

/*
 * A list of notices, bounded: see notices.h.
 */
#include "source/notices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXTS_MAX ((size_t)1 << 20) /* bytes of all texts and locations together */
#define TEXT_MAX  512		    /* bytes of one text; a longer one is cut */

struct notices *notices_new(void)
{
	struct notices *n = calloc(1, sizeof(*n));

	if (n)
		n->arena = (struct arena)ARENA_INIT(TEXTS_MAX);
	return n;
}

void notices_free(struct notices *n)
{
	if (!n)
		return;
	arena_release(&n->arena);
	free(n);
}

/* FNV-1a: only tells apart quickly; equality is checked. */
static uint32_t hash_of(enum notice_kind kind, const char *location)
{
	uint32_t h = UINT32_C(2166136261) ^ (uint32_t)kind;

	for (const char *p = location; *p; p++)
		h = (h ^ (uint8_t)*p) * UINT32_C(16777619);
	return h;
}

/* `text` NULL: whatever it says. */
static struct notice *find(struct notices *n, enum notice_kind kind, const char *location,
			   const char *text)
{
	uint32_t hash = hash_of(kind, location);

	for (size_t i = n->n; i-- > n->taken;)
		if (n->hash[i] == hash && n->list[i].kind == kind &&
		    strcmp(n->list[i].location, location) == 0 &&
		    (!text || strcmp(n->list[i].text, text) == 0))
			return &n->list[i];
	return NULL;
}

/* Room for one more, or NULL. */
static struct notice *append(struct notices *n, enum notice_kind kind, const char *location,
			     const char *text)
{
	struct notice *new = &n->list[n->n];

	if (n->n == NOTICES_MAX - 1) { /* the last place is for the rest */
		location = "...";
		text = "more notices than are listed one by one";
	} else if (n->n == NOTICES_MAX) {
		return NULL;
	}
	new->location = arena_str(&n->arena, location);
	new->text = arena_str(&n->arena, text);
	if (!new->location || !new->text)
		return NULL;
	new->kind = kind;
	new->count = 0;
	n->hash[n->n] = hash_of(kind, location);
	n->n++;
	return new;
}

static void add(struct notices *n, struct notice *at, enum notice_kind kind, uint64_t count,
		const char *location, const char *text)
{
	if (!at)
		at = append(n, kind, location, text);
	if (!at && n->n > n->taken) {
		at = &n->list[n->n - 1];
		if (kind == NOTICE_LOST || kind == NOTICE_INTEGRITY)
			at->kind = kind; /* what counts for the exit status is not drowned */
	}
	if (at)
		at->count += count;
}

void notices_add(struct notices *n, enum notice_kind kind, uint64_t count, const char *location,
		 const char *fmt, ...)
{
	struct notice *at = find(n, kind, location, NULL);
	char text[TEXT_MAX] = "";
	va_list args;

	if (!at) {
		va_start(args, fmt);
		vsnprintf(text, sizeof(text), fmt, args);
		va_end(args);
	}
	add(n, at, kind, count, location, text);
}

void notices_tell(struct notices *n, enum notice_kind kind, uint64_t count, const char *location,
		  const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	add(n, find(n, kind, location, text), kind, count, location, text);
}

int notices_next(struct notices *n, struct arena *a, struct notice *out)
{
	struct notice *next;

	if (n->taken == n->n) {
		n->n = n->taken = 0;
		arena_reset(&n->arena);
		return 0;
	}
	next = &n->list[n->taken++];
	out->kind = next->kind;
	out->count = next->count;
	out->location = arena_str(a, next->location);
	out->text = arena_str(a, next->text);
	if (!out->location)
		out->location = "";
	if (!out->text)
		out->text = "";
	return 1;
}

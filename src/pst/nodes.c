/*
 * Loading the node B-tree (nodes.h): one walk, O(n). (libpst's own loader looks for
 * each node's parent by walking all nodes: O(n^2).)
 */
#include "pst/nodes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "pst/btree.h"
#include "pst/bytes.h"

#define NODES_MAX 50000000 /* 1.4 GB: no store of Outlook's comes near it */

static int add(struct nodes *s, const struct ndb *n, const uint8_t *entry, struct err *err)
{
	struct node *to;

	if (s->n == NODES_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_SOURCE, RETRY_NEVER, "more than %d nodes",
			       NODES_MAX);
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 1024;
		struct node *more = reallocarray(s->list, cap, sizeof(*more));

		if (!more)
			return err_nomem(err);
		s->list = more;
		s->cap = cap;
	}
	to = &s->list[s->n++];
	if (ndb_header(n)->format == PST_ANSI)
		*to = (struct node){ get32(entry), get32(entry + 12), get32(entry + 4),
				     get32(entry + 8) };
	else
		*to = (struct node){ get32(entry), get32(entry + 24), get64(entry + 8),
				     get64(entry + 16) };
	return 0;
}

static int by_nid(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return x->nid < y->nid ? -1 : x->nid > y->nid;
}

/* A sound tree is in order. In a damaged one the same number may come twice: the first stays. */
static void put_in_order(struct nodes *s, struct damages *damages)
{
	size_t kept = 1, i = 1;

	while (i < s->n && s->list[i - 1].nid < s->list[i].nid)
		i++;
	if (i >= s->n)
		return;
	damage_add(damages, 0, 0, "the node index is not in order");
	qsort(s->list, s->n, sizeof(*s->list), by_nid);
	for (i = 1; i < s->n; i++) {
		if (s->list[i].nid != s->list[kept - 1].nid)
			s->list[kept++] = s->list[i];
		else
			damage_add(damages, s->list[i].nid, 0,
				   "the node index has %" PRIx32 " twice", s->list[i].nid);
	}
	s->n = kept;
}

static int compare_parent(const void *a, const void *b, void *list)
{
	const struct node *x = (const struct node *)list + *(const uint32_t *)a;
	const struct node *y = (const struct node *)list + *(const uint32_t *)b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return x->nid < y->nid ? -1 : x->nid > y->nid;
}

static int index_parents(struct nodes *s, struct err *err)
{
	s->by_parent = calloc(s->n ? s->n : 1, sizeof(*s->by_parent));
	if (!s->by_parent)
		return err_nomem(err);
	for (size_t i = 0; i < s->n; i++)
		s->by_parent[i] = (uint32_t)i;
	qsort_r(s->by_parent, s->n, sizeof(*s->by_parent), compare_parent, s->list);
	return 0;
}

static void say_gap(struct damages *damages, const struct btree_gap *gap, const char *why)
{
	damage_add(damages, 0, 0,
		   "%s: the nodes %" PRIx64 " to %" PRIx64
		   " are lost; how many items were among them cannot be told",
		   why, gap->from, gap->to);
	damage_unknown(damages);
}

static int walk(struct nodes *s, struct btree *t, const struct ndb *n, struct damages *damages,
		struct err *err)
{
	const uint8_t *entry;
	struct btree_gap gap;
	struct err bad = ERR_INIT;
	int got;

	btree_start(t, n, ndb_header(n)->nodes, PAGE_NBT);
	while ((got = btree_next(t, &entry, &gap, &bad)) != 0) {
		if (got > 0 && add(s, n, entry, err) < 0)
			return -1;
		if (got < 0 && gap.from == 0 && gap.to == UINT64_MAX) {
			*err = bad;
			return -1;
		}
		if (got < 0)
			say_gap(damages, &gap, bad.text);
	}
	return 0;
}

int nodes_load(struct nodes *s, const struct ndb *n, struct damages *damages, struct err *err)
{
	struct btree *t = malloc(sizeof(*t));
	int got = t ? walk(s, t, n, damages, err) : err_nomem(err);

	free(t);
	if (got < 0)
		return -1;
	put_in_order(s, damages);
	return index_parents(s, err);
}

void nodes_release(struct nodes *s)
{
	free(s->list);
	free(s->by_parent);
	*s = (struct nodes){ .list = NULL };
}

const struct node *nodes_find(const struct nodes *s, uint32_t nid)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->list[mid].nid < nid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n && s->list[low].nid == nid ? &s->list[low] : NULL;
}

size_t nodes_first_child(const struct nodes *s, uint32_t parent)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->list[s->by_parent[mid]].parent < parent)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct node *nodes_next_child(const struct nodes *s, uint32_t parent, enum nid_type type,
				    size_t *at)
{
	while (*at < s->n) {
		const struct node *node = &s->list[s->by_parent[*at]];

		if (node->parent != parent)
			break;
		++*at;
		if (nid_type(node->nid) == type)
			return node;
	}
	return NULL;
}

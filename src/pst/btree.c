/*
 * Walking a B-tree of pages (btree.h) with a stack of pages. Every step down must
 * lead to a level one lower, and no more pages are read than the file has: a
 * damaged tree ends, whatever it points to.
 */
#include "pst/btree.h"

#include <inttypes.h>

#include "pst/bytes.h"

/* Where the counts of a page stand, and how long entries are at least. */
struct shape {
	unsigned counts, area, child, leaf[2];
};

static const struct shape shapes[] = {
	[PST_ANSI] = { 0x1f0, 0x1f0, 12, { 12, 16 } },
	[PST_UNICODE] = { 0x1e8, 0x1e8, 24, { 20, 28 } },
	[PST_OST_4K] = { 0xfd8, 0xfd8, 24, { 24, 28 } },
};

void btree_start(struct btree *t, const struct ndb *n, struct bref root, uint8_t type)
{
	t->ndb = n;
	t->root = root;
	t->type = type;
	t->pages_left = ndb_header(n)->file_size / 512 + 1;
	t->depth = -1;
}

static int damaged(struct err *err, const char *what, uint64_t at)
{
	err_set(err, ERR_FORMAT, SCOPE_SOURCE, RETRY_NEVER, "index page at byte %" PRIu64 ": %s",
		at, what);
	return -1;
}

/* Read the page into the next level of the stack. `want`: its level, or -1 for the root. */
static int push(struct btree *t, struct bref ref, int want, uint64_t last_key, struct err *err)
{
	enum pst_format format = ndb_header(t->ndb)->format;
	const struct shape *s = &shapes[format];
	struct btree_level *l = &t->level[t->depth];
	const uint8_t *counts = l->page + s->counts;
	unsigned least;

	if (t->pages_left == 0)
		return damaged(err, "the index runs in circles", ref.at);
	t->pages_left--;
	if (ndb_page(t->ndb, ref, t->type, l->page, err) < 0)
		return -1;
	if (format == PST_OST_4K) {
		l->n = get16(counts);
		l->stride = counts[4];
		l->level = counts[5];
	} else {
		l->n = counts[0];
		l->stride = counts[2];
		l->level = counts[3];
	}
	least = l->level > 0 ? s->child : s->leaf[t->type == PAGE_NBT];
	if (l->stride < least || l->n * l->stride > s->area)
		return damaged(err, "wrong counts", ref.at);
	if (want < 0 ? l->level >= BTREE_DEPTH : l->level != (unsigned)want)
		return damaged(err, "wrong level", ref.at);
	l->at = 0;
	l->last_key = last_key;
	t->depth++;
	return 0;
}

static uint64_t key_at(const struct btree *t, const struct btree_level *l, unsigned i)
{
	const uint8_t *entry = l->page + i * l->stride;

	return ndb_header(t->ndb)->format == PST_ANSI ? get32(entry) : get64(entry);
}

static struct bref child_at(const struct btree *t, const struct btree_level *l, unsigned i)
{
	const uint8_t *entry = l->page + i * l->stride;

	if (ndb_header(t->ndb)->format == PST_ANSI)
		return (struct bref){ get32(entry + 4), get32(entry + 8) };
	return (struct bref){ get64(entry + 8), get64(entry + 16) };
}

int btree_next(struct btree *t, const uint8_t **entry, struct btree_gap *gap, struct err *err)
{
	*gap = (struct btree_gap){ 0, UINT64_MAX };
	if (t->depth < 0) {
		t->depth = 0;
		if (push(t, t->root, -1, UINT64_MAX, err) < 0)
			return -1;
	}
	while (t->depth > 0) {
		struct btree_level *l = &t->level[t->depth - 1];
		unsigned i = l->at++;

		if (i >= l->n) {
			t->depth--;
			continue;
		}
		if (l->level == 0) {
			*entry = l->page + i * l->stride;
			return 1;
		}
		gap->from = key_at(t, l, i);
		gap->to = i + 1 < l->n ? key_at(t, l, i + 1) : l->last_key;
		if (push(t, child_at(t, l, i), (int)l->level - 1, gap->to, err) < 0)
			return -1;
	}
	return 0;
}

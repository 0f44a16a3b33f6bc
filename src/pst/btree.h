/*
 * The B-trees of pages (MS-PST 2.2.2.7.7): block index and node index, walked from
 * the first entry to the last.
 */
#ifndef MAILHOIST_PST_BTREE_H
#define MAILHOIST_PST_BTREE_H

#include "pst/ndb.h"

struct btree_level {
	uint8_t page[PAGE_MAX];
	unsigned n, at, stride, level;
	uint64_t last_key; /* keys below this page are smaller */
};

struct btree {
	const struct ndb *ndb;
	struct bref root;
	uint8_t type;
	uint64_t pages_left; /* more pages than the file has: it runs in circles */
	int depth;	     /* levels in use */
	struct btree_level level[BTREE_DEPTH];
};

/* A page that could not be read, and with it the keys from..to (exclusive). */
struct btree_gap {
	uint64_t from, to;
};

/* The caller provides `t` (32 KiB: not on the stack). */
void btree_start(struct btree *t, const struct ndb *n, struct bref root, uint8_t type);

/* 1 and a leaf entry, valid until the next call; 0 at the end; -1: a page is unreadable, *gap tells
 * what is missing; ask again for what follows it. When the root is, gap->from is 0 and gap->to
 * UINT64_MAX, and nothing follows. */
int btree_next(struct btree *t, const uint8_t **entry, struct btree_gap *gap, struct err *err);

#endif

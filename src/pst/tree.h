/*
 * What hangs from a node (MS-PST 2.2.2.8.3): its data, cut into blocks, and its
 * subnodes. Nothing is loaded: data are read in pieces, subnodes looked up.
 */
#ifndef MAILHOIST_PST_TREE_H
#define MAILHOIST_PST_TREE_H

#include "pst/ndb.h"

/* A data tree: one block, or blocks listed in XBLOCKs, or these in an XXBLOCK. */
struct tree {
	struct ndb *n;
	uint64_t bid; /* 0: no data */
	bool counted;
	size_t blocks; /* once counted */
	/* Where the last read ended: block number, and the offset it starts at. */
	size_t at;
	uint64_t start;
	/* The XBLOCK last used below an XXBLOCK: its place, and the number of its first block. */
	size_t part, part_first;
};

void tree_init(struct tree *t, struct ndb *n, uint64_t bid);

/* Number of data blocks. */
int tree_blocks(struct tree *t, size_t *n, struct err *err);

/* The i-th data block, from 0; valid until another block is read. ERR_LIMIT: there is none. */
int tree_block(struct tree *t, size_t i, struct slice *out, struct err *err);

/* Length of all data, by the index. */
int tree_len(struct tree *t, uint64_t *len, struct err *err);

/* How much can be read from the beginning on: true: all of it. By the index alone, or (`verify`) by
 * reading it. */
bool tree_readable(struct tree *t, bool verify, uint64_t *len);

/* Up to `want` bytes from `off`; *got is less only at the end. */
int tree_read(struct tree *t, uint64_t off, void *to, size_t want, size_t *got, struct err *err);

struct subnode {
	uint32_t nid;
	uint64_t data, sub;
};

/* The first subnode with a number above `after`: 1, 0 (none), -1. `sub`: block id of the list, 0:
 * there are none. */
int subnode_next(struct ndb *n, uint64_t sub, uint32_t after, struct subnode *out, struct err *err);

/* The subnode of that number: 1, 0, -1. */
int subnode_find(struct ndb *n, uint64_t sub, uint32_t nid, struct subnode *out, struct err *err);

#endif

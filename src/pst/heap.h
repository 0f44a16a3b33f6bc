/*
 * Heaps (MS-PST 2.3.1) and the B-trees on them (2.3.2): small things packed into
 * the data of one node.
 */
#ifndef MAILHOIST_PST_HEAP_H
#define MAILHOIST_PST_HEAP_H

#include "pst/tree.h"

#define HEAP_PROPS 0xbc /* client signatures */
#define HEAP_TABLE 0x7c

struct heap {
	struct tree tree;
	uint32_t root; /* HID of what the client starts from */
	unsigned index_bits;
};

/* -1 (SCOPE_MESSAGE): no heap of that client. */
int heap_open(struct heap *h, struct ndb *n, uint64_t bid, uint8_t client, struct err *err);

/* The item with that id; empty for id 0. Valid until another block is read. */
int heap_item(struct heap *h, uint32_t hid, struct slice *out, struct err *err);

/* Ids that may be a subnode's instead (HNID): the low 5 bits tell. */
static inline bool hnid_is_subnode(uint32_t hnid)
{
	return hnid & 0x1f;
}

#define BTH_DEPTH 6 /* of 3580-byte items with 8-byte entries: more than a heap can hold */

struct bth {
	struct heap *heap;
	unsigned key_len, data_len, levels;
	uint32_t root;
	uint64_t items_left; /* of the walk; more than a heap has: it runs in circles */
	int depth;	     /* of the walk: -1 not begun */
	struct {
		uint32_t hid;
		size_t at;
	} step[BTH_DEPTH + 1];
};

int bth_open(struct bth *b, struct heap *h, uint32_t hid, unsigned key_len, unsigned data_len,
	     struct err *err);

/* The next leaf's records (key and data, one behind the other), valid until another block is read:
 * 1, 0 (the end), -1. */
int bth_next_leaf(struct bth *b, struct slice *records, struct err *err);

#endif

/*
 * Outlook stores made by hand, for the tests of the reader's layers: blocks and
 * nodes as given, sound or not; header, index pages, trailers and checksums around
 * them are right, unless somebody spoils them afterwards.
 */
#ifndef MAILHOIST_TESTS_PST_FILE_H
#define MAILHOIST_TESTS_PST_FILE_H

#include "base/buf.h"
#include "pst/pst.h"

#define MADE_MAX 400 /* blocks, nodes */

struct made {
	enum pst_format format;
	struct buf file;
	struct {
		uint64_t bid, at;
		uint16_t len, whole;
	} block[MADE_MAX];
	struct {
		uint32_t nid, parent;
		uint64_t data, sub;
	} node[MADE_MAX];
	size_t n_blocks, n_nodes;
	uint64_t next_page;
};

void made_start(struct made *m, enum pst_format format);
void made_release(struct made *m);

/* Blocks and nodes in ascending order of BID, NID. */
void made_block(struct made *m, uint64_t bid, const void *bytes, size_t len);
void made_deflated(struct made *m, uint64_t bid, const void *bytes, size_t len, size_t whole);
void made_node(struct made *m, uint32_t nid, uint64_t data, uint64_t sub, uint32_t parent);

/* Write indexes and header; the file as a descriptor (the caller's), or -1. */
int made_finish(struct made *m);

/* Where a block lies. */
uint64_t made_at(const struct made *m, uint64_t bid);

/* Numbers, little-endian, into bytes being built. */
void add16(struct buf *b, uint16_t n);
void add32(struct buf *b, uint32_t n);
void add64(struct buf *b, uint64_t n);

/* A heap in one block: items get the HIDs 0x20, 0x40, ... in the order added. */
struct made_heap {
	struct buf bytes;
	uint16_t end[200];
	size_t n;
};
void made_heap_start(struct made_heap *h, uint8_t client, uint32_t root);
uint32_t made_heap_add(struct made_heap *h, const void *bytes, size_t len);
struct slice made_heap_finish(struct made_heap *h); /* valid until the release */
void made_heap_release(struct made_heap *h);

#endif

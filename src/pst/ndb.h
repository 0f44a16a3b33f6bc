/*
 * The bottom layer of an Outlook store (MS-PST 2.2): header, pages, blocks. A block
 * comes out verified (checksum, block id), inflated and decrypted, by its id.
 * libpst lives here and nowhere else in the program.
 */
#ifndef MAILHOIST_PST_NDB_H
#define MAILHOIST_PST_NDB_H

#include "pst/damage.h"

struct ndb;

/* Where a page or block lies. */
struct bref {
	uint64_t bid, at;
};

struct ndb_header {
	enum pst_format format;
	int version;
	int encryption;
	bool crc_ok;
	bool ost;
	uint64_t file_size, header_size;
	struct bref nodes, blocks; /* roots of the two B-trees */
};

/* Read the header and the block index. Errors as pst_store_open(). Findings go to `damages`, which
 * stays the caller's. */
int ndb_open(int fd, struct damages *damages, struct ndb **out, struct err *err);
void ndb_close(struct ndb *n);
const struct ndb_header *ndb_header(const struct ndb *n);

/* Bytes of a block: valid until the next call of this function. -1 (SCOPE_MESSAGE): not in the
 * index, outside of the file, or its checksum or id is wrong. */
int ndb_block(struct ndb *n, uint64_t bid, struct slice *out, struct err *err);

/* Length of its content by the index, without reading it: false if the index does not have it. */
bool ndb_block_len(const struct ndb *n, uint64_t bid, uint64_t *len);

/* Blocks of other blocks' ids (XBLOCK, SLBLOCK ...), never encrypted. */
static inline bool bid_internal(uint64_t bid)
{
	return bid & 2;
}

/* Bytes that a BID takes in internal blocks. */
static inline size_t bid_width(const struct ndb *n)
{
	return ndb_header(n)->format == PST_ANSI ? 4 : 8;
}

/* ---- for the two B-trees (btree.c) ---- */

#define PAGE_MAX    4096
#define PAGE_BBT    0x80
#define PAGE_NBT    0x81
#define BTREE_DEPTH 8 /* 20 entries a page: 8 levels are more than a file can hold */

/* Read a page into `page` and verify it. */
int ndb_page(const struct ndb *n, struct bref ref, uint8_t type, uint8_t page[PAGE_MAX],
	     struct err *err);

#endif

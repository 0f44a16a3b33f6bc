/*
 * Data trees and subnode lists (tree.h), MS-PST 2.2.2.8.3. An XXBLOCK may list
 * XBLOCKs only, and an XBLOCK data blocks only; the same for SIBLOCK and SLBLOCK:
 * so no damaged file leads in circles. Lengths of blocks are taken as they are:
 * 4K stores have full blocks of any length.
 */
#include "pst/tree.h"

#include <inttypes.h>

#include "pst/bytes.h"

static int damaged(struct err *err, uint64_t bid, const char *what)
{
	err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER, "block 0x%" PRIx64 ": %s", bid, what);
	return -1;
}

/* ---- data trees ---- */

void tree_init(struct tree *t, struct ndb *n, uint64_t bid)
{
	*t = (struct tree){ .n = n, .bid = bid };
}

/* Read a list of blocks. *level is 1 (of data blocks) or 2 (of XBLOCKs). */
static int read_list(struct ndb *n, uint64_t bid, unsigned *level, size_t *count,
		     const uint8_t **bids, struct err *err)
{
	struct slice s;
	const uint8_t *bytes;

	if (ndb_block(n, bid, &s, err) < 0)
		return -1;
	bytes = (const uint8_t *)s.ptr;
	if (s.len < 8 || bytes[0] != 1 || bytes[1] < 1 || bytes[1] > 2)
		return damaged(err, bid, "no list of blocks");
	*level = bytes[1];
	*count = get16(bytes + 2);
	if (*count > (s.len - 8) / bid_width(n))
		return damaged(err, bid, "a list of blocks that is cut short");
	*bids = bytes + 8;
	return 0;
}

static uint64_t bid_of(const struct ndb *n, const uint8_t *bids, size_t i)
{
	return bid_width(n) == 4 ? get32(bids + i * 4) : get64(bids + i * 8);
}

/* Take one id out of a list. */
static int list_entry(struct ndb *n, uint64_t list, unsigned level, size_t i, uint64_t *bid,
		      size_t *count, struct err *err)
{
	const uint8_t *bids;
	unsigned found;

	if (read_list(n, list, &found, count, &bids, err) < 0)
		return -1;
	if (found != level)
		return damaged(err, list, "a list of blocks of the wrong level");
	*bid = i < *count ? bid_of(n, bids, i) : 0;
	if (*bid && bid_internal(*bid) != (level == 2))
		return damaged(err, list, "a list of blocks of the wrong kind");
	return 0;
}

/* Find the XBLOCK that lists data block i; *first becomes the number of its first one. */
static int find_part(struct tree *t, size_t i, uint64_t *xblock, struct err *err)
{
	size_t count, parts;
	uint64_t bid;

	if (i < t->part_first)
		t->part = t->part_first = 0;
	for (;; t->part++, t->part_first += count) {
		if (list_entry(t->n, t->bid, 2, t->part, xblock, &parts, err) < 0)
			return -1;
		if (t->part >= parts)
			break;
		if (list_entry(t->n, *xblock, 1, 0, &bid, &count, err) < 0)
			return -1;
		if (i - t->part_first < count)
			return 0;
	}
	t->part = t->part_first = 0;
	return err_set(err, ERR_LIMIT, SCOPE_MESSAGE, RETRY_NEVER,
		       "block 0x%" PRIx64 " lists less than %zu blocks", t->bid, i + 1);
}

/* The id of data block i; ERR_LIMIT where there are not so many. */
static int leaf_bid(struct tree *t, size_t i, uint64_t *bid, struct err *err)
{
	unsigned level;
	size_t count;
	const uint8_t *bids;
	uint64_t xblock = t->bid;

	if (!bid_internal(t->bid)) {
		*bid = i == 0 ? t->bid : 0;
	} else {
		if (read_list(t->n, t->bid, &level, &count, &bids, err) < 0)
			return -1;
		if (level == 2 && find_part(t, i, &xblock, err) < 0)
			return -1;
		i -= level == 2 ? t->part_first : 0;
		if (list_entry(t->n, xblock, 1, i, bid, &count, err) < 0)
			return -1;
	}
	if (*bid == 0)
		return err_set(err, ERR_LIMIT, SCOPE_MESSAGE, RETRY_NEVER,
			       "block 0x%" PRIx64 " has less than %zu parts", t->bid, i + 1);
	return 0;
}

static int count_blocks(struct tree *t, struct err *err)
{
	unsigned level;
	size_t count, part;
	const uint8_t *bids;
	uint64_t bid;

	t->blocks = t->bid != 0;
	if (!bid_internal(t->bid))
		return 0;
	if (read_list(t->n, t->bid, &level, &count, &bids, err) < 0)
		return -1;
	t->blocks = level == 1 ? count : 0;
	for (size_t i = 0; level == 2 && i < count; i++) {
		if (list_entry(t->n, t->bid, 2, i, &bid, &count, err) < 0 ||
		    list_entry(t->n, bid, 1, 0, &bid, &part, err) < 0)
			return -1;
		t->blocks += part;
	}
	return 0;
}

int tree_blocks(struct tree *t, size_t *n, struct err *err)
{
	if (!t->counted && count_blocks(t, err) < 0)
		return -1;
	t->counted = true;
	*n = t->blocks;
	return 0;
}

int tree_block(struct tree *t, size_t i, struct slice *out, struct err *err)
{
	uint64_t bid;

	if (leaf_bid(t, i, &bid, err) < 0)
		return -1;
	return ndb_block(t->n, bid, out, err);
}

static int leaf_len(struct tree *t, size_t i, uint64_t *len, struct err *err)
{
	uint64_t bid;

	if (leaf_bid(t, i, &bid, err) < 0)
		return -1;
	if (!ndb_block_len(t->n, bid, len))
		return damaged(err, bid, "not in the index");
	return 0;
}

/* No data are longer than the file: one that says so lists the same blocks over and over. Deflated
 * blocks can be 1032 times as long. */
static uint64_t longest(const struct ndb *n)
{
	const struct ndb_header *h = ndb_header(n);

	return h->file_size * (h->format == PST_OST_4K ? 1032 : 1);
}

/* Length of the blocks that the index has and that (`verify`) can be read, up to the first that is
 * not so: then -1. */
static int add_up(struct tree *t, bool verify, uint64_t *len, struct err *err)
{
	uint64_t one, max = longest(t->n);
	struct slice s;
	size_t n;

	*len = 0;
	if (tree_blocks(t, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (leaf_len(t, i, &one, err) < 0 || (verify && tree_block(t, i, &s, err) < 0))
			return -1;
		if (*len + one > max)
			return damaged(err, t->bid, "more data than the file has");
		*len += one;
	}
	return 0;
}

int tree_len(struct tree *t, uint64_t *len, struct err *err)
{
	uint64_t sum;

	if (add_up(t, false, &sum, err) < 0)
		return -1;
	*len = sum;
	return 0;
}

bool tree_readable(struct tree *t, bool verify, uint64_t *len)
{
	struct err bad = ERR_INIT;

	return add_up(t, verify, len, &bad) == 0;
}

/* Put the cursor on the block that holds `off`: 1, or 0 beyond the end. */
static int seek(struct tree *t, uint64_t off, size_t blocks, struct err *err)
{
	uint64_t len;

	if (off < t->start)
		t->at = 0, t->start = 0;
	for (; t->at < blocks; t->at++, t->start += len) {
		if (leaf_len(t, t->at, &len, err) < 0)
			return -1;
		if (off - t->start < len)
			return 1;
	}
	return 0;
}

int tree_read(struct tree *t, uint64_t off, void *to, size_t want, size_t *got, struct err *err)
{
	size_t done = 0, blocks;

	if (tree_blocks(t, &blocks, err) < 0)
		return -1;
	while (done < want) {
		struct slice s;
		int found = seek(t, off + done, blocks, err);

		if (found < 0)
			return -1;
		if (found == 0)
			break;
		if (tree_block(t, t->at, &s, err) < 0)
			return -1;
		s = slice_head(slice_from(s, (size_t)(off + done - t->start)), want - done);
		if (s.len == 0)
			return damaged(err, t->bid, "shorter than the index says");
		memcpy((char *)to + done, s.ptr, s.len);
		done += s.len;
	}
	*got = done;
	return 0;
}

/* ---- subnodes ---- */

struct sublist {
	const uint8_t *entry;
	size_t n, width;
	unsigned level;
};

static int read_sublist(struct ndb *n, uint64_t bid, struct sublist *out, struct err *err)
{
	size_t start = bid_width(n) == 4 ? 4 : 8, w = bid_width(n);
	struct slice s;

	if (ndb_block(n, bid, &s, err) < 0)
		return -1;
	if (s.len < start || (uint8_t)s.ptr[0] != 2 || (uint8_t)s.ptr[1] > 1)
		return damaged(err, bid, "no list of subnodes");
	*out = (struct sublist){ (const uint8_t *)s.ptr + start, get16(s.ptr + 2),
				 (uint8_t)s.ptr[1] == 0 ? 3 * w : 2 * w, (uint8_t)s.ptr[1] };
	if (out->n > (s.len - start) / out->width)
		return damaged(err, bid, "a list of subnodes that is cut short");
	return 0;
}

/* In a list of level 0. */
static int next_in_leaf(struct ndb *n, const struct sublist *l, uint32_t after, struct subnode *out)
{
	size_t low = 0, high = l->n, w = bid_width(n);
	const uint8_t *e;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (get32(l->entry + mid * l->width) <= after)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == l->n)
		return 0;
	e = l->entry + low * l->width;
	out->nid = get32(e);
	out->data = w == 4 ? get32(e + 4) : get64(e + 8);
	out->sub = w == 4 ? get32(e + 8) : get64(e + 16);
	return 1;
}

int subnode_next(struct ndb *n, uint64_t sub, uint32_t after, struct subnode *out, struct err *err)
{
	struct sublist l, leaf;

	if (sub == 0)
		return 0;
	if (read_sublist(n, sub, &l, err) < 0)
		return -1;
	if (l.level == 0)
		return next_in_leaf(n, &l, after, out);
	for (size_t i = 0; i < l.n; i++) {
		const uint8_t *e = l.entry + i * l.width;

		if (i + 1 < l.n && get32(e + l.width) <= after)
			continue; /* all of its entries are smaller than the next one's first */
		if (read_sublist(n, l.width == 8 ? get32(e + 4) : get64(e + 8), &leaf, err) < 0)
			return -1;
		if (leaf.level != 0)
			return damaged(err, sub, "a list of subnodes of the wrong level");
		if (next_in_leaf(n, &leaf, after, out) == 1)
			return 1;
		if (read_sublist(n, sub, &l, err) < 0) /* may have left the cache */
			return -1;
	}
	return 0;
}

int subnode_find(struct ndb *n, uint64_t sub, uint32_t nid, struct subnode *out, struct err *err)
{
	int got = nid == 0 ? 0 : subnode_next(n, sub, nid - 1, out, err);

	return got <= 0 ? got : out->nid == nid;
}

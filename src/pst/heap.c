/*
 * Heap-on-node and B-tree-on-heap (heap.h). An id names a block of the node's data
 * and a place in the page map at that block's end. 4K stores have larger blocks,
 * and so more bits for the place (14 instead of 11).
 */
#include "pst/heap.h"

#include <inttypes.h>

#include "pst/bytes.h"

/* More leaves than 65,536 heap blocks of 64 KiB can have is a tree that runs in circles. */
#define BTH_ITEMS_MAX 1000000

static int damaged(struct err *err, const struct heap *h, const char *what)
{
	err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER, "heap in block 0x%" PRIx64 ": %s",
		h->tree.bid, what);
	return -1;
}

int heap_open(struct heap *h, struct ndb *n, uint64_t bid, uint8_t client, struct err *err)
{
	struct slice s;

	tree_init(&h->tree, n, bid);
	h->index_bits = ndb_header(n)->format == PST_OST_4K ? 14 : 11;
	if (tree_block(&h->tree, 0, &s, err) < 0)
		return -1;
	if (s.len < 12 || (uint8_t)s.ptr[2] != 0xec)
		return damaged(err, h, "no signature");
	if ((uint8_t)s.ptr[3] != client)
		return damaged(err, h, "not what should be there");
	h->root = get32(s.ptr + 4);
	return 0;
}

int heap_item(struct heap *h, uint32_t hid, struct slice *out, struct err *err)
{
	size_t block = hid >> (5 + h->index_bits);
	size_t index = (hid >> 5) & (((size_t)1 << h->index_bits) - 1);
	size_t map, from, to;
	struct slice s;

	*out = slice_of("", 0);
	if (hid == 0)
		return 0;
	if (hnid_is_subnode(hid) || index == 0)
		return damaged(err, h, "a wrong id");
	if (tree_block(&h->tree, block, &s, err) < 0)
		return -1;
	map = s.len >= 2 ? get16(s.ptr) : 0;
	if (s.len < 4 || map > s.len - 4 || index > get16(s.ptr + map) ||
	    map + 4 + (index + 1) * 2 > s.len)
		return damaged(err, h, "an id that is not in the map");
	from = get16(s.ptr + map + 4 + (index - 1) * 2);
	to = get16(s.ptr + map + 4 + index * 2);
	if (from > to || to > s.len)
		return damaged(err, h, "an item that lies outside");
	*out = slice_of(s.ptr + from, to - from);
	return 0;
}

int bth_open(struct bth *b, struct heap *h, uint32_t hid, unsigned key_len, unsigned data_len,
	     struct err *err)
{
	struct slice s;

	if (heap_item(h, hid, &s, err) < 0)
		return -1;
	if (s.len < 8 || (uint8_t)s.ptr[0] != 0xb5)
		return damaged(err, h, "no B-tree where one must be");
	*b = (struct bth){ .heap = h,
			   .key_len = (uint8_t)s.ptr[1],
			   .data_len = (uint8_t)s.ptr[2],
			   .levels = (uint8_t)s.ptr[3],
			   .root = get32(s.ptr + 4),
			   .items_left = BTH_ITEMS_MAX,
			   .depth = -1 };
	if (b->key_len != key_len || b->data_len != data_len || b->levels > BTH_DEPTH)
		return damaged(err, h, "a B-tree of another shape");
	return 0;
}

static int push(struct bth *b, uint32_t hid, struct err *err)
{
	if (b->items_left == 0)
		return damaged(err, b->heap, "a B-tree that runs in circles");
	b->items_left--;
	b->depth++;
	b->step[b->depth].hid = hid;
	b->step[b->depth].at = 0;
	return 0;
}

int bth_next_leaf(struct bth *b, struct slice *records, struct err *err)
{
	size_t width = b->key_len + 4;
	struct slice s;

	if (b->depth < 0) {
		if (b->root == 0)
			return 0;
		if (push(b, b->root, err) < 0)
			return -1;
	}
	for (;;) {
		size_t at = b->step[b->depth].at;

		if (heap_item(b->heap, b->step[b->depth].hid, &s, err) < 0)
			return -1;
		if ((unsigned)b->depth == b->levels) {
			b->step[b->depth].at = 1;
			if (at == 0) {
				*records = s;
				return 1;
			}
		} else if (at < s.len / width) {
			b->step[b->depth].at++;
			if (push(b, get32(s.ptr + at * width + b->key_len), err) < 0)
				return -1;
			continue;
		}
		if (b->depth == 0)
			return 0;
		b->depth--;
	}
}

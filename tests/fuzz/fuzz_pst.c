/*
 * Fuzzes the reader of Outlook stores from the blocks upwards: the input is the
 * content of blocks, around which a sound file is built, so that checksums do not
 * stop everything at the door. Then all of it is read, as pst_dump does.
 *
 * Input: a byte for the format, then blocks: BID (u16), length (u16), content. A BID of
 * 0xffff introduces a node: NID (u32), data and subnode BID (u16 each), parent (u32).
 */
#include <stdlib.h>
#include <unistd.h>

#include "../unit/pst_file.c" /* the only thing that fuzz targets share with unit tests */
#include "pst/bytes.h"

#define READ_MAX (4u << 20) /* of one blob: the data trees of a small file can say more */

static void read_blob(const struct mapi_blob *b)
{
	struct err err = ERR_INIT;
	char piece[8192];
	size_t got;

	for (uint64_t off = 0; b->read && off < b->len && off < READ_MAX; off += got)
		if (b->read(b, off, piece, sizeof(piece), &got, &err) < 0 || got == 0)
			break;
}

static void read_item(const struct mapi_item *item, struct arena *a)
{
	struct mapi_attachment at;
	struct mapi_person who;
	struct mapi_value value;
	struct mapi_item inner;
	struct err err = ERR_INIT;

	read_blob(&item->text);
	read_blob(&item->html);
	read_blob(&item->rtf);
	read_blob(&item->transport_headers);
	item->ops->property(item, 0x0037, a, &value);
	item->ops->named(item, MAPI_SET_PUBLIC_STRINGS, 0, "Keywords", a, &value);
	for (size_t i = 0; i < 1000 && item->ops->recipient(item, i, a, &who, &err) > 0; i++)
		;
	for (size_t i = 0; i < 100 && item->ops->attachment(item, i, a, &at, &err) > 0; i++) {
		read_blob(&at.data);
		if (item->depth < 3 && item->ops->embedded(item, &at, a, &inner, &err) == 0)
			read_item(&inner, a);
	}
}

static void read_store(struct pst *p)
{
	struct arena a = ARENA_INIT(8u << 20);
	struct pst_damage damage;
	struct pst_folder folder;
	struct mapi_item item;
	struct err err = ERR_INIT;

	while (pst_next_folder(p, &a, &folder, &err) > 0) {
		for (uint32_t nid = 0; pst_next_item_nid(p, nid, &nid, &err) > 0;) {
			arena_reset(&a);
			if (pst_item_open(p, nid, &a, &item, &err) == 0)
				read_item(&item, &a);
		}
		arena_reset(&a);
		while (pst_next_damage(p, &a, &damage))
			;
	}
	arena_release(&a);
}

static size_t take(const uint8_t *data, size_t len, struct made *m)
{
	uint16_t bid, n;

	if (len < 4)
		return len;
	bid = get16(data);
	if (bid == 0xffff && len >= 14) {
		made_node(m, get32(data + 2), get16(data + 6), get16(data + 8), get32(data + 10));
		return 14;
	}
	n = get16(data + 2);
	if (n > len - 4)
		n = (uint16_t)(len - 4);
	if (n > 8176)
		n = 8176;
	made_block(m, bid, data + 4, n);
	return 4u + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct made m;
	struct pst *p;
	int fd;

	if (size < 1)
		return 0;
	made_start(&m, (enum pst_format)(1 + data[0] % 3));
	for (size_t at = 1; at < size && m.n_blocks < 200 && m.n_nodes < 200;)
		at += take(data + at, size - at, &m);
	fd = made_finish(&m);
	if (fd >= 0 && pst_store_open(fd, NULL, &p, &err) == 0) {
		read_store(p);
		pst_store_close(p);
	}
	if (fd >= 0)
		close(fd);
	made_release(&m);
	return 0;
}

/*
 * Data trees and subnode lists (pst/tree.h) on blocks made by hand.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "pst/tree.h"
#include "pst_file.h"

static struct damages damages;

static void word(struct buf *b, enum pst_format f, uint64_t n)
{
	if (f == PST_ANSI)
		add32(b, (uint32_t)n);
	else
		add64(b, n);
}

/* A list of blocks. */
static void add_list(struct made *m, uint64_t bid, unsigned level, const uint64_t *bids, size_t n)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT(8176);

	buf_addc(&b, 1);
	buf_addc(&b, (char)level);
	add16(&b, (uint16_t)n);
	add32(&b, 0);
	for (size_t i = 0; i < n; i++)
		word(&b, m->format, bids[i]);
	made_block(m, bid, b.ptr, b.len);
}

/* Blocks 4..36 of lengths 1..9, in two XBLOCKs under an XXBLOCK. */
static int made_tree(struct made *m, enum pst_format format, struct ndb **n)
{
	static const uint64_t first[] = { 4, 8, 12, 16 }, second[] = { 20, 24, 28, 32, 36 };
	static const uint64_t both[] = { 42, 46 };
	struct err err = ERR_INIT;
	int fd;

	made_start(m, format);
	for (uint64_t i = 1; i <= 9; i++)
		made_block(m, 4 * i, "123456789", i);
	add_list(m, 42, 1, first, 4);
	add_list(m, 46, 1, second, 5);
	add_list(m, 50, 2, both, 2);
	fd = made_finish(m);
	cr_assert_eq(ndb_open(fd, &damages, n, &err), 0, "%s", err.text);
	return fd;
}

Test(pst_tree, reads_any_range)
{
	static const char all[] = "112123123412345123456123456712345678123456789";
	static const enum pst_format formats[] = { PST_ANSI, PST_UNICODE, PST_OST_4K };

	for (size_t f = 0; f < 3; f++) {
		struct err err = ERR_INIT;
		struct tree t;
		struct made m;
		struct ndb *n;
		uint64_t len;
		size_t blocks;
		int fd = made_tree(&m, formats[f], &n);

		tree_init(&t, n, 50);
		cr_assert_eq(tree_blocks(&t, &blocks, &err), 0);
		cr_expect_eq(blocks, 9u);
		cr_assert_eq(tree_len(&t, &len, &err), 0);
		cr_assert_eq(len, 45u);
		for (size_t off = 0; off <= 46; off++)
			for (size_t want = 0; want <= 46; want += 5) {
				size_t have = off >= 45		? 0
					      : 45 - off < want ? 45 - off
								: want,
				       got;
				char out[64];

				cr_assert_eq(tree_read(&t, off, out, want, &got, &err), 0, "%s",
					     err.text);
				cr_assert_eq(got, have, "%zu at %zu", want, off);
				cr_assert_eq(memcmp(out, all + (off < 45 ? off : 0), have), 0);
			}
		ndb_close(n);
		close(fd);
		made_release(&m);
	}
}

/* Trees that lie. */
static const struct {
	const char *name;
	unsigned level;
	uint64_t bids[3];
	size_t n;
	const char *says;
} liars[] = {
	{ "a list of itself", 1, { 42 }, 1, "of the wrong kind" },
	{ "an XXBLOCK of itself", 2, { 42 }, 1, "of the wrong level" },
	{ "an XXBLOCK of data", 2, { 4 }, 1, "of the wrong kind" },
	{ "a block that is not there", 1, { 4, 400 }, 2, "not in the index" },
	{ "a level too many", 3, { 4 }, 1, "no list of blocks" },
	{ "no block", 1, { 4, 0 }, 2, "has less than" },
};

Test(pst_tree, lies_are_found_out)
{
	for (size_t i = 0; i < sizeof(liars) / sizeof(liars[0]); i++) {
		struct err err = ERR_INIT;
		char out[100];
		struct tree t;
		struct made m;
		struct ndb *n;
		uint64_t len;
		size_t got;
		int fd;

		made_start(&m, PST_UNICODE);
		made_block(&m, 4, "data", 4);
		add_list(&m, 42, liars[i].level, liars[i].bids, liars[i].n);
		fd = made_finish(&m);
		cr_assert_eq(ndb_open(fd, &damages, &n, &err), 0);
		tree_init(&t, n, 42);
		cr_expect_eq(tree_read(&t, 0, out, sizeof(out), &got, &err), -1, "%s",
			     liars[i].name);
		cr_expect(strstr(err.text, liars[i].says), "%s: %s", liars[i].name, err.text);
		cr_expect_not(tree_readable(&t, false, &len), "%s", liars[i].name);
		cr_expect_leq(len, 4u);
		ndb_close(n);
		close(fd);
		made_release(&m);
	}
}

Test(pst_tree, cut_lists)
{
	struct err err = ERR_INIT;
	struct slice s;
	struct tree t;
	struct made m;
	struct ndb *n;
	int fd;

	made_start(&m, PST_UNICODE);
	made_block(&m, 6, "\1\1\x05\0\0\0\0\0\4\0\0\0\0\0\0\0", 16); /* says five, has one */
	made_block(&m, 10, "\1\1", 2);
	made_block(&m, 14, "\2\0\x05\0\0\0\0\0", 8);
	made_block(&m, 18, "\2\2\0\0\0\0\0\0", 8);
	fd = made_finish(&m);
	cr_assert_eq(ndb_open(fd, &damages, &n, &err), 0);
	for (uint64_t bid = 6; bid <= 18; bid += 4) {
		struct subnode node;

		tree_init(&t, n, bid);
		cr_expect_eq(tree_block(&t, 0, &s, &err), -1, "%d", (int)bid);
		cr_expect_eq(subnode_find(n, bid, 5, &node, &err), -1, "%d", (int)bid);
	}
	ndb_close(n);
	close(fd);
	made_release(&m);
}

/* ---- subnodes ---- */

static void add_subnodes(struct made *m, uint64_t bid, uint32_t first, uint32_t last, uint32_t step)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT(8176);

	add32(&b, 2 | ((last - first) / step + 1) << 16);
	if (m->format != PST_ANSI)
		add32(&b, 0);
	for (uint32_t nid = first; nid <= last; nid += step) {
		word(&b, m->format, nid);
		word(&b, m->format, nid * 4);
		word(&b, m->format, nid * 4 + 2);
	}
	made_block(m, bid, b.ptr, b.len);
}

Test(pst_tree, subnodes)
{
	static const enum pst_format formats[] = { PST_ANSI, PST_UNICODE };

	for (size_t f = 0; f < 2; f++) {
		CLEANUP(buf_release) struct buf upper = BUF_INIT(100);
		struct subnode node = { .nid = 0 };
		struct err err = ERR_INIT;
		struct made m;
		struct ndb *n;
		size_t count = 0;
		int fd;

		made_start(&m, formats[f]);
		add_subnodes(&m, 6, 10, 100, 10);
		add_subnodes(&m, 10, 110, 200, 10);
		add32(&upper, 0x00020102);
		if (formats[f] != PST_ANSI)
			add32(&upper, 0);
		for (uint64_t i = 0; i < 2; i++) {
			word(&upper, formats[f], 10 + 100 * i);
			word(&upper, formats[f], 6 + 4 * i);
		}
		made_block(&m, 14, upper.ptr, upper.len);
		fd = made_finish(&m);
		cr_assert_eq(ndb_open(fd, &damages, &n, &err), 0);
		for (uint32_t nid = 1; nid < 230; nid++) {
			int got = subnode_find(n, 14, nid, &node, &err);

			cr_assert_eq(got, nid % 10 == 0 && nid >= 10 && nid <= 200, "%u", nid);
			if (got)
				cr_assert(node.nid == nid && node.data == nid * 4 &&
					  node.sub == nid * 4 + 2);
		}
		node.nid = 0;
		while (subnode_next(n, 14, node.nid, &node, &err) > 0)
			cr_assert_eq(node.nid, 10 * ++count);
		cr_expect_eq(count, 20u);
		cr_expect_eq(subnode_find(n, 0, 10, &node, &err), 0, "no list, no subnode");
		ndb_close(n);
		close(fd);
		made_release(&m);
	}
}

/*
 * The bottom layer of the store reader (pst/ndb.h) on stores made by hand: headers
 * that are refused, blocks that are sound and that are not, damaged index pages.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/err.h"
#include "pst/ndb.h"
#include "pst/nodes.h"
#include "pst_file.h"

static struct damages damages;

static const enum pst_format formats[] = { PST_ANSI, PST_UNICODE, PST_OST_4K };
static const char *const format_name[] = { "", "ANSI", "Unicode", "4K" };

/* Write the maker's file again after it was spoilt. */
static void rewrite(int fd, const struct made *m)
{
	cr_assert_eq(pwrite(fd, m->file.ptr, m->file.len, 0), (ssize_t)m->file.len);
}

static uint32_t checksum(const char *bytes, size_t len)
{
	return ~(uint32_t)crc32(0xffffffff, (const uint8_t *)bytes, (uInt)len);
}

static void mend_header(struct made *m)
{
	uint32_t crc = checksum(m->file.ptr + 8, 516);

	memcpy(m->file.ptr + 524, &crc, 4);
	crc = checksum(m->file.ptr + 8, 471);
	memcpy(m->file.ptr + 4, &crc, 4);
}

static const struct {
	const char *name;
	size_t at, len;
	const char *bytes;
	const char *says; /* NULL: opens */
} headers[] = {
	{ "sound", 0, 1, "!", NULL },
	{ "another file", 0, 4, "From", "no Outlook store" },
	{ "protected", 10, 2, "\x25\x00", "Windows Information Protection" },
	{ "protected, by its method", 513, 1, "\x10", "Windows Information Protection" },
	{ "a version to come", 10, 2, "\x63\x00", "unknown version 99" },
	{ "an unknown cipher", 513, 1, "\x05", "unknown method (5)" },
	{ "block index nowhere", 240, 4, "\xff\xff\xff\x7f", "scanpst" },
	{ "block index under another id", 232, 1, "\x77", "scanpst" },
	{ "larger than the file", 188, 1, "\x01", NULL },
};

Test(pst_ndb, headers)
{
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct err err = ERR_INIT;
		struct ndb *n = NULL;
		struct made m;
		int fd, got;

		made_start(&m, PST_UNICODE);
		made_block(&m, 4, "x", 1);
		fd = made_finish(&m);
		memcpy(m.file.ptr + headers[i].at, headers[i].bytes, headers[i].len);
		mend_header(&m);
		rewrite(fd, &m);
		got = ndb_open(fd, &damages, &n, &err);
		if (headers[i].says) {
			cr_expect_eq(got, -1, "%s", headers[i].name);
			cr_expect_eq(err.scope, SCOPE_SOURCE, "%s", headers[i].name);
			cr_expect(strstr(err.text, headers[i].says), "%s: %s", headers[i].name,
				  err.text);
		} else {
			cr_expect_eq(got, 0, "%s: %s", headers[i].name, err.text);
		}
		if (got == 0)
			ndb_close(n);
		close(fd);
		made_release(&m);
	}
	damage_release(&damages);
}

Test(pst_ndb, truncated_says_so)
{
	struct err err = ERR_INIT;
	struct ndb *n;
	struct made m;
	int fd;

	made_start(&m, PST_UNICODE);
	made_block(&m, 4, "x", 1);
	fd = made_finish(&m);
	cr_assert_eq(ftruncate(fd, 4200), 0);
	cr_expect_eq(ndb_open(fd, &damages, &n, &err), -1);
	cr_expect(strstr(err.text, "truncated (4200 of"), "%s", err.text);
	cr_assert_eq(ftruncate(fd, 3), 0);
	cr_expect_eq(ndb_open(fd, &damages, &n, &err), -1);
	cr_expect(strstr(err.text, "no Outlook store"), "%s", err.text);
	close(fd);
	made_release(&m);
	damage_release(&damages);
}

/* Where to spoil the file, relative to the block of 100 octets, and what comes of it. */
static const struct {
	const char *name;
	int at; /* from the start of the block; -1: from the end of its trailer */
	size_t from_end;
	const char *says; /* NULL: it is read all the same */
} spoilt[] = {
	{ "sound", 200, 0, NULL },
	{ "an octet of the content", 50, 0, "wrong checksum" },
	{ "the last octet of the content", 99, 0, "wrong checksum" },
	{ "the padding", 101, 0, NULL },
	{ "its id", -1, 8, "another block lies there" },
	{ "its checksum", -1, 12, "wrong checksum" },
	{ "its signature", -1, 14, NULL },
	{ "its length", -1, 16, NULL },
};

Test(pst_ndb, blocks)
{
	char content[100];

	memset(content, 'c', sizeof(content));
	for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
		struct err err = ERR_INIT;
		struct ndb *n;
		struct slice s;
		struct made m;
		uint64_t at;
		int fd, got;

		made_start(&m, PST_UNICODE);
		made_block(&m, 4, content, sizeof(content));
		made_block(&m, 8, "other", 5);
		fd = made_finish(&m);
		at = spoilt[i].at >= 0 ? made_at(&m, 4) + (uint64_t)spoilt[i].at
				       : made_at(&m, 8) - spoilt[i].from_end;
		m.file.ptr[at] ^= 0x10;
		rewrite(fd, &m);
		cr_assert_eq(ndb_open(fd, &damages, &n, &err), 0, "%s", err.text);
		got = ndb_block(n, 4, &s, &err);
		cr_expect_eq(got, spoilt[i].says ? -1 : 0, "%s", spoilt[i].name);
		if (spoilt[i].says) {
			cr_expect(strstr(err.text, spoilt[i].says), "%s: %s", spoilt[i].name,
				  err.text);
			cr_expect_eq(err.scope, SCOPE_MESSAGE);
		} else {
			cr_expect(slice_eq(s, slice_of(content, sizeof(content))), "%s",
				  spoilt[i].name);
		}
		cr_expect_eq(ndb_block(n, 12, &s, &err), -1, "not in the index");
		cr_expect_eq(ndb_block(n, 0, &s, &err), -1, "no block");
		ndb_close(n);
		close(fd);
		made_release(&m);
	}
	damage_release(&damages);
}

/* What the usual cipher makes of an octet does not depend on where it stands, nor on the length
 * (MS-PST 5.1: these are the first of its table). Internal blocks are not encrypted. */
Test(pst_ndb, permuted_blocks)
{
	struct err err = ERR_INIT;
	char content[257];
	struct ndb *n;
	struct slice s, whole;
	struct made m;
	int fd;

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (char)i;
	made_start(&m, PST_UNICODE);
	made_block(&m, 4, content, sizeof(content));
	made_block(&m, 8, content, 3);
	made_block(&m, 14, content, 3);
	fd = made_finish(&m);
	m.file.ptr[513] = 1;
	mend_header(&m);
	rewrite(fd, &m);
	cr_assert_eq(ndb_open(fd, &damages, &n, &err), 0, "%s", err.text);
	cr_assert_eq(ndb_block(n, 4, &whole, &err), 0, "%s", err.text);
	cr_expect_eq(whole.len, sizeof(content));
	cr_expect(slice_eq(slice_head(whole, 4), SLICE_LIT("\x47\xf1\xb4\xe6")));
	cr_expect(slice_eq(slice_from(whole, 256), SLICE_LIT("\x47")));
	cr_assert_eq(ndb_block(n, 8, &s, &err), 0, "%s", err.text);
	cr_expect(slice_eq(s, SLICE_LIT("\x47\xf1\xb4")));
	cr_assert_eq(ndb_block(n, 14, &s, &err), 0, "%s", err.text);
	cr_expect(slice_eq(s, slice_of(content, 3)));
	ndb_close(n);
	close(fd);
	made_release(&m);
	damage_release(&damages);
}

/* More blocks than the cache holds, in all formats, read twice in different orders. */
Test(pst_ndb, many_blocks)
{
	for (size_t f = 0; f < 3; f++) {
		struct err err = ERR_INIT;
		struct ndb *n;
		struct slice s;
		struct made m;
		uint64_t len;
		int fd;

		made_start(&m, formats[f]);
		for (uint32_t i = 1; i <= 300; i++)
			made_block(&m, 4 * i, &i, sizeof(i));
		fd = made_finish(&m);
		cr_assert_eq(ndb_open(fd, &damages, &n, &err), 0, "%s", err.text);
		for (uint32_t step = 1; step < 300; step += 100)
			for (uint32_t k = 0; k < 300; k++) {
				uint32_t i = k * step % 300 + 1;

				cr_assert_eq(ndb_block(n, 4 * i, &s, &err), 0, "%s", err.text);
				cr_assert(slice_eq(s, slice_of(&i, sizeof(i))), "%s",
					  format_name[formats[f]]);
			}
		cr_expect(ndb_block_len(n, 4 | 1, &len) && len == 4, "the lowest bit is ignored");
		cr_expect_not(ndb_block_len(n, 6, &len));
		ndb_close(n);
		close(fd);
		made_release(&m);
	}
}

Test(pst_ndb, deflated_blocks)
{
	struct err err = ERR_INIT;
	char whole[40000];
	uint8_t packed[1000];
	uLongf len = sizeof(packed);
	struct ndb *n;
	struct slice s;
	struct made m;
	int fd;

	memset(whole, 'z', sizeof(whole));
	cr_assert_eq(compress(packed, &len, (uint8_t *)whole, sizeof(whole)), Z_OK);
	made_start(&m, PST_OST_4K);
	made_deflated(&m, 4, packed, len, sizeof(whole));
	made_deflated(&m, 8, packed, len, sizeof(whole) - 1);
	made_deflated(&m, 12, "garbage", 7, 100);
	made_deflated(&m, 16, packed, len / 2, sizeof(whole));
	fd = made_finish(&m);
	cr_assert_eq(ndb_open(fd, &damages, &n, &err), 0, "%s", err.text);
	cr_expect_eq(ndb_block(n, 4, &s, &err), 0);
	cr_expect(slice_eq(s, slice_of(whole, sizeof(whole))));
	for (uint64_t bid = 8; bid <= 16; bid += 4) {
		cr_expect_eq(ndb_block(n, bid, &s, &err), -1, "%d", (int)bid);
		cr_expect(strstr(err.text, "cannot be inflated"), "%s", err.text);
	}
	ndb_close(n);
	close(fd);
	made_release(&m);
}

/* A leaf page of the node index is zeroed: the rest is there, and the gap is said. */
Test(pst_ndb, a_page_of_nodes_is_lost)
{
	for (size_t f = 0; f < 3; f++) {
		struct arena a = ARENA_INIT(100000);
		struct pst_damage damage = { .text = NULL };
		struct err err = ERR_INIT;
		struct nodes nodes = { .list = NULL };
		size_t page = formats[f] == PST_OST_4K ? 4096 : 512;
		struct ndb *n;
		struct made m;
		size_t at;
		int fd;

		made_start(&m, formats[f]);
		made_block(&m, 4, "x", 1);
		for (uint32_t i = 1; i <= 300; i++)
			made_node(&m, 32 * i + 4, 4, 0, 0x122);
		fd = made_finish(&m);
		/* the last leaf page stands before the root page, which is the last of the file */
		at = m.file.len - 2 * page;
		memset(m.file.ptr + at, 0, page);
		rewrite(fd, &m);
		cr_assert_eq(ndb_open(fd, &damages, &n, &err), 0, "%s", err.text);
		cr_assert_eq(nodes_load(&nodes, n, &damages, &err), 0);
		cr_expect_lt(nodes.n, 300u);
		cr_expect_gt(nodes.n, 200u);
		cr_expect(nodes_find(&nodes, 32 + 4));
		cr_expect_null(nodes_find(&nodes, 32 * 300 + 4));
		cr_expect_eq(damage_next(&damages, &a, &damage), 1, "%s", format_name[formats[f]]);
		cr_expect(damage.unknown && strstr(damage.text, "are lost"), "%s", damage.text);
		cr_expect_eq(damage_next(&damages, &a, &damage), 0);
		nodes_release(&nodes);
		ndb_close(n);
		arena_release(&a);
		close(fd);
		made_release(&m);
	}
}

Test(pst_ndb, children_of_a_node)
{
	static const struct {
		uint32_t nid, parent;
	} made[] = { { 0x122, 0x122 },	 { 0x8022, 0x122 },  { 0x8042, 0x122 },
		     { 0x8044, 0x8022 }, { 0x8048, 0x8022 }, { 0x8064, 0x8022 } };
	struct err err = ERR_INIT;
	struct nodes nodes = { .list = NULL };
	const struct node *node;
	struct ndb *n;
	struct made m;
	size_t at;
	int fd;

	made_start(&m, PST_ANSI);
	made_block(&m, 4, "x", 1);
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		made_node(&m, made[i].nid, 4, 0, made[i].parent);
	fd = made_finish(&m);
	cr_assert_eq(ndb_open(fd, &damages, &n, &err), 0);
	cr_assert_eq(nodes_load(&nodes, n, &damages, &err), 0);
	at = nodes_first_child(&nodes, 0x8022);
	node = nodes_next_child(&nodes, 0x8022, NID_MESSAGE, &at);
	cr_assert(node && node->nid == 0x8044);
	node = nodes_next_child(&nodes, 0x8022, NID_MESSAGE, &at);
	cr_assert(node && node->nid == 0x8064, "hidden items are another kind");
	cr_expect_null(nodes_next_child(&nodes, 0x8022, NID_MESSAGE, &at));
	at = nodes_first_child(&nodes, 0x9999);
	cr_expect_null(nodes_next_child(&nodes, 0x9999, NID_MESSAGE, &at));
	nodes_release(&nodes);
	ndb_close(n);
	close(fd);
	made_release(&m);
}

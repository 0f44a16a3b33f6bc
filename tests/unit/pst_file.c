/*
 * Outlook stores made by hand (pst_file.h), MS-PST 2.2.2. Pages hold as many entries
 * as fit; more than one leaf page gets a root above them.
 */
#include "pst_file.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

void add16(struct buf *b, uint16_t n)
{
	buf_addc(b, (char)n);
	buf_addc(b, (char)(n >> 8));
}

void add32(struct buf *b, uint32_t n)
{
	add16(b, (uint16_t)n);
	add16(b, (uint16_t)(n >> 16));
}

void add64(struct buf *b, uint64_t n)
{
	add32(b, (uint32_t)n);
	add32(b, (uint32_t)(n >> 32));
}

static uint32_t checksum(const void *bytes, size_t len)
{
	return ~(uint32_t)crc32(0xffffffff, bytes, (uInt)len);
}

static uint16_t signature(uint64_t at, uint64_t bid)
{
	uint32_t x = (uint32_t)(at ^ bid);

	return (uint16_t)((x >> 16) ^ x);
}

static void zeros(struct buf *b, size_t n)
{
	char *to = buf_room(b, n);

	if (!to)
		return;
	memset(to, 0, n);
	b->len += n;
}

static void pad_to(struct buf *b, size_t unit)
{
	zeros(b, (unit - b->len % unit) % unit);
}

void made_start(struct made *m, enum pst_format format)
{
	*m = (struct made){ .format = format, .next_page = 0x100001 };
	buf_init(&m->file, 64u << 20);
	zeros(&m->file, 4096);
}

void made_release(struct made *m)
{
	buf_release(&m->file);
}

void made_deflated(struct made *m, uint64_t bid, const void *bytes, size_t len, size_t whole)
{
	size_t unit = m->format == PST_OST_4K ? 512 : 64, at = m->file.len, all;
	size_t tail = m->format == PST_ANSI ? 12 : m->format == PST_UNICODE ? 16 : 24;
	uint32_t crc = checksum(bytes, len);

	if (m->n_blocks == MADE_MAX)
		return;
	m->block[m->n_blocks].bid = bid;
	m->block[m->n_blocks].at = at;
	m->block[m->n_blocks].len = (uint16_t)len;
	m->block[m->n_blocks++].whole = (uint16_t)whole;
	buf_add(&m->file, bytes, len);
	all = (len + tail + unit - 1) / unit * unit;
	zeros(&m->file, at + all - tail - m->file.len);
	add16(&m->file, (uint16_t)len);
	add16(&m->file, signature(at, bid));
	if (m->format == PST_ANSI) {
		add32(&m->file, (uint32_t)bid);
		add32(&m->file, crc);
		return;
	}
	add32(&m->file, crc);
	add64(&m->file, bid);
	pad_to(&m->file, unit);
}

void made_block(struct made *m, uint64_t bid, const void *bytes, size_t len)
{
	made_deflated(m, bid, bytes, len, len);
}

void made_node(struct made *m, uint32_t nid, uint64_t data, uint64_t sub, uint32_t parent)
{
	if (m->n_nodes == MADE_MAX)
		return;
	m->node[m->n_nodes].nid = nid;
	m->node[m->n_nodes].data = data;
	m->node[m->n_nodes].sub = sub;
	m->node[m->n_nodes++].parent = parent;
}

uint64_t made_at(const struct made *m, uint64_t bid)
{
	for (size_t i = 0; i < m->n_blocks; i++)
		if (m->block[i].bid == bid)
			return m->block[i].at;
	return 0;
}

/* ---- index pages ---- */

static void add_word(struct made *m, struct buf *b, uint64_t n)
{
	if (m->format == PST_ANSI)
		add32(b, (uint32_t)n);
	else
		add64(b, n);
}

static void add_block_entry(struct made *m, struct buf *b, size_t i)
{
	add_word(m, b, m->block[i].bid);
	add_word(m, b, m->block[i].at);
	add16(b, m->block[i].len);
	if (m->format == PST_OST_4K)
		add16(b, m->block[i].whole);
	add16(b, 2);
	if (m->format == PST_UNICODE)
		add32(b, 0);
	if (m->format == PST_OST_4K)
		add16(b, 0);
}

static void add_node_entry(struct made *m, struct buf *b, size_t i)
{
	add_word(m, b, m->node[i].nid);
	add_word(m, b, m->node[i].data);
	add_word(m, b, m->node[i].sub);
	add_word(m, b, m->node[i].parent);
}

struct ref {
	uint64_t key, bid, at;
};

/* A page of `n` entries already made. */
static struct ref add_page(struct made *m, uint8_t type, struct slice entries, size_t n,
			   size_t width, uint8_t level)
{
	bool big = m->format == PST_OST_4K, ansi = m->format == PST_ANSI;
	size_t size = big ? 4096 : 512,
	       tail = ansi  ? 12
		      : big ? 24
			    : 16,
	       area = big    ? 4056
		      : ansi ? 496
			     : 488;
	struct ref ref = { 0, m->next_page++, 0 };
	size_t start;

	pad_to(&m->file, size);
	start = ref.at = m->file.len;
	buf_add_slice(&m->file, entries);
	zeros(&m->file, start + area - m->file.len);
	if (big) {
		add16(&m->file, (uint16_t)n);
		add16(&m->file, (uint16_t)(area / width));
	} else {
		buf_addc(&m->file, (char)n);
		buf_addc(&m->file, (char)(area / width));
	}
	buf_addc(&m->file, (char)width);
	buf_addc(&m->file, (char)level);
	zeros(&m->file, start + size - tail - m->file.len);
	buf_addc(&m->file, (char)type);
	buf_addc(&m->file, (char)type);
	add16(&m->file, signature(ref.at, ref.bid));
	if (ansi)
		add32(&m->file, (uint32_t)ref.bid);
	add32(&m->file, checksum(m->file.ptr + start, size - tail));
	if (!ansi)
		add64(&m->file, ref.bid);
	pad_to(&m->file, size);
	return ref;
}

static struct ref add_btree(struct made *m, uint8_t type)
{
	bool nodes = type == 0x81;
	size_t width = m->format == PST_ANSI ? (nodes ? 16 : 12) : nodes ? 32 : 24;
	size_t area = m->format == PST_OST_4K ? 4056 : m->format == PST_ANSI ? 496 : 488;
	size_t n = nodes ? m->n_nodes : m->n_blocks, fit = area / width, pages = 0;
	struct buf entries = BUF_INIT(8192), root = BUF_INIT(8192);
	struct ref ref = { 0 };

	for (size_t i = 0; i < n || pages == 0; pages++) {
		size_t first = i;

		buf_reset(&entries);
		for (; i < n && i < first + fit; i++) {
			if (nodes)
				add_node_entry(m, &entries, i);
			else
				add_block_entry(m, &entries, i);
		}
		ref = add_page(m, type, buf_slice(&entries), i - first, width, 0);
		add_word(m, &root, n == 0 ? 0 : nodes ? m->node[first].nid : m->block[first].bid);
		add_word(m, &root, ref.bid);
		add_word(m, &root, ref.at);
	}
	if (pages > 1)
		ref = add_page(m, type, buf_slice(&root), pages, m->format == PST_ANSI ? 12 : 24,
			       1);
	buf_release(&entries);
	buf_release(&root);
	return ref;
}

/* ---- the header ---- */

static void set(struct made *m, size_t at, uint64_t n, size_t width)
{
	for (size_t i = 0; i < width; i++)
		m->file.ptr[at + i] = (char)(n >> 8 * i);
}

static void write_header(struct made *m, struct ref nodes, struct ref blocks)
{
	bool ansi = m->format == PST_ANSI;
	size_t w = ansi ? 4 : 8, roots = ansi ? 184 : 216;

	memcpy(m->file.ptr, "!BDN", 4);
	memcpy(m->file.ptr + 8, m->format == PST_OST_4K ? "SO" : "SM", 2);
	set(m, 10, ansi ? 14 : m->format == PST_UNICODE ? 23 : 36, 2);
	set(m, ansi ? 168 : 184, m->file.len, w);
	set(m, roots, nodes.bid, w);
	set(m, roots + w, nodes.at, w);
	set(m, roots + 2 * w, blocks.bid, w);
	set(m, roots + 3 * w, blocks.at, w);
	if (!ansi)
		set(m, 524, checksum(m->file.ptr + 8, 516), 4);
	set(m, 4, checksum(m->file.ptr + 8, 471), 4);
}

int made_finish(struct made *m)
{
	struct ref blocks = add_btree(m, 0x80), nodes = add_btree(m, 0x81);
	int fd;

	if (m->file.failed)
		return -1;
	write_header(m, nodes, blocks);
	fd = memfd_create("store", MFD_CLOEXEC);
	if (fd >= 0 && pwrite(fd, m->file.ptr, m->file.len, 0) != (ssize_t)m->file.len) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- heaps ---- */

void made_heap_start(struct made_heap *h, uint8_t client, uint32_t root)
{
	*h = (struct made_heap){ .n = 0 };
	buf_init(&h->bytes, 65536);
	add16(&h->bytes, 0); /* the map's place, later */
	buf_addc(&h->bytes, (char)0xec);
	buf_addc(&h->bytes, (char)client);
	add32(&h->bytes, root);
	add32(&h->bytes, 0);
}

uint32_t made_heap_add(struct made_heap *h, const void *bytes, size_t len)
{
	buf_add(&h->bytes, bytes, len);
	h->end[h->n++] = (uint16_t)h->bytes.len;
	return (uint32_t)h->n << 5;
}

struct slice made_heap_finish(struct made_heap *h)
{
	uint16_t map;

	pad_to(&h->bytes, 2);
	map = (uint16_t)h->bytes.len;
	add16(&h->bytes, (uint16_t)h->n);
	add16(&h->bytes, 0);
	add16(&h->bytes, 12);
	for (size_t i = 0; i < h->n; i++)
		add16(&h->bytes, h->end[i]);
	h->bytes.ptr[0] = (char)map;
	h->bytes.ptr[1] = (char)(map >> 8);
	return buf_slice(&h->bytes);
}

void made_heap_release(struct made_heap *h)
{
	buf_release(&h->bytes);
}

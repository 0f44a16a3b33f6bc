/*
 * Header, pages and blocks (ndb.h), MS-PST 2.2.2. libpst has the ciphers; it is
 * handed one verified block at a time, in memory, with an index of just that block.
 * So it never sees what a damaged or hostile file holds in its indexes, opens no
 * file, inflates nothing (its handling of broken streams crashes), and exit() in it
 * has no cause. The cipher that nearly all stores have gives each octet another one,
 * wherever it stands: libpst is asked once for what becomes of all 256.
 */
#include "pst/ndb.h"

#include <errno.h>
#include <inttypes.h>
#include <libpst/libpst.h>
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "pst/btree.h"
#include "pst/bytes.h"

#define HEADER_SIZE 564 /* of the larger one */
#define CACHE_SETS  16	/* times CACHE_WAYS blocks: 0.5 MiB of 8 KiB blocks, 4 MiB of 64 KiB */
#define CACHE_WAYS  4
#define BLOCK_MAX   65536 /* stored or inflated: lengths are 16 bits */
#define TRAILER_MAX 24
#define SCANPST	    "this file is damaged: run Outlook's Inbox Repair Tool (scanpst) on a copy"

/* Exported by libpst, in none of its headers: keeps it from recording each of its calls. */
void pst_debug_setlevel(int level);
#define DEBUG_NOTHING 100

/* An entry of the block index. 100,000 messages have half a million blocks. */
struct block {
	uint64_t bid;
	uint32_t at;	     /* in units of BLOCK_UNIT */
	uint16_t len, whole; /* as stored, as inflated (the same unless 4K) */
};
#define BLOCK_UNIT 64 /* blocks are aligned to it; a file may have 256 GiB */

struct cached {
	uint64_t bid; /* 0: empty */
	uint64_t used;
	uint8_t *bytes;
	size_t len, cap;
};

/* What libpst may read: one block. Each gets a place of its own in an imaginary file, so that
 * nothing stdio still has of the last one is taken for it. */
struct served {
	const uint8_t *bytes;
	size_t len, at;
	uint64_t base;
};
/* bCryptMethod */
enum { CRYPT_NONE, CRYPT_PERMUTE, CRYPT_CYCLIC };

#define SERVED_STEP   (1u << 20)
#define SERVED_BUFFER 4096

struct ndb {
	int fd;
	struct ndb_header header;
	struct damages *damages;
	struct block *blocks;
	size_t n_blocks, cap;
	bool sorted;
	struct cached cache[CACHE_SETS][CACHE_WAYS];
	uint64_t tick;
	bool odd_trailer; /* one was met, and said */
	uint8_t *raw;
	bool has_pairs;
	uint16_t pairs[65536]; /* two octets decrypted at once; as they lie in memory */
	struct served served;
	char stdio[SERVED_BUFFER];
	pst_file pf;
	pst_index_ll entry;
};

const struct ndb_header *ndb_header(const struct ndb *n)
{
	return &n->header;
}

/* MS-PST 5.3: CRC-32 with zero as its start and without the final inversion. */
static uint32_t checksum(const void *bytes, size_t len)
{
	return ~(uint32_t)crc32(0xffffffff, bytes, (uInt)len);
}

/* MS-PST 5.5 */
static uint16_t signature(uint64_t at, uint64_t bid)
{
	uint32_t x = (uint32_t)(at ^ bid);

	return (uint16_t)((x >> 16) ^ x);
}

/* ---- the header ---- */

static int refuse(struct err *err, const char *why)
{
	return err_set(err, ERR_FORMAT, SCOPE_SOURCE, RETRY_NEVER, "%s", why);
}

static int unknown_version(int version, struct err *err)
{
	if (version == 37)
		return refuse(err, "protected by Windows Information Protection: it can be read "
				   "only on the computer it belongs to");
	return err_set(err, ERR_FORMAT, SCOPE_SOURCE, RETRY_NEVER,
		       "an Outlook store of unknown version %d", version);
}

static int parse_header(struct ndb_header *h, const uint8_t *bytes, size_t len, struct err *err)
{
	if (len < 512 || memcmp(bytes, "!BDN", 4) != 0)
		return refuse(err, "no Outlook store");
	h->version = get16(bytes + 10);
	if (h->version == 14 || h->version == 15)
		h->format = PST_ANSI;
	else if (h->version == 21 || h->version == 23)
		h->format = PST_UNICODE;
	else if (h->version == 36)
		h->format = PST_OST_4K;
	else
		return unknown_version(h->version, err);
	if (h->format != PST_ANSI && len < HEADER_SIZE)
		return refuse(err, "no Outlook store: shorter than its header");
	h->ost = memcmp(bytes + 8, "SO", 2) == 0;
	h->crc_ok = checksum(bytes + 8, 471) == get32(bytes + 4);
	if (h->format == PST_ANSI) {
		h->header_size = get32(bytes + 168);
		h->nodes = (struct bref){ get32(bytes + 184), get32(bytes + 188) };
		h->blocks = (struct bref){ get32(bytes + 192), get32(bytes + 196) };
		h->encryption = bytes[461];
	} else {
		h->header_size = get64(bytes + 184);
		h->nodes = (struct bref){ get64(bytes + 216), get64(bytes + 224) };
		h->blocks = (struct bref){ get64(bytes + 232), get64(bytes + 240) };
		h->encryption = bytes[513];
		h->crc_ok = h->crc_ok && checksum(bytes + 8, 516) == get32(bytes + 524);
	}
	if (h->encryption == 0x10)
		return unknown_version(37, err);
	if (h->encryption > CRYPT_CYCLIC)
		return err_set(err, ERR_FORMAT, SCOPE_SOURCE, RETRY_NEVER,
			       "encrypted by an unknown method (%d)", h->encryption);
	return 0;
}

static int read_header(struct ndb *n, struct err *err)
{
	uint8_t bytes[HEADER_SIZE];
	struct stat st;
	ssize_t got;

	if (fstat(n->fd, &st) < 0)
		return err_sys(err, ERR_IO, SCOPE_SOURCE, errno, "cannot read the file");
	got = fd_pread(n->fd, bytes, sizeof(bytes), 0, err);
	if (got < 0)
		return -1;
	if (parse_header(&n->header, bytes, (size_t)got, err) < 0)
		return -1;
	n->header.file_size = (uint64_t)st.st_size;
	if (n->header.file_size / BLOCK_UNIT > UINT32_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_SOURCE, RETRY_NEVER,
			       "larger than 256 GiB: no Outlook store is");
	if (!n->header.crc_ok)
		damage_add(n->damages, 0, 0, "the checksum of the file's header is wrong");
	if (n->header.header_size > n->header.file_size)
		damage_add(n->damages, 0, 0,
			   "the file is truncated: it has %" PRIu64 " of %" PRIu64 " bytes",
			   n->header.file_size, n->header.header_size);
	return 0;
}

/* ---- pages ---- */

int ndb_page(const struct ndb *n, struct bref ref, uint8_t type, uint8_t page[PAGE_MAX],
	     struct err *err)
{
	enum pst_format format = n->header.format;
	size_t size = format == PST_OST_4K ? 4096 : 512;
	size_t body = size - (format == PST_ANSI ? 12 : format == PST_UNICODE ? 16 : 24);
	const uint8_t *trailer = page + body;
	const char *wrong = NULL;
	uint64_t bid;
	uint32_t crc;
	ssize_t got = fd_pread(n->fd, page, size, ref.at, err);

	if (got < 0)
		return -1;
	if ((size_t)got < size)
		return err_set(err, ERR_FORMAT, SCOPE_SOURCE, RETRY_NEVER,
			       "index page at byte %" PRIu64 ": beyond the end of the file",
			       ref.at);
	bid = format == PST_ANSI ? get32(trailer + 4) : get64(trailer + 8);
	crc = format == PST_ANSI ? get32(trailer + 8) : get32(trailer + 4);
	if (trailer[0] != type || trailer[1] != type)
		wrong = "not what should be there";
	else if (crc != checksum(page, body))
		wrong = "wrong checksum";
	else if (bid != ref.bid)
		wrong = "wrong page id";
	else if (get16(trailer + 2) != signature(ref.at, bid))
		wrong = "wrong signature";
	if (wrong)
		return err_set(err, ERR_FORMAT, SCOPE_SOURCE, RETRY_NEVER,
			       "index page at byte %" PRIu64 ": %s", ref.at, wrong);
	return 0;
}

/* ---- the block index ---- */

static int add_block(struct ndb *n, const uint8_t *entry, struct err *err)
{
	bool ansi = n->header.format == PST_ANSI;
	uint64_t at = ansi ? get32(entry + 4) : get64(entry + 8);
	struct block b = { .bid = (ansi ? get32(entry) : get64(entry)) & ~(uint64_t)1 };

	b.len = get16(entry + (ansi ? 8 : 16));
	b.whole = n->header.format == PST_OST_4K ? get16(entry + 18) : b.len;
	if (b.whole < b.len)
		b.whole = b.len;
	if (at % BLOCK_UNIT != 0 || at > n->header.file_size) {
		damage_add(n->damages, 0, 0, "block 0x%" PRIx64 " lies outside of the file", b.bid);
		return 0;
	}
	b.at = (uint32_t)(at / BLOCK_UNIT);
	if (n->n_blocks == n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 1024;
		struct block *more = reallocarray(n->blocks, cap, sizeof(*more));

		if (!more)
			return err_nomem(err);
		n->blocks = more;
		n->cap = cap;
	}
	if (n->n_blocks > 0 && n->blocks[n->n_blocks - 1].bid >= b.bid)
		n->sorted = false;
	n->blocks[n->n_blocks++] = b;
	return 0;
}

static int by_bid(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	return x->bid < y->bid ? -1 : x->bid > y->bid;
}

static int unusable(const struct ndb *n, struct err *err)
{
	if (n->header.header_size > n->header.file_size)
		return err_set(err, ERR_FORMAT, SCOPE_SOURCE, RETRY_NEVER,
			       "the file is truncated (%" PRIu64 " of %" PRIu64
			       " bytes): its index is gone; " SCANPST,
			       n->header.file_size, n->header.header_size);
	return err_prefix(err, SCANPST);
}

static int load_blocks(struct ndb *n, struct btree *t, struct err *err)
{
	const uint8_t *entry;
	struct btree_gap gap;
	struct err bad = ERR_INIT;
	int got;

	n->sorted = true;
	btree_start(t, n, n->header.blocks, PAGE_BBT);
	while ((got = btree_next(t, &entry, &gap, &bad)) != 0) {
		if (got > 0 && add_block(n, entry, err) < 0)
			return -1;
		if (got < 0 && gap.from == 0 && gap.to == UINT64_MAX) {
			*err = bad;
			return unusable(n, err);
		}
		if (got < 0)
			damage_add(n->damages, 0, 0,
				   "%s: what lies in blocks 0x%" PRIx64 " to 0x%" PRIx64
				   " cannot be found",
				   bad.text, gap.from, gap.to);
	}
	if (!n->sorted)
		qsort(n->blocks, n->n_blocks, sizeof(*n->blocks), by_bid);
	return 0;
}

static const struct block *find_block(const struct ndb *n, uint64_t bid)
{
	size_t low = 0, high = n->n_blocks;

	bid &= ~(uint64_t)1; /* reserved; to be ignored (MS-PST 2.2.2.2) */
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (n->blocks[mid].bid < bid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n->n_blocks && n->blocks[low].bid == bid ? &n->blocks[low] : NULL;
}

bool ndb_block_len(const struct ndb *n, uint64_t bid, uint64_t *len)
{
	const struct block *b = find_block(n, bid);

	if (b)
		*len = b->whole;
	return b != NULL;
}

/* ---- blocks ---- */

static int bad_block(struct err *err, const struct block *b, const char *what)
{
	err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
		"block 0x%" PRIx64 " at byte %" PRIu64 ": %s", b->bid, (uint64_t)b->at * BLOCK_UNIT,
		what);
	return -1;
}

static void say_odd_trailer(struct ndb *n, const struct block *b)
{
	if (!n->odd_trailer)
		damage_add(n->damages, 0, 0,
			   "block 0x%" PRIx64
			   " has a wrong signature; its checksum holds, so it is "
			   "read (so are others like it)",
			   b->bid);
	n->odd_trailer = true;
}

/* Octets that it takes in the file. */
static size_t stored_len(const struct ndb *n, const struct block *b)
{
	enum pst_format format = n->header.format;
	size_t tail = format == PST_ANSI ? 12 : format == PST_UNICODE ? 16 : 24;
	size_t unit = format == PST_OST_4K ? 512 : 64;

	return (b->len + tail + unit - 1) / unit * unit;
}

/* Read it with its trailer, and verify it. A wrong signature or length alone does no harm where
 * the checksum holds: it is said once. */
static int read_raw(struct ndb *n, const struct block *b, uint8_t *raw, struct err *err)
{
	enum pst_format format = n->header.format;
	size_t tail = format == PST_ANSI ? 12 : format == PST_UNICODE ? 16 : 24;
	size_t all = stored_len(n, b);
	uint64_t at = (uint64_t)b->at * BLOCK_UNIT, bid;
	const uint8_t *trailer = raw + all - tail;
	uint32_t crc;
	ssize_t got = fd_pread(n->fd, raw, all, at, err);

	if (got < 0)
		return -1;
	if ((size_t)got < all)
		return bad_block(err, b, "beyond the end of the file");
	bid = format == PST_ANSI ? get32(trailer + 4) : get64(trailer + 8);
	crc = format == PST_ANSI ? get32(trailer + 8) : get32(trailer + 4);
	if (crc != checksum(raw, b->len))
		return bad_block(err, b, "wrong checksum");
	if ((bid & ~(uint64_t)1) != b->bid)
		return bad_block(err, b, "another block lies there");
	if (get16(trailer) != b->len || get16(trailer + 2) != signature(at, bid))
		say_odd_trailer(n, b);
	return 0;
}

/* ---- ciphers ---- */

static ssize_t serve_read(void *cookie, char *to, size_t want)
{
	struct served *s = cookie;
	size_t len = s->len - s->at < want ? s->len - s->at : want;

	memcpy(to, s->bytes + s->at, len);
	s->at += len;
	return (ssize_t)len;
}

static int serve_seek(void *cookie, off64_t *to, int whence)
{
	struct served *s = cookie;

	if (whence != SEEK_SET || (uint64_t)*to < s->base || (uint64_t)*to > s->base + s->len)
		return -1;
	s->at = (size_t)((uint64_t)*to - s->base);
	return 0;
}

/* A block's bytes decrypted by libpst, in memory that is the caller's; or NULL. */
static uint8_t *ask_libpst(struct ndb *n, uint64_t bid, const uint8_t *bytes, size_t len)
{
	char *out = NULL;

	n->served = (struct served){ bytes, len, 0, n->served.base + SERVED_STEP };
	n->entry = (pst_index_ll){
		.i_id = bid, .offset = n->served.base, .size = len, .inflated_size = len
	};
	n->pf.i_table = &n->entry;
	n->pf.i_count = n->pf.i_capacity = 1;
	clearerr(n->pf.fp);
	if (pst_ff_getIDblock_dec(&n->pf, bid, &out) == len && out)
		return (uint8_t *)out;
	free(out);
	return NULL;
}

/* Any block's number does that is not one of those which are never encrypted. */
#define SOME_BID 4

static bool learn_pairs(struct ndb *n)
{
	uint8_t all[256], *plain;

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	plain = ask_libpst(n, SOME_BID, all, sizeof(all));
	for (size_t i = 0; plain && i < 65536; i++) {
		const uint8_t from[2] = { (uint8_t)i, (uint8_t)(i >> 8) };
		const uint8_t to[2] = { plain[from[0]], plain[from[1]] };
		uint16_t index;

		memcpy(&index, from, sizeof(index));
		memcpy(&n->pairs[index], to, sizeof(to));
	}
	n->has_pairs = plain != NULL;
	free(plain);
	return n->has_pairs;
}

/* There may be up to seven octets more behind `len` that nobody needs. */
static void decrypt_pairs(const uint16_t *pairs, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t in, out = 0;

		memcpy(&in, bytes + i, sizeof(in));
		for (unsigned k = 0; k < 64; k += 16)
			out |= (uint64_t)pairs[(uint16_t)(in >> k)] << k;
		memcpy(bytes + i, &out, sizeof(out));
	}
}

static int decrypt(struct ndb *n, const struct block *b, struct cached *c, struct err *err)
{
	uint8_t *plain;

	if (c->len == 0 || bid_internal(b->bid) || n->header.encryption == CRYPT_NONE)
		return 0;
	if (n->header.encryption == CRYPT_PERMUTE) {
		if (!n->has_pairs && !learn_pairs(n))
			return bad_block(err, b, "libpst cannot decrypt it");
		decrypt_pairs(n->pairs, c->bytes, c->len);
		return 0;
	}
	plain = ask_libpst(n, b->bid, c->bytes, c->len);
	if (!plain)
		return bad_block(err, b, "libpst cannot read it");
	memcpy(c->bytes, plain, c->len);
	free(plain);
	return 0;
}

/* ---- reading blocks ---- */

static int make_room(struct cached *c, size_t len, struct err *err)
{
	uint8_t *bytes;

	if (len <= c->cap)
		return 0;
	bytes = realloc(c->bytes, len);
	if (!bytes)
		return err_nomem(err);
	c->bytes = bytes;
	c->cap = len;
	return 0;
}

/* 4K stores: a block that is longer inflated than stored is a zlib stream. */
static int read_inflated(struct ndb *n, const struct block *b, struct cached *c, struct err *err)
{
	uLongf len = b->whole;

	if (read_raw(n, b, n->raw, err) < 0)
		return -1;
	if (uncompress(c->bytes, &len, n->raw, b->len) != Z_OK || len != b->whole)
		return bad_block(err, b, "cannot be inflated");
	return 0;
}

static int read_block(struct ndb *n, const struct block *b, struct cached *c, struct err *err)
{
	size_t stored = stored_len(n, b);
	int failed;

	ASAN_UNPOISON_MEMORY_REGION(c->bytes, c->cap);
	if (make_room(c, stored > b->whole ? stored : (size_t)b->whole + 7, err) != 0)
		return -1;
	failed = b->whole > b->len ? read_inflated(n, b, c, err) : read_raw(n, b, c->bytes, err);
	c->len = b->whole;
	failed = failed ? -1 : decrypt(n, b, c, err);
	ASAN_POISON_MEMORY_REGION(c->bytes + c->len, c->cap - c->len); /* not for our readers */
	return failed;
}

static struct cached *cache_find(struct ndb *n, uint64_t bid, bool *found)
{
	struct cached *set = n->cache[(bid >> 2) % CACHE_SETS], *oldest = set;

	*found = false;
	for (size_t i = 0; i < CACHE_WAYS; i++) {
		if (set[i].bid == bid) {
			*found = true;
			oldest = &set[i];
			break;
		}
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	oldest->used = ++n->tick;
	return oldest;
}

int ndb_block(struct ndb *n, uint64_t bid, struct slice *out, struct err *err)
{
	const struct block *b;
	struct cached *c;
	bool found;

	bid &= ~(uint64_t)1;
	if (bid == 0)
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
			       "no block where one must be");
	c = cache_find(n, bid, &found);
	if (!found) {
		c->bid = 0;
		b = find_block(n, bid);
		if (!b)
			return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
				       "block 0x%" PRIx64 " is not in the index", bid);
		if (read_block(n, b, c, err) != 0)
			return -1;
		c->bid = bid;
	}
	*out = slice_of(c->bytes, c->len);
	return 0;
}

/* ---- opening and closing ---- */

static int init_libpst(struct ndb *n, struct err *err)
{
	static const cookie_io_functions_t serve = { .read = serve_read, .seek = serve_seek };

	pst_debug_setlevel(DEBUG_NOTHING);
	n->pf.fp = fopencookie(&n->served, "r", serve);
	if (!n->pf.fp)
		return err_nomem(err);
	setvbuf(n->pf.fp, n->stdio, _IOFBF, sizeof(n->stdio));
	n->pf.encryption = (unsigned char)n->header.encryption;
	n->pf.ind_type = (unsigned char)n->header.version;
	n->pf.do_read64 = n->header.format == PST_ANSI ? 0 : 1; /* 4K blocks are inflated here */
	return 0;
}

int ndb_open(int fd, struct damages *damages, struct ndb **out, struct err *err)
{
	struct ndb *n = calloc(1, sizeof(*n));
	struct btree *t = malloc(sizeof(*t));
	int got = -1;

	if (n) {
		n->fd = fd;
		n->damages = damages;
		n->raw = malloc(BLOCK_MAX + TRAILER_MAX + 512);
	}
	if (!n || !t || !n->raw)
		err_nomem(err);
	else if (read_header(n, err) == 0 && init_libpst(n, err) == 0)
		got = load_blocks(n, t, err);
	free(t);
	if (got < 0)
		ndb_close(n);
	else
		*out = n;
	return got;
}

void ndb_close(struct ndb *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < CACHE_SETS * CACHE_WAYS; i++)
		free(n->cache[i / CACHE_WAYS][i % CACHE_WAYS].bytes);
	if (n->pf.fp)
		fclose(n->pf.fp);
	free(n->blocks);
	free(n->raw);
	free(n);
}

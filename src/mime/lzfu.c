/*
 * Compressed RTF. See lzfu.h; MS-OXRTFCP 2.1 (format), 2.2 (decompression), 2.1.3.2
 * (CRC: the usual polynomial, starting at 0, not inverted).
 */
#include "mime/lzfu.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

#define MAGIC_LZFU 0x75465a4cu
#define MAGIC_MELA 0x414c454du
#define HEADER	   16
#define RUN_MAX	   17 /* octets of one reference */

/* What every RTF of that time began with: the history before the first octet. */
static const char dictionary[] =
	"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern "
	"\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0"
	"\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
#define DICTIONARY (sizeof(dictionary) - 1)
static_assert(DICTIONARY == 207, "MS-OXRTFCP 2.1.2.1");

static int get(struct lzfu_reader *r)
{
	unsigned char u;

	if (r->in_left == 0)
		return -1;
	if (r->in.len == 0) {
		if (!r->from->next(r->from, &r->in))
			return -1;
		if (r->in.len > r->in_left)
			r->in.len = (size_t)r->in_left;
		/* The whole piece counts at once; nothing but the header comes before it. */
		r->crc = (uint32_t)crc32(r->crc ^ 0xffffffffu, (const Bytef *)r->in.ptr,
					 (uInt)r->in.len) ^
			 0xffffffffu;
	}
	u = (unsigned char)r->in.ptr[0];
	r->in.ptr++;
	r->in.len--;
	r->in_left--;
	return u;
}

static uint32_t u32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Stored without any header: seen where another program wrote the property. */
static bool is_bare(const unsigned char *head, size_t len)
{
	return len >= 5 && memcmp(head, "{\\rtf", 5) == 0;
}

static bool read_header(struct lzfu_reader *r)
{
	unsigned char head[HEADER];
	struct slice piece;
	uint32_t magic;

	if (!r->from->next(r->from, &piece))
		return false;
	r->in = piece;
	r->in_left = UINT64_MAX;
	if (is_bare((const unsigned char *)piece.ptr, piece.len)) {
		r->stored = true;
		r->raw_left = LZFU_RAW_MAX;
		return true;
	}
	if (piece.len < HEADER)
		return false;
	memcpy(head, piece.ptr, HEADER);
	magic = u32(head + 8);
	r->stored = magic == MAGIC_MELA;
	r->in_left = (uint64_t)u32(head) >= HEADER - 4 ? (uint64_t)u32(head) - (HEADER - 4) : 0;
	r->raw_left = u32(head + 4);
	r->said_crc = u32(head + 12);
	if (r->stored)
		r->in_left = r->raw_left;
	r->in = slice_from(piece, HEADER);
	if (r->in.len > r->in_left)
		r->in.len = (size_t)r->in_left;
	r->crc = (uint32_t)crc32(0xffffffffu, (const Bytef *)r->in.ptr, (uInt)r->in.len) ^
		 0xffffffffu;
	return magic == MAGIC_MELA || magic == MAGIC_LZFU;
}

static void put(struct lzfu_reader *r, size_t *n, uint8_t u)
{
	r->ring[r->at] = u;
	r->at = (r->at + 1) % LZFU_RING;
	r->out[(*n)++] = (char)u;
}

/* Copy a run from the history. False: it was the end mark. */
static bool reference(struct lzfu_reader *r, size_t *n)
{
	int high = get(r), low = get(r);
	unsigned from, len;

	if (high < 0 || low < 0) {
		r->base.damaged = true;
		return false;
	}
	from = (unsigned)(high << 4 | low >> 4);
	len = (unsigned)(low & 15) + 2;
	if (from == r->at)
		return false;
	for (unsigned i = 0; i < len; i++)
		put(r, n, r->ring[(from + i) % LZFU_RING]);
	return true;
}

/* One literal or one reference. False at the end. */
static bool step(struct lzfu_reader *r, size_t *n)
{
	bool run;
	int c;

	if (r->bits == 0) {
		c = get(r);
		if (c < 0) {
			r->base.damaged = true; /* no end mark */
			return false;
		}
		r->control = (unsigned)c;
		r->bits = 8;
	}
	run = r->control & 1;
	r->control >>= 1;
	r->bits--;
	if (run)
		return reference(r, n);
	c = get(r);
	if (c < 0) {
		r->base.damaged = true;
		return false;
	}
	put(r, n, (uint8_t)c);
	return true;
}

static size_t decompress(struct lzfu_reader *r)
{
	size_t n = 0;

	while (!r->ended && n + RUN_MAX <= sizeof(r->out))
		if (!step(r, &n))
			r->ended = true;
	/* Behind the end mark nothing belongs to the text, but to the checksum. */
	while (r->ended && get(r) >= 0)
		;
	if (r->ended && r->crc != r->said_crc)
		r->base.damaged = true;
	return n;
}

static size_t copy(struct lzfu_reader *r)
{
	size_t n = 0;
	int c = 0;

	while (n < sizeof(r->out) && (c = get(r)) >= 0)
		r->out[n++] = (char)c;
	r->ended = c < 0;
	return n;
}

static bool next_of_lzfu(struct reader *base, struct slice *out)
{
	struct lzfu_reader *r = (struct lzfu_reader *)base;
	size_t n = 0;

	if (!r->begun) {
		r->begun = true;
		if (!read_header(r)) {
			base->damaged = true;
			r->ended = true;
		}
	}
	if (!r->ended)
		n = r->stored ? copy(r) : decompress(r);
	if (n > r->raw_left || r->raw_left > LZFU_RAW_MAX) {
		base->damaged = true;
		n = n > r->raw_left ? (size_t)r->raw_left : n;
		r->ended = r->ended || n == 0;
	}
	r->raw_left -= n;
	base->damaged = base->damaged || r->from->damaged;
	*out = slice_of(r->out, n);
	return n > 0;
}

struct reader *lzfu_reader_start(struct lzfu_reader *r, struct reader *from)
{
	*r = (struct lzfu_reader){ .base = { next_of_lzfu, false }, .from = from };
	memcpy(r->ring, dictionary, DICTIONARY);
	r->at = DICTIONARY;
	return &r->base;
}

/*
 * Deflate in both directions. See deflate.h.
 *
 * Outgoing: BLOCK octets at a time, as long as there is room for what may come of
 * them. The room is not the sum of what was taken: zlib keeps up to half a window to
 * itself and lets go of it when the strategy changes.
 */
#include "net/deflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define RAW_WINDOW (-15) /* no zlib header (RFC 4978 4); the largest window reads all */
#define MEM_LEVEL  8	 /* 128 KiB beside the window: zlib's default */
#define TEXT_LEVEL 6
#define BLOCK	   (8u << 10)  /* that is text or base64 */
#define ROOM_MIN   (96u << 10) /* for a block and what zlib has kept: 64 KiB of symbols at most */
#define OUT_MAX	   (256u << 10)
#define IN_MAX	   DEFLATE_EARLY_MAX

struct deflater {
	struct lower_line lower;

	z_stream inflate;
	unsigned char in[IN_MAX];
	bool more;   /* zlib has more output than there was room for */
	bool ended;  /* the other end has ended its stream of deflate */
	bool broken; /* what follows is none; what came before it has been given out */

	z_stream deflate;
	int strategy;
	bool held; /* zlib may keep octets that were taken */
	bool push; /* and is to give them out */
	unsigned char out[OUT_MAX];
	size_t out_at, out_len; /* to be sent: out[out_at..out_len) */
};

int deflater_new(const struct lower_line *lower, struct slice early, struct deflater **out,
		 struct err *err)
{
	struct deflater *d = calloc(1, sizeof(*d));

	if (!d)
		return err_nomem(err);
	if (early.len > sizeof(d->in)) {
		free(d);
		return err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_LATER,
			       "too much came before compression had begun");
	}
	d->lower = *lower;
	d->strategy = Z_DEFAULT_STRATEGY;
	if (inflateInit2(&d->inflate, RAW_WINDOW) != Z_OK) {
		free(d);
		return err_nomem(err);
	}
	if (deflateInit2(&d->deflate, TEXT_LEVEL, Z_DEFLATED, RAW_WINDOW, MEM_LEVEL, d->strategy) !=
	    Z_OK) {
		inflateEnd(&d->inflate);
		free(d);
		return err_nomem(err);
	}
	if (early.len > 0)
		memcpy(d->in, early.ptr, early.len);
	d->inflate.next_in = d->in;
	d->inflate.avail_in = (uInt)early.len;
	*out = d;
	return 0;
}

void deflater_free(struct deflater *d)
{
	if (!d)
		return;
	inflateEnd(&d->inflate);
	deflateEnd(&d->deflate);
	free(d);
}

/* ---- in ---- */

static int no_deflate(const struct deflater *d, struct err *err)
{
	return err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_LATER,
		       "what the server sent compressed cannot be read: %s",
		       d->inflate.msg ? d->inflate.msg : "bad data");
}

/* Blow up what is here: bytes, 0 when more must come in, -1. */
static ssize_t inflate_some(struct deflater *d, void *bytes, size_t len, struct err *err)
{
	int result;

	if (d->broken)
		return no_deflate(d, err);
	if (d->inflate.avail_in == 0 && !d->more)
		return 0;
	d->inflate.next_out = bytes;
	d->inflate.avail_out = len < UINT32_MAX ? (uInt)len : UINT32_MAX;
	const uInt room = d->inflate.avail_out;

	result = inflate(&d->inflate, Z_SYNC_FLUSH);
	d->more = d->inflate.avail_out == 0;
	if (result == Z_STREAM_END)
		d->ended = true;
	else if (result != Z_OK && result != Z_BUF_ERROR) /* the latter: nothing to be done */
		d->broken = true;
	if (d->broken && d->inflate.avail_out == room)
		return no_deflate(d, err);
	return (ssize_t)(room - d->inflate.avail_out);
}

ssize_t deflater_read(struct deflater *d, void *bytes, size_t len, struct err *err)
{
	for (;;) {
		ssize_t n;

		if (d->ended)
			return err_set(err, ERR_EOF, SCOPE_ACCOUNT, RETRY_NOW,
				       "server ended the compressed stream");
		n = inflate_some(d, bytes, len, err);
		if (n != 0)
			return n;
		if (d->ended)
			continue;
		n = d->lower.read(d->lower.context, d->in, sizeof(d->in), err);
		if (n <= 0)
			return n;
		d->inflate.next_in = d->in;
		d->inflate.avail_in = (uInt)n;
	}
}

bool deflater_has_pending(const struct deflater *d)
{
	return d->inflate.avail_in > 0 || d->more || d->ended || d->broken;
}

/* ---- out ---- */

/* Send what is packed: 0 when all is gone or the line is full, -1. */
static int send_packed(struct deflater *d, struct err *err)
{
	while (d->out_at < d->out_len) {
		ssize_t n = d->lower.write(d->lower.context, d->out + d->out_at,
					   d->out_len - d->out_at, err);

		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		d->out_at += (size_t)n;
	}
	d->out_at = d->out_len = 0;
	return 0;
}

/* Room for what comes of one block. False: the line must take something first. */
static bool has_room(struct deflater *d)
{
	if (d->out_at > 0) {
		memmove(d->out, d->out + d->out_at, d->out_len - d->out_at);
		d->out_len -= d->out_at;
		d->out_at = 0;
	}
	return OUT_MAX - d->out_len >= ROOM_MIN;
}

/* Text, or base64? */
static int strategy_for(const void *bytes, size_t len)
{
	return memchr(bytes, ' ', len) ? Z_DEFAULT_STRATEGY : Z_HUFFMAN_ONLY;
}

static void aim(struct deflater *d)
{
	d->deflate.next_out = d->out + d->out_len;
	d->deflate.avail_out = (uInt)(OUT_MAX - d->out_len);
}

static void count(struct deflater *d)
{
	d->out_len = OUT_MAX - d->deflate.avail_out;
}

/* Another kind of block begins. zlib ends the present one first, for which there is room; if it
 * should not be enough, the block goes as the one before. */
static void choose(struct deflater *d, int strategy)
{
	if (strategy == d->strategy)
		return;
	aim(d);
	d->deflate.avail_in = 0;
	if (deflateParams(&d->deflate, TEXT_LEVEL, strategy) == Z_OK)
		d->strategy = strategy;
	count(d);
}

static int pack(struct deflater *d, const unsigned char *bytes, size_t len, int flush,
		struct err *err)
{
	int result;

	aim(d);
	d->deflate.next_in = (unsigned char *)(uintptr_t)bytes; /* zlib only reads it */
	d->deflate.avail_in = (uInt)len;
	result = deflate(&d->deflate, flush);
	count(d);
	if ((result != Z_OK && result != Z_BUF_ERROR) || d->deflate.avail_in > 0)
		return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER, "compression failed");
	return 0;
}

ssize_t deflater_write(struct deflater *d, const void *bytes, size_t len, struct err *err)
{
	const unsigned char *at = bytes;
	struct err later = ERR_INIT;
	size_t taken = 0;

	if (send_packed(d, err) < 0)
		return -1;
	while (taken < len && has_room(d)) {
		size_t n = len - taken < BLOCK ? len - taken : BLOCK;

		choose(d, strategy_for(at + taken, n));
		if (pack(d, at + taken, n, Z_NO_FLUSH, err) < 0)
			return -1;
		d->held = true;
		taken += n;
		/* What was taken is taken: the next call tells that the line is lost. */
		if (d->out_len >= ROOM_MIN && send_packed(d, &later) < 0)
			break;
	}
	return (ssize_t)taken;
}

int deflater_push(struct deflater *d, struct err *err)
{
	d->push |= d->held;
	if (send_packed(d, err) < 0)
		return -1;
	if (!d->push || !has_room(d))
		return 0;
	if (pack(d, d->out, 0, Z_SYNC_FLUSH, err) < 0)
		return -1;
	d->push = d->held = false;
	return send_packed(d, err);
}

bool deflater_wants_write(const struct deflater *d)
{
	return d->push || d->out_at < d->out_len;
}

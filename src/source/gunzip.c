/*
 * gzip to a spool file: see gunzip.h. zlib reads the members; several may follow each other, as
 * `cat a.gz b.gz` makes them. Bytes behind the last member that begin no other one are ignored, as
 * gzip(1) does.
 */
#include "source/gunzip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/fd.h"
#include "base/stop.h"

#define CHUNK	  ((size_t)64 << 10)
#define GZIP_ONLY (16 + MAX_WBITS)

struct gunzip {
	int fd;
	z_stream z;
	uint64_t in_off, out_len;
	uint64_t members; /* that ended as they should */
	bool in_member, ended, damaged;
	uint8_t in[CHUNK], out[CHUNK];
};

bool gunzip_magic(struct slice head)
{
	return slice_starts(head, SLICE_LIT("\x1f\x8b\x08"));
}

static struct gunzip *begin(int fd)
{
	struct gunzip *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->fd = fd;
	if (inflateInit2(&g->z, GZIP_ONLY) != Z_OK) {
		free(g);
		return NULL;
	}
	return g;
}

static void end(struct gunzip **g)
{
	if (*g)
		inflateEnd(&(*g)->z);
	free(*g);
}

static int fill(struct gunzip *g, struct err *err)
{
	ssize_t n = fd_pread(g->fd, g->in, sizeof(g->in), g->in_off, err);

	if (n < 0)
		return -1;
	g->in_off += (uint64_t)n;
	g->z.next_in = g->in;
	g->z.avail_in = (uInt)n;
	return 0;
}

/* The input ended or is no gzip (any more). Behind a whole member that is padding, not damage. */
static void stop(struct gunzip *g)
{
	g->damaged = g->in_member && (g->members == 0 || g->z.total_out > 0);
	g->ended = true;
}

/* The next unpacked bytes, in out[]: 1, 0 the end, -1. */
static int step(struct gunzip *g, size_t *len, struct err *err)
{
	g->z.next_out = g->out;
	g->z.avail_out = sizeof(g->out);
	*len = 0;
	while (*len == 0 && !g->ended) {
		int status;

		if (g->z.avail_in == 0 && fill(g, err) != 0)
			return -1;
		if (g->z.avail_in == 0) {
			stop(g);
			break;
		}
		if (!g->in_member && inflateReset(&g->z) != Z_OK)
			return err_nomem(err);
		g->in_member = true;
		status = inflate(&g->z, Z_NO_FLUSH);
		*len = sizeof(g->out) - g->z.avail_out;
		if (status == Z_STREAM_END) {
			g->members++;
			g->in_member = false;
		} else if (status != Z_OK && status != Z_BUF_ERROR) {
			stop(g);
		}
	}
	g->out_len += *len;
	return *len > 0;
}

static int check_bounds(const struct gunzip *g, struct err *err)
{
	if (g->out_len > GUNZIP_OUTPUT_MAX ||
	    (g->out_len > GUNZIP_SMALL && g->out_len / GUNZIP_RATIO_MAX > g->in_off))
		return err_set(
			err, ERR_LIMIT, SCOPE_FOLDER, RETRY_NEVER,
			"the gzip file unpacks to more than mail does: stopped after %" PRIu64
			" MB",
			g->out_len / 1000000);
	return stop_check(err);
}

int gunzip_spool(int fd, bool *damaged, struct err *err)
{
	CLEANUP(end) struct gunzip *g = begin(fd);
	CLEANUP(fd_cleanup) int spool = -1;
	size_t len;
	int got;

	if (!g)
		return err_nomem(err);
	spool = fd_spool(err);
	if (spool < 0)
		return -1;
	while ((got = step(g, &len, err)) > 0)
		if (check_bounds(g, err) != 0 || fd_write(spool, g->out, len, err) != 0)
			return -1;
	if (got < 0)
		return -1;
	if (g->out_len == 0 && g->damaged)
		return err_set(err, ERR_FORMAT, SCOPE_FOLDER, RETRY_NEVER,
			       "the gzip file is damaged from its beginning");
	*damaged = g->damaged;
	got = spool;
	spool = -1; /* the caller's now. NOLINT(clang-analyzer-deadcode.DeadStores) */
	return got;
}

size_t gunzip_head(int fd, void *bytes, size_t len)
{
	CLEANUP(end) struct gunzip *g = begin(fd);
	struct err err = ERR_INIT;
	size_t got;

	if (!g || step(g, &got, &err) <= 0)
		return 0;
	if (got > len)
		got = len;
	memcpy(bytes, g->out, got);
	return got;
}

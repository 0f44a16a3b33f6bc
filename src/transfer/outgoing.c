/*
 * The descriptor is duplicated, because the source may be asked for another
 * message (a refused one, for the sidecar) while this one is still being sent.
 */
#include "transfer/outgoing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message/canon.h"
#include "message/checksum.h"
#include "transfer/mended.h"

#define FIND_ARENA_MAX (1u << 20)
#define PIECE	       (64u << 10) /* goes out at once; several lines share the cache */

struct outgoing {
	struct canon *canon;
	struct checksum *sum;
	struct arena arena;
	int fd; /* -1: no message */
	uint8_t checksum[CHECKSUM_LEN];
	uint64_t wire_len, read; /* of canonical octets */
	struct slice chunk;	 /* read, not handed out yet */
};

struct outgoing *outgoing_new(struct err *err)
{
	struct outgoing *o = calloc(1, sizeof(*o));

	if (!o) {
		err_nomem(err);
		return NULL;
	}
	o->fd = -1;
	o->arena = (struct arena)ARENA_INIT(FIND_ARENA_MAX);
	o->canon = canon_new();
	o->sum = checksum_new();
	if (!o->canon || !o->sum) {
		outgoing_free(o);
		err_nomem(err);
		return NULL;
	}
	canon_set_piece(o->canon, PIECE);
	return o;
}

void outgoing_close(struct outgoing *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

void outgoing_free(struct outgoing *o)
{
	if (!o)
		return;
	outgoing_close(o);
	canon_free(o->canon);
	checksum_free(o->sum);
	arena_release(&o->arena);
	free(o);
}

static int changed(struct err *err)
{
	return err_set(err, ERR_CHANGED, SCOPE_MESSAGE, RETRY_NEVER,
		       "the message is not the one that was scanned");
}

/* The whole message has been read: is it the one that the journal speaks of? */
static int check(const struct outgoing *o, struct err *err)
{
	uint8_t checksum[CHECKSUM_LEN];

	checksum_end(o->sum, checksum);
	return memcmp(checksum, o->checksum, CHECKSUM_LEN) == 0 ? 0 : changed(err);
}

static int read_chunk(struct outgoing *o, struct err *err)
{
	int got = canon_next(o->canon, &o->chunk, err);

	if (got < 0) {
		err->scope = SCOPE_MESSAGE;
		return -1;
	}
	if (got == 0 || o->chunk.len > o->wire_len - o->read)
		return changed(err);
	checksum_add(o->sum, o->chunk);
	o->read += o->chunk.len;
	return o->read == o->wire_len ? check(o, err) : 0;
}

static int start(struct outgoing *o, const struct message *m, const uint8_t checksum[CHECKSUM_LEN],
		 uint64_t wire_len, struct err *err)
{
	memcpy(o->checksum, checksum, CHECKSUM_LEN);
	o->wire_len = wire_len;
	o->read = 0;
	o->chunk = slice_of(NULL, 0);
	canon_start(o->canon, &m->body, &m->canon);
	checksum_start(o->sum);
	return o->wire_len > 0 ? read_chunk(o, err) : changed(err);
}

/* The mended form of the message that was scanned. */
static int open_mended(struct outgoing *o, struct source_set *sources, const struct upload *u,
		       struct err *err)
{
	CLEANUP(mended_release) struct mended mended = MENDED_INIT;

	if (mended_make(sources, u->kind, u->source, u->locator, u->mended, &mended, err) < 0)
		return -1;
	if (memcmp(mended.original, u->sha256, SHA256_LEN) != 0)
		return changed(err);
	o->fd = mended.fd;
	mended.fd = -1;
	return start(o, &mended.message, mended.message.checksum, u->wire_len, err);
}

int outgoing_open(struct outgoing *o, struct source_set *sources, const struct upload *u,
		  struct err *err)
{
	struct message m = { 0 };

	outgoing_close(o);
	if (u->mended & MEND_BYTES)
		return open_mended(o, sources, u, err);
	arena_reset(&o->arena);
	if (source_set_find(sources, u->kind, u->source, u->locator, &o->arena, &m, err) < 0)
		return -1;
	o->fd = fcntl(m.body.fd, F_DUPFD_CLOEXEC, 0);
	if (o->fd < 0)
		return err_sys(err, ERR_IO, SCOPE_RUN, errno, "cannot duplicate a descriptor");
	m.body.fd = o->fd;
	return start(o, &m, u->checksum, u->wire_len, err);
}

int outgoing_next(struct outgoing *o, size_t room, struct slice *out, struct err *err)
{
	if (o->chunk.len == 0) {
		if (o->read == o->wire_len)
			return 0;
		if (read_chunk(o, err) < 0)
			return -1;
	}
	*out = slice_head(o->chunk, room);
	o->chunk = slice_from(o->chunk, out->len);
	return 1;
}

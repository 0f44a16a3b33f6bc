/*
 * Making the mended form of a message. See mended.h.
 */
#include "transfer/mended.h"

#include <openssl/evp.h>

#include <string.h>
#include <unistd.h>

#include "message/long_lines.h"
#include "message/scan.h"

#define FIND_ARENA_MAX (1u << 20)
#define READ_MAX       (128u << 10)
#define PIECE_MAX      (4u << 20) /* a run of canonical octets, and a header grown by encoding */

struct making {
	struct canon *canon;
	struct mender *mender;
	struct scanner *scanner;
	EVP_MD_CTX *digest;
	struct buf piece;
	struct arena arena;
};

static void making_release(struct making *w)
{
	canon_free(w->canon);
	mender_free(w->mender);
	scanner_free(w->scanner);
	EVP_MD_CTX_free(w->digest);
	buf_release(&w->piece);
	arena_release(&w->arena);
}

static int making_init(struct making *w, struct err *err)
{
	*w = (struct making){ .piece = BUF_INIT(PIECE_MAX), .arena = ARENA_INIT(FIND_ARENA_MAX) };
	w->canon = canon_new();
	w->mender = mender_new();
	w->digest = EVP_MD_CTX_new();
	w->scanner = scanner_new(err);
	if (!w->scanner)
		return -1;
	if (!w->canon || !w->mender || !w->digest ||
	    !EVP_DigestInit_ex(w->digest, EVP_sha256(), NULL))
		return err_nomem(err);
	return 0;
}

void mended_release(struct mended *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

static int flush(struct making *w, struct mended *out, struct err *err)
{
	size_t len = w->piece.len;

	if (buf_ok(&w->piece, "a mended header", err) < 0) {
		err->scope = SCOPE_MESSAGE;
		return -1;
	}
	if (fd_write(out->fd, w->piece.ptr, len, err) < 0)
		return -1;
	out->message.body.len += len;
	buf_reset(&w->piece);
	return 0;
}

/* All of the message, mended, into the file. */
static int copy(struct making *w, const struct message *m, uint32_t steps, struct mended *out,
		struct err *err)
{
	struct slice bytes;
	int got;

	canon_start(w->canon, &m->body, &m->canon);
	mender_start(w->mender, steps);
	while ((got = canon_next(w->canon, &bytes, err)) > 0) {
		EVP_DigestUpdate(w->digest, bytes.ptr, bytes.len);
		mender_add(w->mender, bytes, &w->piece);
		if (flush(w, out, err) < 0)
			return -1;
	}
	if (got < 0) {
		err->scope = SCOPE_MESSAGE;
		return -1;
	}
	mender_end(w->mender, &w->piece);
	out->did = mender_did(w->mender);
	EVP_DigestFinal_ex(w->digest, out->original, NULL);
	return flush(w, out, err);
}

/* The file once through `l`: looked at, or written anew into `to`. */
static int walk(struct making *w, struct long_lines *l, const struct mended *from,
		struct mended *to, struct err *err)
{
	char *piece = arena_alloc(&w->arena, READ_MAX);
	uint64_t at = 0;

	if (!piece)
		return err_nomem(err);
	while (at < from->message.body.len) {
		ssize_t n = fd_pread(from->fd, piece, READ_MAX, at, err);

		if (n <= 0)
			return n < 0 ? -1 : err_nomem(err);
		at += (uint64_t)n;
		if (!to) {
			long_lines_look(l, slice_of(piece, (size_t)n));
			continue;
		}
		long_lines_add(l, slice_of(piece, (size_t)n), &w->piece);
		if (flush(w, to, err) < 0)
			return -1;
	}
	if (!to)
		return 0;
	long_lines_end(l, &w->piece);
	return flush(w, to, err);
}

static int mend_lines(struct making *w, struct long_lines *l, struct mended *out, struct err *err)
{
	CLEANUP(mended_release) struct mended to = MENDED_INIT;

	arena_reset(&w->arena); /* the message has been copied */
	if (walk(w, l, out, NULL, err) < 0)
		return -1;
	if (!long_lines_begin(l))
		return 0;
	to.fd = fd_spool(err);
	if (to.fd < 0 || walk(w, l, out, &to, err) < 0)
		return -1;
	close(out->fd);
	out->fd = out->message.body.fd = to.fd;
	out->message.body.len = to.message.body.len;
	out->did |= MEND_LONG_LINES;
	to.fd = -1;
	return 0;
}

static int make(struct making *w, const struct message *m, uint32_t steps, struct mended *out,
		struct err *err)
{
	out->fd = fd_spool(err);
	if (out->fd < 0)
		return -1;
	out->message = (struct message){
		.locator = "",
		.body = { .fd = out->fd },
		.arrival = ARRIVAL_NONE,
	};
	if (copy(w, m, steps, out, err) < 0)
		return -1;
	if (steps & MEND_LONG_LINES) {
		struct long_lines *l = long_lines_new();
		int result = l ? mend_lines(w, l, out, err) : err_nomem(err);

		long_lines_free(l);
		if (result < 0)
			return -1;
	}
	arena_reset(&w->arena);
	if (scanner_run(w->scanner, &out->message, time_now(), &w->arena, err) < 0)
		return -1;
	out->message.message_id = out->message.subject = out->message.from = NULL;
	out->message.uidl = NULL;
	return 0;
}

int mended_make(struct source_set *sources, const char *kind, const char *source,
		const char *locator, uint32_t steps, struct mended *out, struct err *err)
{
	CLEANUP(making_release) struct making w;
	struct message m = { 0 };

	mended_release(out);
	if (making_init(&w, err) < 0 ||
	    source_set_find(sources, kind, source, locator, &w.arena, &m, err) < 0)
		return -1;
	if (make(&w, &m, steps, out, err) == 0)
		return 0;
	mended_release(out);
	return -1;
}

uint32_t mended_possible(uint32_t repairs)
{
	uint32_t possible = MEND_HEADER_BLOCK;

	if (repairs & NOTE_8BIT_HEADER)
		possible |= MEND_HEADER_8BIT;
	if (repairs & NOTE_LONG_LINE)
		possible |= MEND_LONG_LINES;
	if (repairs & NOTE_NUL)
		possible |= MEND_NUL | MEND_BINARY;
	return possible;
}

uint32_t mended_variant(uint32_t repairs, uint64_t nul_count)
{
	if (nul_count > 0)
		return MEND_NUL;
	return repairs & NOTE_LONG_LINE ? MEND_LONG_LINES : 0;
}

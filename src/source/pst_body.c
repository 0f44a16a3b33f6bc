/*
 * Collecting a message's bytes. See pst_body.h.
 */
#include "source/pst_body.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define COPY_SIZE ((size_t)64 << 10)

void pst_body_init(struct pst_body *b, size_t memory)
{
	*b = (struct pst_body){ .bytes = BUF_INIT(PST_BODY_MEMORY), .fd = -1, .memory = memory };
}

void pst_body_release(struct pst_body *b)
{
	buf_release(&b->bytes);
	fd_cleanup(&b->fd);
}

void pst_body_reset(struct pst_body *b)
{
	buf_reset(&b->bytes);
	fd_cleanup(&b->fd);
	b->spooled = false;
	b->len = 0;
}

static int to_memfd(struct pst_body *b, struct err *err)
{
	b->fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (b->fd < 0)
		return err_sys(err, ERR_IO, SCOPE_RUN, errno, "cannot make a file in memory");
	if (b->bytes.len > 0 && fd_write(b->fd, b->bytes.ptr, b->bytes.len, err) != 0)
		return -1;
	buf_reset(&b->bytes);
	return 0;
}

static int copy_to(struct pst_body *b, int spool, struct err *err)
{
	char piece[COPY_SIZE];

	for (uint64_t off = 0; off < b->len;) {
		ssize_t n = fd_pread(b->fd, piece, sizeof(piece), off, err);

		if (n == 0)
			return err_set(err, ERR_IO, SCOPE_RUN, RETRY_NEVER,
				       "a file in memory became shorter");
		if (n < 0 || fd_write(spool, piece, (size_t)n, err) != 0)
			return -1;
		off += (uint64_t)n;
	}
	return 0;
}

static int to_spool(struct pst_body *b, struct err *err)
{
	int spool = fd_spool(err);

	if (spool < 0)
		return -1;
	if (copy_to(b, spool, err) != 0) {
		close(spool);
		return -1;
	}
	close(b->fd);
	b->fd = spool;
	b->spooled = true;
	return 0;
}

int pst_body_add(struct pst_body *b, struct slice bytes, struct err *err)
{
	if (b->fd < 0 && b->bytes.len + bytes.len > b->memory && to_memfd(b, err) != 0)
		return -1;
	if (b->fd >= 0 && !b->spooled && b->len + bytes.len > PST_BODY_MEMFD &&
	    to_spool(b, err) != 0)
		return -1;
	if (b->fd >= 0) {
		if (fd_write(b->fd, bytes.ptr, bytes.len, err) != 0)
			return -1;
	} else {
		buf_add_slice(&b->bytes, bytes);
		if (buf_ok(&b->bytes, "a message", err) != 0)
			return -1;
	}
	b->len += bytes.len;
	return 0;
}

int pst_body_finish(struct pst_body *b, struct body *out, struct err *err)
{
	static const char nothing[1];

	if (b->fd < 0 && b->memory == 0 && to_memfd(b, err) != 0)
		return -1;
	if (b->fd >= 0 && !b->spooled &&
	    fcntl(b->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) !=
		    0)
		return err_sys(err, ERR_IO, SCOPE_RUN, errno, "cannot seal a file in memory");
	*out = (struct body){ .fd = b->fd, .len = b->len };
	if (b->fd < 0)
		out->bytes = b->bytes.len > 0 ? b->bytes.ptr : nothing;
	return 0;
}

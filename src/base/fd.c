/*
 * Descriptors: see fd.h.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define FLUSH_AT ((size_t)64 << 10)

void fd_cleanup(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* O_NOATIME keeps even the access time of the user's files, but only the owner may ask for it. */
static int open_quietly(int dirfd, const char *path, int flags)
{
	int fd = openat(dirfd, path, flags | O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(dirfd, path, flags | O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd;
}

int fd_open_file(int dirfd, const char *path, struct stat *st, struct err *err)
{
	struct stat own;
	int fd;

	if (!st)
		st = &own;
	fd = open_quietly(dirfd, path, O_NONBLOCK); /* a FIFO must not hang us */
	if (fd < 0)
		return err_sys(err, ERR_NOINPUT, SCOPE_FOLDER, errno, "cannot open '%s'", path);
	if (fstat(fd, st) != 0) {
		int saved = errno;

		close(fd);
		return err_sys(err, ERR_NOINPUT, SCOPE_FOLDER, saved, "cannot look at '%s'", path);
	}
	if (!S_ISREG(st->st_mode)) {
		close(fd);
		return err_set(err, ERR_NOINPUT, SCOPE_FOLDER, RETRY_NEVER,
			       "'%s' is not a regular file", path);
	}
	return fd;
}

int fd_open_dir(int dirfd, const char *path, struct err *err)
{
	int fd = open_quietly(dirfd, path, O_DIRECTORY);

	if (fd < 0)
		return err_sys(err, ERR_NOINPUT, SCOPE_FOLDER, errno, "cannot open folder '%s'",
			       path);
	return fd;
}

ssize_t fd_pread(int fd, void *bytes, size_t len, uint64_t off, struct err *err)
{
	size_t done = 0;

	if (off > INT64_MAX - len)
		return err_set(err, ERR_LIMIT, SCOPE_MESSAGE, RETRY_NEVER,
			       "offset beyond what a file can have");
	while (done < len) {
		ssize_t n = pread(fd, (char *)bytes + done, len - done, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, SCOPE_MESSAGE, errno, "cannot read");
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int fd_slurp(int dirfd, const char *path, struct buf *b, struct err *err)
{
	CLEANUP(fd_cleanup) int fd = -1;
	struct stat st = { 0 };
	ssize_t n;

	fd = fd_open_file(dirfd, path, &st, err);
	if (fd < 0)
		return -1;
	if ((uint64_t)st.st_size > b->limit)
		return err_set(err, ERR_LIMIT, SCOPE_FOLDER, RETRY_NEVER,
			       "'%s' is larger than %zu bytes", path, b->limit);
	buf_reset(b);
	for (;;) {
		size_t want =
			(size_t)st.st_size - b->len < 4096 ? 4096 : (size_t)st.st_size - b->len;
		char *room;

		if (want > b->limit - b->len)
			want = b->limit - b->len;
		if (want == 0)
			return 0;
		room = buf_room(b, want);
		if (!room)
			return err_nomem(err);
		n = fd_pread(fd, room, want, b->len, err);
		if (n < 0)
			return err_prefix(err, "'%s'", path);
		b->len += (size_t)n;
		if ((size_t)n < want)
			return 0;
		if ((uint64_t)b->len >= (uint64_t)st.st_size)
			st.st_size = (off_t)b->len; /* it grew while we read: go on to its end */
	}
}

int fd_write(int fd, const void *bytes, size_t len, struct err *err)
{
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, SCOPE_RUN, errno, "cannot write");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_flush(int fd, struct buf *b, bool all, struct err *err)
{
	if (buf_ok(b, "the output", err) != 0)
		return -1;
	if (b->len == 0 || (!all && b->len < FLUSH_AT))
		return 0;
	if (fd_write(fd, b->ptr, b->len, err) != 0)
		return -1;
	buf_reset(b);
	return 0;
}

int fd_spool(struct err *err)
{
	const char *dir = getenv("TMPDIR");
	CLEANUP(buf_release) struct buf path = BUF_INIT(4096);
	int fd;

	if (!dir || !*dir)
		dir = "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	buf_addf(&path, "%s/mailhoist-XXXXXX", dir);
	if (!buf_cstr(&path))
		return err_nomem(err);
	fd = mkostemp(path.ptr, O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, ERR_CANTCREAT, SCOPE_RUN, errno,
			       "cannot make a temporary file in '%s'", dir);
	unlink(path.ptr);
	return fd;
}

struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){
		.dev = (uint64_t)st->st_dev,
		.ino = (uint64_t)st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
	};
}

bool stamp_eq(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns;
}

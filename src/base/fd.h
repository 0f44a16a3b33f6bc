/*
 * Descriptors: opening read-only below a directory, reading ranges whole,
 * writing whole, temporary files without a name.
 */
#ifndef MAILHOIST_BASE_FD_H
#define MAILHOIST_BASE_FD_H

#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* For CLEANUP(fd_cleanup): closes *fd when it is not negative. */
void fd_cleanup(int *fd);

/* Open `path` below `dirfd` (AT_FDCWD: as open(2)) read-only, close-on-exec, without becoming
 * the owner of a terminal and without blocking on a FIFO; anything but a regular file is refused
 * with ERR_NOINPUT. Returns the descriptor (the caller's) and fills *st (may be NULL), or -1. */
int fd_open_file(int dirfd, const char *path, struct stat *st, struct err *err);

/* The same for a directory. */
int fd_open_dir(int dirfd, const char *path, struct err *err);

/* Read up to `len` bytes at `off`, going on after short reads and EINTR.
 * Returns the number of bytes (less than `len` only at the end of the file), or -1. */
ssize_t fd_pread(int fd, void *bytes, size_t len, uint64_t off, struct err *err);

/* Read a whole (small) file into `b`, whose limit is the largest size accepted. */
int fd_slurp(int dirfd, const char *path, struct buf *b, struct err *err);

/* Write all of it. */
int fd_write(int fd, const void *bytes, size_t len, struct err *err);

/* Write what `b` holds once it is large (or `all` of it), and empty it: for output that is built in
 * a buffer. A buffer that failed is an error. */
int fd_flush(int fd, struct buf *b, bool all, struct err *err);

/* An anonymous temporary file in $TMPDIR (default /tmp), already unlinked, read-write. */
int fd_spool(struct err *err);

/* Identity and version of a file: if any of it differs, the file is not the one we read. */
struct stamp {
	uint64_t dev, ino, size;
	int64_t mtime_ns;
};
struct stamp stamp_of(const struct stat *st);
bool stamp_eq(const struct stamp *a, const struct stamp *b);

#endif

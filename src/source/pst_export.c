/*
 * Contacts and appointments of a PST as files, for other programs to import. The
 * bytes come from the worker, which cannot write files; the names are made here.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "source/pst_impl.h"

#define NAME_COLUMNS 60
#define NAME_OCTETS  200 /* file systems take 255, number and ending included */
#define SAME_NAMES   100 /* files of one name with other content, before it is given up */
#define COPY_SIZE    ((size_t)64 << 10)

static int cannot_create(struct err *err, int number, const char *name)
{
	return err_sys(err, ERR_CANTCREAT, SCOPE_RUN, number, "cannot create '%s'", name);
}

int pst_export_open(const char *path, int *dir, struct err *err)
{
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return cannot_create(err, errno, path);
	*dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *dir < 0 ? cannot_create(err, errno, path) : 0;
}

/* Printable, without anything that means something to a shell, a file system or another system. */
static void add_name(struct buf *out, const char *name)
{
	size_t start = out->len;

	text_add_safe(out, slice_trim(slice_str(name)), NAME_COLUMNS);
	for (size_t i = start; i < out->len; i++)
		if (strchr("/\\:*?\"<>|", out->ptr[i]) ||
		    (i == start && strchr(".-~", out->ptr[i])))
			out->ptr[i] = '_';
	/* Marks above letters take no column, and octets all the same. */
	if (out->len - start > NAME_OCTETS) {
		out->len = start + NAME_OCTETS;
		while (out->len > start && ((uint8_t)out->ptr[out->len] & 0xc0) == 0x80)
			out->len--;
	}
	if (out->len == start)
		buf_adds(out, "item");
}

static int read_piece(const struct body *body, uint64_t off, char *piece, size_t *len,
		      struct err *err)
{
	uint64_t left = body->len - off;
	ssize_t n;

	*len = left < COPY_SIZE ? (size_t)left : COPY_SIZE;
	if (body->bytes) {
		memcpy(piece, body->bytes + off, *len);
		return 0;
	}
	n = fd_pread(body->fd, piece, *len, body->off + off, err);
	if (n == (ssize_t)*len)
		return 0;
	return n < 0 ? -1
		     : err_set(err, ERR_IO, SCOPE_RUN, RETRY_NEVER,
			       "a file in memory became shorter");
}

static int write_body(int fd, const struct body *body, struct err *err)
{
	char piece[COPY_SIZE];
	size_t len;

	for (uint64_t off = 0; off < body->len; off += len)
		if (read_piece(body, off, piece, &len, err) != 0 ||
		    fd_write(fd, piece, len, err) != 0)
			return -1;
	return 0;
}

/* Whether the file there holds these bytes: 1, 0, -1. */
static int is_same(int dir, const char *name, const struct body *body, struct err *err)
{
	CLEANUP(fd_cleanup)
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	char piece[COPY_SIZE], there[COPY_SIZE];
	struct stat st;
	size_t len;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != body->len)
		return 0;
	for (uint64_t off = 0; off < body->len; off += len) {
		if (read_piece(body, off, piece, &len, err) != 0)
			return -1;
		if (fd_pread(fd, there, len, off, err) != (ssize_t)len ||
		    memcmp(piece, there, len) != 0)
			return 0;
	}
	return 1;
}

/* 1: written, or there already; 0: another file has the name; -1. */
static int write_as(int dir, const char *name, const struct body *body, struct err *err)
{
	CLEANUP(fd_cleanup) int fd = -1;

	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && errno == EEXIST)
		return is_same(dir, name, body, err);
	if (fd < 0)
		return cannot_create(err, errno, name);
	if (write_body(fd, body, err) == 0)
		return 1;
	unlinkat(dir, name, 0);
	err->scope = SCOPE_RUN;
	return -1;
}

int pst_export_write(int dir, const char *name, const char *extension, uint32_t nid,
		     const struct body *body, struct err *err)
{
	CLEANUP(buf_release) struct buf stem = BUF_INIT(1024), file = BUF_INIT(1024);
	int got = 0;

	add_name(&stem, name);
	buf_addf(&stem, " %" PRIx32, nid);
	for (int n = 1; n <= SAME_NAMES && got == 0; n++) {
		buf_reset(&file);
		buf_add_slice(&file, buf_slice(&stem));
		if (n > 1)
			buf_addf(&file, "-%d", n);
		buf_adds(&file, extension);
		if (!buf_cstr(&file))
			return buf_ok(&file, "the name of a file", err);
		got = write_as(dir, file.ptr, body, err);
	}
	if (got < 0)
		return -1;
	return got > 0 ? 0 : cannot_create(err, EEXIST, file.ptr);
}

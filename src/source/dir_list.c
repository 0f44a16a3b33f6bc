/*
 * Directories in chunks: see dir_list.h.
 */
#include "source/dir_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_NAMES_MAX ((size_t)DIR_CHUNK * 256) /* NAME_MAX and a NUL each */

struct item {
	uint64_t ino;
	uint32_t name; /* offset in names */
	uint16_t len;
	unsigned char type;
};

struct dir_list {
	DIR *dir;
	bool by_inode, at_end;
	size_t n, at;
	struct buf names;
	struct item items[DIR_CHUNK];
};

struct dir_list *dir_list_new(void)
{
	struct dir_list *l = calloc(1, sizeof(*l));

	if (l)
		buf_init(&l->names, CHUNK_NAMES_MAX);
	return l;
}

void dir_list_stop(struct dir_list *l)
{
	if (l->dir)
		closedir(l->dir);
	l->dir = NULL;
	l->n = l->at = 0;
}

void dir_list_free(struct dir_list *l)
{
	if (!l)
		return;
	dir_list_stop(l);
	buf_release(&l->names);
	free(l);
}

int dir_list_start(struct dir_list *l, int dirfd, const char *path, bool by_inode, struct stat *st,
		   struct err *err)
{
	int fd;

	dir_list_stop(l);
	fd = fd_open_dir(dirfd, path, err);
	if (fd < 0)
		return -1;
	if (st && fstat(fd, st) != 0) {
		err_sys(err, ERR_IO, SCOPE_FOLDER, errno, "cannot look at '%s'", path);
		close(fd);
		return -1;
	}
	l->dir = fdopendir(fd);
	if (!l->dir) {
		err_sys(err, ERR_IO, SCOPE_FOLDER, errno, "cannot list '%s'", path);
		close(fd);
		return -1;
	}
	l->by_inode = by_inode;
	l->at_end = false;
	return 0;
}

int dir_list_fd(const struct dir_list *l)
{
	return l->dir ? dirfd(l->dir) : -1;
}

/* Some file systems don't tell the type with the name. */
static unsigned char type_of(const struct dir_list *l, const char *name)
{
	struct stat st;

	if (fstatat(dirfd(l->dir), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return DT_UNKNOWN;
	return (unsigned char)IFTODT(st.st_mode);
}

static int by_inode(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static bool is_self_or_parent(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static void keep(struct dir_list *l, const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	struct item *item = &l->items[l->n++];

	item->ino = entry->d_ino;
	item->name = (uint32_t)l->names.len;
	item->len = (uint16_t)len;
	item->type = entry->d_type == DT_UNKNOWN ? type_of(l, entry->d_name) : entry->d_type;
	buf_add(&l->names, entry->d_name, len + 1);
}

/* Read the next chunk: 1, 0 at the end, -1. */
static int fill(struct dir_list *l, struct err *err)
{
	l->n = l->at = 0;
	buf_reset(&l->names);
	while (!l->at_end && l->n < DIR_CHUNK) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(l->dir);
		if (!entry && errno)
			return err_sys(err, ERR_IO, SCOPE_FOLDER, errno,
				       "cannot read a directory to its end");
		if (!entry)
			l->at_end = true;
		else if (!is_self_or_parent(entry->d_name))
			keep(l, entry);
	}
	if (buf_ok(&l->names, "directory", err) != 0)
		return -1;
	if (l->by_inode)
		qsort(l->items, l->n, sizeof(l->items[0]), by_inode);
	return l->n > 0;
}

int dir_list_next(struct dir_list *l, struct dir_entry *out, struct err *err)
{
	struct item *item;

	if (!l->dir)
		return 0;
	if (l->at == l->n) {
		int got = fill(l, err);

		if (got <= 0)
			return got;
	}
	item = &l->items[l->at++];
	*out = (struct dir_entry){
		.name = l->names.ptr + item->name,
		.len = item->len,
		.ino = item->ino,
		.type = item->type,
	};
	return 1;
}

/* Words of eight bytes, multiplied and folded: as good as needed and fast enough to hash the
 * names of a large folder in a few milliseconds. */
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
	const uint64_t k = UINT64_C(0x9E3779B97F4A7C15);
	uint64_t h = (seed ^ len) * k;
	const char *p = bytes;

	while (len > 0) {
		uint64_t word = 0;
		size_t n = len < sizeof(word) ? len : sizeof(word);

		memcpy(&word, p, n);
		h = (h ^ word) * k;
		h ^= h >> 29;
		p += n;
		len -= n;
	}
	h *= UINT64_C(0xBF58476D1CE4E5B9);
	h ^= h >> 32;
	h *= k;
	return h ^ h >> 29;
}

/*
 * The entries of one directory, however many: they are read in chunks, and each chunk is delivered
 * in the order of inodes, which on a disk that is not cached is the order of least seeking. Memory
 * is one chunk, about 1 MiB at the most.
 */
#ifndef MAILHOIST_SOURCE_DIR_LIST_H
#define MAILHOIST_SOURCE_DIR_LIST_H

#include <dirent.h>

#include "base/err.h"
#include "base/fd.h"

#define DIR_CHUNK 4096 /* entries */

struct dir_list;

struct dir_entry {
	const char *name; /* valid until the next call */
	size_t len;
	uint64_t ino;
	unsigned char type; /* DT_REG, DT_DIR, DT_LNK, ...; never DT_UNKNOWN unless it is gone */
};

struct dir_list *dir_list_new(void); /* NULL when out of memory */
void dir_list_free(struct dir_list *l);

/* Begin with the directory `path` below `dirfd`; the one before is closed. `by_inode` false
 * delivers as the directory does (for listings that open no file). *st (may be NULL) is the
 * directory's own. 0, or -1 (SCOPE_FOLDER; sys_errno ENOENT when there is none). */
int dir_list_start(struct dir_list *l, int dirfd, const char *path, bool by_inode, struct stat *st,
		   struct err *err);

/* 1 and an entry ("." and ".." never), 0 at the end, -1 when the directory cannot be read. */
int dir_list_next(struct dir_list *l, struct dir_entry *out, struct err *err);

/* Descriptor of the directory, for openat(); -1 when none is open. Owned by the list. */
int dir_list_fd(const struct dir_list *l);

/* Forget the directory, keep the memory. */
void dir_list_stop(struct dir_list *l);

/* A 64-bit hash of bytes, well mixed: for fingerprints and sets of names. */
uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len);

#endif

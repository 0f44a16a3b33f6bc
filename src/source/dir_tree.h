/*
 * The directories below a root, collected once when a store is opened, sorted by path. Symbolic
 * links to directories are not followed, so that a walk can neither loop nor leave the store; they
 * are noticed.
 */
#ifndef MAILHOIST_SOURCE_DIR_TREE_H
#define MAILHOIST_SOURCE_DIR_TREE_H

#include "source/dir_list.h"
#include "source/notices.h"

#define TREE_DIRS_MAX  100000	   /* directories in one store */
#define TREE_PATHS_MAX (64u << 20) /* bytes of all their paths */

#define TREE_PRUNE	(1u << 31) /* a mark: don't go into this directory */
#define TREE_COUNT	(1u << 29) /* a mark: count this entry */
#define TREE_UNREADABLE (1u << 30) /* the directory could not be listed; `trouble` says why */

struct tree_dir {
	const char *path;    /* below the root; "" is the root itself */
	uint32_t marks;	     /* of all entries, or-ed */
	uint32_t depth;	     /* the root has 0 */
	uint32_t counted;    /* entries with TREE_COUNT */
	const char *trouble; /* NULL, or why it is TREE_UNREADABLE */
};

struct dir_tree {
	struct arena arena;
	size_t n, cap;
	struct tree_dir *dirs;
};

/* What an entry says about its directory: bits of the kind's own, TREE_PRUNE for a directory that
 * is no folder. Called for every entry except symbolic links; `dirfd` is the directory. */
typedef uint32_t tree_mark_fn(int dirfd, const struct dir_entry *entry);

/* Walk everything below `rootfd`. `location` is the root's path for notices. 0, or -1 when the
 * root itself cannot be listed or there are more than TREE_DIRS_MAX directories. */
int dir_tree_walk(struct dir_tree *t, int rootfd, const char *location, tree_mark_fn *mark,
		  struct notices *notices, struct err *err);
void dir_tree_release(struct dir_tree *t);

#endif

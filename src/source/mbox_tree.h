/*
 * Directory trees of mbox files, as mail programs lay them out (mail-stores.md 6): which files may
 * be folders, and what the folders are called. Looks at names only; whether a file is an mbox, its
 * reader tells.
 */
#ifndef MAILHOIST_SOURCE_MBOX_TREE_H
#define MAILHOIST_SOURCE_MBOX_TREE_H

#include "source/notices.h"

#define MBOX_TREE_FILES_MAX 100000 /* nobody has more folders; a home directory has more files */

struct mbox_entry {
	const char *path; /* below the root */
	struct folder_path folder;
	enum role role;
	bool name_guessed; /* the name on disk is no UTF-8 */
	const char *shut;  /* no file but a directory that cannot be read: why. Else NULL */
};

struct mbox_tree {
	struct arena arena;
	const char *root; /* not owned */
	size_t n, cap, max;
	struct mbox_entry **entries; /* in the order of their paths */
	size_t n_single;	     /* files that are single messages: passed over */
	bool marked;		     /* a layout of a known program was met */
};

/* Walk the tree below `root`, at most `max` entries; what is passed over with a reason is noticed
 * (`notices` may be NULL). ERR_LIMIT (SCOPE_SOURCE) when there are more files. A directory that
 * cannot be read is noticed. Symbolic links to directories are not followed. */
int mbox_tree_walk(struct mbox_tree *t, const char *root, size_t max, struct notices *notices,
		   struct err *err);
void mbox_tree_release(struct mbox_tree *t);

/* The name of the folder that a single file is: its own without .mbox, .mbx and .gz. */
int mbox_tree_single(const char *path, struct arena *a, struct mbox_entry *out, struct err *err);

#endif

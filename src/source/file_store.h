/*
 * What the readers of stores with one file a message (maildir, MH, eml trees) have in common: the
 * root, the directories below it, and the file at hand.
 */
#ifndef MAILHOIST_SOURCE_FILE_STORE_H
#define MAILHOIST_SOURCE_FILE_STORE_H

#include "source/dir_tree.h"
#include "source/file_message.h"

struct file_store {
	char *location; /* the path as the user gave it, without a final '/' */
	int root;
	struct notices *notices;
	struct dir_tree tree;
	size_t at; /* next directory of the tree */
	struct dir_list *list;
	struct file_message file, found; /* delivered last, and found last */
};

/* Nothing is open yet. 0, or -1 when out of memory; release it in either case. */
int file_store_init(struct file_store *s, const char *path);
void file_store_release(struct file_store *s);

/* Open the root and walk the tree below it. 0, -1. */
int file_store_walk(struct file_store *s, tree_mark_fn *mark, struct err *err);

/* What such a store answers to source_find(): the file that `locator` names. Errors are those of
 * file_locator_read() and file_locator_open(), in the name of the store. */
int file_store_find(struct file_store *s, const char *locator, struct arena *a, struct message *out,
		    struct err *err);

#endif

/*
 * What the entries of a directory tell about maildirs: which directories are one, and which program
 * wrote them.
 */
#ifndef MAILHOIST_SOURCE_MAILDIR_MARKS_H
#define MAILHOIST_SOURCE_MAILDIR_MARKS_H

#include "source/dir_tree.h"

/* Marks of directories, beside those of dir_tree.h. */
enum {
	HAS_CUR = 1u << 0,
	HAS_NEW = 1u << 1,
	HAS_TMP = 1u << 2,
	BY_DOVECOT = 1u << 3,
	BY_MBSYNC = 1u << 4,
	BY_EVOLUTION = 1u << 5,
	HAS_KEYWORDS = 1u << 6,
	HAS_LOCK = 1u << 7,
	HAS_LIST_INDEX = 1u << 8, /* dovecot.list.index */
	HAS_GUID_DIR = 1u << 9,	  /* a maildir named by a GUID is in it */
	HAS_MSF = 1u << 10,	  /* Thunderbird's indexes */
	IS_MAILDIR = HAS_CUR | HAS_NEW,
};

/* The marks that an entry sets on the directory `dirfd` in which it lies (for dir_tree_walk());
 * TREE_COUNT: a file that belongs to no maildir. */
uint32_t maildir_mark(int dirfd, const struct dir_entry *entry);

/* How surely `path` is a maildir or a tree of maildirs: 0..100. */
int maildir_probe(const char *path);

#endif

/*
 * Listing one folder of a maildir: at a glance, for its fingerprint, and entry by entry, over and
 * over while other programs rename files in it.
 */
#ifndef MAILHOIST_SOURCE_MAILDIR_LISTING_H
#define MAILHOIST_SOURCE_MAILDIR_LISTING_H

#include "base/fd.h"
#include "source/dir_list.h"

/* Is this entry of cur or new a message: a regular file whose name has no leading dot? */
bool maildir_is_message(const struct dir_entry *entry);

/* What listing the names of a folder tells, without looking at any file. */
struct maildir_glance {
	uint64_t n, deleted, hidden, in_tmp;
	bool by_offlineimap;
	uint64_t sums[2]; /* of hashes, so that the order of the directory does not matter */
	struct stamp cur, new;
};

/* Look at the folder `fd`, the directory that holds cur and new, with the help of `list`. A part
 * that is not there is empty. 0, -1. */
int maildir_glance(struct dir_list *list, int fd, struct maildir_glance *g, struct err *err);

/* The passes over a folder. Begin with list and fd (not owned) set and the rest zero. */
struct maildir_listing {
	struct dir_list *list;
	int fd;
	struct stamp cur, new; /* before the pass */
	int64_t pass_began;
	unsigned pass;
	bool in_cur;   /* the entry is one of cur, not of new */
	bool changing; /* at the end: it changed during every pass that we made */
};

/* The next entry of new, then of cur; again from the start when they changed meanwhile, so the
 * caller meets entries more than once. 1, 0, -1. */
int maildir_listing_next(struct maildir_listing *l, struct dir_entry *out, struct err *err);

#endif

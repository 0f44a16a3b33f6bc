/*
 * The mbox files that messages are found in again, kept open: uploads go into several
 * folders at once, and so they come out of several files by turns. To open one anew
 * for each message takes longer than to read the message; one that is packed has to
 * be unpacked for that.
 */
#ifndef MAILHOIST_SOURCE_MBOX_SHELF_H
#define MAILHOIST_SOURCE_MBOX_SHELF_H

#include "source/mbox_file.h"

#define MBOX_SHELF_PLACES 8 /* as a rule there are four connections */

/* Zeroed memory is an empty one. */
struct mbox_shelf {
	struct mbox_place {
		char *name;
		struct mbox_file *file; /* NULL: free */
		uint64_t used;		/* by the shelf's clock */
	} place[MBOX_SHELF_PLACES];
	uint64_t clock;
};

/* The file of that name, or NULL. Valid until mbox_shelf_put() or mbox_shelf_clear(). */
struct mbox_file *mbox_shelf_get(struct mbox_shelf *s, const char *name);

/* Keep `file`, which belongs to the shelf from here on, also on error; where all places are taken,
 * the one that has not been asked for longest is closed. ERR_NOMEM. */
int mbox_shelf_put(struct mbox_shelf *s, const char *name, struct mbox_file *file, struct err *err);

void mbox_shelf_clear(struct mbox_shelf *s); /* closes all */

#endif

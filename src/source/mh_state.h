/*
 * What an MH folder knows of its messages: the sequences of .mh_sequences (nmh, mutt, Claws Mail)
 * and the flags of .sylpheed_mark. Both are small binary or text files that are held in memory,
 * within bounds.
 */
#ifndef MAILHOIST_SOURCE_MH_STATE_H
#define MAILHOIST_SOURCE_MH_STATE_H

#include "base/err.h"
#include "base/slice.h"

#define MH_SEQUENCES_MAX ((size_t)4 << 20)  /* bytes: 500,000 numbers that are no ranges */
#define MH_MARKS_MAX	 ((size_t)16 << 20) /* bytes: 2,000,000 messages */

struct mh_range {
	uint32_t first, last;
};

struct mh_sequence {
	struct mh_range *ranges; /* sorted by their first number */
	size_t n, cap;
};

struct mh_mark {
	uint32_t number, flags;
	uint32_t order; /* in the file */
};

struct mh_state {
	struct mh_sequence unseen, flagged, replied;
	bool has_marks;	       /* Sylpheed's: they count instead of the sequences */
	struct mh_mark *marks; /* sorted by number */
	size_t n_marks;
};

#define MH_STATE_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}

/* Read the text of .mh_sequences. Unknown sequences and what is no number are passed over. */
int mh_state_add_sequences(struct mh_state *s, struct slice text, struct err *err);

/* Read the bytes of .sylpheed_mark (version 2, either byte order). False when it is none. A pair
 * that is cut off at the end is passed over; of two marks for one number the later counts. */
int mh_state_add_marks(struct mh_state *s, struct slice bytes, bool *valid, struct err *err);

/* FLAG_* of message `number`. *forwarded: it has Sylpheed's mark for that. Without any state a
 * message counts as seen, as it does for nmh. */
uint32_t mh_state_flags(const struct mh_state *s, uint32_t number, bool *forwarded);

void mh_state_release(struct mh_state *s);

#endif

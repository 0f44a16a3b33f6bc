/*
 * What the files of undo share: undo.c decides what is taken back, undo_back.c brings
 * messages back to where they were.
 */
#ifndef MAILHOIST_TRANSFER_UNDO_WORK_H
#define MAILHOIST_TRANSFER_UNDO_WORK_H

#include "journal/undo.h"
#include "transfer/filing.h"

struct undoing {
	struct transfer *t;
	int64_t run;
	struct undo_options o;
	struct undo_tally *tally;
	struct arena arena, names;
	struct remote_folder folder;
	struct selected sel;
	struct upload *u; /* the page, by UID */
	struct undo_state *states;
	const struct found_message **found;
	size_t n;
	uint32_t uids[FILING_PAGE];
	int64_t ids[FILING_PAGE];
};

/* The message we put there: its header is ours, or its size where the server alters headers. */
bool undo_is_it(const struct upload *u, const struct found_message *m);

/* ---- undo_back.c: of messages in the folder that is open ---- */

/* `n` of w->ids[] and w->uids[] from `from` on go back to `origin` by MOVE. */
int undo_move(struct undoing *w, size_t from, size_t n, const char *origin, struct err *err);
/* Without MOVE: the `n` places at[] of the page are copied to `origin`, and taken away here. */
int undo_carry(struct undoing *w, const size_t *at, size_t n, const struct remote_folder *origin,
	       struct err *err);
/* These are copied back, and stay here, too: the original was taken away by another run than the
 * one that made the copy. */
int undo_put_back(struct undoing *w, const size_t *at, size_t n, const struct remote_folder *origin,
		  struct err *err);

#endif

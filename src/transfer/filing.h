/*
 * What the files of filing share: filing.c copies and moves, origins.c takes away
 * the originals of moves where the server has no MOVE, look.c looks before.
 */
#ifndef MAILHOIST_TRANSFER_FILING_H
#define MAILHOIST_TRANSFER_FILING_H

#include "transfer/internal.h"

#define FILING_PAGE 2000 /* messages that are looked at, and marked in flight, together */

/* Take away the originals of all stored moves whose copy is there: \Deleted and UID EXPUNGE of
 * exactly these. A server without UIDPLUS is left alone. */
int origins_remove(struct transfer *t, struct err *err);

/* Note in the journal which originals of stored moves are not there any more: a MOVE whose answer
 * was lost may have taken them along. */
int origins_refresh(struct transfer *t, struct err *err);

/* Mark messages \Deleted and expunge exactly them, in the folder that is selected for writing: of
 * the `n` UIDs, ascending. CAP_UIDPLUS. */
int uids_remove(struct transfer *t, const uint32_t *uids, size_t n, struct err *err);

/* ---- look.c ---- */

/* A message of the open folder as it is now; uid 0: it is not there. */
struct found_message {
	uint32_t uid;
	uint64_t size;
	int64_t internaldate;
	struct flag_set flags;
	struct match_keys keys; /* with `header` only */
};
struct look {
	uint32_t *uids; /* ascending */
	struct found_message *found;
	size_t n;
};
/* Look at the `n` UIDs, in any order; all of it is in the arena. `header`: at the key fields, too.
 */
int look_at(struct transfer *t, const uint32_t *uids, size_t n, bool header, struct arena *a,
	    struct look *out, struct err *err);
/* What has been found; never NULL. */
const struct found_message *look_found(const struct look *l, uint32_t uid);

/* flags.c: take back the changes of flags that `run` made, where they are still as it left them. */
int flags_restore(struct transfer *t, int64_t run, struct err *err);

/* It is there, with the size and the date of what the upload is made from. */
bool origin_same(const struct found_message *m, const struct upload *u);

#endif

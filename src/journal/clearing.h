/*
 * Originals in INBOX whose copies an earlier run has filed: a run that is to move takes
 * them away. plan/ writes down which; from then on the copy counts as a move whose
 * original is still to be taken away (journal_origins_left), and undo of the run that
 * took it away copies it back.
 */
#ifndef MAILHOIST_JOURNAL_CLEARING_H
#define MAILHOIST_JOURNAL_CLEARING_H

#include "journal/journal.h"

/* The copies that the run is to clear up after become moves, until their originals are gone. */
int journal_clearing_begin(struct journal *j, int64_t run, struct err *err);
/* Of n stored moves the original was not there: where it was not we who took it away, they are
 * copies again. */
int journal_clearing_missed(struct journal *j, const int64_t *uploads, size_t n, struct err *err);
/* Originals that the run has taken away. */
int journal_cleared(struct journal *j, int64_t run, uint64_t *out, struct err *err);

/* ---- undo ---- */

/* What the run had still to take away stays. */
int journal_clearing_forget(struct journal *j, int64_t run, struct err *err);
/* Folders with copies whose originals the run has taken away: pass the last id (0 first). 1, 0, -1.
 */
int journal_cleared_folder_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
				struct remote_folder *out, struct err *err);
/* Up to `max` of these copies in one folder with UIDs above `after`, by UID. Their number, -1. */
int journal_cleared_next(struct journal *j, int64_t run, int64_t folder, uint32_t after, size_t max,
			 struct arena *a, struct upload *out, struct err *err);
/* Did the original have other flags than *now? */
bool journal_cleared_differs(const struct upload *u, const struct flag_set *now);
/* The original is back, as `uid`: with the flags *now, which undo makes again what they were. */
int journal_cleared_back(struct journal *j, int64_t run, const struct upload *u, uint32_t uid,
			 uint32_t uidvalidity, const struct flag_set *now, struct err *err);

#endif

/*
 * Taking back what a run did: the uploads (and copies) of the run that are still
 * stored, and how far each of them has been taken back.
 */
#ifndef MAILHOIST_JOURNAL_UNDO_H
#define MAILHOIST_JOURNAL_UNDO_H

#include "journal/journal.h"

enum undo_step {
	UNDO_NOT_BEGUN,
	UNDO_REMOVING, /* its \\Deleted may be ours */
	UNDO_MOVING,   /* it may be in its origin folder, with a UID not below `base_uidnext` */
};
struct undo_state {
	enum undo_step step;
	uint32_t uidvalidity, base_uidnext; /* of the origin folder, when it was moved back */
};

/* Folders in which something stored by `run` can be taken back: pass the last id (0 first). 1, 0,
 * -1. */
int journal_undo_folder_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			     struct remote_folder *out, struct err *err);
/* Up to `max` of these uploads in one folder with UIDs above `after`, by UID; states[] goes with
 * them. Their number, or -1. */
int journal_undo_next(struct journal *j, int64_t run, int64_t folder, uint32_t after, size_t max,
		      struct arena *a, struct upload *out, struct undo_state *states,
		      struct err *err);
/* How far one has been taken back. */
int journal_undo_state(struct journal *j, int64_t upload, struct undo_state *out, struct err *err);
/* Those whose UID is not known. */
int journal_undo_blind(struct journal *j, int64_t run, uint64_t *out, struct err *err);

/* n are about to be taken back: on disk on return. */
int journal_undo_begin(struct journal *j, const int64_t *uploads, size_t n, enum undo_step step,
		       uint32_t uidvalidity, uint32_t base_uidnext, struct err *err);
/* n have been taken back, by the run `by`: the uploads are forgotten, their lines say so. */
int journal_undo_end(struct journal *j, const int64_t *uploads, size_t n, int64_t by,
		     struct err *err);

/* What was changed in messages that will be taken away need not be changed back. */
int journal_flags_undo_prepare(struct journal *j, int64_t run, struct err *err);
/* Changes of flags that the run made and that the index still shows, of what stays. */
int journal_flags_to_undo(struct journal *j, int64_t run, uint64_t *out, struct err *err);
/* All of the run's are taken back: local flags may be merged anew. */
int journal_flags_undone(struct journal *j, int64_t run, struct err *err);

#endif

/*
 * The flags that a run changes on the server, in messages that are there already or
 * that it has filed. plan/ writes down what is to be changed; what was really changed
 * stays in the journal, so that it can be taken back.
 */
#ifndef MAILHOIST_JOURNAL_FLAGS_H
#define MAILHOIST_JOURNAL_FLAGS_H

#include "journal/journal.h"

enum flag_change_state {
	FLAG_CHANGE_PLANNED,
	FLAG_CHANGE_DONE,
	FLAG_CHANGE_DROPPED, /* the server cannot or must not do it */
	FLAG_CHANGE_UNDONE,
};

struct flag_change {
	int64_t id;
	int64_t folder;
	uint32_t uid, uidvalidity;
	uint32_t removed, added;		       /* FLAG_* */
	const char *removed_keywords, *added_keywords; /* blank-separated, or NULL */
};

/* Folders with changes of a run in `state`: pass the last id (0 first). 1, 0, -1. */
int journal_flag_folder_next(struct journal *j, int64_t run, enum flag_change_state state,
			     int64_t after, struct arena *a, struct remote_folder *out,
			     struct err *err);
/* Up to `max` of them in one folder, equal changes together, by UID. Their number, or -1. */
int journal_flag_changes(struct journal *j, int64_t run, enum flag_change_state state,
			 int64_t folder, size_t max, struct arena *a, struct flag_change *out,
			 struct err *err);
/* The change becomes `state`. *done, with what was really changed, goes into the index and into
 * the upload that the message is; NULL: nothing was. */
int journal_flag_change_end(struct journal *j, int64_t id, enum flag_change_state state,
			    const struct flag_change *done, struct err *err);

/* Folders into which the run has filed something that is not verified yet. */
int journal_filed_folder_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			      struct remote_folder *out, struct err *err);

#endif

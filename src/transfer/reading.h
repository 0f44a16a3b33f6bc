/*
 * One folder of the server on its way into the journal, step by step and without
 * waiting, so that several folders can be read at once (indexing.c).
 */
#ifndef MAILHOIST_TRANSFER_READING_H
#define MAILHOIST_TRANSFER_READING_H

#include "transfer/rows.h"

struct reading {
	struct rows rows;
	struct remote_folder *folder; /* the caller's */
	struct folder_status status;
	struct selected sel;
	bool all_flags; /* also where the server cannot tell which have changed */
	bool told;	/* flags are asked for from a HIGHESTMODSEQ on */
	bool by_uidl;	/* this is INBOX, and UIDLs may help */
	enum reading_step { READING_NEW, READING_WHOLE, READING_FLAGS } step;
};

/* Ask what has to be asked of the folder over t->session. `known`: what STATUS has told already, or
 * NULL. 1: rows are on their way, which go into the transaction that is open; 0: the journal's rows
 * are those of the server already; -1 (see transfer_folder_shut()). *f must live as long. Release
 * it in any case. */
int reading_begin(struct reading *rd, struct transfer *t, struct remote_folder *f,
		  const struct folder_status *known, bool all_flags, struct err *err);

/* Take at most so many of the rows that have come over t->session: 1 there may be more, 2 nothing
 * more has come yet, 0 the journal's rows are those of the server, and *f is updated; -1. */
int reading_go_on(struct reading *rd, unsigned most, struct err *err);

/* It will not be finished: what was put half-way goes. The transaction may be committed then. */
int reading_give_up(struct reading *rd, struct err *err);

/* Messages that may still come. */
uint32_t reading_left(const struct reading *rd);

void reading_release(struct reading *rd);

/* ---- what will be asked, if nothing happens in the folder until then ---- */

/* Nothing has to be asked. */
bool reading_needless(const struct remote_folder *f, const struct folder_status *now,
		      bool all_flags);
/* All that has to be asked of it can be said ahead (session_index_ahead()). 1, 0, -1. */
int reading_foreseen(struct transfer *t, const struct session *s, const struct remote_folder *f,
		     const struct folder_status *now, struct err *err);
/* Say it: 1; 0: not now; -1. */
int reading_announce(struct session *s, const struct remote_folder *f,
		     const struct folder_status *now, struct err *err);
#define READING_ASKS 2 /* questions of one folder, at most */

#endif

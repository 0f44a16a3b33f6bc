/*
 * The folders of an account, read over several connections in one loop: who reads
 * which, what is asked ahead, and what happens when a line is lost.
 */
#ifndef MAILHOIST_TRANSFER_INDEXING_H
#define MAILHOIST_TRANSFER_INDEXING_H

#include "transfer/reading.h"

/* What is known of a folder before it is opened. */
struct known_folder {
	int64_t id;
	struct folder_status status; /* uidvalidity 0: not known */
	enum role role;
	uint32_t to_come; /* messages that will have to be asked for, as far as is known */
	unsigned tries;	  /* somebody expunged messages while it was read */
	enum { FOLDER_OPEN, FOLDER_TAKEN, FOLDER_DONE } state;
};

#define EXPUNGED_TRIES 5  /* a folder that others are clearing up */
#define LINE_AHEAD_MAX 32 /* folders whose questions have been asked ahead */

struct index_line {
	struct session *session; /* NULL: not connected */
	bool busy;		 /* `reading` is under way, */
	bool asked;		 /* and all that it asks was said ahead */
	bool at_work;		 /* perhaps waiting for an answer, while others work */
	struct reading reading;
	struct known_folder *known;
	struct remote_folder folder; /* its texts in the arena */
	struct arena arena;
	struct known_folder *ahead[LINE_AHEAD_MAX];
	size_t n_ahead;
	uint64_t ahead_rows; /* of all these */
};

struct indexing {
	struct transfer *t;
	struct buf known; /* struct known_folder; the longest work first */
	size_t first;	  /* none before it is open */
	uint64_t rows, rows_to_come;
	uint64_t watch_rows;
	int64_t watch_ms;
	bool beside;	 /* the sources are being read: nothing may take long, INBOX waits */
	bool one_by_one; /* nothing is asked ahead: a line was lost, perhaps because of that */
	struct index_line line[LINES_MAX];
	unsigned n;	      /* lines that have a session */
	unsigned wanted;      /* that we would like to have */
	unsigned most;	      /* that we may have; 0: not known yet */
	int64_t quiet_ms;     /* since when there has been no trouble: for one more */
	int64_t last_ms;      /* when something was last done */
	uint64_t uncommitted; /* rows */
	int64_t pumped_ms;
	uint32_t attempt; /* lines lost since the last folder was done */
	struct err loss;  /* the reason of the last one */
	bool lost;
	struct session_company company;
	bool broken; /* the journal failed while one line waited: `breakage` tells */
	struct err breakage;
};

size_t indexing_count(const struct indexing *ix);
struct known_folder *indexing_folder(const struct indexing *ix, size_t i);

/* t->session becomes the first line's. */
void indexing_start(struct indexing *ix);
/* One round: folders to lines that have none, and what has come on all of them. 1: something was
 * done; 2: everybody waits; 0: nothing is left that could be read now, or there is no line; -1. */
int indexing_round(struct indexing *ix, struct err *err);
/* Wait for any of them. */
int indexing_wait(struct indexing *ix, struct err *err);
/* One more line where that is of use, as it went since indexing_watch(). */
void indexing_watch(struct indexing *ix);
void indexing_grow(struct indexing *ix);
/* Are there folders that have not been read? */
bool indexing_is_complete(const struct indexing *ix);
/* One of the sessions becomes t->session again, or NULL when all are lost; the others are closed.
 */
void indexing_stop(struct indexing *ix);

#endif

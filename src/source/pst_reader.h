/*
 * A conversation with a worker that reads a PST, and what survives the worker: where
 * earlier ones died, and the addresses that were learned.
 */
#ifndef MAILHOIST_SOURCE_PST_READER_H
#define MAILHOIST_SOURCE_PST_READER_H

#include "source/pst_child.h"
#include "source/pst_event.h"

#define PST_DEATHS_MAX 1000 /* of one store; then it is given up */

/* What one worker may say; who says more is out of its mind. It keeps 1024 findings at once and
 * tells them at most four times before it goes on; it learns no more addresses than its map holds.
 */
#define PST_ASIDES_MAX	8192	/* DAMAGE between two answers */
#define PST_PAIRS_MAX	65536	/* PAIR */
#define PST_FOLDERS_MAX 1000000 /* FOLDER */

/* Where a worker died, and how. */
struct pst_skip {
	uint32_t stage, nid;
	char why[WORKER_WHY_MAX];
};

/* One for each store, shared by its readers. */
struct pst_known {
	int fd;		  /* of the store; the owner's */
	struct slice map; /* the user's address map; the owner's */
	uint32_t wishes;  /* PST_WISH_EXPORT */
	struct pst_patience patience;
	int (*instead)(void); /* as in worker_start() */

	bool opened; /* once: then uid is known */
	uint8_t uid[PST_UID_LEN];
	bool password_set, exchange_cache;
	bool landlock; /* guards the worker's files, besides seccomp */
	struct pst_skip *skips;
	size_t n_skips, deaths;
	uint32_t suspect_stage, suspect_nid; /* where the last one died */
	struct buf pairs; /* payloads of PST_PAIR, each with its length before it */
	bool learned;	  /* they are all */
	bool too_many_pairs;
};

void pst_known_init(struct pst_known *k);
void pst_known_release(struct pst_known *k);

/* The reason an item was skipped for, or NULL. */
const char *pst_known_skip(const struct pst_known *k, enum pst_stage stage, uint32_t nid);

struct pst_reader {
	struct pst_known *known;
	struct pst_child child;
	struct pst_death death; /* of the last worker */
	uint32_t alive;		/* the last sign of life */
	bool again;		/* it has begun anew: once, having learned */
	uint32_t asides, pairs, folders;
};

#define PST_READER_NONE                                                                            \
	{                                                                                          \
		.child = PST_CHILD_NONE                                                            \
	}

/* Start a worker and have it open the store. -1: it cannot be opened (ERR_FORMAT and others,
 * SCOPE_SOURCE: the text is the worker's), or the worker died twice of it. What it notices while
 * opening comes as events. */
int pst_reader_open(struct pst_reader *r, struct pst_known *known, struct err *err);
void pst_reader_close(struct pst_reader *r);
bool pst_reader_runs(const struct pst_reader *r);

/* A command: NEXT_FOLDER (nid is ignored), SEEK_FOLDER, ITEMS or FETCH (`role`). */
int pst_reader_command(struct pst_reader *r, enum pst_frame command, uint32_t nid, enum role role,
		       struct err *err);

/* The next event that is not for the reader itself: 1, or -1: ERR_INTERRUPTED, ERR_NOMEM, or the
 * worker is dead (it does not run any more) and r->death tells how. */
int pst_reader_event(struct pst_reader *r, struct arena *a, struct pst_event *out, struct err *err);

/* An event came that has no place here: the worker is ended. Always -1. */
int pst_reader_disorder(struct pst_reader *r, struct err *err);

/* After a death: what the page says was at work becomes a suspect, and at the second death at the
 * same place a skip for the workers to come: the first may have been an accident (somebody's kill,
 * no memory). False: the culprit is not known or was to be skipped, or there were too many deaths.
 */
bool pst_reader_blame(struct pst_reader *r);

#endif

/*
 * The process that reads a PST: started, watched, ended. It is dead when its line is
 * broken, when it sends what is no frame, or when it stays at one item for too long.
 */
#ifndef MAILHOIST_SOURCE_PST_CHILD_H
#define MAILHOIST_SOURCE_PST_CHILD_H

#include "source/pst_wire.h"
#include "worker/frame.h"
#include "worker/spawn.h"

/* How long it may say nothing. */
struct pst_patience {
	int item_ms; /* while it is at the same item: 60 s */
	int open_ms; /* while it loads the index, or whatever it does: 600 s */
};
#define PST_PATIENCE                                                                               \
	{                                                                                          \
		60 * 1000, 600 * 1000                                                              \
	}

struct pst_child {
	struct worker worker;
	struct frame_in in;
	struct frame_out out;
	struct pst_patience patience;
	uint32_t stage, item;		   /* as last seen in the page */
	int64_t at_item_since, mute_since; /* monotonic milliseconds */
};

#define PST_CHILD_NONE                                                                             \
	{                                                                                          \
		.worker = WORKER_NONE                                                              \
	}

/* How it ended. */
struct pst_death {
	uint32_t stage, item; /* what its page said: hints */
	char why[WORKER_WHY_MAX + 32];
};

/* `instead`: as in worker_start(). */
int pst_child_start(struct pst_child *c, int input, const struct pst_patience *patience,
		    int (*instead)(void), struct err *err);
bool pst_child_runs(const struct pst_child *c);

/* Send what is in c->out. As pst_child_next(). */
int pst_child_send(struct pst_child *c, struct err *err);

/* The next frame: 1, valid until the next call; or -1: ERR_INTERRUPTED, or any other error: it
 * has to be ended. */
int pst_child_next(struct pst_child *c, struct frame *out, struct err *err);

/* End it. `cause`: what next or send said, or NULL; *death (may be NULL) tells what is known. */
void pst_child_end(struct pst_child *c, const struct err *cause, struct pst_death *death);

#endif

/*
 * Workers: this program executed again as a process of its own, for work that may
 * crash, hang or be taken over by the file it reads. A worker gets one end of a
 * socket pair, one descriptor to read, and a page of memory that both see; nothing
 * else: no other descriptor, no environment, no terminal. It locks itself down
 * (sandbox.h) before it looks at the descriptor.
 *
 * The page tells the parent what the worker is at, without a frame for it: when a
 * worker dies its last frames are lost with it, the page is not. Whatever stands
 * there is a hint of somebody untrusted.
 */
#ifndef MAILHOIST_WORKER_SPAWN_H
#define MAILHOIST_WORKER_SPAWN_H

#include <stdatomic.h>
#include <sys/types.h>

#include "base/err.h"

/* The descriptors of a worker. */
enum { WORKER_SOCKET = 3, WORKER_PAGE, WORKER_INPUT, WORKER_FD_END };

struct worker_page {
	_Atomic uint32_t stage; /* the worker's own numbers; 0: not yet begun */
	_Atomic uint32_t item;	/* what it works on; 0: nothing in particular */
	_Atomic uint64_t ticks; /* goes up as long as it makes progress */
	_Atomic int32_t failed; /* errno of a program that could not be executed */
};

struct worker {
	pid_t pid;  /* 0: none */
	int socket; /* ours, until worker_end() */
	struct worker_page *page;
};

#define WORKER_NONE                                                                                \
	{                                                                                          \
		.pid = 0, .socket = -1, .page = NULL                                               \
	}

/* Start `worker NAME` with `input` as its WORKER_INPUT. `instead`: NULL, or (in tests) a function
 * that plays the worker in a forked process; its result is the exit status. */
int worker_start(struct worker *w, const char *name, int input, int (*instead)(void),
		 struct err *err);

#define WORKER_WHY_MAX 128

/* End it: kill it if it still runs, reap it. `why` (may be NULL) says how it died, for a message
 * to the user: "was killed by signal 11 (Segmentation fault)"; "" if it is still running when this
 * is called. Does nothing when there is none. */
void worker_end(struct worker *w, char why[WORKER_WHY_MAX]);

/* In the worker: the page, or NULL with ERR_USAGE when this process was not started by
 * worker_start(). */
struct worker_page *worker_page_attach(struct err *err);

#endif

/*
 * The worker half of the PST source: what `mailhoist worker pst` does.
 */
#ifndef MAILHOIST_SOURCE_PST_WORKER_H
#define MAILHOIST_SOURCE_PST_WORKER_H

/* Runs in a process that worker_start() has made, until its parent closes the line. The exit
 * status: 0, 64 when started by somebody else, 71 when it could not lock itself down. */
int pst_worker_main(void);

#endif

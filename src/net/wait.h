/*
 * Waiting for one descriptor until a deadline: for connecting and for the TLS
 * handshake, which go on by themselves. Everything later waits in the caller's
 * poll loop.
 */
#ifndef MAILHOIST_NET_WAIT_H
#define MAILHOIST_NET_WAIT_H

#include <stdint.h>

#include "base/err.h"

/* Somebody who has other things to do meanwhile: until() does what wait_for() does. */
struct waiter {
	int (*until)(void *context, int fd, short events, int64_t deadline, struct err *err);
	void *context;
};

/* Wait for `events` of poll(2) until time_monotonic_ms() reaches `deadline`: 1 (also when the
 * descriptor has failed: the next call on it tells why), 0 when time is up, -1 (ERR_INTERRUPTED
 * when a signal asks us to stop). */
int wait_for(int fd, short events, int64_t deadline, struct err *err);

/* The same by whoever waits for us; NULL: nobody. */
int wait_by(const struct waiter *w, int fd, short events, int64_t deadline, struct err *err);

#endif

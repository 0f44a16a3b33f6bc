/*
 * Waiting for one descriptor until a deadline: for connecting and for the TLS
 * handshake, which go on by themselves. Everything later waits in the caller's
 * poll loop.
 */
#ifndef MAILHOIST_NET_WAIT_H
#define MAILHOIST_NET_WAIT_H

#include "base/err.h"

/* Wait for `events` of poll(2) until time_monotonic_ms() reaches `deadline`: 1 (also when the
 * descriptor has failed: the next call on it tells why), 0 when time is up, -1 (ERR_INTERRUPTED
 * when a signal asks us to stop). */
int wait_for(int fd, short events, int64_t deadline, struct err *err);

#endif

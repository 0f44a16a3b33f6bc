/*
 * From a host name to a connected TCP socket.
 */
#ifndef MAILHOIST_NET_DIAL_H
#define MAILHOIST_NET_DIAL_H

#include "net/wait.h"

/* Look the host up and connect to its addresses one after the other until one answers; each gets
 * its share of the time that is left, so that one dead address does not use up all of it. (The
 * look-up itself has the resolver's own time-out.) Returns a non-blocking, close-on-exec
 * descriptor, the caller's; `waiter` may be NULL; or -1: ERR_CONNECT, ERR_INTERRUPTED. */
int dial(const char *host, const char *port, int timeout_ms, const struct waiter *waiter,
	 struct err *err);

#endif

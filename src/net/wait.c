/*
 * poll(2) on one descriptor. See wait.h.
 */
#include "net/wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "base/clock.h"
#include "base/stop.h"

static int left_until(int64_t deadline)
{
	int64_t left = deadline - time_monotonic_ms();

	if (left < 0)
		return 0;
	return left < INT_MAX ? (int)left : INT_MAX;
}

int wait_for(int fd, short events, int64_t deadline, struct err *err)
{
	struct pollfd p = { fd, events, 0 };

	for (;;) {
		int left = left_until(deadline);
		int n = poll(&p, 1, left);

		if (n > 0)
			return 1;
		if (n == 0 && left == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(err, ERR_INTERNAL, SCOPE_ACCOUNT, errno, "poll");
		if (n < 0 && stop_check(err) < 0)
			return -1;
	}
}

int wait_by(const struct waiter *w, int fd, short events, int64_t deadline, struct err *err)
{
	return w ? w->until(w->context, fd, events, deadline, err)
		 : wait_for(fd, events, deadline, err);
}

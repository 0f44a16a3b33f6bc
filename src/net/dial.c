/*
 * getaddrinfo(3), then a non-blocking connect(2) to each address in turn.
 */
#include "net/dial.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/wait.h"

/* A peer that vanished shows itself after this long when bytes of ours wait to be acknowledged, or
 * for room. Longer than any deadline on progress (imap-client.md 6), for a busy server may take
 * nothing for minutes. */
#define USER_TIMEOUT_MS 330000
/* When nothing is under way we ask after a minute of silence: that also keeps the entry in the NAT
 * tables of routers alive. */
#define KEEPALIVE_IDLE_S     60
#define KEEPALIVE_INTERVAL_S 30
#define KEEPALIVE_COUNT	     8

/* What lies in the socket when we close it, or are killed, shall not go out any more: over a slow
 * line mail would arrive minutes after everybody has seen that it is not there, and has sent it
 * again. stream_close() takes this back where nothing lies there. */
static void drop_when_closed(int fd)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* None of these is worth failing for. */
static void tune(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			   sizeof(options[i].value));
	drop_when_closed(fd);
}

static int cannot_connect(int sys_errno, struct err *err)
{
	err_sys(err, ERR_CONNECT, SCOPE_ACCOUNT, sys_errno, "cannot connect");
	err->retry = RETRY_LATER;
	return -1;
}

/* Wait for the outcome of a connect(2) that has begun. */
static int finish_connect(int fd, int64_t deadline, const struct waiter *waiter, struct err *err)
{
	int outcome = 0;
	socklen_t len = sizeof(outcome);
	int ready = wait_by(waiter, fd, POLLOUT, deadline, err);

	if (ready < 0)
		return -1;
	if (ready == 0)
		return cannot_connect(ETIMEDOUT, err);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &len) < 0)
		outcome = errno;
	return outcome == 0 ? 0 : cannot_connect(outcome, err);
}

static int dial_one(const struct addrinfo *address, int64_t deadline, const struct waiter *waiter,
		    struct err *err)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return cannot_connect(errno, err);
	tune(fd);
	if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
		return fd;
	if (errno != EINPROGRESS && errno != EINTR)
		cannot_connect(errno, err);
	else if (finish_connect(fd, deadline, waiter, err) == 0)
		return fd;
	close(fd);
	return -1;
}

/* `now` plus a fair share of what is left until `deadline`. */
static int64_t share(int64_t deadline, int n_left)
{
	int64_t now = time_monotonic_ms();

	return now < deadline ? now + (deadline - now) / n_left : now;
}

static int dial_each(const struct addrinfo *list, int64_t deadline, const struct waiter *waiter,
		     struct err *err)
{
	struct err last = ERR_INIT;
	int n = 0, n_left = 0;

	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
		n_left++;
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
		int fd = dial_one(a, share(deadline, n_left--), waiter, &last);

		if (fd >= 0)
			return fd;
		if (last.code == ERR_INTERRUPTED)
			break;
		n++;
	}
	*err = last;
	return n > 1 ? err_prefix(err, "%d addresses tried, the last one", n) : -1;
}

static int look_up(const char *host, const char *port, struct addrinfo **out, struct err *err)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	int rc = getaddrinfo(host, port, &hints, out);

	switch (rc) {
	case 0:
		return 0;
	case EAI_SYSTEM:
		return cannot_connect(errno, err);
	case EAI_NONAME: /* most likely misspelt */
	case EAI_SERVICE:
		return err_set(err, ERR_CONNECT, SCOPE_ACCOUNT, RETRY_NEVER, "cannot connect: %s",
			       gai_strerror(rc));
	default:
		return err_set(err, ERR_CONNECT, SCOPE_ACCOUNT, RETRY_LATER,
			       "cannot look up the address: %s", gai_strerror(rc));
	}
}

int dial(const char *host, const char *port, int timeout_ms, const struct waiter *waiter,
	 struct err *err)
{
	struct addrinfo *list = NULL;
	int fd;

	if (look_up(host, port, &list, err) < 0)
		return -1;
	fd = dial_each(list, time_monotonic_ms() + timeout_ms, waiter, err);
	freeaddrinfo(list);
	return fd;
}

/*
 * A TCP relay on loopback that makes a long line of a short one: what it reads is
 * handed on DELAY milliseconds later, each way, and at most RATE octets a second.
 * As much as a line of that length holds is kept in memory. For `make bench`.
 *
 *   delayproxy HOST PORT DELAY_MS [RATE]
 *
 * Prints the port that it listens on, then serves until it is killed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 16, PIPES_MAX = 64, KEPT_MAX = 64 << 20, SOCKET_BUFFER = 4 << 20 };

/* A piece that has been read and may be written at `due`. */
struct piece {
	struct piece *next;
	int64_t due_us;
	size_t len, done;
	char bytes[];
};

/* One direction of one connection. */
struct pipe {
	int from, to;
	bool closed; /* `from` has ended */
	bool shut;   /* and `to` knows */
	struct piece *first, *last;
	size_t kept;
	int64_t free_us; /* when the line can take the next octet */
};

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "delayproxy: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int dial(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_INET }, *list;
	int fd, size = SOCKET_BUFFER;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		die("getaddrinfo");
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (connect(fd, list->ai_addr, list->ai_addrlen) < 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

static void set_up(int fd)
{
	int one = 1;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

/* ---- one direction ---- */

static void take_in(struct pipe *p, int64_t delay_us, int64_t rate)
{
	struct piece *piece = malloc(sizeof(*piece) + CHUNK);
	int64_t now = now_us();

	if (!piece)
		die("malloc");
	ssize_t got = read(p->from, piece->bytes, CHUNK);

	if (got <= 0) {
		p->closed = got == 0 || (errno != EAGAIN && errno != EINTR);
		free(piece);
		return;
	}
	if (p->free_us < now)
		p->free_us = now;
	if (rate > 0)
		p->free_us += (int64_t)got * 1000000 / rate;
	*piece = (struct piece){ .due_us = p->free_us + delay_us, .len = (size_t)got };
	if (p->last)
		p->last->next = piece;
	else
		p->first = piece;
	p->last = piece;
	p->kept += piece->len;
}

/* False when the other end is gone. */
static bool hand_on(struct pipe *p, int64_t now)
{
	while (p->first && p->first->due_us <= now) {
		struct piece *piece = p->first;
		ssize_t put = send(p->to, piece->bytes + piece->done, piece->len - piece->done,
				   MSG_NOSIGNAL);

		if (put < 0)
			return errno == EAGAIN || errno == EINTR;
		piece->done += (size_t)put;
		if (piece->done < piece->len)
			return true;
		p->first = piece->next;
		if (!p->first)
			p->last = NULL;
		p->kept -= piece->len;
		free(piece);
	}
	if (p->closed && !p->first && !p->shut) {
		shutdown(p->to, SHUT_WR);
		p->shut = true;
	}
	return true;
}

static void drop(struct pipe *p)
{
	while (p->first) {
		struct piece *next = p->first->next;

		free(p->first);
		p->first = next;
	}
}

/* ---- connections: pipes 2n and 2n + 1 ---- */

static size_t accept_one(int listener, const char *host, const char *port, struct pipe *pipes,
			 size_t n)
{
	int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	int server = client < 0 || n + 2 > PIPES_MAX ? -1 : dial(host, port);

	if (server < 0) {
		if (client >= 0)
			close(client);
		return n;
	}
	set_up(client);
	set_up(server);
	pipes[n] = (struct pipe){ .from = client, .to = server };
	pipes[n + 1] = (struct pipe){ .from = server, .to = client };
	return n + 2;
}

static size_t close_pair(struct pipe *pipes, size_t n, size_t at)
{
	close(pipes[at].from);
	close(pipes[at].to);
	drop(&pipes[at]);
	drop(&pipes[at + 1]);
	memmove(pipes + at, pipes + at + 2, (n - at - 2) * sizeof(*pipes));
	return n - 2;
}

/* What to wait for on every pipe; the time until something is due, in microseconds. */
static int64_t watch(const struct pipe *pipes, size_t n, struct pollfd *fds, int64_t now)
{
	int64_t wait = 1000000;

	for (size_t i = 0; i < n; i++) {
		const struct pipe *p = &pipes[i];
		bool due = p->first && p->first->due_us <= now;

		if (p->first && !due && p->first->due_us - now < wait)
			wait = p->first->due_us - now;
		fds[2 * i] = (struct pollfd){ p->closed || p->kept >= KEPT_MAX ? -1 : p->from,
					      POLLIN, 0 };
		fds[2 * i + 1] = (struct pollfd){ due ? p->to : -1, POLLOUT, 0 };
	}
	return wait;
}

static void serve(int listener, const char *host, const char *port, int64_t delay_us, int64_t rate)
{
	static struct pipe pipes[PIPES_MAX];
	struct pollfd fds[2 * PIPES_MAX + 1];
	size_t n = 0;

	for (;;) {
		int64_t wait = watch(pipes, n, fds, now_us());
		struct timespec timeout = { wait / 1000000, wait % 1000000 * 1000 };

		fds[2 * n] = (struct pollfd){ listener, POLLIN, 0 };
		if (ppoll(fds, 2 * n + 1, &timeout, NULL) < 0 && errno != EINTR)
			die("poll");
		bool knock = fds[2 * n].revents != 0;

		for (size_t i = 0; i < n; i++)
			if (fds[2 * i].revents)
				take_in(&pipes[i], delay_us, rate);
		for (size_t i = 0; i < n; i += 2) {
			int64_t now = now_us();
			bool alive = hand_on(&pipes[i], now) && hand_on(&pipes[i + 1], now);

			if (!alive || (pipes[i].shut && pipes[i + 1].shut)) {
				n = close_pair(pipes, n, i);
				break; /* the places have moved: look again */
			}
		}
		if (knock)
			n = accept_one(listener, host, port, pipes, n);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(here);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), size = SOCKET_BUFFER;

	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: delayproxy HOST PORT DELAY_MS [RATE]\n");
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(listener, (struct sockaddr *)&here, sizeof(here)) < 0 ||
	    listen(listener, 32) < 0 || getsockname(listener, (struct sockaddr *)&here, &len) < 0)
		die("listen");
	printf("%d\n", ntohs(here.sin_port));
	fflush(stdout);
	serve(listener, argv[1], argv[2], (int64_t)(strtod(argv[3], NULL) * 1000),
	      argc > 4 ? strtoll(argv[4], NULL, 10) : 0);
}

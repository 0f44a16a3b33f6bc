/*
 * The raw blaster: what a server can take at all, as the measure for `make bench`.
 * It logs in by TLS, writes a ready-made command stream (gen_mail.py --imap) as
 * fast as the line goes, reads what comes back at the same time (a client that
 * only writes gets stuck when the server stops reading), and stops at the
 * answer to `bend`. No parsing, no journal, no checks of certificates.
 *
 *   blaster HOST PORT USER PASSWORD FILE
 *
 * Prints the seconds from the first octet of FILE to the last answer, and how
 * many commands were answered NO or BAD (exit status 1 if any).
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WRITE_CHUNK = 1 << 16, LINE_MAX_LEN = 1 << 20 };

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "blaster: %s: %s\n", what, strerror(errno));
	exit(2);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int tcp(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	int fd;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		die("getaddrinfo");
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, list->ai_addr, list->ai_addrlen) < 0)
		die("connect");
	freeaddrinfo(list);
	return fd;
}

/* What has come in and is not a whole line yet. */
struct input {
	char text[LINE_MAX_LEN];
	size_t len;
	unsigned long refused;
	bool ended; /* the answer to `bend` is there */
};

/* Tagged lines begin with 'b'; untagged ones and continuations don't matter. */
static void take_line(struct input *in, const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len);

	if (line[0] != 'b' || !blank)
		return;
	if (strncmp(blank + 1, "OK", 2) != 0) {
		in->refused++;
		fprintf(stderr, "blaster: %.*s\n", (int)(len < 200 ? len : 200), line);
	}
	if (strncmp(line, "bend ", 5) == 0)
		in->ended = true;
}

static void take_lines(struct input *in)
{
	size_t from = 0;
	char *end;

	while ((end = memchr(in->text + from, '\n', in->len - from))) {
		take_line(in, in->text + from, (size_t)(end - in->text) - from);
		from = (size_t)(end - in->text) + 1;
	}
	memmove(in->text, in->text + from, in->len - from);
	in->len -= from;
	if (in->len == sizeof(in->text))
		die("a line without end");
}

/* Read what is there: false when the line would block. */
static bool receive(SSL *ssl, struct input *in)
{
	int got = SSL_read(ssl, in->text + in->len, (int)(sizeof(in->text) - in->len));

	if (got > 0) {
		in->len += (size_t)got;
		take_lines(in);
		return true;
	}
	if (SSL_get_error(ssl, got) != SSL_ERROR_WANT_READ)
		die("the server closed the line");
	return false;
}

/* Write all of `data` and read until `bend` is answered, both ways at once. */
static void blast(SSL *ssl, int fd, const char *data, size_t len, struct input *in)
{
	struct pollfd p = { .fd = fd };
	size_t sent = 0;

	while (!in->ended) {
		while (receive(ssl, in) && !in->ended)
			continue;
		if (in->ended)
			break;
		if (sent < len) {
			size_t chunk = len - sent < WRITE_CHUNK ? len - sent : WRITE_CHUNK;
			int put = SSL_write(ssl, data + sent, (int)chunk);

			if (put > 0) {
				sent += (size_t)put;
				continue;
			}
			if (SSL_get_error(ssl, put) != SSL_ERROR_WANT_WRITE)
				die("write");
		}
		p.events = sent < len ? POLLIN | POLLOUT : POLLIN;
		if (poll(&p, 1, 60000) <= 0)
			die("nothing happens any more");
	}
}

int main(int argc, char **argv)
{
	static struct input in;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	struct stat st;
	char login[512];
	const char *data;
	double begun;
	int fd, file;

	if (argc != 6) {
		fprintf(stderr, "usage: blaster HOST PORT USER PASSWORD FILE\n");
		return 64;
	}
	file = open(argv[5], O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &st) < 0)
		die(argv[5]);
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
	if (data == MAP_FAILED)
		die("mmap");
	fd = tcp(argv[1], argv[2]);
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) != 1)
		die("TLS");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

	snprintf(login, sizeof(login), "bend LOGIN \"%s\" \"%s\"\r\n", argv[3], argv[4]);
	blast(ssl, fd, login, strlen(login), &in);
	in.ended = false;
	begun = now();
	blast(ssl, fd, data, (size_t)st.st_size, &in);
	printf("%.3f s, %.1f MB/s, %lu refused\n", now() - begun,
	       (double)st.st_size / 1e6 / (now() - begun), in.refused);
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(fd);
	return in.refused ? 1 : 0;
}

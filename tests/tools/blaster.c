/*
 * The raw blaster: what a server can take at all, as the measure for `make bench`.
 * It logs in by TLS, writes a ready-made command stream (gen_mail.py --imap) as
 * fast as the line goes, reads what comes back at the same time (a client that
 * only writes gets stuck when the server stops reading), and stops at the
 * answer to `bend`. No parsing, no journal, no checks of certificates.
 *
 *   blaster HOST PORT USER PASSWORD FILE [CONNECTIONS]
 *
 * With several connections each has a process of its own and its share of the
 * folders. Prints the seconds from the first octet of FILE to the last answer; the
 * exit status is 1 if any command was answered NO or BAD.
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WRITE_CHUNK = 1 << 16, LINE_MAX_LEN = 1 << 20, FOLDERS_MAX = 64, CONNECTIONS_MAX = 16 };

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

/* The commands of one connection: pieces of the stream. */
struct work {
	const char *data;
	size_t len;
	struct range {
		size_t at, len;
	} * ranges;
	size_t n, next, sent;
};

/* The next octets to be written, or none. */
static size_t pending(const struct work *w, const char **bytes)
{
	if (w->next == w->n)
		return 0;
	*bytes = w->data + w->ranges[w->next].at + w->sent;
	size_t left = w->ranges[w->next].len - w->sent;

	return left < WRITE_CHUNK ? left : WRITE_CHUNK;
}

static void written(struct work *w, size_t n)
{
	w->sent += n;
	if (w->sent < w->ranges[w->next].len)
		return;
	w->next++;
	w->sent = 0;
}

/* Write everything and read until `bend` is answered, both ways at once. */
static void blast(SSL *ssl, int fd, struct work *w, struct input *in)
{
	struct pollfd p = { .fd = fd };
	const char *bytes;

	while (!in->ended) {
		while (receive(ssl, in) && !in->ended)
			continue;
		if (in->ended)
			break;
		size_t chunk = pending(w, &bytes);

		if (chunk > 0) {
			int put = SSL_write(ssl, bytes, (int)chunk);

			if (put > 0) {
				written(w, (size_t)put);
				continue;
			}
			if (SSL_get_error(ssl, put) != SSL_ERROR_WANT_WRITE)
				die("write");
		}
		p.events = chunk > 0 ? POLLIN | POLLOUT : POLLIN;
		if (poll(&p, 1, 60000) <= 0)
			die("nothing happens any more");
	}
}

static void say(SSL *ssl, int fd, const char *text, struct input *in)
{
	struct range whole = { 0, strlen(text) };
	struct work w = { .data = text, .len = whole.len, .ranges = &whole, .n = 1 };

	in->ended = false;
	blast(ssl, fd, &w, in);
}

/* ---- the stream ---- */

/* Where the command at `at` ends: behind the first line without a literal. */
static size_t command_end(const struct work *w, size_t at)
{
	for (;;) {
		const char *line = w->data + at, *end = memchr(line, '\n', w->len - at);

		if (!end)
			return w->len;
		at += (size_t)(end - line) + 1;
		if (end - line < 4 || memcmp(end - 3, "+}\r", 3) != 0)
			return at;
		const char *digits = end - 3;

		while (digits > line && digits[-1] != '{')
			digits--;
		at += strtoul(digits, NULL, 10);
	}
}

/* Folders are numbered in the order in which they appear: the quoted name of the command. */
static unsigned folder_of(const struct work *w, size_t at)
{
	static char names[FOLDERS_MAX][256];
	static unsigned n;
	const char *line = w->data + at, *open = memchr(line, '"', w->len - at);
	const char *close = open ? strchr(open + 1, '"') : NULL;
	char name[256];
	unsigned i = 0;

	if (!close || close - open > 200)
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)(close - open), open);
	while (i < n && strcmp(names[i], name) != 0)
		i++;
	if (i == n && n < FOLDERS_MAX)
		memcpy(names[n++], name, sizeof(name));
	return i;
}

/* The share of connection `number` of `count`. The last line of the stream, `bend`, is everybody's.
 */
static void share(struct work *w, unsigned number, unsigned count)
{
	size_t at = 0, room = 0;

	while (at < w->len) {
		size_t end = command_end(w, at);

		if (end == w->len || folder_of(w, at) % count == number) {
			if (w->n == room) {
				room = room ? room * 2 : 1024;
				w->ranges = realloc(w->ranges, room * sizeof(*w->ranges));
				if (!w->ranges)
					die("realloc");
			}
			w->ranges[w->n++] = (struct range){ at, end - at };
		}
		at = end;
	}
}

/* ---- connections ---- */

/* One connection: ready, wait for the start, blast. The exit status of its process. */
static int connection(char **argv, struct work *w, int ready, int start)
{
	static struct input in;
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	char login[512], byte = 'r';
	int fd = tcp(argv[1], argv[2]);

	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) != 1)
		die("TLS");
	fcntl(fd, F_SETFL, O_NONBLOCK);
	SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	snprintf(login, sizeof(login), "bend LOGIN \"%s\" \"%s\"\r\n", argv[3], argv[4]);
	say(ssl, fd, login, &in);
	if (write(ready, &byte, 1) != 1 || read(start, &byte, 1) != 1)
		die("pipe");
	in.ended = false;
	blast(ssl, fd, w, &in);
	SSL_free(ssl);
	SSL_CTX_free(context);
	close(fd);
	return in.refused ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct work w = { 0 };
	struct stat st;
	int ready[2], start[2], status, worst = 0;
	unsigned count = argc > 6 ? (unsigned)strtoul(argv[6], NULL, 10) : 1;
	char bytes[CONNECTIONS_MAX];

	if (argc < 6 || argc > 7 || count == 0 || count > CONNECTIONS_MAX) {
		fprintf(stderr, "usage: blaster HOST PORT USER PASSWORD FILE [CONNECTIONS]\n");
		return 64;
	}
	int file = open(argv[5], O_RDONLY | O_CLOEXEC);

	if (file < 0 || fstat(file, &st) < 0)
		die(argv[5]);
	w.len = (size_t)st.st_size;
	w.data = mmap(NULL, w.len, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
	if (w.data == MAP_FAILED)
		die("mmap");
	if (pipe(ready) < 0 || pipe(start) < 0)
		die("pipe");
	for (unsigned i = 0; i < count; i++) {
		pid_t child = fork();

		if (child < 0)
			die("fork");
		if (child == 0) {
			share(&w, i, count);
			_exit(connection(argv, &w, ready[1], start[0]));
		}
	}
	for (unsigned i = 0; i < count; i++)
		if (read(ready[0], bytes, 1) != 1)
			die("pipe");
	double begun = now();

	memset(bytes, 'g', sizeof(bytes));
	if (write(start[1], bytes, count) != (ssize_t)count)
		die("pipe");
	for (unsigned i = 0; i < count; i++) {
		if (wait(&status) < 0)
			die("wait");
		if (!WIFEXITED(status) || WEXITSTATUS(status) > worst)
			worst = WIFEXITED(status) ? WEXITSTATUS(status) : 2;
	}
	printf("%.3f s, %.1f MB/s\n", now() - begun, (double)st.st_size / 1e6 / (now() - begun));
	return worst;
}

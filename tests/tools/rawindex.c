/*
 * The raw reader: how fast a server's index can be read at all, as the measure for
 * `make bench`. It logs in by TLS, asks for the same rows as mailhoist (UID, flags,
 * date, size and six header fields of every message), cuts the answer into responses,
 * literals included, counts them, and forgets them. No parsing of rows, no keys, no
 * journal, no checks of certificates.
 *
 *   rawindex HOST PORT USER PASSWORD FOLDER...
 *
 * Prints the seconds from the first EXAMINE to the last answer, and the number of
 * messages; the exit status is 1 if a command was refused.
 */
#include <errno.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ITEMS                                                                                      \
	"(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS "                             \
	"(MESSAGE-ID DATE FROM TO CC SUBJECT)])"

enum { BUFFER = 1 << 18 };

struct reader {
	SSL *ssl;
	char bytes[BUFFER];
	size_t at, end;
	unsigned long messages;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "rawindex: %s: %s\n", what, strerror(errno));
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

static void say(struct reader *r, const char *text)
{
	if (SSL_write(r->ssl, text, (int)strlen(text)) <= 0)
		die("write");
}

/* More octets behind those that are there. */
static void fill(struct reader *r)
{
	if (r->at > 0) {
		memmove(r->bytes, r->bytes + r->at, r->end - r->at);
		r->end -= r->at;
		r->at = 0;
	}
	if (r->end == sizeof(r->bytes))
		die("a line without end");
	int got = SSL_read(r->ssl, r->bytes + r->end, (int)(sizeof(r->bytes) - r->end));

	if (got <= 0)
		die("the server closed the line");
	r->end += (size_t)got;
}

/* The next line; in the buffer until the next call. */
static const char *line(struct reader *r, size_t *len)
{
	size_t seen = 0;
	char *newline;

	while (!(newline = memchr(r->bytes + r->at + seen, '\n', r->end - r->at - seen))) {
		seen = r->end - r->at;
		fill(r);
	}
	const char *start = r->bytes + r->at;

	*len = (size_t)(newline - start);
	r->at += *len + 1;
	if (*len > 0 && start[*len - 1] == '\r')
		--*len;
	return start;
}

static void skip(struct reader *r, size_t len)
{
	while (len > r->end - r->at) {
		len -= r->end - r->at;
		r->at = r->end;
		fill(r);
	}
	r->at += len;
}

static size_t literal(const char *text, size_t len)
{
	size_t open = len;

	if (len < 3 || text[len - 1] != '}')
		return 0;
	while (open > 0 && text[open - 1] != '{')
		open--;
	return strtoul(text + open, NULL, 10);
}

/* The rest of a command's answer: true when it ends in OK. */
static bool answered(struct reader *r)
{
	for (;;) {
		size_t len, octets;
		const char *text = line(r, &len);
		bool tagged = len > 2 && memcmp(text, "r ", 2) == 0;

		if (tagged)
			return memcmp(text + 2, "OK", 2) == 0;
		r->messages += len > 2 && memmem(text, len < 24 ? len : 24, " FETCH ", 7) != NULL;
		while ((octets = literal(text, len)) > 0) {
			skip(r, octets);
			text = line(r, &len);
		}
	}
}

static bool ask(struct reader *r, const char *command)
{
	say(r, command);
	if (answered(r))
		return true;
	fprintf(stderr, "rawindex: refused: %s", command);
	return false;
}

int main(int argc, char **argv)
{
	static struct reader r;
	char command[1024];
	bool good = true;
	size_t len;

	if (argc < 6) {
		fprintf(stderr, "usage: rawindex HOST PORT USER PASSWORD FOLDER...\n");
		return 64;
	}
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	r.ssl = SSL_new(context);
	SSL_set_fd(r.ssl, tcp(argv[1], argv[2]));
	if (SSL_connect(r.ssl) != 1)
		die("TLS");
	(void)line(&r, &len);
	snprintf(command, sizeof(command), "r LOGIN \"%s\" \"%s\"\r\n", argv[3], argv[4]);
	if (!ask(&r, command))
		return 1;
	double begun = now();

	for (int i = 5; i < argc; i++) {
		snprintf(command, sizeof(command), "r EXAMINE \"%s\"\r\n", argv[i]);
		good = ask(&r, command) && good;
		good = ask(&r, "r UID FETCH 1:* " ITEMS "\r\n") && good;
	}
	printf("%.3f s, %lu messages\n", now() - begun, r.messages);
	SSL_free(r.ssl);
	SSL_CTX_free(context);
	return good ? 0 : 1;
}

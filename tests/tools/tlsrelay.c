/*
 * A TLS server that takes the line's keys into new ones over and over again, and relays what it
 * hears to a plain server on loopback: OpenSSL by its own hand sends no KeyUpdate and asks for no
 * renegotiation.
 *
 *   tlsrelay PORT CERTIFICATE KEY 1.2|1.3 OCTETS    prints the port that it listens on
 *
 * Every OCTETS octets from the client, the keys are changed: a KeyUpdate that asks for one in
 * return (TLS 1.3), or a renegotiation (TLS 1.2). When a connection ends, it says how often on a
 * line.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

static int dial(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 ? fd : -1;
}

static int listen_anywhere(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, 20) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		exit(1);
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

static bool new_keys(SSL *ssl)
{
	if (SSL_version(ssl) == TLS1_3_VERSION)
		return SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
		       SSL_do_handshake(ssl) == 1;
	return SSL_renegotiate_pending(ssl) ||
	       (SSL_renegotiate(ssl) == 1 && SSL_do_handshake(ssl) == 1);
}

/* What is there; 0: no octets, but keys, or half a record; -1: the end. */
static int read_some(SSL *ssl, char *bytes, int len)
{
	int fd = SSL_get_fd(ssl), flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	int n = SSL_read(ssl, bytes, len);
	bool later = n <= 0 && SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ;

	fcntl(fd, F_SETFL, flags);
	return n > 0 ? n : later ? 0 : -1;
}

static bool write_all(int fd, const char *p, ssize_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, (size_t)len);

		if (n <= 0)
			return false;
		p += n;
		len -= n;
	}
	return true;
}

/* Until one of them ends; the number of times that the keys were changed. */
static unsigned relay(SSL *ssl, int server, long every)
{
	char bytes[16384];
	struct pollfd fds[2] = { { .fd = SSL_get_fd(ssl), .events = POLLIN },
				 { .fd = server, .events = POLLIN } };
	unsigned times = 0;
	long left = every;

	for (;;) {
		bool waiting = SSL_pending(ssl) > 0;

		if (poll(fds, 2, waiting ? 0 : -1) < 0)
			return times;
		if (fds[1].revents) {
			ssize_t n = read(server, bytes, sizeof(bytes));

			if (n <= 0 || SSL_write(ssl, bytes, (int)n) <= 0)
				return times;
		}
		if (!waiting && !fds[0].revents)
			continue;
		int n = read_some(ssl, bytes, sizeof(bytes));

		if (n == 0)
			continue;
		if (n < 0 || !write_all(server, bytes, n))
			return times;
		left -= n;
		if (left > 0)
			continue;
		left = every;
		times++;
		if (!new_keys(ssl))
			return 0;
	}
}

static void serve(SSL_CTX *ctx, int client, int port, long every)
{
	SSL *ssl = SSL_new(ctx);
	int server = dial(port);

	if (server < 0 || !SSL_set_fd(ssl, client) || SSL_accept(ssl) != 1)
		_exit(1);
	printf("%u changes of keys\n", relay(ssl, server, every));
	fflush(stdout);
	SSL_shutdown(ssl);
	_exit(0);
}

int main(int argc, char **argv)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (argc != 6)
		return 64;
	int version = strcmp(argv[4], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;

	if (!SSL_CTX_use_certificate_file(ctx, argv[2], SSL_FILETYPE_PEM) ||
	    !SSL_CTX_use_PrivateKey_file(ctx, argv[3], SSL_FILETYPE_PEM) ||
	    !SSL_CTX_set_min_proto_version(ctx, version) ||
	    !SSL_CTX_set_max_proto_version(ctx, version))
		return 1;
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (int fd = listen_anywhere();;) {
		int client = accept(fd, NULL, NULL);

		if (client >= 0 && fork() == 0)
			serve(ctx, client, atoi(argv[1]), atol(argv[5]));
		close(client);
	}
}

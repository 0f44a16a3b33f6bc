/*
 * A stream is a socket and, once there are such, its TLS and its compression. See
 * stream.h.
 *
 * SIGPIPE never comes from here: plain bytes are sent with MSG_NOSIGNAL, TLS
 * goes through a BIO that does the same (tls.c). The program need not ignore it.
 */
#include "net/stream.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "net/deflate.h"
#include "net/dial.h"
#include "net/tls.h"

#define CONNECT_TIMEOUT_MS 30000 /* when the caller names none */
#define SHORT_ANSWER	   4096
#define PEER_MAX	   300 /* a DNS name has 253 octets at most */

struct stream {
	int fd;
	struct tls *tls;	   /* NULL: plain */
	struct deflater *deflater; /* NULL: as it is */
	struct buf peer;
	/* For STARTTLS; copies. */
	char *host, *ca_file, *fingerprint;
	int timeout_ms;
	const struct waiter *waiter;
	/* A write that failed behind bytes that went out: told by the next call. */
	bool write_failed;
	struct err write_err;
};

/* ---- opening and closing ---- */

static bool copy_text(char **out, const char *text)
{
	if (text == NULL)
		return true;
	*out = strdup(text);
	return *out != NULL;
}

/* "host:port", with brackets around an IPv6 address. */
static void name_peer(struct buf *peer, const char *host, const char *port)
{
	bool bracket = strchr(host, ':') != NULL;

	buf_addf(peer, bracket ? "[%s]:%s" : "%s:%s", host, port);
}

/* "imap.example.org." is the same host, but no certificate bears the dot. */
static void drop_final_dot(char *host)
{
	size_t len = strlen(host);

	if (len > 1 && host[len - 1] == '.')
		host[len - 1] = '\0';
}

static struct stream *stream_new(const struct stream_options *o, struct err *err)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_nomem(err);
		return NULL;
	}
	s->fd = -1;
	s->timeout_ms = o->connect_timeout_ms > 0 ? o->connect_timeout_ms : CONNECT_TIMEOUT_MS;
	s->waiter = o->waiter;
	buf_init(&s->peer, PEER_MAX);
	name_peer(&s->peer, o->host, o->port);
	if (buf_cstr(&s->peer) == NULL) {
		err_set(err, ERR_USAGE, SCOPE_ACCOUNT, RETRY_NEVER, "host name is too long");
	} else if (!copy_text(&s->host, o->host) || !copy_text(&s->ca_file, o->ca_file) ||
		   !copy_text(&s->fingerprint, o->tls_fingerprint)) {
		err_nomem(err);
	} else {
		drop_final_dot(s->host);
		return s;
	}
	stream_close(s);
	return NULL;
}

static int start_tls(struct stream *s, bool asked, struct err *err)
{
	const struct tls_options options = { s->host,	    s->ca_file, s->fingerprint,
					     s->timeout_ms, s->waiter,	asked };

	return tls_open(s->fd, &options, &s->tls, err);
}

static int open_stream(struct stream *s, const struct stream_options *o, struct err *err)
{
	s->fd = dial(s->host, o->port, s->timeout_ms, s->waiter, err);
	if (s->fd < 0)
		return -1;
	return o->tls ? start_tls(s, false, err) : 0;
}

int stream_connect(const struct stream_options *options, struct stream **out, struct err *err)
{
	struct stream *s = stream_new(options, err);

	if (s == NULL)
		return -1;
	if (open_stream(s, options, err) < 0) {
		err_prefix(err, "%s", stream_peer(s));
		stream_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

/* All that was sent has arrived: the peer may be told of the end in good order (dial.c). */
static void close_in_order(int fd)
{
	const struct linger off = { 0, 0 };
	int unsent = 0;

	if (ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent == 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
}

void stream_close(struct stream *s)
{
	if (s == NULL)
		return;
	if (s->fd >= 0)
		close_in_order(s->fd);
	deflater_free(s->deflater);
	tls_close(s->tls);
	if (s->fd >= 0)
		close(s->fd);
	buf_release(&s->peer);
	free(s->host);
	free(s->ca_file);
	free(s->fingerprint);
	free(s);
}

/* Nothing may stand between the server's OK to STARTTLS and the handshake: what does is not
 * protected, and would later be taken for the server's word. */
static int refuse_early_bytes(struct stream *s, struct err *err)
{
	char bytes[512];
	ssize_t n = recv(s->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);

	if (n > 0)
		return err_set(err, ERR_TLS, SCOPE_ACCOUNT, RETRY_NEVER,
			       "unprotected bytes follow the answer to STARTTLS: somebody may be "
			       "tampering with the connection");
	if (n == 0)
		return err_set(err, ERR_EOF, SCOPE_ACCOUNT, RETRY_LATER,
			       "server closed the connection before the TLS handshake");
	return 0;
}

int stream_starttls(struct stream *s, struct err *err)
{
	if (s->tls != NULL)
		return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER,
			       "%s: TLS has begun already", stream_peer(s));
	if (refuse_early_bytes(s, err) < 0 || start_tls(s, true, err) < 0)
		return err_prefix(err, "%s", stream_peer(s));
	return 0;
}

/* ---- what it is ---- */

bool stream_is_tls(const struct stream *s)
{
	return s->tls != NULL;
}

static bool is_loopback4(uint32_t network_order)
{
	return ntohl(network_order) >> 24 == 127;
}

static bool is_loopback6(const struct in6_addr *address)
{
	uint32_t last;

	memcpy(&last, address->s6_addr + 12, sizeof(last));
	return IN6_IS_ADDR_LOOPBACK(address) ||
	       (IN6_IS_ADDR_V4MAPPED(address) && is_loopback4(last));
}

bool stream_is_loopback(const struct stream *s)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} address = { .any = { 0 } };
	socklen_t len = sizeof(address);

	if (getpeername(s->fd, &address.any, &len) < 0)
		return false;
	if (address.any.sa_family == AF_INET)
		return is_loopback4(address.in4.sin_addr.s_addr);
	return address.any.sa_family == AF_INET6 && is_loopback6(&address.in6.sin6_addr);
}

const char *stream_peer(const struct stream *s)
{
	return s->peer.ptr;
}

int stream_fd(const struct stream *s)
{
	return s->fd;
}

short stream_events(const struct stream *s, bool want_write)
{
	want_write = want_write || stream_wants_write(s);
	if (s->tls != NULL)
		return tls_events(s->tls, want_write);
	return want_write ? POLLIN | POLLOUT : POLLIN;
}

bool stream_has_pending(const struct stream *s)
{
	return (s->tls != NULL && tls_has_pending(s->tls)) ||
	       (s->deflater != NULL && deflater_has_pending(s->deflater));
}

bool stream_wants_write(const struct stream *s)
{
	return s->deflater != NULL && deflater_wants_write(s->deflater);
}

size_t stream_channel_binding(const struct stream *s, uint8_t out[32])
{
	return s->tls != NULL ? tls_exporter_binding(s->tls, out) : 0;
}

int stream_tls_facts(const struct stream *s, struct arena *a, struct tls_facts *out,
		     struct err *err)
{
	if (s->tls == NULL)
		return 0;
	return tls_describe(s->tls, a, out, err) < 0 ? -1 : 1;
}

/* ---- reading and writing ---- */

static bool try_again(int sys_errno)
{
	return sys_errno == EAGAIN || sys_errno == EWOULDBLOCK || sys_errno == EINTR;
}

static int line_lost(int sys_errno, struct err *err)
{
	err_sys(err, ERR_CONNECT, SCOPE_ACCOUNT, sys_errno, "connection lost");
	err->retry = RETRY_NOW;
	return -1;
}

static ssize_t plain_read(int fd, void *bytes, size_t len, struct err *err)
{
	ssize_t n = recv(fd, bytes, len, 0);

	if (n > 0)
		return n;
	if (n == 0)
		return err_set(err, ERR_EOF, SCOPE_ACCOUNT, RETRY_NOW,
			       "server closed the connection");
	return try_again(errno) ? 0 : line_lost(errno, err);
}

static ssize_t plain_write(int fd, const void *bytes, size_t len, struct err *err)
{
	ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

	if (n >= 0)
		return n;
	return try_again(errno) ? 0 : line_lost(errno, err);
}

/* What lies below the compression. */
static ssize_t line_read(void *stream, void *bytes, size_t len, struct err *err)
{
	struct stream *s = stream;

	return s->tls ? tls_read(s->tls, bytes, len, err) : plain_read(s->fd, bytes, len, err);
}

static ssize_t line_write(void *stream, const void *bytes, size_t len, struct err *err)
{
	struct stream *s = stream;

	return s->tls ? tls_write(s->tls, bytes, len, err) : plain_write(s->fd, bytes, len, err);
}

int stream_compress(struct stream *s, struct slice early, struct err *err)
{
	const struct lower_line lower = { line_read, line_write, s };

	if (s->deflater != NULL)
		return err_set(err, ERR_INTERNAL, SCOPE_ACCOUNT, RETRY_NEVER,
			       "%s: compressed already", stream_peer(s));
	if (deflater_new(&lower, early, &s->deflater, err) < 0)
		return err_prefix(err, "%s", stream_peer(s));
	return 0;
}

bool stream_is_compressed(const struct stream *s)
{
	return s->deflater != NULL;
}

/* A server that does not set TCP_NODELAY (Courier) holds its next answer back until this one is
 * acknowledged (RFC 896), which our side puts off for 40 ms, as it has nothing to say: 22 messages
 * a second. The kernel forgets the wish by and by. */
static void acknowledge(int fd)
{
#ifdef TCP_QUICKACK
	const int now = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &now, sizeof(now));
#else
	(void)fd;
#endif
}

ssize_t stream_read(struct stream *s, void *bytes, size_t len, struct err *err)
{
	ssize_t n;

	if (len == 0)
		return 0;
	n = s->deflater ? deflater_read(s->deflater, bytes, len, err)
			: line_read(s, bytes, len, err);
	if (n > 0 && n < SHORT_ANSWER)
		acknowledge(s->fd);
	return n < 0 ? err_prefix(err, "%s", stream_peer(s)) : n;
}

static ssize_t write_some(struct stream *s, const char *bytes, size_t len, struct err *err)
{
	return s->deflater ? deflater_write(s->deflater, bytes, len, err)
			   : line_write(s, bytes, len, err);
}

int stream_push(struct stream *s, struct err *err)
{
	if (s->deflater == NULL || deflater_push(s->deflater, err) == 0)
		return 0;
	return err_prefix(err, "%s", stream_peer(s));
}

/* TLS takes a record (16 KiB) at a time: go on until all is gone or the socket is full. */
ssize_t stream_write(struct stream *s, const void *bytes, size_t len, struct err *err)
{
	const char *at = bytes;
	size_t sent = 0;

	while (sent < len && !s->write_failed) {
		ssize_t n = write_some(s, at + sent, len - sent, &s->write_err);

		if (n < 0)
			s->write_failed = true;
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	if (sent > 0 || !s->write_failed)
		return (ssize_t)sent;
	*err = s->write_err;
	return err_prefix(err, "%s", stream_peer(s));
}

/*
 * A byte stream to a server: TCP, on it TLS (OpenSSL, verified), on that compression
 * when it is asked for, under the caller's poll loop. Reading and writing never block and never
 * wait for each other: a peer that stops reading cannot keep us from reading (imap-client.md 1.7).
 * Only stream_connect() and stream_starttls() wait, with a deadline (the look-up of the host name
 * has the resolver's own). No SIGPIPE is ever raised.
 *
 * A failed line is RETRY_NOW (connect again and see what the server has), a
 * server that cannot be reached RETRY_LATER; what the user must put right
 * (certificate, host name, CA file) RETRY_NEVER.
 */
#ifndef MAILHOIST_NET_STREAM_H
#define MAILHOIST_NET_STREAM_H

#include <sys/types.h>

#include "base/err.h"
#include "base/slice.h"
#include "net/tls.h"

struct stream;

struct stream_options {
	const char *host;    /* DNS name or address; also the name that the certificate must bear */
	const char *port;    /* number or service */
	bool tls;	     /* TLS from the first byte */
	const char *ca_file; /* PEM; NULL: the system's */
	const char *tls_fingerprint; /* "sha256:HEX" of the certificate (DER): this one and no
					other is accepted, whatever its issuer, names and dates */
	int connect_timeout_ms;	     /* for TCP and for the TLS handshake, each; 0: 30 s */
	/* Who waits while TCP connects and TLS shakes hands, in stream_connect() and
	 * stream_starttls(); NULL: nobody else. */
	const struct waiter *waiter;
};

/* Connect, trying all addresses. Waits. Errors: ERR_CONNECT, ERR_TLS (the text names the reason:
 * expired, wrong host name, unknown CA, ...; RETRY_NEVER). */
int stream_connect(const struct stream_options *options, struct stream **out, struct err *err);
/* close_notify if it can go at once; what has not gone out by then never will. NULL does nothing */
void stream_close(struct stream *s);

/* Start TLS on a plain stream. Waits. The caller has made sure that nothing it read is left over
 * (STARTTLS injection, CVE-2011-0411); bytes still in the socket before the handshake are refused
 * here. */
int stream_starttls(struct stream *s, struct err *err);

/* From now on both directions are compressed (RFC 4978: behind the server's OK to COMPRESS).
 * `early` is what was read behind that OK: compressed already. Nothing may be left to be written.
 */
int stream_compress(struct stream *s, struct slice early, struct err *err);

bool stream_is_tls(const struct stream *s);
bool stream_is_compressed(const struct stream *s);
bool stream_is_loopback(const struct stream *s); /* the peer's address is 127/8 or ::1 */
/* How TLS protects it: 1; 0: it is plain; -1. */
int stream_tls_facts(const struct stream *s, struct arena *a, struct tls_facts *out,
		     struct err *err);
const char *stream_peer(const struct stream *s); /* "host:port" for messages */

int stream_fd(const struct stream *s);
/* POLLIN, POLLOUT that poll(2) should wait for; `want_write`: the caller has bytes to send. */
short stream_events(const struct stream *s, bool want_write);
/* TLS may hold decrypted bytes, compression blown up ones, that poll(2) does not see. */
bool stream_has_pending(const struct stream *s);
/* Bytes that stream_write() has taken wait for the line: stream_push() when poll(2) says so. */
bool stream_wants_write(const struct stream *s);

/* Bytes moved; 0: would block; -1: ERR_EOF (closed, also without close_notify: the text tells
 * which), ERR_CONNECT. When a write could not send all, the next one must begin with the bytes that
 * are left (they may lie elsewhere by then, and more may follow). A write that failed says nothing
 * about what can still be read: the server's last words may be there. */
ssize_t stream_read(struct stream *s, void *bytes, size_t len, struct err *err);
ssize_t stream_write(struct stream *s, const void *bytes, size_t len, struct err *err);

/* Whoever has nothing more to write for now says so: compression holds back what has been taken,
 * for the sake of what may follow. 0, or -1. */
int stream_push(struct stream *s, struct err *err);

/* Channel binding for SCRAM-*-PLUS (RFC 9266 tls-exporter): number of bytes, 0 if there is none. */
size_t stream_channel_binding(const struct stream *s, uint8_t out[32]);

#endif

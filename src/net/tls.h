/*
 * TLS on a connected, non-blocking socket: OpenSSL, version 1.2 or later, the
 * server verified against the CAs and its name, or by its fingerprint.
 */
#ifndef MAILHOIST_NET_TLS_H
#define MAILHOIST_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "net/wait.h"

struct tls;

struct tls_options {
	const char *host;	     /* for SNI and the certificate */
	const char *ca_file;	     /* PEM; NULL: the system's */
	const char *fingerprint;     /* "sha256:HEX", or NULL */
	int timeout_ms;		     /* for the handshake */
	const struct waiter *waiter; /* or NULL */
	bool asked;		     /* the server has agreed to begin TLS on this line */
};

/* Shake hands. Waits. The descriptor stays the caller's. Errors: ERR_TLS, ERR_USAGE and ERR_CONFIG
 * (unusable options), ERR_EOF, ERR_CONNECT, ERR_TIMEOUT, ERR_INTERRUPTED. */
int tls_open(int fd, const struct tls_options *options, struct tls **out, struct err *err);

/* Say close_notify if it can go at once, free. NULL does nothing. */
void tls_close(struct tls *t);

/* Bytes moved; 0: would block; -1: ERR_EOF, ERR_CONNECT. */
ssize_t tls_read(struct tls *t, void *bytes, size_t len, struct err *err);
ssize_t tls_write(struct tls *t, const void *bytes, size_t len, struct err *err);

short tls_events(const struct tls *t, bool want_write);
bool tls_has_pending(const struct tls *t);

/* RFC 9266: 32, or 0 when the connection has none (below TLS 1.3). */
size_t tls_exporter_binding(const struct tls *t, uint8_t out[32]);

/* How a connection is protected, for people. The texts belong to an arena. */
struct tls_facts {
	const char *version, *cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
	const char *hosts, *issuer;   /* of the certificate */
	const char *expires;	      /* its last day: "2027-01-31" */
	const char *fingerprint;      /* "sha256:HEX" */
};
int tls_describe(const struct tls *t, struct arena *a, struct tls_facts *out, struct err *err);

#endif

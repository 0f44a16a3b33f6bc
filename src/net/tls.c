/*
 * The OpenSSL side of a stream.
 *
 * The socket is read and written through a BIO of our own, for OpenSSL's raises
 * SIGPIPE when the peer is gone, and a library must not decide about signals.
 * SSL_read() may want to write and SSL_write() may want to read (a key update):
 * both wishes are remembered and shown by tls_events(), so that the caller's poll
 * loop waits for the right thing and nothing ever blocks.
 *
 * An end of file without close_notify is no orderly end (RFC 8446 6.1): somebody
 * may have cut the line. It is reported as such, as the same ERR_EOF.
 */
#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/cert.h"
#include "net/wait.h"

#define HOST_MAX 253 /* octets of a DNS name (RFC 1035 2.3.4) */

struct tls {
	int fd;
	BIO_METHOD *bio_method;
	SSL_CTX *ctx;
	SSL *ssl;
	bool established, broken; /* broken: nothing may be sent any more */
	bool asked;		  /* STARTTLS */
	bool read_wants_write, write_wants_read;
	bool more; /* of what is being written: another record follows at once */

	/* of the socket */
	bool eof;
	int sys_errno;

	/* of the verification */
	const char *host;
	bool pinned;
	uint8_t pin[FINGERPRINT_LEN];
	X509 *leaf, *culprit;
	int refused_for; /* X509_V_ERR_*, or 0 */
};

/* ---- the socket as a BIO ---- */

static bool try_again(int sys_errno)
{
	return sys_errno == EAGAIN || sys_errno == EWOULDBLOCK || sys_errno == EINTR;
}

static int bio_read(BIO *bio, char *bytes, int len)
{
	struct tls *t = BIO_get_data(bio);
	ssize_t n = recv(t->fd, bytes, (size_t)len, 0);

	BIO_clear_retry_flags(bio);
	if (n == 0)
		t->eof = true;
	else if (n < 0 && try_again(errno))
		BIO_set_retry_read(bio);
	else if (n < 0)
		t->sys_errno = errno;
	return (int)n;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
	struct tls *t = BIO_get_data(bio);
	/* A segment holds several records (64 KiB on loopback and with offloading): fill it. */
	ssize_t n = send(t->fd, bytes, (size_t)len, MSG_NOSIGNAL | (t->more ? MSG_MORE : 0));

	BIO_clear_retry_flags(bio);
	if (n < 0 && try_again(errno))
		BIO_set_retry_write(bio);
	else if (n < 0)
		t->sys_errno = errno;
	return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	const struct tls *t = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return t->eof;
	default:
		return 0;
	}
}

static int make_bio(struct tls *t)
{
	BIO *bio;

	t->bio_method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
	if (t->bio_method == NULL)
		return -1;
	BIO_meth_set_read(t->bio_method, bio_read);
	BIO_meth_set_write(t->bio_method, bio_write);
	BIO_meth_set_ctrl(t->bio_method, bio_ctrl);
	bio = BIO_new(t->bio_method);
	if (bio == NULL)
		return -1;
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio); /* owned by the SSL from here on */
	return 0;
}

/* ---- errors ---- */

static int openssl_failed(struct err *err, const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);

	return err_set(err, ERR_TLS, SCOPE_ACCOUNT, RETRY_NEVER, "TLS: %s: %s", what,
		       reason ? reason : "unknown reason");
}

static int line_lost(const struct tls *t, struct err *err)
{
	if (t->sys_errno != 0) {
		err_sys(err, ERR_CONNECT, SCOPE_ACCOUNT, t->sys_errno, "connection lost");
		err->retry = RETRY_NOW;
		return -1;
	}
	return err_set(err, ERR_EOF, SCOPE_ACCOUNT, RETRY_NOW,
		       "connection cut off (closed without the end mark of TLS)");
}

/* ---- verification ---- */

static void keep(X509 **where, X509 *cert)
{
	X509_free(*where);
	*where = NULL;
	if (cert != NULL && X509_up_ref(cert) == 1)
		*where = cert;
}

static bool is_pinned(const struct tls *t, const X509 *leaf)
{
	uint8_t digest[FINGERPRINT_LEN];

	return leaf != NULL && cert_fingerprint(leaf, digest) &&
	       memcmp(digest, t->pin, sizeof(digest)) == 0;
}

/* Called by OpenSSL in place of its own verification: remembers what cert_refused() will want to
 * know, for after a failed handshake the certificate is no longer to be had. */
static int verify(X509_STORE_CTX *store, void *context)
{
	struct tls *t = context;
	int ok;

	keep(&t->leaf, X509_STORE_CTX_get0_cert(store));
	if (t->pinned) {
		ok = is_pinned(t, t->leaf);
		X509_STORE_CTX_set_error(store, ok ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
	} else {
		ok = X509_verify_cert(store) == 1;
	}
	if (ok)
		return 1;
	t->refused_for = X509_STORE_CTX_get_error(store);
	if (t->refused_for == X509_V_OK)
		t->refused_for = X509_V_ERR_UNSPECIFIED;
	keep(&t->culprit, X509_STORE_CTX_get_current_cert(store));
	return 0;
}

static int refused(const struct tls *t, struct err *err)
{
	const struct cert_verdict verdict = { t->leaf, t->culprit, t->refused_for, t->host };

	if (t->pinned && t->leaf != NULL)
		return cert_not_pinned(err, t->leaf);
	return cert_refused(err, &verdict);
}

/* ---- setting up ---- */

static int trust(struct tls *t, const char *ca_file, struct err *err)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(t->ctx);

	if (t->pinned) /* nobody's word counts; and reading the system's CAs takes a while */
		return 0;
	if (ca_file == NULL) {
		if (SSL_CTX_set_default_verify_paths(t->ctx) != 1)
			return openssl_failed(err, "the system's CA certificates");
		return 0;
	}
	if (access(ca_file, R_OK) != 0) /* OpenSSL does not tell that from an empty one */
		return err_sys(err, ERR_CONFIG, SCOPE_ACCOUNT, errno, "cannot use CA file '%s'",
			       ca_file);
	if (SSL_CTX_load_verify_locations(t->ctx, ca_file, NULL) != 1) {
		const char *reason = ERR_reason_error_string(ERR_peek_error());

		return err_set(err, ERR_CONFIG, SCOPE_ACCOUNT, RETRY_NEVER,
			       "cannot use CA file '%s': %s", ca_file,
			       reason ? reason : "no certificate (PEM) in it");
	}
	/* Whoever names an intermediate CA trusts that one. */
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	return 0;
}

static int make_ctx(struct tls *t, const struct tls_options *options, struct err *err)
{
	t->ctx = SSL_CTX_new(TLS_client_method());
	if (t->ctx == NULL)
		return openssl_failed(err, "cannot start");
	if (SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1)
		return openssl_failed(err, "cannot demand TLS 1.2");
	SSL_CTX_set_options(t->ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(t->ctx,
			 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(t->ctx, verify, t);
	return trust(t, options->ca_file, err);
}

static bool is_address(const char *host)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

/* The name that the certificate must bear. For an address there is no SNI (RFC 6066 3). */
static int expect_host(struct tls *t, const char *host, struct err *err)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
	char sni[HOST_MAX + 1] = "";

	if (is_address(host)) {
		if (X509_VERIFY_PARAM_set1_ip_asc(param, host) != 1)
			return openssl_failed(err, "cannot demand the address");
		return 0;
	}
	/* OpenSSL takes ".example.org" for "any host below": nobody is called that. */
	if (host[0] == '\0' || host[0] == '.' || strlen(host) > HOST_MAX)
		return err_set(err, ERR_USAGE, SCOPE_ACCOUNT, RETRY_NEVER, "'%s' is no host name",
			       host);
	memcpy(sni, host, strlen(host));
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (SSL_set1_host(t->ssl, host) != 1 || SSL_set_tlsext_host_name(t->ssl, sni) != 1)
		return openssl_failed(err, "cannot demand the host name");
	return 0;
}

static int set_up(struct tls *t, const struct tls_options *options, struct err *err)
{
	if (options->fingerprint != NULL) {
		if (fingerprint_parse(options->fingerprint, t->pin, err) < 0)
			return -1;
		t->pinned = true;
	}
	if (make_ctx(t, options, err) < 0)
		return -1;
	t->ssl = SSL_new(t->ctx);
	if (t->ssl == NULL || make_bio(t) < 0)
		return openssl_failed(err, "cannot start");
	return expect_host(t, options->host, err);
}

/* ---- the handshake ---- */

/* Why the handshake failed, from OpenSSL's reason. */
static int handshake_failed(const struct tls *t, struct err *err)
{
	unsigned long code = ERR_peek_error();
	const char *text = ERR_reason_error_string(code);

	if (t->refused_for != 0)
		return refused(t, err);
	if (t->eof || t->sys_errno == EPIPE || t->sys_errno == ECONNRESET)
		return err_set(err, ERR_EOF, SCOPE_ACCOUNT, RETRY_LATER,
			       "server closed the connection during the TLS handshake%s",
			       t->asked ? " (it agreed to STARTTLS before)" : "");
	if (t->sys_errno != 0)
		return line_lost(t, err);
	switch (ERR_GET_REASON(code)) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
	case SSL_R_RECORD_LENGTH_MISMATCH:
		if (t->asked)
			return err_set(err, ERR_TLS, SCOPE_ACCOUNT, RETRY_NEVER,
				       "the server agreed to STARTTLS, and then spoke no TLS; try "
				       "imaps:// or pop3s:// if it has a port for that");
		return err_set(err, ERR_TLS, SCOPE_ACCOUNT, RETRY_NEVER,
			       "the server does not speak TLS on this port (is it one for "
			       "STARTTLS, imap:// instead of imaps://?)");
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
	case SSL_R_VERSION_TOO_LOW:
		return err_set(err, ERR_TLS, SCOPE_ACCOUNT, RETRY_NEVER,
			       "the server's TLS is too old: it lacks version 1.2");
	default:
		return err_set(err, ERR_TLS, SCOPE_ACCOUNT, RETRY_NEVER, "TLS handshake failed: %s",
			       text ? text : "no reason given");
	}
}

static int handshake(struct tls *t, const struct tls_options *o, struct err *err)
{
	int64_t deadline = time_monotonic_ms() + o->timeout_ms;

	for (;;) {
		int rc, wish, ready;

		ERR_clear_error();
		rc = SSL_connect(t->ssl);
		if (rc == 1)
			return 0;
		wish = SSL_get_error(t->ssl, rc);
		if (wish != SSL_ERROR_WANT_READ && wish != SSL_ERROR_WANT_WRITE)
			return handshake_failed(t, err);
		ready = wait_by(o->waiter, t->fd, wish == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN,
				deadline, err);
		if (ready < 0)
			return -1;
		if (ready == 0)
			return err_set(err, ERR_TIMEOUT, SCOPE_ACCOUNT, RETRY_LATER,
				       "no TLS handshake within %d s", o->timeout_ms / 1000);
	}
}

int tls_open(int fd, const struct tls_options *options, struct tls **out, struct err *err)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return err_nomem(err);
	t->fd = fd;
	t->asked = options->asked;
	t->host = options->host; /* needed during the handshake only */
	ERR_clear_error();
	if (set_up(t, options, err) < 0 || handshake(t, options, err) < 0) {
		t->broken = true;
		tls_close(t);
		return -1;
	}
	t->host = NULL;
	t->established = true;
	*out = t;
	return 0;
}

void tls_close(struct tls *t)
{
	if (t == NULL)
		return;
	ERR_clear_error();
	if (t->established && !t->broken)
		SSL_shutdown(t->ssl);
	SSL_free(t->ssl);
	SSL_CTX_free(t->ctx);
	BIO_meth_free(t->bio_method);
	X509_free(t->leaf);
	X509_free(t->culprit);
	ERR_clear_error();
	free(t);
}

/* ---- reading and writing ---- */

/* What an earlier call has left would be taken for this one's. To clear a queue that is empty takes
 * as long as to encrypt a kilobyte. */
static void forget_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

static int broke_down(struct tls *t, struct err *err)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	t->broken = true;
	if (t->eof || t->sys_errno != 0)
		return line_lost(t, err);
	return err_set(err, ERR_CONNECT, SCOPE_ACCOUNT, RETRY_NOW, "TLS broke down: %s",
		       reason ? reason : "no reason given");
}

ssize_t tls_read(struct tls *t, void *bytes, size_t len, struct err *err)
{
	size_t n = 0;
	int rc;

	forget_errors();
	rc = SSL_read_ex(t->ssl, bytes, len, &n);
	t->read_wants_write = false;
	t->write_wants_read = false; /* it may have been read just now: let the writer try again */
	if (rc == 1)
		return (ssize_t)n;
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_WRITE:
		t->read_wants_write = true;
		return 0;
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return err_set(err, ERR_EOF, SCOPE_ACCOUNT, RETRY_NOW,
			       "server closed the connection");
	default:
		return broke_down(t, err);
	}
}

ssize_t tls_write(struct tls *t, const void *bytes, size_t len, struct err *err)
{
	size_t n = 0;
	int rc;

	forget_errors();
	t->more = len > SSL3_RT_MAX_PLAIN_LENGTH;
	rc = SSL_write_ex(t->ssl, bytes, len, &n);
	t->more = false;
	t->write_wants_read = false;
	if (rc == 1)
		return (ssize_t)n;
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		t->write_wants_read = true;
		return 0;
	case SSL_ERROR_WANT_WRITE:
		return 0;
	default:
		return broke_down(t, err);
	}
}

short tls_events(const struct tls *t, bool want_write)
{
	if (t->read_wants_write || (want_write && !t->write_wants_read))
		return POLLIN | POLLOUT;
	return POLLIN;
}

bool tls_has_pending(const struct tls *t)
{
	return SSL_pending(t->ssl) > 0;
}

int tls_describe(const struct tls *t, struct arena *a, struct tls_facts *out, struct err *err)
{
	CLEANUP(cert_words_release) struct cert_words words = CERT_WORDS_INIT;

	if (t->leaf == NULL || !cert_describe(t->leaf, &words))
		return err_nomem(err);
	*out = (struct tls_facts){
		.version = arena_str(a, SSL_get_version(t->ssl)),
		.cipher = arena_str(a, SSL_get_cipher_name(t->ssl)),
		.hosts = arena_str(a, words.hosts.ptr),
		.issuer = arena_str(a, words.issuer.ptr),
		.expires = arena_str(a, words.expires.ptr),
		.fingerprint = arena_str(a, words.fingerprint.ptr),
	};
	return out->version && out->cipher && out->hosts && out->issuer && out->expires &&
			       out->fingerprint
		       ? 0
		       : err_nomem(err);
}

size_t tls_exporter_binding(const struct tls *t, uint8_t out[32])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	/* In TLS 1.2 the exporter binds only with an extended master secret (RFC 9266 4.2), and
	 * hardly any server offers it there. */
	if (SSL_version(t->ssl) < TLS1_3_VERSION)
		return 0;
	ERR_clear_error();
	if (SSL_export_keying_material(t->ssl, out, 32, label, sizeof(label) - 1, NULL, 0, 0) != 1)
		return 0;
	return 32;
}

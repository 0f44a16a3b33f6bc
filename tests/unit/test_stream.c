/*
 * net/stream.c and net/tls.c against servers made here: a process each, at the
 * other end of a socket pair or on a port of 127.0.0.1, with certificates that
 * are made on the spot.
 */
#include <criterion/criterion.h>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/cert.h"
#include "net/stream.h"
#include "net/tls.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define DAY	    86400
#define PATIENCE_MS 30000 /* for what must happen */
#define BRIEFLY_MS  200	  /* for what must not */

/* ---- certificates ---- */

struct identity {
	X509 *cert;
	EVP_PKEY *key;
};

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	cr_assert(extension && X509_add_ext(cert, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

/* `issuer` NULL: self-signed. `names`: for subjectAltName, NULL for none. */
static struct identity make_identity(const char *common_name, const char *names, bool ca,
				     long from_days, long to_days, const struct identity *issuer)
{
	static long serial = 1;
	struct identity id = { X509_new(), EVP_EC_gen("P-256") };
	X509_NAME *subject = X509_get_subject_name(id.cert);

	X509_set_version(id.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)common_name, -1,
				   -1, 0);
	X509_set_issuer_name(id.cert, issuer ? X509_get_subject_name(issuer->cert) : subject);
	X509_gmtime_adj(X509_getm_notBefore(id.cert), from_days * DAY);
	X509_gmtime_adj(X509_getm_notAfter(id.cert), to_days * DAY);
	X509_set_pubkey(id.cert, id.key);
	add_extension(id.cert, NID_basic_constraints, ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (names != NULL)
		add_extension(id.cert, NID_subject_alt_name, names);
	cr_assert(X509_sign(id.cert, issuer ? issuer->key : id.key, EVP_sha256()) > 0);
	return id;
}

static void forget_identity(struct identity *id)
{
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
}

struct pki {
	struct identity ca, other_ca;
	char ca_file[64];
};

static void pki_init(struct pki *p)
{
	int fd;
	FILE *file;

	p->ca = make_identity("Test CA", NULL, true, -10, 10, NULL);
	p->other_ca = make_identity("Other CA", NULL, true, -10, 10, NULL);
	snprintf(p->ca_file, sizeof(p->ca_file), "/tmp/mailhoist-test-ca-XXXXXX");
	fd = mkstemp(p->ca_file);
	cr_assert(fd >= 0);
	file = fdopen(fd, "w");
	cr_assert(file && PEM_write_X509(file, p->ca.cert) == 1);
	fclose(file);
}

static void pki_release(struct pki *p)
{
	unlink(p->ca_file);
	forget_identity(&p->ca);
	forget_identity(&p->other_ca);
}

static void pin_of(char out[80], const X509 *cert)
{
	uint8_t digest[FINGERPRINT_LEN];
	size_t len = 7;

	cr_assert(cert_fingerprint(cert, digest));
	memcpy(out, "sha256:", len + 1);
	for (size_t i = 0; i < sizeof(digest); i++, len += 2)
		snprintf(out + len, 80 - len, "%02X", digest[i]);
}

/* ---- servers: the child's side, blocking, ended by _exit() ---- */

struct server {
	int fd;
	SSL *ssl; /* NULL: plain */
};

static bool server_send(struct server *s, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		int n = s->ssl ? SSL_write(s->ssl, at, (int)len) : (int)write(s->fd, at, len);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool server_receive(struct server *s, void *bytes, size_t len)
{
	char *at = bytes;

	while (len > 0) {
		int n = s->ssl ? SSL_read(s->ssl, at, (int)len) : (int)read(s->fd, at, len);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static bool server_starttls(struct server *s, const struct identity *id, int max_version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	SSL_CTX_set_security_level(ctx, 0); /* so that old versions can be had at all */
	SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(ctx, max_version);
	SSL_CTX_use_certificate(ctx, id->cert);
	SSL_CTX_use_PrivateKey(ctx, id->key);
	s->ssl = SSL_new(ctx);
	SSL_set_fd(s->ssl, s->fd);
	return SSL_accept(s->ssl) == 1;
}

enum manner {
	MANNER_ECHO,	    /* send back what comes */
	MANNER_PLAIN_TEXT,  /* an IMAP greeting without TLS */
	MANNER_SILENT,	    /* never a word */
	MANNER_HANG_UP,	    /* close at once */
	MANNER_RESET,	    /* RST in answer to the first octet */
	MANNER_CLOSE,	    /* "bye", then an orderly end */
	MANNER_CUT,	    /* "bye", then an end without close_notify */
	MANNER_WRITE_FIRST, /* send BULK octets, only then look at what the client sent */
	MANNER_READ_FIRST,
	MANNER_BINDING,	 /* the channel binding */
	MANNER_STARTTLS, /* "go" in plain text, TLS, then as ECHO */
	MANNER_INJECT,	 /* "go" and more in plain text */
};

#define BULK (3u << 20)

static void send_bulk(struct server *s)
{
	static char block[40000];

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 7);
	for (size_t sent = 0; sent < BULK; sent += sizeof(block)) {
		size_t n = BULK - sent < sizeof(block) ? BULK - sent : sizeof(block);

		/* A key update in the middle makes the client's reader write. */
		if (s->ssl && sent == 20 * sizeof(block) && SSL_version(s->ssl) == TLS1_3_VERSION)
			SSL_key_update(s->ssl, SSL_KEY_UPDATE_REQUESTED);
		if (!server_send(s, block, n))
			_exit(1);
	}
}

static void receive_bulk(struct server *s)
{
	static char block[BULK];

	if (!server_receive(s, block, sizeof(block)))
		_exit(1);
	for (size_t i = 0; i < sizeof(block); i++)
		if (block[i] != (char)(i * 13))
			_exit(2);
}

static void echo(struct server *s)
{
	char c;

	while (server_receive(s, &c, 1))
		server_send(s, &c, 1);
}

static void serve_binding(struct server *s)
{
	uint8_t binding[32];

	SSL_export_keying_material(s->ssl, binding, sizeof(binding), "EXPORTER-Channel-Binding", 24,
				   (const uint8_t *)"", 0, 1);
	server_send(s, binding, sizeof(binding));
}

static void reset_line(int fd)
{
	const struct linger now = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void serve(int fd, const struct identity *id, int max_version, enum manner manner)
{
	struct server s = { fd, NULL };
	char c;

	signal(SIGPIPE, SIG_IGN);
	alarm(60); /* whatever happens, the child goes away */
	switch (manner) {
	case MANNER_PLAIN_TEXT:
		server_send(&s, "* OK ready when you are\r\n", 25);
		server_receive(&s, &c, 1);
		_exit(0);
	case MANNER_SILENT:
		while (read(fd, &c, 1) > 0)
			;
		_exit(0);
	case MANNER_HANG_UP:
		_exit(0);
	case MANNER_RESET: /* not sooner, or connecting may fail already */
		server_receive(&s, &c, 1);
		reset_line(fd);
		_exit(0);
	case MANNER_STARTTLS:
		server_send(&s, "go", 2);
		break;
	case MANNER_INJECT:
		server_send(&s, "go* BYE says Mallory", 20);
		break;
	default:
		break;
	}
	if (id != NULL && !server_starttls(&s, id, max_version))
		_exit(3);
	switch (manner) {
	case MANNER_WRITE_FIRST:
		send_bulk(&s);
		receive_bulk(&s);
		break;
	case MANNER_READ_FIRST:
		receive_bulk(&s);
		send_bulk(&s);
		break;
	case MANNER_CLOSE:
		server_send(&s, "bye", 3);
		if (s.ssl)
			SSL_shutdown(s.ssl);
		break;
	case MANNER_CUT:
		server_send(&s, "bye", 3);
		break;
	case MANNER_BINDING:
		serve_binding(&s);
		break;
	default:
		echo(&s);
	}
	shutdown(fd, SHUT_WR);
	while (read(fd, &c, 1) > 0) /* or unread bytes would turn the end into a reset */
		;
	_exit(0);
}

/* Segments as on Ethernet: the 64 KiB ones of loopback do not fit into such buffers and wait for
 * timers. */
static void small_buffers(int fd)
{
	int size = 8192; /* the kernel doubles it */
	int segment = 1400;

	setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* A server on a port of its own. */
struct listener {
	pid_t pid;
	char port[8];
};

static int listen_somewhere(char port[8], int backlog)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0);
	cr_assert(listen(fd, backlog) == 0);
	cr_assert(getsockname(fd, (struct sockaddr *)&in, &len) == 0);
	snprintf(port, 8, "%u", ntohs(in.sin_port));
	return fd;
}

static void listener_start(struct listener *l, const struct identity *id, enum manner manner)
{
	int fd = listen_somewhere(l->port, 5);

	small_buffers(fd); /* inherited by what is accepted */
	l->pid = fork();
	cr_assert(l->pid >= 0);
	if (l->pid == 0)
		serve(accept(fd, NULL, NULL), id, TLS1_3_VERSION, manner);
	close(fd);
}

static int child_status(pid_t pid)
{
	int status = -1;

	cr_assert(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A server at the other end of a socket pair. */
static pid_t start_peer(int *client_fd, const struct identity *id, int max_version,
			enum manner manner)
{
	int pair[2];
	pid_t pid;

	cr_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		close(pair[0]);
		serve(pair[1], id, max_version, manner);
	}
	close(pair[1]);
	*client_fd = pair[0];
	return pid;
}

/* ---- the handshake and the certificate ---- */

enum which {
	GOOD,
	EXPIRED,
	FUTURE,
	WRONG,
	SELF,
	ADDRESS,
	ADDRESS6,
	WILDCARD,
	STRANGER,
	NAME_ONLY,
	MANY,
	WHICH_COUNT
};
enum ca { CA_OURS, CA_SYSTEM, CA_SYSTEM_IS_OURS };
enum pin { PIN_NONE, PIN_RIGHT, PIN_WRONG, PIN_COLONS };

static void make_identities(struct identity ids[WHICH_COUNT], const struct pki *p)
{
	static const char host[] = "DNS:imap.example.org";
	const struct identity *ca = &p->ca;

	ids[GOOD] = make_identity("whatever", host, false, -1, 5, ca);
	ids[EXPIRED] = make_identity("imap.example.org", host, false, -5, -2, ca);
	ids[FUTURE] = make_identity("imap.example.org", host, false, 2, 5, ca);
	ids[WRONG] = make_identity("imap.example.org", "DNS:mail.example.net,IP:192.0.2.1", false,
				   -1, 5, ca);
	ids[SELF] = make_identity("imap.example.org", host, false, -1, 5, NULL);
	ids[ADDRESS] = make_identity("box", "IP:192.0.2.7", false, -1, 5, ca);
	ids[ADDRESS6] = make_identity("box", "IP:2001:db8::7", false, -1, 5, ca);
	ids[WILDCARD] = make_identity("x", "DNS:*.example.org", false, -1, 5, ca);
	ids[STRANGER] = make_identity("imap.example.org", host, false, -1, 5, &p->other_ca);
	ids[NAME_ONLY] = make_identity("old\x1b[2Jname", NULL, false, -1, 5, ca);
	ids[MANY] = make_identity("x",
				  "email:a@b.example,DNS:a.example,DNS:b.example,"
				  "DNS:c.example,DNS:d.example,DNS:e.example",
				  false, -1, 5, ca);
}

static const char *choose_pin(enum pin pin, const struct identity *id, const struct pki *p,
			      char out[120])
{
	char plain[80];

	pin_of(plain, pin == PIN_WRONG ? p->ca.cert : id->cert);
	snprintf(out, 120, "%s", plain);
	if (pin == PIN_COLONS) {
		size_t len = 7;

		for (size_t i = 7; i < 71; i += 2)
			len += (size_t)snprintf(out + len, 120 - len, "%s%.2s", i > 7 ? ":" : "",
						plain + i);
	}
	return pin == PIN_NONE ? NULL : out;
}

Test(stream, certificates)
{
	static const struct {
		const char *name;
		enum which which;
		const char *host;
		enum ca ca;
		enum pin pin;
		enum err_code want;
		const char *text; /* must occur in the error */
	} rows[] = {
		{ "good", GOOD, "imap.example.org", CA_OURS, PIN_NONE, ERR_NONE, "" },
		{ "good, other case", GOOD, "IMAP.Example.ORG", CA_OURS, PIN_NONE, ERR_NONE, "" },
		{ "wildcard", WILDCARD, "imap.example.org", CA_OURS, PIN_NONE, ERR_NONE, "" },
		{ "wildcard, two levels", WILDCARD, "a.imap.example.org", CA_OURS, PIN_NONE,
		  ERR_TLS, "but for *.example.org" },
		{ "wildcard, no level", WILDCARD, "example.org", CA_OURS, PIN_NONE, ERR_TLS,
		  "wrong host name" },
		{ "address", ADDRESS, "192.0.2.7", CA_OURS, PIN_NONE, ERR_NONE, "" },
		{ "IPv6 address", ADDRESS6, "2001:db8::7", CA_OURS, PIN_NONE, ERR_NONE, "" },
		{ "another address", ADDRESS, "192.0.2.8", CA_OURS, PIN_NONE, ERR_TLS,
		  "not for '192.0.2.8' but for 192.0.2.7" },
		{ "name instead of an address", GOOD, "192.0.2.7", CA_OURS, PIN_NONE, ERR_TLS,
		  "not for '192.0.2.7' but for imap.example.org" },
		{ "wrong host name", WRONG, "imap.example.org", CA_OURS, PIN_NONE, ERR_TLS,
		  "wrong host name: the server's certificate is not for 'imap.example.org' but for "
		  "mail.example.net, 192.0.2.1; " },
		{ "host name in subject alone, hostile", NAME_ONLY, "imap.example.org", CA_OURS,
		  PIN_NONE, ERR_TLS, "but for 'old?[2Jname'" },
		{ "many names", MANY, "imap.example.org", CA_OURS, PIN_NONE, ERR_TLS,
		  "but for a.example, b.example, c.example and 2 more" },
		{ "expired", EXPIRED, "imap.example.org", CA_OURS, PIN_NONE, ERR_TLS,
		  "the server's certificate expired on 20" },
		{ "not yet valid", FUTURE, "imap.example.org", CA_OURS, PIN_NONE, ERR_TLS,
		  "the server's certificate is not valid before 20" },
		{ "self-signed", SELF, "imap.example.org", CA_OURS, PIN_NONE, ERR_TLS,
		  "the server's certificate is self-signed; if its owner confirms the fingerprint: "
		  "--tls-fingerprint sha256:" },
		{ "unknown issuer", STRANGER, "imap.example.org", CA_OURS, PIN_NONE, ERR_TLS,
		  "unknown issuer: the server's certificate comes from 'Other CA'" },
		{ "our CA is not the system's", GOOD, "imap.example.org", CA_SYSTEM, PIN_NONE,
		  ERR_TLS, "comes from 'Test CA'" },
		{ "our CA among the system's", GOOD, "imap.example.org", CA_SYSTEM_IS_OURS,
		  PIN_NONE, ERR_NONE, "" },
		{ "pinned self-signed", SELF, "imap.example.org", CA_OURS, PIN_RIGHT, ERR_NONE,
		  "" },
		{ "pinned with colons", SELF, "imap.example.org", CA_SYSTEM, PIN_COLONS, ERR_NONE,
		  "" },
		{ "pinned, any host name, expired", EXPIRED, "elsewhere.example", CA_OURS,
		  PIN_RIGHT, ERR_NONE, "" },
		{ "pinned another", GOOD, "imap.example.org", CA_OURS, PIN_WRONG, ERR_TLS,
		  "not the one demanded: its fingerprint is sha256:" },
		{ "host that OpenSSL would take for many", GOOD, ".example.org", CA_OURS, PIN_NONE,
		  ERR_USAGE, "is no host name" },
	};
	struct identity ids[WHICH_COUNT];
	struct pki p;

	pki_init(&p);
	make_identities(ids, &p);
	for (size_t i = 0; i < ROWS(rows); i++) {
		char pin[120];
		const struct identity *id = &ids[rows[i].which];
		const struct tls_options options = { rows[i].host,
						     rows[i].ca == CA_OURS ? p.ca_file : NULL,
						     choose_pin(rows[i].pin, id, &p, pin),
						     PATIENCE_MS,
						     NULL,
						     false };
		struct err err = ERR_INIT;
		struct tls *tls = NULL;
		int fd;
		pid_t pid = start_peer(&fd, id, TLS1_3_VERSION, MANNER_ECHO);
		int rc;

		if (rows[i].ca == CA_SYSTEM_IS_OURS)
			setenv("SSL_CERT_FILE", p.ca_file, 1); /* OpenSSL's way to name them */
		rc = tls_open(fd, &options, &tls, &err);
		unsetenv("SSL_CERT_FILE");

		cr_expect_eq(rc, rows[i].want == ERR_NONE ? 0 : -1, "%s: %s", rows[i].name,
			     err.text);
		cr_expect_eq(err.code, rows[i].want, "%s: %d", rows[i].name, err.code);
		cr_expect(strstr(err.text, rows[i].text), "%s: %s", rows[i].name, err.text);
		if (rows[i].want == ERR_TLS) {
			cr_expect(strlen(err.text) < 400, "%s: %s", rows[i].name, err.text);
			cr_expect_eq(err.retry, RETRY_NEVER, "%s", rows[i].name);
		}
		tls_close(tls);
		close(fd);
		child_status(pid);
	}
	for (size_t i = 0; i < WHICH_COUNT; i++)
		forget_identity(&ids[i]);
	pki_release(&p);
}

/* The fingerprint in the error text is the one that lets the server in. */
Test(stream, fingerprint_as_told)
{
	struct identity id = make_identity("x", NULL, false, -1, 5, NULL);
	struct tls_options options = { "imap.example.org", NULL, NULL, PATIENCE_MS, NULL, false };
	struct err err = ERR_INIT;
	struct tls *tls = NULL;
	char told[72];
	const char *at;
	pid_t pid;
	int fd;

	pid = start_peer(&fd, &id, TLS1_3_VERSION, MANNER_ECHO);
	cr_assert_eq(tls_open(fd, &options, &tls, &err), -1);
	close(fd);
	child_status(pid);
	at = strstr(err.text, "sha256:");
	cr_assert(at);
	snprintf(told, sizeof(told), "%s", at);

	options.fingerprint = told;
	pid = start_peer(&fd, &id, TLS1_3_VERSION, MANNER_ECHO);
	cr_expect_eq(tls_open(fd, &options, &tls, &err), 0, "%s", err.text);
	tls_close(tls);
	close(fd);
	child_status(pid);
	forget_identity(&id);
}

Test(stream, fingerprint_form)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{ "empty", "" },
		{ "no hash named",
		  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" },
		{ "other hash", "sha1:00112233445566778899aabbccddeeff00112233" },
		{ "short",
		  "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddee" },
		{ "long",
		  "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00" },
		{ "no hex",
		  "sha256:0g112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" },
	};
	uint8_t out[FINGERPRINT_LEN];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct err err = ERR_INIT;

		cr_expect_eq(fingerprint_parse(rows[i].text, out, &err), -1, "%s", rows[i].name);
		cr_expect_eq(err.code, ERR_USAGE, "%s", rows[i].name);
	}
}

Test(stream, no_handshake)
{
	static const struct {
		const char *name;
		enum manner manner;
		int max_version; /* 0: no TLS */
		int timeout_ms;
		enum err_code want;
		const char *text;
	} rows[] = {
		{ "plain text", MANNER_PLAIN_TEXT, 0, PATIENCE_MS, ERR_TLS, "does not speak TLS" },
		{ "hangs up", MANNER_HANG_UP, 0, PATIENCE_MS, ERR_EOF, "during the TLS handshake" },
		{ "silent", MANNER_SILENT, 0, BRIEFLY_MS, ERR_TIMEOUT, "no TLS handshake" },
		{ "TLS 1.1", MANNER_ECHO, TLS1_1_VERSION, PATIENCE_MS, ERR_TLS, "too old" },
		{ "TLS 1.0", MANNER_ECHO, TLS1_VERSION, PATIENCE_MS, ERR_TLS, "too old" },
		{ "TLS 1.2", MANNER_ECHO, TLS1_2_VERSION, PATIENCE_MS, ERR_NONE, "" },
		{ "TLS 1.3", MANNER_ECHO, TLS1_3_VERSION, PATIENCE_MS, ERR_NONE, "" },
	};
	struct pki p;
	struct identity id;

	pki_init(&p);
	id = make_identity("x", "DNS:imap.example.org", false, -1, 5, &p.ca);
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct tls_options options = { "imap.example.org", p.ca_file, NULL,
						     rows[i].timeout_ms, NULL,	    false };
		struct err err = ERR_INIT;
		struct tls *tls = NULL;
		int fd;
		pid_t pid = start_peer(&fd, rows[i].max_version ? &id : NULL, rows[i].max_version,
				       rows[i].manner);

		cr_assert(fd >= 0);
		if (rows[i].manner == MANNER_SILENT) {
			struct timeval none = { 0, 1000 };

			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
		}
		tls_open(fd, &options, &tls, &err);
		cr_expect_eq(err.code, rows[i].want, "%s: %d %s", rows[i].name, err.code, err.text);
		cr_expect(strstr(err.text, rows[i].text), "%s: %s", rows[i].name, err.text);
		tls_close(tls);
		close(fd);
		child_status(pid);
	}
	forget_identity(&id);
	pki_release(&p);
}

Test(stream, ca_file)
{
	static const struct {
		const char *name, *file;
	} rows[] = {
		{ "missing", "/nonexistent/ca.pem" },
		{ "empty", "/dev/null" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct tls_options options = { "imap.example.org", rows[i].file, NULL,
						     PATIENCE_MS,	 NULL,	       false };
		struct err err = ERR_INIT;
		struct tls *tls = NULL;

		cr_expect_eq(tls_open(-1, &options, &tls, &err), -1, "%s", rows[i].name);
		cr_expect_eq(err.code, ERR_CONFIG, "%s: %s", rows[i].name, err.text);
		cr_expect(strstr(err.text, rows[i].file), "%s: %s", rows[i].name, err.text);
	}
}

/* ---- connecting ---- */

static struct stream_options options_for(const char *host, const char *port, const char *pin)
{
	struct stream_options o = { .host = host, .port = port, .tls = pin != NULL };

	o.tls_fingerprint = pin;
	o.connect_timeout_ms = PATIENCE_MS;
	return o;
}

Test(stream, refused)
{
	char port[8];
	struct err err = ERR_INIT;
	struct stream *s = NULL;
	struct stream_options o;

	close(listen_somewhere(port, 1));
	o = options_for("127.0.0.1", port, NULL);
	cr_expect_eq(stream_connect(&o, &s, &err), -1);
	cr_expect_eq(err.code, ERR_CONNECT);
	cr_expect_eq(err.retry, RETRY_LATER);
	cr_expect(strstr(err.text, port) && strstr(err.text, "refused"), "%s", err.text);
	cr_expect(strstr(err.text, "127.0.0.1:") == err.text, "%s", err.text);
}

Test(stream, unknown_port)
{
	struct err err = ERR_INIT;
	struct stream *s = NULL;
	struct stream_options o = options_for("127.0.0.1", "no-such-service", NULL);

	cr_expect_eq(stream_connect(&o, &s, &err), -1);
	cr_expect_eq(err.code, ERR_CONNECT);
	cr_expect_eq(err.retry, RETRY_NEVER);
}

/* A host that answers nothing: here, one whose queue of connections is full. */
Test(stream, connect_deadline)
{
	enum { FILLERS = 3 };
	char port[8];
	struct err err = ERR_INIT;
	struct stream *s = NULL, *fillers[FILLERS] = { NULL };
	int fd = listen_somewhere(port, 0), i;
	struct stream_options o = options_for("127.0.0.1", port, NULL);
	int64_t began = time_monotonic_ms();

	o.connect_timeout_ms = BRIEFLY_MS;
	for (i = 0; i < FILLERS && stream_connect(&o, &fillers[i], &err) == 0; i++)
		;
	if (i == FILLERS)
		cr_expect_eq(stream_connect(&o, &s, &err), -1);
	cr_expect_eq(err.code, ERR_CONNECT, "%s", err.text);
	cr_expect(strstr(err.text, "timed out"), "%s", err.text);
	cr_expect_lt(time_monotonic_ms() - began, 5000);
	for (i = 0; i < FILLERS; i++)
		stream_close(fillers[i]);
	close(fd);
}

/* Several addresses: "localhost" may be ::1 as well, where nobody listens. */
Test(stream, all_addresses)
{
	struct listener l;
	struct err err = ERR_INIT;
	struct stream *s = NULL;
	struct stream_options o;

	listener_start(&l, NULL, MANNER_ECHO);
	o = options_for("localhost", l.port, NULL);
	cr_assert_eq(stream_connect(&o, &s, &err), 0, "%s", err.text);
	cr_expect(stream_is_loopback(s));
	cr_expect_not(stream_is_tls(s));
	stream_close(s);
	cr_expect_eq(child_status(l.pid), 0);
}

/* ---- talking ---- */

/* Wait for the stream to be ready for something. */
static void wait_ready(const struct stream *s, bool want_write)
{
	struct pollfd p = { stream_fd(s), stream_events(s, want_write), 0 };

	if (!stream_has_pending(s))
		cr_assert_eq(poll(&p, 1, PATIENCE_MS), 1, "stuck");
}

/* Read exactly `len` bytes. */
static void read_all(struct stream *s, char *out, size_t len)
{
	struct err err = ERR_INIT;
	size_t got = 0;

	while (got < len) {
		ssize_t n = stream_read(s, out + got, len - got, &err);

		cr_assert(n >= 0, "%s", err.text);
		if (n == 0)
			wait_ready(s, false);
		got += (size_t)n;
	}
}

static void write_all(struct stream *s, const char *bytes, size_t len)
{
	struct err err = ERR_INIT;

	while (len > 0) {
		ssize_t n = stream_write(s, bytes, len, &err);

		cr_assert(n >= 0, "%s", err.text);
		if (n == 0)
			wait_ready(s, true);
		bytes += n;
		len -= (size_t)n;
	}
}

/* The error that reading ends with. */
static struct err read_to_end(struct stream *s)
{
	struct err err = ERR_INIT;
	char bytes[100];
	ssize_t n;

	while ((n = stream_read(s, bytes, sizeof(bytes), &err)) >= 0)
		if (n == 0)
			wait_ready(s, false);
	return err;
}

Test(stream, starttls)
{
	static const struct {
		const char *name;
		enum manner manner;
		enum err_code want;
		const char *text;
	} rows[] = {
		{ "orderly", MANNER_STARTTLS, ERR_NONE, "" },
		{ "injected", MANNER_INJECT, ERR_TLS, "unprotected bytes" },
	};
	struct identity id = make_identity("x", NULL, false, -1, 5, NULL);
	char pin[80];

	pin_of(pin, id.cert);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct listener l;
		struct stream_options o;
		struct err err = ERR_INIT;
		struct stream *s = NULL;
		char reply[3] = "";

		listener_start(&l, &id, rows[i].manner);
		o = options_for("127.0.0.1", l.port, NULL);
		o.tls_fingerprint = pin;
		cr_assert_eq(stream_connect(&o, &s, &err), 0, "%s", err.text);
		read_all(s, reply, 2);
		cr_expect_str_eq(reply, "go");
		stream_starttls(s, &err);
		cr_expect_eq(err.code, rows[i].want, "%s: %s", rows[i].name, err.text);
		cr_expect(strstr(err.text, rows[i].text), "%s: %s", rows[i].name, err.text);
		cr_expect_eq(stream_is_tls(s), rows[i].want == ERR_NONE, "%s", rows[i].name);
		if (stream_is_tls(s)) {
			write_all(s, "hi", 2);
			read_all(s, reply, 2);
			cr_expect_str_eq(reply, "hi");
			cr_expect_eq(stream_starttls(s, &err), -1, "twice");
		}
		stream_close(s);
		child_status(l.pid);
	}
	forget_identity(&id);
}

Test(stream, ends)
{
	static const struct {
		const char *name;
		enum manner manner;
		bool tls;
		enum err_code want;
		const char *text;
	} rows[] = {
		{ "plain", MANNER_CLOSE, false, ERR_EOF, "closed the connection" },
		{ "TLS", MANNER_CLOSE, true, ERR_EOF, "closed the connection" },
		{ "TLS, no close_notify", MANNER_CUT, true, ERR_EOF, "cut off" },
		{ "reset", MANNER_RESET, false, ERR_CONNECT, "reset" },
	};
	struct identity id = make_identity("x", NULL, false, -1, 5, NULL);
	char pin[80];

	pin_of(pin, id.cert);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct listener l;
		struct stream_options o;
		struct err err = ERR_INIT;
		struct stream *s = NULL;
		char bye[4] = "";

		listener_start(&l, rows[i].tls ? &id : NULL, rows[i].manner);
		o = options_for("127.0.0.1", l.port, rows[i].tls ? pin : NULL);
		cr_assert_eq(stream_connect(&o, &s, &err), 0, "%s", err.text);
		if (rows[i].manner == MANNER_RESET) {
			write_all(s, "x", 1);
		} else {
			read_all(s, bye, 3);
			cr_expect_str_eq(bye, "bye", "%s", rows[i].name);
		}
		err = read_to_end(s);
		cr_expect_eq(err.code, rows[i].want, "%s: %s", rows[i].name, err.text);
		cr_expect_eq(err.retry, RETRY_NOW, "%s", rows[i].name);
		cr_expect(strstr(err.text, rows[i].text), "%s: %s", rows[i].name, err.text);
		err = read_to_end(s);
		cr_expect_neq(err.code, ERR_NONE, "%s: the end stays the end", rows[i].name);
		stream_close(s);
		child_status(l.pid);
	}
	forget_identity(&id);
}

/* Half-open: the server has closed its side and still listens. */
Test(stream, half_open)
{
	struct listener l;
	struct stream_options o;
	struct err err = ERR_INIT;
	struct stream *s = NULL;

	listener_start(&l, NULL, MANNER_CLOSE);
	o = options_for("127.0.0.1", l.port, NULL);
	cr_assert_eq(stream_connect(&o, &s, &err), 0, "%s", err.text);
	err = read_to_end(s);
	cr_expect_eq(err.code, ERR_EOF);
	write_all(s, "still here", 10);
	stream_close(s);
	cr_expect_eq(child_status(l.pid), 0);
}

/* Writing to a peer that is gone is an error, and no signal. */
Test(stream, no_sigpipe)
{
	struct identity id = make_identity("x", NULL, false, -1, 5, NULL);
	char pin[80];

	pin_of(pin, id.cert);
	for (int tls = 0; tls < 2; tls++) {
		struct listener l;
		struct stream_options o;
		struct err err = ERR_INIT;
		struct stream *s = NULL;
		ssize_t n = 0;

		listener_start(&l, tls ? &id : NULL, MANNER_ECHO);
		o = options_for("127.0.0.1", l.port, tls ? pin : NULL);
		cr_assert_eq(stream_connect(&o, &s, &err), 0, "%s", err.text);
		kill(l.pid, SIGKILL);
		child_status(l.pid);
		for (int i = 0; i < 1000 && n >= 0; i++) {
			n = stream_write(s, "more", 4, &err);
			if (n == 0)
				wait_ready(s, true);
		}
		cr_expect_eq(n, -1, "tls %d", tls);
		cr_expect_eq(err.code, ERR_CONNECT, "tls %d: %s", tls, err.text);
		cr_expect_eq(stream_write(s, "more", 4, &err), -1, "tls %d", tls);
		stream_close(s);
	}
	forget_identity(&id);
}

Test(stream, channel_binding)
{
	struct identity id = make_identity("x", NULL, false, -1, 5, NULL);
	struct listener l;
	struct stream_options o;
	struct err err = ERR_INIT;
	struct stream *s = NULL;
	char pin[80], theirs[32];
	uint8_t ours[32];

	pin_of(pin, id.cert);
	listener_start(&l, &id, MANNER_BINDING);
	o = options_for("127.0.0.1", l.port, pin);
	cr_assert_eq(stream_connect(&o, &s, &err), 0, "%s", err.text);
	read_all(s, theirs, sizeof(theirs));
	cr_expect_eq(stream_channel_binding(s, ours), 32);
	cr_expect_arr_eq(ours, theirs, 32);
	stream_close(s);
	child_status(l.pid);
	forget_identity(&id);
}

/* ---- question and answer ---- */

/* A server that waits for the acknowledgement of its answer before it gives the next one must not
 * wait for ours: as soon as one party answers the other, Linux puts acknowledgements off. */
Test(stream, short_answers_are_acknowledged_at_once)
{
	static const bool with_tls[] = { false, true };
	struct identity id = make_identity("x", NULL, false, -1, 5, NULL);
	char pin[80];

	pin_of(pin, id.cert);
	for (size_t i = 0; i < ROWS(with_tls); i++) {
		struct listener l;
		struct stream_options o;
		struct err err = ERR_INIT;
		struct stream *s = NULL;
		int at_once = -1;
		socklen_t len = sizeof(at_once);
		char answer;

		listener_start(&l, with_tls[i] ? &id : NULL, MANNER_ECHO);
		o = options_for("127.0.0.1", l.port, with_tls[i] ? pin : NULL);
		cr_assert_eq(stream_connect(&o, &s, &err), 0, "%s", err.text);
		for (int round = 0; round < 10; round++) {
			write_all(s, "?", 1);
			read_all(s, &answer, 1);
		}
		cr_expect_eq(getsockopt(stream_fd(s), IPPROTO_TCP, TCP_QUICKACK, &at_once, &len),
			     0);
		cr_expect_eq(at_once, 1, "%s", with_tls[i] ? "TLS" : "plain");
		stream_close(s);
		child_status(l.pid);
	}
	forget_identity(&id);
}

/* ---- giving up ---- */

/* Waits until the client has gone, and then reads: 0 when it is told of a reset, 1 when it gets all
 * that was written, as if nothing had happened. */
static int read_late(int fd, int gone)
{
	char block[4096];
	ssize_t n;

	if (read(gone, block, 1) != 0)
		return 2;
	while ((n = read(fd, block, sizeof(block))) > 0)
		;
	return n < 0 && errno == ECONNRESET ? 0 : 1;
}

/* Over a slow line, it would arrive when everybody believes it lost. */
Test(stream, what_has_not_gone_out_never_does)
{
	static const bool killed[] = { false, true };

	for (size_t i = 0; i < ROWS(killed); i++) {
		static char octets[1 << 20];
		char port[8];
		int gone[2], listener = listen_somewhere(port, 1);

		small_buffers(listener);
		cr_assert_eq(pipe(gone), 0);
		pid_t client = fork();

		if (client == 0) {
			struct stream_options o = options_for("127.0.0.1", port, NULL);
			struct err err = ERR_INIT;
			struct stream *s = NULL;

			if (stream_connect(&o, &s, &err) < 0)
				_exit(3);
			while (stream_write(s, octets, sizeof(octets), &err) > 0)
				;
			if (killed[i])
				raise(SIGKILL);
			stream_close(s);
			_exit(0);
		}
		close(gone[1]);
		int fd = accept(listener, NULL, NULL);

		cr_expect_eq(read_late(fd, gone[0]), 0, "%s", killed[i] ? "killed" : "closed");
		close(fd);
		close(listener);
		close(gone[0]);
		child_status(client);
	}
}

/* ---- much at once ---- */

/* Send BULK octets and receive BULK octets, both as they come. */
static void exchange_bulk(struct stream *s)
{
	static char out[BULK], in[65536];
	size_t sent = 0, got = 0;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 13);
	while (sent < BULK || got < BULK) {
		ssize_t w = stream_write(s, out + sent, BULK - sent, &err);
		ssize_t r = stream_read(s, in, sizeof(in), &err);

		cr_assert(w >= 0 && r >= 0, "%s", err.text);
		for (ssize_t i = 0; i < r; i++)
			cr_assert(in[i] == (char)((got + (size_t)i) % 40000 * 7));
		sent += (size_t)w;
		got += (size_t)r;
		if (w == 0 && r == 0)
			wait_ready(s, sent < BULK);
	}
}

/* Until all has arrived: what has not would be dropped by stream_close(). */
static void wait_arrived(const struct stream *s)
{
	int left = 1;

	while (left > 0) {
		cr_assert_eq(ioctl(stream_fd(s), SIOCOUTQ, &left), 0);
		usleep(1000);
	}
}

Test(stream, bulk_both_ways)
{
	static const struct {
		const char *name;
		bool tls;
		enum manner manner;
	} rows[] = {
		{ "plain, server writes first", false, MANNER_WRITE_FIRST },
		{ "plain, server reads first", false, MANNER_READ_FIRST },
		{ "TLS, server writes first", true, MANNER_WRITE_FIRST },
		{ "TLS, server reads first", true, MANNER_READ_FIRST },
	};
	struct identity id = make_identity("x", NULL, false, -1, 5, NULL);
	char pin[80];

	pin_of(pin, id.cert);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct listener l;
		struct stream_options o;
		struct err err = ERR_INIT;
		struct stream *s = NULL;

		listener_start(&l, rows[i].tls ? &id : NULL, rows[i].manner);
		o = options_for("127.0.0.1", l.port, rows[i].tls ? pin : NULL);
		cr_assert_eq(stream_connect(&o, &s, &err), 0, "%s: %s", rows[i].name, err.text);
		small_buffers(stream_fd(s));
		exchange_bulk(s);
		wait_arrived(s);
		stream_close(s);
		cr_expect_eq(child_status(l.pid), 0, "%s", rows[i].name);
	}
	forget_identity(&id);
}

/* ---- a line that carries one octet at a time ---- */

static bool carry_octet(int from, int to)
{
	char c;

	return read(from, &c, 1) == 1 && write(to, &c, 1) == 1;
}

/* Between a client at `near` and the server on `port`, both ways. */
static void relay(int near, const char *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct pollfd p[2] = { { near, POLLIN, 0 }, { -1, POLLIN, 0 } };

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	p[1].fd = socket(AF_INET, SOCK_STREAM, 0);
	alarm(60);
	if (connect(p[1].fd, (struct sockaddr *)&in, sizeof(in)) < 0)
		_exit(1);
	while (poll(p, 2, -1) > 0) {
		if (p[0].revents && !carry_octet(p[0].fd, p[1].fd))
			break;
		if (p[1].revents && !carry_octet(p[1].fd, p[0].fd))
			break;
	}
	_exit(0);
}

Test(stream, one_octet_at_a_time)
{
	static char out[10000], in[10000];
	struct identity id = make_identity("x", NULL, false, -1, 5, NULL);
	struct listener server;
	struct stream_options o;
	struct err err = ERR_INIT;
	struct stream *s = NULL;
	char pin[80], port[8];
	int fd = listen_somewhere(port, 5);
	pid_t pid;

	pin_of(pin, id.cert);
	listener_start(&server, &id, MANNER_ECHO);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0)
		relay(accept(fd, NULL, NULL), server.port);
	close(fd);

	o = options_for("127.0.0.1", port, pin);
	cr_assert_eq(stream_connect(&o, &s, &err), 0, "%s", err.text);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)i;
	write_all(s, out, 3000);
	read_all(s, in, 3000);
	cr_expect_arr_eq(in, out, 3000);
	stream_close(s);
	child_status(pid);
	child_status(server.pid);
	forget_identity(&id);
}

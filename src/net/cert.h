/*
 * Certificates as people have to deal with them: fingerprints, and why one was
 * not accepted, in words that tell what to do.
 */
#ifndef MAILHOIST_NET_CERT_H
#define MAILHOIST_NET_CERT_H

#include <openssl/x509.h>

#include "base/buf.h"

#define FINGERPRINT_LEN 32 /* SHA-256 */

/* SHA-256 of the DER form. False if it cannot be computed. */
bool cert_fingerprint(const X509 *cert, uint8_t out[FINGERPRINT_LEN]);

/* Read "sha256:HEX"; the octets may be separated by colons. 0, or -1 (ERR_USAGE). */
int fingerprint_parse(const char *text, uint8_t out[FINGERPRINT_LEN], struct err *err);

/* Who the certificate is for, who says so, until when, as texts for people. False if the buffers
 * have failed. */
struct cert_words {
	struct buf hosts, issuer, expires, fingerprint;
};
#define CERT_WORDS_INIT                                                                            \
	{                                                                                          \
		BUF_INIT(4096), BUF_INIT(4096), BUF_INIT(64), BUF_INIT(128)                        \
	}
bool cert_describe(const X509 *cert, struct cert_words *out);
void cert_words_release(struct cert_words *w);

/* What a verification came to: the server's own certificate and, where it failed, the one that was
 * being looked at (its issuer's, say) and X509_V_ERR_*. */
struct cert_verdict {
	const X509 *leaf, *culprit;
	int reason;
	const char *host; /* the name or address that the leaf should bear */
};

/* Fill *err (ERR_TLS, RETRY_NEVER) with the reason and the way out. Always returns -1. */
int cert_refused(struct err *err, const struct cert_verdict *verdict);

/* The same when a fingerprint was demanded and the leaf has another one. */
int cert_not_pinned(struct err *err, const X509 *leaf);

#endif

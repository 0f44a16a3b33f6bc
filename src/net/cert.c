/*
 * Why a certificate was refused: RFC 5280 6.1 as OpenSSL's X509_V_ERR_*, said
 * for somebody who has to act. Names come from the certificate, that is from a
 * stranger: they are escaped and cut.
 */
#include "net/cert.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"

/* An error text must hold the reason and, behind it, the fingerprint. */
#define NAMES_SHOWN 3	 /* of a certificate for hundreds of hosts */
#define NAME_WIDTH  40	 /* columns of one name */
#define WHY_MAX	    4000 /* octets of one reason, every name of the widest characters */

/* ---- fingerprints ---- */

bool cert_fingerprint(const X509 *cert, uint8_t out[FINGERPRINT_LEN])
{
	unsigned len = 0;

	return X509_digest(cert, EVP_sha256(), out, &len) == 1 && len == FINGERPRINT_LEN;
}

static void add_fingerprint(struct buf *b, const X509 *cert)
{
	uint8_t digest[FINGERPRINT_LEN];

	if (!cert_fingerprint(cert, digest))
		return;
	buf_adds(b, "sha256:");
	for (size_t i = 0; i < sizeof(digest); i++)
		buf_addf(b, "%02x", digest[i]);
}

static bool parse_octets(struct slice hex, uint8_t out[FINGERPRINT_LEN])
{
	for (size_t i = 0; i < FINGERPRINT_LEN; i++) {
		uint64_t octet;

		if (i > 0 && hex.len > 0 && hex.ptr[0] == ':')
			hex = slice_from(hex, 1);
		if (hex.len < 2 || !slice_hex64(slice_head(hex, 2), &octet))
			return false;
		out[i] = (uint8_t)octet;
		hex = slice_from(hex, 2);
	}
	return hex.len == 0;
}

int fingerprint_parse(const char *text, uint8_t out[FINGERPRINT_LEN], struct err *err)
{
	static const struct slice prefix = { "sha256:", 7 };
	struct slice all = slice_trim(slice_str(text));
	uint8_t digest[FINGERPRINT_LEN];

	if (!slice_istarts(all, prefix) || !parse_octets(slice_from(all, prefix.len), digest))
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "TLS fingerprint '%s' is not of the form sha256:HEX with 64 digits",
			       text);
	memcpy(out, digest, sizeof(digest));
	return 0;
}

/* ---- what stands in a certificate ---- */

static void add_date(struct buf *b, const ASN1_TIME *at)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(at, &tm) == 1)
		buf_addf(b, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	else
		buf_adds(b, "a date that cannot be read");
}

/* The last common name, else the organisation, else "without a name". */
static void add_person(struct buf *b, const X509_NAME *name)
{
	static const int kinds[] = { NID_commonName, NID_organizationName };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int at = X509_NAME_get_index_by_NID(name, kinds[i], -1);
		unsigned char *utf8 = NULL;
		int len;

		if (at < 0)
			continue;
		len = ASN1_STRING_to_UTF8(&utf8,
					  X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
		if (len < 0)
			continue;
		buf_addc(b, '\'');
		text_add_safe(b, slice_of(utf8, (size_t)len), NAME_WIDTH);
		buf_addc(b, '\'');
		OPENSSL_free(utf8);
		return;
	}
	buf_adds(b, "somebody without a name");
}

/* A DNS name or an address, `separator` before it; false (and nothing added) for other kinds. */
static bool add_alt_name(struct buf *b, const char *separator, const GENERAL_NAME *name)
{
	char text[INET6_ADDRSTRLEN];
	int type = 0;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
	const uint8_t *bytes;
	size_t len;

	if (type != GEN_DNS && type != GEN_IPADD)
		return false;
	bytes = ASN1_STRING_get0_data(value);
	len = (size_t)ASN1_STRING_length(value);
	if (type == GEN_DNS) {
		buf_adds(b, separator);
		text_add_safe(b, slice_of(bytes, len), NAME_WIDTH);
		return true;
	}
	if ((len != 4 && len != 16) ||
	    inet_ntop(len == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)) == NULL)
		return false;
	buf_adds(b, separator);
	buf_adds(b, text);
	return true;
}

/* "mail.example.org, *.example.net and 12 more" */
static void add_hosts(struct buf *b, const X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int n = names ? sk_GENERAL_NAME_num(names) : 0, shown = 0, i;

	for (i = 0; i < n && shown < NAMES_SHOWN; i++)
		shown += add_alt_name(b, shown > 0 ? ", " : "", sk_GENERAL_NAME_value(names, i));
	if (i < n)
		buf_addf(b, " and %d more", n - i);
	if (shown == 0)
		add_person(b, X509_get_subject_name(cert));
	GENERAL_NAMES_free(names);
}

bool cert_describe(const X509 *cert, struct cert_words *out)
{
	add_hosts(&out->hosts, cert);
	add_person(&out->issuer, X509_get_issuer_name(cert));
	add_date(&out->expires, X509_get0_notAfter(cert));
	add_fingerprint(&out->fingerprint, cert);
	return buf_cstr(&out->hosts) && buf_cstr(&out->issuer) && buf_cstr(&out->expires) &&
	       buf_cstr(&out->fingerprint);
}

void cert_words_release(struct cert_words *w)
{
	buf_release(&w->hosts);
	buf_release(&w->issuer);
	buf_release(&w->expires);
	buf_release(&w->fingerprint);
}

/* ---- reasons ---- */

static void add_culprit(struct buf *b, const struct cert_verdict *v)
{
	if (v->culprit == NULL || v->culprit == v->leaf || X509_cmp(v->culprit, v->leaf) == 0) {
		buf_adds(b, "the server's certificate");
		return;
	}
	buf_adds(b, "the certificate of ");
	add_person(b, X509_get_subject_name(v->culprit));
	buf_adds(b, ", which the server's depends on,");
}

static void add_validity(struct buf *b, const struct cert_verdict *v)
{
	const X509 *cert = v->culprit ? v->culprit : v->leaf;
	struct civil today = civil_from_time(time_now());

	add_culprit(b, v);
	if (v->reason == X509_V_ERR_CERT_HAS_EXPIRED) {
		buf_adds(b, " expired on ");
		add_date(b, X509_get0_notAfter(cert));
	} else {
		buf_adds(b, " is not valid before ");
		add_date(b, X509_get0_notBefore(cert));
	}
	buf_addf(b, " (by this computer's clock today is %04d-%02d-%02d)", today.year, today.month,
		 today.day);
}

static void add_reason(struct buf *b, const struct cert_verdict *v)
{
	switch (v->reason) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		add_validity(b, v);
		return;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		buf_adds(b, "wrong host name: the server's certificate is not for '");
		text_add_safe(b, slice_str(v->host), 2 * NAME_WIDTH);
		buf_adds(b, "' but for ");
		add_hosts(b, v->leaf);
		return;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		buf_adds(b, "the server's certificate is self-signed");
		return;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		buf_adds(b, "unknown issuer: the server's certificate comes from ");
		add_person(b, X509_get_issuer_name(v->culprit ? v->culprit : v->leaf));
		buf_adds(b, ", whom nobody here trusts");
		return;
	default:
		add_culprit(b, v);
		buf_addf(b, " is not acceptable: %s", X509_verify_cert_error_string(v->reason));
	}
}

/* Whom a CA file would help; the others need another host name, clock or certificate. */
static bool ca_would_help(int reason)
{
	switch (reason) {
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return true;
	default:
		return false;
	}
}

int cert_refused(struct err *err, const struct cert_verdict *verdict)
{
	CLEANUP(buf_release) struct buf why = BUF_INIT(WHY_MAX);
	CLEANUP(buf_release) struct buf pin = BUF_INIT(WHY_MAX);

	if (verdict->leaf == NULL)
		return err_set(err, ERR_TLS, SCOPE_ACCOUNT, RETRY_NEVER,
			       "the server has no certificate");
	add_reason(&why, verdict);
	add_fingerprint(&pin, verdict->leaf);
	return err_set(err, ERR_TLS, SCOPE_ACCOUNT, RETRY_NEVER,
		       "%s; if its owner confirms the fingerprint: --tls-fingerprint %s%s",
		       buf_cstr(&why) ? why.ptr : "the server's certificate is not acceptable",
		       buf_cstr(&pin) ? pin.ptr : "?",
		       ca_would_help(verdict->reason) ? ", or its issuer: --tls-ca FILE" : "");
}

int cert_not_pinned(struct err *err, const X509 *leaf)
{
	CLEANUP(buf_release) struct buf pin = BUF_INIT(WHY_MAX);

	add_fingerprint(&pin, leaf);
	return err_set(err, ERR_TLS, SCOPE_ACCOUNT, RETRY_NEVER,
		       "the server's certificate is not the one demanded: its fingerprint is %s",
		       buf_cstr(&pin) ? pin.ptr : "?");
}

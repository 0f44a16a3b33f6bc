/*
 * Match keys. See keys.h for the normalising rules; they carry
 * MATCH_RULES_VERSION, because hashes of different rules must never meet.
 *
 * Every message of both sides comes through here, so nothing is allocated: the
 * header is walked once, and values are normalised on their way into the digest.
 */

/* EVP fetches an algorithm and a context for each of these short digests, which takes longer than
 * the digest itself; the plain functions do the same work. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "message/keys.h"

#include <string.h>

#include <openssl/sha.h>

#include "message/header.h"

enum key_field { KEY_ID, KEY_DATE, KEY_FROM, KEY_TO, KEY_CC, KEY_SUBJECT, KEY_FIELD_COUNT };

#define ID_MAX	    4096 /* octets of a Message-ID that are looked at */
#define REPEATS_MAX 32	 /* fields of one name that are looked at */

static enum key_field key_field_of(struct slice name)
{
	static const struct {
		struct slice name;
		enum key_field field;
	} names[] = {
#define NAME(text, field) { { text, sizeof(text) - 1 }, field }
		NAME("message-id", KEY_ID), NAME("date", KEY_DATE), NAME("from", KEY_FROM),
		NAME("to", KEY_TO),	    NAME("cc", KEY_CC),	    NAME("subject", KEY_SUBJECT),
#undef NAME
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_ieq(name, names[i].name))
			return names[i].field;
	return KEY_FIELD_COUNT;
}

/* Fields that somebody on the way, or the store, adds to a message that was already sent:
 * two copies of one message differ in them. A '*' at the end matches any rest. */
static bool is_transport_field(struct slice name)
{
	static const char *const names[] = {
		/* RFC 5321 4.4, delivery agents, mailing list and fetcher traces */
		"received", "return-path", "delivered-to", "envelope-to", "x-original-to",
		"x-envelope-*", "delivery-date", "x-received", "x-forwarded-*", "x-delivered-to",
		"received-spf", "authentication-results", "arc-*", "x-rcpt-to", "x-fetchmail-*",
		"x-getmail-*", "x-pop*", "x-gm-*", "x-google-*", "x-gmail-*",
		/* filters */
		"x-spam*", "x-antivirus*", "x-virus*", "x-rspamd*", "x-bogosity", "x-amavis*",
		"x-antispam*", "x-ms-exchange-*", "x-microsoft-antispam*", "x-forefront-*",
		"x-ui-*", "x-gmx-*", "x-dspam-*", "x-crm114-*", "x-proofpoint-*", "x-barracuda-*",
		"x-sa-*", "x-scanned-by", "x-greylist", "x-mailscanner*", "x-avast*", "x-eset*",
		"x-kaspersky*", "x-norton*",
		/* stores (mail-stores: each program's own) */
		"status", "x-status", "x-uid", "x-imap", "x-imapbase", "x-keywords",
		"content-length", "lines", "x-mozilla-*", "x-account-key", "x-uidl", "x-evolution*",
		"x-kmail-*", "x-tuid", "x-offlineimap", "x-apple-*", "x-symantec*", "x-folder",
		"x-label"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct slice pattern;

		/* Most are told apart by their first and third letters. */
		if (name.len < 3 || (name.ptr[0] | 32) != names[i][0] ||
		    (name.ptr[2] | 32) != names[i][2])
			continue;
		pattern = slice_str(names[i]);
		if (pattern.ptr[pattern.len - 1] == '*'
			    ? slice_istarts(name, slice_head(pattern, pattern.len - 1))
			    : slice_ieq(name, pattern))
			return true;
	}
	return false;
}

/* ---- hashing ---- */

/* A digest with a little room in front of it, for octets that come one by one. */
struct hasher {
	SHA256_CTX sha;
	size_t len;
	uint8_t room[256];
};

static void hash_start(struct hasher *h)
{
	SHA256_Init(&h->sha);
	h->len = 0;
}

static void hash_octet(struct hasher *h, uint8_t octet)
{
	if (h->len == sizeof(h->room)) {
		SHA256_Update(&h->sha, h->room, h->len);
		h->len = 0;
	}
	h->room[h->len++] = octet;
}

static void hash_end(struct hasher *h, uint8_t out[KEY_LEN])
{
	uint8_t digest[SHA256_LEN];

	SHA256_Update(&h->sha, h->room, h->len);
	SHA256_Final(digest, &h->sha);
	memcpy(out, digest, KEY_LEN);
}

/* The normal form of a value: CR dropped, blanks and LF collapsed, 8-bit and NUL as 'X'. */
static void hash_normal(struct hasher *h, struct slice value)
{
	bool gap = false, begun = false;

	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = (uint8_t)value.ptr[i];

		if (c == '\r')
			continue;
		if (c == ' ' || c == '\t' || c == '\n') {
			gap = begun;
			continue;
		}
		if (gap)
			hash_octet(h, ' ');
		gap = false;
		begun = true;
		hash_octet(h, c == 0 || c >= 0x80 ? 'X' : c);
	}
}

/* ---- keys ---- */

/* The values of the fields that matter. Servers may return the fields in any order; the values of
 * a repeated field keep theirs. */
struct picked {
	size_t n[KEY_FIELD_COUNT];
	struct slice values[KEY_FIELD_COUNT][REPEATS_MAX];
};

static void pick_fields(struct picked *p, struct slice block)
{
	struct header_field f;

	memset(p->n, 0, sizeof(p->n));
	while (header_next(&block, &f) > 0) {
		enum key_field k = key_field_of(f.name);

		if (k < KEY_FIELD_COUNT && p->n[k] < REPEATS_MAX)
			p->values[k][p->n[k]++] = f.value;
	}
}

/* "K:value:value LF" for each wanted field, in the order of enum key_field. */
static void hash_fields(const struct picked *p, uint32_t wanted, uint8_t out[KEY_LEN])
{
	struct hasher h;

	hash_start(&h);
	for (enum key_field k = 0; k < KEY_FIELD_COUNT; k++) {
		if (!(wanted & 1u << k))
			continue;
		hash_octet(&h, (uint8_t)('0' + k));
		for (size_t i = 0; i < p->n[k]; i++) {
			hash_octet(&h, ':');
			hash_normal(&h, p->values[k][i]);
		}
		hash_octet(&h, '\n');
	}
	hash_end(&h, out);
}

static int hash_id(const struct picked *p, struct match_keys *out, struct err *err)
{
	CLEANUP(buf_release) struct buf scratch = BUF_INIT(HEADER_BLOCK_MAX);
	struct slice id;
	struct hasher h;

	if (p->n[KEY_ID] == 0)
		return 0;
	id = slice_head(header_message_id(&scratch, p->values[KEY_ID][0]), ID_MAX);
	out->has_id = id.len > 2; /* "<>" is none */
	if (out->has_id) {
		hash_start(&h);
		hash_normal(&h, id);
		hash_end(&h, out->id);
	}
	return buf_ok(&scratch, "a Message-ID", err);
}

int keys_from_header(struct slice block, struct match_keys *out, struct err *err)
{
	struct picked picked;
	struct match_keys keys;

	memset(&keys, 0, sizeof(keys));
	pick_fields(&picked, block);
	if (hash_id(&picked, &keys, err) != 0)
		return -1;
	hash_fields(&picked, 1u << KEY_FROM | 1u << KEY_DATE | 1u << KEY_SUBJECT, keys.ident);
	hash_fields(&picked, (1u << KEY_FIELD_COUNT) - 1, keys.fields);
	*out = keys;
	return 0;
}

int essence_from_header(struct slice block, uint8_t out[KEY_LEN], struct err *err)
{
	struct header_field f;
	struct hasher h;

	(void)err;
	hash_start(&h);
	while (header_next(&block, &f) > 0) {
		if (f.name.len > 0 && is_transport_field(f.name))
			continue;
		for (size_t i = 0; i < f.name.len; i++)
			hash_octet(&h, (uint8_t)(f.name.ptr[i] | 32));
		hash_octet(&h, ':');
		hash_normal(&h, f.value);
		hash_octet(&h, '\n');
	}
	hash_end(&h, out);
	return 0;
}

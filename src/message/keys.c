/*
 * Match keys. See keys.h for the normalising rules; they carry
 * MATCH_RULES_VERSION, because hashes of different rules must never meet.
 */
#include "message/keys.h"

#include <string.h>

#include <openssl/evp.h>

#include "message/header.h"

enum key_field { KEY_ID, KEY_DATE, KEY_FROM, KEY_TO, KEY_CC, KEY_SUBJECT, KEY_FIELD_COUNT };

#define ID_MAX 4096 /* octets of a Message-ID that are looked at */

static enum key_field key_field_of(struct slice name)
{
	static const struct {
		const char *name;
		enum key_field field;
	} names[] = {
		{ "message-id", KEY_ID }, { "date", KEY_DATE }, { "from", KEY_FROM },
		{ "to", KEY_TO },	  { "cc", KEY_CC },	{ "subject", KEY_SUBJECT },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_ieq(name, slice_str(names[i].name)))
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
		"x-sa-*", "x-scanned-by", "x-greylist", "x-mailscanner*", "x-avast*",
		"x-eset*", "x-kaspersky*", "x-norton*",
		/* stores (mail-stores: each program's own) */
		"status", "x-status", "x-uid", "x-imap", "x-imapbase", "x-keywords",
		"content-length", "lines", "x-mozilla-*", "x-account-key", "x-uidl",
		"x-evolution*", "x-kmail-*", "x-tuid", "x-offlineimap", "x-apple-*",
		"x-symantec*", "x-folder", "x-label",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct slice pattern = slice_str(names[i]);

		if (pattern.ptr[pattern.len - 1] == '*'
			    ? slice_istarts(name, slice_head(pattern, pattern.len - 1))
			    : slice_ieq(name, pattern))
			return true;
	}
	return false;
}

/* The normal form of a value: CR dropped, blanks and LF collapsed, 8-bit and NUL as 'X'. */
static void add_normal(struct buf *out, struct slice value)
{
	char *room = buf_room(out, value.len), *p = room;
	bool gap = false;

	if (!room)
		return;
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if (c == '\r')
			continue;
		if (c == ' ' || c == '\t' || c == '\n') {
			gap = p > room;
			continue;
		}
		if (gap)
			*p++ = ' ';
		gap = false;
		*p++ = c == 0 || c >= 0x80 ? 'X' : (char)c;
	}
	out->len += (size_t)(p - room);
}

static int hash(const struct buf *text, uint8_t out[KEY_LEN], struct err *err)
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (buf_ok(text, "a message's header", err) != 0)
		return -1;
	if (!EVP_Digest(text->len ? text->ptr : "", text->len, digest, NULL, EVP_sha256(), NULL))
		return err_nomem(err);
	memcpy(out, digest, KEY_LEN);
	return 0;
}

/* Append "name:value LF" for each wanted field, in the order of enum key_field: servers may
 * return the fields in any order. Values of a repeated field keep theirs. */
static void add_fields(struct buf *out, struct slice block, uint32_t wanted)
{
	for (enum key_field k = 0; k < KEY_FIELD_COUNT; k++) {
		struct slice rest = block;
		struct header_field f;

		if (!(wanted & 1u << k))
			continue;
		buf_addc(out, (char)('0' + k));
		while (header_next(&rest, &f) > 0) {
			if (key_field_of(f.name) != k)
				continue;
			buf_addc(out, ':');
			add_normal(out, f.value);
		}
		buf_addc(out, '\n');
	}
}

/* Copy only the fields that matter, so that they are picked out of a long header once. */
static void pick_fields(struct buf *out, struct slice block)
{
	struct header_field f;

	while (header_next(&block, &f) > 0)
		if (key_field_of(f.name) < KEY_FIELD_COUNT) {
			buf_add_slice(out, f.whole);
			if (f.whole.ptr[f.whole.len - 1] != '\n')
				buf_addc(out, '\n');
		}
}

static int hash_fields(struct slice picked, uint32_t wanted, uint8_t out[KEY_LEN],
		       struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(2 * HEADER_BLOCK_MAX);

	add_fields(&text, picked, wanted);
	return hash(&text, out, err);
}

static int hash_id(struct slice picked, struct match_keys *out, struct err *err)
{
	CLEANUP(buf_release) struct buf scratch = BUF_INIT(HEADER_BLOCK_MAX);
	CLEANUP(buf_release) struct buf normal = BUF_INIT(ID_MAX);
	struct header_field f;
	struct slice id;

	if (!header_find(picked, "message-id", &f))
		return 0;
	id = slice_head(header_message_id(&scratch, f.value), ID_MAX);
	add_normal(&normal, id);
	out->has_id = normal.len > 2; /* "<>" is none */
	return out->has_id ? hash(&normal, out->id, err) : 0;
}

int keys_from_header(struct slice block, struct match_keys *out, struct err *err)
{
	CLEANUP(buf_release) struct buf picked = BUF_INIT(2 * HEADER_BLOCK_MAX);
	struct match_keys keys;

	memset(&keys, 0, sizeof(keys));
	pick_fields(&picked, block);
	if (buf_ok(&picked, "a message's header", err) != 0 ||
	    hash_id(buf_slice(&picked), &keys, err) != 0 ||
	    hash_fields(buf_slice(&picked), 1u << KEY_FROM | 1u << KEY_DATE | 1u << KEY_SUBJECT,
			keys.ident, err) != 0 ||
	    hash_fields(buf_slice(&picked), (1u << KEY_FIELD_COUNT) - 1, keys.fields, err) != 0)
		return -1;
	*out = keys;
	return 0;
}

int essence_from_header(struct slice block, uint8_t out[KEY_LEN], struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(2 * HEADER_BLOCK_MAX);
	struct header_field f;

	while (header_next(&block, &f) > 0) {
		if (f.name.len > 0 && is_transport_field(f.name))
			continue;
		for (size_t i = 0; i < f.name.len; i++)
			buf_addc(&text, (char)(f.name.ptr[i] | 32));
		buf_addc(&text, ':');
		add_normal(&text, f.value);
		buf_addc(&text, '\n');
	}
	return hash(&text, out, err);
}

/*
 * Match keys. See keys.h for the normalising rules; they carry
 * MATCH_RULES_VERSION, because hashes of different rules must never meet.
 */
#include "message/keys.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "message/header.h"

#define ID_MAX	   4096 /* octets of a Message-ID that are looked at */
#define FIELDS_MAX 64	/* fields of KEY_FIELDS in one header; real mail has seven at most */
#define TEXT_LIMIT (2 * HEADER_BLOCK_MAX)

/* The fields that are looked at; the first six are those of KEY_FIELDS. */
enum field {
	F_ID,
	F_DATE,
	F_FROM,
	F_TO,
	F_CC,
	F_SUBJECT,
	F_KEYS,
	F_RECEIVED = F_KEYS,
	F_DELIVERY,
	F_OTHER
};

struct keyer {
	EVP_MD *sha256;
	EVP_MD_CTX *ctx;
	struct buf text, essence, id;
	size_t n;
	struct {
		enum field field;
		size_t off, len; /* its normal form in `essence` */
	} fields[FIELDS_MAX];
};

struct keyer *keyer_new(struct err *err)
{
	struct keyer *k = calloc(1, sizeof(*k));

	if (!k) {
		err_nomem(err);
		return NULL;
	}
	buf_init(&k->text, TEXT_LIMIT);
	buf_init(&k->essence, TEXT_LIMIT);
	buf_init(&k->id, TEXT_LIMIT);
	k->sha256 = EVP_MD_fetch(NULL, "SHA256",
				 NULL); /* once: looking it up costs more than using it */
	k->ctx = EVP_MD_CTX_new();
	if (!k->sha256 || !k->ctx) {
		keyer_free(k);
		err_nomem(err);
		return NULL;
	}
	return k;
}

void keyer_free(struct keyer *k)
{
	if (!k)
		return;
	EVP_MD_free(k->sha256);
	EVP_MD_CTX_free(k->ctx);
	buf_release(&k->text);
	buf_release(&k->essence);
	buf_release(&k->id);
	free(k);
}

/* ---- names ---- */

struct name {
	const char *text; /* lower case; a '*' at the end matches any rest */
	unsigned char len;
};
#define NAME(literal)                                                                              \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	}

static bool name_is(struct slice name, const struct name *pattern)
{
	size_t len = pattern->len;

	if ((name.ptr[0] | 32) != pattern->text[0])
		return false;
	if (pattern->text[len - 1] == '*')
		return slice_istarts(name, slice_of(pattern->text, len - 1));
	return name.len == len && slice_istarts(name, slice_of(pattern->text, len));
}

static enum field field_of(struct slice name)
{
	static const struct {
		struct name name;
		enum field field;
	} names[] = {
		{ NAME("message-id"), F_ID },
		{ NAME("date"), F_DATE },
		{ NAME("from"), F_FROM },
		{ NAME("to"), F_TO },
		{ NAME("cc"), F_CC },
		{ NAME("subject"), F_SUBJECT },
		{ NAME("received"), F_RECEIVED },
		{ NAME("delivery-date"), F_DELIVERY },
	};

	if (name.len == 0 || name.len > 13)
		return F_OTHER;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (name_is(name, &names[i].name))
			return names[i].field;
	return F_OTHER;
}

/* Fields that somebody on the way, or the store, adds to a message that was already sent: two
 * copies of one message differ in them. Those of X-Names stand apart. */
static const struct name plain_transport[] = {
	/* RFC 5321 4.4, delivery agents, mailing list and fetcher traces */
	NAME("received"),
	NAME("return-path"),
	NAME("delivered-to"),
	NAME("envelope-to"),
	NAME("delivery-date"),
	NAME("received-spf"),
	NAME("authentication-results"),
	NAME("arc-*"),
	/* stores (mail-stores: each program's own) */
	NAME("status"),
	NAME("content-length"),
	NAME("lines"),
};

static const struct name private_transport[] = {
	NAME("x-original-to"),
	NAME("x-envelope-*"),
	NAME("x-received"),
	NAME("x-forwarded-*"),
	NAME("x-delivered-to"),
	NAME("x-rcpt-to"),
	NAME("x-fetchmail-*"),
	NAME("x-getmail-*"),
	NAME("x-pop*"),
	NAME("x-gm-*"),
	NAME("x-google-*"),
	NAME("x-gmail-*"),
	/* filters */
	NAME("x-spam*"),
	NAME("x-antivirus*"),
	NAME("x-virus*"),
	NAME("x-rspamd*"),
	NAME("x-bogosity"),
	NAME("x-amavis*"),
	NAME("x-antispam*"),
	NAME("x-ms-exchange-*"),
	NAME("x-microsoft-antispam*"),
	NAME("x-forefront-*"),
	NAME("x-ui-*"),
	NAME("x-gmx-*"),
	NAME("x-dspam-*"),
	NAME("x-crm114-*"),
	NAME("x-proofpoint-*"),
	NAME("x-barracuda-*"),
	NAME("x-sa-*"),
	NAME("x-scanned-by"),
	NAME("x-greylist"),
	NAME("x-mailscanner*"),
	NAME("x-avast*"),
	NAME("x-eset*"),
	NAME("x-kaspersky*"),
	NAME("x-norton*"),
	NAME("x-symantec*"),
	/* stores */
	NAME("x-status"),
	NAME("x-uid"),
	NAME("x-imap"),
	NAME("x-imapbase"),
	NAME("x-keywords"),
	NAME("x-mozilla-*"),
	NAME("x-account-key"),
	NAME("x-uidl"),
	NAME("x-evolution*"),
	NAME("x-kmail-*"),
	NAME("x-tuid"),
	NAME("x-offlineimap"),
	NAME("x-apple-*"),
	NAME("x-folder"),
	NAME("x-label"),
};

bool key_field_of_transport(struct slice name)
{
	bool is_private = (name.ptr[0] | 32) == 'x';
	const struct name *list = is_private ? private_transport : plain_transport;
	size_t n = is_private ? sizeof(private_transport) / sizeof(private_transport[0])
			      : sizeof(plain_transport) / sizeof(plain_transport[0]);

	for (size_t i = 0; i < n; i++) {
		/* of X-Names the third character tells most of them apart */
		if (is_private && name.len > 2 && (name.ptr[2] | 32) != list[i].text[2])
			continue;
		if (name_is(name, &list[i]))
			return true;
	}
	return false;
}

/* ---- values ---- */

/* The normal form of a value: CR dropped, blanks and LF collapsed, 8-bit and NUL as 'X'. */
static void add_normal(struct buf *out, struct slice value)
{
	char *room = buf_room(out, value.len), *p = room;
	bool gap = false;

	if (!room)
		return;
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];

		if (c > ' ' && c < 0x80) {
			if (gap)
				*p++ = ' ';
			gap = false;
			*p++ = (char)c;
		} else if (c == ' ' || c == '\t' || c == '\n') {
			gap = p > room;
		} else if (c != '\r') {
			if (gap)
				*p++ = ' ';
			gap = false;
			*p++ = c == 0 || c >= 0x80 ? 'X' : (char)c;
		}
	}
	out->len += (size_t)(p - room);
}

static int hash(struct keyer *k, const struct buf *text, uint8_t out[KEY_LEN], struct err *err)
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (buf_ok(text, "a message's header", err) != 0)
		return -1;
	if (!EVP_DigestInit_ex2(k->ctx, k->sha256, NULL) ||
	    !EVP_DigestUpdate(k->ctx, text->len ? text->ptr : "", text->len) ||
	    !EVP_DigestFinal_ex(k->ctx, digest, NULL))
		return err_nomem(err);
	memcpy(out, digest, KEY_LEN);
	return 0;
}

/* ---- the pass over the header ---- */

static void keep_first(struct slice *slot, struct slice value)
{
	if (!slot->ptr)
		*slot = value;
}

static void note_fact(struct header_facts *facts, enum field field, struct slice value)
{
	switch (field) {
	case F_ID:
		keep_first(&facts->message_id, value);
		break;
	case F_DATE:
		keep_first(&facts->date, value);
		break;
	case F_FROM:
		keep_first(&facts->from, value);
		break;
	case F_SUBJECT:
		keep_first(&facts->subject, value);
		break;
	case F_DELIVERY:
		keep_first(&facts->delivery_date, value);
		break;
	case F_RECEIVED:
		if (facts->n_received < RECEIVED_MAX)
			facts->received[facts->n_received++] = value;
		break;
	default:
		break;
	}
}

static void add_name(struct buf *out, struct slice name)
{
	char *room = buf_room(out, name.len);

	for (size_t i = 0; room && i < name.len; i++)
		room[i] = (char)(name.ptr[i] | 32);
	if (room)
		out->len += name.len;
	buf_addc(out, ':');
}

/* Bring values into their normal form once: the fields that count for keys, and for the essence all
 * that were not added on the way (none of the former are). */
static void walk(struct keyer *k, struct slice block, bool essence, struct header_facts *facts)
{
	struct header_field f;

	k->n = 0;
	buf_reset(&k->essence);
	while (header_next(&block, &f) > 0) {
		enum field field = field_of(f.name);
		bool is_key = field < F_KEYS && k->n < FIELDS_MAX;
		size_t off;

		note_fact(facts, field, f.value);
		if (!is_key && (!essence || (f.name.len > 0 && key_field_of_transport(f.name))))
			continue;
		add_name(&k->essence, f.name);
		off = k->essence.len;
		add_normal(&k->essence, f.value);
		if (is_key) {
			k->fields[k->n].field = field;
			k->fields[k->n].off = off;
			k->fields[k->n++].len = k->essence.len - off;
		}
		buf_addc(&k->essence, '\n');
	}
}

/* The hash over the wanted fields in the order of enum field: servers may return them in any
 * order. Values of a repeated field keep theirs. */
static int hash_fields(struct keyer *k, uint32_t wanted, uint8_t out[KEY_LEN], struct err *err)
{
	if (buf_ok(&k->essence, "a message's header", err) != 0)
		return -1;
	buf_reset(&k->text);
	for (enum field field = 0; field < F_KEYS; field++) {
		if (!(wanted & 1u << field))
			continue;
		buf_addc(&k->text, (char)('0' + field));
		for (size_t i = 0; i < k->n; i++) {
			if (k->fields[i].field != field)
				continue;
			buf_addc(&k->text, ':');
			buf_add(&k->text, k->essence.ptr + k->fields[i].off, k->fields[i].len);
		}
		buf_addc(&k->text, '\n');
	}
	return hash(k, &k->text, out, err);
}

static int hash_id(struct keyer *k, const struct header_facts *facts, struct match_keys *out,
		   struct err *err)
{
	struct slice id;

	if (!facts->message_id.ptr)
		return 0;
	id = slice_head(header_message_id(&k->id, facts->message_id), ID_MAX);
	buf_reset(&k->text);
	add_normal(&k->text, id);
	out->has_id = k->text.len > 2; /* "<>" is none */
	return out->has_id ? hash(k, &k->text, out->id, err) : 0;
}

int keyer_run(struct keyer *k, struct slice block, struct match_keys *keys,
	      uint8_t essence[KEY_LEN], struct header_facts *facts, struct err *err)
{
	struct header_facts own;
	struct match_keys out;

	if (!facts)
		facts = &own;
	memset(facts, 0, sizeof(*facts));
	memset(&out, 0, sizeof(out));
	walk(k, block, essence != NULL, facts);
	if (hash_id(k, facts, &out, err) != 0 ||
	    hash_fields(k, 1u << F_FROM | 1u << F_DATE | 1u << F_SUBJECT, out.ident, err) != 0 ||
	    hash_fields(k, (1u << F_KEYS) - 1, out.fields, err) != 0 ||
	    (essence && hash(k, &k->essence, essence, err) != 0))
		return -1;
	*keys = out;
	return 0;
}

int keyer_recipients(struct keyer *k, struct slice block, uint8_t out[KEY_LEN], struct err *err)
{
	struct header_facts unused = { 0 };

	walk(k, block, false, &unused);
	return hash_fields(k, 1u << F_TO | 1u << F_CC, out, err);
}

/*
 * vCards. See vcard.h; MS-OXOCNTC for the properties, RFC 2426 for the lines.
 */
#include "mime/vcard.h"

#include <string.h>

#include "base/clock.h"
#include "mime/address.h"
#include "mime/attach.h"
#include "mime/cardline.h"
#include "mime/entry_id.h"
#include "mime/fields.h"

#define NOTE_MAX	 32768
#define PHOTO_MAX	 (512u << 10) /* Outlook makes pictures of a few kB */
#define LID_FILE_AS	 0x8005
#define LID_WEB		 0x802b
#define LID_IM		 0x8062
#define LID_LIST_NAME	 0x8053
#define LID_LIST_ONE_OFF 0x8054
#define TAG_NAME	 0x3001
#define TAG_WEB_WORK	 0x3a51
#define TAG_WEB_HOME	 0x3a50
#define TAG_BIRTHDAY	 0x3a42
#define TAG_ANNIVERSARY	 0x3a41

struct card {
	struct composer *c;
	const struct entity *e;
	struct cardline out;
	struct arena a;
};

static struct slice text_of(const struct mapi_value *v)
{
	return v->type == MAPI_TEXT ? slice_trim(v->bytes) : (struct slice){ NULL, 0 };
}

static struct slice tagged(struct card *k, uint16_t tag)
{
	struct mapi_value v = { .type = MAPI_ABSENT };

	k->e->item->ops->property(k->e->item, tag, &k->a, &v);
	return text_of(&v);
}

static struct slice addressed(struct card *k, uint32_t lid)
{
	struct mapi_value v = { .type = MAPI_ABSENT };

	k->e->item->ops->named(k->e->item, MAPI_SET_ADDRESS, lid, NULL, &k->a, &v);
	return text_of(&v);
}

/* ---- structured values ---- */

struct component {
	uint16_t tag; /* 0: `lid` */
	uint32_t lid;
};

/* NAME:one;two;... ; nothing if all are empty. */
static void structured(struct card *k, const char *name, const struct component *parts, size_t n)
{
	bool any = false;

	cardline_begin(&k->out, name);
	for (size_t i = 0; i < n; i++) {
		struct slice s = parts[i].tag	? tagged(k, parts[i].tag)
				 : parts[i].lid ? addressed(k, parts[i].lid)
						: (struct slice){ NULL, 0 };

		cardline_add(&k->out, i == 0 ? ":" : ";");
		cardline_add_text(&k->out, s);
		any = any || s.len > 0;
	}
	if (any)
		cardline_end(&k->out);
}

/* N and FN have to be there (RFC 2426 3.1). */
static void names(struct card *k)
{
	static const struct component parts[] = {
		{ 0x3a11, 0 }, { 0x3a06, 0 }, { 0x3a44, 0 }, { 0x3a45, 0 }, { 0x3a05, 0 }
	};
	const struct slice candidates[] = { tagged(k, TAG_NAME), addressed(k, LID_FILE_AS),
					    slice_str(k->e->item->subject), tagged(k, 0x3a16) };
	struct slice full = SLICE_LIT("unnamed");

	for (size_t i = 0; i < 4; i++) {
		if (slice_trim(candidates[i]).len > 0) {
			full = candidates[i];
			break;
		}
	}
	cardline_text(&k->out, "FN", full);
	if (tagged(k, 0x3a11).len + tagged(k, 0x3a06).len + tagged(k, 0x3a44).len > 0) {
		structured(k, "N", parts, 5);
	} else {
		cardline_begin(&k->out, "N:");
		cardline_add_text(&k->out, full);
		cardline_add(&k->out, ";;;;");
		cardline_end(&k->out);
	}
}

static void organisation(struct card *k)
{
	static const struct component parts[] = { { 0x3a16, 0 }, { 0x3a18, 0 } };

	structured(k, "ORG", parts, 2);
	cardline_text(&k->out, "TITLE", tagged(k, 0x3a17));
	cardline_text(&k->out, "ROLE", tagged(k, 0x3a46));
	cardline_text(&k->out, "NICKNAME", tagged(k, 0x3a4f));
}

static void postal(struct card *k)
{
	static const struct {
		const char *name;
		struct component parts[7]; /* box, extended, street, city, region, code, country */
	} rows[] = {
		{ "ADR;TYPE=WORK",
		  { { 0, 0x804a },
		    { 0, 0 },
		    { 0, 0x8045 },
		    { 0, 0x8046 },
		    { 0, 0x8047 },
		    { 0, 0x8048 },
		    { 0, 0x8049 } } },
		{ "ADR;TYPE=HOME",
		  { { 0x3a5e, 0 },
		    { 0, 0 },
		    { 0x3a5d, 0 },
		    { 0x3a59, 0 },
		    { 0x3a5c, 0 },
		    { 0x3a5b, 0 },
		    { 0x3a5a, 0 } } },
		{ "ADR",
		  { { 0x3a64, 0 },
		    { 0, 0 },
		    { 0x3a63, 0 },
		    { 0x3a5f, 0 },
		    { 0x3a62, 0 },
		    { 0x3a61, 0 },
		    { 0x3a60, 0 } } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		structured(k, rows[i].name, rows[i].parts, 7);
}

/* ---- single values ---- */

static void phones(struct card *k)
{
	static const struct {
		const char *name;
		uint16_t tag;
	} rows[] = {
		{ "TEL;TYPE=WORK,VOICE", 0x3a08 }, { "TEL;TYPE=WORK,VOICE", 0x3a1b },
		{ "TEL;TYPE=HOME,VOICE", 0x3a09 }, { "TEL;TYPE=HOME,VOICE", 0x3a2f },
		{ "TEL;TYPE=CELL,VOICE", 0x3a1c }, { "TEL;TYPE=CAR,VOICE", 0x3a1e },
		{ "TEL;TYPE=VOICE", 0x3a1f },	   { "TEL;TYPE=PREF,VOICE", 0x3a1a },
		{ "TEL;TYPE=WORK,VOICE", 0x3a57 }, { "TEL;TYPE=PAGER", 0x3a21 },
		{ "TEL;TYPE=WORK,FAX", 0x3a24 },   { "TEL;TYPE=HOME,FAX", 0x3a25 },
		{ "TEL;TYPE=FAX", 0x3a23 },	   { "TEL;TYPE=ISDN", 0x3a2d },
		{ "TEL;TYPE=VOICE", 0x3a1d },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cardline_text(&k->out, rows[i].name, tagged(k, rows[i].tag));
}

/* Three addresses, each with its type, display name, SMTP address beside it and entry id. */
static void mail_addresses(struct card *k)
{
	static const uint32_t lids[] = { 0x8083, 0x8093, 0x80a3 };
	const struct mapi_item *item = k->e->item;

	for (size_t i = 0; i < sizeof(lids) / sizeof(lids[0]); i++) {
		struct mapi_value id = { .type = MAPI_ABSENT };
		struct mapi_person p = { .addr_type = addressed(k, lids[i] - 1).ptr,
					 .address = addressed(k, lids[i]).ptr,
					 .smtp = addressed(k, lids[i] + 1).ptr };
		struct mailbox m;

		item->ops->named(item, MAPI_SET_ADDRESS, lids[i] + 2, NULL, &k->a, &id);
		if (id.type == MAPI_BINARY)
			p.entry_id = id.bytes;
		address_resolve(k->c, k->e, &p, &k->a, &m);
		if (m.address != NULL)
			cardline_text(&k->out, "EMAIL;TYPE=INTERNET", slice_str(m.address));
	}
}

static void pages(struct card *k)
{
	cardline_text(&k->out, "URL;TYPE=WORK", tagged(k, TAG_WEB_WORK));
	cardline_text(&k->out, "URL;TYPE=HOME", tagged(k, TAG_WEB_HOME));
	if (!slice_eq(addressed(k, LID_WEB), tagged(k, TAG_WEB_WORK)))
		cardline_text(&k->out, "URL", addressed(k, LID_WEB));
	cardline_text(&k->out, "X-IM", addressed(k, LID_IM));
	cardline_text(&k->out, "X-SPOUSE", tagged(k, 0x3a48));
	cardline_text(&k->out, "X-MANAGER", tagged(k, 0x3a4e));
	cardline_text(&k->out, "X-ASSISTANT", tagged(k, 0x3a30));
}

/* Birthdays are midnight of wherever the author was: the nearest midnight of UTC is the day. */
static void day(struct card *k, const char *name, uint16_t tag)
{
	struct mapi_value v = { .type = MAPI_ABSENT };
	int64_t t = TIME_NONE;

	k->e->item->ops->property(k->e->item, tag, &k->a, &v);
	if (v.type == MAPI_TIME && v.integer > 0)
		t = filetime_seconds((uint64_t)v.integer);
	if (t == TIME_NONE)
		return;
	struct civil d = civil_from_time(t + 43200);

	cardline_begin(&k->out, name);
	buf_addf(&k->out.line, ":%04d-%02d-%02d", d.year, d.month, d.day);
	cardline_end(&k->out);
}

static void categories(struct card *k)
{
	const struct mapi_item *item = k->e->item;

	if (item->n_categories == 0)
		return;
	cardline_begin(&k->out, "CATEGORIES");
	for (size_t i = 0; i < item->n_categories; i++) {
		cardline_add(&k->out, i == 0 ? ":" : ",");
		cardline_add_text(&k->out, slice_str(item->categories[i]));
	}
	cardline_end(&k->out);
}

static void note(struct card *k)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(2 * NOTE_MAX);
	struct reader *r = blob_reader_start(&k->c->blob, &k->e->item->text);

	if (!reader_head(r, NOTE_MAX, &text))
		k->c->fidelity |= FIDELITY_BODY_CUT;
	cardline_text(&k->out, "NOTE", buf_slice(&text));
}

/* The picture, which Outlook keeps as an attachment of this name. */
static void photo(struct card *k)
{
	struct mapi_attachment att;
	struct attachments it;

	attachments_start(&it, k->c, k->e->item);
	while (attachments_next(&it, &att)) {
		CLEANUP(buf_release) struct buf bytes = BUF_INIT(PHOTO_MAX);
		struct reader *r;
		struct slice piece;

		if (!slice_ieq(slice_str(att.long_name ? att.long_name : att.name),
			       SLICE_LIT("ContactPicture.jpg")))
			continue;
		if (att.data.len > PHOTO_MAX) {
			k->c->fidelity |= FIDELITY_ATTACHMENT_MISSING;
			continue;
		}
		r = blob_reader_start(&k->c->blob, &att.data);
		while (r->next(r, &piece))
			buf_add_slice(&bytes, piece);
		cardline_begin(&k->out, "PHOTO;ENCODING=b;TYPE=JPEG:");
		base64_add(&k->out.line, buf_slice(&bytes));
		cardline_end(&k->out);
		break;
	}
	attachments_release(&it);
}

/* ---- */

static void begin(struct card *k, struct composer *c, const struct entity *e)
{
	k->c = c;
	k->e = e;
	cardline_init(&k->out, &c->out);
	k->a = (struct arena)ARENA_INIT(ROW_ARENA_MAX);
	cardline_line(&k->out, "BEGIN", "VCARD");
	cardline_line(&k->out, "VERSION", "3.0");
}

static void end(struct card *k)
{
	const struct mapi_item *item = k->e->item;

	cardline_begin(&k->out, "UID:pst.");
	for (size_t i = 0; i < sizeof(item->store_uid); i++)
		buf_addf(&k->out.line, "%02x", item->store_uid[i]);
	buf_addf(&k->out.line, ".%08x@pst.invalid", item->nid);
	cardline_end(&k->out);
	cardline_line(&k->out, "END", "VCARD");
	cardline_release(&k->out);
	arena_release(&k->a);
}

void vcard_write(struct composer *c, const struct entity *e)
{
	struct card k;

	begin(&k, c, e);
	names(&k);
	organisation(&k);
	mail_addresses(&k);
	phones(&k);
	postal(&k);
	pages(&k);
	day(&k, "BDAY", TAG_BIRTHDAY);
	day(&k, "X-ANNIVERSARY", TAG_ANNIVERSARY);
	categories(&k);
	note(&k);
	photo(&k);
	end(&k);
}

/* PidLidDistributionListOneOffMembers: one-off entry ids. What cannot be read is left out. */
static void members(struct card *k)
{
	const struct mapi_item *item = k->e->item;
	struct mapi_value v = { .type = MAPI_ABSENT };

	item->ops->named(item, MAPI_SET_ADDRESS, LID_LIST_ONE_OFF, NULL, &k->a, &v);
	for (size_t i = 0; v.type == MAPI_BINARIES && i < v.n_binaries; i++) {
		struct mapi_person p;

		if (!entry_id_person(v.binaries[i], k->c->options.codepages,
				     item->message_code_page, &k->a, &p))
			continue;
		cardline_begin(&k->out, "X-ADDRESSBOOKSERVER-MEMBER;CN=");
		cardline_add_quoted(&k->out, slice_str(p.name ? p.name : p.address));
		cardline_add(&k->out, ":mailto:");
		cardline_add_text(&k->out, slice_str(p.address));
		cardline_end(&k->out);
	}
}

void vcard_write_list(struct composer *c, const struct entity *e)
{
	struct card k;
	struct slice name;

	begin(&k, c, e);
	name = addressed(&k, LID_LIST_NAME);
	if (name.len == 0)
		name = slice_str(e->item->subject ? e->item->subject : "list");
	cardline_text(&k.out, "FN", name);
	cardline_begin(&k.out, "N:");
	cardline_add_text(&k.out, name);
	cardline_add(&k.out, ";;;;");
	cardline_end(&k.out);
	cardline_line(&k.out, "X-ADDRESSBOOKSERVER-KIND", "group");
	members(&k);
	note(&k);
	end(&k);
}

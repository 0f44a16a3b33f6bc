/*
 * The header of a composed message. See fields.h.
 */
#include "mime/fields.h"

#include "base/clock.h"
#include "message/header.h"
#include "mime/address.h"

#define FILETIME_SECOND INT64_C(10000000)
#define FILETIME_1970	INT64_C(11644473600) /* seconds from 1601 */
#define YEAR_10000	INT64_C(253402300800)
#define ID_MAX		900 /* a token of a line */
#define REFERENCES_MAX	1000
#define INDEX_MAX	512

int64_t filetime_seconds(uint64_t filetime)
{
	int64_t t = (int64_t)(filetime / FILETIME_SECOND) - FILETIME_1970;

	return filetime == 0 || t >= YEAR_10000 ? TIME_NONE : t;
}

/* Fields that every message has, or that threads hang on: added where they are missing. */
enum known {
	K_FROM,
	K_SENDER,
	K_REPLY_TO,
	K_TO,
	K_CC,
	K_BCC,
	K_SUBJECT,
	K_DATE,
	K_MESSAGE_ID,
	K_IN_REPLY_TO,
	K_REFERENCES,
	K_COUNT
};
static const char *const names[K_COUNT] = { "From",	  "Sender",	 "Reply-To",  "To",
					    "Cc",	  "Bcc",	 "Subject",   "Date",
					    "Message-ID", "In-Reply-To", "References" };

static enum known known_field(struct slice name)
{
	enum known k = 0;

	while (k < K_COUNT && !slice_ieq(name, slice_str(names[k])))
		k++;
	return k;
}

/* ---- dates and ids ---- */

static void write_date(struct composer *c, const struct entity *e)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	const struct mapi_item *item = e->item;
	const uint64_t times[] = { item->submitted, item->delivered, item->created,
				   item->modified };
	int64_t t = TIME_NONE;
	struct civil d;
	size_t i = 0;

	while (t == TIME_NONE && i < 4)
		t = filetime_seconds(times[i++]);
	if (i > 1 || t == TIME_NONE)
		c->fidelity |= FIDELITY_DATE_GUESSED;
	if (t == TIME_NONE) {
		if (e->depth > 0)
			return;
		t = 0; /* the field has to be there (RFC 5322 3.6) */
	}
	d = civil_from_time(t);
	outlet_addf(&c->out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[d.weekday],
		    d.day, months[d.month - 1], d.year, d.hour, d.minute, d.second);
}

/* The next "<...>" of a list of ids, without blanks; false at the end. */
static bool next_id(struct slice *rest, struct slice *id)
{
	ptrdiff_t open, close;

	while ((open = slice_find(*rest, '<')) >= 0) {
		bool good;

		*rest = slice_from(*rest, (size_t)open);
		close = slice_find(*rest, '>');
		if (close < 0)
			return false;
		*id = slice_head(*rest, (size_t)close + 1);
		*rest = slice_from(*rest, (size_t)close + 1);
		good = id->len > 2 && id->len <= ID_MAX;
		for (size_t i = 0; good && i < id->len; i++)
			good = id->ptr[i] > ' ' && id->ptr[i] < 0x7f &&
			       (i == 0 || id->ptr[i] != '<');
		if (good)
			return true;
	}
	return false;
}

static void write_ids(struct composer *c, const char *name, const char *list)
{
	struct slice rest = slice_str(list), id;
	struct hfield f = { 0 };
	size_t n = 0;

	while (n < REFERENCES_MAX && next_id(&rest, &id)) {
		if (n++ == 0)
			hfield_begin(&f, &c->out, name);
		hfield_token(&f, id);
	}
	if (n > 0)
		hfield_end(&f);
}

static void add_hex(struct buf *b, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_addf(b, "%02x", bytes[i]);
}

/* An id of our own says where the message comes from, so that the same item gets the same one in
 * every run. */
static void write_made_id(struct composer *c, const struct entity *e)
{
	struct buf id = BUF_INIT(ID_MAX);
	struct slice key = slice_head(e->item->search_key, 8);

	buf_adds(&id, "<pst.");
	add_hex(&id, e->item->store_uid, sizeof(e->item->store_uid));
	buf_addf(&id, ".%08x", e->item->nid);
	if (key.len > 0)
		buf_addc(&id, '.');
	add_hex(&id, (const uint8_t *)key.ptr, key.len);
	buf_adds(&id, "@pst.invalid>");
	outlet_adds(&c->out, "Message-ID: ");
	outlet_add_buf(&c->out, &id);
	outlet_adds(&c->out, "\r\n");
	buf_release(&id);
	c->fidelity |= FIDELITY_ID_SYNTHESISED;
}

/* Some programs store the id without its brackets. */
static bool bare_id(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f || s.ptr[i] == '<' || s.ptr[i] == '>')
			return false;
	return s.len > 0 && s.len < ID_MAX && slice_find(s, '@') > 0;
}

static void write_message_id(struct composer *c, const struct entity *e)
{
	struct slice stored = slice_trim(slice_str(e->item->message_id)), rest = stored, id;

	if (next_id(&rest, &id)) {
		outlet_addf(&c->out, "Message-ID: %.*s\r\n", (int)id.len, id.ptr);
	} else if (bare_id(stored)) {
		outlet_addf(&c->out, "Message-ID: <%.*s>\r\n", (int)stored.len, stored.ptr);
	} else if (e->depth == 0) {
		write_made_id(c, e);
	}
}

/* ---- people ---- */

static bool nobody(const struct mapi_person *p)
{
	return !(p->name && *p->name) && !(p->address && *p->address) && !(p->smtp && *p->smtp) &&
	       p->entry_id.len == 0;
}

/* The author is whom the sender represents, mostly himself. */
static void write_from(struct composer *c, const struct entity *e)
{
	static const struct mapi_person unknown = { .name = "unknown sender",
						    .address = "unknown-sender" };
	const struct mapi_person *p = nobody(&e->item->from) ? &e->item->sender : &e->item->from;

	address_field_one(c, e, names[K_FROM], nobody(p) ? &unknown : p);
}

static void write_sender(struct composer *c, const struct entity *e)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	struct mailbox from, sender;

	if (nobody(&e->item->from) || nobody(&e->item->sender))
		return;
	address_resolve(c, e, &e->item->from, &a, &from);
	address_resolve(c, e, &e->item->sender, &a, &sender);
	if (from.address && sender.address &&
	    !slice_ieq(slice_str(from.address), slice_str(sender.address)))
		address_field_one(c, e, names[K_SENDER], &e->item->sender);
}

/* ---- one field after the other ---- */

static void write_known(struct composer *c, const struct entity *e, enum known k)
{
	const struct mapi_item *item = e->item;

	switch (k) {
	case K_FROM:
		write_from(c, e);
		break;
	case K_SENDER:
		if (e->synthesised)
			write_sender(c, e);
		break;
	case K_REPLY_TO:
		if (e->synthesised)
			address_field_reply_to(c, e);
		break;
	case K_TO:
		address_field_recipients(c, e, names[k], 1);
		break;
	case K_CC:
		address_field_recipients(c, e, names[k], 2);
		break;
	case K_BCC:
		if (e->ours)
			address_field_recipients(c, e, names[k], 3);
		break;
	case K_SUBJECT:
		if (item->subject != NULL)
			hfield_write_text(&c->out, names[k], slice_str(item->subject));
		break;
	case K_DATE:
		write_date(c, e);
		break;
	case K_MESSAGE_ID:
		write_message_id(c, e);
		break;
	case K_IN_REPLY_TO:
		write_ids(c, names[k], item->in_reply_to);
		break;
	case K_REFERENCES:
		write_ids(c, names[k], item->references);
		break;
	case K_COUNT:
		break;
	}
}

/* An empty field counts as missing where the properties have something for it. */
static bool replaced(const struct entity *e, const struct header_field *field)
{
	const struct mapi_item *item = e->item;

	if (slice_trim(field->value).len > 0)
		return false;
	switch (known_field(field->name)) {
	case K_SUBJECT:
		return item->subject != NULL && *item->subject != '\0';
	case K_TO:
		return item->display_to != NULL && *item->display_to != '\0';
	case K_FROM:
	case K_DATE:
	case K_MESSAGE_ID:
		return true;
	default:
		return false;
	}
}

static bool preamble(struct slice line)
{
	return slice_istarts(line, SLICE_LIT("Microsoft Mail Internet Headers"));
}

/* Write what is kept; returns which known fields were among it. */
static uint32_t write_kept(struct composer *c, const struct entity *e)
{
	struct slice rest = buf_slice(&e->header);
	struct header_field field;
	uint32_t present = 0;

	while (header_next(&rest, &field) > 0) {
		if (field.name.len == 0 && !preamble(field.whole) &&
		    slice_trim(field.whole).len > 0)
			c->fidelity |= FIDELITY_HEADER_REPAIRED;
		if (!transport_keeps(&field) || replaced(e, &field))
			continue;
		transport_write(c, &field);
		present |= 1u << known_field(field.name);
	}
	return present;
}

static void write_importance(struct composer *c, const struct mapi_item *item)
{
	static const char *const sensitivity[] = { NULL, "Personal", "Private",
						   "Company-Confidential" };

	if (item->importance == 2)
		outlet_adds(&c->out, "Importance: High\r\nX-Priority: 1\r\n");
	else if (item->importance == 0)
		outlet_adds(&c->out, "Importance: Low\r\nX-Priority: 5\r\n");
	if (item->sensitivity >= 1 && item->sensitivity <= 3)
		outlet_addf(&c->out, "Sensitivity: %s\r\n", sensitivity[item->sensitivity]);
}

static void write_thread(struct composer *c, const struct mapi_item *item)
{
	struct buf index = BUF_INIT(2 * INDEX_MAX);

	if (item->conversation_topic != NULL && *item->conversation_topic != '\0')
		hfield_write_text(&c->out, "Thread-Topic", slice_str(item->conversation_topic));
	if (item->conversation_index.len > 0 && item->conversation_index.len <= INDEX_MAX) {
		outlet_adds(&c->out, "Thread-Index: ");
		base64_add(&index, item->conversation_index);
		outlet_add_buf(&c->out, &index);
		outlet_adds(&c->out, "\r\n");
	}
	buf_release(&index);
}

void fields_write(struct composer *c, const struct entity *e)
{
	uint32_t present = write_kept(c, e);

	for (enum known k = 0; k < K_COUNT; k++)
		if (!(present & 1u << k))
			write_known(c, e, k);
	if (!e->synthesised)
		return;
	c->fidelity |= FIDELITY_HEADER_SYNTHESISED;
	write_importance(c, e->item);
	write_thread(c, e->item);
}

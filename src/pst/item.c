/*
 * An item of a store as plain values (mapi/item.h): properties, bodies, recipients,
 * attachments, embedded messages. Small values are copied into the caller's arena;
 * long ones stay where they are and are read in pieces.
 */
#include "pst/store.h"

#include <inttypes.h>
#include <strings.h>

#include "pst/bytes.h"

#define EMBEDDED_DEPTH 16 /* messages in messages; beyond it something is wrong or hostile */
#define KEY_MAX	       4096
#define ENTRIES_MAX    VALUE_MAX

enum have { NOT_THERE, THERE, BROKEN };

/* What an item's ops need: in the item's arena. */
struct state {
	struct pst *p;
	struct props props;
	struct table recipients, attachments;
	enum have have_recipients, have_attachments;
	/* A broken attachment table: the subnodes themselves, in order. */
	size_t next_row;
	uint32_t last_nid;
};

static struct state *state_of(const struct mapi_item *item)
{
	return (struct state *)(uintptr_t)item->reader;
}

/* What was found out while recipients or attachments were read belongs to the item, which is the
 * caller's and not constant in itself. */
static void degrade(const struct mapi_item *item, uint32_t bits)
{
	((struct mapi_item *)(uintptr_t)item)->degraded |= bits;
}

/* ---- blobs ---- */

static int read_memory(const struct mapi_blob *b, uint64_t off, void *to, size_t want, size_t *got,
		       struct err *err)
{
	struct slice s = slice_of(b->reader, b->len);

	(void)err;
	s = slice_head(slice_from(s, off < s.len ? (size_t)off : s.len), want);
	if (s.len > 0)
		memcpy(to, s.ptr, s.len);
	*got = s.len;
	return 0;
}

static struct mapi_blob memory_blob(struct slice bytes)
{
	return (struct mapi_blob){ .len = bytes.len, .read = read_memory, .reader = bytes.ptr };
}

static struct pst *pst_of(const struct mapi_blob *b)
{
	return (struct pst *)(uintptr_t)b->reader;
}

/* Never beyond the length said before: what follows it is damaged. */
static size_t within(const struct mapi_blob *b, uint64_t off, size_t want)
{
	uint64_t left = off < b->len ? b->len - off : 0;

	return left < want ? (size_t)left : want;
}

static int read_tree(const struct mapi_blob *b, uint64_t off, void *to, size_t want, size_t *got,
		     struct err *err)
{
	struct pst *p = pst_of(b);

	if (p->blob.bid != b->handle[0])
		tree_init(&p->blob, p->n, b->handle[0]);
	return tree_read(&p->blob, off, to, within(b, off, want), got, err);
}

static int read_stream(const struct mapi_blob *b, uint64_t off, void *to, size_t want, size_t *got,
		       struct err *err)
{
	struct pst *p = pst_of(b);
	bool utf16 = b->handle[1] >> 32;
	int cp = (int)(uint32_t)b->handle[1];

	if (p->stream.tree.bid != b->handle[0] || p->stream.utf16 != utf16 || p->stream.cp != cp) {
		text_stream_release(&p->stream);
		text_stream_open(&p->stream, &p->texts, p->n, b->handle[0], utf16, cp);
	}
	return text_stream_read(&p->stream, off, to, within(b, off, want), got, err);
}

/* A text that may be long. */
static struct mapi_blob text_blob(struct state *s, const struct prop *prop, struct arena *a)
{
	bool utf16 = prop->type == TYPE_TEXT16;
	struct mapi_blob out = { .len = 0 };
	struct text_stream stream;
	struct err bad = ERR_INIT;
	struct values *v = &s->props.v;
	struct place place;

	if (value_place(v, prop, &place, &bad) < 0) {
		v->degraded |= MAPI_DEGRADED_BLOCK;
		return out;
	}
	text_stream_open(&stream, v->texts, v->n, place.bid, utf16, v->cp);
	if (place.bid == 0)
		text_stream_feed(&stream, place.bytes);
	if (text_stream_len(&stream, &out.len, &bad) < 0)
		v->degraded |= MAPI_DEGRADED_BLOCK;
	v->degraded |= stream.degraded;
	out.read = read_stream;
	out.reader = s->p;
	out.handle[0] = place.bid;
	out.handle[1] = (uint64_t)utf16 << 32 | (uint32_t)v->cp;
	if (stream.out == 0) { /* it is all in memory */
		const char *copy =
			arena_copy(a, stream.ready.ptr ? stream.ready.ptr : "", stream.ready.len);

		out = memory_blob(slice_of(copy ? copy : "", copy ? stream.ready.len : 0));
		if (!copy)
			v->degraded |= MAPI_DEGRADED_BLOCK;
	}
	text_stream_release(&stream);
	return out;
}

/* Bytes as they are. `verify`: read them now, so that the length is that of what is readable;
 * else by the index alone. *whole: nothing is missing. */
static struct mapi_blob binary_blob(struct pst *p, struct values *v, const struct prop *prop,
				    bool verify, struct arena *a, bool *whole)
{
	struct mapi_blob out = { .len = 0 };
	struct err bad = ERR_INIT;
	struct place place;
	struct tree tree;

	*whole = false;
	if (value_place(v, prop, &place, &bad) < 0)
		return out;
	if (place.bid == 0) {
		const char *copy = arena_copy(a, place.bytes.ptr, place.bytes.len);

		*whole = copy != NULL;
		return memory_blob(slice_of(copy ? copy : "", copy ? place.bytes.len : 0));
	}
	tree_init(&tree, p->n, place.bid);
	*whole = tree_readable(&tree, verify, &out.len);
	out.read = read_tree;
	out.reader = p;
	out.handle[0] = place.bid;
	return out;
}

/* ---- the item ---- */

static struct mapi_person read_person(struct props *props, const uint16_t id[5], struct arena *a)
{
	return (struct mapi_person){ .name = props_text(props, id[0], a),
				     .addr_type = props_text(props, id[1], a),
				     .address = props_text(props, id[2], a),
				     .smtp = props_text(props, id[3], a),
				     .entry_id = props_bytes(props, id[4], KEY_MAX, a) };
}

static void read_header(struct mapi_item *item, struct props *p, struct arena *a)
{
	static const uint16_t sender[5] = { 0x0c1a, 0x0c1e, 0x0c1f, 0x5d01, 0x0c19 };
	static const uint16_t from[5] = { 0x0042, 0x0064, 0x0065, 0x5d02, 0x0041 };
	static const uint16_t received[5] = { 0x0040, 0x0075, 0x0076, 0x5d07, 0x003f };

	item->subject = text_unmarked(props_text(p, 0x0037, a));
	item->message_id = props_text(p, 0x1035, a);
	item->in_reply_to = props_text(p, 0x1042, a);
	item->references = props_text(p, 0x1039, a);
	item->sender = read_person(p, sender, a);
	item->from = read_person(p, from, a);
	item->received_by = read_person(p, received, a);
	item->reply_to_names = props_text(p, 0x0050, a);
	item->reply_to_entries = props_bytes(p, 0x004f, ENTRIES_MAX, a);
	item->display_to = props_text(p, 0x0e04, a);
	item->display_cc = props_text(p, 0x0e03, a);
	item->display_bcc = props_text(p, 0x0e02, a);
	item->conversation_topic = props_text(p, 0x0070, a);
	item->conversation_index = props_bytes(p, 0x0071, KEY_MAX, a);
}

static void read_state(struct mapi_item *item, struct pst *store, struct props *p, struct arena *a)
{
	int32_t header_item;

	item->submitted = props_time(p, 0x0039);
	item->delivered = props_time(p, 0x0e06);
	item->created = props_time(p, 0x3007);
	item->modified = props_time(p, 0x3008);
	item->flags = props_int(p, 0x0e07);
	item->status = props_int(p, 0x0e17);
	item->last_verb = props_int(p, 0x1081);
	item->icon = props_int(p, 0x1080);
	item->flag_status = props_int(p, 0x1090);
	item->importance = props_int(p, 0x0017);
	item->priority = props_int(p, 0x0026);
	item->sensitivity = props_int(p, 0x0036);
	item->native_body = props_int(p, 0x1016);
	item->internet_code_page = props_int(p, 0x3fde);
	item->message_code_page = props_int(p, 0x3ffd);
	header_item = store->header_item_id ? props_int(p, store->header_item_id) : 0;
	item->header_only = (item->status != MAPI_NONE && (item->status & 0x1000)) ||
			    (header_item != MAPI_NONE && header_item != 0);
	if (store->keywords_id)
		item->n_categories =
			value_texts(&p->v, props_find(p, store->keywords_id), a, &item->categories);
}

static void read_bodies(struct mapi_item *item, struct state *s, struct arena *a)
{
	const struct prop *text = props_find(&s->props, 0x1000);
	const struct prop *html = props_find(&s->props, 0x1013);
	const struct prop *rtf = props_find(&s->props, 0x1009);
	const struct prop *head = props_find(&s->props, 0x007d);
	bool whole;

	if (head && (head->type == TYPE_TEXT16 || head->type == TYPE_TEXT8))
		item->transport_headers = text_blob(s, head, a);
	if (text && (text->type == TYPE_TEXT16 || text->type == TYPE_TEXT8))
		item->text = text_blob(s, text, a);
	if (html && html->type == TYPE_TEXT16) {
		item->html = text_blob(s, html, a);
		item->html_is_utf8 = true;
	} else if (html && prop_width(html->type) == 0) {
		item->html = binary_blob(s->p, &s->props.v, html, true, a, &whole);
		s->props.v.degraded |= whole ? 0 : MAPI_DEGRADED_BLOCK;
	}
	if (rtf && rtf->type == TYPE_BINARY) {
		item->rtf = binary_blob(s->p, &s->props.v, rtf, true, a, &whole);
		s->props.v.degraded |= whole ? 0 : MAPI_DEGRADED_BLOCK;
	}
}

/* In which code page its 8-bit texts are: what it says itself; that of the store; the Windows code
 * page that goes with the one it was sent in (which is not the one it is stored in). */
static int code_page(struct props *p)
{
	int cp = props_int(p, 0x3ffd);

	if (cp > 0 && cp != 1200 && codepage_known(cp))
		return cp;
	return p->v.texts->cp ? p->v.texts->cp : codepage_windows(props_int(p, 0x3fde));
}

/* Open one of the two tables inside an item. */
static enum have open_inner(struct state *s, uint32_t nid, struct table *t, struct arena *a)
{
	struct values *v = &s->props.v;
	struct err bad = ERR_INIT;
	struct subnode node;
	int got = subnode_find(v->n, v->sub, nid, &node, &bad);

	if (got == 0)
		return NOT_THERE;
	if (got < 0 || table_open(t, v->n, v->texts, node.data, node.sub, a, &bad) < 0)
		return BROKEN;
	t->v.cp = v->cp;
	return THERE;
}

/* The next subnode that is an attachment. */
static int next_attachment(struct state *s, uint32_t after, struct subnode *out, struct err *err)
{
	int got;

	do {
		got = subnode_next(s->props.v.n, s->props.v.sub, after, out, err);
		after = out->nid;
	} while (got > 0 && nid_type(out->nid) != NID_ATTACHMENT);
	return got;
}

static void open_tables(struct mapi_item *item, struct state *s, struct arena *a)
{
	struct err bad = ERR_INIT;
	struct subnode first;

	if (s->props.v.sub == 0)
		return;
	s->have_recipients = open_inner(s, NID_RECIPIENTS, &s->recipients, a);
	s->have_attachments = open_inner(s, NID_ATTACHMENTS, &s->attachments, a);
	if (s->have_attachments == NOT_THERE && next_attachment(s, 0, &first, &bad) != 0)
		s->have_attachments = BROKEN;
	if (s->have_recipients == BROKEN)
		item->degraded |= MAPI_DEGRADED_RECIPIENTS;
	if (s->have_attachments == BROKEN)
		item->degraded |= MAPI_DEGRADED_ATTACHMENTS;
}

static const struct mapi_item_ops ops;

struct where {
	uint32_t nid;
	uint64_t data, sub;
	unsigned depth;
	bool people_only;
};

static int open_item(struct pst *p, const struct where *w, struct arena *a, struct mapi_item *out,
		     struct err *err)
{
	struct state *s = arena_alloc(a, sizeof(*s));

	if (!s)
		return err_nomem(err);
	s->p = p;
	if (props_open(&s->props, p->n, &p->texts, w->data, w->sub, a, err) < 0)
		return err_prefix(err, "item %" PRIx32 " cannot be read", w->nid);
	s->props.v.cp = code_page(&s->props);
	*out = (struct mapi_item){ .ops = &ops, .reader = s, .nid = w->nid, .depth = w->depth };
	memcpy(out->store_uid, p->facts.uid, sizeof(out->store_uid));
	out->search_key = props_bytes(&s->props, 0x300b, KEY_MAX, a);
	out->message_class = props_text(&s->props, 0x001a, a);
	if (!out->message_class)
		out->message_class = "";
	read_header(out, &s->props, a);
	read_state(out, p, &s->props, a);
	if (!w->people_only)
		read_bodies(out, s, a);
	open_tables(out, s, a);
	out->degraded |= s->props.v.degraded;
	return 0;
}

static int open_node(struct pst *p, uint32_t nid, bool people_only, struct arena *a,
		     struct mapi_item *out, struct err *err)
{
	const struct node *node = nodes_find(&p->nodes, nid);

	if (!node)
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
			       "item %" PRIx32 " is not in the store", nid);
	return open_item(p, &(struct where){ nid, node->data, node->sub, 0, people_only }, a, out,
			 err);
}

int pst_item_open(struct pst *p, uint32_t nid, struct arena *a, struct mapi_item *out,
		  struct err *err)
{
	return open_node(p, nid, false, a, out, err);
}

int pst_item_people(struct pst *p, uint32_t nid, struct arena *a, struct mapi_item *out,
		    struct err *err)
{
	return open_node(p, nid, true, a, out, err);
}

/* ---- recipients ---- */

static int broken(struct err *err, const struct mapi_item *item, const char *what)
{
	return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
		       "item %" PRIx32 ": its %s cannot be read", item->nid, what);
}

static void read_delivery(struct mapi_delivery *out, struct table *t, struct arena *a)
{
	int32_t n = table_int(t, 0x0c20);

	out->status = n == MAPI_NONE ? 0 : n;
	n = table_int(t, 0x0c05);
	out->diagnosed = n != MAPI_NONE;
	out->diagnostic = n;
	out->remote_mta = table_text(t, 0x0c21, a);
	out->info = table_text(t, 0x0c1b, a);
}

static int item_recipient(const struct mapi_item *item, size_t row, struct arena *a,
			  struct mapi_person *out, struct err *err)
{
	struct state *s = state_of(item);
	struct table *t = &s->recipients;
	struct err bad = ERR_INIT;
	struct prop entry;
	uint32_t row_id;
	int32_t type;
	int got;

	if (s->have_recipients == NOT_THERE)
		return 0;
	if (s->have_recipients == BROKEN)
		return broken(err, item, "recipients");
	got = table_row(t, row, &row_id, err);
	if (got < 0)
		degrade(item, MAPI_DEGRADED_RECIPIENTS);
	if (got <= 0)
		return got;
	*out = (struct mapi_person){ .name = table_text(t, 0x3001, a),
				     .addr_type = table_text(t, 0x3002, a),
				     .address = table_text(t, 0x3003, a),
				     .smtp = table_text(t, 0x39fe, a) };
	type = table_int(t, 0x0c15);
	out->type = type == MAPI_NONE ? 0 : type & 0xf;
	if (strncasecmp(item->message_class, "REPORT.", 7) == 0)
		read_delivery(&out->delivery, t, a);
	if (table_cell(t, 0x0fff, &entry) && entry.type == TYPE_BINARY &&
	    value_bytes(&t->v, &entry, KEY_MAX, a, &out->entry_id, &bad) < 0)
		t->v.degraded |= MAPI_DEGRADED_BLOCK;
	if (t->v.degraded & MAPI_DEGRADED_BLOCK)
		t->v.degraded |= MAPI_DEGRADED_RECIPIENTS;
	degrade(item, t->v.degraded & ~(uint32_t)MAPI_DEGRADED_BLOCK); /* the body is not cut */
	return 1;
}

/* ---- attachments ---- */

/* The subnode of attachment `row`: 1, 0 (the end), -1. *nid is its number, also where the subnode
 * is missing (then node->nid is 0). */
static int find_attachment(const struct mapi_item *item, size_t row, uint32_t *nid,
			   struct subnode *node, struct err *err)
{
	struct state *s = state_of(item);
	int got;

	*node = (struct subnode){ .nid = 0 };
	if (s->have_attachments == NOT_THERE)
		return 0;
	if (s->have_attachments == THERE) {
		got = table_row(&s->attachments, row, nid, err);
		if (got <= 0)
			return got;
		if (subnode_find(s->props.v.n, s->props.v.sub, *nid, node, err) <= 0)
			node->nid = 0;
		return 1;
	}
	if (row < s->next_row)
		s->next_row = s->last_nid = 0;
	for (got = 1; got > 0 && s->next_row <= row; s->next_row++) {
		got = next_attachment(s, s->last_nid, node, err);
		s->last_nid = *nid = node->nid;
	}
	return got;
}

static void read_attachment(struct mapi_attachment *out, struct props *p, struct arena *a)
{
	int32_t n = props_int(p, 0x0e21);

	if (n != MAPI_NONE)
		out->number = (uint32_t)n;
	n = props_int(p, 0x3705);
	out->method = n == MAPI_NONE ? MAPI_ATTACH_NONE : n;
	n = props_int(p, 0x3714);
	out->flags = n == MAPI_NONE ? 0 : n;
	out->hidden = props_bool(p, 0x7ffe);
	out->long_name = props_text(p, 0x3707, a);
	out->name = props_text(p, 0x3704, a);
	out->display_name = props_text(p, 0x3001, a);
	out->extension = props_text(p, 0x3703, a);
	out->path_name = props_text(p, 0x370d, a);
	if (!out->path_name)
		out->path_name = props_text(p, 0x3708, a);
	out->mime_type = props_text(p, 0x370e, a);
	out->content_id = props_text(p, 0x3712, a);
	out->content_location = props_text(p, 0x3713, a);
	out->size = props_int(p, 0x0e20);
	n = props_int(p, 0x370b);
	out->rendering = n == MAPI_NONE || n == -1 ? -1 : (int64_t)(uint32_t)n;
	out->created = props_time(p, 0x3007);
	out->modified = props_time(p, 0x3008);
}

/* An embedded message, or an OLE object kept in a subnode: the value names it. */
static bool find_object(struct props *p, const struct prop *data, struct subnode *out)
{
	struct err bad = ERR_INIT;
	struct slice s;

	return heap_item(&p->v.heap, (uint32_t)data->value, &s, &bad) == 0 && s.len >= 4 &&
	       subnode_find(p->v.n, p->v.sub, get32(s.ptr), out, &bad) == 1;
}

static void read_data(struct pst *store, struct mapi_attachment *out, struct props *p,
		      struct arena *a)
{
	const struct prop *data = props_find(p, 0x3701);
	struct subnode object;
	struct tree tree;
	bool whole = true;

	if (!data)
		out->missing = out->method == MAPI_ATTACH_BY_VALUE ||
			       out->method == MAPI_ATTACH_EMBEDDED ||
			       out->method == MAPI_ATTACH_OLE;
	else if (data->type == TYPE_OBJECT && !find_object(p, data, &object))
		out->missing = true;
	else if (data->type == TYPE_OBJECT && out->method == MAPI_ATTACH_EMBEDDED)
		out->embedded[0] = object.data, out->embedded[1] = object.sub,
		out->embedded[2] = object.nid;
	else if (data->type == TYPE_OBJECT) {
		tree_init(&tree, store->n, object.data);
		whole = tree_readable(&tree, false, &out->data.len);
		out->data.read = read_tree;
		out->data.reader = store;
		out->data.handle[0] = object.data;
	} else if (prop_width(data->type) == 0)
		out->data = binary_blob(store, &p->v, data, false, a, &whole);
	out->missing = out->missing || !whole;
}

static int item_attachment(const struct mapi_item *item, size_t row, struct arena *a,
			   struct mapi_attachment *out, struct err *err)
{
	struct state *s = state_of(item);
	struct err bad = ERR_INIT;
	struct subnode node;
	struct props p;
	uint32_t nid = 0;
	int got = find_attachment(item, row, &nid, &node, err);

	if (got < 0)
		degrade(item, MAPI_DEGRADED_ATTACHMENTS);
	if (got <= 0)
		return got;
	*out = (struct mapi_attachment){ .number = (uint32_t)row,
					 .method = MAPI_ATTACH_BY_VALUE,
					 .size = MAPI_NONE,
					 .rendering = -1,
					 .missing = true };
	if (node.nid == 0 ||
	    props_open(&p, s->props.v.n, s->props.v.texts, node.data, node.sub, a, &bad) < 0) {
		degrade(item, MAPI_DEGRADED_ATTACHMENTS);
		return 1; /* it was there: that is all there is to say of it */
	}
	out->missing = false;
	p.v.cp = s->props.v.cp;
	read_attachment(out, &p, a);
	read_data(s->p, out, &p, a);
	if (p.v.degraded & MAPI_DEGRADED_BLOCK)
		p.v.degraded |= MAPI_DEGRADED_ATTACHMENTS;
	degrade(item, p.v.degraded & ~(uint32_t)MAPI_DEGRADED_BLOCK);
	return 1;
}

static int item_embedded(const struct mapi_item *item, const struct mapi_attachment *attachment,
			 struct arena *a, struct mapi_item *out, struct err *err)
{
	const struct state *s = state_of(item);

	if (attachment->missing || attachment->embedded[0] == 0)
		return broken(err, item, "embedded message");
	if (item->depth >= EMBEDDED_DEPTH)
		return err_set(err, ERR_LIMIT, SCOPE_MESSAGE, RETRY_NEVER,
			       "messages embedded deeper than %d", EMBEDDED_DEPTH);
	return open_item(s->p,
			 &(struct where){ (uint32_t)attachment->embedded[2],
					  attachment->embedded[0], attachment->embedded[1],
					  item->depth + 1, false },
			 a, out, err);
}

/* ---- any property ---- */

static bool item_property(const struct mapi_item *item, uint16_t id, struct arena *a,
			  struct mapi_value *out)
{
	struct state *s = state_of(item);

	return value_any(&s->props.v, props_find(&s->props, id), a, out);
}

static bool item_named(const struct mapi_item *item, enum mapi_set set, uint32_t lid,
		       const char *name, struct arena *a, struct mapi_value *out)
{
	struct state *s = state_of(item);
	const struct names *names = &s->p->names;
	uint16_t id = name ? names_text(names, set, name) : names_lid(names, set, lid);

	return value_any(&s->props.v, id ? props_find(&s->props, id) : NULL, a, out);
}

static const struct mapi_item_ops ops = {
	.recipient = item_recipient,
	.attachment = item_attachment,
	.embedded = item_embedded,
	.property = item_property,
	.named = item_named,
};

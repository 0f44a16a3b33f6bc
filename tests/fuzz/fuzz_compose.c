/*
 * Fuzz target: messages composed of Outlook items that say anything. The item is made of the input
 * piece by piece, as a reader of a store would deliver it: texts are UTF-8 without NUL, binaries
 * are whatever they are. Checked: what comes out is canonical (CR LF, a final one, no NUL, no line
 * over 998 octets; what is signed keeps its own) and the same a second time; what is exported has
 * no NUL.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "mime/compose.h"
#include "mime/export.h"

#define ROWS_MAX	4
#define VALUES_MAX	8
#define DEPTH_MAX	2
#define MESSAGE_MAX	((size_t)64 << 20)
#define LINE_OCTETS_MAX 998

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* ---- the input, piece by piece; behind its end everything is empty ---- */

struct input {
	struct slice rest;
	struct arena arena;
	bool is_signed; /* the item, or one within it */
};

static uint8_t take_octet(struct input *in)
{
	uint8_t c = in->rest.len > 0 ? (uint8_t)in->rest.ptr[0] : 0;

	in->rest = slice_from(in->rest, in->rest.len > 0);
	return c;
}

static uint64_t take_number(struct input *in)
{
	uint64_t n = 0;

	for (uint8_t left = take_octet(in) % 9; left > 0; left--)
		n = n << 8 | take_octet(in);
	return n;
}

static int32_t take_state(struct input *in)
{
	uint64_t n = take_number(in);

	return n == 0 ? MAPI_NONE : (int32_t)n;
}

/* Up to the next 0xff. */
static struct slice take_bytes(struct input *in)
{
	return slice_cut(&in->rest, '\xff');
}

static struct slice take_utf8(struct input *in)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT(1 << 20);
	struct slice bytes = take_bytes(in);
	const char *copy;

	utf8_add_lossy(&b, bytes);
	for (size_t i = 0; i < b.len; i++)
		if (b.ptr[i] == '\0')
			b.ptr[i] = '0';
	copy = arena_slice(&in->arena, buf_slice(&b));
	check(copy != NULL);
	return slice_of(copy, b.len);
}

/* NULL: absent. */
static const char *take_text(struct input *in)
{
	struct slice text = take_utf8(in);

	return text.len > 0 ? text.ptr : NULL;
}

static int read_blob(const struct mapi_blob *b, uint64_t off, void *to, size_t want, size_t *got,
		     struct err *err)
{
	size_t n = off < b->len ? (size_t)(b->len - off) : 0;

	n = n > want ? want : n;
	if (off + n > b->handle[0])
		return err_set(err, ERR_IO, SCOPE_MESSAGE, RETRY_NEVER, "torn");
	memcpy(to, (const char *)b->reader + off, n);
	*got = n;
	return 0;
}

static struct mapi_blob blob_of(struct input *in, struct slice bytes)
{
	bool torn = take_octet(in) % 16 == 15;

	return (struct mapi_blob){ .len = bytes.len,
				   .read = read_blob,
				   .reader = bytes.ptr,
				   .handle = { torn ? bytes.len / 2 : SIZE_MAX } };
}

/* ---- the item ---- */

struct made {
	struct mapi_item item;
	struct mapi_person people[ROWS_MAX];
	struct mapi_attachment attachments[ROWS_MAX];
	struct made *inner[ROWS_MAX];
	struct mapi_value values[VALUES_MAX];
	size_t n_people, n_attachments, n_values;
};

static int recipient(const struct mapi_item *item, size_t row, struct arena *a,
		     struct mapi_person *out, struct err *err)
{
	const struct made *m = item->reader;

	(void)a, (void)err;
	if (row >= m->n_people)
		return 0;
	*out = m->people[row];
	return 1;
}

static int attachment(const struct mapi_item *item, size_t row, struct arena *a,
		      struct mapi_attachment *out, struct err *err)
{
	const struct made *m = item->reader;

	(void)a, (void)err;
	if (row >= m->n_attachments)
		return 0;
	*out = m->attachments[row];
	out->number = (uint32_t)row;
	out->embedded[0] = row;
	return 1;
}

static int embedded(const struct mapi_item *item, const struct mapi_attachment *at, struct arena *a,
		    struct mapi_item *out, struct err *err)
{
	const struct made *inner = ((const struct made *)item->reader)->inner[at->embedded[0]];

	(void)a;
	if (!inner)
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER, "no such message");
	*out = inner->item;
	return 0;
}

/* The same value whenever it is asked for. */
static bool value_of(const struct made *m, uint32_t hash, struct mapi_value *out)
{
	*out = (struct mapi_value){ 0 };
	if (m->n_values == 0)
		return false;
	*out = m->values[hash % m->n_values];
	return out->type != MAPI_ABSENT;
}

static bool property(const struct mapi_item *item, uint16_t id, struct arena *a,
		     struct mapi_value *out)
{
	(void)a;
	return value_of(item->reader, id * 7u, out);
}

static bool named(const struct mapi_item *item, enum mapi_set set, uint32_t lid, const char *name,
		  struct arena *a, struct mapi_value *out)
{
	(void)a;
	return value_of(item->reader, (uint32_t)set * 5u + lid * 3u + (name ? *name : 0u), out);
}

static const struct mapi_item_ops ops = { recipient, attachment, embedded, property, named };

static struct mapi_person take_person(struct input *in)
{
	struct mapi_person p = { .type = take_octet(in) % 4 };

	p.name = take_text(in);
	p.addr_type = take_octet(in) % 2 ? "SMTP" : take_text(in);
	p.address = take_text(in);
	p.smtp = take_text(in);
	p.entry_id = take_bytes(in);
	p.delivery.status = (int32_t)take_number(in);
	p.delivery.diagnosed = take_octet(in) % 2;
	p.delivery.remote_mta = take_text(in);
	p.delivery.info = take_text(in);
	return p;
}

static struct mapi_value take_value(struct input *in)
{
	struct mapi_value v = { .type = (enum mapi_value_type)(take_octet(in) %
							       (MAPI_BINARIES + 1)) };

	v.integer = (int64_t)take_number(in);
	v.real = (double)v.integer / 7;
	v.bytes = v.type == MAPI_TEXT ? take_utf8(in) : take_bytes(in);
	if (v.type == MAPI_TEXTS) {
		v.texts = arena_alloc(&in->arena, sizeof(*v.texts));
		check(v.texts != NULL);
		v.texts[0] = take_utf8(in).ptr;
		v.n_texts = 1;
	} else if (v.type == MAPI_BINARIES) {
		struct slice *binary = arena_alloc(&in->arena, sizeof(*binary));

		check(binary != NULL);
		*binary = take_bytes(in);
		v.binaries = binary;
		v.n_binaries = 1;
	}
	return v;
}

static struct made *take_item(struct input *in, unsigned depth);

static struct mapi_attachment take_attachment(struct input *in, unsigned depth, struct made **inner)
{
	struct mapi_attachment at = { .method = take_octet(in) % 9, .rendering = -1 };

	at.flags = take_octet(in);
	at.hidden = take_octet(in) % 2;
	at.long_name = take_text(in);
	at.name = take_text(in);
	at.display_name = take_text(in);
	at.extension = take_text(in);
	at.path_name = take_text(in);
	at.mime_type = take_text(in);
	at.content_id = take_text(in);
	at.content_location = take_text(in);
	at.size = take_state(in);
	at.created = take_number(in);
	at.data = blob_of(in, take_bytes(in));
	at.missing = take_octet(in) % 8 == 7;
	if (at.method == MAPI_ATTACH_EMBEDDED && depth < DEPTH_MAX)
		*inner = take_item(in, depth + 1);
	return at;
}

static void take_header(struct input *in, struct mapi_item *item)
{
	item->subject = take_text(in);
	item->message_id = take_text(in);
	item->in_reply_to = take_text(in);
	item->references = take_text(in);
	item->sender = take_person(in);
	item->from = take_person(in);
	item->received_by = take_person(in);
	item->reply_to_names = take_text(in);
	item->reply_to_entries = take_bytes(in);
	item->display_to = take_text(in);
	item->display_cc = take_text(in);
	item->conversation_topic = take_text(in);
	item->conversation_index = take_bytes(in);
	item->submitted = take_number(in);
	item->delivered = take_number(in);
}

static void take_bodies(struct input *in, struct mapi_item *item)
{
	item->native_body = take_state(in);
	item->internet_code_page = take_state(in);
	item->message_code_page = take_state(in);
	item->transport_headers = blob_of(in, take_utf8(in));
	item->text = blob_of(in, take_utf8(in));
	item->html = blob_of(in, take_bytes(in));
	item->rtf = blob_of(in, take_bytes(in));
}

static struct made *take_item(struct input *in, unsigned depth)
{
	static const char *const classes[] = { "IPM.Note",
					       "IPM.Note.SMIME.MultipartSigned",
					       "IPM.Note.SMIME",
					       "REPORT.IPM.Note.NDR",
					       "REPORT.IPM.Note.IPNRN",
					       "IPM.Schedule.Meeting.Request",
					       "IPM.Schedule.Meeting.Canceled",
					       "IPM.Contact",
					       "IPM.DistList",
					       "IPM.Appointment",
					       "IPM.Task",
					       "" };
	struct made *m = arena_alloc(&in->arena, sizeof(*m));

	check(m != NULL);
	*m = (struct made){ 0 };
	m->item.ops = &ops;
	m->item.reader = m;
	m->item.nid = 0x200024;
	m->item.depth = depth;
	m->item.message_class = classes[take_octet(in) % (sizeof(classes) / sizeof(classes[0]))];
	if (strncmp(m->item.message_class, "IPM.Note.SMIME", strlen("IPM.Note.SMIME")) == 0)
		in->is_signed = true;
	m->item.flags = m->item.status = m->item.last_verb = m->item.icon = MAPI_NONE;
	m->item.flag_status = MAPI_NONE;
	m->item.importance = take_state(in);
	m->item.priority = take_state(in);
	m->item.sensitivity = take_state(in);
	take_header(in, &m->item);
	take_bodies(in, &m->item);
	m->n_people = take_octet(in) % (ROWS_MAX + 1);
	for (size_t i = 0; i < m->n_people; i++)
		m->people[i] = take_person(in);
	m->n_values = take_octet(in) % (VALUES_MAX + 1);
	for (size_t i = 0; i < m->n_values; i++)
		m->values[i] = take_value(in);
	m->n_attachments = take_octet(in) % (ROWS_MAX + 1);
	for (size_t i = 0; i < m->n_attachments; i++)
		m->attachments[i] = take_attachment(in, depth, &m->inner[i]);
	return m;
}

/* ---- what comes of it ---- */

static int keep(void *to, const void *bytes, size_t len, struct err *err)
{
	buf_add(to, bytes, len);
	return buf_ok(to, "the message", err);
}

static void check_canonical(struct slice message, bool is_signed)
{
	size_t line = 0;

	check(message.len >= 2 && memcmp(message.ptr + message.len - 2, "\r\n", 2) == 0);
	for (size_t i = 0; i < message.len; i++) {
		char c = message.ptr[i];

		check(c != '\0' || is_signed);
		check(c != '\n' || (i > 0 && message.ptr[i - 1] == '\r'));
		check(c != '\r' || (i + 1 < message.len && message.ptr[i + 1] == '\n'));
		line = c == '\n' ? 0 : line + (c != '\r');
		check(line <= LINE_OCTETS_MAX || is_signed);
	}
}

typedef int make_fn(const struct mapi_item *item, const struct compose_options *options,
		    const struct compose_sink *sink, struct arena *scratch,
		    struct compose_result *out, struct err *err);

static int make(const struct made *m, make_fn *fn, bool ours, struct buf *out)
{
	static struct codepages *codepages; /* opened once: that takes a while */
	struct arena scratch = ARENA_INIT(1u << 20);
	struct compose_options options = { .ours = ours };
	struct compose_sink sink = { keep, out };
	struct compose_result result = { 0 };
	struct err err = ERR_INIT;
	int failed;

	if (!codepages)
		codepages = codepages_new();
	options.codepages = codepages;
	failed = fn(&m->item, &options, &sink, &scratch, &result, &err);
	arena_release(&scratch);
	return failed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_release) struct buf once = BUF_INIT(MESSAGE_MAX), again = BUF_INIT(MESSAGE_MAX);
	struct input in = { .rest = slice_of(data, size), .arena = ARENA_INIT((size_t)64 << 20) };
	bool ours = take_octet(&in) % 2;
	struct made *m = take_item(&in, 0);

	if (make(m, compose_message, ours, &once) == 0) {
		check_canonical(buf_slice(&once), in.is_signed);
		check(make(m, compose_message, ours, &again) == 0);
		check(slice_eq(buf_slice(&once), buf_slice(&again)));
	}
	buf_reset(&once);
	if (export_extension(item_kind(m->item.message_class)) &&
	    make(m, export_item, ours, &once) == 0)
		check(slice_find(buf_slice(&once), '\0') < 0);
	arena_release(&in.arena);
	return 0;
}

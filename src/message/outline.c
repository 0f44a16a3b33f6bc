/*
 * Lines go to the part that is open. A part with subparts ends with its boundary,
 * a message inside a message is one attachment without a size: its octets differ
 * when it was put together again.
 */
#include "message/outline.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "base/text.h"
#include "message/date.h"
#include "message/header.h"

#define DEPTH_MAX     32
#define BOUNDARY_MAX  200
#define LINE_KEEP_MAX 4096 /* of a line in a body: boundaries are shorter */
#define NAME_MAX_LEN  1024

enum encoding { ENCODING_NONE, ENCODING_QP, ENCODING_BASE64 };

struct outliner {
	struct outline result;
	struct buf header, line, scratch;
	bool in_header, top; /* the header at hand is the message's own */
	bool line_cut;	     /* the rest of this line is not kept */
	char boundaries[DEPTH_MAX][BOUNDARY_MAX];
	size_t depth;
	/* the part at hand */
	bool is_leaf, attached, embedded;
	enum encoding encoding;
	char name[NAME_MAX_LEN]; /* folded */
	uint64_t size;
	/* of base64 */
	unsigned bits, held;
};

struct outliner *outliner_new(void)
{
	struct outliner *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	buf_init(&o->header, HEADER_BLOCK_MAX);
	buf_init(&o->line, LINE_KEEP_MAX);
	buf_init(&o->scratch, HEADER_BLOCK_MAX);
	outliner_start(o);
	return o;
}

void outliner_free(struct outliner *o)
{
	if (!o)
		return;
	buf_release(&o->header);
	buf_release(&o->line);
	buf_release(&o->scratch);
	free(o);
}

static void begin_part(struct outliner *o)
{
	buf_reset(&o->header);
	o->in_header = true;
	o->is_leaf = o->attached = o->embedded = false;
	o->encoding = ENCODING_NONE;
	o->name[0] = '\0';
	o->size = 0;
	o->bits = o->held = 0;
}

void outliner_start(struct outliner *o)
{
	o->result = (struct outline){ .date = TIME_NONE };
	buf_reset(&o->line);
	o->line_cut = false;
	o->depth = 0;
	begin_part(o);
	o->top = true;
}

/* ---- parameters (RFC 2045 5.1, 2231) ---- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Append one value: quotes and backslashes undone, or %XX when `extended`. */
static void add_value(struct buf *out, struct slice v, bool extended)
{
	if (extended && slice_find(v, '\'') >= 0) { /* charset'language'text; of the first part */
		slice_cut(&v, '\'');
		slice_cut(&v, '\'');
	}
	for (size_t i = 0; i < v.len; i++) {
		int high = extended && v.ptr[i] == '%' && i + 2 < v.len ? hex(v.ptr[i + 1]) : -1;
		int low = high >= 0 ? hex(v.ptr[i + 2]) : -1;

		if (low >= 0) {
			buf_addc(out, (char)(high * 16 + low));
			i += 2;
		} else {
			buf_addc(out, v.ptr[i]);
		}
	}
}

/* The next `; key=value` behind *rest: false at the end. The value goes to `value`, unquoted. */
static bool next_parameter(struct slice *rest, struct slice *key, struct buf *value)
{
	buf_reset(value);
	if (slice_find(*rest, ';') < 0)
		return false;
	/* what stands before the ';' has been looked at */
	slice_cut(rest, ';');
	*rest = slice_trim(*rest);
	ptrdiff_t equals = slice_find(*rest, '=');
	ptrdiff_t end = slice_find(*rest, ';');

	if (equals < 0 || (end >= 0 && end < equals)) {
		*key = slice_of("", 0);
		return rest->len > 0;
	}
	*key = slice_trim(slice_head(*rest, (size_t)equals));
	*rest = slice_trim(slice_from(*rest, (size_t)equals + 1));
	if (rest->len > 0 && rest->ptr[0] == '"') {
		size_t i = 1;

		for (; i < rest->len && rest->ptr[i] != '"'; i++) {
			if (rest->ptr[i] == '\\' && i + 1 < rest->len)
				i++;
			buf_addc(value, rest->ptr[i]);
		}
		*rest = slice_from(*rest, i < rest->len ? i + 1 : i);
		return true;
	}
	end = slice_find(*rest, ';');
	struct slice plain = slice_head(*rest, end < 0 ? rest->len : (size_t)end);

	buf_add_slice(value, slice_trim(plain));
	*rest = slice_from(*rest, plain.len);
	return true;
}

/* The parameter `name` in all its forms into `out`: name=, name*=, name*0=, name*0*=. */
static void parameter(struct slice field, const char *name, struct buf *out)
{
	struct buf value = BUF_INIT(LINE_KEEP_MAX);
	struct slice key, wanted = slice_str(name);

	buf_reset(out);
	while (next_parameter(&field, &key, &value)) {
		if (key.len < wanted.len || !slice_ieq(slice_head(key, wanted.len), wanted))
			continue;
		struct slice suffix = slice_from(key, wanted.len);

		if (suffix.len > 0 && suffix.ptr[0] != '*')
			continue;
		if (suffix.len == 0 && out->len > 0)
			continue; /* the form for old clients, beside name*= */
		add_value(out, buf_slice(&value),
			  suffix.len > 0 && suffix.ptr[suffix.len - 1] == '*');
	}
	buf_release(&value);
}

/* ---- headers ---- */

/* Lower case for ASCII: what differs otherwise is another name. */
static void fold_into(char *out, size_t size, struct slice text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len && n + 1 < size; i++) {
		char c = text.ptr[i];

		out[n++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	out[n] = '\0';
}

static void take_sender(struct outliner *o, struct slice value)
{
	struct slice address = slice_trim(value);
	ptrdiff_t open = slice_find(address, '<');

	if (open >= 0) {
		address = slice_from(address, (size_t)open + 1);
		address = slice_cut(&address, '>');
	}
	fold_into(o->result.sender, sizeof(o->result.sender), slice_trim(address));
}

static void take_subject(struct outliner *o, struct slice value)
{
	buf_reset(&o->scratch);
	header_decode(&o->scratch, value);
	SHA256((const unsigned char *)o->scratch.ptr, o->scratch.len, o->result.subject);
}

static void take_type(struct outliner *o, struct slice value)
{
	struct slice rest = value, type = slice_trim(slice_cut(&rest, ';'));

	if (slice_istarts(type, SLICE_LIT("multipart/"))) {
		parameter(value, "boundary", &o->scratch);
		if (o->depth == DEPTH_MAX || o->scratch.len == 0 ||
		    o->scratch.len >= BOUNDARY_MAX) {
			o->result.opaque = true;
			return;
		}
		o->is_leaf = false;
		memcpy(o->boundaries[o->depth], o->scratch.ptr, o->scratch.len);
		o->boundaries[o->depth++][o->scratch.len] = '\0';
		return;
	}
	o->embedded = slice_ieq(type, SLICE_LIT("message/rfc822"));
	o->result.opaque |= slice_ieq(type, SLICE_LIT("application/ms-tnef"));
	o->attached |= !slice_ieq(type, SLICE_LIT("text/plain")) &&
		       !slice_ieq(type, SLICE_LIT("text/html")) &&
		       !slice_ieq(type, SLICE_LIT("text/enriched"));
	parameter(value, "name", &o->scratch);
}

/* The name goes for the disposition's filename first. */
static void take_name(struct outliner *o)
{
	struct buf decoded = BUF_INIT(HEADER_BLOCK_MAX);

	if (o->scratch.len > 0) {
		header_decode(&decoded, buf_slice(&o->scratch));
		fold_into(o->name, sizeof(o->name), buf_slice(&decoded));
		o->attached = true;
	}
	buf_release(&decoded);
}

static void take_encoding(struct outliner *o, struct slice value)
{
	if (slice_ieq(value, SLICE_LIT("base64")))
		o->encoding = ENCODING_BASE64;
	else if (slice_ieq(value, SLICE_LIT("quoted-printable")))
		o->encoding = ENCODING_QP;
}

static void end_header(struct outliner *o)
{
	struct slice rest = buf_slice(&o->header);
	struct header_field f;

	o->in_header = false;
	o->is_leaf = true;
	while (header_next(&rest, &f) > 0) {
		struct slice value = slice_trim(f.value);

		if (o->top && slice_ieq(f.name, SLICE_LIT("From")) && !o->result.sender[0])
			take_sender(o, value);
		else if (o->top && slice_ieq(f.name, SLICE_LIT("Date")))
			o->result.date = date_parse(value);
		else if (o->top && slice_ieq(f.name, SLICE_LIT("Subject")))
			take_subject(o, value);
		else if (slice_ieq(f.name, SLICE_LIT("Content-Transfer-Encoding")))
			take_encoding(o, value);
		else if (slice_ieq(f.name, SLICE_LIT("Content-Type"))) {
			take_type(o, value);
			if (o->is_leaf && !o->name[0])
				take_name(o);
		} else if (slice_ieq(f.name, SLICE_LIT("Content-Disposition"))) {
			o->attached |= slice_istarts(value, SLICE_LIT("attachment"));
			parameter(value, "filename", &o->scratch);
			if (o->scratch.len > 0)
				take_name(o);
		}
	}
	/* A message that is nothing but a file is one attachment, like any other. */
	o->top = false;
}

/* ---- bodies ---- */

static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
	return hash;
}

/* Sums, so that the order of the parts does not matter. */
static void end_part(struct outliner *o)
{
	if (!o->in_header && o->is_leaf && (o->attached || o->embedded)) {
		uint64_t size = o->embedded ? 0 : o->size;
		uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), &size, sizeof(size));

		o->result.n_attachments++;
		o->result.sizes += hash * hash;
		hash = mix(hash, o->name, o->embedded ? 0 : strlen(o->name));
		o->result.named += hash * hash;
	}
	o->is_leaf = false;
}

static void count(struct outliner *o, char c)
{
	o->size += c != '\r';
}

static void count_base64(struct outliner *o, struct slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		int value = base64_digit(line.ptr[i]);

		if (value < 0)
			continue;
		o->bits = o->bits << 6 | (unsigned)value;
		o->held += 6;
		if (o->held >= 8) {
			o->held -= 8;
			count(o, (char)(o->bits >> o->held & 0xff));
		}
	}
}

static void count_qp(struct outliner *o, struct slice line)
{
	bool soft = line.len > 0 && line.ptr[line.len - 1] == '=';

	for (size_t i = 0; i + soft < line.len; i++) {
		if (line.ptr[i] == '=' && i + 2 < line.len && hex(line.ptr[i + 1]) >= 0 &&
		    hex(line.ptr[i + 2]) >= 0) {
			count(o, (char)(hex(line.ptr[i + 1]) * 16 + hex(line.ptr[i + 2])));
			i += 2;
		} else {
			count(o, line.ptr[i]);
		}
	}
	o->size += !soft; /* the line's end */
}

/* ---- lines ---- */

/* "--boundary" or "--boundary--" of an open multipart: true, and what it ends has ended. */
static bool is_boundary(struct outliner *o, struct slice line)
{
	if (line.len < 3 || line.ptr[0] != '-' || line.ptr[1] != '-')
		return false;
	line = slice_from(line, 2);
	for (size_t i = o->depth; i-- > 0;) {
		struct slice boundary = slice_str(o->boundaries[i]);

		if (!slice_starts(line, boundary))
			continue;
		struct slice rest = slice_from(line, boundary.len);
		bool last = slice_starts(rest, SLICE_LIT("--"));

		if (!last && slice_trim(rest).len > 0)
			continue;
		/* the line end before a boundary belongs to it */
		if (o->encoding != ENCODING_BASE64 && o->size > 0)
			o->size--;
		end_part(o);
		o->depth = last ? i : i + 1;
		begin_part(o);
		if (last)
			o->in_header = false; /* the epilogue */
		return true;
	}
	return false;
}

static void take_line(struct outliner *o, struct slice line, bool whole)
{
	struct slice text = slice_trim(line);

	if (o->in_header) {
		if (text.len == 0)
			end_header(o);
		else if (o->header.len + line.len < HEADER_BLOCK_MAX)
			buf_add_slice(&o->header, line);
		return;
	}
	if (line.len > 0 && line.ptr[line.len - 1] == '\n')
		line.len--;
	if (line.len > 0 && whole && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (is_boundary(o, line) || !o->is_leaf)
		return;
	if (o->encoding == ENCODING_BASE64) {
		count_base64(o, line);
	} else if (o->encoding == ENCODING_QP) {
		count_qp(o, line);
	} else {
		for (size_t i = 0; i < line.len; i++)
			count(o, line.ptr[i]);
		o->size += whole;
	}
}

void outliner_add(struct outliner *o, struct slice bytes)
{
	while (bytes.len > 0) {
		ptrdiff_t end = slice_find(bytes, '\n');
		bool whole = end >= 0;
		size_t room = LINE_KEEP_MAX - 1 - o->line.len;
		struct slice piece = slice_head(bytes, whole ? (size_t)end + 1 : bytes.len);

		if (piece.len > room) {
			piece = slice_head(piece, room);
			whole = false;
		}
		bytes = slice_from(bytes, piece.len);
		buf_add_slice(&o->line, piece);
		if (!whole && o->line.len < LINE_KEEP_MAX - 1)
			return; /* the rest comes with the next octets */
		take_line(o, buf_slice(&o->line), whole);
		buf_reset(&o->line);
	}
}

void outliner_end(struct outliner *o, struct outline *out)
{
	if (o->line.len > 0)
		take_line(o, buf_slice(&o->line), true);
	if (o->in_header)
		end_header(o);
	end_part(o);
	*out = o->result;
}

bool outline_same(const struct outline *a, const struct outline *b, bool names, bool beginning)
{
	if (a->date != b->date || strcmp(a->sender, b->sender) != 0 ||
	    memcmp(a->subject, b->subject, sizeof(a->subject)) != 0)
		return false;
	if (beginning || a->opaque || b->opaque)
		return true;
	if (a->n_attachments != b->n_attachments || a->sizes != b->sizes)
		return false;
	return !names || a->named == b->named;
}

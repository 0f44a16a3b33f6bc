/*
 * Property contexts and values (props.h), MS-PST 2.3.3.
 */
#include "pst/props.h"

#include <stdlib.h>

#include "pst/bytes.h"

#define PROPS_MAX 16384 /* property ids of one item: 32,768 at most, by their numbers */

unsigned prop_width(uint16_t type)
{
	switch (type) {
	case TYPE_INT16:
		return 2;
	case TYPE_INT32:
	case TYPE_FLOAT:
	case TYPE_ERROR:
		return 4;
	case TYPE_BOOL:
		return 1;
	case TYPE_DOUBLE:
	case TYPE_CURRENCY:
	case TYPE_APPTIME:
	case TYPE_INT64:
	case TYPE_TIME:
		return 8;
	default:
		return 0;
	}
}

/* ---- values ---- */

int value_place(struct values *v, const struct prop *p, struct place *out, struct err *err)
{
	uint32_t hnid = (uint32_t)p->value;
	struct subnode node;
	int got;

	*out = (struct place){ 0, { "", 0 } };
	if (!hnid_is_subnode(hnid))
		return heap_item(&v->heap, hnid, &out->bytes, err);
	got = subnode_find(v->n, v->sub, hnid, &node, err);
	if (got == 0)
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
			       "property 0x%04x: its subnode %x is missing", p->id, hnid);
	if (got > 0)
		out->bid = node.data;
	return got < 0 ? -1 : 0;
}

/* Read a value into memory; `cut`: take its beginning where it is longer than `max`. */
static int load(struct values *v, const struct prop *p, size_t max, bool *cut, struct buf *out,
		struct err *err)
{
	struct place place;
	struct tree tree;
	uint64_t len;
	size_t got;
	char *to;

	buf_reset(out);
	*cut = false;
	if (value_place(v, p, &place, err) < 0)
		return -1;
	if (place.bid == 0) {
		buf_add_slice(out, slice_head(place.bytes, max));
		*cut = place.bytes.len > max;
		return buf_ok(out, "value", err);
	}
	tree_init(&tree, v->n, place.bid);
	if (tree_len(&tree, &len, err) < 0)
		return -1;
	*cut = len > max;
	to = buf_room(out, *cut ? max : (size_t)len);
	if (!to)
		return buf_ok(out, "value", err);
	if (tree_read(&tree, 0, to, *cut ? max : (size_t)len, &got, err) < 0)
		return -1;
	out->len += got;
	return 0;
}

int value_bytes(struct values *v, const struct prop *p, size_t max, struct arena *a,
		struct slice *out, struct err *err)
{
	char *copy;
	bool cut;

	if (load(v, p, max, &cut, &v->texts->scratch, err) < 0)
		return -1;
	if (cut)
		return err_set(err, ERR_LIMIT, SCOPE_MESSAGE, RETRY_NEVER,
			       "property 0x%04x is longer than %zu bytes", p->id, max);
	copy = arena_copy(a, v->texts->scratch.len ? v->texts->scratch.ptr : "",
			  v->texts->scratch.len);
	if (!copy)
		return err_nomem(err);
	*out = slice_of(copy, v->texts->scratch.len);
	return 0;
}

bool value_fixed(struct values *v, const struct prop *p, uint64_t *out)
{
	struct err err = ERR_INIT;
	struct slice s;

	if (!p || prop_width(p->type) == 0)
		return false;
	if (p->here) {
		*out = p->value;
		return true;
	}
	if (heap_item(&v->heap, (uint32_t)p->value, &s, &err) < 0) {
		v->degraded |= MAPI_DEGRADED_BLOCK;
		return false;
	}
	if (s.len < 8)
		return false;
	*out = get64(s.ptr);
	return true;
}

/* UTF-8 into `a`. */
static const char *text_of(struct values *v, struct slice in, bool utf16, struct arena *a)
{
	struct buf out;
	const char *copy;
	size_t used;

	buf_init(&out, in.len * 4 + 16);
	if (utf16) {
		utf16_to_utf8(in, true, &out, &used, &v->degraded);
	} else {
		const char *nul = in.len ? memchr(in.ptr, '\0', in.len) : NULL;

		in = slice_head(in, nul ? (size_t)(nul - in.ptr) : in.len);
		if (codepage_to_utf8(v->texts->codepages, v->cp, in, &out))
			v->degraded |= MAPI_DEGRADED_CHARSET;
	}
	copy = out.failed ? NULL : arena_copy(a, out.ptr ? out.ptr : "", out.len);
	buf_release(&out);
	return copy;
}

const char *value_text(struct values *v, const struct prop *p, struct arena *a)
{
	struct err err = ERR_INIT;
	const char *text;
	bool cut;

	if (!p || (p->type != TYPE_TEXT8 && p->type != TYPE_TEXT16))
		return NULL;
	if (load(v, p, TEXT_KEPT_MAX, &cut, &v->texts->scratch, &err) < 0) {
		v->degraded |= MAPI_DEGRADED_BLOCK;
		return NULL;
	}
	text = text_of(v, buf_slice(&v->texts->scratch), p->type == TYPE_TEXT16, a);
	if (cut || !text)
		v->degraded |= MAPI_DEGRADED_BLOCK;
	return text;
}

bool multiple_at(struct slice bytes, size_t i, struct slice *out)
{
	size_t n = bytes.len >= 4 ? get32(bytes.ptr) : 0, from, to;

	if (n > (bytes.len - 4) / 4 || i >= n)
		return false;
	from = get32(bytes.ptr + 4 + 4 * i);
	to = i + 1 < n ? get32(bytes.ptr + 8 + 4 * i) : bytes.len;
	if (from > to || to > bytes.len)
		return false;
	*out = slice_of(bytes.ptr + from, to - from);
	return true;
}

size_t value_texts(struct values *v, const struct prop *p, struct arena *a, const char ***out)
{
	struct err err = ERR_INIT;
	struct slice bytes, one;
	const char **list;
	size_t n = 0;

	if (!p || (p->type != TYPE_MV_TEXT8 && p->type != TYPE_MV_TEXT16))
		return 0;
	if (value_bytes(v, p, VALUE_MAX, a, &bytes, &err) < 0) {
		v->degraded |= MAPI_DEGRADED_BLOCK;
		return 0;
	}
	while (multiple_at(bytes, n, &one))
		n++;
	list = arena_alloc(a, (n + 1) * sizeof(*list));
	for (size_t i = 0; list && i < n && multiple_at(bytes, i, &one); i++) {
		list[i] = text_of(v, one, p->type == TYPE_MV_TEXT16, a);
		if (!list[i])
			list = NULL;
	}
	if (!list) {
		v->degraded |= MAPI_DEGRADED_BLOCK;
		return 0;
	}
	*out = list;
	return n;
}

/* The values of a multiple binary property; 0 if it cannot be read. */
static size_t value_binaries(struct values *v, const struct prop *p, struct arena *a,
			     const struct slice **out)
{
	struct err err = ERR_INIT;
	struct slice bytes, one, *list;
	size_t n = 0;

	if (value_bytes(v, p, VALUE_MAX, a, &bytes, &err) < 0) {
		v->degraded |= MAPI_DEGRADED_BLOCK;
		return 0;
	}
	while (multiple_at(bytes, n, &one))
		n++;
	list = arena_alloc(a, (n + 1) * sizeof(*list));
	if (!list)
		return 0;
	for (size_t i = 0; i < n; i++)
		multiple_at(bytes, i, &list[i]);
	*out = list;
	return n;
}

static double real_of(const struct prop *p, uint64_t raw)
{
	double wide;
	float narrow;
	uint32_t low = (uint32_t)raw;

	if (p->type != TYPE_FLOAT) {
		memcpy(&wide, &raw, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, &low, sizeof(narrow));
	return (double)narrow;
}

static bool fixed_any(const struct prop *p, uint64_t raw, struct mapi_value *out)
{
	switch (p->type) {
	case TYPE_INT16:
		out->type = MAPI_INTEGER;
		out->integer = (int16_t)raw;
		return true;
	case TYPE_INT32:
		out->type = MAPI_INTEGER;
		out->integer = (int32_t)raw;
		return true;
	case TYPE_BOOL:
		out->type = MAPI_BOOLEAN;
		out->integer = (raw & 0xff) != 0;
		return true;
	case TYPE_INT64:
	case TYPE_CURRENCY:
	case TYPE_TIME:
		out->type = p->type == TYPE_TIME ? MAPI_TIME : MAPI_INTEGER;
		out->integer = (int64_t)raw;
		return true;
	case TYPE_FLOAT:
	case TYPE_DOUBLE:
	case TYPE_APPTIME:
		out->type = MAPI_DOUBLE;
		out->real = real_of(p, raw);
		return true;
	default:
		return false;
	}
}

bool value_any(struct values *v, const struct prop *p, struct arena *a, struct mapi_value *out)
{
	struct err err = ERR_INIT;
	uint64_t raw;

	*out = (struct mapi_value){ .type = MAPI_ABSENT };
	if (!p)
		return false;
	if (value_fixed(v, p, &raw))
		return fixed_any(p, raw, out);
	switch (p->type) {
	case TYPE_TEXT8:
	case TYPE_TEXT16:
		out->bytes = slice_str(value_text(v, p, a));
		out->type = out->bytes.ptr ? MAPI_TEXT : MAPI_ABSENT;
		break;
	case TYPE_MV_TEXT8:
	case TYPE_MV_TEXT16:
		out->n_texts = value_texts(v, p, a, &out->texts);
		out->type = out->n_texts > 0 ? MAPI_TEXTS : MAPI_ABSENT;
		break;
	case TYPE_MV_BINARY:
		out->n_binaries = value_binaries(v, p, a, &out->binaries);
		out->type = out->n_binaries > 0 ? MAPI_BINARIES : MAPI_ABSENT;
		break;
	default:
		if (p->type != TYPE_OBJECT &&
		    value_bytes(v, p, VALUE_MAX, a, &out->bytes, &err) == 0)
			out->type = MAPI_BINARY;
	}
	return out->type != MAPI_ABSENT;
}

/* ---- property contexts ---- */

static struct prop read_prop(const uint8_t *record)
{
	struct prop p = { get16(record), get16(record + 2), false, get32(record + 4) };
	unsigned width = prop_width(p.type);

	p.here = width > 0 && width <= 4;
	return p;
}

/* Sorted by id in a sound file. Where an id comes twice, the last one is the newer. */
static void put_in_order(struct props *p)
{
	size_t n = 0;

	for (size_t i = 1; i < p->n; i++) /* nearly always in order: insertion */
		for (size_t j = i; j > 0 && p->list[j - 1].id > p->list[j].id; j--) {
			struct prop swap = p->list[j];

			p->list[j] = p->list[j - 1];
			p->list[j - 1] = swap;
		}
	for (size_t i = 0; i < p->n; i++) {
		if (n > 0 && p->list[n - 1].id == p->list[i].id)
			n--;
		p->list[n++] = p->list[i];
	}
	p->n = n;
}

/* The list grows by doubling in the arena: most items have one leaf of records, and need one step.
 */
static int add_records(struct props *p, struct slice records, struct arena *a, size_t *cap,
		       struct err *err)
{
	size_t more = records.len / 8;

	if (p->n + more > PROPS_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_MESSAGE, RETRY_NEVER,
			       "more than %d properties", PROPS_MAX);
	if (p->n + more > *cap) {
		size_t want = p->n == 0 ? more : (p->n + more) * 2;
		struct prop *list = arena_alloc(a, want * sizeof(*list));

		if (!list)
			return err_nomem(err);
		if (p->n > 0)
			memcpy(list, p->list, p->n * sizeof(*list));
		p->list = list;
		*cap = want;
	}
	for (size_t i = 0; i < more; i++)
		p->list[p->n++] = read_prop((const uint8_t *)records.ptr + 8 * i);
	return 0;
}

int props_open(struct props *p, struct ndb *n, struct texts *texts, uint64_t data, uint64_t sub,
	       struct arena *a, struct err *err)
{
	struct slice records;
	struct bth b;
	size_t cap = 0;
	int got;

	*p = (struct props){ .v = { .n = n, .texts = texts, .sub = sub, .cp = texts->cp } };
	if (heap_open(&p->v.heap, n, data, HEAP_PROPS, err) < 0 ||
	    bth_open(&b, &p->v.heap, p->v.heap.root, 2, 6, err) < 0)
		return -1;
	while ((got = bth_next_leaf(&b, &records, err)) > 0)
		if (add_records(p, records, a, &cap, err) < 0)
			return -1;
	if (got < 0)
		return -1;
	put_in_order(p);
	return 0;
}

const struct prop *props_find(const struct props *p, uint16_t id)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (p->list[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->n && p->list[low].id == id ? &p->list[low] : NULL;
}

const char *props_text(struct props *p, uint16_t id, struct arena *a)
{
	return value_text(&p->v, props_find(p, id), a);
}

int32_t props_int(struct props *p, uint16_t id)
{
	const struct prop *found = props_find(p, id);
	struct mapi_value out = { .type = MAPI_ABSENT };
	uint64_t raw;

	if (!value_fixed(&p->v, found, &raw) || !fixed_any(found, raw, &out) ||
	    (out.type != MAPI_INTEGER && out.type != MAPI_BOOLEAN))
		return MAPI_NONE;
	return (int32_t)out.integer;
}

uint64_t props_time(struct props *p, uint16_t id)
{
	const struct prop *found = props_find(p, id);
	uint64_t raw;

	return found && found->type == TYPE_TIME && value_fixed(&p->v, found, &raw) ? raw : 0;
}

bool props_bool(struct props *p, uint16_t id)
{
	int32_t n = props_int(p, id);

	return n != MAPI_NONE && n != 0;
}

struct slice props_bytes(struct props *p, uint16_t id, size_t max, struct arena *a)
{
	const struct prop *found = props_find(p, id);
	struct err err = ERR_INIT;
	struct slice out = { NULL, 0 };

	if (!found || prop_width(found->type) > 0)
		return out;
	if (value_bytes(&p->v, found, max, a, &out, &err) < 0)
		p->v.degraded |= MAPI_DEGRADED_BLOCK;
	return out;
}

/*
 * Table contexts (table.h), MS-PST 2.3.4. The row index says which rows there are;
 * the rows themselves lie one behind the other, as many to a block as fit. Where
 * there are more places than rows, the index decides which of them count.
 */
#include "pst/table.h"

#include <inttypes.h>

#include "pst/bytes.h"

static int damaged(struct err *err, const struct table *t, const char *what)
{
	err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER, "table in block 0x%" PRIx64 ": %s",
		t->v.heap.tree.bid, what);
	return -1;
}

static size_t index_width(const struct table *t)
{
	return t->index.key_len + t->index.data_len;
}

void table_rewind(struct table *t)
{
	t->index.depth = -1;
}

static int read_columns(struct table *t, struct slice header, struct arena *a, struct err *err)
{
	const uint8_t *bytes = (const uint8_t *)header.ptr;

	if (header.len < 22 || bytes[0] != HEAP_TABLE || header.len < 22u + bytes[1] * 8u)
		return damaged(err, t, "no header");
	t->n_columns = bytes[1];
	t->bitmap = get16(bytes + 6);
	t->row_size = get16(bytes + 8);
	if (t->row_size < 4 || t->bitmap > t->row_size)
		return damaged(err, t, "wrong row size");
	t->columns = arena_alloc(a, (t->n_columns + 1) * sizeof(*t->columns));
	t->row = arena_alloc(a, t->row_size);
	if (!t->columns || !t->row)
		return err_nomem(err);
	for (unsigned i = 0; i < t->n_columns; i++) {
		const uint8_t *c = bytes + 22 + 8 * i;

		t->columns[i] = (struct column){ get16(c), get16(c + 2), get16(c + 4), c[6], c[7] };
	}
	return 0;
}

static int find_rows(struct table *t, uint32_t hnid, struct err *err)
{
	struct subnode node;
	int got;

	tree_init(&t->rows, t->v.n, 0);
	t->rows_hid = hnid_is_subnode(hnid) ? 0 : hnid;
	if (hnid == 0 || t->rows_hid)
		return 0;
	got = subnode_find(t->v.n, t->v.sub, hnid, &node, err);
	if (got == 0)
		return damaged(err, t, "its rows are missing");
	if (got > 0)
		tree_init(&t->rows, t->v.n, node.data);
	return got < 0 ? -1 : 0;
}

static int count_rows(struct table *t, struct err *err)
{
	struct slice records;
	int got;

	while ((got = bth_next_leaf(&t->index, &records, err)) > 0)
		t->n_rows += records.len / index_width(t);
	table_rewind(t);
	return got;
}

int table_open(struct table *t, struct ndb *n, struct texts *texts, uint64_t data, uint64_t sub,
	       struct arena *a, struct err *err)
{
	unsigned data_len = ndb_header(n)->format == PST_ANSI ? 2 : 4;
	uint32_t index, rows;
	struct slice header;

	*t = (struct table){ .v = { .n = n, .texts = texts, .sub = sub, .cp = texts->cp } };
	if (heap_open(&t->v.heap, n, data, HEAP_TABLE, err) < 0 ||
	    heap_item(&t->v.heap, t->v.heap.root, &header, err) < 0 ||
	    read_columns(t, header, a, err) < 0)
		return -1;
	index = get32(header.ptr + 10);
	rows = get32(header.ptr + 14);
	if (bth_open(&t->index, &t->v.heap, index, 4, data_len, err) < 0 ||
	    find_rows(t, rows, err) < 0)
		return -1;
	return count_rows(t, err);
}

/* The place where rows lie that holds place `slot`: 1, 0 (beyond the last), -1. */
static int slot_bytes(struct table *t, size_t slot, struct slice *row, struct err *err)
{
	struct slice s;
	size_t blocks, fit;

	if (t->rows_hid) {
		if (heap_item(&t->v.heap, t->rows_hid, &s, err) < 0)
			return -1;
		if (slot >= s.len / t->row_size)
			return 0;
		*row = slice_of(s.ptr + slot * t->row_size, t->row_size);
		return 1;
	}
	if (tree_blocks(&t->rows, &blocks, err) < 0)
		return -1;
	if (slot < t->block_first)
		t->block = t->block_first = 0;
	for (; t->block < blocks; t->block++, t->block_first += fit) {
		if (tree_block(&t->rows, t->block, &s, err) < 0)
			return -1;
		fit = s.len / t->row_size;
		if (slot - t->block_first < fit) {
			*row = slice_of(s.ptr + (slot - t->block_first) * t->row_size, t->row_size);
			return 1;
		}
	}
	return 0;
}

static int load_slot(struct table *t, size_t slot, uint32_t *row_id, struct err *err)
{
	struct slice row;
	int got = slot_bytes(t, slot, &row, err);

	if (got <= 0)
		return got;
	memcpy(t->row, row.ptr, t->row_size);
	*row_id = get32(t->row); /* the first column, PidTagLtpRowId, of every table */
	return 1;
}

/* Where the index says the row is: 1, 0 (no such row), -1. */
static int find_slot(struct table *t, uint32_t row_id, size_t *slot, struct err *err)
{
	struct bth b = t->index;
	uint32_t hid = b.root;
	struct slice s = SLICE_LIT("");

	for (unsigned level = b.levels + 1; level-- > 0;) {
		size_t width = level > 0 ? 8 : index_width(t), low = 0, high;

		if (heap_item(&t->v.heap, hid, &s, err) < 0)
			return -1;
		high = s.len / width;
		while (low < high) { /* the first key above row_id */
			size_t mid = (low + high) / 2;

			if (get32(s.ptr + mid * width) <= row_id)
				low = mid + 1;
			else
				high = mid;
		}
		if (low == 0)
			return 0;
		s = slice_from(s, (low - 1) * width);
		hid = level > 0 ? get32(s.ptr + 4) : 0;
	}
	if (get32(s.ptr) != row_id)
		return 0;
	*slot = b.data_len == 2 ? get16(s.ptr + 4) : get32(s.ptr + 4);
	return 1;
}

int table_row_by_id(struct table *t, uint32_t row_id, struct err *err)
{
	uint32_t found = 0;
	size_t slot = 0;
	int got = find_slot(t, row_id, &slot, err);

	if (got > 0)
		got = load_slot(t, slot, &found, err);
	return got > 0 && found != row_id ? damaged(err, t, "its index is wrong") : got;
}

int table_row(struct table *t, size_t i, uint32_t *row_id, struct err *err)
{
	size_t slot;
	int got;

	if (i >= t->n_rows)
		return 0;
	if (i < t->next)
		t->next = t->slot = 0;
	for (;;) {
		got = load_slot(t, t->slot, row_id, err);
		if (got == 0)
			return damaged(err, t, "rows are missing");
		if (got > 0)
			got = find_slot(t, *row_id, &slot, err);
		if (got < 0)
			return -1;
		t->slot++;
		if (got == 0 || slot != t->slot - 1)
			continue; /* a row that was deleted */
		if (t->next++ == i)
			return 1;
	}
}

/* ---- cells ---- */

static const struct column *find_column(const struct table *t, uint16_t id)
{
	for (unsigned i = 0; i < t->n_columns; i++)
		if (t->columns[i].id == id)
			return &t->columns[i];
	return NULL;
}

bool table_cell(const struct table *t, uint16_t id, struct prop *out)
{
	const struct column *c = find_column(t, id);
	unsigned width;

	if (!c || t->bitmap + c->bit / 8u >= t->row_size ||
	    !(t->row[t->bitmap + c->bit / 8u] & (0x80u >> c->bit % 8)))
		return false;
	width = prop_width(c->type);
	if (width == 0)
		width = 4;
	if (c->size < width || c->offset + width > t->bitmap)
		return false;
	*out = (struct prop){ .id = id, .type = c->type, .here = prop_width(c->type) > 0 };
	memcpy(&out->value, t->row + c->offset, width);
	out->value = le64toh(out->value);
	return true;
}

const char *table_text(struct table *t, uint16_t id, struct arena *a)
{
	struct prop p;

	return table_cell(t, id, &p) ? value_text(&t->v, &p, a) : NULL;
}

int32_t table_int(struct table *t, uint16_t id)
{
	struct mapi_value out;
	struct prop p;

	if (!table_cell(t, id, &p) || p.type != TYPE_INT32)
		return MAPI_NONE;
	value_any(&t->v, &p, NULL, &out);
	return (int32_t)out.integer;
}

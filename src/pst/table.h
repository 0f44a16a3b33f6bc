/*
 * Tables (MS-PST 2.3.4): rows with fixed columns: the recipients and attachments
 * of an item, the items of a folder. Rows are read one at a time, whatever the size
 * of the table.
 */
#ifndef MAILHOIST_PST_TABLE_H
#define MAILHOIST_PST_TABLE_H

#include "pst/props.h"

struct column {
	uint16_t type, id;
	uint16_t offset;
	uint8_t size, bit;
};

struct table {
	struct values v;
	struct column *columns;
	unsigned n_columns, row_size, bitmap;
	struct bth index;  /* row id -> place of the row */
	size_t n_rows;	   /* by the index */
	uint32_t rows_hid; /* rows that lie in the heap, or 0 */
	struct tree rows;  /* rows that lie in a subnode */
	uint8_t *row;	   /* the row last read */
	/* For reading in order. */
	size_t next, slot;
	size_t block, block_first; /* the block last used, and its first row */
};

/* `a` takes the columns and one row. */
int table_open(struct table *t, struct ndb *n, struct texts *texts, uint64_t data, uint64_t sub,
	       struct arena *a, struct err *err);

/* Load row i (from 0, as they lie): 1 and its id, 0 beyond the end, -1 (damaged, or rows that the
 * index has are missing). In order it is cheap. */
int table_row(struct table *t, size_t i, uint32_t *row_id, struct err *err);

/* Load the row with that id: 1, 0, -1. */
int table_row_by_id(struct table *t, uint32_t row_id, struct err *err);

/* Row ids in ascending order, a leaf of the index at a time (8 bytes a record, ANSI 6; the id
 * first), from the start after table_rewind(). As bth_next_leaf(). */
void table_rewind(struct table *t);

/* A cell of the row last loaded: false if the row has none. */
bool table_cell(const struct table *t, uint16_t id, struct prop *out);
const char *table_text(struct table *t, uint16_t id, struct arena *a);
int32_t table_int(struct table *t, uint16_t id);

#endif

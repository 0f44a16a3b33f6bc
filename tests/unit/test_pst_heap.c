/*
 * Heaps, B-trees on heaps, properties, tables, names (pst/heap.h, props.h, table.h,
 * names.h) on blocks made by hand.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "pst/names.h"
#include "pst/table.h"
#include "pst_file.h"

#define ARENA (4u << 20)

static struct damages damages;

/* A store of one block 4, opened. */
struct one {
	struct made m;
	struct ndb *n;
	struct texts texts;
	struct arena a;
	int fd;
};

static void one_open(struct one *o, struct slice block, struct slice sub)
{
	struct err err = ERR_INIT;

	*o = (struct one){ .a = ARENA_INIT(ARENA) };
	made_start(&o->m, PST_UNICODE);
	made_block(&o->m, 4, block.ptr, block.len);
	if (sub.len > 0)
		made_block(&o->m, 8, sub.ptr, sub.len);
	/* a list with the one subnode 0x3f, whose data is block 8 */
	made_block(&o->m, 10,
		   "\2\0\1\0\0\0\0\0\x3f\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
	o->fd = made_finish(&o->m);
	cr_assert_eq(ndb_open(o->fd, &damages, &o->n, &err), 0, "%s", err.text);
	o->texts.codepages = codepages_new();
	o->texts.cp = 1252;
	buf_init(&o->texts.scratch, ARENA);
}

static void one_close(struct one *o)
{
	ndb_close(o->n);
	codepages_free(o->texts.codepages);
	buf_release(&o->texts.scratch);
	arena_release(&o->a);
	close(o->fd);
	made_release(&o->m);
}

#define NO_SUB ((struct slice){ NULL, 0 })

/* ---- heaps ---- */

Test(pst_heap, items)
{
	struct err err = ERR_INIT;
	struct made_heap h;
	struct heap heap;
	struct slice s;
	struct one o;

	made_heap_start(&h, HEAP_PROPS, 0x40);
	made_heap_add(&h, "one", 3);
	made_heap_add(&h, "three", 5);
	made_heap_add(&h, "", 0);
	one_open(&o, made_heap_finish(&h), NO_SUB);
	cr_assert_eq(heap_open(&heap, o.n, 4, HEAP_PROPS, &err), 0, "%s", err.text);
	cr_expect_eq(heap.root, 0x40u);
	cr_assert_eq(heap_item(&heap, 0x40, &s, &err), 0);
	cr_expect(slice_eq(s, SLICE_LIT("three")));
	cr_assert_eq(heap_item(&heap, 0x60, &s, &err), 0);
	cr_expect_eq(s.len, 0u);
	cr_assert_eq(heap_item(&heap, 0, &s, &err), 0, "no item is an empty one");
	cr_expect_eq(s.len, 0u);
	cr_expect_eq(heap_item(&heap, 0x80, &s, &err), -1, "beyond the map");
	cr_expect_eq(heap_item(&heap, 0x10020, &s, &err), -1, "in a block that is not there");
	cr_expect_eq(heap_item(&heap, 0x3f, &s, &err), -1, "a subnode's number");
	cr_expect_eq(heap_open(&heap, o.n, 4, HEAP_TABLE, &err), -1, "another client");
	one_close(&o);
	made_heap_release(&h);
}

static const struct {
	const char *name;
	struct slice bytes;
} broken_heaps[] = {
	{ "empty", { "", 0 } },
	{ "short", { "\0\0\xec\xbc\x20\0\0\0\0\0\0", 11 } },
	{ "no signature", { "\x0c\0\xed\xbc\x20\0\0\0\0\0\0\0\1\0\0\0\x0c\0\x0c\0", 20 } },
	{ "map outside", { "\xff\xff\xec\xbc\x20\0\0\0\0\0\0\0\1\0\0\0\x0c\0\x0c\0", 20 } },
	{ "map cut", { "\x0c\0\xec\xbc\x20\0\0\0\0\0\0\0\1\0\0\0\x0c\0\x0c", 19 } },
	{ "item outside", { "\x0c\0\xec\xbc\x20\0\0\0\0\0\0\0\1\0\0\0\x0c\0\x7c\0", 20 } },
	{ "item backwards", { "\x0c\0\xec\xbc\x20\0\0\0\0\0\0\0\1\0\0\0\x0c\0\x0b\0", 20 } },
};

Test(pst_heap, broken)
{
	for (size_t i = 0; i < sizeof(broken_heaps) / sizeof(broken_heaps[0]); i++) {
		struct err err = ERR_INIT;
		struct props p;
		struct one o;

		one_open(&o, broken_heaps[i].bytes, NO_SUB);
		cr_expect_eq(props_open(&p, o.n, &o.texts, 4, 0, &o.a, &err), -1, "%s",
			     broken_heaps[i].name);
		cr_expect_eq(err.scope, SCOPE_MESSAGE, "%s", broken_heaps[i].name);
		one_close(&o);
	}
}

/* A B-tree of three levels over four leaves; and one whose root is its own child. */
Test(pst_heap, b_trees)
{
	struct err err = ERR_INIT;
	struct slice records;
	struct made_heap h;
	struct heap heap;
	struct bth b;
	struct one o;
	unsigned seen = 0;
	int got;

	made_heap_start(&h, HEAP_TABLE, 0x20);
	made_heap_add(&h, "\xb5\4\4\2\x60\0\0\0", 8);		       /* 20: header, root 60 */
	made_heap_add(&h, "\xb5\4\4\1\x40\1\0\0", 8);		       /* 40: header, root 140 */
	made_heap_add(&h, "\1\0\0\0\x80\0\0\0\3\0\0\0\xa0\0\0\0", 16); /* 60 -> 80, a0 */
	made_heap_add(&h, "\1\0\0\0\xc0\0\0\0\2\0\0\0\xe0\0\0\0", 16); /* 80 -> c0, e0 */
	made_heap_add(&h, "\3\0\0\0\0\1\0\0\4\0\0\0\x20\1\0\0", 16);   /* a0 -> 100, 120 */
	for (char i = 1; i <= 4; i++)				       /* c0 .. 120: leaves */
		made_heap_add(&h, (char[]){ i, 0, 0, 0, 0, 0, 0, 0 }, 8);
	made_heap_add(&h, "\1\0\0\0\x40\1\0\0", 8); /* 140 -> 140 */
	one_open(&o, made_heap_finish(&h), NO_SUB);
	cr_assert_eq(heap_open(&heap, o.n, 4, HEAP_TABLE, &err), 0);
	cr_assert_eq(bth_open(&b, &heap, 0x20, 4, 4, &err), 0, "%s", err.text);
	while ((got = bth_next_leaf(&b, &records, &err)) > 0)
		cr_expect_eq((unsigned)records.ptr[0], ++seen);
	cr_expect_eq(got, 0);
	cr_expect_eq(seen, 4u);
	cr_expect_eq(bth_next_leaf(&b, &records, &err), 0, "the end stays the end");
	cr_assert_eq(bth_open(&b, &heap, 0x40, 4, 4, &err), 0);
	while ((got = bth_next_leaf(&b, &records, &err)) > 0)
		;
	cr_expect_eq(got, 0, "a circle ends at the level it says it has");
	cr_expect_eq(bth_open(&b, &heap, 0x20, 2, 6, &err), -1, "another shape");
	one_close(&o);
	made_heap_release(&h);
}

/* ---- properties ---- */

/* The value of each is in the heap as the item after the records. */
static void made_props(struct made_heap *h, struct slice records)
{
	made_heap_start(h, HEAP_PROPS, 0x20);
	made_heap_add(h, "\xb5\2\6\0\x40\0\0\0", 8);
	made_heap_add(h, records.ptr, records.len);
}

static void add_prop(struct buf *b, uint16_t id, uint16_t type, uint32_t value)
{
	add16(b, id);
	add16(b, type);
	add32(b, value);
}

Test(pst_props, values)
{
	static const char utf16[] = "G\0r\0\xfc\0\xdf\0e\0 \0=\xd8\x00\xde\0\0x\0";
	struct buf records = BUF_INIT(1000);
	struct mapi_value value;
	struct err err = ERR_INIT;
	struct made_heap h;
	const char **list;
	struct props p;
	struct one o;
	size_t n;

	add_prop(&records, 0x0017, TYPE_INT32, 2);
	add_prop(&records, 0x0037, TYPE_TEXT16, 0x60);
	add_prop(&records, 0x0039, TYPE_TIME, 0x80);
	add_prop(&records, 0x003d, TYPE_TEXT8, 0xa0);
	add_prop(&records, 0x0e07, TYPE_INT32, 1);
	add_prop(&records, 0x0e07, TYPE_INT32, 9);
	add_prop(&records, 0x0e1f, TYPE_BOOL, 1);
	add_prop(&records, 0x1000, TYPE_TEXT16, 0x3f);
	add_prop(&records, 0x1001, TYPE_TEXT16, 0x5f);
	add_prop(&records, 0x1002, TYPE_TEXT16, 0);
	add_prop(&records, 0x300b, TYPE_BINARY, 0xc0);
	add_prop(&records, 0x8001, TYPE_MV_TEXT16, 0xe0);
	add_prop(&records, 0x8000, TYPE_MV_TEXT16, 0xc0);
	made_props(&h, buf_slice(&records));
	made_heap_add(&h, utf16, sizeof(utf16) - 1);			/* 60 */
	made_heap_add(&h, "\0\0\0\1\0\0\0\0", 8);			/* 80 */
	made_heap_add(&h, "caf\xe9", 4);				/* a0 */
	made_heap_add(&h, "\1\2\3", 3);					/* c0 */
	made_heap_add(&h, "\2\0\0\0\x0c\0\0\0\x10\0\0\0a\0b\0c\0", 18); /* e0 */
	one_open(&o, made_heap_finish(&h), (struct slice){ "l\0o\0n\0g\0", 8 });
	cr_assert_eq(props_open(&p, o.n, &o.texts, 4, 10, &o.a, &err), 0, "%s", err.text);
	cr_expect_eq(props_int(&p, 0x0017), 2);
	cr_expect_eq(props_int(&p, 0x0018), MAPI_NONE);
	cr_expect_eq(props_int(&p, 0x0037), MAPI_NONE, "a text is no number");
	cr_expect_eq(props_int(&p, 0x0e07), 9, "the last of two");
	cr_expect(props_bool(&p, 0x0e1f));
	cr_expect_eq(props_time(&p, 0x0039), 0x1000000u);
	cr_expect_str_eq(props_text(&p, 0x0037, &o.a), "Gr\xc3\xbc\xc3\x9f"
						       "e \xf0\x9f\x98\x80");
	cr_expect_str_eq(props_text(&p, 0x003d, &o.a), "caf\xc3\xa9");
	cr_expect_str_eq(props_text(&p, 0x1000, &o.a), "long", "in a subnode");
	cr_expect_str_eq(props_text(&p, 0x1002, &o.a), "", "empty, not absent");
	cr_expect_eq(props_bytes(&p, 0x300b, 3, &o.a).len, 3u);
	cr_expect_eq(p.v.degraded, 0u);
	cr_expect_null(props_text(&p, 0x1001, &o.a), "its subnode is missing");
	cr_expect_eq(p.v.degraded, (uint32_t)MAPI_DEGRADED_BLOCK);
	n = value_texts(&p.v, props_find(&p, 0x8001), &o.a, &list);
	cr_assert_eq(n, 2u);
	cr_expect_str_eq(list[0], "ab");
	cr_expect_str_eq(list[1], "c");
	cr_expect_eq(value_texts(&p.v, props_find(&p, 0x8000), &o.a, &list), 0u, "garbage");
	cr_expect(value_any(&p.v, props_find(&p, 0x0039), &o.a, &value) && value.type == MAPI_TIME);
	cr_expect_not(value_any(&p.v, NULL, &o.a, &value));
	one_close(&o);
	made_heap_release(&h);
	buf_release(&records);
}

Test(pst_props, surrogates)
{
	static const struct {
		const char *name;
		struct slice in;
		const char *out;
		uint32_t degraded;
	} rows[] = {
		{ "lone high", { "B\0\0\xd8x\0", 6 }, "B\xef\xbf\xbdx", MAPI_DEGRADED_SURROGATE },
		{ "lone low", { "\0\xdcx\0", 4 }, "\xef\xbf\xbdx", MAPI_DEGRADED_SURROGATE },
		{ "high at the end", { "x\0\0\xd8", 4 }, "x\xef\xbf\xbd", MAPI_DEGRADED_SURROGATE },
		{ "pair", { "\x3d\xd8\0\xde", 4 }, "\xf0\x9f\x98\x80", 0 },
		{ "odd length", { "a\0b", 3 }, "a", 0 },
		{ "NUL", { "a\0\0\0b\0", 6 }, "a", 0 },
		{ "NUL in a run of ASCII", { "a\0b\0\0\0c\0d\0e\0f\0g\0", 16 }, "ab", 0 },
		{ "ASCII, then not", { "a\0b\0c\0d\0\xe9\0", 10 }, "abcd\xc3\xa9", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(buf_release) struct buf out = BUF_INIT(100);
		uint32_t degraded = 0;
		size_t used;

		utf16_to_utf8(rows[i].in, true, &out, &used, &degraded);
		cr_expect_str_eq(buf_cstr(&out), rows[i].out, "%s", rows[i].name);
		cr_expect_eq(degraded, rows[i].degraded, "%s", rows[i].name);
	}
}

/* ---- tables ---- */

/* Rows of 10 octets: id 4, number 4, existence 1, and one of padding. Three places, two rows: the
 * second was deleted. */
static void made_table(struct made_heap *h, const char *index, size_t index_len, const char *rows,
		       size_t rows_len)
{
	struct buf head = BUF_INIT(200);

	made_heap_start(h, HEAP_TABLE, 0x20);
	add16(&head, 0x027c);
	add16(&head, 8);
	add16(&head, 8);
	add16(&head, 8);
	add16(&head, 10);
	add32(&head, 0x40);
	add32(&head, 0x80);
	add32(&head, 0);
	add32(&head, 0x67f20003);
	add32(&head, 0x00040000);
	add32(&head, 0x0c150003);
	add32(&head, 0x01040004);
	made_heap_add(h, head.ptr, head.len);
	made_heap_add(h, "\xb5\4\4\0\x60\0\0\0", 8);
	made_heap_add(h, index, index_len);
	made_heap_add(h, rows, rows_len);
	buf_release(&head);
}

Test(pst_table, deleted_rows)
{
	struct err err = ERR_INIT;
	struct made_heap h;
	struct table t;
	struct one o;
	uint32_t id = 0;

	made_table(&h, "\5\0\0\0\0\0\0\0\7\0\0\0\2\0\0\0", 16,
		   "\5\0\0\0\1\0\0\0\xc0\0"  /* row 5: 1 */
		   "\6\0\0\0\2\0\0\0\xc0\0"  /* deleted */
		   "\7\0\0\0\3\0\0\0\x80\0", /* row 7 has no such cell */
		   30);
	one_open(&o, made_heap_finish(&h), NO_SUB);
	cr_assert_eq(table_open(&t, o.n, &o.texts, 4, 0, &o.a, &err), 0, "%s", err.text);
	cr_expect_eq(t.n_rows, 2u);
	cr_expect_eq(table_row(&t, 0, &id, &err), 1);
	cr_expect_eq(id, 5u);
	cr_expect_eq(table_int(&t, 0x0c15), 1);
	cr_expect_eq(table_row(&t, 1, &id, &err), 1);
	cr_expect_eq(id, 7u);
	cr_expect_eq(table_int(&t, 0x0c15), MAPI_NONE);
	cr_expect_eq(table_row(&t, 2, &id, &err), 0);
	cr_expect_eq(table_row(&t, 0, &id, &err), 1, "back again");
	cr_expect_eq(table_row_by_id(&t, 7, &err), 1);
	cr_expect_eq(table_row_by_id(&t, 6, &err), 0);
	one_close(&o);
	made_heap_release(&h);
}

Test(pst_table, rows_that_are_missing)
{
	struct err err = ERR_INIT;
	struct made_heap h;
	struct table t;
	struct one o;
	uint32_t id;

	made_table(&h, "\5\0\0\0\0\0\0\0\7\0\0\0\1\0\0\0", 16, "\5\0\0\0\1\0\0\0\xc0\0", 10);
	one_open(&o, made_heap_finish(&h), NO_SUB);
	cr_assert_eq(table_open(&t, o.n, &o.texts, 4, 0, &o.a, &err), 0);
	cr_expect_eq(table_row(&t, 0, &id, &err), 1);
	cr_expect_eq(table_row(&t, 1, &id, &err), -1, "never a silent end");
	cr_expect(strstr(err.text, "rows are missing"), "%s", err.text);
	one_close(&o);
	made_heap_release(&h);
}

/* ---- names ---- */

Test(pst_names, lookup)
{
	/* public strings "Keywords"; common 0x8578; appointment 0x8578; an unknown set's "keywords"
	 */
	static const char guids[] = "\x08\x20\x06\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"
				    "\x02\x20\x06\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"
				    "\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10";
	static const char entries[] = "\0\0\0\0\5\0\0\0"
				      "\x78\x85\0\0\6\0\1\0"
				      "\x78\x85\0\0\x08\0\2\0"
				      "\0\0\0\0\x0b\0\3\0";
	static const char strings[] = "\x10\0\0\0K\0e\0y\0w\0o\0r\0d\0s\0";
	struct buf records = BUF_INIT(100);
	struct err err = ERR_INIT;
	struct made_heap h;
	struct names s;
	struct one o;

	add_prop(&records, 2, TYPE_BINARY, 0x60);
	add_prop(&records, 3, TYPE_BINARY, 0x80);
	add_prop(&records, 4, TYPE_BINARY, 0xa0);
	made_props(&h, buf_slice(&records));
	made_heap_add(&h, guids, sizeof(guids) - 1);
	made_heap_add(&h, entries, sizeof(entries) - 1);
	made_heap_add(&h, strings, sizeof(strings) - 1);
	one_open(&o, made_heap_finish(&h), NO_SUB);
	cr_assert_eq(names_load(&s, o.n, &o.texts, 4, 0, &o.a, &err), 0, "%s", err.text);
	cr_expect_eq(names_text(&s, MAPI_SET_PUBLIC_STRINGS, "keyWORDS"), 0x8000);
	cr_expect_eq(names_text(&s, MAPI_SET_PUBLIC_STRINGS, "Keyword"), 0);
	cr_expect_eq(names_text(&s, MAPI_SET_COMMON, "Keywords"), 0);
	cr_expect_eq(names_text(&s, MAPI_SET_OTHER, "Keywords"), 0x8003);
	cr_expect_eq(names_lid(&s, MAPI_SET_COMMON, 0x8578), 0x8001);
	cr_expect_eq(names_lid(&s, MAPI_SET_APPOINTMENT, 0x8578), 0x8002);
	cr_expect_eq(names_lid(&s, MAPI_SET_TASK, 0x8578), 0);
	cr_expect_eq(names_lid(&s, MAPI_SET_COMMON, 0), 0);
	one_close(&o);
	made_heap_release(&h);
	buf_release(&records);
}

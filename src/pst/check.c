/*
 * The self-check of a folder: its contents table against the nodes there are, its
 * hierarchy table against the folders there are. Both indexes are written by
 * Outlook in step; where a page of one is lost, the other still tells what is
 * missing.
 */
#include "pst/store.h"

#include <inttypes.h>

#include "pst/bytes.h"

#define SUBJECT	      0x0037
#define NAME	      0x3001
#define CONTENT_COUNT 0x3602
#define NAMED_MAX     50 /* lost items of a folder that are named one by one */

static const char *folder_name(const struct folder *f)
{
	return f->nid == NID_ROOT_FOLDER || !*f->name ? "the root" : f->name;
}

/* Open one of the folder's tables: 1, 0 (there is none), -1 (said). */
static int open_table(struct pst *p, const struct folder *f, enum nid_type type, struct table *t)
{
	const struct node *node = nodes_find(&p->nodes, nid_as(f->nid, type));
	struct err bad = ERR_INIT;

	arena_reset(&p->scratch);
	if (!node)
		return 0;
	if (table_open(t, p->n, &p->texts, node->data, node->sub, &p->scratch, &bad) == 0)
		return 1;
	damage_add(p->damages, f->nid, 0, "folder '%s': its table of %s cannot be read: %s",
		   folder_name(f), type == NID_CONTENTS_TABLE ? "items" : "folders", bad.text);
	return -1;
}

/* An item that is listed and not there. */
static void name_lost_item(struct pst *p, const struct folder *f, struct table *t, uint32_t nid)
{
	struct err ignored = ERR_INIT;
	const char *subject = NULL;

	if (table_row_by_id(t, nid, &ignored) > 0)
		subject = text_unmarked(table_text(t, SUBJECT, &p->scratch));
	damage_add(p->damages, f->nid, 1, "folder '%s': item %" PRIx32 " is lost%s%s%s",
		   folder_name(f), nid, subject ? " ('" : "", subject ? subject : "",
		   subject ? "')" : "");
}

/* What a table lists that is not there. */
struct missing {
	uint64_t lost, elsewhere, here;
	uint32_t first[NAMED_MAX]; /* lost ones, to be named */
};

static void compare_leaf(const struct pst *p, const struct folder *f, struct slice records,
			 size_t width, struct missing *out)
{
	for (; records.len >= width; records = slice_from(records, width)) {
		uint32_t id = get32(records.ptr);
		const struct node *node = nodes_find(&p->nodes, id);

		if (nid_type(id) != NID_MESSAGE)
			continue;
		if (node && node->parent == f->nid)
			out->here++;
		else if (node)
			out->elsewhere++;
		else if (out->lost++ < NAMED_MAX)
			out->first[out->lost - 1] = id;
	}
}

static void compare_items(struct pst *p, const struct folder *f, struct table *t,
			  uint64_t node_count)
{
	size_t width = t->index.key_len + t->index.data_len;
	struct missing missing = { .lost = 0 };
	struct err bad = ERR_INIT;
	struct slice records;
	int got;

	while ((got = bth_next_leaf(&t->index, &records, &bad)) > 0)
		compare_leaf(p, f, records, width, &missing);
	if (got < 0)
		damage_add(p->damages, f->nid, 0, "folder '%s': its table of items: %s",
			   folder_name(f), bad.text);
	for (size_t i = 0; i < missing.lost && i < NAMED_MAX; i++)
		name_lost_item(p, f, t, missing.first[i]);
	if (missing.lost > NAMED_MAX)
		damage_add(p->damages, f->nid, missing.lost - NAMED_MAX,
			   "folder '%s': %" PRIu64 " further items are lost", folder_name(f),
			   missing.lost - NAMED_MAX);
	if (missing.elsewhere > 0)
		damage_add(p->damages, f->nid, 0,
			   "folder '%s' lists %" PRIu64 " items of other folders (delivered there)",
			   folder_name(f), missing.elsewhere);
	if (got == 0 && missing.here < node_count)
		damage_add(p->damages, f->nid, 0,
			   "folder '%s': %" PRIu64
			   " items are not in its table (they are delivered)",
			   folder_name(f), node_count - missing.here);
	/* The number alone: a row was taken out, or an item was never written. */
	else if (got == 0 && missing.lost + missing.elsewhere == 0 && f->said_count >= 0 &&
		 (uint64_t)f->said_count != node_count)
		damage_add(p->damages, f->nid, 0,
			   "folder '%s' says it has %" PRId64 " items; its table and its nodes "
			   "have %" PRIu64,
			   folder_name(f), f->said_count, node_count);
}

static void check_items(struct pst *p, const struct folder *f, uint64_t node_count, int64_t *rows)
{
	struct table t;

	*rows = -1;
	if (open_table(p, f, NID_CONTENTS_TABLE, &t) > 0) {
		*rows = (int64_t)t.n_rows;
		compare_items(p, f, &t, node_count);
		return;
	}
	/* Without the table only the number remains to tell. */
	if (f->said_count > 0 && (uint64_t)f->said_count > node_count)
		damage_add(p->damages, f->nid, (uint64_t)f->said_count - node_count,
			   "folder '%s' says it has %" PRId64 " items; %" PRIu64 " are there",
			   folder_name(f), f->said_count, node_count);
}

/* Items of the lost folder are delivered later, under its name. */
static void keep_name(struct pst *p, uint32_t nid, const char *name)
{
	struct folder *f = folders_find(p, nid);
	char *copy = f && !f->node && name && *name ? arena_str(&p->arena, name) : NULL;

	if (copy)
		f->name = copy;
}

/* Folders that their parent lists and that are gone: with the number of items they held. */
static void check_folders(struct pst *p, const struct folder *f)
{
	struct err bad = ERR_INIT;
	struct table t;
	uint32_t id;
	int got;

	if (open_table(p, f, NID_HIERARCHY_TABLE, &t) <= 0)
		return;
	for (size_t i = 0; (got = table_row(&t, i, &id, &bad)) > 0; i++) {
		uint64_t there, lost = 0;
		const char *name;
		int32_t count;

		if (nid_type(id) != NID_FOLDER || nodes_find(&p->nodes, id))
			continue;
		name = table_text(&t, NAME, &p->scratch);
		count = table_int(&t, CONTENT_COUNT);
		there = store_count_items(p, id);
		if (count > 0 && (uint64_t)count > there)
			lost = (uint64_t)count - there;
		keep_name(p, id, name);
		damage_add(p->damages, id, lost, "folder '%s' below '%s' is lost",
			   name ? name : "?", folder_name(f));
	}
	if (got < 0)
		damage_add(p->damages, f->nid, 0, "folder '%s': its table of folders: %s",
			   folder_name(f), bad.text);
}

void check_folder(struct pst *p, const struct folder *f, uint64_t node_count, int64_t *rows)
{
	check_items(p, f, node_count, rows);
	check_folders(p, f);
}

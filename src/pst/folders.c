/*
 * The folders of a store (pst.h), found by walking down from its root through the
 * nodes' parents: the user's tree first, then what lies beside it, then what
 * nothing leads to. The walk keeps a stack of FOLDER_DEPTH; what lies deeper is
 * found as the last kind, and said.
 */
#include "pst/store.h"

#include <inttypes.h>
#include <stdlib.h>

#include "pst/bytes.h"

#define NAME	      0x3001
#define CLASS	      0x3613
#define CONTENT_COUNT 0x3602
#define HIDDEN	      0x10f4
#define CHANGE_KEY    0x67f4
#define STORE_TOP     0x35e0
#define OST_TOP	      0x2142
#define USUAL_TOP     0x8022 /* in every PST that was looked at */

struct walk {
	struct pst *p;
	uint8_t *seen; /* a bit a node */
	bool outside, orphans;
	struct err *err;
};

static bool seen(const struct walk *w, const struct node *node)
{
	size_t i = (size_t)(node - w->p->nodes.list);

	return w->seen[i / 8] & 1u << i % 8;
}

static void mark(struct walk *w, const struct node *node)
{
	size_t i = (size_t)(node - w->p->nodes.list);

	w->seen[i / 8] |= (uint8_t)(1u << i % 8);
}

static struct folder *add_folder(struct pst *p, struct err *err)
{
	if (p->n_folders == p->cap_folders) {
		size_t cap = p->cap_folders ? p->cap_folders * 2 : 64;
		struct folder *more = reallocarray(p->folders, cap, sizeof(*more));

		if (!more) {
			err_nomem(err);
			return NULL;
		}
		p->folders = more;
		p->cap_folders = cap;
	}
	p->folders[p->n_folders] =
		(struct folder){ .up = FOLDER_TOP, .class = "", .said_count = -1 };
	return &p->folders[p->n_folders++];
}

static char *lost_name(struct pst *p, uint32_t nid)
{
	return arena_printf(&p->arena, "Folder %" PRIX32, nid);
}

/* The table of the folder above has the names of those below, too; else it gets a name from its
 * number. */
static const char *name_from_above(struct pst *p, const struct folder *f)
{
	const struct node *node =
		nodes_find(&p->nodes, nid_as(f->node->parent, NID_HIERARCHY_TABLE));
	struct err ignored = ERR_INIT;
	const char *name = NULL;
	struct table t;

	arena_reset(&p->scratch);
	if (node &&
	    table_open(&t, p->n, &p->texts, node->data, node->sub, &p->scratch, &ignored) == 0 &&
	    table_row_by_id(&t, f->nid, &ignored) > 0)
		name = table_text(&t, NAME, &p->scratch);
	return name && *name ? arena_str(&p->arena, name) : lost_name(p, f->nid);
}

/* Read the folder's own properties. Where they are damaged, its items are there all the same. */
static int read_folder(struct pst *p, struct folder *f, struct err *err)
{
	struct err bad = ERR_INIT;
	struct props props;
	uint64_t raw;
	const char *text;

	arena_reset(&p->scratch);
	if (props_open(&props, p->n, &p->texts, f->node->data, f->node->sub, &p->scratch, &bad) <
	    0) {
		f->name = name_from_above(p, f);
		damage_add(p->damages, f->nid, 0,
			   "the properties of folder %" PRIx32 " ('%s') cannot be read: %s", f->nid,
			   f->name ? f->name : "", bad.text);
		return f->name ? 0 : err_nomem(err);
	}
	text = props_text(&props, NAME, &p->scratch);
	f->name = arena_str(&p->arena, text ? text : "");
	text = props_text(&props, CLASS, &p->scratch);
	f->class = arena_str(&p->arena, text ? text : "");
	if (!f->name || !f->class)
		return err_nomem(err);
	if (!*f->name && f->nid != NID_ROOT_FOLDER)
		f->name = lost_name(p, f->nid);
	f->hidden = props_bool(&props, HIDDEN);
	f->said_count = props_int(&props, CONTENT_COUNT);
	if (f->said_count == MAPI_NONE)
		f->said_count = -1;
	if (value_fixed(&props.v, props_find(&props, CHANGE_KEY), &raw))
		f->change_key = raw;
	return f->name ? 0 : err_nomem(err);
}

static int visit(struct walk *w, const struct node *node, uint32_t up, unsigned depth)
{
	struct folder *f = add_folder(w->p, w->err);

	if (!f)
		return -1;
	mark(w, node);
	f->nid = node->nid;
	f->node = node;
	f->up = up;
	f->depth = depth;
	f->outside = w->outside;
	f->orphans = w->orphans;
	return read_folder(w->p, f, w->err);
}

/* `top` and everything below it, parents first, siblings by NID. */
static int walk_tree(struct walk *w, const struct node *top, unsigned top_depth)
{
	const struct nodes *nodes = &w->p->nodes;
	struct {
		uint32_t nid, place;
		size_t at;
	} stack[FOLDER_DEPTH];
	unsigned n = 0;
	const struct node *node = top;

	while (node || n > 0) {
		if (node && !seen(w, node)) {
			if (visit(w, node, n ? stack[n - 1].place : FOLDER_TOP, top_depth + n) < 0)
				return -1;
			stack[n].nid = node->nid;
			stack[n].place = (uint32_t)(w->p->n_folders - 1);
			stack[n].at = nodes_first_child(nodes, node->nid);
			n++;
		}
		if (n == 0)
			break;
		node = nodes_next_child(nodes, stack[n - 1].nid, NID_FOLDER, &stack[n - 1].at);
		if (!node || top_depth + n == FOLDER_DEPTH) {
			n--;
			node = NULL;
		}
	}
	return 0;
}

static const struct node *folder_node(const struct pst *p, uint32_t nid)
{
	return nid_type(nid) == NID_FOLDER ? nodes_find(&p->nodes, nid) : NULL;
}

/* Where the user's folders begin: the store tells; an OST has a fixed place; else the root. */
static const struct node *find_top(struct pst *p, const struct props *store)
{
	struct props props = *store;
	struct slice entry;
	const struct node *node = NULL;

	arena_reset(&p->scratch);
	entry = props_bytes(&props, STORE_TOP, 64, &p->scratch);
	if (entry.len == 24)
		node = folder_node(p, get32(entry.ptr + 20));
	if (!node && (p->facts.format == PST_OST_4K || p->facts.exchange_cache))
		node = folder_node(p, OST_TOP);
	if (!node) {
		node = folder_node(p, USUAL_TOP);
		if (node && node->parent != NID_ROOT_FOLDER)
			node = NULL;
	}
	if (!node)
		node = folder_node(p, NID_ROOT_FOLDER);
	return node;
}

static void say_lost(struct walk *w, const struct node *node, const struct node *up)
{
	if (up && seen(w, up))
		damage_add(w->p->damages, node->nid, 0,
			   "folder %" PRIx32 " lies below more than %d others: it is left out, "
			   "unless folders that are lost are wanted",
			   node->nid, FOLDER_DEPTH - 1);
	else
		damage_add(w->p->damages, node->nid, 0, "nothing leads to folder %" PRIx32,
			   node->nid);
}

/* Folders that nothing leads to, from the highest that is left; then those in circles. */
static int walk_lost_folders(struct walk *w)
{
	const struct nodes *nodes = &w->p->nodes;

	for (int circles = 0; circles < 2; circles++)
		for (size_t i = 0; i < nodes->n; i++) {
			const struct node *node = &nodes->list[i];
			const struct node *up = folder_node(w->p, node->parent);

			if (nid_type(node->nid) != NID_FOLDER || seen(w, node))
				continue;
			if (!circles && up && !seen(w, up))
				continue;
			say_lost(w, node, up);
			if (walk_tree(w, node, 1) < 0)
				return -1;
		}
	return 0;
}

/* Items whose folder is gone: a folder for each missing one. */
static int add_missing_folders(struct walk *w)
{
	const struct nodes *nodes = &w->p->nodes;
	uint32_t last = 0;

	for (size_t i = 0; i < nodes->n; i++) {
		const struct node *node = &nodes->list[nodes->by_parent[i]];
		const struct node *up;
		struct folder *f;

		if (nid_type(node->nid) != NID_MESSAGE || (last && node->parent == last))
			continue;
		up = folder_node(w->p, node->parent);
		if (up && seen(w, up))
			continue;
		f = add_folder(w->p, w->err);
		if (!f)
			return -1;
		last = f->nid = node->parent;
		f->depth = 1;
		f->orphans = true;
		f->name = lost_name(w->p, f->nid);
		if (!f->name)
			return err_nomem(w->err);
	}
	return 0;
}

static int walk_all(struct walk *w, const struct props *store)
{
	struct pst *p = w->p;
	const struct node *top = find_top(p, store);
	const struct node *root = folder_node(p, NID_ROOT_FOLDER);

	if (top) {
		p->top = top->nid;
		if (walk_tree(w, top, 0) < 0)
			return -1;
	}
	w->outside = true;
	if (root && walk_tree(w, root, 0) < 0)
		return -1;
	w->outside = false;
	w->orphans = true;
	if (!top)
		damage_add(p->damages, 0, 0, "the root of the folders is missing");
	return walk_lost_folders(w) < 0 ? -1 : add_missing_folders(w);
}

int folders_load(struct pst *p, const struct props *store, struct err *err)
{
	struct walk w = { .p = p, .err = err };
	int got;

	w.seen = calloc(p->nodes.n / 8 + 1, 1);
	if (!w.seen)
		return err_nomem(err);
	got = walk_all(&w, store);
	free(w.seen);
	return got;
}

struct folder *folders_find(struct pst *p, uint32_t nid)
{
	for (size_t i = 0; i < p->n_folders; i++)
		if (p->folders[i].nid == nid)
			return &p->folders[i];
	return NULL;
}

/* ---- delivery ---- */

static uint64_t mix(uint64_t h, uint64_t x)
{
	h ^= x;
	h *= 0xff51afd7ed558ccdu;
	return h ^ h >> 32;
}

static uint64_t stamp_of_folder(const struct pst *p, const struct folder *f)
{
	size_t at = nodes_first_child(&p->nodes, f->nid);
	uint64_t h = mix(0x9e3779b97f4a7c15u, f->nid);
	const struct node *node;

	if (f->node)
		h = mix(mix(h, f->node->data), f->node->sub);
	while ((node = nodes_next_child(&p->nodes, f->nid, NID_MESSAGE, &at)))
		h = mix(mix(mix(h, node->nid), node->data), node->sub);
	return h;
}

static int copy_folder(const struct pst *p, const struct folder *f, struct arena *a,
		       struct pst_folder *out, struct err *err)
{
	const struct folder *step = f;

	*out = (struct pst_folder){ .nid = f->nid,
				    .role = f->role,
				    .hidden = f->hidden,
				    .outside = f->outside,
				    .orphans = f->orphans,
				    .said_count = f->said_count,
				    .table_rows = -1 };
	out->parent = f->node ? f->node->parent : 0;
	out->depth = f->depth;
	for (size_t i = f->depth; i > 0; i--) {
		out->path[i - 1] = arena_str(a, step->name);
		if (!out->path[i - 1])
			return err_nomem(err);
		if (i > 1)
			step = &p->folders[step->up];
	}
	out->container_class = arena_str(a, f->class);
	return out->container_class ? 0 : err_nomem(err);
}

int pst_next_folder(struct pst *p, struct arena *a, struct pst_folder *out, struct err *err)
{
	while (p->next_folder < p->n_folders) {
		const struct folder *f = &p->folders[p->next_folder++];
		uint64_t items = store_count_items(p, f->nid);
		int64_t rows = -1;

		if (f->node)
			check_folder(p, f, items, &rows);
		/* What is not the user's, and its very top, count only if they hold something. */
		if (items == 0 && rows <= 0 && (f->outside || f->orphans || f->depth == 0))
			continue;
		if (copy_folder(p, f, a, out, err) < 0)
			return -1;
		out->table_rows = rows;
		out->node_count = items;
		out->stamp = stamp_of_folder(p, f);
		p->current = f->nid;
		return 1;
	}
	return 0;
}

int pst_next_item_nid(struct pst *p, uint32_t after, uint32_t *nid, struct err *err)
{
	const struct nodes *s = &p->nodes;
	size_t low = nodes_first_child(s, p->current), high = s->n;
	const struct node *node;

	(void)err;
	while (low < high) { /* the first child above `after` */
		size_t mid = low + (high - low) / 2;

		node = &s->list[s->by_parent[mid]];
		if (node->parent == p->current && node->nid <= after)
			low = mid + 1;
		else
			high = mid;
	}
	node = nodes_next_child(s, p->current, NID_MESSAGE, &low);
	if (node)
		*nid = node->nid;
	return node != NULL;
}

bool pst_next_message_nid(const struct pst *p, uint32_t after, uint32_t *nid)
{
	const struct nodes *s = &p->nodes;
	size_t low = 0, high = s->n;

	while (low < high) { /* the first node above `after` */
		size_t mid = low + (high - low) / 2;

		if (s->list[mid].nid <= after)
			low = mid + 1;
		else
			high = mid;
	}
	while (low < s->n && nid_type(s->list[low].nid) != NID_MESSAGE)
		low++;
	if (low == s->n)
		return false;
	*nid = s->list[low].nid;
	return true;
}

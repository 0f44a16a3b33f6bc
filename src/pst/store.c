/*
 * Opening a store (pst.h): header, indexes, the store's own properties, names,
 * folders.
 */
#include "pst/store.h"

#include <inttypes.h>
#include <stdlib.h>

#include "pst/bytes.h"

#define SCRATCH_MAX	(64u << 20)
#define SCANPST		"this file is damaged: run Outlook's Inbox Repair Tool (scanpst) on a copy"
#define STORE_UID	0x0ff9
#define STORE_NAME	0x3001
#define STORE_PASSWORD	0x67ff
#define CODE_PAGE	0x3ffd
#define LOCALE		0x3ff1
#define CP_SAMPLE_ITEMS 64

/* ---- code page of 8-bit texts outside of items ---- */

/* What one node says of its code page, or 0. */
static int said_code_page(struct pst *p, const struct node *node)
{
	struct err ignored = ERR_INIT;
	struct props props;
	int cp = 0, lcid;

	arena_reset(&p->scratch);
	if (!node ||
	    props_open(&props, p->n, &p->texts, node->data, node->sub, &p->scratch, &ignored) < 0)
		return 0;
	cp = props_int(&props, CODE_PAGE);
	if (cp > 0 && cp != CODEPAGE_UTF8 && codepage_known(cp))
		return cp;
	lcid = props_int(&props, LOCALE);
	return lcid > 0 ? codepage_of_locale((uint32_t)lcid) : 0;
}

/* The store itself, else the first items that name one: the store was written on one computer. */
static int guess_code_page(struct pst *p)
{
	int cp = said_code_page(p, nodes_find(&p->nodes, NID_STORE));
	unsigned left = CP_SAMPLE_ITEMS;

	for (size_t i = 0; i < p->nodes.n && left > 0 && cp == 0; i++) {
		const struct node *node = &p->nodes.list[i];

		if (nid_type(node->nid) != NID_MESSAGE && nid_type(node->nid) != NID_ASSOCIATED)
			continue;
		cp = said_code_page(p, node);
		left--;
	}
	return cp;
}

/* ---- opening ---- */

static void read_store_node(struct pst *p, struct props *store)
{
	const struct node *node = nodes_find(&p->nodes, NID_STORE);
	struct err bad = ERR_INIT;
	struct slice uid;
	int32_t password;

	p->facts.name = "";
	*store = (struct props){ .list = NULL };
	if (!node) {
		damage_add(p->damages, 0, 0, "the store's own properties are missing");
		return;
	}
	if (props_open(store, p->n, &p->texts, node->data, node->sub, &p->arena, &bad) < 0) {
		damage_add(p->damages, 0, 0, "the store's own properties: %s", bad.text);
		*store = (struct props){ .list = NULL };
		return;
	}
	uid = props_bytes(store, STORE_UID, 64, &p->arena);
	memcpy(p->facts.uid, uid.ptr ? uid.ptr : "", uid.len < 16 ? uid.len : 16);
	p->facts.name = props_text(store, STORE_NAME, &p->arena);
	if (!p->facts.name)
		p->facts.name = "";
	password = props_int(store, STORE_PASSWORD);
	p->facts.password_set = password != MAPI_NONE && password != 0 && password != -1;
}

static void read_names(struct pst *p)
{
	const struct node *node = nodes_find(&p->nodes, NID_NAMES);
	struct err bad = ERR_INIT;

	if (!node)
		err_set(&bad, ERR_FORMAT, SCOPE_SOURCE, RETRY_NEVER, "missing");
	if (!node ||
	    names_load(&p->names, p->n, &p->texts, node->data, node->sub, &p->arena, &bad) < 0) {
		p->names = (struct names){ .list = NULL };
		damage_add(p->damages, 0, 0,
			   "the map of named properties cannot be read (categories, and what makes "
			   "a meeting, are lost): %s",
			   bad.text);
	}
	p->keywords_id = names_text(&p->names, MAPI_SET_PUBLIC_STRINGS, "Keywords");
	p->header_item_id = names_lid(&p->names, MAPI_SET_COMMON, 0x8578);
}

static void copy_facts(struct pst *p)
{
	const struct ndb_header *h = ndb_header(p->n);

	p->facts.format = h->format;
	p->facts.version = h->version;
	p->facts.encryption = h->encryption;
	p->facts.file_size = h->file_size;
	p->facts.header_size = h->header_size;
	p->facts.header_crc_ok = h->crc_ok;
	p->facts.exchange_cache = h->ost;
}

static int load(struct pst *p, int fd, struct err *err)
{
	struct props store;

	if (ndb_open(fd, p->damages, &p->n, err) < 0)
		return -1;
	copy_facts(p);
	if (nodes_load(&p->nodes, p->n, p->damages, err) < 0)
		return err_prefix(err, SCANPST);
	p->texts.cp = guess_code_page(p);
	read_store_node(p, &store);
	read_names(p);
	if (folders_load(p, &store, err) < 0)
		return -1;
	roles_assign(p, &store);
	return 0;
}

int pst_store_open(int fd, struct codepages *codepages, struct pst **out, struct err *err)
{
	struct pst *p = calloc(1, sizeof(*p));

	if (!p)
		return err_nomem(err);
	p->damages = calloc(1, sizeof(*p->damages));
	p->arena.limit = STORE_TEXTS_MAX;
	p->scratch.limit = SCRATCH_MAX;
	buf_init(&p->texts.scratch, STORE_TEXTS_MAX);
	if (!codepages)
		codepages = p->own_codepages = codepages_new();
	p->texts.codepages = codepages;
	if (!p->damages || !codepages) {
		pst_store_close(p);
		return err_nomem(err);
	}
	if (load(p, fd, err) < 0) {
		pst_store_close(p);
		return -1;
	}
	*out = p;
	return 0;
}

void pst_store_close(struct pst *p)
{
	if (!p)
		return;
	ndb_close(p->n);
	nodes_release(&p->nodes);
	if (p->damages)
		damage_release(p->damages);
	free(p->damages);
	free(p->folders);
	text_stream_release(&p->stream);
	buf_release(&p->texts.scratch);
	codepages_free(p->own_codepages);
	arena_release(&p->arena);
	arena_release(&p->scratch);
	free(p);
}

void pst_store_facts(const struct pst *p, struct pst_facts *out)
{
	*out = p->facts;
}

int pst_next_damage(struct pst *p, struct arena *a, struct pst_damage *out)
{
	return damage_next(p->damages, a, out);
}

uint32_t pst_folder_of(const struct pst *p, uint32_t nid)
{
	const struct node *node = nodes_find(&p->nodes, nid);

	return node ? node->parent : 0;
}

uint64_t store_count_items(const struct pst *p, uint32_t folder)
{
	size_t at = nodes_first_child(&p->nodes, folder);
	uint64_t n = 0;

	while (nodes_next_child(&p->nodes, folder, NID_MESSAGE, &at))
		n++;
	return n;
}

/*
 * Which folder is the inbox, the sent mail and so on: by the store's own pointers,
 * whatever the folders are called (MS-OXOSFLD; what stores really hold was
 * measured: an OST has fixed numbers instead of some of them).
 */
#include "pst/store.h"

#include "pst/bytes.h"

#define ENTRY_MAX	 4096
#define ENTRY_NID	 20 /* of an entry id of 24 bytes: flags 4, store 16, NID 4 */
#define EXCHANGE_ENTRY	 46
#define EXCHANGE_COUNTER 38 /* 6 bytes that tell the folder apart */
#define DRAFTS_ENTRY	 0x36d7
#define OTHER_ENTRIES	 0x36d8
#define JUNK_PLACE	 4
#define RECEIVE_FOLDER	 0x6605
#define MESSAGE_CLASS	 0x001a

static void assign(struct folder *f, enum role role)
{
	if (f && f->nid != NID_ROOT_FOLDER && f->role == ROLE_NONE)
		f->role = role;
}

/* An Exchange entry id has no NID; its counter equals the end of the folder's change key. */
static struct folder *find_by_counter(struct pst *p, const char *counter)
{
	for (size_t i = 0; i < p->n_folders; i++) {
		uint64_t key = htole64(p->folders[i].change_key);

		if (key != 0 && memcmp((const char *)&key + 2, counter, 6) == 0)
			return &p->folders[i];
	}
	return NULL;
}

/* The folder of an entry id. It may carry the id of another store (of which this file is a copy):
 * the number counts, if there is such a folder. */
static struct folder *find_entry(struct pst *p, struct slice entry)
{
	if (entry.len == 24)
		return folders_find(p, get32(entry.ptr + ENTRY_NID));
	if (entry.len == EXCHANGE_ENTRY)
		return find_by_counter(p, entry.ptr + EXCHANGE_COUNTER);
	return NULL;
}

/* The receive-folder table: the row of the empty class, else of "IPM". */
static struct folder *find_inbox(struct pst *p)
{
	const struct node *node = nodes_find(&p->nodes, NID_RECEIVE_FOLDERS);
	struct err ignored = ERR_INIT;
	struct table t;
	uint32_t row_id, nid = 0;

	arena_reset(&p->scratch);
	if (!node ||
	    table_open(&t, p->n, &p->texts, node->data, node->sub, &p->scratch, &ignored) < 0)
		return NULL;
	for (size_t i = 0; table_row(&t, i, &row_id, &ignored) > 0; i++) {
		const char *class = table_text(&t, MESSAGE_CLASS, &p->scratch);
		uint32_t to = (uint32_t)table_int(&t, RECEIVE_FOLDER);

		if (!class || !*class)
			return folders_find(p, to);
		if (slice_ieq(slice_str(class), SLICE_LIT("IPM")))
			nid = to;
	}
	return folders_find(p, nid);
}

/* Drafts and junk: entry ids in the properties of the inbox or of the root. */
static void assign_from(struct pst *p, const struct node *node)
{
	struct err ignored = ERR_INIT;
	struct slice all, one;
	struct props props;

	arena_reset(&p->scratch);
	if (!node ||
	    props_open(&props, p->n, &p->texts, node->data, node->sub, &p->scratch, &ignored) < 0)
		return;
	assign(find_entry(p, props_bytes(&props, DRAFTS_ENTRY, ENTRY_MAX, &p->scratch)),
	       ROLE_DRAFTS);
	all = props_bytes(&props, OTHER_ENTRIES, ENTRY_MAX, &p->scratch);
	if (multiple_at(all, JUNK_PLACE, &one))
		assign(find_entry(p, one), ROLE_JUNK);
}

static bool has_role(const struct pst *p, enum role role)
{
	for (size_t i = 0; i < p->n_folders; i++)
		if (p->folders[i].role == role)
			return true;
	return false;
}

void roles_assign(struct pst *p, struct props *store)
{
	static const struct {
		uint16_t entry;
		uint32_t ost; /* NID in an OST */
		enum role role;
	} fixed[] = {
		{ 0, 0x2182, ROLE_INBOX },
		{ 0x35e2, 0x21a2, ROLE_OUTBOX },
		{ 0x35e3, 0x2162, ROLE_TRASH },
		{ 0x35e4, 0x21c2, ROLE_SENT },
	};
	struct folder *inbox = find_inbox(p);

	assign(inbox, ROLE_INBOX);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		struct folder *f = NULL;

		arena_reset(&p->scratch);
		if (fixed[i].entry && store->n > 0)
			f = find_entry(p,
				       props_bytes(store, fixed[i].entry, ENTRY_MAX, &p->scratch));
		if (!f && p->facts.exchange_cache)
			f = folders_find(p, fixed[i].ost);
		if (f && !has_role(p, fixed[i].role))
			assign(f, fixed[i].role);
	}
	for (size_t i = 0; i < p->n_folders && !inbox; i++)
		if (p->folders[i].role == ROLE_INBOX)
			inbox = &p->folders[i];
	if (inbox)
		assign_from(p, inbox->node);
	if (!has_role(p, ROLE_DRAFTS) || !has_role(p, ROLE_JUNK))
		assign_from(p, nodes_find(&p->nodes, NID_ROOT_FOLDER));
}

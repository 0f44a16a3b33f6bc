/*
 * An open store, as the files of pst/ share it.
 */
#ifndef MAILHOIST_PST_STORE_H
#define MAILHOIST_PST_STORE_H

#include "pst/damage.h"
#include "pst/names.h"
#include "pst/nodes.h"
#include "pst/props.h"
#include "pst/table.h"

#define STORE_TEXTS_MAX (256u << 20) /* folders' names and the map of named properties */
#define FOLDER_DEPTH	64	     /* deeper folders are delivered as if nothing led to them */

/* A folder of the walk. Their number is bounded by that of the nodes. */
struct folder {
	uint32_t nid;
	uint32_t up; /* place in the list of the folder above, or FOLDER_TOP */
	unsigned depth;
	const char *name, *class;
	const struct node *node; /* NULL: the folder itself is gone */
	enum role role;
	bool hidden, outside, orphans;
	int64_t said_count;
	uint64_t change_key; /* PidTag 0x67F4 as stored, or 0 */
};
#define FOLDER_TOP UINT32_MAX

struct pst {
	struct ndb *n;
	struct codepages *own_codepages; /* NULL: the caller's are used */
	struct texts texts;
	struct nodes nodes;
	struct names names;
	struct damages *damages;
	struct pst_facts facts;
	struct arena arena; /* as long as the store */
	uint16_t keywords_id, header_item_id;

	struct folder *folders; /* in the order of delivery */
	size_t n_folders, cap_folders, next_folder;
	uint32_t top;	  /* NID of the user's folders' root */
	uint32_t current; /* NID whose items are listed */

	struct arena scratch;	   /* of one call */
	struct tree blob;	   /* the blob last read from */
	struct text_stream stream; /* the long text last read from */
};

/* folders.c: read all folders, in the order of delivery. */
int folders_load(struct pst *p, const struct props *store, struct err *err);
struct folder *folders_find(struct pst *p, uint32_t nid); /* or NULL */

/* roles.c: give folders their roles, by the store's own pointers. */
void roles_assign(struct pst *p, struct props *store);

/* check.c: compare what the tables of a folder list with the nodes there are; tell what is lost.
 * *rows becomes the number of rows of its contents table, or -1. */
void check_folder(struct pst *p, const struct folder *f, uint64_t node_count, int64_t *rows);

/* Message nodes below a folder. */
uint64_t store_count_items(const struct pst *p, uint32_t folder);

#endif

/*
 * Reader of Outlook stores (PST: ANSI, Unicode; OST: 4K pages), per MS-PST. It is
 * meant to run in a locked-down child (source/pst_worker.c): libpst, which reads
 * blocks, crashes and exits on damaged files.
 *
 * Layers, each a file: ndb (blocks, through libpst), nodes (node B-tree), tree
 * (data trees, subnodes), heap (heap-on-node, B-tree-on-heap), props (property
 * context), table (table context), names (named properties), folders (tree, roles,
 * counts), item (struct mapi_item).
 */
#ifndef MAILHOIST_PST_PST_H
#define MAILHOIST_PST_PST_H

#include "mapi/codepage.h"
#include "mapi/item.h"
#include "message/message.h"

struct pst;

enum pst_format { PST_ANSI = 1, PST_UNICODE, PST_OST_4K };

struct pst_facts {
	enum pst_format format;
	int version;			 /* wVer */
	int encryption;			 /* bCryptMethod: 0 none, 1 permute, 2 cyclic */
	uint64_t file_size, header_size; /* st_size; what the header says (ibFileEof) */
	bool header_crc_ok;
	bool password_set;
	bool exchange_cache; /* an OST */
	uint8_t uid[16];     /* PidTagRecordKey of the store */
	const char *name;    /* display name of the store, or "" */
};

/* Open the store behind `fd` (read-only; stays the caller's and open as long as the store). Nothing
 * is opened by name, here or later, except converters, where `codepages` (the caller's, as long as
 * the store) were not loaded before.
 * ERR_FORMAT (SCOPE_SOURCE) with a text for the user: no PST, WIP-encrypted, unknown version,
 * truncated, index unreadable ("this file is damaged: run Outlook's Inbox Repair Tool (scanpst) on
 * a copy"). */
int pst_store_open(int fd, struct codepages *codepages, struct pst **out, struct err *err);
void pst_store_close(struct pst *p);
void pst_store_facts(const struct pst *p, struct pst_facts *out);

/* What the self-check finds; drained by pst_next_damage() at any time (best after each folder, and
 * once more at the end). */
struct pst_damage {
	uint32_t nid;	  /* of the folder or item concerned; 0: the store */
	uint64_t lost;	  /* items of folder `nid` that are known to have been there and cannot be
			     delivered; 0: nothing is lost by this alone */
	bool unknown;	  /* items may be lost by it, and nobody can tell how many: a page of the
			     node index. Tables of folders may still tell: then as `lost` */
	const char *text; /* one line for the user */
};
int pst_next_damage(struct pst *p, struct arena *a, struct pst_damage *out); /* 1 or 0 */

struct pst_folder {
	uint32_t nid, parent;
	size_t depth;		     /* components of the path */
	const char *path[64];	     /* below the top of the user's folders; opaque UTF-8 */
	enum role role;		     /* by the store's own pointers */
	const char *container_class; /* "IPF.Note", ... or "" */
	bool hidden;
	bool outside;	     /* not below the top of the user's folders; delivered only where it
				holds items. Paths start below the root then */
	bool orphans;	     /* a folder that nothing in the store leads to, or (nid of the missing
				folder) the items of one that is gone. Paths are relative */
	int64_t said_count;  /* PidTagContentCount, or -1 */
	int64_t table_rows;  /* rows of the contents table, or -1 */
	uint64_t node_count; /* message nodes below this folder */
	uint64_t stamp;	     /* changes whenever an item of the folder may have: over (nid, bidData,
				bidSub) of the folder and of all its items */
};
/* Folders in a fixed order (depth first, siblings by NID): 1, 0, -1 (SCOPE_FOLDER: ask again for
 * the next; wider: the end). Search folders are left out. */
int pst_next_folder(struct pst *p, struct arena *a, struct pst_folder *out, struct err *err);

/* NIDs of the items of the folder last delivered, ascending, above `after` (0: from the first): 1,
 * 0 (the end). Items with hidden nodes (associated) are not listed. */
int pst_next_item_nid(struct pst *p, uint32_t after, uint32_t *nid, struct err *err);

/* NIDs of all items of the store, whatever their folder, ascending, above `after`: true, false (the
 * end). Does not disturb the iteration over folders. */
bool pst_next_message_nid(const struct pst *p, uint32_t after, uint32_t *nid);

/* The item at `nid` (any folder's). Its texts lie in `a`; its blobs are valid until the next
 * pst_item_open(). -1 with SCOPE_MESSAGE: it cannot be read, the text says why. */
int pst_item_open(struct pst *p, uint32_t nid, struct arena *a, struct mapi_item *out,
		  struct err *err);

/* The same without its bodies and transport headers (their blobs are empty): for learning
 * addresses, at a third of the cost. */
int pst_item_people(struct pst *p, uint32_t nid, struct arena *a, struct mapi_item *out,
		    struct err *err);

/* The folder an item lies in (its parent node), 0 where unknown. */
uint32_t pst_folder_of(const struct pst *p, uint32_t nid);

#endif

/*
 * The nodes of a store (MS-PST 2.2.2.7.7.4): folders, items, tables, each a number
 * with two blocks. All of them are held in memory, 28 bytes each, found by number
 * and by parent.
 */
#ifndef MAILHOIST_PST_NODES_H
#define MAILHOIST_PST_NODES_H

#include "pst/ndb.h"

/* Kinds of node: the low 5 bits of its number (MS-PST 2.2.2.1). */
enum nid_type {
	NID_FOLDER = 2,
	NID_SEARCH_FOLDER = 3,
	NID_MESSAGE = 4,
	NID_ATTACHMENT = 5,
	NID_ASSOCIATED = 8,
	NID_HIERARCHY_TABLE = 0xd,
	NID_CONTENTS_TABLE = 0xe,
};
#define NID_STORE	    0x21
#define NID_NAMES	    0x61
#define NID_ROOT_FOLDER	    0x122
#define NID_RECEIVE_FOLDERS 0x62b
#define NID_ATTACHMENTS	    0x671 /* inside an item */
#define NID_RECIPIENTS	    0x692 /* inside an item */

static inline enum nid_type nid_type(uint32_t nid)
{
	return (enum nid_type)(nid & 0x1f);
}

/* The node of another kind that belongs to this one: a folder's table. */
static inline uint32_t nid_as(uint32_t nid, enum nid_type type)
{
	return (nid & ~(uint32_t)0x1f) | (uint32_t)type;
}

struct node {
	uint32_t nid, parent;
	uint64_t data, sub; /* block ids; sub: 0 = no subnodes */
};

struct nodes {
	struct node *list;   /* by nid, each once */
	uint32_t *by_parent; /* places in it, by parent, then nid */
	size_t n, cap;
};

/* -1 (SCOPE_SOURCE): the root page cannot be read. What other pages held goes to `damages`. */
int nodes_load(struct nodes *s, const struct ndb *n, struct damages *damages, struct err *err);
void nodes_release(struct nodes *s);

const struct node *nodes_find(const struct nodes *s, uint32_t nid); /* or NULL */

/* Children of `parent` are the nodes by_parent[i] for i from here on, while the parent is the same.
 */
size_t nodes_first_child(const struct nodes *s, uint32_t parent);

/* The next child of that kind, from place *at on (from nodes_first_child()); NULL at the end. */
const struct node *nodes_next_child(const struct nodes *s, uint32_t parent, enum nid_type type,
				    size_t *at);

#endif

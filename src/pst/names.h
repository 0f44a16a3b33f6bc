/*
 * Named properties (MS-PST 2.4.7): which property id a store has given to a name or
 * number of a property set.
 */
#ifndef MAILHOIST_PST_NAMES_H
#define MAILHOIST_PST_NAMES_H

#include "pst/props.h"

struct named {
	uint32_t key;	 /* LID; of a string name: hash of it, ASCII case folded */
	uint32_t offset; /* of a string name in `strings` */
	uint16_t id;
	uint8_t set; /* enum mapi_set */
	bool text;
};

struct names {
	struct named *list; /* by text, key */
	size_t n;
	struct slice strings;
};

/* Everything lies in `a`. -1 (SCOPE_MESSAGE): the map cannot be read; `s` is empty then. */
int names_load(struct names *s, struct ndb *n, struct texts *texts, uint64_t data, uint64_t sub,
	       struct arena *a, struct err *err);

/* The property id, or 0. */
uint16_t names_lid(const struct names *s, enum mapi_set set, uint32_t lid);
uint16_t names_text(const struct names *s, enum mapi_set set, const char *name);

#endif

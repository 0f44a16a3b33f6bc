/*
 * What an HTML body refers to: "cid:" URLs and src= values, found while the body
 * streams by, kept as hashes. So an attachment can be told to be part of the page.
 */
#ifndef MAILHOIST_MIME_REFS_H
#define MAILHOIST_MIME_REFS_H

#include "base/slice.h"

#define REFS_MAX      1024 /* of one page; more are not looked for */
#define REF_VALUE_MAX 512

struct refs {
	size_t n;
	uint64_t hashes[REFS_MAX];
	uint32_t last; /* four characters, lower case */
	bool collecting;
	size_t len;
	char value[REF_VALUE_MAX];
};

void refs_init(struct refs *r);
void refs_add(struct refs *r, struct slice html); /* the next piece */
/* Does the page refer to this Content-ID (with or without its brackets) or Content-Location? */
bool refs_has(const struct refs *r, struct slice id);

#endif

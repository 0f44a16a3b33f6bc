/*
 * What the self-check of a store found, kept until somebody asks (struct pst_damage).
 */
#ifndef MAILHOIST_PST_DAMAGE_H
#define MAILHOIST_PST_DAMAGE_H

#include "pst/pst.h"

/* Findings kept at once. More are counted, not told one by one: a store in which every page is
 * broken must not fill the memory. */
#define DAMAGE_MAX 1024

struct damages {
	struct {
		uint32_t nid;
		uint64_t lost;
		bool unknown;
		char *text;
	} kept[DAMAGE_MAX];
	size_t first, n;
	uint64_t untold, untold_lost;
	bool untold_unknown;
};

void damage_add(struct damages *d, uint32_t nid, uint64_t lost, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The one added last may be the loss of any number of items. */
void damage_unknown(struct damages *d);
int damage_next(struct damages *d, struct arena *a, struct pst_damage *out);
void damage_release(struct damages *d);

#endif

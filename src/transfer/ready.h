/*
 * Target folders, made ready ahead: created where they are missing, subscribed, their
 * UIDNEXT known, READY_MAX of them in one round trip. What does not go smoothly
 * (a name that the server refuses or changes) is left to target.c, one by one.
 */
#ifndef MAILHOIST_TRANSFER_READY_H
#define MAILHOIST_TRANSFER_READY_H

#include "transfer/internal.h"

#define READY_MAX 32

struct ready_target {
	struct remote_folder folder;
	uint64_t lines;		     /* of the plan that go there: the largest folder goes first */
	struct folder_status status; /* uidvalidity 0: not known */
};

struct ready {
	struct ready_target target[READY_MAX];
	size_t n, at;  /* loaded, and handed out */
	bool asked;    /* the server has been asked about these */
	int64_t after; /* the last folder loaded */
	struct arena arena;
};

/* Load the next targets of the run when all before have been handed out. `is_taken`: not this one.
 * 1: there is one; 0: no more; -1. */
int ready_load(struct ready *r, struct transfer *t, bool (*is_taken)(const void *, int64_t),
	       const void *context, struct err *err);

/* Over t->session. What was made is written into the transaction of the books, or with NULL one by
 * one. 0, -1: ask again over another one. */
struct books;
int ready_ask(struct ready *r, struct transfer *t, struct books *books, struct err *err);

/* The next one, valid until ready_load(). */
const struct ready_target *ready_take(struct ready *r);

#endif

/*
 * What a lane moves around: batches of uploads, in lists. A batch is a range of a
 * chunk, so that cutting one in halves copies nothing.
 */
#ifndef MAILHOIST_TRANSFER_QUEUE_H
#define MAILHOIST_TRANSFER_QUEUE_H

#include "imap/session.h"
#include "journal/journal.h"

/* Uploads loaded together; shared by the batches cut from them. */
struct chunk {
	size_t refs;
	struct arena arena;
	struct upload *uploads;
	size_t n;
};

/* One APPEND command, or what will become one. */
struct batch {
	struct batch *next;
	struct chunk *chunk;
	size_t first, n; /* of the chunk's uploads */
	uint64_t octets;
	int64_t ticket;		  /* 0: not begun */
	uint32_t creation;	  /* of the folder, when it was begun (lane.h) */
	uint32_t tries;		  /* answers that called for another try */
	uint64_t uploaded_before; /* tally.uploaded at the first of these */
	bool plain_flags;	  /* the server refused its keywords: system flags only */
	bool answered;		  /* refused before its octets were all sent */
	unsigned mends;		  /* attempts to mend it that were made (lane_mend.c) */
	bool asked, why_known;	  /* refused without a reason (lane_refuse.c) */
	bool early;		  /* to be mended before the server has refused it */
	bool kept;		  /* the original is in the sidecar */
	enum refusal refusal;
	char text[ERR_TEXT_MAX];
};

struct batch_list {
	struct batch *first, *last;
	size_t n, messages;
	uint64_t octets;
};

/* For up to `max` uploads (chunk.n is 0). It belongs to the caller, and to each batch; it goes with
 * the last of them. NULL: out of memory. */
struct chunk *chunk_new(size_t max);
void chunk_unref(struct chunk *c);

struct batch *batch_new(struct chunk *c, size_t first, size_t n); /* NULL: out of memory */
void batch_free(struct batch *b);				  /* NULL does nothing */

/* Cut `b` behind its first `n` messages; the rest is returned as a batch of its own (it may be
 * empty), or NULL when out of memory. */
struct batch *batch_split(struct batch *b, size_t n);

/* The journal's numbers of its uploads; returns how many. */
size_t batch_ids(const struct batch *b, int64_t *ids);

void list_push_last(struct batch_list *list, struct batch *b);
void list_push_first(struct batch_list *list, struct batch *b);
struct batch *list_take_first(struct batch_list *list);		 /* NULL: empty */
void list_bring_first(struct batch_list *list, struct batch *b); /* b: one of them */
void list_release(struct batch_list *list);			 /* frees the batches */

#endif

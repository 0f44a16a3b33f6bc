/*
 * Matching: which local message is on the server already? From cheap to certain:
 * SQL joins the items of a run with the server index by keys; what agrees becomes
 * a candidate; transfer/resolve.c fetches of each candidate what its level needs
 * and settles it; then the best proven copy is chosen for every item. Nothing is
 * skipped on keys alone.
 *
 * Levels, as candidates:
 *   MATCH_UIDL     the message's UIDL means this one, and more says so: never compared (uidl.h)
 *   MATCH_CONTENT  Message-ID, `fields` and size agree (the size also after what servers are
 *                  known to change): proven by the first MATCH_SAMPLE octets of the body
 *   MATCH_DRESS    `fields` agree, but the size does not or there is no Message-ID: proven by
 *                  the whole body (and if `essence` differs, called MATCH_WEAK)
 *   MATCH_WEAK     only the Message-ID agrees: proven by the whole body. Or one of the two has no
 *                  Message-ID, and From, Date and Subject agree: proven by the whole body and
 *                  equal To and Cc (one text sent to many in one second is many messages)
 *   MATCH_REBUILT  a message composed from a store, of which the server may have the original:
 *                  Message-ID (or, where the store has none, From, Date and Subject) agree: proven
 *                  by the outline (message/outline.h)
 * "Equal" always means: after what servers are documented to change (NUL, lone CR, CR CR LF).
 *
 * A verdict is about contents (SHA-256) and a message of the server (folder, UID), and is kept:
 * a second run compares nothing again. The same content in several local files is compared once.
 *
 * Call order, after plan_folders() has set the targets:
 *   match_prepare(); while (match_candidate_next() > 0) ... match_candidate_settle();
 *   match_finish(); and then plan_lines(), on the same open journal.
 */
#ifndef MAILHOIST_MATCH_MATCH_H
#define MAILHOIST_MATCH_MATCH_H

#include "journal/journal.h"

#define MATCH_SAMPLE (16u << 10) /* octets of the body that prove MATCH_CONTENT */

/* Server messages one item is compared with, at most. Keys that so many messages share (mail of
 * machines without Message-ID, hostile mail) are paired in order instead, each item with
 * MATCH_CROWDED_MAX messages around its place and as many of the nearest sizes. */
#define MATCH_CANDIDATES_MAX 32
#define MATCH_CROWDED_MAX    8

struct match_options {
	bool keep_duplicates;	     /* a server copy stands for at most one local copy */
	bool duplicate_into_folders; /* only copies in the target folder count */
	bool include_deleted, include_outbox, include_feeds, include_partial;
	bool rewritten;	       /* the server writes headers anew: sizes tell little */
	bool no_uidl;	       /* find nothing by UIDLs */
	bool distrust_journal; /* verify: what we once stored counts only if it is still indexed */
};

/* Fills the candidates of a run. An incomplete message may be any larger one with equal `fields`.
 */
int match_prepare(struct journal *j, int64_t run, const struct match_options *options,
		  struct err *err);

enum match_verdict { VERDICT_OPEN, VERDICT_SAME, VERDICT_OTHER, VERDICT_UNKNOWN };

struct match_candidate {
	/* the local message; texts in the arena */
	int64_t item;
	const char *kind, *source; /* how to open the source */
	const char *store_location;
	const char *locator;
	uint8_t sha256[SHA256_LEN];
	uint64_t wire_len, header_len;
	uint64_t nul_count, cr_count, cr_cr_lf_count;
	uint32_t repairs;
	uint8_t essence[KEY_LEN];
	bool has_id;
	bool rebuilt; /* composed: the original has other octets */
	bool partial; /* only the beginning is here: the server's whole copy is the same message */
	/* the server's */
	int64_t folder;
	const char *wire_name;
	uint32_t uid;
	uint64_t size;
	enum match_level level; /* to be proven */
	bool in_target;		/* in the folder where the item is to go */
};

/* Zero it before the first call. */
struct match_cursor {
	bool started;
	int phase;
	int64_t remote;
	uint8_t sha256[SHA256_LEN];
};

/* The next open candidate behind the cursor, ordered by (in_target first, folder, UID): 1, 0, -1.
 * What an already settled verdict made needless is left out, so settle as early as you can. Once
 * it has returned 0, all that is still open stays so. */
int match_candidate_next(struct journal *j, int64_t run, struct match_cursor *cursor,
			 struct arena *a, struct match_candidate *out, struct err *err);

/* Write down the verdict, with c->level as the level that proved it. VERDICT_UNKNOWN: could not be
 * compared (the item is then neither uploaded nor skipped in this run, but reported as undecided).
 * Within a transaction or not. */
int match_candidate_settle(struct journal *j, const struct match_candidate *c,
			   enum match_verdict verdict, struct err *err);

/* How many candidates are open: for the progress display. */
int match_candidate_count(struct journal *j, int64_t run, uint64_t *out, struct err *err);

/* Choose for each item the best proven copy: in its target folder first, else elsewhere. */
int match_finish(struct journal *j, int64_t run, struct err *err);

#endif

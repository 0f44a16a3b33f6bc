/*
 * What the steps of verify.c share: a folder's uploads are checked page by page, each
 * message of a page first against the index (verify_rows.c; whose doing a difference is:
 * verify_since.c), then, where that leaves a doubt, against what the server sends
 * (verify_look.c); the verdicts go into the journal and into the notices
 * (verify_results.c).
 */
#ifndef MAILHOIST_TRANSFER_VERIFY_WORK_H
#define MAILHOIST_TRANSFER_VERIFY_WORK_H

#include "transfer/internal.h"

#define VERIFY_PAGE 200
#define FINDING_MAX 300
#define SINCE_MAX   160

enum verdict {
	CHECK_SAME,
	CHECK_LOOK, /* fetch and compare it */
	CHECK_ALTERED,
	CHECK_REWRITTEN, /* by a server that is known to: other header fields, the same body */
	CHECK_DRESSED,	 /* the same, of a server that keeps one of each Message-ID: it had this one
			  */
	CHECK_DIFFERS,
	CHECK_MISSING,
	CHECK_GONE,    /* the same; it may have been there */
	CHECK_MOVED,   /* it lies elsewhere now */
	CHECK_TWIN,    /* missing on a server that keeps one message of each Message-ID */
	CHECK_UNKNOWN, /* one of the two cannot be read: nothing is said */
};

struct checked {
	struct upload *u;
	enum verdict verdict;
	bool whole;	 /* header and body are ours to answer for; false: the body alone */
	bool asked;	 /* in the FETCH at work */
	bool body_only;	 /* the header has been seen to differ */
	bool date;	 /* its date differs */
	uint32_t mended; /* enum mend: in which form it is compared */
	char finding[FINDING_MAX];
	char since[SINCE_MAX]; /* what somebody has done to its flags; "": nothing */
};

struct verifying {
	struct transfer *t;
	enum verify_level level;
	bool present; /* the lines of `mailhoist verify`, not our uploads */
	struct remote_folder folder;
	struct canon *canon;
	struct arena arena, find_arena;
	struct checked *page;
	size_t n;
	bool examined, in_transaction;
	bool one_by_one; /* one message of the page cannot be fetched */
	bool whole;	 /* what the FETCH at work asks for */
	uint64_t in_commit, done;
	uint64_t keywords_missing, rewritten, had_already, dressed, dates; /* in the folder */
	uint64_t findings;		       /* in the folder, told or not */
	uint64_t changed;		       /* there by somebody since */
	bool has_records, records_new;	       /* at all, since the folder was indexed */
	struct flag_record records[FLAG_BITS]; /* what has become of flags */
};

/* What is wrong with it, or else to be told, in words. */
void verify_finding(struct checked *c, enum verdict verdict, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A server that keeps one message of each Message-ID may have had one before we sent ours. */
bool verify_may_be_twin(const struct verifying *v, const struct checked *c);

/* ---- verify_rows.c: against the index ---- */

/* The verdict, or CHECK_LOOK. */
int verify_row(struct verifying *v, struct checked *c, struct err *err);

/* ---- verify_since.c: whose doing a difference is ---- */

/* It is not there. */
int verify_absent(struct verifying *v, struct checked *c, struct err *err);

/* It has other flags than it was given: a difference, or c->since. */
int verify_flags(struct verifying *v, struct checked *c, uint32_t there, struct err *err);

/* ---- verify_look.c: against the message itself ---- */

/* Fetch what has to be looked at: 1, call it again; 0: all have their verdicts; -1. */
int verify_look(struct verifying *v, struct err *err);

/* ---- verify_results.c ---- */

int verify_begin(struct verifying *v, struct err *err);
int verify_commit(struct verifying *v, struct err *err);

/* The verdicts of the page into the journal and the tally. */
int verify_write_page(struct verifying *v, struct err *err);

/* What is told once for a folder. */
int verify_note_changes(struct verifying *v, struct err *err);

#endif

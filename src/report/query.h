/*
 * What the text and the JSON report both ask the journal.
 */
#ifndef MAILHOIST_REPORT_QUERY_H
#define MAILHOIST_REPORT_QUERY_H

#include "journal/journal.h"
#include "message/fidelity.h"

/* Lines of a run by outcome and reason, in the order of outcomes. */
struct reason_count {
	enum line_outcome outcome;
	enum action action;
	const char *reason; /* code, "" for none */
	enum match_level level;
	uint64_t n, bytes;
};
struct reason_query {
	sqlite3_stmt *statement;
};
/* `named`: only those that have a reason, which is found out sooner. */
int reasons_begin(struct journal *j, int64_t run, bool named, struct reason_query *out,
		  struct err *err);
int reasons_next(struct journal *j, struct reason_query *q, struct arena *a,
		 struct reason_count *out, struct err *err); /* 1, 0, -1 */

/* Composed messages of a run that are not as they once were: all of them, and by class (one message
 * may be in several). */
struct fidelity_counts {
	uint64_t messages;
	uint64_t of[FIDELITY_COUNT]; /* by the number of the bit */
};
int query_fidelity(struct journal *j, int64_t run, struct fidelity_counts *out, struct err *err);

/* The folder path of a store, joined with '/'. */
void query_folder_name(struct buf *out, const struct store_info *store);

#endif

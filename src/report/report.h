/*
 * Reports of a run, from the journal alone: what was found, what became of it,
 * why something was not uploaded, what verification found. No server is needed,
 * and none can be reached from here.
 */
#ifndef MAILHOIST_REPORT_REPORT_H
#define MAILHOIST_REPORT_REPORT_H

#include "journal/journal.h"

struct report_options {
	int fd;		     /* where it is written */
	bool verbose;	     /* list also what was left out on purpose, and duplicates */
	const char *account; /* for the heading */
};

/* For people. */
int report_text(struct journal *j, int64_t run, const struct report_options *options,
		struct err *err);

/* One JSON object: run, balance, folders, reasons, refused, differences, notices. */
int report_json(struct journal *j, int64_t run, const struct report_options *options,
		struct err *err);

/* One JSON object a line for each message, in scan order: the facts of facts.h and "action",
 * "target", "match", "reason". */
int report_lines(struct journal *j, int64_t run, const struct report_options *options,
		 struct err *err);

/* A page for the owner of the mailbox: what INBOX still holds, and what to do about it. */
int report_cleanup(struct journal *j, int64_t run, const struct report_options *options,
		   struct err *err);

/* Of a run that may still have open lines (a plan, or stopped): found == sum of all outcomes. */
bool report_accounts_for_all(const struct balance *b);

/* The messages were found, but the run ended before it had decided about any of them: no login, no
 * line. That is no error in the balance. */
bool report_nothing_decided(const struct balance *b);

#endif

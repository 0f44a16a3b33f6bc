/*
 * What `check` has found out, as text and as JSON.
 */
#ifndef MAILHOIST_CLI_CHECK_REPORT_H
#define MAILHOIST_CLI_CHECK_REPORT_H

#include "transfer/probe.h"
#include "transfer/survey.h"

#define ADVICE_MAX 16

struct check {
	const char *account;
	struct survey survey;
	bool probed;
	struct probe_result probe;
	const char *leftover; /* of an earlier probe, or NULL */
	const char *advice[ADVICE_MAX];
	size_t n_advice;
	const char *obstacle; /* why the migration cannot go on, or NULL */
};

/* Fill in obstacle and advice from the rest. The texts belong to the arena. */
int check_judge(struct check *c, struct arena *a, struct err *err);

/* The account is full, as far as its quota tells. */
bool check_is_full(const struct check *c);

/* `verbose`: with all folders and words of CAPABILITY. */
void check_text(const struct check *c, bool verbose, struct buf *out);
void check_json(const struct check *c, struct buf *out);

#endif

/*
 * Progress on stderr: one line that is rewritten on a terminal (at most ten times
 * a second), a line every few seconds elsewhere. Notes are printed above it.
 */
#ifndef MAILHOIST_CLI_PROGRESS_H
#define MAILHOIST_CLI_PROGRESS_H

#include "base/progress.h"
#include "cli/options.h"

struct progress_view {
	bool terminal, quiet, line_open;
	int64_t shown_at_ms; /* monotonic */
	char phase[200];     /* last one shown */
	int64_t phase_since_ms;
	uint64_t phase_start; /* `done` when the phase began: for the rate */
};

void progress_view_init(struct progress_view *v, const struct options *options);
struct progress progress_of(struct progress_view *v);

/* Clear the line, so that other text can follow. */
void progress_view_end(struct progress_view *v);

#endif

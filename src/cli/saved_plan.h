/*
 * What a run was asked to do, kept in the journal as JSON, so that `apply` can do
 * it later. No secrets: how to get the password is asked for again.
 */
#ifndef MAILHOIST_CLI_SAVED_PLAN_H
#define MAILHOIST_CLI_SAVED_PLAN_H

#include "cli/options.h"

/* Append the JSON text. The sources are those of the set (absolute paths). */
int saved_plan_write(const struct options *o, const struct source_set *sources, struct buf *out,
		     struct err *err);

/* Take account, sources, mapping and inclusions from the JSON text into *o; texts belong to the
 * arena. What concerns the server's security stays as the command line has it. */
int saved_plan_read(const char *json, struct arena *a, struct options *o, struct err *err);

#endif

/*
 * The sources of a run, opened, by the specification that the user gave. The
 * scan walks them in order; the uploader finds its messages again in them.
 */
#ifndef MAILHOIST_TRANSFER_SOURCE_SET_H
#define MAILHOIST_TRANSFER_SOURCE_SET_H

#include "source/source.h"

#define SOURCE_SET_MAX 256 /* sources named on one command line or in one plan */

struct source_set;

struct source_set *source_set_new(const struct source_options *options); /* NULL: out of memory */
void source_set_free(struct source_set *set);				 /* closes them */

/* Open `spec` ("KIND:PATH" or PATH). A relative path is made absolute, so that the journal knows
 * it again from another working directory. The same store twice: ERR_USAGE. */
int source_set_add(struct source_set *set, const char *spec, struct err *err);

const struct source_options *source_set_options(const struct source_set *set);
size_t source_set_count(const struct source_set *set);
struct source *source_set_get(const struct source_set *set, size_t i);
const char *source_set_kind(const struct source_set *set, size_t i);
const char *source_set_path(const struct source_set *set, size_t i); /* absolute */

/* The same message again: opens the source if it is not open yet. As source_find(); the body's
 * descriptor is valid until the next call. A source that is gone is ERR_CHANGED, SCOPE_MESSAGE. */
int source_set_find(struct source_set *set, const char *kind, const char *path, const char *locator,
		    struct arena *a, struct message *out, struct err *err);

#endif

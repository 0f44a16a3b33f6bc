/*
 * Opening a PST with a played worker, for tests; everybody else uses source_open().
 */
#ifndef MAILHOIST_SOURCE_PST_H
#define MAILHOIST_SOURCE_PST_H

#include "source/pst_child.h"
#include "source/source.h"

/* `instead`: the worker, as in worker_start(); NULL: the real one. `patience` NULL: the usual. */
int source_pst_open(const char *path, const struct source_options *options, int (*instead)(void),
		    const struct pst_patience *patience, struct source **out, struct err *err);

#endif

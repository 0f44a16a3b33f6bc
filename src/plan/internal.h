/*
 * What the files of plan/ share among themselves.
 */
#ifndef MAILHOIST_PLAN_INTERNAL_H
#define MAILHOIST_PLAN_INTERNAL_H

#include "plan/plan.h"

/* Fill the table `perishing` of match/work.h: the server's Trash and Junk folders. The run's
 * targets are known. */
int perishing_find(struct journal *j, int64_t run, const struct plan_server *server,
		   struct err *err);

#endif

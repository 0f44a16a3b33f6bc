/*
 * The one signal flag: SIGINT, SIGTERM and SIGHUP ask a run to stop at the next
 * safe place. Long loops look at stop_requested(); poll(2) wakes up by EINTR.
 */
#ifndef MAILHOIST_BASE_STOP_H
#define MAILHOIST_BASE_STOP_H

#include <stdbool.h>

#include "base/err.h"

void stop_install(void);  /* install the handlers; a second signal kills */
int stop_requested(void); /* 0, or the signal's number */
/* While something must be put in order before the end, nothing is known of a signal that has come
 * (a second one ends the process). */
void stop_hold(bool hold);
int stop_check(struct err *err); /* 0, or -1 with ERR_INTERRUPTED, SCOPE_RUN */

#endif

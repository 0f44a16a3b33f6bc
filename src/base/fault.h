/*
 * fault_point("name") marks a step at which a crash test may end the process:
 * with MAILHOIST_FAULT=name:N in the environment the N-th passage calls
 * _exit(86); with MAILHOIST_FAULT_LOG=FILE each passage appends its name.
 * fault_hurry() is true with MAILHOIST_HURRY in the environment: waiting times that
 * are there for distant servers shrink, so that a thousand crashes fit into a test.
 * Compiled in only with -DMAILHOIST_FAULTS (all but release builds).
 */
#ifndef MAILHOIST_BASE_FAULT_H
#define MAILHOIST_BASE_FAULT_H

#include <stdbool.h>

#define FAULT_EXIT_STATUS 86

#ifdef MAILHOIST_FAULTS
void fault_point(const char *name);
bool fault_hurry(void);
#else
#define fault_point(name) ((void)0)
#define fault_hurry()	  false
#endif

#endif

/*
 * fault_point("name") marks a step at which a crash test may end the process:
 * with MAILHOIST_FAULT=name:N in the environment the N-th passage calls
 * _exit(86); with MAILHOIST_FAULT_LOG=FILE each passage appends its name.
 * Compiled in only with -DMAILHOIST_FAULTS (all but release builds).
 */
#ifndef MAILHOIST_BASE_FAULT_H
#define MAILHOIST_BASE_FAULT_H

#define FAULT_EXIT_STATUS 86

#ifdef MAILHOIST_FAULTS
void fault_point(const char *name);
#else
#define fault_point(name) ((void)0)
#endif

#endif

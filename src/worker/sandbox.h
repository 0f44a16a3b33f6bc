/*
 * Locking a process down for good, in three layers that do not rely on each other:
 *
 *   limits    no core dumps, no writing to files, a bound on memory, CPU time and
 *             descriptors
 *   Landlock  no path can be opened and no TCP port reached, where the kernel has it
 *   seccomp   a short list of system calls: reading what is open, memory, the clock,
 *             sending on the socket, dying. Everything else fails with EPERM.
 *
 * Whatever needs a file (converters, time zones, locales) is loaded before.
 */
#ifndef MAILHOIST_WORKER_SANDBOX_H
#define MAILHOIST_WORKER_SANDBOX_H

#include "base/err.h"

struct sandbox_limits {
	uint64_t memory; /* address space, in octets */
	uint64_t cpu_s;
	uint64_t files; /* descriptors, those that are open included */
};

struct sandbox_facts {
	int landlock; /* ABI version in force, or 0: this kernel has none */
};

/* ERR_UNAVAILABLE when limits or seccomp cannot be applied: then nothing must be read. A kernel
 * without Landlock is no error (*out tells). There is no way back. */
int sandbox_enter(const struct sandbox_limits *limits, struct sandbox_facts *out, struct err *err);

#endif

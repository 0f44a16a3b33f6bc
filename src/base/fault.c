/*
 * Fault points for crash tests. See fault.h.
 */
#include "base/fault.h"

#ifdef MAILHOIST_FAULTS

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void log_passage(const char *name)
{
	const char *path = getenv("MAILHOIST_FAULT_LOG");
	char line[128];
	int fd, len;

	if (!path)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	len = snprintf(line, sizeof(line), "%s\n", name);
	if (len > 0 && write(fd, line, (size_t)len) < 0)
		perror(path); /* the test that counts the lines will notice */
	close(fd);
}

void fault_point(const char *name)
{
	static unsigned long passages; /* of the one armed point; test builds only */
	const char *armed = getenv("MAILHOIST_FAULT");
	const char *colon = armed ? strrchr(armed, ':') : NULL;
	size_t len;

	log_passage(name);
	if (!armed)
		return;
	len = colon ? (size_t)(colon - armed) : strlen(armed);
	if (strlen(name) != len || memcmp(name, armed, len) != 0)
		return;
	if (++passages >= (colon ? strtoul(colon + 1, NULL, 10) : 1))
		_exit(FAULT_EXIT_STATUS);
}

bool fault_hurry(void)
{
	return getenv("MAILHOIST_HURRY") != NULL;
}

#else
typedef int fault_points_are_not_compiled_in;
#endif

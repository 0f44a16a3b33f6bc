/*
 * A computer whose clock is wrong: preloaded (LD_PRELOAD) into a process, it sees the time of day
 * $CLOCK_SHIFT seconds later, or earlier. Clocks that only measure are left alone.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long shift(void)
{
	const char *text = getenv("CLOCK_SHIFT");

	return text ? atoll(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
	if (syscall(SYS_clock_gettime, clock, out) != 0)
		return -1;
	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		out->tv_sec += shift();
	return 0;
}

time_t time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *out, void *zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	out->tv_sec = now.tv_sec;
	out->tv_usec = now.tv_nsec / 1000;
	return 0;
}

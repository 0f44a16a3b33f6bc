/*
 * Measures what reading the boundaries of an mbox costs: mbox_boundaries FILE [ROUNDS] prints
 * messages, bytes and GB/s of the best round. The file should lie in the page cache: the first
 * round brings it there. Counts processor time: one core is what is asked about.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "source/mbox_file.h"

#define ROUNDS_DEFAULT 5

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int walk(const char *path, uint64_t *messages, uint64_t *bytes, struct err *err)
{
	struct arena a = ARENA_INIT((size_t)4 << 20);
	struct notices *notices = notices_new();
	struct mbox_file *f = NULL;
	struct message m;
	int got = notices ? mbox_file_open(AT_FDCWD, path, path, notices, &f, err) : err_nomem(err);

	*messages = *bytes = 0;
	while (got >= 0 && (got = mbox_file_next(f, &a, &m, err)) > 0) {
		++*messages;
		*bytes += m.body.len;
		arena_reset(&a);
	}
	mbox_file_close(f);
	notices_free(notices);
	arena_release(&a);
	return got;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[2]) : ROUNDS_DEFAULT;
	uint64_t messages = 0, bytes = 0;
	struct err err = ERR_INIT;
	double best = 1e9;

	if (argc < 2) {
		fprintf(stderr, "usage: mbox_boundaries FILE [ROUNDS]\n");
		return 64;
	}
	for (int i = 0; i < rounds; i++) {
		double start = now_s();

		if (walk(argv[1], &messages, &bytes, &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			return 66;
		}
		best = now_s() - start < best ? now_s() - start : best;
	}
	printf("%" PRIu64 " messages, %" PRIu64 " bytes, %.3f s, %.2f GB/s\n", messages, bytes,
	       best, (double)bytes / best / 1e9);
	return 0;
}

/*
 * How long work tells what it is doing. The steps call; cli/progress.c shows.
 */
#ifndef MAILHOIST_BASE_PROGRESS_H
#define MAILHOIST_BASE_PROGRESS_H

#include <stdint.h>

struct progress {
	void *context;
	/* `phase` is a short text ("uploading 'Sent'"); total 0: not known. Called often: cheap. */
	void (*update)(void *context, const char *phase, uint64_t done, uint64_t total,
		       uint64_t bytes);
	/* A line that the user should see now (a pause, a refusal, a folder renamed). Safe text. */
	void (*note)(void *context, const char *text);
};

/* Both do nothing when `p` is NULL. */
void progress_update(const struct progress *p, const char *phase, uint64_t done, uint64_t total,
		     uint64_t bytes);
void progress_note(const struct progress *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif

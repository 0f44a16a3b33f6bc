/*
 * A window that slides over a file, for readers that look for line starts: 64-bit offsets, reads in
 * chunks that stay in the processor's cache, no mmap (a file that is cut short while it is read
 * would kill us by SIGBUS).
 */
#ifndef MAILHOIST_SOURCE_WINDOW_H
#define MAILHOIST_SOURCE_WINDOW_H

#include "base/err.h"
#include "base/slice.h"

#ifdef MAILHOIST_FUZZ
#define WINDOW_CHUNK	((size_t)64) /* borders of chunks fall everywhere in small inputs */
#define WINDOW_KEEP_MAX ((size_t)256)
#else
#define WINDOW_CHUNK	((size_t)256 << 10) /* read at a time; larger falls out of the L2 cache */
#define WINDOW_KEEP_MAX ((size_t)4 << 20)   /* nearly all messages */
#endif
#define WINDOW_WANT_MAX ((size_t)1216 << 10) /* a whole header block and what follows it */
#define WINDOW_BEFORE	4		     /* bytes before a wanted offset that stay visible */

struct window {
	int fd;	       /* not owned */
	uint64_t end;  /* of what is read: the file's size, or less */
	uint64_t keep; /* offset, see window_keep() */
	uint64_t base;
	size_t len;
	char *bytes; /* [base, base + len) of the file; allocated at the first use */
};

void window_init(struct window *w, int fd, uint64_t end);
void window_release(struct window *w);

/* Make at least `n` bytes (at most WINDOW_WANT_MAX) from `off` on visible, fewer only at the end,
 * and the WINDOW_BEFORE bytes before them. *out is all that is visible from `off` on, until the
 * next call. 0 or -1; ERR_CHANGED, SCOPE_FOLDER when the file has become shorter. */
int window_want(struct window *w, uint64_t off, size_t n, struct slice *out, struct err *err);

/* From now on let what lies at `off` and behind it stay visible while the window moves on, as long
 * as that is at most WINDOW_KEEP_MAX: so that a message whose end has been found need not be read a
 * second time. Only a hint: ask window_bytes(). */
void window_keep(struct window *w, uint64_t off);

/* The byte at `off`, which must be visible. */
char window_at(const struct window *w, uint64_t off);

/* The `len` bytes at `off` if all of them are visible, else NULL. Valid until the next call of
 * window_want(). */
const char *window_bytes(const struct window *w, uint64_t off, uint64_t len);

/* From `*off` on, find a line end `eol` that is followed by "From "; *off becomes the offset of
 * that 'F'. 1, 0 (none until the end), -1. */
int window_find_from(struct window *w, uint64_t *off, char eol, struct err *err);

/* The search itself, for tests: the first `eol` in [p, end) followed by 'F', or NULL. A last `eol`
 * is found too: what follows it is not known. */
const char *window_find_eol_f(const char *p, const char *end, char eol);

#endif

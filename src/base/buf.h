/*
 * A growing byte buffer with a limit. A buffer that would exceed its limit, or
 * cannot get memory, becomes `failed`: it stays as it was, further additions do
 * nothing, and whoever uses it checks once at the end with buf_ok().
 */
#ifndef MAILHOIST_BASE_BUF_H
#define MAILHOIST_BASE_BUF_H

#include "base/err.h"
#include "base/slice.h"

struct buf {
	char *ptr;
	size_t len, cap;
	size_t limit; /* bytes, at most */
	bool failed;
};

#define BUF_INIT(limit_)                                                                           \
	{                                                                                          \
		NULL, 0, 0, (limit_), false                                                        \
	}

/* Runs `fn_(&variable)` when the variable goes out of scope. */
#define CLEANUP(fn_) __attribute__((cleanup(fn_)))

void buf_init(struct buf *b, size_t limit);
void buf_release(struct buf *b); /* frees; the buffer is empty and usable afterwards */
void buf_wipe(struct buf *b);	 /* overwrites, then releases: for secrets */
void buf_reset(struct buf *b);	 /* forgets the content and the failure, keeps the memory */

/* Make room for `more` bytes behind the content and return it, or NULL (failed). */
char *buf_room(struct buf *b, size_t more);

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_adds(struct buf *b, const char *text);
void buf_add_slice(struct buf *b, struct slice s);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Called for each character of many texts: the way of nearly all is inlined. */
static inline void buf_addc(struct buf *b, char c)
{
	if (!b->failed && b->len < b->limit && b->len + 1 < b->cap)
		b->ptr[b->len++] = c;
	else
		buf_add(b, &c, 1);
}

/* Drop the first `len` bytes. */
void buf_consume(struct buf *b, size_t len);

/* The content with a NUL behind it (not counted), or NULL when failed. */
const char *buf_cstr(struct buf *b);
struct slice buf_slice(const struct buf *b);

/* 0, or -1 with ERR_LIMIT or ERR_NOMEM when an addition failed; `what` names the text. */
int buf_ok(const struct buf *b, const char *what, struct err *err);

#endif

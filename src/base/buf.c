/*
 * The growing buffer with a limit. See buf.h.
 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t limit)
{
	*b = (struct buf)BUF_INIT(limit);
}

void buf_release(struct buf *b)
{
	free(b->ptr);
	*b = (struct buf)BUF_INIT(b->limit);
}

void buf_wipe(struct buf *b)
{
	if (b->ptr)
		explicit_bzero(b->ptr, b->cap);
	buf_release(b);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

static bool grow(struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : 64;
	char *ptr;

	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	ptr = realloc(b->ptr, cap);
	if (!ptr)
		return false;
	b->ptr = ptr;
	b->cap = cap;
	return true;
}

char *buf_room(struct buf *b, size_t more)
{
	/* One byte more than asked for, so that buf_cstr() can always put its NUL. */
	if (b->failed || more > b->limit - b->len ||
	    (b->len + more + 1 > b->cap && !grow(b, b->len + more + 1))) {
		b->failed = true;
		return NULL;
	}
	return b->ptr + b->len;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	char *room;

	if (len == 0)
		return;
	room = buf_room(b, len);
	if (!room)
		return;
	memcpy(room, bytes, len);
	b->len += len;
}

void buf_adds(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_add_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.ptr, s.len);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	char *room;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	room = len < 0 ? NULL : buf_room(b, (size_t)len);
	if (!room) {
		b->failed = true;
		return;
	}
	va_start(args, fmt);
	vsnprintf(room, (size_t)len + 1, fmt, args); /* buf_room() keeps a byte for the NUL */
	va_end(args);
	b->len += (size_t)len;
}

void buf_consume(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->ptr, b->ptr + len, b->len - len);
	b->len -= len;
}

const char *buf_cstr(struct buf *b)
{
	if (b->failed || (b->len + 1 > b->cap && !grow(b, b->len + 1)))
		return NULL;
	b->ptr[b->len] = '\0';
	return b->ptr;
}

struct slice buf_slice(const struct buf *b)
{
	return (struct slice){ b->ptr, b->len };
}

int buf_ok(const struct buf *b, const char *what, struct err *err)
{
	if (!b->failed)
		return 0;
	return err_set(err, ERR_LIMIT, SCOPE_MESSAGE, RETRY_NEVER, "%s is longer than %zu bytes",
		       what, b->limit);
}

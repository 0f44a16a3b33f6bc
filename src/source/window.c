/*
 * A window over a file: see window.h.
 *
 * Finding From_ lines is what reading an mbox costs. Line by line, memchr() is called once for 60
 * bytes; instead 64 bytes at a time are compared with the pair "line end, F" in vectors.
 */
#include "source/window.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/stop.h"
#include "base/vec.h"

#define SHOWN_MAX (WINDOW_KEEP_MAX > WINDOW_WANT_MAX ? WINDOW_KEEP_MAX : WINDOW_WANT_MAX)
#define CAPACITY  (SHOWN_MAX + WINDOW_CHUNK + WINDOW_BEFORE)

void window_init(struct window *w, int fd, uint64_t end)
{
	*w = (struct window){ .fd = fd, .end = end, .keep = UINT64_MAX };
}

void window_release(struct window *w)
{
	free(w->bytes);
	w->bytes = NULL;
	w->len = 0;
}

static uint64_t window_end(const struct window *w)
{
	return w->base + w->len;
}

/* Drop what lies before `off`; or everything when `off` is elsewhere. */
static void slide(struct window *w, uint64_t off)
{
	if (off >= w->base && off <= window_end(w)) {
		size_t drop = (size_t)(off - w->base);

		memmove(w->bytes, w->bytes + drop, w->len - drop);
		w->len -= drop;
	} else {
		w->len = 0;
	}
	w->base = off;
}

static int read_chunk(struct window *w, struct err *err)
{
	uint64_t left = w->end - window_end(w);
	size_t chunk = left < WINDOW_CHUNK ? (size_t)left : WINDOW_CHUNK;
	ssize_t n;

	if (stop_check(err) != 0)
		return -1;
	n = fd_pread(w->fd, w->bytes + w->len, chunk, window_end(w), err);
	if (n < 0)
		return -1;
	w->len += (size_t)n;
	if ((size_t)n < chunk)
		return err_set(err, ERR_CHANGED, SCOPE_FOLDER, RETRY_LATER,
			       "became shorter while it was read (%" PRIu64 " bytes expected)",
			       w->end);
	return 0;
}

/* A small file needs no more than itself. */
static bool allocate(struct window *w)
{
	w->bytes = malloc(w->end < CAPACITY ? (size_t)w->end + 1 : CAPACITY);
	w->len = 0;
	return w->bytes != NULL;
}

const char *window_bytes(const struct window *w, uint64_t off, uint64_t len)
{
	if (!w->bytes || off < w->base || off > window_end(w) || len > window_end(w) - off)
		return NULL;
	return w->bytes + (off - w->base);
}

/* Where to let the window begin that shall show [from, to): at what is kept, or without it. */
static uint64_t new_base(const struct window *w, uint64_t from, uint64_t to)
{
	bool there = w->keep >= w->base && w->keep <= from && from <= window_end(w);

	return there && to - w->keep <= WINDOW_KEEP_MAX ? w->keep : from;
}

void window_keep(struct window *w, uint64_t off)
{
	w->keep = off < WINDOW_BEFORE ? 0 : off - WINDOW_BEFORE;
}

int window_want(struct window *w, uint64_t off, size_t n, struct slice *out, struct err *err)
{
	uint64_t from = off < WINDOW_BEFORE ? 0 : off - WINDOW_BEFORE;
	uint64_t to = w->end - off < n ? w->end : off + n;

	if (!w->bytes && !allocate(w))
		return err_nomem(err);
	if (from < w->base || to > window_end(w))
		slide(w, new_base(w, from, to));
	while (to > window_end(w))
		if (read_chunk(w, err) != 0)
			return -1;
	*out = slice_of(w->bytes + (off - w->base), (size_t)(window_end(w) - off));
	return 0;
}

char window_at(const struct window *w, uint64_t off)
{
	return w->bytes[off - w->base];
}

/* ---- the search ---- */

/* All ones where p[i] is `a` and p[i + 1] is `b`. */
static vec pairs(const char *p, vec a, vec b)
{
	return (vec)((vec_load(p) == a) & (vec_load(p + 1) == b));
}

const char *window_find_eol_f(const char *p, const char *end, char eol)
{
	const vec a = vec_all(eol), b = vec_all('F');

	for (;; p++) {
		while (end - p > 64 && !vec_any(pairs(p, a, b) | pairs(p + 16, a, b) |
						pairs(p + 32, a, b) | pairs(p + 48, a, b)))
			p += 64;
		p = p < end ? memchr(p, eol, (size_t)(end - p)) : NULL;
		if (!p || p + 1 == end || p[1] == 'F')
			return p;
	}
}

int window_find_from(struct window *w, uint64_t *off, char eol, struct err *err)
{
	static const struct slice from = { "From ", 5 };
	uint64_t at = *off;

	while (at < w->end) {
		struct slice s;
		const char *hit;

		if (window_want(w, at, 1, &s, err) != 0)
			return -1;
		hit = window_find_eol_f(s.ptr, s.ptr + s.len, eol);
		if (!hit) {
			at += s.len;
			continue;
		}
		at += (uint64_t)(hit - s.ptr) + 1;
		if (at >= w->end)
			return 0;
		if (window_want(w, at, from.len, &s, err) != 0)
			return -1;
		if (slice_starts(s, from)) {
			*off = at;
			return 1;
		}
	}
	return 0;
}

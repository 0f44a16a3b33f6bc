/*
 * A slice is a run of bytes that somebody else owns: text of unknown content.
 * It is not NUL-terminated and may hold anything.
 */
#ifndef MAILHOIST_BASE_SLICE_H
#define MAILHOIST_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const char *ptr;
	size_t len;
};

#define SLICE_LIT(literal) ((struct slice){ (literal), sizeof(literal) - 1 })

struct slice slice_of(const void *ptr, size_t len);
struct slice slice_str(const char *text); /* of a C string; NULL gives the empty slice */

bool slice_eq(struct slice a, struct slice b);
bool slice_ieq(struct slice a, struct slice b); /* ASCII case folded */
bool slice_starts(struct slice s, struct slice prefix);
bool slice_istarts(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);

/* Without blanks (SP, TAB, CR, LF) at either end. */
struct slice slice_trim(struct slice s);

/* Everything from byte `from` on; empty when beyond the end. */
struct slice slice_from(struct slice s, size_t from);

/* The first `len` bytes, or all. */
struct slice slice_head(struct slice s, size_t len);

/* Position of `byte`, or -1. */
ptrdiff_t slice_find(struct slice s, char byte);

/* Position of `needle` (ASCII case folded), or -1. An empty needle is found at 0. */
ptrdiff_t slice_ifind(struct slice s, struct slice needle);

/* Cut off and return what stands before the first `byte`; *rest becomes what
 * follows it. Without one, all of it is returned and *rest becomes empty. */
struct slice slice_cut(struct slice *rest, char byte);

/* Cut off one line, its LF or CR LF removed. False at the end. */
bool slice_line(struct slice *rest, struct slice *line);

/* Decimal digits and nothing else, within uint64_t. */
bool slice_u64(struct slice s, uint64_t *out);
/* Hexadecimal digits and nothing else. */
bool slice_hex64(struct slice s, uint64_t *out);

#endif

/*
 * Each field of both headers in a normal form, both lists sorted, and then one walk
 * along the two. See field_set.h.
 */
#include "message/field_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "message/header.h"
#include "message/keys.h"

struct field_set {
	struct buf text; /* the normal forms, one behind the other */
	struct buf list; /* struct slice each, into `text` */
};

static void field_set_release(struct field_set *s)
{
	buf_release(&s->text);
	buf_release(&s->list);
}

/* Blanks left out, the name in lower case, and what servers make of octets that are not ASCII. */
static void add_normal(struct buf *out, struct slice field)
{
	bool in_name = true;

	for (size_t i = 0; i < field.len; i++) {
		unsigned char c = (unsigned char)field.ptr[i];

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			continue;
		in_name = in_name && c != ':';
		if (c == 0 || c >= 0x80)
			c = 'X';
		else if (in_name && c >= 'A' && c <= 'Z')
			c |= 32;
		buf_addc(out, (char)c);
	}
}

/* `text` is as large as it will be: slices into it stay valid. False: too many fields. */
static bool fill(struct field_set *s, struct slice block, bool with_transport)
{
	struct header_field f;
	size_t n = 0;

	buf_room(&s->text, block.len + 1);
	while (header_next(&block, &f) > 0) {
		size_t begin = s->text.len;

		if (!with_transport && f.name.len > 0 && key_field_of_transport(f.name))
			continue;
		if (++n > FIELD_SET_MAX)
			return false;
		add_normal(&s->text, f.whole);
		if (!s->text.failed) {
			struct slice normal = slice_of(s->text.ptr + begin, s->text.len - begin);

			buf_add(&s->list, &normal, sizeof(normal));
		}
	}
	return true;
}

static int compare(const struct slice *a, const struct slice *b)
{
	size_t len = a->len < b->len ? a->len : b->len;
	int order = len > 0 ? memcmp(a->ptr, b->ptr, len) : 0;

	return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static int by_text(const void *a, const void *b)
{
	return compare(a, b);
}

static size_t sort(struct field_set *s, struct slice **out)
{
	size_t n = s->list.len / sizeof(struct slice);

	*out = (struct slice *)(void *)s->list.ptr;
	if (n > 1)
		qsort(*out, n, sizeof(**out), by_text);
	return n;
}

static bool within(struct field_set *ours, struct field_set *theirs)
{
	struct slice *a, *b;
	size_t n = sort(ours, &a), m = sort(theirs, &b), k = 0;

	if (n == 0) /* what says nothing is in everything */
		return false;
	for (size_t i = 0; i < n; i++, k++) {
		while (k < m && compare(&b[k], &a[i]) < 0)
			k++;
		if (k == m || compare(&b[k], &a[i]) != 0)
			return false;
	}
	return true;
}

int field_set_within(struct slice ours, struct slice theirs, bool *out, struct err *err)
{
	CLEANUP(field_set_release)
	struct field_set a = { BUF_INIT(HEADER_BLOCK_MAX + 1),
			       BUF_INIT(FIELD_SET_MAX * sizeof(struct slice)) };
	CLEANUP(field_set_release)
	struct field_set b = { BUF_INIT(HEADER_BLOCK_MAX + 1),
			       BUF_INIT(FIELD_SET_MAX * sizeof(struct slice)) };
	bool few = fill(&a, slice_head(ours, HEADER_BLOCK_MAX), false) &&
		   fill(&b, slice_head(theirs, HEADER_BLOCK_MAX), true);

	if (buf_ok(&a.text, "a header", err) < 0 || buf_ok(&b.text, "a header", err) < 0 ||
	    buf_ok(&a.list, "a header", err) < 0 || buf_ok(&b.list, "a header", err) < 0)
		return -1;
	*out = few && within(&a, &b);
	return 0;
}

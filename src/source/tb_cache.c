/*
 * folderCache.json. See tb_cache.h. Format: one object, each member an object
 * with "folderName" and "flags" among others (nsMsgFolderCache.cpp).
 */
#include "source/tb_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "base/text.h"

/* Sorting by reversed paths puts all paths with the same end side by side. */
static int reversed_order(struct slice x, struct slice y)
{
	while (x.len > 0 && y.len > 0) {
		unsigned char a = (unsigned char)x.ptr[--x.len];
		unsigned char b = (unsigned char)y.ptr[--y.len];

		if (a != b)
			return a < b ? -1 : 1;
	}
	return (x.len > 0) - (y.len > 0);
}

static int entry_order(const void *x, const void *y)
{
	const struct tb_cache_entry *a = x, *b = y;

	return reversed_order(slice_str(a->path), slice_str(b->path));
}

static int add_entry(struct tb_cache *c, size_t *cap, struct slice path, struct arena *a,
		     struct err *err)
{
	char *copy;

	if (c->n == TB_CACHE_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_SOURCE, RETRY_NEVER,
			       "more than %d folders in folderCache.json", TB_CACHE_MAX);
	if (c->n == *cap) {
		size_t more = *cap ? *cap * 2 : 64;
		struct tb_cache_entry *list = arena_alloc(a, more * sizeof(*list));

		if (!list)
			return err_nomem(err);
		if (c->n > 0)
			memcpy(list, c->list, c->n * sizeof(*list));
		c->list = list;
		*cap = more;
	}
	copy = arena_slice(a, path);
	if (!copy)
		return err_nomem(err);
	for (char *p = copy; *p; p++)
		if (*p == '\\') /* a profile of Windows */
			*p = '/';
	c->list[c->n++] = (struct tb_cache_entry){ .path = copy };
	return 0;
}

/* Which member of a folder's object comes next. */
enum member { MEMBER_OTHER, MEMBER_NAME, MEMBER_FLAGS };

static enum member member_of(struct slice key)
{
	if (slice_eq(key, SLICE_LIT("folderName")))
		return MEMBER_NAME;
	return slice_eq(key, SLICE_LIT("flags")) ? MEMBER_FLAGS : MEMBER_OTHER;
}

static int set_member(struct tb_folder_facts *f, enum member member, const struct json_token *t,
		      struct arena *a, struct err *err)
{
	uint64_t flags;

	if (member == MEMBER_NAME && t->kind == JSON_STRING && t->text.len > 0 &&
	    utf8_valid(t->text) && slice_find(t->text, '\0') < 0) {
		f->name = arena_slice(a, t->text);
		return f->name ? 0 : err_nomem(err);
	}
	if (member == MEMBER_FLAGS && t->kind == JSON_NUMBER && slice_u64(t->text, &flags) &&
	    flags <= UINT32_MAX)
		f->flags = (uint32_t)flags;
	return 0;
}

static int parse(struct json_reader *r, struct arena *a, struct tb_cache *c, struct err *err)
{
	enum member member = MEMBER_OTHER;
	struct json_token t;
	size_t cap = 0;
	int got;

	while ((got = json_reader_next(r, &t, err)) > 0) {
		if (t.depth == 1 && t.kind == JSON_KEY) {
			if (add_entry(c, &cap, t.text, a, err) != 0)
				return -1;
		} else if (t.depth == 2 && t.kind == JSON_KEY) {
			member = member_of(t.text);
		} else if (t.depth == 2 && c->n > 0) {
			if (set_member(&c->list[c->n - 1].facts, member, &t, a, err) != 0)
				return -1;
		}
	}
	return got;
}

int tb_cache_parse(struct slice text, struct arena *a, struct tb_cache *out, struct err *err)
{
	struct json_reader r;
	int status;

	*out = (struct tb_cache){ 0 };
	json_reader_init(&r, text);
	status = parse(&r, a, out, err);
	json_reader_release(&r);
	if (out->n > 0)
		qsort(out->list, out->n, sizeof(*out->list), entry_order);
	return status;
}

static bool ends_with_path(const char *path, struct slice tail)
{
	struct slice s = slice_str(path);

	return slice_ends(s, tail) && (s.len == tail.len || s.ptr[s.len - tail.len - 1] == '/');
}

static bool same_facts(const struct tb_folder_facts *x, const struct tb_folder_facts *y)
{
	return x->flags == y->flags && slice_eq(slice_str(x->name), slice_str(y->name));
}

/* First entry whose reversed path is not below that of `tail`. */
static size_t lower_bound(const struct tb_cache *c, struct slice tail)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (reversed_order(slice_str(c->list[middle].path), tail) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct tb_folder_facts *tb_cache_find(const struct tb_cache *c, const char *tail)
{
	const struct tb_folder_facts *found = NULL;
	struct slice end = slice_str(tail);

	for (size_t i = lower_bound(c, end); i < c->n; i++) {
		if (!slice_ends(slice_str(c->list[i].path), end))
			break;
		if (!ends_with_path(c->list[i].path, end))
			continue;
		if (found && !same_facts(found, &c->list[i].facts))
			return NULL;
		found = &c->list[i].facts;
	}
	return found;
}

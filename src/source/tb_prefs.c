/*
 * prefs.js of a Mozilla profile. See tb_prefs.h. The grammar is that of
 * modules/libpref/parser: strings in double or single quotes with the escapes
 * of JavaScript, comments in three styles.
 */
#include "source/tb_prefs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define NAME_MAX_LEN  256
#define VALUE_MAX_LEN 65536

struct parser {
	struct slice rest;
	struct arena *arena;
	struct buf name, value;
	struct tb_pref *list;
	size_t n, cap;
};

static bool take(struct parser *p, const char *text)
{
	struct slice want = slice_str(text);

	if (!slice_starts(p->rest, want))
		return false;
	p->rest = slice_from(p->rest, want.len);
	return true;
}

static void skip_past(struct parser *p, const char *text)
{
	const char *found = memmem(p->rest.ptr, p->rest.len, text, strlen(text));

	p->rest = found ? slice_from(p->rest, (size_t)(found - p->rest.ptr) + strlen(text))
			: slice_of("", 0);
}

static void skip_blanks(struct parser *p)
{
	for (;;) {
		size_t n = 0;

		while (n < p->rest.len && p->rest.ptr[n] && strchr(" \t\r\n", p->rest.ptr[n]))
			n++;
		p->rest = slice_from(p->rest, n);
		if (take(p, "/*"))
			skip_past(p, "*/");
		else if (take(p, "//") || take(p, "#"))
			skip_past(p, "\n");
		else
			return;
	}
}

static bool take_hex(struct parser *p, size_t digits, uint32_t *out)
{
	uint64_t n;

	if (p->rest.len < digits || !slice_hex64(slice_head(p->rest, digits), &n))
		return false;
	p->rest = slice_from(p->rest, digits);
	*out = (uint32_t)n;
	return true;
}

static bool take_unicode(struct parser *p, struct buf *out, size_t digits)
{
	uint32_t c, low;

	if (!take_hex(p, digits, &c))
		return false;
	if (c >= 0xD800 && c < 0xDC00 && take(p, "\\u") && take_hex(p, 4, &low) && low >= 0xDC00 &&
	    low < 0xE000)
		c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
	utf8_add(out, c == 0 || (c >= 0xD800 && c < 0xE000) ? 0xFFFD : c);
	return true;
}

static bool take_escape(struct parser *p, struct buf *out)
{
	char c;

	if (p->rest.len == 0)
		return false;
	c = *p->rest.ptr;
	p->rest = slice_from(p->rest, 1);
	switch (c) {
	case 'n':
		buf_addc(out, '\n');
		return true;
	case 'r':
		buf_addc(out, '\r');
		return true;
	case 'x':
		return take_unicode(p, out, 2);
	case 'u':
		return take_unicode(p, out, 4);
	default:
		buf_addc(out, c);
		return true;
	}
}

static bool take_string(struct parser *p, struct buf *out)
{
	char quote;

	buf_reset(out);
	if (p->rest.len == 0 || (*p->rest.ptr != '"' && *p->rest.ptr != '\''))
		return false;
	quote = *p->rest.ptr;
	p->rest = slice_from(p->rest, 1);
	while (p->rest.len > 0) {
		char c = *p->rest.ptr;

		if (c == '\n' || c == '\0')
			return false;
		p->rest = slice_from(p->rest, 1);
		if (c == quote)
			return !out->failed;
		if (c != '\\')
			buf_addc(out, c);
		else if (!take_escape(p, out))
			return false;
	}
	return false;
}

static bool take_value(struct parser *p)
{
	size_t n = 0;

	if (take_string(p, &p->value))
		return true;
	while (n < p->rest.len && n < 32 && p->rest.ptr[n] &&
	       strchr("+-0123456789abcdefghijklmnopqrstuvwxyz", p->rest.ptr[n]))
		n++;
	buf_reset(&p->value);
	buf_add(&p->value, p->rest.ptr, n);
	p->rest = slice_from(p->rest, n);
	return n > 0;
}

/* `("name", value)` behind the word user_pref. */
static bool take_pref(struct parser *p)
{
	skip_blanks(p);
	if (!take(p, "("))
		return false;
	skip_blanks(p);
	if (!take_string(p, &p->name))
		return false;
	skip_blanks(p);
	if (!take(p, ","))
		return false;
	skip_blanks(p);
	return take_value(p);
}

static int keep(struct parser *p, struct err *err)
{
	struct tb_pref *pref;

	if (p->n == TB_PREFS_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_SOURCE, RETRY_NEVER,
			       "more than %d preferences of mail", TB_PREFS_MAX);
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 256;
		struct tb_pref *list = arena_alloc(p->arena, cap * sizeof(*list));

		if (!list)
			return err_nomem(err);
		if (p->n > 0)
			memcpy(list, p->list, p->n * sizeof(*list));
		p->list = list;
		p->cap = cap;
	}
	pref = &p->list[p->n];
	pref->name = arena_slice(p->arena, buf_slice(&p->name));
	pref->value = arena_slice(p->arena, buf_slice(&p->value));
	pref->line = (uint32_t)p->n;
	if (!pref->name || !pref->value)
		return err_nomem(err);
	p->n++;
	return 0;
}

static int by_name(const void *x, const void *y)
{
	const struct tb_pref *a = x, *b = y;
	int order = strcmp(a->name, b->name);

	return order ? order : (a->line > b->line) - (a->line < b->line);
}

/* Sort, and keep the last one of each name. */
static size_t settle(struct tb_pref *list, size_t n)
{
	size_t kept = 0;

	if (n > 0)
		qsort(list, n, sizeof(*list), by_name);
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || strcmp(list[i].name, list[i + 1].name) != 0)
			list[kept++] = list[i];
	return kept;
}

static int parse(struct parser *p, struct err *err)
{
	for (;;) {
		skip_blanks(p);
		if (p->rest.len == 0)
			return 0;
		if (!take(p, "user_pref") && !take(p, "pref")) {
			p->rest = slice_from(p->rest, 1);
			continue;
		}
		if (take_pref(p) && slice_starts(buf_slice(&p->name), SLICE_LIT("mail.")) &&
		    keep(p, err) != 0)
			return -1;
	}
}

int tb_prefs_parse(struct slice text, struct arena *a, struct tb_prefs *out, struct err *err)
{
	struct parser p = { .rest = text, .arena = a };
	int status;

	buf_init(&p.name, NAME_MAX_LEN);
	buf_init(&p.value, VALUE_MAX_LEN);
	status = parse(&p, err);
	buf_release(&p.name);
	buf_release(&p.value);
	if (status != 0)
		return -1;
	out->n = settle(p.list, p.n);
	out->list = p.list;
	return 0;
}

static int name_order(const void *key, const void *member)
{
	return strcmp(key, ((const struct tb_pref *)member)->name);
}

const char *tb_pref(const struct tb_prefs *p, const char *fmt, ...)
{
	char name[NAME_MAX_LEN + 1];
	const struct tb_pref *found;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(name, sizeof(name), fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(name) || p->n == 0)
		return NULL;
	found = bsearch(name, p->list, p->n, sizeof(*p->list), name_order);
	return found ? found->value : NULL;
}

const char *tb_prefs_next_key(const struct tb_prefs *p, const char *prefix, const char *suffix,
			      size_t *at, struct arena *a)
{
	while (*at < p->n) {
		struct slice name = slice_str(p->list[(*at)++].name);
		struct slice tail = slice_str(suffix);

		if (!slice_starts(name, slice_str(prefix)) || !slice_ends(name, tail) ||
		    name.len <= strlen(prefix) + tail.len)
			continue;
		name = slice_from(slice_head(name, name.len - tail.len), strlen(prefix));
		if (slice_find(name, '.') < 0)
			return arena_slice(a, name);
	}
	return NULL;
}

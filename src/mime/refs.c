/*
 * References in HTML. See refs.h.
 */
#include "mime/refs.h"

#include "base/vec.h"

#define FOUR(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

void refs_init(struct refs *r)
{
	r->n = 0;
	r->last = 0;
	r->collecting = false;
	r->len = 0;
}

static uint64_t hash(struct slice s)
{
	uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(1099511628211);
	return h;
}

/* URLs are percent-encoded (RFC 2392 2). */
static size_t percent_decode(char *text, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++) {
		uint64_t octet;

		if (text[i] == '%' && i + 2 < len &&
		    slice_hex64(slice_of(text + i + 1, 2), &octet)) {
			text[to++] = (char)octet;
			i += 2;
		} else {
			text[to++] = text[i];
		}
	}
	return to;
}

static void keep(struct refs *r)
{
	struct slice value = slice_of(r->value, percent_decode(r->value, r->len));

	if (slice_istarts(value, SLICE_LIT("cid:")))
		value = slice_from(value, 4);
	if (value.len > 0 && r->n < REFS_MAX)
		r->hashes[r->n++] = hash(value);
}

static bool ends_value(char c)
{
	return c == '"' || c == '\'' || c == '>' || c == '<' || c == ')' || c == ' ' || c == '\t' ||
	       c == '\r' || c == '\n';
}

static void collect(struct refs *r, char c)
{
	if ((c == '"' || c == '\'') && r->len == 0)
		return;
	if (!ends_value(c) && r->len < REF_VALUE_MAX) {
		r->value[r->len++] = c;
		return;
	}
	r->collecting = false;
	keep(r);
}

/* How much of `s` comes before a ':' or '=', which "cid:" and "src=" end with. */
static size_t dull_run(struct slice s)
{
	const vec colon = vec_all(':'), equals = vec_all('=');
	size_t n = 0;

	for (; n + VEC_LEN <= s.len; n += VEC_LEN) {
		vec v = vec_load(s.ptr + n);
		size_t run = vec_zeros((vec)((v == colon) | (v == equals)));

		if (run < VEC_LEN)
			return n + run;
	}
	while (n < s.len && s.ptr[n] != ':' && s.ptr[n] != '=')
		n++;
	return n;
}

/* Only the last four octets are of interest. */
static void look_back(struct refs *r, struct slice seen)
{
	seen = slice_from(seen, seen.len > 4 ? seen.len - 4 : 0);
	for (size_t i = 0; i < seen.len; i++) {
		char c = seen.ptr[i];

		r->last = r->last << 8 | (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
}

void refs_add(struct refs *r, struct slice html)
{
	while (html.len > 0) {
		size_t n = 1;

		if (r->collecting) {
			collect(r, html.ptr[0]);
		} else {
			n += dull_run(html);
			look_back(r, slice_head(html, n));
			if (r->last == FOUR('c', 'i', 'd', ':') ||
			    r->last == FOUR('s', 'r', 'c', '=')) {
				r->collecting = true;
				r->len = 0;
			}
		}
		html = slice_from(html, n);
	}
}

bool refs_has(const struct refs *r, struct slice id)
{
	uint64_t h;

	id = slice_trim(id);
	if (id.len >= 2 && id.ptr[0] == '<' && id.ptr[id.len - 1] == '>')
		id = slice_head(slice_from(id, 1), id.len - 2);
	if (id.len == 0)
		return false;
	h = hash(id);
	for (size_t i = 0; i < r->n; i++)
		if (r->hashes[i] == h)
			return true;
	return false;
}

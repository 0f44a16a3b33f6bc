/*
 * The chain of readers. See reader.h.
 */
#include "mime/reader.h"

#include <string.h>

#include "base/vec.h"

/* ---- blob ---- */

void blob_reader_init(struct blob_reader *r)
{
	r->cached = 0;
	r->blob = (struct mapi_blob){ 0 };
}

static bool same_blob(const struct mapi_blob *a, const struct mapi_blob *b)
{
	return a->len == b->len && a->read == b->read && a->reader == b->reader &&
	       a->handle[0] == b->handle[0] && a->handle[1] == b->handle[1];
}

static bool next_of_blob(struct reader *base, struct slice *out)
{
	struct blob_reader *r = (struct blob_reader *)base;
	struct err err = ERR_INIT;
	size_t got = 0;

	if (r->off >= r->blob.len || base->damaged)
		return false;
	if (r->off == 0 && r->cached == r->blob.len) {
		*out = slice_of(r->bytes, (size_t)r->cached);
		r->off = r->cached;
		return true;
	}
	if (r->blob.read(&r->blob, r->off, r->bytes, sizeof(r->bytes), &got, &err) < 0 ||
	    got > sizeof(r->bytes))
		got = 0;
	if (got < sizeof(r->bytes) && r->off + got < r->blob.len)
		base->damaged = true;
	r->cached = r->off == 0 && got == r->blob.len ? got : 0;
	r->off += got;
	*out = slice_of(r->bytes, got);
	return got > 0;
}

struct reader *blob_reader_start(struct blob_reader *r, const struct mapi_blob *blob)
{
	if (!same_blob(&r->blob, blob))
		r->cached = 0;
	r->base = (struct reader){ next_of_blob, false };
	r->blob = *blob;
	r->off = 0;
	return &r->base;
}

/* ---- lines ---- */

static size_t add_char(struct line_reader *r, size_t n, char c)
{
	if (c == '\r' || (c == '\n' && !r->after_cr)) {
		r->bytes[n++] = '\r';
		r->bytes[n++] = '\n';
	} else if (c != '\n' && c != '\0') {
		r->bytes[n++] = c;
	}
	r->after_cr = c == '\r';
	return n;
}

/* Is it a character that line ends have nothing to do with? */
static bool in_line(char c)
{
	return (unsigned char)c > '\r' || c == '\t';
}

static size_t line_run(struct slice s)
{
	const vec cr = vec_all('\r'), tab = vec_all('\t');
	size_t n = 0;

	for (; n + VEC_LEN <= s.len; n += VEC_LEN) {
		vec v = vec_load(s.ptr + n);
		size_t run = vec_zeros((vec)((v <= cr) & (v != tab)));

		if (run < VEC_LEN)
			return n + run;
	}
	while (n < s.len && in_line(s.ptr[n]))
		n++;
	return n;
}

/* How much of `s` has no other line ends than CR LF, and no NUL. */
static size_t canonical_run(struct slice s)
{
	size_t n = 0;

	for (;;) {
		n += line_run(slice_from(s, n));
		if (s.len - n < 2 || s.ptr[n] != '\r' || s.ptr[n + 1] != '\n')
			return n;
		n += 2;
	}
}

/* As much of the piece as there is room for, made canonical; returns the octets made. */
static size_t take_piece(struct line_reader *r)
{
	size_t n = 0;

	while (r->in.len > 0 && n + 2 <= sizeof(r->bytes)) {
		size_t run = line_run(slice_head(r->in, sizeof(r->bytes) - n));

		if (run > 0) {
			memcpy(r->bytes + n, r->in.ptr, run);
			n += run;
			r->after_cr = false;
		} else {
			n = add_char(r, n, r->in.ptr[0]);
			run = 1;
		}
		r->in = slice_from(r->in, run);
	}
	return n;
}

#define WORTH_CUTTING 512 /* octets that are handed on where they are, not copied */

/* Text whose lines end as they should is not copied. */
static struct slice next_lines(struct line_reader *r)
{
	size_t run = r->after_cr ? 0 : canonical_run(r->in);
	struct slice out = slice_head(r->in, run);

	if (run < WORTH_CUTTING && run < r->in.len)
		return slice_of(r->bytes, take_piece(r));
	r->in = slice_from(r->in, run);
	return out;
}

static bool next_line_piece(struct reader *base, struct slice *out)
{
	struct line_reader *r = (struct line_reader *)base;

	*out = slice_of(r->bytes, 0);
	while (out->len == 0) {
		if (r->in.len == 0 && !r->from->next(r->from, &r->in))
			break;
		*out = next_lines(r);
	}
	base->damaged = base->damaged || r->from->damaged;
	return out->len > 0;
}

struct reader *line_reader_start(struct line_reader *r, struct reader *from)
{
	r->base = (struct reader){ next_line_piece, false };
	r->from = from;
	r->in = (struct slice){ NULL, 0 };
	r->after_cr = false;
	return &r->base;
}

/* A character that is cut at the end of `text`. */
static void drop_last_char(struct buf *text)
{
	while (text->len > 0 && ((uint8_t)text->ptr[text->len - 1] & 0xc0) == 0x80)
		text->len--;
	if (text->len > 0)
		text->len--;
}

bool reader_head(struct reader *r, size_t max, struct buf *out)
{
	struct slice piece;

	while (r->next(r, &piece)) {
		struct slice fits = slice_head(piece, max - out->len);

		buf_add_slice(out, fits);
		if (fits.len == piece.len)
			continue;
		if (((uint8_t)piece.ptr[fits.len] & 0xc0) == 0x80)
			drop_last_char(out);
		return false;
	}
	return !r->damaged;
}

/* ---- charset ---- */

/* Convert one piece, with what was left of the last one before it. */
static void convert(struct charset_reader *r, struct slice piece, bool last)
{
	size_t used = 0;

	buf_reset(&r->in);
	buf_reset(&r->out);
	buf_add(&r->in, r->left, r->n_left);
	buf_add_slice(&r->in, piece);
	if (codepage_convert(r->codepages, r->codepage, !r->begun, last, buf_slice(&r->in), &r->out,
			     &used) != 0 ||
	    r->in.failed || r->out.failed)
		r->base.damaged = true;
	r->begun = true;
	r->n_left = 0;
	if (used < r->in.len && r->in.len - used <= sizeof(r->left)) {
		r->n_left = r->in.len - used;
		memcpy(r->left, r->in.ptr + used, r->n_left);
	} else if (used < r->in.len) {
		r->base.damaged = true;
	}
}

static bool next_converted(struct reader *base, struct slice *out)
{
	struct charset_reader *r = (struct charset_reader *)base;

	do {
		struct slice piece = { NULL, 0 };
		bool first;

		if (r->ended)
			return false;
		first = !r->begun;
		r->ended = !r->from->next(r->from, &piece);
		convert(r, piece, r->ended);
		/* UTF-8 needs no byte order mark. */
		if (first && slice_starts(buf_slice(&r->out), SLICE_LIT("\xef\xbb\xbf")))
			buf_consume(&r->out, 3);
		base->damaged = base->damaged || r->from->damaged;
	} while (r->out.len == 0);
	*out = buf_slice(&r->out);
	return true;
}

struct reader *charset_reader_start(struct charset_reader *r, struct reader *from,
				    struct codepages *codepages, int codepage)
{
	r->base = (struct reader){ next_converted, false };
	r->from = from;
	r->codepages = codepages;
	r->codepage = codepage;
	r->begun = r->ended = false;
	r->n_left = 0;
	r->in.limit = 2 * READER_PIECE;
	r->out.limit = 16 * READER_PIECE;
	return &r->base;
}

void charset_reader_release(struct charset_reader *r)
{
	buf_release(&r->in);
	buf_release(&r->out);
}

/* ---- meta ---- */

static bool ends_name(char c)
{
	return c == '"' || c == '\'' || c == ' ' || c == ';' || c == '>' || c == '/' || c == '\t' ||
	       c == '\r' || c == '\n';
}

/* The value behind "charset" in the text of one tag. */
static bool charset_of_tag(struct slice tag, struct slice *out)
{
	ptrdiff_t at = slice_ifind(tag, SLICE_LIT("charset"));
	size_t n = 0;

	if (at < 0)
		return false;
	tag = slice_trim(slice_from(tag, (size_t)at + 7));
	if (tag.len == 0 || tag.ptr[0] != '=')
		return false;
	tag = slice_trim(slice_from(tag, 1));
	if (tag.len > 0 && (tag.ptr[0] == '"' || tag.ptr[0] == '\''))
		tag = slice_from(tag, 1);
	while (n < tag.len && !ends_name(tag.ptr[n]))
		n++;
	*out = slice_head(tag, n);
	return n > 0;
}

bool html_charset(struct slice head, struct slice *out)
{
	ptrdiff_t at;

	while ((at = slice_ifind(head, SLICE_LIT("<meta"))) >= 0) {
		struct slice tag;
		ptrdiff_t end;

		head = slice_from(head, (size_t)at + 5);
		end = slice_find(head, '>');
		if (end < 0)
			return false;
		tag = slice_head(head, (size_t)end);
		if (charset_of_tag(tag, out))
			return true;
	}
	return false;
}

static void read_head(struct meta_reader *r)
{
	struct slice name, piece;

	while (r->head < META_HEAD && r->from->next(r->from, &piece)) {
		size_t n = piece.len < META_HEAD - r->head ? piece.len : META_HEAD - r->head;

		memcpy(r->bytes + r->head, piece.ptr, n);
		r->head += n;
		r->rest = slice_from(piece, n);
	}
	r->name = r->name_end = r->head;
	if (html_charset(slice_of(r->bytes, r->head), &name)) {
		r->name = (size_t)(name.ptr - r->bytes);
		r->name_end = r->name + name.len;
	}
}

static struct slice meta_piece(struct meta_reader *r)
{
	switch (r->step++) {
	case 0:
		read_head(r);
		return slice_of(r->bytes, r->name);
	case 1:
		return r->name < r->name_end ? SLICE_LIT("utf-8") : slice_of(r->bytes, 0);
	case 2:
		return slice_of(r->bytes + r->name_end, r->head - r->name_end);
	default:
		return r->rest;
	}
}

static bool next_with_meta(struct reader *base, struct slice *out)
{
	struct meta_reader *r = (struct meta_reader *)base;
	bool more = true;

	while (r->step < 4) {
		*out = meta_piece(r);
		if (out->len > 0)
			goto done;
	}
	more = r->from->next(r->from, out);
done:
	base->damaged = base->damaged || r->from->damaged;
	return more;
}

struct reader *meta_reader_start(struct meta_reader *r, struct reader *from)
{
	r->base = (struct reader){ next_with_meta, false };
	r->from = from;
	r->rest = (struct slice){ NULL, 0 };
	r->step = 0;
	r->head = r->name = r->name_end = 0;
	return &r->base;
}

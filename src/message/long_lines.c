/*
 * Over-long lines. See long_lines.h.
 *
 * Line by line, but a line may have any length: of a body's line only as much is held back as is
 * needed to know whether it is a boundary.
 */
#include "message/long_lines.h"

#include <stdlib.h>
#include <string.h>

#include "message/header.h"

#define LINE_MAX_OCTETS 998
#define HEADER_MAX	(64u << 10) /* of one part */
#define DEPTH_MAX	8	    /* of multiparts; deeper ones stay as they are */
#define BOUNDARY_MAX	200	    /* RFC 2046 says 70 */
#define PARTS_MAX	4096	    /* that can be mended; those behind them stay as they are */
#define QP_COLUMNS	75	    /* and "=" */

struct level {
	char boundary[BOUNDARY_MAX + 3]; /* "--" and it */
	size_t len;
	bool sealed;
};

struct long_lines {
	bool writing; /* the second pass */
	bool found;
	uint8_t parts[PARTS_MAX / 8]; /* bit: has a line that is too long */
	size_t part;		      /* the text at work */
	bool in_header, overlong;     /* overlong: the header is not looked at any more */
	bool is_text;		      /* the body of a part that may be mended, */
	bool encode;		      /* and is being mended */
	bool is_top;		      /* the header of the whole message */
	struct buf header;
	struct level levels[DEPTH_MAX];
	size_t depth;
	bool lost;   /* too deep: nothing is understood any more until an outer boundary */
	bool broken; /* nothing is mended from here on */

	char start[BOUNDARY_MAX + 3]; /* of the line at work, held back */
	size_t held;
	bool at_start; /* the line may still be a boundary */
	uint64_t line_len;
	bool line_is_boundary;

	size_t column;
	char pending; /* a blank or CR that may be the line's last octet; 0: none */
};

static void restart(struct long_lines *l)
{
	l->part = 0;
	l->in_header = l->is_top = l->at_start = true;
	l->overlong = l->is_text = l->encode = l->lost = l->broken = l->line_is_boundary = false;
	l->depth = l->held = l->column = 0;
	l->line_len = 0;
	l->pending = '\0';
	buf_reset(&l->header);
}

struct long_lines *long_lines_new(void)
{
	struct long_lines *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	buf_init(&l->header, HEADER_MAX + 1);
	restart(l);
	return l;
}

void long_lines_free(struct long_lines *l)
{
	if (!l)
		return;
	buf_release(&l->header);
	free(l);
}

/* ---- quoted-printable ---- */

static void put_octet(struct long_lines *l, unsigned char c, bool plain, struct buf *out)
{
	if (l->column + (plain ? 1 : 3) > QP_COLUMNS) {
		buf_adds(out, "=\r\n");
		l->column = 0;
	}
	if (plain)
		buf_addc(out, (char)c);
	else
		buf_addf(out, "=%02X", c);
	l->column += plain ? 1 : 3;
}

static void put_pending(struct long_lines *l, bool line_ends, struct buf *out)
{
	char c = l->pending;

	l->pending = '\0';
	if (c)
		put_octet(l, (unsigned char)c, !line_ends && c != '\r', out);
}

static void encode(struct long_lines *l, struct slice bytes, struct buf *out)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.ptr[i];

		if (c == '\n' && l->pending == '\r') {
			l->pending = '\0';
			buf_adds(out, "\r\n");
			l->column = 0;
			continue;
		}
		if (c == '\r' && (l->pending == ' ' || l->pending == '\t'))
			put_pending(l, true, out);
		else
			put_pending(l, false, out);
		if (c == '\r' || c == ' ' || c == '\t')
			l->pending = (char)c;
		else
			put_octet(l, c, c > 32 && c < 127 && c != '=', out);
	}
}

static void put_body(struct long_lines *l, struct slice bytes, struct buf *out)
{
	if (!l->writing)
		return;
	if (l->encode)
		encode(l, bytes, out);
	else
		buf_add_slice(out, bytes);
}

/* ---- headers of parts ---- */

/* "--boundary" or "--boundary--", and blanks; of a longer boundary this may be the beginning. */
static bool is_boundary(const struct level *level, struct slice line)
{
	struct slice rest = slice_from(line, level->len);

	if (line.len < level->len || memcmp(line.ptr, level->boundary, level->len) != 0)
		return false;
	if (rest.len == 0 || strchr(" \t\r\n", rest.ptr[0] ? rest.ptr[0] : 'x'))
		return true;
	return rest.ptr[0] == '-' && (rest.len == 1 || rest.ptr[1] == '-');
}

/* A part that has no end of its header: boundaries were taken for fields. */
static bool swallows_boundary(const struct long_lines *l)
{
	struct slice rest = buf_slice(&l->header), line;

	while (slice_line(&rest, &line))
		for (size_t i = 0; i < l->depth; i++)
			if (is_boundary(&l->levels[i], line))
				return true;
	return false;
}

static bool value_starts(const struct header_field *f, const char *what)
{
	return slice_istarts(slice_trim(f->value), slice_str(what));
}

/* `boundary="..."` of a multipart: its level. False: there is none that can be used. */
static bool push_level(struct long_lines *l, const struct header_field *type)
{
	ptrdiff_t at = slice_ifind(type->value, SLICE_LIT("boundary="));
	struct level *level = &l->levels[l->depth];
	struct slice value;
	size_t n = 0;
	bool quoted;

	if (at < 0 || l->depth == DEPTH_MAX)
		return false;
	value = slice_from(type->value, (size_t)at + strlen("boundary="));
	quoted = value.len > 0 && value.ptr[0] == '"';
	if (quoted)
		value = slice_from(value, 1);
	while (n < value.len && (quoted ? value.ptr[n] != '"'
					: !strchr("; \t\r\n", value.ptr[n] ? value.ptr[n] : ';')))
		n++;
	if (n == 0 || n > BOUNDARY_MAX || slice_find(slice_head(value, n), '\\') >= 0)
		return false;
	memcpy(level->boundary, "--", 2);
	memcpy(level->boundary + 2, value.ptr, n);
	level->len = n + 2;
	level->sealed = (l->depth > 0 && l->levels[l->depth - 1].sealed) ||
			value_starts(type, "multipart/signed") ||
			value_starts(type, "multipart/encrypted");
	l->depth++;
	return true;
}

/* Text that is not encoded, outside of what is signed. */
static bool may_mend(const struct long_lines *l, bool has_type, const struct header_field *type)
{
	struct header_field cte;

	if (l->lost || l->broken || (l->depth > 0 && l->levels[l->depth - 1].sealed))
		return false;
	if (has_type && !value_starts(type, "text/"))
		return false;
	if (!header_find(buf_slice(&l->header), "Content-Transfer-Encoding", &cte))
		return true;
	return slice_ieq(slice_trim(cte.value), SLICE_LIT("7bit")) ||
	       slice_ieq(slice_trim(cte.value), SLICE_LIT("8bit"));
}

/* The header with its encoding told anew. */
static void write_header(struct long_lines *l, struct buf *out)
{
	static const char told[] = "Content-Transfer-Encoding: quoted-printable\r\n";
	struct slice rest = buf_slice(&l->header), here = rest;
	struct header_field f;
	bool done = false, mime = false;

	while (header_next(&rest, &f)) {
		here = rest;
		mime |= slice_ieq(f.name, SLICE_LIT("MIME-Version"));
		if (!slice_ieq(f.name, SLICE_LIT("Content-Transfer-Encoding")))
			buf_add_slice(out, f.whole);
		else if (!done)
			buf_adds(out, told);
		done |= slice_ieq(f.name, SLICE_LIT("Content-Transfer-Encoding"));
	}
	if (l->is_top && !mime)
		buf_adds(out, "MIME-Version: 1.0\r\n");
	if (!done)
		buf_adds(out, told);
	buf_add_slice(out, here); /* the empty line */
}

static bool part_is_long(const struct long_lines *l)
{
	return l->part < PARTS_MAX && (l->parts[l->part / 8] & (1u << l->part % 8));
}

static void end_header(struct long_lines *l, struct buf *out)
{
	struct header_field type;
	bool has_type = !l->overlong && header_find(buf_slice(&l->header), "Content-Type", &type);
	bool multi = has_type && value_starts(&type, "multipart/");

	l->in_header = false;
	l->broken = l->broken || l->overlong || swallows_boundary(l);
	if (!l->overlong && !multi && may_mend(l, has_type, &type)) {
		l->is_text = true;
		l->encode = l->writing && part_is_long(l);
	}
	if (l->encode)
		write_header(l, out);
	else if (l->writing && !l->overlong)
		buf_add_slice(out, buf_slice(&l->header));
	if (multi && (l->broken || !push_level(l, &type)))
		l->lost = true;
	l->is_top = false;
	buf_reset(&l->header);
}

/* ---- lines ---- */

/* The level whose boundary the line begins with: its number from 1 on; 0: it is none. */
static size_t boundary_of(const struct long_lines *l)
{
	for (size_t i = l->depth; i > 0; i--)
		if (is_boundary(&l->levels[i - 1], slice_of(l->start, l->held)))
			return i;
	return 0;
}

/* What was held back of the line: a boundary, or the beginning of text. */
static void release_start(struct long_lines *l, struct buf *out)
{
	size_t level = boundary_of(l), len;

	l->at_start = false;
	if (level == 0) {
		put_body(l, slice_of(l->start, l->held), out);
		l->held = 0;
		return;
	}
	len = l->levels[level - 1].len;
	if (l->is_text)
		l->part++;
	l->is_text = l->encode = l->lost = false;
	l->pending = '\0';
	l->column = 0;
	l->line_is_boundary = true;
	put_body(l, slice_of(l->start, l->held), out);
	/* "--boundary--": what follows belongs to nobody, up to an outer boundary */
	bool ends = l->held > len && l->start[len] == '-';

	l->depth = ends ? level - 1 : level;
	l->in_header = !ends;
	l->overlong = false;
	l->held = 0;
}

static bool could_be_boundary(const struct long_lines *l)
{
	return l->depth > 0 && l->start[0] == '-' && l->held < sizeof(l->start) &&
	       !memchr(l->start, '\n', l->held);
}

/* A piece of a body's line, its end perhaps included. */
static void body_piece(struct long_lines *l, struct slice piece, struct buf *out)
{
	bool ends = piece.ptr[piece.len - 1] == '\n';

	l->line_len += piece.len;
	while (l->at_start && piece.len > 0) {
		l->start[l->held++] = piece.ptr[0];
		piece = slice_from(piece, 1);
		if (!could_be_boundary(l))
			release_start(l, out);
	}
	if (piece.len > 0)
		put_body(l, piece, out);
	if (!ends)
		return;
	if (l->is_text && l->line_len > LINE_MAX_OCTETS + 2 && l->part < PARTS_MAX && !l->writing) {
		l->parts[l->part / 8] |= (uint8_t)(1u << l->part % 8);
		l->found = true;
	}
	l->at_start = true;
	l->held = 0;
	l->line_len = 0;
	l->line_is_boundary = false;
}

static void header_piece(struct long_lines *l, struct slice piece, struct buf *out)
{
	if (!l->overlong && piece.len > HEADER_MAX - l->header.len) {
		l->overlong = true;
		if (l->writing)
			buf_add_slice(out, buf_slice(&l->header));
		buf_reset(&l->header);
	}
	if (!l->overlong)
		buf_add_slice(&l->header, piece);
	else if (l->writing)
		buf_add_slice(out, piece);
	/* only the last two octets of an endless line matter */
	l->line_len += piece.len;
	if (piece.ptr[piece.len - 1] != '\n')
		return;
	if (l->line_len <= 2)
		end_header(l, out);
	l->line_len = 0;
	l->at_start = true;
	l->held = 0;
}

static void walk(struct long_lines *l, struct slice bytes, struct buf *out)
{
	while (bytes.len > 0) {
		ptrdiff_t eol = slice_find(bytes, '\n');
		struct slice piece = slice_head(bytes, eol < 0 ? bytes.len : (size_t)eol + 1);

		bytes = slice_from(bytes, piece.len);
		if (l->in_header && !l->line_is_boundary)
			header_piece(l, piece, out);
		else
			body_piece(l, piece, out);
	}
}

void long_lines_look(struct long_lines *l, struct slice bytes)
{
	walk(l, bytes, NULL);
}

bool long_lines_begin(struct long_lines *l)
{
	restart(l);
	l->writing = true;
	return l->found;
}

void long_lines_add(struct long_lines *l, struct slice bytes, struct buf *out)
{
	walk(l, bytes, out);
}

void long_lines_end(struct long_lines *l, struct buf *out)
{
	if (l->in_header && !l->overlong)
		buf_add_slice(out, buf_slice(&l->header));
	if (l->held > 0)
		release_start(l, out);
	put_pending(l, true, out);
}

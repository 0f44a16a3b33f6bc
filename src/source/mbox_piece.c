/*
 * Where one message of an mbox begins and ends. See mbox_piece.h.
 *
 * A message is read in three steps: its From_ line, its header block (in memory, at most
 * HEADER_BLOCK_MAX), and its end, which is either where Content-Length says, if a From_ line or the
 * end of the file is there, or the next line that is a separator. Each byte is looked at a bounded
 * number of times, whatever the file says: the few bytes behind a claimed Content-Length once a
 * message, the lines behind a doubtful From_ line once a candidate, and counting LF ends in CR LF
 * files has a budget.
 */
#include "source/mbox_piece.h"

#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "message/header.h"

#define PEEK_LEN	 1536		   /* behind a claimed end: line ends, From_ line, fields */
#define FIELDS_LEN_FIRST ((size_t)2 << 10) /* lines behind a doubtful From_ line: first look */
#define FIELDS_LEN_MAX	 ((size_t)128 << 10) /* and at most: one long folded field */
#define HEADER_STEP	 ((size_t)8 << 10)   /* a usual header block */

/* ---- looking ---- */

/* Bytes at `off` without moving the window: from it, or from the file into `room`. */
static int peek(struct mbox_text *t, uint64_t off, char *room, size_t len, struct slice *out,
		struct err *err)
{
	const struct window *w = &t->window;
	ssize_t n;

	if (len > t->end - off)
		len = (size_t)(t->end - off);
	if (w->bytes && off >= w->base && off + len <= w->base + w->len) {
		*out = slice_of(w->bytes + (off - w->base), len);
		return 0;
	}
	n = fd_pread(w->fd, room, len, off, err);
	if (n < 0)
		return -1;
	*out = slice_of(room, (size_t)n);
	return 0;
}

size_t mbox_line_end_len(struct slice s, char eol)
{
	if (s.len > 0 && s.ptr[0] == eol)
		return 1;
	return eol == '\n' && s.len > 1 && s.ptr[0] == '\r' && s.ptr[1] == '\n' ? 2 : 0;
}

/* Is the line before the line at `off` empty, and how long is it then? All bytes are visible. */
static size_t empty_line_before(const struct mbox_text *t, uint64_t off)
{
	const struct window *w = &t->window;

	if (off < 2 || window_at(w, off - 1) != t->eol)
		return 0;
	if (window_at(w, off - 2) == t->eol)
		return 1;
	if (t->eol == '\n' && off >= 3 && window_at(w, off - 2) == '\r' &&
	    window_at(w, off - 3) == '\n')
		return 2;
	return 0;
}

/* Do header fields follow at `off`? Bytes from `keep` on stay visible. */
static int fields_at(struct mbox_text *t, uint64_t keep, uint64_t off, enum from_fields *out,
		     struct err *err)
{
	size_t len = FIELDS_LEN_FIRST;
	struct slice s;

	for (;;) {
		if (window_want(&t->window, keep, (size_t)(off - keep) + len, &s, err) != 0)
			return -1;
		s = slice_head(slice_from(s, (size_t)(off - keep)), len);
		*out = from_line_fields(s, t->eol);
		if (*out != FIELDS_CUT_OFF)
			return 0;
		if (s.len < len || len >= FIELDS_LEN_MAX) {
			*out = FIELDS_NO;
			return 0;
		}
		len *= 4;
	}
}

/* Rules 3 to 6: is the line at `off`, which begins with "From ", a separator? Bytes from `keep` on
 * stay visible. 1, 0, -1. */
static int is_separator(struct mbox_text *t, uint64_t keep, uint64_t off, struct err *err)
{
	struct from_line line;
	enum from_fields fields;
	struct slice s;
	bool after_empty;

	if (window_want(&t->window, keep, (size_t)(off - keep) + FROM_LINE_MAX, &s, err) != 0)
		return -1;
	s = slice_from(s, (size_t)(off - keep));
	if (!from_line_parse(s, t->eol, &line))
		return 0;
	after_empty = empty_line_before(t, off) > 0;
	if (line.date != TIME_NONE && after_empty)
		return 1;
	if (line.date == TIME_NONE && !line.plausible)
		return 0;
	if (fields_at(t, keep, off + line.len, &fields, err) != 0)
		return -1;
	if (line.date != TIME_NONE || after_empty)
		return fields == FIELDS_ANY || fields == FIELDS_KNOWN;
	return fields == FIELDS_KNOWN;
}

/* ---- the header block ---- */

/* Walk the header lines: sets body and crlf at the empty line, or next (and end) when a separator
 * comes before it. Leaves the block visible in *block. */
static int read_header(struct mbox_text *t, struct mbox_piece *m, struct slice *block,
		       struct err *err)
{
	size_t done = 0, want = HEADER_STEP;

	if (window_want(&t->window, m->off, want, block, err) != 0)
		return -1;
	for (;;) {
		const char *line = block->ptr + done, *eol;
		size_t left = block->len - done;

		eol = left ? memchr(line, t->eol, left) : NULL;
		if (done >= HEADER_BLOCK_MAX) {
			*block = slice_head(*block, done);
			return 0;
		}
		if (!eol && m->off + block->len == t->end) {
			*block = slice_head(*block, done + left);
			return 0; /* the file ends in the header */
		}
		if (!eol && done + left >= HEADER_BLOCK_MAX) {
			*block = slice_head(*block, done);
			return 0;
		}
		if (!eol) {
			want = block->len + HEADER_STEP * 2;
			if (want > HEADER_BLOCK_MAX)
				want = HEADER_BLOCK_MAX;
			if (window_want(&t->window, m->off, want, block, err) != 0)
				return -1;
			continue;
		}
		if (line == eol || (line + 1 == eol && *line == '\r')) {
			m->crlf = line != eol;
			*block = slice_head(*block, done);
			m->body = m->off + (uint64_t)(eol + 1 - block->ptr);
			return 0;
		}
		if (*line == 'F' && slice_starts(slice_of(line, left), SLICE_LIT("From "))) {
			int separator = is_separator(t, m->off, m->off + done, err);

			if (separator < 0 || window_want(&t->window, m->off, want, block, err) != 0)
				return -1;
			if (separator) {
				*block = slice_head(*block, done);
				m->next = m->end = m->off + done;
				return 0;
			}
			eol = memchr(block->ptr + done, t->eol, block->len - done);
		}
		done = (size_t)(eol + 1 - block->ptr);
	}
}

/* Only LF ends lines for those who read header blocks. */
static void turn_line_ends(struct slice block, char from, char to)
{
	char *bytes = (char *)(uintptr_t)block.ptr; /* they are our window's */

	for (size_t i = 0; i < block.len; i++)
		if (bytes[i] == from)
			bytes[i] = to;
}

static void read_dialect(struct mbox_text *t, struct mbox_piece *m, struct slice block,
			 struct arena *a)
{
	m->flags.system = 0;
	m->flags.n_keywords = 0;
	if (t->eol == '\r')
		turn_line_ends(block, '\r', '\n');
	dialect_read(block, m->from.mozilla, a, &m->flags, &m->facts);
	if (t->eol == '\r')
		turn_line_ends(block, '\n', '\r');
}

/* ---- the end by Content-Length ---- */

/* Rule 2: do at most two line ends and then a From_ line or the end of the file follow at `end`?
 * Then *next is where, and *exact whether just one line end stands between. 1, 0, -1. */
static int ends_at(struct mbox_text *t, uint64_t end, uint64_t *next, bool *exact, struct err *err)
{
	char room[PEEK_LEN];
	struct from_line line;
	struct slice s;
	uint64_t at = end;
	size_t len;
	int ends = 0;

	if (peek(t, end - 1, room, sizeof(room), &s, err) != 0)
		return -1;
	if (s.len == 0)
		return 0;
	while (ends < 2 &&
	       (len = mbox_line_end_len(slice_from(s, (size_t)(at + 1 - end)), t->eol))) {
		at += len;
		ends++;
	}
	if (at < t->end && s.ptr[0] != t->eol &&
	    (ends == 0 || (s.ptr[0] == '\r' && s.ptr[1] == '\n')))
		return 0; /* in the middle of a line, or of its end */
	*next = at;
	*exact = ends == 1 || (ends == 0 && at == t->end);
	if (at == t->end)
		return 1;
	s = slice_from(s, (size_t)(at + 1 - end));
	if (!from_line_parse(s, t->eol, &line))
		return 0;
	if (line.date != TIME_NONE)
		return 1;
	return line.plausible && from_line_fields(slice_from(s, line.len), t->eol) != FIELDS_NO;
}

/* Go over lines of `s` until `left` octets have passed, each CR LF counted as one. Returns how many
 * bytes that took. */
static size_t pass_lines(struct slice s, uint64_t *left)
{
	size_t at = 0;

	while (*left > 0 && at < s.len) {
		const char *lf = memchr(s.ptr + at, '\n', s.len - at);
		size_t bytes = lf ? (size_t)(lf - s.ptr) + 1 - at : s.len - at;
		size_t octets = bytes - (lf && bytes > 1 && lf[-1] == '\r');

		if (octets > *left) {
			at += (size_t)*left;
			*left = 0;
			break;
		}
		at += bytes;
		*left -= octets;
	}
	return at;
}

/* Where `length` octets of the body end when each CR LF counts as one: 1, 0 (beyond the end), -1.
 */
static int count_lf(struct mbox_text *t, uint64_t body, uint64_t length, uint64_t *end,
		    struct err *err)
{
	uint64_t at = body;

	while (length > 0 && at < t->end) {
		struct slice s;

		if (window_want(&t->window, at, 2, &s, err) != 0)
			return -1;
		/* A CR at the end of what is visible may belong to a LF that is not. */
		if (s.len > 1 && at + s.len < t->end && s.ptr[s.len - 1] == '\r')
			s.len--;
		at += pass_lines(s, &length);
	}
	*end = at;
	return length == 0;
}

/* The same with a Content-Length that was counted before LF became CR LF. */
static int ends_at_counted(struct mbox_text *t, struct mbox_piece *m, uint64_t *end,
			   struct err *err)
{
	uint64_t length = m->facts.length;
	int got;

	if (!m->crlf || length > t->end - m->body || length > t->count_budget)
		return 0;
	got = count_lf(t, m->body, length, end, err);
	if (got > 0)
		got = ends_at(t, *end, &m->next, &m->exact, err);
	if (got == 0)
		t->count_budget -= length;
	return got;
}

int mbox_piece_end_by_length(struct mbox_text *t, struct mbox_piece *m, struct err *err)
{
	uint64_t end;
	int got = 0;

	if (!m->facts.has_length || !m->body)
		return 0;
	m->beyond = m->facts.length > t->end - m->body;
	if (!m->beyond) {
		end = m->body + m->facts.length;
		got = ends_at(t, end, &m->next, &m->exact, err);
		if (got == 0)
			got = ends_at_counted(t, m, &end, err);
	}
	if (got > 0) {
		m->end = end;
		m->confirmed = true;
	}
	return got;
}

/* ---- the end by scanning ---- */

int mbox_piece_end_by_scan(struct mbox_text *t, struct mbox_piece *m, uint64_t from,
			   struct err *err)
{
	uint64_t at = from - 1;
	int got;

	while ((got = window_find_from(&t->window, &at, t->eol, err)) > 0) {
		got = is_separator(t, at, at, err);
		if (got < 0)
			return -1;
		if (got > 0) {
			m->next = at;
			m->end = at - empty_line_before(t, at); /* rule 7 */
			return 0;
		}
	}
	m->next = m->end = t->end;
	return got;
}

/* The empty line that a writer puts behind the last message too. */
static int trim_last(struct mbox_text *t, struct mbox_piece *m, struct err *err)
{
	struct slice s;

	if (m->end < m->off + 2)
		return 0;
	if (window_want(&t->window, m->end, 0, &s, err) != 0)
		return -1;
	m->end -= empty_line_before(t, m->end);
	return 0;
}

/* ---- one message ---- */

int mbox_piece_head(struct mbox_text *t, uint64_t at, struct arena *a, struct mbox_piece *m,
		    uint64_t *behind, struct err *err)
{
	struct slice s;

	memset(m, 0, offsetof(struct mbox_piece, flags));
	if (window_want(&t->window, at, FROM_LINE_MAX, &s, err) != 0)
		return -1;
	if (!from_line_parse(s, t->eol, &m->from))
		return err_set(err, ERR_CHANGED, SCOPE_FOLDER, RETRY_LATER,
			       "no From_ line at byte %" PRIu64 " any more", at);
	m->off = at + m->from.len;
	window_keep(&t->window, m->off);
	if (read_header(t, m, &s, err) != 0)
		return -1;
	*behind = m->body ? m->body : m->off + s.len;
	read_dialect(t, m, s, a);
	return 0;
}

int mbox_piece_read(struct mbox_text *t, uint64_t at, struct arena *a, struct mbox_piece *m,
		    struct err *err)
{
	uint64_t behind;
	int got;

	if (mbox_piece_head(t, at, a, m, &behind, err) != 0)
		return -1;
	if (m->next)
		return 0;
	got = mbox_piece_end_by_length(t, m, err);
	if (got != 0)
		return got < 0 ? -1 : 0;
	if (mbox_piece_end_by_scan(t, m, behind, err) != 0)
		return -1;
	return m->next == t->end ? trim_last(t, m, err) : 0;
}

/* ---- borders that are claimed ---- */

int mbox_piece_borders(struct mbox_text *t, uint64_t off, uint64_t end, struct err *err)
{
	char before;
	struct slice s;
	uint64_t next;
	bool exact;

	if (off == 0 || end < off || end > t->end)
		return 0;
	if (peek(t, off - 1, &before, 1, &s, err) != 0)
		return -1;
	if (s.len == 0 || (s.ptr[0] != t->eol && off < t->end))
		return 0;
	return ends_at(t, end, &next, &exact, err);
}

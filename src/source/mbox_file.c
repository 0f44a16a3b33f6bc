/*
 * One mbox file: see mbox_file.h. The numbers in the comments are those of the boundary rule
 * (mail-stores.md 3.2).
 *
 * A message is read in three steps: its From_ line, its header block (in memory, at most
 * HEADER_BLOCK_MAX), and its end, which is either where Content-Length says, if a From_ line or the
 * end of the file is there, or the next line that is a separator. Each byte is looked at a bounded
 * number of times, whatever the file says: the few bytes behind a claimed Content-Length once a
 * message, the lines behind a doubtful From_ line once a candidate, and counting LF ends in CR LF
 * files has a budget.
 */
#include "source/mbox_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "message/header.h"
#include "source/dialect.h"
#include "source/format.h"
#include "source/from_line.h"
#include "source/gunzip.h"
#include "source/window.h"

#define PEEK_LEN	 1536		   /* behind a claimed end: line ends, From_ line, fields */
#define FIELDS_LEN_FIRST ((size_t)2 << 10) /* lines behind a doubtful From_ line: first look */
#define FIELDS_LEN_MAX	 ((size_t)128 << 10) /* and at most: one long folded field */
#define HEADER_STEP	 ((size_t)8 << 10)   /* a usual header block */
#define PROBE_LEN	 ((size_t)4 << 10)
#define SCRATCH_MAX	 ((size_t)256 << 10)

struct mbox_file {
	int dirfd;     /* AT_FDCWD or our own copy */
	int fd;	       /* the file */
	int spool;     /* -1, or its unpacked copy */
	char *path;    /* below dirfd */
	char *escaped; /* the name in locators */
	struct notices *notices;
	struct stamp stamp;
	struct window window;
	struct arena scratch;

	uint64_t first; /* offset of the first From_ line */
	uint64_t end;	/* of the mail: without NULs at the end */
	char eol;	/* LF, or CR in a file without LF (rule 8) */
	bool cut_off;	/* the gzip file or the tail is damaged */

	bool surveyed;	 /* the next three are known */
	bool by_length;	 /* every boundary is confirmed by Content-Length: mboxcl, no quoting */
	bool imap_store; /* Dovecot's or c-client's: From_ dates are arrival dates */
	bool mutt_store; /* mutt's: the same */

	uint64_t pos;	       /* of the next From_ line */
	uint64_t number;       /* messages read so far */
	uint64_t count_budget; /* bytes that failed attempts to count LF ends may still cost */
};

/* A message between two boundaries. */
struct piece {
	struct from_line from;
	uint64_t off;  /* first byte of the header */
	uint64_t body; /* behind the header's empty line; 0: the header did not end */
	uint64_t end;
	uint64_t next;	/* the next From_ line, or the end of the file */
	bool crlf;	/* the header's empty line is CR LF */
	bool confirmed; /* its end was confirmed by Content-Length */
	bool exact;	/* and exactly one line end (or none, at the end of the file) follows */
	bool beyond;	/* Content-Length reaches beyond the end of the file */
	struct dialect_facts facts;
	struct flag_set flags;
};

/* ---- looking ---- */

/* Bytes at `off` without moving the window: from it, or from the file into `room`. */
static int peek(struct mbox_file *f, uint64_t off, char *room, size_t len, struct slice *out,
		struct err *err)
{
	const struct window *w = &f->window;
	ssize_t n;

	if (len > f->end - off)
		len = (size_t)(f->end - off);
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

/* Length of the line end at the start of `s`: 0, 1 or 2. */
static size_t line_end_len(struct slice s, char eol)
{
	if (s.len > 0 && s.ptr[0] == eol)
		return 1;
	return eol == '\n' && s.len > 1 && s.ptr[0] == '\r' && s.ptr[1] == '\n' ? 2 : 0;
}

/* Is the line before the line at `off` empty, and how long is it then? All bytes are visible. */
static size_t empty_line_before(const struct mbox_file *f, uint64_t off)
{
	const struct window *w = &f->window;

	if (off < 2 || window_at(w, off - 1) != f->eol)
		return 0;
	if (window_at(w, off - 2) == f->eol)
		return 1;
	if (f->eol == '\n' && off >= 3 && window_at(w, off - 2) == '\r' &&
	    window_at(w, off - 3) == '\n')
		return 2;
	return 0;
}

/* Do header fields follow at `off`? Bytes from `keep` on stay visible. */
static int fields_at(struct mbox_file *f, uint64_t keep, uint64_t off, enum from_fields *out,
		     struct err *err)
{
	size_t len = FIELDS_LEN_FIRST;
	struct slice s;

	for (;;) {
		if (window_want(&f->window, keep, (size_t)(off - keep) + len, &s, err) != 0)
			return -1;
		s = slice_head(slice_from(s, (size_t)(off - keep)), len);
		*out = from_line_fields(s, f->eol);
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
static int is_separator(struct mbox_file *f, uint64_t keep, uint64_t off, struct err *err)
{
	struct from_line line;
	enum from_fields fields;
	struct slice s;
	bool after_empty;

	if (window_want(&f->window, keep, (size_t)(off - keep) + FROM_LINE_MAX, &s, err) != 0)
		return -1;
	s = slice_from(s, (size_t)(off - keep));
	if (!from_line_parse(s, f->eol, &line))
		return 0;
	after_empty = empty_line_before(f, off) > 0;
	if (line.date != TIME_NONE && after_empty)
		return 1;
	if (line.date == TIME_NONE && !line.plausible)
		return 0;
	if (fields_at(f, keep, off + line.len, &fields, err) != 0)
		return -1;
	if (line.date != TIME_NONE || after_empty)
		return fields == FIELDS_ANY || fields == FIELDS_KNOWN;
	return fields == FIELDS_KNOWN;
}

/* ---- the header block ---- */

/* Walk the header lines: sets body and crlf at the empty line, or next (and end) when a separator
 * comes before it. Leaves the block visible in *block. */
static int read_header(struct mbox_file *f, struct piece *m, struct slice *block, struct err *err)
{
	size_t done = 0, want = HEADER_STEP;

	if (window_want(&f->window, m->off, want, block, err) != 0)
		return -1;
	for (;;) {
		const char *line = block->ptr + done, *eol;
		size_t left = block->len - done;

		eol = left ? memchr(line, f->eol, left) : NULL;
		if (done >= HEADER_BLOCK_MAX) {
			*block = slice_head(*block, done);
			return 0;
		}
		if (!eol && m->off + block->len == f->end) {
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
			if (window_want(&f->window, m->off, want, block, err) != 0)
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
			int separator = is_separator(f, m->off, m->off + done, err);

			if (separator < 0 || window_want(&f->window, m->off, want, block, err) != 0)
				return -1;
			if (separator) {
				*block = slice_head(*block, done);
				m->next = m->end = m->off + done;
				return 0;
			}
			eol = memchr(block->ptr + done, f->eol, block->len - done);
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

static void read_dialect(struct mbox_file *f, struct piece *m, struct slice block, struct arena *a)
{
	m->flags.system = 0;
	m->flags.n_keywords = 0;
	if (f->eol == '\r')
		turn_line_ends(block, '\r', '\n');
	dialect_read(block, m->from.mozilla, a, &m->flags, &m->facts);
	if (f->eol == '\r')
		turn_line_ends(block, '\n', '\r');
}

/* ---- the end by Content-Length ---- */

/* Rule 2: do at most two line ends and then a From_ line or the end of the file follow at `end`?
 * Then *next is where, and *exact whether just one line end stands between. 1, 0, -1. */
static int ends_at(struct mbox_file *f, uint64_t end, uint64_t *next, bool *exact, struct err *err)
{
	char room[PEEK_LEN];
	struct from_line line;
	struct slice s;
	uint64_t at = end;
	size_t len;
	int ends = 0;

	if (peek(f, end - 1, room, sizeof(room), &s, err) != 0)
		return -1;
	if (s.len == 0)
		return 0;
	while (ends < 2 && (len = line_end_len(slice_from(s, (size_t)(at + 1 - end)), f->eol))) {
		at += len;
		ends++;
	}
	if (at < f->end && s.ptr[0] != f->eol &&
	    (ends == 0 || (s.ptr[0] == '\r' && s.ptr[1] == '\n')))
		return 0; /* in the middle of a line, or of its end */
	*next = at;
	*exact = ends == 1 || (ends == 0 && at == f->end);
	if (at == f->end)
		return 1;
	s = slice_from(s, (size_t)(at + 1 - end));
	if (!from_line_parse(s, f->eol, &line))
		return 0;
	if (line.date != TIME_NONE)
		return 1;
	return line.plausible && from_line_fields(slice_from(s, line.len), f->eol) != FIELDS_NO;
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
static int count_lf(struct mbox_file *f, uint64_t body, uint64_t length, uint64_t *end,
		    struct err *err)
{
	uint64_t at = body;

	while (length > 0 && at < f->end) {
		struct slice s;

		if (window_want(&f->window, at, 2, &s, err) != 0)
			return -1;
		/* A CR at the end of what is visible may belong to a LF that is not. */
		if (s.len > 1 && at + s.len < f->end && s.ptr[s.len - 1] == '\r')
			s.len--;
		at += pass_lines(s, &length);
	}
	*end = at;
	return length == 0;
}

/* The same with a Content-Length that was counted before LF became CR LF. */
static int ends_at_counted(struct mbox_file *f, struct piece *m, uint64_t *end, struct err *err)
{
	uint64_t length = m->facts.length;
	int got;

	if (!m->crlf || length > f->end - m->body || length > f->count_budget)
		return 0;
	got = count_lf(f, m->body, length, end, err);
	if (got > 0)
		got = ends_at(f, *end, &m->next, &m->exact, err);
	if (got == 0)
		f->count_budget -= length;
	return got;
}

/* 1 when Content-Length gives the end, 0 when it does not, -1. */
static int end_by_length(struct mbox_file *f, struct piece *m, struct err *err)
{
	uint64_t end;
	int got = 0;

	if (!m->facts.has_length || !m->body)
		return 0;
	m->beyond = m->facts.length > f->end - m->body;
	if (!m->beyond) {
		end = m->body + m->facts.length;
		got = ends_at(f, end, &m->next, &m->exact, err);
		if (got == 0)
			got = ends_at_counted(f, m, &end, err);
	}
	if (got > 0) {
		m->end = end;
		m->confirmed = true;
	}
	return got;
}

/* ---- the end by scanning ---- */

/* The next separator from the line end before `from` on, or the end of the file. */
static int end_by_scan(struct mbox_file *f, struct piece *m, uint64_t from, struct err *err)
{
	uint64_t at = from - 1;
	int got;

	while ((got = window_find_from(&f->window, &at, f->eol, err)) > 0) {
		got = is_separator(f, at, at, err);
		if (got < 0)
			return -1;
		if (got > 0) {
			m->next = at;
			m->end = at - empty_line_before(f, at); /* rule 7 */
			return 0;
		}
	}
	m->next = m->end = f->end;
	return got;
}

/* The empty line that a writer puts behind the last message too. */
static int trim_last(struct mbox_file *f, struct piece *m, struct err *err)
{
	struct slice s;

	if (m->end < m->off + 2)
		return 0;
	if (window_want(&f->window, m->end, 0, &s, err) != 0)
		return -1;
	m->end -= empty_line_before(f, m->end);
	return 0;
}

/* ---- one message ---- */

/* The From_ line and the header of the message at f->pos; m->next is 0 when its end is not known
 * yet. Keywords go to the arena. *behind is where the block ends. */
static int read_head(struct mbox_file *f, struct arena *a, struct piece *m, uint64_t *behind,
		     struct err *err)
{
	struct slice s;

	memset(m, 0, offsetof(struct piece, flags));
	if (window_want(&f->window, f->pos, FROM_LINE_MAX, &s, err) != 0)
		return -1;
	if (!from_line_parse(s, f->eol, &m->from))
		return err_set(err, ERR_CHANGED, SCOPE_FOLDER, RETRY_LATER,
			       "no From_ line at byte %" PRIu64 " any more", f->pos);
	m->off = f->pos + m->from.len;
	window_keep(&f->window, m->off);
	if (read_header(f, m, &s, err) != 0)
		return -1;
	*behind = m->body ? m->body : m->off + s.len;
	read_dialect(f, m, s, a);
	return 0;
}

static int read_piece(struct mbox_file *f, struct arena *a, struct piece *m, struct err *err)
{
	uint64_t behind;
	int got;

	if (read_head(f, a, m, &behind, err) != 0)
		return -1;
	if (m->next)
		return 0;
	got = end_by_length(f, m, err);
	if (got != 0)
		return got < 0 ? -1 : 0;
	if (end_by_scan(f, m, behind, err) != 0)
		return -1;
	return m->next == f->end ? trim_last(f, m, err) : 0;
}

/* ---- the survey: what the whole file tells ---- */

/* Is a Content-Length that reaches beyond the end that of a message which was cut off, rather than
 * wrong? Then no separator follows. 1, 0, -1. */
static int cut_off_there(struct mbox_file *f, struct piece *m, struct err *err)
{
	if (!m->beyond || f->number == 0)
		return 0;
	if (end_by_scan(f, m, m->body, err) != 0)
		return -1;
	return m->next == f->end;
}

/* The next message of the survey: 1 confirmed, 0 not, -1. */
static int survey_message(struct mbox_file *f, uint64_t *by_mutt, struct err *err)
{
	struct piece m;
	uint64_t behind;
	int got;

	arena_reset(&f->scratch);
	if (read_head(f, &f->scratch, &m, &behind, err) != 0)
		return -1;
	if (f->number == 0)
		f->imap_store = m.facts.has_imap_base;
	if (m.from.mozilla)
		return 0; /* Thunderbird counts nothing: the line is the message's own */
	got = m.next ? 0 : end_by_length(f, &m, err);
	if (got == 0 && !m.next)
		got = cut_off_there(f, &m, err);
	/* c-client does not count its own message; mutt does when it comes later. */
	if (got == 0 && !m.next && f->number == 0 && m.facts.pseudo)
		got = end_by_scan(f, &m, behind, err) == 0 ? 1 : -1;
	*by_mutt += m.facts.length_by_mutt;
	f->pos = m.next;
	return got;
}

/* Without holding a file in memory, whether Content-Length confirms all its boundaries is only
 * known after going from one to the next. That is cheap where it is true (only headers are read),
 * and where it is not, it mostly ends at the first message. */
static int survey(struct mbox_file *f, struct err *err)
{
	uint64_t by_mutt = 0;
	int got = 1;

	mbox_file_rewind(f);
	for (; got > 0 && f->pos < f->end; f->number++)
		got = survey_message(f, &by_mutt, err);
	if (got < 0)
		return -1;
	f->by_length = got > 0;
	f->mutt_store = f->by_length && 2 * by_mutt > f->number;
	f->surveyed = true;
	mbox_file_rewind(f);
	return 0;
}

void mbox_file_rewind(struct mbox_file *f)
{
	f->pos = f->first;
	f->number = 0;
	f->count_budget = f->end;
}

/* ---- locators ---- */

static const char hex_digits[] = "0123456789ABCDEF";

/* Printable and reversible: '%', '@', controls and what is not UTF-8 become %XX. */
static void escape(struct buf *out, struct slice name)
{
	while (name.len > 0) {
		uint32_t c = 0;
		size_t len = utf8_decode(name, &c);
		uint8_t byte = (uint8_t)name.ptr[0];

		if (len > 0 && c >= 32 && !(c >= 127 && c < 160) && c != '%' && c != '@') {
			buf_add(out, name.ptr, len);
			name = slice_from(name, len);
			continue;
		}
		buf_addc(out, '%');
		buf_addc(out, hex_digits[byte >> 4]);
		buf_addc(out, hex_digits[byte & 15]);
		name = slice_from(name, 1);
	}
}

static char *unescape(struct arena *a, struct slice escaped)
{
	char *out = arena_slice(a, escaped), *to = out;
	uint64_t byte;

	if (!out)
		return NULL;
	for (const char *p = out; *p; to++) {
		if (*p == '%' && p[1] && p[2] && slice_hex64(slice_of(p + 1, 2), &byte)) {
			*to = (char)byte;
			p += 3;
		} else {
			*to = *p++;
		}
	}
	*to = '\0';
	return out;
}

static const char eol_letters[] = { [EOL_LINES] = 'l', [EOL_CR] = 'r' };
static const char quoting_letters[] = {
	[QUOTING_NONE] = 'n', [QUOTING_MBOXO] = 'o', [QUOTING_MBOXRD] = 'd'
};

/* By hand and not by printf: one is made for each message. The room is surely enough. */
static char *make_locator(const struct mbox_file *f, const struct message *m, struct arena *a)
{
	size_t name_len = strlen(f->escaped);
	char *out = arena_alloc(a, name_len + sizeof("@+:lnffffffff") + 2 * 20), *at = out;

	if (!out)
		return NULL;
	memcpy(at, f->escaped, name_len);
	at += name_len;
	*at++ = '@';
	at = text_put_number(at, m->body.off, 10);
	*at++ = '+';
	at = text_put_number(at, m->body.len, 10);
	*at++ = ':';
	*at++ = eol_letters[m->canon.eol];
	*at++ = quoting_letters[m->canon.quoting];
	at = text_put_number(at, m->canon.strip, 16);
	*at = '\0';
	return out;
}

static int bad_locator(const char *locator, struct err *err)
{
	return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
		       "'%s' is no locator of a message in an mbox", locator);
}

int mbox_file_split_locator(const char *locator, struct arena *a, const char **name,
			    const char **suffix, struct err *err)
{
	const char *at = strchr(locator, '@');
	char *unescaped;

	if (!at)
		return bad_locator(locator, err);
	unescaped = unescape(a, slice_of(locator, (size_t)(at - locator)));
	if (!unescaped)
		return err_nomem(err);
	*name = unescaped;
	*suffix = at;
	return 0;
}

static bool read_rules(struct slice text, struct canon_rules *out)
{
	uint64_t strip;

	if (text.len < 3 || !slice_hex64(slice_from(text, 2), &strip) || strip > UINT32_MAX)
		return false;
	if (text.ptr[0] != 'l' && text.ptr[0] != 'r')
		return false;
	out->eol = text.ptr[0] == 'r' ? EOL_CR : EOL_LINES;
	out->strip = (uint32_t)strip;
	for (size_t i = 0; i < sizeof(quoting_letters); i++)
		if (text.ptr[1] == quoting_letters[i]) {
			out->quoting = (enum quoting)i;
			return true;
		}
	return false;
}

/* Does a message begin at `off`, behind a From_ line, and another one (or nothing) behind `end`? */
static int has_borders(struct mbox_file *f, uint64_t off, uint64_t end, struct err *err)
{
	char before;
	struct slice s;
	uint64_t next;
	bool exact;

	if (off == 0 || end < off || end > f->end)
		return 0;
	if (peek(f, off - 1, &before, 1, &s, err) != 0)
		return -1;
	if (s.len == 0 || (s.ptr[0] != f->eol && off < f->end))
		return 0;
	return ends_at(f, end, &next, &exact, err);
}

int mbox_file_locate(struct mbox_file *f, const char *suffix, struct message *out, struct err *err)
{
	struct slice rest = slice_str(suffix), off_text, len_text;
	uint64_t off, len;
	int got;

	if (slice_cut(&rest, '@').len != 0)
		return bad_locator(suffix, err);
	off_text = slice_cut(&rest, '+');
	len_text = slice_cut(&rest, ':');
	if (!slice_u64(off_text, &off) || !slice_u64(len_text, &len) ||
	    !read_rules(rest, &out->canon))
		return bad_locator(suffix, err);
	window_release(&f->window); /* what counts is what the file holds now */
	got = off > f->end || len > f->end - off ? 0 : has_borders(f, off, off + len, err);
	if (got < 0)
		return -1;
	if (got == 0)
		return err_set(err, ERR_CHANGED, SCOPE_MESSAGE, RETRY_NEVER,
			       "'%s' has changed: the message at byte %" PRIu64
			       " is not there any more",
			       f->path, off);
	out->body = (struct body){ f->window.fd, off, len, NULL };
	return 0;
}

/* ---- messages ---- */

/* No line end at the end of the file (rule 7), and what a Content-Length beyond the end means in a
 * file that keeps it honest. */
static bool is_cut_off(const struct mbox_file *f, const struct piece *m)
{
	if (m->next != f->end)
		return false;
	if (f->cut_off || (m->beyond && f->by_length))
		return true;
	return !m->confirmed && m->end == f->end && m->end > m->off &&
	       window_at(&f->window, m->end - 1) != f->eol;
}

/* A length that fits to the octet, from a program that is known to count: the same as in a file
 * where all fit. */
static bool is_counted(const struct mbox_file *f, const struct piece *m)
{
	if (f->by_length)
		return true;
	return m->exact && m->facts.dialect == DIALECT_STATUS &&
	       (m->facts.length_behind_uid || m->facts.length_by_mutt);
}

static void set_rules(const struct mbox_file *f, const struct piece *m, struct message *out)
{
	bool counted = is_counted(f, m);

	out->canon.eol = f->eol == '\r' ? EOL_CR : EOL_LINES;
	out->canon.quoting = counted ? QUOTING_NONE : QUOTING_MBOXRD;
	out->canon.strip = m->facts.strip;
	if (counted && m->facts.has_length)
		out->canon.strip |= STRIP_CONTENT_LENGTH | STRIP_LINES;
}

static void set_arrival(const struct mbox_file *f, const struct piece *m, struct message *out)
{
	out->arrival = (struct arrival)ARRIVAL_NONE;
	out->arrival.from_line = m->from.date;
	out->arrival.trusted = (f->imap_store && m->facts.has_uid) ||
			       (f->mutt_store && m->facts.dialect == DIALECT_STATUS);
	if (m->from.date != TIME_NONE && !m->from.zone_known)
		out->repairs |= NOTE_ZONE_UNKNOWN;
}

static int fill(struct mbox_file *f, const struct piece *m, struct arena *a, struct message *out,
		struct err *err)
{
	memset(out, 0, offsetof(struct message, flags));
	out->flags = m->flags;
	out->body = (struct body){ f->window.fd, m->off, m->end - m->off,
				   window_bytes(&f->window, m->off, m->end - m->off) };
	out->state = dialect_state(&m->facts, &m->flags);
	out->repairs = m->facts.dropped_keywords ? NOTE_KEYWORDS_DROPPED : 0;
	out->uidl = m->facts.uidl;
	out->pop_fetched = m->facts.pop_fetched;
	out->rebuilt = false;
	out->fidelity = 0;
	set_rules(f, m, out);
	set_arrival(f, m, out);
	if (is_cut_off(f, m)) {
		out->repairs |= NOTE_TRUNCATED;
		if (out->state == STATE_WHOLE)
			out->state = STATE_TRUNCATED;
	}
	out->locator = make_locator(f, out, a);
	return out->locator ? 0 : err_nomem(err);
}

static int check_unchanged(const struct mbox_file *f, struct err *err)
{
	if (mbox_file_unchanged(f))
		return 0;
	return err_set(err, ERR_CHANGED, SCOPE_FOLDER, RETRY_LATER,
		       "'%s' changed while it was read: close the mail program and run again",
		       f->path);
}

/* The next one that is a message: 1, 0, -1. */
static int next_piece(struct mbox_file *f, struct arena *a, struct piece *m, struct err *err)
{
	while (f->pos < f->end) {
		if (read_piece(f, a, m, err) != 0)
			return -1;
		f->pos = m->next;
		if (f->number++ > 0 || !m->facts.pseudo)
			return 1;
		notices_add(f->notices, NOTICE_PSEUDO, 1, f->path,
			    "the message with the mail program's own data is not carried");
	}
	return 0;
}

int mbox_file_next(struct mbox_file *f, struct arena *a, struct message *out, struct err *err)
{
	struct piece m;
	int got = 0;

	if (!f->surveyed)
		got = survey(f, err);
	if (got == 0)
		got = next_piece(f, a, &m, err);
	if (got > 0)
		return fill(f, &m, a, out, err) == 0 ? 1 : -1;
	if (got == 0)
		return check_unchanged(f, err);
	if (err->scope < SCOPE_FOLDER)
		err->scope = SCOPE_FOLDER;
	return err->code == ERR_INTERRUPTED ? -1 : err_prefix(err, "'%s'", f->path);
}

/* ---- opening ---- */

/* Behind a byte order mark and empty lines (rule 1). */
static int skip_lead(struct mbox_file *f, struct err *err)
{
	struct slice s;
	size_t len;

	if (window_want(&f->window, 0, 3, &s, err) != 0)
		return -1;
	if (slice_starts(s, SLICE_LIT("\xef\xbb\xbf")))
		f->first = 3;
	while (f->first < f->end) {
		if (window_want(&f->window, f->first, 2, &s, err) != 0)
			return -1;
		len = line_end_len(s, f->eol);
		if (len == 0)
			return 0;
		f->first += len;
	}
	return 0;
}

/* Rule 8. A file has a LF in its first lines or none at all, so this reads little or is worth it.
 */
static int find_eol(struct mbox_file *f, struct err *err)
{
	bool cr = false;

	f->eol = '\n';
	for (uint64_t at = 0; at < f->end;) {
		struct slice s;

		if (window_want(&f->window, at, 1, &s, err) != 0)
			return -1;
		if (memchr(s.ptr, '\n', s.len))
			return 0;
		cr = cr || memchr(s.ptr, '\r', s.len);
		at += s.len;
	}
	if (cr)
		f->eol = '\r';
	return 0;
}

/* NULs at the end are what a crash leaves on some file systems (rule 7). */
static int find_end(struct mbox_file *f, struct err *err)
{
	char block[4096];

	while (f->end > 0) {
		size_t len = f->end < sizeof(block) ? (size_t)f->end : sizeof(block);

		if (fd_pread(f->window.fd, block, len, f->end - len, err) < (ssize_t)len)
			return err_set(err, ERR_CHANGED, SCOPE_FOLDER, RETRY_LATER,
				       "'%s' could not be read to its end", f->path);
		while (len > 0 && block[len - 1] == '\0') {
			len--;
			f->end--;
		}
		if (len > 0)
			break;
	}
	f->window.end = f->end;
	return 0;
}

/* What stands in the file stays out of the text: a tree may hold files that are nobody's business.
 */
static int not_an_mbox(const struct mbox_file *f, struct slice head, struct err *err)
{
	const char *format = format_name(slice_head(head, FORMAT_HEAD_LEN));
	struct slice first = slice_from(head, (size_t)f->first);

	if (format)
		return err_set(err, ERR_FORMAT, SCOPE_FOLDER, RETRY_NEVER,
			       "'%s' is not an mbox: it is %s", f->path, format);
	slice_line(&first, &first);
	return err_set(err, ERR_FORMAT, SCOPE_FOLDER, RETRY_NEVER,
		       "'%s' is not an mbox: it does not begin with a From_ line%s", f->path,
		       header_looks_like_field(first) ? " (a single message?)" : "");
}

/* What `s` begins with must be a From_ line with a date, or one that a header follows. */
static bool begins_mbox(struct slice s, char eol, struct from_line *line)
{
	if (!from_line_parse(s, eol, line))
		return false;
	return line->date != TIME_NONE || from_line_one_field(slice_from(s, line->len), eol);
}

static void notice_nul_tail(const struct mbox_file *f, uint64_t size)
{
	if (f->end < size)
		notices_add(f->notices, NOTICE_DAMAGED, size - f->end, f->path,
			    "ends in NUL bytes, as a crash leaves them; they are no mail");
}

static int check_begin(struct mbox_file *f, struct err *err)
{
	struct from_line line;
	struct slice s;

	if (find_end(f, err) != 0 || find_eol(f, err) != 0 || skip_lead(f, err) != 0)
		return -1;
	if (f->first == f->end)
		return 0;
	if (window_want(&f->window, f->first, 2 * FROM_LINE_MAX, &s, err) != 0)
		return -1;
	if (begins_mbox(s, f->eol, &line))
		return 0;
	if (window_want(&f->window, 0, 2 * FROM_LINE_MAX, &s, err) != 0)
		return -1;
	return not_an_mbox(f, s, err);
}

static int unpack(struct mbox_file *f, struct err *err)
{
	struct stat st;

	f->spool = gunzip_spool(f->fd, &f->cut_off, err);
	if (f->spool < 0)
		return err_prefix(err, "'%s'", f->path);
	if (fstat(f->spool, &st) != 0)
		return err_sys(err, ERR_IO, SCOPE_FOLDER, errno, "temporary file");
	if (f->cut_off)
		notices_add(f->notices, NOTICE_DAMAGED, 1, f->path,
			    "the gzip file is damaged or cut off; read as far as it goes");
	window_init(&f->window, f->spool, (uint64_t)st.st_size);
	return 0;
}

static int begin(struct mbox_file *f, struct err *err)
{
	uint64_t size;
	char head[4];
	ssize_t n = fd_pread(f->fd, head, sizeof(head), 0, err);

	if (n < 0)
		return err_prefix(err, "'%s'", f->path);
	window_init(&f->window, f->fd, f->stamp.size);
	if (gunzip_magic(slice_of(head, (size_t)n)) && unpack(f, err) != 0)
		return -1;
	size = f->end = f->window.end;
	if (check_begin(f, err) != 0)
		return -1;
	notice_nul_tail(f, size);
	mbox_file_rewind(f);
	return 0;
}

/* Mail programs and delivery agents lock NAME by creating NAME.lock. */
static void notice_lock(const struct mbox_file *f)
{
	CLEANUP(buf_release) struct buf lock = BUF_INIT(8192);

	buf_addf(&lock, "%s.lock", f->path);
	if (buf_cstr(&lock) && faccessat(f->dirfd, lock.ptr, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		notices_add(f->notices, NOTICE_IN_USE, 1, f->path,
			    "is locked by a mail program (%s)", lock.ptr);
}

static int copy_names(struct mbox_file *f, const char *path, const char *name)
{
	CLEANUP(buf_release) struct buf escaped = BUF_INIT(3 * 65536);

	escape(&escaped, slice_str(name));
	f->path = strdup(path);
	f->escaped = buf_cstr(&escaped) ? strdup(escaped.ptr) : NULL;
	return f->path && f->escaped ? 0 : -1;
}

static struct mbox_file *new_file(int dirfd, const char *path, const char *name,
				  struct notices *notices)
{
	struct mbox_file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->fd = f->spool = -1;
	f->dirfd = dirfd == AT_FDCWD ? AT_FDCWD : fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	f->notices = notices;
	f->scratch = (struct arena)ARENA_INIT(SCRATCH_MAX);
	if (copy_names(f, path, name) != 0 || f->dirfd == -1) {
		mbox_file_close(f);
		return NULL;
	}
	return f;
}

int mbox_file_open(int dirfd, const char *path, const char *name, struct notices *notices,
		   struct mbox_file **out, struct err *err)
{
	struct mbox_file *f = new_file(dirfd, path, name, notices);
	struct stat st;

	if (!f)
		return err_nomem(err);
	f->fd = fd_open_file(dirfd, path, &st, err);
	if (f->fd >= 0) {
		f->stamp = stamp_of(&st);
		if (begin(f, err) == 0) {
			notice_lock(f);
			*out = f;
			return 0;
		}
	}
	mbox_file_close(f);
	if (err->scope < SCOPE_FOLDER)
		err->scope = SCOPE_FOLDER;
	return -1;
}

void mbox_file_close(struct mbox_file *f)
{
	if (!f)
		return;
	window_release(&f->window);
	arena_release(&f->scratch);
	fd_cleanup(&f->fd);
	fd_cleanup(&f->spool);
	if (f->dirfd != AT_FDCWD)
		fd_cleanup(&f->dirfd);
	free(f->path);
	free(f->escaped);
	free(f);
}

bool mbox_file_is_empty(const struct mbox_file *f)
{
	return f->first == f->end;
}

struct stamp mbox_file_stamp(const struct mbox_file *f)
{
	return f->stamp;
}

bool mbox_file_unchanged(const struct mbox_file *f)
{
	struct stat by_fd, by_name;
	struct stamp now;

	if (fstat(f->fd, &by_fd) != 0 || fstatat(f->dirfd, f->path, &by_name, 0) != 0)
		return false;
	now = stamp_of(&by_fd);
	if (!stamp_eq(&now, &f->stamp))
		return false;
	now = stamp_of(&by_name);
	return stamp_eq(&now, &f->stamp);
}

/* ---- probing ---- */

int mbox_file_probe(const char *path)
{
	CLEANUP(fd_cleanup) int fd = -1;
	struct err err = ERR_INIT;
	struct from_line line;
	struct slice s;
	char head[PROBE_LEN], eol;
	ssize_t n;
	size_t len;

	fd = fd_open_file(AT_FDCWD, path, NULL, &err);
	n = fd < 0 ? -1 : fd_pread(fd, head, sizeof(head), 0, &err);
	if (n == 0)
		return 10; /* an empty folder, if it is one */
	if (n > 0 && gunzip_magic(slice_of(head, (size_t)n)))
		n = (ssize_t)gunzip_head(fd, head, sizeof(head));
	if (n <= 0)
		return 0;
	s = slice_of(head, (size_t)n);
	eol = slice_find(s, '\n') >= 0 ? '\n' : '\r';
	if (slice_starts(s, SLICE_LIT("\xef\xbb\xbf")))
		s = slice_from(s, 3);
	while ((len = line_end_len(s, eol)) > 0)
		s = slice_from(s, len);
	if (!begins_mbox(s, eol, &line))
		return 0;
	return line.date != TIME_NONE ? 90 : line.plausible ? 70 : 50;
}

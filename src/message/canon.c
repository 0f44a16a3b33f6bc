/*
 * Canonical bytes. See canon.h for what they are.
 *
 * The reader works on a window of the file: at the start of each line it has
 * LOOKAHEAD bytes before it (or the end), so that a quoted From_ line or a header
 * name is always seen whole. The window is a part of the source's own memory where
 * that holds the message, else it is read here.
 *
 * Nearly all lines are copied by vectors, their end being looked for on the way. That
 * is as fast as the memory: vectors of 32 or 64 bytes (AVX2, AVX-512) gained nothing.
 */
#include "message/canon.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifdef MAILHOIST_FUZZ
#define WINDOW ((size_t)2 << 10) /* borders of windows fall into small inputs */
#else
#define WINDOW ((size_t)128 << 10)
#endif
#define LOOKAHEAD ((size_t)1 << 10) /* longest name or run of '>' that is recognised */
#define BLOCK	  ((size_t)64)	    /* digests take whole ones without copying them */
#define VECTOR	  ((size_t)16)
#define LONG_LINE 998 /* RFC 5322 2.1.1 */
/* A run, a piece behind it, and a line that was begun when that was nearly full. */
#define RUN	 ((size_t)16 << 10)
#define OUT_SIZE (RUN + 2 * WINDOW + LOOKAHEAD)

struct canon {
	struct body body;
	struct canon_rules rules;
	uint64_t next;	   /* offset in the body of the next byte to read */
	const char *in;	   /* the window: `own`, or bytes of the body */
	size_t pos, end;   /* what is left of it: in[pos..end) */
	uint32_t stripped; /* STRIP_* bits already removed */
	uint64_t line_len; /* of the line so far, without its end */
	bool in_header, at_line_start, skipping, finished;
	bool after_content_length; /* the field just removed was Content-Length */
	bool last_was_cr; /* the last byte put out was a CR that is not part of a line end */
	bool header_has_field;
	size_t run; /* octets of earlier pieces at the beginning of `buffer` */
	char *out;  /* the piece: behind them */
	size_t out_len, delivered;
	struct canon_notes notes;
	size_t piece; /* from here on nothing is forgotten between messages */
	char own[WINDOW];
	char buffer[OUT_SIZE];
};

struct canon *canon_new(void)
{
	struct canon *c = malloc(sizeof(*c));

	if (c)
		c->piece = WINDOW;
	return c;
}

void canon_set_piece(struct canon *c, size_t len)
{
	c->piece = len < BLOCK ? BLOCK : len < WINDOW ? len : WINDOW;
}

void canon_free(struct canon *c)
{
	free(c);
}

void canon_start(struct canon *c, const struct body *body, const struct canon_rules *rules)
{
	memset(c, 0, offsetof(struct canon, piece));
	c->in = c->own;
	c->out = c->buffer;
	c->body = *body;
	c->rules = *rules;
	c->in_header = true;
	c->at_line_start = true;
}

void canon_notes(const struct canon *c, struct canon_notes *out)
{
	*out = c->notes;
	if (c->in_header)
		out->header_len = out->wire_len;
}

static bool at_end_of_file(const struct canon *c)
{
	return c->next == c->body.len;
}

/* Keep what is left of the window and fill it up. */
static int read_on(struct canon *c, size_t left, size_t more, struct err *err)
{
	ssize_t n;

	memmove(c->own, c->own + c->pos, left);
	n = fd_pread(c->body.fd, c->own + left, more, c->body.off + c->next, err);
	if (n < 0)
		return -1;
	if ((size_t)n < more)
		return err_set(err, ERR_CHANGED, SCOPE_MESSAGE, RETRY_NEVER,
			       "the file became shorter while it was read");
	return 0;
}

/* The same with bytes that are in memory: they are not copied unless they have to be changed. */
static void move_on(struct canon *c, size_t left, size_t more)
{
	if (c->rules.eol != EOL_CR) {
		c->in = c->body.bytes + c->next - left;
		return;
	}
	memmove(c->own, c->own + c->pos, left);
	memcpy(c->own + left, c->body.bytes + c->next, more);
}

static int refill(struct canon *c, struct err *err)
{
	size_t left = c->end - c->pos, more = WINDOW - left;

	if (more > c->body.len - c->next)
		more = (size_t)(c->body.len - c->next);
	if (c->body.bytes)
		move_on(c, left, more);
	else if (read_on(c, left, more, err) != 0)
		return -1;
	if (c->rules.eol == EOL_CR)
		for (char *p = c->own + left, *e = p + more;
		     (p = memchr(p, '\r', (size_t)(e - p)));)
			*p = '\n';
	c->pos = 0;
	c->end = left + more;
	c->next += more;
	return 0;
}

static void put(struct canon *c, const char *bytes, size_t len)
{
	memcpy(c->out + c->out_len, bytes, len);
	c->out_len += len;
}

/* ---- headers ---- */

#define STRIP(name, bit)                                                                           \
	{                                                                                          \
		{ name, sizeof(name) - 1 }, bit                                                    \
	}
static const struct {
	struct slice name;
	uint32_t bit;
} strip_names[] = {
	STRIP("status", STRIP_STATUS),
	STRIP("x-status", STRIP_X_STATUS),
	STRIP("x-keywords", STRIP_X_KEYWORDS),
	STRIP("x-uid", STRIP_X_UID),
	STRIP("x-imap", STRIP_X_IMAP),
	STRIP("x-imapbase", STRIP_X_IMAPBASE),
	STRIP("content-length", STRIP_CONTENT_LENGTH),
	STRIP("lines", STRIP_LINES),
	STRIP("x-mozilla-status", STRIP_X_MOZILLA_STATUS),
	STRIP("x-mozilla-status2", STRIP_X_MOZILLA_STATUS2),
	STRIP("x-mozilla-keys", STRIP_X_MOZILLA_KEYS),
	STRIP("x-account-key", STRIP_X_ACCOUNT_KEY),
	STRIP("x-uidl", STRIP_X_UIDL),
	STRIP("x-evolution", STRIP_X_EVOLUTION),
	STRIP("x-evolution-source", STRIP_X_EVOLUTION_SOURCE),
	STRIP("x-tuid", STRIP_X_TUID),
	STRIP("x-offlineimap", STRIP_X_OFFLINEIMAP),
};
#undef STRIP

/* The STRIP_* bit of the field that starts at `line`, 0 if it is none of them. */
static uint32_t strip_bit(struct slice line)
{
	struct slice name = slice_head(line, 0);

	if (!memchr("sxcl", line.ptr[0] | 0x20, 4))
		return 0; /* no name begins with it */
	while (name.len < line.len && line.ptr[name.len] > 32 && line.ptr[name.len] != ':')
		name.len++;
	line = slice_from(line, name.len);
	while (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
		line = slice_from(line, 1);
	if (line.len == 0 || line.ptr[0] != ':')
		return 0;
	if (slice_istarts(name, SLICE_LIT("x-kmail-")))
		return STRIP_X_KMAIL;
	for (size_t i = 0; i < sizeof(strip_names) / sizeof(strip_names[0]); i++)
		if (slice_ieq(name, strip_names[i].name))
			return strip_names[i].bit;
	return 0;
}

/* Whether the field that starts at `line` is to be left out. */
static bool strips(struct canon *c, struct slice line)
{
	uint32_t bit;
	bool behind = c->after_content_length;

	c->after_content_length = false;
	if (!c->rules.strip)
		return false;
	bit = strip_bit(line) & c->rules.strip;
	if (!bit || (c->stripped & bit))
		return false;
	if (bit == STRIP_LINES && !behind)
		return false;
	if (bit != STRIP_X_KMAIL)
		c->stripped |= bit; /* only the first one is the store's */
	c->after_content_length = bit == STRIP_CONTENT_LENGTH;
	c->notes.repairs |= REPAIR_STRIPPED;
	return true;
}

static void end_header(struct canon *c, size_t line_end)
{
	c->in_header = false;
	c->skipping = false;
	c->notes.header_len = c->notes.wire_len + c->out_len + line_end;
	if (!c->header_has_field)
		c->notes.repairs |= NOTE_NO_HEADER;
}

/* At the start of a header line: shall it be left out? Ends the header at an empty line. */
static void begin_header_line(struct canon *c, struct slice line)
{
	bool empty =
		line.ptr[0] == '\n' || (line.len > 1 && line.ptr[0] == '\r' && line.ptr[1] == '\n');

	if (empty) {
		end_header(c, 2);
		return;
	}
	if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
		return; /* a folded line shares the fate of its field */
	c->skipping = strips(c, line);
	if (!c->header_has_field && memchr(line.ptr, ':', line.len))
		c->header_has_field = true;
}

/* ---- bodies ---- */

/* The length of a run of '>' if "From " follows it, else 0. */
static size_t quoted_from(struct slice line)
{
	size_t n = 0;

	while (n < line.len && line.ptr[n] == '>')
		n++;
	if (n == 0 || !slice_starts(slice_from(line, n), SLICE_LIT("From ")))
		return 0;
	return n;
}

static bool unquotes(const struct canon *c, struct slice line)
{
	size_t n = line.ptr[0] == '>' ? quoted_from(line) : 0;

	if (c->rules.quoting == QUOTING_MBOXRD)
		return n > 0;
	return c->rules.quoting == QUOTING_MBOXO && n == 1;
}

/* ---- one line or piece of a line ---- */

static void begin_line(struct canon *c)
{
	struct slice line = slice_of(c->in + c->pos, c->end - c->pos);

	c->at_line_start = false;
	c->line_len = 0;
	line = slice_head(line, LOOKAHEAD);
	if (c->in_header) {
		begin_header_line(c, line);
	} else if (c->rules.quoting != QUOTING_NONE && unquotes(c, line)) {
		c->pos++;
		c->notes.repairs |= REPAIR_UNQUOTED;
	}
}

static bool has_8bit(const char *p, size_t len)
{
	unsigned char all = 0;

	for (size_t i = 0; i < len; i++)
		all |= (unsigned char)p[i];
	return all & 0x80;
}

/* How often `byte` is there; almost always it is not. */
static uint64_t count(const char *p, size_t len, char byte)
{
	uint64_t n = 0;

	for (const char *e = p + len; (p = memchr(p, byte, (size_t)(e - p))); p++)
		n++;
	return n;
}

static void note_text(struct canon *c, const char *p, size_t len)
{
	uint64_t crs = count(p, len, '\r');

	c->line_len += len;
	if (c->line_len > LONG_LINE)
		c->notes.repairs |= NOTE_LONG_LINE;
	if (c->in_header && has_8bit(p, len))
		c->notes.repairs |= NOTE_8BIT_HEADER;
	c->notes.cr_count += crs;
	if (crs)
		c->notes.repairs |= NOTE_BARE_CR;
}

/* Text of a line without its end, followed by CR LF or nothing. */
static void put_text(struct canon *c, const char *p, size_t len, bool line_end)
{
	c->notes.nul_count += count(p, len, 0);
	if (c->skipping)
		return;
	note_text(c, p, len);
	put(c, p, len);
	if (len > 0)
		c->last_was_cr = p[len - 1] == '\r';
	if (!line_end)
		return;
	if (c->last_was_cr) {
		c->notes.cr_cr_lf_count++;
		c->notes.repairs |= NOTE_CR_CR_LF;
	}
	put(c, "\r\n", 2);
	c->last_was_cr = false;
}

/* One line, or what the window holds of it. */
static void one_line(struct canon *c)
{
	const char *p, *lf;
	size_t left, len;

	if (c->at_line_start)
		begin_line(c);
	p = c->in + c->pos;
	left = c->end - c->pos;
	lf = memchr(p, '\n', left);
	if (lf) {
		len = (size_t)(lf - p);
		c->pos += len + 1;
		if (len > 0 && p[len - 1] == '\r')
			len--;
		put_text(c, p, len, true);
		c->at_line_start = true;
		return;
	}
	/* A CR at the end of the window may belong to a LF that is not there yet. */
	len = left;
	if (!at_end_of_file(c) && len > 0 && p[len - 1] == '\r')
		len--;
	put_text(c, p, len, false);
	c->pos += len;
}

/* Copy the line at *from to *to, its end as CR LF, looking for the end while copying. False when
 * the line holds what has to be counted (a lone CR, a NUL), or the end is near: it is then left to
 * one_line(). May write VECTOR bytes more than the line has. */
#ifdef __SSE2__
static bool copy_line(const char **from, const char *end, char **to)
{
	const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r'), nul = _mm_setzero_si128();
	const char *p = *from;
	char *o = *to;

	for (; end - p > (ptrdiff_t)VECTOR; p += VECTOR, o += VECTOR) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i hits =
			_mm_or_si128(_mm_cmpeq_epi8(v, lf),
				     _mm_or_si128(_mm_cmpeq_epi8(v, cr), _mm_cmpeq_epi8(v, nul)));
		int mask = _mm_movemask_epi8(hits);

		_mm_storeu_si128((__m128i *)(void *)o, v);
		if (mask) {
			int n = __builtin_ctz((unsigned)mask);
			bool crlf = p[n] == '\r' && p[n + 1] == '\n';

			if (!crlf && p[n] != '\n')
				return false;
			memcpy(o + n, "\r\n", 2);
			*from = p + n + 1 + crlf;
			*to = o + n + 2;
			return true;
		}
	}
	return false;
}
#else
static bool copy_line(const char **from, const char *end, char **to)
{
	const char *p = *from, *lf = memchr(p, '\n', (size_t)(end - p));
	size_t len = lf ? (size_t)(lf - p) : 0;

	if (!lf)
		return false;
	if (len > 0 && p[len - 1] == '\r')
		len--;
	if (memchr(p, '\r', len) || memchr(p, 0, len))
		return false;
	memcpy(*to, p, len);
	memcpy(*to + len, "\r\n", 2);
	*from = lf + 1;
	*to += len + 2;
	return true;
}
#endif

/* The way of nearly all lines: whole lines of a body, none of them quoted, none odd. Stops before
 * the first line that is otherwise, and when the piece is full. */
static void plain_lines(struct canon *c)
{
	const char *p = c->in + c->pos, *end = c->in + c->end;
	char *o = c->out + c->out_len, *full = c->out + c->piece;
	bool quoting = c->rules.quoting != QUOTING_NONE;

	while (p < end && o < full && !(quoting && *p == '>')) {
		const char *line = o;

		if (!copy_line(&p, end, &o))
			break;
		if (o - line > LONG_LINE + 2)
			c->notes.repairs |= NOTE_LONG_LINE;
	}
	c->pos = (size_t)(p - c->in);
	c->out_len = (size_t)(o - c->out);
}

static void finish(struct canon *c)
{
	bool nothing = c->notes.wire_len + c->out_len == 0;

	c->finished = true;
	if (nothing)
		c->skipping =
			false; /* all of it was the store's own: what is left is not nothing */
	if (!c->at_line_start || nothing) {
		put_text(c, "", 0, true);
		c->notes.repairs |= REPAIR_FINAL_EOL;
	}
	if (c->in_header)
		end_header(c, 0);
	if (c->notes.nul_count)
		c->notes.repairs |= NOTE_NUL;
}

/* Lines until the piece is full or the window has too few bytes to go on. */
static void take_lines(struct canon *c)
{
	while (c->pos < c->end && c->out_len < c->piece &&
	       (at_end_of_file(c) || c->end - c->pos > LOOKAHEAD)) {
		if (c->at_line_start && !c->in_header)
			plain_lines(c);
		if (c->pos < c->end && c->out_len < c->piece)
			one_line(c);
	}
}

/* What the last call did not deliver comes first. */
static void keep_rest(struct canon *c)
{
	const char *rest = c->out + c->delivered;
	size_t run = c->run + c->delivered;

	c->out_len -= c->delivered;
	c->run = run < RUN ? run : 0;
	c->out = c->buffer + c->run;
	if (c->out != rest)
		memmove(c->out, rest, c->out_len);
	c->delivered = 0;
}

int canon_next(struct canon *c, struct slice *out, struct err *err)
{
	keep_rest(c);
	while (c->out_len < c->piece && !c->finished) {
		if (c->end - c->pos <= LOOKAHEAD && !at_end_of_file(c) && refill(c, err) != 0)
			return -1;
		take_lines(c);
		if (c->pos == c->end && at_end_of_file(c))
			finish(c);
	}
	if (c->out_len == 0)
		return 0;
	c->delivered = c->finished ? c->out_len : c->out_len - c->out_len % BLOCK;
	c->notes.wire_len += c->delivered;
	*out = slice_of(c->out, c->delivered);
	return 1;
}

struct slice canon_run(const struct canon *c, bool *ends)
{
	size_t len = c->run + c->delivered;

	*ends = len >= RUN;
	return slice_of(c->buffer, len);
}

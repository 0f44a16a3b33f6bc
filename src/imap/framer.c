/*
 * The framer. See framer.h.
 *
 * The response in the making always lies at [start, end) of one buffer. A kept
 * literal stays in place; of a dropped one the octets are taken out as they
 * arrive; a streamed one is handed out and forgotten.
 */
#include "imap/framer.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_INIT (256u << 10)
#define READ_MIN    (16u << 10)

void framer_init(struct framer *f)
{
	*f = (struct framer){ .state = FRAMER_BETWEEN };
}

void framer_release(struct framer *f)
{
	/* What a server sent may hold a challenge or a token. */
	if (f->bytes)
		explicit_bzero(f->bytes, f->cap);
	free(f->bytes);
	framer_init(f);
}

static void move_to_front(struct framer *f)
{
	memmove(f->bytes, f->bytes + f->start, f->end - f->start);
	f->scan -= f->start;
	f->line -= f->start;
	f->end -= f->start;
	f->start = 0;
}

char *framer_space(struct framer *f, size_t *len)
{
	if (f->state == FRAMER_BETWEEN && f->scan == f->end)
		f->start = f->scan = f->line = f->end = 0;
	if (f->state == FRAMER_BETWEEN)
		f->start = f->scan;
	if (f->cap - f->end < READ_MIN && f->start > 0)
		move_to_front(f);
	if (f->cap - f->end < READ_MIN) {
		size_t cap = f->cap ? f->cap * 2 : BUFFER_INIT;
		char *bytes = realloc(f->bytes, cap);

		if (!bytes)
			return NULL;
		f->bytes = bytes;
		f->cap = cap;
	}
	*len = f->cap - f->end;
	return f->bytes + f->end;
}

void framer_filled(struct framer *f, size_t len)
{
	f->end += len;
}

struct slice framer_take(struct framer *f)
{
	struct slice rest = slice_of(f->bytes + f->scan, f->end - f->scan);

	f->start = f->line = f->scan = f->end;
	return rest;
}

bool framer_has_bytes(const struct framer *f)
{
	return f->state == FRAMER_BETWEEN ? f->scan < f->end : f->start < f->end;
}

static int broken(struct err *err, const char *what)
{
	return err_set(err, ERR_PROTOCOL, SCOPE_ACCOUNT, RETRY_LATER, "the server sent %s", what);
}

/* ---- the first line of a response ---- */

static struct slice word(struct slice *rest)
{
	return slice_cut(rest, ' ');
}

static bool is_status(struct slice name)
{
	static const char *const names[] = { "OK", "NO", "BAD", "BYE", "PREAUTH" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_ieq(name, slice_str(names[i])))
			return true;
	return false;
}

static void look_at_first_line(struct framer *f, struct slice line)
{
	struct slice name;

	f->literals = f->fetch = false;
	if (line.len < 2 || line.ptr[0] != '*' || line.ptr[1] != ' ')
		return;
	line = slice_from(line, 2);
	name = word(&line);
	if (name.len > 0 && name.ptr[0] >= '0' && name.ptr[0] <= '9')
		f->fetch = slice_ieq(word(&line), SLICE_LIT("FETCH"));
	f->literals = !is_status(name);
}

/* ---- literals ---- */

/* "{digits}" at the end of `line`: 1 and where it stands, 0 there is none, -1 not a number that
 * we could count to. */
static int find_literal(struct slice line, size_t *at, uint64_t *len)
{
	uint64_t value = 0;
	size_t brace;

	if (line.len < 3 || line.ptr[line.len - 1] != '}')
		return 0;
	for (brace = line.len - 2; line.ptr[brace] >= '0' && line.ptr[brace] <= '9'; brace--)
		if (brace == 0)
			return 0;
	if (line.ptr[brace] != '{' || brace == line.len - 2)
		return 0;
	for (size_t i = brace + 1; i < line.len - 1; i++) {
		if (value > (UINT64_MAX - 9) / 10)
			return -1;
		value = value * 10 + (uint64_t)(line.ptr[i] - '0');
	}
	*at = brace;
	*len = value;
	return 1;
}

/* The octets in front of "{n}" end in a body section: "BODY[] ", "BODY[TEXT]<0> ". */
static bool follows_section(struct slice line, size_t brace)
{
	size_t i = brace;

	if (i > 0 && line.ptr[i - 1] == '~') /* literal8 */
		i--;
	while (i > 0 && line.ptr[i - 1] == ' ')
		i--;
	return i > 0 && (line.ptr[i - 1] == ']' || line.ptr[i - 1] == '>');
}

/* Write the octets that are kept over those that were announced, in the same width. */
static void rewrite_count(char *digits, size_t width, size_t count)
{
	for (size_t i = width; i > 0; i--, count /= 10)
		digits[i - 1] = (char)('0' + count % 10);
}

/* Begin a literal that is to lie in memory. */
static void begin_kept(struct framer *f, char *digits, size_t width, uint64_t len)
{
	size_t keep = len < FRAME_KEEP_MAX ? (size_t)len : FRAME_KEEP_MAX;

	if (keep > FRAME_KEEP_ALL_MAX - f->kept_octets)
		keep = 0;
	if (keep < len) {
		rewrite_count(digits, width, keep);
		f->cut = true;
	}
	f->kept_octets += keep;
	f->line = f->scan + keep; /* where the next line will begin */
	f->left = len - keep;
	f->state = FRAMER_KEEP;
}

/* ---- the states ---- */

/* One line has come, [line, scan) with its line end. */
static int end_line(struct framer *f, struct frame *out, struct err *err)
{
	struct slice line = slice_of(f->bytes + f->line, f->scan - f->line - 1);
	size_t brace = 0;
	uint64_t len = 0;
	int literal = 0;

	if (line.len > 0 && line.ptr[line.len - 1] == '\r')
		line.len--;
	f->line_octets += line.len;
	if (f->line_octets > FRAME_LINE_MAX)
		return broken(err, "a line longer than 1 MiB");
	if (memchr(line.ptr, '\0', line.len))
		f->has_nul = true;
	if (f->line == f->start && !f->tail)
		look_at_first_line(f, line);
	if (f->literals)
		literal = find_literal(line, &brace, &len);
	if (literal < 0)
		return broken(err, "a literal of impossible size");
	if (literal == 0) {
		*out = (struct frame){ FRAME_RESPONSE,
				       slice_of(f->bytes + f->start, (size_t)(line.ptr - f->bytes) +
									     line.len - f->start),
				       0,
				       f->tail,
				       f->cut,
				       f->has_nul };
		f->state = FRAMER_BETWEEN;
		return 1;
	}
	if (f->stream_bodies && f->fetch && follows_section(line, brace)) {
		if (len > FRAME_STREAM_MAX)
			return broken(err, "a literal of 4 GiB or more");
		*out = (struct frame){ FRAME_LITERAL_BEGIN,
				       slice_of(f->bytes + f->start, (size_t)(line.ptr - f->bytes) +
									     line.len - f->start),
				       len,
				       f->tail,
				       f->cut,
				       f->has_nul };
		f->left = len;
		f->start = f->scan;
		f->state = FRAMER_STREAM;
		return 1;
	}
	if (len > FRAME_DROP_MAX)
		return broken(err, "a literal larger than 64 MiB where none belongs");
	begin_kept(f, f->bytes + f->line + brace + 1, line.len - brace - 2, len);
	return 0;
}

static int next_line(struct framer *f, struct frame *out, struct err *err)
{
	char *end = memchr(f->bytes + f->scan, '\n', f->end - f->scan);

	if (!end) {
		f->scan = f->end;
		if (f->line_octets + (f->end - f->line) > FRAME_LINE_MAX + 2)
			return broken(err, "a line longer than 1 MiB");
		return 0;
	}
	f->scan = (size_t)(end - f->bytes) + 1;
	return end_line(f, out, err);
}

/* True when the kept part is here. */
static bool keep(struct framer *f)
{
	if (f->end < f->line) {
		f->scan = f->end;
		return false;
	}
	f->scan = f->line;
	f->state = f->left > 0 ? FRAMER_DROP : FRAMER_LINE;
	return true;
}

/* Take the octets that nobody wants out of the buffer. True when all have come. */
static bool drop(struct framer *f)
{
	size_t here = f->end - f->scan;
	size_t n = f->left < here ? (size_t)f->left : here;

	memmove(f->bytes + f->scan, f->bytes + f->scan + n, here - n);
	f->end -= n;
	f->left -= n;
	if (f->left > 0)
		return false;
	f->state = FRAMER_LINE;
	return true;
}

static int stream(struct framer *f, struct frame *out)
{
	size_t here, n;

	f->start = f->scan;
	if (f->left == 0) {
		*out = (struct frame){ .kind = FRAME_LITERAL_END };
		f->tail = true;
		f->line = f->scan;
		f->state = FRAMER_LINE;
		return 1;
	}
	here = f->end - f->scan;
	n = f->left < here ? (size_t)f->left : here;
	if (n == 0) {
		f->line = f->scan;
		return 0;
	}
	*out = (struct frame){ .kind = FRAME_LITERAL_BYTES,
			       .bytes = slice_of(f->bytes + f->scan, n) };
	f->scan += n;
	f->line = f->scan;
	f->left -= n;
	return 1;
}

static void begin_response(struct framer *f)
{
	f->start = f->line = f->scan;
	f->tail = f->cut = f->has_nul = false;
	f->line_octets = f->kept_octets = 0;
	f->state = FRAMER_LINE;
}

int framer_next(struct framer *f, struct frame *out, struct err *err)
{
	int got;

	for (;;) {
		switch (f->state) {
		case FRAMER_BETWEEN:
			if (f->scan == f->end)
				return 0;
			begin_response(f);
			break;
		case FRAMER_LINE:
			got = next_line(f, out, err);
			if (got != 0 || f->state == FRAMER_LINE)
				return got;
			break;
		case FRAMER_KEEP:
			if (!keep(f))
				return 0;
			break;
		case FRAMER_DROP:
			if (!drop(f))
				return 0;
			break;
		case FRAMER_STREAM:
			return stream(f, out);
		}
	}
}

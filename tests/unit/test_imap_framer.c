/*
 * imap/framer.h: whole responses whatever the pieces they come in, and its limits
 * on both of their sides.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "base/buf.h"
#include "imap/framer.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* What the framer makes of a stream, as text: "R:" a response, "B:" the beginning of a streamed
 * literal, "L:" its octets, "E" its end, "!" an error. */
static void tell(struct buf *out, const struct frame *f)
{
	switch (f->kind) {
	case FRAME_RESPONSE:
		buf_adds(out, f->tail ? "T:" : "R:");
		buf_add_slice(out, f->bytes);
		buf_adds(out, f->has_nul ? "(nul)" : "");
		buf_addc(out, '|');
		break;
	case FRAME_LITERAL_BEGIN:
		buf_adds(out, "B:");
		buf_add_slice(out, f->bytes);
		buf_adds(out, "|L:");
		break;
	case FRAME_LITERAL_BYTES:
		buf_add_slice(out, f->bytes);
		break;
	case FRAME_LITERAL_END:
		buf_adds(out, "|E|");
		break;
	}
}

/* 0 or -1. */
static int feed(struct framer *f, struct slice bytes, struct buf *out)
{
	struct frame frame;
	struct err err;
	size_t room, n;
	char *space;
	int got;

	while (bytes.len > 0) {
		space = framer_space(f, &room);
		cr_assert(space);
		n = bytes.len < room ? bytes.len : room;
		memcpy(space, bytes.ptr, n);
		framer_filled(f, n);
		bytes = slice_from(bytes, n);
		while ((got = framer_next(f, &frame, &err)) > 0)
			tell(out, &frame);
		if (got < 0) {
			buf_addc(out, '!');
			return -1;
		}
	}
	return 0;
}

static const struct {
	const char *name, *in;
	bool stream;
	const char *want;
} rows[] = {
	{ "lines", "* OK hi\r\n* 5 EXISTS\n\r\na OK\r\n", false,
	  "R:* OK hi|R:* 5 EXISTS|R:|R:a OK|" },
	{ "incomplete", "* OK hi\r", false, "" },
	{ "literal", "* LIST () \"/\" {3}\r\na\r\n\r\n* x\r\n", false,
	  "R:* LIST () \"/\" {3}\r\na\r\n|R:* x|" },
	{ "two literals", "* X {1}\r\na {2}\r\nbc d\r\n", false, "R:* X {1}\r\na {2}\r\nbc d|" },
	{ "empty literal", "* X {0}\r\n y\r\n", false, "R:* X {0}\r\n y|" },
	{ "text is no literal", "* OK {5}\r\n* NO {5}\r\n* BYE {9}\r\n+ {5}\r\na OK {5}\r\n", false,
	  "R:* OK {5}|R:* NO {5}|R:* BYE {9}|R:+ {5}|R:a OK {5}|" },
	{ "no number", "* X {}\r\n* X {a}\r\n* X 5}\r\n* X {5+}\r\n* X {5} \r\n* X \"{5}\"\r\n",
	  false, "R:* X {}|R:* X {a}|R:* X 5}|R:* X {5+}|R:* X {5} |R:* X \"{5}\"|" },
	{ "body in memory", "* 1 FETCH (BODY[] {3}\r\nabc)\r\n", false,
	  "R:* 1 FETCH (BODY[] {3}\r\nabc)|" },
	{ "body streamed", "* 1 FETCH (UID 2 BODY[] {3}\r\nabc FLAGS ())\r\n* x\r\n", true,
	  "B:* 1 FETCH (UID 2 BODY[] {3}|L:abc|E|T: FLAGS ())|R:* x|" },
	{ "empty body streamed", "* 1 FETCH (BODY[TEXT]<0> {0}\r\n)\r\n", true,
	  "B:* 1 FETCH (BODY[TEXT]<0> {0}|L:|E|T:)|" },
	{ "literal8 streamed", "* 1 FETCH (BODY[] ~{1}\r\nx)\r\n", true,
	  "B:* 1 FETCH (BODY[] ~{1}|L:x|E|T:)|" },
	{ "other literals stay", "* 1 FETCH (X {1}\r\na BODY[] {1}\r\nb Y {1}\r\nc)\r\n", true,
	  "B:* 1 FETCH (X {1}\r\na BODY[] {1}|L:b|E|T: Y {1}\r\nc)|" },
	{ "no FETCH, no stream", "* LIST (BODY[] {1}\r\nx)\r\n", true,
	  "R:* LIST (BODY[] {1}\r\nx)|" },
	{ "4 GiB", "* 1 FETCH (BODY[] {4294967296}\r\n", true, "!" },
	{ "not quite 4 GiB", "* 1 FETCH (BODY[] {4294967295}\r\nab", true,
	  "B:* 1 FETCH (BODY[] {4294967295}|L:ab" },
	{ "64 MiB", "* X {67108864}\r\nab", false, "" },
	{ "over 64 MiB", "* X {67108865}\r\nab", false, "!" },
	{ "beyond 64 bits", "* X {18446744073709551617}\r\nab", false, "!" },
	{ "leading zeros", "* X {0000000000000000000000001}\r\nab\r\n", false,
	  "R:* X {0000000000000000000000001}\r\nab|" },
};

static void run(size_t i, size_t split, struct buf *out)
{
	struct framer f;
	struct slice in = slice_str(rows[i].in);

	framer_init(&f);
	f.stream_bodies = rows[i].stream;
	if (split == 0) { /* octet by octet */
		for (size_t at = 0; at < in.len; at++)
			if (feed(&f, slice_head(slice_from(in, at), 1), out) < 0)
				break;
	} else if (feed(&f, slice_head(in, split), out) == 0) {
		(void)feed(&f, slice_from(in, split), out);
	}
	framer_release(&f);
}

Test(imap_framer, any_split)
{
	for (size_t i = 0; i < ROWS(rows); i++) {
		for (size_t split = 0; split <= strlen(rows[i].in); split++) {
			CLEANUP(buf_release) struct buf out = BUF_INIT(1 << 20);

			run(i, split, &out);
			cr_expect(slice_eq(buf_slice(&out), slice_str(rows[i].want)),
				  "%s, split at %zu: %s", rows[i].name, split, buf_cstr(&out));
		}
	}
}

Test(imap_framer, nul)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(1 << 20);
	struct framer f;

	framer_init(&f);
	cr_expect(feed(&f, SLICE_LIT("* X a\0b\r\n* X {1}\r\n\0\r\n"), &out) == 0);
	cr_expect(slice_eq(buf_slice(&out), SLICE_LIT("R:* X a\0b(nul)|R:* X {1}\r\n\0|")));
	framer_release(&f);
}

/* A line, or a literal, of a given length. */
static const struct {
	const char *name, *before, *after;
	size_t len;
	int result;	 /* of feed() */
	size_t want_len; /* of the only response; 0: none */
} limits[] = {
	{ "longest line", "* X ", "\r\n", FRAME_LINE_MAX - 4, 0, FRAME_LINE_MAX },
	{ "too long a line", "* X ", "\r\n", FRAME_LINE_MAX - 3, -1, 0 },
	{ "longest literal kept", "* X {1048576}\r\n", "\r\n", FRAME_KEEP_MAX, 0,
	  FRAME_KEEP_MAX + 15 },
	{ "literal cut", "* X {1048577}\r\n", "\r\n", FRAME_KEEP_MAX + 1, 0, FRAME_KEEP_MAX + 15 },
	{ "large literal cut", "* X {9000000} y {1}\r\n", "\r\n", 0, 0, 0 },
};

Test(imap_framer, limits)
{
	for (size_t i = 0; i < ROWS(limits); i++) {
		CLEANUP(buf_release) struct buf in = BUF_INIT(4 << 20);
		CLEANUP(buf_release) struct buf out = BUF_INIT(4 << 20);
		struct framer f;

		buf_adds(&in, limits[i].before);
		for (size_t n = 0; n < limits[i].len; n++)
			buf_addc(&in, 'x');
		buf_adds(&in, limits[i].after);
		framer_init(&f);
		cr_expect(feed(&f, buf_slice(&in), &out) == limits[i].result, "%s", limits[i].name);
		if (limits[i].want_len)
			cr_expect(out.len == limits[i].want_len + 3, "%s: %zu", limits[i].name,
				  out.len);
		framer_release(&f);
	}
}

/* Where a literal was cut, the text says what was kept, in the same width. */
Test(imap_framer, cut_literals_are_consistent)
{
	CLEANUP(buf_release) struct buf in = BUF_INIT(16 << 20);
	CLEANUP(buf_release) struct buf out = BUF_INIT(16 << 20);
	struct framer f;

	buf_adds(&in, "* X");
	for (int i = 0; i < 6; i++) { /* 4 MiB are kept of one response */
		buf_adds(&in, " {1500000}\r\n");
		for (size_t n = 0; n < 1500000; n++)
			buf_addc(&in, (char)('a' + i));
	}
	buf_adds(&in, " end\r\n* OK\r\n");
	framer_init(&f);
	cr_expect(feed(&f, buf_slice(&in), &out) == 0);
	cr_expect(out.len == 2 + 3 + 6 * 12 + 4 * FRAME_KEEP_MAX + 4 + 1 + 7, "%zu", out.len);
	cr_expect(slice_starts(buf_slice(&out), SLICE_LIT("R:* X {1048576}\r\naaa")));
	cr_expect(slice_ends(buf_slice(&out),
			     SLICE_LIT("ddd {0000000}\r\n {0000000}\r\n end|R:* OK|")));
	framer_release(&f);
}

Test(imap_framer, knows_what_is_left)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(1 << 20);
	struct framer f;

	framer_init(&f);
	cr_expect(!framer_has_bytes(&f));
	cr_expect(feed(&f, SLICE_LIT("a OK\r\n"), &out) == 0);
	cr_expect(!framer_has_bytes(&f));
	cr_expect(feed(&f, SLICE_LIT("a OK\r\nb"), &out) == 0);
	cr_expect(framer_has_bytes(&f));
	framer_release(&f);
}

/*
 * Canonical bytes: every rule of canon.h, and the same result however the window
 * falls on the message.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message/canon.h"

struct row {
	const char *name;
	const char *in, *want;
	struct canon_rules rules;
	uint32_t repairs;
};

static const struct row rows[] = {
	{ "LF", "A: b\n\nx\ny\n", "A: b\r\n\r\nx\r\ny\r\n", { 0 }, 0 },
	{ "CR LF stays", "A: b\r\n\r\nx\r\n", "A: b\r\n\r\nx\r\n", { 0 }, 0 },
	{ "mixed", "A: b\r\n\nx\ny\r\n", "A: b\r\n\r\nx\r\ny\r\n", { 0 }, 0 },
	{ "no final line end", "A: b\n\nx", "A: b\r\n\r\nx\r\n", { 0 }, REPAIR_FINAL_EOL },
	{ "final CR",
	  "A: b\n\nx\r",
	  "A: b\r\n\r\nx\r\r\n",
	  { 0 },
	  REPAIR_FINAL_EOL | NOTE_BARE_CR | NOTE_CR_CR_LF },
	{ "bare CR", "A: b\n\nx\ry\n", "A: b\r\n\r\nx\ry\r\n", { 0 }, NOTE_BARE_CR },
	{ "CR CR LF",
	  "A: b\n\nx\r\r\n",
	  "A: b\r\n\r\nx\r\r\n",
	  { 0 },
	  NOTE_BARE_CR | NOTE_CR_CR_LF },
	{ "CR only file", "A: b\r\rx\ry\r", "A: b\r\n\r\nx\r\ny\r\n", { .eol = EOL_CR }, 0 },
	{ "empty", "", "\r\n", { 0 }, REPAIR_FINAL_EOL | NOTE_NO_HEADER },
	{ "no header", "\nbody\n", "\r\nbody\r\n", { 0 }, NOTE_NO_HEADER },
	{ "8-bit header", "A: \xe4\n\n\xe4\n", "A: \xe4\r\n\r\n\xe4\r\n", { 0 }, NOTE_8BIT_HEADER },
	{ "mboxrd",
	  "A: b\n\n>From x\n>>From y\n> From\n>Fromage\n",
	  "A: b\r\n\r\nFrom x\r\n>From y\r\n> From\r\n>Fromage\r\n",
	  { .quoting = QUOTING_MBOXRD },
	  REPAIR_UNQUOTED },
	{ "mboxo",
	  "A: b\n\n>From x\n>>From y\n",
	  "A: b\r\n\r\nFrom x\r\n>>From y\r\n",
	  { .quoting = QUOTING_MBOXO },
	  REPAIR_UNQUOTED },
	{ "quoting in the header stays",
	  ">From x\nA: b\n\ny\n",
	  ">From x\r\nA: b\r\n\r\ny\r\n",
	  { .quoting = QUOTING_MBOXRD },
	  0 },
	{ "quoted last line",
	  "A: b\n\n>From x",
	  "A: b\r\n\r\nFrom x\r\n",
	  { .quoting = QUOTING_MBOXRD },
	  REPAIR_UNQUOTED | REPAIR_FINAL_EOL },
	{ "first Status only",
	  "Status: RO\nA: b\nStatus: own\n\nStatus: x\n",
	  "A: b\r\nStatus: own\r\n\r\nStatus: x\r\n",
	  { .strip = STRIP_MBOX },
	  REPAIR_STRIPPED },
	{ "folded field goes whole",
	  "X-Keywords: a\n  b\n\tc\nA: b\n\n",
	  "A: b\r\n\r\n",
	  { .strip = STRIP_MBOX },
	  REPAIR_STRIPPED },
	{ "blank before the colon",
	  "X-Mozilla-Status : 0001\nA: b\n\n",
	  "A: b\r\n\r\n",
	  { .strip = STRIP_MOZILLA },
	  REPAIR_STRIPPED },
	{ "other dialects stay",
	  "X-Mozilla-Status: 0001\nA: b\n\n",
	  "X-Mozilla-Status: 0001\r\nA: b\r\n\r\n",
	  { .strip = STRIP_MBOX },
	  0 },
	{ "Lines behind Content-Length",
	  "A: b\nContent-Length: 3\nLines: 1\n\nx\n",
	  "A: b\r\n\r\nx\r\n",
	  { .strip = STRIP_CONTENT_LENGTH | STRIP_LINES },
	  REPAIR_STRIPPED },
	{ "Lines elsewhere stays",
	  "Lines: 1\nA: b\nContent-Length: 3\n\nx\n",
	  "Lines: 1\r\nA: b\r\n\r\nx\r\n",
	  { .strip = STRIP_CONTENT_LENGTH | STRIP_LINES },
	  REPAIR_STRIPPED },
	{ "all X-KMail",
	  "X-KMail-A: 1\nX-KMail-B: 2\nA: b\n\n",
	  "A: b\r\n\r\n",
	  { .strip = STRIP_X_KMAIL },
	  REPAIR_STRIPPED },
	{ "nothing but the store's own",
	  "Status: RO\n",
	  "\r\n",
	  { .strip = STRIP_MBOX },
	  REPAIR_STRIPPED | REPAIR_FINAL_EOL },
	{ "nothing but the store's own, cut off",
	  "Status: RO",
	  "\r\n",
	  { .strip = STRIP_MBOX },
	  REPAIR_STRIPPED | REPAIR_FINAL_EOL },
	{ "header only", "A: b\n", "A: b\r\n", { 0 }, 0 },
};

static void run_one(struct canon *c, const struct body *body, const struct canon_rules *rules,
		    struct buf *out, struct canon_notes *notes)
{
	struct err err = ERR_INIT;
	struct slice chunk;
	int got;

	buf_reset(out);
	canon_start(c, body, rules);
	while ((got = canon_next(c, &chunk, &err)) > 0)
		buf_add_slice(out, chunk);
	cr_expect_eq(got, 0);
	canon_notes(c, notes);
}

/* The canonical bytes of `len` bytes, read through a file that has others around them. Read from
 * memory, and in pieces of any size, they are the same. */
static void run(const char *in, size_t len, const struct canon_rules *rules, struct buf *out,
		struct canon_notes *notes)
{
	static const size_t pieces[] = { 1, 100, CANON_PIECE_DIGEST, SIZE_MAX };
	CLEANUP(buf_release) struct buf other = BUF_INIT(out->limit);
	CLEANUP(fd_cleanup) int fd = -1;
	struct err err = ERR_INIT;
	struct canon *c = canon_new();
	struct canon_notes other_notes;
	struct body body;

	fd = fd_spool(&err);
	cr_assert_geq(fd, 0);
	cr_assert_eq(fd_write(fd, "before\n", 7, &err), 0);
	cr_assert_eq(fd_write(fd, in, len, &err), 0);
	cr_assert_eq(fd_write(fd, "\nbehind", 7, &err), 0);
	body = (struct body){ fd, 7, len, NULL };
	run_one(c, &body, rules, out, notes);
	for (size_t i = 0; i < 2 * sizeof(pieces) / sizeof(pieces[0]); i++) {
		body.bytes = i % 2 ? in : NULL;
		canon_set_piece(c, pieces[i / 2]);
		run_one(c, &body, rules, &other, &other_notes);
		cr_expect(slice_eq(buf_slice(&other), buf_slice(out)), "pieces of %zu",
			  pieces[i / 2]);
		cr_expect_eq(other_notes.wire_len, notes->wire_len);
		cr_expect_eq(other_notes.header_len, notes->header_len);
		cr_expect_eq(other_notes.nul_count, notes->nul_count);
		cr_expect_eq(other_notes.cr_count, notes->cr_count);
		cr_expect_eq(other_notes.cr_cr_lf_count, notes->cr_cr_lf_count);
		cr_expect_eq(other_notes.repairs, notes->repairs);
	}
	canon_free(c);
}

Test(canon, rules)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		CLEANUP(buf_release) struct buf out = BUF_INIT(4096);
		struct canon_notes notes;

		run(r->in, strlen(r->in), &r->rules, &out, &notes);
		cr_expect(slice_eq(buf_slice(&out), slice_str(r->want)), "%s: got '%s'", r->name,
			  buf_cstr(&out));
		cr_expect_eq(notes.repairs, r->repairs, "%s: repairs %x, want %x", r->name,
			     notes.repairs, r->repairs);
		cr_expect_eq(notes.wire_len, strlen(r->want), "%s", r->name);
	}
}

Test(canon, counts)
{
	static const char in[] = "A: b\n\nx\0y\0\nCR\rCR\r\r\n";
	CLEANUP(buf_release) struct buf out = BUF_INIT(4096);
	struct canon_rules rules = { 0 };
	struct canon_notes notes;

	run(in, sizeof(in) - 1, &rules, &out, &notes);
	cr_expect_eq(notes.nul_count, 2);
	cr_expect_eq(notes.cr_count, 2);
	cr_expect_eq(notes.cr_cr_lf_count, 1);
	cr_expect_eq(notes.header_len, 8);
	cr_expect(notes.repairs & NOTE_NUL);
}

/* Wherever the end of a window falls (128 KiB in canon.c), the result is the same. */
Test(canon, window_borders)
{
	static const char tail[] = "\r\n>From me\r\r\nx\ry\n>>From you\nlast";
	static const char want[] = "\r\nFrom me\r\r\nx\ry\r\n>From you\r\nlast\r\n";
	const size_t window = (size_t)128 << 10, want_len = sizeof(want) - 1;
	struct canon_rules rules = { .quoting = QUOTING_MBOXRD };
	char *in = malloc(window + 100);

	for (size_t shift = 0; shift < sizeof(tail) + 2; shift++) {
		size_t body = window - 5 - shift; /* "A: b\n" and the shift before the border */
		CLEANUP(buf_release) struct buf out = BUF_INIT(4 * window);
		struct canon_notes notes;
		struct slice got;

		memcpy(in, "A: b\n", 5);
		memset(in + 5, 'z', body);
		in[5] = '\n';
		memcpy(in + 5 + body, tail, sizeof(tail) - 1);
		run(in, 5 + body + sizeof(tail) - 1, &rules, &out, &notes);
		got = buf_slice(&out);
		cr_assert_eq(got.len, 5 + 1 + body + 1 + want_len, "shift %zu: %zu", shift,
			     got.len);
		cr_expect(slice_eq(slice_from(got, got.len - want_len), slice_of(want, want_len)),
			  "shift %zu", shift);
	}
	free(in);
}

Test(canon, shorter_than_told)
{
	CLEANUP(fd_cleanup) int fd = -1;
	struct err err = ERR_INIT;
	struct canon *c = canon_new();
	struct canon_rules rules = { 0 };
	struct slice chunk;
	struct body body;
	int got;

	fd = fd_spool(&err);
	cr_assert_eq(fd_write(fd, "A: b\n", 5, &err), 0);
	body = (struct body){ fd, 0, 10, NULL };
	canon_start(c, &body, &rules);
	while ((got = canon_next(c, &chunk, &err)) > 0)
		;
	cr_expect_eq(got, -1);
	cr_expect_eq(err.code, ERR_CHANGED);
	cr_expect_eq(err.scope, SCOPE_MESSAGE);
	canon_free(c);
}

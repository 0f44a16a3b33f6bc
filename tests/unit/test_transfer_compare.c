/*
 * compare.h: what servers are known to change is told apart from damage, wherever
 * the two streams happen to be cut.
 */
#include <criterion/criterion.h>

#include "transfer/compare.h"

#define S(text)                                                                                    \
	{                                                                                          \
		(text), sizeof(text) - 1                                                           \
	}

enum verdict { SAME, DIFFERENT };

static const struct row {
	const char *name;
	struct slice local, remote;
	enum verdict verdict;
	uint32_t changes;
} rows[] = {
	{ "equal", S("A: b\r\n\r\nbody\r\n"), S("A: b\r\n\r\nbody\r\n"), SAME, 0 },
	{ "empty", S(""), S(""), SAME, 0 },
	{ "NUL to 0x80", S("A: b\r\n\r\nx\0y\r\n"), S("A: b\r\n\r\nx\x80y\r\n"), SAME, CHANGE_NUL },
	{ "NUL to blank", S("\r\nx\0y\r\n"), S("\r\nx y\r\n"), DIFFERENT, 0 },
	{ "NUL in the header", S("A: \0\r\n\r\n"), S("A: \x80\r\n\r\n"), SAME, CHANGE_NUL },
	{ "bare CR dropped", S("\r\na\rb\r\n"), S("\r\nab\r\n"), SAME, CHANGE_BARE_CR },
	{ "two bare CR dropped", S("\r\na\r\rb\r\n"), S("\r\nab\r\n"), SAME, CHANGE_BARE_CR },
	{ "one of two bare CR dropped", S("\r\na\r\rb\r\n"), S("\r\na\rb\r\n"), SAME,
	  CHANGE_BARE_CR },
	{ "CR CR LF", S("\r\na\r\r\nb\r\n"), S("\r\na\r\nb\r\n"), SAME, CHANGE_CR_CR_LF },
	{ "CR CR CR LF to CR CR LF", S("\r\na\r\r\r\nb\r\n"), S("\r\na\r\r\nb\r\n"), SAME,
	  CHANGE_CR_CR_LF },
	{ "CR CR LF at the end", S("\r\na\r\r\n"), S("\r\na\r\n"), SAME, CHANGE_CR_CR_LF },
	{ "CR LF to LF", S("\r\na\r\nb\r\n"), S("\r\na\nb\r\n"), DIFFERENT, 0 },
	{ "LF dropped", S("\r\na\r\nb\r\n"), S("\r\na\rb\r\n"), DIFFERENT, 0 },
	{ "line end dropped", S("\r\na\r\nb\r\n"), S("\r\nab\r\n"), DIFFERENT, 0 },
	{ "final line end missing", S("\r\na\r\n"), S("\r\na"), SAME, CHANGE_FINAL_EOL },
	{ "final line end added", S("\r\na\r\n"), S("\r\na\r\n\r\n"), SAME, CHANGE_FINAL_EOL },
	{ "two line ends added", S("\r\na\r\n"), S("\r\na\r\n\r\n\r\n"), DIFFERENT, 0 },
	{ "half a line end added", S("\r\na\r\n"), S("\r\na\r\n\r"), DIFFERENT, 0 },
	{ "half a line end missing", S("\r\na\r\n"), S("\r\na\r"), DIFFERENT, 0 },
	{ "cut short", S("\r\nabc\r\n"), S("\r\nab"), DIFFERENT, 0 },
	{ "longer", S("\r\nab\r\n"), S("\r\nab\r\nc\r\n"), DIFFERENT, 0 },
	{ "8-bit header", S("S: \xc3\xa9\r\n\r\n\xc3\r\n"), S("S: XX\r\n\r\n\xc3\r\n"), SAME,
	  CHANGE_8BIT_HEADER },
	{ "8-bit body", S("S: a\r\n\r\n\xc3\r\n"), S("S: a\r\n\r\nX\r\n"), DIFFERENT, 0 },
	{ "8-bit header behind a bare CR", S("S: \r\xc3\r\n\r\n"), S("S: X\r\n\r\n"), SAME,
	  CHANGE_8BIT_HEADER | CHANGE_BARE_CR },
	{ "X to 8-bit", S("S: X\r\n\r\n"), S("S: \xc3\r\n\r\n"), DIFFERENT, 0 },
	{ "CR added", S("\r\nab\r\n"), S("\r\na\rb\r\n"), DIFFERENT, 0 },
	{ "header line inserted", S("A: b\r\n\r\nx\r\n"), S("A: b\r\nR: x\r\n\r\nx\r\n"), DIFFERENT,
	  0 },
	{ "one octet", S("\r\nabc\r\n"), S("\r\nabd\r\n"), DIFFERENT, 0 },
	{ "several changes", S("A: \xe9\r\n\r\n\0\rx\r\r\n"), S("A: X\r\n\r\n\x80x\r\n\r\n"), SAME,
	  CHANGE_8BIT_HEADER | CHANGE_NUL | CHANGE_BARE_CR | CHANGE_CR_CR_LF | CHANGE_FINAL_EOL },
};

/* Compare with both streams cut into pieces of the given sizes. */
static bool run_cut(const struct row *row, size_t local_cut, size_t remote_cut, uint32_t *changes)
{
	struct slice local = row->local, remote = row->remote, l = { NULL, 0 }, r = { NULL, 0 };
	struct compare c;

	compare_init(&c, true);
	while (!c.differs) {
		if (l.len == 0 && local.len > 0) {
			l = slice_head(local, local_cut);
			local = slice_from(local, l.len);
		}
		if (r.len == 0 && remote.len > 0) {
			r = slice_head(remote, remote_cut);
			remote = slice_from(remote, r.len);
		}
		if (l.len == 0) {
			compare_local_end(&c);
			compare_remote_tail(&c, r);
			if (r.len == 0)
				break;
			r.len = 0;
		} else if (r.len == 0) {
			compare_local_tail(&c, l);
			l.len = 0;
		} else {
			compare_step(&c, &l, &r);
		}
	}
	bool same = compare_end(&c);

	*changes = c.changes;
	return same;
}

Test(transfer, compare)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		for (size_t lc = 1; lc <= row->local.len + 1; lc++) {
			for (size_t rc = 1; rc <= row->remote.len + 1; rc++) {
				uint32_t changes;
				bool same = run_cut(row, lc, rc, &changes);

				cr_expect_eq(same, row->verdict == SAME, "%s (cuts %zu, %zu)",
					     row->name, lc, rc);
				if (row->verdict == SAME)
					cr_expect_eq(changes, row->changes, "%s: %x, want %x",
						     row->name, changes, row->changes);
			}
		}
	}
}

Test(transfer, compare_names_changes)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(1000);

	compare_add_changes(&out, CHANGE_NUL | CHANGE_8BIT_HEADER);
	cr_expect_str_eq(buf_cstr(&out), "NUL octets became 0x80, 8-bit header octets became X");
}

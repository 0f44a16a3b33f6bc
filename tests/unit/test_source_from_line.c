/*
 * from_line.h: what a From_ line is, and what has to follow a doubtful one.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "base/clock.h"
#include "source/from_line.h"

#define T INT64_C(1000384205) /* 2001-09-13T12:30:05Z */

static const struct {
	const char *name, *in;
	bool is_line;
	size_t len; /* 0: all of it */
	int64_t date;
	bool zone, plausible, mozilla;
} lines[] = {
	{ "ctime", "From a@b Thu Sep 13 12:30:05 2001\nx", true, 34, T, false, false, false },
	{ "CR LF", "From a@b Thu Sep 13 12:30:05 2001\r\nx", true, 35, T, false, false, false },
	{ "two blanks", "From a@b  Thu Sep 13 12:30:05 2001\n", true, 0, T, false, false, false },
	{ "TAB", "From a@b\tThu Sep 13 12:30:05 2001\n", true, 0, T, false, false, false },
	{ "no sender", "From Thu Sep 13 12:30:05 2001\n", true, 0, T, false, false, false },
	{ "Mozilla", "From - Thu Sep 13 12:30:05 2001\n", true, 0, T, false, false, true },
	{ "zone behind", "From a Thu Sep 13 12:30:05 2001 +0200\n", true, 0, T - 7200, true, false,
	  false },
	{ "zone before the year", "From a Thu Sep 13 12:30:05 +0200 2001\n", true, 0, T - 7200,
	  true, false, false },
	{ "RFC 5322", "From - Thu, 13 Sep 2001 12:30:05 +0000\n", true, 0, T, true, false, true },
	{ "folded", "From \n  Thu Sep 13 12:30:05 2001\nA: b\n", true, 33, T, false, false, false },
	{ "a weekday in the sender", "From sun@mon Thu Sep 13 12:30:05 2001\n", true, 0, T, false,
	  false, false },
	{ "bare", "From \nA: b\n", true, 6, TIME_NONE, false, true, true },
	{ "dash", "From -\nA: b\n", true, 7, TIME_NONE, false, true, true },
	{ "address", "From a@b\n", true, 0, TIME_NONE, false, true, false },
	{ "prose", "From Russia with love\n", true, 0, TIME_NONE, false, false, false },
	{ "one word", "From Germany\n", true, 0, TIME_NONE, false, false, false },
	{ "header", "From: a@b Thu Sep 13 12:30:05 2001\n", false, 0, 0, false, false, false },
	{ "quoted", ">From a Thu Sep 13 12:30:05 2001\n", false, 0, 0, false, false, false },
	{ "without a line end", "From a Thu Sep 13 12:30:05 2001", true, 0, T, false, false,
	  false },
};

Test(from_line, parse)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *name = lines[i].name;
		struct from_line got;
		size_t len = lines[i].len ? lines[i].len : strlen(lines[i].in);

		cr_expect_eq(from_line_parse(slice_str(lines[i].in), '\n', &got), lines[i].is_line,
			     "%s", name);
		if (!lines[i].is_line)
			continue;
		cr_expect_eq(got.len, len, "%s: %zu", name, got.len);
		cr_expect_eq(got.date, lines[i].date, "%s: %lld", name, (long long)got.date);
		cr_expect_eq(got.date != TIME_NONE && got.zone_known, lines[i].zone, "%s", name);
		cr_expect_eq(got.plausible, lines[i].plausible, "%s", name);
		cr_expect_eq(got.mozilla, lines[i].mozilla, "%s", name);
	}
}

Test(from_line, limit)
{
	char text[FROM_LINE_MAX + 64];
	struct from_line got;

	for (size_t len = FROM_LINE_MAX - 1; len <= FROM_LINE_MAX + 1; len++) {
		memset(text, ' ', sizeof(text));
		memcpy(text, "From a", 6);
		memcpy(text + len - 25, "Thu Sep 13 12:30:05 2001\n", 25);
		cr_expect_eq(from_line_parse(slice_of(text, sizeof(text)), '\n', &got),
			     len <= FROM_LINE_MAX, "%zu", len);
	}
}

static const struct {
	const char *name, *in;
	enum from_fields want;
} fields[] = {
	{ "two, known", "Date: x\nX-A: b\n", FIELDS_KNOWN },
	{ "two, the first unknown", "X-A: b\nDate: x\n", FIELDS_ANY },
	{ "folded", "Date: x\n y\n\tz\nX-A: b\n", FIELDS_KNOWN },
	{ "CR LF", "Date: x\r\nTo: y\r\n", FIELDS_KNOWN },
	{ "one and an empty line", "Date: x\n\nTo: y\n", FIELDS_NO },
	{ "one and text", "Date: x\ntext\n", FIELDS_NO },
	{ "text", "text: with: colons but then\n", FIELDS_CUT_OFF },
	{ "blank first", " Date: x\nTo: y\n", FIELDS_NO },
	{ "nothing", "", FIELDS_CUT_OFF },
	{ "one, cut off", "Date: x\nTo: ", FIELDS_CUT_OFF },
};

Test(from_line, fields)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		cr_expect_eq(from_line_fields(slice_str(fields[i].in), '\n'), fields[i].want, "%s",
			     fields[i].name);
}

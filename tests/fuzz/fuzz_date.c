/*
 * Fuzz target: dates of fields, From_ lines, Received values and IMAP. Checked:
 * what is found is a date that mail can bear, and IMAP's form goes both ways.
 */
#include <stdlib.h>

#include "message/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1900 and 9999, with the widest zone. */
#define FIRST INT64_C(-2209600000)
#define LAST  INT64_C(253402900000)

static void check(int64_t t)
{
	if (t != TIME_NONE && (t < FIRST || t > LAST))
		abort();
}

static void check_imap(int64_t t)
{
	char text[29];
	bool clamped;

	if (t == TIME_NONE)
		return;
	t = date_clamp(t, INT64_C(1800000000), &clamped);
	date_format_imap(text, t);
	if (date_parse_imap(slice_of(text + 1, 26)) != t)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of(data, size);
	bool zone_known = false;
	int64_t from = date_parse_from_line(text, &zone_known);

	check(from);
	check(date_parse(text));
	check(date_parse_received(text));
	check_imap(date_parse(text));
	check_imap(date_parse_imap(text));
	return 0;
}

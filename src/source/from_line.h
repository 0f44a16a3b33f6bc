/*
 * The From_ line that begins each message of an mbox: its grammar (mail-stores.md 3.1) and the
 * header lines that have to follow a doubtful one (3.2, rules 4 and 5). Works on bytes in memory.
 */
#ifndef MAILHOIST_SOURCE_FROM_LINE_H
#define MAILHOIST_SOURCE_FROM_LINE_H

#include "base/slice.h"

#define FROM_LINE_MAX 2048 /* a longer line is text; the longest met had 300 bytes */

struct from_line {
	size_t len;	 /* with its line end; nmh's folded form has two lines */
	int64_t date;	 /* TIME_NONE: none */
	bool zone_known; /* the date had a zone */
	bool plausible;	 /* without a date: the rest is "", "-" or an address, not prose */
	bool mozilla;	 /* "From -", "From - DATE" or a bare "From " */
};

/* `text` begins at the start of a line and reaches at least FROM_LINE_MAX bytes, or to the end of
 * the file. `eol` is the byte that ends lines: LF (a CR before it belongs to it) or CR. */
bool from_line_parse(struct slice text, char eol, struct from_line *out);

enum from_fields {
	FIELDS_NO,	/* no two header fields there */
	FIELDS_ANY,	/* two lines that look like header fields, folding allowed */
	FIELDS_KNOWN,	/* and the first is a well-known one */
	FIELDS_CUT_OFF, /* the text ends before that can be told */
};

/* Do two header fields begin `text`? */
enum from_fields from_line_fields(struct slice text, char eol);

/* Does one? For the first line of a file, where little doubt is left. */
bool from_line_one_field(struct slice text, char eol);

#endif

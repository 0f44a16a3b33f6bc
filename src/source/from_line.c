/*
 * The From_ line: see from_line.h. Nothing in it is fixed but "From " and the date at its end: the
 * sender may be missing, hold blanks, or be quoted. So the date is looked for at a weekday's name.
 */
#include "source/from_line.h"

#include <string.h>

#include "message/date.h"
#include "message/header.h"

/* Length of the line at the start of `text` with its end, or 0 when `text` holds no line end. */
static size_t line_len(struct slice text, char eol)
{
	const char *end = text.len ? memchr(text.ptr, eol, text.len) : NULL;

	return end ? (size_t)(end - text.ptr) + 1 : 0;
}

/* The line at the start of `text` without its end; `len` as line_len() says. */
static struct slice line_text(struct slice text, size_t len)
{
	while (len > 0 && (text.ptr[len - 1] == '\n' || text.ptr[len - 1] == '\r'))
		len--;
	return slice_head(text, len);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool weekday_at(const char *p)
{
	static const char days[] = "sunmontuewedthufrisat";
	char low[3] = { (char)(p[0] | 0x20), (char)(p[1] | 0x20), (char)(p[2] | 0x20) };

	for (size_t i = 0; i < sizeof(days) - 1; i += 3)
		if (memcmp(low, days + i, 3) == 0)
			return true;
	return false;
}

/* The date in `rest`; *at is where its weekday begins. */
static int64_t find_date(struct slice rest, size_t *at, bool *zone_known)
{
	for (size_t i = 0; i + 4 < rest.len; i++) {
		if (i > 0 && !is_blank(rest.ptr[i - 1]))
			continue;
		if (!weekday_at(rest.ptr + i) ||
		    !(is_blank(rest.ptr[i + 3]) || rest.ptr[i + 3] == ','))
			continue;
		*at = i;
		return date_parse_from_line(slice_from(rest, i), zone_known);
	}
	return TIME_NONE;
}

/* What may stand behind "From " when there is no date. "From Russia with love" is text. */
static bool undated_sender(struct slice rest)
{
	if (rest.len == 0 || slice_eq(rest, SLICE_LIT("-")))
		return true;
	if (slice_find(rest, ' ') >= 0 || slice_find(rest, '\t') >= 0)
		return false;
	return slice_find(rest, '@') >= 0 || slice_ieq(rest, SLICE_LIT("MAILER-DAEMON"));
}

/* nmh folds the line when the sender is empty: "From " LF blanks date. */
static bool folded_date(struct slice text, char eol, struct from_line *out)
{
	struct slice next = slice_from(text, out->len), line;
	size_t len = line_len(slice_head(next, FROM_LINE_MAX), eol), at;

	line = line_text(next, len);
	if (line.len == 0 || !is_blank(line.ptr[0]))
		return false;
	line = slice_trim(line);
	out->date = find_date(line, &at, &out->zone_known);
	if (out->date == TIME_NONE || at != 0) {
		out->date = TIME_NONE;
		return false;
	}
	out->len += len;
	return true;
}

bool from_line_parse(struct slice text, char eol, struct from_line *out)
{
	struct slice line, rest;
	size_t len, at = 0;

	*out = (struct from_line){ .date = TIME_NONE };
	if (!slice_starts(text, SLICE_LIT("From ")))
		return false;
	len = line_len(slice_head(text, FROM_LINE_MAX), eol);
	if (len == 0 && text.len >= FROM_LINE_MAX)
		return false;
	if (len == 0)
		len = text.len; /* the file ends in this line */
	line = line_text(text, len);
	rest = slice_trim(slice_from(line, 5));
	out->len = len;
	out->date = find_date(rest, &at, &out->zone_known);
	if (out->date != TIME_NONE) {
		out->mozilla = slice_eq(slice_trim(slice_head(rest, at)), SLICE_LIT("-"));
		return true;
	}
	if (rest.len == 0 && folded_date(text, eol, out))
		return true;
	out->plausible = undated_sender(rest);
	out->mozilla = out->plausible && (rest.len == 0 || rest.ptr[0] == '-');
	return true;
}

/* Fields with which programs begin a header: enough to tell a separator without date and without
 * an empty line before it from text that quotes one. */
static bool well_known(struct slice line)
{
	static const char *const names[] = {
		"Received",
		"Return-Path",
		"Delivered-To",
		"From",
		"To",
		"Cc",
		"Bcc",
		"Subject",
		"Date",
		"Message-ID",
		"MIME-Version",
		"Content-Type",
		"Reply-To",
		"Sender",
		"Status",
		"X-UIDL",
		"X-Account-Key",
		"Envelope-To",
		"X-Evolution",
		"X-Original-To",
		"X-Mailer",
		"X-Mozilla-Status",
		"Resent-From",
		"Delivery-Date",
		"DKIM-Signature",
		"User-Agent",
		"Return-Receipt-To",
		"X-Received",
		"Authentication-Results",
		"X-Gmail-Labels",
		"X-GM-THRID",
		"List-Id",
		"Newsgroups",
		"Path",
	};
	struct slice name = line;

	name = slice_trim(slice_cut(&name, ':'));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_ieq(name, slice_str(names[i])))
			return true;
	return false;
}

enum from_fields from_line_fields(struct slice text, char eol)
{
	bool known = false;
	int fields = 0;

	for (;;) {
		size_t len = line_len(text, eol);
		struct slice line = line_text(text, len ? len : text.len);
		bool folded = line.len > 0 && is_blank(line.ptr[0]) && fields > 0;

		if (!folded && line.len > 0 && !header_looks_like_field(line))
			return FIELDS_NO; /* even when it is cut off, what is there says so */
		if (len == 0)
			return FIELDS_CUT_OFF;
		if (line.len == 0)
			return FIELDS_NO;
		if (!folded && fields == 0)
			known = well_known(line);
		if (!folded && ++fields == 2)
			return known ? FIELDS_KNOWN : FIELDS_ANY;
		text = slice_from(text, len);
	}
}

bool from_line_one_field(struct slice text, char eol)
{
	size_t len = line_len(text, eol);

	return header_looks_like_field(line_text(text, len ? len : text.len));
}

/*
 * Content lines, the form that vCard (RFC 2426, RFC 2425 5.8) and iCalendar (RFC 5545
 * 3.1) share: NAME;PARAMETERS:VALUE, folded at 75 octets between characters, with
 * backslashes before what has a meaning.
 */
#ifndef MAILHOIST_MIME_CARDLINE_H
#define MAILHOIST_MIME_CARDLINE_H

#include "mime/outlet.h"

#define CARDLINE_MAX (1u << 20) /* a picture of 512 KiB in base64, and more */

struct cardline {
	struct outlet *out;
	struct buf line;
};

void cardline_init(struct cardline *c, struct outlet *out);
void cardline_release(struct cardline *c);

/* A line in pieces: its beginning as it stands ("ORGANIZER;CN="), a parameter's value in quotes,
 * text with escapes, and its end. */
void cardline_begin(struct cardline *c, const char *name);
void cardline_add(struct cardline *c, const char *as_it_stands);
void cardline_add_quoted(struct cardline *c, struct slice utf8);
void cardline_add_text(struct cardline *c, struct slice utf8);
void cardline_end(struct cardline *c);

/* A whole line: NAME:as it stands; NAME:text, nothing where the text is empty. */
void cardline_line(struct cardline *c, const char *name, const char *value);
void cardline_text(struct cardline *c, const char *name, struct slice utf8);

/* Values: "20200203T090000Z", "20200203". */
void cardline_add_time(struct cardline *c, int64_t utc);
void cardline_add_local(struct cardline *c, int64_t local); /* without the "Z" */
void cardline_add_date(struct cardline *c, int64_t day);

#endif

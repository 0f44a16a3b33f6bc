/*
 * Header fields that we make: a field is a row of tokens, folded between them at
 * 78 columns (RFC 5322 2.2.3), and text that is not ASCII becomes encoded-words
 * (RFC 2047), cut between characters. Whatever a store says, no control
 * character, no CR, LF or NUL gets through.
 */
#ifndef MAILHOIST_MIME_WORD_H
#define MAILHOIST_MIME_WORD_H

#include "mime/outlet.h"

struct hfield {
	struct outlet *out;
	size_t column;
};

/* "Name:" */
void hfield_begin(struct hfield *f, struct outlet *out, const char *name);
/* One token behind a blank, on a new line where this one is full. At most 900 octets, ASCII. */
void hfield_token(struct hfield *f, struct slice token);
/* The same without the blank and never on a new line: "," and ";". */
void hfield_glue(struct hfield *f, const char *text);
void hfield_end(struct hfield *f);

/* Unstructured text (Subject): as it is if it is ASCII, else in encoded-words. */
void hfield_text(struct hfield *f, struct slice utf8);
/* A display name: atoms, a quoted-string, or encoded-words. Nothing when it is blank. */
void hfield_phrase(struct hfield *f, struct slice utf8);
/* The whole field `name` with unstructured text. */
void hfield_write_text(struct outlet *out, const char *name, struct slice utf8);

/* Parameters of Content-Type and Content-Disposition (RFC 2045 5.1, RFC 2231): ASCII text as a
 * quoted-string, other text percent-encoded as UTF-8, in several sections where it is long. */
void hfield_param(struct hfield *f, const char *name, struct slice utf8);
/* The same with ASCII alone, for programs that don't know RFC 2231: accents fall off, letters that
 * have no ASCII become '_'. */
void hfield_param_ascii(struct hfield *f, const char *name, struct slice utf8);

/* Append `s`, trimmed, without control characters: a run of these becomes one blank. */
void word_add_clean(struct buf *b, struct slice s);

#endif

/*
 * Which of an item's bodies go into the message, and in what charset: HTML, text,
 * and from RTF whatever it was made from. Bodies are opened as often as they are
 * needed (once to count, once to write); nothing of them is kept.
 */
#ifndef MAILHOIST_MIME_BODY_H
#define MAILHOIST_MIME_BODY_H

#include "mime/composer.h"
#include "mime/refs.h"
#include "mime/rtf.h"

enum body_source { BODY_NONE, BODY_PROPERTY, BODY_RTF };

struct bodies {
	enum body_source text, html;
	enum rtf_kind rtf; /* of BODY_RTF */
	bool attach_rtf;   /* native RTF and nothing else: it goes along as a file */

	/* HTML from the property */
	int html_codepage;	  /* of the octets */
	const char *html_charset; /* they stay as they are under this name; NULL: made UTF-8 */
	bool fix_meta;		  /* the page names a charset that it no longer has */
	enum encoding html_encoding;
	struct refs refs; /* of the HTML */
};

void bodies_plan(struct composer *c, const struct entity *e, struct bodies *out);

/* Write a text/plain or text/html entity: its Content-* fields, an empty line, the body. */
void body_write_text(struct composer *c, const struct entity *e, const struct bodies *b);
void body_write_html(struct composer *c, const struct entity *e, const struct bodies *b);
/* The RTF itself, decompressed, as a file. */
void body_write_rtf(struct composer *c, const struct entity *e);

#endif

/*
 * The body of a composed message as a tree of MIME entities (RFC 2046, RFC 2387):
 * mixed( related( alternative( text, html, calendar ), inline parts ), files ),
 * where a container with one child is no container.
 */
#ifndef MAILHOIST_MIME_PARTS_H
#define MAILHOIST_MIME_PARTS_H

#include "mime/composer.h"

struct multipart {
	char boundary[80];
	bool begun;
};
/* "Content-Type: multipart/SUBTYPE" with parameters (text as it stands, or ""), and the empty line
 * behind the fields. */
void multipart_open(struct composer *c, struct multipart *m, const char *subtype,
		    const char *params);
void multipart_next(struct composer *c, struct multipart *m); /* the next part begins */
void multipart_close(struct composer *c, struct multipart *m);

/* MIME-Version, Content-* and the body of an item. */
void parts_write(struct composer *c, const struct entity *e);

/* Does a text/calendar part belong to it? And writing it (calendar.c). */
bool calendar_due(const struct entity *e);
void calendar_write(struct composer *c, const struct entity *e);

/* Content-Type and Content-Disposition of a file. */
void part_write_head(struct composer *c, const char *type, struct slice file_name, bool is_inline);

/* Is something in the messages attached to `item`, at any depth, not 7bit? */
bool embedded_eight_bit(struct composer *c, const struct mapi_item *item, unsigned depth);
/* The attached message as message/rfc822; false (nothing written) if it cannot be opened. */
bool embedded_write(struct composer *c, const struct entity *e, const struct mapi_attachment *att);

#endif

/*
 * Reports of delivery and of reading (RFC 6522): multipart/report with a text, a
 * part for programs (RFC 3464, RFC 8098), and the message that it is about.
 */
#ifndef MAILHOIST_MIME_REPORT_H
#define MAILHOIST_MIME_REPORT_H

#include "mime/composer.h"

struct report {
	const char *suffix; /* of the message class */
	const char *type;   /* "delivery-status", "disposition-notification" */
	const char *action; /* of a delivery status, or the disposition */
	const char *status; /* RFC 3463; NULL: a disposition */
	const char *text;   /* for people, where the store has none */
};

/* What a class is a report of, or NULL. */
const struct report *report_of_class(const char *message_class);
/* Does this attachment hold the part for programs, as it was received? */
bool report_is_status(const struct report *r, const struct mapi_attachment *att);

/* Write the entities: the text, the part for programs made from the properties, or from `att`. */
void report_write_text(struct composer *c, const struct report *r);
void report_write_status(struct composer *c, const struct entity *e, const struct report *r);
void report_write_stored(struct composer *c, const struct report *r,
			 const struct mapi_attachment *att);

#endif

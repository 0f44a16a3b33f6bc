/*
 * Appointments and meetings as iCalendar (RFC 5545, RFC 5546).
 */
#ifndef MAILHOIST_MIME_ICAL_H
#define MAILHOIST_MIME_ICAL_H

#include "mime/composer.h"

/* What the calendar object is for. */
enum ical_method { ICAL_NONE, ICAL_PUBLISH, ICAL_REQUEST, ICAL_CANCEL, ICAL_REPLY };

/* By message class: a meeting request, cancellation or response. *status becomes the answer
 * ("ACCEPTED") of a response, else NULL. */
enum ical_method ical_method_of_class(const char *message_class, const char **status);
const char *ical_method_name(enum ical_method method); /* "REQUEST" */

/* Is there a time, without which there is no event? */
bool ical_possible(const struct entity *e);

/* Write the VCALENDAR. */
void ical_write(struct composer *c, const struct entity *e, enum ical_method method,
		const char *status, struct outlet *to);

#endif

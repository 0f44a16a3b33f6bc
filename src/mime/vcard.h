/*
 * Contacts and distribution lists as vCards.
 */
#ifndef MAILHOIST_MIME_VCARD_H
#define MAILHOIST_MIME_VCARD_H

#include "mime/composer.h"

/* Write one vCard to c->out. */
void vcard_write(struct composer *c, const struct entity *e);
/* A distribution list, as a vCard that names its members (X-ADDRESSBOOKSERVER-KIND:group, the form
 * that address books of the time read) by their addresses. */
void vcard_write_list(struct composer *c, const struct entity *e);

#endif

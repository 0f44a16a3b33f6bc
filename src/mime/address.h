/*
 * From people to mailboxes (RFC 5322 3.4): which SMTP address somebody has, and
 * writing address fields. Where no SMTP address is to be found, the address that
 * there is goes into the local part of one that cannot exist (IMCEAEX-...@pst.invalid,
 * the way Exchange encapsulates foreign addresses), never a made-up real one.
 */
#ifndef MAILHOIST_MIME_ADDRESS_H
#define MAILHOIST_MIME_ADDRESS_H

#include "mime/composer.h"

#define ADDRESS_UNRESOLVED_DOMAIN "pst.invalid"

struct mailbox {
	const char *name;    /* NULL: none, or the same as the address */
	const char *address; /* as it can stand between "<" and ">"; NULL: nothing is known */
	bool unresolved;
};

/* In this order: an SMTP address, the SMTP address beside an Exchange one, the entry id, the
 * transport headers (by display name), the address map, else encapsulated. Texts belong to `a`. */
void address_resolve(struct composer *c, const struct entity *e, const struct mapi_person *p,
		     struct arena *a, struct mailbox *out);

/* Write one mailbox; `first` tells whether a comma is due before it. */
void address_write(struct hfield *f, const struct mailbox *m, bool first);

/* The whole field `name` of one person; nothing if nothing is known. */
void address_field_one(struct composer *c, const struct entity *e, const char *name,
		       const struct mapi_person *p);
/* The field `name` of all recipients of a type (1 To, 2 Cc, 3 Bcc), or nothing. */
void address_field_recipients(struct composer *c, const struct entity *e, const char *name,
			      int type);
/* Reply-To, from PidTagReplyRecipientEntries. */
void address_field_reply_to(struct composer *c, const struct entity *e);

#endif

/*
 * Signed and encrypted messages (MS-OXOSMIME): Outlook keeps the whole S/MIME body
 * as the only attachment. It goes into the message untouched, because every change
 * would break the signature.
 */
#ifndef MAILHOIST_MIME_SMIME_H
#define MAILHOIST_MIME_SMIME_H

#include "mime/composer.h"

/* Write MIME-Version, Content-* and the body, if the item is S/MIME and has what that takes; false
 * (nothing written) otherwise. */
bool smime_write(struct composer *c, const struct entity *e);

/* Would it write octets above 127? */
bool smime_eight_bit(struct composer *c, const struct mapi_item *item);

#endif

/*
 * What a report of delivery says of one recipient, as fields of RFC 3464: the
 * inverse of how Exchange reads them into properties (MS-OXCMAIL 2.2.3.7.1).
 */
#ifndef MAILHOIST_MIME_DELIVERY_H
#define MAILHOIST_MIME_DELIVERY_H

#include "mapi/item.h"
#include "mime/outlet.h"

/* "<field>: <type>; <name>" of a mail server: one that bears its type is written as it is. */
void delivery_write_mta(struct outlet *out, const char *field, struct slice name);

/* The fields of one recipient behind Final-Recipient. `status`: what the report as a whole says,
 * where the store knows nothing of this recipient. */
void delivery_write(struct outlet *out, const struct mapi_delivery *m, const char *action,
		    const char *status);

#endif

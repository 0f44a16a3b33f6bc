/*
 * What Outlook knows about a message beside its content: flags and keywords, and
 * when it arrived.
 */
#ifndef MAILHOIST_MIME_STATE_H
#define MAILHOIST_MIME_STATE_H

#include "mapi/item.h"
#include "message/message.h"

/* Flags and keywords (RFC 3501 2.3.2, RFC 5788): \Seen, \Draft, \Answered, \Flagged; $Forwarded,
 * $Important, $Junk (in a folder of that role), and the categories as keywords: what a
 * keyword cannot hold becomes '_' or modified UTF-7. Sets *dropped when there were more keywords
 * than we carry. Texts belong to `a`. */
void item_flags(const struct mapi_item *item, enum role role, struct arena *a, struct flag_set *out,
		bool *dropped);

/* The arrival, for the ladder of message/scan.h: the delivery time where there is one, else what
 * the header says, else when the item was made. */
void item_arrival(const struct mapi_item *item, struct arrival *out);

/* A message of which POP fetched only the header is STATE_PARTIAL. */
enum message_state item_state(const struct mapi_item *item);

#endif

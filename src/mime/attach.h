/*
 * One attachment as a MIME entity.
 */
#ifndef MAILHOIST_MIME_ATTACH_H
#define MAILHOIST_MIME_ATTACH_H

#include "mime/parts.h"

/* Write it: a file, an attached message, or a note saying where it is. */
void attachment_write(struct composer *c, const struct entity *e, const struct mapi_attachment *att,
		      bool is_inline);

/* Iterate over the attachments of an item; a damaged row ends it with a bit in c->fidelity. */
struct attachments {
	struct composer *c;
	const struct mapi_item *item;
	size_t row;
	struct arena arena; /* of the current one */
};
void attachments_start(struct attachments *it, struct composer *c, const struct mapi_item *item);
bool attachments_next(struct attachments *it, struct mapi_attachment *out);
void attachments_release(struct attachments *it);

#endif

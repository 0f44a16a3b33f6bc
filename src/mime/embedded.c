/*
 * Messages attached to messages: message/rfc822 (RFC 2046 5.2.1), which has to
 * stand in the message as it is. So whether something at any depth is not 7bit has
 * to be known before the first container is opened.
 */
#include "mime/attach.h"
#include "mime/fields.h"
#include "mime/smime.h"

#define EMBEDDED_ARENA_MAX (16u << 20)

static bool open_embedded(const struct mapi_item *item, const struct mapi_attachment *att,
			  struct arena *a, struct mapi_item *out, struct err *err)
{
	*out = (struct mapi_item){ 0 };
	return item->ops->embedded(item, att, a, out, err) >= 0;
}

static bool own_eight_bit(struct composer *c, const struct mapi_item *item)
{
	struct census count = CENSUS_INIT;

	compose_count(blob_reader_start(&c->blob, &item->transport_headers), &count);
	return count.high > 0 || smime_eight_bit(c, item);
}

bool embedded_eight_bit(struct composer *c, const struct mapi_item *item, unsigned depth)
{
	struct mapi_attachment att;
	struct attachments it;
	bool found = false;

	attachments_start(&it, c, item);
	while (!found && depth < MIME_DEPTH_MAX && attachments_next(&it, &att)) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(EMBEDDED_ARENA_MAX);
		struct mapi_item inner;
		struct err err = ERR_INIT;

		if (att.method == MAPI_ATTACH_EMBEDDED &&
		    open_embedded(item, &att, &a, &inner, &err))
			found = own_eight_bit(c, &inner) ||
				embedded_eight_bit(c, &inner, depth + 1);
	}
	attachments_release(&it);
	return found;
}

bool embedded_write(struct composer *c, const struct entity *e, const struct mapi_attachment *att)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(EMBEDDED_ARENA_MAX);
	struct mapi_item inner;
	struct err err = ERR_INIT;

	if (e->depth + 1 >= MIME_DEPTH_MAX) {
		c->fidelity |= FIDELITY_DEPTH;
		return false;
	}
	if (!open_embedded(e->item, att, &a, &inner, &err)) {
		c->fidelity |= err.code == ERR_LIMIT ? FIDELITY_DEPTH : FIDELITY_ATTACHMENT_MISSING;
		return false;
	}
	outlet_adds(&c->out, "Content-Type: message/rfc822\r\n"
			     "Content-Disposition: attachment\r\n"
			     "Content-Transfer-Encoding: ");
	outlet_adds(&c->out, c->eight_bit ? "8bit\r\n\r\n" : "7bit\r\n\r\n");
	compose_item(c, &inner, e->depth + 1);
	return true;
}

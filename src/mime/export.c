/*
 * Files of what is not mail. See export.h.
 */
#include "mime/export.h"

#include "mime/ical.h"
#include "mime/vcard.h"

const char *export_extension(enum item_kind kind)
{
	switch (kind) {
	case ITEM_CONTACT:
	case ITEM_LIST:
		return ".vcf";
	case ITEM_APPOINTMENT:
		return ".ics";
	default:
		return NULL;
	}
}

int export_item(const struct mapi_item *item, const struct compose_options *options,
		const struct compose_sink *sink, struct arena *scratch, struct compose_result *out,
		struct err *err)
{
	const struct entity e = { .item = item, .synthesised = true };
	enum item_kind kind = item_kind(item->message_class);
	struct composer *c;

	if (export_extension(kind) == NULL || (kind == ITEM_APPOINTMENT && !ical_possible(&e)))
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
			       kind == ITEM_APPOINTMENT ? "an appointment without a time"
							: "nothing to make a file of");
	c = composer_new(options, sink, scratch);
	if (c == NULL)
		return err_nomem(err);
	if (kind == ITEM_APPOINTMENT)
		ical_write(c, &e, ICAL_PUBLISH, NULL, &c->out);
	else if (kind == ITEM_CONTACT)
		vcard_write(c, &e);
	else
		vcard_write_list(c, &e);
	return composer_end(c, out, err);
}

/*
 * Reports. See report.h; MS-OXOMSG 2.2.2 and 2.2.3 (classes and properties). The
 * parts for programs are ASCII: they may not be encoded (RFC 3464 2.1).
 */
#include "mime/report.h"

#include <string.h>
#include <strings.h>

#include "mime/address.h"
#include "mime/delivery.h"

#define TAG_ORIGINAL_ID	  0x1046 /* PidTagOriginalMessageId */
#define TAG_REPORTING_MTA 0x6820 /* PidTagReportingMessageTransferAgent */
#define DELIVERY	  "delivery-status"
#define DISPOSITION	  "disposition-notification"

/* The longer suffix first. */
static const struct report rows[] = {
	{ ".Delayed.DR", DELIVERY, "delayed", "4.0.0", "The delivery of a message was delayed." },
	{ ".Relayed.DR", DELIVERY, "relayed", "2.0.0",
	  "A message was handed on to a system that sends no reports." },
	{ ".Expanded.DR", DELIVERY, "expanded", "2.0.0",
	  "A message was delivered to the members of a list." },
	{ ".NDR", DELIVERY, "failed", "5.0.0", "A message could not be delivered." },
	{ ".DR", DELIVERY, "delivered", "2.0.0", "A message was delivered." },
	{ ".IPNRN", DISPOSITION, "displayed", NULL, "A message was read." },
	{ ".IPNNRN", DISPOSITION, "deleted", NULL, "A message was deleted without being read." },
};

const struct report *report_of_class(const char *message_class)
{
	size_t len = message_class ? strlen(message_class) : 0;

	if (len < 7 || strncasecmp(message_class, "REPORT.", 7) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t suffix = strlen(rows[i].suffix);

		if (len > suffix && strcasecmp(message_class + len - suffix, rows[i].suffix) == 0)
			return &rows[i];
	}
	return NULL;
}

bool report_is_status(const struct report *r, const struct mapi_attachment *att)
{
	return att->method == MAPI_ATTACH_BY_VALUE && att->data.len > 0 && att->mime_type &&
	       strncasecmp(att->mime_type, "message/", 8) == 0 &&
	       strcasecmp(att->mime_type + 8, r->type) == 0;
}

void report_write_text(struct composer *c, const struct report *r)
{
	outlet_addf(&c->out,
		    "Content-Type: text/plain; charset=us-ascii\r\n"
		    "Content-Transfer-Encoding: 7bit\r\n\r\n%s\r\n",
		    r->text);
}

static void write_head(struct composer *c, const struct report *r)
{
	outlet_addf(&c->out, "Content-Type: message/%s\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
		    r->type);
}

static void write_recipient(struct composer *c, const struct report *r, const char *address,
			    const struct mapi_delivery *d)
{
	outlet_addf(&c->out, "\r\nFinal-Recipient: rfc822; %s\r\n", address);
	delivery_write(&c->out, d, r->action, r->status);
}

static void write_reporting_mta(struct composer *c, const struct entity *e, struct arena *a)
{
	struct mapi_value name = { .type = MAPI_ABSENT };

	e->item->ops->property(e->item, TAG_REPORTING_MTA, a, &name);
	if (name.type == MAPI_TEXT && slice_trim(name.bytes).len > 0)
		delivery_write_mta(&c->out, "Reporting-MTA", name.bytes);
	else
		outlet_adds(&c->out, "Reporting-MTA: dns; " ADDRESS_UNRESOLVED_DOMAIN "\r\n");
	arena_reset(a);
}

static void write_delivery(struct composer *c, const struct entity *e, const struct report *r)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	struct mapi_person p;
	struct mailbox m;
	struct err err = ERR_INIT;
	size_t row = 0;

	write_reporting_mta(c, e, &a);
	for (; e->item->ops->recipient(e->item, row, &a, &p, &err) > 0; row++) {
		address_resolve(c, e, &p, &a, &m);
		if (m.address != NULL)
			write_recipient(c, r, m.address, &p.delivery);
		arena_reset(&a);
	}
	if (row == 0)
		write_recipient(c, r, "unknown@" ADDRESS_UNRESOLVED_DOMAIN,
				&(struct mapi_delivery){ 0 });
}

/* Who read it is who the report comes from. */
static void write_disposition(struct composer *c, const struct entity *e, const struct report *r)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	struct mapi_value id = { .type = MAPI_ABSENT };
	struct mailbox m;

	address_resolve(c, e, e->item->from.address ? &e->item->from : &e->item->sender, &a, &m);
	outlet_addf(&c->out, "Final-Recipient: rfc822; %s\r\n",
		    m.address ? m.address : "unknown@" ADDRESS_UNRESOLVED_DOMAIN);
	e->item->ops->property(e->item, TAG_ORIGINAL_ID, &a, &id);
	if (id.type == MAPI_TEXT && slice_find(id.bytes, '<') >= 0) {
		CLEANUP(buf_release) struct buf clean = BUF_INIT(ROW_ARENA_MAX);

		word_add_clean(&clean, slice_head(id.bytes, 900));
		outlet_adds(&c->out, "Original-Message-ID: ");
		outlet_add_buf(&c->out, &clean);
		outlet_adds(&c->out, "\r\n");
	}
	outlet_addf(&c->out, "Disposition: manual-action/MDN-sent-manually; %s\r\n", r->action);
}

void report_write_status(struct composer *c, const struct entity *e, const struct report *r)
{
	write_head(c, r);
	if (r->status != NULL)
		write_delivery(c, e, r);
	else
		write_disposition(c, e, r);
}

void report_write_stored(struct composer *c, const struct report *r,
			 const struct mapi_attachment *att)
{
	write_head(c, r);
	compose_stream(c, line_reader_start(&c->lines, blob_reader_start(&c->blob, &att->data)),
		       ENCODING_7BIT);
}

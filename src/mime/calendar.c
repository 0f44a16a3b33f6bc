/*
 * The text/calendar part of a meeting request, a cancellation or an answer (RFC
 * 6047). See parts.h.
 */
#include "mime/ical.h"
#include "mime/parts.h"

static int encode(void *to, const void *bytes, size_t len, struct err *err)
{
	(void)err;
	encoder_add(to, slice_of(bytes, len));
	return 0;
}

bool calendar_due(const struct entity *e)
{
	const char *status;

	return ical_method_of_class(e->item->message_class, &status) != ICAL_NONE &&
	       ical_possible(e);
}

void calendar_write(struct composer *c, const struct entity *e)
{
	const char *status;
	enum ical_method method = ical_method_of_class(e->item->message_class, &status);
	struct encoder encoder;
	struct compose_sink sink = { encode, &encoder };
	struct outlet text;
	struct err err = ERR_INIT;

	c->fidelity |= FIDELITY_CALENDAR_SYNTHESISED;
	outlet_addf(&c->out, "Content-Type: text/calendar; charset=utf-8; method=%s\r\n",
		    ical_method_name(method));
	compose_encoding(c, ENCODING_QP);
	outlet_adds(&c->out, "\r\n");
	encoder_init(&encoder, ENCODING_QP, &c->out);
	outlet_init(&text, &sink);
	ical_write(c, e, method, status, &text);
	outlet_flush(&text, &err);
	encoder_end(&encoder);
}

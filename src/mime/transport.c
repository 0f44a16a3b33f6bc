/*
 * PidTagTransportMessageHeaders: reading the block and writing its fields again.
 * See fields.h. Seen in stores: a first line "Microsoft Mail Internet Headers
 * Version 2.0", a second block of MIME headers behind an empty line, bare LFs,
 * lines over 998 octets, folded lines of blanks only.
 */
#include <string.h>

#include "message/header.h"
#include "mime/fields.h"

#define LINE_LIMIT   998  /* RFC 5322 2.1.1 */
#define NAME_LIMIT   400  /* of a field; longer ones cannot be folded */
#define FLAG_FROM_ME 0x20 /* mfFromMe of PidTagMessageFlags */

static void read_block(struct composer *c, struct entity *e)
{
	struct reader *r = blob_reader_start(&c->blob, &e->item->transport_headers);
	struct slice piece;

	while (r->next(r, &piece)) {
		for (size_t i = 0; i < piece.len && e->header.len < TRANSPORT_MAX; i++)
			if (piece.ptr[i] != '\0')
				buf_addc(&e->header, piece.ptr[i]);
		if (e->header.len >= TRANSPORT_MAX)
			break;
	}
	if (r->damaged || e->header.len >= TRANSPORT_MAX) {
		/* The last line may be half a line. */
		while (e->header.len > 0 && e->header.ptr[e->header.len - 1] != '\n')
			e->header.len--;
		c->fidelity |= FIDELITY_HEADER_REPAIRED;
	}
}

/* Fields that tell the header of a message from other text, or from garbage that happens to hold a
 * colon. With one of the first two the message has travelled, or was about to. */
static const char *const usual[] = { "From",	     "Received",     "To",	  "Cc",
				     "Subject",	     "Date",	     "Sender",	  "Reply-To",
				     "Message-ID",   "Return-Path",  "X-Mailer",  "MIME-Version",
				     "Content-Type", "Delivered-To", "References" };
#define TRAVELLED 2

static size_t usual_field(struct slice name)
{
	size_t i = 0;

	while (i < sizeof(usual) / sizeof(usual[0]) && !slice_ieq(name, slice_str(usual[i])))
		i++;
	return i;
}

/* Sets what kind of block it is; garbage is forgotten. */
static void judge(struct composer *c, struct entity *e)
{
	struct slice block = buf_slice(&e->header);
	bool travelled = false, header = false;
	struct header_field field;

	while (header_next(&block, &field) > 0) {
		size_t row = usual_field(field.name);

		travelled = travelled || row < TRAVELLED;
		header = header || row < sizeof(usual) / sizeof(usual[0]);
	}
	if (!header && e->header.len > 0) {
		c->fidelity |= FIDELITY_HEADER_REPAIRED;
		buf_reset(&e->header);
	}
	e->synthesised = !travelled;
}

void transport_load(struct composer *c, struct entity *e)
{
	bool from_me = e->item->flags != MAPI_NONE && (e->item->flags & FLAG_FROM_ME);

	buf_init(&e->header, 2 * TRANSPORT_MAX);
	read_block(c, e);
	judge(c, e);
	e->ours = e->synthesised || from_me || (e->depth == 0 && c->options.ours);
}

bool transport_keeps(const struct header_field *field)
{
	return field->name.len > 0 && !slice_ieq(field->name, SLICE_LIT("MIME-Version")) &&
	       !slice_istarts(field->name, SLICE_LIT("Content-"));
}

/* A line without its end, behind `used` octets that stand already, cut where it is too long: before
 * a blank where there is one. */
static void write_line(struct composer *c, struct slice line, size_t used)
{
	size_t room = used < LINE_LIMIT / 2 ? LINE_LIMIT - used : LINE_LIMIT / 2;

	while (line.len > room) {
		size_t n = room;

		while (n > room / 2 && line.ptr[n] != ' ' && line.ptr[n] != '\t')
			n--;
		if (n == room / 2)
			n = room - 1;
		room = LINE_LIMIT - 1;
		outlet_add_slice(&c->out, slice_head(line, n));
		outlet_adds(&c->out, line.ptr[n] == ' ' || line.ptr[n] == '\t' ? "\r\n" : "\r\n ");
		line = slice_from(line, n);
		c->fidelity |= FIDELITY_HEADER_REPAIRED;
	}
	while (line.len > 0) {
		/* A CR inside a line would end it for some. */
		outlet_add_slice(&c->out, slice_cut(&line, '\r'));
		if (line.len > 0)
			outlet_adds(&c->out, " ");
	}
	outlet_add(&c->out, "\r\n", 2);
}

void transport_write(struct composer *c, const struct header_field *field)
{
	struct slice rest = field->whole, line;

	if (field->name.len > NAME_LIMIT) {
		c->fidelity |= FIDELITY_HEADER_REPAIRED;
		return;
	}
	outlet_add_slice(&c->out, field->name);
	outlet_adds(&c->out, ":");
	/* Behind the colon, before which blanks may have stood. */
	rest = slice_from(rest, (size_t)(field->value.ptr - rest.ptr));
	if (!slice_line(&rest, &line))
		line = slice_head(rest, 0);
	write_line(c, line, field->name.len + 1);
	while (slice_line(&rest, &line))
		if (slice_trim(line).len > 0)
			write_line(c, line, 0);
}

/*
 * S/MIME. See smime.h; MS-OXOSMIME 2.1 (the one attachment), 2.1.3.1 (clear-signed:
 * the attachment holds a whole multipart/signed entity, with its Content-Type),
 * 2.1.3.2 (opaque: it holds the CMS object alone).
 */
#include "mime/smime.h"

#include <strings.h>

#include "message/header.h"
#include "mime/attach.h"
#include "mime/fields.h"

#define CLASS_SMIME "IPM.Note.SMIME"

enum smime_kind { SMIME_NONE, SMIME_CLEAR, SMIME_OPAQUE };

/* The field of the header with which the data begins. *out lies in the reader: it is valid until
 * the data is read again. */
static bool find_field(struct composer *c, const struct mapi_attachment *att, const char *name,
		       struct header_field *out)
{
	struct reader *r = blob_reader_start(&c->blob, &att->data);
	struct slice piece = { NULL, 0 };

	return r->next(r, &piece) && header_find(piece, name, out);
}

/* Does the data start with the fields of a multipart/signed? */
static bool is_signed_entity(struct composer *c, const struct mapi_attachment *att)
{
	struct header_field field;

	return find_field(c, att, "Content-Type", &field) &&
	       slice_istarts(slice_trim(field.value), SLICE_LIT("multipart/signed"));
}

/* The kind, and the attachment that holds it (its texts in it->arena). */
static enum smime_kind find(struct composer *c, const struct mapi_item *item,
			    struct attachments *it, struct mapi_attachment *out)
{
	const char *class = item->message_class ? item->message_class : "";
	struct mapi_attachment more;

	attachments_start(it, c, item);
	if (strncasecmp(class, CLASS_SMIME, sizeof(CLASS_SMIME) - 1) != 0 ||
	    !attachments_next(it, out) || out->method != MAPI_ATTACH_BY_VALUE || out->data.len == 0)
		return SMIME_NONE;
	if (is_signed_entity(c, out))
		return SMIME_CLEAR;
	if (attachments_next(it, &more)) /* exactly one, or it is not what it says */
		return SMIME_NONE;
	it->row = 0;
	if (!attachments_next(it, out))
		return SMIME_NONE;
	if (slice_ifind(slice_str(out->mime_type), SLICE_LIT("pkcs7-mime")) >= 0 ||
	    slice_ifind(slice_str(out->long_name), SLICE_LIT(".p7m")) >= 0)
		return SMIME_OPAQUE;
	return SMIME_NONE;
}

bool smime_eight_bit(struct composer *c, const struct mapi_item *item)
{
	struct census count = CENSUS_INIT;
	struct mapi_attachment att;
	struct attachments it;

	if (find(c, item, &it, &att) == SMIME_CLEAR)
		compose_count(blob_reader_start(&c->blob, &att.data), &count);
	attachments_release(&it);
	return count.high > 0;
}

static void write_opaque(struct composer *c, const struct entity *e,
			 const struct mapi_attachment *att)
{
	struct header_field field;

	/* The old field knows whether it was signed or encrypted (smime-type). */
	if (header_find(buf_slice(&e->header), "Content-Type", &field) &&
	    slice_ifind(field.value, SLICE_LIT("pkcs7-mime")) >= 0)
		transport_write(c, &field);
	else
		outlet_adds(&c->out,
			    "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"\r\n");
	outlet_adds(&c->out, "Content-Disposition: attachment; filename=\"smime.p7m\"\r\n");
	compose_encoding(c, ENCODING_BASE64);
	outlet_adds(&c->out, "\r\n");
	compose_stream(c, blob_reader_start(&c->blob, &att->data), ENCODING_BASE64);
}

bool smime_write(struct composer *c, const struct entity *e)
{
	struct mapi_attachment att;
	struct attachments it;
	enum smime_kind kind = find(c, e->item, &it, &att);
	struct header_field own;
	struct reader *blob;

	/* Some signed entities bring the field along. */
	if (kind == SMIME_OPAQUE ||
	    (kind == SMIME_CLEAR && !find_field(c, &att, "MIME-Version", &own)))
		outlet_adds(&c->out, "MIME-Version: 1.0\r\n");
	if (kind == SMIME_OPAQUE)
		write_opaque(c, e, &att);
	if (kind == SMIME_CLEAR) {
		blob = blob_reader_start(&c->blob, &att.data);
		compose_stream(c, line_reader_start(&c->lines, blob), ENCODING_7BIT);
	}
	if (kind != SMIME_NONE && c->blob.base.damaged)
		c->fidelity |= FIDELITY_BODY_CUT;
	attachments_release(&it);
	return kind != SMIME_NONE;
}

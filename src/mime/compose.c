/*
 * compose_message(): one item from its first header field to its last line end.
 * See compose.h and composer.h.
 */
#include "mime/compose.h"

#include <stdio.h>
#include <stdlib.h>

#include "mime/fields.h"
#include "mime/parts.h"
#include "mime/rtf.h"
#include "mime/smime.h"

void compose_count(struct reader *from, struct census *census)
{
	struct slice piece;

	while (from->next(from, &piece))
		census_add(census, piece);
}

void compose_stream(struct composer *c, struct reader *from, enum encoding kind)
{
	struct encoder encoder;
	struct slice piece;

	encoder_init(&encoder, kind, &c->out);
	while (!c->out.failed && from->next(from, &piece))
		encoder_add(&encoder, piece);
	encoder_end(&encoder);
}

void compose_encoding(struct composer *c, enum encoding kind)
{
	outlet_addf(&c->out, "Content-Transfer-Encoding: %s\r\n", encoding_name(kind));
}

/* What the reader had to put up with, in our words. */
static void take_degraded(struct composer *c, const struct mapi_item *item)
{
	if (item->degraded & (MAPI_DEGRADED_CHARSET | MAPI_DEGRADED_SURROGATE))
		c->fidelity |= FIDELITY_CHARSET_GUESSED;
	if (item->degraded & MAPI_DEGRADED_BLOCK)
		c->fidelity |= FIDELITY_BODY_CUT;
	if (item->degraded & MAPI_DEGRADED_RECIPIENTS)
		c->fidelity |= FIDELITY_RECIPIENTS_DAMAGED;
	if (item->degraded & MAPI_DEGRADED_ATTACHMENTS)
		c->fidelity |= FIDELITY_ATTACHMENT_MISSING;
	if (item->header_only)
		c->fidelity |= FIDELITY_HEADER_ONLY;
}

void compose_item(struct composer *c, const struct mapi_item *item, unsigned depth)
{
	struct entity e = { .item = item, .depth = depth };

	blob_reader_init(&c->blob);
	transport_load(c, &e);
	fields_write(c, &e);
	if (!smime_write(c, &e))
		parts_write(c, &e);
	take_degraded(c, item); /* much of it shows only in the reading */
	outlet_end_line(&c->out);
	buf_release(&e.header);
}

/* Boundaries say which item they are of: the same in every run, and no two alike. */
static void name_boundaries(struct composer *c, const struct mapi_item *item)
{
	uint64_t uid = 0;

	for (size_t i = 0; i < sizeof(item->store_uid); i++)
		uid = uid * UINT64_C(0x100000001b3) ^ item->store_uid[i];
	snprintf(c->boundary, sizeof(c->boundary), BOUNDARY_START "%016llx.%08x",
		 (unsigned long long)uid, item->nid);
}

struct composer *composer_new(const struct compose_options *options,
			      const struct compose_sink *sink, struct arena *scratch)
{
	struct composer *c = malloc(sizeof(*c));

	if (c == NULL)
		return NULL;
	outlet_init(&c->out, sink);
	blob_reader_init(&c->blob);
	buf_init(&c->charset.in, 0);
	buf_init(&c->charset.out, 0);
	c->options = *options;
	c->own_codepages = NULL;
	c->scratch = scratch;
	c->fidelity = 0;
	c->eight_bit = false;
	c->multipart = 0;
	c->rtf = NULL;
	if (c->options.codepages == NULL)
		c->options.codepages = c->own_codepages = codepages_new();
	if (c->options.codepages == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

int composer_end(struct composer *c, struct compose_result *out, struct err *err)
{
	int result = outlet_flush(&c->out, err);

	if (result == 0)
		out->fidelity = c->fidelity;
	if (c->rtf != NULL)
		rtf_reader_release(c->rtf);
	charset_reader_release(&c->charset);
	codepages_free(c->own_codepages);
	free(c);
	return result;
}

int compose_message(const struct mapi_item *item, const struct compose_options *options,
		    const struct compose_sink *sink, struct arena *scratch,
		    struct compose_result *out, struct err *err)
{
	struct composer *c = composer_new(options, sink, scratch);

	if (c == NULL)
		return err_nomem(err);
	name_boundaries(c, item);
	compose_item(c, item, 0);
	return composer_end(c, out, err);
}

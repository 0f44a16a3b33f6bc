/*
 * One call of compose_message(): what its parts share. Only one body is streamed
 * at a time, so that the readers and their buffers serve messages embedded at any
 * depth.
 */
#ifndef MAILHOIST_MIME_COMPOSER_H
#define MAILHOIST_MIME_COMPOSER_H

#include "mime/encode.h"
#include "mime/reader.h"
#include "mime/word.h"

/* Embedded deeper than this, an attached message is reported and left out. */
#define MIME_DEPTH_MAX 16
/* Longer transport headers are cut behind their last whole field. */
#define TRANSPORT_MAX (1u << 20)
/* Texts of one recipient or attachment. */
#define ROW_ARENA_MAX (1u << 20)

struct rtf_reader;

struct composer {
	struct outlet out;
	struct compose_options options; /* with codepages, always */
	struct codepages *own_codepages;
	struct arena *scratch; /* lives until the end */
	uint32_t fidelity;
	bool eight_bit;	    /* something verbatim in it is not 7bit: its containers say so */
	char boundary[48];  /* what all boundaries begin with */
	unsigned multipart; /* number of the next boundary */

	struct blob_reader blob;
	struct line_reader lines;
	struct charset_reader charset;
	struct meta_reader meta;
	struct rtf_reader *rtf; /* made when first needed */
};

struct composer *composer_new(const struct compose_options *options,
			      const struct compose_sink *sink, struct arena *scratch);
/* Hand over what is left, free. 0, or -1 with the sink's error. */
int composer_end(struct composer *c, struct compose_result *out, struct err *err);

/* An item that is being written, embedded or not. */
struct entity {
	const struct mapi_item *item;
	unsigned depth;
	struct buf header; /* the transport headers, or empty */
	bool synthesised;  /* no transport headers worth the name */
	bool ours;	   /* written by the owner of the mailbox: Bcc is shown */
};

/* Write the item as a message: header and body. 0, or -1 when nothing can be made of it. Failing
 * to write shows in c->out. */
void compose_item(struct composer *c, const struct mapi_item *item, unsigned depth);

/* Stream all of `from` through `kind` to the output. */
void compose_stream(struct composer *c, struct reader *from, enum encoding kind);
/* Count what it holds. */
void compose_count(struct reader *from, struct census *census);

/* "Content-Transfer-Encoding: ...", CR LF */
void compose_encoding(struct composer *c, enum encoding kind);

#endif

/*
 * An Outlook item in memory, for tests: what the reader of a store would deliver,
 * without a store.
 */
#ifndef TESTS_UNIT_FAKE_ITEM_H
#define TESTS_UNIT_FAKE_ITEM_H

#include "mapi/item.h"
#include "mime/compose.h"

struct fake_attachment {
	struct mapi_attachment att;
	const struct fake_item *inner; /* MAPI_ATTACH_EMBEDDED; NULL: cannot be opened */
};

struct fake_property {
	enum mapi_set set; /* MAPI_SET_OTHER: a tag */
	uint32_t id;	   /* tag or LID */
	struct mapi_value value;
};

struct fake_item {
	struct mapi_item item;
	const struct mapi_person *people;
	size_t n_people;
	const struct fake_attachment *attachments;
	size_t n_attachments;
	const struct fake_property *properties;
	size_t n_properties;
	bool recipients_damaged; /* the row behind the last one fails */
	uint32_t degraded_late;	 /* enum mapi_degraded that shows only when rows are read */
};

/* An empty item of class IPM.Note. */
void fake_init(struct fake_item *f);

/* A blob of these bytes; its reading fails from byte `good` on. */
struct mapi_blob fake_blob(const void *bytes, size_t len);
struct mapi_blob fake_blob_torn(const void *bytes, size_t len, size_t good);
struct mapi_blob fake_text(const char *text);

/* FILETIME of UTC seconds. */
uint64_t fake_time(int64_t seconds);

/* The whole message, in `out` (its limit is the sink's); asserts that composing succeeds. */
uint32_t fake_compose(const struct fake_item *f, const struct compose_options *options,
		      struct buf *out);

#endif

/*
 * Outlines of whatever a server sends: the same however it is cut into pieces.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "message/outline.h"

static struct outline outline_of(struct outliner *o, struct slice bytes, size_t step)
{
	struct outline out;

	outliner_start(o);
	while (bytes.len > 0) {
		outliner_add(o, slice_head(bytes, step));
		bytes = slice_from(bytes, step < bytes.len ? step : bytes.len);
	}
	outliner_end(o, &out);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice bytes = slice_of((const char *)data, size);
	struct outliner *o = outliner_new();
	struct outline whole, pieces;

	if (!o)
		return 0;
	whole = outline_of(o, bytes, size ? size : 1);
	pieces = outline_of(o, bytes, 7);
	if (whole.n_attachments != pieces.n_attachments || whole.sizes != pieces.sizes ||
	    whole.named != pieces.named || whole.opaque != pieces.opaque ||
	    strcmp(whole.sender, pieces.sender) != 0 || whole.date != pieces.date)
		abort();
	outliner_free(o);
	return 0;
}

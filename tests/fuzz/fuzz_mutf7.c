/*
 * Fuzz target: modified UTF-7. Checked: what decodes encodes to the very same
 * octets, and what encodes decodes to the very same text.
 */
#include <stdlib.h>

#include "base/text.h"
#include "message/mutf7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAME_MAX_OCTETS (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_release) struct buf there = BUF_INIT(NAME_MAX_OCTETS);
	CLEANUP(buf_release) struct buf back = BUF_INIT(NAME_MAX_OCTETS);
	struct slice text = slice_of(data, size);
	struct err err = ERR_INIT;

	if (size > NAME_MAX_OCTETS / 8)
		return 0;
	if (mutf7_decode(&there, text)) {
		if (!utf8_valid(buf_slice(&there)) ||
		    mutf7_encode(&back, buf_slice(&there), &err) < 0 ||
		    !slice_eq(buf_slice(&back), text))
			abort();
	} else if (there.len > 0) {
		abort();
	}
	buf_reset(&there);
	buf_reset(&back);
	if (mutf7_encode(&there, text, &err) == 0 &&
	    (!mutf7_decode(&back, buf_slice(&there)) || !slice_eq(buf_slice(&back), text)))
		abort();
	return 0;
}

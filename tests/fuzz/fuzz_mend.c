/*
 * message/mend.c: the first octet chooses the steps, the rest is a message. It does not matter in
 * which pieces it comes; no steps change nothing; without NULs nothing else is missing; a mended
 * message has nothing left to mend.
 */
#include <stdlib.h>
#include <string.h>

#include "message/mend.h"

#define OUT_MAX (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t mend(struct mender *m, uint32_t steps, struct slice in, size_t piece,
		     struct buf *out)
{
	mender_start(m, steps);
	for (size_t at = 0; at < in.len; at += piece)
		mender_add(m, slice_head(slice_from(in, at), piece), out);
	mender_end(m, out);
	return mender_did(m);
}

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_release) struct buf whole = BUF_INIT(OUT_MAX);
	CLEANUP(buf_release) struct buf pieces = BUF_INIT(OUT_MAX);
	CLEANUP(buf_release) struct buf again = BUF_INIT(OUT_MAX);
	struct mender *m = mender_new();
	uint32_t steps = size > 0 ? data[0] & MEND_BYTES : 0, did;
	struct slice in = slice_of(data + (size > 0), size - (size > 0));

	if (!m)
		return 0;
	did = mend(m, steps, in, in.len + 1, &whole);
	check((did & ~steps) == 0);
	check(mend(m, steps, in, 3, &pieces) == did);
	check(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
	check(did != 0 || slice_eq(buf_slice(&whole), in));
	if (steps & MEND_NUL)
		check(whole.len == 0 || !memchr(whole.ptr, 0, whole.len));
	if (steps == MEND_BYTES) {
		did = mend(m, steps, buf_slice(&whole), 1000, &again);
		check((did & (MEND_NUL | MEND_HEADER_BLOCK)) == 0);
	}
	mender_free(m);
	return 0;
}

/*
 * message/long_lines.c: it does not matter in which pieces a message comes; without a part to mend
 * nothing changes; and what was mended has no such part any more.
 */
#include <stdlib.h>
#include <string.h>

#include "message/long_lines.h"

#define OUT_MAX (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool mend(struct slice in, size_t piece, struct buf *out)
{
	struct long_lines *l = long_lines_new();
	bool found;

	if (!l)
		exit(0);
	for (size_t at = 0; at < in.len; at += piece)
		long_lines_look(l, slice_head(slice_from(in, at), piece));
	found = long_lines_begin(l);
	for (size_t at = 0; at < in.len; at += piece)
		long_lines_add(l, slice_head(slice_from(in, at), piece), out);
	long_lines_end(l, out);
	long_lines_free(l);
	return found;
}

/* Fuzzers find no line of 998 octets: each '@' stands for one. */
static void expand(const uint8_t *data, size_t size, struct buf *out)
{
	static char many[1000];

	memset(many, 'm', sizeof(many));
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '@')
			buf_add(out, many, sizeof(many));
		else
			buf_addc(out, (char)data[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_release) struct buf in = BUF_INIT(OUT_MAX / 4);
	CLEANUP(buf_release) struct buf whole = BUF_INIT(OUT_MAX);
	CLEANUP(buf_release) struct buf pieces = BUF_INIT(OUT_MAX);
	CLEANUP(buf_release) struct buf again = BUF_INIT(OUT_MAX);
	bool found;

	expand(data, size, &in);
	if (in.failed)
		return 0;
	found = mend(buf_slice(&in), in.len + 1, &whole);
	if (mend(buf_slice(&in), 7, &pieces) != found ||
	    !slice_eq(buf_slice(&whole), buf_slice(&pieces)))
		abort();
	if (!found && !slice_eq(buf_slice(&whole), buf_slice(&in)))
		abort();
	if (found && mend(buf_slice(&whole), 1000, &again))
		abort();
	return 0;
}

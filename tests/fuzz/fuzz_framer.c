/*
 * Fuzz target: what a server says. The bytes go through the framer, in pieces whose
 * sizes the first byte chooses, and every response through all readers: status
 * texts, codes, refusals, capabilities, LIST, STATUS, NAMESPACE, ID, by libetpan and
 * by our own. Checked: the framer gives the same whatever the pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "imap/etpan.h"
#include "imap/response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_response(const struct frame *frame)
{
	static struct etpan *etpan;
	struct arena arena = ARENA_INIT(4 << 20);
	struct buf words = BUF_INIT(4 << 20);
	struct capabilities capabilities;
	struct folder_status status;
	struct namespaces namespaces;
	struct list_row row;
	struct response r;

	if (!etpan)
		etpan = etpan_new();
	response_read(frame, &r);
	response_words(&r, &words);
	(void)refusal_of(&r);
	(void)says_too_many_connections(r.text);
	capabilities_read(r.code_args, &capabilities);
	if (r.kind == RESPONSE_DATA) {
		if (etpan_list(etpan, &r, &arena, &row) && !row.name.ptr)
			abort();
		(void)tolerant_list(&r, &arena, &row);
		(void)etpan_status(etpan, &r, &status);
		(void)tolerant_status(&r, &status);
		(void)namespace_read(&r, &arena, &namespaces);
		buf_reset(&words);
		(void)etpan_id(etpan, &r, &words);
	}
	buf_release(&words);
	arena_release(&arena);
}

/* All frames, one behind the other, in `out`. Returns false when the stream was broken. */
static bool run(const uint8_t *data, size_t size, size_t piece, bool stream, bool check,
		struct buf *out)
{
	struct framer framer;
	struct frame frame;
	struct err err;
	size_t room, n;
	char *space;
	int got = 0;

	framer_init(&framer);
	framer.stream_bodies = stream;
	for (size_t at = 0; at < size && got >= 0; at += n) {
		n = size - at < piece ? size - at : piece;
		space = framer_space(&framer, &room);
		if (!space || room < n)
			abort();
		memcpy(space, data + at, n);
		framer_filled(&framer, n);
		while ((got = framer_next(&framer, &frame, &err)) > 0) {
			if (frame.kind != FRAME_LITERAL_BYTES)
				buf_addf(out, "|%d%d:", (int)frame.kind, frame.tail);
			buf_add_slice(out, frame.bytes);
			if (check && frame.kind == FRAME_RESPONSE && !frame.tail)
				check_response(&frame);
		}
	}
	framer_release(&framer);
	return got >= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF_INIT(16 << 20), pieces = BUF_INIT(16 << 20);
	bool stream, ok, ok_pieces;

	if (size < 1 || size > 16000)
		return 0;
	stream = data[0] & 1;
	ok = run(data + 1, size - 1, 16384, stream, true, &whole);
	ok_pieces = run(data + 1, size - 1, 1 + (data[0] >> 1), stream, false, &pieces);
	if (ok != ok_pieces || !slice_eq(buf_slice(&whole), buf_slice(&pieces)))
		abort();
	buf_release(&whole);
	buf_release(&pieces);
	return 0;
}

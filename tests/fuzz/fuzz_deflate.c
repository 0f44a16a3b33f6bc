/*
 * Fuzz target: the inflating reader of a compressed line. The first byte chooses in
 * which pieces the rest comes in, and in how large ones it is read. Checked: the
 * reader's room is never exceeded, and pieces change nothing. What came of it is
 * packed and read again, and must be the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "net/deflate.h"

#define OUTPUT_MAX (1u << 20) /* a few octets can become many */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct wire {
	struct slice in;
	size_t step;
	struct buf out;
};

static ssize_t wire_read(void *context, void *bytes, size_t len, struct err *err)
{
	struct wire *w = context;
	size_t n = w->in.len < w->step ? w->in.len : w->step;

	if (n > len)
		n = len;
	if (n == 0)
		return err_set(err, ERR_EOF, SCOPE_ACCOUNT, RETRY_NOW, "closed");
	memcpy(bytes, w->in.ptr, n);
	w->in = slice_from(w->in, n);
	return (ssize_t)n;
}

static ssize_t wire_write(void *context, const void *bytes, size_t len, struct err *err)
{
	struct wire *w = context;

	(void)err;
	buf_add(&w->out, bytes, len);
	return (ssize_t)len;
}

static struct deflater *open_deflater(struct wire *w, struct slice early)
{
	const struct lower_line lower = { wire_read, wire_write, w };
	struct deflater *d;
	struct err err;

	if (deflater_new(&lower, early, &d, &err) < 0)
		abort();
	return d;
}

/* Returns how it ended. */
static enum err_code inflate_all(struct wire *w, struct slice early, size_t room, struct buf *out)
{
	struct deflater *d = open_deflater(w, early);
	struct err err = ERR_INIT;
	ssize_t n = 0;

	while (n >= 0 && out->len < OUTPUT_MAX) {
		char *bytes = malloc(room); /* so that a sanitizer sees its end */

		n = deflater_read(d, bytes, room, &err);
		if (n > (ssize_t)room)
			abort();
		if (n > 0)
			buf_add(out, bytes, (size_t)n);
		free(bytes);
	}
	deflater_free(d);
	return n < 0 ? err.code : ERR_NONE;
}

static void pack_and_compare(struct slice text, size_t piece)
{
	struct wire w = { .step = 4096, .out = BUF_INIT(4 << 20) };
	struct buf again = BUF_INIT(4 << 20);
	struct deflater *d = open_deflater(&w, slice_of(NULL, 0));
	struct err err;

	for (size_t at = 0; at < text.len; at += piece) {
		size_t n = text.len - at < piece ? text.len - at : piece;

		if (deflater_write(d, text.ptr + at, n, &err) != (ssize_t)n ||
		    (at % 3 == 0 && deflater_push(d, &err) < 0))
			abort();
	}
	if (deflater_push(d, &err) < 0 || deflater_wants_write(d))
		abort();
	deflater_free(d);
	w.in = buf_slice(&w.out);
	if (text.len < OUTPUT_MAX)
		(void)inflate_all(&w, slice_of(NULL, 0), 9999, &again);
	if (text.len < OUTPUT_MAX && !slice_eq(buf_slice(&again), text))
		abort();
	buf_release(&w.out);
	buf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF_INIT(4 << 20), pieces = BUF_INIT(4 << 20);
	struct wire w = { .step = 16384 };
	enum err_code end, end_pieces;
	struct slice in;
	size_t early;

	if (size < 1 || size > 16000)
		return 0;
	in = slice_of(data + 1, size - 1);
	w.in = in;
	end = inflate_all(&w, slice_of(NULL, 0), 16384, &whole);
	early = in.len < (data[0] & 15u) ? in.len : (data[0] & 15u);
	w = (struct wire){ .in = slice_from(in, early), .step = 1 + (data[0] >> 6) * 50u };
	end_pieces = inflate_all(&w, slice_head(in, early), 64 + (data[0] & 48u) * 40u, &pieces);
	/* cut off behind OUTPUT_MAX, not at the same octet */
	if (whole.len < OUTPUT_MAX &&
	    (end != end_pieces || !slice_eq(buf_slice(&whole), buf_slice(&pieces))))
		abort();
	pack_and_compare(buf_slice(&whole), 1 + (data[0] & 63u) * 200u);
	buf_release(&whole);
	buf_release(&pieces);
	return 0;
}

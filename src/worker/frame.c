/*
 * Writing, reading and taking apart frames. See frame.h.
 */
#include "worker/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stop.h"
#include "base/text.h"

#define IN_SIZE	  (FRAME_HEAD_LEN + FRAME_PAYLOAD_MAX)
#define OUT_LIMIT (FRAME_BATCH + FRAME_HEAD_LEN + FRAME_PAYLOAD_MAX + 1)

static void put_little(char *to, uint64_t n, size_t octets)
{
	for (size_t i = 0; i < octets; i++)
		to[i] = (char)(uint8_t)(n >> (8 * i));
}

static uint64_t get_little(const char *from, size_t octets)
{
	uint64_t n = 0;

	for (size_t i = octets; i-- > 0;)
		n = n << 8 | (uint8_t)from[i];
	return n;
}

/* ---- writing ---- */

void frame_out_init(struct frame_out *out, int fd, int wait_ms)
{
	*out = (struct frame_out){ .fd = fd, .wait_ms = wait_ms, .buf = BUF_INIT(OUT_LIMIT) };
}

void frame_out_release(struct frame_out *out)
{
	buf_release(&out->buf);
	out->open = false;
}

void frame_begin(struct frame_out *out, uint8_t type)
{
	char head[FRAME_HEAD_LEN] = { 0 };

	head[4] = (char)type;
	out->start = out->buf.len;
	out->open = true;
	buf_add(&out->buf, head, sizeof(head));
}

static void put_number(struct frame_out *out, uint64_t n, size_t octets)
{
	char bytes[8];

	put_little(bytes, n, octets);
	buf_add(&out->buf, bytes, octets);
}

void frame_put_u8(struct frame_out *out, uint8_t n)
{
	put_number(out, n, 1);
}

void frame_put_u32(struct frame_out *out, uint32_t n)
{
	put_number(out, n, 4);
}

void frame_put_u64(struct frame_out *out, uint64_t n)
{
	put_number(out, n, 8);
}

void frame_put_raw(struct frame_out *out, const void *bytes, size_t len)
{
	buf_add(&out->buf, bytes, len);
}

void frame_put_bytes(struct frame_out *out, struct slice bytes)
{
	frame_put_u32(out, bytes.len > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes.len);
	buf_add_slice(&out->buf, bytes);
}

size_t frame_len(const struct frame_out *out)
{
	return out->buf.len - out->start - FRAME_HEAD_LEN;
}

int frame_end(struct frame_out *out, struct err *err)
{
	size_t len = frame_len(out);

	out->open = false;
	if (out->buf.failed || len > FRAME_PAYLOAD_MAX) {
		out->buf.len = out->start;
		out->buf.failed = false;
		return err_set(err, ERR_LIMIT, SCOPE_MESSAGE, RETRY_NEVER,
			       "more than fits into one frame");
	}
	put_little(out->buf.ptr + out->start, len, 4);
	return out->buf.len >= FRAME_BATCH ? frame_flush(out, err) : 0;
}

static int line_broken(struct err *err)
{
	return err_set(err, ERR_EOF, SCOPE_SOURCE, RETRY_NOW, "the other process is gone");
}

/* Wait until the socket takes or gives something: 0, or -1. `until` TIME_NONE: without end. */
static int wait_for(int fd, short events, int64_t until, struct err *err)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = until == TIME_NONE ? -1 : until - time_monotonic_ms();
		int n;

		if (until != TIME_NONE && left <= 0)
			left = 0;
		n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(err, ERR_IO, SCOPE_SOURCE, errno, "cannot wait for data");
		if (stop_check(err) != 0)
			return -1;
		if (n == 0 && left == 0)
			return err_set(err, ERR_TIMEOUT, SCOPE_SOURCE, RETRY_NOW,
				       "the other process does not answer");
	}
}

static int64_t deadline(int wait_ms)
{
	return wait_ms < 0 ? TIME_NONE : time_monotonic_ms() + wait_ms;
}

int frame_flush(struct frame_out *out, struct err *err)
{
	int64_t until = out->wait_ms == 0 ? TIME_NONE : deadline(out->wait_ms);
	size_t sent = 0;

	while (sent < out->buf.len) {
		ssize_t n = send(out->fd, out->buf.ptr + sent, out->buf.len - sent,
				 MSG_NOSIGNAL | (out->wait_ms ? MSG_DONTWAIT : 0));

		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return line_broken(err);
		if (errno == EAGAIN) {
			if (wait_for(out->fd, POLLOUT, until, err) != 0)
				return -1;
		} else if (errno != EINTR) {
			return err_sys(err, ERR_IO, SCOPE_SOURCE, errno, "cannot send");
		}
	}
	buf_reset(&out->buf);
	return 0;
}

/* ---- reading ---- */

int frame_in_init(struct frame_in *in, int fd, struct err *err)
{
	*in = (struct frame_in){ .fd = fd, .bytes = malloc(IN_SIZE) };
	return in->bytes ? 0 : err_nomem(err);
}

void frame_in_release(struct frame_in *in)
{
	free(in->bytes);
	in->bytes = NULL;
	in->pos = in->len = 0;
}

static int no_frame(struct err *err, const char *why)
{
	return err_set(err, ERR_FORMAT, SCOPE_SOURCE, RETRY_NOW,
		       "the other process sent what is no frame of ours (%s)", why);
}

/* A whole frame from what is there: 1, 0 (more is needed), -1. */
static int cut_frame(struct frame_in *in, struct frame *out, struct err *err)
{
	const char *head = in->bytes + in->pos;
	size_t left = in->len - in->pos, len;

	if (left < FRAME_HEAD_LEN)
		return 0;
	len = (size_t)get_little(head, 4);
	if (len > FRAME_PAYLOAD_MAX)
		return no_frame(err, "too long");
	if (head[5] || head[6] || head[7])
		return no_frame(err, "its head is damaged");
	if (left - FRAME_HEAD_LEN < len)
		return 0;
	out->type = (uint8_t)head[4];
	out->payload = slice_of(head + FRAME_HEAD_LEN, len);
	in->pos += FRAME_HEAD_LEN + len;
	return 1;
}

/* More bytes behind those that are there: 1, 0 (the end), -1. */
static int fill(struct frame_in *in, int64_t until, struct err *err)
{
	if (in->pos > 0) {
		memmove(in->bytes, in->bytes + in->pos, in->len - in->pos);
		in->len -= in->pos;
		in->pos = 0;
	}
	for (;;) {
		ssize_t n;

		if (wait_for(in->fd, POLLIN, until, err) != 0)
			return -1;
		n = read(in->fd, in->bytes + in->len, IN_SIZE - in->len);
		if (n > 0) {
			in->len += (size_t)n;
			return 1;
		}
		if (n == 0 || errno == ECONNRESET)
			return 0;
		if (errno != EINTR && errno != EAGAIN)
			return err_sys(err, ERR_IO, SCOPE_SOURCE, errno, "cannot receive");
	}
}

int frame_next(struct frame_in *in, int wait_ms, struct frame *out, struct err *err)
{
	int64_t until = 0;
	bool waiting = false;

	for (;;) {
		int got = cut_frame(in, out, err);

		if (got != 0)
			return got;
		if (!waiting)
			until = deadline(wait_ms);
		waiting = true;
		got = fill(in, until, err);
		if (got < 0)
			return -1;
		if (got == 0)
			return in->len == in->pos ? 0 : line_broken(err);
	}
}

/* ---- fields ---- */

struct fields fields_of(const struct frame *frame)
{
	return (struct fields){ .rest = frame->payload };
}

static uint64_t take_number(struct fields *f, size_t octets)
{
	uint64_t n;

	if (f->failed || f->rest.len < octets) {
		f->failed = true;
		return 0;
	}
	n = get_little(f->rest.ptr, octets);
	f->rest = slice_from(f->rest, octets);
	return n;
}

uint8_t field_u8(struct fields *f)
{
	return (uint8_t)take_number(f, 1);
}

uint32_t field_u32(struct fields *f)
{
	return (uint32_t)take_number(f, 4);
}

uint64_t field_u64(struct fields *f)
{
	return take_number(f, 8);
}

struct slice field_bytes(struct fields *f, size_t max)
{
	size_t len = field_u32(f);
	struct slice bytes;

	if (f->failed || len > max || len > f->rest.len) {
		f->failed = true;
		return slice_of("", 0);
	}
	bytes = slice_head(f->rest, len);
	f->rest = slice_from(f->rest, len);
	return bytes;
}

const char *field_text(struct fields *f, size_t max, struct arena *a)
{
	struct slice bytes = field_bytes(f, max);
	const char *text;

	if (slice_find(bytes, '\0') >= 0 || !utf8_valid(bytes))
		f->failed = true;
	text = f->failed ? NULL : arena_slice(a, bytes);
	if (!text)
		f->failed = true;
	return text ? text : "";
}

int fields_done(const struct fields *f, const char *what, struct err *err)
{
	if (f->failed || f->rest.len > 0)
		return no_frame(err, what);
	return 0;
}

/*
 * net/deflate.c: two of them back to back over a socket pair, and one against plain
 * zlib over a line that is made here: octet by octet, full, cut off, or lying.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "net/deflate.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* ---- what is sent ---- */

enum content { TEXT, BASE64, BINARY, ZEROS, MIXED };

static void fill(struct buf *out, enum content content, size_t len)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t x = 12345;

	for (size_t i = 0; i < len; i++) {
		enum content now = content == MIXED ? (enum content)(i / 5000 % 4) : content;

		x = x * 1664525 + 1013904223;
		if (now == TEXT)
			buf_addc(out, "the quick brown fox jumps over it "[(i + (x >> 30)) % 34]);
		else if (now == BASE64)
			buf_addc(out, i % 78 == 77 ? '\n' : letters[x >> 26]);
		else
			buf_addc(out, now == BINARY ? (char)(x >> 24) : '\0');
	}
	cr_assert_not(out->failed);
}

/* ---- a line over a socket ---- */

static ssize_t socket_read(void *context, void *bytes, size_t len, struct err *err)
{
	ssize_t n = recv(*(const int *)context, bytes, len, MSG_DONTWAIT);

	if (n > 0)
		return n;
	if (n < 0 && errno == EAGAIN)
		return 0;
	return err_set(err, ERR_EOF, SCOPE_ACCOUNT, RETRY_NOW, "closed");
}

static ssize_t socket_write(void *context, const void *bytes, size_t len, struct err *err)
{
	ssize_t n = send(*(const int *)context, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0)
		return n;
	if (errno == EAGAIN)
		return 0;
	return err_set(err, ERR_CONNECT, SCOPE_ACCOUNT, RETRY_NOW, "lost");
}

/* One end: what it sends, and what it has got. */
struct end {
	int fd;
	struct deflater *deflater;
	struct buf send, got;
	size_t sent, piece;
};

static void end_init(struct end *e, int fd, enum content content, size_t len, size_t piece)
{
	const struct lower_line lower = { socket_read, socket_write, &e->fd };
	struct err err;

	e->fd = fd;
	e->piece = piece;
	e->sent = 0;
	buf_init(&e->send, len + 1);
	buf_init(&e->got, (size_t)8 << 20);
	fill(&e->send, content, len);
	cr_assert_eq(deflater_new(&lower, slice_of(NULL, 0), &e->deflater, &err), 0);
}

static void end_release(struct end *e)
{
	deflater_free(e->deflater);
	buf_release(&e->send);
	buf_release(&e->got);
	close(e->fd);
}

/* Write a piece, push at the end, read what has come by as many octets. */
static void end_work(struct end *e)
{
	size_t left = e->send.len - e->sent;
	char bytes[20000];
	struct err err;
	ssize_t n;

	if (left > 0) {
		n = deflater_write(e->deflater, e->send.ptr + e->sent,
				   left < e->piece ? left : e->piece, &err);
		cr_assert_geq(n, 0, "%s", err.text);
		e->sent += (size_t)n;
	}
	if (e->sent == e->send.len)
		cr_assert_eq(deflater_push(e->deflater, &err), 0);
	do {
		n = deflater_read(e->deflater, bytes,
				  e->piece < sizeof(bytes) ? e->piece : sizeof(bytes), &err);
		cr_assert_geq(n, 0, "%s", err.text);
		buf_add(&e->got, bytes, (size_t)n);
	} while (deflater_has_pending(e->deflater));
}

Test(deflate, both_ways)
{
	static const struct {
		const char *name;
		enum content content;
		size_t len, piece, other_len;
	} rows[] = {
		{ "a command", TEXT, 30, 100, 0 },
		{ "octet by octet", MIXED, 30000, 1, 20000 },
		{ "odd pieces", MIXED, 300000, 777, 100000 },
		{ "text", TEXT, 2000000, 16384, 10 },
		{ "base64", BASE64, 2000000, 16384, 10 },
		{ "base64 in large pieces", BASE64, 2000000, 500000, 2000000 },
		{ "what cannot be packed", BINARY, 2000000, 262144, 2000000 },
		{ "zeros", ZEROS, 3000000, 262144, 3000000 },
		{ "every kind in turn", MIXED, 3000000, 100000, 3000000 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct end a, b;
		int fds[2], small = 4096;

		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		end_init(&a, fds[0], rows[i].content, rows[i].len, rows[i].piece);
		end_init(&b, fds[1], rows[i].content, rows[i].other_len, rows[i].piece);
		for (long turns = 0; a.got.len < b.send.len || b.got.len < a.send.len; turns++) {
			cr_assert_lt(turns, 2000000, "%s: it stands still", rows[i].name);
			end_work(&a);
			end_work(&b);
		}
		cr_expect(slice_eq(buf_slice(&b.got), buf_slice(&a.send)), "%s", rows[i].name);
		cr_expect(slice_eq(buf_slice(&a.got), buf_slice(&b.send)), "%s", rows[i].name);
		cr_expect_not(deflater_wants_write(a.deflater), "%s", rows[i].name);
		end_release(&a);
		end_release(&b);
	}
}

/* ---- a line that is made here ---- */

struct made_line {
	struct slice in; /* to be read, `step` octets at a time; between any two once nothing */
	size_t step;
	bool pause, closed;
	struct buf out;
	size_t takes; /* octets that the line still takes */
};

static ssize_t made_read(void *context, void *bytes, size_t len, struct err *err)
{
	struct made_line *l = context;
	size_t n = l->in.len < l->step ? l->in.len : l->step;

	if (n > len)
		n = len;
	if (n == 0 && l->closed)
		return err_set(err, ERR_EOF, SCOPE_ACCOUNT, RETRY_NOW, "closed");
	l->pause = !l->pause;
	if (l->pause || n == 0)
		return 0;
	memcpy(bytes, l->in.ptr, n);
	l->in = slice_from(l->in, n);
	return (ssize_t)n;
}

static ssize_t made_write(void *context, const void *bytes, size_t len, struct err *err)
{
	struct made_line *l = context;
	size_t n = len < l->takes ? len : l->takes;

	(void)err;
	buf_add(&l->out, bytes, n);
	l->takes -= n;
	return (ssize_t)n;
}

/* By zlib alone, with a window of 2^bits. */
static void packed(struct buf *out, struct slice text, int bits, int flush)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)text.ptr, .avail_in = (uInt)text.len };
	Bytef bytes[8192];

	cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, -bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	do {
		z.next_out = bytes;
		z.avail_out = sizeof(bytes);
		deflate(&z, flush);
		buf_add(out, bytes, sizeof(bytes) - z.avail_out);
	} while (z.avail_out == 0);
	deflateEnd(&z);
}

/* Read `step` octets at a time until an error or, where there is none, until nothing comes twice.
 */
static int read_all(struct made_line *l, struct slice early, size_t room, struct buf *out,
		    struct err *err)
{
	const struct lower_line lower = { made_read, made_write, l };
	struct deflater *d;
	char bytes[20000];
	int idle = 0;
	ssize_t n = 0;

	cr_assert_eq(deflater_new(&lower, early, &d, err), 0);
	while (n >= 0 && idle < 3000) {
		memset(bytes, 'g', sizeof(bytes));
		n = deflater_read(d, bytes, room, err);
		for (size_t i = room; i < sizeof(bytes) && i < room + 64; i++)
			cr_assert_eq(bytes[i], 'g', "written behind the reader's room");
		if (n > 0)
			buf_add(out, bytes, (size_t)n);
		idle = n == 0 ? idle + 1 : 0;
	}
	deflater_free(d);
	return n < 0 ? -1 : 0;
}

Test(deflate, reading)
{
	static const struct {
		const char *name;
		enum content content;
		size_t len;
		int bits, flush;
		size_t step, early, room;
		enum err_code then; /* once all has been read and the line is closed */
	} rows[] = {
		{ "as it is", TEXT, 100000, 15, Z_SYNC_FLUSH, 16384, 0, 16384, ERR_EOF },
		{ "a window of 512 octets", MIXED, 100000, 9, Z_SYNC_FLUSH, 1000, 0, 9999,
		  ERR_EOF },
		{ "octet by octet", MIXED, 50000, 12, Z_SYNC_FLUSH, 1, 0, 9999, ERR_EOF },
		{ "into rooms of one octet", MIXED, 50000, 15, Z_SYNC_FLUSH, 999, 0, 1, ERR_EOF },
		{ "some came with the OK", TEXT, 50000, 15, Z_SYNC_FLUSH, 100, 50, 100, ERR_EOF },
		{ "all came with the OK", TEXT, 500, 15, Z_SYNC_FLUSH, 100, 9999, 100, ERR_EOF },
		{ "the stream ends", TEXT, 50000, 15, Z_FINISH, 100, 0, 100, ERR_EOF },
		{ "other flushes", TEXT, 50000, 15, Z_PARTIAL_FLUSH, 100, 0, 100, ERR_EOF },
		{ "nothing but its end", TEXT, 0, 15, Z_FINISH, 100, 0, 100, ERR_EOF },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(buf_release) struct buf text = BUF_INIT(1 << 20);
		CLEANUP(buf_release) struct buf wire = BUF_INIT(1 << 20);
		CLEANUP(buf_release) struct buf got = BUF_INIT(1 << 20);
		struct made_line l = { .step = rows[i].step, .closed = true };
		struct err err = ERR_INIT;
		size_t early;

		fill(&text, rows[i].content, rows[i].len);
		packed(&wire, buf_slice(&text), rows[i].bits, rows[i].flush);
		early = rows[i].early < wire.len ? rows[i].early : wire.len;
		l.in = slice_from(buf_slice(&wire), early);
		cr_expect_eq(
			read_all(&l, slice_head(buf_slice(&wire), early), rows[i].room, &got, &err),
			-1, "%s", rows[i].name);
		cr_expect_eq(err.code, rows[i].then, "%s: %s", rows[i].name, err.text);
		cr_expect(slice_eq(buf_slice(&got), buf_slice(&text)), "%s", rows[i].name);
	}
}

Test(deflate, no_deflate)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
	} rows[] = {
		{ "plain words", "* OK what compression?\r\n", 24 },
		{ "a zlib header", "\x78\x9c\x4b\x04\x00", 5 },
		{ "a gzip header", "\x1f\x8b\x08\x00\x00\x00\x00\x00", 8 },
		{ "a distance before the beginning", "\x63\x00\x42\x00\xff\xff", 6 },
		{ "0xff for ever", "\xff\xff\xff\xff\xff\xff\xff\xff", 8 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(buf_release) struct buf got = BUF_INIT(1 << 20);
		struct made_line l = { .in = slice_of(rows[i].bytes, rows[i].len), .step = 1 };
		struct err err = ERR_INIT;

		cr_expect_eq(read_all(&l, slice_of(NULL, 0), 1000, &got, &err), -1, "%s",
			     rows[i].name);
		cr_expect_eq(err.code, ERR_PROTOCOL, "%s", rows[i].name);
		cr_expect_neq(err.retry, RETRY_NEVER, "%s: another line may be better",
			      rows[i].name);
	}
}

/* What came before the garbage is read before it is told. */
Test(deflate, garbage_behind_words)
{
	CLEANUP(buf_release) struct buf wire = BUF_INIT(1 << 20);
	CLEANUP(buf_release) struct buf got = BUF_INIT(1 << 20);
	struct made_line l = { .step = 16384 };
	struct err err = ERR_INIT;

	packed(&wire, SLICE_LIT("* BYE going down\r\n"), 15, Z_SYNC_FLUSH);
	buf_adds(&wire, "\xff\xff\xff");
	l.in = buf_slice(&wire);
	cr_expect_eq(read_all(&l, slice_of(NULL, 0), 1000, &got, &err), -1);
	cr_expect_eq(err.code, ERR_PROTOCOL);
	cr_expect(slice_eq(buf_slice(&got), SLICE_LIT("* BYE going down\r\n")));
}

/* 200 MB that come as 200 kB are read as they are asked for, and lie nowhere. */
Test(deflate, bomb)
{
	CLEANUP(buf_release) struct buf wire = BUF_INIT(4 << 20);
	struct made_line l = { .step = 16384 };
	const struct lower_line lower = { made_read, made_write, &l };
	const size_t size = (size_t)200 << 20;
	struct rusage before, after;
	char *zeros = calloc(1, size);
	struct deflater *d;
	char bytes[16384];
	size_t total = 0;
	struct err err;
	ssize_t n = 0;

	cr_assert(zeros);
	packed(&wire, slice_of(zeros, size), 15, Z_SYNC_FLUSH);
	free(zeros);
	cr_assert_lt(wire.len, 400000);
	l.in = buf_slice(&wire);
	cr_assert_eq(deflater_new(&lower, slice_of(NULL, 0), &d, &err), 0);
	getrusage(RUSAGE_SELF, &before);
	while (n >= 0 && total < size) {
		n = deflater_read(d, bytes, sizeof(bytes), &err);
		cr_assert_leq(n, (ssize_t)sizeof(bytes));
		total += n > 0 ? (size_t)n : 0;
	}
	getrusage(RUSAGE_SELF, &after);
	cr_expect_eq(total, size);
	cr_expect_lt(after.ru_maxrss - before.ru_maxrss, 4096, "KiB");
	deflater_free(d);
}

/* What was taken stays until it is pushed; then all of it can be read, whatever the line takes at a
 * time. */
Test(deflate, pushing)
{
	static const size_t takes[] = { 1, 100, 1 << 20 };

	for (size_t i = 0; i < ROWS(takes); i++) {
		struct made_line there = { .step = 1000, .out = BUF_INIT(1 << 20) };
		struct made_line back = { .step = 1000 };
		const struct lower_line lower = { made_read, made_write, &there };
		CLEANUP(buf_release) struct buf got = BUF_INIT(1 << 20);
		struct deflater *d;
		struct err err;

		cr_assert_eq(deflater_new(&lower, slice_of(NULL, 0), &d, &err), 0);
		cr_expect_eq(deflater_push(d, &err), 0);
		cr_expect_eq(there.out.len, 0, "nothing to be said");
		for (int round = 0; round < 50; round++) {
			there.takes = takes[i];
			cr_assert_eq(deflater_write(d, "x1 NOOP\r\n", 9, &err), 9);
			cr_assert_eq(deflater_push(d, &err), 0);
			cr_expect_eq(deflater_wants_write(d), there.takes == 0);
			while (deflater_wants_write(d)) {
				there.takes = takes[i];
				cr_assert_eq(deflater_push(d, &err), 0);
			}
			back.in = buf_slice(&there.out);
			buf_reset(&got);
			(void)read_all(&back, slice_of(NULL, 0), 1000, &got, &err);
			cr_assert_eq(got.len, 9 * (size_t)(round + 1), "round %d", round);
		}
		deflater_free(d);
		buf_release(&there.out);
	}
}

/* A line that takes nothing: what is taken is bounded, and nothing of it is lost. */
Test(deflate, full_line)
{
	struct made_line there = { .step = 1000, .out = BUF_INIT(8 << 20) };
	struct made_line back = { .step = 1000 };
	const struct lower_line lower = { made_read, made_write, &there };
	CLEANUP(buf_release) struct buf text = BUF_INIT(4 << 20);
	CLEANUP(buf_release) struct buf got = BUF_INIT(4 << 20);
	struct deflater *d;
	size_t taken = 0;
	struct err err;
	ssize_t n;

	fill(&text, BINARY, 2000000);
	cr_assert_eq(deflater_new(&lower, slice_of(NULL, 0), &d, &err), 0);
	do {
		n = deflater_write(d, text.ptr + taken, text.len - taken, &err);
		cr_assert_geq(n, 0);
		taken += (size_t)n;
	} while (n > 0);
	cr_expect_gt(taken, 50000);
	cr_expect_lt(taken, 300000, "bounded");
	while (taken < text.len || deflater_wants_write(d)) {
		there.takes = 5000;
		n = deflater_write(d, text.ptr + taken, text.len - taken, &err);
		cr_assert_geq(n, 0);
		taken += (size_t)n;
		if (taken == text.len)
			cr_assert_eq(deflater_push(d, &err), 0);
	}
	back.in = buf_slice(&there.out);
	(void)read_all(&back, slice_of(NULL, 0), 9999, &got, &err);
	cr_expect(slice_eq(buf_slice(&got), buf_slice(&text)));
	deflater_free(d);
	buf_release(&there.out);
}

/* Base64 costs no more octets than by frequencies alone, text is searched for repetitions. */
Test(deflate, ratio)
{
	static const struct {
		const char *name;
		enum content content;
		double at_most;
	} rows[] = { { "base64", BASE64, 0.77 },
		     { "text", TEXT, 0.45 },
		     { "zeros", ZEROS, 0.26 },
		     { "in turn", MIXED, 0.7 } };

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct made_line there = { .takes = 4 << 20, .out = BUF_INIT(4 << 20) };
		const struct lower_line lower = { made_read, made_write, &there };
		CLEANUP(buf_release) struct buf text = BUF_INIT(4 << 20);
		struct deflater *d;
		struct err err;

		fill(&text, rows[i].content, 1000000);
		cr_assert_eq(deflater_new(&lower, slice_of(NULL, 0), &d, &err), 0);
		cr_assert_eq(deflater_write(d, text.ptr, text.len, &err), 1000000);
		cr_assert_eq(deflater_push(d, &err), 0);
		cr_expect_lt((double)there.out.len / 1e6, rows[i].at_most, "%s: %zu octets",
			     rows[i].name, there.out.len);
		deflater_free(d);
		buf_release(&there.out);
	}
}

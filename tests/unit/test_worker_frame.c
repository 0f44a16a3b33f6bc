/*
 * Frames over a socket pair, whole and broken, and the fields in them.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/frame.h"

static int pair[2];
static struct frame_in in;
static struct frame_out out;
static struct err err;

static void set_up(void)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cr_assert_eq(frame_in_init(&in, pair[0], &err), 0);
	frame_out_init(&out, pair[1], 1000);
	err_clear(&err);
}

static void tear_down(void)
{
	frame_in_release(&in);
	frame_out_release(&out);
	close(pair[0]);
	close(pair[1]);
}

TestSuite(worker_frame, .init = set_up, .fini = tear_down);

Test(worker_frame, fields_come_back)
{
	struct arena a = ARENA_INIT(1 << 16);
	struct frame frame;
	struct fields f;

	frame_begin(&out, 7);
	frame_put_u8(&out, 200);
	frame_put_u32(&out, 0xdeadbeef);
	frame_put_u64(&out, UINT64_C(0x0123456789abcdef));
	frame_put_bytes(&out, SLICE_LIT("Gr\xc3\xbc\xc3\x9f"));
	cr_assert_eq(frame_len(&out), 1 + 4 + 8 + 4 + 6);
	cr_assert_eq(frame_end(&out, &err), 0);
	frame_begin(&out, 8);
	cr_assert_eq(frame_end(&out, &err), 0);
	cr_assert_eq(frame_flush(&out, &err), 0);

	cr_assert_eq(frame_next(&in, 1000, &frame, &err), 1);
	cr_expect_eq(frame.type, 7);
	f = fields_of(&frame);
	cr_expect_eq(field_u8(&f), 200);
	cr_expect_eq(field_u32(&f), 0xdeadbeef);
	cr_expect_eq(field_u64(&f), UINT64_C(0x0123456789abcdef));
	cr_expect_str_eq(field_text(&f, 6, &a), "Gr\xc3\xbc\xc3\x9f");
	cr_expect_eq(fields_done(&f, "test", &err), 0);
	cr_assert_eq(frame_next(&in, 1000, &frame, &err), 1);
	cr_expect_eq(frame.type, 8);
	cr_expect_eq(frame.payload.len, 0);
	cr_expect_eq(frame_next(&in, 0, &frame, &err), -1);
	cr_expect_eq(err.code, ERR_TIMEOUT);
	close(pair[1]);
	cr_expect_eq(frame_next(&in, 1000, &frame, &err), 0);
	arena_release(&a);
}

Test(worker_frame, bad_fields)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t len;
	} rows[] = {
		{ "nothing", "", 0 },
		{ "length cut", "\3\0\0", 3 },
		{ "longer than the payload", "\3\0\0\0ab", 6 },
		{ "longer than allowed", "\5\0\0\0abcde", 9 },
		{ "huge", "\377\377\377\377abcd", 8 },
		{ "a NUL", "\2\0\0\0a\0", 6 },
		{ "not UTF-8", "\2\0\0\0a\377", 6 },
		{ "something left over", "\2\0\0\0abc", 7 },
	};
	struct arena a = ARENA_INIT(1 << 16);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame = { 1, slice_of(rows[i].bytes, rows[i].len) };
		struct fields f = fields_of(&frame);

		cr_expect_not_null(field_text(&f, 4, &a), "%s", rows[i].name);
		cr_expect_eq(fields_done(&f, "test", &err), -1, "%s", rows[i].name);
		cr_expect_eq(err.code, ERR_FORMAT, "%s", rows[i].name);
		cr_expect_eq(field_u64(&f), 0, "%s", rows[i].name);
	}
	arena_release(&a);
}

/* Both sides of the limit. */
Test(worker_frame, longest)
{
	static char big[FRAME_PAYLOAD_MAX + 1];
	struct frame frame;
	int got;

	memset(big, 'x', sizeof(big));
	frame_begin(&out, 1);
	frame_put_raw(&out, big, sizeof(big));
	cr_expect_eq(frame_end(&out, &err), -1);
	cr_expect_eq(err.code, ERR_LIMIT);
	err_clear(&err);

	out.wait_ms = 1; /* the socket does not hold it all: filled as far as it goes */
	frame_begin(&out, 2);
	frame_put_raw(&out, big, FRAME_PAYLOAD_MAX);
	got = frame_end(&out, &err);
	cr_expect(got == 0 || err.code == ERR_TIMEOUT);
	cr_expect_eq(frame_next(&in, got == 0 ? 1000 : 1, &frame, &err), got == 0 ? 1 : -1);
}

Test(worker_frame, broken_streams)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t len;
		enum err_code want;
	} rows[] = {
		{ "cut in the head", "\1\0\0", 3, ERR_EOF },
		{ "cut in the payload", "\4\0\0\0\1\0\0\0abc", 11, ERR_EOF },
		{ "too long", "\1\0\4\0\1\0\0\0", 8, ERR_FORMAT },
		{ "absurd", "\377\377\377\377\1\0\0\0", 8, ERR_FORMAT },
		{ "padding in use", "\0\0\0\0\1\0\1\0", 8, ERR_FORMAT },
		{ "text", "Segmentation fault\n", 19, ERR_FORMAT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame frame;

		if (i > 0) {
			tear_down();
			set_up();
		}
		cr_assert_eq(write(pair[1], rows[i].bytes, rows[i].len), (ssize_t)rows[i].len);
		close(pair[1]);
		cr_expect_eq(frame_next(&in, 1000, &frame, &err), -1, "%s", rows[i].name);
		cr_expect_eq(err.code, rows[i].want, "%s: %s", rows[i].name, err.text);
	}
}

Test(worker_frame, other_side_gone)
{
	close(pair[0]);
	frame_begin(&out, 1);
	cr_assert_eq(frame_end(&out, &err), 0);
	cr_expect_eq(frame_flush(&out, &err), -1);
	cr_expect_eq(err.code, ERR_EOF);
}

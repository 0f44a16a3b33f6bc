/*
 * Modified UTF-7 (RFC 3501 5.1.3): printable ASCII stands for itself, "&-" for
 * "&", and a run of everything else is UTF-16BE in base64 (with ',' for '/', no
 * padding) between '&' and '-'.
 *
 * Decoding accepts the one canonical form alone: a name that decodes encodes to
 * the very same bytes again. So two spellings never fall onto one folder, and a
 * name that is not ours to understand is kept as it stands by the caller. NUL is
 * refused both ways, for names end up as C strings.
 */
#include "message/mutf7.h"

#include "base/text.h"

static const char digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

#define SURROGATE_FIRST 0xD800u
#define SURROGATE_LOW	0xDC00u
#define SURROGATE_END	0xE000u
#define BEYOND_BMP	0x10000u

static bool stands_for_itself(uint32_t c)
{
	return c >= 0x20 && c < 0x7f;
}

/* ---- encoding ---- */

/* Bits of a base64 run that do not make a digit yet. */
struct run {
	uint32_t bits;
	unsigned n_bits;
};

static void run_add_unit(struct run *r, struct buf *out, uint32_t unit)
{
	r->bits = r->bits << 16 | unit;
	r->n_bits += 16;
	while (r->n_bits >= 6) {
		r->n_bits -= 6;
		buf_addc(out, digits[r->bits >> r->n_bits & 63]);
	}
	r->bits &= (1u << r->n_bits) - 1;
}

static void run_add(struct run *r, struct buf *out, uint32_t c)
{
	if (c < BEYOND_BMP) {
		run_add_unit(r, out, c);
		return;
	}
	c -= BEYOND_BMP;
	run_add_unit(r, out, SURROGATE_FIRST | c >> 10);
	run_add_unit(r, out, SURROGATE_LOW | (c & 0x3ff));
}

static void run_end(struct run *r, struct buf *out)
{
	if (r->n_bits > 0)
		buf_addc(out, digits[r->bits << (6 - r->n_bits) & 63]);
	buf_addc(out, '-');
}

int mutf7_encode(struct buf *out, struct slice utf8, struct err *err)
{
	size_t before = out->len;
	struct run run = { 0, 0 };
	bool in_run = false;

	while (utf8.len > 0) {
		uint32_t c = 0;
		size_t len = utf8_decode(utf8, &c);

		if (len == 0 || c == 0) {
			out->len = before;
			return err_set(err, ERR_FORMAT, SCOPE_FOLDER, RETRY_NEVER,
				       "folder name is not valid UTF-8");
		}
		utf8 = slice_from(utf8, len);

		if (!stands_for_itself(c)) {
			if (!in_run)
				buf_addc(out, '&');
			in_run = true;
			run_add(&run, out, c);
			continue;
		}
		if (in_run)
			run_end(&run, out);
		in_run = false;
		run = (struct run){ 0, 0 };
		buf_addc(out, (char)c);
		if (c == '&')
			buf_addc(out, '-');
	}
	if (in_run)
		run_end(&run, out);
	return buf_ok(out, "folder name", err);
}

/* ---- decoding ---- */

/* As base64, but for ',' in place of '/' (RFC 3501 5.1.3). */
static int digit_value(char c)
{
	if (c == ',')
		return 63;
	return c == '/' ? -1 : base64_digit(c);
}

/* One UTF-16 unit of a run; *high is a high surrogate that waits for its other half, or 0. */
static bool add_unit(struct buf *out, uint32_t unit, uint32_t *high)
{
	if (*high != 0) {
		if (unit < SURROGATE_LOW || unit >= SURROGATE_END)
			return false;
		utf8_add(out,
			 BEYOND_BMP + ((*high - SURROGATE_FIRST) << 10) + (unit - SURROGATE_LOW));
		*high = 0;
		return true;
	}
	if (unit >= SURROGATE_FIRST && unit < SURROGATE_LOW) {
		*high = unit;
		return true;
	}
	if (unit == 0 || stands_for_itself(unit) || (unit >= SURROGATE_LOW && unit < SURROGATE_END))
		return false;
	utf8_add(out, unit);
	return true;
}

/* The base64 digits between '&' and '-'. What is left over must be less than a digit of zeros. */
static bool decode_run(struct buf *out, struct slice run)
{
	uint32_t bits = 0, high = 0;
	unsigned n_bits = 0;

	for (size_t i = 0; i < run.len; i++) {
		int value = digit_value(run.ptr[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		n_bits += 6;
		if (n_bits < 16)
			continue;
		n_bits -= 16;
		if (!add_unit(out, bits >> n_bits & 0xffff, &high))
			return false;
		bits &= (1u << n_bits) - 1;
	}
	return high == 0 && n_bits < 6 && bits == 0;
}

static bool decode(struct buf *out, struct slice text)
{
	bool after_run = false; /* "&AOQ-&APY-" should have been one run */

	while (text.len > 0) {
		char c = text.ptr[0];
		struct slice run;
		ptrdiff_t end;

		text = slice_from(text, 1);
		if (!stands_for_itself((uint8_t)c))
			return false;
		if (c != '&') {
			buf_addc(out, c);
			after_run = false;
			continue;
		}
		end = slice_find(text, '-');
		if (end < 0)
			return false;
		run = slice_head(text, (size_t)end);
		text = slice_from(text, (size_t)end + 1);
		if (run.len == 0) {
			buf_addc(out, '&');
			after_run = false;
			continue;
		}
		if (after_run || !decode_run(out, run))
			return false;
		after_run = true;
	}
	return true;
}

bool mutf7_decode(struct buf *out, struct slice text)
{
	size_t before = out->len;

	if (decode(out, text))
		return true;
	out->len = before;
	return false;
}

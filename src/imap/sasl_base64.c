/*
 * Base64 (RFC 4648 4) for SASL: of passwords and tokens, so that no copy is left
 * behind. See sasl.h.
 */
#include "imap/sasl.h"

#include "base/text.h"

static const char digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Digit by digit into room that was asked for at once: what is encoded may be a password. */
void sasl_base64_encode(struct buf *out, struct slice bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.ptr;

	if (buf_room(out, (bytes.len + 2) / 3 * 4) == NULL)
		return;
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t bits = (uint32_t)p[i] << 16;

		bits |= n > 1 ? (uint32_t)p[i + 1] << 8 : 0;
		bits |= n > 2 ? p[i + 2] : 0;
		buf_addc(out, digits[bits >> 18]);
		buf_addc(out, digits[bits >> 12 & 63]);
		buf_addc(out, n > 1 ? digits[bits >> 6 & 63] : '=');
		buf_addc(out, n > 2 ? digits[bits & 63] : '=');
	}
}

static bool decode_digits(struct buf *out, struct slice text)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;

	for (size_t i = 0; i < text.len; i++) {
		int value = base64_digit(text.ptr[i]);

		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		buf_addc(out, (char)(bits >> n_bits & 255));
		bits &= (1u << n_bits) - 1;
	}
	return bits == 0; /* what padding hides must be nothing */
}

bool sasl_base64_decode(struct buf *out, struct slice text)
{
	size_t before = out->len;

	if (text.len % 4 != 0)
		return false;
	for (int padding = 0; padding < 2 && slice_ends(text, SLICE_LIT("=")); padding++)
		text = slice_head(text, text.len - 1);
	if (buf_room(out, text.len - text.len / 4) == NULL)
		return true; /* the caller sees that the buffer has failed */
	if (decode_digits(out, text))
		return true;
	out->len = before;
	return false;
}

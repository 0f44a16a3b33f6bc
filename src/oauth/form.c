/*
 * Forms, random words, PKCE. See form.h.
 */
#include "oauth/form.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

/* RFC 3986 2.3: what needs no escape anywhere. */
static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

void form_add(struct buf *form, const char *key, struct slice value)
{
	static const char digits[] = "0123456789ABCDEF";

	/* room first: a buffer that grows would leave a secret behind in freed memory */
	if (!buf_room(form, strlen(key) + 2 + 3 * value.len))
		return;
	if (form->len > 0 && form->ptr[form->len - 1] != '?' && form->ptr[form->len - 1] != '&')
		buf_addc(form, '&');
	buf_adds(form, key);
	buf_addc(form, '=');
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = (uint8_t)value.ptr[i];

		if (is_unreserved((char)c)) {
			buf_addc(form, (char)c);
			continue;
		}
		buf_addc(form, '%');
		buf_addc(form, digits[c >> 4]);
		buf_addc(form, digits[c & 15]);
	}
}

static bool decode(struct slice text, struct buf *out)
{
	uint64_t byte;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '%') {
			if (i + 2 >= text.len || !slice_hex64(slice_of(text.ptr + i + 1, 2), &byte))
				return false;
			i += 2;
			c = (char)byte;
		} else if (c == '+') {
			c = ' ';
		}
		buf_addc(out, c);
	}
	return !out->failed;
}

int form_get(struct slice form, const char *key, struct buf *value)
{
	buf_reset(value);
	while (form.len > 0) {
		struct slice pair = slice_cut(&form, '&'), name = slice_cut(&pair, '=');

		if (slice_eq(name, slice_str(key)))
			return decode(pair, value) ? 1 : -1;
	}
	return 0;
}

void base64url(const uint8_t *bytes, size_t len, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789-_";

	for (size_t bit = 0; bit < 8 * len; bit += 6) {
		unsigned two = (unsigned)bytes[bit / 8] << 8;

		if (bit / 8 + 1 < len)
			two |= bytes[bit / 8 + 1];
		*out++ = digits[two >> (10 - bit % 8) & 63];
	}
	*out = '\0';
}

int random_word(char out[RANDOM_WORD_LEN + 1], struct err *err)
{
	uint8_t bytes[32];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "no random numbers for the login");
	base64url(bytes, sizeof(bytes), out);
	explicit_bzero(bytes, sizeof(bytes));
	return 0;
}

void pkce_challenge(const char *verifier, char out[RANDOM_WORD_LEN + 1])
{
	uint8_t digest[32] = { 0 };

	EVP_Digest(verifier, strlen(verifier), digest, NULL, EVP_sha256(), NULL);
	base64url(digest, sizeof(digest), out);
}

/*
 * Finding the password in what a server says. See echo.h.
 */
#include "imap/echo.h"

#include <string.h>

#include "imap/sasl.h"

#define BASE64_QUANTUM 4

static bool holds(struct slice text, struct slice part)
{
	return part.len > 0 && text.len >= part.len &&
	       memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

/* As the command writer quotes it. */
static bool holds_quoted(struct slice text, struct slice secret)
{
	CLEANUP(sasl_wipe) struct buf quoted = BUF_INIT(2 * SASL_TOKEN_MAX);

	for (size_t i = 0; i < secret.len; i++) {
		if (secret.ptr[i] == '"' || secret.ptr[i] == '\\')
			buf_addc(&quoted, '\\');
		buf_addc(&quoted, secret.ptr[i]);
	}
	return quoted.failed || holds(text, buf_slice(&quoted));
}

static size_t base64_run(struct slice text)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789+/=";
	size_t n = 0;

	while (n < text.len && text.ptr[n] && strchr(alphabet, text.ptr[n]))
		n++;
	return n;
}

static bool holds_encoded(struct slice text, struct slice secret)
{
	CLEANUP(sasl_wipe) struct buf plain = BUF_INIT(1 << 20);

	for (size_t at = 0; at < text.len;) {
		size_t run = base64_run(slice_from(text, at));

		buf_reset(&plain);
		if (run >= BASE64_QUANTUM &&
		    sasl_base64_decode(&plain,
				       slice_of(text.ptr + at, run - run % BASE64_QUANTUM)) &&
		    holds(buf_slice(&plain), secret))
			return true;
		at += run + 1;
	}
	return false;
}

bool echo_has_secret(struct slice text, struct slice secret)
{
	return secret.len > 0 &&
	       (holds(text, secret) || holds_quoted(text, secret) || holds_encoded(text, secret));
}

/*
 * Filling, prefixing and clearing errors. See err.h.
 */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Here are the functions themselves: see the end of err.h. */
#undef err_set
#undef err_sys
#undef err_prefix
#undef err_nomem

/* Error texts quote folder names and server replies: nothing of them may steer a terminal. */
static void defuse(char *text)
{
	struct slice rest = slice_str(text);

	while (rest.len > 0) {
		uint32_t c;
		size_t n = utf8_decode(rest, &c);

		/* octets that are no UTF-8 stay: they are no controls of any terminal's */
		if (n > 0 && text_steers(c))
			memset(text, '?', n);
		text += n ? n : 1;
		rest = slice_from(rest, n ? n : 1);
	}
}

/* Do not leave half a UTF-8 character where the text was cut off. */
static void trim_partial(char *text, size_t cap)
{
	size_t len = strlen(text);

	if (len + 1 < cap)
		return;
	while (len > 0 && ((unsigned char)text[len - 1] & 0xc0) == 0x80)
		text[--len] = '\0';
	if (len > 0 && (unsigned char)text[len - 1] >= 0xc0)
		text[len - 1] = '\0';
}

static void fill(struct err *err, enum err_code code, enum err_scope scope, enum err_retry retry,
		 int sys_errno, const char *fmt, va_list args)
{
	err->code = code;
	err->scope = scope;
	err->retry = retry;
	err->sys_errno = sys_errno;
	err->wait_ms = 0;
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	trim_partial(err->text, sizeof(err->text));
	defuse(err->text);
}

int err_set(struct err *err, enum err_code code, enum err_scope scope, enum err_retry retry,
	    const char *fmt, ...)
{
	struct err filled;
	va_list args;

	/* An argument may point into *err itself: format first, then overwrite. */
	va_start(args, fmt);
	fill(&filled, code, scope, retry, 0, fmt, args);
	va_end(args);
	*err = filled;
	return -1;
}

int err_sys(struct err *err, enum err_code code, enum err_scope scope, int sys_errno,
	    const char *fmt, ...)
{
	struct err filled;
	va_list args;
	size_t len;

	va_start(args, fmt);
	fill(&filled, code, scope, RETRY_NEVER, sys_errno, fmt, args);
	va_end(args);
	len = strlen(filled.text);
	snprintf(filled.text + len, sizeof(filled.text) - len, ": %s", strerror(sys_errno));
	*err = filled;
	return -1;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len < 0)
		return -1;
	if ((size_t)len < sizeof(text))
		snprintf(text + len, sizeof(text) - (size_t)len, ": %s", err->text);
	trim_partial(text, sizeof(text));
	defuse(text);
	memcpy(err->text, text, sizeof(text));
	return -1;
}

int err_nomem(struct err *err)
{
	return err_set(err, ERR_NOMEM, SCOPE_RUN, RETRY_NEVER, "out of memory");
}

void err_clear(struct err *err)
{
	*err = (struct err)ERR_INIT;
}

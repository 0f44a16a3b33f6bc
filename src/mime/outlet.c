/*
 * A buffer in front of a sink. See outlet.h.
 */
#include "mime/outlet.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FORMATTED_MAX 1000
#define ROOM_MAX      4096

void outlet_init(struct outlet *w, const struct compose_sink *sink)
{
	w->sink = sink;
	w->failed = false;
	w->err = (struct err)ERR_INIT;
	w->last = '\n';
	w->len = 0;
}

static void hand_over(struct outlet *w, const void *bytes, size_t len)
{
	if (!w->failed && len > 0)
		w->failed = w->sink->write(w->sink->to, bytes, len, &w->err) < 0;
}

static void drain(struct outlet *w)
{
	hand_over(w, w->bytes, w->len);
	w->len = 0;
}

void outlet_add(struct outlet *w, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	w->last = ((const char *)bytes)[len - 1];
	if (len > OUTLET_BUFFER - w->len)
		drain(w);
	if (len > OUTLET_BUFFER) {
		hand_over(w, bytes, len);
		return;
	}
	memcpy(w->bytes + w->len, bytes, len);
	w->len += len;
}

void outlet_adds(struct outlet *w, const char *text)
{
	outlet_add(w, text, strlen(text));
}

void outlet_add_slice(struct outlet *w, struct slice s)
{
	outlet_add(w, s.ptr, s.len);
}

void outlet_add_buf(struct outlet *w, struct buf *b)
{
	outlet_add_slice(w, buf_slice(b));
	buf_reset(b);
}

void outlet_addf(struct outlet *w, const char *fmt, ...)
{
	char text[FORMATTED_MAX + 1];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len > 0)
		outlet_add(w, text, len > FORMATTED_MAX ? FORMATTED_MAX : (size_t)len);
}

char *outlet_room(struct outlet *w, size_t len)
{
	assert(len <= ROOM_MAX);
	if (len > OUTLET_BUFFER - w->len)
		drain(w);
	return w->bytes + w->len;
}

void outlet_took(struct outlet *w, size_t len)
{
	if (len == 0)
		return;
	w->len += len;
	w->last = w->bytes[w->len - 1];
}

void outlet_end_line(struct outlet *w)
{
	if (w->last != '\n')
		outlet_add(w, "\r\n", 2);
}

int outlet_flush(struct outlet *w, struct err *err)
{
	drain(w);
	if (!w->failed)
		return 0;
	*err = w->err;
	return -1;
}

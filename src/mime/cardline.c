/*
 * Content lines. See cardline.h.
 */
#include "mime/cardline.h"

#include <string.h>

#include "base/clock.h"

#define FOLD_AT 75

void cardline_init(struct cardline *c, struct outlet *out)
{
	c->out = out;
	buf_init(&c->line, CARDLINE_MAX);
}

void cardline_release(struct cardline *c)
{
	buf_release(&c->line);
}

void cardline_begin(struct cardline *c, const char *name)
{
	buf_reset(&c->line);
	buf_adds(&c->line, name);
}

void cardline_add(struct cardline *c, const char *as_it_stands)
{
	buf_adds(&c->line, as_it_stands);
}

void cardline_add_quoted(struct cardline *c, struct slice utf8)
{
	buf_addc(&c->line, '"');
	for (size_t i = 0; i < utf8.len; i++) {
		unsigned char u = (unsigned char)utf8.ptr[i];

		if (u >= 0x20 && u != 0x7f)
			buf_addc(&c->line, u == '"' ? '\'' : (char)u);
	}
	buf_addc(&c->line, '"');
}

void cardline_add_text(struct cardline *c, struct slice utf8)
{
	for (size_t i = 0; i < utf8.len; i++) {
		unsigned char u = (unsigned char)utf8.ptr[i];

		if (u == '\\' || u == ';' || u == ',')
			buf_addc(&c->line, '\\');
		if (u == '\n' || (u == '\r' && (i + 1 == utf8.len || utf8.ptr[i + 1] != '\n')))
			buf_adds(&c->line, "\\n");
		else if ((u >= 0x20 && u != 0x7f) || u == '\t')
			buf_addc(&c->line, (char)u);
	}
}

/* How much of `s` fits on a line of `room` octets: no character is cut. */
static size_t fitting(struct slice s, size_t room)
{
	size_t n = room;

	if (s.len <= room)
		return s.len;
	while (n > 1 && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
		n--;
	return n;
}

void cardline_end(struct cardline *c)
{
	struct slice rest = buf_slice(&c->line);
	size_t n = fitting(rest, FOLD_AT);

	outlet_add_slice(c->out, slice_head(rest, n));
	for (rest = slice_from(rest, n); rest.len > 0; rest = slice_from(rest, n)) {
		n = fitting(rest, FOLD_AT - 1);
		outlet_adds(c->out, "\r\n ");
		outlet_add_slice(c->out, slice_head(rest, n));
	}
	outlet_adds(c->out, "\r\n");
}

void cardline_line(struct cardline *c, const char *name, const char *value)
{
	cardline_begin(c, name);
	cardline_add(c, ":");
	cardline_add(c, value);
	cardline_end(c);
}

void cardline_text(struct cardline *c, const char *name, struct slice utf8)
{
	utf8 = slice_trim(utf8);
	if (utf8.len == 0)
		return;
	cardline_begin(c, name);
	cardline_add(c, ":");
	cardline_add_text(c, utf8);
	cardline_end(c);
}

void cardline_add_local(struct cardline *c, int64_t local)
{
	struct civil d = civil_from_time(local);

	buf_addf(&c->line, "%04d%02d%02dT%02d%02d%02d", d.year, d.month, d.day, d.hour, d.minute,
		 d.second);
}

void cardline_add_time(struct cardline *c, int64_t utc)
{
	cardline_add_local(c, utc);
	buf_addc(&c->line, 'Z');
}

void cardline_add_date(struct cardline *c, int64_t day)
{
	struct civil d = civil_from_time(day);

	buf_addf(&c->line, "%04d%02d%02d", d.year, d.month, d.day);
}

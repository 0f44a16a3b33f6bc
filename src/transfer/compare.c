/*
 * The comparison walks both streams with two cursors. Where they agree it
 * advances in long runs; where they do not, the next octets decide whether it is
 * one of the changes that a server is known to make (servers.md 2.2: measured on
 * Dovecot, Cyrus and Courier) or a difference. Every such change removes or
 * replaces single octets, so one octet of look-ahead is enough.
 */
#include "transfer/compare.h"

#include <string.h>

static const char final_eol[2] = { '\r', '\n' };

void compare_init(struct compare *c, bool header)
{
	*c = (struct compare){ .in_header = header };
}

static void differ(struct compare *c)
{
	c->differs = true;
}

/* The number of octets at the front that are equal. */
static size_t equal_run(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len, i = 0;

	while (i + 256 <= len && memcmp(a.ptr + i, b.ptr + i, 256) == 0)
		i += 256;
	while (i < len && a.ptr[i] == b.ptr[i])
		i++;
	return i;
}

/* Note where the header of the local message ends: behind the first empty line. */
static void watch_header(struct compare *c, const char *bytes, size_t len)
{
	for (size_t i = 0; c->in_header && i < len; i++) {
		if (bytes[i] == '\n') {
			c->in_header = c->line_len != 0;
			c->line_len = 0;
		} else if (bytes[i] != '\r') {
			c->line_len = 1; /* not empty: more is not asked */
		}
	}
}

static void take_local(struct compare *c, struct slice *local, size_t len)
{
	watch_header(c, local->ptr, len);
	*local = slice_from(*local, len);
	c->offset += len;
}

static void take_both(struct compare *c, struct slice *local, struct slice *remote, size_t len)
{
	c->previous = (uint8_t)local->ptr[len - 1];
	take_local(c, local, len);
	*remote = slice_from(*remote, len);
}

/* A CR stands locally where the server has something else. What follows it decides. */
static void settle_held_cr(struct compare *c, char next)
{
	c->held_cr = false;
	if (next != '\n')
		c->changes |= CHANGE_BARE_CR;
	else if (c->previous == '\r')
		c->changes |= CHANGE_CR_CR_LF;
	else
		differ(c); /* a whole line end was changed: nobody is known to do that */
}

/* The first octets differ: is it a change that servers make? */
static void settle_difference(struct compare *c, struct slice *local, struct slice *remote)
{
	uint8_t ours = (uint8_t)local->ptr[0], theirs = (uint8_t)remote->ptr[0];

	if (ours == 0 && theirs == 0x80) {
		c->changes |= CHANGE_NUL;
		take_both(c, local, remote, 1);
	} else if (c->in_header && ours >= 0x80 && theirs == 'X') {
		c->changes |= CHANGE_8BIT_HEADER;
		take_both(c, local, remote, 1);
	} else if (ours == '\r') {
		c->held_cr = true;
		take_local(c, local, 1);
	} else {
		differ(c);
	}
}

void compare_step(struct compare *c, struct slice *local, struct slice *remote)
{
	while (!c->differs && local->len > 0 && remote->len > 0) {
		if (c->held_cr) {
			settle_held_cr(c, local->ptr[0]);
			continue;
		}
		size_t run = equal_run(*local, *remote);

		if (run > 0)
			take_both(c, local, remote, run);
		else
			settle_difference(c, local, remote);
	}
}

void compare_local_end(struct compare *c)
{
	if (c->held_cr)
		c->changes |= CHANGE_BARE_CR;
	c->held_cr = false;
}

/* One more line end, and nothing else. */
void compare_remote_tail(struct compare *c, struct slice remote)
{
	for (size_t i = 0; i < remote.len; i++) {
		if (c->tail >= sizeof(final_eol) || remote.ptr[i] != final_eol[c->tail]) {
			differ(c);
			return;
		}
		c->tail++;
	}
}

void compare_local_tail(struct compare *c, struct slice local)
{
	compare_remote_tail(c, local);
}

bool compare_end(struct compare *c)
{
	if (c->tail == sizeof(final_eol))
		c->changes |= CHANGE_FINAL_EOL;
	else if (c->tail != 0)
		differ(c);
	return !c->differs;
}

void compare_add_changes(struct buf *out, uint32_t changes)
{
	static const struct {
		uint32_t bit;
		const char *text;
	} names[] = {
		{ CHANGE_NUL, "NUL octets became 0x80" },
		{ CHANGE_BARE_CR, "bare CR dropped" },
		{ CHANGE_CR_CR_LF, "CR CR LF became CR LF" },
		{ CHANGE_FINAL_EOL, "final line end" },
		{ CHANGE_8BIT_HEADER, "8-bit header octets became X" },
	};
	const char *separator = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(changes & names[i].bit))
			continue;
		buf_adds(out, separator);
		buf_adds(out, names[i].text);
		separator = ", ";
	}
}

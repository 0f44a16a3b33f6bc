/*
 * What POP left on a message. See pop.h. Fetchers write on top, in this order:
 *   getmail6   Return-Path (in place of the server's), Delivered-To, Received
 *   mpop       Received
 *   fetchmail  Return-Path (only if asked to), Received, Delivered-To or X-Envelope-To
 */
#include "message/pop.h"

#include "message/header.h"

#define LEAD_FIELDS 4 /* at most so many stand above the fetcher's Received, itself included */

bool uidl_ok(struct slice text)
{
	if (text.len == 0 || text.len > UIDL_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < 0x21 || text.ptr[i] > 0x7e)
			return false;
	return true;
}

bool pop_is_fetchers(struct slice received)
{
	static const char *const marks[] = { "with POP3", "(fetchmail-", "(mpop-", "getmail6",
					     "with getmail" };

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (slice_ifind(received, slice_str(marks[i])) >= 0)
			return true;
	return false;
}

/* "... with POP3-SSL getmail6 msgid:UIDL for <...>; date": folded anywhere between words. */
static struct slice getmail_uidl(struct slice received)
{
	static const char mark[] = "msgid:";
	ptrdiff_t name = slice_ifind(received, SLICE_LIT("getmail6"));
	ptrdiff_t at =
		name < 0 ? -1 : slice_ifind(slice_from(received, (size_t)name), slice_str(mark));
	struct slice uidl;
	size_t len = 0;

	if (at < 0)
		return SLICE_LIT("");
	uidl = slice_from(received, (size_t)name + (size_t)at + sizeof(mark) - 1);
	while (len < uidl.len && uidl.ptr[len] > 0x20 && uidl.ptr[len] < 0x7f)
		len++;
	if (len > 0 && uidl.ptr[len - 1] == ';') /* no recipient follows, but the date */
		len--;
	uidl = slice_head(uidl, len);
	return uidl_ok(uidl) ? uidl : SLICE_LIT("");
}

static bool by_pop3(struct slice received)
{
	return pop_is_fetchers(received) && slice_ifind(received, SLICE_LIT("with POP3")) >= 0;
}

void pop_trace_read(struct slice header, struct pop_trace *out)
{
	struct header_field field;
	uint64_t path_len = 0, lead_len = 0;

	*out = (struct pop_trace){ .uidl = SLICE_LIT("") };
	for (int i = 0; i < LEAD_FIELDS && header_next(&header, &field) > 0; i++) {
		if (i == 0 && slice_ieq(field.name, SLICE_LIT("Return-Path"))) {
			path_len = field.whole.len;
			continue;
		}
		lead_len += field.whole.len;
		if (slice_ieq(field.name, SLICE_LIT("Delivered-To")) ||
		    slice_ieq(field.name, SLICE_LIT("X-Envelope-To")))
			continue;
		if (!slice_ieq(field.name, SLICE_LIT("Received")) || !by_pop3(field.value))
			return;
		out->fetched = true;
		out->uidl = getmail_uidl(field.value);
		out->lead_len = lead_len;
		out->path_len = path_len;
		return;
	}
}

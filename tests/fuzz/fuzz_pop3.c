/*
 * Fuzzes what is read off the lines of POP3 servers.
 */
#include <stdint.h>
#include <stdlib.h>

#include "message/pop.h"
#include "pop3/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

static bool within(struct slice part, struct slice whole)
{
	return part.len == 0 ||
	       (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void check_line(struct slice line, struct pop3_caps *caps)
{
	struct pop3_reply r = pop3_reply_read(line);
	struct slice uidl, stuffed = line;
	uint32_t number;
	uint64_t octets;

	check(within(r.code, line) && within(r.text, line));
	if (pop3_uidl_read(line, &number, &uidl))
		check(number > 0 && uidl_ok(uidl) && within(uidl, line));
	if (pop3_size_read(line, &number, &octets))
		check(number > 0);
	pop3_caps_add(caps, line);
	if (pop3_unstuff(&stuffed))
		check(within(stuffed, line) && stuffed.len + 1 >= line.len);
	else
		check(line.len == 1 && line.ptr[0] == '.');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct pop3_caps caps = { 0 };

	while (text.len > 0)
		check_line(slice_cut(&text, '\n'), &caps);
	return 0;
}

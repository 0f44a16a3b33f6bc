/*
 * Fuzzes the lines of POP programs' state files: whatever they hold, UIDLs that
 * come out are UIDLs.
 */
#include <stdint.h>
#include <stdlib.h>

#include "source/pop_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_lines(enum pop_state_kind kind, struct slice text)
{
	struct pop_entry e;

	while (text.len > 0)
		if (pop_state_line(kind, slice_cut(&text, '\n'), &e) && !uidl_ok(e.uidl))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);

	pop_state_probe(text);
	for (enum pop_state_kind k = POP_STATE_UNKNOWN; k <= POP_STATE_FETCHMAIL; k++)
		read_lines(k, text);
	return 0;
}

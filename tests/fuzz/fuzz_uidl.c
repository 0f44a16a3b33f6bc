/*
 * Fuzzes what is read off UIDLs: the formats (match/uidl_format.h) and the lines
 * of fetchers in a header (message/pop.h).
 */
#include <stdint.h>
#include <stdlib.h>

#include "match/uidl_format.h"
#include "message/pop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_of((const char *)data, size);
	struct pop_trace trace;

	for (enum uidl_format f = 0; f < UIDL_FORMAT_COUNT; f++) {
		struct uidl_ids ids;

		if (!uidl_decode(f, text, &ids))
			continue;
		if (ids.uid == 0 || (ids.uidvalidity == 0) != (f == UIDL_UID) || !uidl_ok(text))
			abort();
	}
	pop_trace_read(text, &trace);
	if (trace.lead_len + trace.path_len > size || (trace.uidl.len > 0 && !uidl_ok(trace.uidl)))
		abort();
	return 0;
}

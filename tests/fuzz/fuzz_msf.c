/*
 * Fuzz target: the Mork reader. Checked: a name that it delivers is text.
 */
#include <stdlib.h>

#include "base/text.h"
#include "source/tb_msf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = ARENA_INIT(1 << 20);
	struct tb_folder_facts facts;
	struct err err = ERR_INIT;

	if (tb_msf_read_bytes(slice_of(data, size), &a, &facts, &err) != 0)
		abort();
	if (facts.name && (!*facts.name || !utf8_valid(slice_str(facts.name))))
		abort();
	arena_release(&a);
	return 0;
}

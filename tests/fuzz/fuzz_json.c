/*
 * Fuzz target: the JSON reader and, on the same bytes, folderCache.json. Checked: tokens end,
 * brackets match, strings are within their limit.
 */
#include <stdlib.h>

#include "base/json_read.h"
#include "source/tb_cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tokens(struct slice text)
{
	struct json_reader r;
	struct json_token t;
	struct err err = ERR_INIT;
	size_t n = 0;
	int got;

	json_reader_init(&r, text);
	while ((got = json_reader_next(&r, &t, &err)) > 0)
		if (++n > text.len || t.depth > JSON_READ_DEPTH_MAX ||
		    (t.kind >= JSON_KEY && t.text.len > JSON_READ_STRING_MAX))
			abort();
	if (got == 0 && r.depth != 0)
		abort();
	if (got < 0 && err.code == ERR_NONE)
		abort();
	json_reader_release(&r);
}

static void check_cache(struct slice text)
{
	struct arena a = ARENA_INIT((size_t)16 << 20);
	struct tb_cache cache;
	struct err err = ERR_INIT;

	tb_cache_parse(text, &a, &cache, &err);
	for (size_t i = 0; i < cache.n; i++)
		if (*cache.list[i].path)
			tb_cache_find(&cache, cache.list[i].path);
	arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_tokens(slice_of(data, size));
	check_cache(slice_of(data, size));
	return 0;
}

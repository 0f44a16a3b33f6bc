/*
 * Fuzz target: the items of FETCH responses, as the index reads them. Checked: what
 * was read lies within the input, and UIDs are UIDs.
 */
#include <stdlib.h>
#include <string.h>

#include "imap/lexer.h"
#include "imap/session_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT(1 << 20);
	struct buf scratch = BUF_INIT(1 << 20);
	struct slice in = slice_of(data, size);
	struct fetched fetched = { 0 };
	struct lexer lexer = lexer_of(in);
	volatile uint8_t sum = 0; /* so that every octet is looked at */

	(void)lex_skip(&lexer);
	if (lexer.at > lexer.end)
		abort();
	if (fetch_items(in, &arena, &scratch, &fetched)) {
		if (fetched.has_uid && fetched.row.uid == 0)
			abort();
		for (size_t i = 0; i < fetched.row.header.len; i++)
			sum = sum ^ (uint8_t)fetched.row.header.ptr[i];
		for (size_t i = 0; i < fetched.row.flags.n_keywords; i++)
			sum = sum ^ (uint8_t)strlen(fetched.row.flags.keywords[i]);
	}
	buf_release(&scratch);
	arena_release(&arena);
	return 0;
}

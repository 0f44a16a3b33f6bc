/*
 * Fuzz target: the header scanner, RFC 2047, match keys, and the canonical bytes
 * of arbitrary input. The first byte chooses the rules. Checked: what canon says
 * it made is what came out, and the result is canonical.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "message/canon.h"
#include "message/header.h"
#include "message/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_header(struct slice text)
{
	struct buf out = BUF_INIT(HEADER_BLOCK_MAX);
	struct header_field f;
	struct match_keys keys;
	struct err err = ERR_INIT;
	uint8_t essence[KEY_LEN];
	static struct keyer *keyer;
	struct header_facts facts;
	struct slice rest = text;

	while (header_next(&rest, &f) > 0) {
		buf_reset(&out);
		header_decode(&out, f.value);
		header_message_id(&out, f.value);
	}
	if (!keyer)
		keyer = keyer_new(&err);
	if (keyer_run(keyer, text, &keys, essence, &facts, &err) != 0)
		abort();
	buf_release(&out);
}

static void check_canon(const uint8_t *data, size_t size, uint8_t choice)
{
	static struct canon *c;
	struct canon_rules rules = { .eol = choice & 1 ? EOL_CR : EOL_LINES,
				     .quoting = (enum quoting)(choice >> 1 & 3) % 3,
				     .strip = choice & 8 ? ~0u : 0 };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct err err = ERR_INIT;
	struct body body = { fd, 0, size };
	struct canon_notes notes;
	struct slice chunk;
	uint64_t total = 0;
	char last = 0;
	int got;

	if (!c)
		c = canon_new();
	if (fd < 0 || fd_write(fd, data, size, &err) != 0)
		abort();
	canon_start(c, &body, &rules);
	while ((got = canon_next(c, &chunk, &err)) > 0) {
		for (size_t i = 0; i < chunk.len; i++) {
			char before = i ? chunk.ptr[i - 1] : last;

			if (chunk.ptr[i] == '\n' && before != '\r')
				abort();
		}
		total += chunk.len;
		last = chunk.ptr[chunk.len - 1];
	}
	canon_notes(c, &notes);
	if (got != 0 || total != notes.wire_len || last != '\n' || notes.header_len > total)
		abort();
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	check_header(slice_of(data + 1, size - 1));
	check_canon(data + 1, size - 1, data[0]);
	return 0;
}

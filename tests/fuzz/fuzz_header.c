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

struct canonical {
	uint64_t len, hash;
	struct canon_notes notes;
};

static bool same_notes(const struct canon_notes *a, const struct canon_notes *b)
{
	return a->wire_len == b->wire_len && a->nul_count == b->nul_count &&
	       a->cr_count == b->cr_count && a->cr_cr_lf_count == b->cr_cr_lf_count &&
	       a->header_len == b->header_len && a->repairs == b->repairs;
}

/* Every LF is that of a CR LF, and so is the end. */
static struct canonical canonical(struct canon *c, const struct body *body,
				  const struct canon_rules *rules)
{
	struct canonical r = { 0 };
	struct err err = ERR_INIT;
	struct slice chunk;
	char last = 0;
	int got;

	canon_start(c, body, rules);
	while ((got = canon_next(c, &chunk, &err)) > 0) {
		for (size_t i = 0; i < chunk.len; i++) {
			if (chunk.ptr[i] == '\n' && last != '\r')
				abort();
			last = chunk.ptr[i];
			r.hash = (r.hash ^ (unsigned char)last) * UINT64_C(0x100000001b3);
		}
		r.len += chunk.len;
	}
	canon_notes(c, &r.notes);
	if (got != 0 || r.len != r.notes.wire_len || last != '\n' || r.notes.header_len > r.len)
		abort();
	return r;
}

/* From a file or from memory, in long or short pieces: the same. */
static void check_canon(const uint8_t *data, size_t size, uint8_t choice)
{
	static struct canon *c;
	struct canon_rules rules = { .eol = choice & 1 ? EOL_CR : EOL_LINES,
				     .quoting = (enum quoting)(choice >> 1 & 3) % 3,
				     .strip = choice & 8 ? ~0u : 0 };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct err err = ERR_INIT;
	struct body body = { .fd = fd, .len = size };
	struct canonical long_pieces, short_pieces;

	if (!c)
		c = canon_new();
	if (fd < 0 || fd_write(fd, data, size, &err) != 0)
		abort();
	canon_set_piece(c, SIZE_MAX);
	long_pieces = canonical(c, &body, &rules);
	body.bytes = (const char *)data;
	canon_set_piece(c, choice >> 4);
	short_pieces = canonical(c, &body, &rules);
	if (long_pieces.len != short_pieces.len || long_pieces.hash != short_pieces.hash ||
	    !same_notes(&long_pieces.notes, &short_pieces.notes))
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

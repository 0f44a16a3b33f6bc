/*
 * Fuzz target: a SASL login against a server that says anything. The first octet
 * chooses the mechanism, the lines behind it are the challenges. Checked: no
 * SCRAM login is ever complete without the server's signature (which cannot be
 * guessed), and base64 goes both ways.
 */
#include <stdlib.h>

#include "imap/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64(struct slice text)
{
	CLEANUP(buf_release) struct buf bytes = BUF_INIT(1u << 20);
	CLEANUP(buf_release) struct buf back = BUF_INIT(1u << 20);

	if (!sasl_base64_decode(&bytes, text) || bytes.failed)
		return;
	sasl_base64_encode(&back, buf_slice(&bytes));
	if (!slice_eq(buf_slice(&back), text))
		abort();
}

/* Rounds by the million are allowed, and would make this target slow. */
static bool has_many_digits(struct slice text)
{
	size_t run = 0;

	for (size_t i = 0; i < text.len && run < 5; i++)
		run = text.ptr[i] >= '0' && text.ptr[i] <= '9' ? run + 1 : 0;
	return run == 5;
}

static void converse(struct sasl *s, enum sasl_mech mech, struct slice lines)
{
	CLEANUP(sasl_wipe) struct buf said = BUF_INIT(SASL_RESPONSE_MAX);
	struct err err = ERR_INIT;
	struct slice challenge;

	if (sasl_initial(s, &said, &err) < 0)
		abort();
	while (slice_line(&lines, &challenge)) {
		buf_reset(&said);
		if (sasl_step(s, challenge, &said, &err) < 0)
			break;
	}
	if (sasl_finish(s, &err) == 0 && mech >= SASL_SCRAM_SHA_1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t binding[32] = { 1, 2, 3 };
	struct sasl_options options = { .user = "us,er",
					.secret = SLICE_LIT("pencil"),
					.binding = slice_of(binding, sizeof(binding)),
					.nonce = "abc" };
	struct slice lines = slice_from(slice_of(data, size), 1);
	struct err err = ERR_INIT;
	struct sasl *s;

	check_base64(lines);
	if (size == 0 || has_many_digits(lines))
		return 0;
	options.mech = (enum sasl_mech)(data[0] % (SASL_COUNT - 1) + 1);
	if (sasl_new(&options, &s, &err) < 0)
		abort();
	converse(s, options.mech, lines);
	sasl_free(s);
	return 0;
}

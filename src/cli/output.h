/*
 * What goes to stdout: results, collected in a buffer and written in large pieces.
 */
#ifndef MAILHOIST_CLI_OUTPUT_H
#define MAILHOIST_CLI_OUTPUT_H

#include "base/json.h"
#include "message/message.h"

#define OUTPUT_LIMIT ((size_t)64 << 20)

/* Write what `b` holds to stdout once it is large (or `all` of it), and empty it. */
int output_flush(struct buf *b, bool all, struct err *err);

/* What one line of `--format jsonl` tells of a message. Field names and their meaning are stable. */
struct message_facts {
	const char *source, *kind;
	const char *const *folder;
	size_t depth;
	const char *locator, *message_id;
	const uint8_t *sha256; /* NULL: unreadable */
	uint64_t size;
	int64_t internaldate;
	enum date_source date_source;
	const struct flag_set *flags;
	enum message_state state;
	uint32_t repairs;
};

/* Write the fields of *m into an object that is open. */
void output_message(struct json *j, const struct message_facts *m);

#endif

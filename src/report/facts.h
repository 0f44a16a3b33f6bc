/*
 * One message as an object of `--format jsonl`. Field names and their meaning are
 * stable: scripts depend on them.
 */
#ifndef MAILHOIST_REPORT_FACTS_H
#define MAILHOIST_REPORT_FACTS_H

#include "base/json.h"
#include "message/message.h"

/* What one line of `--format jsonl` tells of a message. */
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
	uint32_t fidelity; /* enum fidelity */
};

/* Write the fields of *m into an object that is open. */
void facts_write(struct json *j, const struct message_facts *m);

/* The names of the bits, as an array. */
void facts_write_fidelity(struct json *j, uint32_t fidelity);

#endif

/*
 * A message in its mended form (message/mend.h): made anew each time it is wanted,
 * into a file without a name, so that whoever reads messages can read this one.
 */
#ifndef MAILHOIST_TRANSFER_MENDED_H
#define MAILHOIST_TRANSFER_MENDED_H

#include "message/mend.h"
#include "journal/journal.h"
#include "transfer/source_set.h"

struct mended {
	int fd;			/* the caller's to close; -1: none */
	struct message message; /* body, canon rules, and what a scan tells; texts are not kept */
	uint32_t did;		/* steps that have changed something */
	uint8_t original[SHA256_LEN];
};
#define MENDED_INIT                                                                                \
	{                                                                                          \
		.fd = -1                                                                           \
	}
void mended_release(struct mended *m);

/* Find the message and mend it. -1 with SCOPE_MESSAGE: it is gone or cannot be read. */
int mended_make(struct source_set *sources, const char *kind, const char *source,
		const char *locator, uint32_t steps, struct mended *out, struct err *err);

/* Which steps can change a message with these notes (enum repair) at all; of MEND_HEADER_BLOCK only
 * trying tells. */
uint32_t mended_possible(uint32_t repairs);

/* The form in which the server may have the message, if another run has mended its body: 0 none. */
uint32_t mended_variant(uint32_t repairs, uint64_t nul_count);

#endif

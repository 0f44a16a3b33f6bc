/*
 * The sidecar keeps what the server refused: a maildir STATE/failed/RUN/ with the
 * canonical bytes of each message and its reason beside it, so that any mail
 * program can open it and nothing is lost from sight.
 */
#ifndef MAILHOIST_TRANSFER_SIDECAR_H
#define MAILHOIST_TRANSFER_SIDECAR_H

#include "message/canon.h"

struct sidecar_entry {
	const char *folder;   /* where it should have gone */
	const char *location; /* where it lies locally */
	const char *locator;
	const char *message_id, *subject, *from; /* may be NULL */
	const char *reason;			 /* the server's words */
	uint8_t sha256[SHA256_LEN];
};

/* Write the message atomically (tmp/, fsync, rename to cur/) as NAME and NAME.reason. The name is
 * made from the SHA-256 and the folder, so that doing it again replaces it. Creates the maildir. */
int sidecar_keep(const char *state_dir, int64_t run, struct canon *canon, const struct body *body,
		 const struct canon_rules *rules, const struct sidecar_entry *entry,
		 struct err *err);

#endif

/*
 * Which program's metadata headers count in a message, and what they say
 * (mail-stores.md 4.1): Mozilla's, Evolution's, or Status/X-Status/X-Keywords.
 * Only the dialect's own, first set counts and is removed.
 */
#ifndef MAILHOIST_SOURCE_DIALECT_H
#define MAILHOIST_SOURCE_DIALECT_H

#include "message/message.h"

enum dialect { DIALECT_NONE, DIALECT_STATUS, DIALECT_MOZILLA, DIALECT_EVOLUTION };

struct dialect_facts {
	enum dialect dialect;
	uint32_t strip; /* STRIP_* */
	bool expunged, partial, queued, feed;
	bool imap_store; /* the writer keeps the true arrival date (Dovecot, mutt, c-client) */
	bool pseudo;	 /* folder-internal message: never carried */
};

/* `header` is the stored header block (any line ends). `mozilla_possible`: the From_ line is
 * Mozilla's, or the store is Thunderbird's. Flags and keywords are added to *flags. */
void dialect_read(struct slice header, bool mozilla_possible, struct arena *a,
		  struct flag_set *flags, struct dialect_facts *out);

#endif

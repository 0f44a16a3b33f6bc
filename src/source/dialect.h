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
	uint32_t strip; /* STRIP_*: metadata of the dialect; without Content-Length and Lines */
	bool expunged, partial, queued, feed;
	bool pseudo;	       /* folder-internal message: never carried */
	bool dropped_keywords; /* the flag_set is full: there may be more */
	/* Mozilla's POP wrote X-UIDL: proves the download. Its value, in the arena; NULL if it is
	 * none. */
	bool pop_fetched;
	const char *uidl;

	/* What tells a store that keeps the true arrival date and counts (mail-stores.md 5). */
	bool has_imap_base; /* X-IMAP or X-IMAPbase: in the first message of Dovecot and c-client */
	bool has_uid;	    /* X-UID of the STATUS dialect */
	bool has_length;    /* Content-Length is there, its value is a number: */
	uint64_t length;
	bool length_behind_uid; /* as Dovecot writes it; c-client leaves an alien one before it */
	bool length_by_mutt;	/* Content-Length and Lines are the last two fields */
};

/* `header` is the stored header block (LF or CR LF; of a CR-only file with its CRs made LFs).
 * `mozilla_possible`: the From_ line is Mozilla's, or the store is Thunderbird's; without
 * it X-Mozilla-Status counts only where nothing stands above it (mail that came from elsewhere
 * has its Received lines there) and no other dialect's fields are there. Flags and keywords are
 * added to *flags, their texts to the arena. */
void dialect_read(struct slice header, bool mozilla_possible, struct arena *a,
		  struct flag_set *flags, struct dialect_facts *out);

/* The bits of dialect_facts that say what became of a message: expunged or flagged \Deleted,
 * queued, feed item, partial, in this order. */
enum message_state dialect_state(const struct dialect_facts *facts, const struct flag_set *flags);

#endif

/*
 * How servers make the UIDL of a message (RFC 1939 7) out of its IMAP UID and the
 * mailbox's UIDVALIDITY (clients.md 2). Pure functions; whether a UIDL was made
 * that way nobody can tell from the text alone: see match/uidl.h.
 */
#ifndef MAILHOIST_MATCH_UIDL_FORMAT_H
#define MAILHOIST_MATCH_UIDL_FORMAT_H

#include <stdint.h>

#include "base/slice.h"

enum uidl_format {
	UIDL_NONE,
	UIDL_DOVECOT, /* %08Xu%08Xv: Dovecot's default */
	UIDL_UW,      /* %08Xv%08Xu: UW ipop3d; Dovecot set so */
	UIDL_CYRUS,   /* %v.%u: Cyrus since 2.1.4, Dovecot 0.99 */
	/* UID%u-%v: Courier, whose POP3 server counts for itself: UIDs of IMAP are meant only if
	 * UIDVALIDITY is equal, as on a Dovecot that has taken over from it. */
	UIDL_COURIER,
	UIDL_COURIER_OLD, /* %v-%u: Courier before 0.43; Dovecot set so */
	UIDL_UID,	  /* %u: Cyrus before 2.1.4; says nothing of UIDVALIDITY */
	UIDL_LISTED,	  /* opaque: the POP3 server told which message has it */
	UIDL_FORMAT_COUNT
};
const char *uidl_format_name(enum uidl_format format); /* for people: "Dovecot's" */

struct uidl_ids {
	uint32_t uid;	      /* > 0 */
	uint32_t uidvalidity; /* > 0; 0 with UIDL_UID */
};

/* Read `uidl` as being of `format`; false if it cannot be. (16 hex digits fit two formats: the one
 * whose UIDVALIDITY is the mailbox's is meant.) */
bool uidl_decode(enum uidl_format format, struct slice uidl, struct uidl_ids *out);

#endif

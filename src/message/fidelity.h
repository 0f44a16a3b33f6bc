/*
 * The fidelity of a message that was composed from a store without original bytes
 * (Outlook): what is not as it once was. Nothing of it stops the message; all of it
 * is told, per message.
 */
#ifndef MAILHOIST_MESSAGE_FIDELITY_H
#define MAILHOIST_MESSAGE_FIDELITY_H

#include <stdint.h>

/* What is not as it once was: bits, each with a stable name in the fidelity report. */
enum fidelity {
	FIDELITY_HEADER_SYNTHESISED = 1u << 0, /* no transport headers: made from properties */
	FIDELITY_ID_SYNTHESISED = 1u << 1,     /* no Message-ID anywhere: a deterministic one */
	FIDELITY_DATE_GUESSED = 1u << 2,       /* Date from delivery or creation time */
	FIDELITY_ADDRESS_UNRESOLVED = 1u << 3, /* an Exchange address without an SMTP one */
	FIDELITY_RTF_TO_TEXT = 1u << 4, /* native RTF only: text made from it, .rtf attached */
	FIDELITY_RTF_DAMAGED = 1u << 5,
	FIDELITY_CHARSET_GUESSED = 1u << 6,
	FIDELITY_ATTACHMENT_TRUNCATED = 1u << 7,
	FIDELITY_ATTACHMENT_MISSING = 1u << 8,
	FIDELITY_ATTACHMENT_REFERENCED = 1u << 9, /* only a path or link is in the store */
	FIDELITY_ATTACHMENT_OLE = 1u << 10,
	FIDELITY_HEADER_ONLY = 1u << 11, /* POP never fetched the body */
	FIDELITY_BODY_CUT = 1u << 12,	 /* part of a body is unreadable */
	FIDELITY_RECIPIENTS_DAMAGED = 1u << 13,
	FIDELITY_CALENDAR_SYNTHESISED = 1u << 14,
	FIDELITY_RIGHTS_MANAGED = 1u << 15, /* rpmsg: readable only with the rights server */
	FIDELITY_DEPTH = 1u << 16,	    /* embedded deeper than we follow */
	FIDELITY_NO_BODY = 1u << 17,
	FIDELITY_HEADER_REPAIRED = 1u << 18, /* of the transport headers: see fidelity.c */
};
#define FIDELITY_COUNT 19
const char *fidelity_name(uint32_t bit); /* "header-synthesised", ...: scripts depend on them */
const char *fidelity_text(uint32_t bit); /* the same for people */

#endif

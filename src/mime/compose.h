/*
 * Makes of an Outlook item the message that a mail client would have sent
 * (RFC 5322, 2045-2049, 2231, 6522, 5545): the transport headers kept octet for
 * octet where the store has them, everything missing from the properties. The same
 * item gives the same octets in every run and on every machine. Output is
 * canonical: CR LF, a final CR LF, no line over 998 octets, no NUL.
 */
#ifndef MAILHOIST_MIME_COMPOSE_H
#define MAILHOIST_MIME_COMPOSE_H

#include "mapi/item.h"
#include "mime/address_map.h"

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
};
#define FIDELITY_COUNT 18
const char *fidelity_name(uint32_t bit);

struct compose_sink {
	int (*write)(void *to, const void *bytes, size_t len, struct err *err);
	void *to;
};

struct compose_options {
	const struct address_map *addresses; /* may be NULL */
	bool ours; /* the folder is Sent, Drafts or Outbox: Bcc belongs into the header */
};

struct compose_result {
	uint32_t fidelity; /* enum fidelity */
};

/* Write the whole message. -1: the sink failed, or nothing could be made of it at all
 * (SCOPE_MESSAGE). What is merely missing sets a bit. `scratch` is for this call only. */
int compose_message(const struct mapi_item *item, const struct compose_options *options,
		    const struct compose_sink *sink, struct arena *scratch,
		    struct compose_result *out, struct err *err);

/* What an item is, by its message class (MS-OXOMSG, MS-OXCMSG): mail goes up, everything else is
 * counted by class. Unknown and empty classes are mail. */
enum item_kind {
	ITEM_MAIL,
	ITEM_CONTACT,
	ITEM_LIST,
	ITEM_APPOINTMENT,
	ITEM_TASK,
	ITEM_NOTE,
	ITEM_JOURNAL,
	ITEM_OTHER
};
enum item_kind item_kind(const char *message_class);

#endif

/*
 * Makes of an Outlook item the message that a mail client would have sent
 * (RFC 5322, 2045-2049, 2231, 6522, 5545): the transport headers kept octet for
 * octet where the store has them, everything missing from the properties. The same
 * item gives the same octets in every run and on every machine. Output is
 * canonical: CR LF, a final CR LF, no line over 998 octets, no NUL; but what is
 * signed keeps its lines as they are (smime.h).
 */
#ifndef MAILHOIST_MIME_COMPOSE_H
#define MAILHOIST_MIME_COMPOSE_H

#include "mapi/codepage.h"
#include "mapi/item.h"
#include "message/fidelity.h"
#include "mime/address_map.h"

struct compose_sink {
	int (*write)(void *to, const void *bytes, size_t len, struct err *err);
	void *to;
};

struct compose_options {
	const struct address_map *addresses; /* may be NULL */
	bool ours; /* the folder is Sent, Drafts or Outbox: Bcc belongs into the header */
	/* Open converters (codepages_load() before a process locks itself in); NULL: opened as
	 * needed. */
	struct codepages *codepages;
};

struct compose_result {
	uint32_t fidelity; /* enum fidelity */
};

/* Write the whole message. -1: the sink failed, or nothing could be made of it at all
 * (SCOPE_MESSAGE). What is merely missing sets a bit. `scratch` is for this call only: the
 * caller resets it; 1 MiB is enough. */
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

/*
 * Match keys: what makes a local message and a message on a server comparable
 * without reading their bodies. The same code hashes a local header and the
 * HEADER.FIELDS that a server sends. Values are unfolded, blanks collapsed,
 * octets above 127 and NUL taken as 'X' (Cyrus stores them so), before hashing.
 */
#ifndef MAILHOIST_MESSAGE_KEYS_H
#define MAILHOIST_MESSAGE_KEYS_H

#include "message/message.h"

#define MATCH_RULES_VERSION 1 /* kept with every hash; raise when a rule changes */

/* What the index of a server has to ask for. */
#define KEY_FIELDS "MESSAGE-ID DATE FROM TO CC SUBJECT"

struct keyer; /* a digest and buffers, for one header after the other */

struct keyer *keyer_new(struct err *err); /* NULL: out of memory */
void keyer_free(struct keyer *k);

#define RECEIVED_MAX 8 /* of the topmost Received fields that are told */

/* Values met on the way, raw, pointing into the block; ptr NULL where there is no such field. */
struct header_facts {
	struct slice message_id, date, from, subject, delivery_date; /* the first of each */
	struct slice received[RECEIVED_MAX];
	size_t n_received;
};

/* One pass over a header block (LF or CR LF). `essence` (of all fields but those that transport or
 * stores add: the table in keys.c, in their order) and `facts` may be NULL. 0, or -1 when out of
 * memory. */
int keyer_run(struct keyer *k, struct slice block, struct match_keys *keys,
	      uint8_t essence[KEY_LEN], struct header_facts *facts, struct err *err);

/* Does somebody on the way, or a store, add a field of that name? Not empty. */
bool key_field_of_transport(struct slice name);

/* The hash of To and Cc alone: who a message went to, where no Message-ID tells copies apart. */
int keyer_recipients(struct keyer *k, struct slice block, uint8_t out[KEY_LEN], struct err *err);

#endif

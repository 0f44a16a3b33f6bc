/*
 * What a POP3 server says, line by line (RFC 1939, 2449, 3206): pure functions on
 * lines without their line ends.
 */
#ifndef MAILHOIST_POP3_REPLY_H
#define MAILHOIST_POP3_REPLY_H

#include <stdint.h>

#include "base/slice.h"

enum pop3_status { POP3_OK, POP3_ERR, POP3_CONTINUE, POP3_NONSENSE };

struct pop3_reply {
	enum pop3_status status;
	struct slice code; /* "IN-USE" of "-ERR [IN-USE] ..."; or empty */
	struct slice text; /* the words behind it; of "+ ...", the challenge */
};
struct pop3_reply pop3_reply_read(struct slice line);

/* "3 UIDL" and "3 1234" of a listing. Numbers count from 1. */
bool pop3_uidl_read(struct slice line, uint32_t *number, struct slice *uidl);
bool pop3_size_read(struct slice line, uint32_t *number, uint64_t *size);

/* What a server can do (RFC 2449 6). */
struct pop3_caps {
	bool stls, user, uidl, top;
	uint32_t auth; /* SASL_BIT() of imap/sasl.h */
};
void pop3_caps_add(struct pop3_caps *caps, struct slice line);

/* A line of a multi-line answer: false when it is the "." at its end; otherwise the dot that was
 * put before another one is taken away. */
bool pop3_unstuff(struct slice *line);

#endif

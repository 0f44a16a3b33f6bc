/*
 * A POP3 client that only looks (RFC 1939, 2449 CAPA, 2595 STLS, 5034 SASL): which
 * UIDLs and sizes the server's messages have, and the header of one. It knows no
 * command that fetches a message (RETR marks it as read) or deletes one.
 *
 * The way in is that of IMAP: the same options, the same care for TLS and secrets.
 */
#ifndef MAILHOIST_POP3_POP3_H
#define MAILHOIST_POP3_POP3_H

#include "base/buf.h"
#include "imap/session.h"

struct pop3;

/* Connect, secure, log in. The port is 995 or 110 by default; SECURITY_STARTTLS is STLS. APOP is
 * never used: it wants the password in the clear on the server, and MD5. Errors as session_open();
 * ERR_UNAVAILABLE when another program has the mailbox open (RETRY_LATER), or when there is no
 * UIDL. */
int pop3_open(const struct session_options *options, struct pop3 **out, struct err *err);
void pop3_close(struct pop3 *p); /* QUIT, which deletes nothing; NULL does nothing */

struct pop3_row {
	uint32_t number;   /* from 1, in the server's order */
	struct slice uidl; /* pop3_uidls_start(): valid until the next call */
	uint64_t size;	   /* pop3_sizes_start() */
};
/* Then pop3_row_next() until 0: 1, 0, -1. A line that cannot be read is ERR_PROTOCOL. */
int pop3_uidls_start(struct pop3 *p, struct err *err);
int pop3_sizes_start(struct pop3 *p, struct err *err);
int pop3_row_next(struct pop3 *p, struct pop3_row *out, struct err *err);

/* The header of a message (TOP n 0), LF as line ends, cut at the buffer's limit: 1; 0: the server
 * does not give it; -1. */
int pop3_header(struct pop3 *p, uint32_t number, struct buf *out, struct err *err);

#endif

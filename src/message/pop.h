/*
 * What POP left on a message: the UIDL by which the server knew it, and the lines
 * that the program which fetched it put on top (getmail, mpop, fetchmail).
 */
#ifndef MAILHOIST_MESSAGE_POP_H
#define MAILHOIST_MESSAGE_POP_H

#include "base/slice.h"

#define UIDL_MAX 255 /* RFC 1939 allows 70 octets; servers with file names as UIDLs give more */

/* What a POP program did with a message of its server. */
enum pop_fate {
	POP_FETCHED,   /* all of it, and left it there */
	POP_DELETED,   /* the user has deleted it here; it was, or is still to be deleted there */
	POP_BEGINNING, /* only its header or first lines */
};

/* Can `text` be a UIDL: 1 to UIDL_MAX octets from 0x21 to 0x7E (RFC 1939 7)? */
bool uidl_ok(struct slice text);

/* Is this value of a Received field a fetcher's own, whatever protocol it fetched by? */
bool pop_is_fetchers(struct slice received);

struct pop_trace {
	bool fetched;	   /* a fetcher's Received line says: by POP3 */
	struct slice uidl; /* getmail6 writes it there; or empty. Points into the header. */
	/* Octets that the server's copy has not: the fetcher's lines down to its Received, without
	 * a Return-Path on top; and that of the Return-Path, which may be the fetcher's or not. */
	uint64_t lead_len, path_len;
};

/* Look at the first fields of a header block. */
void pop_trace_read(struct slice header, struct pop_trace *out);

#endif

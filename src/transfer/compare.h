/*
 * Are the server's bytes the local canonical bytes? Compares two streams in
 * constant memory and tells what a server is known to change (servers.md 2.2)
 * apart from everything else.
 */
#ifndef MAILHOIST_TRANSFER_COMPARE_H
#define MAILHOIST_TRANSFER_COMPARE_H

#include "base/buf.h"

enum compare_change {
	CHANGE_NUL = 1u << 0,	      /* NUL became 0x80: Dovecot */
	CHANGE_BARE_CR = 1u << 1,     /* a CR in mid-line was dropped: Courier */
	CHANGE_CR_CR_LF = 1u << 2,    /* CR CR LF lost a CR: Dovecot, Courier */
	CHANGE_FINAL_EOL = 1u << 3,   /* the last CR LF is missing, or there is one more */
	CHANGE_8BIT_HEADER = 1u << 4, /* 8-bit header octets became X: Cyrus */
};

struct compare {
	bool in_header; /* of the local message */
	bool differs;
	bool held_cr;	   /* a local CR that the server may have dropped */
	uint8_t previous;  /* last local octet that the server has too */
	uint8_t tail;	   /* octets of one side behind the end of the other */
	uint32_t line_len; /* of the local header line, capped */
	uint32_t changes;  /* CHANGE_* */
	uint64_t offset;   /* local octets compared */
};

/* `header`: the streams begin with the header; false: with the body. */
void compare_init(struct compare *c, bool header);

/* Consume what can be compared from the front of both slices; stops when one is empty or the
 * streams differ. Call again with more of what ran out. */
void compare_step(struct compare *c, struct slice *local, struct slice *remote);

/* The local stream has ended: what still comes from the server. */
void compare_local_end(struct compare *c);
void compare_remote_tail(struct compare *c, struct slice remote);
/* The server's stream has ended: what is left locally. */
void compare_local_tail(struct compare *c, struct slice local);
/* Both have ended: true if they are the same but for c->changes. */
bool compare_end(struct compare *c);

/* Names of the changes for people, comma-separated. */
void compare_add_changes(struct buf *out, uint32_t changes);

#endif

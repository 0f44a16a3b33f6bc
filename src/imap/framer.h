/*
 * Cuts the byte stream of a server into whole responses (RFC 3501 7: a line, and
 * lines joined by literals), which then lie contiguous in memory for the parsers.
 *
 * Everything a server claims is checked here once. A line has a limit, a literal
 * that nobody wants is dropped while it arrives, and the literal of a message body
 * can be streamed, so that nothing is held that grows with a message. Where a
 * literal was cut, its count in the text is rewritten ("{0001048576}"), so that a
 * response in memory is always consistent with itself.
 *
 * The text of OK, NO, BAD, BYE, PREAUTH and "+" never holds a literal, even when it
 * ends in something like "{5}".
 */
#ifndef MAILHOIST_IMAP_FRAMER_H
#define MAILHOIST_IMAP_FRAMER_H

#include "base/err.h"
#include "base/slice.h"

#define FRAME_LINE_MAX	   (1u << 20)  /* octets of a response outside of its literals */
#define FRAME_KEEP_MAX	   (1u << 20)  /* octets kept of one literal: a header block */
#define FRAME_KEEP_ALL_MAX (4u << 20)  /* octets kept of all literals of one response */
#define FRAME_DROP_MAX	   (64u << 20) /* a literal that we do not stream may not claim more */
#define FRAME_STREAM_MAX   UINT32_MAX  /* a message; RFC 3501 numbers end here */

enum frame_kind {
	FRAME_RESPONSE,	     /* `bytes`: a whole response without its line end */
	FRAME_LITERAL_BEGIN, /* `bytes`: the response up to and with "{n}"; `literal_len`: n */
	FRAME_LITERAL_BYTES, /* some octets of it */
	FRAME_LITERAL_END,   /* what follows is a FRAME_RESPONSE with `tail` set */
};

struct frame {
	enum frame_kind kind;
	struct slice bytes; /* in the framer, until its next call */
	uint64_t literal_len;
	bool tail;    /* the rest of a response whose beginning came as FRAME_LITERAL_BEGIN */
	bool cut;     /* some literal is not whole */
	bool has_nul; /* a NUL outside of literals: not to be parsed */
};

enum framer_state { FRAMER_BETWEEN, FRAMER_LINE, FRAMER_KEEP, FRAMER_DROP, FRAMER_STREAM };

struct framer {
	char *bytes;
	size_t cap;
	size_t start; /* of the response in the making */
	size_t scan;  /* looked at up to here */
	size_t line;  /* start of the present line */
	size_t end;   /* of what was read */
	enum framer_state state;
	bool stream_bodies; /* FETCH: literals of BODY[...] are streamed */
	bool literals;	    /* this response may have literals */
	bool fetch;	    /* it is "* n FETCH" */
	bool tail, cut, has_nul;
	size_t line_octets, kept_octets; /* of this response */
	uint64_t left;			 /* octets of the literal still to come */
};

void framer_init(struct framer *f);
void framer_release(struct framer *f);

/* Room for the next read: at least 16 KiB. NULL when out of memory. What framer_next() gave out
 * is no longer valid. */
char *framer_space(struct framer *f, size_t *len);
void framer_filled(struct framer *f, size_t len);

/* The next frame: 1; 0: more bytes are needed; -1: ERR_PROTOCOL, the stream cannot be used any
 * more. */
int framer_next(struct framer *f, struct frame *out, struct err *err);

/* Between two responses: what lies here and has not been given out, which is then gone. Valid until
 * the next framer_space(). */
struct slice framer_take(struct framer *f);

/* True when bytes lie here that framer_next() has not given out. */
bool framer_has_bytes(const struct framer *f);

#endif

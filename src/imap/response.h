/*
 * What kind of response a frame is (RFC 3501 7, 7.1), before anybody looks at its
 * data: continuation, tagged or untagged status with its response code, or data.
 * And the table of response codes that change what we do.
 */
#ifndef MAILHOIST_IMAP_RESPONSE_H
#define MAILHOIST_IMAP_RESPONSE_H

#include "imap/framer.h"
#include "imap/session.h"

enum response_kind {
	RESPONSE_CONTINUE, /* "+ text" */
	RESPONSE_TAGGED,   /* "tag OK [code] text" */
	RESPONSE_STATUS,   /* "* OK [code] text" */
	RESPONSE_DATA,	   /* "* [number] NAME rest" */
	RESPONSE_UNKNOWN,  /* none of these */
};

enum status { STATUS_OK, STATUS_NO, STATUS_BAD, STATUS_BYE, STATUS_PREAUTH };

struct response {
	enum response_kind kind;
	enum status status;
	struct slice tag;
	struct slice code, code_args; /* "[CODE args]"; code.len 0: none */
	struct slice text;	      /* behind the code */
	struct slice name;	      /* of data */
	bool has_number;	      /* "* 12 EXISTS" */
	uint32_t number;
	struct slice rest; /* of data, behind the name and its blank */
	struct slice whole;
	bool cut; /* a literal in it is not whole */
};

/* The slices point into the frame. */
void response_read(const struct frame *frame, struct response *out);

/* Data of that name. */
bool response_is(const struct response *r, const char *name);
/* Has that response code. */
bool response_has_code(const struct response *r, const char *code);

/* The octets as text for messages: code and words, one line. Returns buf's text. */
const char *response_words(const struct response *r, struct buf *scratch);

/* Capabilities of a CAPABILITY list (RFC 3501 7.2.1). */
struct capabilities {
	bool known;
	uint32_t bits;	       /* CAP_* */
	uint32_t auth;	       /* SASL_BIT() of the mechanisms */
	uint64_t append_limit; /* 0: none told */
	bool xlist;
};
void capabilities_read(struct slice list, struct capabilities *out);

/* Why a command was refused: by its code first, then by the words that servers use without one
 * (servers.md 3.2). */
enum refusal refusal_of(const struct response *r);
/* Says the server that it is in trouble just now? It would say so of any name or message. */
bool refusal_may_pass(const struct response *r);

/* The words say that there are too many connections: not the password's fault. */
bool says_too_many_connections(struct slice words);

#endif

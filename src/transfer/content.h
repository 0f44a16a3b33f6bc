/*
 * A message on disk against the octets that a server sends of it: compare.h, the
 * local side pulled from canon.h as it is needed.
 */
#ifndef MAILHOIST_TRANSFER_CONTENT_H
#define MAILHOIST_TRANSFER_CONTENT_H

#include "imap/session.h"
#include "message/canon.h"
#include "transfer/compare.h"
#include "transfer/source_set.h"

/* Octets that a server may give as the body of a message without one (Courier: a CR). */
#define CONTENT_EMPTY_MAX 2

struct content {
	struct canon *canon; /* the caller's */
	struct compare compare;
	struct slice local; /* not compared yet */
	uint64_t skip;	    /* local octets still to be left out */
	bool local_ended;
};

/* Begin with a message. `header`: with its first octet; false: with its body, the first `skip`
 * local octets are left out. */
void content_begin(struct content *c, struct canon *canon, const struct body *body,
		   const struct canon_rules *rules, bool header, uint64_t skip);
/* The next octets from the server. 0 (also when they differ), or -1: the local file. */
int content_feed(struct content *c, struct slice remote, struct err *err);
/* The server has sent all; `prefix`: it was asked for the beginning only. *same tells. */
int content_end(struct content *c, bool prefix, bool *same, struct err *err);

/* Where the local message is, and which of its octets the server was asked for. */
struct content_wanted {
	const char *kind, *source, *locator;
	bool header;	 /* all of them; false: the body alone */
	uint64_t skip;	 /* local octets before the body */
	bool prefix;	 /* only the beginning of it */
	uint32_t mended; /* enum mend: in this form; `skip` is not asked then */
};

/* The octets of a message as they come, from behind CHUNK_BEGIN to CHUNK_END, compared with the
 * local message. `w` NULL: nobody wants them. 1: compared, *same and c->compare tell; 0: the local
 * message cannot be read, *cause tells why (ERR_NONE when `w` is NULL); -1. */
int content_receive(struct content *c, struct session *session, struct source_set *sources,
		    struct canon *canon, struct arena *scratch, const struct content_wanted *w,
		    bool *same, struct err *cause, struct err *err);

/* Where the body begins, to a server that gives a header to what came without any: behind the line
 * that ends an empty header, or at once. */
uint64_t content_body_at(uint32_t repairs, uint64_t header_len);

#endif

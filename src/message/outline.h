/*
 * The outline of a message: when, from whom, about what, and what is attached. Two
 * messages of one outline and one Message-ID are the same message, although one
 * of them was taken apart and put together again by Outlook: boundaries, encodings
 * and the order of header fields differ then. Read as a stream (RFC 5322, 2045, 2046,
 * 2183, 2231); nothing is kept but sums.
 */
#ifndef MAILHOIST_MESSAGE_OUTLINE_H
#define MAILHOIST_MESSAGE_OUTLINE_H

#include "message/message.h"

struct outline {
	int64_t date;		     /* TIME_NONE: none */
	char sender[256];	     /* the first address of From, folded; "" none */
	uint8_t subject[SHA256_LEN]; /* of the decoded Subject, blanks collapsed */
	uint32_t n_attachments;
	uint64_t sizes; /* sum of hashes of the attachments' sizes, decoded, without CR */
	uint64_t named; /* the same of names (folded) and sizes */
	bool opaque;	/* something is in it that Outlook takes apart (winmail.dat), or deeper
			   nested than we look */
};

struct outliner;

struct outliner *outliner_new(void); /* NULL: out of memory */
void outliner_free(struct outliner *o);

/* Begin with another message. */
void outliner_start(struct outliner *o);
/* The next octets (canonical, or as a server sends them). */
void outliner_add(struct outliner *o, struct slice bytes);
void outliner_end(struct outliner *o, struct outline *out);

/* Equal sender, subject and date (to the second) and, unless `beginning` is set, equal attachments:
 * the same sizes, and the same names, too, if `names` is set. */
bool outline_same(const struct outline *a, const struct outline *b, bool names, bool beginning);

#endif

/*
 * Content-Transfer-Encoding (RFC 2045 6): what a body needs (census), and
 * encoding it. Both take the octets in pieces of any size and keep nothing of
 * them, so that a body may have any length.
 */
#ifndef MAILHOIST_MIME_ENCODE_H
#define MAILHOIST_MIME_ENCODE_H

#include "mime/outlet.h"

enum encoding { ENCODING_7BIT, ENCODING_QP, ENCODING_BASE64 };

/* "7bit", "quoted-printable", "base64" */
const char *encoding_name(enum encoding e);

/* What octets a body has. Start with CENSUS_INIT. */
struct census {
	uint64_t total, high; /* octets; those above 127 */
	uint64_t awkward;     /* controls, and line ends other than CR LF: not for 7bit */
	size_t longest;	      /* line, without its end */
	bool utf8;	      /* valid so far */
	size_t line;	      /* length of the line so far */
	bool after_cr;
	bool ours;			 /* a line starts like a boundary of ours */
	uint8_t expect, low, high_limit; /* UTF-8: octets still to come, and the next one's range */
};
#define CENSUS_INIT                                                                                \
	{                                                                                          \
		.utf8 = true, .low = 0x80, .high_limit = 0xbf                                      \
	}
void census_add(struct census *c, struct slice s);
/* Valid UTF-8, and no character cut at the end. */
bool census_utf8(const struct census *c);
/* 7bit if nothing speaks against it, else the shorter of the two others. */
enum encoding census_encoding(const struct census *c);

/* What our boundaries begin with. Neither quoted-printable nor base64 can contain it. */
#define BOUNDARY_START "=_mh."

struct encoder {
	struct outlet *out;
	enum encoding kind;
	size_t column;
	uint8_t carry[57]; /* base64: octets of the line to come; quoted-printable: held back */
	size_t n_carry;
	bool line_due; /* base64: a line end is due before more */
};
void encoder_init(struct encoder *e, enum encoding kind, struct outlet *out);
void encoder_add(struct encoder *e, struct slice s);
/* The rest. Writes no line end that the content does not have. */
void encoder_end(struct encoder *e);

/* `bytes` in base64, in one piece. */
void base64_add(struct buf *b, struct slice bytes);

#endif

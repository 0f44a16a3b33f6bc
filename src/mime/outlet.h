/*
 * Where composed octets go: a buffer in front of a compose_sink. A sink that
 * failed is remembered; what is written afterwards goes nowhere, and the error is
 * asked for once, at the end.
 */
#ifndef MAILHOIST_MIME_OUTLET_H
#define MAILHOIST_MIME_OUTLET_H

#include "mime/compose.h"

#define OUTLET_BUFFER 16384

struct outlet {
	const struct compose_sink *sink;
	bool failed;
	struct err err; /* where failed */
	char last;	/* octet written, for line ends */
	size_t len;
	char bytes[OUTLET_BUFFER];
};

void outlet_init(struct outlet *w, const struct compose_sink *sink);

void outlet_add(struct outlet *w, const void *bytes, size_t len);
void outlet_adds(struct outlet *w, const char *text);
void outlet_add_slice(struct outlet *w, struct slice s);
void outlet_add_buf(struct outlet *w, struct buf *b); /* and empties `b` */
/* For short texts: what is longer than 1000 octets is cut. */
void outlet_addf(struct outlet *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Room for `len` octets (at most 4096) to be filled in by hand; outlet_took() says how many. */
char *outlet_room(struct outlet *w, size_t len);
void outlet_took(struct outlet *w, size_t len);

/* CR LF, unless a line has just ended. */
void outlet_end_line(struct outlet *w);

/* Hand everything to the sink. 0, or -1 with the first error of the sink. */
int outlet_flush(struct outlet *w, struct err *err);

#endif

/*
 * How fast the server has taken mail of late, all connections together: what was on its
 * way when the line was lost cannot take much longer to arrive (recover.c). Pure
 * functions: times are given.
 */
#ifndef MAILHOIST_TRANSFER_RATE_H
#define MAILHOIST_TRANSFER_RATE_H

#include <stddef.h>
#include <stdint.h>

#define RATE_SPANS 8
/* Octets a second where nothing has been measured: a slow line, so that one that is slower still
 * has to be lost before its first answer to be misjudged. */
#define RATE_UNKNOWN UINT64_C(250000)

struct rate {
	int64_t since_ms; /* the span at work; 0: none yet */
	uint64_t octets;
	int64_t took_ms;	    /* from its beginning to the last answer */
	uint64_t spans[RATE_SPANS]; /* octets a second of the last ones */
	size_t n;
};

/* Sending begins, after a while in which nothing was sent. */
void rate_begin(struct rate *r, int64_t now_ms);

/* The server has stored so many octets. */
void rate_stored(struct rate *r, int64_t now_ms, uint64_t octets);

/* The best of the last spans, for a span in which something else was waited for tells little; 0:
 * too little has been stored to tell. */
uint64_t rate_best(const struct rate *r);

/* How long so many octets may still take to arrive, from `least` to `most`. `rate` 0: not known. */
uint32_t rate_arrival_ms(uint64_t octets, uint64_t rate, uint32_t least, uint32_t most);

#endif

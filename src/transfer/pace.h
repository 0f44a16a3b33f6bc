/*
 * How much may be on its way, from what the answers tell: twice bandwidth times delay,
 * so that neither line nor server ever waits for us, and a slow line is not filled for
 * minutes ahead. Commands are a quarter of that. Pure functions: times are given.
 */
#ifndef MAILHOIST_TRANSFER_PACE_H
#define MAILHOIST_TRANSFER_PACE_H

#include "transfer/batch.h"

#define PACE_WINDOW_MIN	  (UINT64_C(512) << 10)
#define PACE_WINDOW_MAX	  (UINT64_C(64) << 20)
#define PACE_OCTETS_MIN	  (UINT64_C(128) << 10)
#define PACE_ROUNDS	  8
#define PACE_ROUNDS_FIRST 3 /* before the window is touched */

struct pace {
	uint64_t window, window_max; /* now, and the provider's or PACE_WINDOW_MAX */
	uint64_t octets, octets_max; /* of one command */
	int64_t rtt_ms;		     /* shortest seen; 0: none */
	/* octets a second of the last rounds: the best of them counts, for a round in which
	 * something else was waited for tells little */
	uint64_t rates[PACE_ROUNDS];
	size_t round;
	int64_t round_ms; /* when it began; 0: not yet */
	uint64_t round_octets;
};

/* Begin where the shape of the server says, or with the window that another folder of the account
 * has come to (`known`; 0: none yet); window_max 0: the provider is not known to have one. */
void pace_begin(struct pace *p, const struct shape *s, uint64_t window_max, uint64_t known);

/* A round trip while nothing else was on its way. */
void pace_round_trip(struct pace *p, int64_t ms);

/* Octets leave while nothing was on its way: the time before says nothing about the line. */
void pace_resumed(struct pace *p, int64_t now_ms);

/* The server has stored so many octets. */
void pace_stored(struct pace *p, int64_t now_ms, uint64_t octets);

#endif

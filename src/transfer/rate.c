/*
 * The rate is that of answers, not of octets that the socket took: a relay (a proxy, a
 * tunnel) takes mail faster than the line behind it carries it, and delivers what it
 * has after our end of the line is gone.
 */
#include "transfer/rate.h"

#define SPAN_MS	    1000 /* answers come in lumps */
#define SPAN_MIN_MS 100	 /* of the first one, which has only begun */
#define MARGIN	    2	 /* the line may have become slower, which is why it was lost */

void rate_begin(struct rate *r, int64_t now_ms)
{
	r->since_ms = now_ms;
	r->octets = 0;
	r->took_ms = 0;
}

void rate_stored(struct rate *r, int64_t now_ms, uint64_t octets)
{
	int64_t took = now_ms - r->since_ms;

	r->octets += octets;
	r->took_ms = took;
	if (r->since_ms == 0 || took < SPAN_MS)
		return;
	r->spans[r->n++ % RATE_SPANS] = r->octets * 1000 / (uint64_t)took;
	rate_begin(r, now_ms);
}

uint64_t rate_best(const struct rate *r)
{
	uint64_t best = 0, begun;

	for (size_t i = 0; i < RATE_SPANS; i++)
		if (r->spans[i] > best)
			best = r->spans[i];
	begun = r->octets * 1000 / (uint64_t)(r->took_ms > SPAN_MIN_MS ? r->took_ms : SPAN_MIN_MS);
	return best > 0 || begun <= RATE_UNKNOWN ? best : begun;
}

uint32_t rate_arrival_ms(uint64_t octets, uint64_t rate, uint32_t least, uint32_t most)
{
	uint64_t ms;

	if (rate == 0)
		rate = RATE_UNKNOWN;
	ms = octets > UINT64_MAX / (MARGIN * 1000) ? most : MARGIN * 1000 * octets / rate;
	if (ms < least)
		ms = least;
	return ms < most ? (uint32_t)ms : most;
}

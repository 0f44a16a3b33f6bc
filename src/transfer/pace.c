/*
 * The rate is what was acknowledged in a round, the best of the last rounds (as in
 * BBR). It cannot exceed window / delay; so a window that is too small doubles until
 * the line or the server is the limit.
 */
#include "transfer/pace.h"

#define ROUND_MIN_MS 100 /* answers to MULTIAPPEND come in lumps */
/* A busy server stores for that long before it answers a MULTIAPPEND. Where it takes longer than is
 * reckoned with here, the window holds the rate down, and the rate then the window: down to the
 * least, and to commands of a few messages, which cost the server most. */
#define DELAY_MIN_MS 1000

static uint64_t clamp(uint64_t n, uint64_t least, uint64_t most)
{
	if (n < least)
		n = least;
	return n < most ? n : most;
}

static void take_window(struct pace *p, uint64_t window)
{
	p->window = clamp(window, PACE_WINDOW_MIN, p->window_max);
	p->octets = clamp(p->window / 4, PACE_OCTETS_MIN, p->octets_max);
}

void pace_begin(struct pace *p, const struct shape *s, uint64_t window_max, uint64_t known)
{
	*p = (struct pace){
		.window = s->window,
		.window_max = PACE_WINDOW_MAX,
		.octets = s->octets,
		.octets_max = s->octets,
	};
	if (window_max > 0 && window_max < PACE_WINDOW_MAX)
		p->window_max = window_max;
	if (known > 0)
		take_window(p, known);
}

void pace_round_trip(struct pace *p, int64_t ms)
{
	if (ms < 1)
		ms = 1;
	if (p->rtt_ms == 0 || ms < p->rtt_ms)
		p->rtt_ms = ms;
}

void pace_resumed(struct pace *p, int64_t now_ms)
{
	p->round_ms = now_ms;
	p->round_octets = 0;
}

static uint64_t best_rate(const struct pace *p)
{
	uint64_t best = 0;

	for (size_t i = 0; i < PACE_ROUNDS; i++)
		if (p->rates[i] > best)
			best = p->rates[i];
	return best;
}

static void set_window(struct pace *p)
{
	uint64_t delay = p->rtt_ms > DELAY_MIN_MS / 2 ? 2 * (uint64_t)p->rtt_ms : DELAY_MIN_MS;
	uint64_t want = best_rate(p) * delay / 1000;

	if (want > 2 * p->window)
		want = 2 * p->window;
	take_window(p, want);
}

void pace_stored(struct pace *p, int64_t now_ms, uint64_t octets)
{
	int64_t took = now_ms - p->round_ms;

	p->round_octets += octets;
	if (p->round_ms == 0 || took < ROUND_MIN_MS || took < p->rtt_ms)
		return;
	p->rates[p->round++ % PACE_ROUNDS] = p->round_octets * 1000 / (uint64_t)took;
	pace_resumed(p, now_ms);
	if (p->round >= PACE_ROUNDS_FIRST)
		set_window(p);
}

/*
 * pace.h: how much may be on its way, on lines of several lengths and widths.
 */
#include <criterion/criterion.h>

#include "transfer/pace.h"

#define MIB (UINT64_C(1) << 20)

/* A line that carries `rate` octets a second with a round trip of `rtt_ms`, and whose server
 * answers as soon as it has a command: what a sender with this window gets through. */
static void play(struct pace *p, uint64_t rate, int64_t rtt_ms, int64_t seconds)
{
	int64_t now = 1000;

	pace_round_trip(p, rtt_ms);
	pace_resumed(p, now);
	for (int64_t end = now + seconds * 1000; now < end; now += 20) {
		uint64_t by_window = p->window * 1000 / (uint64_t)rtt_ms;

		pace_stored(p, now + 20, (by_window < rate ? by_window : rate) / 50);
	}
}

static const struct {
	const char *name;
	uint64_t rate;
	int64_t rtt_ms;
	uint64_t window_max, least, most;
} lines[] = {
	{ "a fast line of 80 ms", 20 * MIB, 80, 0, 19 * MIB, 21 * MIB },
	{ "a long one: twice the delay", 20 * MIB, 800, 0, 31 * MIB, 33 * MIB },
	{ "longer and wider than we go", 400 * MIB, 400, 0, 64 * MIB, 64 * MIB },
	{ "the provider's window", 100 * MIB, 80, 4 * MIB, 4 * MIB, 4 * MIB },
	{ "an ordinary line", 4 * MIB, 40, 0, 4000000, 4400000 },
	{ "a slow line", 100000, 60, 0, PACE_WINDOW_MIN, PACE_WINDOW_MIN },
	{ "this machine", 200 * MIB, 1, 0, 64 * MIB, 64 * MIB },
};

static struct pace begun(uint64_t window_max)
{
	struct shape s = { .window = 8 * MIB, .octets = 8 * MIB };
	struct pace p;

	pace_begin(&p, &s, window_max, 0);
	if (window_max > 0 && p.window > window_max)
		p.window = window_max; /* as shape_of() does */
	return p;
}

Test(transfer, pace_window)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct pace p = begun(lines[i].window_max);

		play(&p, lines[i].rate, lines[i].rtt_ms, 10);
		cr_expect(p.window >= lines[i].least && p.window <= lines[i].most, "%s: %lu",
			  lines[i].name, (unsigned long)p.window);
		cr_expect(p.octets <= 8 * MIB && p.octets >= PACE_OCTETS_MIN &&
				  p.octets <= p.window,
			  "%s: commands of %lu", lines[i].name, (unsigned long)p.octets);
	}
}

/* A server that takes its time with every command (others use it, too) is no narrow line. */
Test(transfer, pace_busy_server)
{
	struct pace p = begun(0);
	int64_t now = 1000;

	pace_round_trip(&p, 80);
	pace_resumed(&p, now);
	for (int i = 0; i < 50; i++) {
		uint64_t window = p.window;

		now += 600; /* until all that is on its way has been answered */
		pace_stored(&p, now, window);
	}
	cr_expect_geq(p.window, 8 * MIB, "%lu", (unsigned long)p.window);
}

/* Nothing is concluded from the first answers, nor from a time in which nothing was sent. */
Test(transfer, pace_patience)
{
	struct pace p = begun(0);

	pace_round_trip(&p, 20);
	pace_resumed(&p, 1000);
	pace_stored(&p, 1100, 1000);
	pace_stored(&p, 1200, 1000);
	cr_expect_eq(p.window, 8 * MIB);
	play(&p, 100 * MIB, 20, 5);
	uint64_t window = p.window;

	pace_resumed(&p, 100000);
	pace_stored(&p, 100100, 10 * MIB);
	cr_expect_eq(p.window, window);
}

/* It follows a line that has become slower, but not for one bad round. */
Test(transfer, pace_follows)
{
	struct pace p = begun(0);

	play(&p, 100 * MIB, 80, 5);
	uint64_t window = p.window;

	pace_resumed(&p, 50000);
	pace_stored(&p, 50200, 1000);
	cr_expect_eq(p.window, window);
	play(&p, 10 * MIB, 80, 5);
	cr_expect_lt(p.window, window / 5);
}

static const struct {
	const char *name;
	uint64_t known, window_max, window, octets;
} beginnings[] = {
	{ "the first folder", 0, 0, 8 * MIB, 8 * MIB },
	{ "behind one on a wide line", 40 * MIB, 0, 40 * MIB, 8 * MIB },
	{ "behind one on a narrow line", MIB, 0, MIB, MIB / 4 },
	{ "a provider with a window", 40 * MIB, 4 * MIB, 4 * MIB, MIB },
};

Test(transfer, pace_goes_on_where_another_folder_was)
{
	struct shape s = { .window = 8 * MIB, .octets = 8 * MIB };

	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
		struct pace p;

		pace_begin(&p, &s, beginnings[i].window_max, beginnings[i].known);
		cr_expect_eq(p.window, beginnings[i].window, "%s: window %lu", beginnings[i].name,
			     (unsigned long)p.window);
		cr_expect_eq(p.octets, beginnings[i].octets, "%s: octets %lu", beginnings[i].name,
			     (unsigned long)p.octets);
	}
}

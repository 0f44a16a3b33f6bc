/*
 * rate.h: how fast mail is taken, and how long the rest may take to arrive.
 */
#include <criterion/criterion.h>

#include "transfer/rate.h"

Test(transfer_rate, measured_by_answers)
{
	static const struct {
		const char *name;
		uint64_t octets; /* of each answer */
		int64_t every_ms;
		int answers;
		uint64_t want;
	} rows[] = {
		{ "nothing yet", 0, 100, 0, 0 },
		{ "less than a span", 1000, 100, 5, 0 },
		{ "much in less than a span", 100000, 100, 5, 1000000 },
		{ "much at once", 1000000, 1, 1, 10000000 },
		{ "a slow line", 10000, 100, 200, 100000 },
		{ "one large message in ten seconds", 1000000, 10000, 1, 100000 },
		{ "a fast line", 8000000, 100, 50, 80000000 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rate r = { 0 };
		int64_t now = 5000;

		rate_begin(&r, now);
		for (int n = 0; n < rows[i].answers; n++)
			rate_stored(&r, now += rows[i].every_ms, rows[i].octets);
		cr_expect(rate_best(&r) == rows[i].want, "%s: %llu", rows[i].name,
			  (unsigned long long)rate_best(&r));
	}
}

Test(transfer_rate, a_pause_tells_nothing)
{
	struct rate r = { 0 };
	int64_t now = 1;

	rate_begin(&r, now);
	for (int n = 0; n < 20; n++)
		rate_stored(&r, now += 100, 10000);
	now += 3600000;
	rate_begin(&r, now);
	rate_stored(&r, now += 1000, 100000);
	cr_expect(rate_best(&r) == 100000);
	for (int n = 0; n < 10; n++) /* but what has become slow is slow */
		rate_stored(&r, now += 1000, 10000);
	cr_expect(rate_best(&r) == 10000);
}

Test(transfer_rate, arrival)
{
	static const struct {
		const char *name;
		uint64_t octets, rate;
		uint32_t want;
	} rows[] = {
		{ "nothing in doubt", 0, 0, 5000 },
		{ "little on a fast line", 8000000, 80000000, 5000 },
		{ "20 MB on a slow line", 20000000, 500000, 80000 },
		{ "not measured", 1000000, 0, 8000 },
		{ "no longer than that", 2000000000, 1000, 180000 },
		{ "as much as there can be", UINT64_MAX, 1, 180000 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t ms = rate_arrival_ms(rows[i].octets, rows[i].rate, 5000, 180000);

		cr_expect(ms == rows[i].want, "%s: %u", rows[i].name, ms);
	}
}

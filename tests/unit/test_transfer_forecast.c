/*
 * What fits, and how long limits make an upload last.
 */
#include <criterion/criterion.h>

#include "transfer/forecast.h"

Test(forecast, room)
{
	static const struct {
		struct quota quota;
		uint64_t messages, octets, octets_lacking, messages_lacking;
	} rows[] = {
		{ { 0 }, 100, 1000000, 0, 0 },
		{ { .has_octets = true, .octets_used = 10, .octets_limit = 100 }, 1, 90, 0, 0 },
		{ { .has_octets = true, .octets_used = 10, .octets_limit = 100 }, 1, 91, 1, 0 },
		{ { .has_octets = true, .octets_used = 200, .octets_limit = 100 }, 1, 5, 5, 0 },
		{ { .has_octets = true, .octets_used = 200, .octets_limit = 100 }, 0, 0, 0, 0 },
		{ { .has_messages = true, .messages_used = 5, .messages_limit = 7 }, 3, 9, 0, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct forecast f = { .messages = rows[i].messages, .octets = rows[i].octets };

		forecast_fit(&f, &rows[i].quota);
		cr_expect_eq(f.octets_lacking, rows[i].octets_lacking, "row %zu", i);
		cr_expect_eq(f.messages_lacking, rows[i].messages_lacking, "row %zu", i);
		cr_expect_eq(f.fits, !rows[i].octets_lacking && !rows[i].messages_lacking);
	}
}

Test(forecast, time)
{
	static const struct {
		struct gate_limits limits;
		uint64_t messages, to_send, today, seconds;
		enum gate_reason by;
	} rows[] = {
		{ { 0 }, 100, 1000000, 0, 0, GATE_RATE },
		{ { .octets_per_second = 1000 }, 100, 1000000, 0, 1000, GATE_RATE },
		{ { .messages_per_minute = 60 }, 100, 1000000, 0, 100, GATE_RATE },
		{ { .messages_per_minute = 60 }, 0, 0, 0, 0, GATE_RATE }, /* what is filed is not
									     sent */
		{ { .octets_per_day = 1000 }, 1, 1000, 0, 0, GATE_RATE },
		{ { .octets_per_day = 1000 }, 1, 1001, 0, 86400, GATE_DAY },
		{ { .octets_per_day = 1000 }, 1, 600, 600, 86400, GATE_DAY },
		{ { .octets_per_day = 1000 }, 1, 20000, 0, 19 * 86400, GATE_DAY },
		{ { .octets_per_day = 1000, .messages_per_minute = 1 },
		  9999,
		  1001,
		  0,
		  599940,
		  GATE_RATE },
		/* eight hours a night: ten hours of work are a day and two hours */
		{ { .octets_per_second = 1, .has_hours = true, .from = 1320, .to = 360 },
		  1,
		  36000,
		  0,
		  86400 + 7200,
		  GATE_RATE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct forecast f = { .uploads = rows[i].messages, .to_send = rows[i].to_send };

		forecast_time(&f, &rows[i].limits, rows[i].today);
		cr_expect_eq(f.seconds, rows[i].seconds, "row %zu: %llu", i,
			     (unsigned long long)f.seconds);
		cr_expect_eq(f.by, rows[i].by, "row %zu", i);
	}
}

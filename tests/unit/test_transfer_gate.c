/*
 * The limits of an upload: how they are read, and when they let something through.
 */
#include <criterion/criterion.h>

#include "test_journal_support.h"
#include "transfer/gate.h"

Test(gate, rates)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t octets;
		uint32_t messages;
	} rows[] = {
		{ "500k", true, 500000, 0 },
		{ "2M", true, 2000000, 0 },
		{ "1G", true, 1000000000, 0 },
		{ "1234", true, 1234, 0 },
		{ "4msg", true, 0, 240 },
		{ "0", false, 0, 0 },
		{ "0msg", false, 0, 0 },
		{ "", false, 0, 0 },
		{ "k", false, 0, 0 },
		{ "-1", false, 0, 0 },
		{ "5kk", false, 0, 0 },
		{ "5 k", false, 0, 0 },
		{ "5m", false, 0, 0 },
		{ "99999999999999999999", false, 0, 0 },
		{ "18446744073709551615G", false, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t octets = 0;
		uint32_t messages = 0;
		bool good = gate_read_rate(rows[i].text, &octets, &messages);

		cr_expect_eq(good, rows[i].good, "'%s'", rows[i].text);
		if (!good)
			continue;
		cr_expect_eq(octets, rows[i].octets, "'%s'", rows[i].text);
		cr_expect_eq(messages, rows[i].messages, "'%s'", rows[i].text);
	}
}

Test(gate, hours)
{
	static const struct {
		const char *text;
		bool good;
		unsigned from, to;
	} rows[] = {
		{ "22:00-06:00", true, 1320, 360 }, { "8:30-17:05", true, 510, 1025 },
		{ "00:00-24:00", false, 0, 0 },	    { "20:00-24:00", true, 1200, 0 },
		{ "22:00", false, 0, 0 },	    { "22-06", false, 0, 0 },
		{ "22:0-06:00", false, 0, 0 },	    { "25:00-06:00", false, 0, 0 },
		{ "22:60-06:00", false, 0, 0 },	    { "06:00-06:00", false, 0, 0 },
		{ "22:00-06:00 ", false, 0, 0 },    { "022:00-06:00", false, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t from = 0, to = 0;
		bool good = gate_read_hours(rows[i].text, &from, &to);

		cr_expect_eq(good, rows[i].good, "'%s'", rows[i].text);
		if (good)
			cr_expect(from == rows[i].from && to == rows[i].to, "'%s'", rows[i].text);
	}
}

Test(gate, waits_for_its_hours)
{
	static const struct {
		uint16_t from, to, minute;
		int64_t wait_minutes;
	} rows[] = {
		{ 1320, 360, 1320, 0 }, { 1320, 360, 1439, 0 },	  { 1320, 360, 0, 0 },
		{ 1320, 360, 359, 0 },	{ 1320, 360, 360, 960 },  { 1320, 360, 1319, 1 },
		{ 480, 1020, 479, 1 },	{ 480, 1020, 1020, 900 }, { 480, 1020, 700, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gate g = {
			.limits = { .has_hours = true, .from = rows[i].from, .to = rows[i].to }
		};
		struct gate_time now = { 1000, 1000000, rows[i].minute };
		enum gate_reason reason;
		int64_t ms = gate_wait_ms(&g, NULL, &now, 1, &reason, &err);

		cr_expect_eq(ms, rows[i].wait_minutes * 60000, "row %zu: %lld", i, (long long)ms);
		cr_expect_eq(reason, ms > 0 ? GATE_HOURS : GATE_OPEN, "row %zu", i);
	}
}

Test(gate, octets_flow_at_their_rate)
{
	struct gate g = { .limits = { .octets_per_second = 1000 } };
	struct gate_time now = { 1000, 1000000, 0 };
	uint64_t sent = 0;

	for (int i = 0; i < 200; i++, now.monotonic_ms += 50) {
		size_t room = gate_room(&g, &now, 400);

		cr_expect_leq(room, 400);
		gate_sent_octets(&g, room);
		sent += room;
	}
	/* ten seconds, and the two that the bucket held */
	cr_expect(sent >= 11500 && sent <= 12000, "%llu octets", (unsigned long long)sent);
}

Test(gate, messages_pay_afterwards)
{
	struct gate g = { .limits = { .messages_per_minute = 240 } };
	struct gate_time now = { 1000, 1000000, 0 };
	enum gate_reason reason;

	cr_expect_eq(gate_wait_ms(&g, NULL, &now, 1, &reason, &err), 0);
	gate_sent_messages(&g, 100); /* of which the bucket held eight */
	int64_t ms = gate_wait_ms(&g, NULL, &now, 1, &reason, &err);

	cr_expect(ms >= 22900 && ms <= 23100, "%lld ms", (long long)ms);
	cr_expect_eq(reason, GATE_RATE);
	now.monotonic_ms += ms;
	cr_expect_eq(gate_wait_ms(&g, NULL, &now, 1, &reason, &err), 0);
}

Test(gate, the_day_outlives_the_process)
{
	struct bench b;
	struct gate g = { .limits = { .octets_per_day = 1000 } };
	struct gate next = g;
	struct gate_time now = { 1000, 1800000000, 0 };
	enum gate_reason reason;

	bench_init(&b);
	cr_expect_eq(gate_wait_ms(&g, b.j, &now, 5000, &reason, &err), 0, "larger than the share");
	gate_sent_octets(&g, 900);
	cr_expect_eq(gate_wait_ms(&g, b.j, &now, 50, &reason, &err), 0);
	cr_expect_gt(gate_wait_ms(&g, b.j, &now, 200, &reason, &err), 0);
	cr_expect_eq(reason, GATE_DAY);
	cr_expect_eq(gate_write(&g, b.j, now.utc, &err), 0);
	cr_expect_gt(gate_wait_ms(&next, b.j, &now, 200, &reason, &err), 0, "another process");
	now.utc += 26 * 3600;
	cr_expect_eq(gate_wait_ms(&next, b.j, &now, 200, &reason, &err), 0, "the next day");
	bench_release(&b);
}

/* Hours of a day ago make room one after the other: until then is waited, and no shorter. */
Test(gate, the_pause_of_a_full_day_ends_with_its_first_hours)
{
	static const struct {
		const char *name;
		uint64_t octets;
		int64_t hours; /* until there is room, from the start of the hour that it is */
	} rows[] = {
		{ "the first hour is enough", 300, 25 - 5 },
		{ "both are needed", 500, 25 - 2 },
		{ "larger than the whole share", 5000, 25 - 0 },
	};
	const int64_t utc = 1800000000, hour = 3600;
	struct bench b;

	bench_init(&b);
	cr_assert_eq(journal_traffic_add(b.j, utc - 5 * hour, 300, &err), 0);
	cr_assert_eq(journal_traffic_add(b.j, utc - 2 * hour, 600, &err), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gate g = { .limits = { .octets_per_day = 1000 } };
		struct gate_time now = { 1000, utc + 60, 0 };
		enum gate_reason reason;
		int64_t ms;

		if (i == 2)
			gate_sent_octets(&g, 50); /* not in the journal yet */
		ms = gate_wait_ms(&g, b.j, &now, rows[i].octets, &reason, &err);
		cr_expect_eq(reason, GATE_DAY, "%s", rows[i].name);
		cr_expect_eq(now.utc + ms / 1000, utc / hour * hour + rows[i].hours * hour,
			     "%s: %lld ms", rows[i].name, (long long)ms);
		now.utc += ms / 1000;
		cr_expect_eq(gate_wait_ms(&g, b.j, &now, rows[i].octets, &reason, &err), 0, "%s",
			     rows[i].name);
	}
	bench_release(&b);
}

/*
 * The buckets hold two seconds' worth of octets and of messages at most, so that a
 * quiet time is not made up for by a burst.
 */
#include "transfer/gate.h"

#include <string.h>
#include <time.h>

#define BUCKET_SECONDS 2.0
#define LOOK_UP_AFTER  60 /* seconds for which the sum of the day is believed */

struct gate_time gate_now(void)
{
	time_t now = time(NULL);
	struct tm local = { 0 };

	localtime_r(&now, &local);
	return (struct gate_time){ time_monotonic_ms(), now,
				   (uint16_t)(local.tm_hour * 60 + local.tm_min) };
}

/* ---- reading options ---- */

static const char *number(const char *text, uint64_t *out)
{
	uint64_t n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (n > (UINT64_MAX - 9) / 10)
			return NULL;
		n = n * 10 + (uint64_t)(*p - '0');
	}
	*out = n;
	return p > text ? p : NULL;
}

bool gate_read_size(const char *text, uint64_t *octets)
{
	static const struct {
		char letter;
		uint64_t times;
	} units[] = { { 'k', 1000 }, { 'M', 1000000 }, { 'G', 1000000000 }, { '\0', 1 } };
	uint64_t n;
	const char *rest = number(text, &n);

	for (size_t i = 0; rest && i < sizeof(units) / sizeof(units[0]); i++) {
		if (rest[0] != units[i].letter || (rest[0] && rest[1]))
			continue;
		*octets = n * units[i].times;
		return n > 0 && n <= INT64_MAX / units[i].times;
	}
	return false;
}

bool gate_read_rate(const char *text, uint64_t *octets, uint32_t *messages)
{
	uint64_t n;
	const char *rest = number(text, &n);

	if (!rest || strcmp(rest, "msg") != 0)
		return gate_read_size(text, octets);
	if (n == 0 || n > 100000)
		return false;
	*messages = (uint32_t)n * 60;
	return true;
}

static const char *read_time(const char *text, uint16_t *minute)
{
	uint64_t hours, minutes;
	const char *p = number(text, &hours);

	if (!p || *p != ':' || p - text > 2 || hours > 24)
		return NULL;
	const char *end = number(p + 1, &minutes);

	if (!end || end - p != 3 || minutes > 59 || hours * 60 + minutes > DAY_MINUTES)
		return NULL;
	*minute = (uint16_t)((hours * 60 + minutes) % DAY_MINUTES);
	return end;
}

bool gate_read_hours(const char *text, uint16_t *from, uint16_t *to)
{
	const char *p = read_time(text, from);

	if (!p || *p != '-')
		return false;
	p = read_time(p + 1, to);
	return p && *p == '\0' && *from != *to;
}

/* ---- hours ---- */

/* Minutes until the hours begin; 0: we are within them. */
static unsigned minutes_until(const struct gate_limits *l, unsigned minute)
{
	bool over_midnight = l->from > l->to;
	bool within = over_midnight ? minute >= l->from || minute < l->to
				    : minute >= l->from && minute < l->to;

	return within ? 0 : (l->from + DAY_MINUTES - minute) % DAY_MINUTES;
}

/* ---- the day's share ---- */

static int look_up(struct gate *g, struct journal *j, int64_t utc, struct err *err)
{
	if (g->day_utc != 0 && utc - g->day_utc < LOOK_UP_AFTER && utc >= g->day_utc)
		return 0;
	if (journal_traffic_day(j, utc, &g->day_octets, err) < 0)
		return -1;
	g->day_octets += g->unwritten;
	g->day_utc = utc;
	return 0;
}

/* Until the oldest hours of the day are a day old and there is room: milliseconds, or -1. What is
 * larger than the whole share goes when nothing else went. */
static int64_t ms_until_room(struct gate *g, struct journal *j, int64_t utc, uint64_t octets,
			     struct err *err)
{
	uint64_t share = g->limits.octets_per_day;
	int64_t when;

	if (look_up(g, j, utc, err) < 0)
		return -1;
	if (g->day_octets == 0 || g->day_octets + octets <= share)
		return 0;
	if (gate_write(g, j, utc, err) < 0 ||
	    journal_traffic_falls(j, utc, octets < share ? share - octets : 0, &when, err) < 0)
		return -1;
	g->day_utc = 0;
	return when > utc ? (when - utc) * 1000 : 1000;
}

/* ---- the buckets ---- */

static void fill_up(double *bucket, double rate, double seconds)
{
	*bucket += rate * seconds;
	if (*bucket > rate * BUCKET_SECONDS)
		*bucket = rate * BUCKET_SECONDS;
}

static void fill(struct gate *g, int64_t now_ms)
{
	double seconds = g->filled_ms ? (double)(now_ms - g->filled_ms) / 1000 : BUCKET_SECONDS;

	g->filled_ms = now_ms;
	fill_up(&g->octets, (double)g->limits.octets_per_second, seconds);
	fill_up(&g->messages, g->limits.messages_per_minute / 60.0, seconds);
}

static int64_t ms_until_messages(const struct gate *g)
{
	double rate = g->limits.messages_per_minute / 60.0;

	if (rate <= 0 || g->messages >= 0)
		return 0;
	return (int64_t)(-g->messages / rate * 1000) + 1;
}

int64_t gate_wait_ms(struct gate *g, struct journal *j, const struct gate_time *now,
		     uint64_t octets, enum gate_reason *reason, struct err *err)
{
	unsigned minutes = g->limits.has_hours ? minutes_until(&g->limits, now->minute) : 0;

	fill(g, now->monotonic_ms);
	*reason = GATE_HOURS;
	if (minutes > 0)
		return (int64_t)minutes * 60000;
	*reason = GATE_DAY;
	int64_t ms = g->limits.octets_per_day > 0 ? ms_until_room(g, j, now->utc, octets, err) : 0;

	if (ms != 0)
		return ms;
	*reason = GATE_RATE;
	ms = ms_until_messages(g);

	if (ms == 0)
		*reason = GATE_OPEN;
	return ms;
}

size_t gate_room(struct gate *g, const struct gate_time *now, size_t want)
{
	if (g->limits.octets_per_second == 0)
		return want;
	fill(g, now->monotonic_ms);
	if (g->octets < 1)
		return 0;
	return (double)want <= g->octets ? want : (size_t)g->octets;
}

void gate_sent_octets(struct gate *g, uint64_t octets)
{
	g->octets -= (double)octets;
	g->day_octets += octets;
	g->unwritten += octets;
}

void gate_sent_messages(struct gate *g, uint64_t messages)
{
	g->messages -= (double)messages;
}

int gate_write(struct gate *g, struct journal *j, int64_t utc, struct err *err)
{
	if (g->unwritten == 0)
		return 0;
	if (journal_traffic_add(j, utc, g->unwritten, err) < 0)
		return -1;
	g->unwritten = 0;
	return 0;
}

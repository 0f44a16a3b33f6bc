/*
 * Recurrence. See recur.h. Times in the blob are minutes since 1601 in local time.
 */
#include "mime/recur.h"

#include <string.h>

#include "base/clock.h"

#define MINUTES_1970 INT64_C(194074560) /* from 1601 */
#define VERSION	     0x3004u
#define DAILY	     0x200a
#define WEEKLY	     0x200b
#define MONTHLY	     0x200c
#define YEARLY	     0x200d
#define END_BY_DATE  0x2021
#define END_BY_COUNT 0x2022
#define DAY	     INT64_C(86400)

/* Reads little-endian values; behind the end it yields 0 and is `bad`. */
struct cursor {
	struct slice rest;
	bool bad;
};

static uint32_t take(struct cursor *k, size_t len)
{
	uint32_t n = 0;

	if (k->rest.len < len) {
		k->bad = true;
		return 0;
	}
	for (size_t i = len; i-- > 0;)
		n = n << 8 | (unsigned char)k->rest.ptr[i];
	k->rest = slice_from(k->rest, len);
	return n;
}

static void skip(struct cursor *k, size_t len)
{
	k->bad = k->bad || k->rest.len < len;
	k->rest = slice_from(k->rest, len);
}

static int64_t take_time(struct cursor *k)
{
	return ((int64_t)take(k, 4) - MINUTES_1970) * 60;
}

/* ---- the pattern ---- */

static void read_pattern(struct cursor *k, struct recur *r)
{
	switch (r->pattern) {
	case 0x0: /* day */
		break;
	case 0x1: /* week */
		r->days = take(k, 4);
		break;
	case 0x2: /* day of the month, or its end */
	case 0x4:
		r->day_of_month = take(k, 4);
		break;
	case 0x3: /* "the second Tuesday" */
		r->days = take(k, 4);
		r->nth = take(k, 4);
		break;
	default: /* Hijri calendar */
		k->bad = true;
	}
}

static void read_deleted(struct cursor *k, struct recur *r)
{
	uint32_t n = take(k, 4);

	for (uint32_t i = 0; i < n && !k->bad; i++) {
		int64_t day = take_time(k);

		if (r->n_deleted < RECUR_EXCEPTIONS_MAX)
			r->deleted[r->n_deleted++] = day;
	}
	n = take(k, 4);
	skip(k, (size_t)n * 4); /* days of the changed ones: told below */
}

/* What one exception overrides, by its bits (MS-OXOCAL 2.2.1.44.2). */
static void skip_overrides(struct cursor *k, uint32_t bits)
{
	static const uint16_t numbers[] = { 0x2, 0x4, 0x8, 0x20, 0x40, 0x80, 0x100 };
	static const uint16_t texts[] = { 0x1, 0x10 };

	/* In the order of the bits; only their number matters here, but for the texts' lengths. */
	for (size_t bit = 1; bit <= 0x100 && !k->bad; bit <<= 1) {
		if (!(bits & bit))
			continue;
		if (bit == texts[0] || bit == texts[1]) {
			skip(k, 2);
			skip(k, take(k, 2));
		}
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
			if (bit == numbers[i])
				skip(k, 4);
	}
}

static void read_changed(struct cursor *k, struct recur *r)
{
	uint32_t n = take(k, 2);

	for (uint32_t i = 0; i < n && r->n_changed < RECUR_EXCEPTIONS_MAX; i++) {
		struct recur_change change;

		change.start = take_time(k);
		change.end = take_time(k);
		change.original = take_time(k);
		skip_overrides(k, take(k, 2));
		if (k->bad)
			return;
		r->changed[r->n_changed++] = change;
	}
}

bool recur_read(struct slice blob, struct recur *out)
{
	struct cursor k = { blob, false };
	uint32_t end_minute;

	memset(out, 0, sizeof(*out));
	if (take(&k, 4) != (VERSION << 16 | VERSION)) /* of who may read it, who wrote it */
		return false;
	out->frequency = (uint16_t)take(&k, 2);
	out->pattern = (uint16_t)take(&k, 2);
	if (take(&k, 2) > 1) /* calendar: default or Gregorian */
		return false;
	take(&k,
	     4); /* FirstDateTime: where counting of periods starts; the first day says it too */
	out->period = take(&k, 4);
	take(&k, 4);
	read_pattern(&k, out);
	out->end_type = take(&k, 4);
	out->count = take(&k, 4);
	out->first_day = take(&k, 4);
	read_deleted(&k, out);
	out->first = take_time(&k);
	out->last = take_time(&k);
	skip(&k, 8);
	out->start_minute = take(&k, 4);
	end_minute = take(&k, 4);
	if (k.bad || out->period == 0 || out->frequency < DAILY || out->frequency > YEARLY)
		return false;
	out->start = out->first + (int64_t)out->start_minute * 60;
	out->end = out->first + (int64_t)end_minute * 60;
	read_changed(&k, out);
	return true;
}

/* ---- RRULE ---- */

static void add_days(struct cardline *c, uint32_t days)
{
	static const char *const names[] = { "SU", "MO", "TU", "WE", "TH", "FR", "SA" };
	const char *separator = ";BYDAY=";

	for (unsigned i = 0; i < 7; i++) {
		if (!(days & 1u << i))
			continue;
		cardline_add(c, separator);
		cardline_add(c, names[i]);
		separator = ",";
	}
}

static void add_number(struct cardline *c, const char *name, int64_t n)
{
	buf_addf(&c->line, ";%s=%lld", name, (long long)n);
}

static void add_month_part(struct cardline *c, const struct recur *r)
{
	if (r->pattern == 3) {
		add_days(c, r->days);
		add_number(c, "BYSETPOS", r->nth >= 5 ? -1 : (int64_t)r->nth);
	} else {
		add_number(c, "BYMONTHDAY",
			   r->pattern == 4 || r->day_of_month >= 31 ? -1
								    : (int64_t)r->day_of_month);
	}
}

static uint32_t interval(const struct recur *r)
{
	uint32_t unit = r->frequency == DAILY && r->pattern == 0 ? 1440
			: r->frequency == YEARLY		 ? 12
								 : 1;

	return r->period / unit ? r->period / unit : 1;
}

void recur_write_rule(struct cardline *c, const struct recur *r, int64_t utc_offset)
{
	cardline_begin(c, "RRULE:FREQ=");
	if (r->pattern == 1)
		cardline_add(c, "WEEKLY");
	else if (r->frequency == DAILY)
		cardline_add(c, "DAILY");
	else
		cardline_add(c, r->frequency == YEARLY ? "YEARLY" : "MONTHLY");
	/* "Every weekday" is daily with days, and no interval. */
	if (interval(r) > 1 && !(r->frequency == DAILY && r->pattern == 1))
		add_number(c, "INTERVAL", interval(r));
	if (r->frequency == YEARLY)
		add_number(c, "BYMONTH", civil_from_time(r->first).month);
	if (r->pattern == 1)
		add_days(c, r->days);
	else if (r->pattern != 0)
		add_month_part(c, r);
	if (r->end_type == END_BY_COUNT)
		add_number(c, "COUNT", r->count);
	if (r->end_type == END_BY_DATE) {
		cardline_add(c, ";UNTIL=");
		cardline_add_time(c, r->last + (int64_t)r->start_minute * 60 - utc_offset);
	}
	cardline_end(c);
}

/* ---- time zones ---- */

bool zone_read(struct slice blob, struct zone *out)
{
	struct cursor k = { blob, false };

	out->bias = (int32_t)take(&k, 4);
	out->standard_bias = (int32_t)take(&k, 4);
	out->daylight_bias = (int32_t)take(&k, 4);
	take(&k, 2);
	for (size_t i = 0; i < 8; i++)
		out->standard[i] = (uint16_t)take(&k, 2);
	take(&k, 2);
	for (size_t i = 0; i < 8; i++)
		out->daylight[i] = (uint16_t)take(&k, 2);
	return !k.bad && out->bias > -1440 && out->bias < 1440 && out->standard[1] <= 12 &&
	       out->daylight[1] <= 12 && out->standard_bias > -180 && out->standard_bias < 180 &&
	       out->daylight_bias > -180 && out->daylight_bias < 180;
}

static int64_t offset_of(const struct zone *z, bool daylight)
{
	return -60 * (int64_t)(z->bias + (daylight ? z->daylight_bias : z->standard_bias));
}

/* The n-th weekday of a month (5: the last) in `year`, with its time of day. */
static int64_t transition(const uint16_t date[8], int year)
{
	struct civil first = { .year = year, .month = date[1], .day = 1 };
	int64_t t = civil_to_time(&first);
	int ahead = ((int)date[2] % 7 - civil_from_time(t).weekday + 7) % 7;
	int64_t day = t + ahead * DAY + (int64_t)(date[3] ? date[3] - 1 : 0) * 7 * DAY;

	while (civil_from_time(day).month != date[1])
		day -= 7 * DAY;
	return day + date[4] * 3600 + date[5] * 60;
}

int64_t zone_offset(const struct zone *z, int64_t local)
{
	int year = civil_from_time(local).year;
	int64_t begins, ends;

	if (z->standard[1] == 0 || z->daylight[1] == 0)
		return offset_of(z, false);
	begins = transition(z->daylight, year);
	ends = transition(z->standard, year);
	if (begins < ends)
		return offset_of(z, local >= begins && local < ends);
	return offset_of(z, local >= begins || local < ends);
}

static void write_offset(struct cardline *c, const char *name, int64_t seconds)
{
	int64_t minutes = (seconds < 0 ? -seconds : seconds) / 60;

	cardline_begin(c, name);
	buf_addf(&c->line, ":%c%02d%02d", seconds < 0 ? '-' : '+', (int)(minutes / 60),
		 (int)(minutes % 60));
	cardline_end(c);
}

static void write_half(struct cardline *c, const struct zone *z, bool daylight)
{
	static const char *const names[] = { "SU", "MO", "TU", "WE", "TH", "FR", "SA" };
	const uint16_t *date = daylight ? z->daylight : z->standard;

	cardline_line(c, "BEGIN", daylight ? "DAYLIGHT" : "STANDARD");
	cardline_begin(c, "DTSTART:");
	cardline_add_local(c, date[1] ? transition(date, 1970) : 0);
	cardline_end(c);
	if (date[1]) {
		cardline_begin(c, "RRULE:FREQ=YEARLY");
		buf_addf(&c->line, ";BYDAY=%d%s;BYMONTH=%d", date[3] >= 5 ? -1 : (int)date[3],
			 names[date[2] % 7], date[1]);
		cardline_end(c);
	}
	write_offset(c, "TZOFFSETFROM", offset_of(z, date[1] ? !daylight : daylight));
	write_offset(c, "TZOFFSETTO", offset_of(z, daylight));
	cardline_line(c, "END", daylight ? "DAYLIGHT" : "STANDARD");
}

void zone_write(struct cardline *c, const struct zone *z, const char *name)
{
	cardline_line(c, "BEGIN", "VTIMEZONE");
	cardline_text(c, "TZID", slice_str(name));
	write_half(c, z, false);
	if (z->standard[1] && z->daylight[1])
		write_half(c, z, true);
	cardline_line(c, "END", "VTIMEZONE");
}

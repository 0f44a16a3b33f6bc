/*
 * Time: UTC seconds, civil dates, RFC 3339 text, the monotonic clock.
 */
#ifndef MAILHOIST_BASE_CLOCK_H
#define MAILHOIST_BASE_CLOCK_H

#include "base/buf.h"

#define TIME_NONE INT64_MIN /* "this source says nothing" */

/* A date in the proleptic Gregorian calendar; month 1..12, day 1..31. */
struct civil {
	int year, month, day, hour, minute, second;
	int weekday; /* 0 = Sunday */
};

int64_t civil_to_time(const struct civil *c); /* as UTC; fields are not checked */
struct civil civil_from_time(int64_t t);
bool civil_valid(const struct civil *c); /* ranges, days of the month; second 60 allowed */

/* "2001-09-13T12:30:05Z"; the year has at least four digits. */
void time_add_rfc3339(struct buf *b, int64_t t);

int64_t time_now(void);		 /* UTC seconds */
int64_t time_monotonic_ms(void); /* for deadlines */

#endif

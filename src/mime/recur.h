/*
 * Recurrence (MS-OXOCAL 2.2.1.44, PidLidAppointmentRecur) and time zones (2.2.1.39,
 * PidLidTimeZoneStruct) of Outlook's calendar, as iCalendar says them.
 */
#ifndef MAILHOIST_MIME_RECUR_H
#define MAILHOIST_MIME_RECUR_H

#include "mime/cardline.h"

#define RECUR_EXCEPTIONS_MAX 730 /* instances deleted or changed; more are left out */

/* Local times are seconds since 1970 as if the zone were UTC. */
struct recur_change {
	int64_t original, start, end;
};
struct recur {
	uint16_t frequency, pattern;
	uint32_t period, first_day, days, nth, day_of_month, end_type, count;
	int64_t first, last; /* midnight of the first and the last day */
	int64_t start, end;  /* of the first instance */
	uint32_t start_minute;
	size_t n_deleted, n_changed;
	int64_t deleted[RECUR_EXCEPTIONS_MAX]; /* midnight; the changed ones are among them */
	struct recur_change changed[RECUR_EXCEPTIONS_MAX];
};

/* False: it is no recurrence that iCalendar could say (damaged, or another calendar). */
bool recur_read(struct slice blob, struct recur *out);
/* The RRULE line. `utc_offset` is what local times are ahead of UTC, for UNTIL. */
void recur_write_rule(struct cardline *c, const struct recur *r, int64_t utc_offset);

struct zone {
	int32_t bias, standard_bias, daylight_bias; /* minutes: UTC = local + bias */
	uint16_t standard[8], daylight[8];	    /* SYSTEMTIME; month 0: no daylight saving */
};
bool zone_read(struct slice blob, struct zone *out);
/* A VTIMEZONE of that name. */
void zone_write(struct cardline *c, const struct zone *z, const char *name);
/* How far local time is ahead of UTC at a local time, in seconds. */
int64_t zone_offset(const struct zone *z, int64_t local);

#endif

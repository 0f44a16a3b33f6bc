/*
 * How much may go to the server now: the limits that the user, or what is known of
 * the provider, sets to an upload: octets a second, messages a minute, octets a
 * day, hours of the day. A bucket fills as time passes and is emptied by what is
 * sent; what was sent in the last day is in the journal.
 */
#ifndef MAILHOIST_TRANSFER_GATE_H
#define MAILHOIST_TRANSFER_GATE_H

#include "journal/journal.h"

#define DAY_MINUTES 1440

struct gate_limits {
	uint64_t octets_per_second; /* 0: no limit, as for the next two */
	uint32_t messages_per_minute;
	uint64_t octets_per_day; /* in any 24 hours */
	bool has_hours;		 /* only from minute `from` of the day to minute `to`, local */
	uint16_t from, to;	 /* time; `from` after `to` is over midnight */
};

/* The two clocks; gate_now() reads them, tests make them up. */
struct gate_time {
	int64_t monotonic_ms, utc;
	uint16_t minute; /* of the local day */
};
struct gate_time gate_now(void);

enum gate_reason {
	GATE_OPEN,
	GATE_RATE,
	GATE_DAY,
	GATE_HOURS,
	GATE_SERVER, /* puts us off; not of gate_wait_ms() */
};

struct gate {
	struct gate_limits limits;
	uint64_t day_octets;	 /* sent in the 24 hours before day_utc */
	int64_t day_utc;	 /* when that was looked up; 0: not yet */
	uint64_t unwritten;	 /* sent, and not yet in the journal */
	uint32_t put_off;	 /* by the server: pauses in a row */
	double octets, messages; /* in the buckets; below 0: owed */
	int64_t filled_ms;	 /* when the buckets were last filled; 0: never */
};

/* Read "2M", "500k", "4msg" (messages a second): octets a second into *octets, or messages a minute
 * into *messages; the other one is left alone. False: not such a text. */
bool gate_read_rate(const char *text, uint64_t *octets, uint32_t *messages);
/* "500M", "2G": octets, powers of 1000. False: no such text. */
bool gate_read_size(const char *text, uint64_t *octets);
/* "22:00-06:00" */
bool gate_read_hours(const char *text, uint16_t *from, uint16_t *to);

/* May a command with so many octets be begun? 0: yes; otherwise the milliseconds until
 * it is worth asking again, and in *reason why. -1: the journal failed. */
int64_t gate_wait_ms(struct gate *g, struct journal *j, const struct gate_time *now,
		     uint64_t octets, enum gate_reason *reason, struct err *err);

/* How many of `want` octets may go out now; 0: wait GATE_STEP_MS. */
#define GATE_STEP_MS 50
size_t gate_room(struct gate *g, const struct gate_time *now, size_t want);

/* What has gone out. */
void gate_sent_octets(struct gate *g, uint64_t octets);
void gate_sent_messages(struct gate *g, uint64_t messages);

/* Put what was sent into the journal: within a transaction that is open, or in one of its own. */
int gate_write(struct gate *g, struct journal *j, int64_t utc, struct err *err);

#endif

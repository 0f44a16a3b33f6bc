/*
 * How many octets went to the server in which hour: what a daily limit goes by, for
 * runs that last longer than a day or are begun again. And how fast it took them.
 */
#include "journal/private.h"

#define HOUR	   3600
#define DAY_HOURS  24
#define KEPT_HOURS 48

int journal_traffic_add(struct journal *j, int64_t utc, uint64_t octets, struct err *err)
{
	sqlite3_stmt *st =
		db_stmt(&j->db,
			"INSERT INTO traffic(hour, octets) VALUES (?1, ?2) ON CONFLICT(hour)"
			" DO UPDATE SET octets = octets + ?2",
			err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, utc / HOUR);
	sqlite3_bind_int64(st, 2, (int64_t)octets);
	if (db_run(&j->db, st, err) < 0)
		return -1;
	st = db_stmt(&j->db, "DELETE FROM traffic WHERE hour < ?", err);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, utc / HOUR - KEPT_HOURS);
	return db_run(&j->db, st, err);
}

int journal_traffic_day(struct journal *j, int64_t now, uint64_t *octets, struct err *err)
{
	sqlite3_stmt *st = db_stmt(
		&j->db, "SELECT coalesce(sum(octets), 0) FROM traffic WHERE hour BETWEEN ?1 AND ?2",
		err);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, now / HOUR - DAY_HOURS);
	sqlite3_bind_int64(st, 2, now / HOUR);
	int got = one_row(j, st, err);

	if (got > 0)
		*octets = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return got < 0 ? -1 : 0;
}

int journal_traffic_falls(struct journal *j, int64_t now, uint64_t most, int64_t *utc,
			  struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db,
				   "SELECT hour, octets FROM traffic WHERE hour BETWEEN ?1 AND ?2"
				   " ORDER BY hour",
				   err);
	uint64_t left;
	int64_t when = now;
	int got = 0;

	if (!st || journal_traffic_day(j, now, &left, err) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, now / HOUR - DAY_HOURS);
	sqlite3_bind_int64(st, 2, now / HOUR);
	while (left > most && (got = db_step(&j->db, st, err)) > 0) {
		when = (sqlite3_column_int64(st, 0) + DAY_HOURS + 1) * HOUR;
		left -= (uint64_t)sqlite3_column_int64(st, 1);
	}
	sqlite3_reset(st);
	if (got < 0)
		return -1;
	*utc = when;
	return 0;
}

int journal_rate(struct journal *j, uint64_t *out, struct err *err)
{
	int64_t rate;

	if (db_int(&j->db, "SELECT coalesce((SELECT value FROM meta WHERE name = 'rate'), 0)",
		   &rate, err) < 0)
		return -1;
	*out = rate > 0 ? (uint64_t)rate : 0;
	return 0;
}

int journal_rate_put(struct journal *j, uint64_t rate, struct err *err)
{
	sqlite3_stmt *st = db_stmt(&j->db, "INSERT OR REPLACE INTO meta VALUES ('rate', ?)", err);

	if (!st)
		return -1;
	db_bind_u64(st, 1, rate);
	return db_run(&j->db, st, err);
}

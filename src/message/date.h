/*
 * Dates as mail writes them: RFC 5322 3.3 with its obsolete forms, the From_
 * line's ctime and its many variants (mail-stores.md 3.1).
 */
#ifndef MAILHOIST_MESSAGE_DATE_H
#define MAILHOIST_MESSAGE_DATE_H

#include "base/clock.h"
#include "base/slice.h"

/* What INTERNALDATE can hold on every server we know (mail-stores.md 8). */
#define INTERNALDATE_MIN INT64_C(86400)	     /* 1970-01-02T00:00:00Z */
#define INTERNALDATE_MAX INT64_C(2147385600) /* 2038-01-18T00:00:00Z */

/* "Thu, 13 Sep 2001 12:30:05 +0200 (CEST)": UTC seconds, or TIME_NONE if it is no possible date
 * since 1900. Accepts comments, folding, a missing weekday or time, two- and three-digit years,
 * obsolete and common zone names, ctime, ISO 8601, AM and PM, and junk behind the date; an unknown
 * or missing zone counts as UTC. */
int64_t date_parse(struct slice text);

/* The date in a From_ line: pass the whole line, or what stands behind its "From ". TIME_NONE
 * unless everything from some weekday to the line's end is one whole date (with a time; the zone
 * may be missing), which "remote from HOST" may follow: so this also tells a From_ line from a line
 * of text. *zone_known (set on success) tells whether a zone that we know stood there. */
int64_t date_parse_from_line(struct slice text, bool *zone_known);

/* The date at the end of a Received value (behind the last ';'), or TIME_NONE. */
int64_t date_parse_received(struct slice value);

/* A clock that says less was never set, or has stopped: this program is younger. */
#define CLOCK_EARLIEST INT64_C(1767225600) /* 2026-01-01T00:00:00Z */

/* Clamp to INTERNALDATE_MIN .. min(INTERNALDATE_MAX, now): for a date in the future Dovecot takes
 * its own time of the APPEND. A `now` before CLOCK_EARLIEST bounds nothing: else such a clock would
 * take from all mail its dates. */
int64_t date_clamp(int64_t t, int64_t now, bool *clamped);

/* `"13-Sep-2001 12:30:05 +0000"` with its quotes (RFC 3501 date-time); buf needs 29 bytes. */
void date_format_imap(char buf[29], int64_t t);
/* Parse a date-time (without quotes); TIME_NONE if it is none. */
int64_t date_parse_imap(struct slice text);

#endif

/*
 * Only what is known is counted with: a quota that the server tells, a rate that
 * was set. The speed of the line is not guessed at.
 */
#include "transfer/forecast.h"

#include <inttypes.h>

#include "base/text.h"
#include "message/mend.h"
#include "transfer/internal.h"

#define DAY_SECONDS 86400

struct gate_limits forecast_limits(const struct gate_limits *user, const struct profile *profile)
{
	struct gate_limits l = *user;

	if (l.octets_per_second == 0 && l.messages_per_minute == 0)
		l.messages_per_minute = profile->messages_per_minute;
	if (l.octets_per_day == 0)
		l.octets_per_day = profile->octets_per_day;
	return l;
}

static uint64_t lacking(uint64_t wanted, uint64_t used, uint64_t limit)
{
	uint64_t room = used < limit ? limit - used : 0;

	return wanted > room ? wanted - room : 0;
}

void forecast_fit(struct forecast *f, const struct quota *q)
{
	if (q->has_octets)
		f->octets_lacking = lacking(f->octets, q->octets_used, q->octets_limit);
	if (q->has_messages)
		f->messages_lacking = lacking(f->messages, q->messages_used, q->messages_limit);
	f->fits = f->octets_lacking == 0 && f->messages_lacking == 0;
}

void forecast_time(struct forecast *f, const struct gate_limits *limits, uint64_t sent_today)
{
	uint64_t seconds = 0, other;

	f->by = GATE_RATE;
	if (limits->octets_per_second > 0)
		seconds = f->to_send / limits->octets_per_second;
	if (limits->messages_per_minute > 0) {
		other = f->uploads * 60 / limits->messages_per_minute;
		seconds = other > seconds ? other : seconds;
	}
	if (limits->has_hours) { /* so many of a day's minutes are ours */
		unsigned minutes = (limits->to + DAY_MINUTES - limits->from) % DAY_MINUTES;

		seconds = seconds / (minutes * 60) * DAY_SECONDS + seconds % (minutes * 60);
	}
	if (limits->octets_per_day > 0 && f->to_send + sent_today > limits->octets_per_day) {
		other = (f->to_send + sent_today - 1) / limits->octets_per_day * DAY_SECONDS;
		if (other > seconds) {
			seconds = other;
			f->by = GATE_DAY;
		}
	}
	f->seconds = seconds;
}

/* ---- words ---- */

static void add_duration(struct buf *b, uint64_t seconds)
{
	if (seconds >= 2 * DAY_SECONDS)
		buf_addf(b, "%" PRIu64 " days", (seconds + DAY_SECONDS - 1) / DAY_SECONDS);
	else if (seconds >= 2 * 3600)
		buf_addf(b, "%" PRIu64 " hours", (seconds + 3599) / 3600);
	else
		buf_addf(b, "%" PRIu64 " minutes", (seconds + 59) / 60);
}

static int tell(struct transfer *t, const char *kind, uint64_t count, struct buf *text,
		struct err *err)
{
	const char *words = buf_cstr(text);

	if (!words)
		return buf_ok(text, "forecast", err);
	if (count > 1)
		progress_note(t->progress, "%s (%" PRIu64 ")", words, count);
	else
		progress_note(t->progress, "%s", words);
	return transfer_notice(t, 0, kind, count, NULL, words, err);
}

static int tell_room(struct transfer *t, const struct forecast *f, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(512);

	if (f->fits)
		return 0;
	buf_adds(&text, "the account has not enough room: what is to go there does not fit by ");
	if (f->octets_lacking > 0)
		text_add_size(&text, f->octets_lacking);
	else
		buf_addf(&text, "%" PRIu64 " messages", f->messages_lacking);
	return tell(t, "quota", 1, &text, err);
}

/* A limit of the provider is news to who has set none. */
static void add_provider_limit(struct buf *b, const struct forecast *f, const struct profile *p)
{
	buf_addf(b, "%s takes at most ", p->title);
	if (f->by == GATE_DAY)
		text_add_size(b, p->octets_per_day);
	else
		buf_addf(b, "%" PRIu32 " messages", p->messages_per_minute);
	buf_addf(b, " a %s: ", f->by == GATE_DAY ? "day" : "minute");
}

static int tell_time(struct transfer *t, const struct forecast *f, const struct gate_limits *user,
		     struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(512);
	bool is_users = f->by == GATE_DAY
				? user->octets_per_day > 0
				: user->octets_per_second > 0 || user->messages_per_minute > 0;

	if (f->seconds < 60)
		return 0;
	if (is_users)
		buf_adds(&text, "within the limits that are set, ");
	else
		add_provider_limit(&text, f, session_profile(t->session));
	buf_adds(&text, "the upload takes at least ");
	add_duration(&text, f->seconds);
	if (!is_users)
		buf_addf(&text, " (--max-%s sets another limit)",
			 f->by == GATE_DAY ? "bytes-per-day" : "rate");
	return tell(t, "pace", 1, &text, err);
}

static int tell_too_big(struct transfer *t, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(512);
	uint64_t limit = session_append_limit(t->session), n = 0;

	if (limit == 0)
		return 0;
	if (journal_lines_because(t->journal, t->run, REASON_TOO_BIG, &n, err) < 0)
		return -1;
	buf_adds(&text, "messages larger than the ");
	text_add_size(&text, limit);
	buf_adds(&text, " that the server takes: refused");
	return n > 0 ? tell(t, "too-big", n, &text, err) : 0;
}

/* What the server is known to refuse or to damage, as long as nobody has allowed to mend it. */
static int tell_trouble(struct transfer *t, struct err *err)
{
	const struct profile *p = session_profile(t->session);
	const uint32_t allowed = t->options ? t->options->repair : 0;
	CLEANUP(buf_release) struct buf text = BUF_INIT(512);
	uint64_t n = 0;

	if (p->line_limit > 0 && !(allowed & MEND_LONG_LINES)) {
		if (journal_open_with(t->journal, t->run, NOTE_LONG_LINE, &n, err) < 0)
			return -1;
		buf_addf(&text,
			 "messages with lines over 998 octets: %s refuses those with lines over "
			 "%" PRIu64 " (--repair long-lines mends what it refuses)",
			 p->title, p->line_limit);
		if (n > 0 && tell(t, "long-lines", n, &text, err) < 0)
			return -1;
	}
	if (!p->loses_8bit_header || (allowed & MEND_HEADER_8BIT))
		return 0;
	if (journal_open_with(t->journal, t->run, NOTE_8BIT_HEADER, &n, err) < 0)
		return -1;
	buf_reset(&text);
	buf_addf(&text,
		 "messages with 8-bit names or subjects, not encoded as mail wants it: %s "
		 "replaces these octets (--repair header-8bit encodes them beforehand)",
		 p->title);
	return n > 0 ? tell(t, "8bit-header", n, &text, err) : 0;
}

int forecast(struct transfer *t, struct forecast *out, struct err *err)
{
	struct gate_limits none = { 0 }, limits;
	const struct gate_limits *user = t->options ? &t->options->gate : &none;
	struct balance b;
	struct quota quota;
	uint64_t today = 0;

	if (transfer_connect(t, err) < 0 || journal_balance(t->journal, t->run, 0, &b, err) < 0 ||
	    journal_traffic_day(t->journal, time_now(), &today, err) < 0 ||
	    session_quota(t->session, "INBOX", &quota, err) < 0)
		return -1;
	*out = (struct forecast){
		.messages = b.outcome[OUTCOME_OPEN] + b.outcome[OUTCOME_TO_FILE],
		.octets = b.bytes[OUTCOME_OPEN] + b.bytes[OUTCOME_TO_FILE],
		.uploads = b.outcome[OUTCOME_OPEN],
		.to_send = b.bytes[OUTCOME_OPEN],
	};
	limits = forecast_limits(user, session_profile(t->session));
	forecast_fit(out, &quota);
	forecast_time(out, &limits, today);
	if (tell_room(t, out, err) < 0 || tell_too_big(t, err) < 0 ||
	    tell_time(t, out, user, err) < 0)
		return -1;
	return tell_trouble(t, err);
}

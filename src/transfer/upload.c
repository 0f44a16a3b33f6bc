/*
 * Round after round over all folders, on several lines (lines.h). When one was
 * lost, what is in doubt is recovered before anything of it is sent again. A message on which the
 * server hangs up is found by going on one message at a time, and then left out.
 */
#include "base/fault.h"
#include "base/stop.h"
#include "base/text.h"
#include "transfer/forecast.h"
#include "transfer/lines.h"

#define CAREFUL_AFTER  2 /* losses in a row */
#define CONDEMN_AFTER  2 /* losses with nothing but this message on its way */
#define NAME_ARENA_MAX (1u << 20)
#define REST_LOOK_MS   60000 /* so often the clock is looked at in a long pause */

struct uploading {
	struct transfer *t;
	struct transfer_options limits;
	uint64_t total;
	struct gate gate;
	uint32_t losses; /* in a row */
	uint64_t uploaded_at_loss;
	int64_t suspect; /* upload that was alone on its way when the line was lost */
	uint32_t suspicions;
	uint32_t waits; /* for folders that the server has trouble with */
};

/* The day's limit may be one that nobody has set. */
static void add_day_limit(const struct uploading *up, struct buf *b)
{
	buf_adds(b, "the day's limit of ");
	text_add_size(b, up->gate.limits.octets_per_day);
	buf_adds(b, " is reached");
	if (up->limits.gate.octets_per_day == 0)
		buf_addf(b, " (%s has it; --max-bytes-per-day sets another one)",
			 session_profile(up->t->session)->title);
}

static void add_reason(const struct uploading *up, enum gate_reason reason, struct buf *b)
{
	static const char *const why[] = {
		[GATE_RATE] = "the rate that was set",
		[GATE_HOURS] = "outside of the hours that were set",
		[GATE_SERVER] = "the server asks for patience",
	};

	if (reason == GATE_DAY)
		add_day_limit(up, b);
	else
		buf_adds(b, why[reason]);
}

/* By the clock on the wall, too: a computer that was asleep meanwhile need not wait as long again.
 */
static int wait_until(struct transfer *t, int64_t ms, int64_t utc, struct err *err)
{
	int64_t begun = time_monotonic_ms(), left;

	while ((left = begun + ms - time_monotonic_ms()) > 0 && time_now() <= utc + 1)
		if (transfer_pause(t, left < REST_LOOK_MS ? (uint32_t)left : REST_LOOK_MS, err) < 0)
			return -1;
	return stop_check(err);
}

/* Nothing may be sent for a while: spend it without connections. 2, -1. */
static int rest(struct uploading *up, const struct lines *ls, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(512);
	int64_t until = time_now() + ls->rest_ms / 1000;
	const char *words;

	buf_adds(&text, "waiting until ");
	time_add_rfc3339(&text, until);
	buf_adds(&text, ": ");
	add_reason(up, ls->rest_reason, &text);
	words = buf_cstr(&text);
	progress_note(up->t->progress, "%s", words ? words : "waiting");
	transfer_disconnect(up->t);
	return wait_until(up->t, ls->rest_ms, until, err) < 0 ? -1 : 2;
}

/* All others are done. The server says that its trouble with this one is of now: 2, -1. */
static int wait_for_folder(struct uploading *up, const struct err *trouble, struct err *err)
{
	uint32_t ms = transfer_backoff_ms(up->t, up->waits++);

	progress_note(up->t->progress, "%s; trying again in %u s", trouble->text,
		      (ms + 999) / 1000);
	return transfer_pause(up->t, ms, err) < 0 ? -1 : 2;
}

/* What the user has not set, the profile of the provider does. */
static void mind_profile(struct uploading *up, const struct profile *p)
{
	up->limits.connections = transfer_connections(up->t);
	up->gate.limits = forecast_limits(&up->limits.gate, p);
}

/* Upload what is planned, all folders once: 1: done; 2: not all of it, go on; 0: a line was lost,
 * *err tells why; -1. */
static int upload_round(struct uploading *up, struct err *err)
{
	struct lines ls = {
		.t = up->t,
		.total = up->total,
		.careful = up->losses >= CAREFUL_AFTER,
		.most = up->limits.connections,
		.gate = &up->gate,
		.patient = up->waits < up->limits.retry_max,
	};

	if (up->suspicions >= CONDEMN_AFTER)
		ls.condemned = up->suspect;
	if (lines_run(&ls, err) < 0)
		return -1;
	if (!ls.lost && ls.rest_ms > 0)
		return rest(up, &ls, err);
	if (!ls.lost && (ls.slow || ls.again))
		return 2;
	if (!ls.lost && ls.put_by)
		return wait_for_folder(up, &ls.trouble, err);
	if (!ls.lost)
		return 1;
	up->suspicions = ls.suspect != 0 && ls.suspect == up->suspect ? up->suspicions + 1 : 1;
	up->suspect = ls.suspect;
	*err = ls.loss;
	return 0;
}

/* The line was lost for the reason in *cause: get it back, and find out what is stored. */
static int get_back(struct uploading *up, const struct err *cause, struct err *err)
{
	struct transfer *t = up->t;

	t->lost_at_ms = time_monotonic_ms();
	up->losses = t->tally.uploaded > up->uploaded_at_loss ? 1 : up->losses + 1;
	up->uploaded_at_loss = t->tally.uploaded;
	t->tally.reconnects++;
	if (up->losses > transfer_tries(t, cause)) {
		*err = *cause;
		err->retry = RETRY_LATER;
		return -1;
	}
	transfer_disconnect(t);
	if (transfer_pause_for(t, cause, up->losses - 1, err) < 0)
		return -1;
	return recover(t, err);
}

/* A line that is lost by this is found out by the next who uses it. */
static int compress_patiently(struct uploading *up, struct err *err)
{
	struct err cause = ERR_INIT;

	if (compress_for_upload(up->t, up->t->session, &cause) == 0 || transfer_line_lost(&cause))
		return 0;
	*err = cause;
	return -1;
}

static int upload_all(struct uploading *up, struct err *err)
{
	for (;;) {
		struct err cause = ERR_INIT;

		if (compress_was_for_index(up->t) && up->total > 0)
			transfer_disconnect(up->t);
		if (stop_check(err) < 0 || transfer_connect(up->t, err) < 0 ||
		    compress_patiently(up, err) < 0)
			return -1;
		mind_profile(up, session_profile(up->t->session));
		int result = upload_round(up, &cause);

		if (result < 0)
			*err = cause;
		if (result == 2)
			continue;
		if (result != 0)
			return result < 0 ? -1 : 0;
		if (get_back(up, &cause, err) < 0)
			return -1;
	}
}

/* Empty local folders are part of what the user had: make them, too. A refusal is only noticed, for
 * no mail depends on it. */
static int make_empty_folders(struct transfer *t, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(NAME_ARENA_MAX);
	struct remote_folder target;
	int64_t after = 0;
	int got;

	for (;;) {
		struct err refused = ERR_INIT;
		bool created;

		arena_reset(&a);
		got = journal_empty_target_next(t->journal, t->run, after, &a, &target, err);
		if (got <= 0)
			return got;
		after = target.id;
		if (stop_check(err) < 0 || transfer_connect(t, err) < 0)
			return -1;
		got = target_ensure(t, &target, &a, &created, &refused);
		if (got < 0 && (refused.code == ERR_QUOTA || transfer_folder_may_pass(&refused)))
			got = 0;
		if (got < 0) {
			*err = refused;
			return -1;
		}
		if (got == 0 &&
		    transfer_notice(t, 0, "folder-refused", 1, target.name, refused.text, err) < 0)
			return -1;
	}
}

int upload(struct transfer *t, struct err *err)
{
	struct uploading up = { .t = t, .limits = transfer_limits(t) };
	struct err second = ERR_INIT;
	struct balance balance;
	int result;

	if (journal_balance(t->journal, t->run, 0, &balance, err) < 0)
		return -1;
	up.total = balance.outcome[OUTCOME_OPEN];
	result = upload_all(&up, err);
	if (result == 0)
		result = make_empty_folders(t, err);
	if (refused_keep_rest(t, result < 0 ? &second : err) < 0)
		return -1;
	return result;
}

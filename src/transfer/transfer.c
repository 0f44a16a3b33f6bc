/*
 * What all steps share: connecting with patience, pausing, the defaults of the
 * limits.
 */
#include "transfer/transfer.h"

#include <errno.h>
#include <poll.h>

#include "base/fault.h"
#include "base/stop.h"
#include "transfer/internal.h"

#define TOLD_FROM_MS   5000 /* from here on people want to know how long it takes */
#define NONSENSE_TRIES 4    /* 15 s: a server that does not speak IMAP will not learn it soon */

struct transfer_options transfer_limits(const struct transfer *t)
{
	struct transfer_options o = t->options ? *t->options : (struct transfer_options){ 0 };

#define DEFAULT(field, value)                                                                      \
	if (o.field == 0)                                                                          \
	o.field = (value)
	DEFAULT(batch_messages, 100);
	DEFAULT(batch_octets, UINT64_C(8) << 20);
	DEFAULT(window_octets, UINT64_C(8) << 20);
	DEFAULT(sync_above, UINT64_C(1) << 20);
	DEFAULT(quiet_poll_ms, fault_hurry() ? 150 : 2000);
	DEFAULT(quiet_min_ms, fault_hurry() ? 400 : 5000);
	DEFAULT(quiet_max_ms, fault_hurry() ? 5000 : 60000);
	DEFAULT(arrival_max_ms, fault_hurry() ? 1500 : 180000);
	DEFAULT(retry_max, fault_hurry() ? 3 : 8);
	DEFAULT(retry_first_ms, fault_hurry() ? 20 : 1000);
	DEFAULT(retry_most_ms, fault_hurry() ? 100 : 60000);
	DEFAULT(throttle_max, fault_hurry() ? 3 : 30);
	DEFAULT(throttle_first_ms, fault_hurry() ? 20 : 30000);
	DEFAULT(throttle_most_ms, fault_hurry() ? 100 : 3600000);
#undef DEFAULT
	if (o.batch_messages > BATCH_MESSAGES_MAX)
		o.batch_messages = BATCH_MESSAGES_MAX;
	return o;
}

unsigned transfer_connections(const struct transfer *t)
{
	unsigned limit = t->options ? t->options->connections : 0;

	if (limit == 0)
		limit = session_profile(t->session)->connections;
	if (limit == 0)
		limit = CONNECTIONS;
	return limit < LINES_MAX ? limit : LINES_MAX;
}

int transfer_pause(struct transfer *t, uint32_t ms, struct err *err)
{
	int64_t until = time_monotonic_ms() + ms;

	(void)t;
	for (;;) {
		int64_t left = until - time_monotonic_ms();

		if (stop_check(err) < 0)
			return -1;
		if (left <= 0)
			return 0;
		/* A signal that comes between the check and poll() is seen a second later. */
		if (poll(NULL, 0, left < 1000 ? (int)left : 1000) < 0 && errno != EINTR)
			return err_sys(err, ERR_INTERNAL, SCOPE_RUN, errno, "poll");
	}
}

static uint32_t doubled(uint64_t ms, uint32_t most, uint32_t times)
{
	while (times-- > 0 && ms < most)
		ms *= 2;
	return ms < most ? (uint32_t)ms : most;
}

uint32_t transfer_backoff_ms(const struct transfer *t, uint32_t attempt)
{
	struct transfer_options o = transfer_limits(t);

	return doubled(o.retry_first_ms, o.retry_most_ms, attempt);
}

uint32_t transfer_throttle_ms(const struct transfer *t, uint32_t attempt)
{
	struct transfer_options o = transfer_limits(t);

	return doubled(o.throttle_first_ms, o.throttle_most_ms, attempt);
}

static bool is_put_off(const struct err *err)
{
	return err->code == ERR_UNAVAILABLE && err->retry == RETRY_LATER;
}

int transfer_pause_for(struct transfer *t, const struct err *cause, uint32_t attempt,
		       struct err *err)
{
	CLEANUP(buf_release) struct buf until = BUF_INIT(64);
	uint32_t ms = is_put_off(cause) ? transfer_throttle_ms(t, attempt)
					: transfer_backoff_ms(t, attempt);

	if (cause->wait_ms > 0)
		ms = cause->wait_ms;
	time_add_rfc3339(&until, time_now() + ms / 1000);
	if (ms >= TOLD_FROM_MS)
		progress_note(t->progress, "%s; waiting until %s", cause->text, buf_cstr(&until));
	else
		progress_note(t->progress, "%s; connecting again", cause->text);
	return transfer_pause(t, ms, err);
}

uint32_t transfer_tries(const struct transfer *t, const struct err *err)
{
	uint32_t most = transfer_limits(t).retry_max;

	if (is_put_off(err))
		return transfer_limits(t).throttle_max;
	return err->code == ERR_PROTOCOL && most > NONSENSE_TRIES ? NONSENSE_TRIES : most;
}

bool transfer_line_lost(const struct err *err)
{
	return err->code == ERR_CONNECT || err->code == ERR_EOF || err->code == ERR_TIMEOUT ||
	       ((err->code == ERR_PROTOCOL || err->code == ERR_TLS) && err->retry != RETRY_NEVER) ||
	       is_put_off(err);
}

bool transfer_folder_shut(const struct err *err)
{
	return (err->code == ERR_REFUSED || err->code == ERR_PROTOCOL) &&
	       err->scope <= SCOPE_FOLDER &&
	       (err->retry == RETRY_NEVER || transfer_folder_may_pass(err));
}

bool transfer_folder_may_pass(const struct err *err)
{
	return err->code == ERR_REFUSED && err->scope <= SCOPE_FOLDER && err->retry == RETRY_LATER;
}

int transfer_connect(struct transfer *t, struct err *err)
{
	if (t->session && !session_is_dead(t->session))
		return 0;
	transfer_disconnect(t);
	for (uint32_t attempt = 0;; attempt++) {
		if (stop_check(err) < 0)
			return -1;
		if (session_open(t->connect, &t->session, err) == 0)
			return 0;
		t->session = NULL;
		if (err->retry == RETRY_NEVER || err->code == ERR_INTERRUPTED)
			return -1;
		uint32_t ms = transfer_backoff_ms(t, attempt);

		if (err->code == ERR_UNAVAILABLE && ms < transfer_throttle_ms(t, 0))
			ms = transfer_throttle_ms(t, 0); /* it counts connections for a while */
		if (err->wait_ms > ms)
			ms = err->wait_ms;
		if (attempt >= transfer_limits(t).retry_max || attempt >= transfer_tries(t, err))
			break;
		progress_note(t->progress, "%s; trying again in %u s", err->text,
			      (ms + 999) / 1000);
		if (transfer_pause(t, ms, err) < 0)
			return -1;
	}
	err->retry = RETRY_LATER;
	return -1;
}

void transfer_disconnect(struct transfer *t)
{
	session_close(t->session);
	t->session = NULL;
}

int transfer_notice(struct transfer *t, int64_t store, const char *kind, uint64_t count,
		    const char *location, const char *text, struct err *err)
{
	struct run_notice n = { kind, count, location, text };

	return journal_notice_add(t->journal, t->run, store, &n, err);
}

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

#define NONSENSE_TRIES 4 /* 15 s: a server that does not speak IMAP will not learn it soon */

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
	DEFAULT(retry_max, fault_hurry() ? 3 : 8);
	DEFAULT(retry_first_ms, fault_hurry() ? 20 : 1000);
	DEFAULT(retry_most_ms, fault_hurry() ? 100 : 60000);
#undef DEFAULT
	if (o.batch_messages > BATCH_MESSAGES_MAX)
		o.batch_messages = BATCH_MESSAGES_MAX;
	return o;
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

uint32_t transfer_backoff_ms(const struct transfer *t, uint32_t attempt)
{
	struct transfer_options o = transfer_limits(t);
	uint64_t ms = o.retry_first_ms;

	while (attempt-- > 0 && ms < o.retry_most_ms)
		ms *= 2;
	return ms < o.retry_most_ms ? (uint32_t)ms : o.retry_most_ms;
}

uint32_t transfer_tries(const struct transfer *t, const struct err *err)
{
	uint32_t most = transfer_limits(t).retry_max;

	return err->code == ERR_PROTOCOL && most > NONSENSE_TRIES ? NONSENSE_TRIES : most;
}

bool transfer_line_lost(const struct err *err)
{
	return err->code == ERR_CONNECT || err->code == ERR_EOF || err->code == ERR_TIMEOUT ||
	       ((err->code == ERR_PROTOCOL || err->code == ERR_TLS) && err->retry != RETRY_NEVER);
}

bool transfer_folder_shut(const struct err *err)
{
	return (err->code == ERR_REFUSED || err->code == ERR_PROTOCOL) &&
	       err->scope <= SCOPE_FOLDER && err->retry == RETRY_NEVER;
}

int transfer_connect(struct transfer *t, struct err *err)
{
	if (t->session && !session_is_dead(t->session))
		return 0;
	transfer_disconnect(t);
	for (uint32_t attempt = 0;; attempt++) {
		uint32_t ms = transfer_backoff_ms(t, attempt);

		if (stop_check(err) < 0)
			return -1;
		if (session_open(t->connect, &t->session, err) == 0)
			return 0;
		t->session = NULL;
		if (err->retry == RETRY_NEVER || err->code == ERR_INTERRUPTED)
			return -1;
		if (attempt >= transfer_tries(t, err))
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

/*
 * Limits: how large a message may be, and how many connections there may be at
 * once.
 *
 * A size is announced, and no octet of it sent: servers that know their limit
 * refuse the announcement. When one says "go on" instead, the connection is closed,
 * which leaves nothing behind (servers.md 2.8); it is one of its own.
 */
#include "transfer/probe_work.h"

#include <stdio.h>

#include "base/stop.h"
#include "base/text.h"

#define ROUND_MS	1000
#define CONNECTIONS_MAX 16
#define OPEN_ALREADY	2 /* the one that looks and the one that tries */

/* What mail is made of. Octets. */
static const uint64_t sizes[] = { 150000000, 70000000, 50000000, 35000000,
				  25000000,  20000000, 10000000 };

/* 1: the server would take it; 0: it refuses (*r); -1. */
static int announce(struct session *s, const char *folder, uint64_t size, struct append_result *r,
		    struct err *err)
{
	struct append_spec spec = { .internaldate = PROBE_DATE,
				    .size = size,
				    .synchronising = true };
	struct session *const one[] = { s };
	int may;

	if (session_append_begin(s, folder, err) < 0 || session_append_message(s, &spec, err) < 0)
		return -1;
	while ((may = session_may_continue(s)) == 0)
		if (session_poll(one, 1, ROUND_MS, err) < 0)
			return -1;
	if (may > 0)
		return 1;
	return probe_reap(s, r, err) < 0 ? -1 : 0;
}

static int tell_size(struct probe_work *w, uint64_t taken, const char *words, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(ERR_TEXT_MAX + 200);

	if (taken > 0) {
		buf_adds(&text, "up to ");
		text_add_size(&text, taken);
		buf_adds(&text, taken == sizes[0] ? " at least, as far as it tells beforehand"
						  : ", as far as it tells beforehand");
	}
	if (words[0])
		buf_addf(&text, "%s more: %s", taken > 0 ? ";" : "no message of 10 MB or", words);
	if (!buf_cstr(&text))
		return err_nomem(err);
	return trial_add(w, "size", "large messages", taken > 0 ? TRIAL_GOOD : TRIAL_REFUSED,
			 text.ptr, err);
}

static int try_sizes(struct probe_work *w, struct session *s, struct err *err)
{
	char words[ERR_TEXT_MAX] = "";
	struct append_result r;
	uint64_t taken = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && taken == 0; i++) {
		int got = announce(s, w->scratch.wire_name, sizes[i], &r, err);

		if (got < 0)
			return -1;
		if (got > 0)
			taken = sizes[i];
		else
			snprintf(words, sizeof(words), "%s", r.text);
	}
	return tell_size(w, taken, words, err);
}

/* One session after the other, until one is refused or there are enough. */
static int try_connections(struct probe_work *w, struct session **open, size_t most, size_t *n,
			   struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(ERR_TEXT_MAX + 100);
	struct err why = ERR_INIT;

	while (*n < most && session_open(w->probe->connect, &open[*n], &why) == 0)
		(*n)++;
	if (stop_check(err) < 0)
		return -1;
	buf_addf(&text, "%zu", *n + OPEN_ALREADY);
	if (*n < most)
		buf_addf(&text, ", not more: %s", why.text);
	if (!buf_cstr(&text))
		return err_nomem(err);
	return trial_add(w, "connections", "connections at once", TRIAL_GOOD, text.ptr, err);
}

int probe_limits(struct probe_work *w, struct err *err)
{
	struct session *open[CONNECTIONS_MAX] = { NULL };
	size_t most =
		w->probe->connections > OPEN_ALREADY ? w->probe->connections - OPEN_ALREADY : 0;
	size_t n = 0;
	int result;

	if (most > CONNECTIONS_MAX)
		most = CONNECTIONS_MAX;
	result = try_connections(w, open, most, &n, err);
	if (result == 0 && n > 0 && w->result->can_upload)
		result = try_sizes(w, open[0], err);
	for (size_t i = 0; i < n; i++)
		session_close(open[i]);
	return result;
}

/*
 * When to compress. See compress.h for why; imap-client 3.4 and 4 measured what it
 * costs and saves.
 */
#include "transfer/compress.h"

#include <time.h>

#include "transfer/internal.h"

#define FAR_MS		   5		/* a round trip longer than within a building */
#define INDEX_MESSAGES_MIN 2500		/* about 1 MB: below that a round trip costs more */
#define WATCH_MS	   3000		/* what is shorter tells of buffers, not of lines */
#define WATCH_OCTETS_MIN   (512u << 10) /* a stalled line is not a slow one */
#define SLOW_OCTETS_A_MS   10000	/* 10 MB/s, over all connections */

static enum compress_mode mode(const struct transfer *t)
{
	return t->options ? t->options->compress : COMPRESS_AUTO;
}

static bool is_far(const struct session *s)
{
	uint32_t ms = session_round_trip_ms(s);

	return ms != UINT32_MAX && ms >= FAR_MS;
}

static int compress(struct session *s, struct err *err)
{
	return session_compress(s, err) < 0 ? -1 : 0;
}

int compress_for_index(struct transfer *t, uint64_t messages, struct err *err)
{
	if (mode(t) != COMPRESS_AUTO || messages < INDEX_MESSAGES_MIN || !is_far(t->session))
		return 0;
	return compress(t->session, err);
}

bool compress_uploads(const struct transfer *t)
{
	return mode(t) == COMPRESS_AUTO && t->slow_line;
}

int compress_for_upload(struct transfer *t, struct session *s, struct err *err)
{
	return compress_uploads(t) ? compress(s, err) : 0;
}

bool compress_was_for_index(const struct transfer *t)
{
	return mode(t) == COMPRESS_AUTO && !t->slow_line && t->session &&
	       !session_is_dead(t->session) && session_is_compressed(t->session);
}

static int64_t cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Could any of them be compressed? */
static bool is_of_use(struct session *const *sessions, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!session_is_dead(sessions[i]) && !session_is_compressed(sessions[i]) &&
		    (session_capabilities(sessions[i]) & CAP_COMPRESS) && is_far(sessions[i]))
			return true;
	return false;
}

static void look(struct line_watch *w, struct session *const *sessions, size_t n)
{
	*w = (struct line_watch){ .since_ms = time_monotonic_ms(), .cpu_ms = cpu_ms(), .n = n };
	for (size_t i = 0; i < n; i++) {
		struct session_flow flow = session_flow(sessions[i]);

		w->octets += flow.octets;
		w->full_ms += flow.full_ms;
	}
}

bool compress_watch(struct transfer *t, struct line_watch *w, struct session *const *sessions,
		    size_t n)
{
	struct line_watch before = *w;
	uint64_t ms, octets;

	if (mode(t) != COMPRESS_AUTO || t->slow_line || n == 0)
		return false;
	if (w->since_ms != 0 && time_monotonic_ms() - w->since_ms < WATCH_MS)
		return false;
	look(w, sessions, n);
	/* A connection that came or went makes sums of different things. */
	if (before.since_ms == 0 || before.n != n || w->octets < before.octets ||
	    w->full_ms < before.full_ms || !is_of_use(sessions, n))
		return false;
	ms = (uint64_t)(w->since_ms - before.since_ms);
	octets = w->octets - before.octets;
	t->slow_line = octets >= WATCH_OCTETS_MIN && octets / ms < SLOW_OCTETS_A_MS &&
		       w->full_ms - before.full_ms > ms * n / 2 &&
		       (uint64_t)(w->cpu_ms - before.cpu_ms) < ms / 2;
	return t->slow_line;
}

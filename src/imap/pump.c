/*
 * Moving bytes between the line and the session's buffers, within deadlines, for one
 * session or for several in one poll loop.
 *
 * Reading has the right of way: every round polls for input, and for output only
 * while something is staged; a server that stops reading because we do not read
 * its answers (imap-client.md 1.7) cannot stop us.
 */
#include "imap/session_impl.h"

#include <poll.h>

#include "base/clock.h"
#include "base/stop.h"

#define SESSIONS_MAX 64
#define SLICE_MS     1000	  /* of waiting, before the stop flag is looked at again */
#define RECORD	     (16u << 10)  /* octets of a full TLS record (RFC 8446 5.1) */
#define EARLY_OCTETS (4 * RECORD) /* a whole segment on loopback */
#define EARLY_MOST   (1u << 20) /* without a look at what the server says, and at other sessions */

/* ---- deadlines ---- */

void session_progress(struct session *s)
{
	s->progress_ms = time_monotonic_ms();
	s->octets_since = 0;
}

bool session_is_waiting(const struct session *s)
{
	size_t ours = s->append.open && !s->append.refused && !s->append.wants_continue;

	return s->command.active || s->ahead.n > 0 || s->n_undone > ours || s->writer.len > 0 ||
	       !s->greeted;
}

void session_turn(struct session *s)
{
	if (!session_is_waiting(s))
		session_progress(s);
}

int64_t session_time_left(const struct session *s)
{
	int64_t limit = s->timeout_ms;
	int64_t left;

	if (s->awaited.fd >= 0) {
		left = s->awaited_ms - time_monotonic_ms();
		return left > 0 ? left : 0;
	}
	if (!session_is_waiting(s))
		return -1;
	if (limit == 0) {
		limit = s->greeted ? REPLY_TIMEOUT_MS : GREETING_TIMEOUT_MS;
		if (s->append.wants_continue || s->command.wants_continue)
			limit = CONTINUE_TIMEOUT_MS;
		limit += (int64_t)(s->octets_undone / SLOWEST_OCTETS_A_MS);
	}
	left = s->progress_ms + limit - time_monotonic_ms();
	return left > 0 ? left : 0;
}

void session_check_deadline(struct session *s)
{
	struct err err;

	if (s->dead || session_time_left(s) != 0)
		return;
	err_set(&err, ERR_TIMEOUT, SCOPE_ACCOUNT, RETRY_LATER,
		"%s: the server has not answered in time", s->host);
	session_fail(s, &err);
}

/* ---- moving bytes ---- */

static void read_some(struct session *s)
{
	struct err err;
	size_t room;
	char *space = framer_space(&s->framer, &room);
	ssize_t got;

	if (!space) {
		err_nomem(&err);
		session_fail(s, &err);
		return;
	}
	got = stream_read(s->stream, space, room, &err);
	if (got < 0) {
		session_fail(s, &err);
		return;
	}
	framer_filled(&s->framer, (size_t)got);
	s->octets_since += (size_t)got;
	if (s->octets_since >= PROGRESS_OCTETS)
		session_progress(s);
}

/* How much of it the line has taken, or -1. */
static ssize_t write_octets(struct session *s, struct slice piece, struct err *err)
{
	ssize_t sent = stream_write(s->stream, piece.ptr, piece.len, err);

	s->full = sent < (ssize_t)piece.len;
	if (sent > 0) {
		s->flow.octets += (size_t)sent;
		session_progress(s);
	}
	return sent;
}

static int write_piece(struct session *s, struct err *err)
{
	ssize_t sent = write_octets(s, writer_pending(&s->writer), err);

	if (sent > 0)
		writer_sent(&s->writer, (size_t)sent);
	return sent < 0 ? -1 : 0;
}

static void write_some(struct session *s)
{
	struct err err;

	if (s->writer.len == 0 || write_piece(s, &err) == 0)
		return;
	/* The server's last words (a BYE, a refusal) may still lie there to be read. */
	read_some(s);
	session_fail(s, &err);
}

/* What is staged has all been taken: let it go. */
static void push(struct session *s)
{
	struct err err;

	if (stream_push(s->stream, &err) < 0) {
		read_some(s);
		session_fail(s, &err);
	}
}

/* In whole records: the rest would make one of its own, here and for the server. So what waits is
 * filled up by the first of these octets; *taken: by how many. */
static int write_waiting(struct session *s, struct slice bytes, size_t *taken, struct err *err)
{
	size_t fill = (RECORD - s->writer.len % RECORD) % RECORD;
	struct err ignored; /* the next poll meets it again, when it has read the last words */

	*taken = 0;
	if (s->writer.len == 0)
		return 0;
	if (fill > bytes.len)
		fill = bytes.len;
	if (writer_add(&s->writer, bytes.ptr, fill, err) < 0)
		return -1;
	*taken = fill;
	(void)write_piece(s, &ignored);
	return 0;
}

static size_t write_straight(struct session *s, struct slice bytes)
{
	size_t whole = bytes.len - bytes.len % RECORD;
	struct err ignored;
	ssize_t sent;

	if (s->writer.len > 0 || s->full || whole == 0)
		return 0;
	sent = write_octets(s, slice_head(bytes, whole), &ignored);
	return sent > 0 ? (size_t)sent : 0;
}

int session_write_early(struct session *s, struct slice bytes, struct err *err)
{
	uint64_t before = s->flow.octets;
	size_t taken;

	if (s->dead || s->full || s->writer.len + bytes.len < EARLY_OCTETS ||
	    s->early >= EARLY_MOST)
		return writer_add(&s->writer, bytes.ptr, bytes.len, err);
	if (write_waiting(s, bytes, &taken, err) < 0)
		return -1;
	bytes = slice_from(bytes, taken);
	bytes = slice_from(bytes, write_straight(s, bytes));
	s->early += s->flow.octets - before;
	return writer_add(&s->writer, bytes.ptr, bytes.len, err);
}

void session_pump(struct session *s, short revents)
{
	s->early = 0;
	if (s->dead)
		return;
	if ((revents & (POLLIN | POLLHUP | POLLERR)) || stream_has_pending(s->stream))
		read_some(s);
	/* TLS may want to read before it writes: what it can do now, it does now. */
	if (!s->dead && s->writer.len > 0)
		write_some(s);
	if (!s->dead && s->writer.len == 0)
		push(s);
}

bool session_is_pulled(const struct session *s)
{
	return s->command.active || s->ahead.n > 0;
}

/* Whoever pulls an answer pulls it alone: besides `pulling` (or NULL), and those that are opened
 * beside others, no session with a command at work. */
static bool may_read(const struct session *s, const struct session *pulling)
{
	return s == pulling || s->opening || !session_is_pulled(s);
}

/* Before there is a session, the descriptor that its stream waits for. */
static struct pollfd descriptor(const struct session *s)
{
	if (s->awaited.fd >= 0)
		return s->awaited;
	return (struct pollfd){ stream_fd(s->stream), stream_events(s->stream, s->writer.len > 0),
				0 };
}

static bool has_pending(const struct session *s)
{
	return s->awaited.fd < 0 && stream_has_pending(s->stream);
}

static void take_events(struct session *s, short revents)
{
	if (s->awaited.fd >= 0)
		s->awaited.revents = revents;
	else
		session_pump(s, revents);
}

/* Those that live, and what they wait for. Rows of an index only end the waiting: whoever reads
 * them asks for them without waiting. */
static size_t choose(struct session *const *sessions, size_t n, const struct session *pulling,
		     struct session **polled, struct pollfd *fds)
{
	size_t n_polled = 0;

	for (size_t i = 0; i < n; i++) {
		struct session *s = sessions[i];

		if (s->dead || (!may_read(s, pulling) && !s->index.active))
			continue;
		polled[n_polled] = s;
		fds[n_polled++] = descriptor(s);
	}
	return n_polled;
}

/* Poll the living among the sessions once and move their bytes. */
static void poll_once(struct session *const *sessions, size_t n, const struct session *pulling,
		      int timeout_ms)
{
	struct session *polled[SESSIONS_MAX];
	struct pollfd fds[SESSIONS_MAX];
	int64_t begun_ms = time_monotonic_ms(), waited_ms;
	int ready;

	n = choose(sessions, n, pulling, polled, fds);
	for (size_t i = 0; i < n; i++)
		if (has_pending(polled[i]))
			timeout_ms = 0;
	ready = poll(fds, n, timeout_ms);
	waited_ms = time_monotonic_ms() - begun_ms;
	for (size_t i = 0; i < n; i++)
		if (polled[i]->writer.len > 0 && waited_ms > 0)
			polled[i]->flow.full_ms += (uint64_t)waited_ms;
	if (ready < 0)
		return; /* EINTR: the caller looks at the stop flag */
	for (size_t i = 0; i < n; i++)
		if (may_read(polled[i], pulling) && (fds[i].revents || has_pending(polled[i])))
			take_events(polled[i], fds[i].revents);
}

static int earlier(int64_t timeout_ms, int64_t other_ms)
{
	if (other_ms >= 0 && other_ms < timeout_ms)
		timeout_ms = other_ms;
	return timeout_ms > SLICE_MS ? SLICE_MS : (int)timeout_ms;
}

/* One that is being opened looks after itself (opening.c). */
static void look_after(struct session *s)
{
	if (s->opening)
		return;
	session_digest(s);
	session_check_deadline(s);
}

/* What concerns the others, while `s` waits: for its answer, or, as long as it has no stream, for
 * its descriptor. */
static void round_in_company(struct session *s, int wait_ms)
{
	struct session *all[SESSIONS_MAX];
	size_t n = s->company->work(s->company->context, all, SESSIONS_MAX - 1);

	for (size_t i = 0; i < n; i++)
		wait_ms = all[i]->dead ? 0 : earlier(wait_ms, session_time_left(all[i]));
	all[n] = s;
	poll_once(all, n + 1, s, wait_ms);
	for (size_t i = 0; i < n; i++)
		look_after(all[i]);
}

/* One round of waiting while others work: 0, -1. */
static int round_beside(struct session *s, struct err *err)
{
	if (s->opening)
		return opening_wait(s->opening, err);
	round_in_company(s, earlier(SLICE_MS, session_time_left(s)));
	return 0;
}

int session_await(void *session, int fd, short events, int64_t deadline, struct err *err)
{
	struct session *s = session;
	int result = 0;

	s->awaited = (struct pollfd){ fd, events, 0 };
	s->awaited_ms = deadline;
	do {
		bool in_time = session_time_left(s) > 0;

		if (stop_check(err) < 0 || round_beside(s, err) < 0)
			result = -1;
		else if (!in_time)
			break;
	} while (result == 0 && !s->awaited.revents);
	if (result == 0)
		result = s->awaited.revents != 0;
	s->awaited.fd = -1;
	return result;
}

int session_round(struct session *s, struct err *err)
{
	struct session *const one[] = { s };

	if (stop_check(err) < 0 || session_check(s, err) < 0)
		return -1;
	if (!s->company && !s->opening)
		poll_once(one, 1, s, earlier(SLICE_MS, session_time_left(s)));
	else if (round_beside(s, err) < 0)
		return -1;
	session_check_deadline(s);
	/* What came before the line broke is still to be read: session_frame() asks for the reason
	 * of death when it finds no more frames. */
	return 0;
}

/* ---- sharing a poll loop ---- */

void session_accompany(struct session *s, const struct session_company *company)
{
	s->company = company;
}

int session_poll(struct session *const *sessions, size_t n, int timeout_ms, struct err *err)
{
	int wait_ms = timeout_ms < 0 ? SLICE_MS : timeout_ms;

	if (n > SESSIONS_MAX)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "more than %d sessions at once", SESSIONS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!sessions[i]->opening)
			session_digest(sessions[i]);
		if (sessions[i]->dead || sessions[i]->news)
			wait_ms = 0;
		wait_ms = earlier(wait_ms, session_time_left(sessions[i]));
	}
	poll_once(sessions, n, NULL, wait_ms);
	for (size_t i = 0; i < n; i++) {
		look_after(sessions[i]);
		sessions[i]->news = false;
	}
	return stop_check(err);
}

int session_index_wait(struct session *const *sessions, size_t n, struct err *err)
{
	int wait_ms = SLICE_MS;

	if (n > SESSIONS_MAX)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "more than %d sessions at once", SESSIONS_MAX);
	for (size_t i = 0; i < n; i++)
		wait_ms = sessions[i]->dead ? 0 : earlier(wait_ms, session_time_left(sessions[i]));
	poll_once(sessions, n, NULL, wait_ms);
	return stop_check(err);
}

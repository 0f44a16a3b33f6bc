/*
 * Targets are handed to whichever line is free. It begins with LINES_AT_FIRST
 * connections; when the server has let them all in and stored mail, the rest of what
 * may be had is opened at once: what a login takes is paid for twice, not for each of
 * them. From the first that the server refuses or cuts on, one more is tried only after
 * a quiet time: servers count connections in ways of their own, and some take a second
 * one for an attack (servers.md 1). While they are opened, the others work.
 */
#include "transfer/lines.h"

#include "base/fault.h"

#define POLL_MS	       500
#define STOP_GRACE_MS  15000 /* after a signal: for the answers to what has been sent */
#define FAIL_PAGE      200
#define PAGE_ARENA_MAX (8u << 20)
#define NAME_ARENA_MAX (1u << 20)

/* ---- a folder that the server refuses ---- */

static int fail_page(struct transfer *t, const struct upload *page, int n, const char *reason,
		     struct err *err)
{
	for (int i = 0; i < n; i++) {
		if (journal_mark_failed(t->journal, page[i].id, "folder-refused", reason, err) < 0)
			return -1;
		t->tally.failed++;
	}
	return 0;
}

static int fail_uploads(struct transfer *t, int64_t target, const char *reason, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(PAGE_ARENA_MAX);
	int64_t cursor = 0;

	for (;;) {
		arena_reset(&a);
		struct upload *page = arena_alloc(&a, FAIL_PAGE * sizeof(*page));
		int n = page ? journal_uploads_next(t->journal, t->run, target, FAIL_PAGE, &a, page,
						    &cursor, err)
			     : err_nomem(err);

		if (n <= 0)
			return n;
		if (fail_page(t, page, n, reason, err) < 0)
			return -1;
	}
}

static int fail_folder(struct lines *ls, const struct remote_folder *f, const char *reason,
		       struct err *err)
{
	struct transfer *t = ls->t;

	progress_note(t->progress, "'%s': the server refuses this folder, nothing goes there: %s",
		      f->name, reason);
	if (books_commit(&ls->books, err) < 0 ||
	    transfer_notice(t, 0, "folder-refused", 1, f->name, reason, err) < 0 ||
	    journal_begin(t->journal, err) < 0)
		return -1;
	if (fail_uploads(t, f->id, reason, err) < 0) {
		journal_rollback(t->journal);
		return -1;
	}
	return journal_commit(t->journal, err);
}

/* ---- whose turn it is ---- */

/* t->session is the session of the line at work: what the steps share works on it. */
static void enter(struct lines *ls, struct upload_line *line)
{
	ls->t->session = line->session;
	line->at_work = true;
}

static void leave(struct lines *ls, struct upload_line *line)
{
	line->session = ls->t->session; /* perhaps another one: the lane may connect again */
	if (line->session)
		session_accompany(line->session, &ls->company);
	line->at_work = false;
	ls->t->session = NULL;
}

/* ---- trouble ---- */

static void stop_all(struct lines *ls)
{
	ls->stopping = true;
	for (unsigned i = 0; i < LINES_MAX; i++)
		if (ls->line[i].busy)
			lane_stop(&ls->line[i].lane);
}

/* The first reason counts, but one that ends the run goes before one that does not. */
static void take_loss(struct lines *ls, const struct err *cause, bool recoverable)
{
	if (!ls->lost || (ls->recoverable && !recoverable)) {
		ls->loss = *cause;
		ls->recoverable = recoverable;
	}
	ls->lost = ls->troubled = true;
	ls->quiet_ms = time_monotonic_ms();
	if (!recoverable)
		stop_all(ls);
}

static bool is_line_lost(const struct upload_line *line, const struct err *err)
{
	return transfer_line_lost(err) || (line->session && session_is_dead(line->session));
}

static void hang_up(struct lines *ls, struct upload_line *line)
{
	struct session *session = line->session;

	line->session = NULL;
	if (session)
		session_accompany(session, NULL); /* saying good-bye, it must not work the lanes */
	session_close(session);
	line->proven = false;
	ls->n--;
	if (ls->wanted > 1)
		ls->wanted = (ls->wanted + 1) / 2;
}

/* The line's lane has ended with -1. What it knows goes to the journal; its session ends where it
 * is of no use any more: lost, or in the middle of an APPEND, which must not be completed. */
static int break_off(struct lines *ls, struct upload_line *line, const struct err *cause,
		     struct err *err)
{
	bool lost = is_line_lost(line, cause);

	if (lost)
		ls->suspect = lane_suspect(&line->lane);
	take_loss(ls, cause, lost);
	if (lost || line->lane.writing)
		hang_up(ls, line);
	int result = lane_settle(&line->lane, err);

	lane_release(&line->lane);
	line->busy = false;
	return result;
}

/* ---- a line's work ---- */

/* All uploads of the folder have been answered, or the lane was stopped. */
static int finish(struct lines *ls, struct upload_line *line, struct err *err)
{
	struct lane *l = &line->lane;
	int result = lane_settle(l, err);

	if (result == 0 && l->folder_refused)
		result = fail_folder(ls, &l->target, l->folder_reason, err);
	if (result == 0 && l->failed)
		take_loss(ls, &l->fatal, false);
	lane_release(l);
	line->busy = false;
	return result;
}

static int work(struct lines *ls, struct upload_line *line, struct err *err)
{
	struct err cause = ERR_INIT;

	enter(ls, line);
	int got = lane_work(&line->lane, &cause);

	leave(ls, line);
	line->proven |= line->lane.stored > 0;
	if (got > 0)
		return 0;
	return got == 0 ? finish(ls, line, err) : break_off(ls, line, &cause, err);
}

/* ---- handing out folders ---- */

static bool is_taken_by_other(const struct lines *ls, const struct upload_line *but, int64_t target)
{
	for (unsigned i = 0; i < LINES_MAX; i++) {
		const struct upload_line *line = &ls->line[i];

		if (line != but && line->busy &&
		    (line->target_id == target || line->lane.target.id == target))
			return true;
	}
	return false;
}

static bool is_taken(const void *context, int64_t target)
{
	return is_taken_by_other(context, NULL, target);
}

/* Two names may have become one folder: what was to go there by the other name may lie where its
 * line has gone by already. */
static bool is_one_with_another(struct lines *ls, int64_t target)
{
	bool taken = is_taken(ls, target);

	ls->again |= taken;
	return taken;
}

/* The line asks the server about the next folders. Trouble is the line's; another one asks again.
 * A server that keeps hanging up may do so for too many commands, or errors: one by one then. */
static int ask_ahead(struct lines *ls, struct upload_line *line)
{
	struct err cause = ERR_INIT;

	if (ls->ready.asked || ls->careful)
		return 0;
	enter(ls, line);
	int got = ready_ask(&ls->ready, ls->t, &ls->books, &cause);

	leave(ls, line);
	if (got == 0)
		return 0;
	bool lost = is_line_lost(line, &cause);

	take_loss(ls, &cause, lost);
	hang_up(ls, line);
	return -1;
}

/* The others go first. */
static int put_by(struct lines *ls, struct upload_line *line, const struct err *cause)
{
	ls->put_by = true;
	ls->trouble = *cause;
	err_prefix(&ls->trouble, "'%s'", line->lane.target.name);
	lane_release(&line->lane);
	line->busy = false;
	return 0;
}

static int begin(struct lines *ls, struct upload_line *line, const struct ready_target *target,
		 struct err *err)
{
	struct err cause = ERR_INIT;

	line->busy = true; /* while it asks, nobody else shall begin with this folder */
	line->target_id = target->folder.id;
	enter(ls, line);
	int got = lane_open(&line->lane, &ls->books, target, ls->careful, ls->total, &cause);

	leave(ls, line);
	line->lane.condemned = ls->condemned;
	if (got > 0 && !is_taken_by_other(ls, line, line->lane.target.id))
		return 0;
	if (got > 0) {
		ls->again = true; /* the server has made one folder of two names */
		lane_release(&line->lane);
		line->busy = false;
		return 0;
	}
	if (got < 0 && transfer_folder_may_pass(&cause) && line->session &&
	    !session_is_dead(line->session)) {
		if (ls->patient)
			return put_by(ls, line, &cause);
		got = 0;
	}
	if (got < 0)
		return break_off(ls, line, &cause, err);
	got = fail_folder(ls, &line->lane.target, cause.text, err);
	lane_release(&line->lane);
	line->busy = false;
	return got;
}

/* Give a line that has a session and nothing to do a folder about which nothing need be asked. */
static int hand_ready(struct lines *ls, struct upload_line *line, struct err *err)
{
	struct ready *r = &ls->ready;

	if (!line->session || ls->stopping || !r->asked || r->at == r->n ||
	    r->target[r->at].status.uidvalidity == 0)
		return 0;
	const struct ready_target *target = ready_take(r);

	return is_one_with_another(ls, target->folder.id) ? 0 : begin(ls, line, target, err);
}

/* ---- one more connection ---- */

/* Its refusal costs nothing: the others go on. */
static void do_without(struct lines *ls, const struct err *cause)
{
	ls->troubled = true;
	ls->quiet_ms = time_monotonic_ms();
	ls->wanted = ls->n + ls->coming;
	if (cause->retry == RETRY_NEVER)
		ls->most = ls->wanted;
	if (!ls->stopping && cause->code != ERR_INTERRUPTED)
		progress_note(ls->t->progress, "going on with %u connection%s: %s", ls->wanted,
			      ls->wanted == 1 ? "" : "s", cause->text);
}

/* As far as it goes without waiting. */
static void go_on_opening(struct lines *ls, struct upload_line *line)
{
	struct session *session;
	struct err cause = ERR_INIT;
	int got = session_open_go_on(line->opening, &session, &cause);

	if (got > 0)
		return;
	line->opening = NULL;
	ls->coming--;
	if (got < 0) {
		do_without(ls, &cause);
		return;
	}
	line->session = session;
	ls->n++;
}

static void open_line(struct lines *ls, struct upload_line *line)
{
	struct session_options options = *ls->t->connect;
	struct err cause = ERR_INIT;

	options.company = &ls->company;
	options.compress |= compress_uploads(ls->t);
	if (session_open_begin(&options, &line->opening, &cause) < 0) {
		do_without(ls, &cause);
		return;
	}
	ls->coming++;
	go_on_opening(ls, line);
}

/* As many as are wanted and have a folder to begin with. */
static void open_lines(struct lines *ls)
{
	size_t folders = ls->ready.n - ls->ready.at, others = ls->coming;

	for (unsigned i = 0; i < LINES_MAX; i++)
		others += ls->line[i].session && !ls->line[i].busy;
	for (unsigned i = 0; i < LINES_MAX && others < folders; i++) {
		struct upload_line *line = &ls->line[i];

		if (line->session || line->opening || line->busy)
			continue;
		if (ls->n + ls->coming >= ls->wanted)
			return;
		open_line(ls, line);
		others++;
	}
}

/* Half open sessions for whoever waits for others as well; how many there are. */
static size_t half_open(const struct lines *ls, struct session **out, size_t max)
{
	size_t n = 0;

	for (unsigned i = 0; i < LINES_MAX && n < max; i++)
		if (ls->line[i].opening)
			out[n++] = session_half_open(ls->line[i].opening);
	return n;
}

/* ---- together ---- */

/* One line waits for an answer: the others need not (session_company). */
static size_t work_beside(void *context, struct session **others, size_t max)
{
	struct lines *ls = context;
	struct session *waiting = ls->t->session;
	size_t n = 0;

	for (unsigned i = 0; i < LINES_MAX && !ls->broken; i++) {
		struct upload_line *line = &ls->line[i];

		if (line->at_work)
			continue;
		if (line->opening)
			go_on_opening(ls, line);
		if (line->busy)
			ls->broken = work(ls, line, &ls->breakage) < 0;
		else
			ls->broken = hand_ready(ls, line, &ls->breakage) < 0;
	}
	for (unsigned i = 0; i < LINES_MAX && n < max; i++)
		if (ls->line[i].busy && !ls->line[i].at_work)
			others[n++] = ls->line[i].session;
	ls->t->session = waiting;
	return n + half_open(ls, others + n, max - n);
}

/* Are all that are wanted open, and has one stored something? */
static bool is_welcome(const struct lines *ls)
{
	bool proven = false;

	for (unsigned i = 0; i < LINES_MAX; i++)
		proven |= ls->line[i].session && ls->line[i].proven;
	return proven && ls->n >= ls->wanted;
}

static void adapt(struct lines *ls)
{
	int64_t now = time_monotonic_ms();

	if (ls->wanted >= ls->most)
		return;
	if (ls->troubled ? now - ls->quiet_ms < ONE_MORE_MS : !is_welcome(ls))
		return;
	ls->quiet_ms = now;
	ls->wanted = ls->troubled ? ls->wanted + 1 : ls->most;
}

/* 1; 0: there are no more folders, or none is looked for now; -1. */
static int look_for_folders(struct lines *ls, struct err *err)
{
	if (ls->no_more || ls->stopping)
		return 0;
	int got = ready_load(&ls->ready, ls->t, is_taken, ls, err);

	ls->no_more = got == 0;
	return got;
}

/* The line is connected and free: 0, -1. */
static int hand_to(struct lines *ls, struct upload_line *line, struct err *err)
{
	int got = look_for_folders(ls, err);

	if (got <= 0)
		return got;
	/* Meanwhile other lines may have taken them; or this one is lost. */
	if (ask_ahead(ls, line) < 0 || !line->session || ls->ready.at == ls->ready.n)
		return 0;
	const struct ready_target *target = ready_take(&ls->ready);

	return is_one_with_another(ls, target->folder.id) ? 0 : begin(ls, line, target, err);
}

/* Give a folder to every line that has none; open lines as long as there are folders for them. */
static int hand_out(struct lines *ls, struct err *err)
{
	adapt(ls);
	if (ls->n + ls->coming < ls->wanted) {
		if (look_for_folders(ls, err) < 0)
			return -1;
		open_lines(ls);
	}
	for (unsigned i = 0; i < LINES_MAX; i++) {
		struct upload_line *line = &ls->line[i];

		if (line->session && !line->busy && hand_to(ls, line, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the loop ---- */

static void poll_lines(struct lines *ls)
{
	struct session *sessions[LINES_MAX];
	int ms = POLL_MS;
	size_t n = 0;

	for (unsigned i = 0; i < LINES_MAX; i++) {
		if (!ls->line[i].busy)
			continue;
		sessions[n++] = ls->line[i].session;
		ms = lane_wait_ms(&ls->line[i].lane, ms);
	}
	if (session_poll(sessions, n + half_open(ls, sessions + n, LINES_MAX - n), ms, &ls->stop) ==
	    0) {
		if (!ls->stopping && compress_watch(ls->t, &ls->watch, sessions, n)) {
			ls->slow = true;
			stop_all(ls);
		}
		return;
	}
	stop_all(ls);
	if (ls->give_up_ms == 0)
		ls->give_up_ms = time_monotonic_ms() + STOP_GRACE_MS;
}

/* A stop signal lets what has been sent be answered first, but not for ever. */
static int abandon(struct lines *ls, struct err *err)
{
	for (unsigned i = 0; i < LINES_MAX; i++) {
		struct upload_line *line = &ls->line[i];

		if (!line->busy)
			continue;
		hang_up(ls, line);
		if (finish(ls, line, err) < 0)
			return -1;
	}
	return 0;
}

static bool any_busy(const struct lines *ls)
{
	for (unsigned i = 0; i < LINES_MAX; i++)
		if (ls->line[i].busy)
			return true;
	return false;
}

static int loop(struct lines *ls, struct err *err)
{
	for (;;) {
		if (hand_out(ls, err) < 0)
			return -1;
		for (unsigned i = 0; i < LINES_MAX; i++) {
			if (ls->line[i].opening)
				go_on_opening(ls, &ls->line[i]);
			if (ls->line[i].busy && work(ls, &ls->line[i], err) < 0)
				return -1;
		}
		if (ls->books.rest_ms > 0 && !ls->stopping) {
			ls->rest_ms = ls->books.rest_ms;
			ls->rest_reason = ls->books.rest_reason;
			stop_all(ls);
		}
		if (ls->broken) {
			*err = ls->breakage;
			return -1;
		}
		if (any_busy(ls)) {
			if (ls->give_up_ms != 0 && time_monotonic_ms() >= ls->give_up_ms)
				return abandon(ls, err);
			poll_lines(ls);
		} else if (ls->no_more || ls->stopping || ls->n == 0) {
			return 0;
		}
	}
}

static void release(struct lines *ls)
{
	if (ls->books.in_transaction)
		journal_rollback(ls->t->journal);
	ls->books.in_transaction = false;
	arena_release(&ls->ready.arena);
	for (unsigned i = 0; i < LINES_MAX; i++) {
		struct upload_line *line = &ls->line[i];
		struct opening *opening = line->opening;

		line->opening = NULL;
		session_open_abandon(opening);
		if (line->busy)
			lane_release(&line->lane);
		line->busy = false;
		if (line->session)
			session_accompany(line->session, NULL);
		/* The first that is left becomes the session of the steps behind this one. */
		if (line->session && !ls->t->session) {
			ls->t->session = line->session;
			line->session = NULL;
		}
		session_leave(line->session);
	}
	for (unsigned i = 0; i < LINES_MAX; i++) {
		session_close(ls->line[i].session);
		ls->line[i].session = NULL;
	}
}

int lines_run(struct lines *ls, struct err *err)
{
	struct transfer *t = ls->t;

	ls->books = (struct books){ .t = t, .gate = ls->gate };
	ls->ready.arena = (struct arena)ARENA_INIT(NAME_ARENA_MAX);
	ls->company = (struct session_company){ work_beside, ls };
	ls->line[0].session = t->session;
	session_accompany(t->session, &ls->company);
	ls->n = 1;
	ls->most = ls->careful || ls->most == 0 ? 1 : ls->most;
	if (ls->most > LINES_MAX)
		ls->most = LINES_MAX;
	ls->wanted = ls->most < LINES_AT_FIRST ? ls->most : LINES_AT_FIRST;
	ls->quiet_ms = time_monotonic_ms();
	rate_begin(&t->rate, ls->quiet_ms);
	t->session = NULL;
	int result = loop(ls, err);

	release(ls);
	if (result == 0 && ls->stop.code != ERR_NONE && !(ls->lost && !ls->recoverable)) {
		*err = ls->stop;
		return -1;
	}
	if (result == 0 && ls->lost && !ls->recoverable) {
		*err = ls->loss;
		return -1;
	}
	return result;
}

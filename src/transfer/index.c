/*
 * From the server into the journal: one row for each message of the account.
 *
 * A folder costs one STATUS when nothing has changed in it: all of them come with LIST
 * (RFC 5819), or are asked for many at a time. What has to be read of the others
 * reading.c knows; they are read over several connections (indexing.c), and beside the
 * sources: the server works in a process of its own, and what it says is taken between
 * two local messages.
 */
#include <stdlib.h>

#include "base/stop.h"
#include "match/uidl.h"
#include "transfer/compress.h"
#include "transfer/indexing.h"

_Static_assert(FOLDER_NOSELECT == ATTR_NOSELECT && FOLDER_NOINFERIORS == ATTR_NOINFERIORS,
	       "plan/ reads the attributes that are stored here");

#define LIST_ARENA_MAX	(256u << 20) /* names of all folders of an account: 100,000 and more */
#define NAME_ARENA_MAX	(1u << 20)
#define FOLDERS_MAX	200000 /* twice as many as session_list() delivers */
#define ROWS_PER_COMMIT 20000
#define PUMP_MS		5     /* between two looks at the lines */
#define IDLE_MS		60000 /* servers and routers forget those who are silent for longer */
#define ROWS_FOLDER	500

/* ---- one folder ---- */

static int read_to_end(struct reading *rd, struct err *err)
{
	struct session *const one[] = { rd->rows.t->session };

	for (;;) {
		int got = reading_go_on(rd, ROWS_FOLDER, err);

		if (got <= 0)
			return got;
		progress_update(rd->rows.t->progress, buf_cstr(&rd->rows.phase), rd->rows.count,
				rd->folder->messages, 0);
		if (got == 2 ? session_index_wait(one, 1, err) < 0 : stop_check(err) < 0)
			return -1;
	}
}

static int index_once(struct transfer *t, struct remote_folder *f, struct err *err)
{
	CLEANUP(reading_release) struct reading rd;

	if (journal_begin(t->journal, err) < 0)
		return -1;
	int got = reading_begin(&rd, t, f, NULL, false, err);

	if (got > 0)
		got = read_to_end(&rd, err);
	if (got < 0) {
		journal_rollback(t->journal);
		return transfer_folder_shut(err) ? 0 : -1;
	}
	return journal_commit(t->journal, err) < 0 ? -1 : 1;
}

int index_folder(struct transfer *t, struct remote_folder *f, struct err *err)
{
	for (int attempt = 0;; attempt++) {
		struct err cause = ERR_INIT;
		int got = index_once(t, f, &cause);

		if (got > 0)
			return got;
		/* Messages were expunged while it was read: what is left can be read. */
		if (got < 0 && cause.code == ERR_REFUSED && cause.retry == RETRY_NOW &&
		    attempt < EXPUNGED_TRIES)
			continue;
		*err = cause;
		return got;
	}
}

/* ---- the folders of the account ---- */

static int remember(struct indexing *ix, const struct remote_folder *f,
		    const struct folder_status *status, struct err *err)
{
	const struct known_folder known = { .id = f->id, .status = *status, .role = f->role };

	buf_add(&ix->known, &known, sizeof(known));
	return buf_ok(&ix->known, "the list of folders", err);
}

static int by_id(const void *a, const void *b)
{
	const struct known_folder *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* The longest work first: who begins with it last waits for it alone. All mail waits for the others
 * anyway. */
static int by_work(const void *a, const void *b)
{
	const struct known_folder *x = a, *y = b;

	if ((x->role == ROLE_ALL) != (y->role == ROLE_ALL))
		return x->role == ROLE_ALL ? 1 : -1;
	if (x->to_come != y->to_come)
		return x->to_come > y->to_come ? -1 : 1;
	return by_id(a, b);
}

/* A server may list a folder twice. */
static void forget_doubles(struct indexing *ix)
{
	size_t n = 0;

	if (indexing_count(ix) == 0)
		return;
	qsort(ix->known.ptr, indexing_count(ix), sizeof(struct known_folder), by_id);
	for (size_t i = 1; i < indexing_count(ix); i++)
		if (indexing_folder(ix, i)->id != indexing_folder(ix, n)->id)
			*indexing_folder(ix, ++n) = *indexing_folder(ix, i);
	ix->known.len = (n + 1) * sizeof(struct known_folder);
}

static int put_folders(struct indexing *ix, const struct listed_folder *list, size_t n,
		       struct err *err)
{
	struct transfer *t = ix->t;

	if (journal_folders_begin(t->journal, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct remote_folder f = {
			.wire_name = list[i].wire_name,
			.name = list[i].name,
			.separator = list[i].separator,
			.attributes = list[i].attributes,
			.role = list[i].role,
		};

		if (journal_folder_put(t->journal, &f, err) < 0 ||
		    remember(ix, &f, &list[i].status, err) < 0)
			return -1;
	}
	forget_doubles(ix);
	return journal_folders_end(t->journal, err);
}

static int list_account(struct indexing *ix, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(LIST_ARENA_MAX);
	struct transfer *t = ix->t;
	struct listed_folder *list;
	size_t n;

	buf_reset(&ix->known);
	if (session_list(t->session, &a, &list, &n, err) < 0)
		return -1;
	if (journal_begin(t->journal, err) < 0)
		return -1;
	if (put_folders(ix, list, n, err) < 0) {
		journal_rollback(t->journal);
		return -1;
	}
	return journal_commit(t->journal, err);
}

/* A step failed for the attempt-th time: 0 when it can be tried again over a new connection. */
static int connect_again(struct transfer *t, uint32_t attempt, const struct err *cause,
			 struct err *err)
{
	if (!transfer_line_lost(cause) || attempt >= transfer_tries(t, cause)) {
		*err = *cause;
		return -1;
	}
	if (transfer_pause_for(t, cause, attempt, err) < 0)
		return -1;
	transfer_disconnect(t);
	if (transfer_connect(t, err) < 0)
		return -1;
	t->tally.reconnects++;
	return 0;
}

static int list_patiently(struct indexing *ix, struct err *err)
{
	struct err cause = ERR_INIT;

	for (uint32_t attempt = 0; list_account(ix, &cause) < 0; attempt++)
		if (connect_again(ix->t, attempt, &cause, err) < 0)
			return -1;
	return 0;
}

/* Is the i-th folder's status still to be asked for? 1, 0, -1. */
static int status_wanted(const struct indexing *ix, size_t i, struct arena *a,
			 struct remote_folder *f, struct err *err)
{
	const struct known_folder *known = indexing_folder(ix, i);

	if (known->status.uidvalidity != 0)
		return 0;
	int got = journal_folder_get(ix->t->journal, known->id, a, f, err);

	return got <= 0 ? got : !(f->attributes & ATTR_NOSELECT);
}

/* Announce the STATUS of the folders from `*next` on that are not known. */
static int announce_statuses(struct indexing *ix, size_t *next, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(NAME_ARENA_MAX);
	struct remote_folder f;
	int got;

	while (*next < indexing_count(ix) && session_ahead_room(ix->t->session) > 0) {
		arena_reset(&a);
		got = status_wanted(ix, *next, &a, &f, err);
		if (got > 0)
			got = session_status_ahead(ix->t->session, f.wire_name, err);
		if (got < 0)
			return -1;
		++*next;
	}
	return 0;
}

/* Where LIST has not told them: the STATUS of all folders, many at a time. A folder that refuses is
 * asked once more in its turn, and then told of. */
static int ask_statuses(struct indexing *ix, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(NAME_ARENA_MAX);
	struct folder_status status;
	struct remote_folder f;
	size_t announced = 0;

	for (size_t i = 0; i < indexing_count(ix); i++) {
		if (announced <= i)
			announced = i;
		if (stop_check(err) < 0 || announce_statuses(ix, &announced, err) < 0)
			return -1;
		arena_reset(&a);
		int got = status_wanted(ix, i, &a, &f, err);

		if (got < 0)
			return -1;
		if (got == 0)
			continue;
		if (session_status(ix->t->session, f.wire_name, &status, err) == 0)
			indexing_folder(ix, i)->status = status;
		else if (!transfer_folder_shut(err))
			return -1;
	}
	return 0;
}

/* A lost line is no matter here: what is not known is asked for later, folder by folder. */
static int ask_statuses_patiently(struct indexing *ix, struct err *err)
{
	struct err cause = ERR_INIT;

	if (ask_statuses(ix, &cause) == 0)
		return 0;
	ix->one_by_one = true;
	return connect_again(ix->t, 0, &cause, err);
}

/* Let go of the folder that was examined last. A line that is lost only now costs nothing: whoever
 * needs it connects again. */
static int leave_folders(struct transfer *t, struct err *err)
{
	struct err cause = ERR_INIT;

	if (session_unselect(t->session, &cause) == 0 || transfer_line_lost(&cause))
		return 0;
	*err = cause;
	return -1;
}

/* About so many messages have to be asked for in each folder, and in all. */
static int estimate(struct indexing *ix, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(NAME_ARENA_MAX);
	struct remote_folder f;

	for (size_t i = 0; i < indexing_count(ix); i++) {
		struct known_folder *known = indexing_folder(ix, i);
		const struct folder_status *now = &known->status;

		arena_reset(&a);
		if (now->messages == 0)
			continue;
		if (journal_folder_get(ix->t->journal, known->id, &a, &f, err) < 0)
			return -1;
		known->to_come = now->messages;
		if (f.uidvalidity == now->uidvalidity && now->messages >= f.messages)
			known->to_come -= f.messages;
		ix->rows_to_come += known->to_come;
	}
	if (indexing_count(ix) > 0)
		qsort(ix->known.ptr, indexing_count(ix), sizeof(struct known_folder), by_work);
	return journal_remote_load(ix->t->journal, ix->rows_to_come, err);
}

/* The server may be far, and have a lot to tell. */
static int mind_line(struct indexing *ix, struct err *err)
{
	struct err cause = ERR_INIT;

	if (compress_for_index(ix->t, ix->rows_to_come, &cause) == 0)
		return 0;
	return connect_again(ix->t, 0, &cause, err);
}

/* ---- reading them ---- */

static int commit_sometimes(struct indexing *ix, bool now, struct err *err)
{
	if (!now && ix->uncommitted < ROWS_PER_COMMIT)
		return 0;
	ix->uncommitted = 0;
	if (journal_commit(ix->t->journal, err) < 0)
		return -1;
	return journal_begin(ix->t->journal, err);
}

/* All lines are lost. */
static int reconnect(struct indexing *ix, struct err *err)
{
	if (commit_sometimes(ix, true, err) < 0)
		return -1;
	if (ix->lost &&
	    connect_again(ix->t, ix->attempt > 0 ? ix->attempt - 1 : 0, &ix->loss, err) < 0)
		return -1;
	if (transfer_connect(ix->t, err) < 0)
		return -1;
	indexing_start(ix);
	return 0;
}

/* Within a transaction. */
static int read_all(struct indexing *ix, struct err *err)
{
	while (!indexing_is_complete(ix)) {
		if (stop_check(err) < 0 || commit_sometimes(ix, false, err) < 0)
			return -1;
		if (ix->n == 0 && reconnect(ix, err) < 0)
			return -1;
		indexing_grow(ix);
		int got = indexing_round(ix, err);

		if (got < 0 || (got == 2 && indexing_wait(ix, err) < 0))
			return -1;
	}
	return 0;
}

static int read_rest(struct indexing *ix, struct err *err)
{
	struct transfer *t = ix->t;

	if (journal_begin(t->journal, err) < 0)
		return -1;
	if (read_all(ix, err) < 0) {
		journal_rollback(t->journal);
		return -1;
	}
	return journal_commit(t->journal, err);
}

/* Nothing has been said for a long time, because the sources took it. */
static void forget_idle_lines(struct indexing *ix)
{
	if (time_monotonic_ms() - ix->last_ms < IDLE_MS)
		return;
	indexing_stop(ix);
	transfer_disconnect(ix->t);
}

/* ---- the account ---- */

static int prepare(struct indexing *ix, struct err *err)
{
	struct transfer *t = ix->t;

	if (t->no_uidl && match_uidl_distrust(t->journal, err) < 0)
		return -1;
	if (transfer_connect(t, err) < 0 || list_patiently(ix, err) < 0 ||
	    ask_statuses_patiently(ix, err) < 0 || estimate(ix, err) < 0 || mind_line(ix, err) < 0)
		return -1;
	indexing_start(ix);
	ix->last_ms = time_monotonic_ms();
	return 0;
}

int index_begin(struct transfer *t, struct indexing **out, struct err *err)
{
	struct indexing *ix = calloc(1, sizeof(*ix));

	if (!ix)
		return err_nomem(err);
	ix->t = t;
	buf_init(&ix->known, FOLDERS_MAX * sizeof(struct known_folder));
	if (prepare(ix, err) < 0) {
		index_free(ix);
		return -1;
	}
	ix->beside = true;
	*out = ix;
	return 0;
}

int index_pump(struct indexing *ix, struct err *err)
{
	int64_t now = time_monotonic_ms();

	if (ix->n == 0 || now - ix->pumped_ms < PUMP_MS)
		return 0;
	int got = indexing_round(ix, err);

	ix->uncommitted = 0; /* the caller's commits */
	ix->pumped_ms = time_monotonic_ms();
	return got < 0 ? -1 : 0;
}

int index_finish(struct indexing *ix, struct err *err)
{
	struct transfer *t = ix->t;

	ix->beside = false;
	indexing_watch(ix);
	forget_idle_lines(ix);
	if (read_rest(ix, err) < 0 || journal_remote_loaded(t->journal, err) < 0)
		return -1;
	indexing_stop(ix);
	return transfer_connect(t, err) < 0 ? -1 : leave_folders(t, err);
}

void index_free(struct indexing *ix)
{
	if (!ix)
		return;
	indexing_stop(ix);
	buf_release(&ix->known);
	free(ix);
}

int index_account(struct transfer *t, struct err *err)
{
	struct indexing *ix;

	if (index_begin(t, &ix, err) < 0)
		return -1;
	int result = index_finish(ix, err);

	index_free(ix);
	return result;
}

/*
 * One lane after the other, folder by folder. When the line is lost, what is in
 * doubt is recovered before anything is sent again. A message on which the server
 * hangs up is found by going on one message at a time, and then left out.
 */
#include "base/fault.h"
#include "base/stop.h"
#include "transfer/lane.h"

#define POLL_MS	       500
#define STOP_GRACE_MS  15000 /* after a signal: for the answers to what has been sent */
#define CAREFUL_AFTER  2     /* losses in a row */
#define CONDEMN_AFTER  2     /* losses with nothing but this message on its way */
#define FAIL_PAGE      200
#define PAGE_ARENA_MAX (8u << 20)
#define NAME_ARENA_MAX (1u << 20)

struct uploading {
	struct transfer *t;
	struct transfer_options limits;
	uint64_t total;
	uint32_t losses; /* in a row */
	uint64_t uploaded_at_loss;
	int64_t suspect; /* upload that was alone on its way when the line was lost */
	uint32_t suspicions;
};

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

static int fail_folder(struct transfer *t, const struct remote_folder *f, const char *reason,
		       struct err *err)
{
	progress_note(t->progress, "'%s': the server refuses this folder, nothing goes there: %s",
		      f->name, reason);
	if (transfer_notice(t, 0, "folder-refused", 1, f->name, reason, err) < 0 ||
	    journal_begin(t->journal, err) < 0)
		return -1;
	if (fail_uploads(t, f->id, reason, err) < 0) {
		journal_rollback(t->journal);
		return -1;
	}
	return journal_commit(t->journal, err);
}

/* ---- a lane to its end ---- */

/* How long to wait for something to move. */
static int poll_ms(const struct lane *l)
{
	int64_t left = l->pause_until_ms - time_monotonic_ms();

	if (l->pause_until_ms == 0 || left <= 0 || left >= POLL_MS)
		return POLL_MS;
	return (int)left;
}

/* 0: all answered; -1. A stop signal lets what has been sent be answered first. */
static int drive(struct lane *l, struct err *err)
{
	struct transfer *t = l->t;
	struct err stop = ERR_INIT;
	int64_t give_up = 0;
	int got;

	while ((got = lane_work(l, err)) > 0) {
		struct session *const sessions[] = { t->session };

		if (session_poll(sessions, 1, poll_ms(l), &stop) == 0)
			continue;
		lane_stop(l);
		if (give_up == 0)
			give_up = time_monotonic_ms() + STOP_GRACE_MS;
		if (time_monotonic_ms() < give_up)
			continue;
		transfer_disconnect(t);
		break;
	}
	if (got < 0)
		return -1;
	if (stop.code != ERR_NONE) {
		*err = stop;
		return -1;
	}
	if (l->failed) {
		*err = l->fatal;
		return -1;
	}
	return 0;
}

static bool is_line_lost(const struct transfer *t, const struct err *err)
{
	return transfer_line_lost(err) || (t->session && session_is_dead(t->session));
}

/* What the lane knows goes to the journal, whatever has happened. */
static int settle(struct lane *l, int result, struct err *err)
{
	struct err second = ERR_INIT;

	if (lane_settle(l, result < 0 ? &second : err) < 0)
		return -1;
	return result;
}

/* ---- losing the line ---- */

static void suspect(struct uploading *up, const struct lane *l)
{
	int64_t id = lane_suspect(l);

	up->suspicions = id != 0 && id == up->suspect ? up->suspicions + 1 : 1;
	up->suspect = id;
}

/* The line was lost for the reason in *cause: get it back, and find out what is stored. */
static int get_back(struct uploading *up, const struct err *cause, struct err *err)
{
	struct transfer *t = up->t;

	t->lost_at_ms = time_monotonic_ms();
	up->losses = t->tally.uploaded > up->uploaded_at_loss ? 1 : up->losses + 1;
	up->uploaded_at_loss = t->tally.uploaded;
	t->tally.reconnects++;
	if (up->losses > up->limits.retry_max) {
		*err = *cause;
		err->retry = RETRY_LATER;
		return -1;
	}
	progress_note(t->progress, "%s; connecting again", cause->text);
	transfer_disconnect(t);
	if (transfer_pause(t, transfer_backoff_ms(t, up->losses - 1), err) < 0)
		return -1;
	return recover(t, err);
}

/* ---- folders ---- */

/* 1: done; 0: the line was lost, *err tells why; -1. *id: the folder under which the journal has
 * the uploads now (target.c can make one of two). */
static int upload_once(struct uploading *up, const struct remote_folder *target, int64_t *id,
		       struct err *err)
{
	struct lane l;
	int result = lane_open(&l, up->t, target, up->losses >= CAREFUL_AFTER, up->total, err);

	if (up->suspicions >= CONDEMN_AFTER)
		l.condemned = up->suspect;
	if (result > 0)
		result = settle(&l, drive(&l, err), err) < 0 ? -1 : 1;
	else if (result == 0)
		result = fail_folder(up->t, &l.target, err->text, err) < 0 ? -1 : 1;
	if (result > 0 && l.folder_refused)
		result = fail_folder(up->t, &l.target, l.folder_reason, err) < 0 ? -1 : 1;
	if (result < 0 && is_line_lost(up->t, err)) {
		suspect(up, &l);
		result = 0;
	} else if (result < 0 && l.writing) {
		transfer_disconnect(
			up->t); /* in the middle of an APPEND: it must not be completed */
	}
	*id = l.target.id;
	lane_release(&l);
	return result;
}

static int upload_folder(struct uploading *up, struct remote_folder *target, struct arena *a,
			 struct err *err)
{
	for (;;) {
		struct err cause = ERR_INIT;
		int64_t id;

		if (transfer_connect(up->t, err) < 0)
			return -1;
		int result = upload_once(up, target, &id, &cause);

		if (result > 0) {
			up->losses = 0;
			return 0;
		}
		if (result < 0) {
			*err = cause;
			return -1;
		}
		if (get_back(up, &cause, err) < 0)
			return -1;
		/* It may have been made, or renamed, or become one with another, meanwhile. */
		if (id != 0 && journal_folder_get(up->t->journal, id, a, target, err) < 0)
			return -1;
	}
}

static int upload_folders(struct uploading *up, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(NAME_ARENA_MAX);
	struct transfer *t = up->t;
	struct remote_folder target;
	int64_t after = 0;
	int got;

	for (;;) {
		arena_reset(&a);
		got = journal_target_next(t->journal, t->run, after, &a, &target, err);
		if (got <= 0)
			return got;
		after = target.id;
		if (stop_check(err) < 0 || upload_folder(up, &target, &a, err) < 0)
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
	result = upload_folders(&up, err);
	if (result == 0)
		result = make_empty_folders(t, err);
	if (refused_keep_rest(t, result < 0 ? &second : err) < 0)
		return -1;
	return result;
}

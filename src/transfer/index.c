/*
 * From the server into the journal: one row for each message of the account.
 *
 * A folder costs one STATUS when nothing has changed in it: all of them come with LIST
 * (RFC 5819), or are asked for many at a time. What the folders that have changed will
 * be asked is said ahead, too, so that their number costs no round trips. New messages alone
 * are fetched from the old UIDNEXT on; if the numbers then do not add up,
 * something was expunged and the folder is read as a whole. Flags change without
 * any of these numbers: a server with CONDSTORE tells whose have changed, of others
 * all flags are read again, once in a run. Each folder is one transaction, so an
 * interrupted index is an old index, never half a new one. Of INBOX, UIDLs can spare us
 * the headers (rows_uidl.c).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/stop.h"
#include "base/text.h"
#include "match/uidl.h"
#include "message/keys.h"
#include "transfer/compress.h"
#include "transfer/internal.h"
#include "transfer/rows.h"

_Static_assert(FOLDER_NOSELECT == ATTR_NOSELECT && FOLDER_NOINFERIORS == ATTR_NOINFERIORS,
	       "plan/ reads the attributes that are stored here");

#define LIST_ARENA_MAX (256u << 20) /* names of all folders of an account: 100,000 and more */
#define EXPUNGED_TRIES 5	    /* a folder that others are clearing up */

/* ---- rows ---- */

/* Fetch and keep all rows from UID `first` on. */
static int put_rows(struct rows *r, uint32_t first, struct err *err)
{
	bool by_uidl = false;

	r->count = 0;
	r->last_uid = 0;
	if (r->by_uidl && rows_uidl_promising(r, first, &by_uidl, err) < 0)
		return -1;
	if (by_uidl)
		return rows_take_by_uidl(r, first, err);
	if (session_index_start(r->t->session, first, err) < 0)
		return -1;
	return rows_take(r, err);
}

/* ---- flags ---- */

/* 0; 1: refused, *err tells; -1. */
static int put_flags(struct rows *r, uint64_t since, struct err *err)
{
	struct index_row row;
	uint64_t count = 0;
	int got;

	if (session_flags_start(r->t->session, since, err) < 0)
		return -1;
	for (;;) {
		if (count++ % ROWS_PER_UPDATE == 0 && stop_check(err) < 0)
			return -1;
		arena_reset(&r->arena);
		got = session_index_next(r->t->session, &r->arena, &row, err);
		if (got < 0)
			return err->code == ERR_REFUSED && err->retry == RETRY_NEVER ? 1 : -1;
		if (got == 0)
			return 0;
		rows_join_keywords(&r->keywords, &row.flags);
		if (journal_remote_flags(r->t->journal, r->folder->id, row.uid, row.flags.system,
					 r->keywords.len > 0 ? buf_cstr(&r->keywords) : NULL,
					 err) < 0)
			return -1;
	}
}

/* The flags of what is in the index already. */
static int refresh_flags(struct rows *r, const struct folder_status *now, struct err *err)
{
	uint64_t known = r->folder->highestmodseq;
	bool told = known > 0 && now->highestmodseq >= known;
	int got;

	if (now->highestmodseq == 0 && !r->all_flags)
		return 0;
	if (told && now->highestmodseq == known)
		return 0;
	got = put_flags(r, told ? known : 0, err);
	if (got > 0 && told) /* CONDSTORE in the list, but not in this folder (NOMODSEQ) */
		got = put_flags(r, 0, err);
	return got == 0 ? 0 : -1;
}

/* ---- a folder ---- */

/* Nothing came, nothing went. */
static bool same_messages(const struct remote_folder *f, const struct folder_status *now)
{
	return f->uidvalidity != 0 && f->uidvalidity == now->uidvalidity && f->uidnext != 0 &&
	       f->uidnext == now->uidnext && f->messages == now->messages;
}

static bool unchanged(const struct remote_folder *f, const struct folder_status *now,
		      bool all_flags)
{
	if (!same_messages(f, now))
		return false;
	if (f->messages == 0)
		return true;
	if (now->highestmodseq == 0)
		return !all_flags;
	return f->highestmodseq == now->highestmodseq;
}

static int read_whole(struct rows *r, struct err *err)
{
	if (journal_remote_clear(r->t->journal, r->folder->id, err) < 0)
		return -1;
	return put_rows(r, 1, err);
}

/* Nothing has come or gone up to now, when the folder is open. */
static bool still_same(const struct remote_folder *f, const struct folder_status *status,
		       const struct selected *sel)
{
	return same_messages(f, status) && sel->messages == f->messages &&
	       (sel->uidnext == 0 || sel->uidnext == f->uidnext);
}

/* Within a transaction: the rows of the folder, which is open, become those of the server. */
static int read_changes(struct rows *r, const struct folder_status *status,
			const struct selected *sel, uint32_t *messages, struct err *err)
{
	const struct remote_folder *f = r->folder;

	if (f->uidvalidity == sel->uidvalidity && f->uidnext != 0 && sel->messages >= f->messages) {
		if (!still_same(f, status, sel) && put_rows(r, f->uidnext, err) < 0)
			return -1;
		if (f->messages + r->count == sel->messages) {
			*messages = sel->messages;
			return refresh_flags(r, status, err);
		}
	}
	if (read_whole(r, err) < 0)
		return -1;
	*messages = (uint32_t)r->count;
	return 0;
}

static int read_folder(struct rows *r, struct remote_folder *f, const struct folder_status *status,
		       const struct selected *sel, struct err *err)
{
	struct remote_folder now = *f;

	now.uidvalidity = r->uidvalidity = sel->uidvalidity;
	now.highestmodseq = status->highestmodseq;
	if (read_changes(r, status, sel, &now.messages, err) < 0)
		return -1;
	now.uidnext = status->uidvalidity == sel->uidvalidity ? status->uidnext : 0;
	if (now.uidnext < sel->uidnext)
		now.uidnext = sel->uidnext;
	if (now.uidnext <= r->last_uid)
		now.uidnext = r->last_uid + 1;
	if (journal_folder_indexed(r->t->journal, f->id, now.uidvalidity, now.uidnext, now.messages,
				   now.highestmodseq, err) < 0)
		return -1;
	r->t->tally.remote_new += r->count;
	*f = now;
	return 0;
}

/* `known`: what STATUS has told already, or NULL. */
static int index_once(struct transfer *t, struct remote_folder *f,
		      const struct folder_status *known, bool all_flags, struct err *err)
{
	CLEANUP(rows_release)
	struct rows r = {
		.t = t,
		.folder = f,
		.all_flags = all_flags,
		/* once in a run: later it is our own uploads that must be told by their headers */
		.by_uidl = all_flags && !t->no_uidl && f->role == ROLE_INBOX,
		.arena = ARENA_INIT(ROW_ARENA_MAX),
		.keywords = BUF_INIT(KEYWORDS_TEXT_MAX),
		.phase = BUF_INIT(1024),
	};
	struct folder_status status;
	struct selected sel;

	if (known)
		status = *known;
	else if (session_status(t->session, f->wire_name, &status, err) < 0)
		return transfer_folder_shut(err) ? 0 : -1;
	if (unchanged(f, &status, all_flags))
		return 1;
	if (session_examine(t->session, f->wire_name, &sel, err) < 0)
		return transfer_folder_shut(err) ? 0 : -1;
	r.keyer = keyer_new(err);
	if (!r.keyer)
		return -1;
	buf_adds(&r.phase, "reading '");
	text_add_safe(&r.phase, slice_str(f->name), 60);
	buf_adds(&r.phase, "' on the server");
	if (!buf_cstr(&r.phase))
		return buf_ok(&r.phase, "folder name", err);
	if (journal_begin(t->journal, err) < 0)
		return -1;
	if (read_folder(&r, f, &status, &sel, err) < 0) {
		journal_rollback(t->journal);
		return transfer_folder_shut(err) ? 0 : -1;
	}
	if (journal_commit(t->journal, err) < 0)
		return -1;
	return 1;
}

static int index_settled(struct transfer *t, struct remote_folder *f,
			 const struct folder_status *known, bool all_flags, struct err *err)
{
	for (int attempt = 0;; attempt++) {
		struct err cause = ERR_INIT;
		int got = index_once(t, f, attempt == 0 ? known : NULL, all_flags, &cause);

		if (got > 0)
			return got;
		/* Messages were expunged while it was read: what is left can be read. Or what was
		 * asked ahead was not what had to be asked. */
		if (got < 0 && cause.code == ERR_REFUSED && cause.retry == RETRY_NOW &&
		    attempt < EXPUNGED_TRIES)
			continue;
		*err = cause;
		return got;
	}
}

int index_folder(struct transfer *t, struct remote_folder *f, struct err *err)
{
	return index_settled(t, f, NULL, false, err);
}

/* ---- what is known before a folder is opened ---- */

/* The index of a whole account in the making. */
struct indexing {
	struct transfer *t;
	struct buf known; /* struct known_status, in the order of their ids */
	int64_t scouted;  /* the last folder whose questions were asked ahead, or need not be */
	bool one_by_one;  /* nothing is asked ahead: the line was lost, perhaps because of that */
};

struct known_status {
	int64_t folder;
	struct folder_status status; /* uidvalidity 0: not known */
};
#define FOLDERS_MAX 200000 /* twice as many as session_list() delivers */

static void indexing_release(struct indexing *ix)
{
	buf_release(&ix->known);
}

static size_t n_known(const struct indexing *ix)
{
	return ix->known.len / sizeof(struct known_status);
}

static struct known_status *known_at(const struct indexing *ix, size_t i)
{
	return (struct known_status *)(void *)ix->known.ptr + i;
}

static int by_folder(const void *a, const void *b)
{
	const struct known_status *x = a, *y = b;

	return (x->folder > y->folder) - (x->folder < y->folder);
}

static int remember_status(struct indexing *ix, int64_t folder, const struct folder_status *status,
			   struct err *err)
{
	const struct known_status known = { folder, *status };

	buf_add(&ix->known, &known, sizeof(known));
	return buf_ok(&ix->known, "the list of folders", err);
}

static struct known_status *find_known(const struct indexing *ix, int64_t folder)
{
	const struct known_status key = { .folder = folder };

	return n_known(ix) == 0 ? NULL
				: bsearch(&key, ix->known.ptr, n_known(ix), sizeof(key), by_folder);
}

/* NULL: it has to be asked for. */
static const struct folder_status *status_of(const struct indexing *ix, int64_t folder)
{
	const struct known_status *known = find_known(ix, folder);

	return known && known->status.uidvalidity != 0 ? &known->status : NULL;
}

/* ---- asking ahead ---- */

static bool reads_whole(const struct remote_folder *f, const struct folder_status *now)
{
	return f->uidvalidity != now->uidvalidity || f->uidnext == 0 || now->messages < f->messages;
}

static bool flags_same(const struct remote_folder *f, const struct folder_status *now)
{
	return f->highestmodseq > 0 && now->highestmodseq == f->highestmodseq;
}

/* New messages and changed flags: two FETCH on their way at once would be answered as one by
 * servers that work on both (Dovecot), and flags be taken for rows. These wait for their turn. */
static bool asks_twice(const struct remote_folder *f, const struct folder_status *now)
{
	return now->messages > 0 && !reads_whole(f, now) && !same_messages(f, now) &&
	       !flags_same(f, now);
}

/* What read_changes() is going to ask, if nothing happens in the folder until then. */
static int announce_rows(struct session *s, const struct remote_folder *f,
			 const struct folder_status *now, struct err *err)
{
	bool told = f->highestmodseq > 0 && now->highestmodseq >= f->highestmodseq;

	if (now->messages == 0)
		return 0;
	if (reads_whole(f, now))
		return session_index_ahead(s, 1, err);
	if (!same_messages(f, now))
		return session_index_ahead(s, f->uidnext, err);
	return flags_same(f, now) ? 0 : session_flags_ahead(s, told ? f->highestmodseq : 0, err);
}

/* INBOX may be read by UIDLs, which asks other things. */
static int can_tell(struct transfer *t, const struct remote_folder *f,
		    const struct folder_status *now, bool *out, struct err *err)
{
	struct rows r = { .t = t, .folder = f, .uidvalidity = now->uidvalidity };
	bool by_uidl = false;

	if (f->role == ROLE_INBOX && !t->no_uidl &&
	    rows_uidl_promising(&r, f->uidvalidity == now->uidvalidity ? f->uidnext : 1, &by_uidl,
				err) < 0)
		return -1;
	*out = !by_uidl;
	return 0;
}

/* 1: the folder's questions have been asked ahead, or there are none; 0: nothing behind it can be
 * asked now; -1. */
static int announce_folder(struct indexing *ix, const struct remote_folder *f, struct err *err)
{
	const struct folder_status *now = status_of(ix, f->id);
	bool can = false;
	int got;

	if ((f->attributes & ATTR_NOSELECT) || (now && unchanged(f, now, true)))
		return 1;
	if (!now || asks_twice(f, now))
		return 0;
	if (can_tell(ix->t, f, now, &can, err) < 0)
		return -1;
	if (!can)
		return 0;
	got = session_examine_ahead(ix->t->session, f->wire_name, err);
	if (got <= 0)
		return got;
	return announce_rows(ix->t->session, f, now, err) < 0 ? -1 : 1;
}

#define ASKED_AT_MOST 2 /* questions that a folder has ahead */

/* Ask ahead what the folders behind the present one have to be asked, as far as there is room. */
static int scout(struct indexing *ix, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	struct remote_folder f;
	int got;

	while (!ix->one_by_one && session_ahead_room(ix->t->session) >= ASKED_AT_MOST) {
		arena_reset(&a);
		got = journal_folder_next(ix->t->journal, ix->scouted, &a, &f, err);
		if (got > 0)
			got = announce_folder(ix, &f, err);
		if (got <= 0)
			return got;
		ix->scouted = f.id;
	}
	return 0;
}

/* ---- the account ---- */

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
		    remember_status(ix, f.id, &list[i].status, err) < 0)
			return -1;
	}
	if (n_known(ix) > 0)
		qsort(ix->known.ptr, n_known(ix), sizeof(struct known_status), by_folder);
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

/* Nothing can be matched in it: the user has to know. */
static int note_blind(struct transfer *t, const struct remote_folder *f, const struct err *cause,
		      struct err *err)
{
	t->tally.folders_blind++;
	progress_note(t->progress,
		      "'%s' cannot be read on the server, nothing is compared with it: %s", f->name,
		      cause->text);
	return transfer_notice(t, 0, "folder-blind", 1, f->name, cause->text, err);
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
	const struct known_status *known = known_at(ix, i);

	if (known->status.uidvalidity != 0)
		return 0;
	int got = journal_folder_get(ix->t->journal, known->folder, a, f, err);

	return got <= 0 ? got : !(f->attributes & ATTR_NOSELECT);
}

/* Announce the STATUS of the folders from `*next` on that are not known. */
static int announce_statuses(struct indexing *ix, size_t *next, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	struct remote_folder f;
	int got;

	while (*next < n_known(ix) && session_ahead_room(ix->t->session) > 0) {
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
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	struct folder_status status;
	struct remote_folder f;
	size_t announced = 0;

	for (size_t i = 0; i < n_known(ix); i++) {
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
			known_at(ix, i)->status = status;
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

/* One folder, over new connections if the line is lost. */
static int index_patiently(struct indexing *ix, struct remote_folder *f, struct err *err)
{
	const struct folder_status *known = status_of(ix, f->id);
	struct transfer *t = ix->t;

	for (uint32_t attempt = 0;; attempt++) {
		struct err cause = ERR_INIT;
		int got = scout(ix, &cause);

		if (got == 0)
			got = index_settled(t, f, attempt == 0 ? known : NULL, true, &cause);
		if (got > 0)
			return 0;
		ix->one_by_one |= got < 0;
		if (got == 0)
			return note_blind(t, f, &cause, err);
		if (connect_again(t, attempt, &cause, err) < 0)
			return err_prefix(err, "'%s'", f->name);
	}
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

/* About so many messages have to be asked for. */
static int rows_to_come(const struct indexing *ix, uint64_t *out, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	struct remote_folder f;

	*out = 0;
	for (size_t i = 0; i < n_known(ix); i++) {
		const struct known_status *known = known_at(ix, i);
		const struct folder_status *now = &known->status;

		arena_reset(&a);
		if (now->messages == 0)
			continue;
		if (journal_folder_get(ix->t->journal, known->folder, &a, &f, err) < 0)
			return -1;
		if (f.uidvalidity != now->uidvalidity || now->messages < f.messages)
			*out += now->messages;
		else
			*out += now->messages - f.messages;
	}
	return 0;
}

/* The server may be far, and have a lot to tell. */
static int mind_line(struct indexing *ix, struct err *err)
{
	struct err cause = ERR_INIT;
	uint64_t rows;

	if (rows_to_come(ix, &rows, err) < 0 || journal_remote_load(ix->t->journal, rows, err) < 0)
		return -1;
	if (compress_for_index(ix->t, rows, &cause) == 0)
		return 0;
	return connect_again(ix->t, 0, &cause, err);
}

/* Every folder in its turn. */
static int index_folders(struct indexing *ix, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ROW_ARENA_MAX);
	struct remote_folder f;
	int64_t after = 0;
	int got;

	for (;;) {
		arena_reset(&a);
		got = journal_folder_next(ix->t->journal, after, &a, &f, err);
		if (got <= 0)
			return got;
		after = f.id;
		if (f.attributes & ATTR_NOSELECT)
			continue;
		if (stop_check(err) < 0 || index_patiently(ix, &f, err) < 0)
			return -1;
		if (ix->scouted < f.id)
			ix->scouted = f.id;
		ix->t->tally.remote_messages += f.messages;
	}
}

int index_account(struct transfer *t, struct err *err)
{
	CLEANUP(indexing_release)
	struct indexing ix = { .t = t,
			       .known = BUF_INIT(FOLDERS_MAX * sizeof(struct known_status)) };

	if (t->no_uidl && match_uidl_distrust(t->journal, err) < 0)
		return -1;
	if (transfer_connect(t, err) < 0 || list_patiently(&ix, err) < 0 ||
	    ask_statuses_patiently(&ix, err) < 0 || mind_line(&ix, err) < 0 ||
	    index_folders(&ix, err) < 0 || journal_remote_loaded(t->journal, err) < 0)
		return -1;
	return leave_folders(t, err);
}

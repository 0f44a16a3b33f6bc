/*
 * What of a folder has to be read. See reading.h.
 *
 * New messages alone are fetched from the old UIDNEXT on; if the numbers then do not
 * add up, something was expunged and the folder is read as a whole. Flags change
 * without any of these numbers: a server with CONDSTORE tells whose have changed, of
 * others all flags are read again, once in a run. Of INBOX, UIDLs can spare us the
 * headers (rows_uidl.c).
 *
 * Several folders share a transaction, which may be committed between any two rows.
 * So what is half-way must be told from what is complete: a folder that is read as a
 * whole is not indexed until it is, and rows from the old UIDNEXT on are dropped
 * before they are read.
 */
#include "transfer/reading.h"

#include "base/text.h"
#include "message/keys.h"

/* ---- what has happened in the folder ---- */

/* Nothing came, nothing went. */
static bool same_messages(const struct remote_folder *f, const struct folder_status *now)
{
	return f->uidvalidity != 0 && f->uidvalidity == now->uidvalidity && f->uidnext != 0 &&
	       f->uidnext == now->uidnext && f->messages == now->messages;
}

bool reading_needless(const struct remote_folder *f, const struct folder_status *now,
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

/* The server tells which flags have changed since we looked. */
static bool flags_told(const struct remote_folder *f, const struct folder_status *now)
{
	return f->highestmodseq > 0 && now->highestmodseq >= f->highestmodseq;
}

static bool flags_same(const struct remote_folder *f, const struct folder_status *now)
{
	return f->highestmodseq > 0 && now->highestmodseq == f->highestmodseq;
}

/* Nothing has come or gone up to now, when the folder is open. */
static bool still_same(const struct reading *rd)
{
	const struct remote_folder *f = rd->folder;

	return same_messages(f, &rd->status) && rd->sel.messages == f->messages &&
	       (rd->sel.uidnext == 0 || rd->sel.uidnext == f->uidnext);
}

/* ---- asking ahead ---- */

static bool reads_whole(const struct remote_folder *f, const struct folder_status *now)
{
	return f->uidvalidity != now->uidvalidity || f->uidnext == 0 || now->messages < f->messages;
}

/* New messages and changed flags: two FETCH on their way at once would be answered as one by
 * servers that work on both (Dovecot), and flags be taken for rows. These wait for their turn. */
static bool asks_twice(const struct remote_folder *f, const struct folder_status *now)
{
	return now->messages > 0 && !reads_whole(f, now) && !same_messages(f, now) &&
	       !flags_same(f, now);
}

/* INBOX may be read by UIDLs, which asks other things. */
int reading_foreseen(struct transfer *t, const struct session *s, const struct remote_folder *f,
		     const struct folder_status *now, struct err *err)
{
	struct rows r = { .t = t, .folder = f, .uidvalidity = now->uidvalidity };
	bool by_uidl = false;

	if (asks_twice(f, now))
		return 0;
	if (f->role == ROLE_INBOX && !t->no_uidl &&
	    rows_uidl_promising(&r, f->uidvalidity == now->uidvalidity ? f->uidnext : 1, &by_uidl,
				err) < 0)
		return -1;
	return !by_uidl && !rows_is_all_mail(s, f);
}

static int announce_rows(struct session *s, const struct remote_folder *f,
			 const struct folder_status *now, struct err *err)
{
	if (now->messages == 0)
		return 0;
	if (reads_whole(f, now))
		return session_index_ahead(s, 1, err);
	if (!same_messages(f, now))
		return session_index_ahead(s, f->uidnext, err);
	return flags_same(f, now)
		       ? 0
		       : session_flags_ahead(s, flags_told(f, now) ? f->highestmodseq : 0, err);
}

int reading_announce(struct session *s, const struct remote_folder *f,
		     const struct folder_status *now, struct err *err)
{
	int got = session_examine_ahead(s, f->wire_name, err);

	if (got <= 0)
		return got;
	return announce_rows(s, f, now, err) < 0 ? -1 : 1;
}

/* ---- the questions ---- */

/* Rows from UID `first` on. 1: they are on their way; 0: they are here; -1. */
static int ask_rows(struct reading *rd, uint32_t first, struct err *err)
{
	struct rows *r = &rd->rows;
	bool by_uidl = false;

	r->flags_only = false;
	r->count = 0;
	r->last_uid = 0;
	if (rd->by_uidl && rows_uidl_promising(r, first, &by_uidl, err) < 0)
		return -1;
	if (by_uidl)
		return rows_take_by_uidl(r, first, err);
	if (rows_is_all_mail(r->t->session, r->folder))
		return rows_take_all_mail(r, first, err);
	return session_index_start(r->t->session, first, err) < 0 ? -1 : 1;
}

static int ask_new(struct reading *rd, struct err *err)
{
	rd->step = READING_NEW;
	/* of an earlier process that was killed half-way */
	if (journal_remote_clear_from(rd->rows.t->journal, rd->folder->id, rd->folder->uidnext,
				      err) < 0)
		return -1;
	return ask_rows(rd, rd->folder->uidnext, err);
}

static int ask_whole(struct reading *rd, struct err *err)
{
	rd->step = READING_WHOLE;
	if (journal_remote_clear(rd->rows.t->journal, rd->folder->id, err) < 0)
		return -1;
	return ask_rows(rd, 1, err);
}

/* The flags of what is in the index already. 1: they are on their way; 0: they need not be; -1. */
static int ask_flags(struct reading *rd, bool told, struct err *err)
{
	rd->step = READING_FLAGS;
	rd->told = told;
	rd->rows.flags_only = true;
	if (rd->status.highestmodseq == 0 && !rd->all_flags)
		return 0;
	if (told && flags_same(rd->folder, &rd->status))
		return 0;
	return session_flags_start(rd->rows.t->session, told ? rd->folder->highestmodseq : 0, err) <
			       0
		       ? -1
		       : 1;
}

static int ask_first(struct reading *rd, struct err *err)
{
	const struct remote_folder *f = rd->folder;

	if (f->uidvalidity != rd->sel.uidvalidity || f->uidnext == 0 ||
	    rd->sel.messages < f->messages)
		return ask_whole(rd, err);
	if (!still_same(rd))
		return ask_new(rd, err);
	return ask_flags(rd, flags_told(f, &rd->status), err);
}

/* ---- the end ---- */

static int finish(struct reading *rd, struct err *err)
{
	const struct rows *r = &rd->rows;
	struct remote_folder now = *rd->folder;

	now.uidvalidity = rd->sel.uidvalidity;
	now.highestmodseq = rd->status.highestmodseq;
	now.messages = rd->step == READING_WHOLE ? (uint32_t)r->count : rd->sel.messages;
	now.uidnext = rd->status.uidvalidity == rd->sel.uidvalidity ? rd->status.uidnext : 0;
	if (now.uidnext < rd->sel.uidnext)
		now.uidnext = rd->sel.uidnext;
	if (now.uidnext <= r->last_uid)
		now.uidnext = r->last_uid + 1;
	if (journal_folder_indexed(r->t->journal, now.id, now.uidvalidity, now.uidnext,
				   now.messages, now.highestmodseq, err) < 0)
		return -1;
	r->t->tally.remote_new += r->count;
	*rd->folder = now;
	return 0;
}

/* The answer to the question at hand is here: 1 another one was asked, 0 that was all, -1. */
static int ask_next(struct reading *rd, struct err *err)
{
	const struct remote_folder *f = rd->folder;
	int got = 0;

	if (rd->step == READING_NEW && f->messages + rd->rows.count == rd->sel.messages)
		got = ask_flags(rd, flags_told(f, &rd->status), err);
	else if (rd->step == READING_NEW) /* something was expunged */
		got = ask_whole(rd, err);
	if (got != 0)
		return got;
	return finish(rd, err);
}

/* ---- the folder ---- */

static int describe(struct reading *rd, struct err *err)
{
	struct buf *phase = &rd->rows.phase;

	buf_adds(phase, "reading '");
	text_add_safe(phase, slice_str(rd->folder->name), 60);
	buf_adds(phase, "' on the server");
	return buf_cstr(phase) ? 0 : buf_ok(phase, "folder name", err);
}

/* `got` says what became of a question: 0: its answer is here. 1: something has to be waited for;
 * 0: that was all; -1. */
static int settle(struct reading *rd, int got, struct err *err)
{
	return got == 0 ? ask_next(rd, err) : got;
}

int reading_begin(struct reading *rd, struct transfer *t, struct remote_folder *f,
		  const struct folder_status *known, bool all_flags, struct err *err)
{
	*rd = (struct reading){
		.rows = { .t = t,
			  .folder = f,
			  .arena = ARENA_INIT(ROW_ARENA_MAX),
			  .keywords = BUF_INIT(KEYWORDS_TEXT_MAX),
			  .phase = BUF_INIT(1024) },
		.folder = f,
		.all_flags = all_flags,
		/* once in a run: later it is our own uploads that must be told by their headers */
		.by_uidl = all_flags && !t->no_uidl && f->role == ROLE_INBOX,
	};
	if (known)
		rd->status = *known;
	else if (session_status(t->session, f->wire_name, &rd->status, err) < 0)
		return -1;
	if (reading_needless(f, &rd->status, all_flags))
		return 0;
	t->tally.folders_read++;
	if (session_examine(t->session, f->wire_name, &rd->sel, err) < 0)
		return -1;
	rd->rows.uidvalidity = rd->sel.uidvalidity;
	rd->rows.keyer = keyer_new(err);
	if (!rd->rows.keyer || describe(rd, err) < 0)
		return -1;
	return settle(rd, ask_first(rd, err), err);
}

/* CONDSTORE in the list, but not in this folder (NOMODSEQ). */
static bool flags_refused(const struct reading *rd, const struct err *cause)
{
	return rd->step == READING_FLAGS && rd->told && cause->code == ERR_REFUSED &&
	       cause->retry == RETRY_NEVER;
}

int reading_go_on(struct reading *rd, unsigned most, struct err *err)
{
	struct err cause = ERR_INIT;
	int got = rows_take_some(&rd->rows, most, &cause);

	if (got > 0)
		return got;
	if (got == 0)
		return settle(rd, 0, err);
	if (flags_refused(rd, &cause))
		return settle(rd, ask_flags(rd, false, err), err);
	*err = cause;
	return -1;
}

int reading_give_up(struct reading *rd, struct err *err)
{
	struct journal *j = rd->rows.t->journal;

	if (!rd->rows.keyer) /* nothing has been put */
		return 0;
	if (rd->step == READING_WHOLE)
		return journal_remote_clear(j, rd->folder->id, err);
	return journal_remote_clear_from(j, rd->folder->id, rd->folder->uidnext, err);
}

uint32_t reading_left(const struct reading *rd)
{
	const struct remote_folder *f = rd->folder;
	uint32_t all = rd->sel.messages;

	if (rd->step == READING_NEW)
		all = all > f->messages ? all - f->messages : 0;
	return all > rd->rows.count ? all - (uint32_t)rd->rows.count : 0;
}

void reading_release(struct reading *rd)
{
	rows_release(&rd->rows);
}

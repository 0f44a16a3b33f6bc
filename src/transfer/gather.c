/*
 * From the sources into the journal. A store (folder of a source) whose
 * fingerprint the journal knows is not read again. Everything else is read
 * message by message and written in transactions of many items, because a commit
 * costs more than a message.
 *
 * The racy case: a file that was changed in the same clock tick as we read it
 * keeps its size and mtime although its content differs. So a fingerprint counts
 * only if what it was taken from had been quiet for two seconds; otherwise the
 * store is simply read again next time.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/stop.h"
#include "base/text.h"
#include "message/keys.h"
#include "journal/pop.h"
#include "message/scan.h"
#include "source/pop_state.h"
#include "transfer/internal.h"

#define ITEMS_PER_COMMIT   1000
#define ITEMS_PER_UPDATE   200	      /* how often progress is told */
#define FOLDER_ARENA_MAX   (1u << 20) /* one folder path, location, fingerprint */
#define MESSAGE_ARENA_MAX  (4u << 20) /* one message's texts: a header and its decoded form */
#define RACY_SECONDS	   2
#define SCAN_RULES_VERSION 2 /* raise when a scan gives other items for the same files */

struct gathering {
	struct transfer *t;
	struct indexing *beside; /* or NULL */
	struct scanner *scanner;
	struct arena folder_arena, message_arena, notice_arena;
	int64_t now;
	uint64_t in_transaction; /* items since the last commit */
	uint64_t bytes;
	char options[96];
};

static void gathering_release(struct gathering *g)
{
	scanner_free(g->scanner);
	arena_release(&g->folder_arena);
	arena_release(&g->message_arena);
	arena_release(&g->notice_arena);
}

static int gathering_init(struct gathering *g, struct transfer *t, struct err *err)
{
	const struct source_options *o = source_set_options(t->sources);

	*g = (struct gathering){
		.t = t,
		.folder_arena = ARENA_INIT(FOLDER_ARENA_MAX),
		.message_arena = ARENA_INIT(MESSAGE_ARENA_MAX),
		.notice_arena = ARENA_INIT(FOLDER_ARENA_MAX),
		.now = time_now(),
	};
	snprintf(g->options, sizeof(g->options), "deleted=%d outbox=%d feeds=%d scan=%d keys=%d",
		 o->include_deleted, o->include_outbox, o->include_feeds, SCAN_RULES_VERSION,
		 MATCH_RULES_VERSION);
	g->scanner = scanner_new(err);
	return g->scanner ? 0 : -1;
}

/* ---- notices ---- */

static const char *notice_name(enum notice_kind kind)
{
	switch (kind) {
	case NOTICE_PSEUDO:
		return "pseudo-message";
	case NOTICE_EXPUNGED:
		return "expunged";
	case NOTICE_OUTBOX:
		return "outbox";
	case NOTICE_FEED:
		return "feed";
	case NOTICE_SKIPPED_FILE:
		return "skipped-file";
	case NOTICE_IN_USE:
		return "in-use";
	case NOTICE_CHANGED:
		return "changed";
	case NOTICE_DAMAGED:
		return "damaged";
	case NOTICE_NAME:
		return "name";
	case NOTICE_NOT_CARRIED:
		return "not-carried";
	case NOTICE_NOT_MAIL:
		return "not-mail";
	case NOTICE_LOST:
		return NOTICE_KIND_LOST;
	case NOTICE_INTEGRITY:
		return NOTICE_KIND_INTEGRITY;
	case NOTICE_GUARD:
		return "guard";
	}
	return "notice";
}

static int keep_notices(struct gathering *g, struct source *source, int64_t store, struct err *err)
{
	struct notice n;

	for (;;) {
		arena_reset(&g->notice_arena);
		if (source_next_notice(source, &g->notice_arena, &n) != 1)
			return 0;
		if (transfer_notice(g->t, store, notice_name(n.kind), n.count, n.location, n.text,
				    err) < 0)
			return -1;
	}
}

/* What stopped a folder or source is told, and the run goes on without the rest of it. */
static int note_source_error(struct gathering *g, int64_t store, const char *location,
			     const struct err *cause, struct err *err)
{
	g->t->tally.source_errors++;
	progress_note(g->t->progress, "%s", cause->text);
	return transfer_notice(g->t, store, "source-error", 1, location, cause->text, err);
}

/* ---- one store ---- */

static int commit_sometimes(struct gathering *g, struct err *err)
{
	if (++g->in_transaction < ITEMS_PER_COMMIT)
		return 0;
	g->in_transaction = 0;
	if (journal_commit(g->t->journal, err) < 0)
		return -1;
	return journal_begin(g->t->journal, err);
}

static int add_unreadable(struct gathering *g, int64_t store, const char *locator,
			  const struct err *cause, struct err *err)
{
	g->t->tally.items_unreadable++;
	return journal_item_unreadable(g->t->journal, store, locator, cause->text, err);
}

static int add_message(struct gathering *g, int64_t store, struct message *m, struct err *err)
{
	struct err cause = ERR_INIT;

	if (scanner_run(g->scanner, m, g->now, &g->message_arena, &cause) == 0) {
		g->bytes += m->wire_len;
		return journal_item_add(g->t->journal, store, m, err);
	}
	if (cause.scope != SCOPE_MESSAGE) {
		*err = cause;
		return -1;
	}
	return add_unreadable(g, store, m->locator, &cause, err);
}

/* All messages of the folder that next_folder() has delivered. 1: read to its end; 0: its
 * rest cannot be read, *cause tells; -1. */
static int read_messages(struct gathering *g, struct source *source,
			 const struct source_folder *folder, int64_t store, const char *phase,
			 struct err *cause, struct err *err)
{
	for (uint64_t n = 0;; n++) {
		struct message m = { 0 };
		int got;

		if (stop_check(err) < 0)
			return -1;
		if (n % ITEMS_PER_UPDATE == 0)
			progress_update(g->t->progress, phase, n, 0, g->bytes);
		arena_reset(&g->message_arena);
		got = source_next_message(source, &g->message_arena, &m, cause);
		if (got == 0)
			return 1;
		if (got < 0 && cause->scope != SCOPE_MESSAGE)
			return 0;
		g->t->tally.items++;
		if (got > 0) {
			got = add_message(g, store, &m, err);
		} else {
			char locator[64];

			snprintf(locator, sizeof(locator), "unreadable#%" PRIu64, n);
			got = transfer_notice(g->t, store, "unreadable", 1, folder->location,
					      cause->text, err);
			if (got == 0)
				got = add_unreadable(g, store, locator, cause, err);
		}
		if (got < 0 || commit_sometimes(g, err) < 0 ||
		    (g->beside && index_pump(g->beside, err) < 0))
			return -1;
	}
}

static bool changed_lately(int dirfd, const char *path, int64_t now)
{
	struct stat st;

	return fstatat(dirfd, path, &st, 0) == 0 && st.st_mtime > now - RACY_SECONDS;
}

/* A file, a directory of files, or a maildir: what a change to the store would have touched. */
static bool is_racy(const char *location)
{
	CLEANUP(fd_cleanup) int dir = -1;
	struct err ignored = ERR_INIT;
	int64_t now = time_now();

	if (changed_lately(AT_FDCWD, location, now))
		return true;
	dir = fd_open_dir(AT_FDCWD, location, &ignored);
	if (dir < 0)
		return false;
	return changed_lately(dir, "cur", now) || changed_lately(dir, "new", now);
}

static void phase_of(const struct source_folder *folder, struct buf *out)
{
	const char *last =
		folder->path.n > 0 ? folder->path.names[folder->path.n - 1] : folder->location;

	buf_adds(out, "scanning '");
	text_add_safe(out, slice_str(last), 60);
	buf_addc(out, '\'');
}

/* 1: done or its rest unreadable (the next folder can be asked for); 0: the source cannot go
 * on; -1. */
static int read_store(struct gathering *g, struct source *source,
		      const struct source_folder *folder, int64_t store, struct err *err)
{
	CLEANUP(buf_release) struct buf phase = BUF_INIT(1024);
	bool racy =
		is_racy(folder->location); /* before reading: later changes show by themselves */
	struct err cause = ERR_INIT;
	int whole;

	phase_of(folder, &phase);
	const char *text = buf_cstr(&phase);

	whole = read_messages(g, source, folder, store, text ? text : "scanning", &cause, err);
	if (whole < 0 || keep_notices(g, source, store, err) < 0)
		return -1;
	if (whole == 0) {
		if (cause.scope >= SCOPE_ACCOUNT) {
			*err = cause;
			return -1;
		}
		if (note_source_error(g, store, folder->location, &cause, err) < 0)
			return -1;
		return cause.scope == SCOPE_FOLDER;
	}
	if (journal_store_done(g->t->journal, store, racy ? "" : folder->fingerprint, err) < 0)
		return -1;
	return 1;
}

static int gather_folder(struct gathering *g, size_t i, const struct source_folder *folder,
			 struct err *err)
{
	struct source *source = source_set_get(g->t->sources, i);
	struct store_key key = {
		.kind = source_set_kind(g->t->sources, i),
		.source = source_set_path(g->t->sources, i),
		.location = folder->location,
		.folder = folder->path.names,
		.depth = folder->path.n,
		.role = folder->role,
		.fingerprint = folder->fingerprint,
		.options = g->options,
	};
	int64_t store;
	bool fresh;

	if (journal_store_begin(g->t->journal, g->t->run, &key, &store, &fresh, err) < 0)
		return -1;
	if (fresh) {
		if (journal_notices_keep(g->t->journal, g->t->run, store, err) < 0)
			return -1;
		g->t->tally.stores_cached++;
		return 1;
	}
	if (folder->note &&
	    transfer_notice(g->t, store, "folder-note", 1, folder->location, folder->note, err) < 0)
		return -1;
	return read_store(g, source, folder, store, err);
}

/* ---- one source ---- */

static int gather_folders(struct gathering *g, size_t i, struct err *err)
{
	struct source *source = source_set_get(g->t->sources, i);

	for (;;) {
		struct source_folder folder = { 0 };
		struct err cause = ERR_INIT;
		int got;

		arena_reset(&g->folder_arena);
		got = source_next_folder(source, &g->folder_arena, &folder, &cause);
		if (keep_notices(g, source, 0, err) < 0)
			return -1;
		if (got == 0)
			return 0;
		if (got < 0 && cause.scope >= SCOPE_ACCOUNT) {
			*err = cause;
			return -1;
		}
		if (got < 0) {
			if (note_source_error(g, 0, source_set_path(g->t->sources, i), &cause,
					      err) < 0)
				return -1;
			if (cause.scope == SCOPE_SOURCE)
				return 0;
			continue;
		}
		got = gather_folder(g, i, &folder, err);
		if (got <= 0)
			return got;
		if (stop_check(err) < 0)
			return -1;
	}
}

/* One transaction is open all the time; it is renewed every ITEMS_PER_COMMIT items. */
static int gather_source(struct gathering *g, size_t i, struct err *err)
{
	if (journal_begin(g->t->journal, err) < 0)
		return -1;
	g->in_transaction = 0;
	if (gather_folders(g, i, err) < 0) {
		journal_rollback(g->t->journal);
		return -1;
	}
	return journal_commit(g->t->journal, err);
}

/* ---- state files of POP programs ---- */

static int read_pop_state(struct gathering *g, const char *path, struct err *err)
{
	struct pop_state *state;
	struct pop_entry entry;
	int got;

	if (pop_state_open(path, &state, err) < 0)
		return -1;
	while ((got = pop_state_next(state, &entry, err)) > 0)
		if (journal_pop_add(g->t->journal, entry.uidl, entry.fate, err) < 0) {
			got = -1;
			break;
		}
	pop_state_close(state);
	return got;
}

/* Those that lie beside the stores. One that cannot be read is missed, but needed by nobody. */
static int read_states_found(struct gathering *g, struct source *source, struct err *err)
{
	const char *path;
	int got;

	for (;;) {
		struct err cause = ERR_INIT;

		arena_reset(&g->folder_arena);
		got = source_next_pop_state(source, &g->folder_arena, &path, err);
		if (got <= 0)
			return got;
		if (read_pop_state(g, path, &cause) == 0)
			continue;
		if (cause.scope >= SCOPE_ACCOUNT) {
			*err = cause;
			return -1;
		}
		if (transfer_notice(g->t, 0, "pop-state", 1, path, cause.text, err) < 0)
			return -1;
	}
}

static int read_pop_states(struct gathering *g, struct err *err)
{
	if (journal_pop_clear(g->t->journal, err) < 0)
		return -1;
	for (size_t i = 0; i < source_set_count(g->t->sources); i++)
		if (read_states_found(g, source_set_get(g->t->sources, i), err) < 0)
			return -1;
	for (size_t i = 0; i < g->t->n_pop_states; i++)
		if (read_pop_state(g, g->t->pop_states[i], err) < 0)
			return err_prefix(err, "--pop-state");
	return 0;
}

static int gather_pop_states(struct gathering *g, struct err *err)
{
	if (journal_begin(g->t->journal, err) < 0)
		return -1;
	if (read_pop_states(g, err) < 0) {
		journal_rollback(g->t->journal);
		return -1;
	}
	return journal_commit(g->t->journal, err);
}

int gather(struct transfer *t, struct indexing *beside, struct err *err)
{
	CLEANUP(gathering_release) struct gathering g;

	if (gathering_init(&g, t, err) < 0)
		return -1;
	g.beside = beside;
	for (size_t i = 0; i < source_set_count(t->sources); i++) {
		if (gather_source(&g, i, err) < 0)
			return -1;
	}
	return gather_pop_states(&g, err);
}

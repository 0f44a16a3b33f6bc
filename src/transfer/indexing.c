/*
 * Reading many folders at once. See indexing.h.
 *
 * Folders are handed to whichever line is free, the longest work first. What the next
 * ones will be asked is said ahead, so that their number costs no round trips; but
 * only shortly before the line gets there, so that another line may still have them.
 * A line that waits for an answer (EXAMINE, a login) does not keep the others from
 * taking what has come (session_company).
 *
 * It begins with LINES_AT_FIRST connections; one that is refused or lost is not opened
 * again soon, and after a quiet time one more is tried, as in lines.c.
 */
#include "transfer/indexing.h"

#include "base/stop.h"
#include "transfer/compress.h"

#define WATCH_MS       100  /* before another login is thought of, */
#define LOGIN_TRIPS    6    /* which takes so many round trips; */
#define WORTH_MS       300  /* the rest has to take so long, */
#define WORTH_LOGINS   5    /* and so many times as long as a login */
#define ROWS_AHEAD     4000 /* about 1.5 MB: more than is on its way on most lines */
#define ROWS_AT_A_TIME 300
#define NAME_ARENA_MAX (1u << 20)

size_t indexing_count(const struct indexing *ix)
{
	return ix->known.len / sizeof(struct known_folder);
}

struct known_folder *indexing_folder(const struct indexing *ix, size_t i)
{
	return (struct known_folder *)(void *)ix->known.ptr + i;
}

/* ---- whose turn it is ---- */

/* t->session is the session of the line at work: what the steps share works on it. */
static void enter(struct indexing *ix, struct index_line *line)
{
	ix->t->session = line->session;
	line->at_work = true;
}

static void leave(struct indexing *ix, struct index_line *line)
{
	line->at_work = false;
	ix->t->session = NULL;
}

/* ---- folders ---- */

/* INBOX may be read by the UIDLs that the sources know, so it waits for them. */
static bool may_be_read(const struct indexing *ix, const struct known_folder *k)
{
	return k->state == FOLDER_OPEN && !(ix->beside && k->role == ROLE_INBOX && !ix->t->no_uidl);
}

static struct known_folder *next_open(struct indexing *ix)
{
	while (ix->first < indexing_count(ix) &&
	       indexing_folder(ix, ix->first)->state != FOLDER_OPEN)
		ix->first++;
	for (size_t i = ix->first; i < indexing_count(ix); i++)
		if (may_be_read(ix, indexing_folder(ix, i)))
			return indexing_folder(ix, i);
	return NULL;
}

/* Somebody will have to read it after all. */
static void reopen(struct indexing *ix, struct known_folder *k)
{
	k->state = FOLDER_OPEN;
	ix->first = 0;
}

bool indexing_is_complete(const struct indexing *ix)
{
	for (size_t i = 0; i < indexing_count(ix); i++)
		if (indexing_folder(ix, i)->state != FOLDER_DONE)
			return false;
	return true;
}

static void done(struct indexing *ix, struct known_folder *k, const struct remote_folder *f)
{
	k->state = FOLDER_DONE;
	ix->attempt = 0;
	ix->t->tally.remote_messages += f->messages;
}

static int look_up(struct indexing *ix, const struct known_folder *k, struct arena *a,
		   struct remote_folder *f, struct err *err)
{
	arena_reset(a);
	int got = journal_folder_get(ix->t->journal, k->id, a, f, err);

	if (got == 0)
		err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER, "no folder %lld",
			(long long)k->id);
	return got > 0 ? 0 : -1;
}

static bool is_needless(const struct known_folder *k, const struct remote_folder *f)
{
	return k->status.uidvalidity != 0 && reading_needless(f, &k->status, true);
}

/* The next folder that has to be read: 1, 0, -1. */
static int pick(struct indexing *ix, struct arena *a, struct known_folder **out,
		struct remote_folder *f, struct err *err)
{
	struct known_folder *k;

	while ((k = next_open(ix))) {
		if (look_up(ix, k, a, f, err) < 0)
			return -1;
		if (f->attributes & ATTR_NOSELECT) {
			k->state = FOLDER_DONE;
		} else if (is_needless(k, f)) {
			done(ix, k, f);
		} else {
			*out = k;
			return 1;
		}
	}
	return 0;
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

/* ---- trouble ---- */

/* What it was about to do others do. */
static void hang_up(struct indexing *ix, struct index_line *line)
{
	for (size_t i = 0; i < line->n_ahead; i++)
		reopen(ix, line->ahead[i]);
	line->n_ahead = 0;
	line->ahead_rows = 0;
	struct session *session = line->session;

	line->session = NULL; /* saying good-bye may wait, and nobody is to work on it then */
	session_close(session);
	ix->n--;
	if (ix->wanted > 1)
		ix->wanted = (ix->wanted + 1) / 2;
	ix->quiet_ms = time_monotonic_ms();
}

static void take_loss(struct indexing *ix, struct index_line *line, const struct err *cause)
{
	ix->loss = *cause;
	ix->lost = true;
	ix->attempt++;
	ix->one_by_one = true;
	hang_up(ix, line);
}

/* The line's folder could not be read to its end, or not at all. 0: the others go on; -1. */
static int fail(struct indexing *ix, struct index_line *line, const struct err *cause,
		struct err *err)
{
	struct known_folder *k = line->known;

	if (reading_give_up(&line->reading, err) < 0)
		return -1;
	if (transfer_folder_shut(cause)) {
		k->state = FOLDER_DONE;
		return note_blind(ix->t, &line->folder, cause, err);
	}
	reopen(ix, k);
	k->status.uidvalidity = 0; /* to be asked anew */
	/* Messages were expunged while it was read: what is left can be read. Or what was asked
	 * ahead was not what had to be asked. */
	if (cause->code == ERR_REFUSED && cause->retry == RETRY_NOW && k->tries++ < EXPUNGED_TRIES)
		return 0;
	if (transfer_line_lost(cause) || (line->session && session_is_dead(line->session))) {
		take_loss(ix, line, cause);
		err_prefix(&ix->loss, "'%s'", line->folder.name);
		return 0;
	}
	*err = *cause;
	err_prefix(err, "'%s'", line->folder.name);
	return -1;
}

/* ---- a line's work ---- */

/* `got` as from reading_go_on(): 1, 2, 0 the line is free, -1. */
static int settle(struct indexing *ix, struct index_line *line, int got, const struct err *cause,
		  struct err *err)
{
	if (got > 0)
		return got;
	line->busy = false;
	if (got == 0)
		done(ix, line->known, &line->folder);
	else
		got = fail(ix, line, cause, err);
	reading_release(&line->reading);
	return got;
}

static int go_on(struct indexing *ix, struct index_line *line, struct err *err)
{
	uint64_t before = line->reading.rows.count;
	struct err cause = ERR_INIT;

	enter(ix, line);
	int got = reading_go_on(&line->reading, ROWS_AT_A_TIME, &cause);

	leave(ix, line);
	if (line->reading.rows.count > before) {
		ix->rows += line->reading.rows.count - before;
		ix->uncommitted += line->reading.rows.count - before;
	}
	if (!ix->beside)
		progress_update(ix->t->progress, "reading what the server has", ix->rows,
				ix->rows_to_come, 0);
	return settle(ix, line, got, &cause, err);
}

/* Say ahead what the next folders will be asked, as far as there is room and the line will soon be
 * there. */
static int announce(struct indexing *ix, struct index_line *line, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(NAME_ARENA_MAX);
	uint64_t left = line->busy ? reading_left(&line->reading) : 0;
	struct remote_folder f;
	struct known_folder *k;
	int got = 1;

	if (ix->one_by_one || (line->busy && !line->asked))
		return 0;
	while (left + line->ahead_rows < ROWS_AHEAD && line->n_ahead < LINE_AHEAD_MAX &&
	       session_ahead_room(line->session) >= READING_ASKS) {
		got = pick(ix, &a, &k, &f, err);
		if (got > 0)
			got = k->status.uidvalidity == 0
				      ? 0
				      : reading_foreseen(ix->t, line->session, &f, &k->status, err);
		if (got > 0)
			got = reading_announce(line->session, &f, &k->status, err);
		if (got <= 0)
			return got;
		k->state = FOLDER_TAKEN;
		line->ahead[line->n_ahead++] = k;
		line->ahead_rows += k->to_come;
	}
	return 0;
}

/* The line's next folder: 1, 0 there is none, -1. */
static int take_folder(struct indexing *ix, struct index_line *line, struct err *err)
{
	struct known_folder *k;
	int got;

	line->asked = line->n_ahead > 0;
	if (!line->asked) {
		got = pick(ix, &line->arena, &k, &line->folder, err);
		if (got <= 0)
			return got;
	} else {
		k = line->ahead[0];
		line->n_ahead--;
		line->ahead_rows -= k->to_come;
		for (size_t i = 0; i < line->n_ahead; i++)
			line->ahead[i] = line->ahead[i + 1];
		if (look_up(ix, k, &line->arena, &line->folder, err) < 0)
			return -1;
	}
	k->state = FOLDER_TAKEN;
	line->known = k;
	return 1;
}

/* 1: the line has something to do; 0: there is nothing for it now; -1. */
static int begin(struct indexing *ix, struct index_line *line, struct err *err)
{
	struct err cause = ERR_INIT;
	int got;

	if (announce(ix, line, &cause) < 0) {
		if (!session_is_dead(line->session)) {
			*err = cause;
			return -1;
		}
		take_loss(ix, line, &cause);
		return 1;
	}
	got = take_folder(ix, line, err);
	if (got <= 0)
		return got;
	const struct folder_status *known =
		line->known->status.uidvalidity != 0 ? &line->known->status : NULL;

	enter(ix, line);
	line->busy = true;
	got = reading_begin(&line->reading, ix->t, &line->folder, known, true, &cause);
	leave(ix, line);
	return settle(ix, line, got, &cause, err) < 0 ? -1 : 1;
}

/* 1 something was done; 2 it waits; 0 there is nothing for it; -1. */
static int work(struct indexing *ix, struct index_line *line, struct err *err)
{
	if (!line->busy)
		return begin(ix, line, err);
	struct err cause = ERR_INIT;

	if (announce(ix, line, &cause) < 0 && !session_is_dead(line->session)) {
		*err = cause;
		return -1;
	}
	int got = go_on(ix, line, err);

	return got == 0 ? 1 : got;
}

/* One line waits for an answer: the others need not (session_company). */
static size_t work_beside(void *context, struct session **others, size_t max)
{
	struct indexing *ix = context;
	struct session *waiting = ix->t->session;
	size_t n = 0;

	for (unsigned i = 0; i < LINES_MAX && !ix->broken; i++)
		if (ix->line[i].busy && !ix->line[i].at_work)
			ix->broken = go_on(ix, &ix->line[i], &ix->breakage) < 0;
	for (unsigned i = 0; i < LINES_MAX && n < max; i++)
		if (ix->line[i].busy && !ix->line[i].at_work)
			others[n++] = ix->line[i].session;
	ix->t->session = waiting;
	return n;
}

/* ---- all lines ---- */

int indexing_round(struct indexing *ix, struct err *err)
{
	int result = 0;

	for (unsigned i = 0; i < LINES_MAX; i++) {
		if (!ix->line[i].session)
			continue;
		int got = work(ix, &ix->line[i], err);

		if (got < 0)
			return -1;
		if (ix->broken) {
			*err = ix->breakage;
			return -1;
		}
		if (got == 1 || result == 0)
			result = got;
	}
	if (result == 1)
		ix->last_ms = time_monotonic_ms();
	return result;
}

int indexing_wait(struct indexing *ix, struct err *err)
{
	struct session *sessions[LINES_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < LINES_MAX; i++)
		if (ix->line[i].busy)
			sessions[n++] = ix->line[i].session;
	return session_index_wait(sessions, n, err);
}

static struct index_line *free_line(struct indexing *ix)
{
	for (unsigned i = 0; i < LINES_MAX; i++)
		if (!ix->line[i].session)
			return &ix->line[i];
	return NULL;
}

/* Its refusal costs nothing: the others go on. */
static void open_line(struct indexing *ix, bool compress)
{
	struct index_line *line = free_line(ix);
	struct transfer *t = ix->t;
	struct session_options options = *t->connect;
	struct err cause = ERR_INIT;

	options.company = &ix->company;
	options.compress |= compress;
	ix->quiet_ms = time_monotonic_ms();
	if (session_open(&options, &line->session, &cause) == 0) {
		ix->n++;
		return;
	}
	line->session = NULL;
	ix->wanted = ix->n;
	if (cause.retry == RETRY_NEVER)
		ix->most = ix->n;
	progress_note(t->progress, "going on with %u connection%s: %s", ix->n,
		      ix->n == 1 ? "" : "s", cause.text);
}

/* The rest will take so long that another login pays, as fast as it went so far. */
static bool is_slow(const struct indexing *ix, const struct session *s)
{
	uint64_t rows = ix->rows - ix->watch_rows + 1;
	uint64_t left = ix->rows_to_come > ix->rows ? ix->rows_to_come - ix->rows : 0;
	uint64_t ms = (uint64_t)(time_monotonic_ms() - ix->watch_ms);
	uint32_t trip = session_round_trip_ms(s);

	if (trip == UINT32_MAX)
		trip = 0;
	return ms >= WATCH_MS + (uint64_t)LOGIN_TRIPS * trip &&
	       left * ms / rows > WORTH_MS + (uint64_t)WORTH_LOGINS * LOGIN_TRIPS * trip;
}

void indexing_watch(struct indexing *ix)
{
	ix->watch_ms = time_monotonic_ms();
	ix->watch_rows = ix->rows;
}

void indexing_grow(struct indexing *ix)
{
	const struct index_line *any = NULL;

	for (unsigned i = 0; i < LINES_MAX && !any; i++)
		if (ix->line[i].session)
			any = &ix->line[i];
	if (!any || !next_open(ix) || !is_slow(ix, any->session))
		return;
	if (ix->wanted < ix->most && time_monotonic_ms() - ix->quiet_ms >= ONE_MORE_MS)
		ix->wanted++;
	if (ix->n < ix->wanted && ix->n < ix->most)
		open_line(ix, session_is_compressed(any->session));
}

void indexing_start(struct indexing *ix)
{
	struct transfer *t = ix->t;

	for (unsigned i = 0; i < LINES_MAX; i++) {
		arena_release(&ix->line[i].arena); /* all lines were lost, and this is a new one */
		ix->line[i].arena = (struct arena)ARENA_INIT(NAME_ARENA_MAX);
	}
	if (ix->most == 0) {
		ix->most = transfer_connections(t);
		ix->wanted = ix->most < LINES_AT_FIRST ? ix->most : LINES_AT_FIRST;
		ix->quiet_ms = time_monotonic_ms();
	}
	ix->company = (struct session_company){ work_beside, ix };
	ix->line[0].session = t->session;
	session_accompany(t->session, &ix->company);
	ix->n = 1;
	t->session = NULL;
}

void indexing_stop(struct indexing *ix)
{
	for (unsigned i = 0; i < LINES_MAX; i++) {
		struct index_line *line = &ix->line[i];

		if (line->busy)
			reading_release(&line->reading);
		arena_release(&line->arena);
		if (line->session)
			session_accompany(line->session, NULL);
		/* The first that is left becomes the session of the steps behind this one. */
		if (line->session && !ix->t->session) {
			ix->t->session = line->session;
			line->session = NULL;
		}
		session_leave(line->session);
	}
	for (unsigned i = 0; i < LINES_MAX; i++) {
		session_close(ix->line[i].session);
		ix->line[i] = (struct index_line){ 0 };
	}
	ix->n = 0;
}

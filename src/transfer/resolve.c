/*
 * Match candidates that need a look: the server sends the beginning or the whole
 * of their bodies, which are compared with the local message as they come. Many
 * candidates of one folder go into one FETCH; verdicts are written down together.
 *
 * A body that is equal proves the match. For candidates whose sizes differ the
 * header is fetched too: it tells whether only transport fields were added
 * (MATCH_DRESS) or the message looks different but has the same body (MATCH_WEAK).
 * Where only one of the two has a Message-ID, To and Cc must be equal too: one text
 * sent to many is many messages. Of a message that is incomplete here the server's
 * must begin with what is here. An empty body proves nothing: without a Message-ID
 * no field that is here may be missing there (field_set.h). A message without any header is
 * compared as a whole.
 */
#include <inttypes.h>
#include <string.h>

#include "base/stop.h"
#include "message/field_set.h"
#include "match/match.h"
#include "message/header.h"
#include "message/keys.h"
#include "message/outline.h"
#include "transfer/content.h"
#include "transfer/internal.h"
#include "transfer/mended.h"

#define GROUP_MAX	   64 /* candidates of one FETCH; an early verdict can spare others of them */
#define GROUP_ARENA_MAX	   (4u << 20)
#define FIND_ARENA_MAX	   (1u << 20)
#define SETTLED_PER_COMMIT 1000

struct asked {
	struct match_candidate c;
	enum match_verdict verdict; /* UNKNOWN as long as the server has not sent it */
	bool header_wanted;	    /* and has not come */
};

struct resolving {
	struct transfer *t;
	struct canon *canon;
	struct keyer *keyer;
	struct outliner *outliner;
	struct arena arena, find_arena;
	struct buf header;
	struct match_cursor cursor;
	struct match_candidate ahead; /* the first of the next group */
	bool has_ahead, ended;
	struct arena ahead_arena;
	struct asked group[GROUP_MAX];
	size_t n;
	bool in_transaction;
	uint64_t settled, in_commit, total;
	int64_t blind; /* folder that cannot be opened; 0: none */
	int64_t open;  /* folder that is open; 0: none */
};

static void resolving_release(struct resolving *r)
{
	if (r->in_transaction)
		journal_rollback(r->t->journal);
	canon_free(r->canon);
	keyer_free(r->keyer);
	outliner_free(r->outliner);
	arena_release(&r->arena);
	arena_release(&r->find_arena);
	arena_release(&r->ahead_arena);
	buf_release(&r->header);
}

static int resolving_init(struct resolving *r, struct transfer *t, struct err *err)
{
	*r = (struct resolving){
		.t = t,
		.arena = ARENA_INIT(GROUP_ARENA_MAX),
		.find_arena = ARENA_INIT(FIND_ARENA_MAX),
		.ahead_arena = ARENA_INIT(FIND_ARENA_MAX),
		.header = BUF_INIT(HEADER_BLOCK_MAX),
	};
	r->canon = canon_new();
	r->keyer = keyer_new(err);
	r->outliner = outliner_new();
	return r->canon && r->keyer && r->outliner ? 0 : err_nomem(err);
}

/* ---- groups ---- */

/* What the server is asked for. */
enum question { ASK_SAMPLE, ASK_BODY, ASK_WHOLE, ASK_BEGINNING, ASK_OUTLINE };

static enum question question_of(const struct resolving *r, const struct match_candidate *c)
{
	if (c->level == MATCH_REBUILT)
		return ASK_OUTLINE;
	if (c->repairs & NOTE_NO_HEADER)
		return ASK_WHOLE;
	if (c->partial && c->level != MATCH_CONTENT)
		return ASK_BEGINNING;
	return c->level == MATCH_CONTENT && !r->t->whole_bodies ? ASK_SAMPLE : ASK_BODY;
}

static bool has_body(const struct match_candidate *c)
{
	return c->wire_len > c->header_len;
}

/* Can it be asked for in the same FETCH? Each UID once, one kind of question. */
static bool fits(const struct resolving *r, const struct match_candidate *c)
{
	const struct match_candidate *first = &r->group[0].c;

	if (r->n == GROUP_MAX || c->folder != first->folder ||
	    question_of(r, c) != question_of(r, first) || question_of(r, c) >= ASK_BEGINNING)
		return false;
	for (size_t i = 0; i < r->n; i++) {
		if (r->group[i].c.uid == c->uid)
			return false;
	}
	return true;
}

/* Texts of a candidate that has to outlive the group it was read with. */
static int keep_texts(struct match_candidate *c, struct arena *a, struct err *err)
{
	c->kind = arena_str(a, c->kind);
	c->source = arena_str(a, c->source);
	c->store_location = c->store_location ? arena_str(a, c->store_location) : NULL;
	c->locator = arena_str(a, c->locator);
	c->wire_name = arena_str(a, c->wire_name);
	return c->kind && c->source && c->locator && c->wire_name ? 0 : err_nomem(err);
}

static void add_asked(struct resolving *r, const struct match_candidate *c)
{
	r->group[r->n++] = (struct asked){ .c = *c, .verdict = VERDICT_UNKNOWN };
}

/* Collect candidates that go together: 1, 0 none are left, -1. */
static int next_group(struct resolving *r, struct err *err)
{
	struct match_candidate c;

	arena_reset(&r->arena);
	r->n = 0;
	if (r->has_ahead) {
		if (keep_texts(&r->ahead, &r->arena, err) < 0)
			return -1;
		add_asked(r, &r->ahead);
		r->has_ahead = false;
	}
	while (!r->ended && r->n < GROUP_MAX) {
		int got = match_candidate_next(r->t->journal, r->t->run, &r->cursor, &r->arena, &c,
					       err);

		if (got < 0)
			return -1;
		if (got == 0) {
			r->ended = true;
			break;
		}
		if (r->n == 0 || fits(r, &c)) {
			add_asked(r, &c);
			continue;
		}
		arena_reset(&r->ahead_arena);
		r->ahead = c;
		r->has_ahead = true;
		if (keep_texts(&r->ahead, &r->ahead_arena, err) < 0)
			return -1;
		break;
	}
	return r->n > 0;
}

/* ---- one answer ---- */

static struct asked *asked_by_uid(struct resolving *r, uint32_t uid)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->group[i].c.uid == uid)
			return &r->group[i];
	}
	return NULL;
}

/* Was only the beginning asked for, and is there more? */
static bool is_sample(const struct resolving *r, const struct asked *a, uint64_t total)
{
	return question_of(r, &a->c) == ASK_SAMPLE && total >= MATCH_SAMPLE;
}

/* Compare what comes until CHUNK_END. `a` NULL: nobody asked for it. */
static int compare_answer(struct resolving *r, struct asked *a, uint64_t total, struct err *err)
{
	struct err cause = ERR_INIT;
	struct content content;
	struct content_wanted wanted = { 0 };
	bool same = false;
	int got;

	arena_reset(&r->find_arena);
	if (a)
		wanted = (struct content_wanted){
			.kind = a->c.kind,
			.source = a->c.source,
			.locator = a->c.locator,
			.header = question_of(r, &a->c) == ASK_WHOLE,
			.skip = question_of(r, &a->c) == ASK_WHOLE ? 0 : a->c.header_len,
			.prefix = is_sample(r, a, total),
		};
	got = content_receive(&content, r->t->session, r->t->sources, r->canon, &r->find_arena,
			      a ? &wanted : NULL, &same, &cause, err);
	if (got < 0)
		return -1;
	if (!a)
		return 0;
	if (!wanted.header && !has_body(&a->c) && total <= CONTENT_EMPTY_MAX)
		same = true;
	if (question_of(r, &a->c) == ASK_BEGINNING && !has_body(&a->c))
		same = true;
	a->verdict = got == 0 ? VERDICT_UNKNOWN : same ? VERDICT_SAME : VERDICT_OTHER;
	return 0;
}

/* How much of the body; 0: all of it. */
static uint64_t octets_of(enum question question, const struct match_candidate *c)
{
	if (question == ASK_SAMPLE)
		return MATCH_SAMPLE;
	if (question == ASK_BEGINNING)
		return has_body(c) ? c->wire_len - c->header_len : 1;
	return 0;
}

static int compare_bodies(struct resolving *r, struct err *err)
{
	uint32_t uids[GROUP_MAX];
	struct fetch_chunk chunk;
	int got;

	for (size_t i = 0; i < r->n; i++)
		uids[i] = r->group[i].c.uid;
	enum question question = question_of(r, &r->group[0].c);

	if (session_fetch_start(r->t->session, uids, r->n, question == ASK_WHOLE ? "" : "TEXT",
				octets_of(question, &r->group[0].c), err) < 0)
		return -1;
	while ((got = session_fetch_next(r->t->session, &chunk, err)) > 0) {
		struct asked *a = asked_by_uid(r, chunk.uid);

		if (chunk.kind == CHUNK_BEGIN && compare_answer(r, a, chunk.total, err) < 0)
			return -1;
	}
	return got;
}

/* ---- headers: which level has been proven ---- */

/* More of a header. What is beyond the limit is not looked at, on either side. */
static void add_header(struct resolving *r, struct slice bytes)
{
	buf_add_slice(&r->header, slice_head(bytes, HEADER_BLOCK_MAX - r->header.len));
}

/* The local message's header into r->header. 1; 0: it cannot be read any more; -1. */
static int local_header(struct resolving *r, const struct match_candidate *c, struct err *err)
{
	struct message m = { 0 };
	struct err cause = ERR_INIT;
	struct slice bytes;
	int got;

	arena_reset(&r->find_arena);
	buf_reset(&r->header);
	got = source_set_find(r->t->sources, c->kind, c->source, c->locator, &r->find_arena, &m,
			      &cause);
	if (got == 0)
		canon_start(r->canon, &m.body, &m.canon);
	for (uint64_t left = c->header_len; got == 0 && left > 0;) {
		got = canon_next(r->canon, &bytes, &cause);
		if (got == 0)
			return 0; /* shorter than it was */
		if (got > 0) {
			bytes = slice_head(bytes, left < bytes.len ? (size_t)left : bytes.len);
			add_header(r, bytes);
			left -= bytes.len;
			got = 0;
		}
	}
	if (got == 0)
		return buf_ok(&r->header, "a header", err) < 0 ? -1 : 1;
	if (cause.scope == SCOPE_MESSAGE)
		return 0;
	*err = cause;
	return -1;
}

/* One of the two has no Message-ID: did they go to the same people? The server's header lies in
 * r->header, and is no longer there afterwards. */
static int compare_recipients(struct resolving *r, struct asked *a, struct err *err)
{
	uint8_t theirs[KEY_LEN], ours[KEY_LEN];
	int got;

	if (keyer_recipients(r->keyer, buf_slice(&r->header), theirs, err) < 0)
		return -1;
	got = local_header(r, &a->c, err);
	if (got < 0 ||
	    (got > 0 && keyer_recipients(r->keyer, buf_slice(&r->header), ours, err) < 0))
		return -1;
	if (got == 0)
		a->verdict = VERDICT_UNKNOWN;
	else if (memcmp(theirs, ours, KEY_LEN) != 0)
		a->verdict = VERDICT_OTHER;
	return 0;
}

/* Neither has a body or a Message-ID, and the headers differ: a server may have written it anew. It
 * is the same message if nothing that is here is missing there. The server's header lies in
 * r->header, and is no longer there afterwards. */
static int compare_fields(struct resolving *r, struct asked *a, struct err *err)
{
	CLEANUP(buf_release) struct buf theirs = r->header;
	bool within = false;
	int got;

	r->header = (struct buf)BUF_INIT(HEADER_BLOCK_MAX);
	got = local_header(r, &a->c, err);
	if (got < 0 || (got > 0 && field_set_within(buf_slice(&r->header), buf_slice(&theirs),
						    &within, err) < 0))
		return -1;
	if (got == 0)
		a->verdict = VERDICT_UNKNOWN;
	else if (!within)
		a->verdict = VERDICT_OTHER;
	return 0;
}

static int read_header(struct resolving *r, struct asked *a, struct err *err)
{
	struct fetch_chunk chunk;
	uint8_t essence[KEY_LEN];
	struct match_keys keys;
	int got;

	buf_reset(&r->header);
	while ((got = session_fetch_next(r->t->session, &chunk, err)) > 0 &&
	       chunk.kind == CHUNK_BYTES)
		add_header(r, chunk.bytes);
	if (got < 0 || !a)
		return got < 0 ? -1 : 0;
	a->header_wanted = false;
	if (keyer_run(r->keyer, buf_slice(&r->header), &keys, essence, NULL, err) < 0)
		return -1;
	if (memcmp(essence, a->c.essence, KEY_LEN) == 0)
		return 0;
	a->c.level = MATCH_WEAK;
	if (!has_body(&a->c) && !a->c.has_id)
		return compare_fields(r, a, err);
	return keys.has_id == a->c.has_id ? 0 : compare_recipients(r, a, err);
}

static bool needs_header(const struct resolving *r, const struct match_candidate *c)
{
	if (question_of(r, c) == ASK_WHOLE)
		return false;
	return c->level != MATCH_CONTENT || (!has_body(c) && !c->has_id);
}

static int compare_headers(struct resolving *r, struct err *err)
{
	uint32_t uids[GROUP_MAX];
	struct fetch_chunk chunk;
	size_t n = 0;
	int got;

	for (size_t i = 0; i < r->n; i++) {
		struct asked *a = &r->group[i];

		a->header_wanted = a->verdict == VERDICT_SAME && needs_header(r, &a->c);
		if (a->header_wanted)
			uids[n++] = a->c.uid;
	}
	if (n == 0)
		return 0;
	if (session_fetch_start(r->t->session, uids, n, "HEADER", 0, err) < 0)
		return -1;
	while ((got = session_fetch_next(r->t->session, &chunk, err)) > 0) {
		if (chunk.kind == CHUNK_BEGIN &&
		    read_header(r, asked_by_uid(r, chunk.uid), err) < 0)
			return -1;
	}
	/* OK, but not all of them: gone meanwhile, as a rule. The next index tells. */
	for (size_t i = 0; i < r->n; i++) {
		if (r->group[i].header_wanted)
			r->group[i].verdict = VERDICT_UNKNOWN;
	}
	return got;
}

/* ---- verdicts ---- */

static int commit(struct resolving *r, struct err *err)
{
	if (!r->in_transaction)
		return 0;
	r->in_transaction = false;
	r->in_commit = 0;
	return journal_commit(r->t->journal, err);
}

static int settle_group(struct resolving *r, struct err *err)
{
	if (!r->in_transaction && journal_begin(r->t->journal, err) < 0)
		return -1;
	r->in_transaction = true;
	for (size_t i = 0; i < r->n; i++) {
		if (match_candidate_settle(r->t->journal, &r->group[i].c, r->group[i].verdict,
					   err) < 0)
			return -1;
	}
	r->settled += r->n;
	r->in_commit += r->n;
	progress_update(r->t->progress, "comparing with the server", r->settled,
			r->total > r->settled ? r->total : 0, 0);
	return r->in_commit < SETTLED_PER_COMMIT ? 0 : commit(r, err);
}

/* The server says NO, but the session and the other messages are fine. */
static bool is_folder_refusal(const struct resolving *r, const struct err *err)
{
	return err->code == ERR_REFUSED && err->scope <= SCOPE_FOLDER &&
	       !session_is_dead(r->t->session);
}

/* ---- outlines: of a message that was composed, and of what may be its original ---- */

static int outline_of_theirs(struct resolving *r, uint32_t uid, struct outline *out, bool *came,
			     struct err *err)
{
	struct fetch_chunk chunk;
	int got;

	*came = false;
	outliner_start(r->outliner);
	if (session_fetch_start(r->t->session, &uid, 1, "", 0, err) < 0)
		return -1;
	while ((got = session_fetch_next(r->t->session, &chunk, err)) > 0) {
		if (chunk.uid != uid)
			continue;
		if (chunk.kind == CHUNK_BYTES)
			outliner_add(r->outliner, chunk.bytes);
		*came |= chunk.kind == CHUNK_END;
	}
	outliner_end(r->outliner, out);
	return got;
}

/* 1; 0: the local message cannot be read any more; -1. */
static int outline_of_ours(struct resolving *r, const struct match_candidate *c,
			   struct outline *out, struct err *err)
{
	struct message m = { 0 };
	struct err cause = ERR_INIT;
	struct slice bytes;
	int got;

	arena_reset(&r->find_arena);
	outliner_start(r->outliner);
	got = source_set_find(r->t->sources, c->kind, c->source, c->locator, &r->find_arena, &m,
			      &cause);
	if (got == 0) {
		canon_start(r->canon, &m.body, &m.canon);
		while ((got = canon_next(r->canon, &bytes, &cause)) > 0)
			outliner_add(r->outliner, bytes);
	}
	outliner_end(r->outliner, out);
	if (got == 0)
		return 1;
	if (cause.scope == SCOPE_MESSAGE)
		return 0;
	*err = cause;
	return -1;
}

static int compare_outline(struct resolving *r, struct asked *a, struct err *err)
{
	struct outline theirs, ours;
	bool came;

	if (outline_of_theirs(r, a->c.uid, &theirs, &came, err) < 0)
		return -1;
	if (!came)
		return 0;
	int got = outline_of_ours(r, &a->c, &ours, err);

	if (got <= 0)
		return got;
	a->c.level = MATCH_REBUILT;
	a->verdict =
		outline_same(&theirs, &ours, false, a->c.partial) ? VERDICT_SAME : VERDICT_OTHER;
	return 0;
}

/* Composed messages that are not octet for octet what the server has. */
static int compare_outlines(struct resolving *r, struct err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		struct asked *a = &r->group[i];

		if (a->c.rebuilt && a->verdict == VERDICT_OTHER && compare_outline(r, a, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- what another run had to mend, for the server takes no NUL ---- */

/* Is the message the server's as it is `mended`? All of it, or all of it behind a header. */
static int compare_again(struct resolving *r, struct asked *a, uint32_t mended, bool whole,
			 struct err *err)
{
	const struct content_wanted wanted = {
		.kind = a->c.kind,
		.source = a->c.source,
		.locator = a->c.locator,
		.header = whole,
		.mended = mended,
		.skip = whole ? 0 : content_body_at(a->c.repairs, a->c.header_len),
	};
	struct content content;
	struct fetch_chunk chunk;
	int got;

	if (session_fetch_start(r->t->session, &a->c.uid, 1, whole ? "" : "TEXT", 0, err) < 0)
		return -1;
	while ((got = session_fetch_next(r->t->session, &chunk, err)) > 0) {
		struct err cause = ERR_INIT;
		bool same = false;

		if (chunk.kind != CHUNK_BEGIN)
			continue;
		arena_reset(&r->find_arena);
		if (content_receive(&content, r->t->session, r->t->sources, r->canon,
				    &r->find_arena, &wanted, &same, &cause, err) < 0)
			return -1;
		if (same)
			a->verdict = VERDICT_SAME;
	}
	return got;
}

static int compare_all_mended(struct resolving *r, struct err *err)
{
	bool rewrites = session_profile(r->t->session)->rewrites_headers;

	for (size_t i = 0; i < r->n; i++) {
		struct asked *a = &r->group[i];
		uint32_t mended = mended_variant(a->c.repairs, a->c.nul_count);
		bool whole = question_of(r, &a->c) == ASK_WHOLE;

		if (a->verdict != VERDICT_OTHER || a->c.rebuilt || a->c.partial)
			continue;
		if (mended && compare_again(r, a, mended, whole, err) < 0)
			return -1;
		/* what came without any header has been given one */
		if (a->verdict == VERDICT_OTHER && whole && rewrites &&
		    compare_again(r, a, 0, false, err) < 0)
			return -1;
	}
	return 0;
}

static int ask_group(struct resolving *r, struct err *err)
{
	if (question_of(r, &r->group[0].c) == ASK_OUTLINE)
		return compare_outline(r, &r->group[0], err);
	if (compare_bodies(r, err) < 0 || compare_all_mended(r, err) < 0 ||
	    compare_headers(r, err) < 0)
		return -1;
	return compare_outlines(r, err);
}

/* One of them cannot be fetched (damaged on the server, as a rule): ask for each by itself. What
 * the server does not give out is unknown. */
static int ask_one_by_one(struct resolving *r, struct err *err)
{
	struct asked all[GROUP_MAX];
	size_t n = r->n;
	int result = 0;

	memcpy(all, r->group, n * sizeof(*all));
	r->n = 1;
	for (size_t i = 0; i < n && result == 0; i++) {
		struct err cause = ERR_INIT;

		r->group[0] = (struct asked){ .c = all[i].c, .verdict = VERDICT_UNKNOWN };
		if (ask_group(r, &cause) < 0) {
			r->group[0].verdict = VERDICT_UNKNOWN;
			if (is_folder_refusal(r, &cause)) {
				progress_note(r->t->progress, "'%s', UID %" PRIu32 ": %s",
					      all[i].c.wire_name, all[i].c.uid, cause.text);
			} else {
				*err = cause;
				result = -1;
			}
		}
		all[i] = r->group[0];
	}
	memcpy(r->group, all, n * sizeof(*all));
	r->n = n;
	return result;
}

/* The folder cannot be opened: nothing is known about its messages. */
static int give_up_group(struct resolving *r, const struct err *cause, struct err *err)
{
	const struct match_candidate *c = &r->group[0].c;

	for (size_t i = 0; i < r->n; i++)
		r->group[i].verdict = VERDICT_UNKNOWN;
	if (r->blind != c->folder) {
		r->blind = c->folder;
		r->t->tally.folders_blind++;
		progress_note(r->t->progress, "'%s' cannot be read on the server: %s", c->wire_name,
			      cause->text);
		if (transfer_notice(r->t, 0, "folder-blind", 1, c->wire_name, cause->text, err) < 0)
			return -1;
	}
	return settle_group(r, err);
}

static int resolve_group(struct resolving *r, struct err *err)
{
	const struct match_candidate *first = &r->group[0].c;
	struct err cause = ERR_INIT;
	struct selected sel;

	if (r->open != first->folder) {
		r->open = 0;
		if (session_examine(r->t->session, first->wire_name, &sel, &cause) < 0) {
			if (transfer_folder_shut(&cause))
				return give_up_group(r, &cause, err);
			*err = cause;
			return -1;
		}
		r->open = first->folder;
	}
	if (ask_group(r, &cause) < 0) {
		if (!is_folder_refusal(r, &cause)) {
			*err = cause;
			return -1;
		}
		if (ask_one_by_one(r, err) < 0)
			return -1;
	}
	return settle_group(r, err);
}

static int resolve_all(struct resolving *r, struct err *err)
{
	int got;

	r->cursor = (struct match_cursor){ 0 };
	r->has_ahead = false;
	r->ended = false;
	r->open = 0;
	if (match_candidate_count(r->t->journal, r->t->run, &r->total, err) < 0)
		return -1;
	r->settled = 0;
	while ((got = next_group(r, err)) > 0) {
		if (stop_check(err) < 0 || resolve_group(r, err) < 0)
			return -1;
	}
	return got;
}

int resolve(struct transfer *t, struct err *err)
{
	CLEANUP(resolving_release) struct resolving r;

	if (resolving_init(&r, t, err) < 0)
		return -1;
	for (uint32_t attempt = 0;; attempt++) {
		if (transfer_connect(t, err) < 0)
			return -1;
		int got = resolve_all(&r, err);

		if (got == 0 && r.open != 0)
			got = session_unselect(t->session, err);
		if (got == 0)
			return commit(&r, err);

		struct err second = ERR_INIT;

		if (commit(&r, &second) < 0 || !transfer_line_lost(err) ||
		    attempt >= transfer_tries(t, err))
			return -1;
		if (transfer_pause_for(t, err, attempt, err) < 0)
			return -1;
		t->tally.reconnects++;
	}
}

/*
 * Is what we stored really there, as it should be? The index of each folder is
 * brought up to date (one streamed FETCH of sizes, dates, flags and header
 * fields), and the journal's uploads are held against it page by page. Where that
 * leaves a doubt, or when all is to be checked, the message itself is fetched and
 * compared: what servers are known to change is told apart from damage.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/stop.h"
#include "journal/lookup.h"
#include "match/match.h"
#include "transfer/content.h"
#include "transfer/internal.h"
#include "transfer/mended.h"

#define PAGE		   200
#define PAGE_ARENA_MAX	   (16u << 20)
#define FIND_ARENA_MAX	   (1u << 20)
#define FINDING_MAX	   300
#define TOLD_MAX	   20 /* findings of a folder; the report has them all */
#define CHECKED_PER_COMMIT 4000

enum verdict {
	CHECK_SAME,
	CHECK_LOOK, /* fetch and compare it */
	CHECK_ALTERED,
	CHECK_REWRITTEN, /* by a server that is known to: other header fields, the same body */
	CHECK_DRESSED,	 /* the same, of a server that keeps one of each Message-ID: it had this one
			  */
	CHECK_DIFFERS,
	CHECK_MISSING,
	CHECK_TWIN,    /* missing on a server that keeps one message of each Message-ID */
	CHECK_UNKNOWN, /* one of the two cannot be read: nothing is said */
};

struct checked {
	struct upload *u;
	enum verdict verdict;
	bool whole;	 /* header and body are ours to answer for; false: the body alone */
	bool asked;	 /* in the FETCH at work */
	bool body_only;	 /* the header has been seen to differ */
	bool date;	 /* its date differs */
	uint32_t mended; /* enum mend: in which form it is compared */
	char finding[FINDING_MAX];
};

struct verifying {
	struct transfer *t;
	enum verify_level level;
	bool present; /* the lines of `mailhoist verify`, not our uploads */
	struct remote_folder folder;
	struct canon *canon;
	struct arena arena, find_arena;
	struct checked *page;
	size_t n;
	bool examined, in_transaction;
	bool one_by_one; /* one message of the page cannot be fetched */
	bool whole;	 /* what the FETCH at work asks for */
	uint64_t in_commit, done;
	uint64_t keywords_missing, rewritten, had_already, dressed, dates; /* in the folder */
	uint64_t findings; /* in the folder, told or not */
};

static void verifying_release(struct verifying *v)
{
	if (v->in_transaction)
		journal_rollback(v->t->journal);
	canon_free(v->canon);
	arena_release(&v->arena);
	arena_release(&v->find_arena);
}

/* ---- against the index ---- */

static void finding(struct checked *c, enum verdict verdict, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void finding(struct checked *c, enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->finding, sizeof(c->finding), fmt, ap);
	va_end(ap);
	c->verdict = verdict;
}

static bool has_keyword(const char *joined, const char *keyword)
{
	struct slice rest = slice_str(joined), want = slice_str(keyword);

	while (rest.len > 0) {
		if (slice_ieq(slice_cut(&rest, ' '), want))
			return true;
	}
	return false;
}

/* Flags and date: only of what we ourselves put there a moment ago. */
static void check_attributes(struct verifying *v, struct checked *c, const struct remote_row *row)
{
	const struct upload *u = c->u;

	if (row->internaldate != u->internaldate) {
		CLEANUP(buf_release) struct buf text = BUF_INIT(200);

		buf_adds(&text, "date is ");
		time_add_rfc3339(&text, row->internaldate);
		buf_adds(&text, ", should be ");
		time_add_rfc3339(&text, u->internaldate);
		const char *s = row->internaldate == TIME_NONE ? NULL : buf_cstr(&text);

		finding(c, CHECK_DIFFERS, "%s", s ? s : "the server gives no date");
		c->date = true;
	} else if ((row->flags & FLAG_ALL) != u->flags.system) {
		finding(c, CHECK_DIFFERS, "flags are %#x, should be %#x", row->flags & FLAG_ALL,
			u->flags.system);
	}
	for (size_t i = 0; i < u->flags.n_keywords; i++) {
		if (!has_keyword(row->keywords, u->flags.keywords[i])) {
			v->keywords_missing++;
			break;
		}
	}
}

static bool same_keys(const struct match_keys *a, const struct match_keys *b)
{
	return a->has_id == b->has_id && memcmp(a->fields, b->fields, KEY_LEN) == 0;
}

/* The server has the original of a message that is here only in pieces: other octets. */
static bool is_original(const struct upload *u)
{
	return u->rebuilt && !u->ours;
}

/* An equal size proves little where octets may have been replaced: those are looked at. */
static bool must_look(const struct verifying *v, const struct upload *u,
		      const struct remote_row *row)
{
	if (u->method != METHOD_APPEND && u->partial) /* there is nothing here to compare it with */
		return false;
	if (is_original(u))
		return false;
	if (v->level == VERIFY_FULL)
		return true;
	if (v->present) /* matched: the bodies have been compared */
		return false;
	return row->size != u->wire_len || u->nul_count > 0;
}

/* A server that keeps one message of each Message-ID may have had one before we sent ours. */
static bool may_be_twin(const struct verifying *v, const struct checked *c)
{
	return !v->present && c->u->has_keys && session_profile(v->t->session)->one_per_id;
}

/* The message of the folder that has the same Message-ID, whoever put it there: 1, 0, -1. */
static int find_twin(struct verifying *v, struct checked *c, uint32_t *uid, struct err *err)
{
	const struct remote_wanted wanted = {
		.by = WANTED_BY_ID,
		.folder = v->folder.id,
		.first_uid = 1,
		.keys = &c->u->keys,
	};

	if (!may_be_twin(v, c) || !c->u->keys.has_id)
		return 0;
	return journal_remote_unclaimed(v->t->journal, &wanted, uid, err);
}

static int check_row(struct verifying *v, struct checked *c, struct err *err)
{
	struct remote_row row;
	int got = c->u->uid == 0 ? 0
				 : journal_remote_get(v->t->journal, v->folder.id, c->u->uid,
						      &v->find_arena, &row, err);

	if (got == 0) {
		got = find_twin(v, c, &c->u->uid, err);
		if (got > 0) {
			c->verdict = CHECK_LOOK;
			c->whole = true;
			return 0;
		}
	}
	if (got < 0)
		return -1;
	if (got == 0) {
		if (may_be_twin(v, c))
			finding(c, CHECK_TWIN,
				"acknowledged, but not there: the server keeps one message of each "
				"Message-ID");
		else
			finding(c, CHECK_MISSING, "not on the server");
		return 0;
	}
	c->verdict = CHECK_SAME;
	c->whole = c->u->ours || (c->u->repairs & NOTE_NO_HEADER);
	c->mended = c->u->mended;
	if (!v->present)
		check_attributes(v, c, &row);
	if (c->verdict == CHECK_DIFFERS && may_be_twin(v, c)) {
		v->had_already++; /* with the flags and the date that it has: look at its text */
		c->verdict = CHECK_LOOK;
		return 0;
	}
	if (c->verdict == CHECK_SAME &&
	    (must_look(v, c->u, &row) ||
	     (v->level >= VERIFY_HEADER && !v->present && !is_original(c->u) &&
	      !same_keys(&row.keys, &c->u->keys))))
		c->verdict = CHECK_LOOK;
	return 0;
}

/* ---- against the message itself ---- */

static struct checked *checked_by_uid(struct verifying *v, uint32_t uid)
{
	for (size_t i = 0; i < v->n; i++) {
		if (v->page[i].u->uid == uid && v->page[i].asked)
			return &v->page[i];
	}
	return NULL;
}

/* Where they differ, in words. */
static void tell_difference(struct checked *c, const struct content *content, uint64_t total)
{
	const char *what = c->whole ? "message" : "body";
	uint64_t here = c->u->wire_len - (c->whole ? 0 : c->u->header_len);
	uint64_t at = content->compare.offset;

	if (at == total && total < here)
		finding(c, CHECK_DIFFERS,
			"the server has only the first %" PRIu64 " of %" PRIu64 " octets of the %s",
			total, here, what);
	else if (at == here && total > here)
		finding(c, CHECK_DIFFERS,
			"the server has %" PRIu64 " octets more behind the end of the %s",
			total - here, what);
	else
		finding(c, CHECK_DIFFERS,
			"the %s differs behind its first %" PRIu64 " octets (%" PRIu64
			" on the server, %" PRIu64 " here)",
			what, at, total, here);
}

static enum verdict same_body(const struct verifying *v, const struct checked *c)
{
	return may_be_twin(v, c) ? CHECK_DRESSED : CHECK_REWRITTEN;
}

static void conclude(struct verifying *v, struct checked *c, const struct content *content,
		     bool same, uint64_t total)
{
	CLEANUP(buf_release) struct buf changes = BUF_INIT(FINDING_MAX);

	if (!same && c->whole &&
	    (session_profile(v->t->session)->rewrites_headers ||
	     (may_be_twin(v, c) && c->u->keys.has_id))) {
		c->whole = false; /* look again */
		c->body_only = true;
	} else if (!same) {
		tell_difference(c, content, total);
		if (may_be_twin(v, c))
			finding(c, CHECK_TWIN,
				"the server keeps one message of each Message-ID, and has another "
				"than this one");
	} else if (c->body_only) {
		c->verdict = same_body(v, c);
	} else if (content->compare.changes) {
		compare_add_changes(&changes, content->compare.changes);
		const char *text = buf_cstr(&changes);

		finding(c, CHECK_ALTERED, "altered by the server: %s", text ? text : "");
	} else {
		c->verdict = CHECK_SAME;
	}
}

static bool has_body(const struct upload *u)
{
	return u->wire_len > content_body_at(u->repairs, u->header_len);
}

/* What another run has put there may have been mended: ask again, for that form. */
static bool next_variant(struct checked *c)
{
	uint32_t variant =
		c->u->ours || c->mended ? 0 : mended_variant(c->u->repairs, c->u->nul_count);

	if (variant == 0)
		return false;
	c->mended = variant;
	c->asked = false;
	return true;
}

/* One message as it comes, until CHUNK_END. */
static int compare_one(struct verifying *v, struct checked *c, uint64_t total, struct err *err)
{
	struct err cause = ERR_INIT;
	struct content content;
	struct content_wanted wanted = { .header = c && c->whole };
	bool same = false;
	int got;

	arena_reset(&v->find_arena);
	if (c) {
		wanted.kind = c->u->kind;
		wanted.source = c->u->source;
		wanted.locator = c->u->locator;
		wanted.skip = c->whole ? 0 : content_body_at(c->u->repairs, c->u->header_len);
		wanted.mended = c->mended;
	}
	got = content_receive(&content, v->t->session, v->t->sources, v->canon, &v->find_arena,
			      c ? &wanted : NULL, &same, &cause, err);
	if (got < 0)
		return -1;
	if (got > 0 && !c->whole && !has_body(c->u) && total <= CONTENT_EMPTY_MAX)
		c->verdict = c->body_only ? same_body(v, c) : CHECK_SAME;
	else if (got > 0 && !same && next_variant(c))
		c->verdict = CHECK_LOOK;
	else if (got > 0)
		conclude(v, c, &content, same, total);
	else if (c)
		finding(c, CHECK_UNKNOWN, "cannot be compared any more: %s", cause.text);
	return 0;
}

static int examine(struct verifying *v, struct err *err)
{
	struct selected sel;

	if (v->examined)
		return 0;
	if (session_examine(v->t->session, v->folder.wire_name, &sel, err) < 0)
		return -1;
	v->examined = true;
	return 0;
}

static int fetch(struct verifying *v, const uint32_t *uids, size_t n, struct err *err)
{
	struct fetch_chunk chunk;
	int got;

	if (session_fetch_start(v->t->session, uids, n, v->whole ? "" : "TEXT", 0, err) < 0)
		return -1;
	while ((got = session_fetch_next(v->t->session, &chunk, err)) > 0) {
		if (chunk.kind == CHUNK_BEGIN &&
		    compare_one(v, checked_by_uid(v, chunk.uid), chunk.total, err) < 0)
			return -1;
	}
	return got;
}

/* The server says NO (a message is damaged there, as a rule): each is asked for by itself, and what
 * is not given out is told. 1: look again; -1: it was something else. */
static int fetch_refused(struct verifying *v, const struct err *cause, struct err *err)
{
	if (cause->code != ERR_REFUSED || session_is_dead(v->t->session)) {
		*err = *cause;
		return -1;
	}
	for (size_t i = 0; i < v->n && v->one_by_one; i++) {
		struct checked *c = &v->page[i];

		if (c->asked && c->verdict == CHECK_LOOK)
			finding(c, CHECK_UNKNOWN, "%s", cause->text);
	}
	v->one_by_one = true;
	return 1;
}

static bool is_chosen(const uint32_t *uids, size_t n, uint32_t uid)
{
	for (size_t i = 0; i < n; i++) {
		if (uids[i] == uid)
			return true;
	}
	return false;
}

/* The next of the page's messages that can be asked for together: whole or not, each UID once. */
static size_t choose(struct verifying *v, uint32_t *uids)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n; i++) {
		struct checked *c = &v->page[i];

		c->asked = c->verdict == CHECK_LOOK &&
			   (n == 0 || (!is_chosen(uids, n, c->u->uid) && c->whole == v->whole &&
				       !v->one_by_one));
		if (!c->asked)
			continue;
		v->whole = c->whole;
		uids[n++] = c->u->uid;
	}
	return n;
}

/* Fetch what has to be looked at; several lines may have the same UID: as many rounds. */
static int look(struct verifying *v, struct err *err)
{
	struct err cause = ERR_INIT;
	uint32_t uids[PAGE];
	size_t n = choose(v, uids);

	if (n == 0)
		return 0;
	if (examine(v, err) < 0)
		return -1;
	if (fetch(v, uids, n, &cause) < 0)
		return fetch_refused(v, &cause, err);
	/* The server has it in its index and does not send it: gone meanwhile. */
	for (size_t i = 0; i < v->n; i++) {
		struct checked *c = &v->page[i];

		if (c->asked && c->verdict == CHECK_LOOK && c->whole == v->whole)
			finding(c, CHECK_MISSING, "not on the server any more");
	}
	return 1;
}

/* ---- results ---- */

static int begin(struct verifying *v, struct err *err)
{
	if (!v->in_transaction && journal_begin(v->t->journal, err) < 0)
		return -1;
	v->in_transaction = true;
	return 0;
}

static int commit(struct verifying *v, struct err *err)
{
	if (!v->in_transaction)
		return 0;
	v->in_transaction = false;
	v->in_commit = 0;
	return journal_commit(v->t->journal, err);
}

/* It was matched by less than all its octets: the next run shall look for another copy, or upload
 * it. */
static int void_match(struct verifying *v, const struct checked *c, struct err *err)
{
	struct match_candidate candidate = { .folder = v->folder.id,
					     .uid = c->u->uid,
					     .level = MATCH_WEAK };

	if (!v->present || c->u->ours)
		return 0;
	memcpy(candidate.sha256, c->u->sha256, SHA256_LEN);
	return match_candidate_settle(v->t->journal, &candidate, VERDICT_OTHER, err);
}

/* As good as refused: the next run tries again, the sidecar has it. */
static int refuse_twin(struct verifying *v, const struct checked *c, struct err *err)
{
	struct journal *j = v->t->journal;
	int kept = refused_keep(v->t, v->canon, &v->folder, c->u, c->finding, err);

	if (kept < 0)
		return -1;
	progress_note(v->t->progress, "'%s': 1 message refused: %s%s", v->folder.name, c->finding,
		      kept ? "; kept in failed/" : "");
	v->t->tally.refused++;
	if (journal_mark_refused(j, c->u->id, "message-id", c->finding, err) < 0)
		return -1;
	return kept ? journal_mark_kept(j, c->u->id, err) : 0;
}

static int write_one(struct verifying *v, const struct checked *c, struct err *err)
{
	struct journal *j = v->t->journal;
	struct transfer_tally *tally = &v->t->tally;

	switch (c->verdict) {
	case CHECK_TWIN:
		return refuse_twin(v, c, err);
	case CHECK_DRESSED:
	case CHECK_REWRITTEN:
		tally->altered++;
		v->dressed += c->verdict == CHECK_DRESSED;
		v->rewritten += c->verdict == CHECK_REWRITTEN;
		tally->verified++;
		return v->present ? journal_line_verified(j, c->u->line, err)
				  : journal_mark_verified(j, &c->u->id, 1, err);
	case CHECK_ALTERED:
		tally->altered++;
		if (transfer_notice(v->t, 0, "altered", 1, v->folder.name, c->finding, err) < 0)
			return -1;
		/* fall through */
	case CHECK_SAME:
		tally->verified++;
		return v->present ? journal_line_verified(j, c->u->line, err)
				  : journal_mark_verified(j, &c->u->id, 1, err);
	case CHECK_MISSING:
		tally->missing++;
		break;
	case CHECK_UNKNOWN:
		return transfer_notice(v->t, 0, "not-verified", 1, c->u->store_location, c->finding,
				       err);
	default:
		tally->differs++;
		v->dates += c->date;
		if (void_match(v, c, err) < 0)
			return -1;
		break;
	}
	if (++v->findings <= TOLD_MAX)
		progress_note(v->t->progress, "'%s', UID %" PRIu32 ": %s", v->folder.name,
			      c->u->uid, c->finding);
	return v->present ? journal_line_differs(j, c->u->line, c->finding, err)
			  : journal_mark_differs(j, c->u->id, c->finding, err);
}

static int write_page(struct verifying *v, struct err *err)
{
	if (begin(v, err) < 0)
		return -1;
	for (size_t i = 0; i < v->n; i++) {
		if (write_one(v, &v->page[i], err) < 0)
			return -1;
	}
	v->done += v->n;
	v->in_commit += v->n;
	progress_update(v->t->progress, "verifying", v->done, 0, 0);
	return v->in_commit < CHECKED_PER_COMMIT ? 0 : commit(v, err);
}

/* ---- folders ---- */

/* The next page: 1, 0, -1. */
static int load_page(struct verifying *v, int64_t *cursor, struct err *err)
{
	struct journal *j = v->t->journal;
	struct upload *u;
	int n;

	arena_reset(&v->arena);
	u = arena_alloc(&v->arena, PAGE * sizeof(*u));
	v->page = arena_alloc(&v->arena, PAGE * sizeof(*v->page));
	if (!u || !v->page)
		return err_nomem(err);
	if (v->present)
		n = journal_present_next(j, v->t->run, v->folder.id, PAGE, &v->arena, u, cursor,
					 err);
	else
		n = journal_stored_next(j, v->t->run, v->folder.id, v->folder.uidvalidity, PAGE,
					&v->arena, u, cursor, err);
	if (n <= 0)
		return n;
	v->n = (size_t)n;
	v->one_by_one = false;
	for (size_t i = 0; i < v->n; i++)
		v->page[i].u = &u[i];
	return 1;
}

static int check_pages(struct verifying *v, struct err *err)
{
	int64_t cursor = 0;
	int got;

	while ((got = load_page(v, &cursor, err)) > 0) {
		if (stop_check(err) < 0)
			return -1;
		for (size_t i = 0; i < v->n; i++) {
			arena_reset(&v->find_arena);
			if (check_row(v, &v->page[i], err) < 0)
				return -1;
		}
		while ((got = look(v, err)) > 0)
			;
		if (got < 0 || write_page(v, err) < 0)
			return -1;
	}
	return got < 0 ? -1 : commit(v, err);
}

/* What is told once for a folder. */
static int note_folder(struct verifying *v, uint64_t *count, const char *kind, const char *text,
		       struct err *err)
{
	uint64_t n = *count;

	*count = 0;
	return n == 0 ? 0 : transfer_notice(v->t, 0, kind, n, v->folder.name, text, err);
}

static int note_changes(struct verifying *v, struct err *err)
{
	if (v->findings > TOLD_MAX)
		progress_note(v->t->progress, "'%s': %" PRIu64 " more like these, see the report",
			      v->folder.name, v->findings - TOLD_MAX);
	v->findings = 0;
	if (note_folder(v, &v->dates, "dates",
			"the server has not kept the dates of arrival it was given: mail programs "
			"that sort by these show other days",
			err) < 0)
		return -1;
	if (note_folder(v, &v->keywords_missing, "keywords-missing",
			"the server did not keep all keywords", err) < 0)
		return -1;
	if (note_folder(v, &v->had_already, "had-already",
			"the server had them already, and kept their flags and dates", err) < 0)
		return -1;
	if (note_folder(
		    v, &v->dressed, "had-already",
		    "the server had them already, with other header fields; it keeps one message "
		    "of each Message-ID",
		    err) < 0)
		return -1;
	return note_folder(v, &v->rewritten, "altered",
			   "altered by the server: header fields rewritten, the body is the same",
			   err);
}

static int verify_folder(struct verifying *v, struct err *err)
{
	struct err cause = ERR_INIT;
	int got = index_folder(v->t, &v->folder, &cause);

	v->examined = false;
	if (got < 0) {
		*err = cause;
		return -1;
	}
	if (got == 0) {
		v->t->tally.folders_blind++;
		progress_note(v->t->progress, "'%s' cannot be verified: %s", v->folder.name,
			      cause.text);
		return transfer_notice(v->t, 0, "folder-blind", 1, v->folder.name, cause.text, err);
	}
	if (begin(v, err) < 0 || claim_uids(v->t, &v->folder, err) < 0 || commit(v, err) < 0)
		return -1;
	if (check_pages(v, err) < 0)
		return -1;
	return note_changes(v, err);
}

static int next_folder(struct verifying *v, int64_t after, struct arena *a, struct err *err)
{
	struct journal *j = v->t->journal;

	return v->present ? journal_present_folder_next(j, v->t->run, after, a, &v->folder, err)
			  : journal_verify_target_next(j, v->t->run, after, a, &v->folder, err);
}

/* What we uploaded goes into the index as it is, so that the next run need not fetch it. */
static int absorb(struct verifying *v, struct err *err)
{
	struct folder_status s;
	bool complete;

	if (session_status(v->t->session, v->folder.wire_name, &s, err) < 0)
		return transfer_folder_shut(err) ? 0 : -1;
	return journal_folder_absorb(v->t->journal, v->folder.id, s.uidvalidity, s.uidnext,
				     s.messages, &complete, err);
}

/* One folder, over new connections if the line is lost. What is done is in the journal. */
static int verify_patiently(struct verifying *v, struct err *err)
{
	for (uint32_t attempt = 0;; attempt++) {
		struct err second = ERR_INIT;

		if (transfer_connect(v->t, err) < 0)
			return -1;
		if ((v->level == VERIFY_NONE ? absorb(v, err) : verify_folder(v, err)) == 0)
			return 0;
		if (commit(v, &second) < 0 || !transfer_line_lost(err) ||
		    attempt >= transfer_tries(v->t, err))
			return -1;
		if (transfer_pause_for(v->t, err, attempt, err) < 0)
			return -1;
		v->t->tally.reconnects++;
	}
}

int verify(struct transfer *t, enum verify_level level, bool present, struct err *err)
{
	CLEANUP(arena_release) struct arena names = ARENA_INIT(1u << 20);
	CLEANUP(verifying_release)
	struct verifying v = {
		.t = t,
		.level = level,
		.present = present,
		.arena = ARENA_INIT(PAGE_ARENA_MAX),
		.find_arena = ARENA_INIT(FIND_ARENA_MAX),
		.canon = canon_new(),
	};
	int64_t after = 0;
	int got;

	if (!v.canon)
		return err_nomem(err);
	for (;;) {
		arena_reset(&names);
		got = next_folder(&v, after, &names, err);
		if (got <= 0)
			return got;
		after = v.folder.id;
		if (stop_check(err) < 0 || verify_patiently(&v, err) < 0)
			return -1;
	}
}

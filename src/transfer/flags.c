/*
 * Changing flags on the server: equal changes of one folder go into one STORE.
 * Where the folder has modification sequences, a message that somebody has changed
 * since it was indexed is left alone; the next run looks at it again.
 */
#include <stdio.h>

#include "base/fault.h"
#include "base/stop.h"
#include "journal/flags.h"
#include "transfer/filing.h"

#define CHANGES_PAGE	  1000
#define CHANGES_ARENA_MAX (8u << 20)
#define KEYWORDS_LINE_MAX 16384
#define POLL_MS		  500

struct merging {
	struct transfer *t;
	int64_t run;			 /* whose changes */
	enum flag_change_state from, to; /* of a change, before and after it is made */
	struct arena arena, names;
	struct remote_folder folder;
	struct selected sel;
	struct flag_change *page;
	enum flag_change_state ended[CHANGES_PAGE];
	uint64_t refused;
	char words[ERR_TEXT_MAX];
};

static void merging_release(struct merging *m)
{
	arena_release(&m->arena);
	arena_release(&m->names);
}

/* ---- one group of equal changes ---- */

static bool same_text(const char *a, const char *b)
{
	return slice_eq(slice_str(a), slice_str(b)) && !a == !b;
}

static bool same_change(const struct flag_change *a, const struct flag_change *b)
{
	return a->removed == b->removed && a->added == b->added &&
	       same_text(a->removed_keywords, b->removed_keywords) &&
	       same_text(a->added_keywords, b->added_keywords) && a->uid > b->uid;
}

static bool is_kept(const struct selected *sel, struct slice keyword)
{
	if (sel->keywords_allowed)
		return true;
	for (size_t i = 0; i < sel->n_keywords; i++)
		if (slice_ieq(slice_str(sel->keywords[i]), keyword))
			return true;
	return false;
}

/* What the folder can keep of these keywords, as one text; NULL: none. */
static const char *kept_keywords(struct merging *m, const char *text)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(KEYWORDS_LINE_MAX);
	struct slice rest = slice_str(text);

	while (rest.len > 0) {
		struct slice word = slice_cut(&rest, ' ');

		if (word.len == 0 || !is_kept(&m->sel, word))
			continue;
		if (out.len > 0)
			buf_addc(&out, ' ');
		buf_add_slice(&out, word);
	}
	return out.len > 0 ? arena_str(&m->arena, buf_cstr(&out)) : NULL;
}

static void split(struct merging *m, const char *text, struct flag_set *out)
{
	struct slice rest = slice_str(text);

	while (rest.len > 0)
		(void)flag_set_add_keyword(out, &m->arena, slice_cut(&rest, ' '));
}

/* One STORE for as many as fit on a line; what was changed by others is marked dropped. 1, 0: the
 * server refused it, -1. */
static int store(struct merging *m, const uint32_t *uids, size_t n, const struct store_spec *spec,
		 enum flag_change_state *ended, size_t *taken, struct err *err)
{
	struct session *s = m->t->session;
	struct append_result r;
	int got;

	fault_point("flags-before-store");
	if (session_store(s, uids, n, spec, taken, err) < 0)
		return -1;
	while ((got = session_reap(s, &r, err)) == 0)
		if (session_poll(&s, 1, POLL_MS, err) < 0)
			return -1;
	if (got < 0)
		return -1;
	fault_point("flags-stored");
	for (size_t i = 0; i < *taken; i++)
		for (size_t k = 0; k < r.n_from; k++)
			if (uids[i] >= r.from[k].first && uids[i] <= r.from[k].last)
				ended[i] = FLAG_CHANGE_DROPPED;
	if (r.ok)
		return 1;
	snprintf(m->words, sizeof(m->words), "%s", r.text);
	return 0;
}

/* Change these flags of all `n`, one way. 1, 0 refused, -1. */
static int store_all(struct merging *m, const uint32_t *uids, size_t n, bool remove, uint32_t flags,
		     const char *keywords, uint64_t unchanged_since, enum flag_change_state *ended,
		     struct err *err)
{
	struct flag_set words = { 0 };
	struct store_spec spec = { .remove = remove,
				   .flags = flags,
				   .unchanged_since = unchanged_since };
	size_t taken;
	int got = 1;

	if (flags == 0 && !keywords)
		return 1;
	split(m, keywords, &words);
	spec.keywords = words.keywords;
	spec.n_keywords = words.n_keywords;
	for (size_t done = 0; done < n && got > 0; done += taken)
		got = store(m, uids + done, n - done, &spec, ended + done, &taken, err);
	return got;
}

static uint64_t unchanged_since(const struct merging *m)
{
	bool can = session_capabilities(m->t->session) & CAP_CONDSTORE;

	if (m->to == FLAG_CHANGE_UNDONE) /* they have just been looked at */
		return can ? m->sel.highestmodseq : 0;
	return can && m->sel.highestmodseq > 0 ? m->folder.highestmodseq : 0;
}

static int note_changes(struct merging *m, const struct flag_change *c, size_t n,
			const struct flag_change *what, struct err *err)
{
	struct journal *j = m->t->journal;
	int result = 0;

	if (journal_begin(j, err) < 0)
		return -1;
	for (size_t i = 0; i < n && result == 0; i++) {
		struct flag_change done = *what;
		bool is_done = m->ended[i] == m->to;

		done.folder = c[i].folder;
		done.uid = c[i].uid;
		m->t->tally.flags_changed += is_done;
		result = journal_flag_change_end(j, c[i].id, m->ended[i], is_done ? &done : NULL,
						 err);
	}
	if (result < 0) {
		journal_rollback(j);
		return -1;
	}
	if (journal_commit(j, err) < 0)
		return -1;
	fault_point("flags-noted");
	return 0;
}

/* Take away first: the modification sequence that others may not have passed is the one before. */
static int change_group(struct merging *m, const struct flag_change *c, size_t n, struct err *err)
{
	struct flag_change what = {
		.removed = c->removed & m->sel.permanent_flags,
		.added = c->added & m->sel.permanent_flags,
		.removed_keywords = kept_keywords(m, c->removed_keywords),
		.added_keywords = kept_keywords(m, c->added_keywords),
	};
	bool removes = what.removed || what.removed_keywords;
	bool nothing = !removes && !what.added && !what.added_keywords;
	uint64_t since = unchanged_since(m);
	uint32_t uids[CHANGES_PAGE];
	int got;

	for (size_t i = 0; i < n; i++) {
		uids[i] = c[i].uid;
		m->ended[i] = nothing || c[i].uidvalidity != m->sel.uidvalidity
				      ? FLAG_CHANGE_DROPPED
				      : m->to;
	}
	if (nothing || c->uidvalidity != m->sel.uidvalidity)
		return note_changes(m, c, n, &what, err);
	got = store_all(m, uids, n, true, what.removed, what.removed_keywords, since, m->ended,
			err);
	if (got > 0)
		got = store_all(m, uids, n, false, what.added, what.added_keywords,
				removes ? 0 : since, m->ended, err);
	if (got < 0)
		return -1;
	for (size_t i = 0; got == 0 && i < n; i++)
		m->ended[i] = FLAG_CHANGE_DROPPED;
	m->refused += got == 0 ? n : 0;
	return note_changes(m, c, n, &what, err);
}

/* ---- folders ---- */

static int change_page(struct merging *m, size_t n, struct err *err)
{
	for (size_t at = 0, len; at < n; at += len) {
		len = 1;
		while (at + len < n && same_change(&m->page[at + len], &m->page[at + len - 1]) &&
		       m->page[at + len].uidvalidity == m->page[at].uidvalidity)
			len++;
		if (stop_check(err) < 0 || change_group(m, m->page + at, len, err) < 0)
			return -1;
		progress_update(m->t->progress, "changing flags", m->t->tally.flags_changed, 0, 0);
	}
	return 0;
}

static int load_page(struct merging *m, struct err *err)
{
	arena_reset(&m->arena);
	m->page = arena_alloc(&m->arena, CHANGES_PAGE * sizeof(*m->page));
	if (!m->page)
		return err_nomem(err);
	return journal_flag_changes(m->t->journal, m->run, m->from, m->folder.id, CHANGES_PAGE,
				    &m->arena, m->page, err);
}

/* The folder cannot be opened for writing: its flags stay as they are. */
static int drop_folder(struct merging *m, const struct err *cause, struct err *err)
{
	int n;

	while ((n = load_page(m, err)) > 0) {
		for (int i = 0; i < n; i++)
			m->ended[i] = FLAG_CHANGE_DROPPED;
		if (note_changes(m, m->page, (size_t)n, m->page, err) < 0)
			return -1;
	}
	if (n < 0)
		return -1;
	return transfer_notice(m->t, 0, "flags-refused", 1, m->folder.name, cause->text, err);
}

/* ---- taking back ---- */

/* The words of `text` that the message has (`there`), or has not; NULL: none. */
static const char *words_of(struct merging *m, const char *text, const struct flag_set *flags,
			    bool there)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(KEYWORDS_LINE_MAX);
	struct slice rest = slice_str(text);

	while (rest.len > 0) {
		struct slice word = slice_cut(&rest, ' ');
		bool has = false;

		for (size_t i = 0; i < flags->n_keywords && !has; i++)
			has = slice_ieq(slice_str(flags->keywords[i]), word);
		if (word.len == 0 || has != there)
			continue;
		if (out.len > 0)
			buf_addc(&out, ' ');
		buf_add_slice(&out, word);
	}
	return out.len > 0 ? arena_str(&m->arena, buf_cstr(&out)) : NULL;
}

/* The changes of a page become their reverse: of what we added, what is still there goes; of what
 * we took away, what is not there comes back. */
static int turn_round(struct merging *m, size_t n, struct err *err)
{
	uint32_t uids[CHANGES_PAGE];
	struct look look;

	for (size_t i = 0; i < n; i++)
		uids[i] = m->page[i].uid;
	if (look_at(m->t, uids, n, false, &m->arena, &look, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct flag_change *c = &m->page[i];
		const struct found_message *now = look_found(&look, c->uid);
		const struct flag_change was = *c;

		c->removed = now->uid ? was.added & now->flags.system : 0;
		c->added = now->uid ? was.removed & ~now->flags.system : 0;
		c->removed_keywords =
			now->uid ? words_of(m, was.added_keywords, &now->flags, true) : NULL;
		c->added_keywords =
			now->uid ? words_of(m, was.removed_keywords, &now->flags, false) : NULL;
	}
	return 0;
}

static int change_folder(struct merging *m, struct err *err)
{
	struct err cause = ERR_INIT;
	int n;

	if (session_select(m->t->session, m->folder.wire_name, &m->sel, &cause) < 0) {
		if (transfer_folder_shut(&cause))
			return drop_folder(m, &cause, err);
		*err = cause;
		return -1;
	}
	m->refused = 0;
	while ((n = load_page(m, err)) > 0) {
		if (m->to == FLAG_CHANGE_UNDONE && turn_round(m, (size_t)n, err) < 0)
			return -1;
		if (change_page(m, (size_t)n, err) < 0)
			return -1;
	}
	if (n < 0)
		return -1;
	return m->refused ? transfer_notice(m->t, 0, "flags-refused", m->refused, m->folder.name,
					    m->words, err)
			  : 0;
}

/* What has been filed is looked at: which flags came along? */
static int index_filed(struct merging *m, struct err *err)
{
	int64_t after = 0;
	int got;

	for (;;) {
		struct err cause = ERR_INIT;

		arena_reset(&m->names);
		got = journal_filed_folder_next(m->t->journal, m->t->run, after, &m->names,
						&m->folder, err);
		if (got <= 0)
			return got;
		after = m->folder.id;
		if (stop_check(err) < 0)
			return -1;
		got = index_folder(m->t, &m->folder, &cause);
		if (got < 0) {
			*err = cause;
			return -1;
		}
		if (got > 0 && claim_uids(m->t, &m->folder, err) < 0)
			return -1;
	}
}

static int merge_all(struct merging *m, enum flag_policy policy, struct err *err)
{
	struct transfer *t = m->t;
	int64_t after = 0;
	bool any = false;
	int got;

	if (m->to == FLAG_CHANGE_DONE &&
	    (index_filed(m, err) < 0 || plan_filed_flags(t->journal, t->run, policy, err) < 0))
		return -1;
	for (;;) {
		arena_reset(&m->names);
		got = journal_flag_folder_next(t->journal, m->run, m->from, after, &m->names,
					       &m->folder, err);
		if (got <= 0)
			break;
		after = m->folder.id;
		any = true;
		if (change_folder(m, err) < 0)
			return -1;
	}
	if (got < 0)
		return -1;
	return any ? session_unselect(t->session, err) : 0;
}

int merge_flags(struct transfer *t, enum flag_policy policy, struct err *err)
{
	CLEANUP(merging_release)
	struct merging m = {
		.t = t,
		.run = t->run,
		.from = FLAG_CHANGE_PLANNED,
		.to = FLAG_CHANGE_DONE,
		.arena = ARENA_INIT(CHANGES_ARENA_MAX),
		.names = ARENA_INIT(1u << 20),
	};

	for (uint32_t attempt = 0;; attempt++) {
		if (stop_check(err) < 0 || transfer_connect(t, err) < 0)
			return -1;
		if (merge_all(&m, policy, err) == 0)
			break;
		if (!transfer_line_lost(err) || attempt >= transfer_tries(t, err))
			return -1;
		transfer_disconnect(t);
		if (transfer_pause_for(t, err, attempt, err) < 0)
			return -1;
		t->tally.reconnects++;
	}
	if (t->tally.flags_changed > 0 &&
	    transfer_notice(t, 0, "flags-changed", t->tally.flags_changed, NULL,
			    "messages on the server got flags or tags from here", err) < 0)
		return -1;
	return plan_flags_merged(t->journal, t->run, policy, err);
}

int flags_restore(struct transfer *t, int64_t run, struct err *err)
{
	CLEANUP(merging_release)
	struct merging m = {
		.t = t,
		.run = run,
		.from = FLAG_CHANGE_DONE,
		.to = FLAG_CHANGE_UNDONE,
		.arena = ARENA_INIT(CHANGES_ARENA_MAX),
		.names = ARENA_INIT(1u << 20),
	};

	return merge_all(&m, FLAGS_SERVER, err);
}

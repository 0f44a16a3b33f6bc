/*
 * The UIDL join is believed after a sample. Before a run acts on it, the headers of
 * all messages that it rests on are read, in a few questions: a message whose UIDL
 * has been given out again, and that has the size of another one, would be filed in
 * its place. What turns out to be another message is matched by its contents.
 */
#include "base/stop.h"
#include "match/uidl.h"
#include "transfer/filing.h"

#define PROOF_ARENA_MAX (16u << 20)

/* The headers of `n` messages of one folder into the index. */
static int read_headers(struct transfer *t, const int64_t *remotes, size_t n, struct arena *a,
			struct err *err)
{
	struct remote_folder f;
	struct selected sel;
	struct look look;
	uint32_t uids[FILING_PAGE];
	int got = journal_folder_get(t->journal, remotes[0] >> 32, a, &f, err);

	if (got <= 0)
		return got;
	for (size_t i = 0; i < n; i++)
		uids[i] = (uint32_t)remotes[i];
	if (session_examine(t->session, f.wire_name, &sel, err) < 0)
		return -1;
	if (sel.uidvalidity != f.uidvalidity) /* filing looks again, and will see that, too */
		return 0;
	if (look_at(t, uids, n, true, a, &look, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const struct found_message *m = look_found(&look, uids[i]);

		if (m->uid != 0 && match_uidl_read(t->journal, remotes[i], &m->keys, err) < 0)
			return -1;
	}
	return 0;
}

static int read_page(struct transfer *t, const int64_t *remotes, size_t n, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(PROOF_ARENA_MAX);

	if (journal_begin(t->journal, err) < 0)
		return -1;
	if (read_headers(t, remotes, n, &a, err) < 0) {
		journal_rollback(t->journal);
		return -1;
	}
	return journal_commit(t->journal, err);
}

static int read_all(struct transfer *t, struct err *err)
{
	int64_t remotes[FILING_PAGE], after = 0;
	size_t n;

	for (;;) {
		if (stop_check(err) < 0 ||
		    match_uidl_unproven(t->journal, after, remotes, FILING_PAGE, &n, err) < 0)
			return -1;
		if (n == 0)
			return after > 0 ? session_unselect(t->session, err) : 0;
		after = remotes[n - 1];
		if (read_page(t, remotes, n, err) < 0)
			return -1;
	}
}

int prove_joins(struct transfer *t, uint64_t *refuted, struct err *err)
{
	for (uint32_t attempt = 0;; attempt++) {
		if (transfer_connect(t, err) < 0)
			return -1;
		if (read_all(t, err) == 0)
			return match_uidl_refute(t->journal, t->run, refuted, err);
		if (!transfer_line_lost(err) || attempt >= transfer_tries(t, err))
			return -1;
		progress_note(t->progress, "%s; connecting again", err->text);
		transfer_disconnect(t);
		if (transfer_pause(t, transfer_backoff_ms(t, attempt), err) < 0)
			return -1;
		t->tally.reconnects++;
	}
}

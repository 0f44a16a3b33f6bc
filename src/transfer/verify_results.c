/*
 * What verification has found, into the journal: by message, and where it is the same
 * of many, once for the folder.
 */
#include <inttypes.h>
#include <string.h>

#include "match/match.h"
#include "transfer/verify_work.h"

#define TOLD_MAX	   20 /* findings of a folder; the report has them all */
#define CHECKED_PER_COMMIT 4000

int verify_begin(struct verifying *v, struct err *err)
{
	if (!v->in_transaction && journal_begin(v->t->journal, err) < 0)
		return -1;
	v->in_transaction = true;
	return 0;
}

int verify_commit(struct verifying *v, struct err *err)
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

/* As it should be, or as somebody wants to have it. */
static int write_good(struct verifying *v, const struct checked *c, struct err *err)
{
	struct journal *j = v->t->journal;

	if (c->since[0]) {
		v->changed++;
		return journal_mark_changed(j, c->u->id, c->since, err);
	}
	v->t->tally.verified++;
	return v->present ? journal_line_verified(j, c->u->line, err)
			  : journal_mark_verified(j, &c->u->id, 1, err);
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
		return write_good(v, c, err);
	case CHECK_ALTERED:
		tally->altered++;
		if (transfer_notice(v->t, 0, "altered", 1, v->folder.name, c->finding, err) < 0)
			return -1;
		/* fall through */
	case CHECK_SAME:
		return write_good(v, c, err);
	case CHECK_MOVED:
		v->changed++;
		return journal_mark_gone(j, c->u->id, false, c->finding, err);
	case CHECK_GONE:
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
	if (v->present)
		return journal_line_differs(j, c->u->line, c->finding, err);
	return c->verdict == CHECK_GONE ? journal_mark_gone(j, c->u->id, true, c->finding, err)
					: journal_mark_differs(j, c->u->id, c->finding, err);
}

int verify_write_page(struct verifying *v, struct err *err)
{
	if (verify_begin(v, err) < 0)
		return -1;
	for (size_t i = 0; i < v->n; i++) {
		if (write_one(v, &v->page[i], err) < 0)
			return -1;
	}
	v->done += v->n;
	v->in_commit += v->n;
	progress_update(v->t->progress, "verifying", v->done, 0, 0);
	return v->in_commit < CHECKED_PER_COMMIT ? 0 : verify_commit(v, err);
}

/* One line for all of them. */
static int note_folder(struct verifying *v, uint64_t *count, const char *kind, const char *text,
		       struct err *err)
{
	uint64_t n = *count;

	*count = 0;
	return n == 0 ? 0 : transfer_notice(v->t, 0, kind, n, v->folder.name, text, err);
}

int verify_note_changes(struct verifying *v, struct err *err)
{
	if (v->findings > TOLD_MAX)
		progress_note(v->t->progress, "'%s': %" PRIu64 " more like these, see the report",
			      v->folder.name, v->findings - TOLD_MAX);
	if (v->changed > 0)
		progress_note(v->t->progress,
			      "'%s': %" PRIu64 " changed or moved there by somebody since",
			      v->folder.name, v->changed);
	v->findings = v->changed = 0;
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

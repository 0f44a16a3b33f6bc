/*
 * Is what we stored really there, as it should be? The index of each folder is
 * brought up to date (one streamed FETCH of sizes, dates, flags and header
 * fields), and the journal's uploads are held against it page by page. Where that
 * leaves a doubt, or when all is to be checked, the message itself is fetched and
 * compared: what servers are known to change is told apart from damage.
 *
 * And so is what the user does. Between uploading and verifying he may have gone on
 * working with his mail, when the run was stopped, or cut off, and is gone on with later.
 * What is his and what the server's doing is told by this rule:
 *
 * - Octets, sizes, header fields and dates of a message no mail program changes: a
 *   difference is damage, always.
 * - What the same run has uploaded is verified right behind: what is missing or has other
 *   flags then is damage, and stays that in later runs, unless it turns out otherwise by
 *   the two rules that follow.
 * - Uploads of an earlier run that are gone: one like it that lies elsewhere, and is no
 *   upload of ours, has been moved there. Nowhere: deleted, as a rule. But what has cut
 *   the line may have been the server's crash, which can have cost it what it had
 *   acknowledged, and nobody has ever seen the message there. So it is called a
 *   difference once, and no more after that (the plan goes on saying that it is gone). A
 *   UID that the folder has not come to (UIDNEXT) says that it was lost.
 * - Uploads of an earlier run that have other flags: a server that drops a flag does so
 *   for all mail. When another upload still has the flag somebody has taken it off this
 *   one; when none has, and there are enough to tell, or it was seen right behind the
 *   upload, it is damage. That a flag was added is damage only when seen so.
 *
 * What somebody has done is no difference: it is told once, message by message, and the
 * upload is done with (verified). It is never sent again (DESIGN 4.6). `mailhoist verify`
 * compares no flags; what an earlier verification has seen there it calls missing once
 * (plan.c).
 */
#include "base/stop.h"
#include "transfer/verify_work.h"

#define PAGE_ARENA_MAX (16u << 20)
#define FIND_ARENA_MAX (1u << 20)

static void verifying_release(struct verifying *v)
{
	if (v->in_transaction)
		journal_rollback(v->t->journal);
	canon_free(v->canon);
	arena_release(&v->arena);
	arena_release(&v->find_arena);
}

/* The next page: 1, 0, -1. */
static int load_page(struct verifying *v, int64_t *cursor, struct err *err)
{
	struct journal *j = v->t->journal;
	struct upload *u;
	int n;

	arena_reset(&v->arena);
	u = arena_alloc(&v->arena, VERIFY_PAGE * sizeof(*u));
	v->page = arena_alloc(&v->arena, VERIFY_PAGE * sizeof(*v->page));
	if (!u || !v->page)
		return err_nomem(err);
	if (v->present)
		n = journal_present_next(j, v->t->run, v->folder.id, VERIFY_PAGE, &v->arena, u,
					 cursor, err);
	else
		n = journal_stored_next(j, v->t->run, v->folder.id, v->folder.uidvalidity,
					VERIFY_PAGE, &v->arena, u, cursor, err);
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
			if (verify_row(v, &v->page[i], err) < 0)
				return -1;
		}
		while ((got = verify_look(v, err)) > 0)
			;
		if (got < 0 || verify_write_page(v, err) < 0)
			return -1;
	}
	return got < 0 ? -1 : verify_commit(v, err);
}

static int verify_folder(struct verifying *v, struct err *err)
{
	struct err cause = ERR_INIT;
	int got = index_folder(v->t, &v->folder, &cause);

	v->examined = false;
	v->records_new = false;
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
	if (verify_begin(v, err) < 0 || claim_uids(v->t, &v->folder, err) < 0 ||
	    verify_commit(v, err) < 0)
		return -1;
	if (check_pages(v, err) < 0)
		return -1;
	return verify_note_changes(v, err);
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
		if (verify_commit(v, &second) < 0 || !transfer_line_lost(err) ||
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

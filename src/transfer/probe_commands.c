/*
 * Commands that a migration gains by: MULTIAPPEND, APPENDUID, COPY, MOVE, STORE,
 * UID EXPUNGE. What the server announces is tried; what it does not announce is
 * not missed here, for the list of capabilities tells.
 */
#include "transfer/probe_work.h"

#define MESSAGE_MAX 4096

/* ---- uploading ---- */

/* Does the server tell the UID of what it has stored, and the right one? */
static int try_appenduid(struct probe_work *w, struct err *err)
{
	static const char id[] = "appenduid", title[] = "the UID of what was uploaded (UIDPLUS)";
	CLEANUP(buf_release) struct buf mail = BUF_INIT(MESSAGE_MAX);
	struct probe_message m = { .spec = { .internaldate = PROBE_DATE } };
	struct folder_status before;
	struct append_result r;

	if (!(session_capabilities(w->session) & CAP_UIDPLUS))
		return 0;
	probe_compose(w, &mail, SLICE_LIT("Subject: UID\r\n"), SLICE_LIT("x\r\n"));
	m.bytes = buf_slice(&mail);
	if (session_status(w->session, w->scratch.wire_name, &before, err) < 0 ||
	    probe_append(w, &m, 1, &r, err) < 0)
		return -1;
	if (!r.ok)
		return trial_refused(w, id, title, &r, err);
	if (r.n_uids == 0)
		return trial_add(w, id, title, TRIAL_CHANGED, "it is announced, but not told", err);
	if (r.uidvalidity != before.uidvalidity || r.first_uid < before.uidnext)
		return trial_add(w, id, title, TRIAL_CHANGED, "what it tells is wrong", err);
	return trial_add(w, id, title, TRIAL_GOOD, NULL, err);
}

static int try_multiappend(struct probe_work *w, struct err *err)
{
	static const char id[] = "multiappend", title[] = "several messages at once (MULTIAPPEND)";
	CLEANUP(buf_release) struct buf first = BUF_INIT(MESSAGE_MAX);
	CLEANUP(buf_release) struct buf second = BUF_INIT(MESSAGE_MAX);
	struct probe_message m[2] = { { .spec = { .internaldate = PROBE_DATE } },
				      { .spec = { .internaldate = PROBE_DATE } } };
	struct folder_status before, after;
	struct append_result r;

	if (!(session_capabilities(w->session) & CAP_MULTIAPPEND))
		return 0;
	probe_compose(w, &first, SLICE_LIT("Subject: first\r\n"), SLICE_LIT("x\r\n"));
	probe_compose(w, &second, SLICE_LIT("Subject: second\r\n"), SLICE_LIT("y\r\n"));
	m[0].bytes = buf_slice(&first);
	m[1].bytes = buf_slice(&second);
	if (session_status(w->session, w->scratch.wire_name, &before, err) < 0 ||
	    probe_append(w, m, 2, &r, err) < 0)
		return -1;
	if (!r.ok)
		return trial_refused(w, id, title, &r, err);
	if (session_status(w->session, w->scratch.wire_name, &after, err) < 0)
		return -1;
	if (after.messages != before.messages + 2)
		return trial_add(w, id, title, TRIAL_CHANGED,
				 "the server said OK, but not both are there", err);
	return trial_add(w, id, title, TRIAL_GOOD, NULL, err);
}

/* ---- filing ---- */

#define UIDS_WANTED 2

/* The first UIDs of the selected folder. */
static int first_uids(struct probe_work *w, uint32_t uids[UIDS_WANTED], size_t *n, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1u << 20);
	struct index_row row;
	int got;

	*n = 0;
	if (session_sizes_start(w->session, 1, err) < 0)
		return -1;
	while ((got = session_index_next(w->session, &a, &row, err)) > 0)
		if (*n < UIDS_WANTED)
			uids[(*n)++] = row.uid;
	return got;
}

/* COPY and MOVE of one message each; `to` is empty. */
static int try_transport(struct probe_work *w, const char *id, const char *title, int64_t ticket,
			 const char *to, uint32_t expected, struct err *err)
{
	struct folder_status there;
	struct append_result r;
	bool told;

	if (ticket < 0 || probe_reap(w->session, &r, err) < 0)
		return -1;
	if (!r.ok)
		return trial_add(w, id, title, TRIAL_REFUSED, r.text, err);
	told = r.n_to > 0;
	if (session_status(w->session, to, &there, err) < 0)
		return -1;
	if (there.messages != expected)
		return trial_add(w, id, title, TRIAL_CHANGED,
				 "the server said OK, but the message is not there", err);
	return trial_add(w, id, title, TRIAL_GOOD,
			 told ? NULL : "it does not tell the new UID (COPYUID)", err);
}

static int try_copy_and_move(struct probe_work *w, const uint32_t *uids, struct err *err)
{
	uint32_t capabilities = session_capabilities(w->session);
	struct listed_folder target;
	struct err why = ERR_INIT;
	const char *name;
	size_t taken;
	int got;

	if (!w->scratch.separator || (w->scratch.attributes & ATTR_NOINFERIORS))
		return trial_add(w, "copy", "copying by the server (COPY)", TRIAL_UNKNOWN,
				 "there is no second folder to try it with", err);
	name = probe_child(w, "copies", err);
	if (!name)
		return -1;
	got = session_create(w->session, name, ROLE_NONE, w->arena, &target, &why);
	if (got < 0)
		*err = why;
	if (got <= 0)
		return got < 0 ? -1
			       : trial_add(w, "copy", "copying by the server (COPY)", TRIAL_UNKNOWN,
					   why.text, err);
	if (try_transport(w, "copy", "copying by the server (COPY)",
			  session_copy(w->session, uids, 1, target.wire_name, &taken, err),
			  target.wire_name, 1, err) < 0)
		return -1;
	if (!(capabilities & CAP_MOVE))
		return 0;
	return try_transport(w, "move", "moving by the server (MOVE)",
			     session_move(w->session, uids, 1, target.wire_name, &taken, err),
			     target.wire_name, 2, err);
}

/* Setting flags, and taking away exactly one message: what `undo` needs. */
static int try_store_and_expunge(struct probe_work *w, uint32_t uid, struct err *err)
{
	static const char title[] = "removing single messages (UID EXPUNGE)";
	const struct store_spec deleted = { .flags = FLAG_DELETED };
	uint32_t left[UIDS_WANTED];
	struct append_result r;
	size_t taken, n;

	if (session_store(w->session, &uid, 1, &deleted, &taken, err) < 0 ||
	    probe_reap(w->session, &r, err) < 0)
		return -1;
	if (trial_add(w, "store", "changing flags (STORE)", r.ok ? TRIAL_GOOD : TRIAL_REFUSED,
		      r.ok ? NULL : r.text, err) < 0)
		return -1;
	if (!r.ok || !(session_capabilities(w->session) & CAP_UIDPLUS))
		return 0;
	if (session_expunge(w->session, &uid, 1, &taken, err) < 0 ||
	    probe_reap(w->session, &r, err) < 0)
		return -1;
	if (!r.ok)
		return trial_add(w, "expunge", title, TRIAL_REFUSED, r.text, err);
	if (first_uids(w, left, &n, err) < 0)
		return -1;
	if (n > 0 && left[0] == uid)
		return trial_add(w, "expunge", title, TRIAL_CHANGED,
				 "the server said OK, but the message is still there", err);
	return trial_add(w, "expunge", title, TRIAL_GOOD, NULL, err);
}

int probe_commands(struct probe_work *w, struct err *err)
{
	uint32_t uids[UIDS_WANTED];
	struct selected folder;
	size_t n;

	if (try_appenduid(w, err) < 0 || try_multiappend(w, err) < 0 ||
	    session_select(w->session, w->scratch.wire_name, &folder, err) < 0)
		return -1;
	if (first_uids(w, uids, &n, err) < 0)
		return -1;
	if (n == UIDS_WANTED &&
	    (try_copy_and_move(w, uids, err) < 0 || try_store_and_expunge(w, uids[1], err) < 0))
		return -1;
	return session_unselect(w->session, err);
}

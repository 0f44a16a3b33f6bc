/*
 * The life of a scratch folder. See probe.h.
 */
#include "transfer/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/fault.h"
#include "base/stop.h"
#include "base/text.h"
#include "journal/scratch.h"
#include "message/mutf7.h"
#include "transfer/probe_work.h"

#define NAME_OCTETS_MAX 4096
#define LIST_MAX	(16u << 20)
#define LINES_LOST_MAX	5

const char *trial_verdict_name(enum trial_verdict verdict)
{
	static const char *const names[] = { "good", "changed", "refused", "unknown" };

	return names[verdict];
}

int trial_add(struct probe_work *w, const char *id, const char *title, enum trial_verdict verdict,
	      const char *text, struct err *err)
{
	CLEANUP(buf_release) struct buf safe = BUF_INIT(ERR_TEXT_MAX * 4);
	struct trial t = { .id = id, .title = title, .verdict = verdict };

	if (w->result->n == TRIALS_MAX)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER, "too many trials");
	text_add_safe(&safe, slice_str(text ? text : ""), 0);
	t.text = arena_slice(w->arena, buf_slice(&safe));
	if (!t.text)
		return err_nomem(err);
	w->result->trials[w->result->n++] = t;
	return 0;
}

/* ---- taking away ---- */

/* Is it the scratch folder or in it? */
static bool is_inside(const struct listed_folder *f, const char *scratch)
{
	size_t len = strlen(scratch);

	return strncmp(f->wire_name, scratch, len) == 0 &&
	       (f->wire_name[len] == '\0' || (f->separator && f->wire_name[len] == f->separator));
}

static int longest_first(const void *a, const void *b)
{
	size_t x = strlen(((const struct listed_folder *)a)->wire_name);
	size_t y = strlen(((const struct listed_folder *)b)->wire_name);

	return (x < y) - (x > y);
}

/* Those of the account's folders that are inside, children before their parents. */
static int list_inside(struct session *s, const char *scratch, struct arena *a,
		       struct listed_folder **out, size_t *n, struct err *err)
{
	struct listed_folder *all;
	size_t n_all, kept = 0;

	if (session_list(s, a, &all, &n_all, err) < 0)
		return -1;
	for (size_t i = 0; i < n_all; i++)
		if (is_inside(&all[i], scratch))
			all[kept++] = all[i];
	if (kept > 0)
		qsort(all, kept, sizeof(*all), longest_first);
	*out = all;
	*n = kept;
	return 0;
}

/* Remove the scratch folder of this name: 1 it is gone; 0 the server refuses (*err has its words);
 * -1. */
static int remove_scratch(struct session *s, const char *scratch, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(LIST_MAX);
	struct listed_folder *inside;
	struct err why = ERR_INIT;
	size_t n;

	if (session_unselect(s, err) < 0 || list_inside(s, scratch, &a, &inside, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		fault_point("probe-remove");
		if (session_delete_scratch(s, inside[i].wire_name, &why) == 0)
			continue;
		if (session_is_dead(s)) {
			*err = why;
			return -1;
		}
	}
	if (n > 0 && list_inside(s, scratch, &a, &inside, &n, err) < 0)
		return -1;
	if (n > 0)
		*err = why;
	return n == 0;
}

/* Everything that the journal knows of, of this probe and of earlier ones. */
static int remove_all(struct probe_work *w, struct err *err)
{
	const char *name = "";
	int got;

	while ((got = journal_scratch_next(w->probe->journal, name, w->arena, &name, err)) > 0) {
		int gone = remove_scratch(w->session, name, err);

		if (gone < 0)
			return -1;
		if (gone == 0) {
			w->result->left_behind = name;
			progress_note(w->probe->progress, "'%s' could not be removed: %s", name,
				      err->text);
		} else if (journal_scratch_gone(w->probe->journal, name, err) < 0) {
			return -1;
		}
	}
	return got;
}

static int reconnect(struct probe_work *w, struct err *err)
{
	session_close(w->session);
	w->session = NULL;
	return session_open(w->probe->connect, &w->session, err);
}

/* At the end, also after a signal or when the line is lost: then over a new session, for nobody
 * knows what the old one is in the middle of. */
static int clean_up(struct probe_work *w, bool sound, struct err *err)
{
	const char *name = "";
	struct err ignored = ERR_INIT;
	int result = 0;

	stop_hold(true);
	if (!sound || session_is_dead(w->session))
		result = reconnect(w, err);
	if (result == 0)
		result = remove_all(w, err);
	if (result < 0 &&
	    journal_scratch_next(w->probe->journal, name, w->arena, &name, &ignored) > 0)
		w->result->left_behind = name;
	stop_hold(false);
	return result;
}

/* ---- making ---- */

/* UTF-8 path to wire name, in the personal namespace. */
static const char *wire_name(const struct probe_work *w, const char *path, struct err *err)
{
	CLEANUP(buf_release) struct buf name = BUF_INIT(NAME_OCTETS_MAX);
	CLEANUP(buf_release) struct buf wire = BUF_INIT(NAME_OCTETS_MAX);
	char separator = session_separator(w->session);

	buf_adds(&name, session_prefix(w->session));
	for (; *path; path++)
		buf_addc(&name, *path == '/' && separator ? separator : *path);
	if (mutf7_encode(&wire, buf_slice(&name), err) < 0)
		return NULL;
	path = arena_slice(w->arena, buf_slice(&wire));
	if (!path)
		err_nomem(err);
	return path;
}

const char *probe_child(struct probe_work *w, const char *name, struct err *err)
{
	CLEANUP(buf_release) struct buf wire = BUF_INIT(NAME_OCTETS_MAX);
	const char *made;

	buf_adds(&wire, w->scratch.wire_name);
	buf_addc(&wire, w->scratch.separator);
	if (mutf7_encode(&wire, slice_str(name), err) < 0)
		return NULL;
	made = arena_slice(w->arena, buf_slice(&wire));
	if (!made)
		err_nomem(err);
	return made;
}

static int choose_name(struct probe_work *w, const char **out, struct err *err)
{
	const char *below = w->probe->below;
	struct listed_folder parent;
	uint64_t random;
	const char *name;
	int got = 0;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER, "no random numbers");
	snprintf(w->random, sizeof(w->random), "%016" PRIx64, random);
	if (below && *below && session_separator(w->session)) {
		name = wire_name(w, below, err);
		got = name ? session_list_one(w->session, name, w->arena, &parent, err) : -1;
		if (got < 0)
			return -1;
	}
	if (got > 0) /* a prefix that is not there yet must not be made by a probe */
		name = arena_printf(w->arena, "%s/" SCRATCH_MARK "%s", below, w->random);
	else
		name = arena_printf(w->arena, SCRATCH_MARK "%s", w->random);
	if (!name)
		return err_nomem(err);
	*out = wire_name(w, name, err);
	return *out ? 0 : -1;
}

/* 1: it is there; 0: refused, as a trial tells; -1. */
static int make_scratch(struct probe_work *w, struct err *err)
{
	const char *name = NULL;
	struct err why = ERR_INIT;
	int got;

	if (choose_name(w, &name, err) < 0 || journal_scratch_add(w->probe->journal, name, err) < 0)
		return -1;
	fault_point("probe-noted");
	got = session_create(w->session, name, ROLE_NONE, w->arena, &w->scratch, &why);
	fault_point("probe-made");
	if (got < 0) {
		*err = why;
		return -1;
	}
	w->result->can_create = got > 0;
	w->result->full = got == 0 && slice_ifind(slice_str(why.text), SLICE_LIT("quota")) >= 0;
	if (got > 0 && strcmp(w->scratch.wire_name, name) != 0 &&
	    journal_scratch_add(w->probe->journal, w->scratch.wire_name, err) < 0)
		return -1;
	if (trial_add(w, "create", "making a folder", got > 0 ? TRIAL_GOOD : TRIAL_REFUSED,
		      got > 0 ? NULL : why.text, err) < 0)
		return -1;
	return got;
}

/* ---- trying ---- */

/* A part of the trials. That a trial makes the server hang up is a finding: the rest of the part is
 * left out. */
static int try_part(struct probe_work *w, int (*part)(struct probe_work *, struct err *),
		    const char *trying, const char *what, struct err *err)
{
	struct err cause = ERR_INIT;

	progress_update(w->probe->progress, trying, 0, 0, 0);
	if (part(w, &cause) == 0)
		return 0;
	*err = cause;
	if (!transfer_line_lost(&cause) || ++w->lines_lost > LINES_LOST_MAX)
		return -1;
	if (trial_add(w, "line", what,
		      cause.code == ERR_UNAVAILABLE ? TRIAL_UNKNOWN : TRIAL_REFUSED, cause.text,
		      err) < 0)
		return -1;
	return reconnect(w, err);
}

static int try_all(struct probe_work *w, struct err *err)
{
	int got = make_scratch(w, err);

	if (got <= 0)
		return got;
	if (session_capabilities(w->session) & CAP_GMAIL) {
		/* A label that is deleted leaves its messages behind in All Mail. */
		w->result->can_upload = true;
		if (trial_add(w, "append", "uploading a message", TRIAL_UNKNOWN,
			      "not tried: Gmail keeps messages whose folder is removed", err) < 0)
			return -1;
		return try_part(w, probe_names, "trying names of folders", "names of folders", err);
	}
	if (try_part(w, probe_mail, "trying messages", "messages", err) < 0)
		return -1;
	if (w->result->can_upload &&
	    try_part(w, probe_commands, "trying commands", "commands", err) < 0)
		return -1;
	if (try_part(w, probe_names, "trying names of folders", "names of folders", err) < 0)
		return -1;
	return try_part(w, probe_limits, "trying limits", "limits", err);
}

int probe(const struct probe *p, struct arena *a, struct probe_result *out, struct err *err)
{
	struct probe_work w = { .probe = p, .arena = a, .result = out };
	struct err cleaning = ERR_INIT;
	int result;

	*out = (struct probe_result){ 0 };
	if (session_open(p->connect, &w.session, err) < 0)
		return -1;
	result = remove_all(&w, err); /* of earlier probes */
	out->left_behind = NULL;
	if (result == 0)
		result = try_all(&w, err);
	if (clean_up(&w, result == 0, &cleaning) < 0 && result == 0) {
		*err = cleaning;
		result = -1;
	}
	session_close(w.session);
	return result;
}

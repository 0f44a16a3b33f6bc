/*
 * Making a target folder. Servers refuse names, change them, or say OK and make
 * nothing (servers.md 2.5); so after each CREATE the listing decides, and a ladder
 * of names (plan.h) is climbed until one is there. What became of the name is in
 * the journal, so that later runs go to the same folder.
 */
#include <string.h>

#include "base/fault.h"
#include "message/mutf7.h"
#include "plan/plan.h"
#include "transfer/lane.h"

#define NAME_MAX_OCTETS 8192

static struct plan_server server_of(const struct transfer *t)
{
	return (struct plan_server){
		.prefix = session_prefix(t->session),
		.separator = session_separator(t->session),
		.append_limit = session_append_limit(t->session),
		.any_case = session_profile(t->session)->any_case,
	};
}

/* Length of the longest parent that exists, its separator included: that part must stay. 0: none;
 * -1 on error. */
static ptrdiff_t known_parent(struct transfer *t, const struct remote_folder *f, struct arena *a,
			      struct err *err)
{
	CLEANUP(buf_release) struct buf wire = BUF_INIT(NAME_MAX_OCTETS);
	struct slice name = slice_str(f->name);
	struct remote_folder parent;

	for (size_t i = name.len; f->separator && i-- > 1;) {
		if (name.ptr[i] != f->separator)
			continue;
		buf_reset(&wire);
		if (mutf7_encode(&wire, slice_head(name, i), err) < 0)
			return 0; /* not UTF-8: the ladder has to do without */
		const char *text = buf_cstr(&wire);
		int got = text ? journal_folder_by_wire(t->journal, text, a, &parent, err) : 0;

		if (got < 0)
			return -1;
		if (got > 0 && parent.exists)
			return (ptrdiff_t)i + 1;
	}
	return 0;
}

/* Try the names that can be made of this one in turn: 1 *made is there; 0 all refused, *err has the
 * first refusal; -1. */
static int climb(struct transfer *t, const struct remote_folder *f, size_t keep, struct arena *a,
		 struct listed_folder *made, struct err *err)
{
	CLEANUP(buf_release) struct buf wire = BUF_INIT(NAME_MAX_OCTETS);
	struct plan_server server = server_of(t);
	struct err first = ERR_INIT, cause = ERR_INIT;

	for (unsigned rung = 0; rung < PLAN_RUNGS; rung++) {
		buf_reset(&wire);
		int got = plan_name(&server, f->name, keep, rung, &wire, err);

		if (got < 0)
			return -1;
		if (got == 0)
			continue;
		const char *name = buf_cstr(&wire);

		if (!name)
			return buf_ok(&wire, "folder name", err);
		got = session_create(t->session, name, f->role, a, made, &cause);
		if (got > 0 && !(made->attributes & ATTR_NOSELECT))
			return 1;
		if (got < 0) {
			*err = cause;
			return -1;
		}
		/* Trouble, or no room: another name would not help. */
		if (cause.code == ERR_QUOTA || transfer_folder_may_pass(&cause)) {
			*err = cause;
			return cause.code == ERR_QUOTA ? err_prefix(err, "'%s'", f->name) : -1;
		}
		if (first.code == ERR_NONE)
			first = cause;
	}
	*err = first;
	return 0;
}

/* The server makes no folder below that parent, whatever it is called (Gmail: below its own): one
 * beside it, called after both. 1, 0 (*err stays), -1. */
static int climb_beside(struct transfer *t, const struct remote_folder *f, size_t keep,
			struct arena *a, struct listed_folder *made, struct err *err)
{
	CLEANUP(buf_release) struct buf name = BUF_INIT(NAME_MAX_OCTETS);
	struct slice parent = slice_head(slice_str(f->name), keep - 1);
	struct remote_folder beside = *f;
	struct err second = ERR_INIT;
	size_t last = parent.len;
	int got;

	while (last > 0 && parent.ptr[last - 1] != f->separator)
		last--;
	buf_adds(&name, session_prefix(t->session));
	buf_add_slice(&name, slice_from(parent, last));
	buf_addc(&name, ' ');
	buf_adds(&name, f->name + keep);
	beside.name = buf_cstr(&name);
	if (!beside.name)
		return buf_ok(&name, "folder name", err);
	got = climb(t, &beside, 0, a, made, &second);
	if (got < 0)
		*err = second;
	return got;
}

static int make(struct transfer *t, const struct remote_folder *f, struct arena *a,
		struct listed_folder *made, struct err *err)
{
	ptrdiff_t keep = known_parent(t, f, a, err);
	int got;

	if (keep < 0)
		return -1;
	got = climb(t, f, (size_t)keep, a, made, err);
	if (got != 0 || (size_t)keep <= strlen(session_prefix(t->session)))
		return got;
	return climb_beside(t, f, (size_t)keep, a, made, err);
}

static void tell_renamed(struct transfer *t, const char *wanted, const char *made)
{
	progress_note(t->progress, "'%s' is called '%s' on the server, which refused the name",
		      wanted, made);
}

/* The server has it under the name of `made`: take that over. */
int target_adopt(struct transfer *t, struct remote_folder *target, const struct listed_folder *made,
		 struct arena *a, struct err *err)
{
	struct remote_folder now = {
		.wire_name = made->wire_name,
		.name = made->name,
		.separator = made->separator,
		.attributes = made->attributes,
		.role = made->role != ROLE_NONE ? made->role : target->role,
	};
	int64_t id;
	int got;

	if (!slice_eq(slice_str(made->name), slice_str(target->name)))
		tell_renamed(t, target->name, made->name);
	if (journal_folder_created(t->journal, t->run, target->id, &now, &id, err) < 0)
		return -1;
	got = journal_folder_get(t->journal, id, a, target, err);
	if (got == 0)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "the journal lost folder '%s'", made->name);
	return got;
}

int target_ensure(struct transfer *t, struct remote_folder *target, struct arena *a, bool *created,
		  struct err *err)
{
	struct listed_folder made;
	int got = session_list_one(t->session, target->wire_name, a, &made, err);

	*created = false;
	if (got < 0)
		return -1;
	if (got > 0 && !(made.attributes & ATTR_NOSELECT))
		return target->exists ? 1 : target_adopt(t, target, &made, a, err);
	fault_point("upload-before-create");
	got = make(t, target, a, &made, err);
	if (got <= 0)
		return got;
	fault_point("upload-after-create");
	*created = true;
	if (session_subscribe(t->session, made.wire_name, err) < 0)
		return -1;
	return target_adopt(t, target, &made, a, err);
}

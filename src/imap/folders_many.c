/*
 * What folders.c does for one folder, for many at once (several.c): on a long line a
 * round trip for each folder is most of what a run waits for.
 *
 * LIST is said behind CREATE, and STATUS behind both, before any of them is answered. A
 * server that sees that one affects the other has to work in the order given (RFC 3501
 * 5.5), and the answers decide: a folder that is not listed, or has no status, is for
 * who asks about one at a time.
 */
#include "imap/session_impl.h"

struct preparing {
	struct session *s;
	const struct new_folder *folders;
	size_t n;
	const size_t *missing; /* of the folders: to be made */
	size_t n_missing;
	struct arena *a;
	struct listed_folder *made;
	struct folder_status *status;
};

/* All CREATEs, then all LISTs, then all STATUSes: a folder is made before those below it. */
static enum verb say(void *context, size_t i, struct args *args)
{
	struct preparing *p = context;
	const struct new_folder *f;

	if (i >= 2 * p->n_missing) {
		status_args(p->s, p->folders[i - 2 * p->n_missing].wire_name, args);
		return VERB_STATUS;
	}
	f = &p->folders[p->missing[i % p->n_missing]];
	if (i >= p->n_missing) {
		list_args(p->s, slice_str(f->wire_name), args);
		return VERB_LIST;
	}
	create_args(p->s, f->wire_name, f->role, args);
	return VERB_CREATE;
}

static void take_list(struct preparing *p, const struct response *r)
{
	for (size_t i = 0; i < p->n_missing; i++) {
		size_t at = p->missing[i];

		if (!p->made[at].wire_name)
			list_read(p->s, r, p->folders[at].wire_name, p->a, &p->made[at]);
	}
}

static bool take_status(struct preparing *p, const struct response *r, bool exactly)
{
	struct folder_status status;
	bool taken = false;

	for (size_t i = 0; i < p->n; i++) {
		if (!status_read(p->s, r, p->folders[i].wire_name, exactly, &status))
			continue;
		p->status[i] = status;
		taken = true;
	}
	return taken;
}

/* "Case" and "CASE" may both be among them: a server that spells a name its own way is believed
 * only where no folder is called exactly so. */
static void told(void *context, size_t from, size_t n, const struct response *r)
{
	struct preparing *p = context;

	(void)from;
	(void)n;
	if (response_is(r, "LIST"))
		take_list(p, r);
	else if (response_is(r, "STATUS") && !take_status(p, r, true))
		take_status(p, r, false);
}

/* What became of CREATE the list tells, whatever the words are. */
static void ended(void *context, size_t i, const struct response *r)
{
	struct preparing *p = context;

	if (i >= 2 * p->n_missing && r->status != STATUS_OK)
		p->status[i - 2 * p->n_missing] = (struct folder_status){ 0 };
}

int session_prepare_many(struct session *s, const struct new_folder *folders, size_t n,
			 struct arena *a, struct listed_folder *made, struct folder_status *status,
			 struct err *err)
{
	size_t *missing = arena_alloc(a, (n + 1) * sizeof(*missing));
	struct preparing p = { s, folders, n, missing, 0, a, made, status };

	if (!missing)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		made[i] = (struct listed_folder){ 0 };
		status[i] = (struct folder_status){ 0 };
		if (!folders[i].exists)
			missing[p.n_missing++] = i;
	}
	const struct several v = { 2 * p.n_missing + n, say, told, ended, &p };

	return commands_run(s, &v, err);
}

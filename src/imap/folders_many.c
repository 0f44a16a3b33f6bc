/*
 * What folders.c does for one folder, for many at once (several.c): on a long line a
 * round trip for each folder is most of what a run waits for.
 */
#include "imap/session_impl.h"

/* ---- STATUS ---- */

struct asking {
	struct session *s;
	const char *const *names;
	struct folder_status *out;
};

static enum verb say_status(void *context, size_t i, struct args *args)
{
	struct asking *a = context;

	status_args(a->s, a->names[i], args);
	return VERB_STATUS;
}

static bool take_status(struct asking *a, size_t from, size_t n, const struct response *r,
			bool exactly)
{
	struct folder_status status;
	bool taken = false;

	for (size_t i = from; i < from + n; i++) {
		if (!status_read(a->s, r, a->names[i], exactly, &status))
			continue;
		a->out[i] = status;
		taken = true;
	}
	return taken;
}

/* "Case" and "CASE" may both be among them: a server that spells a name its own way is believed
 * only where no folder is called exactly so. */
static void told_status(void *context, size_t from, size_t n, const struct response *r)
{
	struct asking *a = context;

	if (!take_status(a, from, n, r, true))
		take_status(a, from, n, r, false);
}

static void ended_status(void *context, size_t i, const struct response *r)
{
	struct asking *a = context;

	if (r->status != STATUS_OK)
		a->out[i] = (struct folder_status){ 0 };
}

int session_status_many(struct session *s, const char *const *wire_names, size_t n,
			struct folder_status *out, struct err *err)
{
	struct asking a = { s, wire_names, out };
	const struct several v = { n, say_status, told_status, ended_status, &a };

	for (size_t i = 0; i < n; i++)
		out[i] = (struct folder_status){ 0 };
	return commands_run(s, &v, err);
}

/* ---- CREATE, then LIST ---- */

struct creating {
	struct session *s;
	const struct new_folder *folders;
	size_t n;
	struct arena *a;
	struct listed_folder *out;
};

static enum verb say_create(void *context, size_t i, struct args *args)
{
	struct creating *c = context;

	create_args(c->s, c->folders[i].wire_name, c->folders[i].role, args);
	return VERB_CREATE;
}

static enum verb say_list(void *context, size_t i, struct args *args)
{
	struct creating *c = context;

	list_args(c->s, slice_str(c->folders[i].wire_name), args);
	return VERB_LIST;
}

static void told_list(void *context, size_t from, size_t n, const struct response *r)
{
	struct creating *c = context;

	for (size_t i = from; i < from + n; i++)
		if (!c->out[i].wire_name)
			list_read(c->s, r, c->folders[i].wire_name, c->a, &c->out[i]);
}

int session_create_many(struct session *s, const struct new_folder *folders, size_t n,
			struct arena *a, struct listed_folder *out, struct err *err)
{
	struct creating c = { s, folders, n, a, out };
	/* What is listed tells, whatever the words are. The LISTs wait for the CREATEs: commands
	 * that one affects must not be sent together (RFC 3501 5.5). */
	const struct several create = { n, say_create, NULL, NULL, &c };
	const struct several list = { n, say_list, told_list, NULL, &c };

	for (size_t i = 0; i < n; i++)
		out[i] = (struct listed_folder){ 0 };
	if (n == 0)
		return 0;
	return commands_run(s, &create, err) < 0 ? -1 : commands_run(s, &list, err);
}

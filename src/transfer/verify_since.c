/*
 * Whose doing is it that an upload is gone, or has other flags: the server's, or that of
 * somebody who has gone on working with his mail? The rule stands in verify.c.
 */
#include <stdio.h>

#include "transfer/verify_work.h"

/* Of fewer uploads with a flag that all have lost it nothing is said about the server. */
#define FLAG_WITNESSES 10

/* ---- gone ---- */

/* Where a message lies that may well be it: 1, 0, -1. */
static int find_elsewhere(struct verifying *v, const struct upload *u, const char **name,
			  struct err *err)
{
	struct remote_wanted wanted = { .by = WANTED_BY_FIELDS, .keys = &u->keys };

	if (!u->has_keys)
		return 0;
	transfer_size_bounds(u, &wanted);
	return journal_remote_elsewhere(v->t->journal, &wanted, &v->find_arena, name, err);
}

int verify_absent(struct verifying *v, struct checked *c, struct err *err)
{
	const struct upload *u = c->u;
	const char *name;
	int got = u->earlier ? find_elsewhere(v, u, &name, err) : 0;

	if (got < 0)
		return -1;
	if (got > 0)
		verify_finding(c, CHECK_MOVED,
			       "has been moved on the server since, and is in '%s' now", name);
	else if (!u->earlier || u->damaged || u->uid >= v->folder.uidnext)
		verify_finding(c, CHECK_MISSING, "not on the server");
	else
		verify_finding(c, CHECK_GONE,
			       "has been deleted or moved on the server since, or was lost there: "
			       "the server had acknowledged it, and it is not sent again");
	return 0;
}

/* ---- flags ---- */

/* The flags that are others than they were given, and of which no upload has kept what it was
 * given: a server that drops a flag does so for all mail, and one that sets it, too. */
static uint32_t without_witness(const struct verifying *v, uint32_t given, uint32_t there)
{
	uint32_t changed = given ^ there, flags = 0;

	for (unsigned i = 0; i < FLAG_BITS; i++) {
		const struct flag_record *r = &v->records[i];
		uint32_t bit = 1u << i;

		if ((changed & bit) && (given & bit ? r->kept : r->free) == 0)
			flags |= bit;
	}
	return flags;
}

/* What the server has set is no loss: that it is not the user's doing must have been seen right
 * behind the upload. The records are those of all uploads: a witness is not sought again in each
 * folder. */
static int is_server(struct verifying *v, const struct upload *u, uint32_t there, struct err *err)
{
	uint32_t given = u->flags.system, open;

	if (!u->earlier)
		return 1;
	if (!v->has_records || (!v->records_new && without_witness(v, given, there))) {
		if (journal_flag_records(v->t->journal, v->records, err) < 0)
			return -1;
		v->has_records = v->records_new = true;
	}
	open = without_witness(v, given, there);
	if (open && u->damaged)
		return 1;
	for (unsigned i = 0; i < FLAG_BITS; i++)
		if ((open & given & 1u << i) && v->records[i].given >= FLAG_WITNESSES)
			return 1;
	return 0;
}

/* "\\Seen, \\Flagged" */
static void add_flags(struct buf *out, uint32_t flags)
{
	const char *between = "";

	for (uint32_t bit = 1; bit <= FLAG_ALL; bit <<= 1) {
		if (!(flags & bit))
			continue;
		buf_addf(out, "%s%s", between, flag_name(bit));
		between = ", ";
	}
}

/* "\\Seen removed, \\Deleted added" */
static const char *in_words(struct buf *out, uint32_t removed, uint32_t added)
{
	const char *text;

	add_flags(out, removed);
	if (removed)
		buf_adds(out, added ? " removed, " : " removed");
	add_flags(out, added);
	if (added)
		buf_adds(out, " added");
	text = buf_cstr(out);
	return text ? text : "";
}

int verify_flags(struct verifying *v, struct checked *c, uint32_t there, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(SINCE_MAX);
	uint32_t given = c->u->flags.system;
	const char *words;
	int server;

	if (there == given)
		return 0;
	server = is_server(v, c->u, there, err);
	if (server < 0)
		return -1;
	words = in_words(&text, given & ~there, there & ~given);
	if (server)
		verify_finding(c, CHECK_DIFFERS, "flags are not as they were given: %s", words);
	else
		snprintf(c->since, sizeof(c->since), "flags were changed on the server since: %s",
			 words);
	return 0;
}

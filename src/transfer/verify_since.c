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

/* A server that drops a flag does so for all mail, and one that sets it, too. What it has set is no
 * loss: that it is not the user's doing must have been seen right behind the upload. */
static bool server_drops(const struct flag_record *r, bool damaged)
{
	return r->kept == 0 && (damaged || r->given >= FLAG_WITNESSES);
}

static bool server_sets(const struct flag_record *r, bool damaged)
{
	return r->free == 0 && damaged;
}

static int is_server(struct verifying *v, const struct upload *u, uint32_t there, struct err *err)
{
	if (!u->earlier)
		return 1;
	if (!v->has_records && journal_flag_records(v->t->journal, v->records, err) < 0)
		return -1;
	v->has_records = true;
	for (unsigned i = 0; i < FLAG_BITS; i++) {
		uint32_t bit = 1u << i, given = u->flags.system & bit;

		if (given == (there & bit))
			continue;
		if (given ? server_drops(&v->records[i], u->damaged)
			  : server_sets(&v->records[i], u->damaged))
			return 1;
	}
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

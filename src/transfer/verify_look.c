/*
 * An upload against the message that the server sends: octet for octet, or the body
 * alone where servers may have changed the header.
 */
#include <inttypes.h>

#include "transfer/content.h"
#include "transfer/mended.h"
#include "transfer/verify_work.h"

static struct checked *checked_by_uid(struct verifying *v, uint32_t uid)
{
	for (size_t i = 0; i < v->n; i++) {
		if (v->page[i].u->uid == uid && v->page[i].asked)
			return &v->page[i];
	}
	return NULL;
}

/* Where they differ, in words. */
static void tell_difference(struct checked *c, const struct content *content, uint64_t total)
{
	const char *what = c->whole ? "message" : "body";
	uint64_t here = c->u->wire_len - (c->whole ? 0 : c->u->header_len);
	uint64_t at = content->compare.offset;

	if (at == total && total < here)
		verify_finding(c, CHECK_DIFFERS,
			       "the server has only the first %" PRIu64 " of %" PRIu64
			       " octets of the %s",
			       total, here, what);
	else if (at == here && total > here)
		verify_finding(c, CHECK_DIFFERS,
			       "the server has %" PRIu64 " octets more behind the end of the %s",
			       total - here, what);
	else
		verify_finding(c, CHECK_DIFFERS,
			       "the %s differs behind its first %" PRIu64 " octets (%" PRIu64
			       " on the server, %" PRIu64 " here)",
			       what, at, total, here);
}

static enum verdict same_body(const struct verifying *v, const struct checked *c)
{
	return verify_may_be_twin(v, c) ? CHECK_DRESSED : CHECK_REWRITTEN;
}

static void conclude(struct verifying *v, struct checked *c, const struct content *content,
		     bool same, uint64_t total)
{
	CLEANUP(buf_release) struct buf changes = BUF_INIT(FINDING_MAX);

	if (!same && c->whole &&
	    (session_profile(v->t->session)->rewrites_headers ||
	     (verify_may_be_twin(v, c) && c->u->keys.has_id))) {
		c->whole = false; /* look again */
		c->body_only = true;
	} else if (!same) {
		tell_difference(c, content, total);
		if (verify_may_be_twin(v, c))
			verify_finding(
				c, CHECK_TWIN,
				"the server keeps one message of each Message-ID, and has another "
				"than this one");
	} else if (c->body_only) {
		c->verdict = same_body(v, c);
	} else if (content->compare.changes) {
		compare_add_changes(&changes, content->compare.changes);
		const char *text = buf_cstr(&changes);

		verify_finding(c, CHECK_ALTERED, "altered by the server: %s", text ? text : "");
	} else {
		c->verdict = CHECK_SAME;
	}
}

static bool has_body(const struct upload *u)
{
	return u->wire_len > content_body_at(u->repairs, u->header_len);
}

/* What another run has put there may have been mended: ask again, for that form. */
static bool next_variant(struct checked *c)
{
	uint32_t variant =
		c->u->ours || c->mended ? 0 : mended_variant(c->u->repairs, c->u->nul_count);

	if (variant == 0)
		return false;
	c->mended = variant;
	c->asked = false;
	return true;
}

/* One message as it comes, until CHUNK_END. */
static int compare_one(struct verifying *v, struct checked *c, uint64_t total, struct err *err)
{
	struct err cause = ERR_INIT;
	struct content content;
	struct content_wanted wanted = { .header = c && c->whole };
	bool same = false;
	int got;

	arena_reset(&v->find_arena);
	if (c) {
		wanted.kind = c->u->kind;
		wanted.source = c->u->source;
		wanted.locator = c->u->locator;
		wanted.skip = c->whole ? 0 : content_body_at(c->u->repairs, c->u->header_len);
		wanted.mended = c->mended;
	}
	got = content_receive(&content, v->t->session, v->t->sources, v->canon, &v->find_arena,
			      c ? &wanted : NULL, &same, &cause, err);
	if (got < 0)
		return -1;
	if (got > 0 && !c->whole && !has_body(c->u) && total <= CONTENT_EMPTY_MAX)
		c->verdict = c->body_only ? same_body(v, c) : CHECK_SAME;
	else if (got > 0 && !same && next_variant(c))
		c->verdict = CHECK_LOOK;
	else if (got > 0)
		conclude(v, c, &content, same, total);
	else if (c)
		verify_finding(c, CHECK_UNKNOWN, "cannot be compared any more: %s", cause.text);
	return 0;
}

static int examine(struct verifying *v, struct err *err)
{
	struct selected sel;

	if (v->examined)
		return 0;
	if (session_examine(v->t->session, v->folder.wire_name, &sel, err) < 0)
		return -1;
	v->examined = true;
	return 0;
}

static int fetch(struct verifying *v, const uint32_t *uids, size_t n, struct err *err)
{
	struct fetch_chunk chunk;
	int got;

	if (session_fetch_start(v->t->session, uids, n, v->whole ? "" : "TEXT", 0, err) < 0)
		return -1;
	while ((got = session_fetch_next(v->t->session, &chunk, err)) > 0) {
		if (chunk.kind == CHUNK_BEGIN &&
		    compare_one(v, checked_by_uid(v, chunk.uid), chunk.total, err) < 0)
			return -1;
	}
	return got;
}

/* The server says NO (a message is damaged there, as a rule): each is asked for by itself, and what
 * is not given out is told. 1: look again; -1: it was something else. */
static int fetch_refused(struct verifying *v, const struct err *cause, struct err *err)
{
	if (cause->code != ERR_REFUSED || session_is_dead(v->t->session)) {
		*err = *cause;
		return -1;
	}
	for (size_t i = 0; i < v->n && v->one_by_one; i++) {
		struct checked *c = &v->page[i];

		if (c->asked && c->verdict == CHECK_LOOK)
			verify_finding(c, CHECK_UNKNOWN, "%s", cause->text);
	}
	v->one_by_one = true;
	return 1;
}

static bool is_chosen(const uint32_t *uids, size_t n, uint32_t uid)
{
	for (size_t i = 0; i < n; i++) {
		if (uids[i] == uid)
			return true;
	}
	return false;
}

/* The next of the page's messages that can be asked for together: whole or not, each UID once. */
static size_t choose(struct verifying *v, uint32_t *uids)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n; i++) {
		struct checked *c = &v->page[i];

		c->asked = c->verdict == CHECK_LOOK &&
			   (n == 0 || (!is_chosen(uids, n, c->u->uid) && c->whole == v->whole &&
				       !v->one_by_one));
		if (!c->asked)
			continue;
		v->whole = c->whole;
		uids[n++] = c->u->uid;
	}
	return n;
}

/* Fetch what has to be looked at; several lines may have the same UID: as many rounds. */
int verify_look(struct verifying *v, struct err *err)
{
	struct err cause = ERR_INIT;
	uint32_t uids[VERIFY_PAGE];
	size_t n = choose(v, uids);

	if (n == 0)
		return 0;
	if (examine(v, err) < 0)
		return -1;
	if (fetch(v, uids, n, &cause) < 0)
		return fetch_refused(v, &cause, err);
	/* The server has it in its index and does not send it: gone meanwhile, at best. */
	for (size_t i = 0; i < v->n; i++) {
		struct checked *c = &v->page[i];

		if (!c->asked || c->verdict != CHECK_LOOK || c->whole != v->whole)
			continue;
		if (!c->u->earlier)
			verify_finding(c, CHECK_MISSING, "not on the server any more");
		else if (verify_absent(v, c, err) < 0)
			return -1;
	}
	return 1;
}

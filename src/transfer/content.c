/*
 * One message, streamed from both sides: the server decides how much comes, the
 * local octets are pulled until they have caught up.
 */
#include "transfer/content.h"

#include "transfer/mended.h"

#define EMPTY_HEADER 2 /* octets: its line end */

void content_begin(struct content *c, struct canon *canon, const struct body *body,
		   const struct canon_rules *rules, bool header, uint64_t skip)
{
	*c = (struct content){ .canon = canon, .skip = skip };
	compare_init(&c->compare, header);
	canon_start(canon, body, rules);
}

/* Have local octets at hand, or know that there are no more. */
static int pull_local(struct content *c, struct err *err)
{
	while (c->local.len == 0 && !c->local_ended) {
		int got = canon_next(c->canon, &c->local, err);

		if (got < 0)
			return -1;
		if (got == 0) {
			c->local = slice_of(NULL, 0);
			c->local_ended = true;
			compare_local_end(&c->compare);
			return 0;
		}
		size_t skip = c->skip < c->local.len ? (size_t)c->skip : c->local.len;

		c->local = slice_from(c->local, skip);
		c->skip -= skip;
	}
	return 0;
}

int content_feed(struct content *c, struct slice remote, struct err *err)
{
	while (remote.len > 0 && !c->compare.differs) {
		if (pull_local(c, err) < 0)
			return -1;
		if (c->local_ended) {
			compare_remote_tail(&c->compare, remote);
			return 0;
		}
		compare_step(&c->compare, &c->local, &remote);
	}
	return 0;
}

int content_end(struct content *c, bool prefix, bool *same, struct err *err)
{
	while (!prefix && !c->local_ended && !c->compare.differs) {
		if (pull_local(c, err) < 0)
			return -1;
		compare_local_tail(&c->compare, c->local);
		c->local = slice_of(NULL, 0);
	}
	*same = compare_end(&c->compare);
	return 0;
}

/* The local message, in the form that is wanted. */
static int begin(struct content *c, struct source_set *sources, struct canon *canon,
		 struct arena *scratch, const struct content_wanted *w, struct mended *mended,
		 struct err *cause)
{
	struct message m = { 0 };

	if (w->mended & MEND_BYTES) {
		if (mended_make(sources, w->kind, w->source, w->locator, w->mended, mended, cause) <
		    0)
			return -1;
		content_begin(c, canon, &mended->message.body, &mended->message.canon, w->header,
			      w->header ? 0 : mended->message.header_len);
		return 0;
	}
	if (source_set_find(sources, w->kind, w->source, w->locator, scratch, &m, cause) < 0)
		return -1;
	content_begin(c, canon, &m.body, &m.canon, w->header, w->skip);
	return 0;
}

int content_receive(struct content *c, struct session *session, struct source_set *sources,
		    struct canon *canon, struct arena *scratch, const struct content_wanted *w,
		    bool *same, struct err *cause, struct err *err)
{
	CLEANUP(mended_release) struct mended mended = MENDED_INIT;
	struct fetch_chunk chunk;
	int got;
	bool readable = w && begin(c, sources, canon, scratch, w, &mended, cause) == 0;

	while ((got = session_fetch_next(session, &chunk, err)) > 0 && chunk.kind == CHUNK_BYTES) {
		if (readable && content_feed(c, chunk.bytes, cause) < 0)
			readable = false;
	}
	if (got < 0)
		return -1;
	if (readable && content_end(c, w->prefix, same, cause) < 0)
		readable = false;
	if (cause->code != ERR_NONE && cause->scope != SCOPE_MESSAGE) {
		*err = *cause;
		return -1;
	}
	return readable;
}

uint64_t content_body_at(uint32_t repairs, uint64_t header_len)
{
	return repairs & NOTE_NO_HEADER && header_len > EMPTY_HEADER ? 0 : header_len;
}

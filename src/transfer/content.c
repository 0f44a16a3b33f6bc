/*
 * One message, streamed from both sides: the server decides how much comes, the
 * local octets are pulled until they have caught up.
 */
#include "transfer/content.h"

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

/*
 * What a lane loads: uploads from the journal, marked in flight and on disk before their
 * first octet goes out. What the server has acknowledged is marked stored, and
 * committed together with the next load, at the end, or after two seconds: until then
 * it is in doubt, which recover.c can settle. So there is about one commit for
 * CHUNK_UPLOADS messages.
 */
#include "transfer/lane.h"

#include "base/clock.h"
#include "base/fault.h"

#define CHUNK_UPLOADS	500 /* marked in flight by one commit */
#define CHUNK_CAREFUL	20
#define QUEUE_ENOUGH	CHUNK_UPLOADS /* messages: so many are loaded while these go out */
#define COMMIT_AFTER_MS 2000

static void not_begun(struct batch *b)
{
	b->ticket = 0;
	b->answered = false;
}

void lane_requeue(struct lane *l, struct batch *b)
{
	not_begun(b);
	list_push_first(&l->queue, b);
}

void lane_requeue_last(struct lane *l, struct batch *b)
{
	not_begun(b);
	list_push_last(&l->queue, b);
}

/* ---- transactions ---- */

int books_begin(struct books *b, struct err *err)
{
	if (b->in_transaction)
		return 0;
	if (journal_begin(b->t->journal, err) < 0)
		return -1;
	b->in_transaction = true;
	b->transaction_ms = time_monotonic_ms();
	return 0;
}

/* For a process that has to find out what this one has left on its way. */
static int write_rate(struct books *b, struct err *err)
{
	uint64_t rate = rate_best(&b->t->rate);

	if (!b->in_transaction || rate == b->rate)
		return 0;
	b->rate = rate;
	return journal_rate_put(b->t->journal, rate, err);
}

int books_commit(struct books *b, struct err *err)
{
	if (write_rate(b, err) < 0)
		return -1;
	if (gate_write(b->gate, b->t->journal, time_now(), err) < 0)
		return -1;
	if (!b->in_transaction)
		return 0;
	b->in_transaction = false;
	fault_point("upload-before-commit");
	if (journal_commit(b->t->journal, err) < 0)
		return -1;
	fault_point("upload-after-commit");
	return 0;
}

int books_commit_by_time(struct books *b, struct err *err)
{
	if (b->in_transaction && time_monotonic_ms() - b->transaction_ms >= COMMIT_AFTER_MS)
		return books_commit(b, err);
	return 0;
}

/* ---- loading ---- */

/* All of a chunk becomes in flight, on disk on return. */
static int mark_inflight(struct lane *l, const struct chunk *c, struct err *err)
{
	int64_t ids[CHUNK_UPLOADS];

	for (size_t i = 0; i < c->n; i++)
		ids[i] = c->uploads[i].id;
	if (books_commit(l->books, err) < 0)
		return -1;
	fault_point("upload-before-inflight");
	if (journal_mark_inflight(l->t->journal, ids, c->n, l->uidvalidity, l->base, err) < 0)
		return -1;
	fault_point("upload-after-inflight");
	return 0;
}

/* How many of these come before one that has to be mended first. */
static size_t well(const struct lane *l, const struct upload *uploads, size_t n)
{
	size_t i = 0;

	while (i < n && !lane_mends_early(l, &uploads[i]))
		i++;
	return i;
}

static int cut_chunk(struct lane *l, struct chunk *c, struct err *err)
{
	for (size_t first = 0; first < c->n;) {
		bool early = lane_mends_early(l, c->uploads + first);
		size_t n = early ? 1
				 : batch_cut(&l->shape, c->uploads + first,
					     well(l, c->uploads + first, c->n - first));
		struct batch *b = batch_new(c, first, n);

		if (!b)
			return err_nomem(err);
		b->early = early;
		list_push_last(early ? &l->ailing : &l->queue, b);
		first += n;
	}
	return 0;
}

/* Of those that go up mended the original is looked for, too. */
static int complete_mended(struct lane *l, struct chunk *c, struct err *err)
{
	for (struct upload *u = c->uploads; u < c->uploads + c->n; u++)
		if (u->mended && lane_whole(l, u, &c->arena, u, err) < 0)
			return -1;
	return 0;
}

static int load_chunk(struct lane *l, struct err *err)
{
	size_t max = l->shape.commands > 1 ? CHUNK_UPLOADS : CHUNK_CAREFUL;
	struct chunk *c = chunk_new(max);
	int n;

	if (!c)
		return err_nomem(err);
	n = journal_uploads_next(l->t->journal, l->t->run, l->target.id, max, &c->arena, c->uploads,
				 &l->cursor, err);
	if (n > 0) {
		c->n = (size_t)n;
		n = complete_mended(l, c, err);
		if (n == 0)
			n = mark_inflight(l, c, err);
		if (n == 0)
			n = cut_chunk(l, c, err);
	} else if (n == 0) {
		l->exhausted = true;
	}
	chunk_unref(c);
	return n;
}

int lane_whole(struct lane *l, const struct upload *u, struct arena *a, struct upload *out,
	       struct err *err)
{
	struct upload whole;
	int got = 1;

	if (u->brief)
		got = journal_upload_get(l->t->journal, u->id, a, &whole, err);
	else
		whole = *u;
	if (got == 0)
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "the journal lost an upload that is being sent");
	if (got < 0)
		return -1;
	whole.flags = u->flags; /* perhaps without the keywords that its folder does not keep */
	*out = whole;
	return 0;
}

int lane_fill(struct lane *l, struct err *err)
{
	while (!l->exhausted && !l->stopping && l->queue.octets < l->shape.window &&
	       l->queue.n < l->shape.commands && l->queue.messages < QUEUE_ENOUGH) {
		if (load_chunk(l, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * Rows of a server's index, put into the journal as they come. See rows.h.
 */
#include "transfer/rows.h"

#include "base/stop.h"
#include "message/keys.h"

void rows_release(struct rows *r)
{
	keyer_free(r->keyer);
	arena_release(&r->arena);
	buf_release(&r->keywords);
	buf_release(&r->phase);
}

void rows_join_keywords(struct buf *out, const struct flag_set *flags)
{
	buf_reset(out);
	for (size_t i = 0; i < flags->n_keywords; i++) {
		if (i > 0)
			buf_addc(out, ' ');
		buf_adds(out, flags->keywords[i]);
	}
}

static int put_row(struct rows *r, const struct index_row *row, struct err *err)
{
	struct remote_row remote = {
		.folder = r->folder->id,
		.uid = row->uid,
		.size = row->size,
		.internaldate = row->internaldate,
		.flags = row->flags.system,
		.unread = r->unread,
		.gmail_id = row->gmail_id,
	};

	if (!r->unread && keyer_run(r->keyer, row->header, &remote.keys, NULL, NULL, err) < 0)
		return -1;
	rows_join_keywords(&r->keywords, &row->flags);
	if (r->keywords.len > 0)
		remote.keywords = buf_cstr(&r->keywords);
	return journal_remote_put(r->t->journal, &remote, err);
}

static int put_flags(struct rows *r, const struct index_row *row, struct err *err)
{
	rows_join_keywords(&r->keywords, &row->flags);
	return journal_remote_flags(r->t->journal, r->folder->id, row->uid, row->flags.system,
				    r->keywords.len > 0 ? buf_cstr(&r->keywords) : NULL, err);
}

static int take(struct rows *r, const struct index_row *row, struct err *err)
{
	if (r->flags_only)
		return put_flags(r, row, err);
	if (put_row(r, row, err) < 0)
		return -1;
	r->count++;
	if (row->uid > r->last_uid)
		r->last_uid = row->uid;
	return 0;
}

int rows_take(struct rows *r, struct err *err)
{
	struct index_row row;
	int got;

	for (;;) {
		if (r->count % ROWS_PER_UPDATE == 0) {
			progress_update(r->t->progress, buf_cstr(&r->phase), r->count,
					r->folder->messages, 0);
			if (stop_check(err) < 0)
				return -1;
		}
		arena_reset(&r->arena);
		got = session_index_next(r->t->session, &r->arena, &row, err);
		if (got <= 0)
			return got;
		if (take(r, &row, err) < 0)
			return -1;
	}
}

int rows_take_some(struct rows *r, unsigned most, struct err *err)
{
	struct index_row row;
	int got;

	for (unsigned n = 0; n < most; n++) {
		arena_reset(&r->arena);
		got = session_index_try(r->t->session, &r->arena, &row, err);
		if (got != 1)
			return got;
		if (take(r, &row, err) < 0)
			return -1;
	}
	return 1;
}

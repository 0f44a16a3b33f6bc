/*
 * INBOX by UIDLs: sizes, flags and dates of everything first, then the headers of a
 * sample, then those of what the UIDLs did not identify. See match/uidl.h. If the
 * sample says that the UIDLs are wrong, everything is read as in any other folder.
 */
#include "match/pop_list.h"
#include "transfer/rows.h"

#define UIDS_A_TIME 2000 /* of one question: about what fits on a line */

static struct uidl_place place_of(const struct rows *r)
{
	return (struct uidl_place){ r->t->run, r->folder->id, r->uidvalidity };
}

int rows_uidl_promising(struct rows *r, uint32_t first, bool *out, struct err *err)
{
	struct uidl_place p = place_of(r);

	return match_uidl_promising(r->t->journal, &p, first > 0 ? first : 1, out, err);
}

/* Whole rows of the given UIDs in place of those without a header. */
static int read_headers(struct rows *r, const uint32_t *uids, size_t n, struct err *err)
{
	while (n > 0) {
		size_t taken;

		if (session_index_start_set(r->t->session, uids, n, true, &taken, err) < 0 ||
		    rows_take(r, err) < 0)
			return -1;
		uids += taken;
		n -= taken;
	}
	return 0;
}

int rows_read_unread(struct rows *r, enum uidl_unread which, struct err *err)
{
	struct uidl_place p = place_of(r);
	uint32_t uids[UIDS_A_TIME];
	uint32_t after = 0;
	size_t n;

	for (;;) {
		if (match_uidl_unread(r->t->journal, &p, which, after, uids, UIDS_A_TIME, &n, err) <
		    0)
			return -1;
		if (n == 0)
			return 0;
		if (read_headers(r, uids, n, err) < 0)
			return -1;
		after = uids[n - 1];
	}
}

int rows_read_sizes(struct rows *r, uint32_t first, struct err *err)
{
	int got;

	if (session_sizes_start(r->t->session, first, err) < 0)
		return -1;
	r->unread = true;
	got = rows_take(r, err);
	r->unread = false;
	return got;
}

int rows_drop_vanished(struct rows *r, uint64_t *n, struct err *err)
{
	struct uidl_place p = place_of(r);

	return match_uidl_drop_unread(r->t->journal, &p, n, err);
}

int rows_take_by_uidl(struct rows *r, uint32_t first, struct err *err)
{
	struct uidl_place p = place_of(r);
	uint64_t count, vanished;
	uint32_t last_uid;
	bool believed;

	if (rows_read_sizes(r, first, err) < 0)
		return -1;
	count = r->count;
	last_uid = r->last_uid;
	if (match_pop_align(r->t->journal, &p, err) < 0 ||
	    match_uidl_pair(r->t->journal, &p, first > 0 ? first : 1, err) < 0 ||
	    rows_read_unread(r, UIDL_SAMPLE, err) < 0 ||
	    match_uidl_judge(r->t->journal, &p, &believed, err) < 0)
		return -1;
	r->count = 0;
	if (!believed) {
		r->last_uid = 0;
		if (session_index_start(r->t->session, first, err) < 0 || rows_take(r, err) < 0)
			return -1;
		count = r->count;
		last_uid = r->last_uid;
	} else if (rows_read_unread(r, UIDL_REST, err) < 0) {
		return -1;
	}
	if (rows_drop_vanished(r, &vanished, err) < 0)
		return -1;
	r->count = believed ? count - vanished : count;
	r->last_uid = last_uid;
	return 0;
}

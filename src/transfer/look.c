/*
 * A look at single messages of the open folder, before something is done to them.
 * See filing.h.
 */
#include <stdlib.h>
#include <string.h>

#include "message/keys.h"
#include "transfer/filing.h"

static int compare_uids(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Ascending, each once; how many are left. */
static size_t sort_uids(uint32_t *uids, size_t n)
{
	size_t kept = 0;

	if (n > 0)
		qsort(uids, n, sizeof(*uids), compare_uids);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || uids[kept - 1] != uids[i])
			uids[kept++] = uids[i];
	return kept;
}

static struct found_message *place_of(const struct look *l, uint32_t uid)
{
	const uint32_t *at = bsearch(&uid, l->uids, l->n, sizeof(*l->uids), compare_uids);

	return at ? &l->found[at - l->uids] : NULL;
}

const struct found_message *look_found(const struct look *l, uint32_t uid)
{
	static const struct found_message nothing;
	const struct found_message *m = l->n > 0 ? place_of(l, uid) : NULL;

	return m ? m : &nothing;
}

static int keep_row(const struct index_row *row, struct keyer *keyer, struct arena *a,
		    struct found_message *out, struct err *err)
{
	*out = (struct found_message){
		.uid = row->uid,
		.size = row->size,
		.internaldate = row->internaldate,
		.flags.system = row->flags.system,
	};
	for (size_t i = 0; i < row->flags.n_keywords; i++)
		if (!flag_set_add_keyword(&out->flags, a, slice_str(row->flags.keywords[i])))
			return err_nomem(err);
	return keyer ? keyer_run(keyer, row->header, &out->keys, NULL, NULL, err) : 0;
}

static int look_with(struct transfer *t, struct look *l, struct keyer *keyer, struct arena *a,
		     struct err *err)
{
	struct arena scratch = ARENA_INIT(1u << 20);
	struct index_row row;
	size_t taken;
	int got = 0;

	for (size_t done = 0; done < l->n && got == 0; done += taken) {
		got = session_index_start_set(t->session, l->uids + done, l->n - done,
					      keyer != NULL, &taken, err);
		while (got == 0 &&
		       (got = session_index_next(t->session, &scratch, &row, err)) > 0) {
			struct found_message *m = place_of(l, row.uid);

			got = m ? keep_row(&row, keyer, a, m, err) : 0;
			arena_reset(&scratch);
		}
	}
	arena_release(&scratch);
	return got;
}

int look_at(struct transfer *t, const uint32_t *uids, size_t n, bool header, struct arena *a,
	    struct look *out, struct err *err)
{
	struct keyer *keyer;
	struct look l = { 0 };
	int got;

	*out = l;
	if (n == 0)
		return 0;
	l.uids = arena_alloc(a, n * sizeof(*l.uids));
	l.found = arena_alloc(a, n * sizeof(*l.found));
	if (!l.uids || !l.found)
		return err_nomem(err);
	memcpy(l.uids, uids, n * sizeof(*uids));
	l.n = sort_uids(l.uids, n);
	memset(l.found, 0, l.n * sizeof(*l.found));
	keyer = header ? keyer_new(err) : NULL;
	if (header && !keyer)
		return -1;
	got = look_with(t, &l, keyer, a, err);
	keyer_free(keyer);
	if (got == 0)
		*out = l;
	return got;
}

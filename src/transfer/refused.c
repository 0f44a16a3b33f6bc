/*
 * Copies of refused messages go into the sidecar at once, while it is known where
 * they lie and why they were refused.
 */
#include <string.h>

#include "transfer/internal.h"
#include "transfer/sidecar.h"

#define FIND_ARENA_MAX	 (1u << 20)
#define PAGE_ARENA_MAX	 (4u << 20)
#define UPLOADS_PER_PAGE 100

int refused_keep(struct transfer *t, struct canon *canon, const struct remote_folder *folder,
		 const struct upload *u, const char *reason, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(FIND_ARENA_MAX);
	struct message m = { 0 };
	struct sidecar_entry entry = {
		.folder = folder ? folder->name : "",
		.location = u->store_location,
		.locator = u->locator,
		.message_id = u->message_id,
		.subject = u->subject,
		.from = u->from,
		.reason = reason,
	};
	struct err cause = ERR_INIT;
	int got;

	memcpy(entry.sha256, u->sha256, SHA256_LEN);
	got = source_set_find(t->sources, u->kind, u->source, u->locator, &a, &m, &cause);
	if (got == 0)
		got = sidecar_keep(journal_dir(t->journal), t->run, canon, &m.body, &m.canon,
				   &entry, &cause);
	if (got == 0)
		return 1;
	if (cause.scope == SCOPE_MESSAGE)
		return 0;
	*err = cause;
	return -1;
}

static int keep_page(struct transfer *t, struct canon *canon, const struct upload *page, int n,
		     struct err *err)
{
	for (int i = 0; i < n; i++) {
		int kept =
			refused_keep(t, canon, NULL, &page[i], "see the report of this run", err);

		if (kept < 0 || (kept > 0 && journal_mark_kept(t->journal, page[i].id, err) < 0))
			return -1;
	}
	return 0;
}

static int keep_all(struct transfer *t, struct canon *canon, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(PAGE_ARENA_MAX);
	int64_t cursor = 0;

	for (;;) {
		arena_reset(&a);
		struct upload *page = arena_alloc(&a, UPLOADS_PER_PAGE * sizeof(*page));
		int n = page ? journal_unkept_next(t->journal, t->run, UPLOADS_PER_PAGE, &a, page,
						   &cursor, err)
			     : err_nomem(err);

		if (n <= 0)
			return n;
		if (keep_page(t, canon, page, n, err) < 0)
			return -1;
	}
}

int refused_keep_rest(struct transfer *t, struct err *err)
{
	struct canon *canon = canon_new();
	int result;

	if (!canon)
		return err_nomem(err);
	result = keep_all(t, canon, err);
	canon_free(canon);
	return result;
}

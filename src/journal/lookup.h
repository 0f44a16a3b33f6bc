/*
 * Questions to the server index about single messages: for recovering and
 * verifying uploads.
 */
#ifndef MAILHOIST_JOURNAL_LOOKUP_H
#define MAILHOIST_JOURNAL_LOOKUP_H

#include "journal/journal.h"

/* The row of one UID: 1, or 0 if the index has none, or -1. Keywords belong to the arena. */
int journal_remote_get(struct journal *j, int64_t folder, uint32_t uid, struct arena *a,
		       struct remote_row *out, struct err *err);

/* What an upload may look like on the server. */
struct remote_wanted {
	int64_t folder;
	uint32_t uidvalidity;
	uint32_t first_uid; /* it cannot have a lower one */
	const struct match_keys *keys;
	uint64_t size_min, size_max;
};

/* The lowest UID with these keys (`fields`, or `id` alone when `by_id`) and such a size that no
 * stored upload of the folder has claimed: 1, 0, -1. */
int journal_remote_unclaimed(struct journal *j, const struct remote_wanted *wanted, bool by_id,
			     uint32_t *uid, struct err *err);

#endif

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
enum wanted_by {
	WANTED_BY_FIELDS, /* Message-ID, fields and size */
	WANTED_BY_ID,	  /* the Message-ID; without one, From, Date and Subject */
	WANTED_BY_SIZE,
};
struct remote_wanted {
	enum wanted_by by;
	int64_t folder;
	uint32_t uidvalidity;
	uint32_t first_uid; /* it cannot have a lower one */
	const struct match_keys *keys;
	uint64_t size_min, size_max;
};

/* The lowest UID of such a message that no stored upload of the folder has claimed (of a
 * `uidvalidity` 0: claimed or not): 1, 0, -1. */
int journal_remote_unclaimed(struct journal *j, const struct remote_wanted *wanted, uint32_t *uid,
			     struct err *err);

/* The same in the whole account, of fields and size: the folder that has one which no stored upload
 * has claimed. 1, 0, -1. */
int journal_remote_elsewhere(struct journal *j, const struct remote_wanted *wanted, struct arena *a,
			     const char **name, struct err *err);

/* What has become of one flag of our uploads, as far as the index has them. */
struct flag_record {
	uint64_t given, kept;	/* of those that were uploaded with it: have it still */
	uint64_t without, free; /* of those that were uploaded without it: have it not */
};
#define FLAG_BITS 5 /* of FLAG_ALL, from the lowest */
int journal_flag_records(struct journal *j, struct flag_record records[FLAG_BITS], struct err *err);

/* Uploads of a folder that are in doubt, or stored with a UID that is not known: how many there
 * are. Prepares journal_doubt_shared(), and forgets journal_doubt_stays(). */
int journal_doubts_begin(struct journal *j, int64_t folder, uint64_t *n, struct err *err);
int journal_doubts_left(struct journal *j, int64_t folder, uint64_t *n, struct err *err);
/* Has another of them the same key, but other octets? 1, 0, -1. */
int journal_doubt_shared(struct journal *j, const struct upload *u, struct err *err);
/* It cannot be told whether it is there: journal_doubts_next() leaves it out, the line says so. */
int journal_doubt_stays(struct journal *j, int64_t upload, struct err *err);
/* Let them point to items of this run's scan, where it has the same messages: those of an older one
 * may have moved in their files. */
int journal_doubts_refresh(struct journal *j, int64_t run, struct err *err);

/* Has a message that we know to be ours a size that no documented change explains (`slack` octets
 * more or less for the last line end)? Some servers rewrite what they store. 1, 0, -1. */
int journal_server_rewrites(struct journal *j, uint64_t slack, struct err *err);

#endif

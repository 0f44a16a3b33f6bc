/*
 * Rows of a server's index on their way into the journal: taken as they come
 * (rows.c), INBOX by UIDLs (rows_uidl.c), or Gmail's All Mail (rows_gmail.c).
 */
#ifndef MAILHOIST_TRANSFER_ROWS_H
#define MAILHOIST_TRANSFER_ROWS_H

#include "match/uidl.h"
#include "transfer/internal.h"

#define ROW_ARENA_MAX	  (1u << 20)
#define KEYWORDS_TEXT_MAX 16384
#define ROWS_PER_UPDATE	  500

struct rows {
	struct transfer *t;
	const struct remote_folder *folder;
	uint32_t uidvalidity; /* of the folder as it is open */
	struct arena arena;
	struct buf keywords, phase;
	struct keyer *keyer;
	bool all_flags;	 /* also where the server cannot tell which have changed */
	bool by_uidl;	 /* this is INBOX, and UIDLs may help */
	bool unread;	 /* the rows that come have no header */
	bool flags_only; /* they are flags of rows that are there already */
	uint64_t count;
	uint32_t last_uid;
};

void rows_release(struct rows *r);

/* Blank-separated. */
void rows_join_keywords(struct buf *out, const struct flag_set *flags);

/* Keep all rows that answer the question which the session was just asked; count and last_uid go
 * on. */
int rows_take(struct rows *r, struct err *err);

/* The same, at most so many, and without waiting: 1 there may be more, 2 nothing more has come yet,
 * 0 the end, -1. */
int rows_take_some(struct rows *r, unsigned most, struct err *err);

/* The headers of rows that were put as unread. */
int rows_read_unread(struct rows *r, enum uidl_unread which, struct err *err);
/* Rows from UID `first` on, as unread ones. */
int rows_read_sizes(struct rows *r, uint32_t first, struct err *err);
/* Drop what is still unread: it was expunged since its size was told. */
int rows_drop_vanished(struct rows *r, uint64_t *n, struct err *err);

/* Gmail's All Mail, which has once more what the labels have (rows_gmail.c): it has to be read
 * behind them. */
bool rows_is_all_mail(const struct session *s, const struct remote_folder *f);
/* All rows from UID `first` on, without the headers of what was read with a label. */
int rows_take_all_mail(struct rows *r, uint32_t first, struct err *err);

/* Does it pay to read the rows from UID `first` on by UIDLs? */
int rows_uidl_promising(struct rows *r, uint32_t first, bool *out, struct err *err);

/* All rows from UID `first` on, without the headers of what its UIDL identifies: match/uidl.h. */
int rows_take_by_uidl(struct rows *r, uint32_t first, struct err *err);

#endif

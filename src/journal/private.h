/*
 * What the files of journal/ share among themselves.
 */
#ifndef MAILHOIST_JOURNAL_PRIVATE_H
#define MAILHOIST_JOURNAL_PRIVATE_H

#include "journal/journal.h"

/* A larger cache than db_open()'s: the indexes by hash are written in no order. */
#define JOURNAL_CACHE "PRAGMA cache_size=-10240;"

struct journal {
	struct db db;
	char *dir;
	int lock_fd;	   /* -1: read-only */
	int64_t last_seq;  /* of the uploads submitted so far */
	bool ranges;	   /* there may be some in `inflight` (inflight.c), */
	size_t n_ranges;   /* that were added since the finished ones were sought */
	uint32_t base_max; /* none was begun behind a higher UIDNEXT */
	struct filling {
		int64_t store;			      /* that journal_item_add() fills, 0: none */
		int64_t added, first_item, last_item; /* since the store's row was written */
	} filling;
};

/* Create the tables, or check that they are ours and of this version (schema.c). */
int schema_prepare(struct db *db, struct err *err);
int schema_check(struct db *db, struct err *err); /* for read-only use: creates nothing */

/* The indexes of `remote` beside its key, where they are missing. */
int schema_index_remote(struct db *db, struct err *err);

/* Begin a transaction unless one is open already: *own tells which; tx_end() commits (result 0) or
 * rolls back only what tx_begin() began, and returns the final result. */
int tx_begin(struct journal *j, bool *own, struct err *err);
int tx_end(struct journal *j, bool own, int result, struct err *err);

/* Write what journal_item_add() has counted into the store's row (items.c). */
int store_counts_flush(struct journal *j, struct err *err);

/* Remove what old runs no longer need (runs.c). */
int runs_prune(struct journal *j, struct err *err);

/* A folder path as one text: parts joined by '/', with '/' and '\' in them escaped by '\'. */
char *path_join(struct arena *a, const char *const *parts, size_t n);
int path_split(struct arena *a, const char *text, const char *const **parts, size_t *n);

/* Keywords as one text, blank-separated; NULL when there are none. */
char *keywords_join(struct arena *a, const struct flag_set *set);
void keywords_split(struct arena *a, const char *text, struct flag_set *set);

/* Copy a blob of exactly `len` bytes; zeros if it is missing or has another length. */
void column_bytes(sqlite3_stmt *st, int column, uint8_t *out, size_t len);

/* The columns FOLDER_COLUMNS of a folder row, beginning at `column`. */
#define FOLDER_COLUMNS                                                                             \
	"f.id, f.listed, f.wire_name, f.name, f.separator, f.attributes, f.role, f.uidvalidity, "  \
	"f.uidnext, f.messages, f.highestmodseq"
int folder_read(sqlite3_stmt *st, struct arena *a, struct remote_folder *out, struct err *err);

/* With the tables u (upload), l (line), i (item), s (store). */
#define UPLOAD_COLUMNS                                                                             \
	"u.id, l.id, s.kind, s.source, s.location, i.locator, u.sha256, u.wire_len, u.nul_count,"  \
	" u.cr_count, u.cr_cr_lf_count, u.internaldate, u.flags, u.keywords, u.has_id, u.key,"     \
	" u.ident, u.fields, i.message_id, i.subject, i.sender, u.state, u.seq, u.uidvalidity,"    \
	" u.base_uidnext, u.uid, i.header_len, i.repairs, i.essence, u.method = 0, u.method, "     \
	"u.origin,"                                                                                \
	" u.origin_uidvalidity, i.state = 1, u.folder, u.origin_gone, u.origin_flags, i.rebuilt,"  \
	" u.mended, u.origin_keywords, i.checksum, u.damaged, l.outcome = 2"
/* The rows of a bound query, `max` at most. Their number, or -1. */
int uploads_read(struct journal *j, sqlite3_stmt *st, size_t max, struct arena *a,
		 struct upload *out, struct err *err);
/* The row of FOLDER_COLUMNS that row_after() comes to. */
int folder_after(struct journal *j, const char *sql, int64_t run, int64_t after, struct arena *a,
		 struct remote_folder *out, struct err *err);
/* How many of these ids follow each other by one: as a rule all of a batch, for the plan wrote them
 * in the order in which they are sent. Those are marked by one statement. (inflight.c) */
size_t ids_consecutive(const int64_t *ids, size_t n);

/* What is in flight as ranges (inflight.c). In an open transaction, or in one of their own: */
/* Ranges that a dead process left become rows; goes on with the order of submission. */
int inflight_found(struct journal *j, struct err *err);
/* These planned uploads are in no range any more. */
int inflight_drop(struct journal *j, int64_t first, int64_t last, struct err *err);
/* As far as they are in ranges their rows become UPLOAD_INFLIGHT. */
int inflight_to_rows(struct journal *j, int64_t first, int64_t last, struct err *err);
int inflight_all_to_rows(struct journal *j, struct err *err);
/* Was one of them begun when the folder had this UID already? */
int inflight_began_behind(struct journal *j, int64_t first, int64_t last, uint32_t uid, bool *out,
			  struct err *err);

/* A message of the server is known by one number: folder and UID (also in match/ and plan/, in
 * SQL). Rows of a folder thus lie together, in UID order. */
static inline int64_t remote_id(int64_t folder, uint32_t uid)
{
	return (int64_t)((uint64_t)folder << 32 | uid);
}

/* Step a query that has at most one row: 1, 0, -1. */
#define one_row(j_, st_, err_) db_step(&(j_)->db, (st_), (err_))

/* The number that a bound query has in its only row. */
int one_count(struct journal *j, sqlite3_stmt *st, uint64_t *out, struct err *err);
/* One about a run, which is the only parameter of `sql`. */
int count_of_run(struct journal *j, const char *sql, int64_t run, uint64_t *out, struct err *err);

/* A list read row by row, the reader keeping only where it is: the row of `run` (?1 in `sql`)
 * behind the one of id `after` (?2). 1 and *out stands on it, 0, -1. */
int row_after(struct journal *j, const char *sql, int64_t run, int64_t after, sqlite3_stmt **out,
	      struct err *err);

/* A time; TIME_NONE where there is NULL. */
int64_t column_time(sqlite3_stmt *st, int column);

#endif

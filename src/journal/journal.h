/*
 * The journal: one SQLite file for each account. It remembers what was found
 * (items), what the server holds (index), what was decided (plan lines) and what
 * became of it (uploads). Everything that must survive a kill is here, and
 * everything that would grow with the mailbox.
 *
 * Tables (journal.c has the schema):
 *   run      one line for each plan, run, apply, verify
 *   store    a folder of a source, with the fingerprint of its last scan
 *   item     a message of a store, as the last scan found it: the scan cache
 *   folder   a folder of the server: names, role, UIDVALIDITY, UIDNEXT
 *   remote   a message of the server: UID, size, date, flags, match keys
 *   line     one line of a run's plan: what shall happen to an item, and why
 *   upload   exactly-once state of one message in one folder, keyed by its content
 *            (folder name, SHA-256, copy): survives moved sources and new runs
 *
 * One process at a time: journal_open() takes a lock. Times are UTC seconds.
 */
#ifndef MAILHOIST_JOURNAL_JOURNAL_H
#define MAILHOIST_JOURNAL_JOURNAL_H

#include "base/arena.h"
#include "base/db.h"
#include "message/message.h"

struct journal;

/* Open or create `state_dir`/`account`/journal.sqlite (directories 0700, file 0600). `account` is
 * "user@host", escaped by this function for use as a file name. ERR_BUSY when another process
 * holds it, ERR_CANTCREAT when it cannot be made. */
int journal_open(const char *state_dir, const char *account, struct journal **out,
		 struct err *err);
/* Read an existing journal for reports: no lock, nothing created. ERR_NOINPUT if there is none. */
int journal_open_readonly(const char *state_dir, const char *account, struct journal **out,
			  struct err *err);
void journal_close(struct journal *j);
struct db *journal_db(struct journal *j); /* for queries of match/, plan/ and report/ */
const char *journal_dir(const struct journal *j); /* the account's state directory */

/* Transactions; they do not nest. Committed = on disk (synchronous=FULL). */
int journal_begin(struct journal *j, struct err *err);
int journal_commit(struct journal *j, struct err *err);
void journal_rollback(struct journal *j);

/* ---- runs ---- */
enum run_kind { RUN_PLAN, RUN_RUN, RUN_APPLY, RUN_VERIFY };
int journal_run_start(struct journal *j, enum run_kind kind, const char *options_json,
		      int64_t *run, struct err *err);
int journal_run_finish(struct journal *j, int64_t run, int exit_status, struct err *err);

/* ---- scan ---- */

/* A store is keyed by (kind, source path, folder path). *fresh: its fingerprint equals
 * `fingerprint` (not ""), so that its items can be used as they are. Otherwise its items have been
 * forgotten and it is to be filled; journal_store_done() then makes the fingerprint valid. */
struct store_key {
	const char *kind, *source, *location;
	const char *const *folder; /* components */
	size_t depth;
	enum role role;
	const char *fingerprint;
	const char *options; /* what else the scan depends on: include-deleted, version */
};
int journal_store_begin(struct journal *j, int64_t run, const struct store_key *key,
			int64_t *store, bool *fresh, struct err *err);
int journal_store_done(struct journal *j, int64_t store, const char *fingerprint,
		       struct err *err);
int journal_item_add(struct journal *j, int64_t store, const struct message *m, struct err *err);
/* A message that could not be read: an item of STATE_UNREADABLE with the reason. */
int journal_item_unreadable(struct journal *j, int64_t store, const char *locator,
			    const char *reason, struct err *err);

/* ---- server index ---- */
struct remote_folder {
	int64_t id;
	const char *wire_name, *name; /* wire form, and UTF-8 */
	char separator;
	uint32_t attributes; /* ATTR_* of imap/session.h, stored as they are */
	enum role role;
	uint32_t uidvalidity, uidnext, messages; /* as of the last complete index; 0: none */
	uint64_t highestmodseq;
};
/* Insert or update by wire name; keeps the index state. *id is set. Folders not put since
 * journal_folders_begin() are gone from the server and are dropped by journal_folders_end(). */
int journal_folders_begin(struct journal *j, struct err *err);
int journal_folder_put(struct journal *j, struct remote_folder *f, struct err *err);
int journal_folders_end(struct journal *j, struct err *err);
int journal_folder_by_wire(struct journal *j, const char *wire_name, struct arena *a,
			   struct remote_folder *out, struct err *err); /* 1, 0, -1 */
int journal_folder_get(struct journal *j, int64_t id, struct arena *a, struct remote_folder *out,
		       struct err *err); /* 1, 0, -1 */
/* Iterate in id order: pass the last id (0 first). 1, 0, -1. */
int journal_folder_next(struct journal *j, int64_t after, struct arena *a,
			struct remote_folder *out, struct err *err);

/* Forget rows of a folder: all (UIDVALIDITY changed, or messages vanished). */
int journal_remote_clear(struct journal *j, int64_t folder, struct err *err);
struct remote_row {
	int64_t folder;
	uint32_t uid;
	uint64_t size;
	int64_t internaldate;
	uint32_t flags;
	const char *keywords; /* blank-separated, or NULL */
	struct match_keys keys;
};
int journal_remote_put(struct journal *j, const struct remote_row *row, struct err *err);
/* The index of the folder is complete up to these values. */
int journal_folder_indexed(struct journal *j, int64_t folder, uint32_t uidvalidity,
			   uint32_t uidnext, uint32_t messages, uint64_t highestmodseq,
			   struct err *err);

/* ---- plan lines ---- */
enum action {
	ACTION_UPLOAD,
	ACTION_PRESENT,	  /* already in its target folder */
	ACTION_ELSEWHERE, /* on the server in another folder: not uploaded again (counts as present) */
	ACTION_DUPLICATE, /* an identical local message has the same target */
	ACTION_EXCLUDED,  /* left out on purpose: reason says why */
	ACTION_FAILED,	  /* could not be read */
	ACTION_COUNT
};
const char *action_name(enum action a);

enum match_level { /* which level decided; 0 none */
	MATCH_NONE,
	MATCH_UIDL,
	MATCH_CONTENT, /* Message-ID, fields and size equal, beginning of the body equal */
	MATCH_DRESS,   /* equal after dropping transport headers, body equal */
	MATCH_WEAK,    /* some keys equal; the bodies were compared */
	MATCH_JOURNAL, /* we uploaded it in an earlier run */
};
const char *match_level_name(enum match_level level);

enum line_outcome {
	OUTCOME_OPEN,	   /* upload still to be done */
	OUTCOME_UPLOADED,
	OUTCOME_PRESENT,
	OUTCOME_FILED,	   /* by the server's COPY/MOVE */
	OUTCOME_DUPLICATE,
	OUTCOME_EXCLUDED,
	OUTCOME_REFUSED,
	OUTCOME_FAILED,
	OUTCOME_COUNT
};
const char *outcome_name(enum line_outcome o);

/* ---- uploads: exactly once (DESIGN 4) ---- */
enum upload_state {
	UPLOAD_PLANNED,
	UPLOAD_INFLIGHT,
	UPLOAD_STORED,
	UPLOAD_VERIFIED,
	UPLOAD_REFUSED,
	UPLOAD_FAILED,
};

/* What the uploader needs of one message. Texts belong to the arena. */
struct upload {
	int64_t id;   /* of the upload row */
	int64_t line; /* of the plan line */
	const char *kind, *source; /* which source: KIND and path */
	const char *locator;
	const char *store_location; /* file or folder, for messages */
	uint8_t sha256[SHA256_LEN];
	uint64_t wire_len;
	uint64_t nul_count, cr_count, cr_cr_lf_count;
	int64_t internaldate;
	struct flag_set flags; /* as the plan decided: only what the server can keep */
	struct match_keys keys;
	const char *message_id, *subject, *from;
	enum upload_state state;
	int64_t seq; /* order of submission; 0: never submitted */
	uint32_t uidvalidity, base_uidnext; /* when it was submitted */
	uint32_t uid;			    /* 0: not known */
};

/* Target folders of a run that have open uploads: in name order; pass the last id (0 first). */
int journal_target_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			struct remote_folder *out, struct err *err);

/* Up to `max` UPLOAD_PLANNED uploads of one target, grouped by equal flag sets, then in scan
 * order; pass the last upload's id as *cursor (0 first; it is advanced). Returns their number,
 * or -1. Rows that became refused or failed in this run are not delivered again. */
int journal_uploads_next(struct journal *j, int64_t run, int64_t target, size_t max,
			 struct arena *a, struct upload *out, int64_t *cursor, struct err *err);

/* All n become inflight with increasing seq, in one transaction, on disk on return. */
int journal_mark_inflight(struct journal *j, const int64_t *uploads, size_t n,
			  uint32_t uidvalidity, uint32_t base_uidnext, struct err *err);
/* n uploads in order: stored with UIDs first_uid, first_uid + 1, ... (0: UIDs not known). Call
 * within a transaction or not. Sets the line's outcome. */
int journal_mark_stored(struct journal *j, const int64_t *uploads, size_t n,
			uint32_t uidvalidity, uint32_t first_uid, struct err *err);
/* Back to planned: provably not on the server. */
int journal_mark_planned(struct journal *j, const int64_t *uploads, size_t n, struct err *err);
int journal_mark_refused(struct journal *j, int64_t upload, const char *reason_code,
			 const char *text, struct err *err);
int journal_mark_failed(struct journal *j, int64_t upload, const char *reason_code,
			const char *text, struct err *err);
int journal_mark_verified(struct journal *j, const int64_t *uploads, size_t n, struct err *err);
/* Verification found a difference: the upload stays stored, the line gets the finding. */
int journal_mark_differs(struct journal *j, int64_t upload, const char *finding,
			 struct err *err);

/* In-flight rows of any earlier process, by target and seq: what recovery has to resolve.
 * Targets first: 1, 0, -1; then the rows of one, as journal_uploads_next(). */
int journal_doubt_target_next(struct journal *j, int64_t after, struct arena *a,
			      struct remote_folder *out, struct err *err);
int journal_doubts_next(struct journal *j, int64_t target, size_t max, struct arena *a,
			struct upload *out, int64_t *cursor_seq, struct err *err);

/* Stored uploads of a run (or of the account: run 0) in one target by UID, for verification;
 * uid 0 come first. */
int journal_stored_next(struct journal *j, int64_t run, int64_t target, size_t max,
			struct arena *a, struct upload *out, int64_t *cursor, struct err *err);

/* ---- the balance ---- */
struct balance {
	uint64_t found;			/* items that the scan saw */
	uint64_t outcome[OUTCOME_COUNT]; /* lines by outcome */
	uint64_t bytes[OUTCOME_COUNT];
	uint64_t verified, differs;
};
/* Of a whole run (store 0) or one store. */
int journal_balance(struct journal *j, int64_t run, int64_t store, struct balance *out,
		    struct err *err);
/* found == sum of all outcomes, and nothing open. */
bool balance_adds_up(const struct balance *b);

#endif

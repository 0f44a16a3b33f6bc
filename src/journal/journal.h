/*
 * The journal: one SQLite file for each account. It remembers what was found
 * (items), what the server holds (index), what was decided (plan lines) and what
 * became of it (uploads). Everything that must survive a kill is here, and
 * everything that would grow with the mailbox. It holds no secrets.
 *
 * Tables (schema.c has them, with the reasons):
 *   run        one row for each plan, run, apply, verify
 *   store      one scan of a folder of a source, with its fingerprint; a new scan is a new
 *              store, so that lines of earlier runs keep their items
 *   run_store  which stores a run works on, and the target folder of each
 *   item       a message of a store, as the scan found it: the scan cache
 *   folder     a folder of the server, or one that a plan wants: names, role, UIDVALIDITY...
 *   remote     a message of the server: UID, size, date, flags, match keys
 *   pop_uidl   what the state files of POP programs say; pop_list: what a POP3 server says
 *   candidate  "this content may be that message of the server": the verdicts (match/)
 *   line       one line of a run's plan: what shall happen to an item, and why
 *   upload     exactly-once state of one message in one folder, keyed by its content
 *              (folder, SHA-256, copy): survives moved sources and new runs
 *   inflight   ranges of uploads that are being sent right now
 *   notice     what the user should know
 *
 * One process at a time: journal_open() takes a lock. Times are UTC seconds.
 *
 * The order of a run: journal_run_start, stores and items, folders and remote rows, recovery of
 * doubts, plan_folders, match_prepare, candidates, match_finish, plan_lines, uploads,
 * verification, journal_run_finish, report.
 */
#ifndef MAILHOIST_JOURNAL_JOURNAL_H
#define MAILHOIST_JOURNAL_JOURNAL_H

#include "base/arena.h"
#include "base/db.h"
#include "message/message.h"

struct journal;

/* SQLite takes as much memory to sort as its cache of pages has, on top of that. Where a result as
 * long as the plan is sorted and nothing is written in no order, both get less: sort first, and
 * then, with false, go on as usual. */
int journal_sorting(struct journal *j, bool sorting, struct err *err);

/* Open or create `state_dir`/`account`/journal.sqlite (directories 0700, file 0600). `account` is
 * "user@host", escaped by this function for use as a file name. ERR_BUSY when another process
 * holds it, ERR_CANTCREAT when it cannot be made. */
int journal_open(const char *state_dir, const char *account, struct journal **out, struct err *err);
/* Read an existing journal for reports: no lock, nothing created. ERR_NOINPUT if there is none. */
int journal_open_readonly(const char *state_dir, const char *account, struct journal **out,
			  struct err *err);
void journal_close(struct journal *j);
/* The directory that journal_open() would use for this account; with `make` it is there then. */
int journal_account_dir(const char *state_dir, const char *account, bool make, struct buf *dir,
			struct err *err);
struct db *journal_db(struct journal *j);	  /* for queries of match/, plan/ and report/ */
const char *journal_dir(const struct journal *j); /* the account's state directory */

/* Transactions; they do not nest. Committed = on disk (synchronous=FULL). Every function below may
 * be called within one or not; only journal_mark_inflight() insists on its own. Items and remote
 * rows want large ones (some thousand rows). After a failed journal_commit() nothing of the
 * transaction is there. */
int journal_begin(struct journal *j, struct err *err);
int journal_commit(struct journal *j, struct err *err);
void journal_rollback(struct journal *j);

/* ---- runs ---- */
enum run_kind { RUN_PLAN, RUN_RUN, RUN_APPLY, RUN_VERIFY, RUN_UNDO, RUN_KIND_COUNT };
const char *run_kind_name(enum run_kind kind); /* "plan", "run", "apply", "verify", "undo" */

/* How many runs keep all their lines. Older ones keep what was uploaded, refused or failed, and
 * their balance. journal_run_start() clears up. */
#define RUNS_KEPT_WHOLE 4

/* `options_json` is what the caller wants to find again (sources, mapping); no secrets. */
int journal_run_start(struct journal *j, enum run_kind kind, const char *options_json, int64_t *run,
		      struct err *err);
/* Ends the run and writes down its balance. Call it before the report is made. */
int journal_run_finish(struct journal *j, int64_t run, int exit_status, struct err *err);

struct run {
	int64_t id;
	enum run_kind kind;
	const char *options_json;
	int64_t started, finished; /* finished: TIME_NONE while it runs, or if it was killed */
	int exit_status;
	bool whole; /* all lines are still there: the plan can be applied */
};
/* The newest run with an id below `before` (0: the newest of all): 1, 0, -1. */
int journal_run_previous(struct journal *j, int64_t before, struct arena *a, struct run *out,
			 struct err *err);
int journal_run_get(struct journal *j, int64_t run, struct arena *a, struct run *out,
		    struct err *err); /* 1, 0, -1 */

/* ---- scan ---- */

/* A store is keyed by (kind, source path, folder path, location): two folders of one source may
 * have the same path (the Trash of each Thunderbird account). *fresh: its fingerprint and options
 * equal those of `key` (fingerprint not ""), so that its items can be used as they are. Otherwise
 * *store is a new, empty one that is to be filled: all its items before the next store is begun;
 * journal_store_done() then makes the fingerprint valid, and counts. Either way the store belongs
 * to the run from now on. */
struct store_key {
	const char *kind, *source, *location;
	const char *const *folder; /* components */
	size_t depth;
	enum role role;
	const char *fingerprint;
	const char *options; /* what else the scan depends on: include-deleted, version */
};
int journal_store_begin(struct journal *j, int64_t run, const struct store_key *key, int64_t *store,
			bool *fresh, struct err *err);
int journal_store_done(struct journal *j, int64_t store, const char *fingerprint, struct err *err);
int journal_item_add(struct journal *j, int64_t store, const struct message *m, struct err *err);
/* A message that could not be read: an item of STATE_UNREADABLE with the reason. */
int journal_item_unreadable(struct journal *j, int64_t store, const char *locator,
			    const char *reason, struct err *err);

/* A store of a run, for reports. */
struct store_info {
	int64_t id;
	const char *kind, *source, *location;
	const char *const *folder;
	size_t depth;
	enum role role;
	uint64_t found;		 /* items that the scan saw */
	int64_t target;		 /* folder id, or 0 */
	const char *target_name; /* UTF-8, or NULL */
};
/* Stores of a run in id order: pass the last id (0 first). 1, 0, -1. */
int journal_store_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
		       struct store_info *out, struct err *err);

/* For plan/: the run's store at the first `n` parts of the path of `s`, in the same source: 1, 0,
 * -1. */
int journal_store_at(struct journal *j, int64_t run, const struct store_info *s, size_t n,
		     struct arena *a, struct store_info *out, struct err *err);
int journal_store_target(struct journal *j, int64_t run, int64_t store, int64_t folder,
			 struct err *err);
/* Targets of more than one store that has messages, in id order. */
struct merged_target {
	int64_t folder;
	const char *name;
	uint64_t stores;
	const char *locations; /* of the stores, ", " between them */
};
int journal_merged_target_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			       struct merged_target *out, struct err *err);

/* ---- server index ---- */
/* The bits of ATTR_* that plan/ looks at; transfer/ asserts that they are the same. */
#define FOLDER_NOSELECT	   (1u << 0)
#define FOLDER_NOINFERIORS (1u << 1)

struct remote_folder {
	int64_t id;
	bool exists; /* the server lists it; false: a target that is to be created */
	const char *wire_name, *name; /* wire form, and UTF-8 */
	char separator;
	uint32_t attributes; /* ATTR_* of imap/session.h, stored as they are; FOLDER_* below */
	enum role role;
	uint32_t uidvalidity, uidnext, messages; /* as of the last complete index; 0: none */
	uint64_t highestmodseq;
};
/* Insert or update by wire name what the server lists; keeps the index state. f->id is set. Folders
 * not put since journal_folders_begin() are gone from the server: journal_folders_end() forgets
 * their messages (their ids stay, for the uploads of earlier runs). */
int journal_folders_begin(struct journal *j, struct err *err);
int journal_folder_put(struct journal *j, struct remote_folder *f, struct err *err);
int journal_folders_end(struct journal *j, struct err *err);
int journal_folder_by_wire(struct journal *j, const char *wire_name, struct arena *a,
			   struct remote_folder *out, struct err *err); /* 1, 0, -1 */
int journal_folder_get(struct journal *j, int64_t id, struct arena *a, struct remote_folder *out,
		       struct err *err); /* 1, 0, -1 */
/* Iterate over the folders that exist, in id order: pass the last id (0 first). 1, 0, -1. */
int journal_folder_next(struct journal *j, int64_t after, struct arena *a,
			struct remote_folder *out, struct err *err);

/* A target that may not exist yet: the id of the folder of that wire name, made (not existing) if
 * it is new. For plan/. */
int journal_folder_want(struct journal *j, const struct remote_folder *f, int64_t *id,
			struct err *err);
/* The server made `made` (as LIST shows it: wire_name, name, separator, attributes, role) of the
 * wanted folder `target`. Lines and uploads of the target follow; the name the plan had is
 * remembered, so that later plans go to the same folder. If `made` is another folder of ours, the
 * two become one: *folder is the id to go on with. */
int journal_folder_created(struct journal *j, int64_t run, int64_t target,
			   const struct remote_folder *made, int64_t *folder, struct err *err);
/* The folder that the server once made of a wanted wire name: 1, 0, -1. */
int journal_folder_made_of(struct journal *j, const char *wanted_wire_name, struct arena *a,
			   struct remote_folder *out, struct err *err);
/* Renamings for the report: what was wanted and what the server has; pass the last `folder` id
 * (0 first). */
struct renaming {
	int64_t id;
	const char *wanted, *made; /* UTF-8 */
};
int journal_renaming_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			  struct renaming *out, struct err *err);

/* About so many rows are going to be put, one after the other: until journal_remote_loaded()
 * nothing may be looked up by keys. Hashes come in no order, and keeping many of them sorted all
 * the time costs more than sorting them at the end. */
int journal_remote_load(struct journal *j, uint64_t rows, struct err *err);
int journal_remote_loaded(struct journal *j, struct err *err);

/* Forget rows of a folder: all (UIDVALIDITY changed, or messages vanished). Until
 * journal_folder_indexed() nothing is matched against the folder. Verdicts about messages that
 * come back under the same UIDVALIDITY survive. */
int journal_remote_clear(struct journal *j, int64_t folder, struct err *err);
/* The rows from a UID on, which were put half-way: the folder stays indexed up to there. */
int journal_remote_clear_from(struct journal *j, int64_t folder, uint32_t uid, struct err *err);
struct remote_row {
	int64_t folder;
	uint32_t uid;
	uint64_t size;
	int64_t internaldate;
	uint32_t flags;
	const char *keywords; /* blank-separated, or NULL */
	struct match_keys keys;
	bool unread;	   /* put: the header has not been read, `keys` says nothing */
	uint64_t gmail_id; /* put: the same message in another label has the same; 0: none */
};
int journal_remote_put(struct journal *j, const struct remote_row *row, struct err *err);
/* Rows that were put as unread become those of the same Gmail messages, as far as their headers
 * have been read in another folder since journal_remote_load(). */
int journal_remote_join_gmail(struct journal *j, int64_t folder, uint64_t *joined, struct err *err);
/* The flags of a message as they are now; one that is not in the index stays out of it. */
int journal_remote_flags(struct journal *j, int64_t folder, uint32_t uid, uint32_t flags,
			 const char *keywords, struct err *err);
/* The row of a folder with the lowest UID above `after`: 1, 0, -1. Of the keys, `id` is filled only
 * with has_id. */
int journal_remote_next(struct journal *j, int64_t folder, uint32_t after, struct arena *a,
			struct remote_row *out, struct err *err);
/* The index of the folder is complete up to these values. */
int journal_folder_indexed(struct journal *j, int64_t folder, uint32_t uidvalidity,
			   uint32_t uidnext, uint32_t messages, uint64_t highestmodseq,
			   struct err *err);
/* After a run, so that the next one need not fetch what we ourselves uploaded: take our stored
 * uploads with known UIDs into the index. *complete: the index then has exactly `messages` rows,
 * and the folder is marked as indexed up to these values (its HIGHESTMODSEQ stays: the flags are
 * still to be asked for); otherwise nothing has been changed and the next run fetches what is new.
 */
int journal_folder_absorb(struct journal *j, int64_t folder, uint32_t uidvalidity, uint32_t uidnext,
			  uint32_t messages, bool *complete, struct err *err);
/* Rows in the index of a folder. */
int journal_remote_count(struct journal *j, int64_t folder, uint32_t *out, struct err *err);

/* ---- plan lines ---- */
enum action {
	ACTION_UPLOAD,
	ACTION_PRESENT,	  /* already in its target folder */
	ACTION_ELSEWHERE, /* on the server in another folder: not uploaded again (counts as present)
			   */
	ACTION_DUPLICATE, /* an identical local message has the same target */
	ACTION_EXCLUDED,  /* left out on purpose: reason says why */
	ACTION_FAILED,	  /* could not be read */
	ACTION_FILE,	  /* unfiled on the server, which copies or moves it into its folder */
	ACTION_COUNT
};
const char *action_name(enum action a);

enum match_level { /* which level decided; 0 none */
		   MATCH_NONE,
		   MATCH_UIDL,
		   MATCH_CONTENT, /* Message-ID, fields and size equal, beginning of the body equal
				   */
		   MATCH_DRESS,	  /* equal after dropping transport headers, body equal */
		   MATCH_WEAK,	  /* some keys equal; the bodies were compared */
		   MATCH_JOURNAL, /* we uploaded it in an earlier run */
		   MATCH_REBUILT, /* of a message composed from a store: Message-ID, date, sender,
				   * subject and attachments are those of the original */
};
const char *match_level_name(enum match_level level);

/* Reason codes of plan lines: stable words for scripts. The refusals' own ("quota", "content", ...)
 * come from transfer/. */
#define REASON_PRESENT "present" /* in its target folder */
#define REASON_STORED  "stored"	 /* uploaded by an earlier run */
#define REASON_STORED_GONE                                                                         \
	"stored-gone"		     /* ... and since deleted or moved: final, not sent again      \
				      */
#define REASON_ELSEWHERE "elsewhere" /* on the server in another folder */
#define REASON_WHOLE	 "whole"     /* incomplete here, whole on the server */
#define REASON_UNFILED	 "unfiled"   /* in INBOX, or in no folder but All Mail */
#define REASON_LEFTOVER_GONE                                                                       \
	"leftover-gone" /* was to be filed, but the server's copy vanished or changed meanwhile */
#define REASON_DUPLICATE  "duplicate"  /* an identical local message has the same target */
#define REASON_OTHER_BODY "other-body" /* uploaded although its Message-ID is on the server */
#define REASON_PERISHING                                                                           \
	"perishing" /* uploaded although a copy is in Trash or Junk, or marked \Deleted */
#define REASON_DELETED	   "deleted"
#define REASON_OUTBOX	   "outbox"
#define REASON_FEED	   "feed"
#define REASON_PARTIAL	   "partial"
#define REASON_NOT_IN_PLAN "not-in-plan" /* apply: the saved plan did not have it */
#define REASON_UNREADABLE  "unreadable"
#define REASON_UNDECIDED   "undecided" /* a candidate on the server could not be compared */
#define REASON_IN_DOUBT                                                                            \
	"in-doubt"		 /* sent by an earlier process; not yet known whether it is there */
#define REASON_TOO_BIG "too-big" /* over the server's APPENDLIMIT */
#define REASON_MISSING "missing" /* verify: not on the server */
const char *reason_text(const char *code); /* one sentence in English; the code if unknown */

enum line_outcome {
	OUTCOME_OPEN, /* upload still to be done */
	OUTCOME_UPLOADED,
	OUTCOME_PRESENT,
	OUTCOME_FILED, /* by the server's COPY/MOVE */
	OUTCOME_DUPLICATE,
	OUTCOME_EXCLUDED,
	OUTCOME_REFUSED,
	OUTCOME_FAILED,
	OUTCOME_TO_FILE, /* still to be filed by the server */
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

/* How a message gets into its folder. One that is filed is known by the server's copy: size, date
 * and keys of its upload are those of the copy that it is made from. */
enum filing_method { METHOD_APPEND, METHOD_COPY, METHOD_MOVE };

/* What the uploader needs of one message. Texts belong to the arena. */
struct upload {
	int64_t id;		   /* of the upload row */
	int64_t line;		   /* of the plan line */
	const char *kind, *source; /* which source: KIND and path */
	const char *locator;
	const char *store_location; /* file or folder, for messages */
	uint8_t sha256[SHA256_LEN];
	uint8_t checksum[CHECKSUM_LEN]; /* of the item, as it is */
	uint64_t wire_len, header_len;
	uint64_t nul_count, cr_count, cr_cr_lf_count;
	uint32_t repairs; /* enum repair */
	int64_t internaldate;
	struct flag_set flags; /* as the plan decided: keywords that can stand on an APPEND line */
	struct match_keys keys;
	bool has_keys; /* false: it was sent under older rules, which made other keys */
	uint8_t essence[KEY_LEN];
	const char *message_id, *subject, *from;
	bool ours; /* its octets are those that are here: we uploaded it, nobody copied it */
	enum upload_state state;
	int64_t seq; /* order in which they were marked in flight; 0: never */
	uint32_t uidvalidity, base_uidnext; /* when it was submitted */
	uint32_t uid;			    /* 0: not known */
	enum filing_method method;
	int64_t target;	       /* folder id */
	int64_t origin_folder; /* COPY, MOVE: where the copy lies that it is made from */
	uint32_t origin_uid, origin_uidvalidity;
	struct flag_set origin_flags; /* that it had, and that COPY has brought along */
	bool origin_gone;	      /* MOVE: it has been taken away there */
	bool partial;		      /* what is here is only its beginning */
	bool rebuilt; /* composed: the original, if the server has it, has other octets */
	bool damaged; /* verification has found a difference, and it was not the user's doing */
	bool earlier; /* an upload that the run found stored: somebody may have been at it since */
	bool brief;   /* only what sending takes is here (journal_uploads_next) */
	uint32_t mended; /* enum mend: what goes up, or went up, is this message mended so;
			    wire_len, nul_count and keys are those of the mended one then */
};

/* Target folders of a run that have open uploads: in name order; pass the last id (0 first). A
 * target whose `exists` is false is to be created first (plan_name(), journal_folder_created()). */
int journal_target_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			struct remote_folder *out, struct err *err);

/* How many lines of the plan go to this target. */
int journal_target_lines(struct journal *j, int64_t run, int64_t target, uint64_t *out,
			 struct err *err);

/* Targets of a run that nothing goes to (their local folders are empty) and that the server never
 * had: in id order; pass the last id (0 first). One that the user has since deleted on the server
 * is not among them. 1, 0, -1. */
int journal_empty_target_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			      struct remote_folder *out, struct err *err);

/* Up to `max` UPLOAD_PLANNED uploads of one target, grouped by equal flag sets, then in scan
 * order; *cursor is 0 first, and is advanced. Returns their number, or -1. Rows that became refused
 * or failed in this run are not delivered again. They are brief: of what is in `struct upload` only
 * id, line, kind, source, locator, store_location, checksum, wire_len, internaldate, flags, repairs
 * and mended; journal_upload_get() has the rest. */
int journal_uploads_next(struct journal *j, int64_t run, int64_t target, size_t max,
			 struct arena *a, struct upload *out, int64_t *cursor, struct err *err);

/* All of one upload: 1, 0, -1. */
int journal_upload_get(struct journal *j, int64_t id, struct arena *a, struct upload *out,
		       struct err *err);
/* As journal_uploads_next(), whole, for what is to be filed by `method`, of all targets: one after
 * the other, and in the order of the origins as a rule. */
int journal_filings_next(struct journal *j, int64_t run, enum filing_method method, size_t max,
			 struct arena *a, struct upload *out, int64_t *cursor, struct err *err);
/* Did the run plan any, of whatever method? Without looking at all its lines. */
int journal_has_filings(struct journal *j, int64_t run, bool *out, struct err *err);

/* The *n planned moves of the run are copies after all: the server cannot take away originals. */
int journal_filing_as_copy(struct journal *j, int64_t run, uint64_t *n, struct err *err);
/* The origins of n stored moves are about to be marked \\Deleted by us: a change of flags of the
 * run that moved them (flags.h), until they are gone. */
int journal_origin_marked(struct journal *j, const int64_t *uploads, size_t n, struct err *err);
/* The origin of n stored moves is not there any more. */
int journal_origin_gone(struct journal *j, const int64_t *uploads, size_t n, struct err *err);
/* Stored moves whose origin is still to be taken away: pass the last origin, folder << 32 | UID (0
 * first). Up to `max` of one origin folder, by UID; their number, or -1. */
int journal_origins_left(struct journal *j, int64_t after, size_t max, struct arena *a,
			 struct upload *out, struct err *err);

/* All n become inflight with increasing seq, in a transaction of its own, on disk on return. Rows
 * that are not UPLOAD_PLANNED are an error (ERR_INTERNAL). Ids that follow each other cost one row
 * all together: queues that are begun anew deliver them until they are marked otherwise. */
int journal_mark_inflight(struct journal *j, const int64_t *uploads, size_t n, uint32_t uidvalidity,
			  uint32_t base_uidnext, struct err *err);
/* Those of n uploads that are still in flight may be there or not: nobody will hear of it any more.
 * From now on no queue has them. (What a process leaves behind when it dies is so, too.) */
int journal_mark_in_doubt(struct journal *j, const int64_t *uploads, size_t n, struct err *err);
/* The same for several folders at once, and out of all queues at once. */
struct inflight_group {
	const int64_t *uploads;
	size_t n;
	uint32_t uidvalidity, base_uidnext;
};
int journal_mark_inflight_groups(struct journal *j, const struct inflight_group *groups, size_t n,
				 struct err *err);
/* n uploads in order: stored with UIDs first_uid, first_uid + 1, ... (0: UIDs not known). Call
 * within a transaction or not. Sets the line's outcome. */
int journal_mark_stored(struct journal *j, const int64_t *uploads, size_t n, uint32_t uidvalidity,
			uint32_t first_uid, struct err *err);
/* The upload goes up mended from now on: u->mended and what it changes (see there). It must be on
 * disk before its octets leave. */
int journal_mark_mended(struct journal *j, const struct upload *u, struct err *err);
/* Back to planned: provably not on the server. What was mended is as it was. */
int journal_mark_planned(struct journal *j, const int64_t *uploads, size_t n, struct err *err);
int journal_mark_refused(struct journal *j, int64_t upload, const char *reason_code,
			 const char *text, struct err *err);
int journal_mark_failed(struct journal *j, int64_t upload, const char *reason_code,
			const char *text, struct err *err);
/* The scan that the upload's message comes from is not true any more: the next run reads the store
 * again, whatever its fingerprint says. */
int journal_scan_stale(struct journal *j, int64_t upload, struct err *err);
int journal_mark_verified(struct journal *j, const int64_t *uploads, size_t n, struct err *err);
/* Verification found a difference: the upload stays stored, and is `damaged` from now on; the line
 * gets the finding. */
int journal_mark_differs(struct journal *j, int64_t upload, const char *finding, struct err *err);
/* It is gone; what that is (a difference, or somebody's doing) is told once: that is the last that
 * verification says of it. */
int journal_mark_gone(struct journal *j, int64_t upload, bool differs, const char *finding,
		      struct err *err);
/* Somebody has done something to it since: no difference. It is verified. */
int journal_mark_changed(struct journal *j, int64_t upload, const char *finding, struct err *err);
/* The UID of a stored upload, found later (a server without UIDPLUS). */
int journal_mark_uid(struct journal *j, int64_t upload, uint32_t uid, struct err *err);

/* Refused uploads of a run of which no copy has been kept in the sidecar yet: also those that the
 * plan refused itself (REASON_TOO_BIG). As journal_uploads_next(), over all targets. Once the copy
 * is on disk: journal_mark_kept(). */
int journal_unkept_next(struct journal *j, int64_t run, size_t max, struct arena *a,
			struct upload *out, int64_t *cursor, struct err *err);
int journal_mark_kept(struct journal *j, int64_t upload, struct err *err);

/* Octets sent in the hour of `utc` (seconds); and all that were sent in the 24 hours before `now`:
 * hours that are still to come were told by a clock that was wrong. What is older than two days is
 * forgotten. */
int journal_traffic_add(struct journal *j, int64_t utc, uint64_t octets, struct err *err);
int journal_traffic_day(struct journal *j, int64_t now, uint64_t *octets, struct err *err);
/* When of the octets that journal_traffic_day() counts no more than `most` will be left, if nothing
 * else is sent: `now` when that is so already. */
int journal_traffic_falls(struct journal *j, int64_t now, uint64_t most, int64_t *utc,
			  struct err *err);

/* Octets a second that the server took of late; 0: not known. For the next process. */
int journal_rate(struct journal *j, uint64_t *out, struct err *err);
int journal_rate_put(struct journal *j, uint64_t rate, struct err *err);
/* Octets of what was being sent and is in doubt, of all folders; and of the largest of it. */
int journal_doubt_octets(struct journal *j, uint64_t *all, uint64_t *largest, struct err *err);

/* In-flight rows of any earlier process, by target and seq: what recovery has to resolve.
 * Targets first: 1, 0, -1; then the rows of one, as journal_uploads_next(). */
int journal_doubt_target_next(struct journal *j, int64_t after, struct arena *a,
			      struct remote_folder *out, struct err *err);
int journal_doubts_next(struct journal *j, int64_t target, size_t max, struct arena *a,
			struct upload *out, int64_t *cursor_seq, struct err *err);

/* Folders in which a run has something to verify: stored uploads, not yet verified, among them
 * those of a killed earlier run that this run found stored. Pass the last id (0 first). 1, 0, -1.
 */
int journal_verify_target_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
			       struct remote_folder *out, struct err *err);
/* These uploads in one folder by UID; uid 0 come first. Run 0: of the account, also verified ones.
 * Those of another UIDVALIDITY than the folder's are left out (`uidvalidity`: the current one). */
int journal_stored_next(struct journal *j, int64_t run, int64_t target, uint32_t uidvalidity,
			size_t max, struct arena *a, struct upload *out, int64_t *cursor,
			struct err *err);

/* The same for `mailhoist verify`: lines of the run that are on the server (PRESENT, ELSEWHERE), by
 * folder and UID of the server's copy: first the folders, then the lines of one. out->id is 0,
 * out->line and out->uid are set (uid 0: stored by us, UID not known). */
int journal_present_folder_next(struct journal *j, int64_t run, int64_t after, struct arena *a,
				struct remote_folder *out, struct err *err);
int journal_present_next(struct journal *j, int64_t run, int64_t folder, size_t max,
			 struct arena *a, struct upload *out, int64_t *cursor, struct err *err);
int journal_line_verified(struct journal *j, int64_t line, struct err *err);
int journal_line_differs(struct journal *j, int64_t line, const char *finding, struct err *err);

/* ---- lines, for reports ---- */
enum line_filter {
	LINES_ALL,
	LINES_REFUSED,	/* outcome refused or failed */
	LINES_DIFFERS,	/* verification found something */
	LINES_CHANGED,	/* verification found what somebody has done there since */
	LINES_NOT_SENT, /* elsewhere, excluded */
	LINES_FIDELITY, /* composed, and not as they once were */
	LINES_OPEN,
};
struct line {
	int64_t id, item;
	struct store_info store;
	const char *locator, *message_id, *subject, *from;
	enum message_state state;
	uint32_t repairs;
	bool rebuilt;
	uint32_t fidelity; /* enum fidelity */
	bool has_sha256;   /* false: unreadable */
	uint8_t sha256[SHA256_LEN];
	uint64_t size; /* wire_len */
	int64_t internaldate;
	enum date_source date_source;
	struct flag_set flags; /* as the source has them */
	enum action action;
	enum match_level level;
	enum line_outcome outcome;
	const char *target;   /* UTF-8 name of the target folder, or NULL */
	const char *found_in; /* PRESENT, ELSEWHERE: where the server's copy lies, or NULL */
	uint32_t uid;	      /* of the server's copy; 0: not known */
	const char *reason;   /* code, or "" */
	const char *text;     /* details, or NULL: the server's words, the finding */
	bool verified, differs;
	const char *twin; /* DUPLICATE: locator of the message it equals, or NULL */
};
struct line_cursor {
	sqlite3_stmt *statement;
	int64_t run;
};
/* Lines of a run in scan order. One iteration at a time; journal_lines_end() also before its end.
 */
int journal_lines_begin(struct journal *j, int64_t run, enum line_filter filter,
			struct line_cursor *out, struct err *err);
int journal_lines_next(struct journal *j, struct line_cursor *cursor, struct arena *a,
		       struct line *out, struct err *err); /* 1, 0, -1 */
void journal_lines_end(struct line_cursor *cursor);

/* ---- the balance ---- */
struct balance {
	uint64_t found;			 /* items that the scan saw */
	uint64_t outcome[OUTCOME_COUNT]; /* lines by outcome */
	uint64_t bytes[OUTCOME_COUNT];
	uint64_t verified, differs;
	uint64_t changed; /* as they were uploaded, but for what somebody has done there since */
};
/* Of a whole run (store 0), or of one of its stores (quick once the run is finished). */
int journal_balance(struct journal *j, int64_t run, int64_t store, struct balance *out,
		    struct err *err);
/* How many of the run's messages that are still to be uploaded have one of these notes (enum
 * repair). Looks at all of them. */
int journal_open_with(struct journal *j, int64_t run, uint32_t repairs, uint64_t *n,
		      struct err *err);
/* How many of the run's messages were left out for this reason. Looks at all of them. */
int journal_lines_because(struct journal *j, int64_t run, const char *reason, uint64_t *n,
			  struct err *err);
/* found == sum of all outcomes, and nothing open. */
bool balance_adds_up(const struct balance *b);

#endif

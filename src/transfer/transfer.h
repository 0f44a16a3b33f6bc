/*
 * The steps that carry things out: filling the journal from the sources and from
 * the server, resolving what an earlier process left open, uploading, verifying.
 *
 * All steps work on one `struct transfer`, which the caller fills and owns. They
 * keep nothing in memory that grows with the number of messages: what must be
 * remembered is in the journal. Each step may be repeated; each stops at the next
 * safe place when a signal asks for it (ERR_INTERRUPTED).
 *
 * What concerns one message or one folder does not stop a step: it is written
 * into the journal (unreadable items, refused or failed uploads, notices) and
 * counted in `tally`. A step returns -1 only for what stops the account or the run.
 */
#ifndef MAILHOIST_TRANSFER_TRANSFER_H
#define MAILHOIST_TRANSFER_TRANSFER_H

#include "base/progress.h"
#include "imap/session.h"
#include "transfer/gate.h"
#include "journal/journal.h"
#include "plan/plan.h"
#include "transfer/rate.h"
#include "transfer/source_set.h"

enum verify_level {
	VERIFY_NONE,
	VERIFY_SIZE,   /* size, flags and date of every message */
	VERIFY_HEADER, /* and the header fields of keys.h */
	VERIFY_FULL,   /* and every octet, fetched back */
};

#define LINES_MAX 16 /* connections at most, whatever the options say */

enum compress_mode {
	COMPRESS_AUTO, /* where it saves time: compress.h */
	COMPRESS_ON,   /* every connection, where the server can: session_options.compress */
	COMPRESS_OFF,
};

/* Limits and waiting times. All can be shortened by tests; 0 means the default. */
struct transfer_options {
	uint32_t batch_messages; /* of one MULTIAPPEND; 100 */
	uint64_t batch_octets;	 /* 8 MiB */
	uint64_t window_octets;	 /* sent, but not yet acknowledged; 8 MiB */
	uint64_t sync_above;	 /* octets from which a literal waits for "+"; 1 MiB */
	uint32_t quiet_poll_ms;	 /* between two looks at a mailbox after a lost line; 2,000 */
	uint32_t quiet_min_ms;	 /* since the line was lost; 5,000 */
	uint32_t quiet_max_ms;	 /* then give up until the next run; 60,000 */
	uint32_t arrival_max_ms; /* so long may take to arrive what was on its way; 180,000 */
	struct gate_limits gate; /* none */
	uint32_t connections;	 /* at the same time, at most; 4, or what the profile says */
	enum compress_mode compress;
	uint32_t repair;    /* enum mend: what may be done to messages that are refused; nothing */
	uint32_t retry_max; /* reconnects without progress; 8 */
	uint32_t retry_first_ms; /* the first pause, doubled each time; 1,000 */
	uint32_t retry_most_ms;	 /* the longest; 60,000 */
	/* When the server puts us off without saying for how long. Some lock an account for a day.
	 */
	uint32_t throttle_max;	    /* pauses without progress; 30: more than a day */
	uint32_t throttle_first_ms; /* 30,000 */
	uint32_t throttle_most_ms;  /* 3,600,000 */
};

/* What the steps met and the exit status depends on. */
struct transfer_tally {
	uint64_t items, items_unreadable, stores_cached; /* gather */
	uint64_t source_errors; /* folders or sources that could not be read to their end */
	uint64_t folders_blind; /* folders of the server that could not be examined */
	uint64_t remote_messages, remote_new; /* index */
	uint64_t folders_read; /* in which something may have changed since the index was made */
	uint64_t recovered, replanned;		 /* recover */
	uint64_t uploaded, uploaded_octets;	 /* upload */
	uint64_t filed, filed_octets;		 /* filing: by the server */
	uint64_t flags_changed;			 /* merge_flags */
	uint64_t leftovers_gone;		 /* to be filed, but gone: uploaded */
	uint64_t refused, failed, flags_dropped; /* of these messages: see the journal */
	uint64_t reconnects;
	uint64_t verified, altered, differs, missing; /* verify; altered: in a documented way */
};

struct transfer {
	struct journal *journal;
	int64_t run;
	const struct session_options *connect; /* also for connecting again */
	struct session *session;	       /* the one at work: NULL until transfer_connect();
						* closed by transfer_disconnect() */
	struct source_set *sources;	       /* the caller's */
	const struct session_options *pop3;    /* the POP3 server of the account, or NULL */
	const char *const *pop_states;	       /* paths of POP programs' state files */
	size_t n_pop_states;
	const struct transfer_options *options; /* NULL: all defaults */
	const struct progress *progress;	/* may be NULL */
	bool no_uidl; /* read INBOX without the help of UIDLs, and what was read by them again */
	bool whole_bodies; /* resolve(): no sample of the beginning is enough */
	struct transfer_tally tally;
	struct rate rate;   /* of uploading */
	bool slow_line;	    /* measured: uploads wait for the line (compress.h) */
	int64_t lost_at_ms; /* when the line was last lost (monotonic), 0: not in this process */
};

/* Open the session if there is none or it is dead. What may pass by (no route, too many
 * connections, line cut in the greeting) is tried again retry_max times with growing pauses,
 * shown as a note; then ERR_CONNECT or what it was, with RETRY_LATER. A refused login is never
 * tried again. */
int transfer_connect(struct transfer *t, struct err *err);
void transfer_disconnect(struct transfer *t);

/* Sleep, but wake up for a stop signal (ERR_INTERRUPTED). */
int transfer_pause(struct transfer *t, uint32_t ms, struct err *err);

/* ---- gather.c: from the sources into the journal ---- */

/* `beside` (or NULL) is pumped between the messages. Scan every source of the set: stores whose
 * fingerprint is known and at least 2 s older than the scan that took it are not read again. Errors
 * of a folder or source become notices
 * ("source-error") and tally.source_errors. */
struct indexing;
int gather(struct transfer *t, struct indexing *beside, struct err *err);

/* ---- pop_list.c: what a POP3 server says of INBOX ---- */

/* Its list of UIDLs and sizes, before the index; and once INBOX is indexed, which of its messages
 * these are. Neither marks or deletes anything. Without `pop3`, or with no_uidl, nothing is done. A
 * POP3 server that cannot be reached now is a notice ("pop3"): contents are compared then. */
int pop_list_ask(struct transfer *t, struct err *err);
int pop_list_settle(struct transfer *t, struct err *err);

/* ---- index.c: from the server into the journal ---- */

/* LIST, then every folder that can be selected, incrementally: what is new, and the flags of all
 * that is there. A folder that the server does not
 * let us examine becomes a notice ("folder-blind"): nothing can be matched there. */
int index_account(struct transfer *t, struct err *err);

/* The same beside something else. index_begin() connects and lists, and what is to be read is on
 * its way; until index_finish() t->session is not to be used. index_pump() takes what has come
 * since, into the transaction that the caller has open; it may be called often. What it cannot do
 * without waiting for long is left to index_finish(). */
int index_begin(struct transfer *t, struct indexing **out, struct err *err);
int index_pump(struct indexing *ix, struct err *err);
int index_finish(struct indexing *ix, struct err *err);
void index_free(struct indexing *ix);

/* One folder: makes the journal's rows equal to what the server holds (flags too, but those of old
 * messages only where CONDSTORE tells which have changed). f is updated. 1: done, 0: the folder
 * cannot be examined or is gone (*err tells why, the session goes on), -1. */
int index_folder(struct transfer *t, struct remote_folder *f, struct err *err);

/* ---- recover.c: what an earlier process, or a lost line, left in doubt ---- */

/* For every folder with in-flight uploads: wait until it is quiet, index it, match in order
 * (DESIGN 4.4). Afterwards nothing is in flight, but for folders that the server does not let us
 * read and messages that cannot be told apart any more (both become notices, and are left for a
 * later run). ERR_TEMPFAIL: a folder does not come to rest; ERR_CONNECT and its like when the
 * line is lost too often: then the rest is still in flight. */
int recover(struct transfer *t, struct err *err);

/* ---- resolve.c: match candidates that need a look at the bodies ---- */
int resolve(struct transfer *t, struct err *err);

/* ---- prove.c ---- */

/* Read the headers of what is known by UIDLs alone. *refuted of these are other messages: if there
 * are any, match anew. */
int prove_joins(struct transfer *t, uint64_t *refuted, struct err *err);

/* ---- filing.c: what the server does itself ---- */

/* Copy or move everything the run has planned so into its folder. What has vanished or changed
 * since it was planned, or what the server refuses to copy, is left to upload(). `mode` as the plan
 * had it; `include_partial` as in plan_options. Loses the line, reconnects and recovers by itself
 * within the limits. */
int filing(struct transfer *t, enum file_mode mode, bool include_partial, struct err *err);

/* ---- flags.c: flags of what is on the server already, or was filed ---- */

/* Make the run's changes of flags: what was planned for messages in their folders, and what filing
 * has left undone or the server has dropped. */
int merge_flags(struct transfer *t, enum flag_policy policy, struct err *err);

/* ---- undo.c ---- */

struct undo_options {
	bool dry; /* look and count only (over a session that only reads) */
};
struct undo_tally {
	uint64_t removed;    /* messages we had uploaded or copied */
	uint64_t moved_back; /* to where they were moved from */
	uint64_t put_back;   /* copied back there, where another run had made the copy */
	uint64_t flags;	     /* messages whose flags are as before */
	uint64_t changed; /* left alone: changed by somebody since, or their folder was made anew */
	uint64_t gone;	  /* not there any more */
	uint64_t unknown; /* left alone: stored, but the server never told their UIDs */
};

/* Take back what `run` did, from the journal, as the run t->run. The account has been indexed.
 * Can be called again after it was cut off. ERR_UNAVAILABLE from a server without UIDPLUS: nothing
 * has been changed. */
int undo(struct transfer *t, int64_t run, const struct undo_options *options,
	 struct undo_tally *tally, struct err *err);

/* ---- upload.c ---- */

/* Create the target folders that are missing and upload everything the run has planned. Loses the
 * line, reconnects and recovers by itself within the limits. ERR_QUOTA when the account is full,
 * ERR_TEMPFAIL or ERR_CONNECT when the server does not answer any more, ERR_INTERRUPTED: all
 * resumable; what is stored is in the journal. */
int upload(struct transfer *t, struct err *err);

/* ---- verify.c ---- */

/* Check what this run stored (run), or all that the server should hold for its items, present
 * ones included (`mailhoist verify`: present true). Findings go to the journal and the tally. */
int verify(struct transfer *t, enum verify_level level, bool present, struct err *err);

#endif

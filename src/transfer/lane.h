/*
 * A lane carries the uploads of one target folder over one session. It is a step
 * machine: lane_work() does what can be done without waiting, the caller waits
 * in session_poll(), so that several lanes can share one loop.
 *
 *   journal -> queue (marked in flight, on disk) -> writing -> sent -> stored, or
 *   refused -> halves back to the front of the queue, or the sidecar
 */
#ifndef MAILHOIST_TRANSFER_LANE_H
#define MAILHOIST_TRANSFER_LANE_H

#include "message/canon.h"
#include "transfer/batch.h"
#include "transfer/gate.h"
#include "transfer/internal.h"
#include "transfer/outgoing.h"
#include "transfer/pace.h"
#include "transfer/queue.h"
#include "transfer/ready.h"

#define REST_FROM_MS 60000 /* from here on a pause is spent without connections */

enum lane_phase {
	PHASE_IDLE,    /* between two commands */
	PHASE_MESSAGE, /* the next message of `writing` has to be begun */
	PHASE_WAIT,    /* its "+" has to come */
	PHASE_OCTETS,
	PHASE_DROP, /* it changed in its middle: the connection has to go, when the commands
		     * before it have been answered */
};

/* What the lanes of one process share: the journal's transaction, and the pause that the server
 * asks of the account. */
struct books {
	struct transfer *t;
	struct gate *gate;
	int64_t rest_ms; /* so long nothing may be sent (gate.h): better without connections; 0:
			    none */
	enum gate_reason rest_reason;
	bool in_transaction;
	int64_t transaction_ms;
	int64_t pause_until_ms;
	uint32_t proven_flags; /* FLAG_* that the server has taken on an APPEND line */
	uint64_t taken;	       /* octets of the largest message that it has stored */
	uint64_t window;       /* what the lanes have found may be on its way; 0: not yet */
	uint64_t rate;	       /* as the journal has it */
};

struct lane {
	struct transfer *t;
	struct books *books;
	struct transfer_options limits;
	struct shape shape;
	struct pace pace; /* moves the shape's window and octets */
	int64_t asked_ms; /* when a "+" was asked for with nothing else on its way; 0: not */
	struct outgoing *outgoing;
	struct canon *canon; /* for the sidecar */
	struct arena names;
	struct remote_folder target;
	uint32_t uidvalidity, base;
	uint64_t messages;  /* in it, when the lane began, and */
	uint64_t lines;	    /* of the plan, to come */
	bool shut;	    /* it cannot be kept open */
	bool validity_open; /* the folder was empty, and its UIDVALIDITY may not be the last word */

	struct batch_list queue, sent;
	struct batch_list
		ailing; /* refused for their content, or known to be damaged: to be mended; or
			   refused without a reason, which is to be asked for */
	struct batch *writing;
	size_t at; /* message of `writing` */
	enum lane_phase phase;
	bool folder_proven; /* the server has taken an APPEND line for this folder, */
	uint64_t proven;    /* the last time with this flag_set_hash() */

	struct arena keyword_arena;
	bool keywords_known, keywords_allowed;
	size_t n_keywords;
	const char **keywords; /* the server keeps in this folder */
	bool keywords_noted;

	int64_t cursor; /* of journal_uploads_next() */
	bool exhausted; /* the journal has no more */
	bool stopping;	/* begin nothing any more */
	bool failed;	/* stop the account with `fatal` when what is on its way has ended */
	struct err fatal;
	int64_t condemned; /* upload on which the server hangs up: left out */
	bool refused_last; /* the last answer was a refusal */
	bool folder_refused;
	char folder_reason[ERR_TEXT_MAX];

	uint32_t pauses;   /* in a row */
	uint64_t commands; /* begun */
	uint64_t stored;   /* messages */
	bool slowed;	   /* the octets of the current message wait for the gate */
	uint32_t refusals_in_a_row;
	uint32_t creation; /* how often the folder had to be made again */
	const char *phase_text;
	uint64_t total; /* messages of the run, for the progress display */
};

/* Make the folder if it is missing, ask for its UIDNEXT, unless the target is ready; in t->session,
 * which must be the lane's in every call. `careful`: one message at a time. 1: ready; 0: the server
 * refuses the folder (*err tells why); -1. Release it in any case. */
int lane_open(struct lane *l, struct books *books, const struct ready_target *target, bool careful,
	      uint64_t total, struct err *err);

/* 1: call session_poll() and then again; 0: all uploads of the folder have been answered and the
 * journal says so (or the lane was stopped); -1. */
int lane_work(struct lane *l, struct err *err);

/* Begin nothing any more; lane_work() goes on until everything sent has been answered. */
void lane_stop(struct lane *l);

/* How long nothing needs to be done but what session_poll() wakes up for, in ms; at most `most`. */
int lane_wait_ms(const struct lane *l, int most);

/* Write down what is known, give back what was never sent. After a lost line too. */
int lane_settle(struct lane *l, struct err *err);

/* The only message that is on its way, or 0: the suspect when the line is lost again and again. */
int64_t lane_suspect(const struct lane *l);

void lane_release(struct lane *l);

/* ---- lane_refuse.c: what becomes of a refused batch ---- */

/* Takes the batch. */
int lane_refused(struct lane *l, struct batch *b, enum refusal refusal, const char *text,
		 struct err *err);
/* Between two commands: the batch was refused without a reason, and is alone. Takes it. 1, -1. */
int lane_ask_why(struct lane *l, struct batch *b, struct err *err);
/* One message cannot be uploaded: kept in the sidecar, journal, note. */
int lane_refuse_message(struct lane *l, const struct upload *u, const char *code, const char *text,
			struct err *err);
/* One message cannot be read any more. */
int lane_fail_message(struct lane *l, const struct upload *u, const struct err *cause,
		      struct err *err);

/* ---- lane_mend.c ---- */

/* Shall the message be mended although nobody has refused it yet? */
bool lane_mends_early(const struct lane *l, const struct upload *u);
/* Is there anything left to try with this batch? */
bool lane_may_mend(const struct lane *l, const struct batch *b);
/* Between two commands: the first of the ailing goes back into the queue, mended, or is refused for
 * good. 1, -1. */
int lane_mend_next(struct lane *l, struct err *err);

/* ---- lane_load.c ---- */

/* Keep the queue filled, so that the line never waits for the disk. */
int lane_fill(struct lane *l, struct err *err);
int books_begin(struct books *b, struct err *err); /* a transaction is open after this */
int books_commit(struct books *b, struct err *err);
int books_commit_by_time(struct books *b, struct err *err); /* when it has been open for long */
void lane_requeue(struct lane *l, struct batch *b);	    /* at the front */
/* All that the journal knows of *u, which is as the lane sends it; into the arena. */
int lane_whole(struct lane *l, const struct upload *u, struct arena *a, struct upload *out,
	       struct err *err);
void lane_requeue_last(struct lane *l, struct batch *b); /* at the end */

/* ---- lane_folder.c ---- */

/* Open its folder, where it is to be kept open and is not; where it cannot be, it stays shut. */
int lane_keep_open(struct lane *l, struct err *err);
/* Close it, if it is open: the session goes on to other things. */
int lane_leave_folder(struct lane *l, struct err *err);

/* ---- lane_flags.c ---- */

/* Which keywords its folder keeps. */
void lane_note_keywords(struct lane *l, const struct selected *sel);

/* Leave out of the batch the keywords that its folder does not keep. */
int lane_prepare_flags(struct lane *l, struct batch *b, struct err *err);

/* ---- lane_write.c ---- */

/* The next step of writing: 1 (did something), 0 (must wait), -1. */
int lane_step(struct lane *l, struct err *err);
/* With nothing in doubt. The folder may have been made anew meanwhile: then what is queued is
 * marked in flight with numbers that say nothing any more, and the lane has to begin again. */
int lane_connect_again(struct lane *l, struct err *err);
void lane_unprove(struct lane *l); /* from now on each APPEND line waits for its "+" first */

/* ---- lane.c ---- */
int lane_open_target(struct lane *l, struct err *err); /* ready: 1; refused: 0; -1 */

/* ---- target.c ---- */

/* The folder is there: 1, *created tells whether it had to be made; 0: refused under every name
 * (*err has the server's words); -1. `target` is updated, in the journal too. */
int target_ensure(struct transfer *t, struct remote_folder *target, struct arena *a, bool *created,
		  struct err *err);

/* The server lists `target` as `made`: take that over, in the journal too. 1, -1. */
int target_adopt(struct transfer *t, struct remote_folder *target, const struct listed_folder *made,
		 struct arena *a, struct err *err);

#endif

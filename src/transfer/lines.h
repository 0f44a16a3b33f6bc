/*
 * Several connections to one account, each with a lane of its own, in one poll loop.
 * Two lanes never write into one folder. A connection that is lost takes its
 * lane with it; the others go on, and what was in doubt is recovered when all have
 * come to rest (upload.c).
 */
#ifndef MAILHOIST_TRANSFER_LINES_H
#define MAILHOIST_TRANSFER_LINES_H

#include "transfer/compress.h"
#include "transfer/lane.h"

struct upload_line {
	struct session *session; /* NULL: not connected, */
	struct opening *opening; /* but perhaps about to be; NULL: not */
	struct lane lane;
	bool busy;	   /* `lane` is open */
	bool proven;	   /* the server has stored mail over it */
	bool at_work;	   /* perhaps waiting for an answer, while others work */
	int64_t target_id; /* the folder it was opened for */
};

/* One pass over all targets that have something planned. */
struct lines {
	struct transfer *t; /* t->session is the first line's, while nothing is at work */
	struct books books;
	uint64_t total; /* messages of the run, for the progress display */

	/* in */
	bool careful; /* one message at a time, on one connection */
	struct gate *gate;
	int64_t condemned; /* upload on which the server hangs up: left out; 0: none */
	unsigned most;	   /* connections at most */
	bool patient;	   /* a folder that the server has trouble with is put by */

	/* out */
	bool lost;	  /* at least one line, for the reason in `loss` */
	bool recoverable; /* going on can help; false: `loss` ends the run */
	struct err loss;
	int64_t rest_ms; /* stopped because nothing may be sent for so long; 0: not */
	enum gate_reason rest_reason;
	bool slow;   /* stopped in order to go on compressed */
	bool again;  /* there may be uploads left: all folders once more */
	bool put_by; /* so there are: the server has trouble with a folder, as `trouble` tells */
	struct err trouble;
	int64_t suspect; /* upload that was alone on its way when the line was lost; 0: none */

	struct session_company company;
	bool broken; /* the journal failed while one line waited: `breakage` tells */
	struct err breakage;

	struct upload_line line[LINES_MAX];
	unsigned n;	 /* lines that have a session, */
	unsigned coming; /* or are about to have one */
	unsigned wanted; /* that we would like to have */
	struct line_watch watch;
	bool troubled;	    /* one was refused or lost: no more of them before */
	int64_t quiet_ms;   /* a quiet time, since then */
	struct ready ready; /* the next targets */
	bool no_more;	    /* of them */
	bool stopping;
	int64_t give_up_ms; /* after a stop signal; 0: none came */
	struct err stop;
};

/* Upload all that is planned: 0 when every line has come to rest (see `lost`), or -1: the account
 * or the run has to stop. The session of the first line is t->session, all others are closed. */
int lines_run(struct lines *ls, struct err *err);

#endif

/*
 * What the steps of transfer/ share among themselves.
 */
#ifndef MAILHOIST_TRANSFER_INTERNAL_H
#define MAILHOIST_TRANSFER_INTERNAL_H

#include "journal/lookup.h"
#include "journal/notice.h"
#include "message/canon.h"
#include "transfer/transfer.h"

#define BATCH_MESSAGES_MAX 1000	 /* of one MULTIAPPEND, whatever the options say */
#define CONNECTIONS	   4	 /* where neither options nor profile say more or less */
#define LINES_AT_FIRST	   2	 /* connections that uploading and indexing begin with */
#define ONE_MORE_MS	   10000 /* without trouble, until another one is tried */

/* The options with their defaults filled in. */
struct transfer_options transfer_limits(const struct transfer *t);

/* Connections at the same time, at most: what the user or the provider's profile says. */
unsigned transfer_connections(const struct transfer *t);

/* The pause before attempt number `attempt` (0 first). */
uint32_t transfer_backoff_ms(const struct transfer *t, uint32_t attempt);

/* How often to try again after an error that may pass by: fewer times where the server talks
 * nonsense. */
uint32_t transfer_tries(const struct transfer *t, const struct err *err);

/* The same after the server has put us off: longer. */
uint32_t transfer_throttle_ms(const struct transfer *t, uint32_t attempt);

/* Tell why, and until when if that takes long, and pause before attempt number `attempt` + 1. */
int transfer_pause_for(struct transfer *t, const struct err *cause, uint32_t attempt,
		       struct err *err);

/* True for an error after which connecting again can help. */
bool transfer_line_lost(const struct err *err);

/* True for an error that is about one folder alone: the server does not let us in, it is gone, or
 * what the server says of it cannot be understood. The session is fine. */
bool transfer_folder_shut(const struct err *err);

/* Among these, of a folder that mail is to go to: the server says that it has trouble just now. */
bool transfer_folder_may_pass(const struct err *err);

/* A notice of this run; store 0: of none. */
int transfer_notice(struct transfer *t, int64_t store, const char *kind, uint64_t count,
		    const char *location, const char *text, struct err *err);

/* ---- refused.c ---- */

/* A copy of a refused message into the sidecar: 1; 0: it cannot be read; -1. */
int refused_keep(struct transfer *t, struct canon *canon, const struct remote_folder *folder,
		 const struct upload *u, const char *reason, struct err *err);

/* The same for all that the run refused without one: what the plan itself sorted out. */
int refused_keep_rest(struct transfer *t, struct err *err);

/* ---- lane_mend.c ---- */

/* A notice of what was uploaded mended; nothing for other uploads. */
int transfer_tell_mended(struct transfer *t, const struct upload *u, struct err *err);

/* ---- judge.c: one message of the server against what we sent ---- */

enum judgement {
	JUDGED_SAME,
	JUDGED_OTHER,
	JUDGED_UNKNOWN, /* it cannot be had, or the local message is not the one that was sent */
};
struct judging {
	/* `whole`: header and body; false: the body. */
	int (*judge)(void *context, const struct upload *u, uint32_t uid, bool whole,
		     enum judgement *out, struct err *err);
	void *context;
};
/* The folder must live as long. Its `judge` fetches the message over the session. */
struct judge;
struct judge *judge_new(struct transfer *t, const struct remote_folder *folder, struct err *err);
void judge_free(struct judge *j);
int judge_by_server(void *judge, const struct upload *u, uint32_t uid, bool whole,
		    enum judgement *out, struct err *err);

/* ---- doubts.c ---- */

/* What of the folder's in-flight uploads is in its index (which is up to date) becomes stored, the
 * rest planned again; what cannot be told stays in flight. `look` false: the folder is gone,
 * nothing can be there. `judging` NULL: the server is asked. */
int settle_doubts(struct transfer *t, const struct remote_folder *folder, bool look,
		  const struct judging *judging, struct err *err);

/* Within which sizes an upload may have come to lie there. */
void transfer_size_bounds(const struct upload *u, struct remote_wanted *w);

/* Find the UIDs of stored uploads that the server has not told, in its index. */
int claim_uids(struct transfer *t, const struct remote_folder *folder, struct err *err);

#endif

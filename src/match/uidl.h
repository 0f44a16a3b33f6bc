/*
 * The UIDL join: a message that POP fetched and left on the server is found there
 * again by its UIDL, without a look at it. Most servers make the UIDL of the UID
 * and the UIDVALIDITY of INBOX (uidl_format.h), of others the POP3 server can be
 * asked which message has it (table pop_list of the journal).
 *
 * A UIDL alone proves nothing: stores are copied, servers rebuilt, UIDLs given out
 * twice. So each format is believed only if the header fields of a sample of its
 * messages agree, and of each message the size must agree exactly. Where its header
 * was not read, a second witness is wanted: nothing else in INBOX has that size, or
 * nothing else of that size arrived at that time. (A stub, of which POP fetched only the
 * beginning, has no size to compare: its header is always read.) What is left over is matched as if
 * there were no UIDLs.
 *
 * While INBOX is read (transfer/index_uidl.c; rows without header fields are in the
 * index already, their key being empty):
 *   match_uidl_pair(); match_uidl_unread(UIDL_SAMPLE) and read these headers;
 *   match_uidl_judge(); match_uidl_unread(UIDL_REST) and read these
 * and then, in every run that may use the join, from match_prepare():
 *   match_uidl_join()
 */
#ifndef MAILHOIST_MATCH_UIDL_H
#define MAILHOIST_MATCH_UIDL_H

#include "match/match.h"
#include "match/uidl_format.h"

#define UIDL_SAMPLE_MIN	   20  /* messages of each format, or all if there are fewer, */
#define UIDL_SAMPLE_DIVIDE 100 /* or one in so many */
#define UIDL_WORTH	   50  /* UIDLs from which on two questions cost less than one */
#define UIDL_SAME_ARRIVAL  600 /* seconds between the clocks that wrote two dates of arrival */

/* INBOX, the one folder that POP shows. */
struct uidl_place {
	int64_t run, folder;
	uint32_t uidvalidity;
};

/* Do UIDL_WORTH messages of the run have UIDLs that mean UIDs from `first` on? */
int match_uidl_promising(struct journal *j, const struct uidl_place *p, uint32_t first, bool *out,
			 struct err *err);

/* Pair the items of the run with the rows of INBOX from UID `first` on, and choose the samples. */
int match_uidl_pair(struct journal *j, const struct uidl_place *p, uint32_t first, struct err *err);

/* Rows without header fields, up to `max` with a UID above `after`, in order. */
enum uidl_unread { UIDL_SAMPLE, UIDL_REST };
int match_uidl_unread(struct journal *j, const struct uidl_place *p, enum uidl_unread which,
		      uint32_t after, uint32_t *uids, size_t max, size_t *n, struct err *err);

/* The headers of the samples have been read: which formats are believed? Rows that a believed UIDL
 * and their sizes identify get the header fields of the local message. *believed: any format is. */
int match_uidl_judge(struct journal *j, const struct uidl_place *p, bool *believed,
		     struct err *err);

/* Rows that still have none have been expunged meanwhile: forget them, *n of them. */
int match_uidl_drop_unread(struct journal *j, const struct uidl_place *p, uint64_t *n,
			   struct err *err);

/* Every row has its header fields now: what the join proves becomes a candidate that needs no
 * comparing (MATCH_UIDL), and a notice says what came of it ("uidl-join"); not with no_uidl. The
 * UIDLs of state files find their messages either way: they are about flags and what is missing
 * here, not about matching. */
int match_uidl_join(struct journal *j, int64_t run, const struct match_options *options,
		    struct err *err);

/* After match_finish(): messages of INBOX that the run takes for local ones by their UIDLs alone,
 * their headers having never been read: up to `max` with an id (folder and UID) above `after`. */
int match_uidl_unproven(struct journal *j, int64_t after, int64_t *remotes, size_t max, size_t *n,
			struct err *err);
/* The header of one of them has been read. */
int match_uidl_read(struct journal *j, int64_t remote, const struct match_keys *keys,
		    struct err *err);
/* Those that are other messages are so from now on; *n of them. A notice says so, and if there are
 * any, match_prepare() and what follows has to be done again. */
int match_uidl_refute(struct journal *j, int64_t run, uint64_t *n, struct err *err);

/* From match_finish(): messages that state files of POP programs say were fetched, that are in
 * INBOX still and not in the sources any more, go into the journal (pop_leftover). */
int match_uidl_leftovers(struct journal *j, int64_t run, struct err *err);

/* What earlier runs took from UIDLs counts no more: matches, and index rows whose header was never
 * read (such a folder is read again as a whole). Outside a transaction, before the index. */
int match_uidl_distrust(struct journal *j, struct err *err);

#endif

/*
 * The temporary table in which match/ and plan/ work out a run: one row for each
 * item that may go up. Made by match_prepare(), completed by match_finish(), read
 * by plan_lines(). It lives in the journal's connection and ends with it.
 */
#ifndef MAILHOIST_MATCH_WORK_H
#define MAILHOIST_MATCH_WORK_H

#include "match/match.h"

/* work:
 *   item, target, sha256, head (item.sha_head)
 *   copy     0, 1, ... among the items of equal content and target, in scan order
 *   first    the item that is copy 0
 *   flags, keywords   united from all copies by plan/, or NULL: those of the item
 *   upload, state, uid, uidvalidity   the upload row of (target, sha256, copy), or NULL
 *   remote, level     the best proven copy on the server, or NULL
 *   blocked  1: a candidate could not be compared
 * perishing: folder ids; made with work, filled by plan_folders() (plan/perishing.c)
 */

/* SQL: why an item i of a store s is left out, or NULL; with the parameters that
 * match_bind_includes() binds. (The numbers are enum message_state and enum role.) */
#define MATCH_LEFT_OUT                                                                             \
	"(CASE WHEN i.state = 3 AND NOT :deleted THEN '" REASON_DELETED "'"                        \
	" WHEN (i.state = 4 OR s.role = 8) AND NOT :outbox THEN '" REASON_OUTBOX "'"               \
	" WHEN (i.state = 5 OR s.role = 10) AND NOT :feeds THEN '" REASON_FEED "' END)"
_Static_assert(STATE_DELETED == 3 && STATE_OUTBOX == 4 && STATE_FEED == 5 &&
		       STATE_UNREADABLE == 6 && ROLE_OUTBOX == 8 && ROLE_FEEDS == 10,
	       "as in MATCH_LEFT_OUT");
void match_bind_includes(sqlite3_stmt *st, const struct match_options *options);

/* The numbers of enum upload_state in the SQL of match/ and plan/. */
_Static_assert(UPLOAD_PLANNED == 0 && UPLOAD_INFLIGHT == 1 && UPLOAD_STORED == 2 &&
		       UPLOAD_VERIFIED == 3 && UPLOAD_REFUSED == 4 && UPLOAD_FAILED == 5,
	       "as in the SQL");

/* Fill the candidates of the items in the work table (candidates.c). */
int match_seek_candidates(struct journal *j, int64_t run, const struct match_options *options,
			  struct err *err);

/* Make an empty work table, unless match_prepare() has made and filled it. */
int match_work_exists(struct journal *j, struct err *err);

/* SQL: does the copy `remote` stay, so that it can stand for a message that belongs into the folder
 * `target`? One that is marked \Deleted is about to vanish, and so is one in Trash or Junk, unless
 * the message lies in such a folder here, too. */
#define MATCH_STANDS(remote_, flags_, target_)                                                     \
	"(" flags_ " & 8 = 0 AND (" remote_ " >> 32 = " target_ " OR " remote_                     \
	" >> 32 NOT IN (SELECT folder FROM perishing)"                                             \
	" OR " target_ " IN (SELECT folder FROM perishing)))"
_Static_assert(FLAG_DELETED == 8, "as in MATCH_STANDS");

/* SQL: is it proven that POP fetched the item `i`, whose copy in INBOX is `remote`? Its store says
 * so, or a POP program's state file. */
#define MATCH_POP_FETCHED(remote_)                                                                 \
	"(i.pop_fetched OR EXISTS (SELECT 1 FROM pop_uidl s WHERE s.remote = " remote_             \
	" AND s.fate IN (0, 1)))"

/* SQL: is the message `remote` of the server one that we put there ourselves? (A UID of another
 * UIDVALIDITY is another message.) */
#define MATCH_OURS(remote_, key_)                                                                  \
	"(EXISTS (SELECT 1 FROM upload o WHERE o.folder = " remote_ " >> 32 AND o.uid > 0"         \
	" AND unlikely(o.uid = " remote_ " & 4294967295) AND o.state IN (2, 3)"                    \
	" AND o.uidvalidity = (SELECT uidvalidity FROM folder WHERE id = o.folder))"               \
	" OR EXISTS (SELECT 1 FROM upload o INDEXED BY upload_blind WHERE o.folder = " remote_     \
	" >> 32 AND o.uid = 0 AND o.state IN (2, 3) AND o.key = " key_                             \
	" AND o.uidvalidity = (SELECT uidvalidity FROM folder WHERE id = o.folder)"                \
	" AND o.base_uidnext <= " remote_ " & 4294967295))"

#endif

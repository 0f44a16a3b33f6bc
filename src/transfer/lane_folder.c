/*
 * Whether a lane keeps its folder open. With MULTIAPPEND it does not: each APPEND would
 * cost an untagged answer or two, and whoever deletes the folder would end the
 * connection (servers.md 2.8). Without, some servers read the whole folder in anew for
 * each message that goes into one that is not open: Dovecot spends 8 ms on a message
 * in a maildir of 20,000, and 1.3 ms when it is open.
 */
#include "transfer/lane.h"

#include "base/stop.h"

#define LARGE_FOLDER 1000 /* messages; below it is not worth the round trip */

static bool wants_open(const struct lane *l)
{
	return !(session_capabilities(l->t->session) & CAP_MULTIAPPEND) && !l->shut &&
	       l->messages + l->lines >= LARGE_FOLDER;
}

int lane_keep_open(struct lane *l, struct err *err)
{
	struct session *s = l->t->session;
	struct selected sel;

	if (session_is_selected(s) || !wants_open(l))
		return 0;
	if (session_select(s, l->target.wire_name, &sel, err) < 0) {
		/* One may put mail into it, but not open it (RFC 4314 "i" without "r"); or it is
		 * busy: it goes without. */
		l->shut = err->code != ERR_INTERRUPTED && !session_is_dead(s);
		return l->shut ? 0 : -1;
	}
	lane_note_keywords(l, &sel);
	if (!sel.read_only)
		return 0;
	l->shut = true; /* Courier refuses APPEND to a folder that is open read-only */
	return session_unselect(s, err);
}

int lane_leave_folder(struct lane *l, struct err *err)
{
	struct session *s = l->t->session;

	if (stop_requested() || session_is_dead(s) || !session_is_selected(s))
		return 0;
	return session_unselect(s, err);
}

/*
 * Gmail: a folder is a label, and All Mail has every message once more, whatever its
 * labels are. Headers were read where the labels are; in All Mail they are asked for
 * only of what has no label: archived mail. X-GM-MSGID tells which is which; the rest
 * (sizes, flags, dates) is asked for as elsewhere.
 */
#include "transfer/rows.h"

bool rows_is_all_mail(const struct session *s, const struct remote_folder *f)
{
	return f->role == ROLE_ALL && (session_capabilities(s) & CAP_GMAIL);
}

int rows_take_all_mail(struct rows *r, uint32_t first, struct err *err)
{
	uint64_t count, joined, vanished;
	uint32_t last_uid;

	if (rows_read_sizes(r, first, err) < 0)
		return -1;
	count = r->count;
	last_uid = r->last_uid;
	if (journal_remote_join_gmail(r->t->journal, r->folder->id, &joined, err) < 0 ||
	    rows_read_unread(r, UIDL_REST, err) < 0 || rows_drop_vanished(r, &vanished, err) < 0)
		return -1;
	r->count = count - vanished;
	r->last_uid = last_uid;
	return 0;
}

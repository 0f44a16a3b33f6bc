/*
 * The clean-up page: for the owner of the mailbox, in plain words, what INBOX still
 * holds after POP, what may go, and what to change in the old mail program. See
 * report.h.
 */
#include "report/report.h"

#include "base/text.h"
#include "journal/leftovers.h"
#include "journal/pop.h"

#define PAGE_LIMIT ((size_t)1 << 20)

static void put_amount(struct buf *out, const struct amount *a)
{
	buf_addf(out, "%llu message%s (", (unsigned long long)a->n, a->n == 1 ? "" : "s");
	text_add_size(out, a->bytes);
	buf_addc(out, ')');
}

static void put_item(struct buf *out, const struct amount *a, const char *text)
{
	if (a->n == 0)
		return;
	buf_adds(out, "  - ");
	put_amount(out, a);
	buf_addf(out, " %s\n", text);
}

static void put_inbox(struct buf *out, const struct inbox_facts *f, const struct amount *deleted)
{
	if (!f->known) {
		buf_adds(out,
			 "What INBOX on the server still holds is not known: no run has looked "
			 "at it yet.\n\n");
		return;
	}
	buf_adds(out, "What INBOX on the server still holds: ");
	put_amount(out, &f->all);
	buf_adds(out, f->all.n ? ", of which\n" : ".\n");
	put_item(
		out, &f->filed,
		"lie in one of your folders as well, where the server has copied them. They take"
		"\n    their space twice. You may delete them from INBOX; mailhoist run --file move"
		"\n    does it for you, and takes away nothing else there.");
	put_item(out, deleted,
		 "were deleted on this computer, but not on the server. They are yours to delete"
		 "\n    there, or to keep: nothing has touched them.");
	put_item(out, &f->server_only,
		 "are nowhere on this computer: new mail, or mail that another device has"
		 "\n    fetched. Keep them unless you know better.");
	buf_addc(out, '\n');
}

static void put_advice(struct buf *out)
{
	buf_adds(
		out,
		"What to do now\n\n"
		"1. In the old mail program, the one that fetches by POP, switch off \"leave "
		"messages"
		" on the\n   server\" together with \"remove them after N days\", or better: let it"
		" fetch no more. As long\n   as the second one is on, it goes on deleting mail from"
		" INBOX.\n"
		"2. Set the account up as an IMAP account. Your folders are there.\n"
		"3. Another computer or telephone that still fetches by POP may fetch everything in"
		" INBOX once\n   more, for it does not know what this one has fetched. What was "
		"moved out of"
		" INBOX it does\n   not see any more. Change it to IMAP, too.\n"
		"4. When all of that is done, look through INBOX and delete what the list above"
		" allows.\n");
}

int report_cleanup(struct journal *j, int64_t run, const struct report_options *options,
		   struct err *err)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(PAGE_LIMIT);
	struct amount deleted;
	struct inbox_facts facts;

	if (journal_inbox_facts(j, &facts, err) != 0 ||
	    journal_leftover_count(j, run, &deleted.n, &deleted.bytes, err) != 0)
		return -1;
	buf_adds(&out, "Cleaning up after POP: ");
	text_add_safe(&out, slice_str(options->account), 0);
	buf_adds(&out, "\n\n");
	put_inbox(&out, &facts, &deleted);
	put_advice(&out);
	return fd_flush(options->fd, &out, true, err);
}

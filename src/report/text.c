/*
 * The report of a run for people: heading, a table of folders, the balance, the
 * reasons, what needs attention. Everything that comes from mail or a server is
 * escaped for the terminal. See report.h.
 */
#include "report/report.h"

#include "base/text.h"
#include "journal/notice.h"
#include "journal/leftovers.h"
#include "journal/pop.h"
#include "report/query.h"

#define OUTPUT_LIMIT ((size_t)64 << 20)
#define ARENA_LIMIT  ((size_t)64 << 20)
#define NAME_WIDTH   30 /* columns of a folder's name */
#define TEXT_WIDTH   60 /* columns of a subject */

struct writer {
	struct journal *journal;
	const struct report_options *options;
	struct run run;
	struct arena run_arena, arena;
	struct buf out, scratch;
};

static int flush(struct writer *w, struct err *err)
{
	arena_reset(&w->arena);
	return fd_flush(w->options->fd, &w->out, false, err);
}

/* `text`, escaped, in a column of `width`. */
static void put_column(struct writer *w, struct slice text, size_t width)
{
	size_t start = w->out.len, shown;

	text_add_safe(&w->out, text, width);
	shown = text_width(slice_from(buf_slice(&w->out), start));
	for (; shown < width; shown++)
		buf_addc(&w->out, ' ');
}

static void put_count(struct buf *out, uint64_t n)
{
	if (n)
		buf_addf(out, "%10llu", (unsigned long long)n);
	else
		buf_addf(out, "%10s", "-");
}

static void put_time(struct writer *w, int64_t t)
{
	if (t == TIME_NONE)
		buf_adds(&w->out, "unfinished");
	else
		time_add_rfc3339(&w->out, t);
}

static void put_heading(struct writer *w)
{
	static const char *const what[RUN_KIND_COUNT] = {
		[RUN_PLAN] = "Plan",	       [RUN_RUN] = "Run",   [RUN_APPLY] = "Run",
		[RUN_VERIFY] = "Verification", [RUN_UNDO] = "Undo",
	};

	buf_addf(&w->out, "%s %lld for ", what[w->run.kind], (long long)w->run.id);
	text_add_safe(&w->out, slice_str(w->options->account), 0);
	buf_adds(&w->out, w->run.kind == RUN_PLAN
				  ? " (dry run: nothing was written to the server)\n"
				  : "\n");
	put_time(w, w->run.started);
	buf_adds(&w->out, " to ");
	put_time(w, w->run.finished);
	buf_adds(&w->out, "\n\n");
}

/* ---- folders ---- */

/* The columns of the table. What is open is still to be uploaded. */
static const struct {
	const char *head;
	enum line_outcome outcome;
} columns[] = {
	{ "upload", OUTCOME_OPEN },	  { "uploaded", OUTCOME_UPLOADED },
	{ "to file", OUTCOME_TO_FILE },	  { "filed", OUTCOME_FILED },
	{ "present", OUTCOME_PRESENT },	  { "duplicate", OUTCOME_DUPLICATE },
	{ "excluded", OUTCOME_EXCLUDED }, { "refused", OUTCOME_REFUSED },
	{ "failed", OUTCOME_FAILED },
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* A plan has no uploaded messages, a finished run nothing still to upload. */
static bool column_shown(const struct writer *w, enum line_outcome o, const struct balance *total)
{
	if (o == OUTCOME_OPEN)
		return w->run.kind == RUN_PLAN || total->outcome[o] > 0;
	if (o == OUTCOME_TO_FILE || o == OUTCOME_FILED)
		return total->outcome[o] > 0;
	if (o == OUTCOME_UPLOADED)
		return w->run.kind == RUN_RUN || w->run.kind == RUN_APPLY;
	return true;
}

static void put_row(struct writer *w, const struct balance *b, const struct balance *total)
{
	put_count(&w->out, b->found);
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (column_shown(w, columns[i].outcome, total))
			put_count(&w->out, b->outcome[columns[i].outcome]);
	buf_addc(&w->out, '\n');
}

static void put_table_head(struct writer *w, const struct balance *total)
{
	put_column(w, SLICE_LIT("local folder"), NAME_WIDTH);
	buf_adds(&w->out, "  ");
	put_column(w, SLICE_LIT("server folder"), NAME_WIDTH);
	buf_addf(&w->out, "%10s", "found");
	for (size_t i = 0; i < N_COLUMNS; i++)
		if (column_shown(w, columns[i].outcome, total))
			buf_addf(&w->out, "%10s", columns[i].head);
	buf_addc(&w->out, '\n');
}

static int put_folders(struct writer *w, const struct balance *total, struct err *err)
{
	struct store_info store = { 0 };
	struct balance b;
	int got;

	put_table_head(w, total);
	while ((got = journal_store_next(w->journal, w->run.id, store.id, &w->arena, &store, err)) >
	       0) {
		if (journal_balance(w->journal, w->run.id, store.id, &b, err) != 0)
			return -1;
		buf_reset(&w->scratch);
		query_folder_name(&w->scratch, &store);
		put_column(w, buf_slice(&w->scratch), NAME_WIDTH);
		buf_adds(&w->out, "  ");
		put_column(w, slice_str(store.target_name ? store.target_name : "-"), NAME_WIDTH);
		put_row(w, &b, total);
		if (flush(w, err) != 0)
			return -1;
	}
	put_column(w, SLICE_LIT("total"), NAME_WIDTH);
	buf_adds(&w->out, "  ");
	put_column(w, SLICE_LIT(""), NAME_WIDTH);
	put_row(w, total, total);
	return got;
}

/* ---- the balance ---- */

/* What verification saw; what it was not shown is told as well. */
static void put_verified(struct writer *w, const struct balance *b)
{
	uint64_t seen = b->verified + b->differs + b->changed;
	uint64_t to_look_at = w->run.kind == RUN_VERIFY
				      ? b->outcome[OUTCOME_PRESENT]
				      : b->outcome[OUTCOME_UPLOADED] + b->outcome[OUTCOME_FILED];

	if (seen == 0)
		return;
	buf_addf(&w->out, "Verified: %llu message%s on the server as %s should be, %llu differ",
		 (unsigned long long)b->verified, b->verified == 1 ? " is" : "s are",
		 b->verified == 1 ? "it" : "they", (unsigned long long)b->differs);
	if (b->changed > 0)
		buf_addf(&w->out, ", %llu changed or moved there by somebody since",
			 (unsigned long long)b->changed);
	if (to_look_at > seen)
		buf_addf(&w->out, ", %llu could not be looked at",
			 (unsigned long long)(to_look_at - seen));
	buf_addc(&w->out, '\n');
}

/* What filing spares. */
static void put_saved(struct writer *w, const struct balance *b)
{
	uint64_t bytes = b->bytes[OUTCOME_TO_FILE] + b->bytes[OUTCOME_FILED];
	uint64_t n = b->outcome[OUTCOME_TO_FILE] + b->outcome[OUTCOME_FILED];

	if (bytes == 0)
		return;
	buf_addf(&w->out, "Filed by the server itself: %llu message%s, ", (unsigned long long)n,
		 n == 1 ? "" : "s");
	text_add_size(&w->out, bytes);
	buf_adds(&w->out,
		 w->run.kind == RUN_PLAN ? " that need not be sent\n" : " that were not sent\n");
}

static const char *outcome_words(enum line_outcome o)
{
	switch (o) {
	case OUTCOME_OPEN:
		return "to upload";
	case OUTCOME_TO_FILE:
		return "to file";
	default:
		return outcome_name(o);
	}
}

static void put_balance(struct writer *w, const struct balance *b)
{
	const char *plus = " = ";

	buf_addf(&w->out, "\nBalance: %llu found", (unsigned long long)b->found);
	for (enum line_outcome o = 0; o < OUTCOME_COUNT; o++) {
		if (b->outcome[o] == 0 &&
		    (o == OUTCOME_OPEN || o == OUTCOME_TO_FILE || o == OUTCOME_FILED ||
		     (w->run.kind == RUN_PLAN && o == OUTCOME_UPLOADED)))
			continue;
		buf_addf(&w->out, "%s%llu %s", plus, (unsigned long long)b->outcome[o],
			 outcome_words(o));
		plus = " + ";
	}
	buf_addc(&w->out, '\n');
	/* The login may fail before any source has been read. */
	if (report_nothing_decided(b) || (b->found == 0 && w->run.exit_status != 0))
		buf_adds(&w->out, "Nothing was decided: the run ended before its plan was made\n");
	else if (!report_accounts_for_all(b))
		buf_adds(&w->out, "THE BALANCE DOES NOT ADD UP\n");
	if (b->bytes[OUTCOME_OPEN]) {
		buf_adds(&w->out, "To upload: ");
		text_add_size(&w->out, b->bytes[OUTCOME_OPEN]);
		buf_addc(&w->out, '\n');
	}
	if (b->bytes[OUTCOME_UPLOADED]) {
		buf_adds(&w->out, "Uploaded: ");
		text_add_size(&w->out, b->bytes[OUTCOME_UPLOADED]);
		buf_addc(&w->out, '\n');
	}
	put_saved(w, b);
	put_verified(w, b);
}

/* Why: one line for each reason. */
static int put_reasons(struct writer *w, struct err *err)
{
	struct reason_query query;
	struct reason_count row;
	bool any = false;
	int got;

	if (reasons_begin(w->journal, w->run.id, true, &query, err) != 0)
		return -1;
	while ((got = reasons_next(w->journal, &query, &w->arena, &row, err)) > 0) {
		const char *level = row.level ? match_level_name(row.level) : "";

		if (!any)
			buf_adds(&w->out, "\nReasons:\n");
		any = true;
		put_count(&w->out, row.n);
		buf_addf(&w->out, "  %s: %s%s%s%s\n", outcome_words(row.outcome),
			 reason_text(row.reason), *level ? " [matched by " : "", level,
			 *level ? "]" : "");
		arena_reset(&w->arena);
	}
	return got;
}

/* ---- single messages ---- */

static void put_line(struct writer *w, const struct line *line)
{
	buf_adds(&w->out, "  ");
	text_add_safe(&w->out, slice_str(line->locator), 0);
	buf_adds(&w->out, "\n    \"");
	text_add_safe(&w->out, slice_str(line->subject ? line->subject : ""), TEXT_WIDTH);
	buf_adds(&w->out, "\" from ");
	text_add_safe(&w->out, slice_str(line->from ? line->from : "?"), TEXT_WIDTH);
	buf_adds(&w->out, ", ");
	text_add_size(&w->out, line->size);
	buf_addf(&w->out, "\n    %s: %s", outcome_name(line->outcome),
		 line->reason && *line->reason ? reason_text(line->reason) : "");
	if (line->found_in) {
		buf_adds(&w->out, " ('");
		text_add_safe(&w->out, slice_str(line->found_in), 0);
		buf_adds(&w->out, "')");
	}
	if (line->text) {
		buf_adds(&w->out, ": ");
		text_add_safe(&w->out, slice_str(line->text), 0);
	}
	buf_addc(&w->out, '\n');
}

static int put_lines(struct writer *w, const char *head, enum line_filter filter,
		     void (*put)(struct writer *w, const struct line *line), struct err *err)
{
	struct line_cursor cursor;
	struct line line;
	bool any = false;
	int got;

	if (journal_lines_begin(w->journal, w->run.id, filter, &cursor, err) != 0)
		return -1;
	while ((got = journal_lines_next(w->journal, &cursor, &w->arena, &line, err)) > 0) {
		if (!any)
			buf_adds(&w->out, head);
		any = true;
		put(w, &line);
		if (flush(w, err) != 0) {
			got = -1;
			break;
		}
	}
	journal_lines_end(&cursor);
	return got;
}

/* ---- fidelity ---- */

static void put_fidelity_line(struct writer *w, const struct line *line)
{
	buf_adds(&w->out, "  ");
	text_add_safe(&w->out, slice_str(line->locator), 0);
	buf_adds(&w->out, "\n    \"");
	text_add_safe(&w->out, slice_str(line->subject ? line->subject : ""), TEXT_WIDTH);
	buf_adds(&w->out, "\"\n");
	for (unsigned i = 0; i < FIDELITY_COUNT; i++)
		if (line->fidelity & UINT32_C(1) << i)
			buf_addf(&w->out, "    %s\n", fidelity_text(UINT32_C(1) << i));
}

/* What composed messages lack; each message only when asked for, as most mail that was sent from
 * Outlook never had a transport header. */
static int put_fidelity(struct writer *w, struct err *err)
{
	struct fidelity_counts counts;

	if (query_fidelity(w->journal, w->run.id, &counts, err) != 0)
		return -1;
	if (counts.messages == 0)
		return 0;
	buf_addf(&w->out,
		 "\nFidelity: %llu messages from Outlook are not all that they once were:\n",
		 (unsigned long long)counts.messages);
	for (unsigned i = 0; i < FIDELITY_COUNT; i++)
		if (counts.of[i] > 0) {
			put_count(&w->out, counts.of[i]);
			buf_addf(&w->out, "  %s\n", fidelity_text(UINT32_C(1) << i));
		}
	if (w->options->verbose)
		return put_lines(w, "\nMessages that are not all that they once were:\n",
				 LINES_FIDELITY, put_fidelity_line, err);
	buf_adds(&w->out, "            (--verbose names them)\n");
	return 0;
}

/* ---- the rest ---- */

static int put_renamings(struct writer *w, struct err *err)
{
	struct renaming r = { 0 };
	bool any = false;
	int got;

	while ((got = journal_renaming_next(w->journal, w->run.id, r.id, &w->arena, &r, err)) > 0) {
		if (!any)
			buf_adds(&w->out, "\nFolders that the server wanted otherwise:\n");
		any = true;
		buf_adds(&w->out, "  '");
		text_add_safe(&w->out, slice_str(r.wanted), 0);
		buf_adds(&w->out, "' became '");
		text_add_safe(&w->out, slice_str(r.made), 0);
		buf_adds(&w->out, "'\n");
	}
	return got;
}

static int put_notices(struct writer *w, struct err *err)
{
	struct run_notice n;
	int64_t after = 0;
	bool any = false;
	int got;

	while ((got = journal_notice_next(w->journal, w->run.id, &after, &w->arena, &n, err)) > 0) {
		if (!any)
			buf_adds(&w->out, "\nNotes:\n");
		any = true;
		buf_adds(&w->out, "  ");
		if (n.location) {
			text_add_safe(&w->out, slice_str(n.location), 0);
			buf_adds(&w->out, ": ");
		}
		text_add_safe(&w->out, slice_str(n.text), 0);
		if (n.count > 1)
			buf_addf(&w->out, " (%llu)", (unsigned long long)n.count);
		buf_addc(&w->out, '\n');
		if (flush(w, err) != 0)
			return -1;
	}
	return got;
}

/* What the user has deleted here, and POP has left on the server: his to decide. */
static int put_leftovers(struct writer *w, struct err *err)
{
	struct pop_leftover l = { 0 };
	uint64_t n, bytes;
	int got;

	if (journal_leftover_count(w->journal, w->run.id, &n, &bytes, err) < 0)
		return -1;
	if (n == 0)
		return 0;
	buf_addf(&w->out, "\nDeleted here, but still on the server (left alone): %llu, ",
		 (unsigned long long)n);
	text_add_size(&w->out, bytes);
	buf_adds(&w->out, w->options->verbose ? "\n" : "; --verbose lists them\n");
	if (!w->options->verbose)
		return 0;
	while ((got = journal_leftover_next(w->journal, w->run.id, l.id, &w->arena, &l, err)) > 0) {
		buf_adds(&w->out, "  '");
		text_add_safe(&w->out, slice_str(l.folder), 0);
		buf_addf(&w->out, "', UID %u, ", l.uid);
		if (l.internaldate != TIME_NONE) {
			time_add_rfc3339(&w->out, l.internaldate);
			buf_adds(&w->out, ", ");
		}
		text_add_size(&w->out, l.size);
		buf_adds(&w->out, ", UIDL ");
		text_add_safe(&w->out, slice_str(l.uidl), 0);
		buf_addc(&w->out, '\n');
		if (flush(w, err) != 0)
			return -1;
	}
	return got;
}

static int put_server_only(struct writer *w, struct err *err)
{
	struct amount only;
	bool known;

	if (journal_server_only(w->journal, w->run.id, &known, &only, err) < 0)
		return -1;
	if (!known || only.n == 0)
		return 0;
	buf_addf(&w->out, "\nOnly on the server (left alone): %llu, ", (unsigned long long)only.n);
	text_add_size(&w->out, only.bytes);
	buf_adds(&w->out, "; mailhoist report --cleanup tells what to do about INBOX\n");
	return 0;
}

static int put_all(struct writer *w, int64_t run, struct err *err)
{
	struct balance total;
	int got = journal_run_get(w->journal, run, &w->run_arena, &w->run, err);

	if (got <= 0)
		return got < 0 ? -1
			       : err_set(err, ERR_NOINPUT, SCOPE_RUN, RETRY_NEVER,
					 "there is no run %lld", (long long)run);
	if (journal_balance(w->journal, run, 0, &total, err) != 0)
		return -1;
	put_heading(w);
	if (put_folders(w, &total, err) != 0)
		return -1;
	put_balance(w, &total);
	if (put_reasons(w, err) != 0 || put_renamings(w, err) != 0 || put_notices(w, err) != 0 ||
	    put_leftovers(w, err) != 0 || put_server_only(w, err) != 0 ||
	    put_lines(w, "\nRefused or failed:\n", LINES_REFUSED, put_line, err) != 0 ||
	    put_lines(w, "\nDifferences that verification found:\n", LINES_DIFFERS, put_line,
		      err) != 0 ||
	    put_lines(w, "\nChanged on the server since they were uploaded:\n", LINES_CHANGED,
		      put_line, err) != 0)
		return -1;
	if (put_fidelity(w, err) != 0)
		return -1;
	if (w->options->verbose &&
	    put_lines(w, "\nNot uploaded on purpose:\n", LINES_NOT_SENT, put_line, err) != 0)
		return -1;
	return fd_flush(w->options->fd, &w->out, true, err);
}

int report_text(struct journal *j, int64_t run, const struct report_options *options,
		struct err *err)
{
	struct writer w = { .journal = j,
			    .options = options,
			    .run_arena = ARENA_INIT(ARENA_LIMIT),
			    .arena = ARENA_INIT(ARENA_LIMIT),
			    .out = BUF_INIT(OUTPUT_LIMIT),
			    .scratch = BUF_INIT(OUTPUT_LIMIT) };
	int failed = put_all(&w, run, err);

	arena_release(&w.run_arena);
	arena_release(&w.arena);
	buf_release(&w.out);
	buf_release(&w.scratch);
	return failed;
}

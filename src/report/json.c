/*
 * The report of a run as one JSON object. See report.h.
 */
#include "report/report.h"

#include "base/json.h"
#include "journal/notice.h"
#include "journal/leftovers.h"
#include "journal/pop.h"
#include "report/facts.h"
#include "report/query.h"

#define OUTPUT_LIMIT ((size_t)64 << 20)
#define ARENA_LIMIT  ((size_t)64 << 20)

struct writer {
	struct journal *journal;
	int64_t run;
	const struct report_options *options;
	struct arena arena;
	struct buf out;
	struct json json;
};

static void put_folder(struct json *j, const struct store_info *store)
{
	json_put_open(j, "folder", '[');
	for (size_t i = 0; i < store->depth; i++)
		json_cstr(j, store->folder[i]);
	json_close(j, ']');
}

/* One of many is complete: let go of it, and write what has become enough. */
static int end_row(struct writer *w, struct err *err)
{
	json_close(&w->json, '}');
	arena_reset(&w->arena);
	return fd_flush(w->options->fd, &w->out, false, err);
}

static void put_balance(struct json *j, const struct balance *b)
{
	json_put_open(j, "balance", '{');
	json_put_number(j, "found", b->found);
	for (enum line_outcome o = 0; o < OUTCOME_COUNT; o++)
		json_put_number(j, outcome_name(o), b->outcome[o]);
	json_put_number(j, "verified", b->verified);
	json_put_number(j, "differs", b->differs);
	json_put_number(j, "changed", b->changed);
	json_put_open(j, "bytes", '{');
	for (enum line_outcome o = 0; o < OUTCOME_COUNT; o++)
		json_put_number(j, outcome_name(o), b->bytes[o]);
	json_close(j, '}');
	json_put_bool(j, "adds_up", report_accounts_for_all(b));
	json_close(j, '}');
}

static int put_run(struct writer *w, struct err *err)
{
	struct balance b;
	struct run run;
	int got = journal_run_get(w->journal, w->run, &w->arena, &run, err);

	if (got <= 0)
		return got < 0 ? -1
			       : err_set(err, ERR_NOINPUT, SCOPE_RUN, RETRY_NEVER,
					 "there is no run %lld", (long long)w->run);
	json_key(&w->json, "run");
	json_i64(&w->json, run.id);
	json_put_text(&w->json, "kind", run_kind_name(run.kind));
	json_put_text(&w->json, "account", w->options->account);
	json_put_time(&w->json, "started", run.started);
	json_put_time(&w->json, "finished", run.finished);
	json_key(&w->json, "exit_status");
	if (run.finished == TIME_NONE)
		json_null(&w->json);
	else
		json_i64(&w->json, run.exit_status);
	if (journal_balance(w->journal, w->run, 0, &b, err) != 0)
		return -1;
	put_balance(&w->json, &b);
	return 0;
}

static int put_folders(struct writer *w, struct err *err)
{
	struct store_info store = { 0 };
	struct balance b;
	int got;

	json_put_open(&w->json, "folders", '[');
	while ((got = journal_store_next(w->journal, w->run, store.id, &w->arena, &store, err)) >
	       0) {
		json_open(&w->json, '{');
		json_put_text(&w->json, "kind", store.kind);
		json_put_text(&w->json, "source", store.source);
		put_folder(&w->json, &store);
		json_put_text(&w->json, "location", store.location);
		json_put_text(&w->json, "target", store.target_name);
		if (journal_balance(w->journal, w->run, store.id, &b, err) != 0)
			return -1;
		put_balance(&w->json, &b);
		if (end_row(w, err) != 0)
			return -1;
	}
	json_close(&w->json, ']');
	return got;
}

static int put_reasons(struct writer *w, struct err *err)
{
	struct reason_query query;
	struct reason_count row;
	int got;

	json_put_open(&w->json, "reasons", '[');
	if (reasons_begin(w->journal, w->run, false, &query, err) != 0)
		return -1;
	while ((got = reasons_next(w->journal, &query, &w->arena, &row, err)) > 0) {
		json_open(&w->json, '{');
		json_put_text(&w->json, "outcome", outcome_name(row.outcome));
		json_put_text(&w->json, "action", action_name(row.action));
		json_put_text(&w->json, "reason", row.reason);
		json_put_text(&w->json, "match", match_level_name(row.level));
		json_put_number(&w->json, "messages", row.n);
		json_put_number(&w->json, "bytes", row.bytes);
		json_close(&w->json, '}');
	}
	json_close(&w->json, ']');
	return got;
}

static void put_line(struct json *j, const struct line *line)
{
	json_put_text(j, "source", line->store.source);
	put_folder(j, &line->store);
	json_put_text(j, "locator", line->locator);
	json_put_text(j, "message_id", line->message_id);
	json_put_text(j, "subject", line->subject);
	json_put_text(j, "from", line->from);
	json_put_number(j, "size", line->size);
	json_put_text(j, "outcome", outcome_name(line->outcome));
	json_put_text(j, "target", line->target);
	json_put_text(j, "found_in", line->found_in);
	json_put_text(j, "reason", line->reason);
	json_put_text(j, "text", line->text);
}

static int put_lines(struct writer *w, const char *key, enum line_filter filter,
		     void (*put)(struct json *j, const struct line *line), struct err *err)
{
	struct line_cursor cursor;
	struct line line;
	int got;

	json_put_open(&w->json, key, '[');
	if (journal_lines_begin(w->journal, w->run, filter, &cursor, err) != 0)
		return -1;
	while ((got = journal_lines_next(w->journal, &cursor, &w->arena, &line, err)) > 0) {
		json_open(&w->json, '{');
		put(&w->json, &line);
		got = end_row(w, err);
		if (got != 0)
			break;
	}
	journal_lines_end(&cursor);
	json_close(&w->json, ']');
	return got;
}

static void put_fidelity_line(struct json *j, const struct line *line)
{
	json_put_text(j, "source", line->store.source);
	put_folder(j, &line->store);
	json_put_text(j, "locator", line->locator);
	json_put_text(j, "message_id", line->message_id);
	json_put_text(j, "subject", line->subject);
	json_put_text(j, "outcome", outcome_name(line->outcome));
	json_key(j, "fidelity");
	facts_write_fidelity(j, line->fidelity);
}

/* What composed messages lack: by class, and every message. */
static int put_fidelity(struct writer *w, struct err *err)
{
	struct fidelity_counts counts;

	if (query_fidelity(w->journal, w->run, &counts, err) != 0)
		return -1;
	json_put_open(&w->json, "fidelity", '{');
	json_put_number(&w->json, "messages", counts.messages);
	json_put_open(&w->json, "classes", '{');
	for (unsigned i = 0; i < FIDELITY_COUNT; i++)
		if (counts.of[i] > 0)
			json_put_number(&w->json, fidelity_name(UINT32_C(1) << i), counts.of[i]);
	json_close(&w->json, '}');
	if (put_lines(w, "lines", LINES_FIDELITY, put_fidelity_line, err) != 0)
		return -1;
	json_close(&w->json, '}');
	return 0;
}

static int put_renamings(struct writer *w, struct err *err)
{
	struct renaming r = { 0 };
	int got;

	json_put_open(&w->json, "renamed", '[');
	while ((got = journal_renaming_next(w->journal, w->run, r.id, &w->arena, &r, err)) > 0) {
		json_open(&w->json, '{');
		json_put_text(&w->json, "wanted", r.wanted);
		json_put_text(&w->json, "made", r.made);
		if (end_row(w, err) != 0)
			return -1;
	}
	json_close(&w->json, ']');
	return got;
}

static int put_notices(struct writer *w, struct err *err)
{
	struct run_notice n;
	int64_t after = 0;
	int got;

	json_put_open(&w->json, "notices", '[');
	while ((got = journal_notice_next(w->journal, w->run, &after, &w->arena, &n, err)) > 0) {
		json_open(&w->json, '{');
		json_put_text(&w->json, "kind", n.kind);
		json_put_number(&w->json, "count", n.count);
		json_put_text(&w->json, "location", n.location);
		json_put_text(&w->json, "text", n.text);
		if (end_row(w, err) != 0)
			return -1;
	}
	json_close(&w->json, ']');
	return got;
}

static int put_leftovers(struct writer *w, struct err *err)
{
	struct pop_leftover l = { 0 };
	int got;

	json_put_open(&w->json, "deleted_here", '[');
	while ((got = journal_leftover_next(w->journal, w->run, l.id, &w->arena, &l, err)) > 0) {
		json_open(&w->json, '{');
		json_put_text(&w->json, "folder", l.folder);
		json_put_number(&w->json, "uid", l.uid);
		json_put_text(&w->json, "uidl", l.uidl);
		json_put_number(&w->json, "size", l.size);
		json_put_time(&w->json, "internaldate", l.internaldate);
		if (end_row(w, err) != 0)
			return -1;
	}
	json_close(&w->json, ']');
	return got;
}

static int put_server_only_lines(struct writer *w, struct err *err)
{
	struct server_only s = { 0 };
	int got;

	json_put_open(&w->json, "lines", '[');
	while ((got = journal_server_only_next(w->journal, w->run, s.id, &w->arena, &s, err)) > 0) {
		json_open(&w->json, '{');
		json_put_text(&w->json, "folder", s.folder);
		json_put_number(&w->json, "uid", s.uid);
		json_put_number(&w->json, "size", s.size);
		json_put_time(&w->json, "internaldate", s.internaldate);
		if (end_row(w, err) != 0)
			return -1;
	}
	json_close(&w->json, ']');
	return got;
}

static int put_server_only(struct writer *w, struct err *err)
{
	struct amount only;
	bool known;

	if (journal_server_only(w->journal, w->run, &known, &only, err) < 0)
		return -1;
	json_key(&w->json, "server_only");
	if (!known) {
		json_null(&w->json);
		return 0;
	}
	json_open(&w->json, '{');
	json_put_number(&w->json, "messages", only.n);
	json_put_number(&w->json, "bytes", only.bytes);
	if (put_server_only_lines(w, err) != 0)
		return -1;
	json_close(&w->json, '}');
	return 0;
}

static int put_all(struct writer *w, struct err *err)
{
	json_init(&w->json, &w->out);
	json_open(&w->json, '{');
	if (put_run(w, err) != 0 || put_folders(w, err) != 0 || put_reasons(w, err) != 0 ||
	    put_lines(w, "refused", LINES_REFUSED, put_line, err) != 0 ||
	    put_lines(w, "differs", LINES_DIFFERS, put_line, err) != 0 ||
	    put_lines(w, "changed", LINES_CHANGED, put_line, err) != 0)
		return -1;
	if (w->options->verbose && put_lines(w, "not_sent", LINES_NOT_SENT, put_line, err) != 0)
		return -1;
	if (put_fidelity(w, err) != 0)
		return -1;
	if (put_renamings(w, err) != 0 || put_notices(w, err) != 0 || put_leftovers(w, err) != 0 ||
	    put_server_only(w, err) != 0)
		return -1;
	json_close(&w->json, '}');
	buf_addc(&w->out, '\n');
	return fd_flush(w->options->fd, &w->out, true, err);
}

int report_json(struct journal *j, int64_t run, const struct report_options *options,
		struct err *err)
{
	struct writer w = { .journal = j,
			    .run = run,
			    .options = options,
			    .arena = ARENA_INIT(ARENA_LIMIT),
			    .out = BUF_INIT(OUTPUT_LIMIT) };
	int failed = put_all(&w, err);

	arena_release(&w.arena);
	buf_release(&w.out);
	return failed;
}

/*
 * `plan`, `run`, `apply` and `verify`: the way of the data from the sources to the
 * server, step by step, and the exit status in the end.
 *
 * Whatever happens, a run is finished in the journal and reported: also one that
 * was stopped, or that the server let down. Then the report shows what is open.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stop.h"
#include "cli/account.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/progress.h"
#include "cli/saved_plan.h"
#include "journal/notice.h"
#include "plan/plan.h"
#include "report/report.h"
#include "transfer/forecast.h"

#define ARENA_LIMIT ((size_t)16 << 20)
#define JSON_LIMIT  ((size_t)1 << 20)

struct migration {
	const struct options *options;
	enum run_kind kind;
	int64_t only_run; /* apply: the plan */
	struct account account;
	struct arena arena;
	struct source_set *sources;
	struct progress_view view;
	struct progress progress;
	struct plan_options plan;
	struct plan_map maps[MAPS_MAX];
	struct transfer_options limits;
	struct transfer transfer;
	bool planned; /* there is something to report */
	bool fits;    /* into the account, as far as is known */
};

static bool writes(const struct migration *m)
{
	return m->kind == RUN_RUN || m->kind == RUN_APPLY;
}

/* ---- setting up ---- */

static int open_sources(struct migration *m, struct err *err)
{
	m->sources = source_set_new(&m->options->source);
	if (!m->sources)
		return err_nomem(err);
	for (size_t i = 0; i < m->options->n_operands; i++)
		if (source_set_add(m->sources, m->options->operands[i], err) != 0)
			return -1;
	return 0;
}

/* The URL's path and --prefix, one below the other. */
static const char *whole_prefix(struct migration *m)
{
	const char *of_url = m->account.url.prefix, *of_option = m->options->prefix;

	if (!of_url || !of_option)
		return of_url ? of_url : of_option;
	return arena_printf(&m->arena, "%s/%s", of_url, of_option);
}

static int fill_plan_options(struct migration *m, struct err *err)
{
	const struct options *o = m->options;

	for (size_t i = 0; i < o->n_maps; i++)
		if (plan_map_parse(o->maps[i], &m->arena, &m->maps[i], err) != 0)
			return -1;
	m->plan = (struct plan_options){
		.prefix = whole_prefix(m),
		.maps = m->maps,
		.n_maps = o->n_maps,
		.duplicate_into_folders = o->duplicate_into_folders,
		.keep_duplicates = o->keep_duplicates,
		.include_deleted = o->source.include_deleted,
		.include_outbox = o->source.include_outbox,
		.include_feeds = o->source.include_feeds,
		.no_uidl = o->no_uidl,
		.include_partial = o->include_partial,
		.file = o->file,
		.flags = o->flags,
		.only_run = m->only_run,
	};
	return 0;
}

static int start_run(struct migration *m, struct err *err)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT(JSON_LIMIT);

	if (saved_plan_write(m->options, m->sources, &json, err) != 0)
		return -1;
	if (!buf_cstr(&json))
		return err_nomem(err);
	return journal_run_start(m->transfer.journal, m->kind, json.ptr, &m->transfer.run, err);
}

static int set_up(struct migration *m, struct err *err)
{
	if (account_init(&m->account, m->options, err) != 0)
		return -1;
	if (fill_plan_options(m, err) != 0 || open_sources(m, err) != 0)
		return -1;
	m->account.connect.read_only = !writes(m);
	account_tell_to(&m->account, &m->progress);
	m->limits.gate = m->options->gate;
	m->limits.connections = m->options->connections;
	m->limits.repair = m->options->repair;
	m->limits.compress = m->options->compress;
	m->transfer.options = &m->limits;
	m->transfer.connect = &m->account.connect;
	m->transfer.sources = m->sources;
	m->transfer.pop3 = m->account.has_pop3 ? &m->account.pop3 : NULL;
	m->transfer.pop_states = m->options->pop_states;
	m->transfer.n_pop_states = m->options->n_pop_states;
	m->transfer.no_uidl = m->options->no_uidl || m->kind == RUN_VERIFY;
	m->transfer.progress = &m->progress;
	m->transfer.whole_bodies = m->kind == RUN_VERIFY && m->options->verify == VERIFY_FULL;
	if (journal_open(m->account.state_dir, m->account.name, &m->transfer.journal, err) != 0)
		return -1;
	return start_run(m, err);
}

static void tear_down(struct migration *m)
{
	transfer_disconnect(&m->transfer);
	progress_view_end(&m->view);
	journal_close(m->transfer.journal);
	source_set_free(m->sources);
	account_release(&m->account);
	arena_release(&m->arena);
}

/* ---- the steps ---- */

static struct plan_server server_facts(const struct session *s)
{
	return (struct plan_server){
		.prefix = session_prefix(s),
		.separator = session_separator(s),
		.append_limit = session_append_limit(s),
		.any_case = session_profile(s)->any_case,
		.can_take_away = session_capabilities(s) & CAP_UIDPLUS,
		.rewrites_headers = session_profile(s)->rewrites_headers,
	};
}

static int match_once(struct migration *m, struct err *err)
{
	struct match_options match = plan_match_options(&m->plan, m->kind);
	struct transfer *t = &m->transfer;

	match.rewritten = t->session && session_profile(t->session)->rewrites_headers;
	return match_prepare(t->journal, t->run, &match, err) != 0 || resolve(t, err) != 0 ||
			       match_finish(t->journal, t->run, err) != 0
		       ? -1
		       : 0;
}

/* What rests on UIDLs is proven before a run acts on it, unless no headers are to be looked at. */
static int match_all(struct migration *m, struct err *err)
{
	uint64_t refuted = 0;

	if (match_once(m, err) != 0)
		return -1;
	if (!writes(m) || m->options->verify < VERIFY_HEADER)
		return 0;
	if (prove_joins(&m->transfer, &refuted, err) != 0)
		return -1;
	return refuted > 0 ? match_once(m, err) : 0;
}

/* What is there, and what the server has: both are read beside each other. */
static int take_stock(struct transfer *t, struct err *err)
{
	struct indexing *index;
	int result = index_begin(t, &index, err);

	if (result < 0)
		return -1;
	if (gather(t, index, err) < 0 || pop_list_ask(t, err) < 0 || index_finish(index, err) < 0)
		result = -1;
	index_free(index);
	return result < 0 ? -1 : pop_list_settle(t, err);
}

/* From the work that is to be done to what is to be done with each message. */
static int match_and_plan(struct migration *m, struct err *err)
{
	struct transfer *t = &m->transfer;
	struct plan_server server;

	if (match_all(m, err) != 0)
		return -1;
	server = server_facts(t->session); /* resolving may have connected again */
	return plan_lines(t->journal, t->run, &m->plan, &server, err);
}

/* What happens to every message: the plan, made from sources and server. */
static int plan_messages(struct migration *m, struct err *err)
{
	struct transfer *t = &m->transfer;
	struct plan_server server;
	int adopted = 0;

	if (take_stock(t, err) != 0)
		return -1;
	if (writes(m) && recover(t, err) != 0)
		return -1;
	server = server_facts(t->session);
	progress_update(&m->progress, "matching", 0, 0, 0);
	if (plan_folders(t->journal, t->run, &m->plan, &server, err) != 0)
		return -1;
	if (m->kind == RUN_APPLY && t->tally.folders_read == 0)
		adopted = plan_adopt(t->journal, t->run, &m->plan, &server, err);
	if (adopted != 0)
		return adopted < 0 ? -1 : 0;
	return match_and_plan(m, err);
}

static int make_plan(struct migration *m, struct err *err)
{
	struct forecast forecast_of_plan;

	if (plan_messages(m, err) != 0)
		return -1;
	m->planned = true;
	if (m->kind == RUN_VERIFY)
		return 0;
	if (forecast(&m->transfer, &forecast_of_plan, err) != 0)
		return -1;
	m->fits = forecast_of_plan.fits;
	return 0;
}

static int carry_out(struct migration *m, struct err *err)
{
	struct transfer *t = &m->transfer;

	if (make_plan(m, err) != 0)
		return -1;
	if (writes(m) && (filing(t, m->plan.file, m->plan.include_partial, err) != 0 ||
			  upload(t, err) != 0 || merge_flags(t, m->plan.flags, err) != 0))
		return -1;
	if (m->kind == RUN_PLAN || m->options->verify == VERIFY_NONE)
		return 0;
	return verify(t, m->options->verify, m->kind == RUN_VERIFY, err);
}

/* ---- the end ---- */

/* The exit status of a run whose steps all came to their end. `grave`: notices of what a store has
 * lost. */
static int status_of_balance(const struct migration *m, const struct balance *b, uint64_t grave)
{
	const struct transfer_tally *tally = &m->transfer.tally;

	if (!report_accounts_for_all(b) ||
	    (m->kind != RUN_PLAN && b->outcome[OUTCOME_OPEN] + b->outcome[OUTCOME_TO_FILE] > 0))
		return EXIT_UNBALANCED;
	if (b->differs > 0 || tally->differs > 0 || tally->missing > 0)
		return EXIT_DIFFERS;
	if (m->kind == RUN_VERIFY && b->outcome[OUTCOME_FAILED] > 0)
		return EXIT_DIFFERS;
	if (m->kind != RUN_PLAN && m->options->verify != VERIFY_NONE &&
	    b->verified < (m->kind == RUN_VERIFY
				   ? b->outcome[OUTCOME_PRESENT]
				   : b->outcome[OUTCOME_UPLOADED] + b->outcome[OUTCOME_FILED]))
		return EXIT_DIFFERS; /* the server did not let us look at all of them */
	if (m->kind == RUN_PLAN && !m->fits)
		return EXIT_QUOTA;
	if (b->outcome[OUTCOME_REFUSED] > 0 || b->outcome[OUTCOME_FAILED] > 0 ||
	    tally->source_errors > 0 || grave > 0)
		return EXIT_REFUSED;
	return EXIT_OK;
}

static int print_report(struct migration *m, struct err *err)
{
	struct report_options options = { .fd = STDOUT_FILENO,
					  .verbose = m->options->verbose,
					  .account = m->account.name };
	struct transfer *t = &m->transfer;

	progress_view_end(&m->view);
	switch (m->options->format) {
	case FORMAT_JSONL:
		return report_lines(t->journal, t->run, &options, err);
	case FORMAT_JSON:
		return report_json(t->journal, t->run, &options, err);
	case FORMAT_TEXT:
		break;
	}
	return report_text(t->journal, t->run, &options, err);
}

/* A report that is read later must not leave it open why there is more to do. */
static int note_end(struct transfer *t, const struct err *failed, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(ERR_TEXT_MAX + 64);
	struct run_notice n = { .kind = "ended", .count = 1 };

	buf_addf(&text, "ended before everything was done: %s", failed->text);
	n.text = buf_cstr(&text);
	if (!n.text)
		return buf_ok(&text, "a notice", err);
	return journal_notice_add(t->journal, t->run, 0, &n, err);
}

/* Close the run in the journal and report it; `failed` is the error that ended it, or NULL. */
static int end_run(struct migration *m, const struct err *failed, struct err *err)
{
	struct transfer *t = &m->transfer;
	struct balance b;
	uint64_t grave;
	int status;

	journal_rollback(t->journal); /* of a step that failed in mid-transaction */
	if (failed && note_end(t, failed, err) != 0)
		return -1;
	if (journal_balance(t->journal, t->run, 0, &b, err) != 0 ||
	    journal_notices_grave(t->journal, t->run, &grave, err) != 0)
		return -1;
	status = failed ? exit_status_of(failed) : status_of_balance(m, &b, grave);
	if (journal_run_finish(t->journal, t->run, status, err) != 0)
		return -1;
	if (m->planned && print_report(m, err) != 0)
		return -1;
	if (!failed && m->kind == RUN_PLAN && m->options->format == FORMAT_TEXT &&
	    !m->options->quiet)
		progress_note(&m->progress, "to carry this plan out: mailhoist apply %lld --to %s",
			      (long long)t->run, m->options->to);
	return status;
}

static int migrate(const struct options *options, enum run_kind kind, int64_t only_run,
		   struct err *err)
{
	struct migration *m = calloc(1, sizeof(*m));
	struct err failed = ERR_INIT;
	int status = -1;

	if (!m)
		return err_nomem(err);
	m->options = options;
	m->kind = kind;
	m->only_run = only_run;
	m->arena = (struct arena)ARENA_INIT(ARENA_LIMIT);
	m->account.trace_fd = -1;
	progress_view_init(&m->view, options);
	m->progress = progress_of(&m->view);
	if (set_up(m, err) != 0)
		goto out;
	if (carry_out(m, &failed) == 0) {
		status = end_run(m, NULL, err);
		goto out;
	}
	progress_note(&m->progress, "%s", failed.text);
	status = end_run(m, &failed, err);
out:
	tear_down(m);
	free(m);
	return status;
}

int command_migrate(const struct options *options, struct err *err)
{
	enum run_kind kind = options->command == COMMAND_PLAN  ? RUN_PLAN
			     : options->command == COMMAND_RUN ? RUN_RUN
							       : RUN_VERIFY;

	return migrate(options, kind, 0, err);
}

/* ---- apply ---- */

/* The saved plan with this number: its options into *o. */
static int load_plan(const struct options *given, int64_t number, struct arena *a,
		     struct options *o, struct err *err)
{
	const char *state_dir, *name;
	struct journal *journal;
	struct run run;
	int got;

	if (account_find(given, true, a, &state_dir, &name, err) != 0 ||
	    journal_open_readonly(state_dir, name, &journal, err) != 0)
		return -1;
	got = journal_run_get(journal, number, a, &run, err);
	journal_close(journal);
	if (got < 0)
		return -1;
	if (got == 0 || run.kind != RUN_PLAN)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "there is no plan %lld for %s", (long long)number, name);
	if (!run.whole)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "plan %lld is too old: newer runs took its place; make a new one",
			       (long long)number);
	*o = *given;
	return saved_plan_read(run.options_json, a, o, err);
}

int command_apply(const struct options *options, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ARENA_LIMIT);
	struct options planned;
	uint64_t number = 0;

	if (!slice_u64(slice_str(options->operands[0]), &number) || number > INT64_MAX)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "'%s' is no number of a plan", options->operands[0]);
	if (load_plan(options, (int64_t)number, &a, &planned, err) != 0)
		return -1;
	return migrate(&planned, RUN_APPLY, (int64_t)number, err);
}

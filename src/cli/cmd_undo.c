/*
 * `mailhoist undo`: take back what a run did. With --dry-run the same way is gone
 * over a session that only reads, and what would happen is counted.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/account.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/progress.h"
#include "cli/saved_plan.h"

#define ARENA_LIMIT ((size_t)16 << 20)

struct undo_command {
	struct options options; /* with the account of the run */
	int64_t run;
	struct account account;
	struct arena arena;
	struct source_set *sources; /* of the run: recovery may want to look at messages */
	struct progress_view view;
	struct progress progress;
	struct transfer_options limits;
	struct transfer transfer;
	struct undo_tally tally;
};

/* The run of this number: its account into o->to. */
static int load_run(struct undo_command *c, const struct options *given, struct err *err)
{
	const char *state_dir, *name;
	struct journal *journal;
	uint64_t number = 0;
	struct run run;
	int got;

	if (!slice_u64(slice_str(given->operands[0]), &number) || number > INT64_MAX)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER, "'%s' is no number of a run",
			       given->operands[0]);
	if (account_find(given, true, &c->arena, &state_dir, &name, err) != 0 ||
	    journal_open_readonly(state_dir, name, &journal, err) != 0)
		return -1;
	got = journal_run_get(journal, (int64_t)number, &c->arena, &run, err);
	journal_close(journal);
	if (got < 0)
		return -1;
	if (got == 0 || (run.kind != RUN_RUN && run.kind != RUN_APPLY))
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "there is no run %llu for %s that could be taken back",
			       (unsigned long long)number, name);
	c->run = (int64_t)number;
	c->options = *given;
	return saved_plan_read(run.options_json, &c->arena, &c->options, err);
}

/* A source that is not there any more is no obstacle. */
static int open_sources(struct undo_command *c, struct err *err)
{
	struct err missing = ERR_INIT;

	c->sources = source_set_new(&c->options.source);
	if (!c->sources)
		return err_nomem(err);
	for (size_t i = 0; i < c->options.n_operands; i++)
		(void)source_set_add(c->sources, c->options.operands[i], &missing);
	return 0;
}

static int set_up(struct undo_command *c, struct err *err)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT(256);
	struct transfer *t = &c->transfer;

	if (account_init(&c->account, &c->options, err) != 0 || open_sources(c, err) != 0)
		return -1;
	account_tell_to(&c->account, &c->progress);
	c->account.connect.read_only = c->options.dry_run;
	c->limits.compress = c->options.compress;
	t->options = &c->limits;
	t->connect = &c->account.connect;
	t->sources = c->sources;
	t->progress = &c->progress;
	if (journal_open(c->account.state_dir, c->account.name, &t->journal, err) != 0)
		return -1;
	buf_addf(&json, "{\"undo\":%lld}", (long long)c->run);
	return buf_cstr(&json) ? journal_run_start(t->journal, RUN_UNDO, json.ptr, &t->run, err)
			       : err_nomem(err);
}

static void tear_down(struct undo_command *c)
{
	transfer_disconnect(&c->transfer);
	progress_view_end(&c->view);
	journal_close(c->transfer.journal);
	source_set_free(c->sources);
	account_release(&c->account);
	arena_release(&c->arena);
}

static int carry_out(struct undo_command *c, struct err *err)
{
	struct undo_options options = { .dry = c->options.dry_run };
	struct transfer *t = &c->transfer;

	if (transfer_connect(t, err) != 0 || index_account(t, err) != 0)
		return -1;
	/* also in a dry run: what was being sent when the run died is there, or is not */
	if (recover(t, err) != 0)
		return -1;
	return undo(t, c->run, &options, &c->tally, err);
}

static void put(uint64_t n, const char *what)
{
	if (n > 0)
		printf("%10llu  %s\n", (unsigned long long)n, what);
}

static void print_result(const struct undo_command *c)
{
	const struct undo_tally *n = &c->tally;
	bool dry = c->options.dry_run;

	printf("Undo of run %lld for %s%s\n\n", (long long)c->run, c->account.name,
	       dry ? " (dry run: nothing was changed)" : "");
	put(n->removed,
	    dry ? "messages would be taken away again" : "messages were taken away again");
	put(n->moved_back, dry ? "messages would be moved back" : "messages were moved back");
	put(n->put_back, dry ? "messages would be copied back into INBOX"
			     : "messages were copied back into INBOX");
	put(n->flags, dry ? "messages would have their flags as before"
			  : "messages have their flags as before");
	put(n->gone, "messages are not there any more");
	put(n->changed, "messages are left alone: they were changed since, or their folder was");
	put(n->unknown, "messages are left alone: the server has never told their UIDs");
	if (n->removed + n->moved_back + n->put_back + n->flags + n->gone + n->changed +
		    n->unknown ==
	    0)
		puts("There is nothing to take back.");
	puts("\nFolders that the run has made stay, and so does everything in them that is not its"
	     " own.");
}

static int finish(struct undo_command *c, const struct err *failed, struct err *err)
{
	struct transfer *t = &c->transfer;
	bool left = c->tally.changed + c->tally.unknown > 0;
	int status = failed ? exit_status_of(failed) : left ? EXIT_REFUSED : EXIT_OK;

	journal_rollback(t->journal);
	progress_view_end(&c->view);
	if (journal_run_finish(t->journal, t->run, status, err) != 0)
		return -1;
	if (failed)
		progress_note(&c->progress, "%s", failed->text);
	else
		print_result(c);
	return status;
}

int command_undo(const struct options *options, struct err *err)
{
	struct undo_command *c = calloc(1, sizeof(*c));
	struct err failed = ERR_INIT;
	int status = -1;

	if (!c)
		return err_nomem(err);
	c->arena = (struct arena)ARENA_INIT(ARENA_LIMIT);
	c->account.trace_fd = -1;
	progress_view_init(&c->view, options);
	c->progress = progress_of(&c->view);
	if (load_run(c, options, err) == 0 && set_up(c, err) == 0)
		status =
			carry_out(c, &failed) == 0 ? finish(c, NULL, err) : finish(c, &failed, err);
	tear_down(c);
	free(c);
	return status;
}

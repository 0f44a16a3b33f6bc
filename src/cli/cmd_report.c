/*
 * `mailhoist report`: the report of a run, from the journal. No server is needed.
 */
#include <unistd.h>

#include "cli/account.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "report/report.h"

#define ARENA_LIMIT ((size_t)16 << 20)

static int find_run(struct journal *j, const struct options *o, struct arena *a, int64_t *run,
		    struct err *err)
{
	uint64_t number = 0;
	struct run newest;
	int got;

	if (o->n_operands > 0) {
		if (!slice_u64(slice_str(o->operands[0]), &number) || number > INT64_MAX)
			return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
				       "'%s' is no number of a run", o->operands[0]);
		*run = (int64_t)number;
		return 0;
	}
	got = journal_run_previous(j, 0, a, &newest, err);
	if (got == 0)
		return err_set(err, ERR_NOINPUT, SCOPE_RUN, RETRY_NEVER, "there was no run yet");
	*run = newest.id;
	return got < 0 ? -1 : 0;
}

int command_report(const struct options *options, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(ARENA_LIMIT);
	struct report_options report = { .fd = STDOUT_FILENO, .verbose = options->verbose };
	const char *state_dir;
	struct journal *journal;
	int64_t run = 0;
	int failed;

	if (account_find(options, false, &a, &state_dir, &report.account, err) != 0 ||
	    journal_open_readonly(state_dir, report.account, &journal, err) != 0)
		return -1;
	failed = find_run(journal, options, &a, &run, err);
	if (!failed && options->cleanup)
		failed = report_cleanup(journal, run, &report, err);
	else if (!failed)
		failed = options->format == FORMAT_JSON ? report_json(journal, run, &report, err)
							: report_text(journal, run, &report, err);
	journal_close(journal);
	return failed ? -1 : EXIT_OK;
}

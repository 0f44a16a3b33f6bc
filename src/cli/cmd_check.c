/*
 * `mailhoist check`: what an account is, by looking at it; with --probe also by
 * trying, in a scratch folder that is removed again.
 *
 * Without --probe the session cannot send a command that changes anything, and the state directory
 * is only read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/account.h"
#include "cli/check_report.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/progress.h"
#include "journal/scratch.h"

#define ARENA_LIMIT	    ((size_t)64 << 20) /* names of 100,000 folders among it */
#define REPORT_LIMIT	    ((size_t)64 << 20)
#define CONNECTIONS_DEFAULT 4 /* to be tried at once, when the profile says nothing */

struct check_command {
	const struct options *options;
	struct account account;
	struct arena arena;
	struct session *session; /* for looking */
	struct journal *journal; /* with --probe */
	struct progress_view view;
	struct progress progress;
	struct check check;
};

static int look(struct check_command *c, struct err *err)
{
	c->account.connect.read_only = true;
	account_tell_to(&c->account, &c->progress);
	if (session_open(&c->account.connect, &c->session, err) < 0)
		return -1;
	c->check.account = c->account.name;
	return survey(c->session, &c->arena, &c->check.survey, err);
}

/* Where there is no journal, there was no probe. */
static int look_for_leftovers(struct check_command *c, struct err *err)
{
	struct journal *j;
	struct err none = ERR_INIT;
	int got;

	if (journal_open_readonly(c->account.state_dir, c->account.name, &j, &none) < 0)
		return 0;
	got = journal_scratch_next(j, "", &c->arena, &c->check.leftover, err);
	journal_close(j);
	return got < 0 ? -1 : 0;
}

static int try(struct check_command *c, struct err *err)
{
	const unsigned of_profile = c->check.survey.profile->connections;
	struct session_options writing = c->account.connect;
	const struct probe p = {
		.connect = &writing,
		.journal = c->journal,
		.below = c->account.url.prefix,
		.connections = of_profile ? of_profile : CONNECTIONS_DEFAULT,
		.progress = &c->progress,
	};

	writing.read_only = false;
	c->check.probed = true;
	return probe(&p, &c->arena, &c->check.probe, err);
}

static int carry_out(struct check_command *c, struct err *err)
{
	if (account_init(&c->account, c->options, err) < 0)
		return -1;
	if (c->options->probe &&
	    journal_open(c->account.state_dir, c->account.name, &c->journal, err) < 0)
		return -1;
	if (look(c, err) < 0)
		return -1;
	if (c->options->probe ? try(c, err) < 0 : look_for_leftovers(c, err) < 0)
		return -1;
	return check_judge(&c->check, &c->arena, err);
}

static int print(struct check_command *c, struct err *err)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(REPORT_LIMIT);

	progress_view_end(&c->view);
	if (c->options->format == FORMAT_JSON)
		check_json(&c->check, &out);
	else
		check_text(&c->check, c->options->verbose, &out);
	return fd_flush(STDOUT_FILENO, &out, true, err);
}

static int status_of(const struct check *c)
{
	if (c->obstacle)
		return c->probe.full || check_is_full(c) ? EXIT_QUOTA : EXIT_UNAVAILABLE;
	return c->probe.left_behind ? EXIT_TRY_LATER : EXIT_OK;
}

int command_check(const struct options *options, struct err *err)
{
	struct check_command *c = calloc(1, sizeof(*c));
	int status = -1;

	if (!c)
		return err_nomem(err);
	c->options = options;
	c->arena = (struct arena)ARENA_INIT(ARENA_LIMIT);
	c->account.trace_fd = -1;
	progress_view_init(&c->view, options);
	c->progress = progress_of(&c->view);
	if (carry_out(c, err) == 0 && print(c, err) == 0)
		status = status_of(&c->check);
	progress_view_end(&c->view);
	if (status < 0 && c->check.probe.left_behind)
		fprintf(stderr,
			"mailhoist: the scratch folder '%s' is still there; check --probe removes "
			"it\n",
			c->check.probe.left_behind);
	session_close(c->session);
	journal_close(c->journal);
	account_release(&c->account);
	arena_release(&c->arena);
	free(c);
	return status;
}

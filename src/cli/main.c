/*
 * mailhoist: the program's entry. Parses the command line, locks the process
 * down, runs the command, prints the one error there may be.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/stop.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "source/pst_worker.h"

/* No secret may end up in a core dump, nor be read by another process of the same user. (The leak
 * detector of test builds has to trace its own process.) */
static void protect_memory(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static int show_help(const struct options *o, struct err *err)
{
	enum command about = o->n_operands ? command_find(o->operands[0]) : COMMAND_NONE;

	if (o->n_operands && about == COMMAND_NONE)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "no command is called '%s' (see mailhoist --help)", o->operands[0]);
	options_help(stdout, about);
	return EXIT_OK;
}

static int show_version(void)
{
	puts("mailhoist " MAILHOIST_VERSION "\n"
	     "Licence: GPL-3.0-or-later. There is no warranty, as far as the law permits.");
	return EXIT_OK;
}

static int run(const struct options *o, struct err *err)
{
	switch (o->command) {
	case COMMAND_SCAN:
		return command_scan(o, err);
	case COMMAND_PLAN:
	case COMMAND_RUN:
	case COMMAND_VERIFY:
		return command_migrate(o, err);
	case COMMAND_APPLY:
		return command_apply(o, err);
	case COMMAND_UNDO:
		return command_undo(o, err);
	case COMMAND_REPORT:
		return command_report(o, err);
	case COMMAND_CHECK:
		return command_check(o, err);
	case COMMAND_LOGIN:
		return command_login(o, err);
	case COMMAND_HELP:
		return show_help(o, err);
	case COMMAND_VERSION:
		return show_version();
	case COMMAND_NONE:
	case COMMAND_COUNT:
		break;
	}
	return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER, "a command without code");
}

/* Not by exit(): in a locked-down process nothing has to be cleared up, and sanitizers could not.
 */
static int worker(void)
{
	int status = pst_worker_main();

	if (status == EXIT_USAGE)
		fputs("mailhoist: workers are started by mailhoist itself\n", stderr);
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	struct err err = ERR_INIT;
	int status = -1;

	setlocale(LC_CTYPE, "C.UTF-8"); /* widths of characters; everything else stays "C" */
	protect_memory();
	if (argc == 3 && strcmp(argv[1], "worker") == 0 && strcmp(argv[2], "pst") == 0)
		_exit(worker());
	stop_install();
	if (options_parse(argc, argv, &options, &err) == 0)
		status = run(&options, &err);
	if (status >= 0 && (fflush(stdout) != 0 || ferror(stdout))) {
		fputs("mailhoist: cannot write to standard output\n", stderr);
		return EXIT_IO;
	}
	if (status >= 0)
		return status;
	fprintf(stderr, "mailhoist: %s\n", err.text);
	return exit_status_of(&err);
}

/*
 * The commands. Each does its work and prints its result to stdout. Returns the
 * process's exit status, or -1 with *err, which main() prints and maps.
 */
#ifndef MAILHOIST_CLI_COMMANDS_H
#define MAILHOIST_CLI_COMMANDS_H

#include "cli/options.h"

int command_scan(const struct options *options, struct err *err);
int command_migrate(const struct options *options, struct err *err); /* plan, run, verify */
int command_apply(const struct options *options, struct err *err);
int command_undo(const struct options *options, struct err *err);
int command_check(const struct options *options, struct err *err);
int command_report(const struct options *options, struct err *err);
int command_login(const struct options *options, struct err *err);

#endif

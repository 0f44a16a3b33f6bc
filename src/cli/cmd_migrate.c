#include "cli/commands.h"
int command_migrate(const struct options *options, struct err *err) { (void)options; return err_nomem(err); }
int command_apply(const struct options *options, struct err *err) { (void)options; return err_nomem(err); }
int command_report(const struct options *options, struct err *err) { (void)options; return err_nomem(err); }

/*
 * Exit statuses that scripts can trust (sysexits.h and some of our own); the man
 * page has the list.
 */
#ifndef MAILHOIST_CLI_EXIT_STATUS_H
#define MAILHOIST_CLI_EXIT_STATUS_H

#include "base/err.h"

enum exit_status {
	EXIT_OK = 0,
	EXIT_CONNECT = 10,
	EXIT_TLS = 12,
	EXIT_LOGIN = 16,
	EXIT_USAGE = 64,
	EXIT_NO_INPUT = 66,
	EXIT_UNAVAILABLE = 69,
	EXIT_BUG = 70,
	EXIT_OS = 71,
	EXIT_CANNOT_CREATE = 73,
	EXIT_IO = 74,
	EXIT_TRY_LATER = 75,
	EXIT_PROTOCOL = 76,
	EXIT_CONFIG = 78,
	EXIT_REFUSED = 111, /* done, but some messages were refused or could not be read */
	EXIT_QUOTA = 113,
	EXIT_UNBALANCED = 121,
	EXIT_DIFFERS = 122,
	EXIT_SIGNAL_BASE = 128, /* plus the signal's number */
};

/* The exit status that says what *err says. */
int exit_status_of(const struct err *err);

#endif

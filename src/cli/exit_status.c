/*
 * From errors to exit statuses. See exit_status.h.
 */
#include "cli/exit_status.h"

#include "base/stop.h"

int exit_status_of(const struct err *err)
{
	switch (err->code) {
	case ERR_NONE:
		return EXIT_OK;
	case ERR_USAGE:
		return EXIT_USAGE;
	case ERR_NOINPUT:
	case ERR_FORMAT:
	case ERR_CHANGED:
		return EXIT_NO_INPUT;
	case ERR_UNAVAILABLE: /* for now (too many connections), or for good? */
		return err->retry == RETRY_LATER ? EXIT_TRY_LATER : EXIT_UNAVAILABLE;
	case ERR_REFUSED:
	case ERR_LIMIT: /* more than we can do: that nothing was read or written is another matter
			 */
		return EXIT_UNAVAILABLE;
	case ERR_INTERNAL:
	case ERR_READONLY:
		return EXIT_BUG;
	case ERR_NOMEM:
		return EXIT_OS;
	case ERR_CANTCREAT:
		return EXIT_CANNOT_CREATE;
	case ERR_IO:
		return EXIT_IO;
	case ERR_TEMPFAIL:
	case ERR_BUSY:
		return EXIT_TRY_LATER;
	case ERR_PROTOCOL:
		return EXIT_PROTOCOL;
	case ERR_CONFIG:
		return EXIT_CONFIG;
	case ERR_CONNECT:
	case ERR_EOF:
	case ERR_TIMEOUT:
		return EXIT_CONNECT;
	case ERR_TLS:
		return EXIT_TLS;
	case ERR_AUTH:
		return EXIT_LOGIN;
	case ERR_QUOTA:
		return EXIT_QUOTA;
	case ERR_INTERRUPTED:
		return EXIT_SIGNAL_BASE + stop_requested();
	}
	return EXIT_BUG;
}

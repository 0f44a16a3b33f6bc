/*
 * The signal flag. See stop.h.
 */
#include "base/stop.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t stopped_by;
static bool held;

static void on_signal(int number)
{
	stopped_by = number;
}

void stop_install(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	action.sa_flags = (int)SA_RESETHAND; /* no SA_RESTART: poll(2) must wake up */
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

int stop_requested(void)
{
	return held ? 0 : stopped_by;
}

void stop_hold(bool hold)
{
	held = hold;
}

int stop_check(struct err *err)
{
	if (!stop_requested())
		return 0;
	return err_set(err, ERR_INTERRUPTED, SCOPE_RUN, RETRY_LATER,
		       "stopped by a signal; run it again to go on");
}

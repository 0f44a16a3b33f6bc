/*
 * The keyring of the desktop (Secret Service) by secret-tool(1), of the Debian
 * package libsecret-tools: its library would bring half a desktop along. The
 * secret goes through a pipe, never on the command line.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/stop.h"
#include "net/wait.h"
#include "oauth/store.h"

#define TOOL	   "secret-tool"
#define TIMEOUT_MS 120000 /* somebody may have to unlock the keyring */
#define READ_SIZE  1024
#define NOT_FOUND  127 /* as a shell says it */

static int failed(struct err *err, const char *what)
{
	return err_set(err, ERR_CONFIG, SCOPE_ACCOUNT, RETRY_NEVER, "the keyring (%s): %s", TOOL,
		       what);
}

struct tool {
	pid_t pid;
	int to, from; /* its standard input, its standard output */
};

enum job { JOB_STORE, JOB_LOOKUP };

static _Noreturn void become(enum job job, const char *account, int in, int out)
{
	signal(SIGPIPE, SIG_DFL);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	if (job == JOB_STORE)
		execlp(TOOL, TOOL, "store", "--label=mailhoist", "application", "mailhoist",
		       "account", account, (char *)NULL);
	else
		execlp(TOOL, TOOL, "lookup", "application", "mailhoist", "account", account,
		       (char *)NULL);
	_exit(NOT_FOUND);
}

static int start(enum job job, const char *account, struct tool *out, struct err *err)
{
	int in[2] = { -1, -1 }, back[2] = { -1, -1 };

	if (pipe2(in, O_CLOEXEC) != 0)
		return err_sys(err, ERR_CONFIG, SCOPE_ACCOUNT, errno, TOOL);
	if (pipe2(back, O_CLOEXEC) != 0) {
		close(in[0]);
		close(in[1]);
		return err_sys(err, ERR_CONFIG, SCOPE_ACCOUNT, errno, TOOL);
	}
	out->pid = fork();
	if (out->pid == 0)
		become(job, account, in[0], back[1]);
	close(in[0]);
	close(back[1]);
	out->to = in[1];
	out->from = back[0];
	return 0;
}

/* Everything it says, until it closes its output. */
static int listen_to(struct tool *tool, struct buf *said, struct err *err)
{
	int64_t deadline = time_monotonic_ms() + TIMEOUT_MS;
	ssize_t n = 1;

	while (n > 0) {
		char *room = buf_room(said, READ_SIZE);
		int got = wait_for(tool->from, POLLIN, deadline, err);

		if (got < 0)
			return -1;
		if (got == 0)
			return failed(err, "no answer within two minutes");
		if (!room)
			return failed(err, "what it holds is too long");
		n = read(tool->from, room, READ_SIZE);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			said->len += (size_t)n;
	}
	return n < 0 ? failed(err, "cannot be read") : 0;
}

static int end(struct tool *tool, bool kill_it)
{
	int status = -1;

	fd_cleanup(&tool->to);
	fd_cleanup(&tool->from);
	if (tool->pid > 0 && kill_it)
		kill(tool->pid, SIGTERM);
	while (tool->pid > 0 && waitpid(tool->pid, &status, 0) < 0 && errno == EINTR)
		;
	return tool->pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Run it: what is `said` to it goes in, what it `answers` comes out. Its exit status, or -1. */
static int run(enum job job, const char *account, struct slice said, struct buf *answer,
	       struct err *err)
{
	struct tool tool = { .to = -1, .from = -1 };
	struct err ignored = ERR_INIT;
	int status, result;

	if (start(job, account, &tool, err) < 0)
		return -1;
	/* smaller than a pipe; if it does not want it, its status will tell */
	(void)fd_write(tool.to, said.ptr, said.len, &ignored);
	fd_cleanup(&tool.to);
	result = listen_to(&tool, answer, err);
	status = end(&tool, result < 0);
	if (result < 0)
		return -1;
	if (status == NOT_FOUND)
		return failed(err, "it is not installed (Debian: libsecret-tools)");
	return status < 0 ? failed(err, "it was ended by a signal") : status;
}

int keyring_save(const char *account, struct slice secret, struct err *err)
{
	CLEANUP(buf_wipe) struct buf answer = BUF_INIT(4 * READ_SIZE);
	int status = run(JOB_STORE, account, secret, &answer, err);

	if (status < 0)
		return -1;
	return status == 0 ? 0 : failed(err, "it keeps nothing (is it locked?)");
}

int keyring_load(const char *account, struct buf *secret, struct err *err)
{
	int status = run(JOB_LOOKUP, account, slice_of(NULL, 0), secret, err);

	if (status < 0)
		return -1;
	if (status != 0 || secret->len == 0)
		return failed(err, "it has no login for this account: log in again by `mailhoist "
				   "login`, or unlock it");
	return 0;
}

/*
 * Getting the password. See secret.h.
 */
#include "cli/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stop.h"

#define SEE_OFF_MS	50     /* between two looks whether the command has ended */
#define RUNNING		(-1)   /* no status of waitpid() */
#define COMMAND_WAIT_MS 300000 /* for a command, without --timeout: somebody may have to type */

struct secret {
	const struct options *options;
	const char *user, *host;
	bool kept; /* `text` holds what cannot be asked for twice */
	size_t len;
	char text[SECRET_MAX];
};

static void keep(struct secret *s, const char *text, size_t len)
{
	memcpy(s->text, text, len);
	s->len = len;
	s->kept = true;
}

struct secret *secret_new(const struct options *options, const char *user, const char *host)
{
	struct secret *s = calloc(1, sizeof(*s));
	char *value = getenv("MAILHOIST_PASSWORD");

	if (!s)
		return NULL;
	s->options = options;
	s->user = user;
	s->host = host;
	mlock(s, sizeof(*s)); /* if it may not: then not */
	if (value) {
		size_t len = strlen(value);

		if (len > 0 && len <= SECRET_MAX && options->password_fd < 0)
			keep(s, value, len);
		explicit_bzero(value, len); /* out of /proc/PID/environ, too */
		unsetenv("MAILHOIST_PASSWORD");
	}
	return s;
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	explicit_bzero(s, sizeof(*s));
	munlock(s, sizeof(*s));
	free(s);
}

static int fail(struct err *err, const char *what, const char *name)
{
	return err_set(err, ERR_CONFIG, SCOPE_ACCOUNT, RETRY_NEVER, "%s '%s'", what, name);
}

/* Something is there to be read, or the end. False: not before `deadline` (monotonic ms). */
static bool comes_by(int fd, int64_t deadline)
{
	struct pollfd in = { fd, POLLIN, 0 };

	while (!stop_requested()) {
		int64_t left = deadline - time_monotonic_ms();

		if (left <= 0)
			return false;
		if (poll(&in, 1, left < SEE_OFF_MS ? (int)left : SEE_OFF_MS) > 0)
			return true;
	}
	return false;
}

/* Read the first line: its length, or -1 (too long, or cannot be read, or not there in time).
 * `deadline` INT64_MAX: none. */
static ssize_t read_line(int fd, int64_t deadline, char *out, size_t size)
{
	size_t len = 0;

	while (len < size) {
		if (deadline != INT64_MAX && !comes_by(fd, deadline))
			return -1;
		ssize_t n = read(fd, out + len, 1);

		if (n < 0 && errno == EINTR && !stop_requested())
			continue;
		if (n < 0)
			return -1;
		if (n == 0 || out[len] == '\n')
			break;
		len++;
	}
	if (len == size)
		return -1;
	if (len > 0 && out[len - 1] == '\r')
		len--;
	return (ssize_t)len;
}

/* The command has ended, of itself or by a signal to us: *status. Until then the rest of its output
 * is read, so that it does not die of SIGPIPE; but what it leaves behind in the background may hold
 * the pipe for ever. */
static void see_off(pid_t pid, int fd, int64_t deadline, int *status)
{
	char rest[512];
	struct pollfd out = { fd, POLLIN, 0 };

	while (!stop_requested() && time_monotonic_ms() < deadline) {
		pid_t ended = waitpid(pid, status, WNOHANG);

		if (ended != 0 && !(ended < 0 && errno == EINTR))
			break;
		if (poll(&out, 1, SEE_OFF_MS) > 0 && read(fd, rest, sizeof(rest)) <= 0) {
			while (waitpid(pid, status, WNOHANG) == 0 && !stop_requested() &&
			       time_monotonic_ms() < deadline)
				poll(NULL, 0, SEE_OFF_MS);
			break;
		}
	}
	explicit_bzero(rest, sizeof(rest));
}

/* In the child: as a shell would start it. We ignore SIGPIPE, which programs inherit. */
static _Noreturn void run_command(const char *command, int out)
{
	signal(SIGPIPE, SIG_DFL);
	dup2(out, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* The command is ended, whatever it is doing; its group may be the terminal's, and is left alone.
 */
static void end_command(pid_t pid, int *status)
{
	kill(pid, SIGTERM);
	for (int i = 0; i < 20; i++) {
		if (waitpid(pid, status, WNOHANG) != 0)
			return;
		poll(NULL, 0, SEE_OFF_MS);
	}
	kill(pid, SIGKILL);
	waitpid(pid, status, 0);
}

/* The first line that a shell command prints; `option` and `what` are for the error texts. It has
 * `wait_ms` for all it does. */
static int from_command(const char *command, const char *option, const char *what, int64_t wait_ms,
			char *out, size_t size, struct err *err)
{
	int64_t deadline = time_monotonic_ms() + wait_ms;
	int ends[2], status = RUNNING;
	ssize_t len;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_sys(err, ERR_CONFIG, SCOPE_ACCOUNT, errno, "%s", option);
	pid = fork();
	if (pid == 0)
		run_command(command, ends[1]);
	close(ends[1]);
	len = pid < 0 ? -1 : read_line(ends[0], deadline, out, size);
	if (pid > 0 && len >= 0)
		see_off(pid, ends[0], deadline, &status);
	close(ends[0]);
	bool unended = pid > 0 && status == RUNNING;

	if (unended)
		end_command(pid, &status);
	if (stop_check(err) < 0)
		return -1;
	if (unended && time_monotonic_ms() >= deadline)
		return err_set(err, ERR_CONFIG, SCOPE_ACCOUNT, RETRY_NEVER,
			       "%s has not ended in %lld s", option, (long long)(wait_ms / 1000));
	if (unended)
		return err_set(err, ERR_CONFIG, SCOPE_ACCOUNT, RETRY_NEVER,
			       "%s printed a line of more than %zu octets", option, size - 1);
	if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, ERR_CONFIG, SCOPE_ACCOUNT, RETRY_NEVER, "%s failed (status %d)",
			       option, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	if (len <= 0)
		return err_set(err, ERR_CONFIG, SCOPE_ACCOUNT, RETRY_NEVER, "%s printed no %s",
			       option, what);
	return (int)len;
}

static int64_t command_wait_ms(const struct options *o)
{
	return o->timeout_s > 0 ? (int64_t)o->timeout_s * 1000 : COMMAND_WAIT_MS;
}

int secret_from_file(const char *path, const char *option, char *out, size_t size, struct err *err)
{
	CLEANUP(fd_cleanup) int fd = -1;
	struct stat st;
	ssize_t len;

	fd = fd_open_file(AT_FDCWD, path, &st, err);
	if (fd < 0) {
		err->code = ERR_CONFIG;
		return err_prefix(err, "%s", option);
	}
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return fail(err, "others may read the file of a secret: chmod 600", path);
	len = read_line(fd, INT64_MAX, out, size);
	if (len <= 0)
		return fail(err, "nothing in the first line of", path);
	return (int)len;
}

/* Ask on the terminal, without echo. */
static int from_prompt(struct secret *s, char *out, size_t size, struct err *err)
{
	CLEANUP(fd_cleanup) int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios before, silent;
	ssize_t len;

	if (tty < 0 || tcgetattr(tty, &before) != 0)
		return err_set(
			err, ERR_CONFIG, SCOPE_ACCOUNT, RETRY_NEVER,
			"no password: use --password-command, --password-file, --password-fd "
			"or $MAILHOIST_PASSWORD (there is no terminal to ask on)");
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	dprintf(tty, "Password of %s at %s: ", s->user, s->host);
	tcsetattr(tty, TCSAFLUSH, &silent);
	len = read_line(tty, INT64_MAX, out, size);
	tcsetattr(tty, TCSAFLUSH, &before);
	dprintf(tty, "\n");
	if (len <= 0)
		return stop_check(err) ? -1
				       : err_set(err, ERR_CONFIG, SCOPE_ACCOUNT, RETRY_NEVER,
						 "no password was given");
	keep(s, out, (size_t)len);
	return (int)len;
}

static int from_fd(struct secret *s, char *out, size_t size, struct err *err)
{
	ssize_t len = read_line(s->options->password_fd, INT64_MAX, out, size);

	if (len <= 0)
		return err_set(err, ERR_CONFIG, SCOPE_ACCOUNT, RETRY_NEVER,
			       "no password on descriptor %d", s->options->password_fd);
	keep(s, out, (size_t)len);
	return (int)len;
}

static int get(void *context, char *out, size_t size, struct err *err)
{
	struct secret *s = context;
	const struct options *o = s->options;

	if (o->oauth_token_command)
		return from_command(o->oauth_token_command, "--oauth-token-command", "token",
				    command_wait_ms(o), out, size, err);
	if (size > SECRET_MAX)
		size = SECRET_MAX;
	if (o->password_command)
		return from_command(o->password_command, "--password-command", "password",
				    command_wait_ms(o), out, size, err);
	if (o->password_file)
		return secret_from_file(o->password_file, "--password-file", out, size, err);
	if (o->password_fd >= 0 && !s->kept)
		return from_fd(s, out, size, err);
	if (!s->kept || s->len > size)
		return from_prompt(s, out, size, err);
	memcpy(out, s->text, s->len);
	return (int)s->len;
}

struct secret_source secret_source_of(struct secret *s)
{
	return (struct secret_source){ .get = get,
				       .context = s,
				       .token = s->options->oauth_token_command };
}

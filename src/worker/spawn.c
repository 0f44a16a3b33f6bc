/*
 * Starting and ending workers. See spawn.h.
 */
#include "worker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

#define PAGE_SIZE_MIN ((size_t)4096)
#define OUT_OF_WAY    32   /* descriptors are moved above this before they get their places */
#define GRACE_MS      2000 /* a worker that has closed its socket dies within this time */

/* Its size is sealed: a worker that cuts it would kill its parent by SIGBUS. */
static struct worker_page *make_page(int *fd, struct err *err)
{
	int own = memfd_create("worker", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *at;

	if (own < 0) {
		err_sys(err, ERR_IO, SCOPE_SOURCE, errno, "cannot make shared memory");
		return NULL;
	}
	if (ftruncate(own, (off_t)PAGE_SIZE_MIN) != 0 ||
	    fcntl(own, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
		err_sys(err, ERR_IO, SCOPE_SOURCE, errno, "cannot size shared memory");
		close(own);
		return NULL;
	}
	at = mmap(NULL, PAGE_SIZE_MIN, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);
	if (at == MAP_FAILED) {
		err_sys(err, ERR_IO, SCOPE_SOURCE, errno, "cannot map shared memory");
		close(own);
		return NULL;
	}
	*fd = own;
	return at;
}

/* ---- in the child, before the program is executed again ---- */

static void close_from(int first)
{
	struct rlimit files;

	if (close_range((unsigned)first, ~0u, 0) == 0)
		return;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur > 65536)
		files.rlim_cur = 65536;
	for (int fd = first; fd < (int)files.rlim_cur; fd++)
		close(fd);
}

/* Standard descriptors lead nowhere (libraries print), the three given ones get their numbers,
 * everything else is closed. Test builds keep stderr: sanitizers report there. */
static int place_descriptors(int socket, int page, int input)
{
	int from[] = { socket, page, input }, null = open("/dev/null", O_RDWR);

	if (null < 0)
		return -1;
	for (size_t i = 0; i < 3; i++) {
		from[i] = fcntl(from[i], F_DUPFD, OUT_OF_WAY);
		if (from[i] < 0)
			return -1;
	}
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
#ifdef __SANITIZE_ADDRESS__
		if (fd == STDERR_FILENO)
			break;
#endif
		if (null != fd && dup2(null, fd) < 0)
			return -1;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(from[i], WORKER_SOCKET + i) < 0)
			return -1;
	close_from(WORKER_FD_END);
	return 0;
}

/* A session of its own: the terminal's signals are for the parent, which ends the worker in
 * order. It does not outlive its parent. */
static void leave_family(pid_t parent)
{
	sigset_t none;

	setsid();
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
}

static _Noreturn void become_worker(const char *name, int (*instead)(void),
				    struct worker_page *page)
{
	char program[] = "mailhoist", command[] = "worker", what[32];
	char *arguments[] = { program, command, what, NULL };
	char *no_environment[] = { NULL };

	if (instead)
		_exit(instead());
	snprintf(what, sizeof(what), "%s", name);
	execve("/proc/self/exe", arguments, no_environment);
	page->failed = errno;
	_exit(127);
}

/* ---- in the parent ---- */

int worker_start(struct worker *w, const char *name, int input, int (*instead)(void),
		 struct err *err)
{
	CLEANUP(fd_cleanup) int page_fd = -1;
	struct worker_page *page = make_page(&page_fd, err);
	pid_t parent = getpid(), pid;
	int pair[2];

	if (!page)
		return -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
		munmap(page, PAGE_SIZE_MIN);
		return err_sys(err, ERR_IO, SCOPE_SOURCE, errno, "cannot make a socket pair");
	}
	pid = fork();
	if (pid == 0) {
		leave_family(parent);
		if (place_descriptors(pair[1], page_fd, input) != 0) {
			page->failed = errno;
			_exit(127);
		}
		become_worker(name, instead, page);
	}
	close(pair[1]);
	if (pid < 0) {
		err_sys(err, ERR_IO, SCOPE_SOURCE, errno, "cannot start another process");
		close(pair[0]);
		munmap(page, PAGE_SIZE_MIN);
		return -1;
	}
	*w = (struct worker){ .pid = pid, .socket = pair[0], .page = page };
	return 0;
}

/* True if it ended by itself within the time. */
static bool reaped(pid_t pid, int wait_ms, int *status)
{
	int64_t until = time_monotonic_ms() + wait_ms;

	for (;;) {
		pid_t got = waitpid(pid, status, WNOHANG);

		if (got == pid)
			return true;
		if (got < 0 && errno != EINTR)
			return false;
		if (time_monotonic_ms() >= until)
			return false;
		poll(NULL, 0, 1);
	}
}

static void describe(char why[WORKER_WHY_MAX], int status, int failed)
{
	if (failed)
		snprintf(why, WORKER_WHY_MAX, "could not be started (%s)", strerror(failed));
	else if (WIFSIGNALED(status))
		snprintf(why, WORKER_WHY_MAX, "was killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(why, WORKER_WHY_MAX, "ended with status %d", WEXITSTATUS(status));
}

/* Whether its end of the line is closed: then it is dead or about to be. */
static bool line_is_dead(int socket)
{
	char byte;
	ssize_t n = recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

void worker_end(struct worker *w, char why[WORKER_WHY_MAX])
{
	int status = 0;

	if (why)
		why[0] = '\0';
	if (w->pid <= 0)
		return;
	if (reaped(w->pid, line_is_dead(w->socket) ? GRACE_MS : 0, &status)) {
		if (why)
			describe(why, status, w->page->failed);
	} else {
		kill(w->pid, SIGKILL);
		while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(w->socket);
	munmap(w->page, PAGE_SIZE_MIN);
	*w = (struct worker)WORKER_NONE;
}

/* ---- in the worker ---- */

struct worker_page *worker_page_attach(struct err *err)
{
	void *at = mmap(NULL, PAGE_SIZE_MIN, PROT_READ | PROT_WRITE, MAP_SHARED, WORKER_PAGE, 0);

	if (at == MAP_FAILED) {
		err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			"workers are started by mailhoist itself");
		return NULL;
	}
	return at;
}

/*
 * Workers as processes: what they get, how their end is told, and that none is left.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "worker/spawn.h"

static int open_input(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static struct worker_page *page_or_exit(void)
{
	struct err err = ERR_INIT;
	struct worker_page *page = worker_page_attach(&err);

	if (!page)
		_exit(99);
	return page;
}

static int crash(void)
{
	struct worker_page *page = page_or_exit();

	page->stage = 3;
	page->item = 77;
	signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would exit */
	raise(SIGSEGV);
	return 0;
}

static int exit_one(void)
{
	return 1;
}

static int hang(void)
{
	while (pause() < 0)
		;
	return 0;
}

/* 0: only the descriptors that it should have. */
static int look_around(void)
{
	for (int fd = WORKER_SOCKET; fd < WORKER_FD_END; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			return 1;
	for (int fd = WORKER_FD_END; fd < 200; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return 2;
	if (getsid(0) != getpid())
		return 3;
	return write(WORKER_SOCKET, "x", 1) == 1 ? 0 : 4;
}

static void wait_for_end(struct worker *w)
{
	char byte;

	while (read(w->socket, &byte, 1) > 0)
		;
}

Test(worker_spawn, deaths_are_told)
{
	static const struct {
		const char *name;
		int (*play)(void);
		const char *why;
	} rows[] = {
		{ "crash", crash, "was killed by signal 11 (Segmentation fault)" },
		{ "exit", exit_one, "ended with status 1" },
		{ "only its descriptors", look_around, "ended with status 0" },
	};
	CLEANUP(fd_cleanup) int input = open_input(), extra = dup(input);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct worker w = WORKER_NONE;
		struct err err = ERR_INIT;
		char why[WORKER_WHY_MAX];

		cr_assert_eq(worker_start(&w, "test", input, rows[i].play, &err), 0, "%s",
			     err.text);
		wait_for_end(&w);
		if (i == 0) {
			cr_expect_eq(w.page->stage, 3);
			cr_expect_eq(w.page->item, 77);
		}
		worker_end(&w, why);
		cr_expect_str_eq(why, rows[i].why, "%s: %s", rows[i].name, why);
		cr_expect_eq(w.pid, 0);
	}
	close(extra);
	cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1);
}

Test(worker_spawn, one_that_runs_is_killed)
{
	CLEANUP(fd_cleanup) int input = open_input();
	struct worker w = WORKER_NONE;
	struct err err = ERR_INIT;
	char why[WORKER_WHY_MAX];
	pid_t pid;

	cr_assert_eq(worker_start(&w, "test", input, hang, &err), 0);
	pid = w.pid;
	worker_end(&w, why);
	cr_expect_str_eq(why, "");
	cr_expect_eq(kill(pid, 0), -1);
	cr_expect_eq(errno, ESRCH);
	worker_end(&w, why); /* none: nothing */
}

/* Dead, or dead but for an init that has not looked yet. */
static bool is_running(pid_t pid)
{
	char path[64], state[256] = "";
	CLEANUP(fd_cleanup) int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY);
	return fd >= 0 && read(fd, state, sizeof(state) - 1) > 0 && !strstr(state, ") Z ");
}

static _Noreturn void start_and_leave(int tell)
{
	struct worker w = WORKER_NONE;
	struct err err = ERR_INIT;

	if (worker_start(&w, "test", open_input(), hang, &err) != 0)
		_exit(1);
	_exit(write(tell, &w.pid, sizeof(w.pid)) != (ssize_t)sizeof(w.pid));
}

/* A worker that outlives its parent would read on for nobody. */
Test(worker_spawn, dies_with_its_parent)
{
	pid_t parent, worker = 0;
	int line[2];

	cr_assert_eq(pipe(line), 0);
	parent = fork();
	if (parent == 0)
		start_and_leave(line[1]);
	cr_assert_eq(read(line[0], &worker, sizeof(worker)), (ssize_t)sizeof(worker));
	waitpid(parent, NULL, 0);
	for (int i = 0; i < 2000 && is_running(worker); i++)
		usleep(1000);
	cr_expect_not(is_running(worker));
}

Test(worker_spawn, not_started_by_us)
{
	struct err err = ERR_INIT;

	close(WORKER_PAGE);
	cr_expect_null(worker_page_attach(&err));
	cr_expect_eq(err.code, ERR_USAGE);
}

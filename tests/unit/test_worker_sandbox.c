/*
 * The sandbox is real: a forked process enters it and tries what it must not be able
 * to do. Each row is tried in a process of its own.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "worker/sandbox.h"

static const struct sandbox_limits limits = {
	.memory = UINT64_C(1) << 30,
	.cpu_s = 60,
	.files = 16,
};

/* 0: it could be done; an errno: it could not. */
static int tried(long result)
{
	return result < 0 ? errno : 0;
}

static int open_file(void)
{
	return tried(open("/etc/passwd", O_RDONLY));
}

static int open_own_program(void)
{
	return tried(open("/proc/self/exe", O_RDONLY));
}

static int write_file(void)
{
	return tried(open("/tmp/mailhoist-sandbox-test", O_WRONLY | O_CREAT, 0600));
}

static int make_spool(void)
{
	return tried(open("/tmp", O_TMPFILE | O_RDWR, 0600));
}

static int open_directory(void)
{
	return tried(open("/", O_RDONLY | O_DIRECTORY));
}

static int look_at_file(void)
{
	struct stat st;

	return tried(stat("/etc/passwd", &st));
}

static int remove_file(void)
{
	return tried(unlink("/tmp/mailhoist-no-such-file"));
}

static int make_socket(void)
{
	return tried(socket(AF_INET, SOCK_STREAM, 0));
}

static int make_local_socket(void)
{
	int pair[2];

	return tried(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

static int execute(void)
{
	char program[] = "/bin/true";
	char *arguments[] = { program, NULL };

	return tried(execve(program, arguments, NULL));
}

static int fork_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return tried(pid);
}

static int kill_parent(void)
{
	return tried(kill(getppid(), 0));
}

static int trace_parent(void)
{
	return tried(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int read_other_memory(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { &byte, 1 };

	return tried(process_vm_readv(getppid(), &here, 1, &there, 1, 0));
}

static int map_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? errno : 0;
}

static int make_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? 0 : tried(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int make_memory_file(void)
{
	return tried(memfd_create("x", 0));
}

static const struct {
	const char *name;
	int (*attempt)(void);
} forbidden[] = {
	{ "open a file", open_file },
	{ "open the own program", open_own_program },
	{ "create a file", write_file },
	{ "create a file without a name", make_spool },
	{ "open a directory", open_directory },
	{ "look at a file", look_at_file },
	{ "remove a file", remove_file },
	{ "make a TCP socket", make_socket },
	{ "make a socket pair", make_local_socket },
	{ "execute a program", execute },
	{ "fork", fork_process },
	{ "signal another process", kill_parent },
	{ "trace another process", trace_parent },
	{ "read another process's memory", read_other_memory },
	{ "map memory as code", map_code },
	{ "make code of memory", make_code },
	{ "make a file in memory", make_memory_file },
};

/* The exit status of a process that enters the sandbox and then does this. */
static int in_sandbox(int (*attempt)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct sandbox_facts facts;
		struct err err = ERR_INIT;

		if (sandbox_enter(&limits, &facts, &err) != 0)
			_exit(255);
		_exit(attempt());
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

Test(worker_sandbox, forbids)
{
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		int status = in_sandbox(forbidden[i].attempt);

		cr_expect(status == EPERM || status == EACCES, "%s: %d", forbidden[i].name, status);
	}
}

/* The same, attempted outside: what the rows test is not impossible anyway. */
Test(worker_sandbox, rows_are_possible_outside)
{
	cr_expect_eq(open_file(), 0);
	cr_expect_eq(make_socket(), 0);
	cr_expect_eq(make_memory_file(), 0);
	cr_expect_eq(map_code(), 0);
}

static int work(void)
{
	char *much = malloc((size_t)8 << 20);
	char byte;
	int fds_ok = fcntl(STDIN_FILENO, F_GETFD) >= -1;
	FILE *file = fdopen(STDIN_FILENO, "r");

	if (!much || !file || !fds_ok || clock() == (clock_t)-1)
		return 1;
	free(much);
	return read(STDIN_FILENO, &byte, 1) < -1;
}

Test(worker_sandbox, lets_work_go_on)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	dup2(ends[0], STDIN_FILENO);
	close(ends[1]);
	cr_expect_eq(in_sandbox(work), 0);
}

#ifndef __SANITIZE_ADDRESS__
static int take_too_much(void)
{
	return malloc((size_t)2 << 30) ? 0 : ENOMEM;
}

Test(worker_sandbox, bounds_memory)
{
	cr_expect_eq(in_sandbox(take_too_much), ENOMEM);
}

/* A crash stays a crash: not an exit status that could be taken for an answer. */
static int crash(void)
{
	abort();
}

Test(worker_sandbox, abort_is_a_signal)
{
	cr_expect_eq(in_sandbox(crash), 254);
}
#endif

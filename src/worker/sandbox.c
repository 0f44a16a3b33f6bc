/*
 * Locking a process down. See sandbox.h.
 *
 * EPERM rather than death for what is not allowed: libraries ask for things that
 * they can do without (glibc's iconv looks for a module, stdio for the size of a
 * file), and a worker that lives can still deliver the mail.
 */
#include "worker/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int unavailable(struct err *err, const char *what, int number)
{
	return err_sys(err, ERR_UNAVAILABLE, SCOPE_SOURCE, number,
		       "this system cannot lock the reader down (%s)", what);
}

/* ---- limits ---- */

static int set_limit(__rlimit_resource_t what, uint64_t n)
{
	struct rlimit now, limit = { n, n };

	if (getrlimit(what, &now) != 0)
		return -1;
	if (limit.rlim_max > now.rlim_max)
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	return setrlimit(what, &limit);
}

static int apply_limits(const struct sandbox_limits *l, struct err *err)
{
	const struct {
		__rlimit_resource_t what;
		uint64_t n;
	} rows[] = {
		{ RLIMIT_CORE, 0 },	  { RLIMIT_FSIZE, 0 }, { RLIMIT_MEMLOCK, 0 },
		{ RLIMIT_MSGQUEUE, 0 },	  { RLIMIT_NPROC, 0 }, { RLIMIT_NOFILE, l->files },
		{ RLIMIT_CPU, l->cpu_s },
#ifndef __SANITIZE_ADDRESS__ /* which reserves terabytes */
		{ RLIMIT_AS, l->memory },
#endif
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (set_limit(rows[i].what, rows[i].n) != 0)
			return unavailable(err, "resource limits", errno);
	return 0;
}

/* ---- Landlock ---- */

/* What newer kernels know; headers may be older than the kernel. */
#define FS_V1		      ((UINT64_C(1) << 13) - 1) /* execute ... make_sym */
#define FS_REFER	      (UINT64_C(1) << 13)	/* version 2 */
#define FS_TRUNCATE	      (UINT64_C(1) << 14)	/* 3 */
#define NET_BIND	      (UINT64_C(1) << 0)	/* 4 */
#define NET_CONNECT	      (UINT64_C(1) << 1)
#define FS_IOCTL_DEV	      (UINT64_C(1) << 15) /* 5 */
#define SCOPE_ABSTRACT_SOCKET (UINT64_C(1) << 0)  /* 6 */
#define SCOPE_SIGNAL	      (UINT64_C(1) << 1)

struct ruleset {
	uint64_t fs, net, scoped; /* as struct landlock_ruleset_attr of version 6 */
};

static struct ruleset everything(int abi, size_t *size)
{
	struct ruleset r = { .fs = FS_V1 };

	*size = abi >= 6 ? sizeof(r) : abi >= 4 ? offsetof(struct ruleset, scoped) : sizeof(r.fs);
	if (abi >= 2)
		r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNCATE;
	if (abi >= 4)
		r.net = NET_BIND | NET_CONNECT;
	if (abi >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		r.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
	return r;
}

/* A set of rules that allows nothing. The version in force, or 0. */
static int apply_landlock(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset rules;
	size_t size;
	int fd, failed;

	if (abi <= 0)
		return 0;
	rules = everything((int)abi, &size);
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (fd < 0)
		return 0;
	failed = (int)syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
	return failed ? 0 : (int)abi;
}

/* ---- seccomp ---- */

/* With any arguments. */
static const int allowed[] = {
	SCMP_SYS(read),		SCMP_SYS(pread64),	 SCMP_SYS(readv),
	SCMP_SYS(lseek),	SCMP_SYS(close),	 SCMP_SYS(write),
	SCMP_SYS(brk),		SCMP_SYS(munmap),	 SCMP_SYS(mremap),
	SCMP_SYS(madvise),	SCMP_SYS(fstat),	 SCMP_SYS(poll),
	SCMP_SYS(futex),	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	SCMP_SYS(time),		SCMP_SYS(getpid),	 SCMP_SYS(gettid),
	SCMP_SYS(getrandom),	SCMP_SYS(sysinfo),	 SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigreturn),	 SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),		SCMP_SYS(exit_group),
#ifdef __SANITIZE_ADDRESS__ /* for its reports */
	SCMP_SYS(sigaltstack),	SCMP_SYS(sched_yield),	 SCMP_SYS(readlink),
	SCMP_SYS(getrlimit),	SCMP_SYS(prlimit64),	 SCMP_SYS(dup),
#endif
};

/* With arguments that must be so. */
struct condition {
	int call;
	unsigned n;
	struct scmp_arg_cmp arguments[2];
};

static int add_rules(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp no_code = SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct condition conditions[] = {
		/* memory, but no code, and nothing out of a file */
		{ SCMP_SYS(mmap),
		  2,
		  { no_code, SCMP_A3_64(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS) } },
		{ SCMP_SYS(mprotect), 1, { no_code } },
		/* to the other end only */
		{ SCMP_SYS(sendto), 1, { SCMP_A4_64(SCMP_CMP_EQ, 0) } },
		/* what stdio asks about a descriptor */
		{ SCMP_SYS(newfstatat), 1, { SCMP_A3_64(SCMP_CMP_EQ, AT_EMPTY_PATH) } },
		{ SCMP_SYS(fcntl), 1, { SCMP_A1_64(SCMP_CMP_EQ, F_GETFL) } },
		{ SCMP_SYS(fcntl), 1, { SCMP_A1_64(SCMP_CMP_EQ, F_GETFD) } },
		{ SCMP_SYS(fcntl), 1, { SCMP_A1_64(SCMP_CMP_EQ, F_DUPFD_CLOEXEC) } },
		/* abort() */
		{ SCMP_SYS(tgkill), 1, { SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t)getpid()) } },
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && !failed; i++)
		failed = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]) && !failed; i++)
		failed = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, conditions[i].call,
						conditions[i].n, conditions[i].arguments);
	return failed;
}

/* System calls of another architecture's numbering kill. */
static int apply_seccomp(struct err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int failed;

	if (!ctx)
		return err_nomem(err);
	failed = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!failed)
		failed = add_rules(ctx);
	if (!failed)
		failed = seccomp_load(ctx);
	seccomp_release(ctx);
	return failed ? unavailable(err, "seccomp", -failed) : 0;
}

int sandbox_enter(const struct sandbox_limits *limits, struct sandbox_facts *out, struct err *err)
{
	struct sandbox_facts facts = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return unavailable(err, "no_new_privs", errno);
	if (apply_limits(limits, err) != 0)
		return -1;
	facts.landlock = apply_landlock();
	if (apply_seccomp(err) != 0)
		return -1;
	*out = facts;
	return 0;
}

/*
 * Opening and closing the journal, its lock, its transactions. See journal.h.
 */
#include "journal/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fault.h"

#define ACCOUNT_MAX 200 /* octets of a directory name; file systems allow 255 */
#define FILE_NAME   "journal.sqlite"

/* "user@host" as one directory name: what could be a path, or be hidden, becomes %XX. */
static int add_account(struct buf *path, const char *account, struct err *err)
{
	size_t start = path->len;

	for (const char *p = account; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("@._+-=", *p);

		if (plain && !(*p == '.' && p == account))
			buf_addc(path, *p);
		else
			buf_addf(path, "%%%02X", (unsigned char)*p);
	}
	if (path->len == start || path->len - start > ACCOUNT_MAX)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER,
			       "the account name is empty or too long: '%.60s'", account);
	return buf_ok(path, "the journal's path", err);
}

static int make_dirs(const char *path, struct err *err)
{
	CLEANUP(buf_release) struct buf part = BUF_INIT(4096);

	for (const char *p = path; *p; p++) {
		if (*p == '/' && p > path && mkdir(buf_cstr(&part) ? part.ptr : "", 0700) != 0 &&
		    errno != EEXIST)
			return err_sys(err, ERR_CANTCREAT, SCOPE_RUN, errno,
				       "cannot make the state directory '%s'", part.ptr);
		buf_addc(&part, *p);
	}
	if (buf_ok(&part, "the journal's path", err) < 0 || !buf_cstr(&part))
		return -1;
	if (mkdir(part.ptr, 0700) != 0 && errno != EEXIST)
		return err_sys(err, ERR_CANTCREAT, SCOPE_RUN, errno,
			       "cannot make the state directory '%s'", part.ptr);
	return 0;
}

/* The lock is the kernel's (it goes with the process); the number in the file is for people. */
static int lock(struct journal *j, struct err *err)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(8192);
	char pid[24] = "";
	int len;

	buf_addf(&path, "%s/lock", j->dir);
	if (!buf_cstr(&path))
		return err_nomem(err);
	j->lock_fd = open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (j->lock_fd < 0)
		return err_sys(err, ERR_CANTCREAT, SCOPE_RUN, errno, "cannot open '%s'", path.ptr);
	if (flock(j->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return err_sys(err, ERR_CANTCREAT, SCOPE_RUN, errno, "cannot lock '%s'",
				       path.ptr);
		len = (int)pread(j->lock_fd, pid, sizeof(pid) - 1, 0);
		pid[len > 0 ? len : 0] = '\0';
		pid[strspn(pid, "0123456789")] = '\0';
		return err_set(err, ERR_BUSY, SCOPE_RUN, RETRY_LATER,
			       "another mailhoist (process %s) is working on this account; its"
			       " state is in '%s'",
			       *pid ? pid : "unknown", j->dir);
	}
	len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(j->lock_fd, 0) != 0 || pwrite(j->lock_fd, pid, (size_t)len, 0) != len)
		return err_sys(err, ERR_CANTCREAT, SCOPE_RUN, errno, "cannot write '%s'", path.ptr);
	return 0;
}

int journal_account_dir(const char *state_dir, const char *account, bool make, struct buf *dir,
			struct err *err)
{
	buf_addf(dir, "%s/", state_dir);
	if (add_account(dir, account, err) < 0)
		return -1;
	if (!buf_cstr(dir))
		return err_nomem(err);
	return make ? make_dirs(dir->ptr, err) : 0;
}

static int set_dir(struct journal *j, const char *state_dir, const char *account, struct buf *file,
		   struct err *err)
{
	CLEANUP(buf_release) struct buf dir = BUF_INIT(4096);

	if (journal_account_dir(state_dir, account, false, &dir, err) < 0)
		return -1;
	j->dir = strdup(dir.ptr);
	buf_addf(file, "%s/" FILE_NAME, dir.ptr);
	return j->dir && buf_cstr(file) ? 0 : err_nomem(err);
}

static int open_writable(struct journal *j, const char *file, struct err *err)
{
	/* A longer log: checkpoints in the middle of 200,000 items only cost time. */
	static const char settings[] = JOURNAL_CACHE
		"PRAGMA wal_autocheckpoint=4000;"
		"PRAGMA journal_size_limit=67108864;"
		/* journal_doubt_stays() */
		"CREATE TEMP TABLE doubt_stays (upload INTEGER PRIMARY KEY);"
		/* journal_remote_join_gmail() */
		"CREATE TEMP TABLE gmail_read (id INTEGER PRIMARY KEY, remote INTEGER NOT NULL);"
		"CREATE TEMP TABLE gmail_unread (id INTEGER NOT NULL, remote INTEGER PRIMARY KEY);";

	if (make_dirs(j->dir, err) < 0 || lock(j, err) < 0 || db_open(&j->db, file, err) < 0)
		return -1;
	if (schema_prepare(&j->db, err) < 0 || db_exec(&j->db, settings, err) < 0)
		return -1;
	return inflight_found(j, err);
}

static int open_journal(const char *state_dir, const char *account, bool readonly,
			struct journal **out, struct err *err)
{
	CLEANUP(buf_release) struct buf file = BUF_INIT(8192);
	struct journal *j = calloc(1, sizeof(*j));
	int result;

	if (!j)
		return err_nomem(err);
	j->lock_fd = -1;
	result = set_dir(j, state_dir, account, &file, err);
	if (result == 0 && readonly && access(file.ptr, R_OK) != 0)
		result = err_sys(err, ERR_NOINPUT, SCOPE_RUN, errno, "no journal '%s'", file.ptr);
	if (result == 0 && readonly) {
		result = db_open_readonly(&j->db, file.ptr, err);
		if (result == 0)
			result = schema_check(&j->db, err);
	} else if (result == 0) {
		result = open_writable(j, file.ptr, err);
	}
	if (result < 0) {
		journal_close(j);
		return -1;
	}
	*out = j;
	return 0;
}

int journal_open(const char *state_dir, const char *account, struct journal **out, struct err *err)
{
	return open_journal(state_dir, account, false, out, err);
}

int journal_open_readonly(const char *state_dir, const char *account, struct journal **out,
			  struct err *err)
{
	return open_journal(state_dir, account, true, out, err);
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	db_close(&j->db);
	if (j->lock_fd >= 0)
		close(j->lock_fd);
	free(j->dir);
	free(j);
}

int journal_sorting(struct journal *j, bool sorting, struct err *err)
{
	return db_exec(&j->db, sorting ? "PRAGMA cache_size=-4096" : JOURNAL_CACHE, err);
}

struct db *journal_db(struct journal *j)
{
	return &j->db;
}

const char *journal_dir(const struct journal *j)
{
	return j->dir;
}

int journal_begin(struct journal *j, struct err *err)
{
	return db_exec(&j->db, "BEGIN IMMEDIATE", err);
}

int journal_commit(struct journal *j, struct err *err)
{
	fault_point("journal-commit-before");
	if (store_counts_flush(j, err) < 0 || db_exec(&j->db, "COMMIT", err) < 0) {
		journal_rollback(j); /* a full disk may leave it open */
		return -1;
	}
	fault_point("journal-commit-after");
	return 0;
}

void journal_rollback(struct journal *j)
{
	if (!sqlite3_get_autocommit(j->db.sqlite))
		sqlite3_exec(j->db.sqlite, "ROLLBACK", NULL, NULL, NULL);
	j->filling = (struct filling){ 0 };
}

int tx_begin(struct journal *j, bool *own, struct err *err)
{
	*own = sqlite3_get_autocommit(j->db.sqlite) != 0;
	return *own ? journal_begin(j, err) : 0;
}

int tx_end(struct journal *j, bool own, int result, struct err *err)
{
	if (!own)
		return result;
	if (result == 0)
		return journal_commit(j, err);
	journal_rollback(j);
	return result;
}

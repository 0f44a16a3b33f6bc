/*
 * STATE/failed/RUN/{tmp,new,cur} is a maildir. A message is written into tmp/,
 * synced and renamed into cur/. Its reason lies beside the three directories, as
 * NAME.reason: inside cur/ a mail program would take it for a message.
 */
#include "transfer/sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"

#define NAME_SIZE  96
#define REASON_MAX 16384

static int make_dir(int dirfd, const char *name, struct err *err)
{
	if (mkdirat(dirfd, name, 0700) < 0 && errno != EEXIST)
		return err_sys(err, ERR_CANTCREAT, SCOPE_RUN, errno, "cannot create '%s'", name);
	return 0;
}

/* Make the directory and open it; the descriptor is the caller's. */
static int enter_dir(int dirfd, const char *name, struct err *err)
{
	if (make_dir(dirfd, name, err) < 0)
		return -1;
	return fd_open_dir(dirfd, name, err);
}

static int open_maildir(const char *state_dir, int64_t run, struct err *err)
{
	CLEANUP(fd_cleanup) int state = -1;
	CLEANUP(fd_cleanup) int failed = -1;
	char number[32];

	snprintf(number, sizeof(number), "%" PRId64, run);
	state = fd_open_dir(AT_FDCWD, state_dir, err);
	if (state < 0)
		return -1;
	failed = enter_dir(state, "failed", err);
	if (failed < 0)
		return -1;
	int dir = enter_dir(failed, number, err);

	if (dir < 0)
		return -1;
	if (make_dir(dir, "tmp", err) < 0 || make_dir(dir, "new", err) < 0 ||
	    make_dir(dir, "cur", err) < 0) {
		close(dir);
		return -1;
	}
	return dir;
}

/* The same message refused in two folders is two files: FNV-1a of the folder's name. */
static uint64_t hash_name(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return hash;
}

static void entry_name(char name[NAME_SIZE], const struct sidecar_entry *e)
{
	size_t n = 0;

	for (size_t i = 0; i < 16; i++)
		n += (size_t)snprintf(name + n, NAME_SIZE - n, "%02x", e->sha256[i]);
	snprintf(name + n, NAME_SIZE - n, ".%016" PRIx64, hash_name(e->folder));
}

static int create_file(int dirfd, const char *path, struct err *err)
{
	int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		err_sys(err, ERR_CANTCREAT, SCOPE_RUN, errno, "cannot create '%s'", path);
	return fd;
}

static int finish_file(int dirfd, int fd, const char *from, const char *to, struct err *err)
{
	if (fsync(fd) < 0)
		return err_sys(err, ERR_IO, SCOPE_RUN, errno, "cannot write '%s'", from);
	if (renameat(dirfd, from, dirfd, to) < 0)
		return err_sys(err, ERR_IO, SCOPE_RUN, errno, "cannot rename '%s'", from);
	return 0;
}

static int write_message(int dirfd, const char *name, struct canon *canon, const struct body *body,
			 const struct canon_rules *rules, struct err *err)
{
	CLEANUP(fd_cleanup) int fd = -1;
	char from[NAME_SIZE + 16], to[NAME_SIZE + 16];
	struct slice bytes;
	int got;

	snprintf(from, sizeof(from), "tmp/%s", name);
	snprintf(to, sizeof(to), "cur/%s:2,", name);
	fd = create_file(dirfd, from, err);
	if (fd < 0)
		return -1;
	canon_start(canon, body, rules);
	while ((got = canon_next(canon, &bytes, err)) > 0) {
		if (fd_write(fd, bytes.ptr, bytes.len, err) < 0)
			return -1;
	}
	if (got < 0) {
		unlinkat(dirfd, from, 0);
		return -1;
	}
	return finish_file(dirfd, fd, from, to, err);
}

static void add_line(struct buf *b, const char *label, const char *text)
{
	if (!text)
		return;
	buf_addf(b, "%s: ", label);
	text_add_safe(b, slice_str(text), 0);
	buf_addc(b, '\n');
}

static int write_reason(int dirfd, const char *name, const struct sidecar_entry *e, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(REASON_MAX);
	CLEANUP(fd_cleanup) int fd = -1;
	char from[NAME_SIZE + 16], to[NAME_SIZE + 16];

	add_line(&text, "Reason", e->reason);
	add_line(&text, "Folder", e->folder);
	add_line(&text, "Stored in", e->location);
	add_line(&text, "Locator", e->locator);
	add_line(&text, "Message-ID", e->message_id);
	add_line(&text, "From", e->from);
	add_line(&text, "Subject", e->subject);
	snprintf(from, sizeof(from), "tmp/%s.reason", name);
	snprintf(to, sizeof(to), "%s.reason", name);
	fd = create_file(dirfd, from, err);
	if (fd < 0)
		return -1;
	/* Fields that are too long were left out as a whole: the reason comes first. */
	if (fd_write(fd, text.ptr, text.len, err) < 0)
		return -1;
	return finish_file(dirfd, fd, from, to, err);
}

int sidecar_keep(const char *state_dir, int64_t run, struct canon *canon, const struct body *body,
		 const struct canon_rules *rules, const struct sidecar_entry *entry,
		 struct err *err)
{
	CLEANUP(fd_cleanup) int dir = open_maildir(state_dir, run, err);
	char name[NAME_SIZE];

	if (dir < 0)
		return -1;
	entry_name(name, entry);
	if (write_reason(dir, name, entry, err) < 0)
		return -1;
	return write_message(dir, name, canon, body, rules, err);
}

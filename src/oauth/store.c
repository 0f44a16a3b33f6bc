/*
 * Keeping grants. See store.h.
 */
#include "oauth/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/stop.h"

#define FILE_NAME    "oauth.json"
#define NEW_NAME     "oauth.json.new"
#define LOCK_NAME    "oauth.lock"
#define FILE_MAX     (64u << 10)
#define LOCK_WAIT_MS 60000
#define LOCK_LOOK_MS 100

static int open_dir(const struct oauth_place *place, struct err *err)
{
	int fd = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, ERR_CANTCREAT, SCOPE_ACCOUNT, errno, "'%s'", place->dir);
	return fd;
}

bool oauth_store_exists(const struct oauth_place *place)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(8192);

	buf_addf(&path, "%s/" FILE_NAME, place->dir);
	return buf_cstr(&path) && access(path.ptr, F_OK) == 0;
}

int oauth_store_lock(const struct oauth_place *place, struct err *err)
{
	CLEANUP(fd_cleanup) int dir = open_dir(place, err);
	int64_t deadline = time_monotonic_ms() + LOCK_WAIT_MS;
	int fd;

	if (dir < 0)
		return -1;
	fd = openat(dir, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, ERR_CANTCREAT, SCOPE_ACCOUNT, errno, "'%s/" LOCK_NAME "'",
			       place->dir);
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (time_monotonic_ms() < deadline && stop_check(err) == 0) {
			poll(NULL, 0, LOCK_LOOK_MS);
			continue;
		}
		close(fd);
		if (stop_check(err) < 0)
			return -1;
		return err_set(err, ERR_BUSY, SCOPE_ACCOUNT, RETRY_LATER,
			       "another mailhoist has been renewing the OAuth login for a minute");
	}
	return fd;
}

/* ---- loading ---- */

static int unreadable(const struct oauth_place *place, const char *why, struct err *err)
{
	return err_set(err, ERR_CONFIG, SCOPE_ACCOUNT, RETRY_NEVER, "'%s/" FILE_NAME "': %s",
		       place->dir, why);
}

static int slurp(const struct oauth_place *place, struct buf *json, struct err *err)
{
	CLEANUP(fd_cleanup) int dir = open_dir(place, err);
	CLEANUP(fd_cleanup) int fd = -1;
	struct stat st;
	ssize_t n;

	if (dir < 0)
		return -1;
	fd = fd_open_file(dir, FILE_NAME, &st, err);
	if (fd < 0) {
		err->code = ERR_CONFIG;
		return err_prefix(err, "the OAuth login of %s", place->account);
	}
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return unreadable(place, "others may read it, and it holds secrets: chmod 600",
				  err);
	if (st.st_size >= (off_t)json->limit || !buf_room(json, json->limit - 1))
		return unreadable(place, "it is too long", err);
	n = fd_pread(fd, json->ptr, json->limit - 1, 0, err);
	if (n < 0)
		return -1;
	json->len = (size_t)n;
	return 0;
}

static int load_secrets(const struct oauth_place *place, struct oauth_grant *g, struct err *err)
{
	CLEANUP(buf_wipe) struct buf json = BUF_INIT(FILE_MAX);

	if (!buf_room(&json, FILE_MAX - 1))
		return err_nomem(err);
	return keyring_load(place->account, &json, err) < 0
		       ? -1
		       : oauth_grant_read(g, buf_slice(&json), err);
}

int oauth_store_load(const struct oauth_place *place, struct oauth_grant *out, struct err *err)
{
	CLEANUP(buf_wipe) struct buf json = BUF_INIT(FILE_MAX);

	if (slurp(place, &json, err) < 0)
		return -1;
	if (oauth_grant_read(out, buf_slice(&json), err) < 0)
		return unreadable(place, "it is damaged: log in again by `mailhoist login`", err);
	if (out->provider.len == 0 || out->token_url.len == 0 || out->client_id.len == 0)
		return unreadable(place, "it is incomplete: log in again by `mailhoist login`",
				  err);
	return out->keyring ? load_secrets(place, out, err) : 0;
}

/* ---- saving ---- */

/* The new file is whole and on disk before it takes the place of the old one. */
static int replace(int dir, struct slice json, struct err *err)
{
	CLEANUP(fd_cleanup) int fd = -1;

	unlinkat(dir, NEW_NAME, 0); /* of a process that was killed */
	fd = openat(dir, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, ERR_CANTCREAT, SCOPE_ACCOUNT, errno, NEW_NAME);
	if (fd_write(fd, json.ptr, json.len, err) < 0)
		return -1;
	if (fsync(fd) != 0 || renameat(dir, NEW_NAME, dir, FILE_NAME) != 0 || fsync(dir) != 0)
		return err_sys(err, ERR_IO, SCOPE_ACCOUNT, errno, FILE_NAME);
	return 0;
}

static int save_secrets(const struct oauth_place *place, const struct oauth_grant *g,
			struct err *err)
{
	CLEANUP(buf_wipe) struct buf json = BUF_INIT(FILE_MAX);

	oauth_grant_write(g, false, true, &json);
	if (buf_ok(&json, "the login", err) < 0)
		return -1;
	if (json.len > KEYRING_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_ACCOUNT, RETRY_NEVER,
			       "the tokens are too long for the keyring: log in without "
			       "--oauth-keyring");
	return keyring_save(place->account, buf_slice(&json), err);
}

int oauth_store_save(const struct oauth_place *place, const struct oauth_grant *g, struct err *err)
{
	CLEANUP(buf_wipe) struct buf json = BUF_INIT(FILE_MAX);
	CLEANUP(fd_cleanup) int dir = open_dir(place, err);

	if (dir < 0)
		return -1;
	if (g->keyring && save_secrets(place, g, err) < 0)
		return -1;
	oauth_grant_write(g, true, !g->keyring, &json);
	if (buf_ok(&json, "the login", err) < 0)
		return -1;
	if (replace(dir, buf_slice(&json), err) < 0)
		return err_prefix(err, "the OAuth login cannot be kept in '%s'", place->dir);
	return 0;
}

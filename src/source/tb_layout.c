/*
 * Profiles and accounts of Thunderbird. See tb_layout.h.
 */
#include "source/tb_layout.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/tb_accounts.h"

#define ARENA_MAX     ((size_t)256 << 20) /* 4 kB a folder */
#define PROFILE_ABOVE 4 /* levels above a named account folder where its profile may be */

/* ---- a profile ---- */

/* Thunderbird holds a POSIX lock on .parentlock while it runs (the file itself stays), has a
 * link `lock` to "address:+pid", and on Windows a file parent.lock that goes when it ends. */
static bool parentlock_held(const char *dir)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	CLEANUP(fd_cleanup) int fd = -1;
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	struct err ignored = ERR_INIT;

	if (!tb_join(&path, dir, ".parentlock"))
		return false;
	fd = fd_open_file(AT_FDCWD, path.ptr, NULL, &ignored);
	return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static bool lock_link_alive(const char *dir)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	char target[128];
	const char *plus;
	ssize_t len;
	long pid;

	if (!tb_join(&path, dir, "lock"))
		return false;
	len = readlink(path.ptr, target, sizeof(target) - 1);
	if (len <= 0)
		return false;
	target[len] = '\0';
	plus = strrchr(target, '+');
	pid = plus ? strtol(plus + 1, NULL, 10) : 0;
	return pid > 0 && kill((pid_t)pid, 0) == 0;
}

static void notice_lock(struct tb_layout *l, const char *dir)
{
	if (parentlock_held(dir) || lock_link_alive(dir))
		notices_add(l->notices, NOTICE_IN_USE, 1, dir,
			    "Thunderbird has this profile open: close it first, or mail that "
			    "arrives now is missed");
	else if (tb_is_file(dir, "parent.lock"))
		notices_add(l->notices, NOTICE_IN_USE, 1, dir,
			    "Thunderbird seems to have this profile open (parent.lock is there)");
}

static int read_prefs(struct tb_layout *l, struct tb_profile *p, struct err *err)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	CLEANUP(buf_release) struct buf text = BUF_INIT(TB_PREFS_FILE_MAX);

	if (!tb_is_file(p->dir, "prefs.js"))
		return 0;
	if (!tb_join(&path, p->dir, "prefs.js"))
		return err_nomem(err);
	if (fd_slurp(AT_FDCWD, path.ptr, &text, err) != 0) {
		err->scope = SCOPE_SOURCE;
		return -1;
	}
	return tb_prefs_parse(buf_slice(&text), &l->arena, &p->prefs, err);
}

/* Without it some names and roles are less certain: no reason to stop. */
static void read_cache(struct tb_layout *l, struct tb_profile *p)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	CLEANUP(buf_release) struct buf text = BUF_INIT(TB_CACHE_FILE_MAX);
	struct err why = ERR_INIT;

	if (!tb_is_file(p->dir, "folderCache.json") || !tb_join(&path, p->dir, "folderCache.json"))
		return;
	if (fd_slurp(AT_FDCWD, path.ptr, &text, &why) != 0 ||
	    tb_cache_parse(buf_slice(&text), &l->arena, &p->cache, &why) != 0)
		notices_add(l->notices, NOTICE_DAMAGED, 1, path.ptr,
			    "%s; folder names come from the .msf files", why.text);
}

/* `dir` may have no prefs.js: then nothing is known of it. */
static struct tb_profile *add_profile(struct tb_layout *l, const char *dir, struct slice name,
				      struct err *err)
{
	struct tb_profile *p = arena_alloc(&l->arena, sizeof(*p));

	if (l->n_profiles == TB_PROFILES_MAX) {
		err_set(err, ERR_LIMIT, SCOPE_SOURCE, RETRY_NEVER, "more than %d profiles in '%s'",
			TB_PROFILES_MAX, l->root);
		return NULL;
	}
	if (p) {
		p->dir = dir;
		p->name =
			arena_slice(&l->arena, name.len ? name : tb_last_component(slice_str(dir)));
	}
	if (!p || !p->name) {
		err_nomem(err);
		return NULL;
	}
	if (read_prefs(l, p, err) != 0)
		return NULL;
	read_cache(l, p);
	if (p->prefs.n > 0)
		notice_lock(l, dir);
	l->profiles[l->n_profiles++] = p;
	return p;
}

/* ---- the four places ---- */

static int read_root(struct tb_layout *l, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(TB_INI_FILE_MAX);
	struct tb_ini_profile ini;
	struct slice rest;

	if (tb_ini_read(l->root, &text) != 0)
		return err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER,
			       "cannot read '%s/profiles.ini'", l->root);
	rest = buf_slice(&text);
	while (tb_ini_next(&rest, &ini)) {
		const char *dir = tb_ini_profile_dir(&l->arena, l->root, &ini);
		struct tb_profile *p;

		if (!dir)
			continue;
		p = add_profile(l, dir, ini.name, err);
		if (!p || tb_accounts_of_profile(l, p, err) != 0)
			return -1;
	}
	return 0;
}

static int read_profile(struct tb_layout *l, struct err *err)
{
	struct tb_profile *p = add_profile(l, l->root, SLICE_LIT(""), err);

	return p ? tb_accounts_of_profile(l, p, err) : -1;
}

/* The profile in which a named folder lies; without one, a profile that knows nothing. */
static struct tb_profile *profile_above(struct tb_layout *l, struct err *err)
{
	const char *dir = l->root;

	for (int i = 0; i < PROFILE_ABOVE; i++) {
		dir = tb_path(&l->arena, dir, "..");
		if (!dir) {
			err_nomem(err);
			return NULL;
		}
		if (tb_is_profile(dir))
			return add_profile(l, dir, SLICE_LIT(""), err);
	}
	return add_profile(l, tb_path(&l->arena, l->root, ".."), SLICE_LIT("Thunderbird"), err);
}

/* ---- where an account's folders go ---- */

static size_t count_pop(const struct tb_layout *l, const struct tb_profile *p)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n_accounts; i++)
		n += l->accounts[i]->profile == p && l->accounts[i]->kind == TB_POP &&
		     l->accounts[i]->has_mail;
	return n;
}

static bool name_taken(const struct tb_layout *l, const struct tb_account *account)
{
	for (size_t i = 0; i < l->n_accounts && l->accounts[i] != account; i++)
		if (l->accounts[i]->profile == account->profile &&
		    strcasecmp(l->accounts[i]->name, account->name) == 0)
			return true;
	return false;
}

/* Local Folders and the only POP account are the root. Several POP accounts have folders of the
 * same names (Inbox, Sent), which must not be mixed: each goes below a folder of its own; so do
 * several profiles. */
static int set_prefix(struct tb_layout *l, struct tb_account *account, size_t profiles,
		      struct err *err)
{
	struct slice dir = tb_last_component(slice_str(account->dir));

	if (profiles > 1)
		account->prefix[account->n_prefix++] = account->profile->name;
	if (account->kind == TB_LOCAL ||
	    (account->kind == TB_POP && count_pop(l, account->profile) < 2))
		return 0;
	if (name_taken(l, account))
		account->name =
			arena_printf(&l->arena, "%s (%.*s)", account->name, (int)dir.len, dir.ptr);
	if (!account->name)
		return err_nomem(err);
	account->prefix[account->n_prefix++] = account->name;
	return 0;
}

static int set_prefixes(struct tb_layout *l, struct err *err)
{
	size_t profiles = 0;

	for (size_t i = 0; i < l->n_profiles; i++) {
		for (size_t k = 0; k < l->n_accounts; k++)
			if (l->accounts[k]->profile == l->profiles[i] && l->accounts[k]->has_mail)
				l->profiles[i]->has_mail = true;
		profiles += l->profiles[i]->has_mail;
	}
	for (size_t i = 0; i < l->n_accounts && l->place != TB_ACCOUNT; i++)
		if (set_prefix(l, l->accounts[i], profiles, err) != 0)
			return -1;
	return 0;
}

/* Accounts and profiles that never had mail give no folders. */
static int read_trees(struct tb_layout *l, struct err *err)
{
	for (size_t i = 0; i < l->n_accounts; i++) {
		size_t before = l->n_folders;

		if (tb_tree_read(l, l->accounts[i], err) != 0)
			return -1;
		if (!l->accounts[i]->has_mail && l->place != TB_ACCOUNT)
			l->n_folders = before;
	}
	return set_prefixes(l, err);
}

static int read_mail_dir(struct tb_layout *l, struct err *err)
{
	struct tb_profile *p = profile_above(l, err);

	return p ? tb_accounts_of_mail(l, p, err) : -1;
}

static int read_account_dir(struct tb_layout *l, struct err *err)
{
	struct tb_profile *p = profile_above(l, err);

	return p ? tb_account_of_dir(l, p, err) : -1;
}

static int read_place(struct tb_layout *l, struct err *err)
{
	int sure;

	l->place = tb_place_of(l->root, &sure);
	switch (l->place) {
	case TB_ROOT:
		return read_root(l, err);
	case TB_PROFILE:
		return read_profile(l, err);
	case TB_MAIL:
		return read_mail_dir(l, err);
	case TB_ACCOUNT:
		return read_account_dir(l, err);
	default:
		return err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER,
			       "'%s' has no Thunderbird mail: looked for profiles.ini, prefs.js "
			       "with accounts, folders with .msf files",
			       l->root);
	}
}

int tb_layout_read(struct tb_layout *l, const char *root, struct notices *notices, struct err *err)
{
	size_t len = strlen(root);

	*l = (struct tb_layout){ .arena = ARENA_INIT(ARENA_MAX), .notices = notices };
	while (len > 1 && root[len - 1] == '/')
		len--;
	l->root = arena_copy(&l->arena, root, len);
	if (!l->root)
		return err_nomem(err);
	if (read_place(l, err) != 0 || read_trees(l, err) != 0) {
		tb_layout_release(l);
		return -1;
	}
	return 0;
}

void tb_layout_release(struct tb_layout *l)
{
	arena_release(&l->arena);
	l->n_folders = l->n_accounts = l->n_profiles = 0;
}

/*
 * Profiles and accounts of Thunderbird. See tb_layout.h.
 */
#include "source/tb_layout.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA_MAX     ((size_t)256 << 20) /* 4 kB a folder */
#define INI_FILE_MAX  (1u << 20)
#define PROFILE_ABOVE 4 /* levels above a named account folder where its profile may be */

/* ---- what a directory is ---- */

static bool join(struct buf *out, const char *dir, const char *name)
{
	buf_reset(out);
	buf_addf(out, "%s%s%s", dir, *name ? "/" : "", name);
	return buf_cstr(out) != NULL;
}

static bool is_file(const char *dir, const char *name)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	struct stat st;

	return join(&path, dir, name) && stat(path.ptr, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_dir(const char *dir, const char *name)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	struct stat st;

	return join(&path, dir, name) && stat(path.ptr, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A browser has prefs.js too, but no accounts. */
static bool has_accounts(const char *dir)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	CLEANUP(buf_release) struct buf text = BUF_INIT(TB_PREFS_FILE_MAX);
	struct err ignored = ERR_INIT;

	if (!join(&path, dir, "prefs.js") || fd_slurp(AT_FDCWD, path.ptr, &text, &ignored) != 0)
		return false;
	return memmem(text.ptr, text.len, "\"mail.server.", 13) != NULL;
}

static bool is_profile(const char *dir)
{
	return is_file(dir, "prefs.js") && (has_accounts(dir) || is_dir(dir, "Mail"));
}

/* A directory whose children are account folders; how sure. */
static int mail_dir_probe(const char *dir)
{
	struct arena a = ARENA_INIT(ARENA_MAX);
	struct err ignored = ERR_INIT;
	const char *const *names = NULL;
	size_t n = 0, dirs = 0, accounts = 0;

	if (tb_list_dir(dir, &a, &names, &n, &ignored) != 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		const char *path = tb_path(&a, dir, names[i]);

		if (!path || names[i][0] == '.' || !is_dir(dir, names[i]))
			continue;
		dirs++;
		accounts += tb_tree_probe(path) >= 80;
	}
	arena_release(&a);
	if (accounts == 0)
		return 0;
	return 2 * accounts >= dirs ? 85 : 40;
}

static bool ini_has_profile(const char *root);

enum tb_place tb_place_of(const char *path, int *sure)
{
	int child;

	*sure = 95;
	if (is_file(path, "profiles.ini") && ini_has_profile(path))
		return TB_ROOT;
	if (is_profile(path))
		return TB_PROFILE;
	if (!is_dir(path, "") || is_dir(path, "cur")) { /* a maildir is no account folder */
		*sure = 0;
		return TB_NOTHING;
	}
	*sure = tb_tree_probe(path);
	child = *sure < 80 ? mail_dir_probe(path) : 0;
	if (child > *sure) {
		*sure = child;
		return TB_MAIL;
	}
	return *sure > 0 ? TB_ACCOUNT : TB_NOTHING;
}

/* ---- profiles.ini ---- */

struct ini_profile {
	struct slice name, path;
	bool relative, is_profile;
};

/* The next section of profiles.ini: 1, or 0 at the end. */
static int ini_next(struct slice *rest, struct ini_profile *out)
{
	bool inside = false;
	struct slice line;

	*out = (struct ini_profile){ .relative = true };
	for (struct slice before = *rest; slice_line(rest, &line); before = *rest) {
		struct slice value, key;

		line = slice_trim(line);
		if (slice_starts(line, SLICE_LIT("["))) {
			if (inside) { /* the next section's head: leave it for the next call */
				*rest = before;
				return 1;
			}
			inside = true;
			out->is_profile = slice_istarts(line, SLICE_LIT("[Profile"));
			continue;
		}
		value = line;
		key = slice_trim(slice_cut(&value, '='));
		value = slice_trim(value);
		if (slice_ieq(key, SLICE_LIT("Name")))
			out->name = value;
		else if (slice_ieq(key, SLICE_LIT("Path")))
			out->path = value;
		else if (slice_ieq(key, SLICE_LIT("IsRelative")))
			out->relative = slice_eq(value, SLICE_LIT("1"));
	}
	return inside;
}

static struct slice last_component(struct slice path)
{
	while (path.len > 1 && (path.ptr[path.len - 1] == '/' || path.ptr[path.len - 1] == '\\'))
		path.len--;
	for (size_t i = path.len; i-- > 0;)
		if (path.ptr[i] == '/' || path.ptr[i] == '\\')
			return slice_from(path, i + 1);
	return path;
}

/* Where the section's profile is: as it says, else below the root by its last names (moved from
 * elsewhere, or from Windows). NULL: nowhere, or no profile with mail. */
static const char *ini_profile_dir(struct arena *a, const char *root, const struct ini_profile *ini)
{
	struct slice last = last_component(ini->path);
	const char *tries[3];

	if (!ini->is_profile || ini->path.len == 0)
		return NULL;
	tries[0] = arena_slice(a, ini->path);
	if (tries[0] && ini->relative)
		tries[0] = tb_path(a, root, tries[0]);
	tries[1] = arena_printf(a, "%s/%.*s", root, (int)last.len, last.ptr);
	tries[2] = arena_printf(a, "%s/Profiles/%.*s", root, (int)last.len, last.ptr);
	for (size_t i = 0; i < 3; i++)
		if (tries[i] && is_profile(tries[i]))
			return tries[i];
	return NULL;
}

static int read_ini(const char *root, struct buf *text)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	struct err ignored = ERR_INIT;

	if (!join(&path, root, "profiles.ini"))
		return -1;
	return fd_slurp(AT_FDCWD, path.ptr, text, &ignored);
}

static bool ini_has_profile(const char *root)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(INI_FILE_MAX);
	struct arena a = ARENA_INIT(INI_FILE_MAX);
	struct ini_profile ini;
	struct slice rest;
	bool found = false;

	if (read_ini(root, &text) != 0)
		return false;
	rest = buf_slice(&text);
	while (!found && ini_next(&rest, &ini))
		found = ini_profile_dir(&a, root, &ini) != NULL;
	arena_release(&a);
	return found;
}

/* ---- a profile ---- */

/* Thunderbird holds a POSIX lock on .parentlock while it runs (the file itself stays), has a
 * link `lock` to "address:+pid", and on Windows a file parent.lock that goes when it ends. */
static bool parentlock_held(const char *dir)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	CLEANUP(fd_cleanup) int fd = -1;
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	struct err ignored = ERR_INIT;

	if (!join(&path, dir, ".parentlock"))
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

	if (!join(&path, dir, "lock"))
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
	else if (is_file(dir, "parent.lock"))
		notices_add(l->notices, NOTICE_IN_USE, 1, dir,
			    "Thunderbird seems to have this profile open (parent.lock is there)");
}

static int read_prefs(struct tb_layout *l, struct tb_profile *p, struct err *err)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	CLEANUP(buf_release) struct buf text = BUF_INIT(TB_PREFS_FILE_MAX);

	if (!is_file(p->dir, "prefs.js"))
		return 0;
	if (!join(&path, p->dir, "prefs.js"))
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

	if (!is_file(p->dir, "folderCache.json") || !join(&path, p->dir, "folderCache.json"))
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
		p->name = arena_slice(&l->arena, name.len ? name : last_component(slice_str(dir)));
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

/* ---- accounts of the preferences ---- */

/* mail.server.ID of a profile. */
struct server {
	const char *id, *type, *name, *user, *host;
	const char *dir; /* that exists, or NULL */
	bool have_stat;
	struct stat st;
};

static bool look(const char *dir, struct server *s)
{
	if (!dir || stat(dir, &s->st) != 0 || !S_ISDIR(s->st.st_mode))
		return false;
	s->dir = dir;
	s->have_stat = true;
	return true;
}

/* What follows the last "/Mail/" (or "\Mail\") of an absolute path, with '/'. */
static const char *behind_mail(struct arena *a, const char *path)
{
	char *copy = arena_str(a, path), *found = NULL;

	for (char *p = copy; p && *p; p++)
		if (*p == '\\')
			*p = '/';
	for (char *p = copy; p && (p = strstr(p, "/Mail/")) != NULL; p++)
		found = p;
	return found ? found + 1 : NULL;
}

static void find_server_dir(struct arena *a, const struct tb_profile *p, struct server *s)
{
	const char *rel = tb_pref(&p->prefs, "mail.server.%s.directory-rel", s->id);
	const char *abs = tb_pref(&p->prefs, "mail.server.%s.directory", s->id);
	const char *behind = abs ? behind_mail(a, abs) : NULL;

	if (rel && strncmp(rel, "[ProfD]", 7) == 0 && look(tb_path(a, p->dir, rel + 7), s))
		return;
	if (abs && *abs == '/' && look(abs, s))
		return;
	if (behind)
		look(tb_path(a, p->dir, behind), s);
}

/* The next server that has a type; false at the end. */
static bool next_server(struct arena *a, const struct tb_profile *p, size_t *at, struct server *s)
{
	*s = (struct server){ .id = tb_prefs_next_key(&p->prefs, "mail.server.", ".type", at, a) };
	if (!s->id)
		return false;
	s->type = tb_pref(&p->prefs, "mail.server.%s.type", s->id);
	s->host = tb_pref(&p->prefs, "mail.server.%s.hostname", s->id);
	s->user = tb_pref(&p->prefs, "mail.server.%s.userName", s->id);
	s->name = tb_pref(&p->prefs, "mail.server.%s.name", s->id);
	if (!s->name || !*s->name)
		s->name = s->host && *s->host ? s->host : s->id;
	find_server_dir(a, p, s);
	return true;
}

/* The server whose folder `dir` is. */
static bool server_of_dir(struct arena *a, const struct tb_profile *p, const char *dir,
			  struct server *out)
{
	struct stat st;

	if (stat(dir, &st) != 0)
		return false;
	for (size_t at = 0; next_server(a, p, &at, out);)
		if (out->have_stat && out->st.st_dev == st.st_dev && out->st.st_ino == st.st_ino)
			return true;
	return false;
}

enum fate { FATE_POP, FATE_LOCAL, FATE_FEEDS, FATE_NOT_MAIL, FATE_ELSEWHERE };

static enum fate fate_of_server(const struct server *s)
{
	if (s->host && strcmp(s->host, "smart mailboxes") == 0)
		return FATE_NOT_MAIL; /* saved searches */
	if (strcmp(s->type, "pop3") == 0 || strcmp(s->type, "movemail") == 0)
		return FATE_POP;
	if (strcmp(s->type, "none") == 0)
		return FATE_LOCAL;
	if (strcmp(s->type, "rss") == 0)
		return FATE_FEEDS;
	return strcmp(s->type, "im") == 0 ? FATE_NOT_MAIL : FATE_ELSEWHERE;
}

/* An account folder of which no preferences tell. */
static enum fate fate_of_name(const char *name)
{
	if (strcmp(name, "Local Folders") == 0)
		return FATE_LOCAL;
	if (strncmp(name, "Feeds", 5) == 0)
		return FATE_FEEDS;
	return strcmp(name, "smart mailboxes") == 0 ? FATE_NOT_MAIL : FATE_POP;
}

/* ---- adding accounts ---- */

/* The directory below the source's root; one that lies elsewhere goes by its true path, whatever
 * way the root was named. */
static const char *label_of(struct tb_layout *l, const char *dir)
{
	size_t len = strlen(l->root);
	const char *label;
	char *real;

	if (strncmp(dir, l->root, len) == 0 && dir[len] == '\0')
		return "";
	if (strncmp(dir, l->root, len) == 0 && dir[len] == '/' && !strstr(dir + len, "/../"))
		return dir + len + 1;
	real = realpath(dir, NULL);
	label = arena_printf(&l->arena, "elsewhere%s", real ? real : "");
	free(real);
	return label;
}

/* The last two components of the directory's true path. */
static const char *tail_of(struct tb_layout *l, const char *dir)
{
	char *real = realpath(dir, NULL);
	const char *tail = real ? real : dir;
	size_t slashes = 0;

	for (size_t i = strlen(tail); i-- > 0 && slashes < 2;)
		if (tail[i] == '/' && ++slashes == 2)
			tail += i + 1;
	tail = arena_str(&l->arena, tail);
	free(real);
	return tail;
}

/* Two servers may share a folder, and one may be named twice. */
static bool added_already(const struct tb_layout *l, const char *dir)
{
	struct stat st, other;

	if (stat(dir, &st) != 0)
		return false;
	for (size_t i = 0; i < l->n_accounts; i++)
		if (stat(l->accounts[i]->dir, &other) == 0 && other.st_dev == st.st_dev &&
		    other.st_ino == st.st_ino)
			return true;
	return false;
}

static int add_account(struct tb_layout *l, struct tb_profile *p, enum fate fate, const char *dir,
		       const struct server *s, struct err *err)
{
	struct tb_account *account;

	if (added_already(l, dir))
		return 0;
	if (l->n_accounts == TB_ACCOUNTS_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_SOURCE, RETRY_NEVER,
			       "more than %d accounts in '%s'", TB_ACCOUNTS_MAX, l->root);
	account = arena_alloc(&l->arena, sizeof(*account));
	if (!account)
		return err_nomem(err);
	account->kind = fate == FATE_POP ? TB_POP : fate == FATE_LOCAL ? TB_LOCAL : TB_FEEDS;
	account->profile = p;
	account->dir = dir;
	account->label = label_of(l, dir);
	account->tail = tail_of(l, dir);
	account->name = s ? s->name : arena_slice(&l->arena, last_component(slice_str(dir)));
	account->user = s ? s->user : NULL;
	account->host = s ? s->host : NULL;
	if (!account->tail || !account->name || !account->label)
		return err_nomem(err);
	l->accounts[l->n_accounts++] = account;
	return 0;
}

/* Offline copies of IMAP folders, newsgroups and others whose mail is on a server. */
static void notice_elsewhere(struct tb_layout *l, const struct server *s)
{
	if (s->dir)
		notices_add(l->notices, NOTICE_NOT_CARRIED, 1, s->dir,
			    "account '%s' (%s) keeps its mail on its server; the copies here are "
			    "left out",
			    s->name, s->type);
}

static int add_servers(struct tb_layout *l, struct tb_profile *p, enum fate wanted, struct err *err)
{
	struct server s;

	for (size_t at = 0; next_server(&l->arena, p, &at, &s);) {
		if (fate_of_server(&s) != wanted)
			continue;
		if (wanted == FATE_ELSEWHERE) {
			notice_elsewhere(l, &s);
		} else if (s.dir) {
			if (add_account(l, p, wanted, s.dir, &s, err) != 0)
				return -1;
		} else if (wanted != FATE_FEEDS) {
			notices_add(l->notices, NOTICE_NOT_CARRIED, 1, p->dir,
				    "the folder of account '%s' is not there", s.name);
		}
	}
	return 0;
}

/* Folders below `dir` that belong to no account of the preferences: with `take` they are read,
 * else only noticed (the account was removed, its mail stayed). */
static int add_orphans(struct tb_layout *l, struct tb_profile *p, const char *dir, bool take,
		       struct err *err)
{
	const char *const *names = NULL;
	size_t n = 0;

	if (tb_list_dir(dir, &l->arena, &names, &n, err) != 0)
		return err_prefix(err, "'%s'", dir);
	for (size_t i = 0; i < n; i++) {
		const char *path = tb_path(&l->arena, dir, names[i]);
		enum fate fate = fate_of_name(names[i]);
		struct server s;

		if (!path)
			return err_nomem(err);
		if (names[i][0] == '.' || fate == FATE_NOT_MAIL || !is_dir(dir, names[i]) ||
		    server_of_dir(&l->arena, p, path, &s) ||
		    (tb_tree_probe(path) == 0 && !is_file(path, "Inbox")))
			continue;
		if (!take)
			notices_add(
				l->notices, NOTICE_NOT_CARRIED, 1, path,
				"folders of an account that this profile no longer has: left "
				"out; name this directory as a source of its own to carry them");
		else if (add_account(l, p, fate, path, NULL, err) != 0)
			return -1;
	}
	return 0;
}

static bool has_servers(struct tb_layout *l, const struct tb_profile *p)
{
	size_t at = 0;

	return tb_prefs_next_key(&p->prefs, "mail.server.", ".type", &at, &l->arena) != NULL;
}

static int add_profile_accounts(struct tb_layout *l, struct tb_profile *p, struct err *err)
{
	const char *mail = tb_path(&l->arena, p->dir, "Mail");

	if (!mail)
		return err_nomem(err);
	for (int fate = FATE_POP; fate <= FATE_ELSEWHERE; fate++)
		if (add_servers(l, p, (enum fate)fate, err) != 0)
			return -1;
	return is_dir(mail, "") ? add_orphans(l, p, mail, !has_servers(l, p), err) : 0;
}

/* ---- the four places ---- */

static int read_root(struct tb_layout *l, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(INI_FILE_MAX);
	struct ini_profile ini;
	struct slice rest;

	if (read_ini(l->root, &text) != 0)
		return err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER,
			       "cannot read '%s/profiles.ini'", l->root);
	rest = buf_slice(&text);
	while (ini_next(&rest, &ini)) {
		const char *dir = ini_profile_dir(&l->arena, l->root, &ini);
		struct tb_profile *p;

		if (!dir)
			continue;
		p = add_profile(l, dir, ini.name, err);
		if (!p || add_profile_accounts(l, p, err) != 0)
			return -1;
	}
	return 0;
}

static int read_profile(struct tb_layout *l, struct err *err)
{
	struct tb_profile *p = add_profile(l, l->root, SLICE_LIT(""), err);

	return p ? add_profile_accounts(l, p, err) : -1;
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
		if (is_profile(dir))
			return add_profile(l, dir, SLICE_LIT(""), err);
	}
	return add_profile(l, tb_path(&l->arena, l->root, ".."), SLICE_LIT("Thunderbird"), err);
}

static int read_mail_dir(struct tb_layout *l, struct err *err)
{
	struct tb_profile *p = profile_above(l, err);
	const char *const *names = NULL;
	size_t n = 0;

	if (!p || tb_list_dir(l->root, &l->arena, &names, &n, err) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *path = tb_path(&l->arena, l->root, names[i]);
		struct server s;

		if (!path)
			return err_nomem(err);
		if (!server_of_dir(&l->arena, p, path, &s))
			continue;
		if (fate_of_server(&s) == FATE_ELSEWHERE)
			notice_elsewhere(l, &s);
		else if (fate_of_server(&s) != FATE_NOT_MAIL &&
			 add_account(l, p, fate_of_server(&s), path, &s, err) != 0)
			return -1;
	}
	return add_orphans(l, p, l->root, !has_servers(l, p), err);
}

static int read_account_dir(struct tb_layout *l, struct err *err)
{
	struct tb_profile *p = profile_above(l, err);
	struct slice name = last_component(slice_str(l->root));
	const char *plain = arena_slice(&l->arena, name);
	struct server s;
	enum fate fate;

	if (!p)
		return -1;
	if (!plain)
		return err_nomem(err);
	if (server_of_dir(&l->arena, p, l->root, &s)) {
		/* The user named it, so an offline copy is read too. */
		fate = fate_of_server(&s);
		return add_account(l, p, fate > FATE_FEEDS ? FATE_POP : fate, l->root, &s, err);
	}
	fate = fate_of_name(plain);
	return add_account(l, p, fate > FATE_FEEDS ? FATE_POP : fate, l->root, NULL, err);
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
	struct slice dir = last_component(slice_str(account->dir));

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

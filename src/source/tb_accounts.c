/*
 * Accounts of Thunderbird: those of the preferences, and folders of which no
 * preferences tell. See tb_accounts.h.
 */
#include "source/tb_accounts.h"

#include <stdlib.h>
#include <string.h>

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
	account->name = s ? s->name : arena_slice(&l->arena, tb_last_component(slice_str(dir)));
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
		if (names[i][0] == '.' || fate == FATE_NOT_MAIL || !tb_is_dir(dir, names[i]) ||
		    server_of_dir(&l->arena, p, path, &s) ||
		    (tb_tree_probe(path) == 0 && !tb_is_file(path, "Inbox")))
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

int tb_accounts_of_profile(struct tb_layout *l, struct tb_profile *p, struct err *err)
{
	const char *mail = tb_path(&l->arena, p->dir, "Mail");

	if (!mail)
		return err_nomem(err);
	for (int fate = FATE_POP; fate <= FATE_ELSEWHERE; fate++)
		if (add_servers(l, p, (enum fate)fate, err) != 0)
			return -1;
	return tb_is_dir(mail, "") ? add_orphans(l, p, mail, !has_servers(l, p), err) : 0;
}

int tb_accounts_of_mail(struct tb_layout *l, struct tb_profile *p, struct err *err)
{
	const char *const *names = NULL;
	size_t n = 0;

	if (tb_list_dir(l->root, &l->arena, &names, &n, err) != 0)
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

int tb_account_of_dir(struct tb_layout *l, struct tb_profile *p, struct err *err)
{
	struct slice name = tb_last_component(slice_str(l->root));
	const char *plain = arena_slice(&l->arena, name);
	struct server s;
	enum fate fate;

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

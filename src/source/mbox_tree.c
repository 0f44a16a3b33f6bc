/*
 * Layouts of mbox trees: see mbox_tree.h. One walk knows them all, because they do not contradict
 * each other:
 *
 *   NAME, NAME/ with children        Dovecot, mutt, plain directories; Apple Mail's children
 *   NAME/mBoX-MeSsAgEs               Dovecot with DIRNAME
 *   NAME, NAME.sbd/                  Evolution 2, old Mozilla, without its profile
 *   NAME/mbox, NAME/subfolders/      Evolution 1.4
 *   NAME.mbox/mbox                   Apple Mail
 *   NAME, .NAME.directory/           KMail
 *   inbox, mail/NAME                 Dovecot and mbox spools in a home directory: mail/ is no
 * folder
 */
#include "source/mbox_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "message/mutf7.h"

#define TREE_ARENA_MAX ((size_t)256 << 20)
#define NAME_BUF_MAX   4096

/* One directory of the walk. */
struct level {
	const char *path; /* below the root; "" is the root */
	struct folder_path folder;
	bool guessed; /* one of the names is not what is on disk */
	bool package; /* its file "mbox" is the folder itself */
	int depth;
};

/* What lies in a directory. */
struct listing {
	char **names;
	size_t n, cap;
};

struct walk {
	struct mbox_tree *tree;
	struct notices *notices;
	size_t seen;
};

static void listing_release(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int too_many(const struct walk *w, struct err *err)
{
	return err_set(err, ERR_LIMIT, SCOPE_SOURCE, RETRY_NEVER,
		       "'%s' has more than %zu files: too many for a tree of mail folders",
		       w->tree->root, w->tree->max);
}

static int listing_add(struct listing *l, const char *name, struct err *err)
{
	char *copy;

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		char **names = reallocarray(l->names, cap, sizeof(*names));

		if (!names)
			return err_nomem(err);
		l->names = names;
		l->cap = cap;
	}
	copy = strdup(name);
	if (!copy)
		return err_nomem(err);
	l->names[l->n++] = copy;
	return 0;
}

static int read_names(struct walk *w, DIR *dir, struct listing *l, struct err *err)
{
	const struct dirent *e;

	while (errno = 0, (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (++w->seen > w->tree->max)
			return too_many(w, err);
		if (listing_add(l, e->d_name, err) != 0)
			return -1;
	}
	if (errno)
		return err_sys(err, ERR_IO, SCOPE_FOLDER, errno,
			       "cannot read a directory to its end");
	if (l->n > 0)
		qsort(l->names, l->n, sizeof(*l->names), by_name);
	return 0;
}

static bool lists(const struct listing *l, const char *name)
{
	return l->n > 0 && bsearch(&name, l->names, l->n, sizeof(*l->names), by_name);
}

static bool lists_any_case(const struct listing *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (slice_ieq(slice_str(l->names[i]), slice_str(name)))
			return true;
	return false;
}

static const char *join(struct arena *a, const char *dir, const char *name)
{
	return *dir ? arena_printf(a, "%s/%s", dir, name) : arena_str(a, name);
}

static void notice(const struct walk *w, enum notice_kind kind, const char *path, const char *text)
{
	struct arena *a = &w->tree->arena;
	const char *whole = *path ? arena_printf(a, "%s/%s", w->tree->root, path) : w->tree->root;

	if (w->notices && whole)
		notices_add(w->notices, kind, 1, whole, "%s", text);
}

/* ---- names ---- */

static bool cut_suffix(struct slice *name, const char *suffix)
{
	struct slice s = slice_str(suffix);

	if (name->len <= s.len || !slice_ieq(slice_from(*name, name->len - s.len), s))
		return false;
	name->len -= s.len;
	return true;
}

/* The name of a folder that lies in a file of that name. */
static struct slice bare_name(struct slice name)
{
	cut_suffix(&name, ".gz");
	if (!cut_suffix(&name, ".mbox"))
		cut_suffix(&name, ".mbx");
	return name;
}

/* Dovecot and c-client write modified UTF-7, others UTF-8 (mail-stores.md 6). */
static char *decode_name(struct arena *a, struct slice name, bool *guessed)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(NAME_BUF_MAX);

	if (!mutf7_decode(&text, name)) {
		*guessed = *guessed || !utf8_valid(name);
		utf8_add_lossy(&text, name);
	}
	return buf_cstr(&text) ? arena_str(a, text.ptr) : NULL;
}

/* Append a component. 1, 0 (too deep: noticed), -1. */
static int add_component(struct walk *w, const char *path, struct slice name,
			 struct folder_path *folder, bool *guessed, struct err *err)
{
	char *text = decode_name(&w->tree->arena, name, guessed);

	if (!text)
		return err_nomem(err);
	if (folder->n == FOLDER_DEPTH_MAX) {
		notice(w, NOTICE_NOT_CARRIED, path, "lies deeper than folders can be nested");
		return 0;
	}
	if (folder->n == 0 && slice_ieq(name, SLICE_LIT("inbox")))
		text = arena_str(&w->tree->arena, "INBOX");
	if (!text)
		return err_nomem(err);
	folder->names[folder->n++] = text;
	return 1;
}

static enum role role_of(const struct folder_path *folder)
{
	return folder->n == 1 && strcmp(folder->names[0], "INBOX") == 0 ? ROLE_INBOX : ROLE_NONE;
}

/* ---- files ---- */

/* Indexes and settings of mail programs: no mail in them, and nobody misses them. */
static bool is_index(const char *name)
{
	static const char *const suffixes[] = {
		".msf",		 ".cmeta",
		".ev-summary",	 ".ev-summary-meta",
		".ibex.index",	 ".ibex.index.data",
		".index",	 ".index.ids",
		".index.sorted", ".index.log",
		".index.cache",	 ".lock",
		".xml",		 ".ics",
		".dat",		 ".html",
		".toc",		 ".snm",
		".ibex",	 ".idx",
		".plist",	 ".json",
	};
	static const char *const names[] = {
		"table_of_contents", "subscriptions",	    "create-initial",	   "mailboxlist",
		"dovecot-uidlist",   "dovecot-uidvalidity", "dovecot.mailbox.log",
	};
	struct slice s = slice_str(name);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (cut_suffix(&s, suffixes[i]))
			return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_ieq(s, slice_str(names[i])))
			return true;
	return false;
}

static bool is_single_message(const char *name)
{
	struct slice s = slice_str(name);

	return cut_suffix(&s, ".eml") || cut_suffix(&s, ".emlx") || cut_suffix(&s, ".msg");
}

static int add_entry(struct walk *w, const struct mbox_entry *entry, struct err *err)
{
	struct mbox_tree *t = w->tree;
	struct mbox_entry *copy = arena_alloc(&t->arena, sizeof(*copy));

	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct mbox_entry **entries =
			reallocarray(t->entries, cap, sizeof(struct mbox_entry *));

		if (!entries)
			return err_nomem(err);
		t->entries = entries;
		t->cap = cap;
	}
	if (!copy)
		return err_nomem(err);
	*copy = *entry;
	t->entries[t->n++] = copy;
	return 0;
}

/* Is the folder of this file the directory that it lies in? */
static bool is_folder_itself(const struct walk *w, const struct level *at, const char *name)
{
	if (strcmp(name, "mBoX-MeSsAgEs") == 0) {
		w->tree->marked = true;
		return at->folder.n > 0;
	}
	return at->package && strcmp(name, "mbox") == 0 && at->folder.n > 0;
}

static int walk_file(struct walk *w, const struct level *at, const struct listing *l,
		     const char *name, const char *path, struct err *err)
{
	struct mbox_entry entry = { .path = path,
				    .folder = at->folder,
				    .name_guessed = at->guessed };
	struct slice bare = bare_name(slice_str(name));
	char *twin;
	int got = 1;

	if (is_index(name))
		return 0;
	if (is_single_message(name)) {
		w->tree->n_single++;
		notice(w, NOTICE_NOT_CARRIED, path, "a single message, not a folder of them");
		return 0;
	}
	/* "Archive" and "Archive.mbox" side by side are two folders. */
	twin = arena_slice(&w->tree->arena, bare);
	if (!twin)
		return err_nomem(err);
	if (bare.len < strlen(name) && lists(l, twin))
		bare = slice_str(name);
	if (!is_folder_itself(w, at, name))
		got = add_component(w, path, bare, &entry.folder, &entry.name_guessed, err);
	if (got <= 0)
		return got;
	entry.role = role_of(&entry.folder);
	return add_entry(w, &entry, err);
}

/* ---- directories ---- */

static int walk_dir(struct walk *w, const struct level *where, struct err *err);

/* What the directory `name` in `at` is in the tree of folders: 1 descend into *next, 0 pass it
 * over, -1. */
static int level_below(struct walk *w, const struct level *at, const struct listing *l,
		       const char *name, struct level *next, struct err *err)
{
	struct slice s = slice_str(name);
	struct slice kmail = slice_from(s, 1);

	next->package = false;
	if (name[0] == '.') {
		if (!cut_suffix(&kmail, ".directory"))
			return 0;
		s = kmail;
	} else if (strcmp(name, "subfolders") == 0 && at->package) {
		return 1; /* Evolution 1.4: its children are the folder's */
	} else if (at->depth == 0 && slice_ieq(s, SLICE_LIT("mail")) &&
		   (l->n == 1 || lists_any_case(l, "inbox") || lists(l, "mbox"))) {
		w->tree->marked = true;
		return 1;
	} else if (cut_suffix(&s, ".mbox")) {
		next->package = true;
	} else {
		cut_suffix(&s, ".sbd");
	}
	w->tree->marked = w->tree->marked || s.len < strlen(name);
	return add_component(w, next->path, s, &next->folder, &next->guessed, err);
}

static int walk_entry(struct walk *w, const struct level *at, const struct listing *l, int fd,
		      const char *name, struct err *err)
{
	struct level next = *at;
	struct stat st;
	bool is_link;
	int got;

	next.path = join(&w->tree->arena, at->path, name);
	if (!next.path)
		return err_nomem(err);
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0; /* gone since the directory was read */
	is_link = S_ISLNK(st.st_mode);
	if (is_link && fstatat(fd, name, &st, 0) != 0)
		return 0; /* leads nowhere, or in a circle */
	if (S_ISREG(st.st_mode))
		return name[0] == '.' ? 0 : walk_file(w, at, l, name, next.path, err);
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (is_link) {
		notice(w, NOTICE_SKIPPED_FILE, next.path, "a symbolic link to a directory");
		return 0;
	}
	got = level_below(w, at, l, name, &next, err);
	if (got <= 0)
		return got;
	next.depth++;
	return walk_dir(w, &next, err);
}

static bool is_maildir(const struct listing *l)
{
	return lists(l, "cur") && (l->n == 1 || lists(l, "new") || lists(l, "tmp"));
}

static int walk_listing(struct walk *w, struct level *at, const struct listing *l, int fd,
			struct err *err)
{
	if (is_maildir(l)) {
		notice(w, NOTICE_NOT_CARRIED, at->path,
		       "a maildir, which the reader of mbox trees does not carry: name it as a "
		       "source of its own");
		return 0;
	}
	if (lists(l, "folder-metadata.xml") || lists(l, "local-metadata.xml"))
		at->package = w->tree->marked = true;
	for (size_t i = 0; i < l->n; i++)
		if (walk_entry(w, at, l, fd, l->names[i], err) != 0)
			return -1;
	return 0;
}

/* Mail may lie in a directory that cannot be read: it becomes an entry, so that whoever goes
 * through them meets the error. */
static int add_shut(struct walk *w, const struct level *at, const struct err *why, struct err *err)
{
	struct mbox_entry entry = { .path = at->path,
				    .folder = at->folder,
				    .shut = arena_str(&w->tree->arena, why->text) };

	return entry.shut ? add_entry(w, &entry, err) : err_nomem(err);
}

static int walk_dir(struct walk *w, const struct level *where, struct err *err)
{
	CLEANUP(listing_release) struct listing l = { 0 };
	struct level at = *where;
	const char *path = join(&w->tree->arena, w->tree->root, *at.path ? at.path : ".");
	struct err why = ERR_INIT;
	DIR *dir;
	int fd, status;

	if (!path)
		return err_nomem(err);
	if (at.depth > FOLDER_DEPTH_MAX) {
		notice(w, NOTICE_NOT_CARRIED, at.path, "lies deeper than folders can be nested");
		return 0;
	}
	fd = fd_open_dir(AT_FDCWD, path, &why);
	if (fd < 0)
		return add_shut(w, &at, &why, err);
	dir = fdopendir(fd);
	if (!dir) {
		fd_cleanup(&fd);
		return err_nomem(err);
	}
	status = read_names(w, dir, &l, &why);
	if (status != 0 && why.scope == SCOPE_FOLDER)
		status = add_shut(w, &at, &why, err);
	else if (status != 0)
		*err = why;
	else
		status = walk_listing(w, &at, &l, dirfd(dir), err);
	closedir(dir);
	return status;
}

/* The last component of a path, without slashes at its end. */
static struct slice last_name(const char *path)
{
	struct slice s = slice_str(path);
	size_t start;

	while (s.len > 1 && s.ptr[s.len - 1] == '/')
		s.len--;
	for (start = s.len; start > 0 && s.ptr[start - 1] != '/'; start--)
		;
	return slice_from(s, start);
}

int mbox_tree_walk(struct mbox_tree *t, const char *root, size_t max, struct notices *notices,
		   struct err *err)
{
	struct walk w = { .tree = t, .notices = notices };
	struct level top = { .path = "" };
	struct slice name = last_name(root);

	*t = (struct mbox_tree){ .arena = ARENA_INIT(TREE_ARENA_MAX), .root = root, .max = max };
	/* An Apple Mail package by itself is named after its directory. */
	if (cut_suffix(&name, ".mbox")) {
		top.package = true;
		if (add_component(&w, "", name, &top.folder, &top.guessed, err) < 0)
			return -1;
	}
	return walk_dir(&w, &top, err);
}

void mbox_tree_release(struct mbox_tree *t)
{
	arena_release(&t->arena);
	free(t->entries);
	t->entries = NULL;
	t->n = t->cap = 0;
}

int mbox_tree_single(const char *path, struct arena *a, struct mbox_entry *out, struct err *err)
{
	struct slice name = last_name(path), dir = slice_head(slice_str(path), 0);
	char *text;

	*out = (struct mbox_entry){ .role = ROLE_NONE };
	if (slice_eq(name, SLICE_LIT("mbox")) || slice_eq(name, SLICE_LIT("mBoX-MeSsAgEs"))) {
		/* Apple Mail and Dovecot: the directory has the name. */
		char *parent = arena_slice(a, slice_of(path, (size_t)(name.ptr - path)));

		dir = parent ? last_name(parent) : dir;
		if (slice_eq(name, SLICE_LIT("mbox")) && !cut_suffix(&dir, ".mbox"))
			dir.len = 0;
	}
	out->path = arena_slice(a, name);
	text = decode_name(a, bare_name(dir.len ? dir : name), &out->name_guessed);
	if (!text || !out->path)
		return err_nomem(err);
	out->folder.n = 1;
	out->folder.names[0] = slice_ieq(slice_str(text), SLICE_LIT("inbox")) ? "INBOX" : text;
	out->role = role_of(&out->folder);
	return 0;
}

/*
 * The folders of one Thunderbird account: a file NAME (mbox) or a directory
 * NAME with cur/ (maildir store), NAME.msf beside it, and the children in
 * NAME.sbd/. See tb_layout.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/mbox_file.h"
#include "source/tb_layout.h"

const char *tb_path(struct arena *a, const char *dir, const char *name)
{
	if (!*dir)
		return arena_str(a, name);
	if (!*name)
		return arena_str(a, dir);
	return arena_printf(a, "%s%s%s", dir, dir[strlen(dir) - 1] == '/' ? "" : "/", name);
}

static int by_name(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static int collect(DIR *stream, const char *dir, struct arena *a, const char ***names, size_t *n,
		   struct err *err)
{
	size_t cap = 0;
	struct dirent *entry;

	while (errno = 0, (entry = readdir(stream)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (*n == TB_FOLDERS_MAX)
			return err_set(err, ERR_LIMIT, SCOPE_SOURCE, RETRY_NEVER,
				       "more than %d files in '%s'", TB_FOLDERS_MAX, dir);
		if (*n == cap) {
			size_t more = cap ? cap * 2 : 32;
			const char **list = arena_alloc(a, more * sizeof(*list));

			if (!list)
				return err_nomem(err);
			if (*n > 0)
				memcpy(list, *names, *n * sizeof(*list));
			*names = list;
			cap = more;
		}
		(*names)[*n] = arena_str(a, entry->d_name);
		if (!(*names)[*n])
			return err_nomem(err);
		(*n)++;
	}
	return errno ? err_sys(err, ERR_IO, SCOPE_SOURCE, errno, "cannot read '%s'", dir) : 0;
}

int tb_list_dir(const char *dir, struct arena *a, const char *const **names, size_t *n,
		struct err *err)
{
	int fd = fd_open_dir(AT_FDCWD, dir, err), status;
	const char **list = NULL;
	size_t count = 0;
	DIR *stream;

	if (fd < 0)
		return -1;
	stream = fdopendir(fd);
	if (!stream) {
		close(fd);
		return err_nomem(err);
	}
	status = collect(stream, dir, a, &list, &count, err);
	closedir(stream);
	if (status != 0)
		return -1;
	if (count > 0)
		qsort(list, count, sizeof(*list), by_name);
	*names = list;
	*n = count;
	return 0;
}

static bool ends(const char *name, const char *suffix)
{
	size_t len = strlen(name), tail = strlen(suffix);

	return len > tail && strcmp(name + len - tail, suffix) == 0;
}

static bool has_name(const char *const *names, size_t n, const char *name)
{
	return n > 0 && bsearch(&name, names, n, sizeof(*names), by_name) != NULL;
}

static bool has_suffixed(struct arena *a, const char *const *names, size_t n, const char *name,
			 const char *suffix)
{
	const char *whole = arena_printf(a, "%s%s", name, suffix);

	return whole && has_name(names, n, whole);
}

/* Endings and names that Thunderbird itself never takes for folders (nsMsgLocalStoreUtils.cpp), and
 * those of its neighbours on the disk; a folder may bear them all the same, and then has a .msf. */
static bool not_named_like_a_folder(const char *name)
{
	static const char *const endings[] = {
		".dat", ".html",    ".json",   ".sqlite", ".sqlite-wal", ".sqlite-shm", ".snm",
		".toc", ".mozmsgs", ".wdseml", ".bak",	  ".ini",	 ".ev-summary", ".cmeta",
	};
	static const char *const names[] = { "filters.js", "Thumbs.db" };

	for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
		if (ends(name, endings[i]))
			return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return name[strlen(name) - 1] == '~';
}

static bool never_a_folder(struct arena *a, const char *const *names, size_t n, const char *name)
{
	if (name[0] == '.' || name[0] == '#' || ends(name, ".msf") || ends(name, ".sbd"))
		return true;
	if (strcmp(name, "nstmp") == 0 || strncmp(name, "nstmp-", 6) == 0)
		return true; /* left by a compaction that did not end: a copy of what is there */
	return not_named_like_a_folder(name) && !has_suffixed(a, names, n, name, ".msf");
}

static bool is_dir(struct arena *a, const char *dir, const char *name)
{
	const char *path = tb_path(a, dir, name);
	struct stat st;

	return path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int tb_tree_probe(const char *dir)
{
	struct arena a = ARENA_INIT((size_t)64 << 20);
	struct err ignored = ERR_INIT;
	const char *const *names = NULL;
	size_t n = 0;
	int sure = 0;

	if (tb_list_dir(dir, &a, &names, &n, &ignored) != 0)
		n = 0;
	for (size_t i = 0; i < n && sure < 90; i++) {
		struct slice stem = slice_str(names[i]);

		if (ends(names[i], ".msf")) {
			const char *own = arena_slice(&a, slice_head(stem, stem.len - 4));

			if (own &&
			    (has_name(names, n, own) || has_suffixed(&a, names, n, own, ".sbd")))
				sure = 90;
		} else if (ends(names[i], ".sbd") && is_dir(&a, dir, names[i]) && sure < 40) {
			/* Evolution 2 has such directories too, and its own files beside them */
			const char *own = arena_slice(&a, slice_head(stem, stem.len - 4));

			if (own && !has_suffixed(&a, names, n, own, ".ev-summary"))
				sure = 40;
		}
	}
	arena_release(&a);
	return sure;
}

/* One walk down an account: the directories above, against links that lead back up. */
struct walk {
	struct tb_layout *l;
	struct tb_account *account;
	uint32_t depth;
	struct {
		dev_t dev;
		ino_t ino;
	} above[TB_DEPTH_MAX + 1];
};

static int read_level(struct walk *w, const char *below, struct tb_folder *parent, struct err *err);

static struct tb_folder *add_folder(struct walk *w, struct tb_folder *parent, const char *path,
				    const char *disk, enum tb_folder_store store, struct err *err)
{
	struct tb_layout *l = w->l;
	struct tb_folder *folder;

	if (l->n_folders == TB_FOLDERS_MAX) {
		err_set(err, ERR_LIMIT, SCOPE_SOURCE, RETRY_NEVER, "more than %d folders in '%s'",
			TB_FOLDERS_MAX, l->root);
		return NULL;
	}
	if (l->n_folders == l->folders_cap) {
		size_t more = l->folders_cap ? l->folders_cap * 2 : 64;
		struct tb_folder **list = arena_alloc(&l->arena, more * sizeof(struct tb_folder *));

		if (!list) {
			err_nomem(err);
			return NULL;
		}
		if (l->n_folders > 0)
			memcpy(list, l->folders, l->n_folders * sizeof(struct tb_folder *));
		l->folders = list;
		l->folders_cap = more;
	}
	folder = arena_alloc(&l->arena, sizeof(*folder));
	if (!folder) {
		err_nomem(err);
		return NULL;
	}
	*folder = (struct tb_folder){ .account = w->account,
				      .parent = parent,
				      .store = store,
				      .disk = disk,
				      .path = path,
				      .depth = w->depth };
	l->folders[l->n_folders++] = folder;
	return folder;
}

static bool dir_is_empty(const char *path)
{
	struct dirent *entry;
	DIR *stream = opendir(path);
	bool empty = true;

	while (stream && empty && (entry = readdir(stream)) != NULL)
		empty = entry->d_name[0] == '.';
	if (stream)
		closedir(stream);
	return empty;
}

/* What the entry `name` at `path` stores. Notices what looks like mail but cannot be read. */
static enum tb_folder_store store_of(struct walk *w, const char *path, bool has_msf)
{
	struct tb_layout *l = w->l;
	const char *cur = tb_path(&l->arena, path, "cur");
	struct stat st;

	if (!cur || stat(path, &st) != 0)
		return TB_NO_STORE;
	if (S_ISDIR(st.st_mode)) {
		if (stat(cur, &st) != 0 || !S_ISDIR(st.st_mode)) {
			notices_add(l->notices, NOTICE_NOT_CARRIED, 1, path,
				    "a directory that is no folder of Thunderbird's: left out");
			return TB_NO_STORE;
		}
		w->account->has_mail = w->account->has_mail || !dir_is_empty(cur);
		return TB_MAILDIR;
	}
	if (!S_ISREG(st.st_mode))
		return TB_NO_STORE;
	if (st.st_size > 0 && !has_msf && access(path, R_OK) == 0 && mbox_file_probe(path) == 0) {
		notices_add(l->notices, NOTICE_NOT_CARRIED, 1, path,
			    "not an mbox, and unknown to Thunderbird: left out");
		return TB_NO_STORE;
	}
	w->account->has_mail = w->account->has_mail || st.st_size > 0;
	return TB_MBOX;
}

static bool loops(struct walk *w, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return true;
	for (uint32_t i = 0; i < w->depth; i++)
		if (w->above[i].dev == st.st_dev && w->above[i].ino == st.st_ino)
			return true;
	return false;
}

static int read_children(struct walk *w, const char *below, struct tb_folder *parent,
			 struct err *err)
{
	const char *path = tb_path(&w->l->arena, w->account->dir, below);

	if (!path)
		return err_nomem(err);
	if (w->depth == TB_DEPTH_MAX || loops(w, path)) {
		notices_add(w->l->notices, NOTICE_NOT_CARRIED, 1, path,
			    w->depth == TB_DEPTH_MAX ? "nested deeper than %d folders: left out"
						     : "leads back to a folder above it, or "
						       "nowhere (level %d): left out",
			    (int)w->depth);
		return 0;
	}
	return read_level(w, below, parent, err);
}

/* The folder `disk` of a level and what is below it. */
static int read_entry(struct walk *w, const char *below, struct tb_folder *parent,
		      const char *const *names, size_t n, const char *disk, struct err *err)
{
	struct arena *a = &w->l->arena;
	const char *path = tb_path(a, below, disk);
	const char *full = path ? tb_path(a, w->account->dir, path) : NULL;
	const char *sbd = path ? arena_printf(a, "%s.sbd", path) : NULL;
	bool children = has_suffixed(a, names, n, disk, ".sbd");
	enum tb_folder_store store = TB_NO_STORE;
	struct tb_folder *folder;

	if (!full || !sbd)
		return err_nomem(err);
	if (has_name(names, n, disk))
		store = store_of(w, full, has_suffixed(a, names, n, disk, ".msf"));
	if (store == TB_NO_STORE && !children)
		return 0;
	folder = add_folder(w, parent, path, disk, store, err);
	if (!folder)
		return -1;
	return children ? read_children(w, sbd, folder, err) : 0;
}

/* The name of the folder that an entry stands for, each folder once; NULL: none. */
static const char *folder_of_entry(struct arena *a, const char *const *names, size_t n,
				   const char *entry)
{
	struct slice s = slice_str(entry);
	const char *stem;

	if (!ends(entry, ".sbd"))
		return never_a_folder(a, names, n, entry) ? NULL : entry;
	stem = arena_slice(a, slice_head(s, s.len - 4));
	/* with the folder itself there, it is that entry's */
	return stem && has_name(names, n, stem) && !never_a_folder(a, names, n, stem) ? NULL : stem;
}

static int read_level(struct walk *w, const char *below, struct tb_folder *parent, struct err *err)
{
	const char *dir = tb_path(&w->l->arena, w->account->dir, below);
	const char *const *names = NULL;
	struct stat st;
	size_t n = 0;

	if (!dir)
		return err_nomem(err);
	if (stat(dir, &st) != 0 || tb_list_dir(dir, &w->l->arena, &names, &n, err) != 0)
		return err_prefix(err, "'%s'", dir);
	w->above[w->depth].dev = st.st_dev;
	w->above[w->depth].ino = st.st_ino;
	w->depth++;
	for (int inbox = 1; inbox >= 0; inbox--) {
		for (size_t i = 0; i < n; i++) {
			const char *disk = folder_of_entry(&w->l->arena, names, n, names[i]);

			if (!disk || (strcasecmp(disk, "Inbox") == 0) != inbox)
				continue;
			if (read_entry(w, below, parent, names, n, disk, err) != 0)
				return -1;
		}
	}
	w->depth--;
	return 0;
}

int tb_tree_read(struct tb_layout *l, struct tb_account *account, struct err *err)
{
	struct walk w = { .l = l, .account = account };

	return read_level(&w, "", NULL, err);
}

/*
 * Directories below a root: see dir_tree.h. The list being made is also the queue of what is still
 * to be walked, so nothing recurses.
 */
#include "source/dir_tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static int add_dir(struct dir_tree *t, const char *parent, const char *name, uint32_t depth,
		   struct err *err)
{
	char *path;

	if (t->n == TREE_DIRS_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_SOURCE, RETRY_NEVER,
			       "more than %d directories: is this one mail store?", TREE_DIRS_MAX);
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 64;
		struct tree_dir *dirs = realloc(t->dirs, cap * sizeof(*dirs));

		if (!dirs)
			return err_nomem(err);
		t->dirs = dirs;
		t->cap = cap;
	}
	path = arena_printf(&t->arena, "%s%s%s", parent, *parent ? "/" : "", name);
	if (!path)
		return err_nomem(err);
	t->dirs[t->n++] = (struct tree_dir){ .path = path, .depth = depth };
	return 0;
}

/* A link to a file may be a message or not: that is for the reader of the directory to say. */
static void notice_link(int dirfd, const char *root, const struct tree_dir *dir, const char *name,
			struct notices *notices)
{
	CLEANUP(buf_release) struct buf location = BUF_INIT(1 << 16);
	struct stat st;

	if (fstatat(dirfd, name, &st, 0) != 0 || !S_ISDIR(st.st_mode))
		return;
	buf_addf(&location, "%s%s%s/%s", root, *dir->path ? "/" : "", dir->path, name);
	if (buf_cstr(&location))
		notices_add(
			notices, NOTICE_SKIPPED_FILE, 1, location.ptr,
			"a symbolic link to a directory is not followed; give that directory as a "
			"source of its own if it has mail");
}

static int walk_entries(struct dir_tree *t, size_t at, struct dir_list *list, const char *root,
			tree_mark_fn *mark, struct notices *notices, struct err *err)
{
	struct dir_entry entry;
	int got;

	while ((got = dir_list_next(list, &entry, err)) > 0) {
		uint32_t bits;

		if (entry.type == DT_LNK) {
			notice_link(dir_list_fd(list), root, &t->dirs[at], entry.name, notices);
			continue;
		}
		bits = mark(dir_list_fd(list), &entry);
		t->dirs[at].marks |= bits & ~(TREE_PRUNE | TREE_COUNT);
		t->dirs[at].counted += (bits & TREE_COUNT) != 0;
		if (entry.type != DT_DIR || (bits & TREE_PRUNE))
			continue;
		if (add_dir(t, t->dirs[at].path, entry.name, t->dirs[at].depth + 1, err) != 0)
			return -1;
	}
	return got;
}

/* A directory that cannot be listed stays in the list: its mail must not be lost in silence. */
static int walk_dir(struct dir_tree *t, size_t at, int rootfd, struct dir_list *list,
		    const char *root, tree_mark_fn *mark, struct notices *notices, struct err *err)
{
	const char *path = t->dirs[at].path;
	struct err own = ERR_INIT;

	if (dir_list_start(list, rootfd, *path ? path : ".", false, NULL, &own) == 0 &&
	    walk_entries(t, at, list, root, mark, notices, &own) == 0)
		return 0;
	if (at == 0 || own.scope != SCOPE_FOLDER) {
		*err = own;
		return -1;
	}
	t->dirs[at].marks |= TREE_UNREADABLE;
	t->dirs[at].trouble = arena_str(&t->arena, own.text);
	return t->dirs[at].trouble ? 0 : err_nomem(err);
}

static int by_path(const void *a, const void *b)
{
	const struct tree_dir *x = a, *y = b;

	return strcmp(x->path, y->path);
}

int dir_tree_walk(struct dir_tree *t, int rootfd, const char *location, tree_mark_fn *mark,
		  struct notices *notices, struct err *err)
{
	struct dir_list *list = dir_list_new();
	int status = 0;

	*t = (struct dir_tree){ .arena = ARENA_INIT(TREE_PATHS_MAX) };
	if (!list)
		return err_nomem(err);
	if (add_dir(t, "", "", 0, err) != 0)
		status = -1;
	for (size_t i = 0; status == 0 && i < t->n; i++)
		status = walk_dir(t, i, rootfd, list, location, mark, notices, err);
	dir_list_free(list);
	if (status == 0)
		qsort(t->dirs, t->n, sizeof(t->dirs[0]), by_path);
	return status;
}

void dir_tree_release(struct dir_tree *t)
{
	arena_release(&t->arena);
	free(t->dirs);
	*t = (struct dir_tree){ .arena = ARENA_INIT(0) };
}

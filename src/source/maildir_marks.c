/*
 * See maildir_marks.h.
 */
#include "source/maildir_marks.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "source/maildir_names.h"

#define PROBE_DIRS_MAX	2000 /* directories looked into when probing */
#define PROBE_DEPTH_MAX 4

/* ---- what lies in a directory ---- */

static bool is_dir_at(int dirfd, const char *path)
{
	struct stat st;

	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* A directory `name` that is a maildir itself: then "cur" is the name of a folder. */
static bool holds_maildir(int dirfd, const char *name)
{
	char path[NAME_MAX + 8];

	snprintf(path, sizeof(path), "%s/cur", name);
	if (is_dir_at(dirfd, path))
		return true;
	snprintf(path, sizeof(path), "%s/new", name);
	return is_dir_at(dirfd, path);
}

static uint32_t mark_dir(int dirfd, const struct dir_entry *entry)
{
	static const struct {
		const char *name;
		uint32_t mark;
	} parts[] = { { "cur", HAS_CUR }, { "new", HAS_NEW }, { "tmp", HAS_TMP } };
	struct slice name = slice_of(entry->name, entry->len);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (slice_eq(name, slice_str(parts[i].name)) && !holds_maildir(dirfd, entry->name))
			return parts[i].mark | TREE_PRUNE;
	if (slice_eq(name, SLICE_LIT(".#evolution")))
		return BY_EVOLUTION | TREE_PRUNE;
	if (maildir_is_guid(name) && holds_maildir(dirfd, entry->name))
		return HAS_GUID_DIR;
	return 0;
}

/* Files beside cur and new that tell who wrote the store, or mean nothing; others are counted. */
static uint32_t mark_file(struct slice name)
{
	static const struct {
		const char *name;
		bool prefix;
		uint32_t mark;
	} files[] = {
		{ "dovecot-uidlist", false, BY_DOVECOT },
		{ "dovecot-uidlist.lock", false, HAS_LOCK },
		{ "dovecot-keywords", false, BY_DOVECOT | HAS_KEYWORDS },
		{ "dovecot.list.index", true, HAS_LIST_INDEX },
		{ "dovecot", true, 0 },
		{ ".uidvalidity", false, BY_MBSYNC },
		{ ".isyncuidmap.db", true, BY_MBSYNC },
		{ ".mbsyncstate.lock", false, BY_MBSYNC | HAS_LOCK },
		{ ".mbsyncstate", true, BY_MBSYNC },
		{ "..maildir++", false, BY_EVOLUTION },
		{ "..cmeta", false, BY_EVOLUTION },
		{ ".", true, 0 },
		{ "maildirfolder", false, 0 },
		{ "maildirsize", false, 0 },
		{ "courier", true, 0 },
		{ "shared-maildirs", false, 0 },
		{ "subscriptions", false, 0 },
		{ "quotawarn", false, 0 },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct slice known = slice_str(files[i].name);

		if (files[i].prefix ? slice_starts(name, known) : slice_eq(name, known))
			return files[i].mark;
	}
	return slice_ends(name, SLICE_LIT(".msf")) ? HAS_MSF : TREE_COUNT;
}

uint32_t maildir_mark(int dirfd, const struct dir_entry *entry)
{
	if (entry->type == DT_DIR)
		return mark_dir(dirfd, entry);
	return mark_file(slice_of(entry->name, entry->len));
}

/* ---- probing ---- */

static uint32_t marks_of(int dirfd, const char *path, struct dir_list *list)
{
	struct err err = ERR_INIT;
	struct dir_entry entry;
	uint32_t marks = 0;

	if (dir_list_start(list, dirfd, path, false, NULL, &err) != 0)
		return 0;
	while (dir_list_next(list, &entry, &err) > 0)
		if (entry.type == DT_DIR || entry.type == DT_REG)
			marks |= maildir_mark(dir_list_fd(list), &entry);
	return marks;
}

struct probe_dir {
	char *path;
	unsigned depth;
};

/* The directories below one, appended to the queue. */
static void queue_children(int rootfd, struct probe_dir *queue, size_t at, size_t *n,
			   struct dir_list *list, struct arena *a)
{
	struct err err = ERR_INIT;
	struct dir_entry entry;

	if (queue[at].depth == PROBE_DEPTH_MAX ||
	    dir_list_start(list, rootfd, queue[at].path, false, NULL, &err) != 0)
		return;
	while (*n < PROBE_DIRS_MAX && dir_list_next(list, &entry, &err) > 0) {
		if (entry.type != DT_DIR)
			continue;
		queue[*n].path = arena_printf(a, "%s/%s", queue[at].path, entry.name);
		queue[*n].depth = queue[at].depth + 1;
		*n += queue[*n].path != NULL;
	}
}

/* A maildir somewhere below, found in breadth first. */
static int probe_below(int rootfd, struct dir_list *list, struct arena *a)
{
	struct probe_dir *queue = arena_alloc(a, PROBE_DIRS_MAX * sizeof(*queue));
	size_t n = 1;
	uint32_t all = 0;

	if (!queue)
		return 0;
	queue[0] = (struct probe_dir){ arena_str(a, "."), 0 };
	for (size_t i = 0; queue[0].path && i < n; i++) {
		uint32_t marks = marks_of(rootfd, queue[i].path, list);

		all |= marks;
		if (marks & IS_MAILDIR)
			return all & HAS_MSF ? 55 : 85;
		queue_children(rootfd, queue, i, &n, list, a);
	}
	return 0;
}

int maildir_probe(const char *path)
{
	struct arena a = ARENA_INIT(16u << 20);
	struct err err = ERR_INIT;
	CLEANUP(fd_cleanup) int fd = fd_open_dir(AT_FDCWD, path, &err);
	struct dir_list *list = fd < 0 ? NULL : dir_list_new();
	uint32_t marks;
	int score;

	if (!list)
		return 0;
	marks = marks_of(fd, ".", list);
	if ((marks & IS_MAILDIR) == IS_MAILDIR)
		score = 95;
	else if (marks & IS_MAILDIR)
		score = 80;
	else
		score = probe_below(fd, list, &a);
	dir_list_free(list);
	arena_release(&a);
	return score;
}

/*
 * Messages as files: one .eml file, or a tree of directories of them, where directories are
 * folders. A file given by itself may have any name. What stands before the message (a BOM, the
 * From_ line of the mbox that it was cut out of) is cut off. Flags are not kept by such files, so
 * none are set. Apple Mail's .emlx is another format: named, not carried.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/file_store.h"
#include "source/folder_name.h"
#include "source/kinds.h"

#define READER_VERSION	1 /* in fingerprints: raise when the same files give another result */
#define PROBE_DIRS_MAX	1000
#define PROBE_DEPTH_MAX 4

/* Marks of directories. */
enum {
	HAS_EML = 1u << 0,
	HAS_EMLX = 1u << 1,
	HAS_OTHER = 1u << 2,
};

struct folder {
	const struct tree_dir *dir; /* NULL: none */
	int fd;
	struct stamp stamp;
	uint64_t n, sum, empty;
	char *location;
};

struct eml {
	struct source_head head;
	struct file_store store;
	char *file_name; /* of a single file; the root is then its directory */
	const char *prefix;
	struct arena arena;
	struct folder folder;
};

static struct eml *self(struct source *s)
{
	return (struct eml *)(void *)s;
}

/* ---- what lies in a directory ---- */

static bool ends_with(struct slice name, struct slice suffix)
{
	return name.len > suffix.len && slice_ieq(slice_from(name, name.len - suffix.len), suffix);
}

static uint32_t mark(int dirfd, const struct dir_entry *entry)
{
	struct slice name = slice_of(entry->name, entry->len);

	(void)dirfd;
	if (entry->type != DT_REG || name.ptr[0] == '.')
		return 0;
	if (ends_with(name, SLICE_LIT(".eml")))
		return HAS_EML;
	if (ends_with(name, SLICE_LIT(".emlx")))
		return HAS_EMLX | TREE_COUNT;
	return HAS_OTHER | TREE_COUNT;
}

static bool is_message(const struct dir_entry *entry)
{
	return mark(-1, entry) == HAS_EML;
}

/* ---- probing ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A file named as a message may look worse than others. Mail without a From_ line in a file that
 * is named as an mbox is more likely a damaged mbox than one message. */
static int probe_file(const char *path)
{
	struct slice name = slice_str(base_name(path));
	int likeness = file_message_likeness_at(AT_FDCWD, path);

	if (ends_with(name, SLICE_LIT(".emlx")))
		return 0;
	if (ends_with(name, SLICE_LIT(".eml")))
		return likeness == 40 ? 45 : likeness > 20 ? 80 : 45;
	if (ends_with(name, SLICE_LIT(".mbox")) || ends_with(name, SLICE_LIT(".mbx")))
		return likeness / 2;
	return likeness;
}

struct probe_dir {
	char *path;
	unsigned depth;
};

static bool probe_dir_at(int rootfd, struct probe_dir *queue, size_t at, size_t *n,
			 struct dir_list *list, struct arena *a)
{
	struct err err = ERR_INIT;
	struct dir_entry entry;

	if (dir_list_start(list, rootfd, queue[at].path, false, NULL, &err) != 0)
		return false;
	while (dir_list_next(list, &entry, &err) > 0) {
		if (is_message(&entry))
			return true;
		if (entry.type != DT_DIR || *n == PROBE_DIRS_MAX ||
		    queue[at].depth == PROBE_DEPTH_MAX)
			continue;
		queue[*n].path = arena_printf(a, "%s/%s", queue[at].path, entry.name);
		queue[*n].depth = queue[at].depth + 1;
		*n += queue[*n].path != NULL;
	}
	return false;
}

static int probe_tree(int rootfd)
{
	struct arena a = ARENA_INIT(16u << 20);
	struct dir_list *list = dir_list_new();
	struct probe_dir *queue = arena_alloc(&a, PROBE_DIRS_MAX * sizeof(*queue));
	size_t n = 1;
	int score = 0;

	if (list && queue)
		queue[0] = (struct probe_dir){ arena_str(&a, "."), 0 };
	for (size_t i = 0; list && queue && queue[0].path && i < n && score == 0; i++)
		if (probe_dir_at(rootfd, queue, i, &n, list, &a))
			score = i == 0 ? 60 : 50;
	dir_list_free(list);
	arena_release(&a);
	return score;
}

static int probe(const char *path)
{
	struct err err = ERR_INIT;
	CLEANUP(fd_cleanup) int fd = -1;
	struct stat st;

	if (stat(path, &st) != 0)
		return 0;
	if (S_ISREG(st.st_mode))
		return probe_file(path);
	fd = fd_open_dir(AT_FDCWD, path, &err);
	return fd < 0 ? 0 : probe_tree(fd);
}

/* ---- opening ---- */

static void close_folder(struct eml *e)
{
	struct folder *f = &e->folder;

	file_message_close(&e->store.file);
	dir_list_stop(e->store.list);
	fd_cleanup(&f->fd);
	free(f->location);
	f->location = NULL;
	f->dir = NULL;
}

static void eml_close(struct source *s)
{
	struct eml *e = self(s);

	if (e->store.list)
		close_folder(e);
	arena_release(&e->arena);
	free(e->file_name);
	file_store_release(&e->store);
	free(e);
}

static struct eml *new_eml(const char *path)
{
	struct eml *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->head.ops = &source_eml;
	e->folder.fd = -1;
	e->arena = (struct arena)ARENA_INIT(1u << 16);
	if (file_store_init(&e->store, path) == 0)
		return e;
	eml_close((struct source *)(void *)e);
	return NULL;
}

/* The root is the directory of the file, and its name the folder's. */
static int open_single(struct eml *e, struct err *err)
{
	const char *name = base_name(e->store.location);
	char *dir = name == e->store.location ? arena_str(&e->arena, ".")
					      : arena_copy(&e->arena, e->store.location,
							   (size_t)(name - e->store.location));

	if (ends_with(slice_str(name), SLICE_LIT(".emlx")))
		return err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER,
			       "'%s' is a message of Apple Mail (.emlx), which cannot be read",
			       e->store.location);
	e->file_name = strdup(name);
	if (!dir || !e->file_name)
		return err_nomem(err);
	e->store.root = fd_open_dir(AT_FDCWD, dir, err);
	e->prefix = folder_name_of_root(dir, &e->arena);
	if (e->store.root < 0)
		return -1;
	return e->prefix ? 0 : err_nomem(err);
}

static void notice_others(struct eml *e)
{
	CLEANUP(buf_release) struct buf location = BUF_INIT(1u << 16);

	for (size_t i = 0; i < e->store.tree.n; i++) {
		const struct tree_dir *dir = &e->store.tree.dirs[i];

		if (dir->counted == 0)
			continue;
		buf_reset(&location);
		buf_addf(&location, "%s%s%s", e->store.location, *dir->path ? "/" : "", dir->path);
		if (!buf_cstr(&location))
			continue;
		if (dir->marks & HAS_EMLX)
			notices_add(e->store.notices, NOTICE_NOT_CARRIED, dir->counted,
				    location.ptr,
				    "messages of Apple Mail (.emlx) and other files that are not "
				    "named .eml: not carried");
		else
			notices_add(e->store.notices, NOTICE_SKIPPED_FILE, dir->counted,
				    location.ptr, "files that are not named .eml: not carried");
	}
}

static int open_tree(struct eml *e, struct err *err)
{
	uint32_t all = 0;

	if (file_store_walk(&e->store, mark, err) != 0)
		return -1;
	for (size_t i = 0; i < e->store.tree.n; i++)
		all |= e->store.tree.dirs[i].marks;
	if (!(all & HAS_EML))
		return err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER,
			       "'%s' has no .eml file in it or below%s", e->store.location,
			       all & HAS_EMLX ? ", only Apple Mail's .emlx, which cannot be read"
					      : "");
	notice_others(e);
	if (!(e->store.tree.dirs[0].marks & HAS_EML))
		return 0;
	e->prefix = folder_name_of_root(e->store.location, &e->arena);
	return e->prefix ? 0 : err_nomem(err);
}

static int eml_open(const char *path, const struct source_options *options, struct source **out,
		    struct err *err)
{
	struct eml *e = new_eml(path);
	struct stat st;
	int status;

	(void)options; /* nothing in such a store is left out on purpose */
	if (!e)
		return err_nomem(err);
	if (stat(e->store.location, &st) != 0)
		status = err_sys(err, ERR_NOINPUT, SCOPE_SOURCE, errno, "cannot open '%s'", path);
	else
		status = S_ISDIR(st.st_mode) ? open_tree(e, err) : open_single(e, err);
	if (status != 0) {
		err->scope = SCOPE_SOURCE;
		eml_close((struct source *)(void *)e);
		return -1;
	}
	*out = (struct source *)(void *)e;
	return 0;
}

/* ---- folders ---- */

/* Name, inode, size and time of a file: what makes a scan give another result. */
static uint64_t sum_of(int dirfd, const char *name)
{
	struct stat st;
	struct stamp stamp;
	uint64_t words[4];

	if (fstatat(dirfd, name, &st, 0) != 0)
		return 0;
	stamp = stamp_of(&st);
	words[0] = stamp.dev;
	words[1] = stamp.ino;
	words[2] = stamp.size;
	words[3] = (uint64_t)stamp.mtime_ns;
	return hash_bytes(hash_bytes(0, name, strlen(name)), words, sizeof(words));
}

static int glance(struct eml *e, struct err *err)
{
	struct folder *f = &e->folder;
	struct dir_entry entry;
	struct stat st;
	int got;

	f->n = f->sum = 0;
	if (e->file_name) {
		f->n = 1;
		f->sum = sum_of(f->fd, e->file_name);
		return 0;
	}
	if (dir_list_start(e->store.list, f->fd, ".", false, &st, err) != 0)
		return -1;
	f->stamp = stamp_of(&st);
	while ((got = dir_list_next(e->store.list, &entry, err)) > 0) {
		if (!is_message(&entry))
			continue;
		f->n++;
		f->sum += sum_of(dir_list_fd(e->store.list), entry.name);
	}
	dir_list_stop(e->store.list);
	return got;
}

static int describe(struct eml *e, struct arena *a, struct source_folder *out, struct err *err)
{
	struct folder *f = &e->folder;
	bool guessed;

	out->location = arena_str(a, f->location);
	if (!out->location)
		return err_nomem(err);
	if (folder_path_plain(e->prefix, f->dir->path, a, &out->path, &guessed, err) != 0)
		return -1;
	if (guessed) {
		out->note = "the folder's name is not UTF-8: taken for Latin-1";
		notices_add(e->store.notices, NOTICE_NAME, 1, out->location, "%s", out->note);
	}
	return 0;
}

static int begin_folder(struct eml *e, const struct tree_dir *dir, struct arena *a,
			struct source_folder *out, struct err *err)
{
	struct folder *f = &e->folder;
	struct source_folder folder = { 0 };

	close_folder(e);
	f->dir = dir;
	f->empty = 0;
	if (asprintf(&f->location, "%s%s%s", e->store.location, *dir->path ? "/" : "", dir->path) <
	    0) {
		f->location = NULL;
		return err_nomem(err);
	}
	if (dir->trouble)
		return err_set(err, ERR_NOINPUT, SCOPE_FOLDER, RETRY_NEVER, "%s", dir->trouble);
	f->fd = fd_open_dir(e->store.root, *dir->path ? dir->path : ".", err);
	if (f->fd < 0 || describe(e, a, &folder, err) != 0 || glance(e, err) != 0)
		return -1;
	if (!e->file_name && dir_list_start(e->store.list, f->fd, ".", true, NULL, err) != 0)
		return -1;
	folder.fingerprint =
		arena_printf(a, "eml%d:%" PRIu64 ":%016" PRIx64, READER_VERSION, f->n, f->sum);
	if (!folder.fingerprint)
		return err_nomem(err);
	*out = folder;
	return 1;
}

/* The only "directory" of a single file. */
static const struct tree_dir single_dir = { .path = "", .marks = HAS_EML };

static const struct tree_dir *next_dir(struct eml *e)
{
	if (e->file_name)
		return e->store.at++ == 0 ? &single_dir : NULL;
	while (e->store.at < e->store.tree.n) {
		const struct tree_dir *dir = &e->store.tree.dirs[e->store.at++];

		if (dir->marks & (HAS_EML | TREE_UNREADABLE))
			return dir;
	}
	return NULL;
}

static int eml_next_folder(struct source *s, struct arena *a, struct source_folder *out,
			   struct err *err)
{
	struct eml *e = self(s);
	const struct tree_dir *dir = next_dir(e);

	if (!dir) {
		close_folder(e);
		return 0;
	}
	if (begin_folder(e, dir, a, out, err) < 0) {
		err_prefix(err, "'%s'", e->store.location);
		close_folder(e);
		return -1;
	}
	return 1;
}

/* ---- messages ---- */

static int deliver(struct eml *e, const char *name, struct arena *a, struct message *out,
		   struct err *err)
{
	struct folder *f = &e->folder;
	struct message message = { 0 };

	if (file_message_open(f->fd, name, LEAD_CUT, &e->store.file, err) != 0)
		return err_prefix(err, "'%s'", f->location);
	file_message_fill(&e->store.file, &message);
	f->empty += e->store.file.size == 0;
	message.locator = file_locator_write(a, f->dir->path, NULL, slice_str(name), &e->store.file,
					     &message.canon);
	if (!message.locator)
		return err_nomem(err);
	*out = message;
	return 1;
}

/* A directory that changed may have named a file twice or not at all. */
static int check_unchanged(struct eml *e, struct err *err)
{
	struct folder *f = &e->folder;
	uint64_t sum = f->sum;
	struct stat st;
	struct stamp now;

	if (!e->file_name && fstat(f->fd, &st) == 0) {
		now = stamp_of(&st);
		if (stamp_eq(&now, &f->stamp))
			return 0;
	}
	if (glance(e, err) != 0)
		return -1;
	if (f->sum == sum)
		return 0;
	return err_set(err, ERR_CHANGED, SCOPE_FOLDER, RETRY_LATER,
		       "'%s' was changed while it was read", f->location);
}

static int end_folder(struct eml *e, struct err *err)
{
	struct folder *f = &e->folder;
	int status = check_unchanged(e, err);

	if (f->empty)
		notices_add(e->store.notices, NOTICE_DAMAGED, f->empty, f->location,
			    "files without a single byte; they are no messages");
	fd_cleanup(&f->fd);
	return status;
}

static int next_in_directory(struct eml *e, struct arena *a, struct message *out, struct err *err)
{
	struct dir_entry entry;
	int got;

	while ((got = dir_list_next(e->store.list, &entry, err)) > 0)
		if (is_message(&entry))
			return deliver(e, entry.name, a, out, err);
	return got < 0 ? -1 : end_folder(e, err);
}

static int eml_next_message(struct source *s, struct arena *a, struct message *out, struct err *err)
{
	struct eml *e = self(s);
	struct folder *f = &e->folder;

	file_message_close(&e->store.file);
	if (!f->dir || f->fd < 0)
		return 0;
	if (!e->file_name)
		return next_in_directory(e, a, out, err);
	if (f->n == 0)
		return end_folder(e, err);
	f->n = 0;
	return deliver(e, e->file_name, a, out, err);
}

static int eml_find(struct source *s, const char *locator, struct arena *a, struct message *out,
		    struct err *err)
{
	struct eml *e = self(s);

	return file_store_find(&e->store, locator, a, out, err);
}

static int eml_next_notice(struct source *s, struct arena *a, struct notice *out)
{
	return notices_next(self(s)->store.notices, a, out);
}

const struct source_ops source_eml = {
	.kind = "eml",
	.summary = "messages as .eml files, one or a tree of them",
	.probe = probe,
	.open = eml_open,
	.next_folder = eml_next_folder,
	.next_message = eml_next_message,
	.find = eml_find,
	.next_notice = eml_next_notice,
	.close = eml_close,
};

/*
 * The kind "mbox": one mbox file, or a tree of them (mbox_tree.h). Each file is a folder; files of
 * a tree that are no mbox are noticed and passed over. Messages that are deleted but still there
 * are left out, or form a folder "Deleted" below theirs when the user asks for them.
 */
#include "source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/kinds.h"
#include "source/mbox_locator.h"
#include "source/mbox_shelf.h"
#include "source/mbox_tree.h"

#define READER_VERSION	  1 /* raise when a scan of the same file could give something else */
#define PATH_ROOM	  (2 * PATH_MAX)
#define PROBE_ENTRIES_MAX 2000
#define PROBE_FILES_MAX	  24

/* How sure a directory is ours: one in which the reader of single messages (60 when one lies on
 * top) may find more, a tree of mbox files, one whose layout we know. */
#define PROBE_MIXED 40
#define PROBE_PLAIN 62
#define PROBE_KNOWN 65

#define SCRATCH_MAX ((size_t)4 << 20)

enum pass { PASS_LIVE, PASS_DELETED };

struct mbox {
	struct source_head head;
	struct source_options options;
	char *path;
	bool is_tree;
	struct notices *notices;
	struct mbox_tree tree; /* of a single file: one entry */
	struct arena scratch;

	size_t next; /* entry */
	const struct mbox_entry *entry;
	struct mbox_file *file; /* of entry */
	enum pass pass;
	bool complete;				  /* the pass has been read to its end */
	uint64_t n_deleted;			  /* seen in PASS_LIVE */
	uint64_t n_with_mail, n_empty, n_refused; /* files: mbox, empty, something else */

	struct mbox_shelf found; /* for find() */
};

static struct mbox *from_source(struct source *s)
{
	return (struct mbox *)(void *)s;
}

/* ---- probing ---- */

static int probe_tree(const char *path)
{
	CLEANUP(mbox_tree_release) struct mbox_tree tree = { 0 };
	struct err ignored = ERR_INIT;
	size_t probed = 0, sure = 0;

	if (mbox_tree_walk(&tree, path, PROBE_ENTRIES_MAX, NULL, &ignored) != 0)
		return 0;
	for (size_t i = 0; i < tree.n && probed < PROBE_FILES_MAX; i++) {
		char *file = arena_printf(&tree.arena, "%s/%s", path, tree.entries[i]->path);

		if (tree.entries[i]->shut)
			continue;
		sure += file && mbox_file_probe(file) >= 50;
		probed++;
	}
	/* A folder with one mbox among many other things is not a mail store. */
	if (sure == 0 || 2 * sure < probed)
		return sure > 0 && tree.marked ? PROBE_MIXED : 0;
	if (sure <= tree.n_single)
		return PROBE_MIXED;
	return tree.marked ? PROBE_KNOWN : PROBE_PLAIN;
}

static int probe(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return 0;
	return S_ISDIR(st.st_mode) ? probe_tree(path) : mbox_file_probe(path);
}

/* ---- opening ---- */

static void close_source(struct source *s)
{
	struct mbox *m = from_source(s);

	mbox_file_close(m->file);
	mbox_shelf_clear(&m->found);
	mbox_tree_release(&m->tree);
	arena_release(&m->scratch);
	notices_free(m->notices);
	free(m->path);
	free(m);
}

/* The path of a file of that name: below the root of a tree, or the single file. */
static const char *path_of(const struct mbox *m, const char *name, struct buf *room)
{
	buf_reset(room);
	buf_adds(room, m->path);
	if (m->is_tree)
		buf_addf(room, "/%s", name);
	return buf_cstr(room);
}

static int open_file(struct mbox *m, const char *name, struct mbox_file **out, struct err *err)
{
	CLEANUP(buf_release) struct buf room = BUF_INIT(PATH_ROOM);
	const char *path = path_of(m, name, &room);

	if (!path)
		return err_nomem(err);
	return mbox_file_open(AT_FDCWD, path, name, m->notices, out, err);
}

static int open_tree(struct mbox *m, struct err *err)
{
	m->is_tree = true;
	if (mbox_tree_walk(&m->tree, m->path, MBOX_TREE_FILES_MAX, m->notices, err) != 0)
		return -1;
	if (m->tree.n == 0)
		return err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER,
			       "'%s' holds no mbox file", m->path);
	return 0;
}

/* A single file is opened at once, so that one that is no mbox is refused here. */
static int open_single(struct mbox *m, struct err *err)
{
	struct mbox_tree *t = &m->tree;

	t->arena = (struct arena)ARENA_INIT(SCRATCH_MAX);
	t->entries = calloc(1, sizeof(struct mbox_entry *));
	if (!t->entries)
		return err_nomem(err);
	t->entries[0] = arena_alloc(&t->arena, sizeof(struct mbox_entry));
	if (!t->entries[0])
		return err_nomem(err);
	t->n = 1;
	if (mbox_tree_single(m->path, &t->arena, t->entries[0], err) != 0)
		return -1;
	return open_file(m, t->entries[0]->path, &m->file, err);
}

static int open_source(const char *path, const struct source_options *options, struct source **out,
		       struct err *err)
{
	struct mbox *m = calloc(1, sizeof(*m));
	struct stat st;
	int status;

	if (!m)
		return err_nomem(err);
	m->head.ops = &source_mbox;
	m->options = *options;
	m->scratch = (struct arena)ARENA_INIT(SCRATCH_MAX);
	m->path = strdup(path);
	m->notices = notices_new();
	if (!m->path || !m->notices)
		status = err_nomem(err);
	else if (stat(path, &st) != 0)
		status = err_sys(err, ERR_NOINPUT, SCOPE_SOURCE, errno, "cannot open '%s'", path);
	else
		status = S_ISDIR(st.st_mode) ? open_tree(m, err) : open_single(m, err);
	if (status != 0) {
		close_source((struct source *)m);
		if (err->scope < SCOPE_SOURCE)
			err->scope = SCOPE_SOURCE;
		return -1;
	}
	*out = (struct source *)m;
	return 0;
}

/* ---- folders ---- */

static void count_file(struct mbox *m)
{
	if (mbox_file_is_empty(m->file))
		m->n_empty++;
	else
		m->n_with_mail++;
}

/* In a tree, a file that is no mbox is no error: 1 opened, 0 passed over, -1. */
static int open_entry(struct mbox *m, const struct mbox_entry *entry, struct err *err)
{
	CLEANUP(buf_release) struct buf room = BUF_INIT(PATH_ROOM);
	struct err why = ERR_INIT;
	const char *path;

	if (!m->is_tree)
		return 1;
	if (open_file(m, entry->path, &m->file, &why) == 0) {
		count_file(m);
		return 1;
	}
	if (why.code != ERR_FORMAT) {
		*err = why;
		return -1;
	}
	m->n_refused++;
	path = path_of(m, entry->path, &room);
	notices_add(m->notices, NOTICE_SKIPPED_FILE, 1, path ? path : entry->path, "%s", why.text);
	return 0;
}

/* Is there a deleted message? When the caller knew the folder's fingerprint, nobody has looked. */
static int has_deleted(struct mbox *m, bool *out, struct err *err)
{
	struct message message;
	int got = 1;

	*out = m->n_deleted > 0;
	if (m->complete || *out)
		return 0;
	mbox_file_rewind(m->file);
	while (got > 0 && !*out) {
		arena_reset(&m->scratch);
		got = mbox_file_next(m->file, &m->scratch, &message, err);
		*out = got > 0 && message.state == STATE_DELETED;
	}
	return got < 0 ? -1 : 0;
}

static const char *fingerprint(const struct mbox *m, struct arena *a)
{
	struct stamp s = mbox_file_stamp(m->file);

	return arena_printf(a, "mbox%d:%" PRIx64 ":%" PRIx64 ":%" PRIu64 ":%" PRId64,
			    READER_VERSION, s.dev, s.ino, s.size, s.mtime_ns);
}

/* KMail keeps in its own index which messages are deleted and what their flags are. */
static bool has_kmail_index(const struct mbox *m)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(PATH_ROOM);
	const char *name = strrchr(m->entry->path, '/');
	int dir_len = name ? (int)(name + 1 - m->entry->path) : 0;

	buf_addf(&path, "%s/%.*s.%s.index", m->path, dir_len, m->entry->path,
		 m->entry->path + dir_len);
	return m->is_tree && buf_cstr(&path) && access(path.ptr, F_OK) == 0;
}

static const char *note_on(const struct mbox *m)
{
	if (m->entry->name_guessed)
		return "the file's name is not valid UTF-8: some characters are replaced";
	if (has_kmail_index(m))
		return "KMail's index is not read: no flags, and what was deleted but not yet "
		       "compacted is carried too";
	return NULL;
}

static int deliver_folder(struct mbox *m, struct arena *a, struct source_folder *out,
			  struct err *err)
{
	struct source_folder folder = { .role = m->entry->role };

	for (size_t i = 0; i < m->entry->folder.n; i++) {
		folder.path.names[i] = arena_str(a, m->entry->folder.names[i]);
		if (!folder.path.names[i])
			return err_nomem(err);
	}
	folder.path.n = m->entry->folder.n;
	if (m->pass == PASS_DELETED) {
		folder.role = ROLE_NONE;
		if (folder.path.n == FOLDER_DEPTH_MAX)
			folder.path.n--;
		folder.path.names[folder.path.n++] = "Deleted";
	}
	folder.location = m->is_tree ? arena_printf(a, "%s/%s", m->path, m->entry->path)
				     : arena_str(a, m->path);
	folder.fingerprint = fingerprint(m, a);
	if (!folder.location || !folder.fingerprint)
		return err_nomem(err);
	folder.note = note_on(m);
	m->complete = false;
	*out = folder;
	return 1;
}

/* The same file once more, for what is deleted in it: 1, 0 (nothing is), -1. */
static int deleted_folder(struct mbox *m, struct arena *a, struct source_folder *out,
			  struct err *err)
{
	bool any = false;

	if (!m->entry || !m->file || m->pass == PASS_DELETED || !m->options.include_deleted)
		return 0;
	if (has_deleted(m, &any, err) != 0) {
		m->entry = NULL;
		return -1;
	}
	if (!any)
		return 0;
	m->pass = PASS_DELETED;
	mbox_file_rewind(m->file);
	return deliver_folder(m, a, out, err);
}

/* Empty files are empty folders, but among files that are none they are just empty files. */
static int check_any_mail(const struct mbox *m, struct err *err)
{
	if (!m->is_tree || m->n_with_mail > 0 || (m->n_empty > 0 && m->n_refused == 0))
		return 0;
	return err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER, "'%s' holds no mbox file",
		       m->path);
}

static int next_folder(struct source *s, struct arena *a, struct source_folder *out,
		       struct err *err)
{
	struct mbox *m = from_source(s);
	int got = deleted_folder(m, a, out, err);

	if (got != 0)
		return got;
	m->entry = NULL;
	m->pass = PASS_LIVE;
	m->n_deleted = 0;
	while (m->next < m->tree.n) {
		const struct mbox_entry *entry = m->tree.entries[m->next++];

		if (m->is_tree) {
			mbox_file_close(m->file);
			m->file = NULL;
		}
		if (entry->shut)
			return err_set(err, ERR_NOINPUT, SCOPE_FOLDER, RETRY_NEVER, "%s",
				       entry->shut);
		got = open_entry(m, entry, err);
		if (got < 0)
			return -1;
		if (got == 0)
			continue;
		m->entry = entry;
		return deliver_folder(m, a, out, err);
	}
	return check_any_mail(m, err);
}

/* ---- messages ---- */

static void end_of_folder(struct mbox *m)
{
	CLEANUP(buf_release) struct buf room = BUF_INIT(PATH_ROOM);
	const char *path = path_of(m, m->entry->path, &room);

	m->complete = true;
	if (m->pass == PASS_LIVE && m->n_deleted > 0)
		notices_add(m->notices, NOTICE_EXPUNGED, m->n_deleted, path ? path : m->path,
			    "deleted but still in the file: %s",
			    m->options.include_deleted ? "carried in a folder of their own"
						       : "left out");
}

static int next_message(struct source *s, struct arena *a, struct message *out, struct err *err)
{
	struct mbox *m = from_source(s);
	struct message message;
	int got;

	if (!m->entry || m->complete)
		return 0;
	for (;;) {
		arena_reset(&m->scratch);
		got = mbox_file_next(m->file, &m->scratch, &message, err);
		if (got <= 0 || (message.state == STATE_DELETED) == (m->pass == PASS_DELETED))
			break;
		m->n_deleted += m->pass == PASS_LIVE;
	}
	if (got == 0)
		end_of_folder(m);
	if (got < 0)
		m->entry = NULL;
	if (got <= 0)
		return got;
	/* The texts were made in the scratch arena: a run of messages that are left out, however
	 * long, takes no room in the caller\'s. */
	if (message_keep_texts(&message, a) != 0)
		return err_nomem(err);
	/* In a folder of their own they must not fall to the next EXPUNGE. */
	message.flags.system &= m->pass == PASS_DELETED ? ~(uint32_t)FLAG_DELETED : FLAG_ALL;
	*out = message;
	return 1;
}

/* ---- find ---- */

/* A path from a locator may not lead out of the tree. */
static bool leads_out(const char *path)
{
	struct slice rest = slice_str(path);

	while (rest.len > 0)
		if (slice_eq(slice_cut(&rest, '/'), SLICE_LIT("..")))
			return true;
	return *path == '/';
}

/* NULL and *err when it cannot be read. */
static struct mbox_file *open_found(struct mbox *m, const char *name, struct err *err)
{
	struct mbox_file *file = mbox_shelf_get(&m->found, name);

	if (file)
		return file;
	if (open_file(m, name, &file, err) != 0 || mbox_shelf_put(&m->found, name, file, err) != 0)
		return NULL;
	return file;
}

static int find(struct source *s, const char *locator, struct arena *a, struct message *out,
		struct err *err)
{
	struct mbox *m = from_source(s);
	const char *name, *suffix;
	struct mbox_file *file;

	if (mbox_locator_split(locator, a, &name, &suffix, err) != 0)
		return -1;
	if (leads_out(name) || (!m->is_tree && strcmp(name, m->tree.entries[0]->path) != 0))
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
			       "'%s' is no locator of a message in '%s'", locator, m->path);
	file = open_found(m, name, err);
	if (!file) {
		err->scope = SCOPE_MESSAGE;
		return -1;
	}
	return mbox_file_locate(file, suffix, out, err);
}

static int next_notice(struct source *s, struct arena *a, struct notice *out)
{
	return notices_next(from_source(s)->notices, a, out);
}

const struct source_ops source_mbox = {
	.kind = "mbox",
	.summary = "an mbox file (also gzip), or a directory tree of them",
	.probe = probe,
	.open = open_source,
	.next_folder = next_folder,
	.next_message = next_message,
	.find = find,
	.next_notice = next_notice,
	.close = close_source,
};

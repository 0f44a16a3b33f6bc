/*
 * Maildirs: one file a message in cur/ and new/, flags in the file's name, folders as directories.
 *
 * Which directories are folders is found by looking for cur/ and new/, wherever they are: that
 * covers Maildir++ (".A.B" beside the root's own cur/), nested trees (Dovecot LAYOUT=fs, isync
 * Verbatim, offlineimap), isync's Legacy ("A/.B") and collections of maildirs alike; only the
 * spelling of the names differs (maildir_names.h). tmp/, dot files and what lies outside cur/ and
 * new/ are no messages; they are counted. Symbolic links are not followed: in maildirs they are
 * the results of searches (mairix, notmuch), whose messages lie elsewhere.
 *
 * Other programs rename files while we read (every change of a flag is a rename), and a directory
 * that is changed while it is listed may name a file twice or not at all. So the files met are
 * remembered by (name without flags, inode), and a folder that changed is listed again until
 * nothing new is found.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/dir_tree.h"
#include "source/file_message.h"
#include "source/hash_set.h"
#include "source/kinds.h"
#include "source/maildir_names.h"
#include "source/mbox_file.h"

#define READER_VERSION	  1 /* in fingerprints: raise when the same files give another result */
#define PASSES_MAX	  4 /* listings of a folder that changes while it is read */
#define KEYWORDS_FILE_MAX ((size_t)64 << 10) /* dovecot-keywords has 26 lines */
#define KEYWORD_LETTERS	  26
#define RECENT_NS	  INT64_C(2000000000) /* mtimes may be this coarse (FAT) */
#define TIME_SLACK	  300  /* seconds between the name's time and the file's in one delivery */
#define MBOXES_LOOKED_AT  100  /* stray files of one directory that are probed */
#define MBOX_SURE	  50   /* mbox_file_probe() of what is no accident */
#define PROBE_DIRS_MAX	  2000 /* directories looked into when probing */
#define PROBE_DEPTH_MAX	  4

/* Marks of directories. */
enum {
	HAS_CUR = 1u << 0,
	HAS_NEW = 1u << 1,
	HAS_TMP = 1u << 2,
	BY_DOVECOT = 1u << 3,
	BY_MBSYNC = 1u << 4,
	BY_EVOLUTION = 1u << 5,
	HAS_KEYWORDS = 1u << 6,
	HAS_LOCK = 1u << 7,
	HAS_LIST_INDEX = 1u << 8, /* dovecot.list.index */
	HAS_GUID_DIR = 1u << 9,	  /* a maildir named by a GUID is in it */
	HAS_MSF = 1u << 10,	  /* Thunderbird's indexes */
	IS_MAILDIR = HAS_CUR | HAS_NEW,
};

/* The folder being read. */
struct folder {
	const struct tree_dir *dir; /* NULL: none */
	bool deleted;		    /* its deleted messages, in a folder of their own */
	bool withheld;		    /* an outbox that is not wanted */
	int fd;			    /* the directory that holds cur and new */
	struct arena arena;
	const char *keywords[KEYWORD_LETTERS];
	struct stamp cur, new; /* before the pass */
	int64_t pass_began;
	unsigned pass;
	bool in_cur, changing;
	struct hash_set met;
	uint64_t n_deleted;
	uint64_t gone, empty, shorter;
};

struct maildir {
	struct source_head head;
	struct source_options options;
	char *location; /* the path as the user gave it, without a final '/' */
	int root;
	struct notices *notices;
	struct dir_tree tree;
	size_t at; /* next directory of the tree */
	struct dir_list *list;
	struct folder folder;
	struct file_message file, found;
};

static struct maildir *self(struct source *s)
{
	return (struct maildir *)(void *)s;
}

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

static uint32_t mark(int dirfd, const struct dir_entry *entry)
{
	if (entry->type == DT_DIR)
		return mark_dir(dirfd, entry);
	return mark_file(slice_of(entry->name, entry->len));
}

static const char *location_of(struct maildir *m, struct arena *a, const char *path)
{
	char *text = arena_printf(a, "%s%s%s", m->location, *path ? "/" : "", path);

	return text ? text : m->location;
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
			marks |= mark(dir_list_fd(list), &entry);
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

static int probe(const char *path)
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

/* ---- opening ---- */

static void close_folder(struct maildir *m)
{
	struct folder *f = &m->folder;

	file_message_close(&m->file);
	dir_list_stop(m->list);
	fd_cleanup(&f->fd);
	f->dir = NULL;
}

static void maildir_close(struct source *s)
{
	struct maildir *m = self(s);

	if (m->list)
		close_folder(m);
	file_message_close(&m->found);
	arena_release(&m->folder.arena);
	hash_set_release(&m->folder.met);
	dir_list_free(m->list);
	dir_tree_release(&m->tree);
	notices_free(m->notices);
	fd_cleanup(&m->root);
	free(m->location);
	free(m);
}

static struct maildir *new_maildir(const char *path, const struct source_options *options)
{
	struct maildir *m = calloc(1, sizeof(*m));
	size_t len = strlen(path);

	if (!m)
		return NULL;
	while (len > 1 && path[len - 1] == '/')
		len--;
	m->head.ops = &source_maildir;
	m->options = *options;
	m->root = m->folder.fd = m->file.fd = m->found.fd = -1;
	m->folder.arena = (struct arena)ARENA_INIT(1u << 20);
	m->location = strndup(path, len);
	m->notices = notices_new();
	m->list = dir_list_new();
	if (m->location && m->notices && m->list)
		return m;
	maildir_close((struct source *)(void *)m);
	return NULL;
}

/* Dovecot's LAYOUT=index names directories by GUIDs; only its index knows the folders' names. */
static int refuse_guids(struct maildir *m, struct err *err)
{
	uint32_t all = 0;

	for (size_t i = 0; i < m->tree.n; i++)
		all |= m->tree.dirs[i].marks;
	if ((all & HAS_LIST_INDEX) && (all & HAS_GUID_DIR))
		return err_set(
			err, ERR_FORMAT, SCOPE_SOURCE, RETRY_NEVER,
			"'%s' is a Dovecot store with LAYOUT=index: its folders' names are only "
			"in dovecot.list.index; let Dovecot rewrite it first (doveadm sync "
			"maildir:NEWPATH)",
			m->location);
	return 0;
}

static int refuse_nothing(struct maildir *m, struct err *err)
{
	for (size_t i = 0; i < m->tree.n; i++)
		if (m->tree.dirs[i].marks & IS_MAILDIR)
			return 0;
	return err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER,
		       "'%s' is no maildir: no directory 'cur' or 'new' in it or below",
		       m->location);
}

/* Mail of another format between maildirs, as KMail mixes them, has to be told of by name. */
static uint32_t notice_mboxes(struct maildir *m, const struct tree_dir *dir)
{
	struct arena *a = &m->folder.arena;
	struct err ignored = ERR_INIT;
	struct dir_entry entry;
	uint32_t n = 0, looked = 0;

	if (dir_list_start(m->list, m->root, *dir->path ? dir->path : ".", false, NULL, &ignored) !=
	    0)
		return 0;
	while (looked < MBOXES_LOOKED_AT && dir_list_next(m->list, &entry, &ignored) > 0) {
		const char *at;

		if (entry.type != DT_REG || mark(dir_list_fd(m->list), &entry) != TREE_COUNT)
			continue;
		looked++;
		at = arena_printf(a, "%s/%s", location_of(m, a, dir->path), entry.name);
		if (!at || mbox_file_probe(at) < MBOX_SURE)
			continue;
		n++;
		notices_add(
			m->notices, NOTICE_NOT_CARRIED, 1, at,
			"an mbox between maildirs: not carried; give it as a source of its own");
	}
	dir_list_stop(m->list);
	return n;
}

static void notice_strays(struct maildir *m)
{
	struct arena *a = &m->folder.arena;

	for (size_t i = 0; i < m->tree.n; i++) {
		const struct tree_dir *dir = &m->tree.dirs[i];
		uint32_t strays = dir->counted;

		arena_reset(a);
		if (strays > 0 && !(dir->marks & IS_MAILDIR))
			strays -= notice_mboxes(m, dir);
		if (strays > 0)
			notices_add(m->notices, NOTICE_SKIPPED_FILE, strays,
				    location_of(m, a, dir->path),
				    "files outside cur and new: no messages of a maildir");
		if (dir->marks & HAS_LOCK)
			notices_add(m->notices, NOTICE_IN_USE, 1, location_of(m, a, dir->path),
				    "locked: Dovecot or mbsync may be at work in it");
	}
}

static int maildir_open(const char *path, const struct source_options *options, struct source **out,
			struct err *err)
{
	struct maildir *m = new_maildir(path, options);

	if (!m)
		return err_nomem(err);
	m->root = fd_open_dir(AT_FDCWD, path, err);
	if (m->root < 0 ||
	    dir_tree_walk(&m->tree, m->root, m->location, mark, m->notices, err) != 0 ||
	    refuse_guids(m, err) != 0 || refuse_nothing(m, err) != 0) {
		err->scope = SCOPE_SOURCE;
		maildir_close((struct source *)(void *)m);
		return -1;
	}
	notice_strays(m);
	*out = (struct source *)(void *)m;
	return 0;
}

/* ---- a folder at a glance ---- */

/* What listing the names of a folder tells, without looking at any file. */
struct glance {
	uint64_t n, deleted, hidden, in_tmp;
	bool by_offlineimap;
	uint64_t sums[2]; /* of hashes, so that the order of the directory does not matter */
	struct stamp cur, new;
};

static bool is_message(const struct dir_entry *entry)
{
	return entry->type == DT_REG && entry->name[0] != '.';
}

static bool is_deleted(struct slice name)
{
	return slice_find(maildir_name_letters(name), 'T') >= 0;
}

/* Begin listing "cur", "new" or "tmp": 1, 0 when there is none, -1. */
static int list_part(struct maildir *m, const char *part, bool by_inode, struct stamp *stamp,
		     struct err *err)
{
	struct stat st;
	struct err own = ERR_INIT;

	if (stamp)
		*stamp = (struct stamp){ 0 };
	if (dir_list_start(m->list, m->folder.fd, part, by_inode, &st, &own) != 0) {
		if (own.sys_errno == ENOENT)
			return 0;
		*err = own;
		return -1;
	}
	if (stamp)
		*stamp = stamp_of(&st);
	return 1;
}

static int glance_part(struct maildir *m, const char *part, struct glance *g, struct stamp *stamp,
		       struct err *err)
{
	struct dir_entry entry;
	int got = list_part(m, part, false, stamp, err);

	while (got > 0 && (got = dir_list_next(m->list, &entry, err)) > 0) {
		uint64_t hash = hash_bytes(entry.ino, entry.name, entry.len);

		g->sums[0] += hash;
		g->sums[1] += hash_bytes(hash, part, 3);
		if (!is_message(&entry)) {
			g->hidden += entry.type != DT_DIR;
			continue;
		}
		g->n++;
		g->deleted += is_deleted(slice_of(entry.name, entry.len));
		g->by_offlineimap = g->by_offlineimap || strstr(entry.name, ",FMD5=");
	}
	return got;
}

static int glance_tmp(struct maildir *m, struct glance *g, struct err *err)
{
	struct dir_entry entry;
	int got = list_part(m, "tmp", false, NULL, err);

	while (got > 0 && (got = dir_list_next(m->list, &entry, err)) > 0)
		g->in_tmp += is_message(&entry);
	return got;
}

static int glance_folder(struct maildir *m, struct glance *g, struct err *err)
{
	*g = (struct glance){ 0 };
	if (glance_part(m, "new", g, &g->new, err) != 0 ||
	    glance_part(m, "cur", g, &g->cur, err) != 0)
		return -1;
	/* A tmp that cannot be listed holds nothing that we would carry. */
	if (glance_tmp(m, g, err) != 0)
		g->in_tmp = 0;
	dir_list_stop(m->list);
	return 0;
}

static const char *part_location(struct maildir *m, const char *location, const char *part)
{
	const char *text = arena_printf(&m->folder.arena, "%s/%s", location, part);

	return text ? text : location;
}

static void notice_glance(struct maildir *m, const struct glance *g, const char *location)
{
	if (g->in_tmp)
		notices_add(m->notices, NOTICE_SKIPPED_FILE, g->in_tmp,
			    part_location(m, location, "tmp"),
			    "deliveries that never finished: not carried");
	if (g->hidden)
		notices_add(
			m->notices, NOTICE_SKIPPED_FILE, g->hidden,
			part_location(m, location, "cur"),
			"hidden files, symbolic links (results of a search?) or devices in cur or "
			"new: not carried");
	if (m->folder.withheld && g->n)
		notices_add(m->notices, NOTICE_OUTBOX, g->n, location,
			    "unsent messages in an outbox: not carried unless asked for");
	else if (g->deleted && !m->options.include_deleted)
		notices_add(m->notices, NOTICE_EXPUNGED, g->deleted, location,
			    "messages marked as deleted: not carried unless asked for");
}

/* ---- dovecot-keywords ---- */

/* Lines "0 $Forwarded": the letter a, and so on to 25, z. */
static void parse_keywords(struct folder *f, struct slice text)
{
	struct slice line;

	while (slice_line(&text, &line)) {
		struct slice number = slice_cut(&line, ' ');
		uint64_t n;

		if (slice_u64(number, &n) && n < KEYWORD_LETTERS && line.len > 0)
			f->keywords[n] = arena_slice(&f->arena, line);
	}
}

static void read_keywords(struct maildir *m, struct stamp *stamp)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(KEYWORDS_FILE_MAX);
	struct err err = ERR_INIT;
	struct stat st;

	memset(m->folder.keywords, 0, sizeof(m->folder.keywords));
	if (!(m->folder.dir->marks & HAS_KEYWORDS))
		return;
	if (fstatat(m->folder.fd, "dovecot-keywords", &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    fd_slurp(m->folder.fd, "dovecot-keywords", &text, &err) != 0) {
		notices_add(m->notices, NOTICE_DAMAGED, 1,
			    location_of(m, &m->folder.arena, m->folder.dir->path),
			    "dovecot-keywords cannot be read: keywords are not carried");
		return;
	}
	*stamp = stamp_of(&st);
	parse_keywords(&m->folder, buf_slice(&text));
}

/* ---- folders ---- */

static int by_path(const void *key, const void *dir)
{
	return strcmp(key, ((const struct tree_dir *)dir)->path);
}

/* "A.B" beside a folder A (INBOX need not be there): the dot is offlineimap's separator, and not a
 * dot in a name like "v1.2". */
static bool has_dotted_parent(struct maildir *m, const struct tree_dir *dir)
{
	const char *dot = strrchr(dir->path, '.'), *slash = strrchr(dir->path, '/');
	const struct tree_dir *found;
	char *parent;

	if (!dot || (slash && slash > dot))
		return false;
	parent = arena_copy(&m->folder.arena, dir->path, (size_t)(dot - dir->path));
	if (!parent)
		return false;
	found = bsearch(parent, m->tree.dirs, m->tree.n, sizeof(m->tree.dirs[0]), by_path);
	return (found && (found->marks & IS_MAILDIR)) || strcmp(parent, "INBOX") == 0;
}

static uint32_t spelling_of(struct maildir *m, const struct tree_dir *dir, const struct glance *g)
{
	uint32_t spelling = 0;

	if ((dir->marks & BY_MBSYNC) && dir->depth > 1)
		spelling |= MAILDIR_LEGACY;
	if (m->tree.dirs[0].marks & BY_EVOLUTION)
		spelling |= MAILDIR_EVOLUTION;
	if (g->by_offlineimap && has_dotted_parent(m, dir))
		spelling |= MAILDIR_DOTTED;
	return spelling;
}

static enum role role_of(const struct maildir *m, const struct folder_path *path)
{
	if (path->n != 1)
		return ROLE_NONE;
	if (slice_ieq(slice_str(path->names[0]), SLICE_LIT("INBOX")))
		return ROLE_INBOX;
	if ((m->tree.dirs[0].marks & BY_EVOLUTION) && strcmp(path->names[0], "Outbox") == 0)
		return ROLE_OUTBOX;
	return ROLE_NONE;
}

static char *fingerprint_of(const struct maildir *m, const struct glance *g,
			    const struct stamp *keywords, struct arena *a)
{
	uint64_t rest[] = {
		g->cur.ino,	   (uint64_t)g->cur.mtime_ns,
		g->new.ino,	   (uint64_t)g->new.mtime_ns,
		keywords->size,	   (uint64_t)keywords->mtime_ns,
		keywords->ino,	   m->folder.dir->marks,
		m->folder.deleted, m->options.include_deleted,
	};

	return arena_printf(a, "maildir%d:%" PRIu64 ":%016" PRIx64 "%016" PRIx64 "%016" PRIx64,
			    READER_VERSION, g->n, g->sums[0], g->sums[1],
			    hash_bytes(0, rest, sizeof(rest)));
}

static struct slice last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slice_str(slash ? slash + 1 : path);
}

/* The name and role, from the directory's. */
static int describe(struct maildir *m, const struct glance *g, struct arena *a,
		    struct source_folder *out, struct err *err)
{
	const struct tree_dir *dir = m->folder.dir;
	bool guessed;

	out->location = location_of(m, a, dir->path);
	if (maildir_folder_path(dir->path, spelling_of(m, dir, g), a, &out->path, &guessed, err) !=
	    0)
		return -1;
	out->role = role_of(m, &out->path);
	if (guessed || maildir_is_guid(last_name(dir->path))) {
		out->note = "the folder's real name is not known";
		notices_add(m->notices, NOTICE_NAME, 1, out->location,
			    "the folder's real name is not known; the name is a guess");
	}
	if (!m->folder.deleted)
		return 0;
	if (out->path.n == FOLDER_DEPTH_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_FOLDER, RETRY_NEVER,
			       "'%s' lies too deep for a folder of its deleted messages",
			       out->location);
	out->path.names[out->path.n++] = "Deleted";
	out->role = ROLE_NONE;
	return 0;
}

static int begin_folder(struct maildir *m, const struct tree_dir *dir, bool deleted,
			struct arena *a, struct source_folder *out, struct err *err)
{
	struct folder *f = &m->folder;
	struct source_folder folder = { 0 };
	struct stamp keywords = { 0 };
	struct glance g;

	close_folder(m);
	arena_reset(&f->arena);
	f->dir = dir;
	f->deleted = deleted;
	if (dir->trouble)
		return err_set(err, ERR_NOINPUT, SCOPE_FOLDER, RETRY_NEVER, "%s", dir->trouble);
	f->fd = fd_open_dir(m->root, *dir->path ? dir->path : ".", err);
	if (f->fd < 0 || glance_folder(m, &g, err) != 0 || describe(m, &g, a, &folder, err) != 0)
		return -1;
	f->withheld = folder.role == ROLE_OUTBOX && !m->options.include_outbox;
	f->n_deleted = g.deleted;
	read_keywords(m, &keywords);
	if (!deleted)
		notice_glance(m, &g, folder.location);
	folder.fingerprint = fingerprint_of(m, &g, &keywords, a);
	if (!folder.fingerprint)
		return err_nomem(err);
	*out = folder;
	return 1;
}

static void reset_pass(struct folder *f)
{
	f->pass = 0;
	f->in_cur = f->changing = false;
	f->gone = f->empty = f->shorter = 0;
	hash_set_clear(&f->met);
}

static int maildir_next_folder(struct source *s, struct arena *a, struct source_folder *out,
			       struct err *err)
{
	struct maildir *m = self(s);
	const struct folder *f = &m->folder;
	int got;

	reset_pass(&m->folder);
	if (f->dir && !f->deleted && !f->withheld && f->n_deleted && m->options.include_deleted) {
		got = begin_folder(m, f->dir, true, a, out, err);
	} else {
		while (m->at < m->tree.n &&
		       !(m->tree.dirs[m->at].marks & (IS_MAILDIR | TREE_UNREADABLE)))
			m->at++;
		if (m->at == m->tree.n) {
			close_folder(m);
			return 0;
		}
		got = begin_folder(m, &m->tree.dirs[m->at++], false, a, out, err);
	}
	if (got < 0) {
		err_prefix(err, "'%s'", m->location);
		close_folder(m);
	}
	return got;
}

/* ---- finding a renamed file ---- */

/* What identifies a file through renames, and where it lies now. */
struct quarry {
	struct maildir_name was;
	struct buf name; /* "cur/NAME" when found */
};

static bool exists(int folder_fd, struct quarry *q)
{
	struct stat st;

	return buf_cstr(&q->name) &&
	       fstatat(folder_fd, q->name.ptr, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

/* The letters of one guess: some of the standard ones, and those that a guess does not change. */
static void add_letters(struct buf *name, unsigned subset, struct slice was)
{
	static const char standard[] = "DFPRST";

	for (unsigned i = 0; i < 6; i++)
		if (subset & 1u << i)
			buf_addc(name, standard[i]);
	for (size_t i = 0; i < was.len; i++)
		if (!strchr(standard, was.ptr[i]))
			buf_addc(name, was.ptr[i]);
}

/* Nearly every rename adds or takes a standard flag, or moves the file from new to cur: 64 cheap
 * guesses spare us the listing of a large directory. */
static bool find_by_guess(int folder_fd, struct quarry *q)
{
	for (unsigned subset = 0; subset < 64; subset++) {
		buf_reset(&q->name);
		buf_adds(&q->name, "cur/");
		buf_add_slice(&q->name, q->was.unique);
		buf_addc(&q->name, q->was.separator ? q->was.separator : ':');
		buf_adds(&q->name, "2,");
		add_letters(&q->name, subset, q->was.letters);
		if (exists(folder_fd, q))
			return true;
	}
	for (int in_new = 0; in_new < 2; in_new++) {
		buf_reset(&q->name);
		buf_adds(&q->name, in_new ? "new/" : "cur/");
		buf_add_slice(&q->name, q->was.unique);
		if (exists(folder_fd, q))
			return true;
	}
	return false;
}

/* Through the whole listing: 1 when exactly one file has the same base, 0, -1. */
static int find_by_list(int folder_fd, struct quarry *q, struct err *err)
{
	struct dir_list *list = dir_list_new();
	unsigned hits = 0;
	int got = 0;

	if (!list)
		return err_nomem(err);
	buf_reset(&q->name);
	for (int in_new = 0; got == 0 && in_new < 2; in_new++) {
		const char *part = in_new ? "new" : "cur";
		struct dir_entry entry;
		struct err own = ERR_INIT;

		if (dir_list_start(list, folder_fd, part, false, NULL, &own) != 0)
			continue;
		while ((got = dir_list_next(list, &entry, err)) > 0) {
			struct maildir_name name;

			maildir_name_parse(slice_of(entry.name, entry.len), &name);
			if (!is_message(&entry) || !slice_eq(name.base, q->was.base))
				continue;
			if (hits++ == 0)
				buf_addf(&q->name, "%s/%s", part, entry.name);
		}
	}
	dir_list_free(list);
	if (got < 0)
		return -1;
	return hits == 1 && buf_cstr(&q->name);
}

static int find_renamed(int folder_fd, struct slice name, struct quarry *q, struct err *err)
{
	maildir_name_parse(name, &q->was);
	if (find_by_guess(folder_fd, q))
		return 1;
	return find_by_list(folder_fd, q, err);
}

/* ---- messages ---- */

static const char *part_name(const struct folder *f)
{
	return f->in_cur ? "cur" : "new";
}

/* Whether mtime is the arrival that a server saw, not the time of a download (mail-stores.md 5).
 * A file dated well before the delivery that its name tells was dated so on purpose (mutt, mbsync
 * with CopyArrivalDate, python); one dated later was copied without its time. */
static bool arrival_trusted(const struct folder *f, const struct maildir_name *name, int64_t mtime)
{
	bool dovecot = (f->dir->marks & BY_DOVECOT) || name->has_wire_size;

	if (name->has_fmd5)
		return false;
	if (name->time == TIME_NONE)
		return dovecot;
	if (dovecot)
		return mtime <= name->time + TIME_SLACK;
	return mtime < name->time - TIME_SLACK;
}

/* What the program that wrote the store put into the message. */
static uint32_t strip_of(const struct folder *f, const struct maildir_name *name)
{
	if (name->has_fmd5)
		return STRIP_X_OFFLINEIMAP;
	if ((f->dir->marks & BY_MBSYNC) || (name->has_uid && !(f->dir->marks & BY_DOVECOT)))
		return STRIP_X_TUID;
	return 0;
}

static void set_flags(const struct folder *f, const struct maildir_name *name, struct arena *a,
		      struct message *out)
{
	flags_from_maildir(&out->flags, a, name->letters, f->keywords);
	if (out->flags.n_keywords == KEYWORDS_MAX)
		out->repairs |= NOTE_KEYWORDS_DROPPED;
	if (!f->deleted)
		return;
	/* In a folder of their own they must not fall to the next EXPUNGE. */
	out->flags.system &= ~(uint32_t)FLAG_DELETED;
	out->state = STATE_DELETED;
}

static int deliver(struct maildir *m, struct slice file_name, const struct maildir_name *name,
		   const char *part, struct arena *a, struct message *out, struct err *err)
{
	struct folder *f = &m->folder;
	struct message message = { 0 };

	file_message_fill(&m->file, &message);
	message.canon.strip = strip_of(f, name);
	message.arrival.file_name = name->time;
	message.arrival.trusted = arrival_trusted(f, name, m->file.mtime);
	set_flags(f, name, a, &message);
	f->empty += m->file.size == 0;
	f->shorter += name->has_size && !m->file.packed && m->file.size < name->size;
	message.locator =
		file_locator_write(a, f->dir->path, part, file_name, &m->file, &message.canon);
	if (!message.locator)
		return err_nomem(err);
	*out = message;
	return 1;
}

/* Renamed between listing and opening: 1 delivered under its new name, 0 gone, -1. */
static int deliver_renamed(struct maildir *m, struct slice name, struct arena *a,
			   struct message *out, struct err *err)
{
	struct quarry q = { .name = BUF_INIT(NAME_MAX + 64) };
	int got = find_renamed(m->folder.fd, name, &q, err);

	if (got > 0 &&
	    file_message_open(m->folder.fd, q.name.ptr, LEAD_NOTHING, &m->file, err) == 0) {
		struct slice now = slice_from(buf_slice(&q.name), 4);
		struct maildir_name parsed;

		maildir_name_parse(now, &parsed);
		got = deliver(m, now, &parsed, q.name.ptr[0] == 'c' ? "cur" : "new", a, out, err);
	} else if (got >= 0) {
		m->folder.gone++;
		got = 0;
	}
	buf_release(&q.name);
	return got;
}

/* 1 and a message, 0 when the entry is none (any more), -1. */
static int take(struct maildir *m, const struct dir_entry *entry, struct arena *a,
		struct message *out, struct err *err)
{
	struct folder *f = &m->folder;
	struct slice name = slice_of(entry->name, entry->len);
	struct maildir_name parsed;
	int added;

	if (!is_message(entry))
		return 0;
	maildir_name_parse(name, &parsed);
	if ((slice_find(parsed.letters, 'T') >= 0) != f->deleted)
		return 0;
	added = hash_set_add(&f->met, hash_bytes(entry->ino, parsed.base.ptr, parsed.base.len),
			     err);
	if (added <= 0)
		return added;
	if (file_message_open(dir_list_fd(m->list), entry->name, LEAD_NOTHING, &m->file, err) == 0)
		return deliver(m, name, &parsed, part_name(f), a, out, err);
	if (err->sys_errno == ENOENT)
		return deliver_renamed(m, name, a, out, err);
	return -1;
}

/* ---- passes over a folder ---- */

static int64_t now_ns(void)
{
	return time_now() * INT64_C(1000000000);
}

static int begin_pass(struct maildir *m, struct err *err)
{
	struct folder *f = &m->folder;
	struct stat st;

	f->pass++;
	f->in_cur = false;
	f->pass_began = now_ns();
	f->cur = f->new = (struct stamp){ 0 };
	if (fstatat(f->fd, "cur", &st, AT_SYMLINK_NOFOLLOW) == 0)
		f->cur = stamp_of(&st);
	return list_part(m, "new", true, &f->new, err) < 0 ? -1 : 0;
}

static bool part_changed(const struct folder *f, const char *part, const struct stamp *before,
			 bool *recent)
{
	struct stamp now = { 0 };
	struct stat st;

	if (fstatat(f->fd, part, &st, AT_SYMLINK_NOFOLLOW) == 0)
		now = stamp_of(&st);
	*recent |= now.mtime_ns > f->pass_began - RECENT_NS;
	return !stamp_eq(&now, before);
}

/* Whether another pass is due: after a change, and once after a change so shortly before the pass
 * that the clock of the file system could not have shown another one. */
static bool wants_pass(struct folder *f)
{
	bool recent = false;
	bool changed = part_changed(f, "new", &f->new, &recent);

	changed |= part_changed(f, "cur", &f->cur, &recent);
	f->changing = changed && f->pass == PASSES_MAX;
	return (changed && !f->changing) || (recent && f->pass == 1);
}

/* The next entry of new, then of cur; again from the start when they changed. */
static int next_entry(struct maildir *m, struct dir_entry *out, struct err *err)
{
	struct folder *f = &m->folder;

	if (f->pass == 0 && begin_pass(m, err) != 0)
		return -1;
	for (;;) {
		int got = dir_list_next(m->list, out, err);

		if (got != 0)
			return got;
		if (!f->in_cur) {
			f->in_cur = true;
			if (list_part(m, "cur", true, NULL, err) < 0)
				return -1;
		} else if (!wants_pass(f)) {
			return 0;
		} else if (begin_pass(m, err) != 0) {
			return -1;
		}
	}
}

static void notice_folder(struct maildir *m)
{
	struct folder *f = &m->folder;
	const char *at = location_of(m, &f->arena, f->dir->path);

	if (f->gone)
		notices_add(m->notices, NOTICE_CHANGED, f->gone, at,
			    "messages were removed while the folder was read");
	if (f->changing)
		notices_add(
			m->notices, NOTICE_CHANGED, 1, at,
			"it changes faster than it can be listed: messages may be missing; scan it "
			"again when no program works in it");
	if (f->empty)
		notices_add(m->notices, NOTICE_DAMAGED, f->empty, at,
			    "files without a single byte; they are no messages");
	if (f->shorter)
		notices_add(m->notices, NOTICE_DAMAGED, f->shorter, at,
			    "files shorter than their names say: perhaps cut off");
}

static int maildir_next_message(struct source *s, struct arena *a, struct message *out,
				struct err *err)
{
	struct maildir *m = self(s);
	struct folder *f = &m->folder;
	struct dir_entry entry;
	int got;

	file_message_close(&m->file);
	if (!f->dir || f->fd < 0 || f->withheld)
		return 0;
	while ((got = next_entry(m, &entry, err)) > 0) {
		got = take(m, &entry, a, out, err);
		if (got > 0)
			return got;
		if (got < 0 && err->scope == SCOPE_MESSAGE)
			return err_prefix(err, "'%s'", location_of(m, a, f->dir->path));
		if (got < 0)
			return -1;
	}
	if (got < 0)
		return err_prefix(err, "'%s'", location_of(m, a, f->dir->path));
	notice_folder(m);
	fd_cleanup(&f->fd);
	return 0;
}

/* ---- finding a message again ---- */

/* Open the directory above "cur/NAME" in a path, and cut the path there. */
static int open_above(struct maildir *m, char *path, char **name, struct err *err)
{
	char *slash = strrchr(path, '/'), *part;

	*name = slash ? slash + 1 : NULL;
	if (!slash)
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
			       "'%s' is not in a maildir", path);
	*slash = 0;
	part = strrchr(path, '/');
	if (part)
		*part = 0;
	return fd_open_dir(m->root, part ? path : ".", err);
}

/* The locator's file under the name that it has now. */
static int locate_renamed(struct maildir *m, struct file_locator *l, struct message *out,
			  struct err *err)
{
	CLEANUP(fd_cleanup) int folder_fd = -1;
	struct quarry q = { .name = BUF_INIT(NAME_MAX + 64) };
	struct err gone = *err;
	char *name;
	int got = -1;

	folder_fd = open_above(m, l->path, &name, err);
	if (folder_fd >= 0)
		got = find_renamed(folder_fd, slice_str(name), &q, err);
	if (got > 0) {
		l->path = q.name.ptr;
		got = file_locator_open(l, folder_fd, &m->found, out, err);
	} else {
		*err = gone;
		got = -1;
	}
	buf_release(&q.name);
	return got;
}

static int maildir_find(struct source *s, const char *locator, struct arena *a, struct message *out,
			struct err *err)
{
	struct maildir *m = self(s);
	struct file_locator l;

	file_message_close(&m->found);
	if (file_locator_read(locator, a, &l, err) != 0)
		return -1;
	if (file_locator_open(&l, m->root, &m->found, out, err) == 0)
		return 0;
	if (err->sys_errno != ENOENT || locate_renamed(m, &l, out, err) != 0)
		return err_prefix(err, "'%s'", m->location);
	return 0;
}

static int maildir_next_notice(struct source *s, struct arena *a, struct notice *out)
{
	return notices_next(self(s)->notices, a, out);
}

const struct source_ops source_maildir = {
	.kind = "maildir",
	.summary = "maildir, Maildir++ and trees of maildirs",
	.probe = probe,
	.open = maildir_open,
	.next_folder = maildir_next_folder,
	.next_message = maildir_next_message,
	.find = maildir_find,
	.next_notice = maildir_next_notice,
	.close = maildir_close,
};

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

#include "source/file_store.h"
#include "source/hash_set.h"
#include "source/kinds.h"
#include "source/maildir_listing.h"
#include "source/maildir_marks.h"
#include "source/maildir_names.h"
#include "source/maildir_renamed.h"
#include "source/mbox_file.h"

#define READER_VERSION	  1 /* in fingerprints: raise when the same files give another result */
#define KEYWORDS_FILE_MAX ((size_t)64 << 10) /* dovecot-keywords has 26 lines */
#define KEYWORD_LETTERS	  26
#define TIME_SLACK	  300 /* seconds between the name's time and the file's in one delivery */
#define MBOXES_LOOKED_AT  100 /* stray files of one directory that are probed */
#define MBOX_SURE	  50  /* mbox_file_probe() of what is no accident */

/* The folder being read. */
struct folder {
	const struct tree_dir *dir; /* NULL: none */
	bool deleted;		    /* its deleted messages, in a folder of their own */
	bool withheld;		    /* an outbox that is not wanted */
	int fd;			    /* the directory that holds cur and new */
	struct maildir_listing listing;
	struct arena arena;
	const char *keywords[KEYWORD_LETTERS];
	struct hash_set met;
	uint64_t n_deleted;
	uint64_t gone, empty, shorter;
};

struct maildir {
	struct source_head head;
	struct file_store store;
	struct source_options options;
	struct folder folder;
};

static struct maildir *self(struct source *s)
{
	return (struct maildir *)(void *)s;
}

static const char *location_of(struct maildir *m, struct arena *a, const char *path)
{
	char *text = arena_printf(a, "%s%s%s", m->store.location, *path ? "/" : "", path);

	return text ? text : m->store.location;
}

/* ---- opening ---- */

static void close_folder(struct maildir *m)
{
	struct folder *f = &m->folder;

	file_message_close(&m->store.file);
	dir_list_stop(m->store.list);
	fd_cleanup(&f->fd);
	f->dir = NULL;
}

static void maildir_close(struct source *s)
{
	struct maildir *m = self(s);

	if (m->store.list)
		close_folder(m);
	arena_release(&m->folder.arena);
	hash_set_release(&m->folder.met);
	file_store_release(&m->store);
	free(m);
}

static struct maildir *new_maildir(const char *path, const struct source_options *options)
{
	struct maildir *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->head.ops = &source_maildir;
	m->options = *options;
	m->folder.fd = -1;
	m->folder.arena = (struct arena)ARENA_INIT(1u << 20);
	if (file_store_init(&m->store, path) == 0)
		return m;
	maildir_close((struct source *)(void *)m);
	return NULL;
}

/* Dovecot's LAYOUT=index names directories by GUIDs; only its index knows the folders' names. */
static int refuse_guids(struct maildir *m, struct err *err)
{
	uint32_t all = 0;

	for (size_t i = 0; i < m->store.tree.n; i++)
		all |= m->store.tree.dirs[i].marks;
	if ((all & HAS_LIST_INDEX) && (all & HAS_GUID_DIR))
		return err_set(
			err, ERR_FORMAT, SCOPE_SOURCE, RETRY_NEVER,
			"'%s' is a Dovecot store with LAYOUT=index: its folders' names are only "
			"in dovecot.list.index; let Dovecot rewrite it first (doveadm sync "
			"maildir:NEWPATH)",
			m->store.location);
	return 0;
}

static int refuse_nothing(struct maildir *m, struct err *err)
{
	for (size_t i = 0; i < m->store.tree.n; i++)
		if (m->store.tree.dirs[i].marks & IS_MAILDIR)
			return 0;
	return err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER,
		       "'%s' is no maildir: no directory 'cur' or 'new' in it or below",
		       m->store.location);
}

/* Mail of another format between maildirs, as KMail mixes them, has to be told of by name. */
static uint32_t notice_mboxes(struct maildir *m, const struct tree_dir *dir)
{
	struct arena *a = &m->folder.arena;
	struct err ignored = ERR_INIT;
	struct dir_entry entry;
	uint32_t n = 0, looked = 0;

	if (dir_list_start(m->store.list, m->store.root, *dir->path ? dir->path : ".", false, NULL,
			   &ignored) != 0)
		return 0;
	while (looked < MBOXES_LOOKED_AT && dir_list_next(m->store.list, &entry, &ignored) > 0) {
		const char *at;

		if (entry.type != DT_REG ||
		    maildir_mark(dir_list_fd(m->store.list), &entry) != TREE_COUNT)
			continue;
		looked++;
		at = arena_printf(a, "%s/%s", location_of(m, a, dir->path), entry.name);
		if (!at || mbox_file_probe(at) < MBOX_SURE)
			continue;
		n++;
		notices_add(
			m->store.notices, NOTICE_NOT_CARRIED, 1, at,
			"an mbox between maildirs: not carried; give it as a source of its own");
	}
	dir_list_stop(m->store.list);
	return n;
}

static void notice_strays(struct maildir *m)
{
	struct arena *a = &m->folder.arena;

	for (size_t i = 0; i < m->store.tree.n; i++) {
		const struct tree_dir *dir = &m->store.tree.dirs[i];
		uint32_t strays = dir->counted;

		arena_reset(a);
		if (strays > 0 && !(dir->marks & IS_MAILDIR))
			strays -= notice_mboxes(m, dir);
		if (strays > 0)
			notices_add(m->store.notices, NOTICE_SKIPPED_FILE, strays,
				    location_of(m, a, dir->path),
				    "files outside cur and new: no messages of a maildir");
		if (dir->marks & HAS_LOCK)
			notices_add(m->store.notices, NOTICE_IN_USE, 1,
				    location_of(m, a, dir->path),
				    "locked: Dovecot or mbsync may be at work in it");
	}
}

static int maildir_open(const char *path, const struct source_options *options, struct source **out,
			struct err *err)
{
	struct maildir *m = new_maildir(path, options);

	if (!m)
		return err_nomem(err);
	if (file_store_walk(&m->store, maildir_mark, err) != 0 || refuse_guids(m, err) != 0 ||
	    refuse_nothing(m, err) != 0) {
		err->scope = SCOPE_SOURCE;
		maildir_close((struct source *)(void *)m);
		return -1;
	}
	notice_strays(m);
	*out = (struct source *)(void *)m;
	return 0;
}

static const char *part_location(struct maildir *m, const char *location, const char *part)
{
	const char *text = arena_printf(&m->folder.arena, "%s/%s", location, part);

	return text ? text : location;
}

static void notice_glance(struct maildir *m, const struct maildir_glance *g, const char *location)
{
	if (g->in_tmp)
		notices_add(m->store.notices, NOTICE_SKIPPED_FILE, g->in_tmp,
			    part_location(m, location, "tmp"),
			    "deliveries that never finished: not carried");
	if (g->hidden)
		notices_add(
			m->store.notices, NOTICE_SKIPPED_FILE, g->hidden,
			part_location(m, location, "cur"),
			"hidden files, symbolic links (results of a search?) or devices in cur or "
			"new: not carried");
	if (m->folder.withheld && g->n)
		notices_add(m->store.notices, NOTICE_OUTBOX, g->n, location,
			    "unsent messages in an outbox: not carried unless asked for");
	else if (g->deleted && !m->options.include_deleted)
		notices_add(m->store.notices, NOTICE_EXPUNGED, g->deleted, location,
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
		notices_add(m->store.notices, NOTICE_DAMAGED, 1,
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
	found = bsearch(parent, m->store.tree.dirs, m->store.tree.n, sizeof(m->store.tree.dirs[0]),
			by_path);
	return (found && (found->marks & IS_MAILDIR)) || strcmp(parent, "INBOX") == 0;
}

static uint32_t spelling_of(struct maildir *m, const struct tree_dir *dir,
			    const struct maildir_glance *g)
{
	uint32_t spelling = 0;

	if ((dir->marks & BY_MBSYNC) && dir->depth > 1)
		spelling |= MAILDIR_LEGACY;
	if (m->store.tree.dirs[0].marks & BY_EVOLUTION)
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
	if ((m->store.tree.dirs[0].marks & BY_EVOLUTION) && strcmp(path->names[0], "Outbox") == 0)
		return ROLE_OUTBOX;
	return ROLE_NONE;
}

static char *fingerprint_of(const struct maildir *m, const struct maildir_glance *g,
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
static int describe(struct maildir *m, const struct maildir_glance *g, struct arena *a,
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
		notices_add(m->store.notices, NOTICE_NAME, 1, out->location,
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
	struct maildir_glance g;

	close_folder(m);
	arena_reset(&f->arena);
	f->dir = dir;
	f->deleted = deleted;
	if (dir->trouble)
		return err_set(err, ERR_NOINPUT, SCOPE_FOLDER, RETRY_NEVER, "%s", dir->trouble);
	f->fd = fd_open_dir(m->store.root, *dir->path ? dir->path : ".", err);
	f->listing.fd = f->fd;
	if (f->fd < 0 || maildir_glance(m->store.list, f->fd, &g, err) != 0 ||
	    describe(m, &g, a, &folder, err) != 0)
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

static void reset_pass(struct folder *f, struct dir_list *list)
{
	f->listing = (struct maildir_listing){ .list = list };
	f->gone = f->empty = f->shorter = 0;
	hash_set_clear(&f->met);
}

static int maildir_next_folder(struct source *s, struct arena *a, struct source_folder *out,
			       struct err *err)
{
	struct maildir *m = self(s);
	const struct folder *f = &m->folder;
	int got;

	reset_pass(&m->folder, m->store.list);
	if (f->dir && !f->deleted && !f->withheld && f->n_deleted && m->options.include_deleted) {
		got = begin_folder(m, f->dir, true, a, out, err);
	} else {
		while (m->store.at < m->store.tree.n &&
		       !(m->store.tree.dirs[m->store.at].marks & (IS_MAILDIR | TREE_UNREADABLE)))
			m->store.at++;
		if (m->store.at == m->store.tree.n) {
			close_folder(m);
			return 0;
		}
		got = begin_folder(m, &m->store.tree.dirs[m->store.at++], false, a, out, err);
	}
	if (got < 0) {
		err_prefix(err, "'%s'", m->store.location);
		close_folder(m);
	}
	return got;
}

/* ---- messages ---- */

static const char *part_name(const struct folder *f)
{
	return f->listing.in_cur ? "cur" : "new";
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

	file_message_fill(&m->store.file, &message);
	message.canon.strip = strip_of(f, name);
	message.arrival.file_name = name->time;
	message.arrival.trusted = arrival_trusted(f, name, m->store.file.mtime);
	set_flags(f, name, a, &message);
	f->empty += m->store.file.size == 0;
	f->shorter += name->has_size && !m->store.file.packed && m->store.file.size < name->size;
	message.locator = file_locator_write(a, f->dir->path, part, file_name, &m->store.file,
					     &message.canon);
	if (!message.locator)
		return err_nomem(err);
	*out = message;
	return 1;
}

/* Renamed between listing and opening: 1 delivered under its new name, 0 gone, -1. */
static int deliver_renamed(struct maildir *m, struct slice name, struct arena *a,
			   struct message *out, struct err *err)
{
	struct maildir_quarry q = { .name = BUF_INIT(NAME_MAX + 64) };
	int got = maildir_find_renamed(m->folder.fd, name, &q, err);

	if (got > 0 &&
	    file_message_open(m->folder.fd, q.name.ptr, LEAD_NOTHING, &m->store.file, err) == 0) {
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

	if (!maildir_is_message(entry))
		return 0;
	maildir_name_parse(name, &parsed);
	if ((slice_find(parsed.letters, 'T') >= 0) != f->deleted)
		return 0;
	added = hash_set_add(&f->met, hash_bytes(entry->ino, parsed.base.ptr, parsed.base.len),
			     err);
	if (added <= 0)
		return added;
	if (file_message_open(dir_list_fd(m->store.list), entry->name, LEAD_NOTHING, &m->store.file,
			      err) == 0)
		return deliver(m, name, &parsed, part_name(f), a, out, err);
	if (err->sys_errno == ENOENT)
		return deliver_renamed(m, name, a, out, err);
	return -1;
}

static void notice_folder(struct maildir *m)
{
	struct folder *f = &m->folder;
	const char *at = location_of(m, &f->arena, f->dir->path);

	if (f->gone)
		notices_add(m->store.notices, NOTICE_CHANGED, f->gone, at,
			    "messages were removed while the folder was read");
	if (f->listing.changing)
		notices_add(
			m->store.notices, NOTICE_CHANGED, 1, at,
			"it changes faster than it can be listed: messages may be missing; scan it "
			"again when no program works in it");
	if (f->empty)
		notices_add(m->store.notices, NOTICE_DAMAGED, f->empty, at,
			    "files without a single byte; they are no messages");
	if (f->shorter)
		notices_add(m->store.notices, NOTICE_DAMAGED, f->shorter, at,
			    "files shorter than their names say: perhaps cut off");
}

static int maildir_next_message(struct source *s, struct arena *a, struct message *out,
				struct err *err)
{
	struct maildir *m = self(s);
	struct folder *f = &m->folder;
	struct dir_entry entry;
	int got;

	file_message_close(&m->store.file);
	if (!f->dir || f->fd < 0 || f->withheld)
		return 0;
	while ((got = maildir_listing_next(&f->listing, &entry, err)) > 0) {
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
	return fd_open_dir(m->store.root, part ? path : ".", err);
}

/* The locator's file under the name that it has now. */
static int locate_renamed(struct maildir *m, struct file_locator *l, struct message *out,
			  struct err *err)
{
	CLEANUP(fd_cleanup) int folder_fd = -1;
	struct maildir_quarry q = { .name = BUF_INIT(NAME_MAX + 64) };
	struct err gone = *err;
	char *name;
	int got = -1;

	folder_fd = open_above(m, l->path, &name, err);
	if (folder_fd >= 0)
		got = maildir_find_renamed(folder_fd, slice_str(name), &q, err);
	if (got > 0) {
		l->path = q.name.ptr;
		got = file_locator_open(l, folder_fd, &m->store.found, out, err);
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

	file_message_close(&m->store.found);
	if (file_locator_read(locator, a, &l, err) != 0)
		return -1;
	if (file_locator_open(&l, m->store.root, &m->store.found, out, err) == 0)
		return 0;
	if (err->sys_errno != ENOENT || locate_renamed(m, &l, out, err) != 0)
		return err_prefix(err, "'%s'", m->store.location);
	return 0;
}

static int maildir_next_notice(struct source *s, struct arena *a, struct notice *out)
{
	return notices_next(self(s)->store.notices, a, out);
}

const struct source_ops source_maildir = {
	.kind = "maildir",
	.summary = "maildir, Maildir++ and trees of maildirs",
	.probe = maildir_probe,
	.open = maildir_open,
	.next_folder = maildir_next_folder,
	.next_message = maildir_next_message,
	.find = maildir_find,
	.next_notice = maildir_next_notice,
	.close = maildir_close,
};

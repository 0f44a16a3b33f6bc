/*
 * MH folders: a directory is a folder, a file whose name is a number is a message, and a directory
 * whose name is a number is a folder all the same ("99/2" is message 2 of folder 99). Flags are in
 * .mh_sequences or .sylpheed_mark (mh_state.h). ",7" and "#7" are what nmh leaves of removed
 * messages. procmail writes a From_ line on top of each file: it is cut off.
 *
 * The numbers of one folder are held in memory (four bytes each), for they are the order in which
 * the messages came.
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
#include "source/mh_state.h"

#define READER_VERSION	1 /* in fingerprints: raise when the same files give another result */
#define NUMBERS_MAX	(16u << 20) /* messages in one folder: 64 MiB of numbers */
#define PROBE_DIRS_MAX	1000
#define PROBE_DEPTH_MAX 3
#define PROBE_FILES_MAX 3 /* numbered files opened in each directory */

/* Marks of directories. */
enum {
	HAS_NUMBER = 1u << 0,
	HAS_SEQUENCES = 1u << 1,
	HAS_SYLPHEED_MARK = 1u << 2,
	BY_SYLPHEED = 1u << 3,
	IS_MARKED = 1u << 4, /* some file that only MH folders have */
	IS_FOLDER = HAS_NUMBER | IS_MARKED,
};

struct folder {
	const struct tree_dir *dir; /* NULL: none */
	bool deleted, withheld;
	int fd;
	struct mh_state state;
	uint32_t *numbers; /* sorted */
	size_t n, cap, at;
	struct stamp stamp;
	uint64_t sum; /* of the files listed */
	uint64_t n_deleted, empty;
	char *location;
};

struct mh {
	struct source_head head;
	struct file_store store;
	struct source_options options;
	const char *prefix; /* the root's name, when it has messages itself */
	struct arena arena;
	bool by_sylpheed;
	struct folder folder;
};

static struct mh *self(struct source *s)
{
	return (struct mh *)(void *)s;
}

/* ---- what lies in a directory ---- */

/* A name that is a number as MH writes it: no sign, no leading zero. */
static bool parse_number(struct slice name, uint32_t *out)
{
	uint64_t n;

	if (name.len == 0 || name.ptr[0] == '0' || !slice_u64(name, &n) || n > UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool is_backup(struct slice name)
{
	uint32_t n;

	return name.len > 1 && (name.ptr[0] == ',' || name.ptr[0] == '#') &&
	       parse_number(slice_from(name, 1), &n);
}

static uint32_t mark(int dirfd, const struct dir_entry *entry)
{
	static const struct {
		const char *name;
		uint32_t mark;
	} files[] = {
		{ ".mh_sequences", IS_MARKED | HAS_SEQUENCES },
		{ ".sylpheed_mark", IS_MARKED | HAS_SYLPHEED_MARK | BY_SYLPHEED },
		{ ".sylpheed_cache", IS_MARKED | BY_SYLPHEED },
		{ ".claws_mark", IS_MARKED },
		{ ".claws_cache", IS_MARKED },
		{ ".xmhcache", IS_MARKED },
		{ ".mew-summary", IS_MARKED },
		{ ".mew-cache", IS_MARKED },
		{ ".overview", IS_MARKED },
	};
	struct slice name = slice_of(entry->name, entry->len);
	uint32_t n;

	(void)dirfd;
	if (entry->type != DT_REG)
		return 0;
	if (parse_number(name, &n))
		return HAS_NUMBER;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (slice_eq(name, slice_str(files[i].name)))
			return files[i].mark;
	return 0;
}

/* ---- probing ---- */

struct probe {
	struct dir_list *list;
	struct arena arena;
	struct probe_dir {
		char *path;
		unsigned depth;
	} queue[PROBE_DIRS_MAX];
	size_t n;
};

static void probe_entry(struct probe *p, size_t at, const struct dir_entry *entry, int *files,
			uint32_t *marks, bool *is_mail)
{
	if (entry->type == DT_DIR && p->n < PROBE_DIRS_MAX &&
	    p->queue[at].depth < PROBE_DEPTH_MAX) {
		p->queue[p->n].path =
			arena_printf(&p->arena, "%s/%s", p->queue[at].path, entry->name);
		p->queue[p->n].depth = p->queue[at].depth + 1;
		p->n += p->queue[p->n].path != NULL;
	}
	*marks |= mark(-1, entry);
	if (mark(-1, entry) == HAS_NUMBER && (*files)++ < PROBE_FILES_MAX)
		*is_mail |= file_message_likeness_at(dir_list_fd(p->list), entry->name) >= 40;
}

/* Numbered files that look like mail, or files that only MH folders have. */
static int probe_dir(struct probe *p, int rootfd, size_t at)
{
	struct err err = ERR_INIT;
	struct dir_entry entry;
	uint32_t marks = 0;
	bool is_mail = false;
	int files = 0;

	if (dir_list_start(p->list, rootfd, p->queue[at].path, false, NULL, &err) != 0)
		return 0;
	while (dir_list_next(p->list, &entry, &err) > 0)
		probe_entry(p, at, &entry, &files, &marks, &is_mail);
	if (is_mail)
		return marks & IS_MARKED ? 90 : 75;
	return marks & IS_MARKED ? 30 : 0;
}

static int probe(const char *path)
{
	struct err err = ERR_INIT;
	CLEANUP(fd_cleanup) int fd = fd_open_dir(AT_FDCWD, path, &err);
	struct probe *p = fd < 0 ? NULL : calloc(1, sizeof(*p));
	int best = 0;

	if (!p)
		return 0;
	p->arena = (struct arena)ARENA_INIT(16u << 20);
	p->list = dir_list_new();
	p->queue[0].path = arena_str(&p->arena, ".");
	p->n = p->list && p->queue[0].path;
	for (size_t i = 0; i < p->n && best < 70; i++) {
		int score = probe_dir(p, fd, i);

		score -= score > 0 && i > 0 ? 5 : 0;
		best = score > best ? score : best;
	}
	dir_list_free(p->list);
	arena_release(&p->arena);
	free(p);
	return best;
}

/* ---- opening ---- */

static void close_folder(struct mh *m)
{
	struct folder *f = &m->folder;

	file_message_close(&m->store.file);
	dir_list_stop(m->store.list);
	fd_cleanup(&f->fd);
	mh_state_release(&f->state);
	free(f->location);
	f->location = NULL;
	f->dir = NULL;
}

static void mh_close(struct source *s)
{
	struct mh *m = self(s);

	if (m->store.list)
		close_folder(m);
	free(m->folder.numbers);
	arena_release(&m->arena);
	file_store_release(&m->store);
	free(m);
}

static struct mh *new_mh(const char *path, const struct source_options *options)
{
	struct mh *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->head.ops = &source_mh;
	m->options = *options;
	m->folder.fd = -1;
	m->arena = (struct arena)ARENA_INIT(1u << 16);
	if (file_store_init(&m->store, path) == 0)
		return m;
	mh_close((struct source *)(void *)m);
	return NULL;
}

static int look_at_tree(struct mh *m, const char *path, struct err *err)
{
	uint32_t all = 0;

	for (size_t i = 0; i < m->store.tree.n; i++)
		all |= m->store.tree.dirs[i].marks;
	if (!(all & IS_FOLDER))
		return err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER,
			       "'%s' is no MH store: no file in it or below is named by a number",
			       m->store.location);
	m->by_sylpheed = all & BY_SYLPHEED;
	if (!(m->store.tree.dirs[0].marks & HAS_NUMBER))
		return 0;
	m->prefix = folder_name_of_root(path, &m->arena);
	return m->prefix ? 0 : err_nomem(err);
}

static int mh_open(const char *path, const struct source_options *options, struct source **out,
		   struct err *err)
{
	struct mh *m = new_mh(path, options);

	if (!m)
		return err_nomem(err);
	if (file_store_walk(&m->store, mark, err) != 0 || look_at_tree(m, path, err) != 0) {
		err->scope = SCOPE_SOURCE;
		mh_close((struct source *)(void *)m);
		return -1;
	}
	*out = (struct source *)(void *)m;
	return 0;
}

/* ---- a folder at a glance ---- */

static int read_state_file(struct folder *f, const char *name, size_t limit, struct buf *out,
			   struct err *err)
{
	buf_init(out, limit);
	if (fd_slurp(f->fd, name, out, err) == 0)
		return 0;
	if (err->sys_errno != ENOENT)
		return -1;
	buf_reset(out); /* gone since the walk */
	return 0;
}

static int read_state(struct mh *m, struct err *err)
{
	struct folder *f = &m->folder;
	CLEANUP(buf_release) struct buf text = BUF_INIT(0);
	bool valid = false;

	if (f->dir->marks & HAS_SYLPHEED_MARK) {
		if (read_state_file(f, ".sylpheed_mark", MH_MARKS_MAX, &text, err) != 0 ||
		    mh_state_add_marks(&f->state, buf_slice(&text), &valid, err) != 0)
			return -1;
		if (!valid)
			notices_add(
				m->store.notices, NOTICE_DAMAGED, 1, f->location,
				".sylpheed_mark is not as Sylpheed writes it: its flags are lost");
		buf_release(&text);
	}
	if (valid || !(f->dir->marks & HAS_SEQUENCES))
		return 0;
	if (read_state_file(f, ".mh_sequences", MH_SEQUENCES_MAX, &text, err) != 0)
		return -1;
	return mh_state_add_sequences(&f->state, buf_slice(&text), err);
}

/* What makes a scan give another result, added up so that the order does not matter. */
static uint64_t sum_of(int dirfd, const struct dir_entry *entry)
{
	struct stat st;
	uint64_t words[4];
	struct stamp stamp;

	if (fstatat(dirfd, entry->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	stamp = stamp_of(&st);
	words[0] = stamp.dev;
	words[1] = stamp.ino;
	words[2] = stamp.size;
	words[3] = (uint64_t)stamp.mtime_ns;
	return hash_bytes(hash_bytes(0, entry->name, entry->len), words, sizeof(words));
}

static int add_number(struct folder *f, uint32_t number, struct err *err)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 1024;
		uint32_t *numbers;

		if (cap > NUMBERS_MAX)
			return err_set(err, ERR_LIMIT, SCOPE_FOLDER, RETRY_NEVER,
				       "more than %u messages in one folder", NUMBERS_MAX);
		numbers = realloc(f->numbers, cap * sizeof(*numbers));
		if (!numbers)
			return err_nomem(err);
		f->numbers = numbers;
		f->cap = cap;
	}
	f->numbers[f->n++] = number;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

struct strays {
	uint64_t backups, others;
};

static int glance_entry(struct mh *m, const struct dir_entry *entry, struct strays *strays,
			struct err *err)
{
	struct folder *f = &m->folder;
	struct slice name = slice_of(entry->name, entry->len);
	uint32_t number;

	if (entry->type == DT_REG && parse_number(name, &number)) {
		f->sum += sum_of(dir_list_fd(m->store.list), entry);
		return add_number(f, number, err);
	}
	if (mark(-1, entry) & (HAS_SEQUENCES | HAS_SYLPHEED_MARK))
		f->sum += sum_of(dir_list_fd(m->store.list), entry);
	strays->backups += is_backup(name);
	strays->others += !is_backup(name) && entry->type != DT_DIR && name.ptr[0] != '.';
	return 0;
}

static int glance(struct mh *m, struct strays *strays, struct err *err)
{
	struct folder *f = &m->folder;
	struct dir_entry entry;
	struct stat st;
	int got;

	*strays = (struct strays){ 0 };
	f->n = f->at = 0;
	f->sum = 0;
	if (dir_list_start(m->store.list, f->fd, ".", false, &st, err) != 0)
		return -1;
	f->stamp = stamp_of(&st);
	while ((got = dir_list_next(m->store.list, &entry, err)) > 0)
		if (glance_entry(m, &entry, strays, err) != 0)
			return -1;
	dir_list_stop(m->store.list);
	if (got == 0 && f->n > 0)
		qsort(f->numbers, f->n, sizeof(f->numbers[0]), by_number);
	return got;
}

static uint64_t count_deleted(const struct folder *f)
{
	uint64_t n = 0;
	bool forwarded;

	if (!f->state.has_marks)
		return 0;
	for (size_t i = 0; i < f->n; i++)
		n += (mh_state_flags(&f->state, f->numbers[i], &forwarded) & FLAG_DELETED) != 0;
	return n;
}

static void notice_glance(struct mh *m, const struct strays *strays, bool is_root)
{
	struct folder *f = &m->folder;

	/* The root of an nmh store has "context", "draft" and the like in it. */
	if (strays->backups + (is_root ? 0 : strays->others) > 0)
		notices_add(
			m->store.notices, NOTICE_SKIPPED_FILE,
			strays->backups + (is_root ? 0 : strays->others), f->location,
			"files whose names are no message numbers (nmh keeps removed messages as "
			",N or #N): not carried");
	if (f->withheld && f->n)
		notices_add(m->store.notices, NOTICE_OUTBOX, f->n, f->location,
			    "unsent messages in an outbox: not carried unless asked for");
	else if (f->n_deleted && !m->options.include_deleted)
		notices_add(m->store.notices, NOTICE_EXPUNGED, f->n_deleted, f->location,
			    "messages marked as deleted: not carried unless asked for");
}

/* ---- folders ---- */

static enum role role_of(const struct mh *m, const struct tree_dir *dir)
{
	static const struct {
		const char *name;
		enum role role;
	} sylpheed[] = {
		{ "inbox", ROLE_INBOX }, { "sent", ROLE_SENT },	   { "draft", ROLE_DRAFTS },
		{ "trash", ROLE_TRASH }, { "queue", ROLE_OUTBOX },
	};

	if (dir->depth != 1)
		return ROLE_NONE;
	if (!m->by_sylpheed)
		return strcmp(dir->path, "inbox") == 0 ? ROLE_INBOX : ROLE_NONE;
	for (size_t i = 0; i < sizeof(sylpheed) / sizeof(sylpheed[0]); i++)
		if (strcmp(dir->path, sylpheed[i].name) == 0)
			return sylpheed[i].role;
	return ROLE_NONE;
}

static int describe(struct mh *m, struct arena *a, struct source_folder *out, struct err *err)
{
	const struct tree_dir *dir = m->folder.dir;
	bool guessed;

	out->location = arena_str(a, m->folder.location);
	if (!out->location)
		return err_nomem(err);
	if (folder_path_plain(m->prefix, dir->path, a, &out->path, &guessed, err) != 0)
		return -1;
	out->role = role_of(m, dir);
	if (guessed) {
		out->note = "the folder's name is not UTF-8: taken for Latin-1";
		notices_add(m->store.notices, NOTICE_NAME, 1, out->location, "%s", out->note);
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

static char *fingerprint_of(const struct mh *m, struct arena *a)
{
	const struct folder *f = &m->folder;
	uint64_t rest[] = { f->dir->marks, f->deleted, m->options.include_deleted,
			    m->options.include_outbox };

	return arena_printf(a, "mh%d:%zu:%016" PRIx64 "%016" PRIx64, READER_VERSION, f->n, f->sum,
			    hash_bytes(0, rest, sizeof(rest)));
}

static int begin_folder(struct mh *m, const struct tree_dir *dir, bool deleted, struct arena *a,
			struct source_folder *out, struct err *err)
{
	struct folder *f = &m->folder;
	struct source_folder folder = { 0 };
	struct strays strays;

	close_folder(m);
	f->dir = dir;
	f->deleted = deleted;
	f->empty = 0;
	if (asprintf(&f->location, "%s%s%s", m->store.location, *dir->path ? "/" : "", dir->path) <
	    0) {
		f->location = NULL;
		return err_nomem(err);
	}
	if (dir->trouble)
		return err_set(err, ERR_NOINPUT, SCOPE_FOLDER, RETRY_NEVER, "%s", dir->trouble);
	f->fd = fd_open_dir(m->store.root, *dir->path ? dir->path : ".", err);
	if (f->fd < 0 || describe(m, a, &folder, err) != 0 || read_state(m, err) != 0 ||
	    glance(m, &strays, err) != 0)
		return -1;
	f->withheld = folder.role == ROLE_OUTBOX && !m->options.include_outbox;
	f->n_deleted = count_deleted(f);
	if (!deleted)
		notice_glance(m, &strays, dir->depth == 0);
	folder.fingerprint = fingerprint_of(m, a);
	if (!folder.fingerprint)
		return err_nomem(err);
	*out = folder;
	return 1;
}

static int mh_next_folder(struct source *s, struct arena *a, struct source_folder *out,
			  struct err *err)
{
	struct mh *m = self(s);
	const struct folder *f = &m->folder;
	int got;

	if (f->dir && !f->deleted && !f->withheld && f->n_deleted && m->options.include_deleted) {
		got = begin_folder(m, f->dir, true, a, out, err);
	} else {
		while (m->store.at < m->store.tree.n &&
		       !(m->store.tree.dirs[m->store.at].marks & (IS_FOLDER | TREE_UNREADABLE)))
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

static int deliver(struct mh *m, uint32_t number, uint32_t flags, bool forwarded, struct arena *a,
		   struct message *out, struct err *err)
{
	struct folder *f = &m->folder;
	struct message message = { 0 };
	char name[16];

	snprintf(name, sizeof(name), "%" PRIu32, number);
	if (file_message_open(f->fd, name, LEAD_CUT, &m->store.file, err) != 0)
		return err_prefix(err, "'%s'", f->location);
	file_message_fill(&m->store.file, &message);
	message.flags.system = flags;
	if (forwarded)
		flag_set_add_keyword(&message.flags, a, SLICE_LIT("$Forwarded"));
	if (f->deleted) {
		/* In a folder of their own they must not fall to the next EXPUNGE. */
		message.flags.system &= ~(uint32_t)FLAG_DELETED;
		message.state = STATE_DELETED;
	}
	f->empty += m->store.file.size == 0;
	message.locator = file_locator_write(a, f->dir->path, NULL, slice_str(name), &m->store.file,
					     &message.canon);
	if (!message.locator)
		return err_nomem(err);
	*out = message;
	return 1;
}

/* Messages may be renumbered ("folder -pack"), so a folder that is no longer the one that was
 * listed was not read for certain. */
static int check_unchanged(struct mh *m, struct err *err)
{
	struct folder *f = &m->folder;
	uint64_t sum = f->sum;
	struct strays strays;
	struct stat st;
	struct stamp now;

	if (fstat(f->fd, &st) == 0) {
		now = stamp_of(&st);
		if (stamp_eq(&now, &f->stamp))
			return 0;
	}
	if (glance(m, &strays, err) != 0)
		return -1;
	f->at = f->n;
	if (f->sum == sum)
		return 0;
	return err_set(err, ERR_CHANGED, SCOPE_FOLDER, RETRY_LATER,
		       "'%s' was changed while it was read", f->location);
}

static int end_folder(struct mh *m, struct err *err)
{
	struct folder *f = &m->folder;
	int status = check_unchanged(m, err);

	if (f->empty)
		notices_add(m->store.notices, NOTICE_DAMAGED, f->empty, f->location,
			    "files without a single byte; they are no messages");
	fd_cleanup(&f->fd);
	return status;
}

static int mh_next_message(struct source *s, struct arena *a, struct message *out, struct err *err)
{
	struct mh *m = self(s);
	struct folder *f = &m->folder;

	file_message_close(&m->store.file);
	if (!f->dir || f->fd < 0 || f->withheld)
		return 0;
	while (f->at < f->n) {
		uint32_t number = f->numbers[f->at++];
		bool forwarded;
		uint32_t flags = mh_state_flags(&f->state, number, &forwarded);

		if (((flags & FLAG_DELETED) != 0) == f->deleted)
			return deliver(m, number, flags, forwarded, a, out, err);
	}
	return end_folder(m, err);
}

static int mh_find(struct source *s, const char *locator, struct arena *a, struct message *out,
		   struct err *err)
{
	struct mh *m = self(s);

	return file_store_find(&m->store, locator, a, out, err);
}

static int mh_next_notice(struct source *s, struct arena *a, struct notice *out)
{
	return notices_next(self(s)->store.notices, a, out);
}

const struct source_ops source_mh = {
	.kind = "mh",
	.summary = "MH folders (nmh, Sylpheed, Claws Mail, mutt)",
	.probe = probe,
	.open = mh_open,
	.next_folder = mh_next_folder,
	.next_message = mh_next_message,
	.find = mh_find,
	.next_notice = mh_next_notice,
	.close = mh_close,
};

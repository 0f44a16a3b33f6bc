/*
 * One folder of Thunderbird's maildir store. See tb_maildir.h.
 */
#include "source/tb_maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "source/dialect.h"
#include "source/dir_list.h"
#include "source/file_message.h"

#define HEAD_MAX 32768 /* bytes of a file in which the X-Mozilla-* lines are looked for */

struct tb_maildir {
	struct notices *notices;
	struct dir_list *list;
	char *path, *name; /* path: of cur/ */
	struct stat st;	   /* of cur/ when it was opened */
	uint64_t fingerprint;
	struct file_message file; /* the message delivered last */
	char head[HEAD_MAX];
};

static bool skipped(const struct dir_entry *entry)
{
	return entry->name[0] == '.' || entry->type == DT_DIR;
}

/* Each entry's hash is added up, so that the order of the directory does not matter. */
static void add_to_fingerprint(struct tb_maildir *d, const struct dir_entry *entry)
{
	struct stat st;
	uint64_t facts[4];

	if (fstatat(dir_list_fd(d->list), entry->name, &st, 0) != 0)
		return; /* gone: so the sum differs */
	facts[0] = (uint64_t)st.st_size;
	facts[1] = (uint64_t)st.st_mtim.tv_sec;
	facts[2] = (uint64_t)st.st_mtim.tv_nsec;
	facts[3] = (uint64_t)st.st_ino;
	d->fingerprint += hash_bytes(hash_bytes(0, entry->name, entry->len), facts, sizeof(facts));
}

static int take_fingerprint(struct tb_maildir *d, struct err *err)
{
	struct dir_entry entry;
	int got;

	if (dir_list_start(d->list, AT_FDCWD, d->path, false, &d->st, err) != 0)
		return -1;
	while ((got = dir_list_next(d->list, &entry, err)) > 0)
		if (!skipped(&entry))
			add_to_fingerprint(d, &entry);
	return got;
}

static void notice_tmp(struct tb_maildir *d, const char *folder)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	struct err ignored = ERR_INIT;
	struct dir_entry entry;
	uint64_t n = 0;

	buf_addf(&path, "%s/tmp", folder);
	if (!buf_cstr(&path) ||
	    dir_list_start(d->list, AT_FDCWD, path.ptr, false, NULL, &ignored) != 0)
		return;
	while (dir_list_next(d->list, &entry, &ignored) > 0)
		n += !skipped(&entry);
	if (n > 0)
		notices_add(d->notices, NOTICE_SKIPPED_FILE, n, path.ptr,
			    "unfinished files: never carried");
}

int tb_maildir_open(const char *path, const char *name, struct notices *notices,
		    struct tb_maildir **out, struct err *err)
{
	CLEANUP(buf_release) struct buf cur = BUF_INIT(65536);
	struct tb_maildir *d = calloc(1, sizeof(*d));

	if (!d)
		return err_nomem(err);
	d->file = (struct file_message)FILE_MESSAGE_NONE;
	d->notices = notices;
	d->list = dir_list_new();
	buf_addf(&cur, "%s/cur", path);
	d->path = buf_cstr(&cur) ? strdup(cur.ptr) : NULL;
	d->name = strdup(name);
	if (!d->list || !d->path || !d->name) {
		tb_maildir_close(d);
		return err_nomem(err);
	}
	notice_tmp(d, path);
	if (take_fingerprint(d, err) != 0 ||
	    dir_list_start(d->list, AT_FDCWD, d->path, true, NULL, err) != 0) {
		tb_maildir_close(d);
		return -1;
	}
	*out = d;
	return 0;
}

uint64_t tb_maildir_fingerprint(const struct tb_maildir *d)
{
	return d->fingerprint;
}

/* The number that a name begins with: the time of the download. */
static int64_t time_of_name(struct slice name)
{
	uint64_t n;
	ptrdiff_t dot = slice_find(name, '.');

	if (dot < 0 || !slice_u64(slice_head(name, (size_t)dot), &n) || n > INT32_MAX)
		return TIME_NONE;
	return (int64_t)n;
}

static int read_facts(struct tb_maildir *d, struct arena *a, struct message *m, struct err *err)
{
	struct dialect_facts facts;
	struct flag_set flags = { 0 };
	size_t len = d->file.len < HEAD_MAX ? (size_t)d->file.len : HEAD_MAX;
	ssize_t n = fd_pread(d->file.fd, d->head, len, d->file.off, err);

	if (n < 0)
		return -1;
	dialect_read(slice_of(d->head, (size_t)n), true, a, &flags, &facts);
	/* Other programs' lines are the message's own here. */
	if (facts.dialect != DIALECT_MOZILLA)
		return 0;
	m->flags = flags;
	m->canon.strip = facts.strip;
	m->uidl = facts.uidl;
	m->pop_fetched = facts.pop_fetched;
	if (facts.dropped_keywords)
		m->repairs |= NOTE_KEYWORDS_DROPPED;
	if (m->state == STATE_WHOLE)
		m->state = dialect_state(&facts, &flags);
	return 0;
}

static int read_entry(struct tb_maildir *d, const struct dir_entry *entry, struct arena *a,
		      struct message *out, struct err *err)
{
	struct slice name = slice_of(entry->name, entry->len);
	struct message m = { 0 };

	file_message_close(&d->file);
	if (file_message_open(dir_list_fd(d->list), entry->name, LEAD_CUT, &d->file, err) != 0) {
		if (err->sys_errno == ENOENT) {
			err->code = ERR_CHANGED;
			notices_add(d->notices, NOTICE_CHANGED, 1, d->path,
				    "files vanished while the folder was read");
		}
		return err_prefix(err, "'%s'", d->path);
	}
	file_message_fill(&d->file, &m);
	m.arrival.file_name = time_of_name(name);
	if (read_facts(d, a, &m, err) != 0)
		return err_prefix(err, "'%s/%s'", d->path, entry->name);
	m.locator = file_locator_write(a, d->name, "cur", name, &d->file, &m.canon);
	if (!m.locator)
		return err_nomem(err);
	*out = m;
	return 1;
}

static int check_unchanged(const struct tb_maildir *d, struct err *err)
{
	struct stat st;
	struct stamp before = stamp_of(&d->st), after;

	if (stat(d->path, &st) != 0)
		return err_sys(err, ERR_CHANGED, SCOPE_FOLDER, errno, "cannot look at '%s'",
			       d->path);
	after = stamp_of(&st);
	if (!stamp_eq(&before, &after))
		return err_set(err, ERR_CHANGED, SCOPE_FOLDER, RETRY_LATER,
			       "'%s' changed while it was read: close Thunderbird and run again",
			       d->path);
	return 0;
}

int tb_maildir_next(struct tb_maildir *d, struct arena *a, struct message *out, struct err *err)
{
	struct dir_entry entry;
	int got;

	do {
		got = dir_list_next(d->list, &entry, err);
		if (got < 0)
			return -1;
		if (got == 0)
			return check_unchanged(d, err);
	} while (skipped(&entry));
	return read_entry(d, &entry, a, out, err);
}

void tb_maildir_close(struct tb_maildir *d)
{
	if (!d)
		return;
	file_message_close(&d->file);
	dir_list_free(d->list);
	free(d->path);
	free(d->name);
	free(d);
}

/*
 * The source "thunderbird": profiles.ini, a profile, its Mail folder or one
 * account folder. tb_layout.h finds out what lies where; here the folders are
 * delivered one after the other, and their messages from mbox files
 * (mbox_file.h) or maildir folders (tb_maildir.h).
 *
 * The folder decides what its messages are: those of "Unsent Messages" and of
 * feed accounts are left out, and a queued or feed mark on a message that the
 * user filed elsewhere means nothing. Deleted messages stay in their file until
 * it is compacted; they are counted, or (include_deleted) delivered in a second
 * pass as a folder "Deleted" below theirs.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/file_message.h"
#include "source/kinds.h"
#include "source/mbox_locator.h"
#include "source/mbox_shelf.h"
#include "source/tb_layout.h"
#include "source/tb_maildir.h"

#define READER_VERSION 1 /* in fingerprints: raise when a folder would read otherwise */
#define SCRATCH_MAX    ((size_t)4 << 20)

/* What one folder on disk is read with: one of the two. */
struct reader {
	struct mbox_file *mbox;
	struct tb_maildir *maildir;
};

enum pass { PASS_LIVE, PASS_DELETED };

struct thunderbird {
	struct source_head head;
	struct source_options options;
	struct tb_layout layout;
	struct notices *notices;
	struct notices *unheard; /* of passes besides the one that delivers: all said already */
	struct arena scratch;	 /* of a message that may not be delivered */

	size_t next;		  /* of layout.folders */
	size_t next_account;	  /* of layout.accounts, for their state files */
	struct tb_folder *folder; /* being read, or NULL */
	struct reader reader;
	enum pass pass;
	bool complete;	    /* the live pass reached the end: */
	uint64_t n_deleted; /* so many deleted ones were left out by it */

	struct mbox_shelf found; /* of find() */
	struct file_message found_file;
};

static struct thunderbird *from_source(struct source *s)
{
	return (struct thunderbird *)(void *)s;
}

/* ---- one folder on disk ---- */

static void reader_close(struct reader *r)
{
	mbox_file_close(r->mbox);
	tb_maildir_close(r->maildir);
	*r = (struct reader){ 0 };
}

static const char *folder_location(struct thunderbird *t, const struct tb_folder *folder)
{
	return tb_path(&t->layout.arena, folder->account->dir, folder->path);
}

static int reader_open(const struct tb_folder *folder, struct notices *notices, struct reader *r,
		       struct err *err)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	CLEANUP(buf_release) struct buf name = BUF_INIT(65536);
	const struct tb_account *account = folder->account;

	reader_close(r);
	buf_addf(&path, "%s/%s", account->dir, folder->path);
	buf_addf(&name, "%s%s%s", account->label, *account->label ? "/" : "", folder->path);
	if (!buf_cstr(&path) || !buf_cstr(&name))
		return err_nomem(err);
	if (folder->store == TB_MAILDIR)
		return tb_maildir_open(path.ptr, name.ptr, notices, &r->maildir, err);
	return mbox_file_open(AT_FDCWD, path.ptr, name.ptr, notices, &r->mbox, err);
}

static int reader_next(struct reader *r, struct arena *a, struct message *out, struct err *err)
{
	arena_reset(a);
	return r->maildir ? tb_maildir_next(r->maildir, a, out, err)
			  : mbox_file_next(r->mbox, a, out, err);
}

/* ---- what is left out ---- */

static bool in_outbox(const struct tb_folder *folder)
{
	for (; folder; folder = folder->parent)
		if (folder->role == ROLE_OUTBOX)
			return true;
	return false;
}

/* Count the messages of a folder that is left out; what cannot be read is not worth an error. */
static uint64_t count_live(struct thunderbird *t, const struct tb_folder *folder)
{
	struct err ignored = ERR_INIT;
	struct reader r = { 0 };
	struct message m;
	uint64_t n = 0;
	int got;

	if (reader_open(folder, t->unheard, &r, &ignored) != 0)
		return 0;
	do {
		got = reader_next(&r, &t->scratch, &m, &ignored);
		n += got > 0 && m.state != STATE_DELETED;
	} while (got > 0 || (got < 0 && r.maildir && ignored.scope == SCOPE_MESSAGE));
	reader_close(&r);
	return n;
}

static bool left_out(struct thunderbird *t, const struct tb_folder *folder)
{
	const char *location = folder_location(t, folder);
	bool feeds = folder->account->kind == TB_FEEDS;
	uint64_t n;

	if (!(feeds && !t->options.include_feeds) &&
	    !(in_outbox(folder) && !t->options.include_outbox))
		return false;
	n = count_live(t, folder);
	if (n > 0 && location && feeds)
		notices_add(t->notices, NOTICE_FEED, n, location, "feed items: left out");
	else if (n > 0 && location)
		notices_add(t->notices, NOTICE_OUTBOX, n, location,
			    "mail that was never sent: left out");
	return true;
}

/* ---- folders ---- */

static bool rooted(const struct tb_folder *folder)
{
	return folder->account->n_prefix == 0;
}

/* Only folders at the root have a role: two accounts' Inboxes must not become one. */
static enum role role_of(const struct thunderbird *t, const struct tb_folder *folder)
{
	if (t->pass == PASS_DELETED || !rooted(folder))
		return ROLE_NONE;
	return folder->role;
}

static int add_name(struct folder_path *path, struct arena *a, const char *name, struct err *err)
{
	if (path->n == FOLDER_DEPTH_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_FOLDER, RETRY_NEVER,
			       "nested deeper than %d folders", FOLDER_DEPTH_MAX);
	path->names[path->n] = name ? arena_str(a, name) : NULL;
	if (!path->names[path->n])
		return err_nomem(err);
	path->n++;
	return 0;
}

static int add_names(const struct tb_folder *folder, struct folder_path *path, struct arena *a,
		     struct err *err)
{
	const char *name = folder->name;

	if (folder->parent && add_names(folder->parent, path, a, err) != 0)
		return -1;
	if (rooted(folder) && folder->depth == 1 && folder->role == ROLE_INBOX)
		name = "INBOX";
	return add_name(path, a, name, err);
}

static int fill_path(const struct thunderbird *t, struct folder_path *path, struct arena *a,
		     struct err *err)
{
	const struct tb_account *account = t->folder->account;

	path->n = 0;
	for (size_t i = 0; i < account->n_prefix; i++)
		if (add_name(path, a, account->prefix[i], err) != 0)
			return -1;
	if (add_names(t->folder, path, a, err) != 0)
		return -1;
	return t->pass == PASS_DELETED ? add_name(path, a, "Deleted", err) : 0;
}

/* Names and roles come from other files than the messages; what came of them is in the path and
 * the role, so these stand for the files. */
static const char *make_fingerprint(const struct thunderbird *t, struct arena *a)
{
	struct stamp st;

	if (t->reader.maildir)
		return arena_printf(a, "tb%d.%d.%d m %016" PRIx64, READER_VERSION, (int)t->pass,
				    (int)role_of(t, t->folder),
				    tb_maildir_fingerprint(t->reader.maildir));
	st = mbox_file_stamp(t->reader.mbox);
	return arena_printf(a, "tb%d.%d.%d f %" PRIx64 ".%" PRIx64 ".%" PRIx64 ".%" PRIx64,
			    READER_VERSION, (int)t->pass, (int)role_of(t, t->folder), st.dev,
			    st.ino, st.size, (uint64_t)st.mtime_ns);
}

static void notice_name(struct thunderbird *t, const char *location)
{
	if (t->folder->name_guessed)
		notices_add(t->notices, NOTICE_NAME, 1, location,
			    "the folder's real name is not known; it goes by its name on disk, "
			    "'%s'",
			    t->folder->name);
}

static int deliver_folder(struct thunderbird *t, struct arena *a, struct source_folder *out,
			  struct err *err)
{
	const char *location = folder_location(t, t->folder);
	struct source_folder f = { 0 };

	if (!location)
		return err_nomem(err);
	if (reader_open(t->folder, t->pass == PASS_LIVE ? t->notices : t->unheard, &t->reader,
			err) != 0)
		return err_prefix(err, "'%s'", location);
	if (fill_path(t, &f.path, a, err) != 0)
		return -1;
	f.role = role_of(t, t->folder);
	f.location = arena_str(a, location);
	f.fingerprint = make_fingerprint(t, a);
	if (t->folder->name_guessed)
		f.note = "the real name is not known: this is the name on disk";
	if (!f.location || !f.fingerprint)
		return err_nomem(err);
	notice_name(t, location);
	t->complete = false;
	t->n_deleted = 0;
	*out = f;
	return 1;
}

/* Whether a second pass finds anything; when the caller did not read the first one to its end
 * (it knew the folder already), look. */
static bool has_deleted(struct thunderbird *t)
{
	struct err ignored = ERR_INIT;
	struct reader r = { 0 };
	struct message m;
	bool found = false;
	int got;

	if (t->complete)
		return t->n_deleted > 0;
	if (reader_open(t->folder, t->unheard, &r, &ignored) != 0)
		return false;
	do {
		got = reader_next(&r, &t->scratch, &m, &ignored);
		found = got > 0 && m.state == STATE_DELETED;
	} while (!found && (got > 0 || (got < 0 && r.maildir && ignored.scope == SCOPE_MESSAGE)));
	reader_close(&r);
	return found;
}

static int next_folder(struct source *s, struct arena *a, struct source_folder *out,
		       struct err *err)
{
	struct thunderbird *t = from_source(s);

	if (t->folder && t->pass == PASS_LIVE && t->options.include_deleted && has_deleted(t)) {
		t->pass = PASS_DELETED;
		return deliver_folder(t, a, out, err);
	}
	reader_close(&t->reader);
	t->folder = NULL;
	t->pass = PASS_LIVE;
	while (t->next < t->layout.n_folders) {
		struct tb_folder *folder = t->layout.folders[t->next++];

		if (tb_folder_resolve(&t->layout, folder, err) != 0)
			return -1;
		if (folder->store == TB_NO_STORE || left_out(t, folder))
			continue;
		t->folder = folder;
		if (deliver_folder(t, a, out, err) > 0)
			return 1;
		t->folder = NULL;
		return -1;
	}
	return 0;
}

/* ---- messages ---- */

/* The folder decides, see above. */
static enum message_state state_in(const struct tb_folder *folder, enum message_state state)
{
	if (state == STATE_DELETED)
		return state;
	if (folder->account->kind == TB_FEEDS)
		return STATE_FEED;
	if (in_outbox(folder))
		return STATE_OUTBOX;
	return state == STATE_OUTBOX || state == STATE_FEED ? STATE_WHOLE : state;
}

static void end_of_folder(struct thunderbird *t)
{
	const char *location = folder_location(t, t->folder);

	t->complete = true;
	if (t->pass == PASS_LIVE && t->n_deleted > 0 && location)
		notices_add(t->notices, NOTICE_EXPUNGED, t->n_deleted, location,
			    t->options.include_deleted
				    ? "deleted but still in the file: carried in a folder of their "
				      "own"
				    : "deleted but still in the file: left out");
}

static int next_message(struct source *s, struct arena *a, struct message *out, struct err *err)
{
	struct thunderbird *t = from_source(s);
	struct message m;
	int got;

	if (!t->folder || t->complete)
		return 0;
	while ((got = reader_next(&t->reader, &t->scratch, &m, err)) > 0) {
		if ((m.state == STATE_DELETED) == (t->pass == PASS_DELETED))
			break;
		t->n_deleted += m.state == STATE_DELETED;
	}
	if (got == 0)
		end_of_folder(t);
	if (got <= 0)
		return got;
	m.state = state_in(t->folder, m.state);
	if (t->pass == PASS_DELETED) /* it would vanish again on the server */
		m.flags.system &= ~(uint32_t)FLAG_DELETED;
	/* The texts were made in the scratch arena: a run of messages that are left out, however
	 * long, takes no room in the caller\'s. */
	if (message_keep_texts(&m, a) != 0)
		return err_nomem(err);
	*out = m;
	return 1;
}

/* ---- find ---- */

/* The account in whose folder the path of a locator lies, and the path below it. */
static const struct tb_account *account_of(const struct tb_layout *l, const char *path,
					   const char **below)
{
	const struct tb_account *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < l->n_accounts; i++) {
		const char *label = l->accounts[i]->label;
		size_t len = strlen(label);

		if (len > 0 && (strncmp(path, label, len) != 0 || path[len] != '/'))
			continue;
		if (best && len <= best_len)
			continue;
		best = l->accounts[i];
		best_len = len;
		*below = len > 0 ? path + len + 1 : path;
	}
	return best;
}

static bool leaves(const char *path)
{
	struct slice rest = slice_str(path);

	while (rest.len > 0)
		if (slice_eq(slice_cut(&rest, '/'), SLICE_LIT("..")))
			return true;
	return *path == '/';
}

/* Folders lie in the account's folder or in NAME.sbd; so a path that ends in cur/FILE is a
 * message of the maildir store. */
static bool in_cur(const char *locator)
{
	const char *at = strrchr(locator, '@');
	const char *slash = at ? memrchr(locator, '/', (size_t)(at - locator)) : NULL;

	return slash && slash - locator > 4 && memcmp(slash - 4, "/cur", 4) == 0;
}

static int no_place(const struct thunderbird *t, const char *locator, struct err *err)
{
	return err_set(err, ERR_CHANGED, SCOPE_MESSAGE, RETRY_NEVER, "'%s' is no place in '%s'",
		       locator, t->layout.root);
}

static int find_file(struct thunderbird *t, const char *locator, struct arena *a,
		     struct message *out, struct err *err)
{
	CLEANUP(fd_cleanup) int dir = -1;
	const struct tb_account *account;
	struct file_locator at;
	const char *below = "";

	if (file_locator_read(locator, a, &at, err) != 0)
		return -1;
	account = account_of(&t->layout, at.path, &below);
	if (!account)
		return no_place(t, locator, err);
	dir = fd_open_dir(AT_FDCWD, account->dir, err);
	if (dir < 0) {
		err->scope = SCOPE_MESSAGE;
		return -1;
	}
	file_message_close(&t->found_file);
	at.path += below - at.path;
	return file_locator_open(&at, dir, &t->found_file, out, err);
}

/* NULL and *err when it cannot be read. */
static struct mbox_file *open_found(struct thunderbird *t, const struct tb_account *account,
				    const char *name, const char *below, struct err *err)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	struct mbox_file *file = mbox_shelf_get(&t->found, name);

	if (file)
		return file;
	buf_addf(&path, "%s/%s", account->dir, below);
	if (!buf_cstr(&path)) {
		err_nomem(err);
		return NULL;
	}
	if (mbox_file_open(AT_FDCWD, path.ptr, name, t->unheard, &file, err) != 0 ||
	    mbox_shelf_put(&t->found, name, file, err) != 0)
		return NULL;
	return file;
}

static int find_in_mbox(struct thunderbird *t, const struct tb_account *account, const char *name,
			const char *below, const char *suffix, struct message *out, struct err *err)
{
	struct mbox_file *file = open_found(t, account, name, below, err);

	if (!file) {
		err->scope = SCOPE_MESSAGE;
		return -1;
	}
	return mbox_file_locate(file, suffix, out, err);
}

static int find(struct source *s, const char *locator, struct arena *a, struct message *out,
		struct err *err)
{
	struct thunderbird *t = from_source(s);
	const char *name, *suffix, *below = "";
	const struct tb_account *account;

	if (in_cur(locator))
		return find_file(t, locator, a, out, err);
	if (mbox_locator_split(locator, a, &name, &suffix, err) != 0)
		return -1;
	account = account_of(&t->layout, name, &below);
	if (!account || leaves(below))
		return no_place(t, locator, err);
	return find_in_mbox(t, account, name, below, suffix, out, err);
}

/* ---- the rest of the operations ---- */

static int probe(const char *path)
{
	int sure;

	tb_place_of(path, &sure);
	return sure;
}

static void close_source(struct source *s)
{
	struct thunderbird *t = from_source(s);

	reader_close(&t->reader);
	mbox_shelf_clear(&t->found);
	file_message_close(&t->found_file);
	tb_layout_release(&t->layout);
	arena_release(&t->scratch);
	notices_free(t->notices);
	notices_free(t->unheard);
	free(t);
}

static int open_source(const char *path, const struct source_options *options, struct source **out,
		       struct err *err)
{
	struct thunderbird *t = calloc(1, sizeof(*t));

	if (!t)
		return err_nomem(err);
	t->head.ops = &source_thunderbird;
	t->options = *options;
	t->scratch = (struct arena)ARENA_INIT(SCRATCH_MAX);
	t->found_file = (struct file_message)FILE_MESSAGE_NONE;
	t->notices = notices_new();
	t->unheard = notices_new();
	if (!t->notices || !t->unheard) {
		close_source((struct source *)(void *)t);
		return err_nomem(err);
	}
	if (tb_layout_read(&t->layout, path, t->notices, err) != 0) {
		close_source((struct source *)(void *)t);
		if (err->scope < SCOPE_SOURCE)
			err->scope = SCOPE_SOURCE;
		return -1;
	}
	*out = (struct source *)(void *)t;
	return 0;
}

static int next_notice(struct source *s, struct arena *a, struct notice *out)
{
	return notices_next(from_source(s)->notices, a, out);
}

/* Each POP account keeps its own. */
static int next_pop_state(struct source *s, struct arena *a, const char **path, struct err *err)
{
	struct thunderbird *t = from_source(s);

	while (t->next_account < t->layout.n_accounts) {
		const struct tb_account *account = t->layout.accounts[t->next_account++];
		const char *file = tb_path(a, account->dir, "popstate.dat");

		if (!file)
			return err_nomem(err);
		if (account->kind == TB_FEEDS || access(file, F_OK) != 0)
			continue;
		*path = file;
		return 1;
	}
	return 0;
}

const struct source_ops source_thunderbird = {
	.kind = "thunderbird",
	.summary = "Thunderbird: a profile, the directory of profiles.ini, or an account folder",
	.probe = probe,
	.open = open_source,
	.next_folder = next_folder,
	.next_message = next_message,
	.find = find,
	.next_notice = next_notice,
	.next_pop_state = next_pop_state,
	.close = close_source,
};

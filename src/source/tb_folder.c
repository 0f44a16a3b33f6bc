/*
 * Real name and role of a Thunderbird folder. The name: folderCache.json, else
 * the .msf file, else the name on disk. The role: the preferences, else the
 * folder's flags, else its (English) name on disk at the top of an account.
 */
#include <fcntl.h>
#include <string.h>

#include "base/text.h"
#include "source/tb_layout.h"
#include "source/tb_names.h"

/* ---- facts from the cache and the summary file ---- */

static int read_msf(struct tb_layout *l, const struct tb_folder *folder,
		    struct tb_folder_facts *out, struct err *err)
{
	const char *path = arena_printf(&l->arena, "%s/%s.msf", folder->account->dir, folder->path);
	CLEANUP(fd_cleanup) int fd = -1;
	struct err ignored = ERR_INIT;

	*out = (struct tb_folder_facts){ 0 };
	if (!path)
		return err_nomem(err);
	fd = fd_open_file(AT_FDCWD, path, NULL, &ignored);
	if (fd < 0) /* no summary: nothing is known from it */
		return 0;
	if (tb_msf_read(fd, &l->arena, out, &ignored) != 0)
		*out = (struct tb_folder_facts){ 0 };
	return 0;
}

static bool needs_name(const struct tb_folder *folder)
{
	struct slice disk = slice_str(folder->disk);

	return tb_name_looks_hashed(disk) || !utf8_valid(disk);
}

static int find_facts(struct tb_layout *l, const struct tb_folder *folder,
		      struct tb_folder_facts *out, struct err *err)
{
	const struct tb_account *account = folder->account;
	const struct tb_folder_facts *cached;
	const char *tail;

	tail = arena_printf(&l->arena, "%s/%s.msf", account->tail, folder->path);
	if (!tail)
		return err_nomem(err);
	cached = tb_cache_find(&account->profile->cache, tail);
	if (cached && (cached->name || !needs_name(folder))) {
		*out = *cached;
		return 0;
	}
	return read_msf(l, folder, out, err);
}

/* ---- folder URIs in the preferences ---- */

/* Undo %XX. */
static void add_unescaped(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		uint64_t byte;

		if (s.ptr[i] == '%' && i + 2 < s.len &&
		    slice_hex64(slice_head(slice_from(s, i + 1), 2), &byte)) {
			buf_addc(out, (char)byte);
			i += 2;
		} else {
			buf_addc(out, s.ptr[i]);
		}
	}
}

/* "mailbox://user@host/A/B": true if that is this account; *path becomes "A/B". */
static bool uri_of_account(const struct tb_account *account, struct slice uri, struct slice *path)
{
	CLEANUP(buf_release) struct buf authority = BUF_INIT(1024);
	CLEANUP(buf_release) struct buf own = BUF_INIT(1024);

	if (!account->user || !account->host || !slice_istarts(uri, SLICE_LIT("mailbox://")))
		return false;
	*path = slice_from(uri, strlen("mailbox://"));
	add_unescaped(&authority, slice_cut(path, '/'));
	buf_addf(&own, "%s@%s", account->user, account->host);
	return !authority.failed && !own.failed &&
	       slice_ieq(buf_slice(&authority), buf_slice(&own));
}

/* The URI's path as it lies on disk: "A.sbd/B". */
static bool disk_path_of_uri(struct buf *out, struct slice path)
{
	struct err ignored = ERR_INIT;

	while (path.len > 0) {
		CLEANUP(buf_release) struct buf name = BUF_INIT(TB_NAME_MAX);

		add_unescaped(&name, slice_cut(&path, '/'));
		if (out->len > 0)
			buf_adds(out, ".sbd/");
		if (name.failed || tb_name_on_disk(out, buf_slice(&name), &ignored) != 0)
			return false;
	}
	return out->len > 0;
}

static bool uri_is_folder(const char *uri, const struct tb_folder *folder)
{
	CLEANUP(buf_release) struct buf disk = BUF_INIT(64 * TB_NAME_MAX);
	struct slice path;

	return uri && uri_of_account(folder->account, slice_str(uri), &path) &&
	       disk_path_of_uri(&disk, path) && slice_eq(buf_slice(&disk), slice_str(folder->path));
}

static enum role role_in_identities(struct tb_layout *l, const struct tb_folder *folder)
{
	static const struct {
		const char *pref;
		enum role role;
	} rows[] = {
		{ ".fcc_folder", ROLE_SENT },
		{ ".draft_folder", ROLE_DRAFTS },
		{ ".stationery_folder", ROLE_TEMPLATES },
		{ ".archive_folder", ROLE_ARCHIVE },
	};
	const struct tb_prefs *prefs = &folder->account->profile->prefs;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *id;

		for (size_t at = 0; (id = tb_prefs_next_key(prefs, "mail.identity.", rows[i].pref,
							    &at, &l->arena)) != NULL;)
			if (uri_is_folder(tb_pref(prefs, "mail.identity.%s%s", id, rows[i].pref),
					  folder))
				return rows[i].role;
	}
	return ROLE_NONE;
}

/* The folder to which some account's junk is moved. */
static bool is_spam_target(struct tb_layout *l, const struct tb_folder *folder)
{
	const struct tb_prefs *prefs = &folder->account->profile->prefs;
	const char *id;

	for (size_t at = 0;
	     (id = tb_prefs_next_key(prefs, "mail.server.", ".type", &at, &l->arena)) != NULL;) {
		const char *mode = tb_pref(prefs, "mail.server.%s.moveTargetMode", id);
		const char *move = tb_pref(prefs, "mail.server.%s.moveOnSpam", id);

		if (move && strcmp(move, "false") == 0)
			continue;
		if (mode && strcmp(mode, "1") == 0 &&
		    uri_is_folder(tb_pref(prefs, "mail.server.%s.spamActionTargetFolder", id),
				  folder))
			return true;
	}
	return false;
}

/* ---- roles ---- */

static enum role role_of_flags(uint32_t flags)
{
	static const struct {
		uint32_t flag;
		enum role role;
	} rows[] = {
		{ TBF_INBOX, ROLE_INBOX },     { TBF_TRASH, ROLE_TRASH },
		{ TBF_QUEUE, ROLE_OUTBOX },    { TBF_JUNK, ROLE_JUNK },
		{ TBF_DRAFTS, ROLE_DRAFTS },   { TBF_TEMPLATES, ROLE_TEMPLATES },
		{ TBF_ARCHIVE, ROLE_ARCHIVE }, { TBF_SENT, ROLE_SENT },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (flags & rows[i].flag)
			return rows[i].role;
	return ROLE_NONE;
}

static enum role role_of_name(const char *disk)
{
	static const struct {
		const char *name;
		enum role role;
	} rows[] = {
		{ "Inbox", ROLE_INBOX },	 { "Sent", ROLE_SENT },
		{ "Drafts", ROLE_DRAFTS },	 { "Trash", ROLE_TRASH },
		{ "Templates", ROLE_TEMPLATES }, { "Archives", ROLE_ARCHIVE },
		{ "Junk", ROLE_JUNK },		 { "Unsent Messages", ROLE_OUTBOX },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcasecmp(disk, rows[i].name) == 0)
			return rows[i].role;
	return ROLE_NONE;
}

/* Old versions set a special folder's flag on its children too: these have no role. */
static bool inherited(const struct tb_folder *folder, enum role role)
{
	for (const struct tb_folder *f = folder->parent; f; f = f->parent)
		if (f->role == role)
			return true;
	return false;
}

static enum role find_role(struct tb_layout *l, const struct tb_folder *folder, uint32_t flags)
{
	enum role role = role_in_identities(l, folder);

	if (role == ROLE_NONE && is_spam_target(l, folder))
		role = ROLE_JUNK;
	if (role == ROLE_NONE)
		role = role_of_flags(flags);
	if (role == ROLE_NONE && folder->depth == 1)
		role = role_of_name(folder->disk);
	if (role == ROLE_INBOX && folder->depth > 1)
		role = ROLE_NONE;
	return inherited(folder, role) ? ROLE_NONE : role;
}

/* ---- names ---- */

static int set_name(struct tb_layout *l, struct tb_folder *folder, const char *real,
		    struct err *err)
{
	CLEANUP(buf_release) struct buf lossy = BUF_INIT(16 * TB_NAME_MAX);
	struct slice disk = slice_str(folder->disk);

	if (real && (tb_name_fits(disk, slice_str(real)) || !utf8_valid(disk))) {
		folder->name = real;
		return 0;
	}
	utf8_add_lossy(&lossy, disk);
	folder->name = arena_slice(&l->arena, buf_slice(&lossy));
	folder->name_guessed = needs_name(folder);
	return lossy.failed || !folder->name ? err_nomem(err) : 0;
}

int tb_folder_resolve(struct tb_layout *l, struct tb_folder *folder, struct err *err)
{
	struct tb_folder_facts facts = { 0 };

	if (find_facts(l, folder, &facts, err) != 0)
		return -1;
	if (set_name(l, folder, facts.name, err) != 0)
		return -1;
	folder->role = find_role(l, folder, facts.flags);
	return 0;
}

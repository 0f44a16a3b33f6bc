/*
 * What lies where in Thunderbird's files: profiles, their accounts, the folders
 * of each. Reads directories, profiles.ini, prefs.js and folderCache.json, but
 * no mail.
 *
 *     profiles.ini -> profile (prefs.js) -> Mail/HOST -> NAME, NAME.msf, NAME.sbd/
 *
 * A profile that was moved has wrong absolute paths in its own files; the
 * accounts are found by what the paths say relative to the profile.
 */
#ifndef MAILHOIST_SOURCE_TB_LAYOUT_H
#define MAILHOIST_SOURCE_TB_LAYOUT_H

#include "source/notices.h"
#include "source/tb_cache.h"
#include "source/tb_place.h"
#include "source/tb_prefs.h"

#define TB_FOLDERS_MAX	65536 /* in all accounts together */
#define TB_ACCOUNTS_MAX 1024
#define TB_PROFILES_MAX 64
#define TB_DEPTH_MAX	(FOLDER_DEPTH_MAX - 4) /* of .sbd; the rest is for prefixes */

struct tb_profile {
	const char *dir;
	const char *name; /* of profiles.ini, else of the directory */
	struct tb_prefs prefs;
	struct tb_cache cache;
	bool has_mail;
};

enum tb_account_kind { TB_POP, TB_LOCAL, TB_FEEDS };

struct tb_account {
	enum tb_account_kind kind;
	const struct tb_profile *profile;
	const char *dir;   /* to open */
	const char *label; /* the same below the source's root, for locators; "" is the root */
	const char *tail;  /* its last two components, for folderCache.json */
	const char *name;  /* as the user sees it */
	const char *user, *host; /* as in folder URIs; NULL: not known */
	const char *prefix[2];	 /* path components before its folders' */
	size_t n_prefix;
	bool has_mail;
};

enum tb_folder_store { TB_NO_STORE /* only a parent */, TB_MBOX, TB_MAILDIR };

struct tb_folder {
	const struct tb_account *account;
	struct tb_folder *parent; /* NULL at the top; stands before its children in the list */
	enum tb_folder_store store;
	const char *disk; /* name on disk */
	const char *path; /* below the account: "Work.sbd/Sub" */
	uint32_t depth;	  /* 1 at the top */
	const char *name; /* real name, when resolved; NULL before */
	enum role role;	  /* likewise */
	bool name_guessed;
};

struct tb_layout {
	struct arena arena;
	const char *root;
	enum tb_place place;
	struct notices *notices; /* the caller's */
	size_t n_profiles, n_accounts, n_folders, folders_cap;
	struct tb_profile *profiles[TB_PROFILES_MAX];
	struct tb_account *accounts[TB_ACCOUNTS_MAX];
	struct tb_folder **folders;
};

/* Read the layout below `root`. Accounts that are not carried (IMAP, news, removed ones) are
 * noticed. 0 or -1 (ERR_NOINPUT when it is no place of Thunderbird's). */
int tb_layout_read(struct tb_layout *l, const char *root, struct notices *notices, struct err *err);
void tb_layout_release(struct tb_layout *l);

/* "a/b" in the arena; NULL when out of memory. An empty part adds no slash. */
const char *tb_path(struct arena *a, const char *dir, const char *name);

/* The folders of one account (tb_tree.c): append them, parents first, the Inbox first, else by
 * name. Sets account->has_mail. */
int tb_tree_read(struct tb_layout *l, struct tb_account *account, struct err *err);

/* Looks only at names: does this directory hold Thunderbird folders? 0..100. */
int tb_tree_probe(const char *dir);

/* Names, sorted, of what lies in a directory ("." and ".." left out), in the arena. -1: the
 * directory cannot be read, or has over TB_FOLDERS_MAX entries. */
int tb_list_dir(const char *dir, struct arena *a, const char *const **names, size_t *n,
		struct err *err);

/* Real name and role of a folder whose parent is resolved already (tb_folder.c). */
int tb_folder_resolve(struct tb_layout *l, struct tb_folder *folder, struct err *err);

#endif

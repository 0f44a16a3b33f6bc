/*
 * What a directory is to Thunderbird: where its profiles are, a profile, a folder
 * of accounts, an account. Decided by what lies in it, since profiles are moved
 * and copied; and what profiles.ini says of where they are.
 */
#ifndef MAILHOIST_SOURCE_TB_PLACE_H
#define MAILHOIST_SOURCE_TB_PLACE_H

#include "base/arena.h"
#include "base/buf.h"

#define TB_INI_FILE_MAX (1u << 20)

/* What kind of thing a directory is. */
enum tb_place {
	TB_NOTHING,
	TB_ROOT,    /* has profiles.ini */
	TB_PROFILE, /* has prefs.js */
	TB_MAIL,    /* holds account folders (PROFILE/Mail) */
	TB_ACCOUNT, /* holds folders */
};

/* What `path` is; *sure 0..100. */
enum tb_place tb_place_of(const char *path, int *sure);

/* "DIR/NAME" in *out, DIR alone for an empty name; false when out of memory. */
bool tb_join(struct buf *out, const char *dir, const char *name);
bool tb_is_file(const char *dir, const char *name);
bool tb_is_dir(const char *dir, const char *name);
bool tb_is_profile(const char *dir); /* one with mail: a browser has prefs.js too */

/* What follows the last '/' or a backslash, but for those at the end. */
struct slice tb_last_component(struct slice path);

/* A section of profiles.ini; slices of the file's text. */
struct tb_ini_profile {
	struct slice name, path;
	bool relative, is_profile;
};
/* The text of ROOT/profiles.ini: 0, or -1 when it cannot be read. */
int tb_ini_read(const char *root, struct buf *text);
/* The next section: 1, or 0 at the end. */
int tb_ini_next(struct slice *rest, struct tb_ini_profile *out);
/* Where the section's profile is: as it says, else below the root by its last names (moved from
 * elsewhere, or from Windows). NULL: nowhere, or no profile with mail. */
const char *tb_ini_profile_dir(struct arena *a, const char *root, const struct tb_ini_profile *ini);

#endif

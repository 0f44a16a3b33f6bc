/*
 * folderCache.json of a Thunderbird profile: for each folder, keyed by the path
 * of its .msf file, the real name and the special flags. The paths are absolute
 * and wrong once the profile was moved, so folders are looked up by the end of
 * their path ("Mail/HOST/Work.sbd/Name.msf").
 */
#ifndef MAILHOIST_SOURCE_TB_CACHE_H
#define MAILHOIST_SOURCE_TB_CACHE_H

#include "source/tb_msf.h"

#define TB_CACHE_FILE_MAX (32u << 20) /* bytes; 600 a folder */
#define TB_CACHE_MAX	  65536	      /* folders */

struct tb_cache_entry {
	const char *path; /* with '/' as separator */
	struct tb_folder_facts facts;
};

struct tb_cache {
	size_t n;
	struct tb_cache_entry *list; /* sorted by the reversed path */
};

/* Parse; everything goes to the arena. On damage: what stood before it, and -1 with *err set, so
 * that *out can be used all the same. */
int tb_cache_parse(struct slice text, struct arena *a, struct tb_cache *out, struct err *err);

/* The facts of the folder whose path ends with the components of `tail`, or NULL: none, or several
 * that differ. */
const struct tb_folder_facts *tb_cache_find(const struct tb_cache *c, const char *tail);

#endif

/*
 * prefs.js of a Mozilla profile: lines user_pref("name", value); and comments.
 * Kept are the preferences below "mail." alone; a later line replaces an
 * earlier one.
 */
#ifndef MAILHOIST_SOURCE_TB_PREFS_H
#define MAILHOIST_SOURCE_TB_PREFS_H

#include "base/arena.h"
#include "base/err.h"

#define TB_PREFS_FILE_MAX (16u << 20) /* bytes of prefs.js; large ones have 200 kB */
#define TB_PREFS_MAX	  65536	      /* preferences kept */

struct tb_pref {
	const char *name, *value; /* strings unescaped; numbers and booleans as they stand */
	uint32_t line;		  /* order in the file */
};

struct tb_prefs {
	size_t n;
	struct tb_pref *list; /* sorted by name, each once */
};

/* Parse; texts and list go to the arena. What is no preference is skipped. 0, or -1 when memory
 * or TB_PREFS_MAX is exceeded. */
int tb_prefs_parse(struct slice text, struct arena *a, struct tb_prefs *out, struct err *err);

/* The value of a name made by printf, or NULL. */
const char *tb_pref(const struct tb_prefs *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The X of the next name that is PREFIX, X, SUFFIX (no dot in X) from *at on; NULL when there is
 * none. *at starts at 0. The text goes to the arena. */
const char *tb_prefs_next_key(const struct tb_prefs *p, const char *prefix, const char *suffix,
			      size_t *at, struct arena *a);

#endif

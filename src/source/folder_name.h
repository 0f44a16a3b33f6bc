/*
 * Names of directories as names of folders.
 */
#ifndef MAILHOIST_SOURCE_FOLDER_NAME_H
#define MAILHOIST_SOURCE_FOLDER_NAME_H

#include "source/source.h"

/* Append a name as UTF-8. One that is not UTF-8 is taken for Latin-1, and *guessed is set. */
void folder_name_add(struct buf *out, struct slice raw, bool *guessed);

/* The folder of the directory `dir` (below the root; "" is the root), every level under its own
 * name, below `prefix` (NULL: none). 0, or -1. */
int folder_path_plain(const char *prefix, const char *dir, struct arena *a, struct folder_path *out,
		      bool *guessed, struct err *err);

/* The name of the directory `path` itself, however it was written ("." too), in the arena.
 * Never NULL unless out of memory: "/" is called "Mail". */
char *folder_name_of_root(const char *path, struct arena *a);

#endif

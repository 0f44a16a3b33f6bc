/*
 * The names in a maildir: what a message's file name says (delivery time, size, flags, who wrote
 * it), and which folder a directory stands for in the layouts that are in use (mail-stores.md 4.2
 * and 6). Pure functions on names; nothing here looks at a disk.
 */
#ifndef MAILHOIST_SOURCE_MAILDIR_NAMES_H
#define MAILHOIST_SOURCE_MAILDIR_NAMES_H

#include "source/source.h"

/* UNIQUE[:2,LETTERS], also with ';' (Windows) or '!' (mu, FAT). The slices point into the name. */
struct maildir_name {
	struct slice unique;  /* the name without its info */
	struct slice base;    /* UNIQUE without what follows its first ',' (S=, W=, U=, FMD5=) */
	struct slice letters; /* flag letters as they stand; empty without info */
	char separator;	      /* of the info; 0 without */
	bool has_size;	      /* ,S=N: the size that Dovecot, Courier or maildrop wrote */
	uint64_t size;
	bool has_wire_size; /* ,W=N: Dovecot */
	bool has_uid;	    /* ,U=N: mbsync and offlineimap */
	bool has_fmd5;	    /* ,FMD5=: offlineimap */
	int64_t time;	    /* seconds since 1970 at the start of the name, or TIME_NONE */
};
void maildir_name_parse(struct slice name, struct maildir_name *out);

/* Only the flag letters, as maildir_name_parse() finds them. */
struct slice maildir_name_letters(struct slice name);

/* The time that a file name starts with: 9 or 10 digits and then '.' or '_', or TIME_NONE. */
int64_t maildir_name_time(struct slice name);

/* How the directories of a store spell folder names. */
enum {
	/* isync's "SubFolders Legacy": below the first level ".Sub" is one name, dots and all;
	 * elsewhere a leading dot means Maildir++, where dots separate levels. */
	MAILDIR_LEGACY = 1u << 0,
	MAILDIR_EVOLUTION = 1u << 1, /* _XX stands for the octet XX */
	MAILDIR_DOTTED = 1u << 2, /* "A.B" is A/B without a leading dot too: offlineimap's sep=. */
};

/* The folder that the directory `dir` (path below the root, "" for the root itself) holds. Names
 * become UTF-8: modified UTF-7 where every & starts a valid sequence, else they are UTF-8 already.
 * *guessed is set when a name had to be bent (not UTF-8, empty, too deep). 0, or -1. */
int maildir_folder_path(const char *dir, uint32_t spelling, struct arena *a,
			struct folder_path *out, bool *guessed, struct err *err);

/* True for 32 hex digits: a Dovecot GUID, as LAYOUT=index names its directories. */
bool maildir_is_guid(struct slice name);

#endif

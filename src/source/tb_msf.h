/*
 * What a Thunderbird folder's summary file (.msf, the Mork format) says of the
 * folder itself: its real name and its special flags. Everything about single
 * messages stands in their own headers too and is read there.
 */
#ifndef MAILHOIST_SOURCE_TB_MSF_H
#define MAILHOIST_SOURCE_TB_MSF_H

#include "base/arena.h"
#include "base/err.h"

/* Folder flags (nsMsgFolderFlags.idl). */
enum {
	TBF_VIRTUAL = 0x20, /* a saved search */
	TBF_TRASH = 0x100,
	TBF_SENT = 0x200,
	TBF_DRAFTS = 0x400,
	TBF_QUEUE = 0x800,
	TBF_INBOX = 0x1000,
	TBF_ARCHIVE = 0x4000,
	TBF_TEMPLATES = 0x400000,
	TBF_JUNK = 0x40000000,
};

struct tb_folder_facts {
	const char *name; /* valid UTF-8, not empty, in the arena; NULL: not known */
	uint32_t flags;	  /* 0: not known, or none of them */
};

/* True if the file begins like a Mork file. */
bool tb_msf_is_mork(int fd);

/* Read the file `fd` twice at most, in chunks; its size does not matter. A file that is no Mork,
 * or a damaged one, gives what was found before the damage, perhaps nothing. 0; -1: the file
 * cannot be read, or no memory. */
int tb_msf_read(int fd, struct arena *a, struct tb_folder_facts *out, struct err *err);

/* The same with the file's bytes in memory (tests). */
int tb_msf_read_bytes(struct slice bytes, struct arena *a, struct tb_folder_facts *out,
		      struct err *err);

#endif

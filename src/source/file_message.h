/*
 * One file that holds one message, as maildirs, MH folders and .eml trees have it: where the
 * message begins in the file, how its lines end, and the locator that finds it again.
 */
#ifndef MAILHOIST_SOURCE_FILE_MESSAGE_H
#define MAILHOIST_SOURCE_FILE_MESSAGE_H

#include "message/message.h"

#define FILE_HEAD_LEN ((size_t)4 << 10)	 /* first bytes of a file that are looked at */
#define FILE_ROOM     ((size_t)16 << 10) /* most messages fit in: they are read once and not twice */

/* What stands before the message and does not belong to it. */
enum file_lead {
	LEAD_NOTHING, /* the file is the message: maildir */
	LEAD_CUT,     /* a BOM and a From_ line (with empty lines before it) are cut off: procmail
		       * puts one into MH folders, and .eml files are often cut out of an mbox */
};

struct file_message {
	int fd;		   /* the owner's; a spool file where the file was packed with gzip */
	uint64_t size;	   /* of the file on disk */
	uint64_t off;	   /* of the message in fd */
	uint64_t len;	   /* of the message */
	int64_t mtime;	   /* of the file */
	int64_t from_line; /* date of the From_ line that was cut off, or TIME_NONE */
	enum eol_mode eol;
	uint32_t repairs; /* NOTE_ZONE_UNKNOWN */
	bool packed;	  /* fd is a spool file: Dovecot's zlib plugin packs single messages */
	bool damaged;	  /* packed, and only a part could be unpacked */
	size_t room_len;
	char room[FILE_ROOM]; /* first bytes of fd; of a short message, all of them */
};

#define FILE_MESSAGE_NONE                                                                          \
	{                                                                                          \
		.fd = -1, .from_line = TIME_NONE                                                   \
	}

/* Open `name` below `dirfd` and look at its start. 0, or -1 with SCOPE_MESSAGE: it cannot be read
 * (sys_errno ENOENT when it is gone), or it is no mail but of another format; *out is closed then.
 * Close with file_message_close(). */
int file_message_open(int dirfd, const char *name, enum file_lead lead, struct file_message *out,
		      struct err *err);
void file_message_close(struct file_message *f); /* does nothing when it is not open */

/* Set body (with its bytes, if they are here), canon.eol, arrival (not trusted), state and repairs
 * of *out, which is otherwise zero.
 */
void file_message_fill(const struct file_message *f, struct message *out);

/* How much the first bytes of a file look like one message: 0, or 20 (some header-like line), 60
 * (a field that every mail has), 40 (the same behind a From_ line: rather an mbox). */
int file_message_likeness(struct slice head);
int file_message_likeness_at(int dirfd, const char *path);

/* "PATH@SIZE+OFF:RULES" of a message that was opened, PATH below the store's root with what is not
 * printable as %XX. NULL when out of memory. `sub` ("cur") may be NULL. */
char *file_locator_write(struct arena *a, const char *dir, const char *sub, struct slice name,
			 const struct file_message *f, const struct canon_rules *rules);

struct file_locator {
	char *path; /* in the arena; relative, without ".." */
	uint64_t size, off;
	bool packed;
	struct canon_rules rules;
};

/* 0, or -1 (ERR_FORMAT, SCOPE_MESSAGE) when it is no locator of ours. */
int file_locator_read(const char *locator, struct arena *a, struct file_locator *out,
		      struct err *err);

/* Open what a locator names, below `rootfd`, and fill body and canon of *out; *f holds the
 * descriptor, closed on failure. ERR_CHANGED when the file is gone (sys_errno ENOENT) or has
 * another size. */
int file_locator_open(const struct file_locator *l, int rootfd, struct file_message *f,
		      struct message *out, struct err *err);

#endif

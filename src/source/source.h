/*
 * A source is a mail store on disk. Each kind is one file with one struct
 * source_ops and one line in source_kinds[] (source.c). Sources are read-only:
 * no file is created, written, locked or touched (O_NOATIME where allowed).
 *
 * The caller pulls: next_folder() until 0, and after each folder next_message()
 * until 0. Iterators return 1 (an item), 0 (the end), -1 (failed). After -1 with
 * SCOPE_MESSAGE next_message() may be called again and delivers the next one;
 * after SCOPE_FOLDER next_folder() may; after a wider scope nothing may.
 */
#ifndef MAILHOIST_SOURCE_SOURCE_H
#define MAILHOIST_SOURCE_SOURCE_H

#include "base/arena.h"
#include "message/message.h"

#define FOLDER_DEPTH_MAX 64

struct source_options {
	bool include_deleted; /* deliver deleted-but-present messages, in a "Deleted" folder of
				 their own below theirs (STATE_DELETED otherwise stays a count) */
	bool include_outbox;
	bool include_feeds;
	bool recovered;		 /* messages whose folder is gone, in a "Recovered" folder */
	const char *export_dir;	 /* NULL, or where contacts and appointments are written as files */
	const char *address_map; /* NULL, or a file: from Exchange addresses to mail addresses */
};

/* Folder path as UTF-8 components; texts belong to the arena given to next_folder(). */
struct folder_path {
	size_t n;
	const char *names[FOLDER_DEPTH_MAX];
};

struct source_folder {
	struct folder_path path;
	enum role role;	      /* what the store itself knows (prefs, Maildir++ root is INBOX) */
	const char *location; /* path of the file or directory, for messages to the user */
	/* Changes whenever a scan of this folder could give another result: sizes, mtimes, inodes
	 * and names of what it was read from, and the reader's own version. "" = never reuse. */
	const char *fingerprint;
	const char *note; /* NULL, or what the user should know (hashed name, guessed dialect) */
};

/* What a source left out on purpose, or noticed. next_notice() drains them. */
enum notice_kind {
	NOTICE_PSEUDO,	 /* folder-internal message, n of them */
	NOTICE_EXPUNGED, /* deleted, not compacted */
	NOTICE_OUTBOX,
	NOTICE_FEED,
	NOTICE_SKIPPED_FILE, /* a file that is no message (tmp/, dot file, ,N) */
	NOTICE_IN_USE,	     /* a client has the store open (parent.lock, dot lock) */
	NOTICE_CHANGED,	     /* changed while it was read */
	NOTICE_DAMAGED,	     /* truncated, NUL tail, ... */
	NOTICE_NAME,	     /* a folder's real name is not known */
	NOTICE_NOT_CARRIED,  /* something of another format lies there */
	NOTICE_NOT_MAIL,     /* contacts, appointments and the like: n of them */
	NOTICE_LOST,	  /* n messages that were there and cannot be delivered: a run with such a
			   * notice is no full success */
	NOTICE_INTEGRITY, /* what the store says of itself does not agree; nor is this */
	NOTICE_GUARD,	  /* the reading of a store was not guarded as well as it could be */
};
struct notice {
	enum notice_kind kind;
	uint64_t count;
	const char *location; /* file or folder */
	const char *text;     /* one line for the user */
};

struct source; /* each kind embeds struct source_head as its first member */

struct source_ops {
	const char *kind;    /* "mbox": also the prefix in KIND:PATH and the "kind" of jsonl */
	const char *summary; /* one line for --help */

	/* How sure is this reader that `path` is one of its stores: 0 (no) .. 100. Looks at names
	 * and first bytes only. An unreadable path gives 0. */
	int (*probe)(const char *path);

	int (*open)(const char *path, const struct source_options *options, struct source **out,
		    struct err *err);
	int (*next_folder)(struct source *s, struct arena *a, struct source_folder *out,
			   struct err *err);
	int (*next_message)(struct source *s, struct arena *a, struct message *out,
			    struct err *err);

	/* The same message again, by its locator (also one of an earlier process): fills body and
	 * canon only. The body's descriptor is valid until the next find() or close(); find() does
	 * not disturb the iteration. ERR_CHANGED (SCOPE_MESSAGE) when the file is no longer the
	 * one that was scanned and the message cannot be found in it for certain. */
	int (*find)(struct source *s, const char *locator, struct arena *a, struct message *out,
		    struct err *err);

	/* 1 and a notice, or 0. */
	int (*next_notice)(struct source *s, struct arena *a, struct notice *out);

	/* Files beside the store in which the program keeps what POP told it (pop_state.h): 1 and a
	 * path (in the arena), 0, -1. NULL: this kind knows of none. */
	int (*next_pop_state)(struct source *s, struct arena *a, const char **path,
			      struct err *err);

	void (*close)(struct source *s);
};

/* First member of every kind's own struct. */
struct source_head {
	const struct source_ops *ops;
};

/* All kinds, NULL-terminated. */
extern const struct source_ops *const source_kinds[];

/* Split "KIND:PATH" or PATH; *ops is NULL for a bare path. *path points into `spec`. A prefix
 * that is no kind is part of the path. */
void source_split_spec(const char *spec, const struct source_ops **ops, const char **path);

/* Open `spec`. Without a kind the surest probe wins; ERR_NOINPUT names the path and what was
 * looked for when nothing is sure enough. The source is the caller's; close with source_close().*/
int source_open(const char *spec, const struct source_options *options, struct source **out,
		struct err *err);
const char *source_kind(const struct source *s);
int source_next_folder(struct source *s, struct arena *a, struct source_folder *out,
		       struct err *err);
int source_next_message(struct source *s, struct arena *a, struct message *out, struct err *err);
int source_find(struct source *s, const char *locator, struct arena *a, struct message *out,
		struct err *err);
int source_next_notice(struct source *s, struct arena *a, struct notice *out);
int source_next_pop_state(struct source *s, struct arena *a, const char **path, struct err *err);
void source_close(struct source *s); /* NULL does nothing */

#endif

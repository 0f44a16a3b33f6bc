/*
 * What the files of the PST source's parent half share: pst.c (opening, folders),
 * pst_items.c (the items of a folder, one after the other), pst_find.c (one item
 * again).
 */
#ifndef MAILHOIST_SOURCE_PST_IMPL_H
#define MAILHOIST_SOURCE_PST_IMPL_H

#include "source/hash_set.h"
#include "source/notices.h"
#include "source/pst_body.h"
#include "source/pst_reader.h"

#define PST_ARENA_MAX	((size_t)1 << 20)
#define PST_CLASSES_MAX 64   /* counted apart in one folder */
#define PST_DAMAGES_MAX 1000 /* between two items */

/* What the worker has noticed. */
struct pst_damage_event {
	uint32_t nid;
	uint64_t lost;
	const char *text;
};

/* Items that are no mail. */
struct pst_class_count {
	uint32_t kind;
	uint64_t n, exported;
	char class[PST_CLASS_MAX + 1];
};

/* The folder that is being read. */
struct pst_open_folder {
	uint32_t nid; /* 0: none yet */
	enum role role;
	bool ours;
	enum { FOLDER_NOT_BEGUN, FOLDER_RUNNING, FOLDER_DONE } state;
	uint32_t last;	/* the last item that was told whole */
	bool has_first; /* s->begin is its first message: peeked at */
	int deaths;	/* since the last item, without anybody to blame */
	char *location;
	size_t n_classes;
	struct pst_class_count classes[PST_CLASSES_MAX];
};

struct pst_source {
	struct source_head head;
	char *path;
	int fd;
	struct stamp stamp;
	bool racy;
	struct source_options options;
	struct buf map;
	struct notices *notices;
	struct pst_known known;
	struct pst_reader scan, fetch;
	struct pst_open_folder folder;
	struct hash_set seen_paths;
	struct pst_event begin; /* of the message whose data comes; its texts are in begin_arena */
	struct arena begin_arena, event_arena, damage_arena;
	struct pst_damage_event *damages; /* not yet told: their item has not come whole */
	size_t n_damages;
	struct pst_body body, found;
	int export_dir;	   /* -1: nothing is exported */
	uint32_t exported; /* the last item that was */
};

static inline struct pst_source *pst_self(struct source *source)
{
	return (struct pst_source *)(void *)source;
}

/* True for what stopped us and not the worker. */
bool pst_stopped(const struct err *err);

/* ---- pst_items.c ---- */

/* The scanning worker's next event, with damages put aside: 1, -1 (as pst_reader_event()). */
int pst_next_event(struct pst_source *s, struct arena *a, struct pst_event *e, struct err *err);

/* Damages whose item has come whole become notices. */
void pst_tell_damages(struct pst_source *s);

/* Nothing more can be had of this folder, or of the store: -1 with that scope. */
int pst_give_up(struct pst_source *s, enum err_scope scope, struct err *err);

/* A new worker, at the folder that the dead one was in. 0, or -1 (nothing runs). */
int pst_restart(struct pst_source *s, struct err *err);

/* A folder that is not for mail: is there any in it? 1: it waits as the first message; 0; -1. Items
 * that fail on the way are told, as no folder is there to count them in. */
int pst_has_mail(struct pst_source *s, struct err *err);

/* What the caller did not read of the last folder. */
int pst_finish_folder(struct pst_source *s, struct err *err);

int pst_next_message(struct source *source, struct arena *a, struct message *out, struct err *err);

/* The data of a message that has begun, into `body`: 1; 0: it failed after all, *e says why; -1.
 * `s` NULL: what is noticed on the way is known. */
int pst_read_data(struct pst_reader *r, struct pst_body *body, struct arena *a,
		  struct pst_source *s, struct pst_event *e, struct err *err);

/* The error that a FAILED means. Always -1. */
int pst_not_readable(struct pst_source *s, const struct pst_event *e, struct err *err);

/* ---- pst_find.c ---- */

/* Of s->begin, in the folder that is read; NULL: out of memory. */
char *pst_write_locator(struct pst_source *s, struct arena *a);

int pst_find(struct source *source, const char *locator, struct arena *a, struct message *out,
	     struct err *err);

/* ---- pst_export.c ---- */

/* Open the directory for exported items, made if it is not there. -1: ERR_CANTCREAT. */
int pst_export_open(const char *path, int *dir, struct err *err);

/* Write the bytes to a new file in `dir`, named after `name` (the item's, in any form) and the
 * NID. One that is there with the same bytes stays; one with others is not touched: the name is
 * altered. -1 with SCOPE_RUN. */
int pst_export_write(int dir, const char *name, const char *extension, uint32_t nid,
		     const struct body *body, struct err *err);

#endif

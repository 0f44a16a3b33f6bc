/*
 * See maildir_listing.h.
 */
#include "source/maildir_listing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "source/maildir_names.h"

#define PASSES_MAX 4		       /* listings of a folder that changes while it is read */
#define RECENT_NS  INT64_C(2000000000) /* mtimes may be this coarse (FAT) */

/* ---- at a glance ---- */

bool maildir_is_message(const struct dir_entry *entry)
{
	return entry->type == DT_REG && entry->name[0] != '.';
}

static bool is_deleted(struct slice name)
{
	return slice_find(maildir_name_letters(name), 'T') >= 0;
}

/* Begin listing "cur", "new" or "tmp": 1, 0 when there is none, -1. */
static int list_part(struct dir_list *list, int fd, const char *part, bool by_inode,
		     struct stamp *stamp, struct err *err)
{
	struct stat st;
	struct err own = ERR_INIT;

	if (stamp)
		*stamp = (struct stamp){ 0 };
	if (dir_list_start(list, fd, part, by_inode, &st, &own) != 0) {
		if (own.sys_errno == ENOENT)
			return 0;
		*err = own;
		return -1;
	}
	if (stamp)
		*stamp = stamp_of(&st);
	return 1;
}

static int glance_part(struct dir_list *list, int fd, const char *part, struct maildir_glance *g,
		       struct stamp *stamp, struct err *err)
{
	struct dir_entry entry;
	int got = list_part(list, fd, part, false, stamp, err);

	while (got > 0 && (got = dir_list_next(list, &entry, err)) > 0) {
		uint64_t hash = hash_bytes(entry.ino, entry.name, entry.len);

		g->sums[0] += hash;
		g->sums[1] += hash_bytes(hash, part, 3);
		if (!maildir_is_message(&entry)) {
			g->hidden += entry.type != DT_DIR;
			continue;
		}
		g->n++;
		g->deleted += is_deleted(slice_of(entry.name, entry.len));
		g->by_offlineimap = g->by_offlineimap || strstr(entry.name, ",FMD5=");
	}
	return got;
}

static int glance_tmp(struct dir_list *list, int fd, struct maildir_glance *g, struct err *err)
{
	struct dir_entry entry;
	int got = list_part(list, fd, "tmp", false, NULL, err);

	while (got > 0 && (got = dir_list_next(list, &entry, err)) > 0)
		g->in_tmp += maildir_is_message(&entry);
	return got;
}

int maildir_glance(struct dir_list *list, int fd, struct maildir_glance *g, struct err *err)
{
	*g = (struct maildir_glance){ 0 };
	if (glance_part(list, fd, "new", g, &g->new, err) != 0 ||
	    glance_part(list, fd, "cur", g, &g->cur, err) != 0)
		return -1;
	/* A tmp that cannot be listed holds nothing that we would carry. */
	if (glance_tmp(list, fd, g, err) != 0)
		g->in_tmp = 0;
	dir_list_stop(list);
	return 0;
}

/* ---- passes ---- */

static int64_t now_ns(void)
{
	return time_now() * INT64_C(1000000000);
}

static int begin_pass(struct maildir_listing *l, struct err *err)
{
	struct stat st;

	l->pass++;
	l->in_cur = false;
	l->pass_began = now_ns();
	l->cur = l->new = (struct stamp){ 0 };
	if (fstatat(l->fd, "cur", &st, AT_SYMLINK_NOFOLLOW) == 0)
		l->cur = stamp_of(&st);
	return list_part(l->list, l->fd, "new", true, &l->new, err) < 0 ? -1 : 0;
}

static bool part_changed(const struct maildir_listing *l, const char *part,
			 const struct stamp *before, bool *recent)
{
	struct stamp now = { 0 };
	struct stat st;

	if (fstatat(l->fd, part, &st, AT_SYMLINK_NOFOLLOW) == 0)
		now = stamp_of(&st);
	*recent |= now.mtime_ns > l->pass_began - RECENT_NS;
	return !stamp_eq(&now, before);
}

/* Whether another pass is due: after a change, and once after a change so shortly before the pass
 * that the clock of the file system could not have shown another one. */
static bool wants_pass(struct maildir_listing *l)
{
	bool recent = false;
	bool changed = part_changed(l, "new", &l->new, &recent);

	changed |= part_changed(l, "cur", &l->cur, &recent);
	l->changing = changed && l->pass == PASSES_MAX;
	return (changed && !l->changing) || (recent && l->pass == 1);
}

int maildir_listing_next(struct maildir_listing *l, struct dir_entry *out, struct err *err)
{
	if (l->pass == 0 && begin_pass(l, err) != 0)
		return -1;
	for (;;) {
		int got = dir_list_next(l->list, out, err);

		if (got != 0)
			return got;
		if (!l->in_cur) {
			l->in_cur = true;
			if (list_part(l->list, l->fd, "cur", true, NULL, err) < 0)
				return -1;
		} else if (!wants_pass(l)) {
			return 0;
		} else if (begin_pass(l, err) != 0) {
			return -1;
		}
	}
}

/*
 * See maildir_renamed.h.
 */
#include "source/maildir_renamed.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "source/maildir_listing.h"

static bool exists(int folder_fd, struct maildir_quarry *q)
{
	struct stat st;

	return buf_cstr(&q->name) &&
	       fstatat(folder_fd, q->name.ptr, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

/* The letters of one guess: some of the standard ones, and those that a guess does not change. */
static void add_letters(struct buf *name, unsigned subset, struct slice was)
{
	static const char standard[] = "DFPRST";

	for (unsigned i = 0; i < 6; i++)
		if (subset & 1u << i)
			buf_addc(name, standard[i]);
	for (size_t i = 0; i < was.len; i++)
		if (!strchr(standard, was.ptr[i]))
			buf_addc(name, was.ptr[i]);
}

/* Nearly every rename adds or takes a standard flag, or moves the file from new to cur: 64 cheap
 * guesses spare us the listing of a large directory. */
static bool find_by_guess(int folder_fd, struct maildir_quarry *q)
{
	for (unsigned subset = 0; subset < 64; subset++) {
		buf_reset(&q->name);
		buf_adds(&q->name, "cur/");
		buf_add_slice(&q->name, q->was.unique);
		buf_addc(&q->name, q->was.separator ? q->was.separator : ':');
		buf_adds(&q->name, "2,");
		add_letters(&q->name, subset, q->was.letters);
		if (exists(folder_fd, q))
			return true;
	}
	for (int in_new = 0; in_new < 2; in_new++) {
		buf_reset(&q->name);
		buf_adds(&q->name, in_new ? "new/" : "cur/");
		buf_add_slice(&q->name, q->was.unique);
		if (exists(folder_fd, q))
			return true;
	}
	return false;
}

/* Through the whole listing: 1 when exactly one file has the same base, 0, -1. */
static int find_by_list(int folder_fd, struct maildir_quarry *q, struct err *err)
{
	struct dir_list *list = dir_list_new();
	unsigned hits = 0;
	int got = 0;

	if (!list)
		return err_nomem(err);
	buf_reset(&q->name);
	for (int in_new = 0; got == 0 && in_new < 2; in_new++) {
		const char *part = in_new ? "new" : "cur";
		struct dir_entry entry;
		struct err own = ERR_INIT;

		if (dir_list_start(list, folder_fd, part, false, NULL, &own) != 0)
			continue;
		while ((got = dir_list_next(list, &entry, err)) > 0) {
			struct maildir_name name;

			maildir_name_parse(slice_of(entry.name, entry.len), &name);
			if (!maildir_is_message(&entry) || !slice_eq(name.base, q->was.base))
				continue;
			if (hits++ == 0)
				buf_addf(&q->name, "%s/%s", part, entry.name);
		}
	}
	dir_list_free(list);
	if (got < 0)
		return -1;
	return hits == 1 && buf_cstr(&q->name);
}

int maildir_find_renamed(int folder_fd, struct slice name, struct maildir_quarry *q,
			 struct err *err)
{
	maildir_name_parse(name, &q->was);
	if (find_by_guess(folder_fd, q))
		return 1;
	return find_by_list(folder_fd, q, err);
}

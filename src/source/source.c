/*
 * The registry of source kinds: which there are, which one a path belongs to, and the thin calls
 * that lead through their operations. A new format adds its line to source_kinds[].
 */
#include "source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "source/dir_list.h"
#include "source/format.h"
#include "source/kinds.h"

#define PROBE_MIN 10 /* an empty file is an empty mbox: that sure, and no less */

/* The surest probe wins; of equally sure ones the first. */
const struct source_ops *const source_kinds[] = {
	&source_mbox, &source_thunderbird, &source_maildir, &source_mh, &source_eml, &source_pst,
	NULL,
};

static const struct source_head *head_of(const struct source *s)
{
	return (const struct source_head *)(const void *)s;
}

void source_split_spec(const char *spec, const struct source_ops **ops, const char **path)
{
	*ops = NULL;
	*path = spec;
	for (size_t i = 0; source_kinds[i]; i++) {
		size_t len = strlen(source_kinds[i]->kind);

		if (strncmp(spec, source_kinds[i]->kind, len) == 0 && spec[len] == ':') {
			*ops = source_kinds[i];
			*path = spec + len + 1;
			return;
		}
	}
}

static const struct source_ops *surest(const char *path)
{
	const struct source_ops *best = NULL;
	int best_score = PROBE_MIN - 1;

	for (size_t i = 0; source_kinds[i]; i++) {
		int score = source_kinds[i]->probe(path);

		if (score > best_score) {
			best = source_kinds[i];
			best_score = score;
		}
	}
	return best;
}

#define NAMED_MAX 5 /* of the stores in a directory */

/* How many Outlook stores the directory itself holds; the first of their paths are named in *out.
 */
static size_t list_outlook(const char *path, struct buf *out)
{
	struct err ignored = ERR_INIT;
	struct dir_list *list = dir_list_new();
	struct dir_entry entry;
	size_t n = 0;

	if (list && dir_list_start(list, AT_FDCWD, path, false, NULL, &ignored) == 0)
		while (dir_list_next(list, &entry, &ignored) > 0) {
			CLEANUP(buf_release) struct buf file = BUF_INIT(PATH_MAX);
			struct slice name = slice_of(entry.name, entry.len);
			size_t stem = entry.len > 4 ? entry.len - 4 : 0;

			buf_addf(&file, "%s/%s", path, entry.name);
			if ((!slice_ieq(slice_from(name, stem), SLICE_LIT(".pst")) &&
			     !slice_ieq(slice_from(name, stem), SLICE_LIT(".ost"))) ||
			    !buf_cstr(&file) || source_pst.probe(file.ptr) == 0)
				continue;
			if (n++ < NAMED_MAX)
				buf_addf(out, "%s'%s'", n > 1 ? ", " : "", file.ptr);
		}
	dir_list_free(list);
	return n;
}

/* A directory of Outlook stores is none itself: each is opened by its name. */
static bool is_shelf(const char *path, struct err *err)
{
	CLEANUP(buf_release) struct buf names = BUF_INIT(NAMED_MAX * PATH_MAX);
	size_t n = list_outlook(path, &names);

	if (n == 0)
		return false;
	if (n > NAMED_MAX)
		buf_addf(&names, " and %zu more", n - NAMED_MAX);
	err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER,
		"'%s' is a directory with Outlook data files in it: name them one by one: %s", path,
		buf_cstr(&names) ? names.ptr : "");
	return true;
}

static int not_a_store(const char *path, bool is_dir, struct err *err)
{
	const char *format = is_dir ? NULL : format_name_of_file(AT_FDCWD, path);
	CLEANUP(buf_release) struct buf kinds = BUF_INIT(1024);

	if (format)
		return err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER,
			       "'%s' is %s, which cannot be read", path, format);
	if (is_dir && is_shelf(path, err))
		return -1;
	for (size_t i = 0; source_kinds[i]; i++)
		buf_addf(&kinds, "%s%s", i ? ", " : "", source_kinds[i]->kind);
	return err_set(err, ERR_NOINPUT, SCOPE_SOURCE, RETRY_NEVER,
		       "'%s' is no mail store that is known here (looked for: %s)", path,
		       buf_cstr(&kinds) ? kinds.ptr : "");
}

/* Nothing to read there, and the reason can be told from the path alone. */
static int check_path(const char *path, bool *is_dir, struct err *err)
{
	CLEANUP(fd_cleanup) int fd = -1;
	struct stat st;

	if (!*path)
		return err_set(err, ERR_USAGE, SCOPE_SOURCE, RETRY_NEVER, "the source has no path");
	if (stat(path, &st) != 0)
		return err_sys(err, ERR_NOINPUT, SCOPE_SOURCE, errno, "cannot open '%s'", path);
	*is_dir = S_ISDIR(st.st_mode);
	fd = *is_dir ? fd_open_dir(AT_FDCWD, path, err) : fd_open_file(AT_FDCWD, path, NULL, err);
	if (fd < 0)
		err->scope = SCOPE_SOURCE;
	return fd < 0 ? -1 : 0;
}

int source_open(const char *spec, const struct source_options *options, struct source **out,
		struct err *err)
{
	const struct source_ops *ops;
	const char *path;
	bool is_dir = false;

	source_split_spec(spec, &ops, &path);
	if (check_path(path, &is_dir, err) != 0)
		return -1;
	if (!ops)
		ops = surest(path);
	if (!ops)
		return not_a_store(path, is_dir, err);
	return ops->open(path, options, out, err);
}

const char *source_kind(const struct source *s)
{
	return head_of(s)->ops->kind;
}

int source_next_folder(struct source *s, struct arena *a, struct source_folder *out,
		       struct err *err)
{
	return head_of(s)->ops->next_folder(s, a, out, err);
}

int source_next_message(struct source *s, struct arena *a, struct message *out, struct err *err)
{
	return head_of(s)->ops->next_message(s, a, out, err);
}

int source_find(struct source *s, const char *locator, struct arena *a, struct message *out,
		struct err *err)
{
	return head_of(s)->ops->find(s, locator, a, out, err);
}

int source_next_notice(struct source *s, struct arena *a, struct notice *out)
{
	return head_of(s)->ops->next_notice(s, a, out);
}

int source_next_pop_state(struct source *s, struct arena *a, const char **path, struct err *err)
{
	const struct source_ops *ops = head_of(s)->ops;

	return ops->next_pop_state ? ops->next_pop_state(s, a, path, err) : 0;
}

void source_close(struct source *s)
{
	if (s)
		head_of(s)->ops->close(s);
}

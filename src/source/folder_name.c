/*
 * Names of directories as names of folders: see folder_name.h.
 */
#include "source/folder_name.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define NAME_LEN_MAX 4096 /* octets; a name on disk has at most 255, which double at the worst */

void folder_name_add(struct buf *out, struct slice raw, bool *guessed)
{
	if (utf8_valid(raw)) {
		buf_add_slice(out, raw);
		return;
	}
	*guessed = true;
	for (size_t i = 0; i < raw.len; i++)
		utf8_add(out, (uint8_t)raw.ptr[i]);
}

static int add_level(struct folder_path *path, struct slice raw, struct arena *a, bool *guessed,
		     struct err *err)
{
	CLEANUP(buf_release) struct buf name = BUF_INIT(NAME_LEN_MAX);
	char *copy;

	if (path->n == FOLDER_DEPTH_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_FOLDER, RETRY_NEVER,
			       "more than %d levels of folders", FOLDER_DEPTH_MAX);
	folder_name_add(&name, raw, guessed);
	if (buf_ok(&name, "folder name", err) != 0)
		return -1;
	copy = arena_copy(a, name.ptr, name.len);
	if (!copy)
		return err_nomem(err);
	path->names[path->n++] = copy;
	return 0;
}

int folder_path_plain(const char *prefix, const char *dir, struct arena *a, struct folder_path *out,
		      bool *guessed, struct err *err)
{
	struct folder_path path = { 0 };
	struct slice rest = slice_str(dir);
	bool bent = false;

	if (prefix && add_level(&path, slice_str(prefix), a, &bent, err) != 0)
		return -1;
	while (rest.len > 0)
		if (add_level(&path, slice_cut(&rest, '/'), a, &bent, err) != 0)
			return -1;
	*out = path;
	*guessed = bent;
	return 0;
}

char *folder_name_of_root(const char *path, struct arena *a)
{
	char *real = realpath(path, NULL), *slash, *name;

	slash = real ? strrchr(real, '/') : NULL;
	name = arena_str(a, slash && slash[1] ? slash + 1 : "Mail");
	free(real);
	return name;
}

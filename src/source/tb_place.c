/*
 * What a directory is to Thunderbird, and its profiles.ini. See tb_place.h.
 */
#include "source/tb_place.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "source/tb_layout.h"

#define INI_ARENA_MAX	TB_INI_FILE_MAX
#define NAMES_ARENA_MAX ((size_t)256 << 20) /* the names in a directory */

/* ---- what a directory is ---- */

bool tb_join(struct buf *out, const char *dir, const char *name)
{
	buf_reset(out);
	buf_addf(out, "%s%s%s", dir, *name ? "/" : "", name);
	return buf_cstr(out) != NULL;
}

bool tb_is_file(const char *dir, const char *name)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	struct stat st;

	return tb_join(&path, dir, name) && stat(path.ptr, &st) == 0 && S_ISREG(st.st_mode);
}

bool tb_is_dir(const char *dir, const char *name)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	struct stat st;

	return tb_join(&path, dir, name) && stat(path.ptr, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A browser has prefs.js too, but no accounts. */
static bool has_accounts(const char *dir)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	CLEANUP(buf_release) struct buf text = BUF_INIT(TB_PREFS_FILE_MAX);
	struct err ignored = ERR_INIT;

	if (!tb_join(&path, dir, "prefs.js") || fd_slurp(AT_FDCWD, path.ptr, &text, &ignored) != 0)
		return false;
	return memmem(text.ptr, text.len, "\"mail.server.", 13) != NULL;
}

bool tb_is_profile(const char *dir)
{
	return tb_is_file(dir, "prefs.js") && (has_accounts(dir) || tb_is_dir(dir, "Mail"));
}

/* A directory whose children are account folders; how sure. */
static int mail_dir_probe(const char *dir)
{
	struct arena a = ARENA_INIT(NAMES_ARENA_MAX);
	struct err ignored = ERR_INIT;
	const char *const *names = NULL;
	size_t n = 0, dirs = 0, accounts = 0;

	if (tb_list_dir(dir, &a, &names, &n, &ignored) != 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		const char *path = tb_path(&a, dir, names[i]);

		if (!path || names[i][0] == '.' || !tb_is_dir(dir, names[i]))
			continue;
		dirs++;
		accounts += tb_tree_probe(path) >= 80;
	}
	arena_release(&a);
	if (accounts == 0)
		return 0;
	return 2 * accounts >= dirs ? 85 : 40;
}

static bool ini_has_profile(const char *root);

enum tb_place tb_place_of(const char *path, int *sure)
{
	int child;

	*sure = 95;
	if (tb_is_file(path, "profiles.ini") && ini_has_profile(path))
		return TB_ROOT;
	if (tb_is_profile(path))
		return TB_PROFILE;
	if (!tb_is_dir(path, "") || tb_is_dir(path, "cur")) { /* a maildir is no account folder */
		*sure = 0;
		return TB_NOTHING;
	}
	*sure = tb_tree_probe(path);
	child = *sure < 80 ? mail_dir_probe(path) : 0;
	if (child > *sure) {
		*sure = child;
		return TB_MAIL;
	}
	return *sure > 0 ? TB_ACCOUNT : TB_NOTHING;
}

/* ---- profiles.ini ---- */

int tb_ini_next(struct slice *rest, struct tb_ini_profile *out)
{
	bool inside = false;
	struct slice line;

	*out = (struct tb_ini_profile){ .relative = true };
	for (struct slice before = *rest; slice_line(rest, &line); before = *rest) {
		struct slice value, key;

		line = slice_trim(line);
		if (slice_starts(line, SLICE_LIT("["))) {
			if (inside) { /* the next section's head: leave it for the next call */
				*rest = before;
				return 1;
			}
			inside = true;
			out->is_profile = slice_istarts(line, SLICE_LIT("[Profile"));
			continue;
		}
		value = line;
		key = slice_trim(slice_cut(&value, '='));
		value = slice_trim(value);
		if (slice_ieq(key, SLICE_LIT("Name")))
			out->name = value;
		else if (slice_ieq(key, SLICE_LIT("Path")))
			out->path = value;
		else if (slice_ieq(key, SLICE_LIT("IsRelative")))
			out->relative = slice_eq(value, SLICE_LIT("1"));
	}
	return inside;
}

struct slice tb_last_component(struct slice path)
{
	while (path.len > 1 && (path.ptr[path.len - 1] == '/' || path.ptr[path.len - 1] == '\\'))
		path.len--;
	for (size_t i = path.len; i-- > 0;)
		if (path.ptr[i] == '/' || path.ptr[i] == '\\')
			return slice_from(path, i + 1);
	return path;
}

const char *tb_ini_profile_dir(struct arena *a, const char *root, const struct tb_ini_profile *ini)
{
	struct slice last = tb_last_component(ini->path);
	const char *tries[3];

	if (!ini->is_profile || ini->path.len == 0)
		return NULL;
	tries[0] = arena_slice(a, ini->path);
	if (tries[0] && ini->relative)
		tries[0] = tb_path(a, root, tries[0]);
	tries[1] = arena_printf(a, "%s/%.*s", root, (int)last.len, last.ptr);
	tries[2] = arena_printf(a, "%s/Profiles/%.*s", root, (int)last.len, last.ptr);
	for (size_t i = 0; i < 3; i++)
		if (tries[i] && tb_is_profile(tries[i]))
			return tries[i];
	return NULL;
}

int tb_ini_read(const char *root, struct buf *text)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(65536);
	struct err ignored = ERR_INIT;

	if (!tb_join(&path, root, "profiles.ini"))
		return -1;
	return fd_slurp(AT_FDCWD, path.ptr, text, &ignored);
}

static bool ini_has_profile(const char *root)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(TB_INI_FILE_MAX);
	struct arena a = ARENA_INIT(INI_ARENA_MAX);
	struct tb_ini_profile ini;
	struct slice rest;
	bool found = false;

	if (tb_ini_read(root, &text) != 0)
		return false;
	rest = buf_slice(&text);
	while (!found && tb_ini_next(&rest, &ini))
		found = tb_ini_profile_dir(&a, root, &ini) != NULL;
	arena_release(&a);
	return found;
}

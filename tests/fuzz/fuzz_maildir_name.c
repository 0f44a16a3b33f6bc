/*
 * Fuzz target: file and directory names of maildirs, locators, and the state files of MH. The
 * input is cut at its first NUL. Checked: slices stay within the name, folder names are UTF-8 and
 * not empty, a locator that is written is read back as the same path.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "source/file_message.h"
#include "source/maildir_names.h"
#include "source/mh_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
	if (!right)
		abort();
}

static bool within(struct slice part, struct slice whole)
{
	return part.len == 0 ||
	       (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void check_file_name(struct slice name)
{
	struct maildir_name n;

	maildir_name_parse(name, &n);
	check(within(n.unique, name) && within(n.base, n.unique) && within(n.letters, name));
	check(slice_eq(n.letters, maildir_name_letters(name)));
	check(n.time == TIME_NONE || n.time >= 0);
	check(slice_starts(name, n.unique) && slice_starts(n.unique, n.base));
}

static void check_folder(const char *dir, uint32_t spelling, struct arena *a)
{
	struct folder_path path;
	struct err err = ERR_INIT;
	bool guessed;

	if (maildir_folder_path(dir, spelling, a, &path, &guessed, &err) != 0) {
		check(err.code != ERR_NONE);
		return;
	}
	check(path.n >= 1 && path.n <= FOLDER_DEPTH_MAX);
	for (size_t i = 0; i < path.n; i++)
		check(*path.names[i] && utf8_valid(slice_str(path.names[i])));
}

/* A path without ".." that does not begin with a slash survives being written and read. */
static void check_locator(const char *name, struct arena *a)
{
	static const struct file_message f = { .fd = -1, .size = 77, .off = 5, .eol = EOL_CR };
	static const struct canon_rules rules = { .eol = EOL_CR, .strip = STRIP_X_TUID };
	struct file_locator l;
	struct err err = ERR_INIT;
	char *locator = file_locator_write(a, name, "cur", SLICE_LIT("1.2.h:2,S"), &f, &rules);
	char *want = arena_printf(a, "%s%scur/1.2.h:2,S", name, *name ? "/" : "");

	check(locator && want && utf8_valid(slice_str(locator)));
	if (file_locator_read(locator, a, &l, &err) == 0)
		check(strcmp(l.path, want) == 0 && l.size == 77 && l.off == 5 &&
		      l.rules.strip == STRIP_X_TUID && l.rules.eol == EOL_CR);
	else
		check(*name == '/' || strstr(name, ".."));
	file_locator_read(name, a, &l, &err);
}

static void check_mh(struct slice bytes)
{
	struct mh_state s = MH_STATE_INIT;
	struct err err = ERR_INIT;
	bool valid, forwarded;

	check(mh_state_add_sequences(&s, bytes, &err) == 0);
	for (uint32_t n = 0; n < 20; n++)
		mh_state_flags(&s, n, &forwarded);
	check(mh_state_add_marks(&s, bytes, &valid, &err) == 0);
	for (uint32_t n = 0; n < 20; n++)
		mh_state_flags(&s, n, &forwarded);
	mh_state_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = ARENA_INIT(16u << 20);
	char *name;

	check_mh(slice_of(data, size));
	name = arena_copy(&a, data, size);
	if (name && size < 4096) {
		check_file_name(slice_str(name));
		for (uint32_t spelling = 0; spelling < 8; spelling++)
			check_folder(name, spelling, &a);
		check_locator(name, &a);
		file_message_likeness(slice_of(data, size));
	}
	arena_release(&a);
	return 0;
}

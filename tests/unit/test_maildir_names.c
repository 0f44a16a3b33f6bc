/*
 * source/maildir_names.c: what file names say, and which folder a directory stands for.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "source/maildir_names.h"

Test(maildir, file_names)
{
	static const struct {
		const char *what, *name, *unique, *base, *letters;
		char separator;
		int64_t time;
	} rows[] = {
		{ "plain, in new", "1050314226.9981_1.host", "1050314226.9981_1.host",
		  "1050314226.9981_1.host", "", 0, 1050314226 },
		{ "flags", "1220863042.12663_1.host:2,FRS", "1220863042.12663_1.host",
		  "1220863042.12663_1.host", "FRS", ':', 1220863042 },
		{ "no flags", "1220863042.1.host:2,", "1220863042.1.host", "1220863042.1.host", "",
		  ':', 1220863042 },
		{ "Windows", "1220863042.1.host;2,S", "1220863042.1.host", "1220863042.1.host", "S",
		  ';', 1220863042 },
		{ "FAT", "signed-encrypted!2,S", "signed-encrypted", "signed-encrypted", "S", '!',
		  TIME_NONE },
		{ "Dovecot", "1795318901.M570170P27796.vm,S=2121,W=2176:2,STb",
		  "1795318901.M570170P27796.vm,S=2121,W=2176", "1795318901.M570170P27796.vm", "STb",
		  ':', 1795318901 },
		{ "behind the letters", "9000000001.x.y:2,S,extra", "9000000001.x.y",
		  "9000000001.x.y", "S", ':', 9000000001 },
		{ "separator within", "a:2,b:2,R", "a:2,b", "a:2", "R", ':', TIME_NONE },
		{ "another info version", "a:1,S", "a:1,S", "a:1", "", 0, TIME_NONE },
		{ "offlineimap", "1795319005_5.31647.vm,U=5,FMD5=a377:2,",
		  "1795319005_5.31647.vm,U=5,FMD5=a377", "1795319005_5.31647.vm", "", ':',
		  1795319005 },
		{ "too short for a time", "12345678.x", "12345678.x", "12345678.x", "", 0,
		  TIME_NONE },
		{ "too long for a time", "12345678901.x", "12345678901.x", "12345678901.x", "", 0,
		  TIME_NONE },
		{ "a number alone", "1234567890", "1234567890", "1234567890", "", 0, TIME_NONE },
		{ "empty", "", "", "", "", 0, TIME_NONE },
		{ "nothing but info", ":2,S", "", "", "S", ':', TIME_NONE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct maildir_name n;

		maildir_name_parse(slice_str(rows[i].name), &n);
		cr_expect(slice_eq(n.unique, slice_str(rows[i].unique)), "%s", rows[i].what);
		cr_expect(slice_eq(n.base, slice_str(rows[i].base)), "%s", rows[i].what);
		cr_expect(slice_eq(n.letters, slice_str(rows[i].letters)), "%s", rows[i].what);
		cr_expect(slice_eq(maildir_name_letters(slice_str(rows[i].name)), n.letters), "%s",
			  rows[i].what);
		cr_expect_eq(n.separator, rows[i].separator, "%s", rows[i].what);
		cr_expect_eq(n.time, rows[i].time, "%s", rows[i].what);
	}
}

Test(maildir, who_wrote_a_name)
{
	static const struct {
		const char *name;
		bool size, wire_size, uid, fmd5;
	} rows[] = {
		{ "1.2.h,S=2121,W=2176:2,S", true, true, false, false },
		{ "1.2.h,S=12", true, false, false, false },
		{ "1.2.h,U=7:2,", false, false, true, false },
		{ "1.2.h,U=7,FMD5=abc:2,", false, false, true, true },
		{ "1.2.h,S=x,W=,U=-1", false, false, false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct maildir_name n;

		maildir_name_parse(slice_str(rows[i].name), &n);
		cr_expect_eq(n.has_size, rows[i].size, "%s", rows[i].name);
		cr_expect_eq(n.has_wire_size, rows[i].wire_size, "%s", rows[i].name);
		cr_expect_eq(n.has_uid, rows[i].uid, "%s", rows[i].name);
		cr_expect_eq(n.has_fmd5, rows[i].fmd5, "%s", rows[i].name);
	}
}

/* The components joined by '|'. */
static char *joined(const struct folder_path *path, struct arena *a)
{
	char *text = arena_str(a, path->n ? path->names[0] : "");

	for (size_t i = 1; i < path->n; i++)
		text = arena_printf(a, "%s|%s", text, path->names[i]);
	return text;
}

Test(maildir, folder_names)
{
	static const struct {
		const char *what, *dir;
		uint32_t spelling;
		const char *want;
		bool guessed;
	} rows[] = {
		{ "the root", "", 0, "INBOX", false },
		{ "Maildir++", ".Sent", 0, "Sent", false },
		{ "Maildir++ levels", ".Work.&ANw-bersicht.Q1", 0,
		  "Work|\xC3\x9C"
		  "bersicht|Q1",
		  false },
		{ "Dovecot's INBOX children", ".INBOX.Nested", 0, "INBOX|Nested", false },
		{ "isync's INBOX children", "..Nested", 0, "INBOX|Nested", false },
		{ "two levels of them", "..Nested.Deep", 0, "INBOX|Nested|Deep", false },
		{ "mUTF-7 ampersand", ".R&-D", 0, "R&D", false },
		{ "UTF-8 ampersand", ".R&D", 0, "R&D", false },
		{ "UTF-8", ".Entw\xC3\xBCrfe", 0, "Entw\xC3\xBCrfe", false },
		{ "Latin-1", ".Entw\xFCrfe", 0, "Entw\xC3\xBCrfe", true },
		{ "nested directories", "Archive/2004", 0, "Archive|2004", false },
		{ "a dot that is no separator", "v1.2/notes", 0, "v1.2|notes", false },
		{ "isync Legacy", "Work/.&ANw-bersicht/.Q1", MAILDIR_LEGACY,
		  "Work|\xC3\x9C"
		  "bersicht|Q1",
		  false },
		{ "Legacy keeps dots", "Work/.v1.2", MAILDIR_LEGACY, "Work|v1.2", false },
		{ "Maildir++ in a collection", "anna/.Work.Q1", 0, "anna|Work|Q1", false },
		{ "Evolution's escapes", ".Lists.v1_2E2 a_5Fb", MAILDIR_EVOLUTION, "Lists|v1.2 a_b",
		  false },
		{ "the same elsewhere", ".a_5Fb", 0, "a_5Fb", false },
		{ "no escape", ".a_5_zz_", MAILDIR_EVOLUTION, "a_5_zz_", false },
		{ "Evolution's INBOX children", "..x", MAILDIR_EVOLUTION, "INBOX|x", false },
		{ "empty level", ".A..B", 0, "A|_|B", true },
		{ "dot at the end", ".A.", 0, "A|_", true },
		{ "nothing but a dot", ".", 0, "_", true },
		{ "a slash within mUTF-7", ".&AC8-", 0, "&AC8-", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena a = ARENA_INIT(1 << 20);
		struct folder_path path;
		struct err err = ERR_INIT;
		bool guessed;

		cr_expect_eq(maildir_folder_path(rows[i].dir, rows[i].spelling, &a, &path, &guessed,
						 &err),
			     0, "%s: %s", rows[i].what, err.text);
		cr_expect_str_eq(joined(&path, &a), rows[i].want, "%s", rows[i].what);
		cr_expect_eq(guessed, rows[i].guessed, "%s", rows[i].what);
		arena_release(&a);
	}
}

Test(maildir, folders_too_deep)
{
	struct arena a = ARENA_INIT(1 << 20);
	struct folder_path path;
	struct err err = ERR_INIT;
	char dir[2 * (FOLDER_DEPTH_MAX + 8) + 1];
	bool guessed;

	for (size_t levels = FOLDER_DEPTH_MAX - 1; levels <= FOLDER_DEPTH_MAX + 8; levels++) {
		for (size_t i = 0; i < levels; i++)
			memcpy(dir + 2 * i, ".x", 3);
		cr_expect_eq(maildir_folder_path(dir, 0, &a, &path, &guessed, &err), 0, "%s",
			     err.text);
		cr_expect_eq(path.n, levels < FOLDER_DEPTH_MAX ? levels : FOLDER_DEPTH_MAX,
			     "%zu levels", levels);
		cr_expect_eq(guessed, levels > FOLDER_DEPTH_MAX, "%zu levels", levels);
	}
	arena_release(&a);
}

Test(maildir, guids)
{
	cr_expect(maildir_is_guid(SLICE_LIT("0123456789abcdef0123456789abcdef")));
	cr_expect_not(maildir_is_guid(SLICE_LIT("0123456789abcdef0123456789abcde")));
	cr_expect_not(maildir_is_guid(SLICE_LIT("0123456789abcdef0123456789abcdeg")));
}

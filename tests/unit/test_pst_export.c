/*
 * Files of exported items: their names are safe, whatever an item is called, and no
 * file that is there is overwritten.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "source/pst_impl.h"
#include "store_dir.h"

/* The only entry of the directory that is not `known`; NULL: none. */
static char *only_file(const char *path, const char *known)
{
	DIR *list = opendir(path);
	static char name[256];
	char *found = NULL;
	struct dirent *entry;

	while (list && (entry = readdir(list)))
		if (entry->d_name[0] != '.' && (!known || strcmp(entry->d_name, known) != 0)) {
			snprintf(name, sizeof(name), "%s", entry->d_name);
			found = name;
		}
	if (list)
		closedir(list);
	return found;
}

Test(pst_export, names)
{
	static const struct {
		const char *name, *want;
	} rows[] = {
		{ "Jane Doe", "Jane Doe 24.vcf" },
		{ "J\xc3\xbcrgen", "J\xc3\xbcrgen 24.vcf" },
		{ "", "item 24.vcf" },
		{ "  ", "item 24.vcf" },
		{ ".", "_ 24.vcf" },
		{ "..", "_. 24.vcf" },
		{ "../../etc/passwd", "_._.._etc_passwd 24.vcf" },
		{ "/etc/passwd", "_etc_passwd 24.vcf" },
		{ "a\\b:c*d?e\"f<g>h|i", "a_b_c_d_e_f_g_h_i 24.vcf" },
		{ "-rf", "_rf 24.vcf" },
		{ "line\nbreak\x1b[0m", "line_break_[0m 24.vcf" },
		{ "not\xff UTF-8", "not_ UTF-8 24.vcf" },
	};
	const struct body body = { .fd = -1, .len = 2, .bytes = "xy" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_dir d;
		struct err err = ERR_INIT;
		const char *got;
		int dir = -1;

		store_dir_make(&d);
		cr_assert_eq(pst_export_open(d.path, &dir, &err), 0, "%s", err.text);
		cr_expect_eq(pst_export_write(dir, rows[i].name, ".vcf", 0x24, &body, &err), 0,
			     "%s: %s", rows[i].name, err.text);
		got = only_file(d.path, NULL);
		cr_expect_str_eq(got ? got : "", rows[i].want, "%s: %s", rows[i].want,
				 got ? got : "nothing");
		close(dir);
		store_dir_remove(&d);
	}
}

Test(pst_export, long_names_are_cut)
{
	const struct body body = { .fd = -1, .len = 2, .bytes = "xy" };
	struct err err = ERR_INIT;
	struct store_dir d;
	char name[4000];
	const char *got;
	int dir = -1;

	for (size_t i = 0; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "\xc3\xa4", 2);
	name[sizeof(name) - 2] = '\0';
	store_dir_make(&d);
	cr_assert_eq(pst_export_open(d.path, &dir, &err), 0);
	cr_expect_eq(pst_export_write(dir, name, ".ics", 1, &body, &err), 0, "%s", err.text);
	got = only_file(d.path, NULL);
	cr_assert_not_null(got);
	cr_expect(strlen(got) < 255 && utf8_valid(slice_str(got)), "%s", got);
	close(dir);
	store_dir_remove(&d);
}

Test(pst_export, nothing_is_overwritten)
{
	const struct body one = { .fd = -1, .len = 3, .bytes = "one" };
	const struct body two = { .fd = -1, .len = 3, .bytes = "two" };
	struct err err = ERR_INIT;
	struct store_dir d;
	int dir = -1;

	store_dir_make(&d);
	cr_assert_eq(pst_export_open(d.path, &dir, &err), 0);
	cr_expect_eq(pst_export_write(dir, "x", ".vcf", 1, &one, &err), 0);
	cr_expect_eq(pst_export_write(dir, "x", ".vcf", 1, &one, &err), 0);
	cr_expect_null(only_file(d.path, "x 1.vcf"), "the same again is the same file");
	cr_expect_eq(pst_export_write(dir, "x", ".vcf", 1, &two, &err), 0);
	cr_expect_str_eq(only_file(d.path, "x 1.vcf"), "x 1-2.vcf");
	cr_expect_eq(symlinkat("/dev/null", dir, "y 1.vcf"), 0);
	cr_expect_eq(pst_export_write(dir, "y", ".vcf", 1, &one, &err), 0);
	cr_expect_eq(faccessat(dir, "y 1-2.vcf", F_OK, 0), 0, "a link is not followed");
	close(dir);
	store_dir_remove(&d);
}

Test(pst_export, no_directory)
{
	struct err err = ERR_INIT;
	struct store_dir d;
	char path[128];
	int dir = -1;

	store_dir_make(&d);
	store_dir_write(&d, "file", "x");
	snprintf(path, sizeof(path), "%s/file", d.path);
	cr_expect_eq(pst_export_open(path, &dir, &err), -1);
	cr_expect_eq(err.code, ERR_CANTCREAT);
	store_dir_remove(&d);
}

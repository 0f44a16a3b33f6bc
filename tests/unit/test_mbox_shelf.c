/*
 * mbox_shelf.h: which files stay open, and which one makes room.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "source/mbox_shelf.h"

static const char text[] = "From a@example.org Mon Jan  1 00:00:00 2024\nSubject: x\n\nx\n";

static struct mbox_file *opened(struct notices *notices)
{
	char path[] = "/tmp/mbox-shelf-XXXXXX";
	struct mbox_file *file = NULL;
	struct err err = ERR_INIT;
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	cr_assert_eq(fd_write(fd, text, sizeof(text) - 1, &err), 0, "%s", err.text);
	close(fd);
	cr_assert_eq(mbox_file_open(AT_FDCWD, path, "n", notices, &file, &err), 0, "%s", err.text);
	unlink(path);
	return file;
}

static void put(struct mbox_shelf *s, unsigned number, struct notices *notices)
{
	struct err err = ERR_INIT;
	char name[16];

	snprintf(name, sizeof(name), "%u", number);
	cr_assert_eq(mbox_shelf_put(s, name, opened(notices), &err), 0, "%s", err.text);
}

static bool has(struct mbox_shelf *s, unsigned number)
{
	char name[16];

	snprintf(name, sizeof(name), "%u", number);
	return mbox_shelf_get(s, name) != NULL;
}

Test(mbox_shelf, the_one_not_asked_for_longest_goes)
{
	struct notices *notices = notices_new();
	struct mbox_shelf shelf = { 0 };

	cr_expect_not(has(&shelf, 0));
	for (unsigned i = 0; i < MBOX_SHELF_PLACES; i++)
		put(&shelf, i, notices);
	for (unsigned i = 0; i < MBOX_SHELF_PLACES; i++)
		cr_expect(has(&shelf, i), "file %u is not there", i);
	cr_expect(has(&shelf, 0)); /* now 1 is the oldest */
	put(&shelf, MBOX_SHELF_PLACES, notices);
	cr_expect(has(&shelf, MBOX_SHELF_PLACES));
	cr_expect(has(&shelf, 0));
	cr_expect_not(has(&shelf, 1));
	cr_expect(has(&shelf, 2));
	mbox_shelf_clear(&shelf);
	cr_expect_not(has(&shelf, 0));
	notices_free(notices);
}

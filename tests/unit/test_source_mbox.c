/*
 * The kind "mbox", the registry and the notices: files and trees, what their folders are called,
 * and messages found again.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/mbox_tree.h"
#include "source/notices.h"
#include "source/source.h"

#define FROM	 "From a@example.org Thu Sep 13 12:30:05 2001\n"
#define MAIL	 FROM "Subject: one\n\nx\n\n"
#define EXPUNGED "From - Thu Sep 13 12:30:05 2001\nX-Mozilla-Status: 0008\nSubject: two\n\ny\n\n"

struct tree {
	char root[64];
};

static void tree_make(struct tree *t)
{
	strcpy(t->root, "/tmp/mailhoist-mbox-XXXXXX");
	cr_assert_not_null(mkdtemp(t->root));
}

/* Create directories on the way and the file. */
static void tree_put(const struct tree *t, const char *path, const char *text)
{
	char whole[512];
	int fd;

	snprintf(whole, sizeof(whole), "%s/%s", t->root, path);
	for (char *p = whole + strlen(t->root) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(whole, 0700);
	}
	fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cr_assert_geq(fd, 0, "%s", whole);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void remove_all(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char below[768];

	while (d && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
		if (unlink(below) != 0)
			remove_all(below);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

/* "path=folder/names(role)" of all folders, joined by a blank. */
static void describe(const char *spec, const struct source_options *options, struct buf *out)
{
	struct arena a = ARENA_INIT(1 << 20);
	struct source_folder f;
	struct source *s;
	struct message m;
	struct err err = ERR_INIT;
	int got;

	buf_reset(out);
	if (source_open(spec, options, &s, &err) != 0) {
		buf_addf(out, "error %s", err.text);
		return;
	}
	while ((got = source_next_folder(s, &a, &f, &err)) > 0) {
		int n = 0;

		buf_adds(out, out->len ? " " : "");
		for (size_t i = 0; i < f.path.n; i++)
			buf_addf(out, "%s%s", i ? "/" : "", f.path.names[i]);
		if (f.role == ROLE_INBOX)
			buf_adds(out, "!");
		while (source_next_message(s, &a, &m, &err) > 0) {
			struct message again = { 0 };

			cr_expect_eq(source_find(s, m.locator, &a, &again, &err), 0, "%s: %s",
				     m.locator, err.text);
			cr_expect_eq(again.body.off, m.body.off, "%s", m.locator);
			n++;
		}
		buf_addf(out, "=%d", n);
	}
	if (got < 0)
		buf_addf(out, " error %s", err.text);
	source_close(s);
	arena_release(&a);
}

static const struct {
	const char *name;
	const char *files[8];
	const char *want;
} layouts[] = {
	{ "plain",
	  { "Work", "Private.mbox", "sub/deep/Old.mbx" },
	  "Private=1 Work=1 sub/deep/Old=1" },
	{ "Dovecot",
	  { "inbox", "mail/Sent", "mail/INBOX/Nested", "mail/Entw&APw-rfe", "mail/R&-D",
	    "mail/.imap/Sent/dovecot.index" },
	  "INBOX!=1 Entwürfe=1 INBOX/Nested=1 R&D=1 Sent=1" },
	{ "Dovecot with DIRNAME",
	  { "mail/Work/mBoX-MeSsAgEs", "mail/Work/Q1/mBoX-MeSsAgEs", "mail/inbox" },
	  "Work/Q1=1 Work=1 INBOX!=1" },
	{ "no mUTF-7", { "Q&A", "Entwürfe" }, "Entwürfe=1 Q&A=1" },
	{ "Evolution 2",
	  { "Inbox", "Inbox.sbd/Lists", "Inbox.cmeta", "Inbox.ev-summary" },
	  "INBOX!=1 INBOX/Lists=1" },
	{ "Evolution 1.4",
	  { "Inbox/mbox", "Inbox/folder-metadata.xml", "Inbox/subfolders/Lists/mbox",
	    "Inbox/subfolders/Lists/local-metadata.xml" },
	  "INBOX!=1 INBOX/Lists=1" },
	{ "Apple Mail",
	  { "Top.mbox/mbox", "Top.mbox/table_of_contents", "Top/Sub.mbox/mbox", "Top/.DS_Store" },
	  "Top/Sub=1 Top=1" },
	{ "KMail", { "lists", ".lists.directory/dev", ".lists.index" }, "lists/dev=1 lists=1" },
	{ "twins", { "Archive", "Archive.mbox" }, "Archive=1 Archive.mbox=1" },
	{ "a maildir inside", { "Work", "Dir/cur/1", "Dir/new/2" }, "Work=1" },
	{ "single messages inside", { "Work", "one.eml" }, "Work=1" },
};

Test(source_mbox, layouts)
{
	struct source_options none = { 0 };

	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		struct buf got = BUF_INIT(4096);
		char spec[128];
		struct tree t;

		tree_make(&t);
		snprintf(spec, sizeof(spec), "mbox:%s", t.root);
		for (size_t k = 0; k < 8 && layouts[i].files[k]; k++)
			tree_put(&t, layouts[i].files[k], MAIL);
		describe(spec, &none, &got);
		cr_expect_str_eq(buf_cstr(&got), layouts[i].want, "%s: %s", layouts[i].name,
				 got.ptr);
		buf_release(&got);
		remove_all(t.root);
	}
}

static const struct {
	const char *name, *file, *want;
} singles[] = {
	{ "suffix", "Work.mbox", "Work=1" },
	{ "inbox", "Inbox", "INBOX!=1" },
	{ "package", "Top.mbox/mbox", "Top=1" },
	{ "DIRNAME", "Sent/mBoX-MeSsAgEs", "Sent=1" },
	{ "plain mbox", "home/mbox", "mbox=1" },
	{ "strange name", "a@b %41+1:ld0\n", "a@b %41+1:ld0\n=1" },
};

Test(source_mbox, single_files)
{
	struct source_options none = { 0 };

	for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++) {
		struct buf got = BUF_INIT(4096);
		char spec[256];
		struct tree t;

		tree_make(&t);
		tree_put(&t, singles[i].file, MAIL);
		snprintf(spec, sizeof(spec), "mbox:%s/%s", t.root, singles[i].file);
		describe(spec, &none, &got);
		cr_expect_str_eq(buf_cstr(&got), singles[i].want, "%s: %s", singles[i].name,
				 got.ptr);
		buf_release(&got);
		remove_all(t.root);
	}
}

Test(source_mbox, deleted_messages)
{
	struct source_options options = { 0 };
	struct buf got = BUF_INIT(4096);
	struct tree t;

	tree_make(&t);
	tree_put(&t, "A", "From - Thu Sep 13 12:30:05 2001\nSubject: one\n\nx\n\n" EXPUNGED);
	tree_put(&t, "B", MAIL);
	describe(t.root, &options, &got);
	cr_expect_str_eq(buf_cstr(&got), "A=1 B=1");
	options.include_deleted = true;
	describe(t.root, &options, &got);
	cr_expect_str_eq(buf_cstr(&got), "A=1 A/Deleted=1 B=1");
	buf_release(&got);
	remove_all(t.root);
}

/* A folder whose fingerprint the caller knows is not read: its deleted ones are found all the same.
 */
Test(source_mbox, deleted_messages_of_an_unread_folder)
{
	struct source_options options = { .include_deleted = true };
	struct arena a = ARENA_INIT(1 << 20);
	struct source_folder f;
	struct err err = ERR_INIT;
	struct source *s;
	struct tree t;
	int n = 0;

	tree_make(&t);
	tree_put(&t, "A", MAIL EXPUNGED);
	cr_assert_eq(source_open(t.root, &options, &s, &err), 0, "%s", err.text);
	while (source_next_folder(s, &a, &f, &err) > 0)
		n++;
	cr_expect_eq(n, 2);
	source_close(s);
	arena_release(&a);
	remove_all(t.root);
}

Test(source_mbox, links_and_devices_do_no_harm)
{
	struct source_options none = { 0 };
	struct buf got = BUF_INIT(4096);
	char path[256];
	struct tree t;

	tree_make(&t);
	tree_put(&t, "dir/Work", MAIL);
	snprintf(path, sizeof(path), "%s/dir/loop", t.root);
	cr_assert_eq(symlink("..", path), 0);
	snprintf(path, sizeof(path), "%s/dir/self", t.root);
	cr_assert_eq(symlink("self", path), 0);
	snprintf(path, sizeof(path), "%s/dir/fifo", t.root);
	cr_assert_eq(mkfifo(path, 0600), 0);
	describe(t.root, &none, &got);
	cr_expect_str_eq(buf_cstr(&got), "dir/Work=1");
	buf_release(&got);
	remove_all(t.root);
}

/* Mail may lie in a directory that cannot be read: that is an error of a folder, not the end. */
Test(source_mbox, unreadable_directory)
{
	struct source_options none = { 0 };
	struct err err = ERR_INIT;
	struct source_folder folder;
	struct source *s = NULL;
	int n = 0, n_failed = 0, got;
	struct arena a = ARENA_INIT(1 << 20);
	char path[256];
	struct tree t;

	tree_make(&t);
	tree_put(&t, "A", MAIL);
	tree_put(&t, "Sub/B", MAIL);
	tree_put(&t, "Z", MAIL);
	cr_assert_eq(chmod(t.root, 0755), 0);
	snprintf(path, sizeof(path), "%s/A", t.root);
	cr_assert_eq(chmod(path, 0644), 0);
	snprintf(path, sizeof(path), "%s/Z", t.root);
	cr_assert_eq(chmod(path, 0644), 0);
	snprintf(path, sizeof(path), "%s/Sub", t.root);
	cr_assert_eq(chmod(path, 0), 0);
	cr_assert(geteuid() != 0 || seteuid(65534) == 0);
	cr_assert_eq(source_open(t.root, &none, &s, &err), 0, "%s", err.text);
	while ((got = source_next_folder(s, &a, &folder, &err)) != 0) {
		n += got > 0;
		n_failed += got < 0;
		cr_assert(got > 0 || (err.scope == SCOPE_FOLDER && strstr(err.text, "/Sub'")), "%s",
			  err.text);
	}
	cr_expect(n == 2 && n_failed == 1, "%d folders, %d failed", n, n_failed);
	source_close(s);
	arena_release(&a);
	cr_assert(geteuid() == getuid() || seteuid(getuid()) == 0);
	cr_assert_eq(chmod(path, 0755), 0);
	remove_all(t.root);
}

static const struct {
	const char *name, *file, *spec, *want;
} errors[] = {
	{ "missing", "x", "/nowhere", "No such file" },
	{ "damaged PST", "x.pst", "/x.pst", "no Outlook store" },
	{ "text", "x.txt", "/x.txt", "no mail store" },
	{ "directory without mail", "x.txt", "", "no mail store" },
};

Test(source_mbox, errors)
{
	struct source_options none = { 0 };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct buf got = BUF_INIT(4096);
		char spec[256];
		struct tree t;

		tree_make(&t);
		tree_put(&t, errors[i].file, "!BDN");
		if (strcmp(errors[i].file, "x.pst") != 0)
			tree_put(&t, errors[i].file, "Dear diary\n");
		snprintf(spec, sizeof(spec), "%s%s", t.root, errors[i].spec);
		describe(spec, &none, &got);
		cr_expect(strstr(buf_cstr(&got), errors[i].want), "%s: %s", errors[i].name,
			  got.ptr);
		/* A reader that is asked for by name does not guess either. */
		snprintf(spec, sizeof(spec), "mbox:%s%s", t.root, errors[i].spec);
		describe(spec, &none, &got);
		cr_expect(strstr(buf_cstr(&got), "error"), "%s: %s", errors[i].name, got.ptr);
		buf_release(&got);
		remove_all(t.root);
	}
}

Test(source_mbox, too_many_files)
{
	struct mbox_tree tree;
	struct err err = ERR_INIT;
	struct tree t;

	tree_make(&t);
	tree_put(&t, "a", MAIL);
	tree_put(&t, "b", MAIL);
	tree_put(&t, "c", MAIL);
	cr_expect_eq(mbox_tree_walk(&tree, t.root, 3, NULL, &err), 0, "%s", err.text);
	cr_expect_eq(tree.n, 3);
	mbox_tree_release(&tree);
	cr_expect_eq(mbox_tree_walk(&tree, t.root, 2, NULL, &err), -1);
	cr_expect_eq(err.code, ERR_LIMIT);
	mbox_tree_release(&tree);
	remove_all(t.root);
}

Test(source_mbox, locked_by_a_mail_program)
{
	struct source_options none = { 0 };
	struct arena a = ARENA_INIT(1 << 20);
	struct source_folder f;
	struct err err = ERR_INIT;
	struct notice n = { 0 };
	struct source *s;
	struct tree t;

	tree_make(&t);
	tree_put(&t, "A", MAIL);
	tree_put(&t, "A.lock", "");
	cr_assert_eq(source_open(t.root, &none, &s, &err), 0, "%s", err.text);
	cr_expect_eq(source_next_folder(s, &a, &f, &err), 1);
	cr_expect_eq(source_next_notice(s, &a, &n), 1);
	cr_expect_eq(n.kind, NOTICE_IN_USE);
	cr_expect_eq(source_next_folder(s, &a, &f, &err), 0);
	source_close(s);
	arena_release(&a);
	remove_all(t.root);
}

static const struct {
	const char *name, *spec, *kind, *path;
} specs[] = {
	{ "path", "/a/b", NULL, "/a/b" },
	{ "kind", "mbox:/a/b", "mbox", "/a/b" },
	{ "no kind", "C:/a", NULL, "C:/a" },
	{ "kind in mid-path", "./mbox:/a", NULL, "./mbox:/a" },
	{ "prefix of a kind", "mbo:/a", NULL, "mbo:/a" },
	{ "empty path", "mbox:", "mbox", "" },
};

Test(source_mbox, split_spec)
{
	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		const struct source_ops *ops;
		const char *path;

		source_split_spec(specs[i].spec, &ops, &path);
		cr_expect_str_eq(path, specs[i].path, "%s", specs[i].name);
		cr_expect_eq(ops != NULL, specs[i].kind != NULL, "%s", specs[i].name);
		if (ops && specs[i].kind)
			cr_expect_str_eq(ops->kind, specs[i].kind, "%s", specs[i].name);
	}
}

Test(source_mbox, notices_are_summed_up_and_bounded)
{
	struct notices *n = notices_new();
	struct arena a = ARENA_INIT(4 << 20);
	struct notice out;
	uint64_t total = 0;
	size_t count = 0;

	notices_add(n, NOTICE_PSEUDO, 2, "x", "first");
	notices_add(n, NOTICE_PSEUDO, 3, "x", "second");
	notices_add(n, NOTICE_FEED, 1, "x", "third");
	cr_assert_eq(notices_next(n, &a, &out), 1);
	cr_expect_eq(out.count, 5);
	cr_expect_str_eq(out.text, "first");
	cr_assert_eq(notices_next(n, &a, &out), 1);
	cr_expect_eq(notices_next(n, &a, &out), 0);
	for (int i = 0; i < NOTICES_MAX + 50; i++) {
		char location[32];

		snprintf(location, sizeof(location), "%d", i);
		notices_add(n, NOTICE_SKIPPED_FILE, 1, location, "skipped");
	}
	while (notices_next(n, &a, &out) == 1) {
		total += out.count;
		count++;
	}
	cr_expect_eq(total, NOTICES_MAX + 50);
	cr_expect_eq(count, NOTICES_MAX);
	notices_free(n);
	arena_release(&a);
}

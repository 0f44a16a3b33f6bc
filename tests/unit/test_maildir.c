/*
 * source/maildir.c: layouts, flags, what is left out, what changes under our hands.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_dir.h"

#define MAIL "From: a@example.org\nSubject: one\n\nText.\n"

static struct seen seen;

static bool has_folder(const char *name)
{
	for (size_t i = 0; i < seen.n_folders; i++)
		if (strcmp(seen.folders[i], name) == 0)
			return true;
	return false;
}

Test(maildir, layouts)
{
	static const struct {
		const char *what, *file, *folder;
		const char *marker; /* or NULL */
	} rows[] = {
		{ "root", "cur/1.2.h:2,S", "INBOX", NULL },
		{ "new alone", "new/1.2.h", "INBOX", NULL },
		{ "Maildir++", ".Work.Q1/cur/1.2.h:2,S", "Work|Q1", "cur/" },
		{ "Maildir++ without a root of its own", ".Sent/cur/1.2.h:2,S", "Sent", NULL },
		{ "LAYOUT=fs", "Work/Q1/cur/1.2.h:2,S", "Work|Q1", "cur/" },
		{ "Verbatim", "Work/Q1/cur/1.2.h,U=1:2,S", "Work|Q1", "Work/Q1/.uidvalidity" },
		{ "Legacy", "Work/.v1.0/cur/1.2.h,U=1:2,S", "Work|v1.0",
		  "Work/.v1.0/.uidvalidity" },
		{ "isync INBOX child", "..Nested/cur/1.2.h:2,S", "INBOX|Nested", "cur/" },
		{ "Evolution", ".a_2Eb/cur/1.2.h:2,S", "a.b", "..maildir++" },
		{ "offlineimap with dots", "Work.Q1/cur/1.2.h,U=1,FMD5=a:2,S", "Work|Q1",
		  "Work/cur/" },
		{ "offlineimap in INBOX", "INBOX.Q1/cur/1.2.h,U=1,FMD5=a:2,S", "INBOX|Q1", NULL },
		{ "offlineimap, a dot in a name", "v1.2/cur/1.2.h,U=1,FMD5=a:2,S", "v1.2", NULL },
		{ "a dot in a name", "Work.Q1/cur/1.2.h:2,S", "Work.Q1", "Work/cur/" },
		{ "collection", "anna/.Sent/cur/1.2.h:2,S", "anna|Sent", "anna/cur/" },
		{ "a folder called new", "new/cur/1.2.h:2,S", "new", "INBOX/cur/" },
		{ "a folder called tmp", "tmp/cur/1.2.h:2,S", "tmp", "INBOX/cur/" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_dir d;
		const struct seen_message *m;

		store_dir_make(&d);
		store_dir_write(&d, rows[i].file, MAIL);
		if (rows[i].marker)
			store_dir_write(&d, rows[i].marker, "");
		cr_expect(seen_read(&seen, "maildir", d.path, NULL), "%s: %s", rows[i].what,
			  seen.err.text);
		m = seen_find(&seen, rows[i].file);
		cr_expect(m != NULL && seen.n_messages == 1, "%s", rows[i].what);
		if (m) {
			cr_expect_str_eq(m->folder, rows[i].folder, "%s", rows[i].what);
			cr_expect_str_eq(m->text,
					 "From: a@example.org\r\nSubject: one\r\n\r\nText.\r\n",
					 "%s", rows[i].what);
		}
		store_dir_remove(&d);
	}
}

Test(maildir, flags_and_keywords)
{
	static const struct {
		const char *file;
		uint32_t flags;
		const char *keywords;
	} rows[] = {
		{ "cur/1.1.h:2,S", FLAG_SEEN, "" },
		{ "cur/1.2.h:2,FRS", FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED, "" },
		{ "cur/1.3.h", 0, "" },
		{ "cur/1.4.h;2,S", FLAG_SEEN, "" },
		{ "cur/1.5.h!2,S", FLAG_SEEN, "" },
		{ "cur/1.6.h:2,DPSab", FLAG_SEEN | FLAG_DRAFT, "$Forwarded my-tag" },
		{ "cur/1.7.h:2,Sxyz", FLAG_SEEN, "" },
		{ "new/1.8.h:2,R", FLAG_ANSWERED, "" },
	};
	struct store_dir d;

	store_dir_make(&d);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		store_dir_write(&d, rows[i].file, MAIL);
	store_dir_write(&d, "dovecot-keywords", "0 NonJunk\n1 my-tag\nx junk\n77 none\n");
	cr_assert(seen_read(&seen, "maildir", d.path, NULL), "%s", seen.err.text);
	cr_expect_eq(seen.n_messages, sizeof(rows) / sizeof(rows[0]));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct seen_message *m = seen_find(&seen, rows[i].file);
		const char *want = i == 5 ? "$Forwarded NonJunk my-tag" : rows[i].keywords;

		cr_assert_not_null(m, "%s", rows[i].file);
		cr_expect_eq(m->flags, rows[i].flags, "%s", rows[i].file);
		cr_expect_str_eq(m->keywords, want, "%s", rows[i].file);
	}
	store_dir_remove(&d);
}

Test(maildir, left_out_and_counted)
{
	struct store_dir d;
	char link[128], target[128];

	store_dir_make(&d);
	store_dir_write(&d, "cur/1.1.h:2,S", MAIL);
	store_dir_write(&d, "cur/1.2.h:2,ST", MAIL);
	store_dir_write(&d, "cur/.hidden", MAIL);
	store_dir_write(&d, "tmp/1.3.h", MAIL);
	store_dir_write(&d, "astray:2,S", MAIL);
	store_dir_write(&d, "maildirfolder", "");
	store_dir_write(&d, "dovecot-uidlist", "3 V1 N2\n");
	snprintf(link, sizeof(link), "%s/cur/1.4.h:2,S", d.path);
	snprintf(target, sizeof(target), "%s/astray:2,S", d.path);
	cr_assert_eq(symlink(target, link), 0);
	snprintf(link, sizeof(link), "%s/loop", d.path);
	cr_assert_eq(symlink(d.path, link), 0);
	snprintf(link, sizeof(link), "%s/cur/1.5.fifo", d.path);
	cr_assert_eq(mkfifo(link, 0600), 0);

	cr_assert(seen_read(&seen, "maildir", d.path, NULL), "%s", seen.err.text);
	cr_expect_eq(seen.n_messages, 1);
	cr_expect_eq(seen.n_failed, 0);
	cr_expect_eq(seen.notices[NOTICE_EXPUNGED], 1);
	/* tmp, .hidden, link, FIFO; the stray file; the link to a directory */
	cr_expect_eq(seen.notices[NOTICE_SKIPPED_FILE], 6);
	store_dir_remove(&d);
}

Test(maildir, deleted_when_asked_for)
{
	static const struct source_options options = { .include_deleted = true };
	const struct seen_message *m;
	struct store_dir d;

	store_dir_make(&d);
	store_dir_write(&d, "cur/1.1.h:2,S", MAIL);
	store_dir_write(&d, ".Sent/cur/1.2.h:2,ST", MAIL);
	cr_assert(seen_read(&seen, "maildir", d.path, &options), "%s", seen.err.text);
	cr_expect_eq(seen.n_folders, 3);
	cr_expect_eq(seen.n_messages, 2);
	cr_expect(has_folder("Sent"));
	m = seen_find(&seen, ".Sent/cur/1.2.h");
	cr_assert_not_null(m);
	cr_expect_str_eq(m->folder, "Sent|Deleted");
	cr_expect_eq(m->state, STATE_DELETED);
	cr_expect_eq(m->flags, FLAG_SEEN);
	cr_expect_eq(seen.notices[NOTICE_EXPUNGED], 0);
	store_dir_remove(&d);
}

Test(maildir, headers_of_the_store)
{
	static const struct {
		const char *what, *file, *marker;
		uint32_t strip;
	} rows[] = {
		{ "nobody's", "cur/1.1.h:2,S", NULL, 0 },
		{ "mbsync by its file", "cur/1.1.h:2,S", ".uidvalidity", STRIP_X_TUID },
		{ "mbsync by the name", "cur/1.1.h,U=3:2,S", NULL, STRIP_X_TUID },
		{ "offlineimap", "cur/1.1.h,U=3,FMD5=ab:2,S", NULL, STRIP_X_OFFLINEIMAP },
		{ "Dovecot", "cur/1.1.h,U=3:2,S", "dovecot-uidlist", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_dir d;

		store_dir_make(&d);
		store_dir_write(&d, rows[i].file, "From: x\nX-TUID: abc\nX-OfflineIMAP: d\n\n");
		if (rows[i].marker)
			store_dir_write(&d, rows[i].marker, "1\n");
		cr_assert(seen_read(&seen, "maildir", d.path, NULL), "%s", seen.err.text);
		cr_expect_eq(seen.messages[0].strip, rows[i].strip, "%s", rows[i].what);
		cr_expect_eq(strstr(seen.messages[0].text, "X-TUID") == NULL,
			     rows[i].strip == STRIP_X_TUID, "%s", rows[i].what);
		store_dir_remove(&d);
	}
}

static void set_mtime(const struct store_dir *d, const char *file, int64_t mtime)
{
	struct timespec times[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", d->path, file);
	cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

Test(maildir, arrival)
{
	static const struct {
		const char *what, *file, *marker;
		int64_t mtime, file_name;
		bool trusted;
	} rows[] = {
		{ "dated on purpose", "cur/1200000000.1.h:2,S", NULL, 1100000000, 1200000000,
		  true },
		{ "downloaded", "new/1200000000.1.h", NULL, 1200000003, 1200000000, false },
		{ "copied without its time", "new/1200000000.1.h", NULL, 1300000000, 1200000000,
		  false },
		{ "Dovecot", "cur/1200000000.M1P2.h,S=5,W=6:2,S", NULL, 1200000001, 1200000000,
		  true },
		{ "Dovecot's, copied", "cur/1200000000.M1P2.h,S=5,W=6:2,S", NULL, 1300000000,
		  1200000000, false },
		{ "in a Dovecot folder", "cur/17:2,S", "dovecot-uidlist", 1200000001, TIME_NONE,
		  true },
		{ "offlineimap", "cur/1200000000_0.1.h,U=1,FMD5=a:2,S", NULL, 1100000000,
		  1200000000, false },
		{ "no name's time", "cur/17:2,S", NULL, 1100000000, TIME_NONE, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_dir d;

		store_dir_make(&d);
		store_dir_write(&d, rows[i].file, MAIL);
		set_mtime(&d, rows[i].file, rows[i].mtime);
		if (rows[i].marker)
			store_dir_write(&d, rows[i].marker, "");
		cr_assert(seen_read(&seen, "maildir", d.path, NULL), "%s", seen.err.text);
		cr_expect_eq(seen.messages[0].arrival.trusted, rows[i].trusted, "%s", rows[i].what);
		cr_expect_eq(seen.messages[0].arrival.mtime, rows[i].mtime, "%s", rows[i].what);
		cr_expect_eq(seen.messages[0].arrival.file_name, rows[i].file_name, "%s",
			     rows[i].what);
		store_dir_remove(&d);
	}
}

static void rename_in(const struct store_dir *d, const char *from, const char *to)
{
	char a[256], b[256];

	snprintf(a, sizeof(a), "%s/%s", d->path, from);
	snprintf(b, sizeof(b), "%s/%s", d->path, to);
	cr_assert_eq(rename(a, b), 0, "%s", from);
}

Test(maildir, fingerprints)
{
	static const struct {
		const char *what, *from, *to, *new_file;
		bool same;
	} rows[] = {
		{ "nothing", NULL, NULL, NULL, true },
		{ "another flag", "cur/1.1.h:2,S", "cur/1.1.h:2,RS", NULL, false },
		{ "new to cur", "new/1.2.h", "cur/1.2.h:2,", NULL, false },
		{ "new mail", NULL, NULL, "new/1.3.h", false },
		{ "keywords renamed", NULL, NULL, "dovecot-keywords", false },
		{ "a file in tmp", NULL, NULL, "tmp/1.4.h", true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_dir d;
		char before[128];

		store_dir_make(&d);
		store_dir_write(&d, "cur/1.1.h:2,S", MAIL);
		store_dir_write(&d, "new/1.2.h", MAIL);
		store_dir_write(&d, "dovecot-keywords", "0 a\n");
		store_dir_write(&d, "tmp/", "");
		cr_assert(seen_read(&seen, "maildir", d.path, NULL), "%s", seen.err.text);
		snprintf(before, sizeof(before), "%s", seen.fingerprints[0]);
		if (rows[i].from)
			rename_in(&d, rows[i].from, rows[i].to);
		if (rows[i].new_file)
			store_dir_write(&d, rows[i].new_file, "0 other\n");
		cr_assert(seen_read(&seen, "maildir", d.path, NULL), "%s", seen.err.text);
		cr_expect_eq(strcmp(before, seen.fingerprints[0]) == 0, rows[i].same, "%s",
			     rows[i].what);
		store_dir_remove(&d);
	}
}

Test(maildir, found_again)
{
	static const struct {
		const char *what, *was, *is; /* NULL: removed */
		const char *also;	     /* another file that appears */
		const char *text;
		bool found;
	} rows[] = {
		{ "as it was", "cur/1.1.h:2,S", "cur/1.1.h:2,S", NULL, MAIL, true },
		{ "flag added", "cur/1.1.h:2,S", "cur/1.1.h:2,RS", NULL, MAIL, true },
		{ "flags gone", "cur/1.1.h:2,RS", "cur/1.1.h:2,", NULL, MAIL, true },
		{ "seen", "new/1.1.h", "cur/1.1.h:2,S", NULL, MAIL, true },
		{ "moved back", "cur/1.1.h:2,S", "new/1.1.h", NULL, MAIL, true },
		{ "keyword added", "cur/1.1.h:2,S", "cur/1.1.h:2,Sc", NULL, MAIL, true },
		{ "given a UID", "cur/1.1.h:2,S", "cur/1.1.h,U=7:2,S", NULL, MAIL, true },
		{ "removed", "cur/1.1.h:2,S", NULL, NULL, MAIL, false },
		{ "another text", "cur/1.1.h:2,S", "cur/1.1.h:2,RS", NULL, MAIL MAIL, false },
		{ "two of the name", "cur/1.1.h:2,S", "cur/1.1.h,U=7:2,S", "cur/1.1.h,U=8:2,S",
		  MAIL, false },
		{ "a like name", "cur/1.1.h:2,S", "cur/1.1.ho:2,S", NULL, MAIL, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static const struct source_options options;
		struct arena a = ARENA_INIT(1 << 16);
		struct message m = { 0 };
		struct source *source;
		struct err err = ERR_INIT;
		char spec[128], locator[128];
		struct store_dir d;

		store_dir_make(&d);
		store_dir_write(&d, "cur/", "");
		store_dir_write(&d, "new/", "");
		store_dir_write(&d, rows[i].was, MAIL);
		snprintf(spec, sizeof(spec), "maildir:%s", d.path);
		snprintf(locator, sizeof(locator), "%s@%zu+0:l0", rows[i].was, strlen(MAIL));
		cr_assert_eq(source_open(spec, &options, &source, &err), 0, "%s", err.text);
		rename_in(&d, rows[i].was, rows[i].is ? rows[i].is : "gone");
		if (rows[i].is)
			store_dir_write(&d, rows[i].is, rows[i].text);
		if (rows[i].also)
			store_dir_write(&d, rows[i].also, rows[i].text);
		cr_expect_eq(source_find(source, locator, &a, &m, &err) == 0, rows[i].found,
			     "%s: %s", rows[i].what, err.text);
		if (!rows[i].found)
			cr_expect(err.code == ERR_CHANGED && err.scope == SCOPE_MESSAGE, "%s: %s",
				  rows[i].what, err.text);
		source_close(source);
		arena_release(&a);
		store_dir_remove(&d);
	}
}

/* Renamed after the first message was read, in the same chunk of the listing. */
Test(maildir, renamed_while_read)
{
	static const struct source_options options;
	struct arena a = ARENA_INIT(1 << 16);
	struct source_folder folder;
	struct message m = { 0 };
	struct source *source;
	struct err err = ERR_INIT;
	struct notice notice;
	char spec[128];
	struct store_dir d;
	size_t n = 1, gone = 0;

	store_dir_make(&d);
	store_dir_write(&d, "new/1.1.h", MAIL);
	store_dir_write(&d, "cur/1.2.h:2,", MAIL);
	store_dir_write(&d, "cur/1.3.h:2,", MAIL);
	store_dir_write(&d, "cur/1.4.h:2,", MAIL);
	snprintf(spec, sizeof(spec), "maildir:%s", d.path);
	cr_assert_eq(source_open(spec, &options, &source, &err), 0, "%s", err.text);
	cr_assert_eq(source_next_folder(source, &a, &folder, &err), 1);
	cr_assert_eq(source_next_message(source, &a, &m, &err), 1);
	cr_expect_str_eq(m.locator, "new/1.1.h@40+0:l0");
	/* The one that was read moves on; of the others one gets a flag, one a keyword. */
	rename_in(&d, "new/1.1.h", "cur/1.1.h:2,S");
	cr_assert_eq(source_next_message(source, &a, &m, &err), 1);
	n++;
	rename_in(&d, "cur/1.3.h:2,", "cur/1.3.h:2,RS");
	rename_in(&d, "cur/1.4.h:2,", "cur/1.4.h:2,Sa");
	while (source_next_message(source, &a, &m, &err) > 0)
		n++;
	cr_expect_eq(n, 4, "%zu of 4", n);
	while (source_next_notice(source, &a, &notice) > 0)
		gone += notice.kind == NOTICE_CHANGED;
	cr_expect_eq(gone, 0);
	source_close(source);
	arena_release(&a);
	store_dir_remove(&d);
}

Test(maildir, refused)
{
	static const struct {
		const char *what, *file, *also, *text;
	} rows[] = {
		{ "no maildir", "Work/letter", "Work/other/", "is no maildir" },
		{ "LAYOUT=index", "0123456789abcdef0123456789abcdef/cur/1.1.h:2,S",
		  "dovecot.list.index.log", "LAYOUT=index" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_dir d;

		store_dir_make(&d);
		store_dir_write(&d, rows[i].file, MAIL);
		store_dir_write(&d, rows[i].also, "");
		cr_expect_not(seen_read(&seen, "maildir", d.path, NULL), "%s", rows[i].what);
		cr_expect_not_null(strstr(seen.err.text, rows[i].text), "%s: %s", rows[i].what,
				   seen.err.text);
		store_dir_remove(&d);
	}
}

Test(maildir, what_is_no_mail)
{
	struct store_dir d;

	store_dir_make(&d);
	store_dir_write(&d, "cur/1.1.h:2,S", "CRYPTED\x03\x07 and more");
	store_dir_write(&d, "cur/1.2.h:2,S", "");
	store_dir_write(&d, "cur/1.3.h,S=1000:2,S", MAIL);
	cr_assert(seen_read(&seen, "maildir", d.path, NULL), "%s", seen.err.text);
	cr_expect_eq(seen.n_messages, 2);
	cr_expect_eq(seen.n_failed, 1);
	cr_expect_eq(seen.notices[NOTICE_DAMAGED], 2); /* the empty one, the short one */
	store_dir_remove(&d);
}

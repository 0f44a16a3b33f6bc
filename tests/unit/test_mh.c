/*
 * source/mh.c and mh_state.c: numbers, sequences, marks, From_ lines.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "source/mh_state.h"
#include "store_dir.h"

#define MAIL "From: a@example.org\nSubject: one\n\nText.\n"

static struct seen seen;

Test(mh, sequences)
{
	static const struct {
		const char *name, *text;
		uint32_t number, flags;
	} rows[] = {
		{ "no file", "", 1, FLAG_SEEN },
		{ "unseen", "unseen: 3 7 9-12\n", 9, 0 },
		{ "end of a range", "unseen: 3 7 9-12\n", 12, 0 },
		{ "behind a range", "unseen: 3 7 9-12\n", 13, FLAG_SEEN },
		{ "between", "unseen: 3 7 9-12\n", 8, FLAG_SEEN },
		{ "others", "cur: 5\nflagged: 5\nreplied: 1-9\nmine: 5\n", 5,
		  FLAG_SEEN | FLAG_FLAGGED | FLAG_ANSWERED },
		{ "out of order, overlapping", "unseen: 40-50 1 30-45 2\n", 44, 0 },
		{ "a range in a range", "unseen: 1-100 5 7-9\n", 60, 0 },
		{ "folded", "unseen: 1\n 2\n\t3\n", 3, 0 },
		{ "CR LF", "unseen: 1 2\r\nflagged: 2\r\n", 2, FLAG_FLAGGED },
		{ "no numbers", "unseen: x -4 5- 9-8 99999999999 6\n", 6, 0 },
		{ "backwards", "unseen: 9-8\n", 8, FLAG_SEEN },
		{ "last number of all", "unseen: 4294967295\n", UINT32_MAX, 0 },
		{ "an empty line between", "unseen: 1\n\nflagged: 2\n", 2,
		  FLAG_SEEN | FLAG_FLAGGED },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mh_state s = MH_STATE_INIT;
		struct err err = ERR_INIT;
		bool forwarded;

		cr_expect_eq(mh_state_add_sequences(&s, slice_str(rows[i].text), &err), 0);
		cr_expect_eq(mh_state_flags(&s, rows[i].number, &forwarded), rows[i].flags, "%s",
			     rows[i].name);
		mh_state_release(&s);
	}
}

#define LE(n) (char)(n), 0, 0, 0
#define BE(n) 0, 0, 0, (char)(n)

Test(mh, sylpheed_marks)
{
	static const char little[] = {
		LE(2), LE(5), LE(4 | 16), LE(1), LE(1 | 2), LE(5), LE(8 | 32)
	};
	static const char big[] = { BE(2), BE(5), BE(4 | 16), 0, 0 };
	static const char other[] = { LE(3), LE(5), LE(4) };
	static const struct {
		const char *name;
		const char *bytes;
		size_t len;
		bool valid;
		uint32_t number, flags;
		bool forwarded;
	} rows[] = {
		{ "the later counts", little, sizeof(little), true, 5, FLAG_SEEN | FLAG_DELETED,
		  true },
		{ "unread", little, sizeof(little), true, 1, 0, false },
		{ "without a mark: new", little, sizeof(little), true, 9, 0, false },
		{ "big-endian, cut off", big, sizeof(big), true, 5,
		  FLAG_SEEN | FLAG_FLAGGED | FLAG_ANSWERED, false },
		{ "another version", other, sizeof(other), false, 5, FLAG_SEEN, false },
		{ "too short", little, 3, false, 5, FLAG_SEEN, false },
		{ "no marks", little, 4, true, 5, 0, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mh_state s = MH_STATE_INIT;
		struct err err = ERR_INIT;
		bool valid, forwarded;

		cr_expect_eq(
			mh_state_add_marks(&s, slice_of(rows[i].bytes, rows[i].len), &valid, &err),
			0);
		cr_expect_eq(valid, rows[i].valid, "%s", rows[i].name);
		cr_expect_eq(mh_state_flags(&s, rows[i].number, &forwarded), rows[i].flags, "%s",
			     rows[i].name);
		cr_expect_eq(forwarded, rows[i].forwarded, "%s", rows[i].name);
		mh_state_release(&s);
	}
}

Test(mh, store)
{
	static const struct {
		const char *file, *folder;
		uint32_t flags;
	} rows[] = {
		{ "inbox/1", "inbox", FLAG_SEEN },
		{ "inbox/2", "inbox", 0 },
		{ "inbox/10", "inbox", FLAG_SEEN | FLAG_ANSWERED },
		{ "inbox/99/2", "inbox|99", FLAG_SEEN },
		{ "work/deep/3", "work|deep", FLAG_SEEN },
	};
	struct store_dir d;

	store_dir_make(&d);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		store_dir_write(&d, rows[i].file, MAIL);
	store_dir_write(&d, "inbox/.mh_sequences", "unseen: 2\nreplied: 10\n");
	store_dir_write(&d, "inbox/,4", MAIL);
	store_dir_write(&d, "inbox/#5", MAIL);
	store_dir_write(&d, "inbox/007", MAIL);
	store_dir_write(&d, "context", "Current-Folder: inbox\n");
	cr_assert(seen_read(&seen, "", d.path, NULL), "%s", seen.err.text);
	cr_expect_eq(seen.n_messages, sizeof(rows) / sizeof(rows[0]));
	cr_expect_eq(seen.notices[NOTICE_SKIPPED_FILE], 3);
	cr_expect_eq(seen.roles[0], ROLE_INBOX);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char start[64];
		const struct seen_message *m;

		snprintf(start, sizeof(start), "%s@", rows[i].file);
		m = seen_find(&seen, start);
		cr_assert_not_null(m, "%s", rows[i].file);
		cr_expect_str_eq(m->folder, rows[i].folder, "%s", rows[i].file);
		cr_expect_eq(m->flags, rows[i].flags, "%s", rows[i].file);
	}
	/* in the order of their numbers, not of their names */
	cr_expect_eq(strncmp(seen.messages[1].locator, "inbox/2@", 8), 0);
	cr_expect_eq(strncmp(seen.messages[2].locator, "inbox/10@", 9), 0);
	store_dir_remove(&d);
}

Test(mh, leading_from_line)
{
	struct store_dir d;

	store_dir_make(&d);
	store_dir_write(&d, "1", "From a@example.org  Thu Sep 13 12:30:05 2001\n" MAIL);
	cr_assert(seen_read(&seen, "mh", d.path, NULL), "%s", seen.err.text);
	cr_assert_eq(seen.n_messages, 1);
	cr_expect_str_eq(seen.messages[0].text,
			 "From: a@example.org\r\nSubject: one\r\n\r\nText.\r\n");
	cr_expect_eq(seen.messages[0].arrival.from_line, 1000384205);
	/* the root itself has messages: it has the directory's name */
	cr_expect_str_eq(seen.messages[0].folder, strrchr(d.path, '/') + 1);
	store_dir_remove(&d);
}

Test(mh, sylpheed_roles)
{
	static const char mark[] = { LE(2), LE(1), LE(0) };
	struct store_dir d;
	char path[128];
	FILE *file;

	store_dir_make(&d);
	store_dir_write(&d, "inbox/1", MAIL);
	store_dir_write(&d, "queue/1", MAIL);
	store_dir_write(&d, "sent/.sylpheed_cache", "");
	snprintf(path, sizeof(path), "%s/inbox/.sylpheed_mark", d.path);
	file = fopen(path, "wb");
	cr_assert_not_null(file);
	fwrite(mark, 1, sizeof(mark), file);
	fclose(file);
	cr_assert(seen_read(&seen, "mh", d.path, NULL), "%s", seen.err.text);
	cr_expect_eq(seen.n_folders, 3);
	cr_expect_eq(seen.n_messages, 1);
	cr_expect_eq(seen.messages[0].flags, FLAG_SEEN);
	cr_expect_eq(seen.roles[0], ROLE_INBOX);
	cr_expect_eq(seen.roles[1], ROLE_OUTBOX);
	cr_expect_eq(seen.roles[2], ROLE_SENT);
	cr_expect_eq(seen.notices[NOTICE_OUTBOX], 1);
	store_dir_remove(&d);
}

Test(mh, changed_while_read)
{
	static const struct source_options options;
	struct arena a = ARENA_INIT(1 << 16);
	struct source_folder folder;
	struct message m;
	struct source *source;
	struct err err = ERR_INIT;
	char spec[128];
	struct store_dir d;
	int got;

	store_dir_make(&d);
	store_dir_write(&d, "1", MAIL);
	store_dir_write(&d, "2", MAIL);
	snprintf(spec, sizeof(spec), "mh:%s", d.path);
	cr_assert_eq(source_open(spec, &options, &source, &err), 0, "%s", err.text);
	cr_assert_eq(source_next_folder(source, &a, &folder, &err), 1);
	cr_assert_eq(source_next_message(source, &a, &m, &err), 1);
	store_dir_write(&d, "3", MAIL);
	cr_assert_eq(source_next_message(source, &a, &m, &err), 1);
	got = source_next_message(source, &a, &m, &err);
	cr_expect(got == -1 && err.code == ERR_CHANGED && err.scope == SCOPE_FOLDER, "%s",
		  err.text);
	cr_expect_eq(source_next_folder(source, &a, &folder, &err), 0);
	source_close(source);
	arena_release(&a);
	store_dir_remove(&d);
}

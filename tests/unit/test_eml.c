/*
 * source/eml.c and file_message.c: what stands before a message, line ends, trees, locators.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "source/file_message.h"
#include "store_dir.h"

#define MAIL "From: a@example.org\nSubject: one\n\nText.\n"
#define WANT "From: a@example.org\r\nSubject: one\r\n\r\nText.\r\n"

static struct seen seen;

Test(eml, what_stands_before)
{
	static const struct {
		const char *name, *text, *want;
		int64_t from_line;
	} rows[] = {
		{ "nothing", MAIL, WANT, TIME_NONE },
		{ "From_ line", "From a@b Thu Sep 13 12:30:05 2001\n" MAIL, WANT, 1000384205 },
		{ "From_ line, CR LF", "From a@b Thu Sep 13 12:30:05 2001\r\n" MAIL, WANT,
		  1000384205 },
		{ "From_ line without date", "From a@example.org\n" MAIL, WANT, TIME_NONE },
		{ "Mozilla's", "From - Tue Oct 02 00:26:47 2007\n" MAIL, WANT, 1191284807 },
		{ "BOM", "\xEF\xBB\xBF" MAIL, WANT, TIME_NONE },
		{ "BOM and From_ line",
		  "\xEF\xBB\xBF"
		  "From a@b Thu Sep 13 12:30:05 2001\n" MAIL,
		  WANT, 1000384205 },
		{ "empty lines and From_ line", "\r\n\nFrom a@b Thu Sep 13 12:30:05 2001\n" MAIL,
		  WANT, 1000384205 },
		{ "empty lines alone are the message's", "\n\nText.\n", "\r\n\r\nText.\r\n",
		  TIME_NONE },
		{ "a field with blanks", "From : a@b\n\nText.\n", "From : a@b\r\n\r\nText.\r\n",
		  TIME_NONE },
		{ "prose", "From what I hear it rains.\n", "From what I hear it rains.\r\n",
		  TIME_NONE },
		{ "quoted", ">From a@b Thu Sep 13 12:30:05 2001\nA: b\n\n",
		  ">From a@b Thu Sep 13 12:30:05 2001\r\nA: b\r\n\r\n", TIME_NONE },
		{ "CR only", "From a@b Thu Sep 13 12:30:05 2001\rA: b\r\rText\r",
		  "A: b\r\n\r\nText\r\n", 1000384205 },
		{ "two CRs are no line ends", "A: b\rc\rd", "A: b\rc\rd\r\n", TIME_NONE },
		{ "no final line end", "A: b\n\nText", "A: b\r\n\r\nText\r\n", TIME_NONE },
		{ "empty", "", "\r\n", TIME_NONE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store_dir d;
		char path[128];

		store_dir_make(&d);
		store_dir_write(&d, "letter", rows[i].text);
		snprintf(path, sizeof(path), "%s/letter", d.path);
		cr_assert(seen_read(&seen, "eml", path, NULL), "%s", seen.err.text);
		cr_assert_eq(seen.n_messages, 1, "%s: %s", rows[i].name, seen.err.text);
		cr_expect_str_eq(seen.messages[0].text, rows[i].want, "%s", rows[i].name);
		cr_expect_eq(seen.messages[0].arrival.from_line, rows[i].from_line, "%s",
			     rows[i].name);
		cr_expect_str_eq(seen.folders[0], strrchr(d.path, '/') + 1, "%s", rows[i].name);
		store_dir_remove(&d);
	}
}

Test(eml, tree)
{
	struct store_dir d;
	const char *root;
	char name[128];

	store_dir_make(&d);
	root = strrchr(d.path, '/') + 1;
	store_dir_write(&d, "a.eml", MAIL);
	store_dir_write(&d, "Sub \xC3\x9C/b.EML", MAIL);
	store_dir_write(&d, "Sub \xC3\x9C/deep/100%.eml", MAIL);
	store_dir_write(&d, "empty/readme.txt", "no mail\n");
	store_dir_write(&d, "Apple/1.emlx", "5\nA: b\n<plist/>");
	store_dir_write(&d, ".hidden.eml", MAIL);
	cr_assert(seen_read(&seen, "", d.path, NULL), "%s", seen.err.text);
	cr_expect_eq(seen.n_folders, 3);
	cr_expect_eq(seen.n_messages, 3);
	cr_expect_str_eq(seen.folders[0], root);
	snprintf(name, sizeof(name), "%s|Sub \xC3\x9C|deep", root);
	cr_expect_str_eq(seen.folders[2], name);
	cr_expect_not_null(seen_find(&seen, "Sub \xC3\x9C/deep/100%25.eml@"));
	cr_expect_eq(seen.notices[NOTICE_SKIPPED_FILE], 1);
	cr_expect_eq(seen.notices[NOTICE_NOT_CARRIED], 1);
	store_dir_remove(&d);
}

Test(eml, likeness)
{
	static const struct {
		const char *name, *text;
		int want;
	} rows[] = {
		{ "mail", "Received: x\nFrom: y\n\n", 60 },
		{ "unknown fields only", "X-One: x\nX-Two: y\n\n", 20 },
		{ "folded first line", " x: y\nFrom: z\n", 0 },
		{ "prose", "Dear all,\nFrom: z\n", 0 },
		{ "mbox", "From a@b Thu Sep 13 12:30:05 2001\nFrom: y\n\n", 40 },
		{ "prose with From", "From what I hear\nit rains\n", 0 },
		{ "CR only", "Subject: x\rFrom: y\r\r", 60 },
		{ "BOM", "\xEF\xBB\xBFTo: x\n\n", 60 },
		{ "PST", "!BDN: x\n", 0 },
		{ "empty", "", 0 },
		{ "a program", "int main: 5;\nFrom: x", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_eq(file_message_likeness(slice_str(rows[i].text)), rows[i].want, "%s: %d",
			     rows[i].name, file_message_likeness(slice_str(rows[i].text)));
}

Test(eml, locators)
{
	static const struct {
		const char *name, *locator;
		const char *path; /* NULL: none of ours */
		uint64_t size, off;
		uint32_t strip;
		enum eol_mode eol;
	} rows[] = {
		{ "plain", "a/b@10+2:l0", "a/b", 10, 2, 0, EOL_LINES },
		{ "CR and strips", "a@10+0:c8000", "a", 10, 0, 0x8000, EOL_CR },
		{ "an at sign in the name", "a@b@7+0:l0", "a@b", 7, 0, 0, EOL_LINES },
		{ "escapes", "a%0Ab%25%FF@7+0:l0", "a\nb%\xFF", 7, 0, 0, EOL_LINES },
		{ "packed: the offset is of what was packed", "a@7+99:zl0", "a", 7, 99, 0,
		  EOL_LINES },
		{ "dots in names", "..a/b..@7+0:l0", "..a/b..", 7, 0, 0, EOL_LINES },
		{ "no suffix", "a", NULL, 0, 0, 0, EOL_LINES },
		{ "no name", "@7+0:l0", NULL, 0, 0, 0, EOL_LINES },
		{ "no rules", "a@7+0:", NULL, 0, 0, 0, EOL_LINES },
		{ "other rules", "a@7+0:x0", NULL, 0, 0, 0, EOL_LINES },
		{ "offset behind the end", "a@7+8:l0", NULL, 0, 0, 0, EOL_LINES },
		{ "absolute", "/etc/passwd@7+0:l0", NULL, 0, 0, 0, EOL_LINES },
		{ "upwards", "a/../../b@7+0:l0", NULL, 0, 0, 0, EOL_LINES },
		{ "upwards, escaped", "%2E%2E/b@7+0:l0", NULL, 0, 0, 0, EOL_LINES },
		{ "NUL", "a%00b@7+0:l0", NULL, 0, 0, 0, EOL_LINES },
		{ "half an escape", "a%2@7+0:l0", NULL, 0, 0, 0, EOL_LINES },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena a = ARENA_INIT(1 << 16);
		struct file_locator l;
		struct err err = ERR_INIT;
		int got = file_locator_read(rows[i].locator, &a, &l, &err);

		cr_expect_eq(got == 0, rows[i].path != NULL, "%s", rows[i].name);
		if (got == 0 && rows[i].path) {
			cr_expect_str_eq(l.path, rows[i].path, "%s", rows[i].name);
			cr_expect_eq(l.size, rows[i].size, "%s", rows[i].name);
			cr_expect_eq(l.off, rows[i].off, "%s", rows[i].name);
			cr_expect_eq(l.rules.strip, rows[i].strip, "%s", rows[i].name);
			cr_expect_eq(l.rules.eol, rows[i].eol, "%s", rows[i].name);
		}
		arena_release(&a);
	}
}

/* The text packed with gzip, as Dovecot's zlib plugin packs single messages. */
Test(eml, packed)
{
	static const uint8_t packed[] = {
		0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x73, 0x2b,
		0xca, 0xcf, 0xb5, 0x52, 0x48, 0x74, 0x48, 0xad, 0x48, 0xcc, 0x2d, 0xc8,
		0x49, 0xd5, 0xcb, 0x2f, 0x4a, 0xe7, 0x0a, 0x2e, 0x4d, 0xca, 0x4a, 0x4d,
		0x2e, 0xb1, 0x52, 0xc8, 0xcf, 0x4b, 0xe5, 0xe2, 0x0a, 0x49, 0xad, 0x28,
		0xd1, 0xe3, 0x02, 0x00, 0x29, 0xe1, 0x15, 0xa2, 0x28, 0x00, 0x00, 0x00,
	};
	struct store_dir d;
	char path[128];
	FILE *file;

	store_dir_make(&d);
	snprintf(path, sizeof(path), "%s/letter.eml", d.path);
	file = fopen(path, "wb");
	cr_assert_not_null(file);
	fwrite(packed, 1, sizeof(packed), file);
	fclose(file);
	cr_assert(seen_read(&seen, "eml", path, NULL), "%s", seen.err.text);
	cr_assert_eq(seen.n_messages, 1, "%s", seen.err.text);
	cr_expect_str_eq(seen.messages[0].text, WANT);
	cr_expect_not_null(strstr(seen.messages[0].locator, ":zl0"));
	store_dir_remove(&d);
}

/*
 * mbox_file.h: where messages begin and end, how they are to be un-quoted, and finding one again.
 * The boundary rule's numbers are those of source/mbox_file.c.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "source/gunzip.h"
#include "source/mbox_file.h"
#include "source/mbox_locator.h"
#include "source/window.h"

#define FROM	     "From a@example.org Thu Sep 13 12:30:05 2001\n"
#define FROM_CRLF    "From a@example.org Thu Sep 13 12:30:05 2001\r\n"
#define HEAD	     "Subject: one\nTo: b@example.org\n"
#define MESSAGES_MAX 4

/* A file without a name; *path leads to it. */
static int memory_file(const void *bytes, size_t len, char path[32])
{
	struct err err = ERR_INIT;
	int fd = memfd_create("mbox", MFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	cr_assert_eq(fd_write(fd, bytes, len, &err), 0, "%s", err.text);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

struct opened {
	int fd;
	char path[32];
	struct notices *notices;
	struct mbox_file *file;
	struct arena arena;
	struct err err;
	int status;
};

static void open_bytes(struct opened *o, const void *bytes, size_t len)
{
	*o = (struct opened){ .arena = ARENA_INIT(1 << 20), .err = ERR_INIT };
	o->fd = memory_file(bytes, len, o->path);
	o->notices = notices_new();
	o->status = mbox_file_open(AT_FDCWD, o->path, "name", o->notices, &o->file, &o->err);
}

static void close_bytes(struct opened *o)
{
	mbox_file_close(o->file);
	notices_free(o->notices);
	arena_release(&o->arena);
	close(o->fd);
}

static bool body_is(const struct message *m, const char *want, char *text, size_t size)
{
	struct err err = ERR_INIT;
	size_t len = m->body.len < size - 1 ? m->body.len : size - 1;
	ssize_t n = fd_pread(m->body.fd, text, len, m->body.off, &err);

	text[n < 0 ? 0 : n] = '\0';
	return (size_t)n == strlen(want) && memcmp(text, want, (size_t)n) == 0;
}

static const struct {
	const char *name, *in;
	const char *want[MESSAGES_MAX];
} boundaries[] = {
	{ "empty file", "", { 0 } },
	{ "only empty lines", "\n\r\n\n", { 0 } },
	{ "one", FROM HEAD "\nx\n", { HEAD "\nx\n" } },
	{ "two", FROM HEAD "\nx\n\n" FROM HEAD "\ny\n\n", { HEAD "\nx\n", HEAD "\ny\n" } },
	{ "one empty line is the container's, the others stay (7)",
	  FROM HEAD "\nx\n\n\n\n" FROM "A: b\n\ny\n\n\n",
	  { HEAD "\nx\n\n\n", "A: b\n\ny\n\n" } },
	{ "CR LF",
	  FROM_CRLF "A: b\r\n\r\nx\r\n\r\n" FROM_CRLF "C: d\r\n\r\ny\r\n",
	  { "A: b\r\n\r\nx\r\n", "C: d\r\n\r\ny\r\n" } },
	{ "CR only (8)",
	  "From a@example.org Thu Sep 13 12:30:05 2001\rA: b\r\rx\r\r"
	  "From a@example.org Thu Sep 13 12:30:05 2001\rC: d\r\ry\r",
	  { "A: b\r\rx\r", "C: d\r\ry\r" } },
	{ "LF bodies between CR LF separators, as Thunderbird writes",
	  "From - Thu Sep 13 12:30:05 2001\r\nA: b\n\nx\n\r\n"
	  "From - Thu Sep 13 12:30:05 2001\r\nC: d\n\ny\n",
	  { "A: b\n\nx\n", "C: d\n\ny\n" } },
	{ "byte order mark and empty lines first (1)",
	  "\xef\xbb\xbf\n\r\n" FROM "A: b\n\nx\n",
	  { "A: b\n\nx\n" } },
	{ "no header at all (3)", FROM "\nx\n\n" FROM "just text\n", { "\nx\n", "just text\n" } },
	{ "empty message", FROM FROM_CRLF "A: b\nC: d\n\nx\n", { "", "A: b\nC: d\n\nx\n" } },
	{ "no empty line before, two fields behind (4)",
	  FROM "A: b\n\nx\n" FROM HEAD "\ny\n",
	  { "A: b\n\nx\n", HEAD "\ny\n" } },
	{ "no empty line before, folded field behind (4)",
	  FROM "A: b\n\nx\n" FROM "A: b\n c\n d\nE: f\n\ny\n",
	  { "A: b\n\nx\n", "A: b\n c\n d\nE: f\n\ny\n" } },
	{ "no empty line before, one field behind: text (4)",
	  FROM "A: b\n\nx\n" FROM "A: b\n\ny\n",
	  { "A: b\n\nx\n" FROM "A: b\n\ny\n" } },
	{ "in the header (4)", FROM "A: b\n" FROM HEAD "\ny\n", { "A: b\n", HEAD "\ny\n" } },
	{ "no date, prose: text (5)",
	  FROM "A: b\n\nx\n\nFrom Russia with love\nA: b\nC: d\n",
	  { "A: b\n\nx\n\nFrom Russia with love\nA: b\nC: d\n" } },
	{ "no date, bare, fields behind (5)",
	  "From \n" HEAD "\nx\n\nFrom \nX-A: b\nX-C: d\n\ny\n",
	  { HEAD "\nx\n", "X-A: b\nX-C: d\n\ny\n" } },
	{ "no date, bare, text behind (5)",
	  "From \n" HEAD "\nx\n\nFrom \nthen text\n",
	  { HEAD "\nx\n\nFrom \nthen text\n" } },
	{ "no date, dash, no empty line, known field (5)",
	  "From -\n" HEAD "\nx\nFrom -\nReceived: x\nX-A: b\n\ny\n",
	  { HEAD "\nx\n", "Received: x\nX-A: b\n\ny\n" } },
	{ "no date, dash, no empty line, unknown field: text (5)",
	  "From -\n" HEAD "\nx\nFrom -\nX-A: b\nTo: c\n\ny\n",
	  { HEAD "\nx\nFrom -\nX-A: b\nTo: c\n\ny\n" } },
	{ "no date, an address (5)",
	  "From 123@xxx\n" HEAD "\nx\n\nFrom 456@xxx\n" HEAD "\ny\n",
	  { HEAD "\nx\n", HEAD "\ny\n" } },
	{ "folded, as nmh writes (6)",
	  FROM "A: b\n\nx\n\nFrom \n  Sun Nov 22 03:43:37 2009\nC: d\n\ny\n",
	  { "A: b\n\nx\n", "C: d\n\ny\n" } },
	{ "senders with blanks",
	  "From upi at papat.org  Thu Sep 13 12:30:05 2001\nA: b\n\nx\n\n"
	  "From \"a b\"@c.org Thu Sep 13 12:30 2001\nA: b\n\ny\n\n"
	  "From ???@??? Thu Sep 13 12:30:05 2001\nA: b\n\nz\n",
	  { "A: b\n\nx\n", "A: b\n\ny\n", "A: b\n\nz\n" } },
	{ "zones where they are met",
	  "From 12@xxx Thu Sep 13 12:30:05 +0000 2001\nA: b\n\nw\n\n"
	  "From a Thu Sep 13 12:30:05 CEST 2001\nA: b\n\nx\n\n"
	  "From a Thu Sep 13 12:30:05 2001 -0400\nA: b\n\ny\n\n"
	  "From a Thu, 13 Sep 2001 12:30:05 +0200\nA: b\n\nz\n",
	  { "A: b\n\nw\n", "A: b\n\nx\n", "A: b\n\ny\n", "A: b\n\nz\n" } },
	{ "Content-Length holds a From_ line (2)",
	  FROM "Content-Length: 52\n\nx\n\n" FROM "A: b\n\n" FROM "A: b\n\ny\n",
	  { "Content-Length: 52\n\nx\n\n" FROM "A: b\n", "A: b\n\ny\n" } },
	{ "Content-Length too large (2)",
	  FROM "Content-Length: 60\n\nx\n\n" FROM "A: b\n\ny\n",
	  { "Content-Length: 60\n\nx\n", "A: b\n\ny\n" } },
	{ "Content-Length too small (2)",
	  FROM "Content-Length: 1\n\nxyz\n\n" FROM "A: b\n\ny\n",
	  { "Content-Length: 1\n\nxyz\n", "A: b\n\ny\n" } },
	{ "Content-Length 0 (2)",
	  FROM "Content-Length: 0\n\n\n" FROM "A: b\n\ny\n",
	  { "Content-Length: 0\n\n", "A: b\n\ny\n" } },
	{ "Content-Length no number",
	  FROM "Content-Length: 99999999999999999999\n\nx\n",
	  { "Content-Length: 99999999999999999999\n\nx\n" } },
	{ "Content-Length ends at the end (2)",
	  FROM "Content-Length: 48\n\nx\n\n" FROM "y",
	  { "Content-Length: 48\n\nx\n\n" FROM "y" } },
	{ "Content-Length counted with LF in a CR LF file (2)",
	  FROM_CRLF "Content-Length: 53\r\n\r\nx\r\n\r\n" FROM_CRLF "A: b\r\n\r\n\r\n" FROM_CRLF
		    "A: b\r\n\r\ny\r\n",
	  { "Content-Length: 53\r\n\r\nx\r\n\r\n" FROM_CRLF "A: b\r\n\r\n", "A: b\r\n\r\ny\r\n" } },
	{ "the file ends in the header", FROM "A: b\nC: d", { "A: b\nC: d" } },
	{ "the file ends in the From_ line", "From a Thu Sep 13 12:30:05 2001", { "" } },
	{ "header, empty line, nothing else", FROM "A: b\n\n", { "A: b\n" } },
	{ "quoted From_ lines are text",
	  FROM "A: b\n\n>From x\n\n>" FROM "y\n",
	  { "A: b\n\n>From x\n\n>" FROM "y\n" } },
	{ "mbox text without line start",
	  FROM "A: b\n\nx " FROM "A: b\nC: d\n",
	  { "A: b\n\nx " FROM "A: b\nC: d\n" } },
};

Test(mbox_file, boundaries)
{
	for (size_t i = 0; i < sizeof(boundaries) / sizeof(boundaries[0]); i++) {
		const char *name = boundaries[i].name;
		struct opened o;
		struct message m;
		size_t n = 0;
		char text[512];
		int got;

		open_bytes(&o, boundaries[i].in, strlen(boundaries[i].in));
		cr_assert_eq(o.status, 0, "%s: %s", name, o.err.text);
		while ((got = mbox_file_next(o.file, &o.arena, &m, &o.err)) > 0) {
			struct message again = { 0 };
			const char *file, *suffix;

			cr_assert_lt(n, MESSAGES_MAX, "%s", name);
			cr_assert_not_null(boundaries[i].want[n], "%s: one too many", name);
			cr_expect(body_is(&m, boundaries[i].want[n], text, sizeof(text)),
				  "%s: message %zu is '%s'", name, n, text);
			cr_assert_eq(
				mbox_locator_split(m.locator, &o.arena, &file, &suffix, &o.err), 0,
				"%s", name);
			cr_expect_str_eq(file, "name", "%s", name);
			cr_expect_eq(mbox_file_locate(o.file, suffix, &again, &o.err), 0,
				     "%s: %s: %s", name, m.locator, o.err.text);
			cr_expect_eq(again.body.off, m.body.off, "%s", name);
			cr_expect_eq(again.body.len, m.body.len, "%s", name);
			cr_expect_eq(memcmp(&again.canon, &m.canon, sizeof(m.canon)), 0, "%s",
				     name);
			n++;
		}
		cr_expect_eq(got, 0, "%s: %s", name, o.err.text);
		cr_expect(n == MESSAGES_MAX || !boundaries[i].want[n], "%s: only %zu", name, n);
		close_bytes(&o);
	}
}

static const struct {
	const char *name, *in, *error;
} refused[] = {
	{ "text", "Dear diary\n", "does not begin with a From_ line" },
	{ "a message", "To: x\nFrom: y\n\nz\n", "a single message?" },
	{ "prose that begins with From", "From here on\nit goes\n", "not an mbox" },
	{ "PST", "!BDN and so on", "an Outlook data file" },
	{ "MMDF", "\x01\x01\x01\x01\nFrom a Thu Sep 13 12:30:05 2001\n", "an MMDF folder" },
	{ "Babyl", "BABYL OPTIONS: -*- rmail -*-\n", "Babyl" },
	{ "mbx", "*mbx*\r\n5cf1...", "c-client's mbx" },
	{ "dbx", "\xCF\xAD\x12\xFE\xC5\xFD", "Outlook Express" },
	{ "bzip2", "BZh91AY&SY", "bzip2" },
	{ "mailbox name", "From", "not an mbox" },
};

Test(mbox_file, refused)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct opened o;

		open_bytes(&o, refused[i].in, strlen(refused[i].in));
		cr_expect_eq(o.status, -1, "%s", refused[i].name);
		cr_expect_eq(o.err.code, ERR_FORMAT, "%s", refused[i].name);
		cr_expect_eq(o.err.scope, SCOPE_FOLDER, "%s", refused[i].name);
		cr_expect(!strstr(o.err.text, "diary"), "what stands in a file stays there");
		cr_expect(strstr(o.err.text, refused[i].error), "%s: %s", refused[i].name,
			  o.err.text);
		cr_expect_eq(mbox_file_probe(o.path), 0, "%s", refused[i].name);
		close_bytes(&o);
	}
}

#define DOVECOT(uid, body_len) "A: b\nX-UID: " uid "\nStatus: O\nContent-Length: " body_len "\n\n"
#define PSEUDO                                                                                     \
	"From MAILER-DAEMON Thu Sep 13 12:30:05 2001\n"                                            \
	"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"                             \
	"X-IMAP: 1000000000 0000000002\nStatus: RO\n\ntext\n\n"

/* The last message of a file: how it is to be read. */
static const struct {
	const char *name, *in;
	enum quoting quoting;
	uint32_t strip;
	enum message_state state;
	bool trusted;
} rules[] = {
	{ "unquoted by default", FROM "A: b\n\nx\n", QUOTING_MBOXRD, 0, STATE_WHOLE, false },
	{ "all confirmed by Content-Length", FROM "Content-Length: 2\n\nx\n", QUOTING_NONE,
	  STRIP_CONTENT_LENGTH | STRIP_LINES, STATE_WHOLE, false },
	{ "one of two confirmed", FROM "A: b\n\nx\n\n" FROM "Content-Length: 2\n\nx\n",
	  QUOTING_MBOXRD, 0, STATE_WHOLE, false },
	{ "Mozilla does not count", "From - Thu Sep 13 12:30:05 2001\nContent-Length: 2\n\nx\n",
	  QUOTING_MBOXRD, 0, STATE_WHOLE, false },
	{ "Dovecot's, among messages it has not seen",
	  PSEUDO FROM "A: b\n\nx\n\n" FROM DOVECOT("2", "2") "y\n", QUOTING_NONE,
	  STRIP_STATUS | STRIP_X_UID | STRIP_CONTENT_LENGTH | STRIP_LINES, STATE_WHOLE, true },
	{ "not counted behind the pseudo message", PSEUDO FROM "X-UID: 1\nStatus: RO\n\nx\n",
	  QUOTING_MBOXRD, STRIP_STATUS | STRIP_X_UID, STATE_WHOLE, true },
	{ "mutt's", FROM "A: b\nStatus: RO\nContent-Length: 2\nLines: 1\n\nx\n", QUOTING_NONE,
	  STRIP_STATUS | STRIP_CONTENT_LENGTH | STRIP_LINES, STATE_WHOLE, true },
	{ "an alien length before c-client's fields",
	  PSEUDO FROM "Content-Length: 2\nStatus: O\nX-UID: 2\n\nx\n\n" FROM
		      "Content-Length: 2\nStatus: O\nX-UID: 3\n\ny\n\n" FROM "X-UID: 4\n\nz\n",
	  QUOTING_MBOXRD, STRIP_X_UID, STATE_WHOLE, true },
	{ "cut off in a line", FROM "A: b\n\nx", QUOTING_MBOXRD, 0, STATE_TRUNCATED, false },
	{ "cut off where lengths are honest",
	  FROM "Content-Length: 2\n\nx\n\n" FROM "Content-Length: 99\n\n>From\n", QUOTING_NONE,
	  STRIP_CONTENT_LENGTH | STRIP_LINES, STATE_TRUNCATED, false },
	{ "expunged", "From - Thu Sep 13 12:30:05 2001\nX-Mozilla-Status: 0009\nA: b\n\nx\n",
	  QUOTING_MBOXRD, STRIP_X_MOZILLA_STATUS, STATE_DELETED, false },
	{ "flagged deleted", FROM "Status: RD\n\nx\n", QUOTING_MBOXRD, STRIP_STATUS, STATE_DELETED,
	  false },
};

Test(mbox_file, rules)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct message m, last = { 0 };
		struct opened o;

		open_bytes(&o, rules[i].in, strlen(rules[i].in));
		cr_assert_eq(o.status, 0, "%s: %s", rules[i].name, o.err.text);
		while (mbox_file_next(o.file, &o.arena, &m, &o.err) > 0)
			last = m;
		cr_expect_eq(last.canon.quoting, rules[i].quoting, "%s", rules[i].name);
		cr_expect_eq(last.canon.strip, rules[i].strip, "%s: %x", rules[i].name,
			     last.canon.strip);
		cr_expect_eq(last.state, rules[i].state, "%s", rules[i].name);
		cr_expect_eq(last.arrival.trusted, rules[i].trusted, "%s", rules[i].name);
		close_bytes(&o);
	}
}

Test(mbox_file, nul_tail_and_pseudo_message)
{
	static const char text[] = PSEUDO FROM "A: b\n\nx\n\n\0\0\0\0";
	struct opened o;
	struct message m;
	struct notice n;
	uint32_t kinds = 0;
	char body[64];

	open_bytes(&o, text, sizeof(text) - 1);
	cr_assert_eq(o.status, 0, "%s", o.err.text);
	cr_assert_eq(mbox_file_next(o.file, &o.arena, &m, &o.err), 1);
	cr_expect(body_is(&m, "A: b\n\nx\n", body, sizeof(body)), "'%s'", body);
	cr_expect_eq(mbox_file_next(o.file, &o.arena, &m, &o.err), 0);
	while (notices_next(o.notices, &o.arena, &n) > 0)
		kinds |= 1u << n.kind;
	cr_expect_eq(kinds, 1u << NOTICE_PSEUDO | 1u << NOTICE_DAMAGED);
	close_bytes(&o);
}

/* Two messages whose border lies at every place around the border of what is read at once. */
Test(mbox_file, border_of_chunks)
{
	static const char first[] = FROM "A: b\n\n", second[] = "\n\n" FROM "C: d\n\ny\n";
	size_t size = WINDOW_CHUNK + 4096;
	char *bytes = malloc(size);

	cr_assert_not_null(bytes);
	for (size_t at = WINDOW_CHUNK - 60; at < WINDOW_CHUNK + 16; at++) {
		struct opened o;
		struct message m;

		memset(bytes, 'x', size);
		memcpy(bytes, first, sizeof(first) - 1);
		memcpy(bytes + at, second, sizeof(second) - 1);
		open_bytes(&o, bytes, at + sizeof(second) - 1);
		cr_assert_eq(o.status, 0, "%zu: %s", at, o.err.text);
		cr_assert_eq(mbox_file_next(o.file, &o.arena, &m, &o.err), 1, "%zu", at);
		cr_expect_eq(m.body.off + m.body.len, at + 1, "%zu", at);
		cr_assert_eq(mbox_file_next(o.file, &o.arena, &m, &o.err), 1, "%zu", at);
		cr_expect_eq(m.body.len, 8, "%zu", at);
		cr_expect_eq(mbox_file_next(o.file, &o.arena, &m, &o.err), 0, "%zu", at);
		close_bytes(&o);
	}
	free(bytes);
}

/* A header block beyond what is looked at: its message still ends where the next begins. */
Test(mbox_file, endless_header)
{
	struct buf text = BUF_INIT(4 << 20);
	struct opened o;
	struct message m;

	buf_adds(&text, FROM);
	for (int i = 0; i < 60000; i++)
		buf_addf(&text, "X-Line-%d: a value of some length\n", i);
	buf_adds(&text, "\nx\n\n" FROM "C: d\n\ny\n");
	open_bytes(&o, text.ptr, text.len);
	cr_assert_eq(o.status, 0, "%s", o.err.text);
	cr_assert_eq(mbox_file_next(o.file, &o.arena, &m, &o.err), 1);
	cr_expect_gt(m.body.len, 2000000);
	cr_assert_eq(mbox_file_next(o.file, &o.arena, &m, &o.err), 1);
	cr_expect_eq(m.body.len, 8);
	cr_expect_eq(mbox_file_next(o.file, &o.arena, &m, &o.err), 0);
	close_bytes(&o);
	buf_release(&text);
}

Test(mbox_file, changed_while_read)
{
	static const char text[] = FROM "A: b\n\nx\n\n" FROM "C: d\n\ny\n";
	struct opened o;
	struct message m;
	const char *name, *suffix;

	open_bytes(&o, text, sizeof(text) - 1);
	cr_assert_eq(mbox_file_next(o.file, &o.arena, &m, &o.err), 1);
	cr_assert_eq(mbox_locator_split(m.locator, &o.arena, &name, &suffix, &o.err), 0);
	cr_expect(mbox_file_unchanged(o.file));
	cr_assert_eq(pwrite(o.fd, "z\n", 2, 0),
		     2); /* no From_ line any more, size and all the same */
	cr_assert_eq(ftruncate(o.fd, (off_t)sizeof(text) + 20), 0);
	cr_expect(!mbox_file_unchanged(o.file));
	cr_assert_eq(mbox_file_next(o.file, &o.arena, &m, &o.err), 1);
	cr_expect_eq(mbox_file_next(o.file, &o.arena, &m, &o.err), -1);
	cr_expect_eq(o.err.code, ERR_CHANGED);
	cr_expect_eq(o.err.scope, SCOPE_FOLDER);

	cr_assert_eq(
		pwrite(o.fd, "overwritten: all of it, and more than that\nA: b\n\nx y z !", 56, 0),
		56);
	cr_expect_eq(mbox_file_locate(o.file, suffix, &m, &o.err), -1);
	cr_expect_eq(o.err.code, ERR_CHANGED);
	cr_expect_eq(o.err.scope, SCOPE_MESSAGE);
	close_bytes(&o);
}

static const struct {
	const char *name, *suffix;
	enum err_code code;
} bad_suffixes[] = {
	{ "empty", "", ERR_FORMAT },
	{ "no rules", "@44+8:", ERR_FORMAT },
	{ "unknown quoting", "@44+8:lx0", ERR_FORMAT },
	{ "unknown line end", "@44+8:xd0", ERR_FORMAT },
	{ "no number", "@44+-8:ld0", ERR_FORMAT },
	{ "strip too large", "@44+8:ld100000000", ERR_FORMAT },
	{ "another start", "@45+7:ld0", ERR_CHANGED },
	{ "another end", "@44+5:ld0", ERR_CHANGED },
	{ "beyond the end", "@44+800:ld0", ERR_CHANGED },
	{ "overflow", "@44+18446744073709551615:ld0", ERR_CHANGED },
	{ "before all", "@0+0:ld0", ERR_CHANGED },
};

Test(mbox_file, bad_locators)
{
	static const char text[] = FROM "A: b\n\nx\n\n" FROM "C: d\n\ny\n";
	struct opened o;
	struct message m = { 0 };

	open_bytes(&o, text, sizeof(text) - 1);
	cr_expect_eq(mbox_file_locate(o.file, "@44+8:ld1f", &m, &o.err), 0, "%s", o.err.text);
	cr_expect_eq(m.canon.strip, 0x1f);
	for (size_t i = 0; i < sizeof(bad_suffixes) / sizeof(bad_suffixes[0]); i++) {
		cr_expect_eq(mbox_file_locate(o.file, bad_suffixes[i].suffix, &m, &o.err), -1, "%s",
			     bad_suffixes[i].name);
		cr_expect_eq(o.err.code, bad_suffixes[i].code, "%s: %s", bad_suffixes[i].name,
			     o.err.text);
	}
	close_bytes(&o);
}

/* ---- gzip ---- */

static void add_member(struct buf *out, const void *bytes, size_t len)
{
	z_stream z = { 0 };

	cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)bytes;
	z.avail_in = (uInt)len;
	z.avail_out = (uInt)len + 1024;
	z.next_out = (Bytef *)buf_room(out, z.avail_out);
	cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len += z.total_out;
	deflateEnd(&z);
}

static const struct {
	const char *name;
	size_t cut, pad;
	bool two_members;
	size_t messages;
	enum message_state last;
} packed[] = {
	{ "whole", 0, 0, false, 1, STATE_WHOLE },
	{ "two members", 0, 0, true, 2, STATE_WHOLE },
	{ "padded with NULs", 0, 512, false, 1, STATE_WHOLE },
	{ "checksum missing", 8, 0, false, 1, STATE_TRUNCATED },
	{ "cut off", 200, 0, false, 1, STATE_TRUNCATED },
};

Test(mbox_file, gzip)
{
	struct buf text = BUF_INIT(1 << 16);

	buf_adds(&text, FROM "A: b\n\n");
	for (int i = 0; i < 200; i++)
		buf_addf(&text, "line %d %d\n", i * i, i);
	buf_adds(&text, "\n");
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		struct buf gz = BUF_INIT(1 << 16);
		struct opened o;
		struct message m = { 0 }, last = { 0 };
		size_t n = 0;

		add_member(&gz, text.ptr, text.len);
		if (packed[i].two_members)
			add_member(&gz, text.ptr, text.len);
		memset(buf_room(&gz, 512), 0, 512);
		open_bytes(&o, gz.ptr, gz.len - packed[i].cut + packed[i].pad);
		cr_assert_eq(o.status, 0, "%s: %s", packed[i].name, o.err.text);
		for (; mbox_file_next(o.file, &o.arena, &m, &o.err) > 0; last = m)
			n++;
		cr_expect_eq(n, packed[i].messages, "%s: %zu", packed[i].name, n);
		cr_expect_eq(last.state, packed[i].last, "%s: %d", packed[i].name, last.state);
		cr_expect_eq(mbox_file_probe(o.path), 90, "%s", packed[i].name);
		close_bytes(&o);
		buf_release(&gz);
	}
	buf_release(&text);
}

Test(mbox_file, gzip_bomb)
{
	struct buf gz = BUF_INIT(4 << 20);
	size_t len = (size_t)80 << 20;
	char *nuls = calloc(1, len);
	struct opened o;

	cr_assert_not_null(nuls);
	gz.limit = len + 4096;
	add_member(&gz, nuls, len);
	open_bytes(&o, gz.ptr, gz.len);
	cr_expect_eq(o.status, -1);
	cr_expect_eq(o.err.code, ERR_LIMIT, "%s", o.err.text);
	close_bytes(&o);
	buf_release(&gz);
	free(nuls);
}

/* ---- the search for From_ lines ---- */

Test(mbox_file, search)
{
	char text[300];

	for (size_t at = 0; at < 200; at++) {
		for (size_t end = at + 1; end < 280; end++) {
			const char *want = text + at;

			memset(text, 'F', sizeof(text));
			text[at] = '\n';
			cr_assert_eq(window_find_eol_f(text, text + end, '\n'), want, "%zu %zu", at,
				     end);
			text[at + 1] = 'x';
			want = end == at + 1 ? text + at : NULL;
			cr_assert_eq(window_find_eol_f(text, text + end, '\n'), want, "%zu %zu", at,
				     end);
		}
	}
}

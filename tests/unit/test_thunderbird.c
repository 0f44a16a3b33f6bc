/*
 * source/thunderbird.c: the fixture profile as a whole, and small ones made on the spot.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "source/kinds.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define FIXTURE	    "fixtures/thunderbird"
#define PROFILE	    FIXTURE "/k7x2m9qa.default-release"

/* ---- reading a source whole ---- */

struct reading {
	struct buf folders; /* "A/B role=sent n=2 partial=1\n" */
	struct buf notices; /* "kind x count\n", in their order */
	struct buf locators;
	struct err err;
	int status; /* 0, or -1 */
};

static void reading_release(struct reading *r)
{
	buf_release(&r->folders);
	buf_release(&r->notices);
	buf_release(&r->locators);
}

static int read_messages(struct source *s, struct reading *r)
{
	struct arena a = ARENA_INIT(1 << 20);
	unsigned counts[STATE_UNREADABLE + 1] = { 0 };
	struct message m;
	unsigned n = 0;
	int got;

	while ((got = source_next_message(s, &a, &m, &r->err)) > 0) {
		counts[m.state]++;
		n++;
		buf_addf(&r->locators, "%s\n", m.locator);
		arena_reset(&a);
	}
	buf_addf(&r->folders, " n=%u", n);
	for (int i = STATE_WHOLE + 1; i <= STATE_UNREADABLE; i++)
		if (counts[i])
			buf_addf(&r->folders, " %s=%u", state_name((enum message_state)i),
				 counts[i]);
	buf_addf(&r->folders, "%s\n", got < 0 ? " FAILED" : "");
	arena_release(&a);
	return got;
}

static int read_folders(struct source *s, struct reading *r)
{
	struct arena a = ARENA_INIT(1 << 20);
	struct source_folder f;
	int got;

	while ((got = source_next_folder(s, &a, &f, &r->err)) > 0) {
		for (size_t i = 0; i < f.path.n; i++)
			buf_addf(&r->folders, "%s%s", i ? "/" : "", f.path.names[i]);
		if (f.role != ROLE_NONE)
			buf_addf(&r->folders, " role=%s", role_name(f.role));
		got = read_messages(s, r);
		if (got < 0)
			break;
		arena_reset(&a);
	}
	arena_release(&a);
	return got;
}

static void read_notices(struct source *s, struct reading *r)
{
	static const char *const names[] = {
		"pseudo", "expunged", "outbox",	 "feed", "skipped",
		"in use", "changed",  "damaged", "name", "not carried"
	};
	struct arena a = ARENA_INIT(1 << 20);
	struct notice n;

	while (source_next_notice(s, &a, &n) > 0)
		buf_addf(&r->notices, "%s x %u\n", names[n.kind], (unsigned)n.count);
	arena_release(&a);
}

static void read_all(const char *path, const struct source_options *options, struct reading *r)
{
	struct source *s;

	*r = (struct reading){ .err = ERR_INIT };
	buf_init(&r->folders, 1 << 20);
	buf_init(&r->notices, 1 << 20);
	buf_init(&r->locators, 1 << 20);
	r->status = source_thunderbird.open(path, options, &s, &r->err);
	if (r->status != 0)
		return;
	r->status = read_folders(s, r);
	read_notices(s, r);
	source_close(s);
}

static const char *text(struct buf *b)
{
	return b->len ? buf_cstr(b) : "";
}

static void expect_reading(const char *name, const char *path, const struct source_options *options,
			   const char *folders, const char *notices)
{
	CLEANUP(reading_release) struct reading r;

	read_all(path, options, &r);
	cr_expect_eq(r.status, 0, "%s: %s", name, r.err.text);
	cr_expect_str_eq(text(&r.folders), folders, "%s:\n%s", name, text(&r.folders));
	if (notices)
		cr_expect_str_eq(text(&r.notices), notices, "%s:\n%s", name, text(&r.notices));
}

/* ---- making small stores ---- */

static char tmp[64];

static void make_tmp(void)
{
	snprintf(tmp, sizeof(tmp), "/tmp/mailhoist-tb.XXXXXX");
	cr_assert_not_null(mkdtemp(tmp));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tmp(void)
{
	nftw(tmp, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A file below tmp, with its directories. */
static void put(const char *name, const char *content)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(4096);
	FILE *f;

	buf_addf(&path, "%s/%s", tmp, name);
	cr_assert_not_null(buf_cstr(&path));
	for (char *p = path.ptr + strlen(tmp) + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		mkdir(path.ptr, 0700);
		*p = '/';
	}
	f = fopen(path.ptr, "w");
	cr_assert_not_null(f, "%s", path.ptr);
	fputs(content, f);
	fclose(f);
}

#define MAIL(status, id)                                                                           \
	"From - Mon Mar 04 05:00:00 2024\r\nX-Mozilla-Status: " status                             \
	"\nX-Mozilla-Status2: 00000000\nFrom: a@example.org\nMessage-ID: <" id                     \
	"@example.org>\n\nText\n\r\n"
#define FILE_MAIL(status, id)                                                                      \
	"X-Mozilla-Status: " status                                                                \
	"\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: $label1     \nFrom: a@example.org\n"       \
	"Message-ID: <" id "@example.org>\n\nText\n"
#define SERVER(id, type, host)                                                                     \
	"user_pref(\"mail.server." id ".type\", \"" type "\");\n"                                  \
	"user_pref(\"mail.server." id ".hostname\", \"" host "\");\n"                              \
	"user_pref(\"mail.server." id ".userName\", \"me\");\n"                                    \
	"user_pref(\"mail.server." id ".directory-rel\", \"[ProfD]Mail/" host "\");\n"

static const struct source_options none,
	all = { .include_deleted = true, .include_outbox = true, .include_feeds = true };

/* ---- the fixture ---- */

#define POP_FOLDERS "INBOX role=inbox n=9 partial=1\nTrash role=trash n=1\n"
#define LOCAL_FOLDERS                                                                              \
	"Archives role=archive n=0\nArchives/2022 n=4\nDrafts role=drafts n=1\n"                   \
	"Posted: my mail role=sent n=3\nProjects n=2\nProjects/Garden n=2\n"                       \
	"Projects/Offers? 2023/24 n=2\nUnwanted role=junk n=1\nWhat was it6037836c n=1\n"          \
	"\xC3\x9C"                                                                                 \
	"berweisungen; Haus n=1\n"

Test(thunderbird, fixture)
{
	static const struct {
		const char *name, *path;
		int sure;
		const char *folders, *notices;
	} rows[] = {
		{ "directory of profiles.ini", FIXTURE, 95, POP_FOLDERS LOCAL_FOLDERS,
		  "not carried x 1\nnot carried x 1\nexpunged x 2\noutbox x 1\nname x 1\n"
		  "feed x 2\n" },
		{ "profile", PROFILE, 95, POP_FOLDERS LOCAL_FOLDERS,
		  "not carried x 1\nnot carried x 1\nexpunged x 2\noutbox x 1\nname x 1\n"
		  "feed x 2\n" },
		{ "profile, slash at the end", PROFILE "//", 95, POP_FOLDERS LOCAL_FOLDERS, NULL },
		{ "Mail", PROFILE "/Mail", 85, LOCAL_FOLDERS POP_FOLDERS, NULL },
		{ "account", PROFILE "/Mail/pop.example.org", 90, POP_FOLDERS, "expunged x 2\n" },
		{ "Local Folders", PROFILE "/Mail/Local Folders", 90, LOCAL_FOLDERS,
		  "outbox x 1\nname x 1\n" },
		{ "account that was removed", PROFILE "/Mail/old.example.net", 90,
		  "INBOX role=inbox n=1\n", "" },
		{ "feeds", PROFILE "/Mail/Feeds", 90, "", "feed x 2\n" },
		{ "offline copy, named by the user", PROFILE "/ImapMail/imap.example.com", 90,
		  "INBOX role=inbox n=1\n", "" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		expect_reading(rows[i].name, rows[i].path, &none, rows[i].folders, rows[i].notices);
		cr_expect_eq(source_thunderbird.probe(rows[i].path), rows[i].sure, "%s: %d",
			     rows[i].name, source_thunderbird.probe(rows[i].path));
	}
}

Test(thunderbird, opt_in)
{
	expect_reading("deleted", PROFILE "/Mail/pop.example.org", &all,
		       "INBOX role=inbox n=9 partial=1\nINBOX/Deleted n=2 deleted=2\n"
		       "Trash role=trash n=1\n",
		       "expunged x 2\n");
	expect_reading("feeds below their account", PROFILE "/Mail",
		       &(struct source_options){ .include_feeds = true },
		       "Blogs & News Feeds/Weather n=2 feed=2\n" LOCAL_FOLDERS POP_FOLDERS, NULL);
	expect_reading("outbox", PROFILE "/Mail/Local Folders",
		       &(struct source_options){ .include_outbox = true },
		       "Archives role=archive n=0\nArchives/2022 n=4\nDrafts role=drafts n=1\n"
		       "Posted: my mail role=sent n=3\nProjects n=2\nProjects/Garden n=2\n"
		       "Projects/Offers? 2023/24 n=2\nUnsent Messages role=outbox n=1 outbox=1\n"
		       "Unwanted role=junk n=1\nWhat was it6037836c n=1\n"
		       "\xC3\x9C"
		       "berweisungen; Haus n=1\n",
		       "name x 1\n");
}

/* A caller that knows the folder already does not read it; the second pass comes all the same. */
Test(thunderbird, deleted_folder_of_unread_folder)
{
	struct arena a = ARENA_INIT(1 << 20);
	struct err err = ERR_INIT;
	struct source_folder f;
	struct source *s;

	cr_assert_eq(source_thunderbird.open(PROFILE "/Mail/pop.example.org", &all, &s, &err), 0);
	cr_expect_eq(source_next_folder(s, &a, &f, &err), 1);
	cr_expect_eq(source_next_folder(s, &a, &f, &err), 1);
	cr_expect_str_eq(f.path.names[1], "Deleted");
	cr_expect_eq(source_next_folder(s, &a, &f, &err), 1);
	cr_expect_str_eq(f.path.names[0], "Trash");
	cr_expect_eq(source_next_folder(s, &a, &f, &err), 0);
	source_close(s);
	arena_release(&a);
}

/* Flags and keywords of the fixture's Inbox, in its order. */
Test(thunderbird, flags)
{
	static const struct {
		uint32_t system;
		size_t keywords;
	} rows[] = {
		{ FLAG_SEEN, 0 },
		{ FLAG_SEEN | FLAG_ANSWERED, 1 },
		{ FLAG_SEEN | FLAG_FLAGGED, 0 },
		{ FLAG_SEEN, 3 },
		{ FLAG_SEEN, 0 },
		{ FLAG_SEEN, 0 },
		{ 0, 0 },
		{ 0, 0 },
		{ 0, 0 },
	};
	struct arena a = ARENA_INIT(1 << 20);
	struct err err = ERR_INIT;
	struct source_folder f;
	struct source *s;
	struct message m;

	cr_assert_eq(source_thunderbird.open(PROFILE, &none, &s, &err), 0);
	cr_assert_eq(source_next_folder(s, &a, &f, &err), 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		cr_assert_eq(source_next_message(s, &a, &m, &err), 1);
		cr_expect_eq(m.flags.system, rows[i].system, "message %zu", i);
		cr_expect_eq(m.flags.n_keywords, rows[i].keywords, "message %zu", i);
		cr_expect_eq(m.canon.strip, STRIP_MOZILLA, "message %zu", i);
		cr_expect_not(m.arrival.trusted);
	}
	cr_expect_eq(source_next_message(s, &a, &m, &err), 0);
	cr_expect_eq(source_next_message(s, &a, &m, &err), 0);
	source_close(s);
	arena_release(&a);
}

/* ---- finding messages again ---- */

static void find_each(const char *path, struct slice locators, unsigned want)
{
	struct arena a = ARENA_INIT(1 << 20);
	struct err err = ERR_INIT;
	struct slice line;
	struct source *s;
	unsigned n = 0;

	cr_assert_eq(source_thunderbird.open(path, &none, &s, &err), 0);
	while (slice_line(&locators, &line)) {
		struct message m = { 0 };
		char start[8] = "";

		cr_expect_eq(source_find(s, arena_slice(&a, line), &a, &m, &err), 0, "%.*s: %s",
			     (int)line.len, line.ptr, err.text);
		cr_expect_eq(fd_pread(m.body.fd, start, 7, m.body.off, &err), 7);
		cr_expect(strncmp(start, "X-Accou", 7) == 0 || strncmp(start, "X-Mozil", 7) == 0,
			  "%.*s: %s", (int)line.len, line.ptr, start);
		n++;
	}
	cr_expect_eq(n, want, "%u", n);
	source_close(s);
	arena_release(&a);
}

Test(thunderbird, find)
{
	static const struct {
		const char *path;
		unsigned n;
	} rows[] = { { FIXTURE, 27 },
		     { PROFILE "/Mail", 27 },
		     { PROFILE "/Mail/pop.example.org", 10 } };

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(reading_release) struct reading r;

		read_all(rows[i].path, &none, &r);
		find_each(rows[i].path, buf_slice(&r.locators), rows[i].n);
	}
}

Test(thunderbird, find_nothing)
{
	static const char *const locators[] = {
		"",
		"nonsense",
		"Mail/pop.example.org/Inbox",
		"Mail/pop.example.org/Inbox@1+1:ld0",
		"Mail/pop.example.org/Gone@33+768:ld1f00",
		"Mail/pop.example.org/../pop.example.org/Inbox@33+768:ld1f00",
		"Mail/nowhere/Inbox@33+768:ld1f00",
		"Mail/pop.example.org/Inbox/cur/x@1+0:l0",
		"/etc/passwd@0+10:ld0",
	};
	struct arena a = ARENA_INIT(1 << 20);
	struct err err = ERR_INIT;
	struct source *s;

	cr_assert_eq(source_thunderbird.open(PROFILE, &none, &s, &err), 0);
	for (size_t i = 0; i < ROWS(locators); i++) {
		struct message m = { 0 };

		cr_expect_eq(source_find(s, locators[i], &a, &m, &err), -1, "%s", locators[i]);
		cr_expect_eq(err.scope, SCOPE_MESSAGE, "%s", locators[i]);
	}
	source_close(s);
	arena_release(&a);
}

/* ---- accounts and profiles ---- */

Test(thunderbird, several_accounts, .init = make_tmp, .fini = remove_tmp)
{
	put("prefs.js",
	    SERVER("server1", "pop3", "one.example") SERVER("server2", "pop3", "two.example")
		    SERVER("server3", "none", "Local Folders")
			    SERVER("server4", "pop3", "never.used"));
	put("Mail/one.example/Inbox", MAIL("0001", "1"));
	put("Mail/one.example/Sent", MAIL("0001", "2"));
	put("Mail/two.example/Inbox", MAIL("0001", "3"));
	put("Mail/Local Folders/Sent", MAIL("0001", "4"));
	put("Mail/never.used/Inbox", "");
	expect_reading("two POP accounts", tmp, &none,
		       "one.example/Inbox n=1\none.example/Sent n=1\ntwo.example/Inbox n=1\n"
		       "Sent role=sent n=1\n",
		       "");
	put("Mail/two.example/Inbox", "");
	expect_reading("one of them has mail", tmp, &none,
		       "INBOX role=inbox n=1\nSent role=sent n=1\nSent role=sent n=1\n", "");
}

Test(thunderbird, accounts_of_the_same_name, .init = make_tmp, .fini = remove_tmp)
{
	put("prefs.js",
	    SERVER("server1", "pop3", "one.example")
		    SERVER("server2", "pop3",
			   "two.example") "user_pref(\"mail.server.server1.name\", \"Mail\");\n"
					  "user_pref(\"mail.server.server2.name\", \"mail\");\n");
	put("Mail/one.example/Inbox", MAIL("0001", "1"));
	put("Mail/two.example/Inbox", MAIL("0001", "2"));
	expect_reading("same name", tmp, &none, "Mail/Inbox n=1\nmail (two.example)/Inbox n=1\n",
		       "");
}

Test(thunderbird, profiles, .init = make_tmp, .fini = remove_tmp)
{
	put("profiles.ini", "[General]\nVersion=2\n\n[Profile0]\nName=old\nIsRelative=1\n"
			    "Path=aaaa.old\n\n[Install1]\nDefault=aaaa.old\n\n"
			    "[Profile1]\nName=new\nIsRelative=0\nPath=/gone/Profiles/bbbb.new\n\n"
			    "[Profile2]\nName=lost\nIsRelative=1\nPath=cccc.lost\n");
	put("aaaa.old/prefs.js", SERVER("server1", "pop3", "one.example"));
	put("aaaa.old/Mail/one.example/Inbox", MAIL("0001", "1"));
	put("Profiles/bbbb.new/prefs.js", SERVER("server1", "pop3", "one.example"));
	put("Profiles/bbbb.new/Mail/one.example/Inbox", MAIL("0001", "2"));
	expect_reading("two profiles", tmp, &none, "old/Inbox n=1\nnew/Inbox n=1\n", "");
	put("Profiles/bbbb.new/Mail/one.example/Inbox", "");
	expect_reading("one has mail", tmp, &none, "INBOX role=inbox n=1\n", "");
}

/* Where prefs.js says an account is, of a profile that was moved. */
Test(thunderbird, moved, .init = make_tmp, .fini = remove_tmp)
{
	static const struct {
		const char *name, *prefs;
	} rows[] = {
		{ "relative", "user_pref(\"mail.server.s.directory-rel\", \"[ProfD]Mail/a\");\n" },
		{ "relative and wrong absolute",
		  "user_pref(\"mail.server.s.directory\", \"/gone/p/Mail/a\");\n"
		  "user_pref(\"mail.server.s.directory-rel\", \"[ProfD]Mail/a\");\n" },
		{ "absolute alone",
		  "user_pref(\"mail.server.s.directory\", \"/gone/p/Mail/a\");\n" },
		{ "Windows",
		  "user_pref(\"mail.server.s.directory\", \"C:\\\\Mail\\\\p\\\\Mail\\\\a\");\n" },
	};

	put("Mail/a/Inbox", MAIL("0001", "1"));
	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(buf_release) struct buf prefs = BUF_INIT(4096);

		buf_addf(&prefs, "user_pref(\"mail.server.s.type\", \"pop3\");\n%s", rows[i].prefs);
		put("prefs.js", buf_cstr(&prefs));
		expect_reading(rows[i].name, tmp, &none, "INBOX role=inbox n=1\n", "");
	}
	put("prefs.js", SERVER("s", "pop3", "b"));
	expect_reading("nowhere", tmp, &none, "", "not carried x 1\nnot carried x 1\n");
}

/* ---- trees ---- */

Test(thunderbird, what_is_no_folder, .init = make_tmp, .fini = remove_tmp)
{
	put("Inbox", MAIL("0001", "1"));
	put("Inbox.msf", "");
	put("notes.dat", MAIL("0001", "2"));
	put("report.html", MAIL("0001", "3"));
	put("report.html.msf", "");
	put("nstmp", MAIL("0001", "4"));
	put(".hidden", MAIL("0001", "5"));
	put("picture", "not a mail");
	put("backup/Inbox", MAIL("0001", "6"));
	put("Lost.sbd/Found", MAIL("0001", "7"));
	expect_reading("account", tmp, &none,
		       "INBOX role=inbox n=1\nLost/Found n=1\nreport.html n=1\n",
		       "not carried x 1\nnot carried x 1\n");
}

Test(thunderbird, link_that_leads_back, .init = make_tmp, .fini = remove_tmp)
{
	CLEANUP(buf_release) struct buf link = BUF_INIT(4096);

	put("Inbox", MAIL("0001", "1"));
	put("Inbox.msf", "");
	put("A.sbd/B", MAIL("0001", "2"));
	buf_addf(&link, "%s/A.sbd/B.sbd", tmp);
	cr_assert_eq(symlink(tmp, buf_cstr(&link)), 0);
	expect_reading("loop", tmp, &none, "INBOX role=inbox n=1\nA/B n=1\n", "not carried x 1\n");
}

/* Both sides of the depth limit. */
Test(thunderbird, depth, .init = make_tmp, .fini = remove_tmp)
{
	for (int over = 0; over <= 1; over++) {
		CLEANUP(buf_release) struct buf path = BUF_INIT(4096);
		CLEANUP(reading_release) struct reading r;

		for (int i = 0; i < 59 + over; i++)
			buf_adds(&path, "d.sbd/");
		buf_adds(&path, "end");
		put(buf_cstr(&path), MAIL("0001", "1"));
		read_all(tmp, &none, &r);
		cr_expect_eq(r.status, 0, "%s", r.err.text);
		cr_expect_eq(strstr(text(&r.notices), "not carried") != NULL, over, "%d: %s", over,
			     text(&r.notices));
	}
}

/* A message that the user filed is no feed item and no unsent mail, whatever mark it bears. */
Test(thunderbird, the_folder_decides, .init = make_tmp, .fini = remove_tmp)
{
	put("Work", MAIL("0041", "1") MAIL("0801", "2") MAIL("0401", "3") MAIL("0009", "4"));
	put("Work.msf", "");
	put("Unsent Messages", MAIL("0001", "5") MAIL("0009", "6"));
	put("Unsent Messages.msf", "");
	expect_reading("marks", tmp, &none, "Work n=3 partial=1\n", "outbox x 1\nexpunged x 1\n");
}

Test(thunderbird, maildir_store, .init = make_tmp, .fini = remove_tmp)
{
	CLEANUP(reading_release) struct reading r;

	put("Inbox/cur/1709452800.M1P2Q3.host.eml", FILE_MAIL("0001", "1"));
	put("Inbox/cur/1709452801.M1P2Q3.host.eml", FILE_MAIL("0009", "2"));
	put("Inbox/cur/1709452802.M1P2Q3.host.eml", FILE_MAIL("0400", "3"));
	put("Inbox/cur/.hidden", FILE_MAIL("0001", "4"));
	put("Inbox/tmp/1709452803.M1P2Q3.host.eml", FILE_MAIL("0001", "5"));
	put("Inbox.msf", "");
	put("Inbox.sbd/a@b/cur/x.eml", FILE_MAIL("0001", "6"));
	expect_reading("maildir", tmp, &none, "INBOX role=inbox n=2 partial=1\nINBOX/a@b n=1\n",
		       "skipped x 1\nexpunged x 1\n");
	expect_reading("deleted", tmp, &all,
		       "INBOX role=inbox n=2 partial=1\nINBOX/Deleted n=1 deleted=1\n"
		       "INBOX/a@b n=1\n",
		       "skipped x 1\nexpunged x 1\n");
	read_all(tmp, &none, &r);
	find_each(tmp, buf_slice(&r.locators), 3);
}

/* An account that lies outside of the profile, and a root named in a roundabout way. */
Test(thunderbird, account_elsewhere, .init = make_tmp, .fini = remove_tmp)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(4096);
	CLEANUP(reading_release) struct reading r;

	put("profile/prefs.js",
	    "user_pref(\"mail.server.s.type\", \"pop3\");\n"
	    "user_pref(\"mail.server.s.directory-rel\", \"[ProfD]../mails\");\n" SERVER(
		    "t", "none", "Local Folders"));
	put("mails/Inbox", MAIL("0001", "1"));
	put("mails/Work/cur/1.eml", FILE_MAIL("0001", "2"));
	put("profile/Mail/Local Folders/Other", MAIL("0001", "3"));
	put("profile/Mail/Local Folders/Store/cur/2.eml", FILE_MAIL("0001", "4"));
	buf_addf(&path, "%s/mails/../profile", tmp);
	read_all(buf_cstr(&path), &none, &r);
	cr_expect_str_eq(text(&r.folders), "INBOX role=inbox n=1\nWork n=1\nOther n=1\nStore n=1\n",
			 "%s", text(&r.folders));
	find_each(path.ptr, buf_slice(&r.locators), 4);
	buf_reset(&path);
	buf_addf(&path, "%s/profile", tmp);
	find_each(buf_cstr(&path), buf_slice(&r.locators), 4);
}

/* ---- fingerprints, changes, locks ---- */

static void first_fingerprint(char out[256])
{
	struct arena a = ARENA_INIT(1 << 20);
	struct err err = ERR_INIT;
	struct source_folder f;
	struct source *s;

	cr_assert_eq(source_thunderbird.open(tmp, &none, &s, &err), 0);
	cr_assert_eq(source_next_folder(s, &a, &f, &err), 1);
	snprintf(out, 256, "%s", f.fingerprint);
	source_close(s);
	arena_release(&a);
}

Test(thunderbird, fingerprint, .init = make_tmp, .fini = remove_tmp)
{
	char one[256], same[256], two[256];

	put("Inbox.msf", "");
	put("Inbox", MAIL("0001", "1"));
	first_fingerprint(one);
	first_fingerprint(same);
	put("Inbox", MAIL("0001", "1") MAIL("0001", "2"));
	first_fingerprint(two);
	cr_expect_str_eq(one, same);
	cr_expect_str_neq(one, two);
	cr_assert_eq(unlink(strcat(strcpy(same, tmp), "/Inbox")), 0);
	put("Inbox/cur/1.eml", FILE_MAIL("0001", "1"));
	first_fingerprint(one);
	put("Inbox/cur/2.eml", FILE_MAIL("0001", "1"));
	first_fingerprint(two);
	cr_expect_str_neq(one, two);
}

static void expect_lock(const char *name, bool want)
{
	CLEANUP(reading_release) struct reading r;

	read_all(tmp, &none, &r);
	cr_expect_eq(strstr(text(&r.notices), "in use") != NULL, want, "%s: %s", name,
		     text(&r.notices));
}

/* A process that holds the lock until its end of the pipe is closed. */
static pid_t hold_lock(int *release)
{
	CLEANUP(buf_release) struct buf path = BUF_INIT(4096);
	int ready[2], done[2];
	char byte;
	pid_t pid;

	cr_assert(pipe(ready) == 0 && pipe(done) == 0);
	buf_addf(&path, "%s/.parentlock", tmp);
	cr_assert_not_null(buf_cstr(&path));
	pid = fork();
	if (pid == 0) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int fd = open(path.ptr, O_RDWR);

		close(done[1]);
		if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		_exit(read(done[0], &byte, 1) != 0);
	}
	close(ready[1]);
	close(done[0]);
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	*release = done[1];
	return pid;
}

Test(thunderbird, in_use, .init = make_tmp, .fini = remove_tmp)
{
	char link[128], target[64];
	int release;
	pid_t pid;

	put("prefs.js", SERVER("server1", "pop3", "one.example"));
	put("Mail/one.example/Inbox", MAIL("0001", "1"));
	expect_lock("nothing", false);
	put(".parentlock", "");
	expect_lock("the file that always stays", false);
	pid = hold_lock(&release);
	expect_lock("locked", true);
	close(release);
	waitpid(pid, NULL, 0);
	expect_lock("no longer", false);
	snprintf(link, sizeof(link), "%s/lock", tmp);
	cr_assert_eq(symlink("127.0.0.1:+999999999", link), 0);
	expect_lock("left by a crash", false);
	unlink(link);
	snprintf(target, sizeof(target), "127.0.0.1:+%d", (int)getpid());
	cr_assert_eq(symlink(target, link), 0);
	expect_lock("process is there", true);
	unlink(link);
	put("parent.lock", "");
	expect_lock("Windows", true);
}

Test(thunderbird, damaged_cache, .init = make_tmp, .fini = remove_tmp)
{
	put("prefs.js", SERVER("server1", "pop3", "one.example"));
	put("folderCache.json", "{ \"x\" : ");
	put("Mail/one.example/Inbox", MAIL("0001", "1"));
	expect_reading("cache", tmp, &none, "INBOX role=inbox n=1\n", "damaged x 1\n");
}

Test(thunderbird, not_an_mbox, .init = make_tmp, .fini = remove_tmp)
{
	CLEANUP(reading_release) struct reading r;

	put("Inbox", "garbage\n");
	put("Inbox.msf", "");
	read_all(tmp, &none, &r);
	cr_expect_eq(r.status, -1);
	cr_expect_eq(r.err.code, ERR_FORMAT, "%s", r.err.text);
	cr_expect_eq(r.err.scope, SCOPE_FOLDER);
	cr_expect_not_null(strstr(r.err.text, "Inbox"), "%s", r.err.text);
}

Test(thunderbird, not_thunderbird, .init = make_tmp, .fini = remove_tmp)
{
	CLEANUP(reading_release) struct reading r;

	put("x/cur/1.eml", FILE_MAIL("0001", "1"));
	cr_expect_eq(source_thunderbird.probe(tmp), 0);
	cr_expect_eq(source_thunderbird.probe("/nonexistent"), 0);
	cr_expect_eq(source_thunderbird.probe(PROFILE "/prefs.js"), 0);
	read_all(tmp, &none, &r);
	cr_expect_eq(r.status, -1);
	cr_expect_eq(r.err.code, ERR_NOINPUT, "%s", r.err.text);
	cr_expect_eq(r.err.scope, SCOPE_SOURCE);
}

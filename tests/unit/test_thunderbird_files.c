/*
 * The small files of Thunderbird: names on disk, prefs.js, folderCache.json, .msf.
 */
#include <criterion/criterion.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "source/tb_cache.h"
#include "source/tb_names.h"
#include "source/tb_prefs.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define TEN	    "abcdefghij"

/* Names that Thunderbird 153 was seen to give, and the edges of the rule. */
static const struct {
	const char *name, *real, *disk;
} names[] = {
	{ "plain", "Work", "Work" },
	{ "UTF-8",
	  "\xC3\x9C"
	  "bersicht",
	  "\xC3\x9C"
	  "bersicht" },
	{ "characters that no file system takes", "What? a:b*c", "Whatdba8ab0c" },
	{ "dot at the end", "Trailing dot.", "Trailing dot2f8a3362" },
	{ "slash", "deep/er", "deep89c54b13" },
	{ "number sign", "tag #1 (50%)", "tag ab596f0c" },
	{ "long",
	  "Very long folder name that goes on and on and on past the limit of fifty-five "
	  "characters, really",
	  "Very long folder name that goes on and on and of0caa36b" },
	{ "55 units", TEN TEN TEN TEN TEN "12345", TEN TEN TEN TEN TEN "12345" },
	{ "ampersand", "R&D", "R&D" },
	{ "dot inside", "con.txt", "con.txt" },
};

Test(thunderbird_names, on_disk)
{
	for (size_t i = 0; i < ROWS(names); i++) {
		CLEANUP(buf_release) struct buf disk = BUF_INIT(1000);
		struct slice real = slice_str(names[i].real);
		struct err err = ERR_INIT;

		cr_expect_eq(tb_name_on_disk(&disk, real, &err), 0, "%s", names[i].name);
		cr_expect_str_eq(buf_cstr(&disk), names[i].disk, "%s: %s", names[i].name,
				 buf_cstr(&disk));
		cr_expect(tb_name_fits(slice_str(names[i].disk), real), "%s", names[i].name);
		cr_expect_not(tb_name_fits(slice_str(names[i].disk), SLICE_LIT("Other")), "%s",
			      names[i].name);
	}
}

Test(thunderbird_names, edges)
{
	static const struct {
		const char *name, *real;
		size_t len; /* of the name on disk; 0: refused */
	} rows[] = {
		{ "empty", "", 0 },
		{ "not UTF-8", "a\xFF", 0 },
		{ "dot alone", ".", 8 },
		{ "56 units", TEN TEN TEN TEN TEN "123456", 55 },
		{ "bad character far behind", TEN TEN TEN TEN TEN TEN "?", 55 },
		{ "half a surrogate pair is not kept",
		  TEN TEN TEN TEN "123456\xF0\x9F\x98\x80\xF0\x9F\x98\x80 and more", 54 },
		{ "tilde at the end", "backup~", 6 + 8 },
		{ "blank at the end", "backup ", 6 + 8 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(buf_release) struct buf disk = BUF_INIT(1000);
		struct err err = ERR_INIT;
		int status = tb_name_on_disk(&disk, slice_str(rows[i].real), &err);

		cr_expect_eq(status, rows[i].len ? 0 : -1, "%s", rows[i].name);
		cr_expect_eq(disk.len, rows[i].len, "%s: %zu", rows[i].name, disk.len);
	}
}

Test(thunderbird_names, looks_hashed)
{
	static const struct {
		const char *disk;
		bool want;
	} rows[] = {
		{ "Whatdba8ab0c", true },
		{ "dba8ab0c", true },
		{ "Work", false },
		{ "ba8ab0c", false },
		{ "WhatDBA8AB0C", false },
		{ "Backup20240131", false },
		{ "", false },
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		cr_expect_eq(tb_name_looks_hashed(slice_str(rows[i].disk)), rows[i].want, "%s",
			     rows[i].disk);
}

Test(thunderbird_prefs, values)
{
	static const struct {
		const char *name, *line, *want; /* of mail.x; NULL: not there */
	} rows[] = {
		{ "string", "user_pref(\"mail.x\", \"a b\");", "a b" },
		{ "number", "user_pref(\"mail.x\", -12);", "-12" },
		{ "boolean", "user_pref(\"mail.x\", true);", "true" },
		{ "single quotes", "user_pref('mail.x', 'it\"s');", "it\"s" },
		{ "escapes", "user_pref(\"mail.x\", \"C:\\\\Mail\\n\\\"q\\\"\");",
		  "C:\\Mail\n\"q\"" },
		{ "hexadecimal", "user_pref(\"mail.x\", \"\\x41\\u00fc\\ud83d\\ude00\");",
		  "A\xC3\xBC\xF0\x9F\x98\x80" },
		{ "later line wins",
		  "user_pref(\"mail.x\", \"old\");\nuser_pref(\"mail.x\", \"new\");", "new" },
		{ "blanks everywhere", " user_pref ( \"mail.x\" ,\n \"v\" ) ;", "v" },
		{ "comments",
		  "// user_pref(\"mail.x\", 1);\n/* user_pref(\"mail.x\", 2); */\n"
		  "# user_pref(\"mail.x\", 3);\n",
		  NULL },
		{ "behind damage", "user_pref(\"mail.y\", \"no end\nuser_pref(\"mail.x\", 1);",
		  "1" },
		{ "not of mail", "user_pref(\"browser.x\", 1);", NULL },
		{ "no value", "user_pref(\"mail.x\", );", NULL },
		{ "empty string", "user_pref(\"mail.x\", \"\");", "" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct arena a = ARENA_INIT(1 << 20);
		struct err err = ERR_INIT;
		struct tb_prefs prefs;
		const char *got;

		cr_assert_eq(tb_prefs_parse(slice_str(rows[i].line), &a, &prefs, &err), 0, "%s",
			     rows[i].name);
		got = tb_pref(&prefs, "mail.%s", "x");
		if (rows[i].want)
			cr_expect_str_eq(got ? got : "(none)", rows[i].want, "%s: %s", rows[i].name,
					 got);
		else
			cr_expect_null(got, "%s: %s", rows[i].name, got);
		arena_release(&a);
	}
}

Test(thunderbird_prefs, keys)
{
	struct slice text = SLICE_LIT("user_pref(\"mail.server.server2.type\", \"pop3\");\n"
				      "user_pref(\"mail.server.server2.type.x\", 1);\n"
				      "user_pref(\"mail.server.a.b.type\", 1);\n"
				      "user_pref(\"mail.server.server10.type\", \"none\");\n");
	struct arena a = ARENA_INIT(1 << 20);
	struct err err = ERR_INIT;
	struct tb_prefs prefs;
	size_t at = 0;

	cr_assert_eq(tb_prefs_parse(text, &a, &prefs, &err), 0);
	cr_expect_str_eq(tb_prefs_next_key(&prefs, "mail.server.", ".type", &at, &a), "server10");
	cr_expect_str_eq(tb_prefs_next_key(&prefs, "mail.server.", ".type", &at, &a), "server2");
	cr_expect_null(tb_prefs_next_key(&prefs, "mail.server.", ".type", &at, &a));
	arena_release(&a);
}

static const char cache_text[] =
	"{ \"/old/Mail/host/Inbox.msf\" : { \"flags\" : 4100, \"folderName\" : \"Inbox\" },\n"
	"  \"/old/ImapMail/host/Inbox.msf\" : { \"flags\" : 1, \"folderName\" : \"imap\" },\n"
	"  \"C:\\\\P\\\\Mail\\\\pop\\\\Whatdba8ab0c.msf\" : { \"folderName\" : \"What? a:b*c\" },\n"
	"  \"/old/Mail/twice/x.msf\" : { \"flags\" : 1 }, \"/new/Mail/twice/x.msf\" : { \"flags\" "
	": 2 },\n"
	"  \"/old/Mail/same/x.msf\" : { \"flags\" : 3 }, \"/new/Mail/same/x.msf\" : { \"flags\" : "
	"3 },\n"
	"  \"/old/Mail/host/odd.msf\" : { \"flags\" : \"4\", \"folderName\" : 5, \"x\" : [ { "
	"\"flags\": 9 } ] } }";

Test(thunderbird_cache, find)
{
	static const struct {
		const char *tail;
		bool found;
		uint32_t flags;
		const char *name;
	} rows[] = {
		{ "Mail/host/Inbox.msf", true, 4100, "Inbox" },
		{ "ImapMail/host/Inbox.msf", true, 1, "imap" },
		{ "Mail/pop/Whatdba8ab0c.msf", true, 0, "What? a:b*c" },
		{ "Mail/twice/x.msf", false, 0, NULL },
		{ "Mail/same/x.msf", true, 3, NULL },
		{ "Mail/host/odd.msf", true, 0, NULL },
		{ "Mail/host/none.msf", false, 0, NULL },
		{ "box.msf", false, 0, NULL },
	};
	struct arena a = ARENA_INIT(1 << 20);
	struct err err = ERR_INIT;
	struct tb_cache cache;

	cr_assert_eq(tb_cache_parse(slice_str(cache_text), &a, &cache, &err), 0, "%s", err.text);
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct tb_folder_facts *f = tb_cache_find(&cache, rows[i].tail);

		cr_expect_eq(f != NULL, rows[i].found, "%s", rows[i].tail);
		if (!f)
			continue;
		cr_expect_eq(f->flags, rows[i].flags, "%s: %u", rows[i].tail, f->flags);
		cr_expect(slice_eq(slice_str(f->name), slice_str(rows[i].name)), "%s: %s",
			  rows[i].tail, f->name);
	}
	arena_release(&a);
}

/* What stood before the damage can be used. */
Test(thunderbird_cache, damaged)
{
	struct arena a = ARENA_INIT(1 << 20);
	struct err err = ERR_INIT;
	struct tb_cache cache;

	cr_expect_eq(tb_cache_parse(slice_head(slice_str(cache_text), 100), &a, &cache, &err), -1);
	cr_expect_not_null(tb_cache_find(&cache, "Mail/host/Inbox.msf"));
	arena_release(&a);
}

#define MORK "// <!-- <mdb:mork:z v=\"1.4\"/> -->\n"
#define COLUMNS                                                                                    \
	"< <(a=c)> // (f=iso-8859-1)\n  (88=flags)(9F=ns:msg:db:row:scope:dbfolderinfo:all)\n"     \
	"  "                                                                                       \
	"(A0=ns:msg:db:table:kind:dbfolderinfo)(AF=folderName)(80=ns:msg:db:row:scope:msgs:all)>"  \
	"\n"
#define INFO(cells) "{1:^9F {(k^A0:c)(s=9u)} \n  [1(^AB=1)" cells "]}\n"

static const struct {
	const char *name, *text, *want; /* NULL: no name */
	uint32_t flags;
} mork_rows[] = {
	{ "no Mork", "From - \n", NULL, 0 },
	{ "empty", "", NULL, 0 },
	{ "head alone", MORK, NULL, 0 },
	{ "flags", MORK COLUMNS INFO("(^88=1004)"), NULL, 0x1004 },
	{ "literal name", MORK COLUMNS INFO("(^AF=Work)(^88=4)"), "Work", 4 },
	{ "name by atom", MORK COLUMNS "<(83=What? a:b*c)>" INFO("(^AF^83)"), "What? a:b*c", 0 },
	{ "atom behind a line break", MORK COLUMNS "<(83\n    =Work)>" INFO("(^AF^83)"), "Work",
	  0 },
	{ "last atom of the number wins",
	  MORK COLUMNS "<(83=A)>"
		       "<(83=B)>" INFO("(^AF^83)"),
	  "B", 0 },
	{ "atom behind its use", MORK COLUMNS INFO("(^AF^83)") "<(83=B)>", NULL, 0 },
	{ "empty atom", MORK COLUMNS "<(83)>" INFO("(^AF^83)"), NULL, 0 },
	{ "escapes", MORK COLUMNS INFO("(^AF=a\\)b\\\\c\\$d$C3$BC\\\ne)"),
	  "a)b\\c$d\xC3\xBC"
	  "e",
	  0 },
	{ "not UTF-8", MORK COLUMNS INFO("(^AF=$FF)"), NULL, 0 },
	{ "message rows do not count", MORK COLUMNS "{1:^80 {(k^96:c)(s=9)} [1(^88=7)(^AF=No)]}",
	  NULL, 0 },
	{ "row outside the table", MORK COLUMNS INFO("(^88=4)") "[1:^9F(^88=104)(^AF=Bin)]", "Bin",
	  0x104 },
	{ "group", MORK COLUMNS INFO("(^88=4)") "@$${1{@\n[1:^9F(^88=104)]\n@$$}1}@\n", NULL,
	  0x104 },
	{ "group given up", MORK COLUMNS INFO("(^88=4)") "@$${1{@\n[1:^9F(^88=104)]\n@$$}~~}@\n",
	  NULL, 4 },
	{ "group without end", MORK COLUMNS INFO("(^88=4)") "@$${1{@\n[1:^9F(^88=104)]\n", NULL,
	  4 },
	{ "column added later",
	  MORK "< <(a=c)>(9F=ns:msg:db:row:scope:dbfolderinfo:all)>"
	       "< <(a=c)>(C1=folderName)>"
	       "[1:^9F(^C1=Late)]",
	  "Late", 0 },
	{ "number of an atom like that of a column",
	  MORK COLUMNS "<(AF=no)(88=77)>" INFO("(^AF=yes)"), "yes", 0 },
	{ "flags out of range", MORK COLUMNS INFO("(^88=100000000)"), NULL, 0 },
	{ "cut off", MORK COLUMNS "{1:^9F {(k^A0:c)(s=9u)} [1(^88=4)(^AF=Wo", NULL, 4 },
};

Test(thunderbird_msf, facts)
{
	for (size_t i = 0; i < ROWS(mork_rows); i++) {
		struct arena a = ARENA_INIT(1 << 20);
		struct err err = ERR_INIT;
		struct tb_folder_facts facts;
		int status = tb_msf_read_bytes(slice_str(mork_rows[i].text), &a, &facts, &err);

		cr_assert_eq(status, 0, "%s", mork_rows[i].name);
		cr_expect_eq(facts.flags, mork_rows[i].flags, "%s: %x", mork_rows[i].name,
			     facts.flags);
		cr_expect(slice_eq(slice_str(facts.name), slice_str(mork_rows[i].want)), "%s: %s",
			  mork_rows[i].name, facts.name);
		arena_release(&a);
	}
}

/* The same from a file that is much larger than what is held of it. */
Test(thunderbird_msf, large_file)
{
	static const char filler[] = "<(1000=some subject that nobody wants to read here)>\n";
	CLEANUP(fd_cleanup) int fd = memfd_create("msf", MFD_CLOEXEC);
	struct arena a = ARENA_INIT(1 << 16);
	struct err err = ERR_INIT;
	struct tb_folder_facts facts;

	cr_assert_eq(fd_write(fd, MORK COLUMNS, strlen(MORK COLUMNS), &err), 0);
	cr_assert_eq(fd_write(fd, "<(83=Name)>", 11, &err), 0);
	for (int i = 0; i < 20000; i++)
		cr_assert_eq(fd_write(fd, filler, sizeof(filler) - 1, &err), 0);
	cr_assert_eq(
		fd_write(fd, INFO("(^88=204)(^AF^83)"), strlen(INFO("(^88=204)(^AF^83)")), &err),
		0);
	cr_assert_eq(tb_msf_read(fd, &a, &facts, &err), 0);
	cr_expect_str_eq(facts.name ? facts.name : "(none)", "Name");
	cr_expect_eq(facts.flags, 0x204);
	arena_release(&a);
}

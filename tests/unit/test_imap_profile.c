/*
 * Which profile goes with which server, and what a wrong profile file is told.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "imap/profile.h"

#define ARENA_LIMIT (1u << 20)

static int find(const char *file, const char *capabilities, const char *greeting, const char *id,
		const char *name, struct arena *a, struct profile *out, struct err *err)
{
	struct profile_signs signs = { slice_str(capabilities), slice_str(greeting),
				       slice_str(id) };

	return profile_find(file ? slice_str(file) : profiles_builtin(), &signs, name, a, out, err);
}

Test(profile, is_found_by_its_signs)
{
	static const struct {
		const char *capabilities, *greeting, *id, *name;
	} rows[] = {
		{ "IMAP4rev1 X-GM-EXT-1 UIDPLUS", "Gimap ready for requests", "", "gmail" },
		{ "IMAP4rev1 x-gm-ext-1", "Dovecot ready.", "", "gmail" },
		{ "IMAP4 IMAP4rev1 UIDPLUS MOVE",
		  "The Microsoft Exchange IMAP4 service is ready. [x]", "", "exchange" },
		{ "IMAP4rev1 XYMHIGHESTMODSEQ", "IMAP4rev1 Hello", "", "yahoo" },
		{ "XAPPLEPUSHSERVICE IMAP4", "(2428B47) p00-iscream", "", "icloud" },
		{ "IMAP4rev1", "mail.example Zimbra IMAP4rev1 server ready", "", "zimbra" },
		{ "IMAP4rev1 CHILDREN", "IMAPrev1", "", "hmailserver" },
		{ "IMAP4rev1", "Domino IMAP4 Server Release 12", "", "domino" },
		{ "IMAP4rev1", "host Cyrus IMAP 3.6.1 server ready", "", "cyrus" },
		{ "IMAP4rev1", "Dovecot (Debian) ready.", "", "dovecot" },
		{ "IMAP4rev1", "Courier-IMAP ready. Copyright", "", "courier" },
		{ "IMAP4rev1", "ready", "", "" },
		{ "IMAP4rev1 X-GM-EXT-10", "", "", "" },
		{ "", "", "", "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena a = ARENA_INIT(ARENA_LIMIT);
		struct err err = ERR_INIT;
		struct profile p;
		int got = find(NULL, rows[i].capabilities, rows[i].greeting, rows[i].id, NULL, &a,
			       &p, &err);

		cr_expect_eq(got, rows[i].name[0] != '\0', "row %zu: %s", i, err.text);
		cr_expect_str_eq(p.name, rows[i].name, "row %zu", i);
		arena_release(&a);
	}
}

Test(profile, values)
{
	static const char file[] = "# a comment\nversion = 1\n\n[one]\ngreeting = One\n[two]\n"
				   "title = The second\nid = second\nconnections = 3\n"
				   "commands=4\nwindow = 2M\nbatch = 5\nrate = 6\nday = 7k\n"
				   "limit = 8\nnoop = 9\nkeywords = no\nlogin = ask = them\n"
				   "names = any-case\nheaders = rewritten\n"
				   "message-id = unique\n";
	struct arena a = ARENA_INIT(ARENA_LIMIT);
	struct err err = ERR_INIT;
	struct profile p;

	cr_assert_eq(find(file, "", "", "The Second", NULL, &a, &p, &err), 1, "%s", err.text);
	cr_expect_str_eq(p.name, "two");
	cr_expect_str_eq(p.title, "The second");
	cr_expect_str_eq(p.login_advice, "ask = them");
	cr_expect(p.connections == 3 && p.commands == 4 && p.window == 2000000 && p.batch == 5);
	cr_expect(p.messages_per_minute == 6 && p.octets_per_day == 7000 && p.append_limit == 8);
	cr_expect(p.noop_every == 9 && p.no_keywords);
	cr_expect(p.any_case && p.rewrites_headers && p.one_per_id);
	cr_assert_eq(find(file, "", "", "", "one", &a, &p, &err), 1, "by its name");
	cr_expect_str_eq(p.title, "one");
	cr_expect(!p.no_keywords && !p.any_case && !p.rewrites_headers && !p.one_per_id);
	cr_expect_eq(find(file, "", "one two", "", "three", &a, &p, &err), -1);
	cr_expect_eq(err.code, ERR_USAGE);
	arena_release(&a);
}

Test(profile, wrong_files)
{
	static const struct {
		const char *file, *says;
	} rows[] = {
		{ "connections = 3\n", "line 1" },
		{ "version = 2\n", "another version" },
		{ "[a\n", "line 1" },
		{ "[a]\nconnections = many\n", "line 2: not a number" },
		{ "[a]\nconnections = 0\n", "not a number" },
		{ "[a]\n\nsize = 3\n", "line 3: an unknown key" },
		{ "[a]\nwords\n", "neither" },
		{ "[a]\ntitle =\n", "without a value" },
		{ "[a]\nwindow = 99999999999999999999M\n", "not a number" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena a = ARENA_INIT(ARENA_LIMIT);
		struct err err = ERR_INIT;
		struct profile p;

		cr_expect_eq(find(rows[i].file, "", "", "", NULL, &a, &p, &err), -1, "row %zu", i);
		cr_expect_eq(err.code, ERR_CONFIG, "row %zu", i);
		cr_expect(strstr(err.text, rows[i].says), "row %zu: %s", i, err.text);
		arena_release(&a);
	}
}

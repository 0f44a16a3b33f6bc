/*
 * The command line's pure parts: URLs, options, saved plans, exit statuses.
 */
#include <criterion/criterion.h>
#include <getopt.h>
#include <string.h>

#include "cli/exit_status.h"
#include "cli/options.h"
#include "cli/saved_plan.h"
#include "cli/url.h"

Test(cli, urls)
{
	static const struct {
		const char *in;
		bool tls;
		const char *user, *host, *port, *prefix;
	} rows[] = {
		{ "imaps://u@h", true, "u", "h", NULL, NULL },
		{ "IMAP://u@h:143/", false, "u", "h", "143", NULL },
		{ "imaps://me@x.org@mail.x.org/Old/Mail/", true, "me@x.org", "mail.x.org", NULL,
		  "Old/Mail" },
		{ "imaps://me%40x.org@[::1]:993/%C3%84", true, "me@x.org", "::1", "993", "\u00c4" },
		{ "imaps://a%25b@h", true, "a%b", "h", NULL, NULL },
	};
	CLEANUP(arena_release) struct arena a = ARENA_INIT(100000);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = ERR_INIT;
		struct account_url url;

		cr_assert_eq(account_url_parse(rows[i].in, &a, &url, &err), 0, "%s: %s", rows[i].in,
			     err.text);
		cr_expect_eq(url.tls, rows[i].tls);
		cr_expect_str_eq(url.user, rows[i].user);
		cr_expect_str_eq(url.host, rows[i].host);
		cr_expect(url.port == rows[i].port || strcmp(url.port, rows[i].port) == 0);
		cr_expect(url.prefix == rows[i].prefix || strcmp(url.prefix, rows[i].prefix) == 0);
	}
}

Test(cli, pop3_urls)
{
	static const struct {
		const char *in;
		bool good, tls;
		const char *user, *host, *port;
	} rows[] = {
		{ "pop3s://u@h", true, true, "u", "h", NULL },
		{ "pops://h:1995", true, true, NULL, "h", "1995" },
		{ "pop3://me@x.org@h/", true, false, "me@x.org", "h", NULL },
		{ "POP://[::1]:110", true, false, NULL, "::1", "110" },
		{ "imaps://u@h", false, false, NULL, NULL, NULL },
		{ "pop3s://", false, false, NULL, NULL, NULL },
		{ "pop3s://@h", false, false, NULL, NULL, NULL },
		{ "pop3s://u:p@h", false, false, NULL, NULL, NULL },
		{ "pop3s://u@h/folder", false, false, NULL, NULL, NULL },
	};
	CLEANUP(arena_release) struct arena a = ARENA_INIT(100000);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = ERR_INIT;
		struct account_url url = { 0 };
		bool good = pop3_url_parse(rows[i].in, &a, &url, &err) == 0;

		cr_expect(good == rows[i].good, "%s", rows[i].in);
		cr_expect(good || strncmp(err.text, "--pop3: ", 8) == 0, "%s", err.text);
		if (!good || !rows[i].good)
			continue;
		cr_expect_eq(url.tls, rows[i].tls, "%s", rows[i].in);
		cr_expect_str_eq(url.host, rows[i].host);
		cr_expect(url.user == rows[i].user || strcmp(url.user, rows[i].user) == 0);
		cr_expect(url.port == rows[i].port || strcmp(url.port, rows[i].port) == 0);
	}
}

Test(cli, bad_urls)
{
	static const char *const rows[] = {
		"",
		"u@h",
		"http://u@h",
		"imaps://h",
		"imaps://@h",
		"imaps://u@",
		"imaps://u:p@h",
		"imaps://u@h:0",
		"imaps://u@h:x",
		"imaps://u@h:65536",
		"imaps://u@[::1",
		"imaps://u%0a@h",
		"imaps://u%zz@h",
		"imaps://u%4@h",
		"imaps://u@h/%ff",
		"imaps://u@a b",
	};
	CLEANUP(arena_release) struct arena a = ARENA_INIT(100000);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = ERR_INIT;
		struct account_url url;

		cr_expect_eq(account_url_parse(rows[i], &a, &url, &err), -1, "%s", rows[i]);
		cr_expect_eq(err.code, ERR_USAGE);
	}
}

static int parse(struct options *o, struct err *err, int argc, const char *const *argv)
{
	optind = 0; /* getopt(3) of glibc: begin anew */
	return options_parse(argc, (char **)(uintptr_t)argv, o, err);
}
#define PARSE(o_, err_, ...)                                                                       \
	parse(o_, err_,                                                                            \
	      (int)(sizeof((const char *[]){ "mailhoist", __VA_ARGS__ }) / sizeof(char *)),        \
	      (const char *[]){ "mailhoist", __VA_ARGS__, NULL })

Test(cli, options)
{
	/* Operands point into argv: it must live as long as they are looked at. */
	const char *run[] = { "mailhoist", "run",   "a",   "--to",	    "U",
			      "b",	   "--map", "x=y", "--verify=full", NULL };
	const char *scan[] = { "mailhoist", "scan", "--format", "jsonl", "--", "-odd-name", NULL };
	const char *help[] = { "mailhoist", "run", "--help", NULL };
	struct err err = ERR_INIT;
	struct options o;

	cr_assert_eq(parse(&o, &err, 9, run), 0);
	cr_expect_eq(o.command, COMMAND_RUN);
	cr_expect_eq(o.n_operands, 2);
	cr_expect_str_eq(o.operands[1], "b");
	cr_expect_str_eq(o.to, "U");
	cr_expect_eq(o.verify, VERIFY_FULL);
	cr_expect_eq(o.n_maps, 1);
	cr_assert_eq(parse(&o, &err, 6, scan), 0);
	cr_expect_eq(o.format, FORMAT_JSONL);
	cr_expect_str_eq(o.operands[0], "-odd-name");
	cr_assert_eq(parse(&o, &err, 3, help), 0);
	cr_expect_eq(o.command, COMMAND_HELP);
	cr_expect_str_eq(o.operands[0], "run");
}

Test(cli, wrong_options)
{
	struct err err = ERR_INIT;
	struct options o;

	cr_expect_eq(PARSE(&o, &err, "run", "a"), -1); /* no --to */
	cr_expect_eq(PARSE(&o, &err, "scan"), -1);
	cr_expect_eq(PARSE(&o, &err, "scan", "a", "--to", "U"), -1); /* scan has no server */
	cr_expect(strstr(err.text, "--to"));
	cr_expect_eq(PARSE(&o, &err, "scan", "a", "--format", "xml"), -1);
	cr_expect_eq(PARSE(&o, &err, "run", "a", "--to", "U", "--format", "jsonl"), -1);
	cr_expect_eq(PARSE(&o, &err, "run", "a", "--to"), -1);
	cr_expect_eq(PARSE(&o, &err, "run", "a", "--to", "U", "--map", "x"), -1);
	cr_expect_eq(PARSE(&o, &err, "run", "a", "--to", "U", "--timeout", "1s"), -1);
	cr_expect_eq(PARSE(&o, &err, "apply", "1", "2"), -1);
	cr_expect_eq(PARSE(&o, &err, "fly", "a"), -1);
	cr_expect_eq(PARSE(&o, &err, "--nonsense"), -1);
	cr_expect_eq(err.code, ERR_USAGE);
}

Test(cli, a_plan_is_read_back)
{
	static const char json[] = "{\"to\":\"imaps://u@h\",\"prefix\":null,\"sources\":[\"mbox:/a "
				   "\\\"b\\\"\",\"maildir:/c\"],"
				   "\"maps\":[\"x=y\"],\"include_deleted\":true,\"keep_"
				   "duplicates\":false,\"later\":1}";
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1000000);
	struct options o = { .keep_duplicates = true };
	struct err err = ERR_INIT;

	cr_assert_eq(saved_plan_read(json, &a, &o, &err), 0, "%s", err.text);
	cr_expect_str_eq(o.to, "imaps://u@h");
	cr_expect_null(o.prefix);
	cr_expect_eq(o.n_operands, 2);
	cr_expect_str_eq(o.operands[0], "mbox:/a \"b\"");
	cr_expect_str_eq(o.maps[0], "x=y");
	cr_expect(o.source.include_deleted);
	cr_expect_not(o.keep_duplicates);
	cr_expect_eq(saved_plan_read("{\"to\":\"x\"}", &a, &o, &err), -1);
	cr_expect_eq(saved_plan_read("{\"sources\":[1]}", &a, &o, &err), -1);
	cr_expect_eq(saved_plan_read("[", &a, &o, &err), -1);
}

Test(cli, exit_statuses)
{
	static const struct {
		enum err_code code;
		int want;
	} rows[] = {
		{ ERR_USAGE, 64 },     { ERR_NOINPUT, 66 }, { ERR_UNAVAILABLE, 69 },
		{ ERR_CANTCREAT, 73 }, { ERR_IO, 74 },	    { ERR_TEMPFAIL, 75 },
		{ ERR_CONNECT, 10 },   { ERR_TIMEOUT, 10 }, { ERR_TLS, 12 },
		{ ERR_AUTH, 16 },      { ERR_QUOTA, 113 },  { ERR_BUSY, 75 },
		{ ERR_LIMIT, 69 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { .code = rows[i].code };

		cr_expect_eq(exit_status_of(&err), rows[i].want, "row %zu", i);
	}

	struct err busy = { .code = ERR_UNAVAILABLE, .retry = RETRY_LATER };

	cr_expect_eq(exit_status_of(&busy), 75, "too many connections");
}

/*
 * outgoing.h: only what was scanned goes out, and never the last octets of
 * anything else.
 */
#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message/scan.h"
#include "transfer/outgoing.h"

#define BODY_LEN (700u << 10) /* several windows of the reader */

struct place {
	char dir[64], file[96];
	size_t len;
};

static void write_mail(struct place *p, size_t body_len)
{
	static const char head[] = "From a@example.org Thu Sep 13 12:30:05 2001\n"
				   "From: a@example.org\nSubject: one\n\n";
	char line[65];
	FILE *f;

	snprintf(p->dir, sizeof(p->dir), "/tmp/mailhoist-outgoing-XXXXXX");
	cr_assert_not_null(mkdtemp(p->dir));
	snprintf(p->file, sizeof(p->file), "%s/inbox", p->dir);
	f = fopen(p->file, "w");
	cr_assert_not_null(f);
	fputs(head, f);
	memset(line, 'x', 63);
	line[63] = '\n';
	line[64] = '\0';
	for (size_t n = 0; n < body_len; n += 64)
		fputs(line, f);
	p->len = (size_t)ftell(f);
	fclose(f);
}

static void remove_place(const struct place *p)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -r '%s'", p->dir);
	cr_expect_eq(system(command), 0);
}

/* What the journal would say of the only message. */
static void scan(struct source_set *set, const struct place *p, struct arena *a, struct upload *u)
{
	struct source_folder folder = { 0 };
	struct message m = { 0 };
	struct err err = ERR_INIT;
	struct scanner *scanner = scanner_new(&err);
	struct source *source;

	cr_assert_eq(source_set_add(set, p->file, &err), 0, "%s", err.text);
	source = source_set_get(set, 0);
	cr_assert_eq(source_next_folder(source, a, &folder, &err), 1, "%s", err.text);
	cr_assert_eq(source_next_message(source, a, &m, &err), 1, "%s", err.text);
	cr_assert_eq(scanner_run(scanner, &m, 1000000000, a, &err), 0);
	scanner_free(scanner);
	*u = (struct upload){ .kind = source_set_kind(set, 0),
			      .source = source_set_path(set, 0),
			      .locator = m.locator,
			      .wire_len = m.wire_len };
	memcpy(u->sha256, m.sha256, SHA256_LEN);
	memcpy(u->checksum, m.checksum, CHECKSUM_LEN);
}

static void change_octet(const struct place *p, size_t at)
{
	int fd = open(p->file, O_WRONLY);

	cr_assert_eq(pwrite(fd, "y", 1, (off_t)at), 1);
	close(fd);
}

/* Read it out; the number of octets that came, *result the last return value. */
static uint64_t read_out(struct outgoing *o, size_t room, int *result, struct err *err)
{
	struct slice bytes;
	uint64_t sum = 0;

	while ((*result = outgoing_next(o, room, &bytes, err)) > 0) {
		cr_assert_leq(bytes.len, room);
		sum += bytes.len;
	}
	return sum;
}

static const struct {
	const char *name;
	size_t body, change_at; /* 0: unchanged */
	bool while_reading;	/* after outgoing_open() */
	int open, result;
} rows[] = {
	{ "small", 1000, 0, false, 0, 0 },
	{ "big", BODY_LEN, 0, false, 0, 0 },
	{ "small, changed", 1000, 200, false, -1, 0 },
	{ "big, changed at its end", BODY_LEN, BODY_LEN - 1000, true, 0, -1 },
	{ "big, changed in its middle", BODY_LEN, BODY_LEN / 2, true, 0, -1 },
};

Test(transfer, outgoing)
{
	struct err err = ERR_INIT;
	struct outgoing *o = outgoing_new(&err);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(1u << 20);
		struct source_set *set = source_set_new(NULL);
		struct upload u;
		struct place p;
		int result = 0;

		write_mail(&p, rows[i].body);
		scan(set, &p, &a, &u);
		if (rows[i].change_at && !rows[i].while_reading)
			change_octet(&p, rows[i].change_at);
		cr_expect_eq(outgoing_open(o, set, &u, &err), rows[i].open, "%s: %s", rows[i].name,
			     err.text);
		if (rows[i].open == 0) {
			if (rows[i].while_reading)
				change_octet(&p, rows[i].change_at);
			uint64_t n = read_out(o, 10000, &result, &err);

			cr_expect_eq(result, rows[i].result, "%s", rows[i].name);
			cr_expect_eq(n == u.wire_len, rows[i].result == 0, "%s: %lu octets",
				     rows[i].name, (unsigned long)n);
		}
		if (rows[i].open < 0 || rows[i].result < 0)
			cr_expect(err.scope == SCOPE_MESSAGE && err.code == ERR_CHANGED, "%s",
				  rows[i].name);
		source_set_free(set);
		remove_place(&p);
	}
	outgoing_free(o);
}

/*
 * sidecar.h: a refused message is kept whole, with its reason; doing it again
 * changes nothing. content.h: the same file against what a server sends.
 */
#include <criterion/criterion.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/content.h"
#include "transfer/sidecar.h"

static const char stored[] = "Subject: hello\nStatus: RO\n\nbody\n";
static const char canonical[] = "Subject: hello\r\n\r\nbody\r\n";
static const struct canon_rules rules = { EOL_LINES, QUOTING_NONE, STRIP_STATUS };

static int stored_file(struct body *body)
{
	struct err err = ERR_INIT;
	int fd = fd_spool(&err);

	cr_assert_geq(fd, 0, "%s", err.text);
	cr_assert_eq(fd_write(fd, stored, sizeof(stored) - 1, &err), 0);
	*body = (struct body){ fd, 0, sizeof(stored) - 1, NULL };
	return fd;
}

/* The only entry of a directory (without dots), and its content. */
static size_t read_only_file(const char *dir, const char *suffix, char *out, size_t size)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	ssize_t n = -1;
	int files = 0;

	cr_assert_not_null(d, "%s", dir);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' || !strstr(e->d_name, suffix))
			continue;
		int fd = openat(dirfd(d), e->d_name, O_RDONLY);

		n = read(fd, out, size - 1);
		close(fd);
		files++;
	}
	closedir(d);
	cr_assert_eq(files, 1, "%d files in %s", files, dir);
	out[n] = '\0';
	return (size_t)n;
}

Test(transfer, sidecar)
{
	char dir[] = "/tmp/mailhoist-sidecar-XXXXXX", path[128], text[1024], command[160];
	struct sidecar_entry entry = {
		.folder = "INBOX",
		.location = "/mail/inbox",
		.locator = "inbox@0+34",
		.subject = "hel\x1blo",
		.reason = "NO too big",
		.sha256 = { 1, 2, 3 },
	};
	struct err err = ERR_INIT;
	struct canon *canon = canon_new();
	struct body body;
	int fd = stored_file(&body);

	cr_assert_not_null(mkdtemp(dir));
	for (int i = 0; i < 2; i++)
		cr_assert_eq(sidecar_keep(dir, 7, canon, &body, &rules, &entry, &err), 0, "%s",
			     err.text);
	snprintf(path, sizeof(path), "%s/failed/7/cur", dir);
	cr_expect_eq(read_only_file(path, ":2,", text, sizeof(text)), strlen(canonical));
	cr_expect_str_eq(text, canonical);
	snprintf(path, sizeof(path), "%s/failed/7", dir);
	read_only_file(path, ".reason", text, sizeof(text));
	cr_expect_not_null(strstr(text, "Reason: NO too big\n"), "%s", text);
	cr_expect_not_null(strstr(text, "Subject: hel?lo\n"), "%s", text);
	canon_free(canon);
	close(fd);
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	cr_expect_eq(system(command), 0);
}

static const struct {
	const char *name, *remote;
	uint64_t skip;
	bool prefix, same;
} contents[] = {
	{ "whole", "Subject: hello\r\n\r\nbody\r\n", 0, false, true },
	{ "body alone", "body\r\n", 18, false, true },
	{ "other body", "bodx\r\n", 18, false, false },
	{ "prefix", "Subject: hello\r\n\r\nbo", 0, true, true },
	{ "cut short", "Subject: hello\r\n\r\nbo", 0, false, false },
	{ "longer", "Subject: hello\r\n\r\nbody\r\nmore\r\n", 0, false, false },
	{ "empty body against all", "", 18, false, false },
};

Test(transfer, content)
{
	struct canon *canon = canon_new();
	struct err err = ERR_INIT;
	struct body body;
	int fd = stored_file(&body);

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		struct slice remote = slice_str(contents[i].remote);
		struct content c;
		bool same;

		content_begin(&c, canon, &body, &rules, contents[i].skip == 0, contents[i].skip);
		while (remote.len > 0) {
			cr_assert_eq(content_feed(&c, slice_head(remote, 3), &err), 0);
			remote = slice_from(remote, slice_head(remote, 3).len);
		}
		cr_assert_eq(content_end(&c, contents[i].prefix, &same, &err), 0);
		cr_expect_eq(same, contents[i].same, "%s", contents[i].name);
	}
	canon_free(canon);
	close(fd);
}

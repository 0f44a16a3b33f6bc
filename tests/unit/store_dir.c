/*
 * Stores for tests: see store_dir.h.
 */
#include "store_dir.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/stat.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message/canon.h"

void store_dir_make(struct store_dir *d)
{
	snprintf(d->path, sizeof(d->path), "/tmp/mailhoist-test-XXXXXX");
	cr_assert_not_null(mkdtemp(d->path));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void store_dir_remove(struct store_dir *d)
{
	nftw(d->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void store_dir_write(const struct store_dir *d, const char *path, const char *text)
{
	char full[1024];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", d->path, path);
	for (char *p = full + strlen(d->path) + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		cr_assert(mkdir(full, 0700) == 0 || errno == EEXIST, "%s", full);
		*p = '/';
	}
	if (path[strlen(path) - 1] == '/')
		return;
	file = fopen(full, "wb");
	cr_assert_not_null(file, "%s", full);
	fputs(text, file);
	fclose(file);
}

static void read_text(struct canon *canon, const struct message *m, char *out, size_t size)
{
	struct err err = ERR_INIT;
	struct slice part;
	size_t len = 0;

	canon_start(canon, &m->body, &m->canon);
	while (canon_next(canon, &part, &err) > 0) {
		size_t n = part.len < size - 1 - len ? part.len : size - 1 - len;

		memcpy(out + len, part.ptr, n);
		len += n;
	}
	out[len] = 0;
}

static void add_message(struct seen *seen, struct source *source, struct canon *canon,
			const struct message *m, struct arena *a)
{
	struct seen_message *s = &seen->messages[seen->n_messages++];
	struct message again = { 0 };
	struct err err = ERR_INIT;
	char text[sizeof(s->text)];

	memcpy(s->folder, seen->folders[seen->n_folders - 1], sizeof(s->folder));
	snprintf(s->locator, sizeof(s->locator), "%s", m->locator);
	read_text(canon, m, s->text, sizeof(s->text));
	for (size_t i = 0; i < m->flags.n_keywords; i++)
		snprintf(s->keywords + strlen(s->keywords),
			 sizeof(s->keywords) - strlen(s->keywords), "%s%s", i ? " " : "",
			 m->flags.keywords[i]);
	s->flags = m->flags.system;
	s->state = m->state;
	s->arrival = m->arrival;
	s->strip = m->canon.strip;
	cr_expect_eq(source_find(source, m->locator, a, &again, &err), 0, "%s", err.text);
	if (err.code == ERR_NONE) {
		read_text(canon, &again, text, sizeof(text));
		cr_expect_str_eq(text, s->text, "%s", m->locator);
	}
}

static void add_folder(struct seen *seen, const struct source_folder *folder)
{
	char *name = seen->folders[seen->n_folders];

	for (size_t i = 0; i < folder->path.n; i++)
		snprintf(name + strlen(name), 256 - strlen(name), "%s%s", i ? "|" : "",
			 folder->path.names[i]);
	snprintf(seen->fingerprints[seen->n_folders], 128, "%s", folder->fingerprint);
	seen->roles[seen->n_folders++] = folder->role;
}

static void read_folder(struct seen *seen, struct source *source, struct canon *canon,
			struct arena *a)
{
	while (seen->n_messages < SEEN_MAX) {
		struct message m = { 0 };
		int got;

		arena_reset(a);
		got = source_next_message(source, a, &m, &seen->err);
		if (got > 0)
			add_message(seen, source, canon, &m, a);
		seen->n_failed += got < 0;
		if (got == 0 || (got < 0 && seen->err.scope != SCOPE_MESSAGE))
			return;
	}
}

bool seen_read(struct seen *seen, const char *kind, const char *path,
	       const struct source_options *options)
{
	struct arena folder_arena = ARENA_INIT(1 << 20), arena = ARENA_INIT(1 << 20);
	static const struct source_options no_options;
	struct canon *canon = canon_new();
	struct source *source;
	struct source_folder folder;
	struct notice notice;
	char spec[1024];
	int got;

	memset(seen, 0, sizeof(*seen));
	snprintf(spec, sizeof(spec), "%s%s%s", kind, *kind ? ":" : "", path);
	if (source_open(spec, options ? options : &no_options, &source, &seen->err) != 0) {
		canon_free(canon);
		return false;
	}
	while ((got = source_next_folder(source, &folder_arena, &folder, &seen->err)) != 0 &&
	       seen->n_folders < SEEN_MAX) {
		seen->n_failed += got < 0;
		if (got < 0)
			continue;
		add_folder(seen, &folder);
		read_folder(seen, source, canon, &arena);
		arena_reset(&folder_arena);
	}
	while (source_next_notice(source, &arena, &notice) > 0)
		seen->notices[notice.kind] += notice.count;
	source_close(source);
	canon_free(canon);
	arena_release(&arena);
	arena_release(&folder_arena);
	return true;
}

const struct seen_message *seen_find(const struct seen *seen, const char *name)
{
	for (size_t i = 0; i < seen->n_messages; i++)
		if (strncmp(seen->messages[i].locator, name, strlen(name)) == 0)
			return &seen->messages[i];
	return NULL;
}

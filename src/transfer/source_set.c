/*
 * A short list, looked up from front to back: nobody names more than a few
 * sources. The last one found is tried first, because uploads come source by
 * source.
 */
#include "transfer/source_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct source *source;
	const char *kind; /* of the source: static */
	char *path;	  /* absolute; ours */
};

struct source_set {
	struct source_options options;
	struct entry entries[SOURCE_SET_MAX];
	size_t n, last;
};

struct source_set *source_set_new(const struct source_options *options)
{
	struct source_set *set = calloc(1, sizeof(*set));

	if (set && options)
		set->options = *options;
	return set;
}

void source_set_free(struct source_set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->n; i++) {
		source_close(set->entries[i].source);
		free(set->entries[i].path);
	}
	free(set);
}

static struct entry *look_up(struct source_set *set, const char *kind, const char *path)
{
	for (size_t i = 0; i < set->n; i++) {
		size_t at = (set->last + i) % set->n;
		struct entry *e = &set->entries[at];

		if (strcmp(e->kind, kind) == 0 && strcmp(e->path, path) == 0) {
			set->last = at;
			return e;
		}
	}
	return NULL;
}

/* "KIND:/absolute/path", or the path alone when no kind was given. */
static int absolute_spec(const char *spec, struct buf *out, char **path, struct err *err)
{
	const struct source_ops *ops;
	const char *given;

	source_split_spec(spec, &ops, &given);
	*path = realpath(given, NULL);
	if (!*path && errno == ENOMEM)
		return err_nomem(err);
	if (!*path)
		return err_sys(err, ERR_NOINPUT, SCOPE_SOURCE, errno, "'%s'", given);
	if (ops) {
		buf_adds(out, ops->kind);
		buf_addc(out, ':');
	}
	buf_adds(out, *path);
	return 0;
}

static void free_text(char **text)
{
	free(*text);
}

#define SPEC_MAX 65536 /* PATH_MAX with room: realpath() gives no more than that */

int source_set_add(struct source_set *set, const char *spec, struct err *err)
{
	CLEANUP(buf_release) struct buf full = BUF_INIT(SPEC_MAX);
	CLEANUP(free_text) char *path = NULL;
	struct source *source;

	if (set->n == SOURCE_SET_MAX)
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER, "more than %d sources",
			       SOURCE_SET_MAX);
	if (absolute_spec(spec, &full, &path, err) < 0)
		return -1;
	const char *text = buf_cstr(&full);

	if (!text)
		return buf_ok(&full, "source", err);
	if (source_open(text, &set->options, &source, err) < 0)
		return -1;
	if (look_up(set, source_kind(source), path)) {
		source_close(source);
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER, "'%s' is named twice", path);
	}
	set->entries[set->n++] = (struct entry){ source, source_kind(source), path };
	path = NULL;
	return 0;
}

const struct source_options *source_set_options(const struct source_set *set)
{
	return &set->options;
}

size_t source_set_count(const struct source_set *set)
{
	return set->n;
}

struct source *source_set_get(const struct source_set *set, size_t i)
{
	return set->entries[i].source;
}

const char *source_set_kind(const struct source_set *set, size_t i)
{
	return set->entries[i].kind;
}

const char *source_set_path(const struct source_set *set, size_t i)
{
	return set->entries[i].path;
}

/* Open a source that a plan of an earlier process names. */
static struct entry *open_named(struct source_set *set, const char *kind, const char *path,
				struct err *err)
{
	CLEANUP(buf_release) struct buf spec = BUF_INIT(SPEC_MAX);

	buf_addf(&spec, "%s:%s", kind, path);
	const char *text = buf_cstr(&spec);

	if (!text) {
		err_nomem(err);
		return NULL;
	}
	if (source_set_add(set, text, err) < 0) {
		err_prefix(err, "the source of this plan");
		err->scope = SCOPE_MESSAGE;
		return NULL;
	}
	return look_up(set, kind, path);
}

int source_set_find(struct source_set *set, const char *kind, const char *path, const char *locator,
		    struct arena *a, struct message *out, struct err *err)
{
	struct entry *e = look_up(set, kind, path);

	if (!e)
		e = open_named(set, kind, path, err);
	if (!e)
		return -1;
	return source_find(e->source, locator, a, out, err);
}

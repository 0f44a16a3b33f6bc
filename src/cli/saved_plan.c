/*
 * Writing and reading what a run was asked to do. See saved_plan.h.
 */
#include "cli/saved_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_read.h"

/* The yes-or-no options, by name and place. */
static const struct {
	const char *name;
	size_t offset;
} switches[] = {
	{ "include_deleted", offsetof(struct options, source.include_deleted) },
	{ "include_outbox", offsetof(struct options, source.include_outbox) },
	{ "include_feeds", offsetof(struct options, source.include_feeds) },
	{ "recovered", offsetof(struct options, source.recovered) },
	{ "include_partial", offsetof(struct options, include_partial) },
	{ "duplicate_into_folders", offsetof(struct options, duplicate_into_folders) },
	{ "keep_duplicates", offsetof(struct options, keep_duplicates) },
	{ "no_uidl", offsetof(struct options, no_uidl) },
};
#define N_SWITCHES (sizeof(switches) / sizeof(switches[0]))

/* Absolute, for a later run from elsewhere. */
static int write_paths(struct json *j, const char *const *paths, size_t n, struct err *err)
{
	json_open(j, '[');
	for (size_t i = 0; i < n; i++) {
		char *path = realpath(paths[i], NULL);

		if (!path)
			return err_sys(err, ERR_NOINPUT, SCOPE_RUN, errno, "--pop-state '%s'",
				       paths[i]);
		json_cstr(j, path);
		free(path);
	}
	json_close(j, ']');
	return 0;
}

/* Absolute: the plan may be carried out from another working directory. */
static void put_path(struct json *j, const char *path)
{
	char *absolute = path ? realpath(path, NULL) : NULL;

	json_cstr(j, absolute ? absolute : path);
	free(absolute);
}

int saved_plan_write(const struct options *o, const struct source_set *sources, struct buf *out,
		     struct err *err)
{
	CLEANUP(buf_release) struct buf spec = BUF_INIT(64 << 10);
	struct json j;

	json_init(&j, out);
	json_open(&j, '{');
	json_put_text(&j, "to", o->to);
	json_put_text(&j, "prefix", o->prefix);
	json_key(&j, "address_map");
	put_path(&j, o->source.address_map);
	json_put_open(&j, "sources", '[');
	for (size_t i = 0; i < source_set_count(sources); i++) {
		buf_reset(&spec);
		buf_addf(&spec, "%s:%s", source_set_kind(sources, i), source_set_path(sources, i));
		json_string(&j, buf_slice(&spec));
	}
	json_close(&j, ']');
	json_put_open(&j, "maps", '[');
	for (size_t i = 0; i < o->n_maps; i++)
		json_cstr(&j, o->maps[i]);
	json_close(&j, ']');
	json_put_text(&j, "pop3", o->pop3);
	json_key(&j, "pop_states");
	if (write_paths(&j, o->pop_states, o->n_pop_states, err) != 0)
		return -1;
	for (size_t i = 0; i < N_SWITCHES; i++) {
		json_put_bool(&j, switches[i].name,
			      *(const bool *)((const char *)o + switches[i].offset));
	}
	json_put_text(&j, "file", file_mode_names[o->file]);
	json_put_text(&j, "flags", flag_policy_names[o->flags]);
	json_close(&j, '}');
	return buf_ok(out, "the list of sources and options", err);
}

static int damaged(struct err *err)
{
	return err_set(err, ERR_FORMAT, SCOPE_RUN, RETRY_NEVER,
		       "the journal's record of this plan cannot be read");
}

/* One list of texts: up to `max` into out[]. */
static int read_list(struct json_reader *r, struct arena *a, const char **out, size_t max,
		     size_t *n, struct err *err)
{
	struct json_token t;
	int got;

	*n = 0;
	while ((got = json_reader_next(r, &t, err)) > 0) {
		if (t.kind == JSON_OPEN_ARRAY)
			continue;
		if (t.kind == JSON_CLOSE)
			return 0;
		if (t.kind != JSON_STRING || *n == max)
			return damaged(err);
		out[*n] = arena_slice(a, t.text);
		if (!out[(*n)++])
			return err_nomem(err);
	}
	return got < 0 ? -1 : damaged(err);
}

static int read_text(const struct json_token *t, struct arena *a, const char **out, struct err *err)
{
	*out = NULL;
	if (t->kind != JSON_STRING)
		return 0;
	*out = arena_slice(a, t->text);
	return *out ? 0 : err_nomem(err);
}

/* The index in a NULL-terminated list, or -1. */
static int name_number(struct slice name, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (slice_eq(name, slice_str(names[i])))
			return i;
	return -1;
}

static int read_member(struct json_reader *r, struct slice key, struct arena *a, struct options *o,
		       const char **specs, struct err *err)
{
	struct json_token t;

	if (slice_eq(key, SLICE_LIT("sources")))
		return read_list(r, a, specs, SOURCE_SET_MAX, &o->n_operands, err);
	if (slice_eq(key, SLICE_LIT("maps")))
		return read_list(r, a, o->maps, MAPS_MAX, &o->n_maps, err);
	if (slice_eq(key, SLICE_LIT("pop_states")))
		return read_list(r, a, o->pop_states, POP_STATES_MAX, &o->n_pop_states, err);
	if (json_reader_next(r, &t, err) <= 0)
		return damaged(err);
	if (slice_eq(key, SLICE_LIT("to")))
		return read_text(&t, a, &o->to, err);
	if (slice_eq(key, SLICE_LIT("pop3")))
		return read_text(&t, a, &o->pop3, err);
	if (slice_eq(key, SLICE_LIT("prefix")))
		return read_text(&t, a, &o->prefix, err);
	if (slice_eq(key, SLICE_LIT("file"))) {
		int mode = name_number(t.text, file_mode_names);

		/* what the plan has shown is what is wanted */
		o->file = mode == FILE_PLAN ? FILE_COPY
			  : mode < 0	    ? FILE_OFF
					    : (enum file_mode)mode;
		return 0;
	}
	if (slice_eq(key, SLICE_LIT("flags"))) {
		int policy = name_number(t.text, flag_policy_names);

		o->flags = policy < 0 ? FLAGS_SERVER : (enum flag_policy)policy;
		return 0;
	}
	if (slice_eq(key, SLICE_LIT("address_map")))
		return read_text(&t, a, &o->source.address_map, err);
	for (size_t i = 0; i < N_SWITCHES; i++)
		if (slice_eq(key, slice_str(switches[i].name)))
			*(bool *)((char *)o + switches[i].offset) =
				slice_eq(t.text, SLICE_LIT("true"));
	return 0;
}

int saved_plan_read(const char *json, struct arena *a, struct options *o, struct err *err)
{
	const char **specs = arena_alloc(a, SOURCE_SET_MAX * sizeof(*specs));
	struct json_reader r;
	struct json_token t;
	int got;

	if (!specs)
		return err_nomem(err);
	o->to = NULL; /* what the command line had there is the number of the plan */
	o->n_operands = 0;
	o->n_maps = 0;
	o->n_pop_states = 0;
	json_reader_init(&r, slice_str(json));
	while ((got = json_reader_next(&r, &t, err)) > 0) {
		char *key;

		if (t.kind != JSON_KEY)
			continue;
		key = arena_slice(a, t.text); /* the token goes with the next call */
		if (!key || read_member(&r, slice_str(key), a, o, specs, err) != 0) {
			got = key ? -1 : err_nomem(err);
			break;
		}
	}
	json_reader_release(&r);
	if (got < 0)
		return -1;
	if (!o->to || o->n_operands == 0)
		return damaged(err);
	o->operands = specs;
	return 0;
}

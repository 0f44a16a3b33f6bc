/*
 * The file is small and read once for each connection, from front to back: a
 * section is kept while it matches, and the first whole one is the answer.
 */
#include "imap/profile.h"

#include <string.h>

static const char builtin[] =
#include "imap/profiles.inc"
	;

struct slice profiles_builtin(void)
{
	return slice_of(builtin, sizeof(builtin) - 1);
}

struct reading {
	const struct profile_signs *signs;
	const char *wanted;
	struct arena *arena;
	struct profile current;
	bool matches; /* the section at work */
	bool in_section;
	unsigned line;
};

static int bad(const struct reading *r, const char *what, struct err *err)
{
	return err_set(err, ERR_CONFIG, SCOPE_RUN, RETRY_NEVER, "profile file, line %u: %s",
		       r->line, what);
}

/* ---- values ---- */

/* "4", "2M" */
static bool read_size(struct slice text, uint64_t *out)
{
	uint64_t times = 1;

	if (text.len > 0 && (text.ptr[text.len - 1] == 'M' || text.ptr[text.len - 1] == 'k')) {
		times = text.ptr[text.len - 1] == 'M' ? 1000000 : 1000;
		text.len--;
	}
	if (!slice_u64(text, out) || *out > UINT64_MAX / 1000000 / times)
		return false;
	*out *= times;
	return true;
}

static bool has_word(struct slice words, struct slice word)
{
	while (words.len > 0)
		if (slice_ieq(slice_cut(&words, ' '), word))
			return true;
	return false;
}

/* A sign: does the server bear it? */
static bool is_sign(struct reading *r, struct slice key, struct slice value)
{
	if (slice_eq(key, SLICE_LIT("capability")))
		r->matches |= has_word(r->signs->capabilities, value);
	else if (slice_eq(key, SLICE_LIT("greeting")))
		r->matches |= slice_ifind(r->signs->greeting, value) >= 0;
	else if (slice_eq(key, SLICE_LIT("id")))
		r->matches |= slice_ifind(r->signs->id, value) >= 0;
	else
		return false;
	return true;
}

/* 1: it is such a number; 0: another key; -1: it is none that fits. */
static int read_number(struct profile *p, struct slice key, struct slice value)
{
	const struct {
		const char *key;
		unsigned *small;
		uint64_t *large;
	} fields[] = {
		{ "connections", &p->connections, NULL },
		{ "commands", &p->commands, NULL },
		{ "batch", &p->batch, NULL },
		{ "rate", &p->messages_per_minute, NULL },
		{ "noop", &p->noop_every, NULL },
		{ "window", NULL, &p->window },
		{ "day", NULL, &p->octets_per_day },
		{ "limit", NULL, &p->append_limit },
		{ "line", NULL, &p->line_limit },
	};
	uint64_t n;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!slice_eq(key, slice_str(fields[i].key)))
			continue;
		if (!read_size(value, &n) || n == 0 || (fields[i].small && n > 100000))
			return -1;
		if (fields[i].small)
			*fields[i].small = (unsigned)n;
		else
			*fields[i].large = n;
		return 1;
	}
	return 0;
}

/* What a server does or does not do. Another word than the one that is known says nothing. */
static bool read_habit(struct profile *p, struct slice key, struct slice value)
{
	const struct {
		const char *key, *word;
		bool *flag;
	} habits[] = {
		{ "keywords", "no", &p->no_keywords },
		{ "names", "any-case", &p->any_case },
		{ "headers", "rewritten", &p->rewrites_headers },
		{ "message-id", "unique", &p->one_per_id },
		{ "header-8bit", "lost", &p->loses_8bit_header },
	};

	for (size_t i = 0; i < sizeof(habits) / sizeof(habits[0]); i++) {
		if (!slice_eq(key, slice_str(habits[i].key)))
			continue;
		*habits[i].flag = slice_eq(value, slice_str(habits[i].word));
		return true;
	}
	return false;
}

static int read_text(struct reading *r, struct slice key, struct slice value, struct err *err)
{
	const char **field;

	if (slice_eq(key, SLICE_LIT("title")))
		field = &r->current.title;
	else if (slice_eq(key, SLICE_LIT("login")))
		field = &r->current.login_advice;
	else
		return bad(r, "an unknown key", err);
	*field = arena_slice(r->arena, value);
	return *field ? 0 : err_nomem(err);
}

static int read_pair(struct reading *r, struct slice key, struct slice value, struct err *err)
{
	uint64_t version;

	if (!r->in_section) {
		if (!slice_eq(key, SLICE_LIT("version")))
			return bad(r, "a key outside of any section", err);
		if (!slice_u64(value, &version) || version != 1)
			return bad(r, "a file of another version of mailhoist", err);
		return 0;
	}
	if (value.len == 0)
		return bad(r, "a key without a value", err);
	if (is_sign(r, key, value))
		return 0;
	if (read_habit(&r->current, key, value))
		return 0;
	int number = read_number(&r->current, key, value);

	if (number < 0)
		return bad(r, "not a number that fits", err);
	return number > 0 ? 0 : read_text(r, key, value, err);
}

/* ---- sections ---- */

/* "[name]": 1: the one before it is the answer; 0; -1. */
static int begin_section(struct reading *r, struct slice name, struct err *err)
{
	if (r->in_section && r->matches)
		return 1;
	r->in_section = true;
	r->current = (struct profile){ .name = arena_slice(r->arena, name) };
	if (!r->current.name)
		return err_nomem(err);
	r->matches = r->wanted && strcmp(r->wanted, r->current.name) == 0;
	return 0;
}

/* 1: found; 0; -1. */
static int read_line(struct reading *r, struct slice line, struct err *err)
{
	struct slice key;

	line = slice_trim(line);
	if (line.len == 0 || line.ptr[0] == '#')
		return 0;
	if (line.ptr[0] == '[') {
		if (line.len < 3 || line.ptr[line.len - 1] != ']')
			return bad(r, "no [name]", err);
		return begin_section(r, slice_head(slice_from(line, 1), line.len - 2), err);
	}
	if (!memchr(line.ptr, '=', line.len))
		return bad(r, "neither [name] nor key = value", err);
	key = slice_trim(slice_cut(&line, '='));
	return read_pair(r, key, slice_trim(line), err);
}

int profile_find(struct slice file, const struct profile_signs *signs, const char *name,
		 struct arena *a, struct profile *out, struct err *err)
{
	static const struct profile_signs none = { { "", 0 }, { "", 0 }, { "", 0 } };
	struct reading r = { .signs = name ? &none : signs, .wanted = name, .arena = a };

	*out = (struct profile){ .name = "", .title = "" };
	while (file.len > 0) {
		r.line++;
		int got = read_line(&r, slice_cut(&file, '\n'), err);

		if (got < 0)
			return -1;
		if (got > 0)
			break;
	}
	if (!r.in_section || !r.matches) {
		if (!name)
			return 0;
		return err_set(err, ERR_USAGE, SCOPE_RUN, RETRY_NEVER, "there is no profile '%s'",
			       name);
	}
	*out = r.current;
	if (!out->title)
		out->title = out->name;
	return 1;
}

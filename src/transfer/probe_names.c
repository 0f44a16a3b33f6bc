/*
 * Which names of folders the server takes as they are (servers.md 2.5). A
 * migration makes other names of those that are refused; here the user sees which.
 */
#include "transfer/probe_work.h"

#include <string.h>

#define LONG_NAME  200 /* octets: file systems allow 255 with what servers add */
#define LEVELS	   10
#define NAME_WIDTH 60

static const struct name_trial {
	const char *id, *title, *name;
} names[] = {
	{ "name-letters", "a folder's name with letters beyond ASCII",
	  "Gr\xc3\xbc\xc3\x9f"
	  "e \xd0\x9f\xd0\xbe\xd1\x87" },
	{ "name-emoji", "a folder's name with symbols beyond 16 bits", "Post \xf0\x9f\x93\xac" },
	{ "name-dot", "a folder's name with a dot", "a.b" },
	{ "name-slash", "a folder's name with a slash", "a/b" },
	{ "name-backslash", "a folder's name with a backslash", "a\\b" },
	{ "name-quote", "a folder's name with a quotation mark", "a\"b" },
	{ "name-ampersand", "a folder's name with an ampersand", "R&D" },
	{ "name-wildcards", "a folder's name with an asterisk and a percent sign", "50% *" },
	{ "name-brackets", "a folder's name with brackets", "(a) [b] {c} <d>" },
	{ "name-leading-blank", "a folder's name with a blank before it", " lead" },
	{ "name-trailing-blank", "a folder's name with a blank behind it", "trail " },
	{ "name-leading-dot", "a folder's name with a dot before it", ".hidden" },
	{ "name-trailing-dot", "a folder's name with a dot behind it", "dot." },
	{ "name-tilde", "a folder's name with a tilde before it", "~home" },
};

static bool has_separator(const struct probe_work *w, const char *name)
{
	return strchr(name, w->scratch.separator) != NULL;
}

/* Make the folder and see what came of it: 1 *made is there; 0 refused, told; -1. */
static int make(struct probe_work *w, const struct name_trial *t, const char *wire,
		struct listed_folder *made, struct err *err)
{
	struct err why = ERR_INIT;
	int got = session_create(w->session, wire, ROLE_NONE, w->arena, made, &why);

	if (got < 0) {
		*err = why;
		return -1;
	}
	if (got == 0 && trial_add(w, t->id, t->title, TRIAL_REFUSED, why.text, err) < 0)
		return -1;
	return got;
}

static int try_name(struct probe_work *w, const struct name_trial *t, struct err *err)
{
	const char *wire = probe_child(w, t->name, err);
	struct listed_folder made;
	int got = wire ? make(w, t, wire, &made, err) : -1;

	if (got <= 0)
		return got;
	if (strcmp(made.wire_name, wire) == 0)
		return trial_add(w, t->id, t->title, TRIAL_GOOD, NULL, err);

	CLEANUP(buf_release) struct buf text = BUF_INIT(4096);
	size_t skip = strlen(w->scratch.name) + 1;

	buf_addf(&text, "'%s' becomes '%s'", t->name,
		 strlen(made.name) > skip ? made.name + skip : made.name);
	if (!buf_cstr(&text))
		return err_nomem(err);
	return trial_add(w, t->id, t->title, TRIAL_CHANGED, text.ptr, err);
}

static int try_long(struct probe_work *w, struct err *err)
{
	char name[LONG_NAME + 1];
	const struct name_trial t = { "name-long", "a folder's name of 200 characters", name };

	memset(name, 'n', LONG_NAME);
	name[LONG_NAME] = '\0';
	return try_name(w, &t, err);
}

static int try_deep(struct probe_work *w, struct err *err)
{
	char name[LEVELS * 2];
	const struct name_trial t = { "name-deep", "ten levels of folders", name };

	for (size_t i = 0; i < LEVELS; i++) {
		name[i * 2] = 'd';
		name[i * 2 + 1] = i + 1 < LEVELS ? w->scratch.separator : '\0';
	}
	return try_name(w, &t, err);
}

/* "Case" and "case": two folders, or one? */
static int try_case(struct probe_work *w, struct err *err)
{
	static const struct name_trial upper = { "name-case",
						 "two folders whose names differ in capitals",
						 "Case" };
	struct name_trial lower = upper;
	const char *first, *second;
	struct listed_folder a, b;
	int got;

	lower.name = "case";
	first = probe_child(w, upper.name, err);
	second = first ? probe_child(w, lower.name, err) : NULL;
	if (!second)
		return -1;
	got = make(w, &upper, first, &a, err);
	if (got > 0)
		got = make(w, &lower, second, &b, err);
	if (got <= 0)
		return got;
	if (strcmp(a.wire_name, b.wire_name) != 0)
		return trial_add(w, upper.id, upper.title, TRIAL_GOOD, NULL, err);
	return trial_add(w, upper.id, upper.title, TRIAL_CHANGED, "both are the same folder", err);
}

int probe_names(struct probe_work *w, struct err *err)
{
	if (!w->scratch.separator || (w->scratch.attributes & ATTR_NOINFERIORS))
		return trial_add(w, "name-child", "a folder in a folder", TRIAL_REFUSED,
				 "there are no folders within folders here", err);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (has_separator(w, names[i].name))
			continue; /* it cannot even be asked for */
		if (try_name(w, &names[i], err) < 0)
			return -1;
	}
	if (try_long(w, err) < 0 || try_deep(w, err) < 0)
		return -1;
	return try_case(w, err);
}

/*
 * What special folders are called in many languages and programs.
 */
#ifndef MAILHOIST_PLAN_SPECIAL_NAMES_H
#define MAILHOIST_PLAN_SPECIAL_NAMES_H

#include "base/arena.h"
#include "message/message.h"

/* The role that a folder of this name (one component, UTF-8) has, or ROLE_NONE. Compared without
 * case and in NFC. Names that are ambiguous between languages give ROLE_NONE. */
enum role special_name_role(struct slice name, struct arena *scratch);

/* What to call a new folder of that role: "Sent", "Drafts", ...; NULL for roles without one. */
const char *special_name_usual(enum role role);

/* The table, in order of its folded names. */
struct special_name {
	const char *name;
	enum role role;
};
extern const struct special_name special_names[];
extern const size_t n_special_names;

#endif

/*
 * libetpan as a grammar, and nothing but that: it reads one response that the
 * framer has cut and that lies in memory (imap-client.md 6.2): LIST, STATUS, ID. It
 * never sees a greeting, a "+", an ENVELOPE or a BODYSTRUCTURE, nor literals,
 * nesting or numbers beyond what it bears; nor NAMESPACE, which kills it. What it
 * cannot parse (LIST with CHILDINFO, an empty delimiter) goes to tolerant readers of
 * our own. A response that neither can read is lost, the session is not.
 */
#ifndef MAILHOIST_IMAP_ETPAN_H
#define MAILHOIST_IMAP_ETPAN_H

#include "base/arena.h"
#include "imap/response.h"

struct etpan;

struct etpan *etpan_new(void); /* NULL when out of memory */
void etpan_free(struct etpan *e);

/* One row of LIST, XLIST or LSUB. */
struct list_row {
	struct slice name;   /* in the arena, NUL-terminated; ptr NULL: the arena is full */
	char separator;	     /* 0: NIL */
	uint32_t attributes; /* ATTR_* */
	enum role role;
	struct folder_status status; /* of a LIST that returns it, too; never set by a reader */
};
bool etpan_list(struct etpan *e, const struct response *r, struct arena *a, struct list_row *out);

bool etpan_status(struct etpan *e, const struct response *r, struct folder_status *out);

/* Personal namespace and the prefixes of all others. */
#define NAMESPACES_MAX 32
struct namespaces {
	bool has_personal;
	struct slice prefix; /* in the arena */
	char separator;
	size_t n_foreign;
	struct slice foreign[NAMESPACES_MAX];
};
bool namespace_read(const struct response *r, struct arena *a, struct namespaces *out);

/* "name version" of an ID response; false if it tells no name. */
bool etpan_id(struct etpan *e, const struct response *r, struct buf *out);

/* The readers of our own, for tests to compare. */
bool tolerant_list(const struct response *r, struct arena *a, struct list_row *out);
bool tolerant_status(const struct response *r, struct folder_status *out);

/* The meaning of a LIST attribute, any case ("\\Noselect", "\\sent"). */
void list_attribute(struct slice name, struct list_row *row);

#endif

/*
 * Folders: LIST in its dialects (RFC 3501 6.3.8, 5258, 6154, XLIST), CREATE with
 * a look at what came of it, SUBSCRIBE. (STATUS: status.c; EXAMINE and SELECT:
 * select.c.)
 */
#include "imap/session_impl.h"

#include <stdlib.h>
#include <string.h>

#include "message/mutf7.h"

#define FOLDERS_MAX 100000	/* in an account: far more than anybody has, and 10 MB of names */
#define ROW_MAX	    (64u << 10) /* octets of the names in one LIST that is looked at */

/* ---- LIST ---- */

/* Rows as they come: an array of struct list_row in a buffer. */
#define ROWS_INIT BUF_INIT(FOLDERS_MAX * sizeof(struct list_row))

static size_t rows_n(const struct buf *rows)
{
	return rows->len / sizeof(struct list_row);
}

static struct list_row *rows_at(const struct buf *rows, size_t i)
{
	return (struct list_row *)(void *)rows->ptr + i;
}

static int rows_add(struct buf *rows, const struct list_row *row, struct err *err)
{
	buf_add(rows, row, sizeof(*row));
	if (!rows->failed)
		return 0;
	return err_set(err, ERR_LIMIT, SCOPE_ACCOUNT, RETRY_NEVER,
		       "the account has more than %d folders, which is as many as mailhoist takes",
		       FOLDERS_MAX);
}

/* A STATUS among the rows of LIST (RFC 5819): of one of those that have come, most often the last
 * or the one behind `*next`. Others are not looked for long: their folders are asked one by one. */
#define STATUS_REACH 64
static void note_status(struct session *s, const struct response *r, struct buf *rows, size_t *next)
{
	size_t n = rows_n(rows);

	if (n > 0 && status_is_of(r, rows_at(rows, n - 1)->name, true))
		*next = n - 1;
	for (size_t i = *next; i < n && i < *next + STATUS_REACH; i++) {
		struct list_row *row = rows_at(rows, i);

		if (!status_is_of(r, row->name, true))
			continue;
		if (!etpan_status(s->etpan, r, &row->status))
			row->status = (struct folder_status){ 0 };
		*next = i + 1;
		return;
	}
}

/* A pattern is always quoted, so that nothing in it is taken for more than its letters. */
static void args_pattern(struct args *a, const char *selection, struct slice pattern,
			 const char *options)
{
	if (selection)
		args_raw(a, selection);
	args_string(a, SLICE_LIT(""));
	args_folder(a, pattern);
	if (options)
		args_raw(a, options);
}

/* One LIST or XLIST; its rows are added. 0; 1: the server refused it (`r`); -1. */
static int list(struct session *s, enum verb verb, const char *selection, struct slice pattern,
		const char *options, struct arena *a, struct buf *rows, struct response *r,
		struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	size_t next_status = rows_n(rows);
	struct list_row row;
	int got;

	args_pattern(&args, selection, pattern, options);
	if (command_start(s, verb, &args, err) < 0)
		return -1;
	while ((got = command_next(s, r, err)) > 0) {
		if (response_is(r, "STATUS"))
			note_status(s, r, rows, &next_status);
		if (!response_is(r, "LIST") && !response_is(r, "XLIST"))
			continue;
		if (!etpan_list(s->etpan, r, a, &row) || row.name.len == 0)
			continue;
		if (!row.name.ptr)
			return err_nomem(err);
		if (rows_add(rows, &row, err) < 0)
			return -1;
	}
	return got < 0 ? -1 : r->status != STATUS_OK;
}

/* The richest LIST that the server understands, and what to make of a refusal: the next poorer.
 * With `status` also how many messages there are in all that is found. As list(). */
static int list_richly(struct session *s, struct slice pattern, bool status, struct arena *a,
		       struct buf *rows, struct response *r, struct err *err)
{
	const uint32_t extended = CAP_LIST_EXTENDED | CAP_SPECIAL_USE;
	bool is_extended = (s->caps.bits & extended) == extended;
	bool is_xlist = s->caps.xlist && !(s->caps.bits & CAP_SPECIAL_USE);
	CLEANUP(buf_release) struct buf with_status = BUF_INIT(200);
	int got = 1;

	if (is_extended && status && (s->caps.bits & CAP_LIST_STATUS)) {
		buf_addf(&with_status, "RETURN (SUBSCRIBED SPECIAL-USE STATUS %s)",
			 status_items(s));
		got = list(s, VERB_LIST, NULL, pattern, buf_cstr(&with_status), a, rows, r, err);
	}
	if (got == 1 && is_extended)
		got = list(s, VERB_LIST, NULL, pattern, "RETURN (SUBSCRIBED SPECIAL-USE)", a, rows,
			   r, err);
	if (got == 1 && !is_extended && is_xlist)
		got = list(s, VERB_XLIST, NULL, pattern, NULL, a, rows, r, err);
	if (got == 1)
		got = list(s, VERB_LIST, NULL, pattern, NULL, a, rows, r, err);
	return got;
}

void list_args(const struct session *s, struct slice pattern, struct args *args)
{
	const uint32_t extended = CAP_LIST_EXTENDED | CAP_SPECIAL_USE;
	bool is_extended = (s->caps.bits & extended) == extended;

	args_pattern(args, NULL, pattern, is_extended ? "RETURN (SUBSCRIBED SPECIAL-USE)" : NULL);
}

static int list_pattern(struct session *s, struct slice pattern, bool status, struct arena *a,
			struct buf *rows, struct err *err)
{
	struct response r;
	int got = list_richly(s, pattern, status, a, rows, &r, err);

	return got == 1 ? refused(s, VERB_LIST, &r, SCOPE_ACCOUNT, err) : got;
}

/* Servers without LIST-EXTENDED may tell special uses only when asked for them (RFC 6154 3). The
 * answer's rows come on top; Courier answers with everything. A refusal costs the roles alone. */
static int list_special_use(struct session *s, struct arena *a, struct buf *rows, struct err *err)
{
	struct response r;

	if (!(s->caps.bits & CAP_SPECIAL_USE) || (s->caps.bits & CAP_LIST_EXTENDED))
		return 0;
	return list(s, VERB_LIST, "(SPECIAL-USE)", SLICE_LIT("*"), NULL, a, rows, &r, err) < 0 ? -1
											       : 0;
}

static bool is_inbox(struct slice name)
{
	return slice_ieq(name, SLICE_LIT("INBOX"));
}

/* Belongs to others (RFC 2342): "user.", "#shared.". Not below our own prefix. */
static bool is_foreign(const struct session *s, struct slice name)
{
	const struct namespaces *ns = &s->namespaces;

	if (is_inbox(name) || (ns->prefix.len > 0 && slice_starts(name, ns->prefix)))
		return false;
	for (size_t i = 0; i < ns->n_foreign; i++) {
		struct slice prefix = ns->foreign[i];

		if (slice_starts(name, prefix))
			return true;
		/* The root of it, without its separator. */
		if (prefix.len > 1 && slice_eq(name, slice_head(prefix, prefix.len - 1)))
			return true;
	}
	return false;
}

/* UTF-8 of a wire name; the wire name as it is if that is not mUTF-7. */
static const char *decoded(struct session *s, struct slice wire, struct arena *a)
{
	buf_reset(&s->scratch);
	if (!mutf7_decode(&s->scratch, wire) || s->scratch.failed)
		return wire.ptr;
	return arena_slice(a, buf_slice(&s->scratch));
}

static int fill(struct session *s, const struct list_row *row, struct arena *a,
		struct listed_folder *out, struct err *err)
{
	*out = (struct listed_folder){ .wire_name = row->name.ptr,
				       .name = decoded(s, row->name, a),
				       .separator = row->separator,
				       .attributes = row->attributes,
				       .role = row->role,
				       .status = row->status };
	if (is_inbox(row->name))
		out->role = ROLE_INBOX;
	else if (out->role == ROLE_INBOX) /* XLIST translates the name, but only for display */
		out->wire_name = out->name = arena_str(a, "INBOX");
	return out->name ? 0 : err_nomem(err);
}

static int by_name(const void *a, const void *b)
{
	const struct list_row *x = a, *y = b;

	/* INBOX in any case is one folder, and the first. */
	if (is_inbox(x->name) || is_inbox(y->name))
		return is_inbox(y->name) - is_inbox(x->name);
	return strcmp(x->name.ptr, y->name.ptr);
}

/* Several answers about one folder add up. */
static void merge(struct buf *rows)
{
	struct list_row *row = rows_at(rows, 0), *last = NULL;
	size_t n = 0;

	if (rows_n(rows) > 0)
		qsort(row, rows_n(rows), sizeof(*row), by_name);
	for (size_t i = 0; i < rows_n(rows); i++) {
		if (last && by_name(last, &row[i]) == 0) {
			last->attributes |= row[i].attributes;
			last->role = last->role == ROLE_NONE ? row[i].role : last->role;
			if (last->status.uidvalidity == 0)
				last->status = row[i].status;
			continue;
		}
		last = &row[n++];
		*last = row[i];
	}
	rows->len = n * sizeof(*row);
}

static int list_all(struct session *s, struct arena *a, struct buf *rows, struct err *err)
{
	CLEANUP(buf_release) struct buf pattern = BUF_INIT(4096);

	buf_add_slice(&pattern, s->namespaces.prefix);
	buf_addc(&pattern, '*');
	if (buf_ok(&pattern, "the namespace's prefix", err) < 0 ||
	    list_pattern(s, buf_slice(&pattern), true, a, rows, err) < 0)
		return -1;
	if (s->namespaces.prefix.len > 0 &&
	    list_pattern(s, SLICE_LIT("INBOX"), true, a, rows, err) < 0)
		return -1;
	return list_special_use(s, a, rows, err);
}

int session_list(struct session *s, struct arena *a, struct listed_folder **out, size_t *n,
		 struct err *err)
{
	CLEANUP(buf_release) struct buf rows = ROWS_INIT;
	struct listed_folder *folders;
	size_t kept = 0;

	if (list_all(s, a, &rows, err) < 0)
		return -1;
	merge(&rows);
	folders = arena_alloc(a, (rows_n(&rows) + 1) * sizeof(*folders));
	if (!folders)
		return err_nomem(err);
	for (size_t i = 0; i < rows_n(&rows); i++) {
		if (is_foreign(s, rows_at(&rows, i)->name))
			continue;
		if (fill(s, rows_at(&rows, i), a, &folders[kept++], err) < 0)
			return -1;
	}
	*out = folders;
	*n = kept;
	return 0;
}

static bool same_name(struct slice a, struct slice b)
{
	return slice_eq(a, b) || (is_inbox(a) && is_inbox(b));
}

int session_list_one(struct session *s, const char *wire_name, struct arena *a,
		     struct listed_folder *out, struct err *err)
{
	CLEANUP(buf_release) struct buf rows = ROWS_INIT;
	struct response r;
	int got = list_richly(s, slice_str(wire_name), false, a, &rows, &r, err);

	if (got == 1) {
		/* Courier does not even list what it cannot spell (symbols beyond 16 bits): such a
		 * folder is not there. But a server in trouble has said nothing. */
		enum refusal why = refusal_of(&r);

		if (why != REFUSAL_THROTTLED && why != REFUSAL_SERVER)
			return 0;
		return refused_target(s, VERB_LIST, &r, err);
	}
	if (got < 0)
		return -1;
	/* A "*" or "%" in the name finds others too: only the very name counts. */
	for (size_t i = 0; i < rows_n(&rows); i++) {
		if (!same_name(rows_at(&rows, i)->name, slice_str(wire_name)))
			continue;
		return fill(s, rows_at(&rows, i), a, out, err) < 0 ? -1 : 1;
	}
	return 0;
}

bool list_read(struct session *s, const struct response *r, const char *wire_name, struct arena *a,
	       struct listed_folder *out)
{
	CLEANUP(arena_release) struct arena scratch = ARENA_INIT(ROW_MAX);
	struct list_row row;
	struct err err;

	if (!response_is(r, "LIST") || !etpan_list(s->etpan, r, &scratch, &row) || !row.name.ptr ||
	    !same_name(row.name, slice_str(wire_name)))
		return false;
	row.name.ptr = arena_slice(a, row.name);
	return row.name.ptr && fill(s, &row, a, out, &err) == 0;
}

/* ---- CREATE ---- */

static const char *use_of(enum role role)
{
	switch (role) {
	case ROLE_SENT:
		return "(USE (\\Sent))";
	case ROLE_DRAFTS:
		return "(USE (\\Drafts))";
	case ROLE_TRASH:
		return "(USE (\\Trash))";
	case ROLE_JUNK:
		return "(USE (\\Junk))";
	case ROLE_ARCHIVE:
		return "(USE (\\Archive))";
	default:
		return NULL;
	}
}

void create_args(const struct session *s, const char *wire_name, enum role role, struct args *args)
{
	const char *use = s->caps.bits & CAP_CREATE_SPECIAL_USE ? use_of(role) : NULL;

	args_folder(args, slice_str(wire_name));
	if (use)
		args_raw(args, use);
}

static int create(struct session *s, const char *wire_name, const char *use, struct response *r,
		  struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;

	args_folder(&args, slice_str(wire_name));
	if (use)
		args_raw(&args, use);
	return command_run(s, VERB_CREATE, &args, r, err);
}

/* What is left of a name when the dots and blanks that servers drop or squeeze are left out. */
static void add_skeleton(struct buf *b, struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (c != '.' && c != ' ')
			buf_addc(b, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
	}
}

static bool same_skeleton(struct slice a, struct slice b)
{
	CLEANUP(buf_release) struct buf x = BUF_INIT(COMMAND_MAX);
	CLEANUP(buf_release) struct buf y = BUF_INIT(COMMAND_MAX);

	add_skeleton(&x, a);
	add_skeleton(&y, b);
	return !x.failed && !y.failed && slice_eq(buf_slice(&x), buf_slice(&y));
}

/* The name without empty levels: Cyrus makes "a.b" of "a..b" when "." is its separator. */
static int find_squeezed(struct session *s, const char *wire_name, struct arena *a,
			 struct listed_folder *out, struct err *err)
{
	CLEANUP(buf_release) struct buf name = BUF_INIT(COMMAND_MAX);
	size_t len = strlen(wire_name);

	for (size_t i = 0; s->separator && i < len; i++) {
		bool is_last = i + 1 == len;

		if (wire_name[i] != s->separator || (!is_last && wire_name[i + 1] != s->separator))
			buf_addc(&name, wire_name[i]);
	}
	if (name.len == 0 || name.len == len || !buf_cstr(&name))
		return 0;
	return session_list_one(s, name.ptr, a, out, err);
}

/* The one folder that the pattern finds and that has the name but for what servers change in it. */
static int find_alike(struct session *s, struct slice pattern, const char *wire_name,
		      struct arena *a, struct listed_folder *out, struct err *err)
{
	CLEANUP(buf_release) struct buf rows = ROWS_INIT;
	const struct list_row *found = NULL;

	if (list_pattern(s, pattern, false, a, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows_n(&rows); i++) {
		if (!same_skeleton(rows_at(&rows, i)->name, slice_str(wire_name)))
			continue;
		if (found)
			return 0; /* two of them: nobody knows */
		found = rows_at(&rows, i);
	}
	if (!found)
		return 0;
	return fill(s, found, a, out, err) < 0 ? -1 : 1;
}

/* The server said OK, but does not list the name: Cyrus makes "a.b" of "a..b", others fold case,
 * Courier made nothing. Look among the siblings, then everywhere: the folder above may be spelled
 * otherwise, too. 1, 0, -1. */
static int find_renamed(struct session *s, const char *wire_name, struct arena *a,
			struct listed_folder *out, struct err *err)
{
	CLEANUP(buf_release) struct buf pattern = BUF_INIT(COMMAND_MAX);
	const char *last = s->separator ? strrchr(wire_name, s->separator) : NULL;
	int found;

	buf_add(&pattern, wire_name, last ? (size_t)(last - wire_name) + 1 : 0);
	buf_addc(&pattern, '%');
	found = find_alike(s, buf_slice(&pattern), wire_name, a, out, err);
	if (found != 0 || !last)
		return found;
	buf_reset(&pattern);
	buf_add_slice(&pattern, s->namespaces.prefix);
	buf_addc(&pattern, '*');
	return find_alike(s, buf_slice(&pattern), wire_name, a, out, err);
}

/* "NO Mailbox already exists", though it may be listed under the name that the server made of it.
 */
static bool says_it_exists(const struct response *r)
{
	return response_has_code(r, "ALREADYEXISTS") ||
	       slice_ifind(r->text, SLICE_LIT("already exists")) >= 0;
}

/* The folder as the server lists it: 1, 0, -1. */
static int find_created(struct session *s, const char *wire_name, bool perhaps_renamed,
			struct arena *a, struct listed_folder *out, struct err *err)
{
	int found = session_list_one(s, wire_name, a, out, err);

	if (found == 0 && perhaps_renamed)
		found = find_squeezed(s, wire_name, a, out, err);
	if (found == 0 && perhaps_renamed)
		found = find_renamed(s, wire_name, a, out, err);
	if (found > 0 && (out->attributes & ATTR_NOSELECT))
		return 0;
	return found;
}

int session_create(struct session *s, const char *wire_name, enum role role, struct arena *a,
		   struct listed_folder *out, struct err *err)
{
	const char *use = s->caps.bits & CAP_CREATE_SPECIAL_USE ? use_of(role) : NULL;
	struct response r;
	bool exists;
	struct err why;
	int made, found;

	made = create(s, wire_name, use, &r, err);
	if (made == 1 && use) /* the use is taken, or not understood: a folder without it will do */
		made = create(s, wire_name, NULL, &r, err);
	if (made < 0)
		return err->code == ERR_REFUSED ? 0 : -1;
	exists = made == 0 || says_it_exists(&r);
	if (made == 1)
		refused_target(s, VERB_CREATE, &r, &why);
	else
		err_set(&why, ERR_REFUSED, SCOPE_FOLDER, RETRY_NEVER,
			"the server said OK to CREATE, but lists no such folder");
	/* Refusals without a code may mean "already there" too, so look in any case. */
	found = find_created(s, wire_name, exists, a, out, err);
	if (found == 0)
		*err = why;
	if (found == 0 && why.code != ERR_REFUSED && why.code != ERR_QUOTA)
		return -1; /* put off: not the name's fault */
	return found;
}

int session_subscribe_later(struct session *s, const char *wire_name, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;

	args_folder(&args, slice_str(wire_name));
	args_end(&args);
	if (args.bad || args.n_literals > 0)
		return session_subscribe(s, wire_name, err);
	if (buf_ok(&args.text, "a folder name", err) < 0)
		return -1;
	return session_enqueue(s, VERB_SUBSCRIBE, buf_slice(&args.text), err) ? 0 : -1;
}

int session_subscribe(struct session *s, const char *wire_name, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct response r;

	args_folder(&args, slice_str(wire_name));
	return command_run(s, VERB_SUBSCRIBE, &args, &r, err) < 0 ? -1 : 0;
}

int session_delete_scratch(struct session *s, const char *wire_name, struct err *err)
{
	CLEANUP(args_release) struct args args = ARGS_INIT;
	struct response r;
	int got;

	if (!strstr(wire_name, SCRATCH_MARK))
		return err_set(err, ERR_INTERNAL, SCOPE_RUN, RETRY_NEVER,
			       "'%s' is no folder of ours to delete", wire_name);
	args_folder(&args, slice_str(wire_name));
	got = command_run(s, VERB_DELETE, &args, &r, err);
	return got == 1 ? refused(s, VERB_DELETE, &r, SCOPE_FOLDER, err) : got;
}

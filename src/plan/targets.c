/*
 * Which folder of the server each local folder goes to. In this order:
 *
 *   1. --map, for the folder itself or the nearest mapped folder above it
 *   2. --prefix: everything keeps its own name below it
 *   3. the folder's role: what the store itself says, else its name at the top level
 *      (special_names.c). INBOX goes to INBOX; for the others the server's SPECIAL-USE decides,
 *      else the server's folder whose name means the same, else the usual name
 *   4. the nearest folder above it with a role (Archives/2019 goes below the archive)
 *   5. its own name, part by part; folders that the server has are recognised without regard to
 *      case and normal form, and what the server once made of a name is used again
 *
 * Two local folders may get one target; that is never silent.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "journal/notice.h"
#include "message/mutf7.h"
#include "plan/internal.h"
#include "plan/special_names.h"

#define LISTING_MAX	((size_t)64 << 20) /* octets of all folder names of an account */
#define STORE_TEXT_MAX	((size_t)4 << 20)  /* octets while one folder is mapped */
#define NAME_OCTETS_MAX 8192
#define FALLBACK_NAME	"Imported" /* of a store without any name */

struct known {
	int64_t id;
	const char *name, *folded;
	uint32_t attributes;
	enum role role;
};

struct targets {
	struct journal *j;
	int64_t run;
	const struct plan_options *options;
	const struct plan_server *server;
	struct known *list; /* by folded name */
	size_t n, room;
	struct arena names; /* of the list */
	struct arena a;	    /* of one store */
};

/* ---- the server's folders ---- */

static int by_folded(const void *a, const void *b)
{
	const struct known *x = a, *y = b;
	int order = strcmp(x->folded, y->folded);

	return order ? order : (x->id > y->id) - (x->id < y->id);
}

static int add_known(struct targets *t, const struct remote_folder *f, struct err *err)
{
	char *folded = text_fold(&t->names, slice_str(f->name));

	if (t->n == t->room) {
		size_t more = t->room ? t->room * 2 : 64;
		struct known *list = realloc(t->list, more * sizeof(*list));

		if (!list)
			return err_nomem(err);
		t->list = list;
		t->room = more;
	}
	if (!folded)
		return err_nomem(err);
	t->list[t->n++] = (struct known){ f->id, f->name, folded, f->attributes, f->role };
	return 0;
}

static int load_folders(struct targets *t, struct err *err)
{
	struct remote_folder f;
	int64_t after = 0;
	int got;

	while ((got = journal_folder_next(t->j, after, &t->names, &f, err)) > 0) {
		after = f.id;
		if (add_known(t, &f, err) < 0)
			return -1;
	}
	if (got == 0 && t->n > 0)
		qsort(t->list, t->n, sizeof(*t->list), by_folded);
	return got;
}

/* Into its place among the others. */
static int add_wish(struct targets *t, const struct remote_folder *wish, struct err *err)
{
	struct remote_folder f = *wish;
	struct known added;
	size_t at;

	f.name = arena_str(&t->names, wish->name);
	if (!f.name)
		return err_nomem(err);
	if (add_known(t, &f, err) < 0)
		return -1;
	added = t->list[t->n - 1];
	for (at = t->n - 1; at > 0 && by_folded(&t->list[at - 1], &added) > 0; at--)
		t->list[at] = t->list[at - 1];
	t->list[at] = added;
	return 0;
}

/* The folder of that name: the one spelled just so, else any that differs in case only. */
static const struct known *find_folder(struct targets *t, const char *name)
{
	const char *folded = text_fold(&t->a, slice_str(name));
	const struct known *any = NULL;
	size_t low = 0, high = t->n;

	if (!folded)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(t->list[middle].folded, folded) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < t->n && strcmp(t->list[low].folded, folded) == 0; low++) {
		if (!any || strcmp(t->list[low].name, name) == 0)
			any = &t->list[low];
	}
	return any;
}

/* The last part of a folder's name, if it stands at the top level (the prefix apart). */
static bool top_level_part(const struct targets *t, const struct known *f, struct slice *out)
{
	struct slice name = slice_str(f->name);
	struct slice prefix = slice_str(t->server->prefix);

	if (prefix.len > 0 && slice_istarts(name, prefix))
		name = slice_from(name, prefix.len);
	*out = name;
	return name.len > 0 &&
	       (!t->server->separator || slice_find(name, t->server->separator) < 0);
}

static bool holds_messages(const struct known *f)
{
	return !(f->attributes & FOLDER_NOSELECT);
}

/* The server's folder of a role: by SPECIAL-USE; else by its name, one called like the local folder
 * or like that role's usual name first. */
static const struct known *folder_of_role(struct targets *t, enum role role, const char *local)
{
	const char *usual = special_name_usual(role);
	const struct known *best = NULL;
	int best_rank = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (t->list[i].role == role && holds_messages(&t->list[i]))
			return &t->list[i];
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct known *f = &t->list[i];
		struct slice part;
		int rank;

		if (!holds_messages(f) || f->role != ROLE_NONE || !top_level_part(t, f, &part) ||
		    special_name_role(part, &t->a) != role)
			continue;
		rank = slice_ieq(part, slice_str(local))   ? 3
		       : slice_ieq(part, slice_str(usual)) ? 2
							   : 1;
		if (rank > best_rank) {
			best = f;
			best_rank = rank;
		}
	}
	return best;
}

/* ---- building a name ---- */

/* A part as it can stand between separators: valid UTF-8 in NFC, no control characters, and no
 * separator. */
static const char *clean_part(struct targets *t, const char *part)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(NAME_OCTETS_MAX);

	utf8_add_lossy(&text, slice_str(part));
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (c < 0x20 || c == 0x7f || (c == (unsigned char)t->server->separator && c))
			text.ptr[i] = '_';
	}
	if (text.failed)
		return NULL;
	return text.len == 0 ? "_" : text_nfc(&t->a, buf_slice(&text));
}

/* Append a part to the name, in the spelling of the server's folder where there is one. */
static int add_part(struct targets *t, struct buf *name, const char *part, bool more,
		    struct err *err)
{
	const char *clean = clean_part(t, part);
	const struct known *f;

	if (!clean)
		return err_set(err, ERR_LIMIT, SCOPE_RUN, RETRY_NEVER,
			       "a folder's name is longer than %d octets", NAME_OCTETS_MAX);
	buf_adds(name, clean);
	f = buf_cstr(name) ? find_folder(t, name->ptr) : NULL;
	if (f) {
		buf_reset(name);
		buf_adds(name, f->name);
	}
	if (more)
		buf_addc(name, t->server->separator ? t->server->separator : '_');
	return buf_ok(name, "folder name", err);
}

/* The folder of a finished name: one that is there, one that was made of it before, or a wish. */
static int settle_name(struct targets *t, struct buf *name, enum role role, int64_t *id,
		       struct err *err)
{
	CLEANUP(buf_release) struct buf wire = BUF_INIT(4 * NAME_OCTETS_MAX);
	const struct known *f = find_folder(t, name->ptr);
	struct remote_folder wish = { .separator = t->server->separator, .role = role };
	struct remote_folder made;
	int got;

	if (f && holds_messages(f)) {
		*id = f->id;
		return 0;
	}
	if (mutf7_encode(&wire, buf_slice(name), err) < 0)
		return -1;
	if (!buf_cstr(&wire))
		return buf_ok(&wire, "folder name", err);
	got = journal_folder_made_of(t->j, wire.ptr, &t->a, &made, err);
	if (got < 0)
		return -1;
	if (got > 0 && made.exists) {
		*id = made.id;
		return 0;
	}
	if (f) { /* of folders alone, as yet */
		*id = f->id;
		return 0;
	}
	wish.wire_name = wire.ptr;
	wish.name = name->ptr;
	if (journal_folder_want(t->j, &wish, id, err) < 0)
		return -1;
	wish.id = *id;
	return t->server->any_case ? add_wish(t, &wish, err) : 0;
}

/* `base` and the parts below it. */
static int build(struct targets *t, const char *base, const char *const *parts, size_t n,
		 enum role role, int64_t *id, struct err *err)
{
	CLEANUP(buf_release) struct buf name = BUF_INIT(NAME_OCTETS_MAX);

	buf_adds(&name, base);
	for (size_t i = 0; i < n; i++) {
		if (add_part(t, &name, parts[i], i + 1 < n, err) < 0)
			return -1;
	}
	if (!buf_cstr(&name))
		return buf_ok(&name, "folder name", err);
	return settle_name(t, &name, role, id, err);
}

/* Split what the user wrote for a folder of the server: at its separator, else at '/'. */
static int split_user_name(struct targets *t, const char *text, const char *const **parts,
			   size_t *n, struct err *err)
{
	char cut = t->server->separator;
	struct slice rest = slice_str(text);
	const char **list;
	size_t count = 1;

	if (!cut || slice_find(rest, cut) < 0)
		cut = '/';
	for (size_t i = 0; i < rest.len; i++)
		count += rest.ptr[i] == cut;
	list = arena_alloc(&t->a, count * sizeof(*list));
	if (!list)
		return err_nomem(err);
	count = 0;
	while (rest.len > 0) {
		struct slice part = slice_cut(&rest, cut);

		if (part.len > 0 && !(list[count++] = arena_slice(&t->a, part)))
			return err_nomem(err);
	}
	*parts = list;
	*n = count;
	return 0;
}

/* The user's folder as a base for what lies below it, or by itself (`rest` 0). */
static int below_user_name(struct targets *t, const char *text, const char *const *rest, size_t n,
			   int64_t *id, struct err *err)
{
	struct slice prefix = slice_str(t->server->prefix);
	const char *const *own = NULL;
	const char **all;
	const char *base = t->server->prefix;
	size_t n_own = 0;

	if (split_user_name(t, text, &own, &n_own, err) < 0)
		return -1;
	/* written with the prefix already, or INBOX itself */
	if (prefix.len > 0 && slice_istarts(slice_str(text), prefix))
		base = "";
	if (n_own > 0 && slice_ieq(slice_str(own[0]), SLICE_LIT("INBOX")))
		base = "";
	all = arena_alloc(&t->a, (n_own + n + 1) * sizeof(*all));
	if (!all)
		return err_nomem(err);
	for (size_t i = 0; i < n_own; i++)
		all[i] = own[i];
	for (size_t i = 0; i < n; i++)
		all[n_own + i] = rest[i];
	return build(t, base, all, n_own + n, ROLE_NONE, id, err);
}

/* ---- the steps ---- */

static char *joined(struct arena *a, const char *const *parts, size_t n)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(NAME_OCTETS_MAX);

	for (size_t i = 0; i < n; i++)
		buf_addf(&text, "%s%s", i ? "/" : "", parts[i]);
	return text.failed ? NULL : arena_slice(a, buf_slice(&text));
}

/* The map of the folder, or of the nearest one above it; *depth: of how many parts. */
static const struct plan_map *find_map(struct targets *t, const struct store_info *s, size_t *depth)
{
	for (size_t n = s->depth; n > 0; n--) {
		char *path = joined(&t->a, s->folder, n);
		char *folded = path ? text_fold(&t->a, slice_str(path)) : NULL;

		for (size_t i = 0; folded && i < t->options->n_maps; i++) {
			const struct plan_map *map = &t->options->maps[i];
			char *local = text_fold(&t->a, slice_str(map->local));

			if (local && strcmp(local, folded) == 0) {
				*depth = n;
				return map;
			}
		}
	}
	return NULL;
}

/* What the run's store at the first `n` parts of a path says of its role; else its name. */
static int role_above(struct targets *t, const struct store_info *s, size_t n, enum role *role,
		      struct err *err)
{
	struct store_info above;
	int got = journal_store_at(t->j, t->run, s, n, &t->a, &above, err);

	if (got < 0)
		return -1;
	*role = got > 0 ? above.role : ROLE_NONE;
	if (*role == ROLE_NONE && n == 1)
		*role = special_name_role(slice_str(s->folder[0]), &t->a);
	return 0;
}

static bool has_target(enum role role)
{
	return role == ROLE_INBOX || special_name_usual(role) != NULL;
}

/* The folder of a role, and what lies below it. 1: done; 0: nothing can be below that one; -1. */
static int below_role(struct targets *t, enum role role, const char *local, const char *const *rest,
		      size_t n, int64_t *id, struct err *err)
{
	CLEANUP(buf_release) struct buf base = BUF_INIT(NAME_OCTETS_MAX);
	const char *usual = special_name_usual(role);
	const struct known *f =
		role == ROLE_INBOX ? find_folder(t, "INBOX") : folder_of_role(t, role, local);

	if (n > 0 && (!t->server->separator || (f && (f->attributes & FOLDER_NOINFERIORS))))
		return 0;
	if (f && n == 0) {
		*id = f->id;
		return 1;
	}
	if (f)
		buf_adds(&base, f->name);
	else if (role == ROLE_INBOX)
		buf_adds(&base, "INBOX");
	else
		buf_addf(&base, "%s%s", t->server->prefix, usual);
	if (n == 0)
		return !buf_cstr(&base) || settle_name(t, &base, role, id, err) < 0 ? -1 : 1;
	buf_addc(&base, t->server->separator);
	if (!buf_cstr(&base))
		return buf_ok(&base, "folder name", err);
	return build(t, base.ptr, rest, n, ROLE_NONE, id, err) < 0 ? -1 : 1;
}

/* Is there a folder of that very name that can have none below it? Those below it then cannot keep
 * their names. */
static bool is_barren(struct targets *t, enum role role, const char *local)
{
	CLEANUP(buf_release) struct buf name = BUF_INIT(NAME_OCTETS_MAX);
	const struct known *f;

	if (role == ROLE_INBOX)
		buf_adds(&name, "INBOX");
	else
		buf_addf(&name, "%s%s", t->server->prefix, local);
	f = t->server->separator && buf_cstr(&name) ? find_folder(t, name.ptr) : NULL;
	return f && (f->attributes & FOLDER_NOINFERIORS);
}

/* Beside the folder that can have none below it, called after both. */
static int beside_role(struct targets *t, const char *const *rest, size_t n, int64_t *id,
		       struct err *err)
{
	CLEANUP(buf_release) struct buf first = BUF_INIT(NAME_OCTETS_MAX);
	const char **parts = arena_alloc(&t->a, n * sizeof(*parts));

	buf_addf(&first, "%s %s", rest[0], rest[1]);
	if (!parts || !buf_cstr(&first))
		return err_nomem(err);
	parts[0] = first.ptr;
	for (size_t i = 2; i < n; i++)
		parts[i - 1] = rest[i];
	return build(t, t->server->prefix, parts, n - 1, ROLE_NONE, id, err);
}

/* 1: the folder has a place by its own or a parent's role; 0: it has none; -1. */
static int by_role(struct targets *t, const struct store_info *s, int64_t *id, struct err *err)
{
	enum role role = s->role;

	if (role == ROLE_NONE && s->depth == 1)
		role = special_name_role(slice_str(s->folder[0]), &t->a);
	/* what the store calls nothing but its name says "outbox" is an ordinary folder */
	if (has_target(role))
		return below_role(t, role, s->depth ? s->folder[s->depth - 1] : "", NULL, 0, id,
				  err);
	for (size_t n = s->depth; n-- > 1;) {
		if (role_above(t, s, n, &role, err) < 0)
			return -1;
		if (!has_target(role))
			continue;
		int got =
			below_role(t, role, s->folder[n - 1], s->folder + n, s->depth - n, id, err);

		if (got != 0 || !is_barren(t, role, s->folder[n - 1]))
			return got;
		return beside_role(t, s->folder + n - 1, s->depth - n + 1, id, err) < 0 ? -1 : 1;
	}
	return 0;
}

static int target_of(struct targets *t, const struct store_info *s, int64_t *id, struct err *err)
{
	static const char *const fallback[] = { FALLBACK_NAME };
	const char *const *parts = s->depth ? s->folder : fallback;
	size_t n = s->depth ? s->depth : 1, mapped = 0;
	const struct plan_map *map = find_map(t, s, &mapped);
	int got;

	if (map)
		return below_user_name(t, map->server, s->folder + mapped, s->depth - mapped, id,
				       err);
	if (t->options->prefix && *t->options->prefix)
		return below_user_name(t, t->options->prefix, parts, n, id, err);
	got = by_role(t, s, id, err);
	if (got != 0)
		return got < 0 ? -1 : 0;
	return build(t, t->server->prefix, parts, n, ROLE_NONE, id, err);
}

/* ---- the run ---- */

/* Local folders that meet in one target: one notice a target. */
static int tell_merged(struct targets *t, struct err *err)
{
	int64_t after = 0;
	int got;

	for (;;) {
		CLEANUP(buf_release) struct buf text = BUF_INIT(4096);
		struct merged_target m;

		arena_reset(&t->a);
		got = journal_merged_target_next(t->j, t->run, after, &t->a, &m, err);
		if (got <= 0)
			return got;
		after = m.folder;
		buf_addf(&text, "%llu local folders go into this one: %s",
			 (unsigned long long)m.stores, m.locations);
		if (!buf_cstr(&text))
			return err_nomem(err);
		struct run_notice n = { "folder-merged", m.stores, m.name, text.ptr };

		if (journal_notice_add(t->j, t->run, 0, &n, err) < 0)
			return -1;
	}
}

static int map_stores(struct targets *t, struct err *err)
{
	struct store_info s;
	int64_t after = 0, id = 0;
	int got;

	for (;;) {
		arena_reset(&t->a);
		got = journal_store_next(t->j, t->run, after, &t->a, &s, err);
		if (got <= 0)
			break;
		after = s.id;
		if (target_of(t, &s, &id, err) < 0)
			return err_prefix(err, "'%s'", s.location);
		if (journal_store_target(t->j, t->run, s.id, id, err) < 0)
			return -1;
	}
	return got < 0 ? -1 : tell_merged(t, err);
}

int plan_folders(struct journal *j, int64_t run, const struct plan_options *options,
		 const struct plan_server *server, struct err *err)
{
	struct targets t = {
		.j = j,
		.run = run,
		.options = options,
		.server = server,
		.names = ARENA_INIT(LISTING_MAX),
		.a = ARENA_INIT(STORE_TEXT_MAX),
	};
	int result = journal_begin(j, err);

	if (result == 0) {
		result = load_folders(&t, err);
		if (result == 0)
			result = map_stores(&t, err);
		if (result == 0)
			result = perishing_find(j, run, server, err);
		if (result == 0)
			result = journal_commit(j, err);
		else
			journal_rollback(j);
	}
	free(t.list);
	arena_release(&t.names);
	arena_release(&t.a);
	return result;
}

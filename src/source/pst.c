/*
 * Outlook stores (PST, OST), the parent half: a source like the others, whose
 * messages a worker composes (pst_worker.c, pst_wire.h). A second worker, started
 * when it is needed, finds single messages again.
 *
 * A worker that dies costs the item it was at: that is told as a message that cannot
 * be read, and the next worker goes on behind the last item that came whole.
 *
 * Locator: "STOREUID:NID:SEARCHKEY", all hexadecimal, and ":o" for what lies in a folder of
 * one's own mail, where Bcc is shown. The NID is the item's number in this store for good,
 * but diverged copies of a store hand one number to different mail: so the search key
 * is compared.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "mime/compose.h"
#include "source/hash_set.h"
#include "source/kinds.h"
#include "source/notices.h"
#include "source/pst.h"
#include "source/pst_body.h"
#include "source/pst_reader.h"

#define READER_VERSION	 1  /* in fingerprints: raise when the same store gives other messages */
#define RACY_SECONDS	 2  /* a younger file may change again in the same clock tick */
#define CLASSES_MAX	 64 /* counted apart in one folder */
#define RECOVERED_FOLDER "Recovered"
#define ARENA_MAX	 ((size_t)1 << 20)
#define DAMAGES_MAX	 1000 /* between two items */

struct class_count {
	uint32_t kind;
	uint64_t n;
	char class[PST_CLASS_MAX + 1];
};

/* The folder that is being read. */
struct folder {
	uint32_t nid; /* 0: none yet */
	enum role role;
	bool ours;
	enum { NOT_BEGUN, RUNNING, DONE } state;
	uint32_t last;	/* the last item that was told whole */
	bool has_first; /* s->begin is its first message: peeked at */
	int deaths;	/* since the last item, without anybody to blame */
	char *location;
	size_t n_classes;
	struct class_count classes[CLASSES_MAX];
};

struct pst_source {
	struct source_head head;
	char *path;
	int fd;
	struct stamp stamp;
	bool racy;
	struct source_options options;
	struct buf map;
	struct notices *notices;
	struct pst_known known;
	struct pst_reader scan, fetch;
	struct folder folder;
	struct hash_set seen_paths;
	struct pst_event begin; /* of the message whose data comes; its texts are in begin_arena */
	struct arena begin_arena, event_arena, damage_arena;
	struct pst_damage_event *damages; /* not yet told: their item has not come whole */
	size_t n_damages;
	struct pst_body body, found;
};

struct pst_damage_event {
	uint32_t nid;
	uint64_t lost;
	const char *text;
};

static struct pst_source *self(struct source *source)
{
	return (struct pst_source *)(void *)source;
}

/* ---- probing ---- */

static int probe(const char *path)
{
	CLEANUP(fd_cleanup) int fd = -1;
	struct err ignored = ERR_INIT;
	char magic[4];

	fd = fd_open_file(AT_FDCWD, path, NULL, &ignored);
	if (fd < 0 || fd_pread(fd, magic, sizeof(magic), 0, &ignored) != (ssize_t)sizeof(magic))
		return 0;
	return memcmp(magic, "!BDN", sizeof(magic)) == 0 ? 100 : 0;
}

/* ---- opening ---- */

static void pst_close(struct source *source)
{
	struct pst_source *s = self(source);

	pst_reader_close(&s->scan);
	pst_reader_close(&s->fetch);
	pst_known_release(&s->known);
	pst_body_release(&s->body);
	pst_body_release(&s->found);
	hash_set_release(&s->seen_paths);
	arena_release(&s->begin_arena);
	arena_release(&s->event_arena);
	arena_release(&s->damage_arena);
	notices_free(s->notices);
	buf_release(&s->map);
	fd_cleanup(&s->fd);
	free(s->damages);
	free(s->folder.location);
	free(s->path);
	free(s);
}

static struct pst_source *new_source(const char *path, const struct source_options *options)
{
	struct pst_source *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->head.ops = &source_pst;
	s->fd = -1;
	s->options = *options;
	s->scan = s->fetch = (struct pst_reader)PST_READER_NONE;
	s->begin_arena = s->event_arena = s->damage_arena = (struct arena)ARENA_INIT(ARENA_MAX);
	buf_init(&s->map, PST_MAP_FILE_MAX);
	pst_known_init(&s->known);
	pst_body_init(&s->body, PST_BODY_MEMORY);
	pst_body_init(&s->found, 0);
	s->path = strdup(path);
	s->notices = notices_new();
	s->damages = calloc(DAMAGES_MAX, sizeof(*s->damages));
	if (s->path && s->notices && s->damages)
		return s;
	pst_close((struct source *)(void *)s);
	return NULL;
}

static int open_files(struct pst_source *s, struct err *err)
{
	struct stat st;

	s->fd = fd_open_file(AT_FDCWD, s->path, &st, err);
	if (s->fd < 0)
		return -1;
	s->stamp = stamp_of(&st);
	s->racy = st.st_mtime > time_now() - RACY_SECONDS;
	if (s->options.address_map && fd_slurp(AT_FDCWD, s->options.address_map, &s->map, err) != 0)
		return err_prefix(err, "address map");
	return 0;
}

static int open_source(struct pst_source *s, struct err *err)
{
	if (open_files(s, err) != 0) {
		err->scope = SCOPE_SOURCE;
		return -1;
	}
	s->known.fd = s->fd;
	s->known.map = buf_slice(&s->map);
	if (pst_reader_open(&s->scan, &s->known, err) != 0)
		return err_prefix(err, "'%s'", s->path);
	return 0;
}

int source_pst_open(const char *path, const struct source_options *options, int (*instead)(void),
		    const struct pst_patience *patience, struct source **out, struct err *err)
{
	struct pst_source *s = new_source(path, options);

	if (!s)
		return err_nomem(err);
	s->known.instead = instead;
	if (patience)
		s->known.patience = *patience;
	if (open_source(s, err) != 0) {
		pst_close((struct source *)(void *)s);
		return -1;
	}
	*out = (struct source *)(void *)s;
	return 0;
}

static int pst_open_source(const char *path, const struct source_options *options,
			   struct source **out, struct err *err)
{
	return source_pst_open(path, options, NULL, NULL, out, err);
}

/* ---- damages ---- */

static void keep_damage(struct pst_source *s, const struct pst_event *e)
{
	struct pst_damage_event *d;

	if (s->n_damages == DAMAGES_MAX) {
		s->damages[DAMAGES_MAX - 1].lost += e->lost;
		return;
	}
	d = &s->damages[s->n_damages++];
	*d = (struct pst_damage_event){ e->nid, e->lost, arena_str(&s->damage_arena, e->text) };
	if (!d->text)
		d->text = "damaged";
}

/* What they belong to has come whole: now they count. */
static void tell_damages(struct pst_source *s)
{
	const char *location = s->folder.location ? s->folder.location : s->path;

	for (size_t i = 0; i < s->n_damages; i++) {
		const struct pst_damage_event *d = &s->damages[i];

		notices_tell(s->notices, d->lost ? NOTICE_LOST : NOTICE_INTEGRITY,
			     d->lost ? d->lost : 1, d->nid ? location : s->path, "%s", d->text);
	}
	s->n_damages = 0;
	arena_reset(&s->damage_arena);
}

/* They will be noticed once more. */
static void forget_damages(struct pst_source *s)
{
	s->n_damages = 0;
	arena_reset(&s->damage_arena);
}

static const char *kind_text(uint32_t kind)
{
	static const char *const texts[] = {
		[ITEM_MAIL] = "other items",
		[ITEM_CONTACT] = "contacts",
		[ITEM_LIST] = "distribution lists",
		[ITEM_APPOINTMENT] = "appointments",
		[ITEM_TASK] = "tasks",
		[ITEM_NOTE] = "notes",
		[ITEM_JOURNAL] = "journal entries",
		[ITEM_OTHER] = "other items",
	};

	return kind < sizeof(texts) / sizeof(texts[0]) ? texts[kind] : "other items";
}

static void folder_done(struct pst_source *s)
{
	struct folder *f = &s->folder;

	tell_damages(s);
	for (size_t i = 0; i < f->n_classes; i++)
		notices_tell(s->notices, NOTICE_NOT_MAIL, f->classes[i].n, f->location,
			     "%s (class %s): not mail, left out", kind_text(f->classes[i].kind),
			     f->classes[i].class[0] ? f->classes[i].class : "none");
	f->n_classes = 0;
	f->state = DONE;
}

/* ---- events ---- */

/* The next event, with damages put aside: 1, -1 (as pst_reader_event()). */
static int next_event(struct pst_source *s, struct arena *a, struct pst_event *e, struct err *err)
{
	for (;;) {
		arena_reset(a);
		if (pst_reader_event(&s->scan, a, e, err) < 0)
			return -1;
		if (e->type != PST_DAMAGE)
			return 1;
		keep_damage(s, e);
	}
}

/* Nothing more can be had of this folder, or of the store. Its context is the caller's. */
static int give_up(struct pst_source *s, enum err_scope scope, struct err *err)
{
	const char *where = s->folder.location ? s->folder.location : s->path;

	pst_reader_close(&s->scan);
	folder_done(s);
	err->scope = s->known.deaths >= PST_DEATHS_MAX ? SCOPE_SOURCE : scope;
	err->code = ERR_FORMAT;
	err->retry = RETRY_NEVER;
	return err_prefix(err, "'%s' cannot be read to its end", where);
}

/* A new worker, at the folder that the dead one was in. 0, or -1 (nothing runs). */
static int restart(struct pst_source *s, struct err *err)
{
	struct pst_event e;

	if (pst_reader_open(&s->scan, &s->known, err) != 0)
		return -1;
	if (s->folder.nid == 0)
		return 0;
	forget_damages(s);
	if (pst_reader_command(&s->scan, PST_SEEK_FOLDER, s->folder.nid, ROLE_NONE, err) != 0 ||
	    next_event(s, &s->event_arena, &e, err) < 0)
		return -1;
	forget_damages(s);
	if (e.type == PST_FOLDER && e.nid == s->folder.nid)
		return 0;
	pst_reader_close(&s->scan);
	return err_set(err, ERR_CHANGED, SCOPE_SOURCE, RETRY_NEVER,
		       "its folders are not what they were");
}

/* ---- the items of a folder ---- */

static int begin_items(struct pst_source *s, struct err *err)
{
	struct folder *f = &s->folder;

	f->state = RUNNING;
	return pst_reader_command(&s->scan, PST_ITEMS, f->last, f->role, err);
}

/* What stopped us and not the worker. */
static bool is_ours(const struct err *err)
{
	return err->code == ERR_INTERRUPTED || err->code == ERR_NOMEM;
}

/* The worker died among the items. 1: a new one goes on; -1. */
static int bury(struct pst_source *s, struct err *err)
{
	do {
		if (is_ours(err))
			return -1;
		if (!pst_reader_blame(&s->scan) && ++s->folder.deaths > 1)
			return give_up(s, SCOPE_FOLDER, err);
		forget_damages(s);
	} while (restart(s, err) != 0 || begin_items(s, err) != 0);
	return 1;
}

static void item_done(struct pst_source *s, uint32_t nid)
{
	s->folder.last = nid;
	s->folder.deaths = 0;
	tell_damages(s);
}

static void count_other(struct pst_source *s, const struct pst_event *e)
{
	struct folder *f = &s->folder;
	struct class_count *c;

	for (size_t i = 0; i < f->n_classes; i++)
		if (f->classes[i].kind == e->other_kind &&
		    strcmp(f->classes[i].class, e->class) == 0) {
			f->classes[i].n++;
			return;
		}
	if (f->n_classes == CLASSES_MAX) {
		f->classes[CLASSES_MAX - 1].n++;
		return;
	}
	c = &f->classes[f->n_classes++];
	c->kind = e->other_kind;
	c->n = 1;
	snprintf(c->class, sizeof(c->class), "%s",
		 f->n_classes == CLASSES_MAX ? "and others" : e->class);
}

static int not_readable(struct pst_source *s, const struct pst_event *e, struct err *err)
{
	const char *death = pst_known_skip(&s->known, PST_STAGE_ITEM, e->nid);

	if (!*e->text && death)
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
			       "the process that read it %s", death);
	return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER, "%s", e->text);
}

static int failed_item(struct pst_source *s, const struct pst_event *e, struct err *err)
{
	CLEANUP(buf_release) struct buf name = BUF_INIT(4096);

	item_done(s, e->nid);
	buf_addf(&name, "item 0x%" PRIx32, e->nid);
	if (*e->more)
		buf_addf(&name, " \"%.60s\"", e->more);
	if (*e->class)
		buf_addf(&name, " (%.60s)", e->class);
	not_readable(s, e, err);
	return err_prefix(err, "'%s': %s", s->folder.location, buf_cstr(&name) ? name.ptr : "item");
}

/* What an event between two messages means: 1 a message begins, 0 the items are at their end, 2 go
 * on, -1. */
static int between(struct pst_source *s, const struct pst_event *e, struct err *err)
{
	bool behind = e->nid > s->folder.last;

	switch (e->type) {
	case PST_BEGIN:
		return behind ? 1 : pst_reader_disorder(&s->scan, err);
	case PST_OTHER:
		if (!behind)
			return pst_reader_disorder(&s->scan, err);
		count_other(s, e);
		item_done(s, e->nid);
		return 2;
	case PST_FAILED:
		return behind ? failed_item(s, e, err) : pst_reader_disorder(&s->scan, err);
	case PST_ITEMS_END:
		folder_done(s);
		return 0;
	case PST_ERROR:
		*err = e->error;
		folder_done(s);
		return err_prefix(err, "'%s'", s->folder.location);
	default:
		return pst_reader_disorder(&s->scan, err);
	}
}

/* Until the next message begins: 1 and s->begin is it, 0 the end, -1 (SCOPE_MESSAGE: one failed).
 */
static int next_begin(struct pst_source *s, struct err *err)
{
	int got;

	if (s->folder.has_first) {
		s->folder.has_first = false;
		return 1;
	}
	do {
		got = next_event(s, &s->begin_arena, &s->begin, err);
		if (got > 0)
			got = between(s, &s->begin, err);
		if (got < 0 && !pst_reader_runs(&s->scan))
			got = bury(s, err) < 0 ? -1 : 2;
	} while (got == 2);
	return got;
}

/* The data of the message that has begun, into `body`: 1; 0: it failed after all, *e says why; -1.
 */
static int read_data(struct pst_reader *r, struct pst_body *body, struct arena *a,
		     struct pst_source *s, struct pst_event *e, struct err *err)
{
	pst_body_reset(body);
	for (;;) {
		arena_reset(a);
		if (pst_reader_event(r, a, e, err) < 0)
			return -1;
		switch (e->type) {
		case PST_DATA:
			if (e->data.len > PST_MESSAGE_MAX - body->len)
				return pst_reader_disorder(r, err);
			if (pst_body_add(body, e->data, err) != 0)
				return -1;
			break;
		case PST_AGAIN:
			pst_body_reset(body);
			break;
		case PST_DAMAGE:
			if (s)
				keep_damage(s, e);
			break;
		case PST_END:
			return e->octets == body->len ? 1 : pst_reader_disorder(r, err);
		case PST_FAILED:
			return 0;
		default:
			return pst_reader_disorder(r, err);
		}
	}
}

static void write_hex(char *to, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
	*to = '\0';
}

static char *write_locator(struct pst_source *s, struct arena *a)
{
	char uid[2 * PST_UID_LEN + 1], key[2 * PST_KEY_LEN + 1];

	write_hex(uid, s->known.uid, PST_UID_LEN);
	write_hex(key, s->begin.key, PST_KEY_LEN);
	return arena_printf(a, "%s:%" PRIx32 ":%s%s", uid, s->begin.nid, key,
			    s->folder.ours ? ":o" : "");
}

static enum message_state state_of(const struct pst_source *s)
{
	if (s->begin.feed || s->folder.role == ROLE_FEEDS)
		return STATE_FEED;
	if (s->folder.role == ROLE_OUTBOX)
		return STATE_OUTBOX;
	return s->begin.partial ? STATE_PARTIAL : STATE_WHOLE;
}

static int fill_message(struct pst_source *s, struct arena *a, uint32_t fidelity,
			struct message *out, struct err *err)
{
	const struct pst_event *b = &s->begin;
	struct message m = { 0 };

	m.locator = write_locator(s, a);
	m.flags.system = b->flags.system;
	for (size_t i = 0; i < b->flags.n_keywords; i++)
		flag_set_add_keyword(&m.flags, a, slice_str(b->flags.keywords[i]));
	m.arrival = b->arrival;
	m.state = state_of(s);
	m.repairs = b->flags_dropped ? NOTE_KEYWORDS_DROPPED : 0;
	m.rebuilt = true;
	m.fidelity = fidelity;
	if (!m.locator)
		return err_nomem(err);
	if (pst_body_finish(&s->body, &m.body, err) != 0)
		return -1;
	*out = m;
	return 1;
}

static int next_message(struct source *source, struct arena *a, struct message *out,
			struct err *err)
{
	struct pst_source *s = self(source);
	struct pst_event e;
	int got;

	if (s->folder.state == DONE || s->folder.nid == 0)
		return 0;
	if (s->folder.state == NOT_BEGUN && begin_items(s, err) != 0 && bury(s, err) < 0)
		return -1;
	for (;;) {
		got = next_begin(s, err);
		if (got <= 0)
			return got;
		got = read_data(&s->scan, &s->body, &s->event_arena, s, &e, err);
		if (got == 0)
			return failed_item(s, &e, err);
		if (got > 0) {
			item_done(s, s->begin.nid);
			return fill_message(s, a, e.fidelity, out, err);
		}
		if (pst_reader_runs(&s->scan) || bury(s, err) < 0)
			return -1;
	}
}

/* ---- folders ---- */

static int join_path(struct buf *out, const char *path, const struct folder_path *folder)
{
	buf_addf(out, "%s: ", path);
	for (size_t i = 0; i < folder->n; i++)
		buf_addf(out, "%s%s", i ? "/" : "", folder->names[i]);
	return out->failed ? -1 : 0;
}

static uint64_t hash_of(struct slice s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (uint8_t)s.ptr[i]) * UINT64_C(1099511628211);
	return h;
}

/* "FILE: Folder/Name"; two folders of the same path are told apart by their numbers. */
static int set_location(struct pst_source *s, const struct pst_event *e, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(ARENA_MAX);
	int new;

	if (join_path(&text, s->path, &e->path) != 0)
		return err_nomem(err);
	new = hash_set_add(&s->seen_paths, hash_of(buf_slice(&text)), err);
	if (new < 0)
		return -1;
	if (!new)
		buf_addf(&text, " (0x%" PRIx32 ")", e->nid);
	free(s->folder.location);
	s->folder.location = buf_cstr(&text) ? strdup(text.ptr) : NULL;
	return s->folder.location ? 0 : err_nomem(err);
}

static int enter_folder(struct pst_source *s, const struct pst_event *e, struct err *err)
{
	struct folder *f = &s->folder;

	if (set_location(s, e, err) != 0)
		return -1;
	f->nid = e->nid;
	f->role = e->role;
	f->ours = e->role == ROLE_SENT || e->role == ROLE_DRAFTS || e->role == ROLE_OUTBOX;
	f->state = NOT_BEGUN;
	f->last = 0;
	f->has_first = false;
	f->deaths = 0;
	f->n_classes = 0;
	return 0;
}

/* The whole file counts, not only the folder's stamp: diverged copies of one store can have the
 * same stamp for other mail. */
static const char *write_fingerprint(struct pst_source *s, struct arena *a,
				     const struct pst_event *e)
{
	if (s->racy)
		return "";
	return arena_printf(
		a, "pst%d:%" PRIu64 ":%" PRIu64 ":%" PRId64 ":%" PRIx32 ":%" PRIx64 ":%" PRIx64,
		READER_VERSION, s->stamp.ino, s->stamp.size, s->stamp.mtime_ns, e->nid, e->stamp,
		hash_of(buf_slice(&s->map)));
}

static int deliver_folder(struct pst_source *s, struct arena *a, const struct pst_event *e,
			  struct source_folder *out, struct err *err)
{
	struct source_folder folder = { .role = e->role };
	bool failed = false;

	if (e->kind == PST_FOLDER_ORPHANS)
		folder.path.names[folder.path.n++] = RECOVERED_FOLDER;
	for (size_t i = 0; i < e->path.n; i++) {
		const char *name = arena_str(a, e->path.names[i]);

		failed |= !name;
		folder.path.names[folder.path.n++] = name;
	}
	folder.location = arena_str(a, s->folder.location);
	folder.fingerprint = write_fingerprint(s, a, e);
	if (failed || !folder.location || !folder.fingerprint)
		return err_nomem(err);
	*out = folder;
	return 1;
}

/* A folder that is not for mail: is there any in it? 1: it waits as the first message; 0. Items
 * that fail on the way are told, as no folder is there to count them in. */
static int has_mail(struct pst_source *s, struct err *err)
{
	int got;

	if (begin_items(s, err) != 0 && bury(s, err) < 0)
		return -1;
	for (;;) {
		got = next_begin(s, err);
		if (got > 0)
			s->folder.has_first = true;
		if (got >= 0 || err->scope != SCOPE_MESSAGE)
			return got;
		notices_tell(s->notices, NOTICE_LOST, 1, s->folder.location, "%s", err->text);
		err_clear(err);
	}
}

/* Whether this folder is to be delivered: 1, 0 (told why not), -1. */
static int is_wanted(struct pst_source *s, const struct pst_event *e, struct err *err)
{
	if (e->kind == PST_FOLDER_MAIL)
		return 1;
	if (e->kind == PST_FOLDER_OTHER)
		return has_mail(s, err);
	if (s->options.recovered && e->items > 0)
		return 1;
	if (e->items > 0)
		notices_tell(s->notices, NOTICE_LOST, e->items, s->folder.location,
			     "items whose folder is gone; --recovered carries them");
	s->folder.state = DONE;
	return 0;
}

/* What the caller did not read of the last folder. */
static int finish_folder(struct pst_source *s, struct err *err)
{
	struct arena a = ARENA_INIT(ARENA_MAX);
	struct message m;
	int got = 0;

	while (s->folder.state == RUNNING) {
		got = next_message((struct source *)(void *)s, &a, &m, err);
		arena_reset(&a);
		if (got < 0 && err->scope != SCOPE_MESSAGE)
			break;
	}
	arena_release(&a);
	if (s->folder.state != RUNNING || (got < 0 && err->scope == SCOPE_FOLDER)) {
		err_clear(err);
		s->folder.state = DONE;
		return 0;
	}
	return -1;
}

static bool answers_folder(const struct pst_event *e)
{
	return e->type == PST_FOLDER || e->type == PST_FOLDERS_END || e->type == PST_ERROR;
}

/* The answer to NEXT_FOLDER; a worker that died of it is asked for once more. */
static int ask_folder(struct pst_source *s, struct pst_event *e, struct err *err)
{
	for (int attempt = 0;; attempt++) {
		if (!pst_reader_runs(&s->scan) && restart(s, err) != 0)
			return -1;
		if (pst_reader_command(&s->scan, PST_NEXT_FOLDER, 0, ROLE_NONE, err) == 0 &&
		    next_event(s, &s->event_arena, e, err) > 0) {
			if (answers_folder(e))
				return 0;
			pst_reader_disorder(&s->scan, err);
		}
		if (pst_reader_runs(&s->scan) || attempt > 0)
			return -1;
	}
}

static int next_folder(struct source *source, struct arena *a, struct source_folder *out,
		       struct err *err)
{
	struct pst_source *s = self(source);
	struct pst_event e;
	int got;

	if (finish_folder(s, err) != 0)
		return -1;
	do {
		if (ask_folder(s, &e, err) != 0)
			return is_ours(err) ? -1 : give_up(s, SCOPE_SOURCE, err);
		if (e.type == PST_FOLDERS_END) {
			tell_damages(s);
			pst_reader_close(&s->scan);
			return 0;
		}
		if (e.type == PST_ERROR) {
			tell_damages(s);
			*err = e.error;
			return err_prefix(err, "'%s'", s->path);
		}
		if (enter_folder(s, &e, err) != 0)
			return -1;
		tell_damages(s);
		got = is_wanted(s, &e, err);
	} while (got == 0);
	return got < 0 ? -1 : deliver_folder(s, a, &e, out, err);
}

/* ---- finding again ---- */

struct locator {
	uint8_t uid[PST_UID_LEN], key[PST_KEY_LEN];
	uint32_t nid;
	bool ours;
};

static bool read_hex(struct slice text, uint8_t *out, size_t len)
{
	if (text.len != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint64_t octet;

		if (!slice_hex64(slice_of(text.ptr + 2 * i, 2), &octet))
			return false;
		out[i] = (uint8_t)octet;
	}
	return true;
}

static int read_locator(const char *text, struct locator *out, struct err *err)
{
	struct slice rest = slice_str(text);
	struct slice uid = slice_cut(&rest, ':'), nid = slice_cut(&rest, ':');
	struct slice key = slice_cut(&rest, ':');
	uint64_t number;

	if (!read_hex(uid, out->uid, PST_UID_LEN) || !read_hex(key, out->key, PST_KEY_LEN) ||
	    !slice_hex64(nid, &number) || number == 0 || number > UINT32_MAX ||
	    (rest.len > 0 && !slice_eq(rest, SLICE_LIT("o"))))
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
			       "'%s' does not say where a message is", text);
	out->nid = (uint32_t)number;
	out->ours = rest.len > 0;
	return 0;
}

/* 1 found, 0 the worker died (it can be tried again), -1. */
static int fetch(struct pst_source *s, const struct locator *l, struct err *err)
{
	struct pst_event e;

	if (!pst_reader_runs(&s->fetch) && pst_reader_open(&s->fetch, &s->known, err) != 0)
		return -1;
	if (pst_reader_command(&s->fetch, PST_FETCH, l->nid, l->ours ? ROLE_SENT : ROLE_NONE,
			       err) != 0)
		return 0;
	do { /* what is noticed on the way was told by the scan */
		arena_reset(&s->event_arena);
		if (pst_reader_event(&s->fetch, &s->event_arena, &e, err) < 0)
			return pst_reader_runs(&s->fetch) ? -1 : 0;
	} while (e.type == PST_DAMAGE);
	if (e.type == PST_OTHER)
		return err_set(err, ERR_CHANGED, SCOPE_MESSAGE, RETRY_NEVER,
			       "is no message any more");
	if (e.type == PST_FAILED)
		return not_readable(s, &e, err);
	if (e.type != PST_BEGIN || e.nid != l->nid) {
		pst_reader_disorder(&s->fetch, err);
		return 0;
	}
	if (memcmp(e.key, l->key, PST_KEY_LEN) != 0) {
		pst_reader_close(&s->fetch);
		return err_set(err, ERR_CHANGED, SCOPE_MESSAGE, RETRY_NEVER,
			       "another item has its number now");
	}
	switch (read_data(&s->fetch, &s->found, &s->event_arena, NULL, &e, err)) {
	case 1:
		return 1;
	case 0:
		return not_readable(s, &e, err);
	default:
		return pst_reader_runs(&s->fetch) ? -1 : 0;
	}
}

/* Deaths whose culprit is known are tried again without it; others once. */
static int fetch_again(struct pst_source *s, const struct locator *l, struct err *err)
{
	int got;

	for (int deaths = 0;;) {
		got = fetch(s, l, err);
		if (got != 0)
			return got;
		if (!pst_reader_blame(&s->fetch) && ++deaths > 1)
			return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
				       "the process that read it %s", s->fetch.death.why);
	}
}

static int find(struct source *source, const char *locator, struct arena *a, struct message *out,
		struct err *err)
{
	struct pst_source *s = self(source);
	struct locator l;

	(void)a;
	if (read_locator(locator, &l, err) != 0)
		return -1;
	if (memcmp(l.uid, s->known.uid, PST_UID_LEN) != 0)
		return err_set(err, ERR_CHANGED, SCOPE_MESSAGE, RETRY_NEVER,
			       "'%s' is another store now", s->path);
	if (fetch_again(s, &l, err) < 0) {
		if (!is_ours(err))
			err->scope = SCOPE_MESSAGE;
		return err_prefix(err, "'%s': item 0x%" PRIx32, s->path, l.nid);
	}
	out->canon = (struct canon_rules){ 0 };
	return pst_body_finish(&s->found, &out->body, err);
}

static int next_notice(struct source *source, struct arena *a, struct notice *out)
{
	return notices_next(self(source)->notices, a, out);
}

const struct source_ops source_pst = {
	.kind = "pst",
	.summary = "Outlook: a .pst or .ost file",
	.probe = probe,
	.open = pst_open_source,
	.next_folder = next_folder,
	.next_message = next_message,
	.find = find,
	.next_notice = next_notice,
	.close = pst_close,
};

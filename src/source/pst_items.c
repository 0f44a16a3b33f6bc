/*
 * The items of a folder, pulled out of the worker that scans: mail is delivered,
 * what is not mail counted by class, what fails told, and what the worker notices
 * kept until the item that it belongs to has come whole, because a worker that died
 * notices it once more in its successor.
 */
#include "source/pst_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "message/fidelity.h"
#include "mime/export.h"

/* MS-PST 2.2.2.1 */
#define NID_TYPE_MASK	0x1f
#define NID_TYPE_FOLDER 2

/* ---- damages ---- */

static void keep_damage(struct pst_source *s, const struct pst_event *e)
{
	struct pst_damage_event *d;

	if (s->n_damages == PST_DAMAGES_MAX) {
		s->damages[PST_DAMAGES_MAX - 1].lost += e->lost;
		return;
	}
	d = &s->damages[s->n_damages++];
	*d = (struct pst_damage_event){ e->nid, e->lost, arena_str(&s->damage_arena, e->text) };
	if (!d->text)
		d->text = "damaged";
}

/* What concerns another folder than the present one is told of the file: its text has the name. */
static const char *place_of(const struct pst_source *s, const struct pst_damage_event *d)
{
	bool elsewhere = (d->nid & NID_TYPE_MASK) == NID_TYPE_FOLDER && d->nid != s->folder.nid;

	return d->nid && !elsewhere && s->folder.location ? s->folder.location : s->path;
}

/* What they belong to has come whole: now they count. */
void pst_tell_damages(struct pst_source *s)
{
	for (size_t i = 0; i < s->n_damages; i++) {
		const struct pst_damage_event *d = &s->damages[i];

		notices_tell(s->notices, d->lost ? NOTICE_LOST : NOTICE_INTEGRITY,
			     d->lost ? d->lost : 1, place_of(s, d), "%s", d->text);
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

static void tell_class(struct pst_source *s, const struct pst_class_count *c)
{
	const char *class = c->class[0] ? c->class : "none";

	if (c->exported == c->n)
		notices_tell(s->notices, NOTICE_NOT_MAIL, c->n, s->folder.location,
			     "%s (class %s): not mail, written as files", kind_text(c->kind),
			     class);
	else if (c->exported > 0)
		notices_tell(s->notices, NOTICE_NOT_MAIL, c->n, s->folder.location,
			     "%s (class %s): not mail; %" PRIu64 " of them written as files",
			     kind_text(c->kind), class, c->exported);
	else
		notices_tell(s->notices, NOTICE_NOT_MAIL, c->n, s->folder.location,
			     "%s (class %s): not mail, left out", kind_text(c->kind), class);
}

static void folder_done(struct pst_source *s)
{
	struct pst_open_folder *f = &s->folder;

	pst_tell_damages(s);
	for (size_t i = 0; i < f->n_classes; i++)
		tell_class(s, &f->classes[i]);
	f->n_classes = 0;
	f->state = FOLDER_DONE;
}

/* ---- events ---- */

/* The next event, with damages put aside: 1, -1 (as pst_reader_event()). */
int pst_next_event(struct pst_source *s, struct arena *a, struct pst_event *e, struct err *err)
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
int pst_give_up(struct pst_source *s, enum err_scope scope, struct err *err)
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
int pst_restart(struct pst_source *s, struct err *err)
{
	struct pst_event e;

	if (pst_reader_open(&s->scan, &s->known, err) != 0)
		return -1;
	if (s->folder.nid == 0)
		return 0;
	forget_damages(s);
	if (pst_reader_command(&s->scan, PST_SEEK_FOLDER, s->folder.nid, ROLE_NONE, err) != 0 ||
	    pst_next_event(s, &s->event_arena, &e, err) < 0)
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
	struct pst_open_folder *f = &s->folder;

	f->state = FOLDER_RUNNING;
	return pst_reader_command(&s->scan, PST_ITEMS, f->last, f->role, err);
}

/* What stopped us and not the worker. */
bool pst_stopped(const struct err *err)
{
	return err->code == ERR_INTERRUPTED || err->code == ERR_NOMEM;
}

/* The worker died among the items. 1: a new one goes on; -1. */
static int bury(struct pst_source *s, struct err *err)
{
	do {
		if (pst_stopped(err))
			return -1;
		if (!pst_reader_blame(&s->scan) && ++s->folder.deaths > 1)
			return pst_give_up(s, SCOPE_FOLDER, err);
		forget_damages(s);
	} while (pst_restart(s, err) != 0 || begin_items(s, err) != 0);
	return 1;
}

static void item_done(struct pst_source *s, uint32_t nid)
{
	s->folder.last = nid;
	s->folder.deaths = 0;
	pst_tell_damages(s);
}

static struct pst_class_count *class_of(struct pst_open_folder *f, const struct pst_event *e)
{
	struct pst_class_count *c;

	for (size_t i = 0; i < f->n_classes; i++)
		if (f->classes[i].kind == e->other_kind &&
		    strcmp(f->classes[i].class, e->class) == 0)
			return &f->classes[i];
	if (f->n_classes == PST_CLASSES_MAX)
		return &f->classes[PST_CLASSES_MAX - 1];
	c = &f->classes[f->n_classes++];
	*c = (struct pst_class_count){ .kind = e->other_kind };
	snprintf(c->class, sizeof(c->class), "%s",
		 f->n_classes == PST_CLASSES_MAX ? "and others" : e->class);
	return c;
}

static void count_other(struct pst_source *s, const struct pst_event *e)
{
	struct pst_class_count *c = class_of(&s->folder, e);

	c->n++;
	c->exported += s->exported == e->nid;
}

int pst_not_readable(struct pst_source *s, const struct pst_event *e, struct err *err)
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
	pst_not_readable(s, e, err);
	return err_prefix(err, "'%s': %s", s->folder.location, buf_cstr(&name) ? name.ptr : "item");
}

int pst_read_data(struct pst_reader *r, struct pst_body *body, struct arena *a,
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

/* What of it is not in its file. */
static void tell_cut(struct pst_source *s, uint32_t nid, uint32_t fidelity)
{
	if (fidelity & FIDELITY_BODY_CUT)
		notices_tell(s->notices, NOTICE_NOT_CARRIED, 1, s->folder.location,
			     "item 0x%" PRIx32 ": the text in its file is not whole: it is longer "
			     "than such files take, or damaged",
			     nid);
	if (fidelity & FIDELITY_ATTACHMENT_MISSING)
		notices_tell(s->notices, NOTICE_NOT_CARRIED, 1, s->folder.location,
			     "item 0x%" PRIx32 ": its picture is not in its file: it is larger "
			     "than such files take, or damaged",
			     nid);
}

/* The item as a file; OTHER comes behind it. 2, or -1. */
static int export_item_file(struct pst_source *s, const struct pst_event *e, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(PST_ARENA_MAX);
	const char *extension = export_extension((enum item_kind)e->other_kind);
	struct pst_event end;
	struct body body;
	int got;

	if (s->export_dir < 0 || !extension)
		return pst_reader_disorder(&s->scan, err);
	got = pst_read_data(&s->scan, &s->body, &a, s, &end, err);
	if (got < 0)
		return -1;
	if (got == 0) {
		notices_tell(s->notices, NOTICE_NOT_CARRIED, 1, s->folder.location,
			     "item 0x%" PRIx32 " could not be exported: %s", e->nid, end.text);
		return 2;
	}
	if (pst_body_finish(&s->body, &body, err) != 0 ||
	    pst_export_write(s->export_dir, e->text, extension, e->nid, &body, err) != 0)
		return -1;
	s->exported = e->nid;
	tell_cut(s, e->nid, end.fidelity);
	return 2;
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
	case PST_EXPORT:
		return behind ? export_item_file(s, e, err) : pst_reader_disorder(&s->scan, err);
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
		got = pst_next_event(s, &s->begin_arena, &s->begin, err);
		if (got > 0)
			got = between(s, &s->begin, err);
		if (got < 0 && !pst_reader_runs(&s->scan))
			got = bury(s, err) < 0 ? -1 : 2;
	} while (got == 2);
	return got;
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

	m.locator = pst_write_locator(s, a);
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

int pst_next_message(struct source *source, struct arena *a, struct message *out, struct err *err)
{
	struct pst_source *s = pst_self(source);
	struct pst_event e;
	int got;

	if (s->folder.state == FOLDER_DONE || s->folder.nid == 0)
		return 0;
	if (s->folder.state == FOLDER_NOT_BEGUN && begin_items(s, err) != 0 && bury(s, err) < 0)
		return -1;
	for (;;) {
		got = next_begin(s, err);
		if (got <= 0)
			return got;
		got = pst_read_data(&s->scan, &s->body, &s->event_arena, s, &e, err);
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

int pst_has_mail(struct pst_source *s, struct err *err)
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

int pst_finish_folder(struct pst_source *s, struct err *err)
{
	struct arena a = ARENA_INIT(PST_ARENA_MAX);
	struct message m;
	int got = 0;

	while (s->folder.state == FOLDER_RUNNING) {
		got = pst_next_message((struct source *)(void *)s, &a, &m, err);
		arena_reset(&a);
		if (got < 0 && err->scope != SCOPE_MESSAGE)
			break;
	}
	arena_release(&a);
	if (s->folder.state != FOLDER_RUNNING || (got < 0 && err->scope == SCOPE_FOLDER)) {
		err_clear(err);
		s->folder.state = FOLDER_DONE;
		return 0;
	}
	return -1;
}

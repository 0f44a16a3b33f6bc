/*
 * Outlook stores (PST, OST), the parent half: a source like the others, whose
 * messages a worker composes (pst_worker.c, pst_wire.h). A second worker, started
 * when it is needed, finds single messages again (pst_find.c).
 *
 * A worker that dies costs the item it was at, if the next one dies of it, too: that
 * is told as a message that cannot be read, and the next worker goes on behind the
 * last item that came whole.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "source/kinds.h"
#include "source/pst.h"
#include "source/pst_impl.h"

#define READER_VERSION	 1 /* in fingerprints: raise when the same store gives other messages */
#define RACY_SECONDS	 2 /* a younger file may change again in the same clock tick */
#define RECOVERED_FOLDER "Recovered"

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
	struct pst_source *s = pst_self(source);

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
	fd_cleanup(&s->export_dir);
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
	s->fd = s->export_dir = -1;
	s->options = *options;
	s->scan = s->fetch = (struct pst_reader)PST_READER_NONE;
	s->begin_arena = s->event_arena = s->damage_arena = (struct arena)ARENA_INIT(PST_ARENA_MAX);
	buf_init(&s->map, PST_MAP_FILE_MAX);
	pst_known_init(&s->known);
	pst_body_init(&s->body, PST_BODY_MEMORY);
	pst_body_init(&s->found, 0);
	s->path = strdup(path);
	s->notices = notices_new();
	s->damages = calloc(PST_DAMAGES_MAX, sizeof(*s->damages));
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
	if (s->options.export_dir)
		return pst_export_open(s->options.export_dir, &s->export_dir, err);
	return 0;
}

static int open_source(struct pst_source *s, struct err *err)
{
	if (open_files(s, err) != 0) {
		if (err->code != ERR_CANTCREAT)
			err->scope = SCOPE_SOURCE;
		return -1;
	}
	s->known.fd = s->fd;
	s->known.map = buf_slice(&s->map);
	s->known.wishes = s->export_dir >= 0 ? PST_WISH_EXPORT : 0;
	if (pst_reader_open(&s->scan, &s->known, err) != 0)
		return err_prefix(err, "'%s'", s->path);
	if (!s->known.landlock)
		notices_tell(s->notices, NOTICE_GUARD, 1, s->path,
			     "this kernel has no Landlock: the process that reads the file is "
			     "locked in by seccomp alone");
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
	CLEANUP(buf_release) struct buf text = BUF_INIT(PST_ARENA_MAX);
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
	struct pst_open_folder *f = &s->folder;

	if (set_location(s, e, err) != 0)
		return -1;
	f->nid = e->nid;
	f->role = e->role;
	f->ours = e->role == ROLE_SENT || e->role == ROLE_DRAFTS || e->role == ROLE_OUTBOX;
	f->state = FOLDER_NOT_BEGUN;
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

/* Whether this folder is to be delivered: 1, 0 (told why not), -1. */
static int is_wanted(struct pst_source *s, const struct pst_event *e, struct err *err)
{
	if (e->kind == PST_FOLDER_MAIL)
		return 1;
	if (e->kind == PST_FOLDER_OTHER)
		return pst_has_mail(s, err);
	if (s->options.recovered && e->items > 0)
		return 1;
	if (e->items > 0)
		notices_tell(s->notices, NOTICE_LOST, e->items, s->folder.location,
			     "items whose folder is gone; --recovered carries them");
	s->folder.state = FOLDER_DONE;
	return 0;
}

static bool answers_folder(const struct pst_event *e)
{
	return e->type == PST_FOLDER || e->type == PST_FOLDERS_END || e->type == PST_ERROR;
}

/* The answer to NEXT_FOLDER; a worker that died of it is asked for once more. */
static int ask_folder(struct pst_source *s, struct pst_event *e, struct err *err)
{
	for (int attempt = 0;; attempt++) {
		if (!pst_reader_runs(&s->scan) && pst_restart(s, err) != 0)
			return -1;
		if (pst_reader_command(&s->scan, PST_NEXT_FOLDER, 0, ROLE_NONE, err) == 0 &&
		    pst_next_event(s, &s->event_arena, e, err) > 0) {
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
	struct pst_source *s = pst_self(source);
	struct pst_event e;
	int got;

	if (pst_finish_folder(s, err) != 0)
		return -1;
	do {
		if (ask_folder(s, &e, err) != 0)
			return pst_stopped(err) ? -1 : pst_give_up(s, SCOPE_SOURCE, err);
		if (e.type == PST_FOLDERS_END) {
			pst_tell_damages(s);
			pst_reader_close(&s->scan);
			return 0;
		}
		if (e.type == PST_ERROR) {
			pst_tell_damages(s);
			*err = e.error;
			return err_prefix(err, "'%s'", s->path);
		}
		if (enter_folder(s, &e, err) != 0)
			return -1;
		pst_tell_damages(s);
		got = is_wanted(s, &e, err);
	} while (got == 0);
	return got < 0 ? -1 : deliver_folder(s, a, &e, out, err);
}

static int next_notice(struct source *source, struct arena *a, struct notice *out)
{
	return notices_next(pst_self(source)->notices, a, out);
}

const struct source_ops source_pst = {
	.kind = "pst",
	.summary = "Outlook: a .pst or .ost file",
	.probe = probe,
	.open = pst_open_source,
	.next_folder = next_folder,
	.next_message = pst_next_message,
	.find = pst_find,
	.next_notice = next_notice,
	.close = pst_close,
};

/*
 * `mailhoist scan`: what is in the mail stores. No network, no journal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/stop.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/progress.h"
#include "message/fidelity.h"
#include "message/scan.h"
#include "report/facts.h"

#define ARENA_LIMIT  ((size_t)64 << 20)
#define OUTPUT_LIMIT ((size_t)64 << 20)
#define NAME_WIDTH   44 /* columns of a folder name in the table */

struct counts {
	uint64_t messages, bytes, seen, deleted, partial, unreadable, no_id;
	uint64_t not_faithful, fidelity[FIDELITY_COUNT];
};

struct scan {
	const struct options *options;
	struct scanner *scanner;
	struct progress_view view;
	struct progress progress;
	struct arena folder_arena, message_arena;
	struct buf out;
	const char *spec; /* of the source, as the user wrote it */
	int64_t now;
	struct counts total;
	bool has_head;
	int status; /* of the worst that was met and did not stop the scan */
};

static void complain(struct scan *s, const struct err *err)
{
	progress_note(&s->progress, "%s", err->text);
	if (s->status == EXIT_OK || s->status == EXIT_REFUSED)
		s->status = exit_status_of(err);
}

static void count(struct counts *c, const struct message *m)
{
	if (m->state == STATE_DELETED)
		c->deleted++;
	if (m->state == STATE_PARTIAL)
		c->partial++;
	if (m->flags.system & FLAG_SEEN)
		c->seen++;
	if (!m->message_id)
		c->no_id++;
	c->messages++;
	c->bytes += m->wire_len;
	c->not_faithful += m->fidelity != 0;
	for (unsigned i = 0; i < FIDELITY_COUNT; i++)
		c->fidelity[i] += m->fidelity >> i & 1;
}

static void add_counts(struct counts *to, const struct counts *c)
{
	to->messages += c->messages;
	to->bytes += c->bytes;
	to->seen += c->seen;
	to->deleted += c->deleted;
	to->partial += c->partial;
	to->unreadable += c->unreadable;
	to->no_id += c->no_id;
	to->not_faithful += c->not_faithful;
	for (unsigned i = 0; i < FIDELITY_COUNT; i++)
		to->fidelity[i] += c->fidelity[i];
}

static int print_message(struct scan *s, const char *kind, const struct source_folder *folder,
			 const struct message *m, struct err *err)
{
	struct message_facts facts = {
		.source = s->spec,
		.kind = kind,
		.folder = folder->path.names,
		.depth = folder->path.n,
		.locator = m->locator,
		.message_id = m->message_id,
		.sha256 = m->sha256,
		.size = m->wire_len,
		.internaldate = m->internaldate,
		.date_source = m->date_source,
		.flags = &m->flags,
		.state = m->state,
		.repairs = m->repairs,
		.fidelity = m->fidelity,
	};
	struct json j;

	json_init(&j, &s->out);
	json_open(&j, '{');
	facts_write(&j, &facts);
	json_close(&j, '}');
	buf_addc(&s->out, '\n');
	return fd_flush(STDOUT_FILENO, &s->out, false, err);
}

static void put_number(struct buf *out, uint64_t n)
{
	if (n)
		buf_addf(out, "%10llu", (unsigned long long)n);
	else
		buf_addf(out, "%10s", "-");
}

static void print_row(struct buf *out, struct slice name, const struct counts *c)
{
	size_t start = out->len, width;

	text_add_safe(out, name, NAME_WIDTH);
	width = text_width(slice_from(buf_slice(out), start));
	for (; width < NAME_WIDTH; width++)
		buf_addc(out, ' ');
	put_number(out, c->messages);
	put_number(out, c->seen);
	put_number(out, c->deleted);
	put_number(out, c->partial);
	put_number(out, c->unreadable);
	buf_adds(out, "  ");
	text_add_size(out, c->bytes);
	buf_addc(out, '\n');
}

static void join_path(struct buf *out, const struct folder_path *path)
{
	for (size_t i = 0; i < path->n; i++) {
		if (i)
			buf_addc(out, '/');
		buf_adds(out, path->names[i]);
	}
}

/* Before the first row: where nothing can be read, there is no table. */
static void print_head(struct scan *s)
{
	if (s->has_head)
		return;
	s->has_head = true;
	buf_addf(&s->out, "%-*s%10s%10s%10s%10s%10s  %s\n", NAME_WIDTH, "folder", "messages",
		 "seen", "deleted", "partial", "unread.", "size");
}

static int print_folder(struct scan *s, const struct source_folder *folder, const struct counts *c,
			struct err *err)
{
	CLEANUP(buf_release) struct buf name = BUF_INIT(64 << 10);

	if (s->options->format != FORMAT_TEXT)
		return 0;
	join_path(&name, &folder->path);
	print_head(s);
	print_row(&s->out, buf_slice(&name), c);
	return fd_flush(STDOUT_FILENO, &s->out, false, err);
}

/* One message: 0, or -1 when the scan must stop. */
static int one_message(struct scan *s, const char *kind, const struct source_folder *folder,
		       struct message *m, struct counts *c, struct err *err)
{
	if (scanner_run(s->scanner, m, s->now, &s->message_arena, err) != 0) {
		if (err->scope != SCOPE_MESSAGE)
			return -1;
		err_prefix(err, "%s", m->locator);
		complain(s, err);
		c->unreadable++;
		return 0;
	}
	count(c, m);
	if (s->options->format == FORMAT_JSONL)
		return print_message(s, kind, folder, m, err);
	return 0;
}

/* The messages of one folder. Trouble with a message or the folder is told, not fatal. */
static int one_folder(struct scan *s, struct source *source, const struct source_folder *folder,
		      struct err *err)
{
	struct counts c = { 0 };
	struct message m;
	int got;

	for (;;) {
		arena_reset(&s->message_arena);
		got = source_next_message(source, &s->message_arena, &m, err);
		if (got == 0)
			break;
		if (stop_requested())
			return stop_check(err);
		if (got < 0 && err->scope == SCOPE_MESSAGE) {
			complain(s, err);
			c.unreadable++;
			continue;
		}
		if (got < 0 && err->scope == SCOPE_FOLDER) {
			complain(s, err);
			break;
		}
		if (got < 0 || one_message(s, source_kind(source), folder, &m, &c, err) != 0)
			return -1;
		progress_update(&s->progress, "reading", s->total.messages + c.messages, 0,
				s->total.bytes + c.bytes);
	}
	add_counts(&s->total, &c);
	return print_folder(s, folder, &c, err);
}

static void show_notices(struct scan *s, struct source *source)
{
	struct notice n;

	for (;;) {
		arena_reset(&s->message_arena);
		if (source_next_notice(source, &s->message_arena, &n) <= 0)
			return;
		if ((n.kind == NOTICE_LOST || n.kind == NOTICE_INTEGRITY) && s->status == EXIT_OK)
			s->status = EXIT_REFUSED;
		if (n.count > 1)
			progress_note(&s->progress, "%s: %s (%llu)",
				      n.location ? n.location : s->spec, n.text,
				      (unsigned long long)n.count);
		else
			progress_note(&s->progress, "%s: %s", n.location ? n.location : s->spec,
				      n.text);
	}
}

static int all_folders(struct scan *s, struct source *source, struct err *err)
{
	struct source_folder folder;
	int got;

	for (;;) {
		arena_reset(&s->folder_arena);
		got = source_next_folder(source, &s->folder_arena, &folder, err);
		if (got == 0)
			return 0;
		if (got < 0 && err->scope == SCOPE_FOLDER) {
			complain(s, err);
			continue;
		}
		if (got < 0 || one_folder(s, source, &folder, err) != 0)
			return -1;
	}
}

static int one_source(struct scan *s, const char *spec, struct err *err)
{
	struct source *source;
	int failed;

	s->spec = spec;
	if (source_open(spec, &s->options->source, &source, err) != 0)
		return -1;
	failed = all_folders(s, source, err);
	show_notices(s, source);
	source_close(source);
	return failed;
}

/* What messages composed from Outlook's items lack. */
static void print_fidelity(struct scan *s)
{
	if (s->total.not_faithful == 0)
		return;
	buf_addf(&s->out, "\n%llu messages from Outlook are not all that they once were:\n",
		 (unsigned long long)s->total.not_faithful);
	for (unsigned i = 0; i < FIDELITY_COUNT; i++)
		if (s->total.fidelity[i])
			buf_addf(&s->out, "%10llu  %s\n", (unsigned long long)s->total.fidelity[i],
				 fidelity_text(UINT32_C(1) << i));
}

static int scan_all(struct scan *s, struct err *err)
{
	const struct options *o = s->options;
	size_t n_open = 0;

	for (size_t i = 0; i < o->n_operands; i++) {
		if (one_source(s, o->operands[i], err) == 0) {
			n_open++;
			continue;
		}
		if (err->scope >= SCOPE_ACCOUNT)
			return -1;
		complain(s, err); /* the other sources can still be told about */
	}
	if (o->format == FORMAT_TEXT && (s->has_head || n_open > 0)) {
		print_head(s);
		print_row(&s->out, SLICE_LIT("total"), &s->total);
		print_fidelity(s);
	}
	if (s->status == EXIT_OK && s->total.unreadable)
		s->status = EXIT_REFUSED;
	progress_view_end(&s->view);
	return fd_flush(STDOUT_FILENO, &s->out, true, err);
}

int command_scan(const struct options *options, struct err *err)
{
	struct scan s = {
		.options = options,
		.folder_arena = ARENA_INIT(ARENA_LIMIT),
		.message_arena = ARENA_INIT(ARENA_LIMIT),
		.out = BUF_INIT(OUTPUT_LIMIT),
		.now = time_now(),
	};
	int failed;

	s.scanner = scanner_new(err);
	if (!s.scanner)
		return -1;
	progress_view_init(&s.view, options);
	s.progress = progress_of(&s.view);
	failed = scan_all(&s, err);
	progress_view_end(&s.view);
	scanner_free(s.scanner);
	arena_release(&s.folder_arena);
	arena_release(&s.message_arena);
	buf_release(&s.out);
	return failed ? -1 : s.status;
}

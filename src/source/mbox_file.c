/*
 * One mbox file: see mbox_file.h. Where messages begin and end is told by mbox_piece.h; here is
 * what the file as a whole tells (the survey), and what becomes of its pieces.
 */
#include "source/mbox_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message/header.h"
#include "source/format.h"
#include "source/gunzip.h"
#include "source/mbox_locator.h"
#include "source/mbox_piece.h"

#define PROBE_LEN   ((size_t)4 << 10)
#define SCRATCH_MAX ((size_t)256 << 10)

struct mbox_file {
	int dirfd;     /* AT_FDCWD or our own copy */
	int fd;	       /* the file */
	int spool;     /* -1, or its unpacked copy */
	char *path;    /* below dirfd */
	char *escaped; /* the name in locators */
	struct notices *notices;
	struct stamp stamp;
	struct mbox_text text;
	struct arena scratch;

	uint64_t first; /* offset of the first From_ line */
	bool cut_off;	/* the gzip file or the tail is damaged */

	bool surveyed;	 /* the next three are known */
	bool by_length;	 /* every boundary is confirmed by Content-Length: mboxcl, no quoting */
	bool imap_store; /* Dovecot's or c-client's: From_ dates are arrival dates */
	bool mutt_store; /* mutt's: the same */

	uint64_t pos;	 /* of the next From_ line */
	uint64_t number; /* messages read so far */
};

/* ---- the survey: what the whole file tells ---- */

/* Is a Content-Length that reaches beyond the end that of a message which was cut off, rather than
 * wrong? Then no separator follows. 1, 0, -1. */
static int cut_off_there(struct mbox_file *f, struct mbox_piece *m, struct err *err)
{
	if (!m->beyond || f->number == 0)
		return 0;
	if (mbox_piece_end_by_scan(&f->text, m, m->body, err) != 0)
		return -1;
	return m->next == f->text.end;
}

/* The next message of the survey: 1 confirmed, 0 not, -1. */
static int survey_message(struct mbox_file *f, uint64_t *by_mutt, struct err *err)
{
	struct mbox_piece m;
	uint64_t behind;
	int got;

	arena_reset(&f->scratch);
	if (mbox_piece_head(&f->text, f->pos, &f->scratch, &m, &behind, err) != 0)
		return -1;
	if (f->number == 0)
		f->imap_store = m.facts.has_imap_base;
	if (m.from.mozilla)
		return 0; /* Thunderbird counts nothing: the line is the message's own */
	got = m.next ? 0 : mbox_piece_end_by_length(&f->text, &m, err);
	if (got == 0 && !m.next)
		got = cut_off_there(f, &m, err);
	/* c-client does not count its own message; mutt does when it comes later. */
	if (got == 0 && !m.next && f->number == 0 && m.facts.pseudo)
		got = mbox_piece_end_by_scan(&f->text, &m, behind, err) == 0 ? 1 : -1;
	*by_mutt += m.facts.length_by_mutt;
	f->pos = m.next;
	return got;
}

/* Without holding a file in memory, whether Content-Length confirms all its boundaries is only
 * known after going from one to the next. That is cheap where it is true (only headers are read),
 * and where it is not, it mostly ends at the first message. */
static int survey(struct mbox_file *f, struct err *err)
{
	uint64_t by_mutt = 0;
	int got = 1;

	mbox_file_rewind(f);
	for (; got > 0 && f->pos < f->text.end; f->number++)
		got = survey_message(f, &by_mutt, err);
	if (got < 0)
		return -1;
	f->by_length = got > 0;
	f->mutt_store = f->by_length && 2 * by_mutt > f->number;
	f->surveyed = true;
	mbox_file_rewind(f);
	return 0;
}

void mbox_file_rewind(struct mbox_file *f)
{
	f->pos = f->first;
	f->number = 0;
	f->text.count_budget = f->text.end;
}

/* ---- one message again ---- */

int mbox_file_locate(struct mbox_file *f, const char *suffix, struct message *out, struct err *err)
{
	uint64_t off, len;
	int got;

	if (mbox_locator_read(suffix, &off, &len, &out->canon, err) != 0)
		return -1;
	window_release(&f->text.window); /* what counts is what the file holds now */
	got = off > f->text.end || len > f->text.end - off
		      ? 0
		      : mbox_piece_borders(&f->text, off, off + len, err);
	if (got < 0)
		return -1;
	if (got == 0)
		return err_set(err, ERR_CHANGED, SCOPE_MESSAGE, RETRY_NEVER,
			       "'%s' has changed: the message at byte %" PRIu64
			       " is not there any more",
			       f->path, off);
	out->body = (struct body){ f->text.window.fd, off, len, NULL };
	return 0;
}

/* ---- messages ---- */

/* No line end at the end of the file (rule 7), and what a Content-Length beyond the end means in a
 * file that keeps it honest. */
static bool is_cut_off(const struct mbox_file *f, const struct mbox_piece *m)
{
	if (m->next != f->text.end)
		return false;
	if (f->cut_off || (m->beyond && f->by_length))
		return true;
	return !m->confirmed && m->end == f->text.end && m->end > m->off &&
	       window_at(&f->text.window, m->end - 1) != f->text.eol;
}

/* A length that fits to the octet, from a program that is known to count: the same as in a file
 * where all fit. */
static bool is_counted(const struct mbox_file *f, const struct mbox_piece *m)
{
	if (f->by_length)
		return true;
	return m->exact && m->facts.dialect == DIALECT_STATUS &&
	       (m->facts.length_behind_uid || m->facts.length_by_mutt);
}

static void set_rules(const struct mbox_file *f, const struct mbox_piece *m, struct message *out)
{
	bool counted = is_counted(f, m);

	out->canon.eol = f->text.eol == '\r' ? EOL_CR : EOL_LINES;
	out->canon.quoting = counted ? QUOTING_NONE : QUOTING_MBOXRD;
	out->canon.strip = m->facts.strip;
	if (counted && m->facts.has_length)
		out->canon.strip |= STRIP_CONTENT_LENGTH | STRIP_LINES;
}

static void set_arrival(const struct mbox_file *f, const struct mbox_piece *m, struct message *out)
{
	out->arrival = (struct arrival)ARRIVAL_NONE;
	out->arrival.from_line = m->from.date;
	out->arrival.trusted = (f->imap_store && m->facts.has_uid) ||
			       (f->mutt_store && m->facts.dialect == DIALECT_STATUS);
	if (m->from.date != TIME_NONE && !m->from.zone_known)
		out->repairs |= NOTE_ZONE_UNKNOWN;
}

static int fill(struct mbox_file *f, const struct mbox_piece *m, struct arena *a,
		struct message *out, struct err *err)
{
	memset(out, 0, offsetof(struct message, flags));
	out->flags = m->flags;
	out->body = (struct body){ f->text.window.fd, m->off, m->end - m->off,
				   window_bytes(&f->text.window, m->off, m->end - m->off) };
	out->state = dialect_state(&m->facts, &m->flags);
	out->repairs = m->facts.dropped_keywords ? NOTE_KEYWORDS_DROPPED : 0;
	out->uidl = m->facts.uidl;
	out->pop_fetched = m->facts.pop_fetched;
	out->rebuilt = false;
	out->fidelity = 0;
	set_rules(f, m, out);
	set_arrival(f, m, out);
	if (is_cut_off(f, m)) {
		out->repairs |= NOTE_TRUNCATED;
		if (out->state == STATE_WHOLE)
			out->state = STATE_TRUNCATED;
	}
	out->locator = mbox_locator_write(f->escaped, out, a);
	return out->locator ? 0 : err_nomem(err);
}

static int check_unchanged(const struct mbox_file *f, struct err *err)
{
	if (mbox_file_unchanged(f))
		return 0;
	return err_set(err, ERR_CHANGED, SCOPE_FOLDER, RETRY_LATER,
		       "'%s' changed while it was read: close the mail program and run again",
		       f->path);
}

/* The next one that is a message: 1, 0, -1. */
static int next_piece(struct mbox_file *f, struct arena *a, struct mbox_piece *m, struct err *err)
{
	while (f->pos < f->text.end) {
		if (mbox_piece_read(&f->text, f->pos, a, m, err) != 0)
			return -1;
		f->pos = m->next;
		if (f->number++ > 0 || !m->facts.pseudo)
			return 1;
		notices_add(f->notices, NOTICE_PSEUDO, 1, f->path,
			    "the message with the mail program's own data is not carried");
	}
	return 0;
}

int mbox_file_next(struct mbox_file *f, struct arena *a, struct message *out, struct err *err)
{
	struct mbox_piece m;
	int got = 0;

	if (!f->surveyed)
		got = survey(f, err);
	if (got == 0)
		got = next_piece(f, a, &m, err);
	if (got > 0)
		return fill(f, &m, a, out, err) == 0 ? 1 : -1;
	if (got == 0)
		return check_unchanged(f, err);
	if (err->scope < SCOPE_FOLDER)
		err->scope = SCOPE_FOLDER;
	return err->code == ERR_INTERRUPTED ? -1 : err_prefix(err, "'%s'", f->path);
}

/* ---- opening ---- */

/* Behind a byte order mark and empty lines (rule 1). */
static int skip_lead(struct mbox_file *f, struct err *err)
{
	struct slice s;
	size_t len;

	if (window_want(&f->text.window, 0, 3, &s, err) != 0)
		return -1;
	if (slice_starts(s, SLICE_LIT("\xef\xbb\xbf")))
		f->first = 3;
	while (f->first < f->text.end) {
		if (window_want(&f->text.window, f->first, 2, &s, err) != 0)
			return -1;
		len = mbox_line_end_len(s, f->text.eol);
		if (len == 0)
			return 0;
		f->first += len;
	}
	return 0;
}

/* Rule 8. A file has a LF in its first lines or none at all, so this reads little or is worth it.
 */
static int find_eol(struct mbox_file *f, struct err *err)
{
	bool cr = false;

	f->text.eol = '\n';
	for (uint64_t at = 0; at < f->text.end;) {
		struct slice s;

		if (window_want(&f->text.window, at, 1, &s, err) != 0)
			return -1;
		if (memchr(s.ptr, '\n', s.len))
			return 0;
		cr = cr || memchr(s.ptr, '\r', s.len);
		at += s.len;
	}
	if (cr)
		f->text.eol = '\r';
	return 0;
}

/* NULs at the end are what a crash leaves on some file systems (rule 7). */
static int find_end(struct mbox_file *f, struct err *err)
{
	char block[4096];

	while (f->text.end > 0) {
		size_t len = f->text.end < sizeof(block) ? (size_t)f->text.end : sizeof(block);

		if (fd_pread(f->text.window.fd, block, len, f->text.end - len, err) < (ssize_t)len)
			return err_set(err, ERR_CHANGED, SCOPE_FOLDER, RETRY_LATER,
				       "'%s' could not be read to its end", f->path);
		while (len > 0 && block[len - 1] == '\0') {
			len--;
			f->text.end--;
		}
		if (len > 0)
			break;
	}
	f->text.window.end = f->text.end;
	return 0;
}

/* What stands in the file stays out of the text: a tree may hold files that are nobody's business.
 */
static int not_an_mbox(const struct mbox_file *f, struct slice head, struct err *err)
{
	const char *format = format_name(slice_head(head, FORMAT_HEAD_LEN));
	struct slice first = slice_from(head, (size_t)f->first);

	if (format)
		return err_set(err, ERR_FORMAT, SCOPE_FOLDER, RETRY_NEVER,
			       "'%s' is not an mbox: it is %s", f->path, format);
	slice_line(&first, &first);
	return err_set(err, ERR_FORMAT, SCOPE_FOLDER, RETRY_NEVER,
		       "'%s' is not an mbox: it does not begin with a From_ line%s", f->path,
		       header_looks_like_field(first) ? " (a single message?)" : "");
}

/* What `s` begins with must be a From_ line with a date, or one that a header follows. */
static bool begins_mbox(struct slice s, char eol, struct from_line *line)
{
	if (!from_line_parse(s, eol, line))
		return false;
	return line->date != TIME_NONE || from_line_one_field(slice_from(s, line->len), eol);
}

static void notice_nul_tail(const struct mbox_file *f, uint64_t size)
{
	if (f->text.end < size)
		notices_add(f->notices, NOTICE_DAMAGED, size - f->text.end, f->path,
			    "ends in NUL bytes, as a crash leaves them; they are no mail");
}

static int check_begin(struct mbox_file *f, struct err *err)
{
	struct from_line line;
	struct slice s;

	if (find_end(f, err) != 0 || find_eol(f, err) != 0 || skip_lead(f, err) != 0)
		return -1;
	if (f->first == f->text.end)
		return 0;
	if (window_want(&f->text.window, f->first, 2 * FROM_LINE_MAX, &s, err) != 0)
		return -1;
	if (begins_mbox(s, f->text.eol, &line))
		return 0;
	if (window_want(&f->text.window, 0, 2 * FROM_LINE_MAX, &s, err) != 0)
		return -1;
	return not_an_mbox(f, s, err);
}

static int unpack(struct mbox_file *f, struct err *err)
{
	struct stat st;

	f->spool = gunzip_spool(f->fd, &f->cut_off, err);
	if (f->spool < 0)
		return err_prefix(err, "'%s'", f->path);
	if (fstat(f->spool, &st) != 0)
		return err_sys(err, ERR_IO, SCOPE_FOLDER, errno, "temporary file");
	if (f->cut_off)
		notices_add(f->notices, NOTICE_DAMAGED, 1, f->path,
			    "the gzip file is damaged or cut off; read as far as it goes");
	window_init(&f->text.window, f->spool, (uint64_t)st.st_size);
	return 0;
}

static int begin(struct mbox_file *f, struct err *err)
{
	uint64_t size;
	char head[4];
	ssize_t n = fd_pread(f->fd, head, sizeof(head), 0, err);

	if (n < 0)
		return err_prefix(err, "'%s'", f->path);
	window_init(&f->text.window, f->fd, f->stamp.size);
	if (gunzip_magic(slice_of(head, (size_t)n)) && unpack(f, err) != 0)
		return -1;
	size = f->text.end = f->text.window.end;
	if (check_begin(f, err) != 0)
		return -1;
	notice_nul_tail(f, size);
	mbox_file_rewind(f);
	return 0;
}

/* Mail programs and delivery agents lock NAME by creating NAME.lock. */
static void notice_lock(const struct mbox_file *f)
{
	CLEANUP(buf_release) struct buf lock = BUF_INIT(8192);

	buf_addf(&lock, "%s.lock", f->path);
	if (buf_cstr(&lock) && faccessat(f->dirfd, lock.ptr, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		notices_add(f->notices, NOTICE_IN_USE, 1, f->path,
			    "is locked by a mail program (%s)", lock.ptr);
}

static int copy_names(struct mbox_file *f, const char *path, const char *name)
{
	CLEANUP(buf_release) struct buf escaped = BUF_INIT(3 * 65536);

	mbox_locator_escape(&escaped, slice_str(name));
	f->path = strdup(path);
	f->escaped = buf_cstr(&escaped) ? strdup(escaped.ptr) : NULL;
	return f->path && f->escaped ? 0 : -1;
}

static struct mbox_file *new_file(int dirfd, const char *path, const char *name,
				  struct notices *notices)
{
	struct mbox_file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->fd = f->spool = -1;
	f->dirfd = dirfd == AT_FDCWD ? AT_FDCWD : fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
	f->notices = notices;
	f->scratch = (struct arena)ARENA_INIT(SCRATCH_MAX);
	if (copy_names(f, path, name) != 0 || f->dirfd == -1) {
		mbox_file_close(f);
		return NULL;
	}
	return f;
}

int mbox_file_open(int dirfd, const char *path, const char *name, struct notices *notices,
		   struct mbox_file **out, struct err *err)
{
	struct mbox_file *f = new_file(dirfd, path, name, notices);
	struct stat st;

	if (!f)
		return err_nomem(err);
	f->fd = fd_open_file(dirfd, path, &st, err);
	if (f->fd >= 0) {
		f->stamp = stamp_of(&st);
		if (begin(f, err) == 0) {
			notice_lock(f);
			*out = f;
			return 0;
		}
	}
	mbox_file_close(f);
	if (err->scope < SCOPE_FOLDER)
		err->scope = SCOPE_FOLDER;
	return -1;
}

void mbox_file_close(struct mbox_file *f)
{
	if (!f)
		return;
	window_release(&f->text.window);
	arena_release(&f->scratch);
	fd_cleanup(&f->fd);
	fd_cleanup(&f->spool);
	if (f->dirfd != AT_FDCWD)
		fd_cleanup(&f->dirfd);
	free(f->path);
	free(f->escaped);
	free(f);
}

bool mbox_file_is_empty(const struct mbox_file *f)
{
	return f->first == f->text.end;
}

struct stamp mbox_file_stamp(const struct mbox_file *f)
{
	return f->stamp;
}

bool mbox_file_unchanged(const struct mbox_file *f)
{
	struct stat by_fd, by_name;
	struct stamp now;

	if (fstat(f->fd, &by_fd) != 0 || fstatat(f->dirfd, f->path, &by_name, 0) != 0)
		return false;
	now = stamp_of(&by_fd);
	if (!stamp_eq(&now, &f->stamp))
		return false;
	now = stamp_of(&by_name);
	return stamp_eq(&now, &f->stamp);
}

/* ---- probing ---- */

int mbox_file_probe(const char *path)
{
	CLEANUP(fd_cleanup) int fd = -1;
	struct err err = ERR_INIT;
	struct from_line line;
	struct slice s;
	char head[PROBE_LEN], eol;
	ssize_t n;
	size_t len;

	fd = fd_open_file(AT_FDCWD, path, NULL, &err);
	n = fd < 0 ? -1 : fd_pread(fd, head, sizeof(head), 0, &err);
	if (n == 0)
		return 10; /* an empty folder, if it is one */
	if (n > 0 && gunzip_magic(slice_of(head, (size_t)n)))
		n = (ssize_t)gunzip_head(fd, head, sizeof(head));
	if (n <= 0)
		return 0;
	s = slice_of(head, (size_t)n);
	eol = slice_find(s, '\n') >= 0 ? '\n' : '\r';
	if (slice_starts(s, SLICE_LIT("\xef\xbb\xbf")))
		s = slice_from(s, 3);
	while ((len = mbox_line_end_len(s, eol)) > 0)
		s = slice_from(s, len);
	if (!begins_mbox(s, eol, &line))
		return 0;
	return line.date != TIME_NONE ? 90 : line.plausible ? 70 : 50;
}

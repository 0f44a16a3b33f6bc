/*
 * One file, one message: see file_message.h.
 */
#include "source/file_message.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "message/header.h"
#include "source/format.h"
#include "source/from_line.h"
#include "source/gunzip.h"

#define FILE_GLANCE_LEN 512 /* enough to see a line end and a magic number */
#define SCAN_CHUNK	((size_t)64 << 10)
#define CR_FILE_MIN	3 /* so many CRs make a file without LF one whose lines end in CR */
#define PROBE_LINES_MAX 40

#define BOM SLICE_LIT("\xEF\xBB\xBF")

/* ---- what a file begins with ---- */

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/* Behind the line that `s` starts with, or `s` itself if its end is not there. */
static struct slice behind_line(struct slice s)
{
	size_t n = 0;

	while (n < s.len && !is_line_end(s.ptr[n]))
		n++;
	if (n == s.len)
		return s;
	n += s.ptr[n] == '\r' && n + 1 < s.len && s.ptr[n + 1] == '\n' ? 2 : 1;
	return slice_from(s, n);
}

/* Empty lines alone, without a From_ line behind them, are the message's own. */
static void cut_lead(struct slice head, struct file_message *f)
{
	struct from_line line;
	struct slice s = head;

	if (slice_starts(s, BOM)) {
		s = slice_from(s, BOM.len);
		f->off = BOM.len;
	}
	while (s.len > 0 && is_line_end(s.ptr[0]))
		s = slice_from(s, 1);
	if (!from_line_parse(s, f->eol == EOL_CR ? '\r' : '\n', &line))
		return;
	if (line.date == TIME_NONE && !line.plausible)
		return;
	f->off = (uint64_t)(s.ptr - head.ptr) + line.len;
	f->from_line = line.date;
	if (line.date != TIME_NONE && !line.zone_known)
		f->repairs |= NOTE_ZONE_UNKNOWN;
}

/* ---- how its lines end ---- */

static size_t count_cr(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '\r';
	return n;
}

/* No LF in the head: look on until there is one. Almost no file gets here. */
static int find_line_ends(struct file_message *f, struct err *err)
{
	CLEANUP(buf_release) struct buf chunk = BUF_INIT(SCAN_CHUNK);
	char *bytes = buf_room(&chunk, SCAN_CHUNK);
	uint64_t crs = 0;

	if (!bytes)
		return err_nomem(err);
	for (uint64_t off = 0;;) {
		ssize_t n = fd_pread(f->fd, bytes, SCAN_CHUNK, off, err);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		if (memchr(bytes, '\n', (size_t)n))
			return 0;
		crs += count_cr(slice_of(bytes, (size_t)n));
		off += (uint64_t)n;
	}
	if (crs >= CR_FILE_MIN)
		f->eol = EOL_CR;
	return 0;
}

/* ---- what is no mail ---- */

static const char *foreign_format(struct slice head)
{
	if (slice_starts(head, SLICE_LIT("CRYPTED\x03\x07")))
		return "encrypted by Dovecot's mail-crypt plugin";
	return format_name(head);
}

/* ---- opening ---- */

static int read_head(struct file_message *f, struct slice *out, struct err *err)
{
	size_t len = f->len < FILE_ROOM ? (size_t)f->len : FILE_ROOM;
	ssize_t n = fd_pread(f->fd, f->room, len, 0, err);

	if (n < 0)
		return -1;
	f->room_len = (size_t)n;
	*out = slice_of(f->room, f->room_len);
	return 0;
}

/* Put the unpacked bytes in the place of the file. */
static int unpack(struct file_message *f, struct err *err)
{
	struct stat st;
	int spool = gunzip_spool(f->fd, &f->damaged, err);

	if (spool < 0)
		return -1;
	close(f->fd);
	f->fd = spool;
	f->packed = true;
	if (fstat(spool, &st) != 0)
		return err_sys(err, ERR_IO, SCOPE_MESSAGE, errno, "cannot look at a spool file");
	f->len = (uint64_t)st.st_size;
	return 0;
}

static int look(struct file_message *f, enum file_lead lead, struct err *err)
{
	struct slice head;
	const char *format;

	if (read_head(f, &head, err) != 0)
		return -1;
	if (gunzip_magic(head) && (unpack(f, err) != 0 || read_head(f, &head, err) != 0))
		return -1;
	head = slice_head(head, lead == LEAD_CUT ? FILE_HEAD_LEN : FILE_GLANCE_LEN);
	format = foreign_format(head);
	if (format)
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER, "it is %s: not carried",
			       format);
	if (slice_find(head, '\n') < 0 && find_line_ends(f, err) != 0)
		return -1;
	if (lead == LEAD_CUT)
		cut_lead(head, f);
	f->len -= f->off;
	return 0;
}

/* Open the file, with all but the room for its bytes set. */
static int begin(struct file_message *f, int dirfd, const char *name, struct err *err)
{
	struct stat st;

	memset(f, 0, offsetof(struct file_message, room));
	f->from_line = TIME_NONE;
	f->fd = fd_open_file(dirfd, name, &st, err);
	if (f->fd < 0)
		return -1;
	f->size = f->len = (uint64_t)st.st_size;
	f->mtime = st.st_mtim.tv_sec;
	return 0;
}

int file_message_open(int dirfd, const char *name, enum file_lead lead, struct file_message *out,
		      struct err *err)
{
	if (begin(out, dirfd, name, err) != 0) {
		err->scope = SCOPE_MESSAGE;
		return -1;
	}
	if (look(out, lead, err) == 0)
		return 0;
	file_message_close(out);
	err_prefix(err, "'%s'", name);
	if (err->code != ERR_CANTCREAT) /* no room for the spool file spoils the run */
		err->scope = SCOPE_MESSAGE;
	return -1;
}

void file_message_close(struct file_message *f)
{
	fd_cleanup(&f->fd);
}

void file_message_fill(const struct file_message *f, struct message *out)
{
	out->body = (struct body){ .fd = f->fd, .off = f->off, .len = f->len };
	if (f->room_len == f->off + f->len)
		out->body.bytes = f->room + f->off;
	out->canon.eol = f->eol;
	out->arrival = (struct arrival){ false, f->from_line, TIME_NONE, f->mtime };
	out->state = f->damaged ? STATE_TRUNCATED : STATE_WHOLE;
	out->repairs = f->repairs | (f->damaged ? NOTE_TRUNCATED : 0);
}

/* ---- probing ---- */

static bool is_mail_field(struct slice name)
{
	static const char *const names[] = {
		"from",		"to",	      "cc",	      "date",	  "subject",
		"received",	"message-id", "return-path",  "reply-to", "delivered-to",
		"mime-version", "sender",     "content-type",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_ieq(name, slice_str(names[i])))
			return true;
	return false;
}

/* Cut off one line that may end in CR, as the heads of files from old Macs have it. */
static bool next_line(struct slice *rest, struct slice *line)
{
	struct slice behind;

	if (rest->len == 0)
		return false;
	behind = behind_line(*rest);
	if (behind.ptr == rest->ptr) {
		*line = *rest;
		*rest = slice_from(*rest, rest->len);
		return true;
	}
	*line = slice_of(rest->ptr, (size_t)(behind.ptr - rest->ptr));
	while (line->len > 0 && is_line_end(line->ptr[line->len - 1]))
		line->len--;
	*rest = behind;
	return true;
}

static int header_likeness(struct slice rest)
{
	struct slice line;
	int best = 0;

	for (int n = 0; n < PROBE_LINES_MAX && next_line(&rest, &line) && line.len > 0; n++) {
		ptrdiff_t colon = slice_find(line, ':');

		if (line.ptr[0] == ' ' || line.ptr[0] == '\t') {
			if (n == 0)
				return 0;
			continue;
		}
		if (colon <= 0 || !header_looks_like_field(line))
			return n == 0 ? 0 : best;
		best = best < 20 ? 20 : best;
		if (is_mail_field(slice_trim(slice_head(line, (size_t)colon))))
			return 60;
	}
	return best;
}

int file_message_likeness(struct slice head)
{
	struct slice rest = head;

	if (foreign_format(head))
		return 0;
	if (slice_starts(rest, BOM))
		rest = slice_from(rest, BOM.len);
	while (rest.len > 0 && is_line_end(rest.ptr[0]))
		rest = slice_from(rest, 1);
	if (slice_starts(rest, SLICE_LIT("From ")))
		return header_likeness(behind_line(rest)) >= 60 ? 40 : 0;
	return header_likeness(rest);
}

int file_message_likeness_at(int dirfd, const char *path)
{
	CLEANUP(fd_cleanup) int fd = -1;
	struct err err = ERR_INIT;
	char head[FILE_HEAD_LEN];
	ssize_t n;

	fd = fd_open_file(dirfd, path, NULL, &err);
	if (fd < 0)
		return 0;
	n = fd_pread(fd, head, sizeof(head), 0, &err);
	if (n > 0 && gunzip_magic(slice_of(head, (size_t)n)))
		n = (ssize_t)gunzip_head(fd, head, sizeof(head));
	return n <= 0 ? 0 : file_message_likeness(slice_of(head, (size_t)n));
}

/* ---- locators ---- */

static bool must_escape(uint8_t c, bool ascii_only)
{
	return c < 0x20 || c == 0x7F || c == '%' || (ascii_only && c >= 0x80);
}

static char *put_escaped(char *at, struct slice s, bool ascii_only)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len; i++) {
		uint8_t c = (uint8_t)s.ptr[i];

		if (!must_escape(c, ascii_only)) {
			*at++ = (char)c;
			continue;
		}
		*at++ = '%';
		*at++ = digits[c >> 4];
		*at++ = digits[c & 15];
	}
	return at;
}

#define LOCATOR_SUFFIX_MAX 64 /* '@', two 64-bit numbers, '+', ':', "zl", 8 digits, NUL */

static bool is_plain(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (must_escape((uint8_t)s.ptr[i], true))
			return false;
	return true;
}

static char *put_part(char *at, struct slice s)
{
	if (!is_plain(s))
		return put_escaped(at, s, !utf8_valid(s));
	memcpy(at, s.ptr, s.len);
	return at + s.len;
}

/* By hand and not by printf: this runs for each of some 100,000 files a second. */
char *file_locator_write(struct arena *a, const char *dir, const char *sub, struct slice name,
			 const struct file_message *f, const struct canon_rules *rules)
{
	struct slice parts[] = { slice_str(dir), slice_str(sub), name };
	size_t room = 3 * (parts[0].len + parts[1].len + parts[2].len + 3) + LOCATOR_SUFFIX_MAX;
	char *text = arena_alloc(a, room), *at = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < 3; i++) {
		if (parts[i].len == 0)
			continue;
		if (at != text)
			*at++ = '/';
		at = put_part(at, parts[i]);
	}
	*at++ = '@';
	at = text_put_number(at, f->size, 10);
	*at++ = '+';
	at = text_put_number(at, f->off, 10);
	*at++ = ':';
	if (f->packed)
		*at++ = 'z';
	*at++ = rules->eol == EOL_CR ? 'c' : 'l';
	at = text_put_number(at, rules->strip, 16);
	*at = 0;
	return text;
}

static int not_ours(const char *locator, struct err *err)
{
	return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
		       "'%s' does not say where a message is", locator);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The path with %XX undone, NUL-terminated in the arena; NULL if it is not one of ours. */
static char *read_path(struct slice s, struct arena *a)
{
	char *path = arena_alloc(a, s.len + 1), *at = path;

	if (!path || s.len == 0 || s.ptr[0] == '/')
		return NULL;
	for (size_t i = 0; i < s.len; i++) {
		int high = i + 2 < s.len ? hex_value(s.ptr[i + 1]) : -1;
		int low = i + 2 < s.len ? hex_value(s.ptr[i + 2]) : -1;

		if (s.ptr[i] != '%') {
			*at++ = s.ptr[i];
			continue;
		}
		if (high < 0 || low < 0 || high + low == 0)
			return NULL;
		*at++ = (char)(high * 16 + low);
		i += 2;
	}
	*at = 0;
	return path;
}

static bool leaves_root(const char *path)
{
	struct slice rest = slice_str(path);

	while (rest.len > 0)
		if (slice_eq(slice_cut(&rest, '/'), SLICE_LIT("..")))
			return true;
	return false;
}

static bool read_rules(struct slice s, bool *packed, struct canon_rules *out)
{
	uint64_t strip;

	*packed = slice_starts(s, SLICE_LIT("z"));
	if (*packed)
		s = slice_from(s, 1);

	if (s.len < 2 || (s.ptr[0] != 'l' && s.ptr[0] != 'c'))
		return false;
	if (!slice_hex64(slice_from(s, 1), &strip) || strip > UINT32_MAX)
		return false;
	*out = (struct canon_rules){ .eol = s.ptr[0] == 'c' ? EOL_CR : EOL_LINES,
				     .quoting = QUOTING_NONE,
				     .strip = (uint32_t)strip };
	return true;
}

int file_locator_read(const char *locator, struct arena *a, struct file_locator *out,
		      struct err *err)
{
	const char *sign = strrchr(locator, '@');
	struct file_locator l = { 0 };
	struct slice rest;

	if (!sign)
		return not_ours(locator, err);
	rest = slice_str(sign + 1);
	if (!slice_u64(slice_cut(&rest, '+'), &l.size) ||
	    !slice_u64(slice_cut(&rest, ':'), &l.off) || !read_rules(rest, &l.packed, &l.rules) ||
	    (l.off > l.size && !l.packed))
		return not_ours(locator, err);
	l.path = read_path(slice_of(locator, (size_t)(sign - locator)), a);
	if (!l.path || leaves_root(l.path))
		return not_ours(locator, err);
	*out = l;
	return 0;
}

static int has_changed(const struct file_locator *l, struct err *err)
{
	return err_set(err, ERR_CHANGED, SCOPE_MESSAGE, RETRY_NEVER,
		       "'%s' is not as it was when it was scanned", l->path);
}

int file_locator_open(const struct file_locator *l, int rootfd, struct file_message *f,
		      struct message *out, struct err *err)
{
	if (begin(f, rootfd, l->path, err) != 0) {
		err->code = ERR_CHANGED;
		err->scope = SCOPE_MESSAGE;
		return -1;
	}
	if (f->size == l->size && l->packed && unpack(f, err) != 0) {
		file_message_close(f);
		return -1;
	}
	if (f->size != l->size || f->len < l->off) {
		file_message_close(f);
		return has_changed(l, err);
	}
	out->body = (struct body){ .fd = f->fd, .off = l->off, .len = f->len - l->off };
	out->canon = l->rules;
	return 0;
}

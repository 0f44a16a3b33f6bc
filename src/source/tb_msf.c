/*
 * The Mork format (db/mork, no standard; "1.4" is the only version met), as far
 * as a folder's own row needs it.
 *
 * A file is a sequence of dictionaries `<(id=text)...>`, tables `{id:scope rows}`
 * and rows `[id:scope cells]`. A cell is `(^column=text)` or `(^column^atom)`,
 * where column and atom are hexadecimal numbers that a dictionary explained; the
 * dictionary of the columns begins with `<(a=c)>`. Later text replaces earlier.
 * Additions stand in groups `@$${N{@ ... @$$}N}@`; a group without its end, or
 * ended by `@$$}~~}@`, does not count.
 *
 * A summary of a large folder has a hundred megabytes of atoms, of which we want
 * one. So the first pass finds the last name cell of the folder's row, and, if
 * that names an atom, a second pass fetches its text. Nothing is kept but these.
 */
#include "source/tb_msf.h"

#include <string.h>

#include "base/fd.h"
#include "base/text.h"

#define CHUNK	  65536
#define TEXT_MAX  1024 /* bytes of a text that we keep; longer ones are none of ours */
#define NO_ID	  UINT64_MAX
#define MAGIC	  "// <!-- <mdb:mork:z"
#define INFO_NAME "ns:msg:db:row:scope:dbfolderinfo:all"

/* The bytes, from a file or from memory. */
struct input {
	int fd; /* -1: memory */
	uint64_t off;
	const char *ptr;
	size_t len, at;
	bool failed;
	struct err *err;
	char chunk[CHUNK];
};

/* What the folder's row says so far. */
struct row_facts {
	bool named;	  /* a name cell was there */
	uint64_t name_id; /* its atom, or NO_ID: the text is in `name` */
	uint32_t flags;
	size_t name_len;
	char name[TEXT_MAX];
};

struct mork {
	struct input in;
	/* column numbers, as the column dictionary gave them */
	uint64_t col_name, col_flags, scope_info;
	/* where we are */
	uint32_t dict;	   /* 0 outside, 1 in a dictionary, 2 in its own <...> */
	bool dict_columns; /* of the columns */
	uint32_t table;	   /* depth of braces */
	bool table_info, row, row_info;
	/* results */
	struct row_facts now, before; /* before the group that is open */
	bool in_group;
	/* second pass: the text of this atom */
	uint64_t want_atom;
	bool have_atom;
	struct buf atom;
	struct buf text;
};

static int get(struct input *in)
{
	if (in->at == in->len) {
		ssize_t n = in->fd < 0 ? 0 : fd_pread(in->fd, in->chunk, CHUNK, in->off, in->err);

		if (n < 0)
			in->failed = true;
		if (n <= 0)
			return -1;
		in->off += (uint64_t)n;
		in->ptr = in->chunk;
		in->len = (size_t)n;
		in->at = 0;
	}
	return (unsigned char)in->ptr[in->at++];
}

static int peek(struct input *in)
{
	int c = get(in);

	if (c >= 0)
		in->at--;
	return c;
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int hex_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Hexadecimal digits, if any stand here. */
static uint64_t get_id(struct input *in)
{
	uint64_t id = NO_ID;
	int digit;

	while ((digit = hex_value(peek(in))) >= 0) {
		id = (id == NO_ID ? 0 : id) << 4 | (uint64_t)digit;
		get(in);
	}
	return id;
}

static void skip_blanks(struct input *in)
{
	while (is_blank(peek(in)))
		get(in);
}

/* A text up to its ')': \x is x, a backslash at the end of a line joins the lines, $XX is a
 * byte. With out NULL it is skipped. False: the file ends in the middle of it. */
static bool get_text(struct input *in, struct buf *out)
{
	int c;

	while ((c = get(in)) >= 0 && c != ')') {
		if (c == '\\') {
			c = get(in);
			if (c == '\r' && peek(in) == '\n')
				c = get(in);
			if (c == '\n' || c == '\r' || c < 0)
				continue;
		} else if (c == '$') {
			int high = hex_value(get(in)), low = hex_value(get(in));

			c = high >= 0 && low >= 0 ? high << 4 | low : '?';
		}
		if (out)
			buf_addc(out, (char)c);
	}
	return c == ')';
}

static void skip_comment(struct input *in)
{
	int c;

	while ((c = get(in)) >= 0 && c != '\n' && c != '\r')
		continue;
}

/* `(id=text)` of a dictionary, behind its bracket. */
static void read_definition(struct mork *m)
{
	uint64_t id;
	bool wanted;

	skip_blanks(&m->in);
	id = get_id(&m->in);
	wanted = m->dict == 2 || m->dict_columns || (id == m->want_atom && id != NO_ID);
	buf_reset(&m->text);
	if (!get_text(&m->in, wanted ? &m->text : NULL) || !wanted || m->text.failed)
		return;
	if (m->dict == 2) {
		/* "(a=c)": `a` was taken for a hexadecimal number */
		if (id == 0xa && slice_eq(buf_slice(&m->text), SLICE_LIT("=c")))
			m->dict_columns = true;
		return;
	}
	/* blanks may stand before the '=' */
	struct slice text = slice_trim(buf_slice(&m->text));

	text = slice_from(text, slice_starts(text, SLICE_LIT("=")) ? 1 : 0);
	if (!m->dict_columns) {
		buf_reset(&m->atom);
		buf_add_slice(&m->atom, text);
		m->have_atom = true;
	} else if (slice_eq(text, SLICE_LIT("folderName"))) {
		m->col_name = id;
	} else if (slice_eq(text, SLICE_LIT("flags"))) {
		m->col_flags = id;
	} else if (slice_eq(text, SLICE_LIT(INFO_NAME))) {
		m->scope_info = id;
	}
}

static void set_name(struct row_facts *f, struct slice text)
{
	f->named = true;
	f->name_id = NO_ID;
	f->name_len = text.len;
	if (text.len > 0)
		memcpy(f->name, text.ptr, text.len);
}

/* `(^column=text)` or `(^column^atom)` of the folder's row, behind its bracket. */
static void read_info_cell(struct mork *m)
{
	uint64_t column, id;
	int sign;

	skip_blanks(&m->in);
	if (peek(&m->in) != '^') {
		get_text(&m->in, NULL);
		return;
	}
	get(&m->in);
	column = get_id(&m->in);
	skip_blanks(&m->in);
	sign = get(&m->in);
	if (sign == ')' || sign < 0)
		return;
	id = sign == '^' ? get_id(&m->in) : NO_ID;
	buf_reset(&m->text);
	if (!get_text(&m->in, &m->text) || column == NO_ID || m->text.failed)
		return;
	if (column == m->col_name && id != NO_ID) {
		m->now.named = true;
		m->now.name_id = id;
		if (id == m->want_atom && m->have_atom && !m->atom.failed)
			set_name(&m->now, buf_slice(&m->atom));
	} else if (column == m->col_name) {
		set_name(&m->now, buf_slice(&m->text));
	} else if (column == m->col_flags && id == NO_ID) {
		uint64_t flags;

		if (slice_hex64(slice_trim(buf_slice(&m->text)), &flags) && flags <= UINT32_MAX)
			m->now.flags = (uint32_t)flags;
	}
}

static void read_cell(struct mork *m)
{
	if (m->dict)
		read_definition(m);
	else if (m->row && m->row_info)
		read_info_cell(m);
	else
		get_text(&m->in, NULL);
}

/* `id:^scope` behind [ or {. True if the scope is the folder's; without one `inherited` holds. */
static bool read_head(struct mork *m, bool inherited)
{
	skip_blanks(&m->in);
	if (peek(&m->in) ==
	    '-') /* the row's earlier cells are dropped; they come again behind it */
		get(&m->in);
	get_id(&m->in);
	if (peek(&m->in) != ':')
		return inherited;
	get(&m->in);
	if (peek(&m->in) != '^')
		return false;
	get(&m->in);
	return m->scope_info != NO_ID && get_id(&m->in) == m->scope_info;
}

/* `@$${N{@`, `@$$}N}@` or `@$$}~~}@`, behind the first '@'. */
static void read_group(struct mork *m)
{
	char text[32];
	size_t n = 0;
	int c;

	while ((c = get(&m->in)) >= 0 && c != '@')
		if (n < sizeof(text))
			text[n++] = (char)c;
	struct slice s = slice_of(text, n);

	if (slice_starts(s, SLICE_LIT("$${"))) {
		m->before = m->now;
		m->in_group = true;
	} else if (slice_starts(s, SLICE_LIT("$$}"))) {
		if (m->in_group && slice_starts(s, SLICE_LIT("$$}~")))
			m->now = m->before;
		m->in_group = false;
	}
	m->dict = m->table = 0;
	m->row = false;
}

static void read_mark(struct mork *m, int c)
{
	switch (c) {
	case '<':
		if (m->dict == 0)
			m->dict_columns = false;
		m->dict += m->dict < 2;
		return;
	case '>':
		m->dict -= m->dict > 0;
		return;
	case '{':
		if (m->table == 0)
			m->table_info = read_head(m, false);
		m->table++;
		return;
	case '}':
		m->table -= m->table > 0;
		return;
	case '[':
		m->row_info = read_head(m, m->table > 0 && m->table_info);
		m->row = true;
		return;
	case ']':
		m->row = false;
		return;
	case '(':
		read_cell(m);
		return;
	case '@':
		read_group(m);
		return;
	case '/':
		if (peek(&m->in) == '/')
			skip_comment(&m->in);
		return;
	default:
		return;
	}
}

static int pass(struct mork *m, uint64_t want_atom)
{
	int c;

	m->want_atom = want_atom;
	m->have_atom = false;
	m->col_name = m->col_flags = m->scope_info = NO_ID;
	m->dict = m->table = 0;
	m->row = m->in_group = false;
	m->now = (struct row_facts){ .name_id = NO_ID };
	if (m->in.fd >= 0)
		m->in.len = 0;
	m->in.off = 0;
	m->in.at = 0;
	while ((c = get(&m->in)) >= 0)
		read_mark(m, c);
	if (m->in_group)
		m->now = m->before;
	return m->in.failed ? -1 : 0;
}

static int read_both(struct mork *m, struct arena *a, struct tb_folder_facts *out)
{
	struct slice name;

	if (pass(m, NO_ID) != 0)
		return -1;
	if (m->now.named && m->now.name_id != NO_ID && pass(m, m->now.name_id) != 0)
		return -1;
	*out = (struct tb_folder_facts){ .flags = m->now.flags };
	name = slice_of(m->now.name, m->now.name_len);
	if (!m->now.named || m->now.name_id != NO_ID || name.len == 0 || !utf8_valid(name) ||
	    slice_find(name, '\0') >= 0)
		return 0;
	out->name = arena_slice(a, name);
	return out->name ? 0 : err_nomem(m->in.err);
}

static int read_input(struct mork *m, struct arena *a, struct tb_folder_facts *out)
{
	int status;

	buf_init(&m->atom, TEXT_MAX);
	buf_init(&m->text, TEXT_MAX);
	status = read_both(m, a, out);
	buf_release(&m->atom);
	buf_release(&m->text);
	return status;
}

bool tb_msf_is_mork(int fd)
{
	char head[sizeof(MAGIC) - 1];
	struct err ignored = ERR_INIT;

	return fd_pread(fd, head, sizeof(head), 0, &ignored) == (ssize_t)sizeof(head) &&
	       memcmp(head, MAGIC, sizeof(head)) == 0;
}

int tb_msf_read(int fd, struct arena *a, struct tb_folder_facts *out, struct err *err)
{
	struct mork m = { .in = { .fd = fd, .err = err } };

	if (!tb_msf_is_mork(fd)) {
		*out = (struct tb_folder_facts){ 0 };
		return 0;
	}
	return read_input(&m, a, out);
}

int tb_msf_read_bytes(struct slice bytes, struct arena *a, struct tb_folder_facts *out,
		      struct err *err)
{
	struct mork m = { .in = { .fd = -1, .ptr = bytes.ptr, .len = bytes.len, .err = err } };

	if (!slice_starts(bytes, SLICE_LIT(MAGIC))) {
		*out = (struct tb_folder_facts){ 0 };
		return 0;
	}
	return read_input(&m, a, out);
}

/*
 * Names in a maildir: see maildir_names.h.
 */
#include "source/maildir_names.h"

#include <string.h>

#include "message/mutf7.h"
#include "source/folder_name.h"

#define NAME_TIME_DIGITS_MIN 9	  /* since March 1973; "1:2,S" and "17.x" are no times */
#define NAME_TIME_DIGITS_MAX 10	  /* until the year 2286 */
#define COMPONENT_MAX	     4096 /* octets of one decoded name; a file name has 255 at most */
#define GUID_LEN	     32

/* ---- files ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int64_t maildir_name_time(struct slice name)
{
	uint64_t time;
	size_t n = 0;

	while (n < name.len && is_digit(name.ptr[n]))
		n++;
	if (n < NAME_TIME_DIGITS_MIN || n > NAME_TIME_DIGITS_MAX || n == name.len)
		return TIME_NONE;
	if (name.ptr[n] != '.' && name.ptr[n] != '_')
		return TIME_NONE;
	return slice_u64(slice_head(name, n), &time) ? (int64_t)time : TIME_NONE;
}

/* The last "2," behind one of the separators; unique names may hold anything before it. */
static void split_info(struct slice name, struct maildir_name *out)
{
	out->unique = name;
	for (size_t i = name.len; i-- > 0;) {
		char c = name.ptr[i];

		if ((c != ':' && c != ';' && c != '!') || name.len - i < 3 ||
		    name.ptr[i + 1] != '2' || name.ptr[i + 2] != ',')
			continue;
		out->unique = slice_head(name, i);
		out->letters = slice_from(name, i + 3);
		out->separator = c;
		break;
	}
	/* Dovecot may put fields of its own behind the letters. */
	out->letters = slice_cut(&out->letters, ',');
}

struct slice maildir_name_letters(struct slice name)
{
	struct maildir_name parsed = { .letters = slice_of("", 0) };

	split_info(name, &parsed);
	return parsed.letters;
}

static void read_field(struct slice field, struct maildir_name *out)
{
	uint64_t n;

	if (slice_starts(field, SLICE_LIT("S=")) && slice_u64(slice_from(field, 2), &n)) {
		out->has_size = true;
		out->size = n;
	} else if (slice_starts(field, SLICE_LIT("W=")) && slice_u64(slice_from(field, 2), &n)) {
		out->has_wire_size = true;
	} else if (slice_starts(field, SLICE_LIT("U=")) && slice_u64(slice_from(field, 2), &n)) {
		out->has_uid = true;
	} else if (slice_starts(field, SLICE_LIT("FMD5="))) {
		out->has_fmd5 = true;
	}
}

void maildir_name_parse(struct slice name, struct maildir_name *out)
{
	struct slice fields;

	*out = (struct maildir_name){ .time = maildir_name_time(name) };
	split_info(name, out);
	fields = out->unique;
	out->base = slice_cut(&fields, ',');
	while (fields.len > 0)
		read_field(slice_cut(&fields, ','), out);
}

/* ---- folders ---- */

struct path_builder {
	struct arena *arena;
	struct folder_path *path;
	uint32_t spelling;
	bool guessed;
};

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Evolution writes '_' and '.' in names as _5F and _2E. */
static void add_unescaped(struct buf *out, struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		int high = i + 2 < name.len ? hex_digit(name.ptr[i + 1]) : -1;
		int low = i + 2 < name.len ? hex_digit(name.ptr[i + 2]) : -1;

		if (name.ptr[i] == '_' && high >= 0 && low >= 0 && (high || low)) {
			buf_addc(out, (char)(high * 16 + low));
			i += 2;
		} else {
			buf_addc(out, name.ptr[i]);
		}
	}
}

static int add_name(struct path_builder *b, struct slice name, struct err *err)
{
	CLEANUP(buf_release) struct buf plain = BUF_INIT(COMPONENT_MAX);
	CLEANUP(buf_release) struct buf utf8 = BUF_INIT(COMPONENT_MAX);
	char *copy;

	if (b->spelling & MAILDIR_EVOLUTION)
		add_unescaped(&plain, name);
	else
		buf_add_slice(&plain, name);
	if (!mutf7_decode(&utf8, buf_slice(&plain))) {
		buf_reset(&utf8);
		folder_name_add(&utf8, buf_slice(&plain), &b->guessed);
	}
	if (buf_ok(&plain, "folder name", err) != 0 || buf_ok(&utf8, "folder name", err) != 0)
		return -1;
	if (utf8.len == 0) { /* ".A..B": no server takes an empty name */
		buf_addc(&utf8, '_');
		b->guessed = true;
	}
	if (b->path->n == FOLDER_DEPTH_MAX)
		return err_set(err, ERR_LIMIT, SCOPE_FOLDER, RETRY_NEVER,
			       "more than %d levels of folders", FOLDER_DEPTH_MAX);
	copy = arena_copy(b->arena, utf8.ptr, utf8.len);
	if (!copy)
		return err_nomem(err);
	b->path->names[b->path->n++] = copy;
	return 0;
}

/* Levels beyond the deepest that we carry stay together in one name. */
static bool is_full(const struct path_builder *b)
{
	return b->path->n == FOLDER_DEPTH_MAX - 1;
}

/* ".A.B" without its first dot. An empty first name is INBOX: isync's and Evolution's "..x". */
static int add_dotted(struct path_builder *b, struct slice rest, struct err *err)
{
	struct slice name;

	if (rest.len > 0 && rest.ptr[0] == '.') {
		if (add_name(b, SLICE_LIT("INBOX"), err) != 0)
			return -1;
		rest = slice_from(rest, 1);
	}
	do {
		bool last = slice_find(rest, '.') < 0;

		if (is_full(b) && !last) {
			b->guessed = true;
			return add_name(b, rest, err);
		}
		name = slice_cut(&rest, '.');
		if (add_name(b, name, err) != 0)
			return -1;
		if (last)
			return 0;
	} while (true);
}

static int add_directory(struct path_builder *b, struct slice name, bool first_level,
			 struct err *err)
{
	if (name.len == 0 || name.ptr[0] != '.')
		return b->spelling & MAILDIR_DOTTED ? add_dotted(b, name, err)
						    : add_name(b, name, err);
	if (!first_level && (b->spelling & MAILDIR_LEGACY))
		return add_name(b, slice_from(name, 1), err);
	return add_dotted(b, slice_from(name, 1), err);
}

int maildir_folder_path(const char *dir, uint32_t spelling, struct arena *a,
			struct folder_path *out, bool *guessed, struct err *err)
{
	struct folder_path path = { 0 };
	struct path_builder b = { a, &path, spelling, false };
	struct slice rest = slice_str(dir);

	if (rest.len == 0 && add_name(&b, SLICE_LIT("INBOX"), err) != 0)
		return -1;
	for (bool first = true; rest.len > 0; first = false) {
		if (is_full(&b)) {
			b.guessed = true;
			if (add_name(&b, rest, err) != 0)
				return -1;
			break;
		}
		if (add_directory(&b, slice_cut(&rest, '/'), first, err) != 0)
			return -1;
	}
	*out = path;
	*guessed = b.guessed;
	return 0;
}

bool maildir_is_guid(struct slice name)
{
	if (name.len != GUID_LEN)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (hex_digit(name.ptr[i]) < 0)
			return false;
	return true;
}

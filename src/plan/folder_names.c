/*
 * The ladder of folder names for servers that refuse the first one (measured in
 * CREATE and LIST: Dovecot Maildir refuses '.', '~' at the beginning and control
 * characters, Cyrus most punctuation, Courier characters beyond the BMP; all refuse
 * names over some 250 octets). See plan_name() in plan.h.
 */
#include <stdlib.h>
#include <string.h>
#include <uninorm.h>

#include "base/text.h"
#include "message/mutf7.h"
#include "plan/plan.h"

#define WHOLE_NAME_MAX 8192 /* octets of a wire name; servers end far below */
#define PART_MAX       180  /* octets of one part in UTF-8, from the second rung on */
#define PART_HASH_LEN  9    /* "-" and eight hex digits */

enum rung { RUNG_PLAIN, RUNG_REPLACED, RUNG_STRIPPED, RUNG_ASCII, RUNG_HASH };
_Static_assert(RUNG_HASH + 1 == PLAN_RUNGS, "one name for each rung");

/* FNV-1a: not for secrets, but the same on every machine and in every version. */
static uint32_t name_hash(struct slice s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (uint8_t)s.ptr[i]) * 16777619u;
	return h;
}

static void add_hash_name(struct buf *out, struct slice part)
{
	buf_addf(out, "Folder-%08x", name_hash(part));
}

static bool is_refused(uint32_t c)
{
	return c < 0x20 || c == 0x7f || c > 0xffff || (c >= 0x80 && c < 0xa0) ||
	       (c < 0x80 && strchr("\"\\{}[]|<>!;`^%*&~?:#./", (int)c) != NULL);
}

static void add_replaced(struct buf *out, struct slice part)
{
	while (part.len > 0) {
		uint32_t c;
		size_t n = utf8_decode(part, &c);

		if (n == 0 || is_refused(c))
			buf_addc(out, '_');
		else
			buf_add(out, part.ptr, n);
		part = slice_from(part, n ? n : 1);
	}
}

static struct slice strip(struct slice s)
{
	while (s.len > 0 && strchr(" \t.~", s.ptr[0]))
		s = slice_from(s, 1);
	while (s.len > 0 && strchr(" \t.~", s.ptr[s.len - 1]))
		s.len--;
	return s;
}

/* ---- ASCII ---- */

/* Letters that do not come apart into a letter and an accent. */
static const char *letter(uint32_t c)
{
	static const struct {
		uint32_t c;
		const char *ascii;
	} rows[] = {
		{ 0x00c6, "AE" }, { 0x00d0, "D" },  { 0x00d8, "O" },  { 0x00de, "Th" },
		{ 0x00df, "ss" }, { 0x00e6, "ae" }, { 0x00f0, "d" },  { 0x00f8, "o" },
		{ 0x00fe, "th" }, { 0x0110, "D" },  { 0x0111, "d" },  { 0x0131, "i" },
		{ 0x0141, "L" },  { 0x0142, "l" },  { 0x0152, "OE" }, { 0x0153, "oe" },
		{ 0x2013, "-" },  { 0x2014, "-" },  { 0x2018, "'" },  { 0x2019, "'" },
		{ 0x201c, "'" },  { 0x201d, "'" },  { 0x201e, "'" },  { 0x20ac, "EUR" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].c == c)
			return rows[i].ascii;
	return NULL;
}

/* Russian as passports spell it, Greek as in ISO 843; small letters. */
static const char *cyrillic_or_greek(uint32_t c)
{
	static const char *const cyrillic[32] = { "a",	"b",	"v", "g", "d", "e",  "zh", "z",
						  "i",	"i",	"k", "l", "m", "n",  "o",  "p",
						  "r",	"s",	"t", "u", "f", "kh", "ts", "ch",
						  "sh", "shch", "",  "y", "",  "e",  "iu", "ia" };
	static const char *const greek[25] = { "a", "v", "g", "d", "e",	 "z",  "i", "th", "i",
					       "k", "l", "m", "n", "x",	 "o",  "p", "r",  "s",
					       "s", "t", "y", "f", "ch", "ps", "o" };

	if (c >= 0x0410 && c <= 0x044f)
		return cyrillic[(c - 0x0410) % 32];
	if (c >= 0x0391 && c <= 0x03a9)
		return greek[c - 0x0391];
	if (c >= 0x03b1 && c <= 0x03c9)
		return greek[c - 0x03b1];
	return NULL;
}

static void add_ascii_char(struct buf *out, uint32_t c)
{
	const char *text;

	if (c >= 0x300 && c <= 0x36f)
		return; /* an accent that came off its letter */
	text = letter(c);
	if (!text)
		text = cyrillic_or_greek(c);
	if (c < 0x80)
		buf_addc(out, is_refused(c) ? '_' : (char)c);
	else
		buf_adds(out, text ? text : "_");
}

static void add_ascii(struct buf *out, struct slice part)
{
	size_t len = 0;
	uint8_t *apart =
		u8_normalize(UNINORM_NFKD, (const uint8_t *)part.ptr, part.len, NULL, &len);
	struct slice rest = apart ? slice_of(apart, len) : part;

	while (rest.len > 0) {
		uint32_t c;
		size_t n = utf8_decode(rest, &c);

		add_ascii_char(out, n ? c : '_');
		rest = slice_from(rest, n ? n : 1);
	}
	free(apart);
}

/* Does a name still say something? */
static bool has_letter(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c >= 0x80 || (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z'))
			return true;
	}
	return false;
}

/* ---- parts and names ---- */

/* Cut what grew too long at a character's beginning; the hash keeps two such names apart. */
static void shorten(struct buf *out, size_t start, struct slice part)
{
	size_t end = start + PART_MAX - PART_HASH_LEN;

	if (out->failed || out->len - start <= PART_MAX)
		return;
	while (end > start && ((unsigned char)out->ptr[end] & 0xc0) == 0x80)
		end--;
	out->len = end;
	buf_addf(out, "-%08x", name_hash(part));
}

/* Word by word with single blanks: Gmail refuses "excess whitespace". */
static void add_words(struct buf *out, struct slice part,
		      void (*add)(struct buf *out, struct slice word))
{
	while (part.len > 0) {
		struct slice word = slice_cut(&part, ' ');

		add(out, word);
		while (part.len > 0 && part.ptr[0] == ' ')
			part = slice_from(part, 1);
		if (part.len > 0)
			buf_addc(out, ' ');
	}
}

static void add_part(struct buf *out, struct slice part, enum rung rung)
{
	struct slice stripped = strip(part);
	size_t start = out->len;

	switch (rung) {
	case RUNG_PLAIN:
		buf_add_slice(out, part);
		return;
	case RUNG_REPLACED:
		add_replaced(out, part);
		break;
	case RUNG_STRIPPED:
		add_words(out, stripped, add_replaced);
		break;
	case RUNG_ASCII:
		add_words(out, stripped, add_ascii);
		break;
	case RUNG_HASH:
		add_hash_name(out, part);
		return;
	}
	if (!out->failed && !has_letter(slice_of(out->ptr + start, out->len - start))) {
		out->len = start;
		add_hash_name(out, part);
	}
	shorten(out, start, part);
}

static void add_name(struct buf *out, const struct plan_server *server, struct slice name,
		     size_t keep, enum rung rung)
{
	struct slice rest = slice_from(name, keep);
	bool first = keep == 0;

	buf_add_slice(out, slice_head(name, keep));
	while (rest.len > 0) {
		size_t before = rest.len;
		struct slice part = server->separator ? slice_cut(&rest, server->separator) : rest;
		bool more = server->separator && before > part.len;

		if (!server->separator)
			rest = slice_from(rest, rest.len);
		if (first && more && slice_ieq(part, SLICE_LIT("INBOX")))
			buf_add_slice(out, part);
		else
			add_part(out, part, rung);
		if (more)
			buf_addc(out, server->separator);
		first = false;
	}
}

static bool same_as_earlier(const struct plan_server *server, struct slice name, size_t keep,
			    unsigned rung, struct slice text)
{
	CLEANUP(buf_release) struct buf earlier = BUF_INIT(WHOLE_NAME_MAX);

	for (unsigned r = 0; r < rung; r++) {
		buf_reset(&earlier);
		add_name(&earlier, server, name, keep, (enum rung)r);
		if (!earlier.failed && slice_eq(buf_slice(&earlier), text))
			return true;
	}
	return false;
}

int plan_name(const struct plan_server *server, const char *name, size_t keep, unsigned rung,
	      struct buf *wire, struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(WHOLE_NAME_MAX);
	struct slice whole = slice_str(name);
	struct slice prefix = slice_str(server->prefix);

	if (rung >= PLAN_RUNGS)
		return 0;
	if (keep < prefix.len && slice_starts(whole, prefix))
		keep = prefix.len;
	if (keep > whole.len)
		keep = whole.len;
	add_name(&text, server, whole, keep, (enum rung)rung);
	if (buf_ok(&text, "folder name", err) < 0)
		return -1;
	if (same_as_earlier(server, whole, keep, rung, buf_slice(&text)))
		return 0;
	return mutf7_encode(wire, buf_slice(&text), err) < 0 ? -1 : 1;
}

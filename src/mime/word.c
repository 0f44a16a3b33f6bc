/*
 * Fields, encoded-words and parameters. See word.h.
 */
#include "mime/word.h"

#include <stdlib.h>
#include <string.h>
#include <uninorm.h>

#include "base/text.h"
#include "mime/encode.h"

#define FOLD_AT	    76
#define TOKEN_MAX   900 /* a line may have 998 octets (RFC 5322 2.1.1) */
#define WORD_MAX    75	/* RFC 2047 2 */
#define WORD_START  "=?utf-8?"
#define WORD_FRAME  12	 /* "=?utf-8?q?" and "?=" */
#define WORD_ROOM   40	 /* with less left on a line, a word starts the next one */
#define QUOTED_MAX  70	 /* longer names are encoded: encoded-words can be folded */
#define PARAM_PLAIN 200	 /* a quoted-string; some programs don't put sections together */
#define PARAM_PIECE 50	 /* octets of a section, percent-encoded */
#define PARAM_MAX   4096 /* of a file's name; those of file systems have 255 */
#define TEXT_LIMIT  (1u << 20)

void hfield_begin(struct hfield *f, struct outlet *out, const char *name)
{
	f->out = out;
	outlet_adds(out, name);
	outlet_add(out, ":", 1);
	f->column = strlen(name) + 1;
}

void hfield_token(struct hfield *f, struct slice token)
{
	bool fold = f->column + 1 + token.len > FOLD_AT && f->column > 1;

	outlet_adds(f->out, fold ? "\r\n " : " ");
	outlet_add_slice(f->out, token);
	f->column = (fold ? 1 : f->column + 1) + token.len;
}

void hfield_glue(struct hfield *f, const char *text)
{
	outlet_adds(f->out, text);
	f->column += strlen(text);
}

void hfield_end(struct hfield *f)
{
	outlet_add(f->out, "\r\n", 2);
}

void word_add_clean(struct buf *b, struct slice s)
{
	size_t start = b->len;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char u = (unsigned char)s.ptr[i];
		bool control = u < 0x20 || u == 0x7f;

		if (control && (b->len == start || b->ptr[b->len - 1] == ' '))
			continue;
		if (u != ' ' || b->len > start)
			buf_addc(b, control ? ' ' : (char)u);
	}
	while (b->len > start && b->ptr[b->len - 1] == ' ')
		b->len--;
}

/* ---- encoded-words ---- */

/* Length of the character at the start of `s`; a broken one counts as one octet. */
static size_t char_len(struct slice s)
{
	uint32_t c;
	size_t n = utf8_decode(s, &c);

	return n ? n : 1;
}

/* What may stand for itself in "Q" in a phrase (RFC 2047 5 (3)). */
static bool q_plain(unsigned char u)
{
	return (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') ||
	       u == '!' || u == '*' || u == '+' || u == '-' || u == '/';
}

static size_t q_len(struct slice s)
{
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++)
		len += q_plain((unsigned char)s.ptr[i]) || s.ptr[i] == ' ' ? 1 : 3;
	return len;
}

static size_t b_len(struct slice s)
{
	return (s.len + 2) / 3 * 4;
}

static void add_q(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char u = (unsigned char)s.ptr[i];

		if (u == ' ')
			buf_addc(b, '_');
		else if (q_plain(u))
			buf_addc(b, (char)u);
		else
			buf_addf(b, "=%02X", u);
	}
}

/* As many whole characters as fit into `room`; one at least. */
static size_t fitting(struct slice s, size_t room, size_t (*encoded_len)(struct slice))
{
	size_t n = char_len(s);

	while (n < s.len) {
		size_t more = n + char_len(slice_from(s, n));

		if (encoded_len(slice_head(s, more)) > room)
			break;
		n = more;
	}
	return n;
}

static void add_words(struct hfield *f, struct slice s)
{
	bool q = q_len(s) <= b_len(s);
	struct buf word = BUF_INIT(4 * WORD_MAX);

	while (s.len > 0) {
		size_t room = f->column + 1 < FOLD_AT ? FOLD_AT - f->column - 1 : 0;
		size_t n;

		if (room > WORD_MAX || room < WORD_ROOM)
			room = WORD_MAX;
		n = fitting(s, room - WORD_FRAME, q ? q_len : b_len);
		buf_reset(&word);
		buf_adds(&word, q ? WORD_START "q?" : WORD_START "b?");
		if (q)
			add_q(&word, slice_head(s, n));
		else
			base64_add(&word, slice_head(s, n));
		buf_adds(&word, "?=");
		hfield_token(f, buf_slice(&word));
		s = slice_from(s, n);
	}
	buf_release(&word);
}

/* ---- text ---- */

/* Up to a blank before something else: of several blanks all but the last stay with the token. */
static size_t token_len(struct slice s)
{
	size_t n = 0;

	while (n < s.len && (s.ptr[n] != ' ' || (n + 1 < s.len && s.ptr[n + 1] == ' ')))
		n++;
	return n;
}

/* ASCII that nothing in a header could take for something else. */
static bool harmless(struct slice s)
{
	size_t token = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned char u = (unsigned char)s.ptr[i];

		token = u == ' ' && i > 0 && s.ptr[i - 1] != ' ' ? 0 : token + 1;
		if (u >= 0x80 || token > TOKEN_MAX)
			return false;
	}
	return slice_ifind(s, SLICE_LIT("=?")) < 0;
}

static void add_tokens(struct hfield *f, struct slice s)
{
	while (s.len > 0) {
		size_t n = token_len(s);

		hfield_token(f, slice_head(s, n));
		s = slice_from(s, n + 1);
	}
}

void hfield_text(struct hfield *f, struct slice utf8)
{
	struct buf clean = BUF_INIT(TEXT_LIMIT);
	struct slice s;

	word_add_clean(&clean, utf8);
	s = buf_slice(&clean);
	if (harmless(s))
		add_tokens(f, s);
	else
		add_words(f, s);
	buf_release(&clean);
}

void hfield_write_text(struct outlet *out, const char *name, struct slice utf8)
{
	struct hfield f;

	hfield_begin(&f, out, name);
	hfield_text(&f, utf8);
	hfield_end(&f);
}

static bool is_atom(unsigned char u)
{
	return (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') ||
	       (u != 0 && strchr("!#$%&'*+-/=?^_`{|}~", u) != NULL);
}

/* Atoms with one blank between each other; `s` begins with none. */
static bool is_phrase(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((s.ptr[i] != ' ' || s.ptr[i - 1] == ' ') && !is_atom((unsigned char)s.ptr[i]))
			return false;
	return true;
}

static void add_quoted(struct buf *b, struct slice s)
{
	buf_addc(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '"' || s.ptr[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, s.ptr[i]);
	}
	buf_addc(b, '"');
}

/* A quoted-string; a long one is folded at its blanks (RFC 5322 3.2.4). */
static void add_quoted_phrase(struct hfield *f, struct slice s)
{
	struct buf quoted = BUF_INIT(2 * TEXT_LIMIT);

	add_quoted(&quoted, s);
	if (quoted.len <= QUOTED_MAX)
		hfield_token(f, buf_slice(&quoted));
	else
		add_tokens(f, buf_slice(&quoted));
	buf_release(&quoted);
}

void hfield_phrase(struct hfield *f, struct slice utf8)
{
	struct buf clean = BUF_INIT(TEXT_LIMIT);
	struct slice s;

	word_add_clean(&clean, utf8);
	s = buf_slice(&clean);
	if (!harmless(s))
		add_words(f, s);
	else if (is_phrase(s))
		add_tokens(f, s);
	else
		add_quoted_phrase(f, s);
	buf_release(&clean);
}

/* ---- parameters ---- */

static void add_param_quoted(struct hfield *f, const char *name, struct slice s)
{
	struct buf token = BUF_INIT(4 * PARAM_MAX);

	buf_addf(&token, "%s=", name);
	add_quoted(&token, s);
	hfield_glue(f, ";");
	hfield_token(f, buf_slice(&token));
	buf_release(&token);
}

/* attribute-char of RFC 2231 7 */
static bool param_plain(unsigned char u)
{
	return (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') ||
	       (u != 0 && strchr("!#$&+-.^_`{|}~", u) != NULL);
}

static size_t percent_len(struct slice s)
{
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++)
		len += param_plain((unsigned char)s.ptr[i]) ? 1 : 3;
	return len;
}

static void add_percent(struct buf *b, struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (param_plain((unsigned char)s.ptr[i]))
			buf_addc(b, s.ptr[i]);
		else
			buf_addf(b, "%%%02X", (unsigned char)s.ptr[i]);
	}
}

static void add_param_sections(struct hfield *f, const char *name, struct slice s)
{
	bool single = percent_len(s) <= PARAM_PIECE;
	struct buf token = BUF_INIT(4 * PARAM_MAX);

	for (unsigned section = 0; s.len > 0; section++) {
		size_t n = fitting(s, PARAM_PIECE, percent_len);

		buf_reset(&token);
		if (single)
			buf_addf(&token, "%s*=utf-8''", name);
		else
			buf_addf(&token, "%s*%u*=%s", name, section, section == 0 ? "utf-8''" : "");
		add_percent(&token, slice_head(s, n));
		hfield_glue(f, ";");
		hfield_token(f, buf_slice(&token));
		s = slice_from(s, n);
	}
	buf_release(&token);
}

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

static struct slice clean_name(struct buf *clean, struct slice utf8)
{
	struct slice s;

	word_add_clean(clean, utf8);
	s = buf_slice(clean);
	if (s.len > PARAM_MAX) {
		s.len = PARAM_MAX;
		while (s.len > 0 && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80)
			s.len--;
	}
	return s;
}

void hfield_param(struct hfield *f, const char *name, struct slice utf8)
{
	struct buf clean = BUF_INIT(TEXT_LIMIT);
	struct slice s = clean_name(&clean, utf8);

	/* Many programs decode words even where they stand quoted, and should not. */
	if (is_ascii(s) && s.len <= PARAM_PLAIN && slice_ifind(s, SLICE_LIT("=?")) < 0)
		add_param_quoted(f, name, s);
	else
		add_param_sections(f, name, s);
	buf_release(&clean);
}

static bool is_mark(uint32_t c)
{
	return c >= 0x300 && c < 0x370; /* combining diacritical marks */
}

static void add_ascii(struct buf *b, struct slice s)
{
	size_t len = 0;
	uint8_t *apart = u8_normalize(UNINORM_NFKD, (const uint8_t *)s.ptr, s.len, NULL, &len);
	struct slice rest = apart ? slice_of(apart, len) : s;

	while (rest.len > 0) {
		uint32_t c = 0;
		size_t n = utf8_decode(rest, &c);

		bool starts_word = rest.ptr[0] == '?' && b->len > 0 && b->ptr[b->len - 1] == '=';

		if (n == 1)
			buf_addc(b, starts_word ? '_' : rest.ptr[0]);
		else if (n == 0 || !is_mark(c))
			buf_addc(b, '_');
		rest = slice_from(rest, n ? n : 1);
	}
	free(apart);
}

void hfield_param_ascii(struct hfield *f, const char *name, struct slice utf8)
{
	struct buf clean = BUF_INIT(TEXT_LIMIT), ascii = BUF_INIT(TEXT_LIMIT);
	struct slice s = clean_name(&clean, utf8);

	add_ascii(&ascii, s);
	add_param_quoted(f, name, slice_head(buf_slice(&ascii), PARAM_PLAIN));
	buf_release(&ascii);
	buf_release(&clean);
}

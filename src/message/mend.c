/*
 * Mending. See mend.h.
 *
 * Encoded-words (RFC 2047) stand where people read: in unstructured fields, in the
 * names of addresses, in comments. Addresses themselves and parameters (Content-Type)
 * cannot have them: these stay. The charset is UTF-8 if the whole field is valid as
 * such, else what the message declares, else windows-1252; no octet is converted.
 */
#include "message/mend.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "message/header.h"

#define CHARSET_MAX 40
#define WORD_MAX    75 /* RFC 2047 2 */

struct mender {
	uint32_t steps, did;
	bool in_header;
	struct buf header, clean;
	char charset[CHARSET_MAX + 1]; /* that the message declares, or "" */
};

static const char *const names[MEND_COUNT] = { "binary", "header-8bit", "nul", "long-lines",
					       "header-block" };

const char *mend_name(uint32_t bit)
{
	for (size_t i = 0; i < MEND_COUNT; i++)
		if (bit == 1u << i)
			return names[i];
	return NULL;
}

void mend_add_names(struct buf *out, uint32_t steps)
{
	const char *separator = "";

	for (size_t i = 0; i < MEND_COUNT; i++) {
		if (!(steps & 1u << i))
			continue;
		buf_adds(out, separator);
		buf_adds(out, names[i]);
		separator = ", ";
	}
}

uint32_t mend_attempt(uint32_t wanted, uint32_t possible, unsigned n)
{
	uint32_t steps = wanted & possible, bytes = steps & MEND_BYTES;
	bool several = (bytes & (bytes - 1)) != 0;

	for (uint32_t bit = 1; bit < 1u << MEND_COUNT; bit <<= 1)
		if ((steps & bit) && n-- == 0)
			return bit;
	return several && n == 0 ? bytes : 0; /* without NULs there is no need for literal8 */
}

struct mender *mender_new(void)
{
	struct mender *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	buf_init(&m->header, HEADER_BLOCK_MAX + 1);
	buf_init(&m->clean, HEADER_BLOCK_MAX + 1);
	return m;
}

void mender_free(struct mender *m)
{
	if (!m)
		return;
	buf_release(&m->header);
	buf_release(&m->clean);
	free(m);
}

void mender_start(struct mender *m, uint32_t steps)
{
	m->steps = steps;
	m->did = 0;
	m->in_header = true;
	m->charset[0] = '\0';
	buf_reset(&m->header);
}

uint32_t mender_did(const struct mender *m)
{
	return m->did;
}

/* ---- NUL ---- */

static void add_without_nul(struct mender *m, struct slice bytes, struct buf *out)
{
	while (bytes.len > 0) {
		ptrdiff_t at = m->steps & MEND_NUL ? slice_find(bytes, '\0') : -1;

		if (at < 0) {
			buf_add_slice(out, bytes);
			return;
		}
		m->did |= MEND_NUL;
		buf_add_slice(out, slice_head(bytes, (size_t)at));
		bytes = slice_from(bytes, (size_t)at + 1);
	}
}

/* ---- encoded-words ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool has_8bit(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] > 0x7f)
			return true;
	return false;
}

/* May stand for itself in a phrase, too (RFC 2047 5 (3)). */
static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       memchr("!*+-/", c, 5);
}

/* The octets of the next character: of a multi-octet one all, so that none is cut. */
static size_t character(struct slice s, bool utf8)
{
	uint32_t ignored;
	size_t len = utf8 ? utf8_decode(s, &ignored) : 1;

	return len > 0 ? len : 1;
}

/* `text` as one encoded-word, or as several with folds between them. */
static void add_words(struct buf *out, struct slice text, const char *charset, bool utf8)
{
	const size_t frame = strlen(charset) + strlen("=?") + strlen("?Q?") + strlen("?=");
	size_t len = WORD_MAX; /* of the word at work: full, so that one is begun */
	bool first = true;

	while (text.len > 0) {
		size_t n = character(text, utf8), need = 0;

		for (size_t i = 0; i < n; i++)
			need += is_plain((unsigned char)text.ptr[i]) || text.ptr[i] == ' ' ? 1 : 3;
		if (len + need > WORD_MAX) {
			buf_adds(out, first ? "" : "?=\r\n ");
			buf_addf(out, "=?%s?Q?", charset);
			len = frame;
			first = false;
		}
		for (size_t i = 0; i < n; i++) {
			unsigned char c = (unsigned char)text.ptr[i];

			if (c == ' ')
				buf_addc(out, '_');
			else if (is_plain(c))
				buf_addc(out, (char)c);
			else
				buf_addf(out, "=%02X", c);
		}
		len += need;
		text = slice_from(text, n);
	}
	buf_adds(out, first ? "" : "?=");
}

/* ---- fields ---- */

struct encoding_field {
	struct buf *out;
	const char *charset;
	bool utf8;
	bool addresses;	    /* structured: quoted-strings, comments, <...> */
	struct slice blank; /* before the token to come */
	bool after_word;    /* what came last is an encoded-word */
};

static void put_blank(struct encoding_field *f)
{
	buf_add_slice(f->out, f->blank);
	f->blank = slice_of(NULL, 0);
}

static void put_plain(struct encoding_field *f, struct slice token)
{
	if (f->after_word && f->blank.len == 0 && strchr("<(\"", token.ptr[0]))
		f->blank = SLICE_LIT(" "); /* an encoded-word ends before it (RFC 2047 5) */
	put_blank(f);
	buf_add_slice(f->out, token);
	f->after_word = false;
}

/* Blanks between two encoded-words are not shown (RFC 2047 6.2): they go into the second one. */
static void put_encoded(struct encoding_field *f, struct slice text)
{
	CLEANUP(buf_release) struct buf whole = BUF_INIT(HEADER_BLOCK_MAX);
	bool carries = f->after_word;

	for (size_t i = 0; carries && i < f->blank.len; i++)
		if (f->blank.ptr[i] == ' ' || f->blank.ptr[i] == '\t')
			buf_addc(&whole, ' ');
	if (carries && f->blank.len == 0)
		f->blank = SLICE_LIT(" ");
	buf_add_slice(&whole, text);
	put_blank(f);
	add_words(f->out, buf_slice(&whole), f->charset, f->utf8);
	f->after_word = true;
}

/* The content of a quoted-string or <...>, its end included: what is behind `open`. */
static size_t closed_by(struct slice s, char close)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.ptr[i] == '\\' && close == '"')
			i++;
		else if (s.ptr[i] == close)
			return i + 1;
	}
	return s.len;
}

static void put_quoted(struct encoding_field *f, struct slice quoted)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(HEADER_BLOCK_MAX);
	bool closed = quoted.len > 1 && quoted.ptr[quoted.len - 1] == '"';

	if (!has_8bit(quoted) || !closed) {
		put_plain(f, quoted);
		return;
	}
	for (size_t i = 1; i + 1 < quoted.len; i++) {
		if (quoted.ptr[i] == '\\' && i + 2 < quoted.len)
			i++;
		if (quoted.ptr[i] != '\r' && quoted.ptr[i] != '\n')
			buf_addc(&text, quoted.ptr[i] == '\t' ? ' ' : quoted.ptr[i]);
	}
	put_encoded(f, buf_slice(&text));
}

/* A run without blanks and, in a structured field, without delimiters. */
static size_t word_len(const struct encoding_field *f, struct slice s)
{
	size_t i = 0;

	while (i < s.len && !is_blank(s.ptr[i]) &&
	       !(f->addresses && s.ptr[i] && strchr("()<>,;:\"", s.ptr[i])))
		i++;
	return i;
}

static bool is_address(struct slice word)
{
	return slice_find(word, '@') >= 0;
}

static void put_token(struct encoding_field *f, struct slice *rest)
{
	size_t n = word_len(f, *rest);

	if (n == 0 && rest->ptr[0] == '"') {
		n = closed_by(*rest, '"');
		put_quoted(f, slice_head(*rest, n));
	} else if (n == 0 && rest->ptr[0] == '<') {
		n = closed_by(*rest, '>');
		put_plain(f, slice_head(*rest, n));
	} else if (n == 0) {
		n = 1;
		put_plain(f, slice_head(*rest, n));
	} else if (has_8bit(slice_head(*rest, n)) &&
		   !(f->addresses && is_address(slice_head(*rest, n)))) {
		put_encoded(f, slice_head(*rest, n));
	} else {
		put_plain(f, slice_head(*rest, n));
	}
	*rest = slice_from(*rest, n);
}

static void encode_value(struct encoding_field *f, struct slice value)
{
	while (value.len > 0) {
		size_t n = 0;

		while (n < value.len && is_blank(value.ptr[n]))
			n++;
		f->blank = slice_head(value, n);
		value = slice_from(value, n);
		if (value.len > 0)
			put_token(f, &value);
	}
	put_blank(f);
}

static bool is_one_of(struct slice name, const char *const *list)
{
	for (; *list; list++)
		if (slice_ieq(name, slice_str(*list)))
			return true;
	return false;
}

static void mend_field(struct mender *m, const struct header_field *field, struct buf *out)
{
	static const char *const structured[] = {
		"From",	       "To",	    "Cc",	 "Bcc",	       "Sender",	"Reply-To",
		"Resent-From", "Resent-To", "Resent-Cc", "Resent-Bcc", "Resent-Sender", NULL
	};
	size_t before = (size_t)(field->value.ptr - field->whole.ptr), begun = out->len;
	struct slice end = slice_from(field->whole, before + field->value.len);
	struct encoding_field f = {
		.out = out,
		.utf8 = utf8_valid(field->value),
		.addresses = is_one_of(field->name, structured),
	};

	if (!has_8bit(field->value) || field->name.len == 0 || has_8bit(field->name) ||
	    slice_istarts(field->name, SLICE_LIT("Content-"))) {
		buf_add_slice(out, field->whole);
		return;
	}
	f.charset = f.utf8 ? "UTF-8" : m->charset[0] ? m->charset : "windows-1252";
	buf_add_slice(out, slice_head(field->whole, before));
	encode_value(&f, field->value);
	buf_add_slice(out, end);
	if (!out->failed && !slice_eq(slice_from(buf_slice(out), begun), field->whole))
		m->did |= MEND_HEADER_8BIT;
}

/* "; charset=iso-8859-15": a name of one octet for each character, and nothing that breaks out. */
static void read_charset(struct mender *m, struct slice block)
{
	static const char key[] = "charset=";
	struct header_field field;
	ptrdiff_t at;
	size_t n = 0;

	if (!header_find(block, "Content-Type", &field))
		return;
	at = slice_ifind(field.value, SLICE_LIT("charset="));
	if (at < 0)
		return;
	struct slice value = slice_from(field.value, (size_t)at + strlen(key));

	if (value.len > 0 && value.ptr[0] == '"')
		value = slice_from(value, 1);
	while (n < value.len && n < CHARSET_MAX &&
	       (is_plain((unsigned char)value.ptr[n]) || value.ptr[n] == '_'))
		n++;
	value = slice_head(value, n);
	if (!slice_istarts(value, SLICE_LIT("iso-8859-")) &&
	    !slice_istarts(value, SLICE_LIT("windows-125")) &&
	    !slice_istarts(value, SLICE_LIT("koi8-")))
		return; /* UTF-8 it is not, or the field would be valid */
	memcpy(m->charset, value.ptr, n);
	m->charset[n] = '\0';
}

/* ---- the header ---- */

/* Where the first line begins that is no field; the length of the block if all are. */
static size_t first_stray(struct slice block)
{
	struct slice rest = block;
	struct header_field field;

	while (header_next(&rest, &field))
		if (field.name.len == 0)
			return (size_t)(field.whole.ptr - block.ptr);
	return block.len;
}

static void mend_fields(struct mender *m, struct slice block, struct buf *out)
{
	struct header_field field;
	struct slice rest = block;

	read_charset(m, block);
	while (header_next(&rest, &field)) {
		mend_field(m, &field, out);
		block = rest;
	}
	buf_add_slice(out, block); /* where NULs have left an empty line, not all were fields */
}

/* `block`: the fields and the empty line behind them, if there is one. */
static void end_header(struct mender *m, struct buf *out)
{
	struct slice block, fields;
	size_t stray;

	m->in_header = false;
	buf_reset(&m->clean);
	add_without_nul(m, buf_slice(&m->header), &m->clean);
	block = buf_slice(&m->clean);
	stray = m->steps & MEND_HEADER_BLOCK ? first_stray(block) : block.len;
	fields = slice_head(block, stray);
	if (stray == block.len && slice_ends(block, SLICE_LIT("\r\n\r\n")))
		fields.len -= 2; /* the empty line stays behind them */
	else if (stray == block.len && slice_eq(block, SLICE_LIT("\r\n")))
		fields.len = 0;
	if (m->steps & MEND_HEADER_8BIT)
		mend_fields(m, fields, out);
	else
		buf_add_slice(out, fields);
	if (stray < block.len) {
		buf_adds(out, "\r\n");
		m->did |= MEND_HEADER_BLOCK;
	}
	buf_add_slice(out, slice_from(block, fields.len));
}

/* Is the empty line there that ends the header? Only new octets are looked at. */
static bool header_is_whole(const struct buf *h, size_t from)
{
	if (h->len >= 2 && memcmp(h->ptr, "\r\n", 2) == 0)
		return true;
	for (size_t i = from > 3 ? from - 3 : 0; i + 4 <= h->len; i++)
		if (memcmp(h->ptr + i, "\r\n\r\n", 4) == 0)
			return true;
	return false;
}

void mender_add(struct mender *m, struct slice bytes, struct buf *out)
{
	while (m->in_header && bytes.len > 0) {
		/* line by line, so that nothing of the body gets in */
		ptrdiff_t eol = slice_find(bytes, '\n');
		struct slice line = slice_head(bytes, eol < 0 ? bytes.len : (size_t)eol + 1);
		size_t before = m->header.len;

		if (line.len > HEADER_BLOCK_MAX - before) {
			m->in_header = false; /* too long: it stays as it is */
			add_without_nul(m, buf_slice(&m->header), out);
			break;
		}
		buf_add_slice(&m->header, line);
		bytes = slice_from(bytes, line.len);
		if (header_is_whole(&m->header, before))
			end_header(m, out);
	}
	if (!m->in_header)
		add_without_nul(m, bytes, out);
}

void mender_end(struct mender *m, struct buf *out)
{
	if (m->in_header)
		end_header(m, out);
}

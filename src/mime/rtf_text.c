/*
 * From RTF to HTML or text. See rtf.h; MS-OXRTFEX 2.1.3 (de-encapsulation).
 *
 * A stack of groups says, for each octet, whether it is text, in which code page,
 * and whether it only dresses up the RTF (\htmlrtf). Octets are collected as long
 * as the code page stays, because a character may have two of them.
 */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "mime/rtf.h"

#define PIECE	  4096
#define OUT_LIMIT (1u << 20)

static struct rtf_group *top(struct rtf_reader *r)
{
	return &r->groups[r->depth];
}

/* ---- output ---- */

static bool is_ascii(const char *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)octets[i] >= 0x80)
			return false;
	return true;
}

/* Convert the octets collected; unless `last`, half a character stays. */
static void convert_octets(struct rtf_reader *r, bool last)
{
	size_t used = r->n_octets;

	if (r->n_octets == 0)
		return;
	if (is_ascii(r->octets, r->n_octets))
		buf_add(&r->out, r->octets, r->n_octets);
	else if (codepage_convert(r->codepages, r->octets_codepage, true, last,
				  slice_of(r->octets, r->n_octets), &r->out, &used) != 0)
		r->guessed = true;
	if (used > r->n_octets || used == 0)
		used = r->n_octets;
	memmove(r->octets, r->octets + used, r->n_octets - used);
	r->n_octets -= used;
}

static void add_octet(struct rtf_reader *r, uint8_t octet)
{
	int codepage = top(r)->codepage;

	if (r->n_octets > 0 && codepage != r->octets_codepage)
		convert_octets(r, true);
	if (r->n_octets == sizeof(r->octets))
		convert_octets(r, false);
	r->octets_codepage = codepage;
	r->octets[r->n_octets++] = (char)octet;
}

static void add_char(struct rtf_reader *r, uint32_t c)
{
	convert_octets(r, true);
	utf8_add(&r->out, c);
}

static bool shown(struct rtf_reader *r)
{
	enum rtf_place place = top(r)->place;

	if (r->kind == RTF_HTML && place == RTF_TAG)
		return true;
	return place == RTF_BODY && !top(r)->hidden;
}

static void add_text(struct rtf_reader *r, uint8_t octet)
{
	if (r->skip > 0)
		r->skip--;
	else if (shown(r))
		add_octet(r, octet);
}

static void add_line_end(struct rtf_reader *r)
{
	if (!shown(r))
		return;
	convert_octets(r, true);
	buf_adds(&r->out, "\r\n");
}

/* \uN: a UTF-16 unit, as a signed number. */
static void add_unit(struct rtf_reader *r, int32_t number)
{
	uint32_t unit = (uint32_t)number & 0xffff;

	r->skip = top(r)->skip_after_u;
	if (!shown(r))
		return;
	if (unit >= 0xd800 && unit < 0xdc00) {
		r->high = unit;
		return;
	}
	if (unit >= 0xdc00 && unit < 0xe000)
		unit = r->high ? 0x10000 + ((r->high & 0x3ff) << 10 | (unit & 0x3ff)) : 0xfffd;
	r->high = 0;
	if (unit != 0)
		add_char(r, unit);
}

/* ---- fonts ---- */

/* Windows character sets, as \fcharset gives them. */
static int codepage_of_font(const struct rtf_reader *r, int charset)
{
	static const struct {
		int charset, codepage;
	} rows[] = {
		{ 0, 1252 },   { 77, 10000 }, { 128, 932 },  { 129, 949 },  { 130, 1361 },
		{ 134, 936 },  { 136, 950 },  { 161, 1253 }, { 162, 1254 }, { 163, 1258 },
		{ 177, 1255 }, { 178, 1256 }, { 186, 1257 }, { 204, 1251 }, { 222, 874 },
		{ 238, 1250 }, { 254, 437 },  { 255, 850 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].charset == charset)
			return rows[i].codepage;
	return r->default_codepage;
}

static void define_font(struct rtf_reader *r, int codepage)
{
	if (r->n_fonts > 0 && r->fonts[r->n_fonts - 1].number == r->font) {
		r->fonts[r->n_fonts - 1].codepage = codepage;
	} else if (r->n_fonts < RTF_FONTS_MAX) {
		r->fonts[r->n_fonts].number = r->font;
		r->fonts[r->n_fonts++].codepage = codepage;
	}
}

static void select_font(struct rtf_reader *r, int number)
{
	for (size_t i = 0; i < r->n_fonts; i++) {
		if (r->fonts[i].number == number) {
			top(r)->codepage = r->fonts[i].codepage;
			return;
		}
	}
	top(r)->codepage = r->default_codepage;
}

static void font_word(struct rtf_reader *r, const struct rtf_token *t)
{
	if (strcmp(t->word, "f") == 0)
		r->font = t->number;
	else if (strcmp(t->word, "fcharset") == 0)
		define_font(r, codepage_of_font(r, t->number));
	else if (strcmp(t->word, "cpg") == 0 && codepage_known(t->number))
		define_font(r, t->number);
}

/* ---- control words ---- */

/* Destinations that hold no text, though they bear no star. */
static bool is_skipped(const char *word)
{
	static const char *const names[] = {
		"colortbl", "stylesheet", "info",    "pict",	"nonshppict", "header",	 "headerl",
		"headerr",  "headerf",	  "footer",  "footerl", "footerr",    "footerf", "xe",
		"tc",	    "private",	  "fldinst", "objdata", "background", "revtbl",	 "listtable"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(word, names[i]) == 0)
			return true;
	/* The number or bullet of a list: in HTML the tag makes it. */
	return false;
}

/* A group whose first word names what is in it. */
static bool destination(struct rtf_reader *r, const struct rtf_token *t)
{
	struct rtf_group *g = top(r);

	if (g->place == RTF_SKIPPED)
		return true;
	if (strcmp(t->word, "fonttbl") == 0)
		g->place = RTF_FONT_TABLE;
	else if (r->star && r->kind == RTF_HTML && strcmp(t->word, "htmltag") == 0)
		g->place = RTF_TAG;
	else if (r->star || is_skipped(t->word) ||
		 (strcmp(t->word, "pntext") == 0 && r->kind != RTF_NATIVE))
		g->place = RTF_SKIPPED;
	else
		return false;
	return true;
}

static const struct {
	const char *word;
	uint16_t c;
} characters[] = {
	{ "tab", '\t' },       { "cell", '\t' },	{ "lquote", 0x2018 },
	{ "rquote", 0x2019 },  { "ldblquote", 0x201c }, { "rdblquote", 0x201d },
	{ "bullet", 0x2022 },  { "endash", 0x2013 },	{ "emdash", 0x2014 },
	{ "enspace", 0x2002 }, { "emspace", 0x2003 },	{ "qmspace", 0x2005 },
	{ "zwj", 0x200d },     { "zwnj", 0x200c },	{ "ltrmark", 0x200e },
	{ "rtlmark", 0x200f },
};

static bool is_line_end(const char *word)
{
	return strcmp(word, "par") == 0 || strcmp(word, "line") == 0 || strcmp(word, "row") == 0 ||
	       strcmp(word, "sect") == 0 || strcmp(word, "page") == 0;
}

static void text_word(struct rtf_reader *r, const struct rtf_token *t)
{
	if (is_line_end(t->word)) {
		add_line_end(r);
		return;
	}
	for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
		if (strcmp(t->word, characters[i].word) == 0) {
			if (shown(r))
				add_char(r, characters[i].c);
			return;
		}
	}
}

/* Words that say how text is to be read. */
static bool state_word(struct rtf_reader *r, const struct rtf_token *t)
{
	const char *word = t->word;

	if (strcmp(word, "htmlrtf") == 0)
		top(r)->hidden = !t->has_number || t->number != 0;
	else if (strcmp(word, "f") == 0)
		select_font(r, t->number);
	else if (strcmp(word, "plain") == 0 || strcmp(word, "deff") == 0)
		top(r)->codepage = r->default_codepage;
	else if (strcmp(word, "uc") == 0)
		top(r)->skip_after_u = t->number < 0 || t->number > 16 ? 1 : t->number;
	else if (strcmp(word, "u") == 0)
		add_unit(r, t->number);
	else if (strcmp(word, "ansicpg") == 0 && codepage_known(t->number))
		top(r)->codepage = r->default_codepage = t->number;
	else if (strcmp(word, "mac") == 0)
		top(r)->codepage = r->default_codepage = 10000;
	else if (strcmp(word, "pc") == 0)
		top(r)->codepage = r->default_codepage = 437;
	else
		return false;
	return true;
}

static void word(struct rtf_reader *r, const struct rtf_token *t)
{
	bool first = r->first_word;

	r->first_word = false;
	if (first && destination(r, t)) {
		r->star = false;
		return;
	}
	r->star = false;
	if (top(r)->place == RTF_FONT_TABLE) {
		font_word(r, t);
		return;
	}
	if (strcmp(t->word, "u") != 0 && r->skip > 0)
		r->skip--; /* a control word counts as one character */
	if (!state_word(r, t))
		text_word(r, t);
}

static void symbol(struct rtf_reader *r, uint8_t c)
{
	if (c == '*') {
		r->star = true; /* and the word behind it is the first */
		return;
	}
	r->first_word = false;
	if (c == '\\' || c == '{' || c == '}') {
		add_text(r, c);
		return;
	}
	if (r->skip > 0)
		r->skip--;
	else if (c == '\r' || c == '\n')
		add_line_end(r);
	else if (c == '~' && shown(r))
		add_char(r, 0xa0);
	else if (c == '_' && shown(r))
		add_char(r, 0x2011);
}

static void open_group(struct rtf_reader *r)
{
	r->skip = 0;
	r->star = false;
	r->first_word = true;
	if (r->depth + 1 == RTF_DEPTH_MAX) {
		r->beyond++;
		return;
	}
	r->groups[r->depth + 1] = r->groups[r->depth];
	r->depth++;
}

static void close_group(struct rtf_reader *r)
{
	r->skip = 0;
	r->star = false;
	r->first_word = false;
	if (r->beyond > 0)
		r->beyond--;
	else if (r->depth > 0)
		r->depth--;
	if (r->depth == 0)
		r->ended = true; /* what follows is no RTF */
}

static void take(struct rtf_reader *r, const struct rtf_token *t)
{
	switch (t->kind) {
	case RTF_END:
		r->ended = true;
		break;
	case RTF_OPEN:
		open_group(r);
		break;
	case RTF_CLOSE:
		close_group(r);
		break;
	case RTF_WORD:
		word(r, t);
		break;
	case RTF_SYMBOL:
		symbol(r, t->octet);
		break;
	case RTF_OCTET:
		r->first_word = false;
		add_text(r, t->octet);
		break;
	}
}

static bool next_of_rtf(struct reader *base, struct slice *out)
{
	struct rtf_reader *r = (struct rtf_reader *)base;
	struct rtf_token t;

	buf_reset(&r->out);
	while (!r->ended && r->out.len < PIECE) {
		rtf_scanner_next(&r->scanner, &t);
		take(r, &t);
	}
	if (r->ended)
		convert_octets(r, true);
	base->damaged = base->damaged || r->lzfu.base.damaged;
	*out = buf_slice(&r->out);
	return r->out.len > 0;
}

struct reader *rtf_reader_start(struct rtf_reader *r, struct reader *blob, enum rtf_kind kind,
				struct codepages *codepages)
{
	r->base = (struct reader){ next_of_rtf, false };
	rtf_scanner_start(&r->scanner, lzfu_reader_start(&r->lzfu, blob));
	r->codepages = codepages;
	r->kind = kind;
	r->ended = r->star = r->guessed = r->first_word = false;
	r->skip = 0;
	r->high = 0;
	r->default_codepage = CODEPAGE_WINDOWS;
	r->depth = r->beyond = 0;
	r->groups[0] = (struct rtf_group){ RTF_BODY, false, CODEPAGE_WINDOWS, 1 };
	r->font = 0;
	r->n_fonts = 0;
	r->n_octets = 0;
	r->out.limit = OUT_LIMIT;
	buf_reset(&r->out);
	return &r->base;
}

void rtf_reader_release(struct rtf_reader *r)
{
	buf_release(&r->out);
}

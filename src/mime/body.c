/*
 * Bodies. See body.h.
 */
#include "mime/body.h"

#include <string.h>

#include "mime/parts.h"

#define CP_UTF16LE 1200
#define CP_UTF16BE 1201

/* ---- RTF ---- */

static struct rtf_reader *rtf(struct composer *c)
{
	if (c->rtf == NULL)
		c->rtf = arena_alloc(c->scratch, sizeof(*c->rtf));
	return c->rtf;
}

static struct reader *open_rtf(struct composer *c, const struct entity *e, enum rtf_kind kind)
{
	struct reader *blob = blob_reader_start(&c->blob, &e->item->rtf);

	return rtf_reader_start(c->rtf, blob, kind, c->options.codepages);
}

static void plan_rtf(struct composer *c, const struct entity *e, struct bodies *b)
{
	if (e->item->rtf.len == 0 || rtf(c) == NULL)
		return;
	b->rtf = rtf_kind(c->rtf, blob_reader_start(&c->blob, &e->item->rtf));
	if (b->rtf == RTF_NONE)
		c->fidelity |= FIDELITY_RTF_DAMAGED;
	if (b->rtf == RTF_HTML)
		b->html = BODY_RTF;
	if (b->rtf != RTF_TEXT && b->rtf != RTF_NATIVE)
		return;
	if (b->text == BODY_NONE) {
		b->text = BODY_RTF;
		b->attach_rtf = b->rtf == RTF_NATIVE;
	}
}

/* ---- what the HTML is written in ---- */

static struct slice first_piece(struct composer *c, const struct entity *e)
{
	struct reader *r = blob_reader_start(&c->blob, &e->item->html);
	struct slice piece = { NULL, 0 };

	r->next(r, &piece);
	return piece;
}

/* A byte order mark, or the pattern of UTF-16 with none: the code page, or 0. */
static int codepage_of_mark(struct slice s)
{
	if (slice_starts(s, SLICE_LIT("\xef\xbb\xbf")))
		return CODEPAGE_UTF8;
	if (slice_starts(s, SLICE_LIT("\xff\xfe")) || slice_starts(s, slice_of("<\0", 2)))
		return CP_UTF16LE;
	if (slice_starts(s, SLICE_LIT("\xfe\xff")) || slice_starts(s, slice_of("\0<", 2)))
		return CP_UTF16BE;
	return 0;
}

static bool is_wide(int codepage)
{
	return codepage == CP_UTF16LE || codepage == CP_UTF16BE || codepage == 12000 ||
	       codepage == 12001;
}

/* Could these octets be text of that code page? */
static bool plausible(int codepage, const struct census *count)
{
	if (codepage <= 0 || !codepage_known(codepage))
		return false;
	if (count->high == 0)
		return true;
	if (codepage == CODEPAGE_UTF8)
		return census_utf8(count);
	return codepage != CODEPAGE_ASCII;
}

static void count_html(struct composer *c, const struct entity *e, struct census *count)
{
	compose_count(blob_reader_start(&c->blob, &e->item->html), count);
}

static void choose_codepage(struct composer *c, const struct entity *e, struct bodies *b)
{
	struct slice head = first_piece(c, e), name;
	int meta = 0, mark = codepage_of_mark(head);
	struct census count = CENSUS_INIT;

	if (html_charset(slice_head(head, META_HEAD), &name)) {
		meta = codepage_of_charset(name);
		b->fix_meta = meta != CODEPAGE_UTF8;
	}
	if (e->item->html_is_utf8)
		mark = CODEPAGE_UTF8;
	if (is_wide(meta))
		meta = 0; /* the page could not say so: we would not have read it */
	count_html(c, e, &count);
	const int said[] = { meta, e->item->internet_code_page, e->item->message_code_page };

	b->html_codepage = mark;
	for (size_t i = 0; b->html_codepage == 0 && i < 3; i++) {
		if (plausible(said[i], &count) && !is_wide(said[i]))
			b->html_codepage = said[i];
		else if (said[i] > 0)
			c->fidelity |= count.high ? FIDELITY_CHARSET_GUESSED : 0;
	}
	if (b->html_codepage != 0)
		return;
	b->html_codepage = count.high && census_utf8(&count) ? CODEPAGE_UTF8 : CODEPAGE_WINDOWS;
	c->fidelity |= count.high ? FIDELITY_CHARSET_GUESSED : 0;
}

/* Octets stay as they are where MIME has a name for what they are. */
static void choose_charset(struct bodies *b, bool utf8)
{
	b->html_charset = utf8 ? "utf-8" : codepage_charset(b->html_codepage);
	if (is_wide(b->html_codepage))
		b->html_charset = NULL;
	if (b->html_charset != NULL && !utf8)
		b->fix_meta = false;
	if (b->html_codepage == CODEPAGE_UTF8)
		utf8 = true;
	b->fix_meta = b->fix_meta && (utf8 || b->html_charset == NULL);
}

/* ---- opening ---- */

static struct reader *open_html(struct composer *c, const struct entity *e, const struct bodies *b)
{
	struct reader *r;

	if (b->html == BODY_RTF) {
		r = meta_reader_start(&c->meta, open_rtf(c, e, RTF_HTML));
		return line_reader_start(&c->lines, r);
	}
	r = blob_reader_start(&c->blob, &e->item->html);
	if (b->html_charset == NULL)
		r = charset_reader_start(&c->charset, r, c->options.codepages, b->html_codepage);
	if (b->fix_meta)
		r = meta_reader_start(&c->meta, r);
	return line_reader_start(&c->lines, r);
}

static struct reader *open_text(struct composer *c, const struct entity *e, const struct bodies *b)
{
	struct reader *r = b->text == BODY_RTF ? open_rtf(c, e, b->rtf)
					       : blob_reader_start(&c->blob, &e->item->text);

	return line_reader_start(&c->lines, r);
}

/* What the readers of a body have met on their way. */
static void note_losses(struct composer *c, enum body_source source, bool converted)
{
	if (c->blob.base.damaged)
		c->fidelity |= FIDELITY_BODY_CUT;
	if (source == BODY_RTF && c->rtf->base.damaged)
		c->fidelity |= FIDELITY_RTF_DAMAGED;
	if (source == BODY_RTF && c->rtf->guessed)
		c->fidelity |= FIDELITY_CHARSET_GUESSED;
	if (converted && c->charset.base.damaged && !c->blob.base.damaged)
		c->fidelity |= FIDELITY_CHARSET_GUESSED;
}

/* One pass over the HTML for its transfer encoding and for what it refers to. */
static void survey_html(struct composer *c, const struct entity *e, struct bodies *b)
{
	struct reader *r = open_html(c, e, b);
	struct census count = CENSUS_INIT;
	struct slice piece;

	refs_init(&b->refs);
	while (r->next(r, &piece)) {
		census_add(&count, piece);
		refs_add(&b->refs, piece);
	}
	b->html_encoding = census_encoding(&count);
}

void bodies_plan(struct composer *c, const struct entity *e, struct bodies *out)
{
	const struct mapi_item *item = e->item;

	out->text = item->text.len > 0 ? BODY_PROPERTY : BODY_NONE;
	out->html = item->html.len > 0 ? BODY_PROPERTY : BODY_NONE;
	out->rtf = RTF_NONE;
	out->attach_rtf = false;
	out->fix_meta = false;
	out->html_charset = NULL;
	out->refs.n = 0;
	if (out->html == BODY_PROPERTY) {
		choose_codepage(c, e, out);
		choose_charset(out, item->html_is_utf8);
	} else {
		plan_rtf(c, e, out);
	}
	if (out->attach_rtf)
		c->fidelity |= FIDELITY_RTF_TO_TEXT;
	if (out->html != BODY_NONE)
		survey_html(c, e, out);
}

/* ---- writing ---- */

static void write_head(struct composer *c, const char *type, const char *charset,
		       enum encoding kind)
{
	outlet_addf(&c->out, "Content-Type: %s; charset=%s\r\n", type, charset);
	compose_encoding(c, kind);
	outlet_adds(&c->out, "\r\n");
}

void body_write_text(struct composer *c, const struct entity *e, const struct bodies *b)
{
	struct census count = CENSUS_INIT;
	enum encoding kind;

	compose_count(open_text(c, e, b), &count);
	kind = census_encoding(&count);
	write_head(c, "text/plain", count.high ? "utf-8" : "us-ascii", kind);
	compose_stream(c, open_text(c, e, b), kind);
	note_losses(c, b->text, false);
}

void body_write_html(struct composer *c, const struct entity *e, const struct bodies *b)
{
	write_head(c, "text/html", b->html_charset ? b->html_charset : "utf-8", b->html_encoding);
	compose_stream(c, open_html(c, e, b), b->html_encoding);
	note_losses(c, b->html, b->html == BODY_PROPERTY && b->html_charset == NULL);
}

void body_write_rtf(struct composer *c, const struct entity *e)
{
	struct reader *blob = blob_reader_start(&c->blob, &e->item->rtf);

	part_write_head(c, "application/rtf", SLICE_LIT("message.rtf"), false);
	compose_encoding(c, ENCODING_BASE64);
	outlet_adds(&c->out, "\r\n");
	compose_stream(c, lzfu_reader_start(&c->rtf->lzfu, blob), ENCODING_BASE64);
}

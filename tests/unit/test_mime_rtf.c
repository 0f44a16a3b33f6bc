/*
 * mime/lzfu.c, mime/rtf.c, mime/rtf_text.c: what Outlook keeps as RTF.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "fake_item.h"
#include "mime/rtf.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define OUT_MAX	    (1u << 20)

/* MS-OXRTFCP 3.1.1, with its 16 octets of header. */
static const char compressed[] =
	"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125B2\x0a\xf3 hel\x09\0 bw"
	"\x05\xb0ld}\x0a\x80\x0f\xa0";
static const char text[] = "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n";
/* MS-OXRTFCP 3.1.2: a reference that runs into what it writes. */
static const char overlapping[] =
	"\x1a\0\0\0\x1c\0\0\0LZFu\xe2\xd4\x4b\x51\x41\0\x04\x20WXYZ\x0d\x6e\x7d\x01\x0e\xb0";

static bool decompress(struct slice in, struct buf *out)
{
	struct blob_reader *blob = calloc(1, sizeof(*blob));
	struct lzfu_reader *lzfu = calloc(1, sizeof(*lzfu));
	struct mapi_blob b = fake_blob(in.ptr, in.len);
	struct reader *r = lzfu_reader_start(lzfu, blob_reader_start(blob, &b));
	struct slice piece;
	bool damaged;

	buf_reset(out);
	while (r->next(r, &piece))
		buf_add_slice(out, piece);
	damaged = r->damaged;
	free(blob);
	free(lzfu);
	return !damaged;
}

Test(mime_rtf, decompression)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	char wrong[sizeof(compressed)];

	cr_expect(decompress(slice_of(compressed, sizeof(compressed) - 1), &out));
	cr_expect_str_eq(buf_cstr(&out), text);
	cr_expect(decompress(slice_of(overlapping, sizeof(overlapping) - 1), &out));
	cr_expect_str_eq(buf_cstr(&out), "{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
	cr_expect(decompress(SLICE_LIT("\x11\0\0\0\x05\0\0\0MELA\0\0\0\0{\\a}x"), &out));
	cr_expect_str_eq(buf_cstr(&out), "{\\a}x");
	cr_expect(decompress(SLICE_LIT("{\\rtf1 bare}"), &out));
	cr_expect_str_eq(buf_cstr(&out), "{\\rtf1 bare}");
	/* Damaged: every octet changed, every length. */
	for (size_t i = 0; i < sizeof(compressed) - 1; i++) {
		memcpy(wrong, compressed, sizeof(wrong));
		wrong[i] ^= 0x55;
		if (i > 7) /* the lengths are but limits */
			cr_expect(!decompress(slice_of(wrong, sizeof(wrong) - 1), &out), "%zu", i);
		cr_expect(!decompress(slice_of(compressed, i), &out), "cut to %zu", i);
	}
}

static void decode(const char *rtf, enum rtf_kind *kind, struct buf *out)
{
	struct blob_reader *blob = calloc(1, sizeof(*blob));
	struct rtf_reader *reader = calloc(1, sizeof(*reader));
	struct codepages *codepages = codepages_new();
	struct mapi_blob b = fake_text(rtf);
	struct reader *r;
	struct slice piece;

	buf_reset(out);
	*kind = rtf_kind(reader, blob_reader_start(blob, &b));
	r = rtf_reader_start(reader, blob_reader_start(blob, &b), *kind, codepages);
	while (r->next(r, &piece))
		buf_add_slice(out, piece);
	rtf_reader_release(reader);
	codepages_free(codepages);
	free(reader);
	free(blob);
}

#define HEAD                                                                                       \
	"{\\rtf1\\ansi\\ansicpg1252\\fromhtml1 \\deff0{\\fonttbl{\\f0\\fswiss Arial;}"             \
	"{\\f1\\fcharset128 MS Gothic;}{\\f2\\fcharset204 Arial;}}{\\colortbl\\red0;}\\uc1 "
#define TEXT "{\\rtf1\\ansi\\ansicpg1252\\fromtext \\deff0{\\fonttbl{\\f0 Courier;}}\\pard "

Test(mime_rtf, text)
{
	static const struct {
		const char *name, *rtf;
		enum rtf_kind kind;
		const char *want;
	} rows[] = {
		{ "tags",
		  HEAD "{\\*\\htmltag64 <p>}\\htmlrtf \\par\\htmlrtf0 Hi{\\*\\htmltag72 </p>}}",
		  RTF_HTML, "<p>Hi</p>" },
		{ "braces in a tag", HEAD "{\\*\\htmltag241 p \\{ a: b \\}}}", RTF_HTML,
		  "p { a: b }" },
		{ "entity", HEAD "{\\*\\htmltag84 &lt;}\\htmlrtf <\\htmlrtf0 x}", RTF_HTML,
		  "&lt;x" },
		{ "hidden until the group ends", HEAD "{\\htmlrtf a}b}", RTF_HTML, "b" },
		{ "hidden over groups", HEAD "\\htmlrtf {a}{\\htmlrtf0 b}\\htmlrtf0 c}", RTF_HTML,
		  "bc" },
		{ "mhtmltag", HEAD "{\\*\\mhtmltag84 <a>}{\\*\\htmltag84 <b>}}", RTF_HTML, "<b>" },
		{ "line ends in tags", HEAD "{\\*\\htmltag0 a\\par b\\tab c}}", RTF_HTML,
		  "a\r\nb\tc" },
		{ "code page", HEAD "caf\\'e9}", RTF_HTML, "caf\xc3\xa9" },
		{ "two octets", HEAD "{\\f1 \\'83A\\'83\\'5c}}", RTF_HTML,
		  "\xe3\x82\xa2\xe3\x82\xbd" },
		{ "Cyrillic font", HEAD "{\\f2 \\'cf}\\'cf}", RTF_HTML, "\xd0\x9f\xc3\x8f" },
		{ "unicode", HEAD "\\u8364 ?\\u-10179 ?\\u-8704 ?x}", RTF_HTML,
		  "\xe2\x82\xac\xf0\x9f\x98\x80x" },
		{ "lone surrogate", HEAD "\\u-8704 ?x}", RTF_HTML, "\xef\xbf\xbdx" },
		{ "two fallbacks", HEAD "\\uc2\\u8364 \\'80\\'80x}", RTF_HTML, "\xe2\x82\xacx" },
		{ "no fallback", HEAD "\\uc0\\u8364 x}", RTF_HTML, "\xe2\x82\xacx" },
		{ "plain text", TEXT "one\\par two\\line \\{x\\}\\\\ \\~}", RTF_TEXT,
		  "one\r\ntwo\r\n{x}\\ \xc2\xa0" },
		{ "text of a tag is none", TEXT "a{\\*\\htmltag64 <p>}b}", RTF_TEXT, "ab" },
		{ "native",
		  "{\\rtf1\\ansi{\\stylesheet{\\s0 Normal;}}{\\info{\\author Me}}{\\b bold}\\par "
		  "{\\field{\\*\\fldinst HYPERLINK x}{\\fldrslt link}}{\\pict 00ff}\\emdash "
		  "\\ldblquote q\\rdblquote}",
		  RTF_NATIVE, "bold\r\nlink\xe2\x80\x94\xe2\x80\x9cq\xe2\x80\x9d" },
		{ "binary", "{\\rtf1\\ansi a{\\pict\\bin3 }}}b}c}", RTF_NATIVE, "ac" },
		{ "behind the end", "{\\rtf1 a}b", RTF_NATIVE, "a" },
		{ "not closed", "{\\rtf1 {{{a", RTF_NATIVE, "a" },
		{ "no RTF", "hello", RTF_NONE, "" },
		{ "something else", "{\\html <p>}", RTF_NONE, "" },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX), stored = BUF_INIT(OUT_MAX);
	enum rtf_kind kind;

	for (size_t i = 0; i < ROWS(rows); i++) {
		if (rows[i].kind == RTF_NONE)
			continue;
		decode(rows[i].rtf, &kind, &out);
		cr_expect_eq(kind, rows[i].kind, "%s: %d", rows[i].name, (int)kind);
		cr_expect_str_eq(buf_cstr(&out), rows[i].want, "%s: %s", rows[i].name,
				 buf_cstr(&out));
	}
}

Test(mime_rtf, deep_groups)
{
	CLEANUP(buf_release) struct buf rtf = BUF_INIT(OUT_MAX), out = BUF_INIT(OUT_MAX);
	enum rtf_kind kind;

	buf_adds(&rtf, "{\\rtf1 a");
	for (int i = 0; i < 2 * RTF_DEPTH_MAX; i++)
		buf_addc(&rtf, '{');
	buf_addc(&rtf, 'b');
	for (int i = 0; i < 2 * RTF_DEPTH_MAX; i++)
		buf_addc(&rtf, '}');
	buf_adds(&rtf, "c}d");
	decode(buf_cstr(&rtf), &kind, &out);
	cr_expect_str_eq(buf_cstr(&out), "abc");
}

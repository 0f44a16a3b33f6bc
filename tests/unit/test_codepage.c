/*
 * Code pages (mapi/codepage.h): the same word in many of them, names, pieces.
 */
#include <criterion/criterion.h>
#include <iconv.h>
#include <string.h>

#include "base/text.h"
#include "mapi/codepage.h"

static const struct {
	const char *name;
	int cp;
	const char *in, *out;
	int guessed;
} texts[] = {
	{ "DOS US", 437, "caf\x82", "caf\xc3\xa9", 0 },
	{ "DOS Western", 850, "Gr\x81\xe1 ", "Gr\xc3\xbc\xc3\x9f ", 0 },
	{ "DOS Cyrillic", 866, "\x8f\xe0\xa8", "\xd0\x9f\xd1\x80\xd0\xb8", 0 },
	{ "EBCDIC", 500, "\xc8\x85\x93\x93\x96", "Hello", 0 },
	{ "Thai", 874, "\xca", "\xe0\xb8\xaa", 0 },
	{ "Japanese with NEC extension", 932, "\x93\xfa\x87\x40", "\xe6\x97\xa5\xe2\x91\xa0", 0 },
	{ "Chinese beyond GB 2312", 936, "\xe9\x46", "\xe9\x95\x95", 0 },
	{ "Korean", 949, "\xc7\xd1\xb1\xdb", "\xed\x95\x9c\xea\xb8\x80", 0 },
	{ "Taiwan", 950, "\xa4\xa4", "\xe4\xb8\xad", 0 },
	{ "Johab", 1361, "\xd0\x65", "\xed\x95\x9c", 0 },
	{ "Central European", 1250, "\xe8", "\xc4\x8d", 0 },
	{ "Western", 1252, "\x80 5", "\xe2\x82\xac 5", 0 },
	{ "Western, octet without meaning", 1252, "a\x81z", "a\xef\xbf\xbdz", 1 },
	{ "Greek", 1253, "\xe1", "\xce\xb1", 0 },
	{ "Hebrew", 1255, "\xe0", "\xd7\x90", 0 },
	{ "Mac", 10000, "\x8e", "\xc3\xa9", 0 },
	{ "Mac, Greek", 10006, "\xeb\xe1\xec\xdc \x9c",
	  "\xce\xba\xce\xb1\xce\xbb\xce\xae \xe2\x82\xac", 0 },
	{ "Mac, Icelandic", 10079, "\xdf\x97r\xdd\xa0", "\xc3\xbe\xc3\xb3r\xc3\xb0\xc3\x9d", 0 },
	{ "Mac, Turkish", 10081,
	  "\xdczm\xddr a\xdb"
	  "a\x8d",
	  "\xc4\xb0zm\xc4\xb1r a\xc4\x9f"
	  "a\xc3\xa7",
	  0 },
	{ "Mac, Turkish, octet without meaning", 10081, "a\xf5z", "a\xef\xbf\xbdz", 1 },
	{ "what calls itself ASCII and is", 20127, "abc", "abc", 0 },
	{ "what calls itself ASCII and is not", 20127, "\xe9", "\xc3\xa9", 1 },
	{ "KOI8", 20866, "\xf0", "\xd0\x9f", 0 },
	{ "Latin 9", 28605, "\xa4", "\xe2\x82\xac", 0 },
	{ "ISO 2022 JP", 50220, "\x1b$BF|\x1b(B", "\xe6\x97\xa5", 0 },
	{ "HZ", 52936, "a ~{;aRi~} b~~c", "a \xe4\xbc\x9a\xe8\xae\xae b~c", 0 },
	{ "HZ, a line that goes on", 52936, "~{;a~}~\n~{Ri~}", "\xe4\xbc\x9a\xe8\xae\xae", 0 },
	{ "HZ, a line that forgets to end", 52936, "~{;a\nab", "\xe4\xbc\x9a\nab", 0 },
	{ "HZ, a tilde that is none of its commands", 52936, "/~joe ~", "/~joe ~", 0 },
	{ "HZ, a pair cut short", 52936, "~{;a;", "\xe4\xbc\x9a\xef\xbf\xbd", 1 },
	{ "HZ, eight bits", 52936, "a\xbb\xe1", "a\xef\xbf\xbd\xef\xbf\xbd", 1 },
	{ "GB 18030", 54936, "\x81\x30\x81\x30", "\xc2\x80", 0 },
	{ "UTF-7", 65000, "+AOk-", "\xc3\xa9", 0 },
	{ "UTF-8", 65001, "\xc3\xa9", "\xc3\xa9", 0 },
	{ "UTF-8, cut short", 65001, "a\xc3", "a\xef\xbf\xbd", 1 },
	{ "unknown, valid UTF-8", 12345, "\xc3\xa9", "\xc3\xa9", 1 },
	{ "unknown, ASCII", 12345, "plain", "plain", 0 },
	{ "unknown", 0, "\xe9t\xe9", "\xc3\xa9t\xc3\xa9", 1 },
};

Test(codepage, to_utf8)
{
	struct codepages *c = codepages_new();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CLEANUP(buf_release) struct buf out = BUF_INIT(1000);
		int got = codepage_to_utf8(c, texts[i].cp, slice_str(texts[i].in), &out);

		cr_expect_str_eq(buf_cstr(&out), texts[i].out, "%s", texts[i].name);
		cr_expect_eq(got, texts[i].guessed, "%s: %d", texts[i].name, got);
	}
	codepages_free(c);
}

/* Cut at every octet: the result is that of the whole. */
Test(codepage, in_pieces)
{
	struct codepages *c = codepages_new();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct slice in = slice_str(texts[i].in);

		if (!codepage_known(texts[i].cp))
			continue;
		for (size_t cut = 1; cut < in.len; cut++) {
			CLEANUP(buf_release) struct buf out = BUF_INIT(1000);
			size_t used, rest;

			codepage_convert(c, texts[i].cp, true, false, slice_head(in, cut), &out,
					 &used);
			cr_assert_leq(used, cut);
			codepage_convert(c, texts[i].cp, false, true, slice_from(in, used), &out,
					 &rest);
			cr_expect_str_eq(buf_cstr(&out), texts[i].out, "%s, cut at %zu",
					 texts[i].name, cut);
		}
	}
	codepages_free(c);
}

Test(codepage, names)
{
	static const struct {
		const char *charset;
		int cp;
	} names[] = {
		{ "windows-1252", 1252 },
		{ "UTF-8", 65001 },
		{ "us-ascii", 20127 },
		{ "Shift_JIS", 932 },
		{ "x-sjis", 932 },
		{ "ISO-2022-JP", 50220 },
		{ "gb2312", 20936 },
		{ "GBK", 936 },
		{ "euc-kr", 20949 },
		{ "ks_c_5601-1987", 949 },
		{ "iso-8859-8-i", 38598 },
		{ " koi8-r ", 20866 },
		{ "cp1251", 1251 },
		{ "IBM850", 850 },
		{ "unicode", 1200 },
		{ "x-mac-greek", 10006 },
		{ "HZ-GB-2312", 52936 },
		{ "klingon", 0 },
		{ "", 0 },
		{ "cp99999", 0 },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cr_expect_eq(codepage_of_charset(slice_str(names[i].charset)), names[i].cp,
			     "%s: %d", names[i].charset,
			     codepage_of_charset(slice_str(names[i].charset)));
	cr_expect_str_eq(codepage_charset(1252), "windows-1252");
	cr_expect_null(codepage_charset(1361), "Johab has no MIME name");
	cr_expect_null(codepage_charset(77));
	cr_expect_eq(codepage_of_locale(0x411), 932);
	cr_expect_eq(codepage_of_locale(0x804), 936);
	cr_expect_eq(codepage_of_locale(0x404), 950);
	cr_expect_eq(codepage_of_locale(0x407), 1252);
	cr_expect_eq(codepage_of_locale(0), 0);
}

/* All octets of the pages that iconv(3) lacks: sums of what the published mappings say. */
Test(codepage, own_tables)
{
	static const struct {
		int cp;
		unsigned defined, sum;
	} pages[] = {
		{ 10006, 128, 40236287 },
		{ 10079, 128, 64673912 },
		{ 10081, 127, 64243732 },
	};
	struct codepages *c = codepages_new();

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		unsigned defined = 0, sum = 0;

		for (unsigned octet = 128; octet < 256; octet++) {
			CLEANUP(buf_release) struct buf out = BUF_INIT(1000);
			char in = (char)octet;
			uint32_t point = 0;

			if (codepage_to_utf8(c, pages[i].cp, slice_of(&in, 1), &out) == 0) {
				utf8_decode(buf_slice(&out), &point);
				sum += (unsigned)point * octet;
				defined++;
			}
		}
		cr_expect_eq(defined, pages[i].defined, "%d: %u", pages[i].cp, defined);
		cr_expect_eq(sum, pages[i].sum, "%d: %u", pages[i].cp, sum);
	}
	codepages_free(c);
}

/* Every row of the table has a converter on this system. */
Test(codepage, all_there)
{
	int n = 0;

	for (int cp = 1; cp < 66000; cp++) {
		iconv_t cd;

		if (!codepage_iconv(cp))
			continue;
		n++;
		cd = iconv_open("UTF-8", codepage_iconv(cp));
		cr_expect_neq(cd, (iconv_t)-1, "code page %d", cp);
		iconv_close(cd);
	}
	cr_expect_geq(n, 100);
}

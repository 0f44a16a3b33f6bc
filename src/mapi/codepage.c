/*
 * Code pages (codepage.h): one table, iconv(3), and what that lacks. Names are
 * those of the IANA registry where it has them; iconv names are glibc's, and the
 * wider of two where Microsoft's code page is a superset of the standard (932 is
 * CP932, not Shift_JIS; 936 is GBK; 949 is UHC).
 */
#include "mapi/codepage.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"
#include "mapi/codepage_own.h"

#define REPLACEMENT  "\xef\xbf\xbd"
#define CODEPAGE_GBK 936

struct row {
	int cp;
	bool ascii;	   /* octets below 0x80 are ASCII and stand for nothing else */
	const char *mime;  /* NULL: no charset of MIME */
	const char *iconv; /* NULL: a table of our own, or HZ */
};

static const struct row rows[] = {
	{ 37, false, NULL, "CP037" },
	{ 437, true, "ibm437", "CP437" },
	{ 500, false, NULL, "CP500" },
	{ 708, true, NULL, "ISO-8859-6" },
	{ 720, true, NULL, "CP1256" }, /* no table in glibc; the letters agree badly: guessed */
	{ 737, true, NULL, "CP737" },
	{ 775, true, "ibm775", "CP775" },
	{ 850, true, "ibm850", "CP850" },
	{ 852, true, "ibm852", "CP852" },
	{ 855, true, "ibm855", "CP855" },
	{ 857, true, "ibm857", "CP857" },
	{ 858, true, NULL, "CP858" },
	{ 860, true, "ibm860", "CP860" },
	{ 861, true, "ibm861", "CP861" },
	{ 862, true, "ibm862", "CP862" },
	{ 863, true, "ibm863", "CP863" },
	{ 864, true, "ibm864", "CP864" },
	{ 865, true, "ibm865", "CP865" },
	{ 866, true, "ibm866", "CP866" },
	{ 869, true, "ibm869", "CP869" },
	{ 870, false, NULL, "CP870" },
	{ 874, true, "windows-874", "CP874" },
	{ 875, false, NULL, "CP875" },
	{ 932, true, "shift_jis", "CP932" },
	{ 936, true, "gbk", "GBK" },
	{ 949, true, "ks_c_5601-1987", "UHC" },
	{ 950, true, "big5", "CP950" },
	{ 1026, false, NULL, "CP1026" },
	{ 1047, false, NULL, "CP1047" },
	{ 1140, false, NULL, "CP1140" },
	{ 1141, false, NULL, "CP1141" },
	{ 1142, false, NULL, "CP1142" },
	{ 1143, false, NULL, "CP1143" },
	{ 1144, false, NULL, "CP1144" },
	{ 1145, false, NULL, "CP1145" },
	{ 1146, false, NULL, "CP1146" },
	{ 1147, false, NULL, "CP1147" },
	{ 1148, false, NULL, "CP1148" },
	{ 1149, false, NULL, "CP1149" },
	{ 1200, false, "utf-16le", "UTF-16LE" },
	{ 1201, false, "utf-16be", "UTF-16BE" },
	{ 1250, true, "windows-1250", "CP1250" },
	{ 1251, true, "windows-1251", "CP1251" },
	{ 1252, true, "windows-1252", "CP1252" },
	{ 1253, true, "windows-1253", "CP1253" },
	{ 1254, true, "windows-1254", "CP1254" },
	{ 1255, true, "windows-1255", "CP1255" },
	{ 1256, true, "windows-1256", "CP1256" },
	{ 1257, true, "windows-1257", "CP1257" },
	{ 1258, true, "windows-1258", "CP1258" },
	{ 1361, false, NULL, "JOHAB" },
	{ 10000, true, "macintosh", "MACINTOSH" },
	{ 10001, true, NULL, "CP932" },
	{ 10002, true, NULL, "CP950" },
	{ 10003, true, NULL, "EUC-KR" },
	{ 10006, true, NULL, NULL },
	{ 10007, true, NULL, "MAC-CYRILLIC" },
	{ 10008, true, NULL, "EUC-CN" },
	{ 10017, true, NULL, "MAC-UK" },
	{ 10029, true, NULL, "MAC-CENTRALEUROPE" },
	{ 10079, true, NULL, NULL }, /* MAC-IS of glibc has Inuit letters instead */
	{ 10081, true, NULL, NULL },
	{ 12000, false, "utf-32le", "UTF-32LE" },
	{ 12001, false, "utf-32be", "UTF-32BE" },
	{ 20127, true, "us-ascii", "CP1252" }, /* what calls itself ASCII seldom is */
	{ 20261, false, NULL, "T.61-8BIT" },
	{ 20269, true, NULL, "ISO_6937" },
	{ 20273, false, NULL, "CP273" },
	{ 20277, false, NULL, "IBM277" },
	{ 20278, false, NULL, "CP278" },
	{ 20280, false, NULL, "CP280" },
	{ 20284, false, NULL, "CP284" },
	{ 20285, false, NULL, "CP285" },
	{ 20290, false, NULL, "CP290" },
	{ 20297, false, NULL, "CP297" },
	{ 20420, false, NULL, "CP420" },
	{ 20423, false, NULL, "CP423" },
	{ 20424, false, NULL, "CP424" },
	{ 20838, false, NULL, "CP1160" },
	{ 20866, true, "koi8-r", "KOI8-R" },
	{ 20871, false, NULL, "CP871" },
	{ 20880, false, NULL, "CP880" },
	{ 20905, false, NULL, "CP905" },
	{ 20924, false, NULL, "CP1047" },
	{ 20932, true, "euc-jp", "EUC-JP" },
	{ 20936, true, "gb2312", "EUC-CN" },
	{ 20949, true, "euc-kr", "UHC" },
	{ 21025, false, NULL, "CP1025" },
	{ 21866, true, "koi8-u", "KOI8-U" },
	{ 28591, true, "iso-8859-1", "ISO-8859-1" },
	{ 28592, true, "iso-8859-2", "ISO-8859-2" },
	{ 28593, true, "iso-8859-3", "ISO-8859-3" },
	{ 28594, true, "iso-8859-4", "ISO-8859-4" },
	{ 28595, true, "iso-8859-5", "ISO-8859-5" },
	{ 28596, true, "iso-8859-6", "ISO-8859-6" },
	{ 28597, true, "iso-8859-7", "ISO-8859-7" },
	{ 28598, true, "iso-8859-8", "ISO-8859-8" },
	{ 28599, true, "iso-8859-9", "ISO-8859-9" },
	{ 28600, true, "iso-8859-10", "ISO-8859-10" },
	{ 28601, true, "tis-620", "ISO-8859-11" },
	{ 28603, true, "iso-8859-13", "ISO-8859-13" },
	{ 28604, true, "iso-8859-14", "ISO-8859-14" },
	{ 28605, true, "iso-8859-15", "ISO-8859-15" },
	{ 28606, true, "iso-8859-16", "ISO-8859-16" },
	{ 38596, true, "iso-8859-6-i", "ISO-8859-6" },
	{ 38598, true, "iso-8859-8-i", "ISO-8859-8" },
	{ 50220, false, "iso-2022-jp", "ISO-2022-JP-3" },
	{ 50221, false, "iso-2022-jp", "ISO-2022-JP-3" },
	{ 50222, false, "iso-2022-jp", "ISO-2022-JP-3" },
	{ 50225, false, "iso-2022-kr", "ISO-2022-KR" },
	{ 50227, false, "iso-2022-cn", "ISO-2022-CN" },
	{ 50229, false, "iso-2022-cn", "ISO-2022-CN-EXT" },
	{ 51932, true, "euc-jp", "EUC-JP-MS" },
	{ 51936, true, "gb2312", "GBK" },
	{ 51949, true, "euc-kr", "UHC" },
	{ 51950, true, NULL, "EUC-TW" },
	{ CODEPAGE_HZ, false, NULL, NULL }, /* no browser reads it any more */
	{ 54936, true, "gb18030", "GB18030" },
	{ 65000, false, "utf-7", "UTF-7" },
	{ 65001, true, "utf-8", "UTF-8" },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* Names under which mail writes them, beyond those of the table. */
static const struct {
	const char *name;
	int cp;
} aliases[] = {
	{ "ascii", 20127 },
	{ "ansi_x3.4-1968", 20127 },
	{ "us", 20127 },
	{ "iso646-us", 20127 },
	{ "latin1", 28591 },
	{ "iso8859-1", 28591 },
	{ "iso_8859-1", 28591 },
	{ "latin2", 28592 },
	{ "iso8859-2", 28592 },
	{ "latin9", 28605 },
	{ "iso8859-15", 28605 },
	{ "utf8", 65001 },
	{ "unicode-1-1-utf-7", 65000 },
	{ "unicode-1-1-utf-8", 65001 },
	{ "utf-16", 1200 },
	{ "unicode", 1200 },
	{ "ucs-2", 1200 },
	{ "iso-10646-ucs-2", 1200 },
	{ "x-sjis", 932 },
	{ "sjis", 932 },
	{ "ms_kanji", 932 },
	{ "windows-31j", 932 },
	{ "cswindows31j", 932 },
	{ "csshiftjis", 932 },
	{ "gb_2312-80", 936 },
	{ "chinese", 936 },
	{ "cp936", 936 },
	{ "windows-936", 936 },
	{ "x-gbk", 936 },
	{ "ks_c_5601", 949 },
	{ "korean", 949 },
	{ "ksc5601", 949 },
	{ "windows-949", 949 },
	{ "big5-hkscs", 950 },
	{ "x-x-big5", 950 },
	{ "cn-big5", 950 },
	{ "koi8", 20866 },
	{ "koi", 20866 },
	{ "koi8-ru", 21866 },
	{ "x-mac-roman", 10000 },
	{ "mac", 10000 },
	{ "x-mac-greek", 10006 },
	{ "x-mac-icelandic", 10079 },
	{ "x-mac-turkish", 10081 },
	{ "x-euc-jp", 51932 },
	{ "x-euc", 51932 },
	{ "iso-8859-11", 28601 },
	{ "dos-874", 874 },
	{ "iso-8859-8 visual", 28598 },
	{ "logical", 38598 },
	{ "x-ansi", 1252 },
	{ "x-cp1252", 1252 },
	{ "x-cp1250", 1250 },
	{ "x-cp1251", 1251 },
	{ "hz-gb-2312", CODEPAGE_HZ },
	{ "hz", CODEPAGE_HZ },
};

/* Primary language of an LCID -> ANSI code page; where the country decides, the country's row
 * stands first. */
static const struct {
	uint16_t lcid, mask;
	int cp;
} locales[] = {
	{ 0x0804, 0xffff, 936 },  { 0x1004, 0xffff, 936 },  { 0x0004, 0x3ff, 950 },
	{ 0x0c1a, 0xffff, 1251 }, { 0x1c1a, 0xffff, 1251 }, { 0x201a, 0xffff, 1251 },
	{ 0x0843, 0xffff, 1251 }, { 0x082c, 0xffff, 1251 }, { 0x0011, 0x3ff, 932 },
	{ 0x0012, 0x3ff, 949 },	  { 0x001e, 0x3ff, 874 },   { 0x002a, 0x3ff, 1258 },
	{ 0x000d, 0x3ff, 1255 },  { 0x0001, 0x3ff, 1256 },  { 0x0020, 0x3ff, 1256 },
	{ 0x0029, 0x3ff, 1256 },  { 0x0008, 0x3ff, 1253 },  { 0x001f, 0x3ff, 1254 },
	{ 0x002c, 0x3ff, 1254 },  { 0x0043, 0x3ff, 1254 },  { 0x0025, 0x3ff, 1257 },
	{ 0x0026, 0x3ff, 1257 },  { 0x0027, 0x3ff, 1257 },  { 0x0002, 0x3ff, 1251 },
	{ 0x0019, 0x3ff, 1251 },  { 0x0022, 0x3ff, 1251 },  { 0x0023, 0x3ff, 1251 },
	{ 0x002f, 0x3ff, 1251 },  { 0x003f, 0x3ff, 1251 },  { 0x0040, 0x3ff, 1251 },
	{ 0x0044, 0x3ff, 1251 },  { 0x0050, 0x3ff, 1251 },  { 0x0005, 0x3ff, 1250 },
	{ 0x000e, 0x3ff, 1250 },  { 0x0015, 0x3ff, 1250 },  { 0x0018, 0x3ff, 1250 },
	{ 0x001a, 0x3ff, 1250 },  { 0x001b, 0x3ff, 1250 },  { 0x001c, 0x3ff, 1250 },
	{ 0x0024, 0x3ff, 1250 },
};

static const struct {
	int cp, windows;
} families[] = {
	{ 932, 932 },	 { 936, 936 },	  { 949, 949 },	   { 950, 950 },    { 874, 874 },
	{ 20127, 1252 }, { 20866, 1251 }, { 20932, 932 },  { 20936, 936 },  { 20949, 949 },
	{ 21866, 1251 }, { 28591, 1252 }, { 28592, 1250 }, { 28593, 1254 }, { 28594, 1257 },
	{ 28595, 1251 }, { 28596, 1256 }, { 28597, 1253 }, { 28598, 1255 }, { 28599, 1254 },
	{ 28601, 874 },	 { 28603, 1257 }, { 28605, 1252 }, { 38596, 1256 }, { 38598, 1255 },
	{ 50220, 932 },	 { 50221, 932 },  { 50222, 932 },  { 50225, 949 },  { 50227, 936 },
	{ 51932, 932 },	 { 51936, 936 },  { 51949, 949 },  { 51950, 950 },  { 52936, 936 },
	{ 54936, 936 },
};

static const struct row *find(int cp)
{
	size_t low = 0, high = N_ROWS;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (rows[mid].cp < cp)
			low = mid + 1;
		else
			high = mid;
	}
	return low < N_ROWS && rows[low].cp == cp ? &rows[low] : NULL;
}

const char *codepage_charset(int cp)
{
	const struct row *r = find(cp);

	return r ? r->mime : NULL;
}

bool codepage_known(int cp)
{
	return find(cp) != NULL;
}

const char *codepage_iconv(int cp)
{
	const struct row *r = find(cp);

	return r ? r->iconv : NULL;
}

int codepage_of_charset(struct slice name)
{
	uint64_t number;

	name = slice_trim(name);
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].mime && slice_ieq(name, slice_str(rows[i].mime)))
			return rows[i].cp;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (slice_ieq(name, slice_str(aliases[i].name)))
			return aliases[i].cp;
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].iconv && slice_ieq(name, slice_str(rows[i].iconv)))
			return rows[i].cp;
	if (slice_istarts(name, SLICE_LIT("cp")))
		name = slice_from(name, 2);
	else if (slice_istarts(name, SLICE_LIT("windows-")))
		name = slice_from(name, 8);
	else if (slice_istarts(name, SLICE_LIT("ibm")))
		name = slice_from(name, 3);
	else
		return 0;
	return slice_u64(name, &number) && number < 100000 && find((int)number) ? (int)number : 0;
}

int codepage_of_locale(uint32_t lcid)
{
	for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]); i++)
		if ((lcid & locales[i].mask) == locales[i].lcid)
			return locales[i].cp;
	return (lcid & 0x3ff) ? CODEPAGE_WINDOWS : 0;
}

int codepage_windows(int cp)
{
	if (cp >= 1250 && cp <= 1258)
		return cp;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].cp == cp)
			return families[i].windows;
	return 0;
}

/* ---- conversion ---- */

#define NOT_OPENED ((iconv_t)0)
#define NOT_THERE  ((iconv_t)-1)

struct codepages {
	iconv_t cd[N_ROWS];
	bool hz_pairs; /* where the text in HZ stands */
};

struct codepages *codepages_new(void)
{
	return calloc(1, sizeof(struct codepages));
}

void codepages_free(struct codepages *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < N_ROWS; i++)
		if (c->cd[i] != NOT_OPENED && c->cd[i] != NOT_THERE)
			iconv_close(c->cd[i]);
	free(c);
}

static iconv_t converter(struct codepages *c, const struct row *r)
{
	size_t i = (size_t)(r - rows);

	if (c->cd[i] == NOT_OPENED)
		c->cd[i] = iconv_open("UTF-8", r->iconv);
	return c->cd[i];
}

void codepages_load(struct codepages *c)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (rows[i].iconv)
			converter(c, &rows[i]);
}

static size_t ascii_prefix(struct slice s)
{
	size_t n = 0;

	while (n < s.len && !((uint8_t)s.ptr[n] & 0x80))
		n++;
	return n;
}

/* What is in no code page we know. */
static int add_guessed(struct slice in, struct buf *out)
{
	utf8_add_lossy(out, in);
	return ascii_prefix(in) != in.len;
}

/* Convert what is whole. At the end of a text a character cut short is lost, and said. */
static int run(iconv_t cd, bool last, struct slice in, struct buf *out, size_t *used)
{
	char chunk[4096];
	char *from = (char *)(uintptr_t)in.ptr; /* iconv(3) does not write to it */
	size_t left = in.len;
	int lossy = 0;

	while (left > 0) {
		char *to = chunk;
		size_t room = sizeof(chunk);
		size_t got = iconv(cd, &from, &left, &to, &room);
		int why = got == (size_t)-1 ? errno : 0;

		buf_add(out, chunk, sizeof(chunk) - room);
		if (why == EINVAL && !last)
			break;
		if ((why == EILSEQ || why == EINVAL) && left > 0) {
			buf_adds(out, REPLACEMENT);
			from++;
			left--;
			lossy = 1;
		} else if (why && why != E2BIG) {
			break;
		}
	}
	if (last) { /* what a stateful converter still holds */
		char *to = chunk;
		size_t room = sizeof(chunk);

		if (iconv(cd, NULL, NULL, &to, &room) != (size_t)-1)
			buf_add(out, chunk, sizeof(chunk) - room);
	}
	*used = in.len - left;
	return lossy;
}

/* GBK, not GB 2312: Windows reads the pairs of HZ by its own code page. */
static int run_hz(struct codepages *c, bool last, struct slice in, struct buf *out, size_t *used)
{
	iconv_t cd = converter(c, find(CODEPAGE_GBK));
	size_t took, ignored, len;
	char gb[2];
	int lossy = 0;

	if (cd == NOT_THERE) {
		*used = in.len;
		return add_guessed(in, out);
	}
	*used = 0;
	while ((took = hz_next(&c->hz_pairs, last, slice_from(in, *used), gb, &len)) > 0) {
		lossy |= run(cd, true, slice_of(gb, len), out, &ignored);
		*used += took;
	}
	return lossy;
}

/* The code pages of codepage_own.h. */
static int run_own(struct codepages *c, int cp, bool last, struct slice in, struct buf *out,
		   size_t *used)
{
	const uint16_t *half = codepage_half(cp);

	if (!half)
		return run_hz(c, last, in, out, used);
	*used = in.len;
	return codepage_from_half(half, in, out);
}

int codepage_convert(struct codepages *c, int cp, bool first, bool last, struct slice in,
		     struct buf *out, size_t *used)
{
	const struct row *r = find(cp);
	iconv_t cd = NOT_THERE;
	size_t plain = !r || r->ascii ? ascii_prefix(in) : 0;
	int lossy;

	if (plain == in.len && (!r || r->ascii)) {
		buf_add(out, in.ptr, in.len);
		*used = in.len;
		return 0;
	}
	if (first)
		c->hz_pairs = false;
	if (r && !r->iconv)
		return run_own(c, cp, last, in, out, used);
	if (r)
		cd = converter(c, r);
	else if (!utf8_valid(in)) /* nobody knows: Western, as Outlook itself assumes */
		cd = converter(c, find(CODEPAGE_WINDOWS));
	if (cd == NOT_THERE) {
		*used = in.len;
		return add_guessed(in, out);
	}
	if (first)
		iconv(cd, NULL, NULL, NULL, NULL);
	lossy = run(cd, last, in, out, used);
	return lossy || !r || cp == CODEPAGE_ASCII || cp == 720;
}

int codepage_to_utf8(struct codepages *c, int cp, struct slice in, struct buf *out)
{
	size_t used;

	return codepage_convert(c, cp, true, true, in, out, &used);
}

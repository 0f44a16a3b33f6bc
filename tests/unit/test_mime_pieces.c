/*
 * The pieces that messages are composed of: encodings, fields and parameters,
 * addresses, classes, flags.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_item.h"
#include "mime/encode.h"
#include "mime/entry_id.h"
#include "mime/reader.h"
#include "mime/refs.h"
#include "mime/state.h"
#include "mime/word.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define OUT_MAX	    (1u << 20)

static int to_buf(void *to, const void *bytes, size_t len, struct err *err)
{
	buf_add(to, bytes, len);
	return buf_ok(to, "the output", err);
}

/* Encode `in` in pieces of `piece` octets. */
static void encode(struct buf *out, enum encoding kind, struct slice in, size_t piece)
{
	struct compose_sink sink = { to_buf, out };
	struct outlet *outlet = malloc(sizeof(*outlet));
	struct encoder e;
	struct err err = ERR_INIT;

	buf_reset(out);
	outlet_init(outlet, &sink);
	encoder_init(&e, kind, outlet);
	for (size_t at = 0; at < in.len; at += piece)
		encoder_add(&e, slice_head(slice_from(in, at), piece));
	encoder_end(&e);
	cr_assert_eq(outlet_flush(outlet, &err), 0);
	free(outlet);
}

#define A72 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

Test(mime_pieces, quoted_printable)
{
	static const struct {
		const char *name, *in, *want;
	} rows[] = {
		{ "plain", "abc\r\ndef", "abc\r\ndef" },
		{ "equals sign", "a=b", "a=3Db" },
		{ "8 bit", "\xc3\xbc", "=C3=BC" },
		{ "blank before a line end", "a \r\nb\t\r\n", "a=20\r\nb=09\r\n" },
		{ "blank at the end", "a ", "a=20" },
		{ "blanks inside", "a  b", "a  b" },
		{ "lone CR", "a\rb", "a=0Db" },
		{ "lone LF", "a\nb", "a=0Ab" },
		{ "CR at the end", "a\r", "a=0D" },
		{ "blank and lone CR", "a \rb", "a=20=0Db" },
		{ "75 characters", A72 "bcd", A72 "bcd" },
		{ "76 characters", A72 "bcde", A72 "bcd=\r\ne" },
		{ "escape does not fit", A72 "b=", A72 "b=\r\n=3D" },
		{ "nothing", "", "" },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);

	for (size_t i = 0; i < ROWS(rows); i++) {
		for (size_t piece = 1; piece < 100; piece += 33) {
			encode(&out, ENCODING_QP, slice_str(rows[i].in), piece);
			cr_expect_str_eq(buf_cstr(&out), rows[i].want, "%s, by %zu: %s",
					 rows[i].name, piece, buf_cstr(&out));
		}
	}
}

Test(mime_pieces, base64)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "", "" },
		{ "a", "YQ==" },
		{ "ab", "YWI=" },
		{ "abc", "YWJj" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
		  "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
		  "\r\nYg==" },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);

	for (size_t i = 0; i < ROWS(rows); i++) {
		for (size_t piece = 1; piece < 100; piece += 28) {
			encode(&out, ENCODING_BASE64, slice_str(rows[i].in), piece);
			cr_expect_str_eq(buf_cstr(&out), rows[i].want, "row %zu by %zu", i, piece);
		}
	}
}

Test(mime_pieces, census)
{
	static const char long_line[] = A72 A72 A72 A72 A72 A72 A72 A72 A72 A72 A72 A72 A72;
	static const struct {
		const char *name, *in;
		enum encoding want;
		bool utf8;
	} rows[] = {
		{ "lines", "a\r\nb\r\n", ENCODING_7BIT, true },
		{ "empty", "", ENCODING_7BIT, true },
		{ "a lone LF", "many words and\none line end", ENCODING_QP, true },
		{ "CR at the end", "some words, and then\r", ENCODING_QP, true },
		{ "some 8 bit",
		  "Gr\xc3\xbc\xc3\x9f"
		  "e aus Z\xc3\xbcrich und Bern, von hier und dort",
		  ENCODING_QP, true },
		{ "mostly 8 bit", "\xd0\x9f\xd1\x80\xd0\xb8", ENCODING_BASE64, true },
		{ "not UTF-8", "caf\xe9 and more words", ENCODING_QP, false },
		{ "cut UTF-8", "many, many words \xc3", ENCODING_QP, false },
		{ "surrogate", "many many words here \xed\xa0\x80", ENCODING_QP, false },
		{ "our boundary", "\r\n--=_mh.0", ENCODING_QP, true },
		{ "line too long", long_line, ENCODING_QP, true },
		{ "ISO-2022-JP", "\x1b$B%F%9%H\x1b(B", ENCODING_7BIT, true },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct census c = CENSUS_INIT;

		census_add(&c, slice_str(rows[i].in));
		cr_expect_eq(census_encoding(&c), rows[i].want, "%s", rows[i].name);
		cr_expect_eq(census_utf8(&c), rows[i].utf8, "%s", rows[i].name);
	}
}

/* Text of what matters to encodings, the same in every run: words and lines, now and then what is
 * neither. */
static void make_text(struct buf *out, uint32_t seed)
{
	static const char *const bits[] = {
		"word",
		"a",
		" ",
		" ",
		"\r\n",
		"src=\"cid:x\" ",
		"CID:b ",
		"=",
		"\t",
		"\r",
		"\n",
		"\xc3\xbc",
		"longerthansixteenoctets",
		"\f\x7f",
		"\xe2\x82\xac",
		"x",
	};

	buf_reset(out);
	for (int i = 0; i < 400; i++) {
		seed = seed * 1103515245 + 12345;
		/* The odd ones of them more rarely. */
		buf_adds(out, bits[(seed >> 16) % (seed >> 24 & 7 ? 7 : ROWS(bits))]);
	}
}

struct pieces {
	struct reader base;
	struct slice rest;
	size_t piece;
};

static bool next_piece(struct reader *base, struct slice *out)
{
	struct pieces *p = (struct pieces *)base;

	*out = slice_head(p->rest, p->piece);
	p->rest = slice_from(p->rest, out->len);
	return out->len > 0;
}

static void make_lines(struct buf *out, struct slice in, size_t piece)
{
	struct line_reader *lines = malloc(sizeof(*lines));
	struct pieces from = { { next_piece, false }, in, piece };
	struct reader *r = line_reader_start(lines, &from.base);
	struct slice got;

	buf_reset(out);
	while (r->next(r, &got))
		buf_add_slice(out, got);
	free(lines);
}

/* One octet at a time goes another way than many at once: what comes out is the same. */
Test(mime_pieces, pieces_do_not_matter)
{
	CLEANUP(buf_release)
	struct buf text = BUF_INIT(OUT_MAX), one = BUF_INIT(OUT_MAX), out = BUF_INIT(OUT_MAX);

	for (uint32_t seed = 0; seed < 200; seed++) {
		struct census c1 = CENSUS_INIT, c = CENSUS_INIT;
		struct refs r1, r;

		make_text(&text, seed);
		refs_init(&r1);
		for (size_t i = 0; i < text.len; i++) {
			census_add(&c1, slice_of(text.ptr + i, 1));
			refs_add(&r1, slice_of(text.ptr + i, 1));
		}
		cr_assert_gt(r1.n, 0);
		for (size_t piece = 7; piece < 4000; piece = piece * 3 + 1) {
			c = (struct census)CENSUS_INIT;
			refs_init(&r);
			for (size_t at = 0; at < text.len; at += piece) {
				struct slice s =
					slice_head(slice_from(buf_slice(&text), at), piece);

				census_add(&c, s);
				refs_add(&r, s);
			}
			cr_expect(c.total == c1.total && c.high == c1.high &&
					  c.awkward == c1.awkward && c.longest == c1.longest &&
					  c.utf8 == c1.utf8 && c.after_cr == c1.after_cr,
				  "census, seed %u by %zu", seed, piece);
			cr_expect(r.n == r1.n && memcmp(r.hashes, r1.hashes,
							r.n * sizeof(r.hashes[0])) == 0,
				  "references, seed %u by %zu", seed, piece);
			encode(&one, ENCODING_QP, buf_slice(&text), 1);
			encode(&out, ENCODING_QP, buf_slice(&text), piece);
			cr_expect(slice_eq(buf_slice(&out), buf_slice(&one)),
				  "quoted-printable, seed %u by %zu", seed, piece);
			make_lines(&one, buf_slice(&text), 1);
			make_lines(&out, buf_slice(&text), piece);
			cr_expect(slice_eq(buf_slice(&out), buf_slice(&one)),
				  "lines, seed %u by %zu", seed, piece);
		}
	}
}

/* What one field becomes. */
static void write_field(struct buf *out, void (*add)(struct hfield *f, struct slice utf8),
			struct slice utf8)
{
	struct compose_sink sink = { to_buf, out };
	struct outlet *outlet = malloc(sizeof(*outlet));
	struct hfield f;
	struct err err = ERR_INIT;

	buf_reset(out);
	outlet_init(outlet, &sink);
	hfield_begin(&f, outlet, "X");
	add(&f, utf8);
	cr_assert_eq(outlet_flush(outlet, &err), 0);
	free(outlet);
}

Test(mime_pieces, text)
{
	static const struct {
		const char *name, *in, *want;
	} rows[] = {
		{ "ASCII", "Hello there", "X: Hello there" },
		{ "blanks stay", "a  b", "X: a  b" },
		{ "folded", A72 " b", "X: " A72 "\r\n b" },
		{ "umlaut",
		  "Gr\xc3\xbc\xc3\x9f"
		  "e",
		  "X: =?utf-8?b?R3LDvMOfZQ==?=" },
		{ "mostly ASCII", "The caf\xc3\xa9 is open",
		  "X: =?utf-8?q?The_caf=C3=A9_is_open?=" },
		{ "looks encoded", "=?x?=", "X: =?utf-8?b?PT94Pz0=?=" },
		{ "line ends", "a\r\nX-Evil: b\n", "X: a X-Evil: b" },
		{ "controls",
		  "\ta\x01\x02"
		  "b\x7f",
		  "X: a b" },
		{ "nothing", "", "X:" },
		{ "long",
		  "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
		  "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
		  "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5",
		  "X: =?utf-8?b?5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel?="
		  "\r\n =?utf-8?b?5pel?=" },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);

	for (size_t i = 0; i < ROWS(rows); i++) {
		write_field(&out, hfield_text, slice_str(rows[i].in));
		cr_expect_str_eq(buf_cstr(&out), rows[i].want, "%s: %s", rows[i].name,
				 buf_cstr(&out));
	}
}

Test(mime_pieces, phrase)
{
	static const struct {
		const char *name, *in, *want;
	} rows[] = {
		{ "atoms", "Jane Doe", "X: Jane Doe" },
		{ "comma", "Doe, Jane", "X: \"Doe, Jane\"" },
		{ "quote", "Jane \"J\" \\", "X: \"Jane \\\"J\\\" \\\\\"" },
		{ "dot", "J. Doe", "X: \"J. Doe\"" },
		{ "umlaut", "J\xc3\xbcrgen", "X: =?utf-8?q?J=C3=BCrgen?=" },
		{ "blank", "   ", "X:" },
		{ "long", "(" A72 ") b", "X:\r\n \"(" A72 ")\r\n b\"" },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);

	for (size_t i = 0; i < ROWS(rows); i++) {
		write_field(&out, hfield_phrase, slice_str(rows[i].in));
		cr_expect_str_eq(buf_cstr(&out), rows[i].want, "%s: %s", rows[i].name,
				 buf_cstr(&out));
	}
}

static void file_name(struct hfield *f, struct slice utf8)
{
	hfield_param(f, "filename", utf8);
}

static void ascii_name(struct hfield *f, struct slice utf8)
{
	hfield_param_ascii(f, "name", utf8);
}

Test(mime_pieces, parameters)
{
	static const struct {
		const char *name, *in, *want, *ascii;
	} rows[] = {
		{ "ASCII", "a b.txt", "X:; filename=\"a b.txt\"", "X:; name=\"a b.txt\"" },
		{ "quote", "a\"b", "X:; filename=\"a\\\"b\"", "X:; name=\"a\\\"b\"" },
		{ "line end", "a\r\nb: c", "X:; filename=\"a b: c\"", "X:; name=\"a b: c\"" },
		{ "word", "=?utf-8?q?=0aX?=", "X:; filename*=utf-8''%3D%3Futf-8%3Fq%3F%3D0aX%3F%3D",
		  "X:; name=\"=_utf-8?q?=0aX?=\"" },
		{ "umlaut", "\xc3\xbc.txt", "X:; filename*=utf-8''%C3%BC.txt",
		  "X:; name=\"u.txt\"" },
		{ "Japanese", "\xe6\x97\xa5", "X:; filename*=utf-8''%E6%97%A5", "X:; name=\"_\"" },
		{ "long", "\xc3\xbc" A72,
		  "X:; filename*0*=utf-8''%C3%BCaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;\r\n"
		  " filename*1*=aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "X:;\r\n name=\"u" A72 "\"" },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);

	for (size_t i = 0; i < ROWS(rows); i++) {
		write_field(&out, file_name, slice_str(rows[i].in));
		cr_expect_str_eq(buf_cstr(&out), rows[i].want, "%s: %s", rows[i].name,
				 buf_cstr(&out));
		write_field(&out, ascii_name, slice_str(rows[i].in));
		cr_expect_str_eq(buf_cstr(&out), rows[i].ascii, "%s: %s", rows[i].name,
				 buf_cstr(&out));
	}
}

Test(mime_pieces, kinds)
{
	static const struct {
		const char *class;
		enum item_kind want;
	} rows[] = {
		{ "IPM.Note", ITEM_MAIL },
		{ "", ITEM_MAIL },
		{ NULL, ITEM_MAIL },
		{ "IPM.Post", ITEM_MAIL },
		{ "IPM.Schedule.Meeting.Request", ITEM_MAIL },
		{ "REPORT.IPM.Note.NDR", ITEM_MAIL },
		{ "IPM.TaskRequest", ITEM_MAIL },
		{ "IPM.Contact", ITEM_CONTACT },
		{ "ipm.contact.Our.Form", ITEM_CONTACT },
		{ "IPM.Contacts", ITEM_MAIL },
		{ "IPM.DistList", ITEM_LIST },
		{ "IPM.Appointment", ITEM_APPOINTMENT },
		{ "IPM.Task", ITEM_TASK },
		{ "IPM.StickyNote", ITEM_NOTE },
		{ "IPM.Activity", ITEM_JOURNAL },
		{ "IPM.Microsoft.ScheduleData.FreeBusy", ITEM_OTHER },
		{ "IPC.Microsoft Exchange 4.0.Deferred Action", ITEM_OTHER },
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		cr_expect_eq(item_kind(rows[i].class), rows[i].want, "%s",
			     rows[i].class ? rows[i].class : "none");
}

Test(mime_pieces, flags)
{
	static const char *const categories[] = { "Red", "Gr\xc3\xbcne Woche", "a(b)", "" };
	static const struct {
		const char *name;
		int32_t flags, verb, icon, status, importance;
		enum role role;
		const char *want;
	} rows[] = {
		{ "nothing", MAPI_NONE, MAPI_NONE, MAPI_NONE, MAPI_NONE, MAPI_NONE, ROLE_NONE, "" },
		{ "read", 1, 0, 0, 0, 1, ROLE_INBOX, "\\Seen " },
		{ "high bits", 0x30021, 0, 0, 0, 1, ROLE_INBOX, "\\Seen " },
		{ "draft", 9, 0, 0, 0, 1, ROLE_DRAFTS, "\\Seen \\Draft " },
		{ "replied", 1, 102, 0, 0, 1, ROLE_INBOX, "\\Seen \\Answered " },
		{ "replied to all", 1, 103, 0, 0, 1, ROLE_INBOX, "\\Seen \\Answered " },
		{ "replied, by icon", 1, MAPI_NONE, 0x105, 0, 1, ROLE_INBOX, "\\Seen \\Answered " },
		{ "forwarded", 1, 104, 0, 0, 1, ROLE_INBOX, "\\Seen $Forwarded " },
		{ "another verb", 1, 516, 0, 0, 1, ROLE_INBOX, "\\Seen " },
		{ "flagged", 0, 0, 0, 2, 1, ROLE_INBOX, "\\Flagged " },
		{ "done", 0, 0, 0, 1, 1, ROLE_INBOX, "" },
		{ "important", 0, 0, 0, 0, 2, ROLE_INBOX, "$Important " },
		{ "junk", 0, 0, 0, 0, 0, ROLE_JUNK, "$Junk " },
	};
	CLEANUP(arena_release) struct arena a = ARENA_INIT(OUT_MAX);
	struct flag_set set;
	struct fake_item f;
	bool dropped;

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(buf_release) struct buf got = BUF_INIT(OUT_MAX);

		fake_init(&f);
		f.item.flags = rows[i].flags;
		f.item.last_verb = rows[i].verb;
		f.item.icon = rows[i].icon;
		f.item.flag_status = rows[i].status;
		f.item.importance = rows[i].importance;
		item_flags(&f.item, rows[i].role, &a, &set, &dropped);
		for (uint32_t bit = FLAG_SEEN; bit <= FLAG_ALL; bit <<= 1)
			if (set.system & bit)
				buf_addf(&got, "%s ", flag_name(bit));
		for (size_t k = 0; k < set.n_keywords; k++)
			buf_addf(&got, "%s ", set.keywords[k]);
		cr_expect_str_eq(buf_cstr(&got), rows[i].want, "%s: %s", rows[i].name,
				 buf_cstr(&got));
	}
	fake_init(&f);
	f.item.categories = (const char **)(uintptr_t)categories;
	f.item.n_categories = ROWS(categories);
	item_flags(&f.item, ROLE_NONE, &a, &set, &dropped);
	cr_assert_eq(set.n_keywords, 3);
	cr_expect_str_eq(set.keywords[0], "Red");
	cr_expect_str_eq(set.keywords[1], "Gr_APw-ne_Woche");
	cr_expect_str_eq(set.keywords[2], "a_b_");
	cr_expect(!dropped);
}

Test(mime_pieces, address_map)
{
	static const char file[] = "# comment\n"
				   "/o=Org/cn=Jane\tjane@example.com\n"
				   "Bob=bob@example.com\r\n"
				   "\n";
	static const struct mapi_person people[] = {
		{ .addr_type = "EX", .address = "/O=ORG/CN=JANE", .smtp = "other@example.com" },
		{ .addr_type = "EX", .address = "/o=Org/cn=Eve", .smtp = "eve@example.com" },
		{ .addr_type = "EX", .address = "/o=Org/cn=Eve", .smtp = "second@example.com" },
		{ .addr_type = "EX", .address = "/o=Org/cn=No", .smtp = "no address" },
		{ .addr_type = "SMTP", .address = "x@example.com", .smtp = "y@example.com" },
	};
	struct address_map *m = address_map_new();
	struct err err = ERR_INIT;

	cr_assert_not_null(m);
	cr_assert_eq(address_map_read(m, slice_str(file), &err), 0, "%s", err.text);
	for (size_t i = 0; i < ROWS(people); i++)
		address_map_learn(m, &people[i]);
	cr_expect_str_eq(address_map_find(m, "/O=org/CN=jane"), "jane@example.com");
	cr_expect_str_eq(address_map_find(m, "bob"), "bob@example.com");
	cr_expect_str_eq(address_map_find(m, "/o=Org/cn=Eve"), "eve@example.com");
	cr_expect_null(address_map_find(m, "/o=Org/cn=No"));
	cr_expect_null(address_map_find(m, "x@example.com"));
	cr_expect_null(address_map_find(m, NULL));
	cr_expect_eq(address_map_read(m, SLICE_LIT("a=b@c\nnonsense\n"), &err), -1);
	cr_expect_not_null(strstr(err.text, "line 2"), "%s", err.text);
	for (unsigned i = 0; i < 1000; i++) { /* it grows */
		char line[64];

		snprintf(line, sizeof(line), "/cn=%u\tuser%u@example.com", i, i);
		cr_assert_eq(address_map_read(m, slice_str(line), &err), 0);
	}
	cr_expect_str_eq(address_map_find(m, "/cn=777"), "user777@example.com");
	address_map_free(m);
}

Test(mime_pieces, entry_ids)
{
	static const char one_off[] = "\0\0\0\0\x81\x2b\x1f\xa4\xbe\xa3\x10\x19\x9d\x6e\x00\xdd"
				      "\x01\x0f\x54\x02\0\0\x01\x80"
				      "J\0\xfc\0\0\0"
				      "S\0M\0T\0P\0\0\0"
				      "j\0@\0x\0.\0o\0r\0g\0\0\0";
	static const char narrow[] = "\0\0\0\0\x81\x2b\x1f\xa4\xbe\xa3\x10\x19\x9d\x6e\x00\xdd"
				     "\x01\x0f\x54\x02\0\0\0\0Jane\0SMTP\0jane@x.org";
	CLEANUP(arena_release) struct arena a = ARENA_INIT(OUT_MAX);
	struct codepages *codepages = codepages_new();
	struct mapi_person p;

	cr_assert(entry_id_person(slice_of(one_off, sizeof(one_off) - 1), codepages, 1252, &a, &p));
	cr_expect_str_eq(p.name, "J\xc3\xbc");
	cr_expect_str_eq(p.addr_type, "SMTP");
	cr_expect_str_eq(p.address, "j@x.org");
	cr_assert(entry_id_person(slice_of(narrow, sizeof(narrow) - 1), codepages, 1252, &a, &p));
	cr_expect_str_eq(p.address, "jane@x.org");
	for (size_t cut = 0; cut < sizeof(narrow) - 12; cut++)
		cr_expect(!entry_id_person(slice_of(narrow, cut), codepages, 1252, &a, &p), "%zu",
			  cut);
	codepages_free(codepages);
}

Test(mime_pieces, references)
{
	static const char page[] = "<img src=\"cid:one@x\"><img SRC=two.png>"
				   "<td background='CID:th%72ee'> url(cid:four) cid:";
	static const char *const ids[] = { "one@x", "<one@x>", "two.png", "three", "four" };

	for (size_t piece = 1; piece < sizeof(page); piece += 7) {
		struct refs *r = calloc(1, sizeof(*r));

		refs_init(r);
		for (size_t at = 0; at < sizeof(page) - 1; at += piece)
			refs_add(r, slice_head(slice_from(SLICE_LIT(page), at), piece));
		for (size_t i = 0; i < ROWS(ids); i++)
			cr_expect(refs_has(r, slice_str(ids[i])), "%s by %zu", ids[i], piece);
		cr_expect(!refs_has(r, SLICE_LIT("five")));
		cr_expect(!refs_has(r, SLICE_LIT("")));
		free(r);
	}
}

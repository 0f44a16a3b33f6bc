/*
 * message/long_lines.c: which parts become quoted-printable, and that they still say the same.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "message/long_lines.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define LONG	   1200 /* octets of what "@" stands for */

static void expand(const char *text, struct buf *out)
{
	for (; *text; text++) {
		if (*text != '@') {
			buf_addc(out, *text);
			continue;
		}
		for (size_t i = 0; i < LONG / 12; i++)
			buf_adds(out, "long= \xc3\xbc 12\t");
		buf_adds(out, "."); /* no blank at the end */
	}
}

static bool run(struct slice in, size_t piece, struct buf *out)
{
	struct long_lines *l = long_lines_new();
	bool found;

	cr_assert(l != NULL);
	for (size_t at = 0; at < in.len; at += piece)
		long_lines_look(l, slice_head(slice_from(in, at), piece));
	found = long_lines_begin(l);
	for (size_t at = 0; at < in.len; at += piece)
		long_lines_add(l, slice_head(slice_from(in, at), piece), out);
	long_lines_end(l, out);
	long_lines_free(l);
	return found;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Soft line ends and =XX undone, everywhere: enough where nothing else has a '='. */
static void decode(struct slice in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++) {
		if (in.ptr[i] == '=' && i + 2 < in.len && in.ptr[i + 1] == '\r' &&
		    in.ptr[i + 2] == '\n') {
			i += 2;
		} else if (in.ptr[i] == '=' && i + 2 < in.len && hex(in.ptr[i + 1]) >= 0 &&
			   hex(in.ptr[i + 2]) >= 0) {
			buf_addc(out, (char)(hex(in.ptr[i + 1]) * 16 + hex(in.ptr[i + 2])));
			i += 2;
		} else {
			buf_addc(out, in.ptr[i]);
		}
	}
}

#define CTE "Content-Transfer-Encoding: "
#define QP  CTE "quoted-printable\r\n"

/* `want` is `in` with its fields of encoding as they must become; "@" is compared decoded. */
static const struct {
	const char *name, *in, *want; /* NULL: nothing changes */
} rows[] = {
	{ "plain", "Subject: x\r\nMIME-Version: 1.0\r\n" CTE "8bit\r\n\r\na\r\n@\r\nb \r\n",
	  "Subject: x\r\nMIME-Version: 1.0\r\n" QP "\r\na\r\n@\r\nb \r\n" },
	{ "without MIME", "Subject: x\r\n\r\n@\r\n",
	  "Subject: x\r\nMIME-Version: 1.0\r\n" QP "\r\n@\r\n" },
	{ "no long line", "Subject: x\r\n\r\nshort=\r\n", NULL },
	{ "encoded already", "Subject: x\r\n" CTE "quoted-printable\r\n\r\n@\r\n", NULL },
	{ "base64", "Subject: x\r\n" CTE "BASE64\r\n\r\n@\r\n", NULL },
	{ "no text", "Content-Type: application/x\r\n\r\n@\r\n", NULL },
	{ "an attached message", "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n@\r\n",
	  NULL },
	{ "one part of two",
	  "Content-Type: multipart/mixed; boundary=\"b b\"\r\n\r\npreamble\r\n--b b\r\n\r\n"
	  "short\r\n--b b\r\nContent-Type: text/html\r\n\r\n@\r\n--b b--\r\nepilogue\r\n",
	  "Content-Type: multipart/mixed; boundary=\"b b\"\r\n\r\npreamble\r\n--b b\r\n\r\n"
	  "short\r\n--b b\r\nContent-Type: text/html\r\n" QP "\r\n@\r\n--b b--\r\nepilogue\r\n" },
	{ "nested, then an outer part",
	  "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
	  "Content-Type: multipart/alternative; boundary=oi\r\n\r\n--oi\r\n\r\n@\r\n--oi--\r\n"
	  "--o\r\n" CTE "7bit\r\n\r\n@\r\n-\r\n--\r\n--ox\r\n--o--\r\n",
	  "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
	  "Content-Type: multipart/alternative; boundary=oi\r\n\r\n--oi\r\n" QP
	  "\r\n@\r\n--oi--\r\n"
	  "--o\r\n" QP "\r\n@\r\n-\r\n--\r\n--ox\r\n--o--\r\n" },
	{ "signed",
	  "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\n@\r\n--s\r\n"
	  "Content-Type: application/pgp-signature\r\n\r\nx\r\n--s--\r\n",
	  NULL },
	{ "within what is signed",
	  "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n"
	  "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\n@\r\n--m--\r\n--s--\r\n",
	  NULL },
	{ "beside what is signed",
	  "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n"
	  "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\n@\r\n--s--\r\n"
	  "--m\r\n\r\n@\r\n--m--\r\n",
	  "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n"
	  "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\n@\r\n--s--\r\n"
	  "--m\r\n" QP "\r\n@\r\n--m--\r\n" },
	{ "in the preamble", "Content-Type: multipart/mixed; boundary=b\r\n\r\n@\r\n--b--\r\n",
	  NULL },
	{ "no boundary", "Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\n@\r\n--b--\r\n", NULL },
	{ "a boundary within a header",
	  "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n\r\n@\r\n--b--\r\n",
	  NULL },
	{ "a long header line alone", "Subject: @\r\n\r\nx\r\n", NULL },
	{ "no line end", "Subject: x\r\n\r\n@\r\n@",
	  "Subject: x\r\nMIME-Version: 1.0\r\n" QP "\r\n@\r\n@" },
	{ "a header alone", "Subject: x\r\n", NULL },
	{ "nothing", "", NULL },
};

Test(long_lines, parts)
{
	static const size_t pieces[] = { 1, 5, 1000, 1000000 };

	for (size_t i = 0; i < ROWS(rows); i++) {
		for (size_t p = 0; p < ROWS(pieces); p++) {
			CLEANUP(buf_release) struct buf in = BUF_INIT(1u << 20);
			CLEANUP(buf_release) struct buf want = BUF_INIT(1u << 20);
			CLEANUP(buf_release) struct buf out = BUF_INIT(1u << 20);
			CLEANUP(buf_release) struct buf plain = BUF_INIT(1u << 20);
			bool found;

			expand(rows[i].in, &in);
			found = run(buf_slice(&in), pieces[p], &out);
			cr_expect(found == (rows[i].want != NULL), "%s", rows[i].name);
			if (!rows[i].want) {
				cr_expect(slice_eq(buf_slice(&in), buf_slice(&out)), "%s",
					  rows[i].name);
				continue;
			}
			expand(rows[i].want, &want);
			decode(buf_slice(&out), &plain);
			cr_expect(slice_eq(buf_slice(&want), buf_slice(&plain)), "%s (%zu)",
				  rows[i].name, pieces[p]);
		}
	}
}

Test(long_lines, lines_are_short_and_end_in_no_blank)
{
	CLEANUP(buf_release) struct buf in = BUF_INIT(1u << 20);
	CLEANUP(buf_release) struct buf out = BUF_INIT(1u << 20);
	struct slice rest, line;

	expand("Subject: x\r\n\r\n@ \r\nx\t\r\n\rcr\r\r\n@\r\n", &in);
	cr_expect(run(buf_slice(&in), 100, &out));
	rest = buf_slice(&out);
	while (slice_line(&rest, &line)) {
		cr_expect(line.len <= 76, "%zu", line.len);
		cr_expect(line.len == 0 || !strchr(" \t", line.ptr[line.len - 1]), "%.*s",
			  (int)line.len, line.ptr);
		for (size_t i = 0; i < line.len; i++)
			cr_expect((line.ptr[i] >= ' ' && line.ptr[i] < 127) || line.ptr[i] == '\t');
	}
}

/*
 * Messages that are the same although they were taken apart, and those that are not.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "message/outline.h"

#define HEAD                                                                                       \
	"Received: by a; Mon, 1 Mar 2004 10:00:00 +0000\r\nFrom: Ann <ann@Example.org>\r\n"        \
	"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Mon, 1 Mar 2004 10:00:00 +0100\r\n"
#define ONE                                                                                        \
	HEAD "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\npreamble\r\n--b1\r\n"          \
	     "Content-Type: text/plain\r\n\r\nHello\r\n--b1\r\n"                                   \
	     "Content-Type: application/pdf; name=\"a b.pdf\"\r\n"                                 \
	     "Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\nREVG\r\n--b1\r\n"                   \
	     "Content-Disposition: attachment; filename=notes.txt\r\n\r\nline\r\n\r\n--b1--\r\n"

static struct outline outline_of(const char *text, size_t step)
{
	struct outliner *o = outliner_new();
	struct slice rest = slice_str(text);
	struct outline out;

	while (rest.len > 0) {
		outliner_add(o, slice_head(rest, step));
		rest = slice_from(rest, step < rest.len ? step : rest.len);
	}
	outliner_end(o, &out);
	outliner_free(o);
	return out;
}

Test(outline, what_is_the_same_message)
{
	static const struct {
		const char *name, *other;
		bool same, same_names;
	} rows[] = {
		{ "itself", ONE, true, true },
		{ "in other clothes",
		  "Date: Mon, 1 Mar 2004 09:00:00 +0000\nFrom: ann@example.org\n"
		  "Subject: =?iso-8859-1?b?R3L832U=?=\nX: y\n"
		  "Content-Type: multipart/mixed;\n boundary=other\n\n--other\n"
		  "Content-Disposition: attachment; filename*=utf-8''NOTES.txt\n"
		  "Content-Transfer-Encoding: base64\n\nbGluZQ0K\n--other\n"
		  "Content-Type: application/octet-stream\n"
		  "Content-Disposition: attachment;\n filename*0=\"a \"; filename*1=b.pdf\n"
		  "Content-Transfer-Encoding: quoted-printable\n\n=41BC=\nDEF\n--other\n"
		  "Content-Type: text/html\n\n<p>Hello\n--other--\n",
		  true, true },
		{ "other names",
		  HEAD "Content-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\n"
		       "Content-Type: application/pdf\r\n\r\nABCDEF\r\n--b1\r\n"
		       "Content-Type: x/y; name=z\r\n\r\nline\r\n\r\n--b1--",
		  true, false },
		{ "an attachment less",
		  HEAD "Content-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\n"
		       "Content-Type: application/pdf\r\n\r\nABCDEF\r\n--b1--",
		  false, false },
		{ "another size",
		  HEAD "Content-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\n"
		       "Content-Type: application/pdf\r\n\r\nABCDEFG\r\n--b1\r\n"
		       "Content-Type: x/y; name=z\r\n\r\nline\r\n\r\n--b1--",
		  false, false },
		{ "taken apart by the server",
		  HEAD "Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\nxxxx\r\n", true,
		  true },
	};
	struct outline one = outline_of(ONE, 1000);

	cr_expect_eq(one.n_attachments, 2);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t step = 1; step < 100; step += 7) {
			struct outline other = outline_of(rows[i].other, step);

			cr_expect_eq(outline_same(&one, &other, false, false), rows[i].same, "%s",
				     rows[i].name);
			cr_expect_eq(outline_same(&one, &other, true, false), rows[i].same_names,
				     "%s", rows[i].name);
			cr_expect(outline_same(&one, &other, true, true), "%s", rows[i].name);
		}
	}
}

Test(outline, other_headers)
{
	static const char *const others[] = {
		"From: bob@example.org\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n"
		"Date: Mon, 1 Mar 2004 10:00:00 +0100\n\n",
		"From: ann@example.org\nSubject: Gruesse\nDate: Mon, 1 Mar 2004 10:00:00 +0100\n\n",
		"From: ann@example.org\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n"
		"Date: Mon, 1 Mar 2004 10:00:01 +0100\n\n",
		"",
	};
	struct outline one = outline_of(ONE, 1000);

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct outline other = outline_of(others[i], 1000);

		cr_expect_not(outline_same(&one, &other, false, true), "%zu", i);
	}
}

Test(outline, embedded_messages_have_no_size)
{
	static const char first[] = HEAD "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
					 "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n"
					 "Content-Type: multipart/mixed; "
					 "boundary=c\r\n\r\n--c\r\n\r\ntext\r\n--c--\r\n--b--\r\n";
	static const char second[] = HEAD
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		"Content-Type: message/rfc822; name=y\r\n\r\nSubject: x\r\n\r\ntext\r\n--b--\r\n";
	struct outline one = outline_of(first, 10), other = outline_of(second, 10);

	cr_expect_eq(one.n_attachments, 1);
	cr_expect(outline_same(&one, &other, true, false));
}

Test(outline, nesting_and_long_lines_end_somewhere)
{
	struct outliner *o = outliner_new();
	struct outline out;
	char text[128];

	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text),
			 "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
		outliner_add(o, slice_str(text));
	}
	for (int i = 0; i < 100000; i++)
		outliner_add(o, SLICE_LIT("0123456789"));
	outliner_end(o, &out);
	cr_expect(out.opaque);
	outliner_free(o);
}

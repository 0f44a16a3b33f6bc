/*
 * mime/compose.c: whole messages from items, octet for octet.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "fake_item.h"

#define OUT_MAX (1u << 22)

static const struct mapi_person jane = {
	.type = 1, .name = "Jane Doe", .addr_type = "SMTP", .address = "jane@example.com"
};
static const struct mapi_person juergen = { .name = "J\xc3\xbcrgen",
					    .addr_type = "SMTP",
					    .address = "juergen@example.org" };

static void plain_item(struct fake_item *f)
{
	fake_init(f);
	f->item.sender = juergen;
	f->people = &jane;
	f->n_people = 1;
	f->item.subject = "Lunch";
	f->item.message_id = "<m1@example.org>";
	f->item.submitted = fake_time(1580720400);
	f->item.text = fake_text("Hello Jane,\r\nlunch at noon?\r\n");
}

static void expect_message(const char *name, struct buf *got, const char *want)
{
	cr_expect_str_eq(buf_cstr(got), want, "%s:\n%s\n--- wanted:\n%s", name, buf_cstr(got),
			 want);
}

/* From MIME-Version on. */
static void expect_body(const char *name, struct buf *got, const char *want)
{
	const char *body = strstr(buf_cstr(got), "MIME-Version:");

	cr_assert_not_null(body, "%s", name);
	cr_expect_str_eq(body, want, "%s:\n%s\n--- wanted:\n%s", name, body, want);
}

Test(mime_compose, from_properties)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct fake_item f;
	uint32_t fidelity;

	plain_item(&f);
	fidelity = fake_compose(&f, NULL, &out);
	cr_expect_eq(fidelity, FIDELITY_HEADER_SYNTHESISED);
	expect_message("plain", &out,
		       "From: =?utf-8?q?J=C3=BCrgen?= <juergen@example.org>\r\n"
		       "To: Jane Doe <jane@example.com>\r\n"
		       "Subject: Lunch\r\n"
		       "Date: Mon, 03 Feb 2020 09:00:00 +0000\r\n"
		       "Message-ID: <m1@example.org>\r\n"
		       "MIME-Version: 1.0\r\n"
		       "Content-Type: text/plain; charset=us-ascii\r\n"
		       "Content-Transfer-Encoding: 7bit\r\n"
		       "\r\n"
		       "Hello Jane,\r\n"
		       "lunch at noon?\r\n");
}

Test(mime_compose, transport_headers_stay)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct fake_item f;

	plain_item(&f);
	f.item.transport_headers =
		fake_text("Microsoft Mail Internet Headers Version 2.0\r\n"
			  "Received: from a by b;\r\n\tMon, 3 Feb 2020 09:00:01 +0000\r\n"
			  "MIME-Version: 1.0\r\n"
			  "Content-Type: multipart/mixed;\r\n boundary=\"xx\"\r\n"
			  "FROM:  \"J\" <j@example.org>\n"
			  "Subject:\r\n"
			  "X-Odd:   two  blanks \r\n"
			  "\r\n"
			  "--xx\r\nContent-Type: text/plain\r\n");
	cr_expect_eq(fake_compose(&f, NULL, &out), 0);
	expect_message("kept", &out,
		       "Received: from a by b;\r\n\tMon, 3 Feb 2020 09:00:01 +0000\r\n"
		       "FROM:  \"J\" <j@example.org>\r\n"
		       "X-Odd:   two  blanks \r\n"
		       "To: Jane Doe <jane@example.com>\r\n"
		       "Subject: Lunch\r\n"
		       "Date: Mon, 03 Feb 2020 09:00:00 +0000\r\n"
		       "Message-ID: <m1@example.org>\r\n"
		       "MIME-Version: 1.0\r\n"
		       "Content-Type: text/plain; charset=us-ascii\r\n"
		       "Content-Transfer-Encoding: 7bit\r\n"
		       "\r\n"
		       "Hello Jane,\r\n"
		       "lunch at noon?\r\n");
}

Test(mime_compose, page_with_picture_and_file)
{
	static const struct fake_attachment files[] = {
		{ .att = { .method = MAPI_ATTACH_BY_VALUE,
			   .long_name = "logo.png",
			   .mime_type = "image/png",
			   .content_id = "cid1@x" } },
		{ .att = { .method = MAPI_ATTACH_BY_VALUE,
			   .long_name = "donn\xc3\xa9"
					"es \xc3\xa9t\xc3\xa9.bin" } },
	};
	struct fake_attachment own[2] = { files[0], files[1] };
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct fake_item f;

	plain_item(&f);
	f.item.html = fake_text("<p>Hi <img src=\"cid:cid1@x\"></p>");
	f.item.internet_code_page = 65001;
	own[0].att.data = fake_text("PNG");
	own[1].att.data = fake_text("\x01\x02\x03\x04");
	f.attachments = own;
	f.n_attachments = 2;
	fake_compose(&f, NULL, &out);
	expect_body("parts", &out,
		    "MIME-Version: 1.0\r\n"
		    "Content-Type: multipart/mixed;\r\n"
		    " boundary=\"=_mh.7e7ea7be1883e10c.00200024.0\"\r\n"
		    "\r\n"
		    "--=_mh.7e7ea7be1883e10c.00200024.0\r\n"
		    "Content-Type: multipart/related; type=\"multipart/alternative\";\r\n"
		    " boundary=\"=_mh.7e7ea7be1883e10c.00200024.1\"\r\n"
		    "\r\n"
		    "--=_mh.7e7ea7be1883e10c.00200024.1\r\n"
		    "Content-Type: multipart/alternative;\r\n"
		    " boundary=\"=_mh.7e7ea7be1883e10c.00200024.2\"\r\n"
		    "\r\n"
		    "--=_mh.7e7ea7be1883e10c.00200024.2\r\n"
		    "Content-Type: text/plain; charset=us-ascii\r\n"
		    "Content-Transfer-Encoding: 7bit\r\n"
		    "\r\n"
		    "Hello Jane,\r\n"
		    "lunch at noon?\r\n"
		    "\r\n"
		    "--=_mh.7e7ea7be1883e10c.00200024.2\r\n"
		    "Content-Type: text/html; charset=utf-8\r\n"
		    "Content-Transfer-Encoding: 7bit\r\n"
		    "\r\n"
		    "<p>Hi <img src=\"cid:cid1@x\"></p>\r\n"
		    "--=_mh.7e7ea7be1883e10c.00200024.2--\r\n"
		    "\r\n"
		    "--=_mh.7e7ea7be1883e10c.00200024.1\r\n"
		    "Content-Type: image/png; name=\"logo.png\"\r\n"
		    "Content-Disposition: inline; filename=\"logo.png\"\r\n"
		    "Content-ID: <cid1@x>\r\n"
		    "Content-Transfer-Encoding: base64\r\n"
		    "\r\n"
		    "UE5H\r\n"
		    "--=_mh.7e7ea7be1883e10c.00200024.1--\r\n"
		    "\r\n"
		    "--=_mh.7e7ea7be1883e10c.00200024.0\r\n"
		    "Content-Type: application/octet-stream; name=\"donnees ete.bin\"\r\n"
		    "Content-Disposition: attachment;\r\n"
		    " filename*=utf-8''donn%C3%A9es%20%C3%A9t%C3%A9.bin\r\n"
		    "Content-Transfer-Encoding: base64\r\n"
		    "\r\n"
		    "AQIDBA==\r\n"
		    "--=_mh.7e7ea7be1883e10c.00200024.0--\r\n");
}

Test(mime_compose, nothing_escapes_into_the_header)
{
	static const struct mapi_person evil = { .type = 1,
						 .name = "a\r\nBcc: evil@example.org",
						 .addr_type = "SMTP",
						 .address = "b@example.org>\r\nX: y" };
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct fake_item f;

	plain_item(&f);
	f.people = &evil;
	f.item.subject = "one\r\nX-Two: three\n\n\nbody";
	f.item.message_id = "<a\r\nX-Id: b>";
	f.item.in_reply_to = "<c>\r\nX-Reply: d";
	fake_compose(&f, NULL, &out);
	cr_expect_null(strstr(buf_cstr(&out), "\nX-"), "%s", buf_cstr(&out));
	cr_expect_null(strstr(buf_cstr(&out), "\nBcc"), "%s", buf_cstr(&out));
	cr_expect_not_null(strstr(buf_cstr(&out), "Subject: one X-Two: three body\r\n"));
}

/*
 * Items that are more than a text: attached messages, S/MIME, reports, meetings;
 * contacts and appointments as files.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "fake_item.h"
#include "mime/export.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define OUT_MAX	    (1u << 22)

#define TEXT_VALUE(text_)                                                                          \
	{                                                                                          \
		.type = MAPI_TEXT, .bytes = {(text_), sizeof(text_) - 1 }                          \
	}
#define TIME_VALUE(t_)                                                                             \
	{                                                                                          \
		.type = MAPI_TIME, .integer = ((t_) + INT64_C(11644473600)) * 10000000             \
	}
#define NUMBER_VALUE(n_)                                                                           \
	{                                                                                          \
		.type = MAPI_INTEGER, .integer = (n_)                                              \
	}
#define BINARY_VALUE(b_)                                                                           \
	{                                                                                          \
		.type = MAPI_BINARY, .bytes = {(b_), sizeof(b_) - 1 }                              \
	}

static const struct mapi_person jane = {
	.type = 1, .name = "Jane Doe", .addr_type = "SMTP", .address = "jane@example.com"
};

static void item(struct fake_item *f, const char *class)
{
	fake_init(f);
	f->item.message_class = class;
	f->item.sender = (struct mapi_person){ .name = "Bob",
					       .addr_type = "SMTP",
					       .address = "bob@example.com" };
	f->people = &jane;
	f->n_people = 1;
	f->item.subject = "S";
	f->item.message_id = "<m1@example.org>";
	f->item.submitted = fake_time(1580720400);
	f->item.text = fake_text("Text\r\n");
}

static void expect_has(const char *name, struct buf *out, const char *want)
{
	cr_expect_not_null(strstr(buf_cstr(out), want), "%s: no '%s' in\n%s", name, want,
			   buf_cstr(out));
}

static void expect_not(const char *name, struct buf *out, const char *unwanted)
{
	cr_expect_null(strstr(buf_cstr(out), unwanted), "%s: '%s' in\n%s", name, unwanted,
		       buf_cstr(out));
}

Test(mime_items, messages_in_messages)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct fake_item outer, inner;
	struct fake_attachment in_outer = { .att = { .method = MAPI_ATTACH_EMBEDDED },
					    .inner = &inner };

	item(&outer, "IPM.Note");
	item(&inner, "IPM.Note");
	outer.attachments = &in_outer;
	outer.n_attachments = 1;
	inner.item.subject = "inner";
	inner.item.message_id = NULL;
	fake_compose(&outer, NULL, &out);
	expect_has("inner", &out,
		   "Content-Type: message/rfc822\r\n"
		   "Content-Disposition: attachment\r\n"
		   "Content-Transfer-Encoding: 7bit\r\n"
		   "\r\n"
		   "From: Bob <bob@example.com>\r\n");
	expect_has("inner", &out, "Subject: inner\r\n");
	/* A raw octet in a header that is kept makes the containers 8bit. */
	inner.item.transport_headers = fake_text("From: J\xc3\xbc <j@example.org>\r\n");
	fake_compose(&outer, NULL, &out);
	expect_has("8 bit", &out,
		   "boundary=\"=_mh.7e7ea7be1883e10c.00200024.0\"\r\n"
		   "Content-Transfer-Encoding: 8bit\r\n");
	/* It cannot be opened. */
	in_outer.inner = NULL;
	cr_expect(fake_compose(&outer, NULL, &out) & FIDELITY_ATTACHMENT_MISSING);
	expect_has("gone", &out, "An attached message could not be read.");
	/* It holds itself. */
	in_outer.inner = &outer;
	cr_expect(fake_compose(&outer, NULL, &out) & FIDELITY_DEPTH);
}

Test(mime_items, signed_and_encrypted)
{
	static const char entity[] = "Content-Type: multipart/signed; boundary=\"b\"\n\n--b\n\n"
				     "8 bit: \xc3\xbc \n--b--\n";
	static const char versioned[] = "MIME-Version: 1.0\n"
					"Content-Type: multipart/signed; boundary=\"b\"\n\n--b--\n";
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct fake_attachment att = { .att = { .method = MAPI_ATTACH_BY_VALUE,
						.mime_type = "multipart/signed",
						.long_name = "smime.p7m" } };
	struct fake_item f;

	item(&f, "IPM.Note.SMIME.MultipartSigned");
	f.attachments = &att;
	f.n_attachments = 1;
	att.att.data = fake_text(entity);
	fake_compose(&f, NULL, &out);
	expect_has("signed", &out,
		   "MIME-Version: 1.0\r\n"
		   "Content-Type: multipart/signed; boundary=\"b\"\r\n\r\n--b\r\n\r\n"
		   "8 bit: \xc3\xbc \r\n--b--\r\n");
	/* An entity that brings the field along: it does not stand there twice. */
	att.att.data = fake_text(versioned);
	fake_compose(&f, NULL, &out);
	expect_has("versioned", &out,
		   "MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=\"b\"\r\n");
	cr_expect_null(strstr(strstr(buf_cstr(&out), "MIME-Version") + 1, "MIME-Version"));
	item(&f, "IPM.Note.SMIME");
	f.attachments = &att;
	f.n_attachments = 1;
	att.att.mime_type = "application/pkcs7-mime";
	att.att.data = fake_text("CMS");
	f.item.transport_headers =
		fake_text("From: bob@example.com\r\n"
			  "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n");
	fake_compose(&f, NULL, &out);
	expect_has("encrypted", &out,
		   "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n"
		   "Content-Disposition: attachment; filename=\"smime.p7m\"\r\n"
		   "Content-Transfer-Encoding: base64\r\n\r\nQ01T\r\n");
	/* The class alone does not make it S/MIME. */
	item(&f, "IPM.Note.SMIME");
	fake_compose(&f, NULL, &out);
	expect_has("no attachment", &out, "Content-Type: text/plain");
}

Test(mime_items, reports)
{
	static const struct {
		const char *class, *type, *want;
	} rows[] = {
		{ "REPORT.IPM.Note.NDR", "delivery-status",
		  "Content-Type: message/delivery-status\r\n"
		  "Content-Transfer-Encoding: 7bit\r\n\r\n"
		  "Reporting-MTA: dns; pst.invalid\r\n\r\n"
		  "Final-Recipient: rfc822; jane@example.com\r\n"
		  "Action: failed\r\nStatus: 5.0.0\r\n" },
		{ "REPORT.IPM.Note.DR", "delivery-status", "Action: delivered\r\n" },
		{ "REPORT.IPM.Note.Delayed.DR", "delivery-status", "Action: delayed\r\n" },
		{ "report.ipm.note.ipnrn", "disposition-notification",
		  "Final-Recipient: rfc822; bob@example.com\r\n"
		  "Original-Message-ID: <o@example.org>\r\n"
		  "Disposition: manual-action/MDN-sent-manually; displayed\r\n" },
		{ "REPORT.IPM.Note.IPNNRN", "disposition-notification", "; deleted\r\n" },
	};
	static const struct fake_property id = { MAPI_SET_OTHER, 0x1046,
						 TEXT_VALUE("<o@example.org>") };
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX), want = BUF_INIT(OUT_MAX);
	struct fake_item f;

	for (size_t i = 0; i < ROWS(rows); i++) {
		item(&f, rows[i].class);
		f.properties = &id;
		f.n_properties = 1;
		fake_compose(&f, NULL, &out);
		buf_reset(&want);
		buf_addf(&want, "Content-Type: multipart/report; report-type=%s;", rows[i].type);
		expect_has(rows[i].class, &out, buf_cstr(&want));
		expect_has(rows[i].class, &out, rows[i].want);
	}
}

/* Each recipient of a report bears what the store knows of it. */
Test(mime_items, report_recipients)
{
	static const struct {
		const char *name, *class;
		struct mapi_delivery delivery;
		const char *want;
	} rows[] = {
		{ "nothing known", "REPORT.IPM.Note.NDR", { 0 }, "Status: 5.0.0\r\n\r\n--" },
		{ "a number", "REPORT.IPM.Note.NDR", { .status = 522 }, "Status: 5.2.2\r\n" },
		{ "a number that is none",
		  "REPORT.IPM.Note.NDR",
		  { .status = 950 },
		  "Status: 5.0.0\r\n" },
		{ "a code of X.400",
		  "REPORT.IPM.Note.NDR",
		  { .diagnosed = true, .diagnostic = 35 },
		  "Status: 5.1.1\r\n" },
		{ "a code of X.400 that is none",
		  "REPORT.IPM.Note.NDR",
		  { .diagnosed = true, .diagnostic = -1 },
		  "Status: 5.0.0\r\n" },
		{ "the code of a message that arrived",
		  "REPORT.IPM.Note.DR",
		  { .diagnosed = true, .diagnostic = 0 },
		  "Action: delivered\r\nStatus: 2.0.0\r\n" },
		{ "Exchange",
		  "REPORT.IPM.Note.NDR",
		  { .status = 500, .info = "<mx.example.net #5.1.1 smtp;550 5.1.1 unknown>" },
		  "Status: 5.1.1\r\nRemote-MTA: dns; mx.example.net\r\n"
		  "Diagnostic-Code: smtp;550 5.1.1 unknown\r\n\r\n--" },
		{ "Exchange, short",
		  "REPORT.IPM.Note.NDR",
		  { .info = "< #5.2.1>" },
		  "Status: 5.2.1\r\n\r\n--" },
		{ "a server's reply",
		  "REPORT.IPM.Note.NDR",
		  { .remote_mta = "mx.example.net", .info = "550 5.7.1 go away" },
		  "Status: 5.7.1\r\nRemote-MTA: dns; mx.example.net\r\n"
		  "Diagnostic-Code: smtp; 550 5.7.1 go away\r\n" },
		{ "words",
		  "REPORT.IPM.Note.NDR",
		  { .info = "no such\r\nAction: relayed" },
		  "Status: 5.0.0\r\nX-Supplementary-Info: no such Action: relayed\r\n\r\n--" },
		{ "a server with a blank",
		  "REPORT.IPM.Note.NDR",
		  { .remote_mta = "The Server" },
		  "Remote-MTA: x-unknown; The Server\r\n" },
	};
	static const struct fake_property mta = { MAPI_SET_OTHER, 0x6820,
						  TEXT_VALUE("dns; mail.example.com") };
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct fake_item f;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct mapi_person gone = { .type = 1,
					    .addr_type = "SMTP",
					    .address = "gone@example.net",
					    .delivery = rows[i].delivery };

		item(&f, rows[i].class);
		f.people = &gone;
		f.n_people = 1;
		f.properties = &mta;
		f.n_properties = 1;
		fake_compose(&f, NULL, &out);
		expect_has(rows[i].name, &out,
			   "Reporting-MTA: dns; mail.example.com\r\n\r\n"
			   "Final-Recipient: rfc822; gone@example.net\r\nAction: ");
		expect_has(rows[i].name, &out, rows[i].want);
	}
}

Test(mime_items, attachments)
{
	static const struct {
		const char *name;
		struct mapi_attachment att;
		const char *data, *want;
		uint32_t fidelity;
	} rows[] = {
		{ "a link",
		  { .method = MAPI_ATTACH_BY_WEB_REFERENCE, .path_name = "https://x/y" },
		  "",
		  "It is kept here:\r\n\r\ny\r\nhttps://x/y\r\n",
		  FIDELITY_ATTACHMENT_REFERENCED },
		{ "no name",
		  { .method = MAPI_ATTACH_BY_VALUE, .extension = ".dat" },
		  "x",
		  "filename=\"attachment-1.dat\"",
		  0 },
		{ "OLE",
		  { .method = MAPI_ATTACH_OLE, .display_name = "Picture" },
		  "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
		  "application/x-ole-storage; name=\"Picture\"",
		  FIDELITY_ATTACHMENT_OLE },
		{ "a mail is a file",
		  { .method = MAPI_ATTACH_BY_VALUE,
		    .long_name = "a.eml",
		    .mime_type = "message/rfc822" },
		  "From: x\r\n",
		  "application/octet-stream; name=\"a.eml\"",
		  0 },
		{ "type that is none",
		  { .method = MAPI_ATTACH_BY_VALUE,
		    .long_name = "a.gif",
		    .mime_type = "a/b\r\nX: c" },
		  "x",
		  "Content-Type: image/gif; name",
		  0 },
		{ "text as it is",
		  { .method = MAPI_ATTACH_BY_VALUE, .long_name = "a.txt" },
		  "a\r\n",
		  "text/plain; name=\"a.txt\"\r\nContent-Disposition: attachment;"
		  " filename=\"a.txt\"\r\nContent-Transfer-Encoding: 7bit\r\n\r\na\r\n\r\n--",
		  0 },
		{ "LF is part of a file",
		  { .method = MAPI_ATTACH_BY_VALUE, .long_name = "a.txt" },
		  "a\n",
		  "Content-Transfer-Encoding: base64\r\n\r\nYQo=\r\n",
		  0 },
		{ "missing",
		  { .method = MAPI_ATTACH_BY_VALUE, .long_name = "a.bin", .missing = true },
		  "",
		  "name=\"a.bin\"",
		  FIDELITY_ATTACHMENT_MISSING },
		{ "too short",
		  { .method = MAPI_ATTACH_BY_VALUE, .long_name = "a.bin", .size = 99999 },
		  "abc",
		  "YWJj",
		  FIDELITY_ATTACHMENT_TRUNCATED },
		{ "rights",
		  { .method = MAPI_ATTACH_BY_VALUE, .long_name = "message.rpmsg" },
		  "x",
		  "message.rpmsg",
		  FIDELITY_RIGHTS_MANAGED },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	static const char many[60000];
	struct fake_item f;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct fake_attachment att = { .att = rows[i].att };
		uint32_t fidelity;

		item(&f, "IPM.Note");
		att.att.data = fake_text(rows[i].data);
		f.attachments = &att;
		f.n_attachments = 1;
		fidelity = fake_compose(&f, NULL, &out) & ~FIDELITY_HEADER_SYNTHESISED;
		cr_expect_eq(fidelity, rows[i].fidelity, "%s: %x", rows[i].name, fidelity);
		expect_has(rows[i].name, &out, rows[i].want);
	}
	/* Torn in the middle: what there is, and a word about it. */
	item(&f, "IPM.Note");
	struct fake_attachment torn = { .att = { .method = MAPI_ATTACH_BY_VALUE,
						 .data = fake_blob_torn(many, sizeof(many),
									40000) } };

	f.attachments = &torn;
	f.n_attachments = 1;
	cr_expect(fake_compose(&f, NULL, &out) & FIDELITY_ATTACHMENT_TRUNCATED);
}

Test(mime_items, addresses)
{
	static const struct {
		const char *name;
		struct mapi_person person;
		const char *want;
		bool unresolved;
	} rows[] = {
		{ "SMTP",
		  { .addr_type = "SMTP", .address = "a@example.org" },
		  "To: a@example.org\r\n",
		  false },
		{ "beside",
		  { .addr_type = "EX", .address = "/o=x/cn=y", .smtp = "y@example.org" },
		  "To: y@example.org\r\n",
		  false },
		{ "map",
		  { .name = "Y", .addr_type = "EX", .address = "/O=Known/CN=Y" },
		  "To: Y <known@example.org>\r\n",
		  false },
		{ "unknown",
		  { .name = "Y", .addr_type = "EX", .address = "/o=Org Unit/cn=y" },
		  "To: Y <IMCEAEX-_o=Org+20Unit_cn=y@pst.invalid>\r\n",
		  true },
		{ "fax",
		  { .name = "F", .addr_type = "FAX", .address = "F@+49 89" },
		  "To: F <IMCEAFAX-F+40+2B49+2089@pst.invalid>\r\n",
		  true },
		{ "a name that is an address",
		  { .name = "'z@example.org'" },
		  "To: z@example.org\r\n",
		  false },
		{ "a name alone",
		  { .name = "Somebody" },
		  "To: Somebody <IMCEAUNKNOWN-Somebody@pst.invalid>\r\n",
		  true },
		{ "the name says the same",
		  { .name = "A@example.org", .addr_type = "SMTP", .address = "a@example.org" },
		  "To: a@example.org\r\n",
		  false },
		{ "quoted local part",
		  { .addr_type = "SMTP", .address = "a,b@example.org" },
		  "To: \"a,b\"@example.org\r\n",
		  false },
		{ "not ASCII",
		  { .addr_type = "SMTP", .address = "\xc3\xbc@example.org" },
		  "To: IMCEASMTP-+C3+BC+40example+2Eorg@pst.invalid\r\n",
		  true },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct address_map *map = address_map_new();
	struct compose_options options = { .addresses = map };
	struct err err = ERR_INIT;
	struct fake_item f;

	cr_assert_eq(address_map_read(map, SLICE_LIT("/o=Known/cn=Y\tknown@example.org\n"), &err),
		     0);
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint32_t fidelity;

		item(&f, "IPM.Note");
		f.people = &rows[i].person;
		fidelity = fake_compose(&f, &options, &out);
		cr_expect_eq((fidelity & FIDELITY_ADDRESS_UNRESOLVED) != 0, rows[i].unresolved,
			     "%s", rows[i].name);
		expect_has(rows[i].name, &out, rows[i].want);
	}
	address_map_free(map);
}

/* That a row is damaged shows only when it is read. */
Test(mime_items, damage_seen_late)
{
	static const struct {
		const char *name;
		uint32_t degraded, want;
	} rows[] = {
		{ "none", 0, 0 },
		{ "recipients", MAPI_DEGRADED_RECIPIENTS, FIDELITY_RECIPIENTS_DAMAGED },
		{ "charset", MAPI_DEGRADED_CHARSET, FIDELITY_CHARSET_GUESSED },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct fake_item f;

	for (size_t i = 0; i < ROWS(rows); i++) {
		item(&f, "IPM.Note");
		f.degraded_late = rows[i].degraded;
		cr_expect_eq(fake_compose(&f, NULL, &out) & ~FIDELITY_HEADER_SYNTHESISED,
			     rows[i].want, "%s", rows[i].name);
	}
}

Test(mime_items, blind_copies)
{
	static const struct mapi_person secret = { .type = 3,
						   .addr_type = "SMTP",
						   .address = "s@example.org" };
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	const struct compose_options ours = { .ours = true };
	struct fake_item f;

	item(&f, "IPM.Note");
	f.people = &secret;
	f.item.transport_headers = fake_text("Received: x\r\nFrom: a@example.org\r\n");
	fake_compose(&f, NULL, &out);
	expect_not("received", &out, "s@example.org");
	fake_compose(&f, &ours, &out);
	expect_has("in Sent", &out, "Bcc: s@example.org\r\n");
	f.item.flags = 0x20;
	fake_compose(&f, NULL, &out);
	expect_has("from me", &out, "Bcc: s@example.org\r\n");
	f.item.flags = 1;
	f.item.transport_headers = (struct mapi_blob){ 0 };
	fake_compose(&f, NULL, &out);
	expect_has("no header", &out, "Bcc: s@example.org\r\n");
}

/* ---- charsets of HTML ---- */

#define MORE "so many plain letters "

Test(mime_items, html_charset)
{
	static const struct {
		const char *name, *html;
		int internet, message;
		bool utf8;
		const char *want, *has;
		bool guessed;
	} rows[] = {
		{ "by code page", MORE "caf\xe9", 28591, 1252, false, "charset=iso-8859-1",
		  "caf=E9", false },
		{ "meta wins", "<meta charset=windows-1251>" MORE "\xe9", 28591, 1252, false,
		  "charset=windows-1251", "=E9", false },
		{ "not UTF-8 after all", MORE "caf\xe9", 65001, 1252, false, "charset=windows-1252",
		  "caf=E9", true },
		{ "ASCII that is not", MORE "caf\xc3\xa9", 20127, MAPI_NONE, false, "charset=utf-8",
		  "caf=C3=A9", true },
		{ "no MIME name", MORE "caf\x82", 858, 1252, false, "charset=utf-8", "caf=C3=A9",
		  false },
		{ "was text", "<meta charset=\"koi8-r\">" MORE "\xc3\xa9", 28591, 1252, true,
		  "charset=utf-8", "<meta charset=3D\"utf-8\">" MORE "=C3=A9", false },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct fake_item f;

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint32_t fidelity;

		item(&f, "IPM.Note");
		f.item.text = (struct mapi_blob){ 0 };
		f.item.html = fake_text(rows[i].html);
		f.item.html_is_utf8 = rows[i].utf8;
		f.item.internet_code_page = rows[i].internet;
		f.item.message_code_page = rows[i].message;
		fidelity = fake_compose(&f, NULL, &out);
		cr_expect_eq((fidelity & FIDELITY_CHARSET_GUESSED) != 0, rows[i].guessed, "%s",
			     rows[i].name);
		expect_has(rows[i].name, &out, rows[i].want);
		expect_has(rows[i].name, &out, rows[i].has);
	}
}

Test(mime_items, html_octets)
{
	static const struct {
		const char *name, *html;
		size_t len;
		const char *body;
	} rows[] = {
		{ "mark", "\xff\xfe<\0\xe9\0", 6, "charset=utf-8\r\n*\r\n\r\nPMOp\r\n" },
		{ "UTF-16 without mark", "<\0\xe9\0", 4, "charset=utf-8\r\n*\r\n\r\nPMOp\r\n" },
		{ "NULs", "ab\0\0", 4, "charset=utf-8\r\n*\r\n\r\nab\r\n" },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct fake_item f;

	for (size_t i = 0; i < ROWS(rows); i++) {
		const char *star = strchr(rows[i].body, '*');
		char charset[32];

		item(&f, "IPM.Note");
		f.item.text = (struct mapi_blob){ 0 };
		f.item.html = fake_blob(rows[i].html, rows[i].len);
		f.item.internet_code_page = 65001;
		fake_compose(&f, NULL, &out);
		snprintf(charset, sizeof(charset), "%.*s", (int)(star - rows[i].body),
			 rows[i].body);
		expect_has(rows[i].name, &out, charset);
		expect_has(rows[i].name, &out, star + 1);
	}
}

/* ---- meetings, files ---- */

#define GLOBAL_ID "\x04\0\0\0\x82\0\xe0\0\x74\xc5\xb7\x10\x1a\x82\xe0\x08"

Test(mime_items, meetings)
{
	static const struct fake_property properties[] = {
		{ MAPI_SET_APPOINTMENT, 0x820d, TIME_VALUE(1580806800) },
		{ MAPI_SET_APPOINTMENT, 0x820e, TIME_VALUE(1580810400) },
		{ MAPI_SET_APPOINTMENT, 0x8208, TEXT_VALUE("Room 5; left, \xc3\xbc") },
		{ MAPI_SET_MEETING, 0x0023, BINARY_VALUE(GLOBAL_ID "\0\0\0\0") },
	};
	static const struct {
		const char *class, *method, *has;
	} rows[] = {
		{ "IPM.Schedule.Meeting.Request", "REQUEST",
		  "ATTENDEE;ROLE=3DREQ-PARTICIPANT;CN=3D\"Jane Doe\":mailto:jane@example.com\r\n" },
		{ "IPM.Schedule.Meeting.Canceled", "CANCEL", "STATUS:CANCELLED\r\n" },
		{ "IPM.Schedule.Meeting.Resp.Pos", "REPLY",
		  "ATTENDEE;PARTSTAT=3DACCEPTED;CN=3D\"Bob\":mailto:bob@example.com\r\n" },
		{ "IPM.Schedule.Meeting.Resp.Neg", "REPLY", "PARTSTAT=3DDECLINED" },
		{ "IPM.Schedule.Meeting.Resp.Tent", "REPLY", "PARTSTAT=3DTENTATIVE" },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX), want = BUF_INIT(OUT_MAX);
	struct fake_item f;

	for (size_t i = 0; i < ROWS(rows); i++) {
		item(&f, rows[i].class);
		f.properties = properties;
		f.n_properties = ROWS(properties);
		cr_expect(fake_compose(&f, NULL, &out) & FIDELITY_CALENDAR_SYNTHESISED);
		buf_reset(&want);
		buf_addf(&want, "Content-Type: text/calendar; charset=utf-8; method=%s\r\n",
			 rows[i].method);
		expect_has(rows[i].class, &out, buf_cstr(&want));
		expect_has(rows[i].class, &out, rows[i].has);
		expect_has(rows[i].class, &out, "DTSTART:20200204T090000Z\r\n");
		expect_has(rows[i].class, &out, "DTEND:20200204T100000Z\r\n");
		expect_has(rows[i].class, &out, "UID:040000008200E00074C5B7101A82E00800000000\r\n");
		expect_has(rows[i].class, &out, "LOCATION:Room 5\\; left\\, =C3=BC\r\n");
	}
	item(&f, rows[0].class);
	cr_expect(!(fake_compose(&f, NULL, &out) & FIDELITY_CALENDAR_SYNTHESISED));
	expect_not("no time", &out, "text/calendar");
}

static int to_buf(void *to, const void *bytes, size_t len, struct err *err)
{
	buf_add(to, bytes, len);
	return buf_ok(to, "the file", err);
}

static int export(const struct fake_item *f, struct buf *out)
{
	CLEANUP(arena_release) struct arena scratch = ARENA_INIT(1u << 20);
	const struct compose_options options = { 0 };
	struct compose_sink sink = { to_buf, out };
	struct compose_result result;
	struct err err = ERR_INIT;

	buf_reset(out);
	return export_item(&f->item, &options, &sink, &scratch, &result, &err);
}

Test(mime_items, contact)
{
	static const struct fake_property properties[] = {
		{ MAPI_SET_OTHER, 0x3001, TEXT_VALUE("Dr. Jane Doe") },
		{ MAPI_SET_OTHER, 0x3a06, TEXT_VALUE("Jane") },
		{ MAPI_SET_OTHER, 0x3a11, TEXT_VALUE("Doe; Esq.") },
		{ MAPI_SET_OTHER, 0x3a08, TEXT_VALUE("+49 89 1") },
		{ MAPI_SET_OTHER, 0x3a42, TIME_VALUE(315529200) }, /* midnight in Berlin */
		{ MAPI_SET_ADDRESS, 0x8082, TEXT_VALUE("SMTP") },
		{ MAPI_SET_ADDRESS, 0x8083, TEXT_VALUE("jane@example.com") },
		{ MAPI_SET_ADDRESS, 0x8045, TEXT_VALUE("Road 1\r\nBack yard") },
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct fake_item f;

	item(&f, "IPM.Contact");
	f.properties = properties;
	f.n_properties = ROWS(properties);
	cr_assert_eq(export(&f, &out), 0);
	cr_expect_str_eq(buf_cstr(&out),
			 "BEGIN:VCARD\r\n"
			 "VERSION:3.0\r\n"
			 "FN:Dr. Jane Doe\r\n"
			 "N:Doe\\; Esq.;Jane;;;\r\n"
			 "EMAIL;TYPE=INTERNET:jane@example.com\r\n"
			 "TEL;TYPE=WORK,VOICE:+49 89 1\r\n"
			 "ADR;TYPE=WORK:;;Road 1\\nBack yard;;;;\r\n"
			 "BDAY:1980-01-01\r\n"
			 "NOTE:Text\r\n"
			 "UID:pst.30313233343536373839616263646566.00200024@pst.invalid"
			 "\r\n"
			 "END:VCARD\r\n");
	item(&f, "IPM.Task");
	cr_expect_eq(export(&f, &out), -1);
	cr_expect_null(export_extension(ITEM_TASK));
	cr_expect_str_eq(export_extension(ITEM_LIST), ".vcf");
	cr_expect_str_eq(export_extension(ITEM_APPOINTMENT), ".ics");
}

/* A weekly series, Mondays and Thursdays at 09:00 in Berlin from 2020-02-03, ten times, one day
 * deleted (10 Feb) and one moved (13 Feb, to 11:00). */
static const char weekly[] =
	"\x04\x30\x04\x30\x0b\x20\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00"
	"\x00\x00\x12\x00\x00\x00\x22\x20\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x00\x02\x00"
	"\x00\x00\x80\x7c\x23\x0d\x60\x8d\x23\x0d\x01\x00\x00\x00\x60\x8d\x23\x0d\x20\x55"
	"\x23\x0d\xdf\x80\xe9\x5a\x06\x30\x00\x00\x09\x30\x00\x00\x1c\x02\x00\x00\x58\x02"
	"\x00\x00\x01\x00\xf4\x8f\x23\x0d\x30\x90\x23\x0d\x7c\x8f\x23\x0d\x00\x00";
/* Berlin: UTC+1, summer from the last Sunday of March to that of October. */
static const char berlin[] =
	"\xc4\xff\xff\xff\x00\x00\x00\x00\xc4\xff\xff\xff\x00\x00\x00\x00\x0a\x00\x00\x00"
	"\x05\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x05\x00"
	"\x02\x00\x00\x00\x00\x00\x00\x00";

Test(mime_items, series)
{
	static const struct fake_property properties[] = {
		{ MAPI_SET_APPOINTMENT, 0x820d, TIME_VALUE(1580716800) },
		{ MAPI_SET_APPOINTMENT, 0x820e, TIME_VALUE(1580720400) },
		{ MAPI_SET_APPOINTMENT, 0x8216, BINARY_VALUE(weekly) },
		{ MAPI_SET_APPOINTMENT, 0x8233, BINARY_VALUE(berlin) },
		{ MAPI_SET_APPOINTMENT, 0x8234, TEXT_VALUE("Berlin") },
	};
	static const char *const lines[] = {
		"BEGIN:VTIMEZONE\r\nTZID:Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\n"
		"RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nTZOFFSETFROM:+0200\r\n"
		"TZOFFSETTO:+0100\r\nEND:STANDARD\r\n",
		"DTSTART;TZID=\"Berlin\":20200203T090000\r\n",
		"DTEND;TZID=\"Berlin\":20200203T100000\r\n",
		"RRULE:FREQ=WEEKLY;BYDAY=MO,TH;COUNT=10\r\n",
		"EXDATE;TZID=\"Berlin\":20200210T090000\r\n",
		"RECURRENCE-ID;TZID=\"Berlin\":20200213T090000\r\n"
		"DTSTART;TZID=\"Berlin\":20200213T110000\r\n"
		"DTEND;TZID=\"Berlin\":20200213T120000\r\n",
	};
	CLEANUP(buf_release) struct buf out = BUF_INIT(OUT_MAX);
	struct fake_item f;

	item(&f, "IPM.Appointment");
	f.properties = properties;
	f.n_properties = ROWS(properties);
	cr_assert_eq(export(&f, &out), 0);
	for (size_t i = 0; i < ROWS(lines); i++)
		expect_has("series", &out, lines[i]);
	expect_not("the moved one is not deleted", &out, "EXDATE;TZID=\"Berlin\":20200213");
}

/*
 * message/mend.c: what each step changes, and that it changes nothing else.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "message/header.h"
#include "message/mend.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define BIN(text)                                                                                  \
	{                                                                                          \
		(text), sizeof(text) - 1                                                           \
	}

/* Mended in pieces of `piece` octets. */
static uint32_t mend(uint32_t steps, struct slice in, size_t piece, struct buf *out)
{
	struct mender *m = mender_new();
	uint32_t did;

	cr_assert(m != NULL);
	mender_start(m, steps);
	for (size_t at = 0; at < in.len; at += piece)
		mender_add(m, slice_head(slice_from(in, at), piece), out);
	mender_end(m, out);
	did = mender_did(m);
	mender_free(m);
	return did;
}

Test(mend, steps)
{
	static const struct {
		const char *name;
		uint32_t steps, did;
		struct slice in, want;
	} rows[] = {
		{ "nothing asked", 0, 0, BIN("Subject: \xfc\r\n\r\na\0b\r\n"),
		  BIN("Subject: \xfc\r\n\r\na\0b\r\n") },
		{ "nothing to do", MEND_ALL, 0, BIN("A: b\r\n\r\nc\r\n"),
		  BIN("A: b\r\n\r\nc\r\n") },
		{ "NUL in body and header", MEND_NUL, MEND_NUL, BIN("A: \0b\r\n\r\na\0\0b\0\r\n"),
		  BIN("A: b\r\n\r\nab\r\n") },
		{ "NUL alone on a line of the header", MEND_NUL, MEND_NUL,
		  BIN("A: b\r\n\0\r\nC: d\r\n\r\nx"), BIN("A: b\r\n\r\nC: d\r\n\r\nx") },
		{ "the same with fields to encode behind it", MEND_NUL | MEND_HEADER_8BIT, MEND_NUL,
		  BIN("A: b\r\n\0\r\nC: \xfc\r\n\r\nx"), BIN("A: b\r\n\r\nC: \xfc\r\n\r\nx") },
		{ "UTF-8 in a subject", MEND_HEADER_8BIT, MEND_HEADER_8BIT,
		  BIN("Subject: Gr\xc3\xbc\xc3\x9f"
		      "e an alle\r\n\r\n\xc3\xbc\r\n"),
		  BIN("Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= an alle\r\n\r\n\xc3\xbc\r\n") },
		{ "windows-1252 in a subject", MEND_HEADER_8BIT, MEND_HEADER_8BIT,
		  BIN("Subject: \x80 \xfc\r\n\r\n"),
		  BIN("Subject: =?windows-1252?Q?=80?= =?windows-1252?Q?_=FC?=\r\n\r\n") },
		{ "the charset that is declared", MEND_HEADER_8BIT, MEND_HEADER_8BIT,
		  BIN("Subject: \xa4\r\nContent-Type: text/plain; charset=\"ISO-8859-15\"\r\n\r\n"),
		  BIN("Subject: =?ISO-8859-15?Q?=A4?=\r\n"
		      "Content-Type: text/plain; charset=\"ISO-8859-15\"\r\n\r\n") },
		{ "a charset that is none", MEND_HEADER_8BIT, MEND_HEADER_8BIT,
		  BIN("Subject: \xfc\r\nContent-Type: text/plain; charset=x?Q?y\r\n\r\n"),
		  BIN("Subject: =?windows-1252?Q?=FC?=\r\n"
		      "Content-Type: text/plain; charset=x?Q?y\r\n\r\n") },
		{ "folded", MEND_HEADER_8BIT, MEND_HEADER_8BIT,
		  BIN("Subject: a\r\n \xfc\r\n\tb\r\n\r\n"),
		  BIN("Subject: a\r\n =?windows-1252?Q?=FC?=\r\n\tb\r\n\r\n") },
		{ "a display name", MEND_HEADER_8BIT, MEND_HEADER_8BIT,
		  BIN("From: J\xfcrgen M\xfcller <j@x.example>, b@x.example\r\n\r\n"),
		  BIN("From: =?windows-1252?Q?J=FCrgen?= =?windows-1252?Q?_M=FCller?= "
		      "<j@x.example>,"
		      " b@x.example\r\n\r\n") },
		{ "a quoted display name", MEND_HEADER_8BIT, MEND_HEADER_8BIT,
		  BIN("To: \"M\xfcller, \\\"J\\\"\"<j@x.example>\r\n\r\n"),
		  BIN("To: =?windows-1252?Q?M=FCller=2C_=22J=22?= <j@x.example>\r\n\r\n") },
		{ "a comment", MEND_HEADER_8BIT, MEND_HEADER_8BIT,
		  BIN("From: j@x.example (J\xfcrgen)\r\n\r\n"),
		  BIN("From: j@x.example (=?windows-1252?Q?J=FCrgen?=)\r\n\r\n") },
		{ "an address cannot be encoded", MEND_HEADER_8BIT, 0,
		  BIN("From: <m\xfcller@x.example>\r\n\r\n"),
		  BIN("From: <m\xfcller@x.example>\r\n\r\n") },
		{ "nor a parameter", MEND_HEADER_8BIT, 0,
		  BIN("Content-Type: text/plain; name=\"\xfc\"\r\n\r\n"),
		  BIN("Content-Type: text/plain; name=\"\xfc\"\r\n\r\n") },
		{ "no header at all", MEND_HEADER_BLOCK, MEND_HEADER_BLOCK,
		  BIN("Dear all,\r\nhello\r\n\r\nBye\r\n"),
		  BIN("\r\nDear all,\r\nhello\r\n\r\nBye\r\n") },
		{ "an empty header is one", MEND_HEADER_BLOCK, 0, BIN("\r\nDear all\r\n"),
		  BIN("\r\nDear all\r\n") },
		{ "a stray line", MEND_HEADER_BLOCK, MEND_HEADER_BLOCK,
		  BIN("A: b\r\n c\r\nno field\r\nD: e\r\n\r\nx\r\n"),
		  BIN("A: b\r\n c\r\n\r\nno field\r\nD: e\r\n\r\nx\r\n") },
		{ "a header alone", MEND_HEADER_BLOCK | MEND_NUL, 0, BIN("A: b\r\n"),
		  BIN("A: b\r\n") },
		{ "all at once", MEND_BYTES, MEND_HEADER_8BIT | MEND_NUL | MEND_HEADER_BLOCK,
		  BIN("Subject: \xfc\r\nstray\0\r\n\r\n\0x\r\n"),
		  BIN("Subject: =?windows-1252?Q?=FC?=\r\n\r\nstray\r\n\r\nx\r\n") },
		{ "nothing", MEND_ALL, 0, BIN(""), BIN("") },
	};
	static const size_t pieces[] = { 1, 2, 3, 7, 1000 };

	for (size_t i = 0; i < ROWS(rows); i++) {
		for (size_t p = 0; p < ROWS(pieces); p++) {
			CLEANUP(buf_release) struct buf out = BUF_INIT(4096);
			uint32_t did = mend(rows[i].steps, rows[i].in, pieces[p], &out);

			cr_expect(did == rows[i].did, "%s: %x", rows[i].name, did);
			cr_expect(slice_eq(buf_slice(&out), rows[i].want), "%s (%zu): %.*s",
				  rows[i].name, pieces[p], (int)out.len, out.len ? out.ptr : "");
		}
	}
}

/* Whatever is encoded reads as before, in lines that mail may have. */
Test(mend, subjects_read_as_before)
{
	static const char *const subjects[] = {
		"Gr\xc3\xbc\xc3\x9f"
		"e",
		"\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xc3\xbc  plain \xc3\x9f",
		"\xe4\xf6\xfc und noch \xe4\xf6\xfc, (wirklich) \"\xfc\"",
		"\xf0\x9f\x93\xac\xf0\x9f\x93\xac\xf0\x9f\x93\xac\xf0\x9f\x93\xac\xf0\x9f\x93\xac"
		"\xf0\x9f\x93\xac\xf0\x9f\x93\xac\xf0\x9f\x93\xac\xf0\x9f\x93\xac\xf0\x9f\x93\xac",
		"a_b=c?d \xc3\xbc_=?\xc3\xbc",
	};

	for (size_t i = 0; i < ROWS(subjects); i++) {
		CLEANUP(buf_release) struct buf in = BUF_INIT(4096);
		CLEANUP(buf_release) struct buf out = BUF_INIT(4096);
		CLEANUP(buf_release) struct buf before = BUF_INIT(4096);
		CLEANUP(buf_release) struct buf after = BUF_INIT(4096);
		struct header_field field;

		buf_addf(&in, "Subject: %s\r\n\r\n", subjects[i]);
		cr_expect(mend(MEND_HEADER_8BIT, buf_slice(&in), 1000, &out) == MEND_HEADER_8BIT);
		header_decode(&before, slice_str(subjects[i]));
		cr_assert(header_find(buf_slice(&out), "Subject", &field));
		header_decode(&after, field.value);
		cr_expect(slice_eq(buf_slice(&before), buf_slice(&after)), "%s: %s", subjects[i],
			  buf_cstr(&after));
		for (size_t k = 0; k < out.len; k++)
			cr_expect((unsigned char)out.ptr[k] < 0x80, "%s", subjects[i]);
	}
}

Test(mend, header_too_long_stays)
{
	CLEANUP(buf_release) struct buf in = BUF_INIT(4u << 20);
	CLEANUP(buf_release) struct buf out = BUF_INIT(4u << 20);

	buf_adds(&in, "Subject: \xfc\r\n");
	while (in.len < HEADER_BLOCK_MAX + 1000)
		buf_adds(&in, "X-Long: 0123456789\r\n");
	buf_adds(&in, "\r\nbody\r\n");
	cr_expect(mend(MEND_ALL, buf_slice(&in), 5000, &out) == 0);
	cr_expect(slice_eq(buf_slice(&in), buf_slice(&out)));
}

Test(mend, attempts)
{
	static const struct {
		const char *name;
		uint32_t wanted, possible, tries[7];
	} rows[] = {
		{ "nothing allowed", 0, MEND_ALL, { 0 } },
		{ "nothing possible", MEND_ALL, 0, { 0 } },
		{ "one", MEND_ALL, MEND_HEADER_BLOCK, { MEND_HEADER_BLOCK, 0 } },
		{ "literal8, then without NULs",
		  MEND_ALL,
		  MEND_BINARY | MEND_NUL,
		  { MEND_BINARY, MEND_NUL, 0 } },
		{ "each, then all that change octets",
		  MEND_ALL,
		  MEND_ALL,
		  { MEND_BINARY, MEND_HEADER_8BIT, MEND_NUL, MEND_LONG_LINES, MEND_HEADER_BLOCK,
		    MEND_BYTES, 0 } },
		{ "only what is allowed",
		  MEND_NUL | MEND_HEADER_BLOCK,
		  MEND_ALL,
		  { MEND_NUL, MEND_HEADER_BLOCK, MEND_NUL | MEND_HEADER_BLOCK, 0 } },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		unsigned n = 0;

		do
			cr_expect(mend_attempt(rows[i].wanted, rows[i].possible, n) ==
					  rows[i].tries[n],
				  "%s: %u", rows[i].name, n);
		while (rows[i].tries[n++] != 0);
	}
}

Test(mend, names)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT(100);

	mend_add_names(&b, MEND_NUL | MEND_HEADER_BLOCK);
	cr_expect_str_eq(buf_cstr(&b), "nul, header-block");
	for (uint32_t bit = 1; bit < 1u << MEND_COUNT; bit <<= 1)
		cr_expect(mend_name(bit) != NULL);
	cr_expect(mend_name(1u << MEND_COUNT) == NULL && mend_name(0) == NULL);
}

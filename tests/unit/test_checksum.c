/*
 * checksum.h: the same in any pieces, and what the format's authors say it is.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "message/checksum.h"

static const struct {
	const char *name;
	size_t len;	 /* of octets 0, 1, 2, ... 250, 0, 1, ... */
	uint8_t want[4]; /* the first ones; journals hold them */
} rows[] = {
	{ "nothing", 0, { 0x99, 0xaa, 0x06, 0xd3 } },
	{ "a few", 3, { 0xe3, 0xb5, 0x5f, 0x57 } },
	{ "up to 128", 100, { 0xda, 0x95, 0xef, 0x16 } },
	{ "up to 240", 200, { 0xcb, 0x03, 0x95, 0x31 } },
	{ "more", 512, { 0x58, 0x84, 0xea, 0x91 } },
	{ "many", 4096, { 0xe1, 0x2c, 0xd7, 0x21 } },
};

static void fill(char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i % 251);
}

Test(message, checksum_is_the_formats)
{
	struct checksum *c = checksum_new();
	uint8_t sum[CHECKSUM_LEN];
	char bytes[4096];

	fill(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		checksum_start(c);
		checksum_add(c, slice_of(bytes, rows[i].len));
		checksum_end(c, sum);
		cr_expect_arr_eq(sum, rows[i].want, sizeof(rows[i].want), "%s", rows[i].name);
	}
	checksum_free(c);
}

Test(message, checksum_of_any_pieces)
{
	static const size_t pieces[] = { 1, 7, 64, 255, 256, 257, 512, 1000, 4096 };
	struct checksum *c = checksum_new();
	uint8_t whole[CHECKSUM_LEN], sum[CHECKSUM_LEN];
	char bytes[4096];

	fill(bytes, sizeof(bytes));
	checksum_start(c);
	checksum_add(c, slice_of(bytes, sizeof(bytes)));
	checksum_end(c, whole);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		checksum_start(c);
		for (size_t at = 0; at < sizeof(bytes); at += pieces[i])
			checksum_add(
				c, slice_head(slice_of(bytes + at, sizeof(bytes) - at), pieces[i]));
		checksum_end(c, sum);
		cr_expect_arr_eq(sum, whole, sizeof(whole), "pieces of %zu", pieces[i]);
	}
	bytes[2000] ^= 1;
	checksum_start(c);
	checksum_add(c, slice_of(bytes, sizeof(bytes)));
	checksum_end(c, sum);
	cr_expect_arr_neq(sum, whole, sizeof(whole), "one bit changed");
	checksum_free(c);
}

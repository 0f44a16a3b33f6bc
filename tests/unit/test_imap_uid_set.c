/*
 * UID sets: packed within a line, read strictly.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "imap/uid_set.h"

#define UIDS_MAX 8

Test(imap_uid_set, pack)
{
	static const struct {
		const char *name;
		uint32_t uids[UIDS_MAX];
		size_t n, octets;
		const char *want;
		size_t taken;
	} rows[] = {
		{ "none", { 0 }, 0, 100, "", 0 },
		{ "one", { 7 }, 1, 100, "7", 1 },
		{ "a run", { 7, 8, 9 }, 3, 100, "7:9", 3 },
		{ "two are a range", { 7, 8 }, 2, 100, "7:8", 2 },
		{ "runs and single ones", { 1, 3, 4, 5, 9 }, 5, 100, "1,3:5,9", 5 },
		{ "the end of all numbers",
		  { 4294967294, 4294967295 },
		  2,
		  100,
		  "4294967294:4294967295",
		  2 },
		{ "one is always taken", { 4294967290, 4294967295 }, 2, 1, "4294967290", 1 },
		{ "no room for another", { 1, 3, 5 }, 3, 22, "1", 1 },
		{ "room for just one more", { 1, 3, 5 }, 3, 23, "1,3", 2 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(buf_release) struct buf b = BUF_INIT(1000);
		size_t taken = uid_set_add(&b, rows[i].uids, rows[i].n, rows[i].octets);

		cr_expect_eq(taken, rows[i].taken, "%s: took %zu", rows[i].name, taken);
		cr_expect_str_eq(buf_cstr(&b), rows[i].want, "%s: %s", rows[i].name, buf_cstr(&b));
	}
}

Test(imap_uid_set, never_longer_than_asked)
{
	static uint32_t uids[4000];
	size_t done = 0;

	for (size_t i = 0; i < 4000; i++)
		uids[i] = 4000000000u + (uint32_t)(i * 3);
	while (done < 4000) {
		CLEANUP(buf_release) struct buf b = BUF_INIT(10000);
		size_t taken = uid_set_add(&b, uids + done, 4000 - done, 8000);

		cr_assert(taken > 0);
		cr_assert_leq(b.len, 8000);
		done += taken;
	}
	cr_assert_eq(done, 4000);
}

Test(imap_uid_set, read)
{
	static const struct {
		const char *name, *text;
		bool ok;
		size_t n;
		uint64_t count;
		const char *rest;
	} rows[] = {
		{ "one", "5", true, 1, 1, "" },
		{ "mixed", "5,9:12,7 x", true, 3, 6, " x" },
		{ "backwards", "12:9", true, 1, 4, "" },
		{ "all there is", "1:4294967295", true, 1, 4294967295, "" },
		{ "nothing", "", false, 0, 0, "" },
		{ "zero", "0", false, 0, 0, "" },
		{ "half a range", "4:", false, 0, 0, "" },
		{ "a star", "4:*", false, 0, 0, "" },
		{ "too large", "4294967296", false, 0, 0, "" },
		{ "a comma too many", "1,", false, 0, 0, "" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lexer l = lexer_of(slice_str(rows[i].text));
		struct uid_range *ranges = NULL;
		uint64_t count = 0;
		size_t n = 0;
		bool ok = uid_set_read(&l, &ranges, &n, &count);

		cr_expect_eq(ok, rows[i].ok, "%s", rows[i].name);
		if (!ok)
			continue;
		cr_expect(n == rows[i].n && count == rows[i].count, "%s: %zu ranges", rows[i].name,
			  n);
		cr_expect(slice_eq(lexer_rest(&l), slice_str(rows[i].rest)), "%s", rows[i].name);
		free(ranges);
	}
}

Test(imap_uid_set, too_many_ranges)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT(1 << 20);
	struct uid_range *ranges = NULL;
	uint64_t count;
	size_t n;

	for (size_t i = 0; i <= UID_RANGES_MAX; i++)
		buf_adds(&b, i ? ",1" : "1");
	struct lexer l = lexer_of(buf_slice(&b));

	cr_assert_not(uid_set_read(&l, &ranges, &n, &count));
	b.len -= 2;
	l = lexer_of(buf_slice(&b));
	cr_assert(uid_set_read(&l, &ranges, &n, &count));
	cr_assert_eq(n, UID_RANGES_MAX);
	free(ranges);
}

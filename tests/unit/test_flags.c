/*
 * message/flags.c: flags and keywords as the local stores spell them.
 */
#include <criterion/criterion.h>

#include "message/flags.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* "\Seen \Flagged $label1": what a set holds, for comparing. */
static void describe(struct buf *out, const struct flag_set *set)
{
	for (uint32_t bit = 1; bit <= FLAG_ALL; bit <<= 1)
		if (set->system & bit)
			buf_addf(out, "%s ", flag_name(bit));
	for (size_t i = 0; i < set->n_keywords; i++)
		buf_addf(out, "%s ", set->keywords[i]);
	if (out->len > 0)
		out->len--;
}

static void expect_set(const char *name, const struct flag_set *set, const char *want)
{
	CLEANUP(buf_release) struct buf got = BUF_INIT(10000);

	describe(&got, set);
	cr_expect_str_eq(buf_cstr(&got), want, "%s: %s", name, buf_cstr(&got));
}

Test(flags, names)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} rows[] = {
		{ "\\Seen", FLAG_SEEN },
		{ "\\Answered", FLAG_ANSWERED },
		{ "\\Draft", FLAG_DRAFT },
		{ "\\Flagged", FLAG_FLAGGED },
		{ "\\seen", FLAG_SEEN },
		{ "\\DELETED", FLAG_DELETED },
		{ "Seen", 0 },
		{ "\\Recent", 0 },
		{ "", 0 },
		{ "\\See", 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		cr_expect_eq(flag_from_name(slice_str(rows[i].name)), rows[i].bit, "%s",
			     rows[i].name);
	cr_expect_null(flag_name(0));
	cr_expect_null(flag_name(FLAG_SEEN | FLAG_DRAFT));
	cr_expect_null(flag_name(32));
}

Test(flags, status)
{
	static const struct {
		const char *name, *status, *x_status;
		uint32_t want;
	} rows[] = {
		{ "new", "", "", 0 },
		{ "old", "O", "", 0 },
		{ "read", "RO", "", FLAG_SEEN },
		{ "all of both", "ROD", "AFTD",
		  FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DRAFT | FLAG_DELETED },
		{ "deleted by X-Status", "O", "D", FLAG_DELETED },
		{ "padding", " R O ", " A  ", FLAG_SEEN | FLAG_ANSWERED },
		{ "letters of the other field", "AFT", "RO", 0 },
		{ "lower case means nothing", "ro", "aft", 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++)
		cr_expect_eq(flags_from_status(slice_str(rows[i].status)) |
				     flags_from_x_status(slice_str(rows[i].x_status)),
			     rows[i].want, "%s", rows[i].name);
}

Test(flags, mozilla)
{
	static const struct {
		const char *name;
		uint32_t status, status2;
		const char *want;
	} rows[] = {
		{ "unread", 0, 0, "" },
		{ "read, answered, flagged", 0x0007, 0, "\\Seen \\Answered \\Flagged" },
		{ "had Re:, elided, offline, watched", 0x01B0, 0, "" },
		{ "expunged is a state, not a flag", 0x0009, 0, "\\Seen" },
		{ "forwarded", 0x1001, 0, "\\Seen $Forwarded" },
		{ "redirected and old priority", 0xE000, 0, "" },
		{ "MDN sent", 1, 0x00800000, "\\Seen $MDNSent" },
		{ "MDN needed, attachment, template", 0, 0x11410000, "" },
		{ "deleted on IMAP", 0, 0x00200000, "\\Deleted" },
		{ "label 1", 0, 0x02000000, "$label1" },
		{ "label 5", 0, 0x0A000000, "$label5" },
		{ "label 6 is none", 0, 0x0C000000, "" },
		{ "label 7 is none", 0, 0x0E000000, "" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(10000);
		struct flag_set set = { 0 };

		flags_from_mozilla(&set, &a, rows[i].status, rows[i].status2);
		expect_set(rows[i].name, &set, rows[i].want);
	}
}

Test(flags, evolution)
{
	static const struct {
		const char *name;
		uint32_t bits;
		const char *want;
	} rows[] = {
		{ "unread", 0, "" },
		{ "all", 0x1F, "\\Seen \\Answered \\Flagged \\Deleted \\Draft" },
		{ "seen", 0x10, "\\Seen" },
		{ "attachments, answered all, secure", 0x160, "" },
		{ "junk", 0x90, "\\Seen Junk" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(10000);
		struct flag_set set = { 0 };

		flags_from_evolution(&set, &a, rows[i].bits);
		expect_set(rows[i].name, &set, rows[i].want);
	}
}

Test(flags, maildir)
{
	static const char *const dovecot[26] = { [0] = "$Forwarded", [1] = "work", [25] = "last" };
	static const struct {
		const char *name, *letters;
		bool with_keywords;
		const char *want;
	} rows[] = {
		{ "none", "", true, "" },
		{ "all", "DFPRST", true,
		  "\\Seen \\Answered \\Flagged \\Deleted \\Draft $Forwarded" },
		{ "keywords", "Sabz", true, "\\Seen $Forwarded work last" },
		{ "passed twice", "Pa", true, "$Forwarded" },
		{ "keyword without a line", "c", true, "" },
		{ "no dovecot-keywords", "Sabc", false, "\\Seen" },
		{ "unknown letters", "SXY,1=9", true, "\\Seen" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(10000);
		struct flag_set set = { 0 };

		flags_from_maildir(&set, &a, slice_str(rows[i].letters),
				   rows[i].with_keywords ? dovecot : NULL);
		expect_set(rows[i].name, &set, rows[i].want);
	}
}

Test(flags, keywords)
{
	static const struct {
		const char *name, *in, *want;
	} rows[] = {
		{ "none", "", "" },
		{ "only padding", "          ", "" },
		{ "two", "$label1 my_tag", "$label1 my_tag" },
		{ "padded", "  $label1\t my_tag      ", "$label1 my_tag" },
		{ "folded", " $label1\r\n my_tag", "$label1 my_tag" },
		{ "twice, in another case", "$Label1 $label1 $LABEL1", "$Label1" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		CLEANUP(arena_release) struct arena a = ARENA_INIT(10000);
		struct flag_set set = { 0 };

		flags_add_keywords(&set, &a, slice_str(rows[i].in));
		expect_set(rows[i].name, &set, rows[i].want);
	}
}

Test(flags, keywords_max)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(100000);
	struct flag_set set = { 0 };
	char name[] = "k00";

	for (int i = 0; i < KEYWORDS_MAX; i++) {
		name[1] = (char)('0' + i / 10);
		name[2] = (char)('0' + i % 10);
		cr_expect(flag_set_add_keyword(&set, &a, slice_str(name)), "%s", name);
	}
	cr_expect_eq(set.n_keywords, KEYWORDS_MAX);
	cr_expect(flag_set_add_keyword(&set, &a, SLICE_LIT("K00")), "one that is there");
	cr_expect_not(flag_set_add_keyword(&set, &a, SLICE_LIT("more")), "one too many");
	cr_expect_eq(set.n_keywords, KEYWORDS_MAX);
}

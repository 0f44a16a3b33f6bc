/*
 * match/pop_list.h: which listed message is which of INBOX. Sizes are letters: a
 * message of INBOX is known by its size and place.
 */
#include "test_journal_support.h"

#include "journal/pop.h"
#include "match/pop_list.h"

static const struct {
	const char *name;
	const char *pop, *inbox; /* sizes in order */
	const char *want;	 /* of each listed message its place in INBOX, from 'A'; '-' none */
} rows[] = {
	{ "the same", "abcd", "abcd", "ABCD" },
	{ "the same, one size", "aaaa", "aaaa", "ABCD" },
	{ "nothing listed", "", "abc", "" },
	{ "nothing there", "abc", "", "---" },
	{ "one more there", "abd", "abcd", "ABD" },
	{ "one more listed", "abcd", "abd", "AB-C" },
	{ "one new behind twins", "aab", "aabc", "ABC" },
	{ "which of the twins is hidden?", "ab", "aab", "-C" },
	{ "twins between fixed points", "xaayz", "xaayz", "ABCDE" },
	{ "and another gap", "xaayaz", "xaayaaz", "ABCD-G" },
	{ "sizes exchanged", "ab", "ba", "BA" },
	{ "other sizes altogether", "abc", "def", "---" },
	{ "a fixed point that has moved", "xabay", "xaaby", "A-D-E" },
};

static void fill(struct bench *b, int64_t inbox, const char *pop, const char *sizes)
{
	for (uint32_t i = 0; sizes[i]; i++) {
		char who[8];

		snprintf(who, sizeof(who), "%u", i);
		add_remote(b, inbox, 10 * (i + 1), who, who, (uint64_t)sizes[i]);
	}
	for (uint32_t i = 0; pop[i]; i++) {
		char uidl[8];

		snprintf(uidl, sizeof(uidl), "u%u", i);
		ok(journal_pop_list_add(b->j, i + 1, slice_str(uidl), &err));
		ok(journal_pop_list_size(b->j, i + 1, (uint64_t)pop[i], &err));
	}
}

static void found(struct bench *b, char out[16])
{
	sqlite3_stmt *st =
		db_stmt(journal_db(b->j),
			"SELECT (remote & 4294967295) / 10 FROM pop_list ORDER BY seq", &err);
	size_t n = 0;

	while (db_step(journal_db(b->j), st, &err) > 0) {
		int64_t pos = sqlite3_column_int64(st, 0);

		out[n++] = pos > 0 ? (char)('A' + pos - 1) : '-';
	}
	out[n] = '\0';
}

Test(pop_list, by_size_and_order)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct uidl_place p;
		struct bench b;
		char have[16];

		bench_init(&b);
		ok(journal_folders_begin(b.j, &err));
		p = (struct uidl_place){ 1, add_folder(&b, "INBOX", ROLE_INBOX), 7 };
		fill(&b, p.folder, rows[i].pop, rows[i].inbox);
		ok(match_pop_align(b.j, &p, &err));
		found(&b, have);
		cr_expect_str_eq(have, rows[i].want, "%s: %s", rows[i].name, have);
		ok(match_pop_align(b.j, &p, &err));
		found(&b, have);
		cr_expect_str_eq(have, rows[i].want, "%s, again: %s", rows[i].name, have);
		bench_release(&b);
	}
}

/* What size and order leave open, if it matters, the headers decide; twins stay open. */
Test(pop_list, by_header)
{
	struct message m = message_of("l", "x", "x", "x", 500);
	struct uidl_place p, told;
	struct bench b;
	uint32_t number = 0;
	char have[16];

	bench_init(&b);
	ok(journal_folders_begin(b.j, &err));
	start_run(&b, RUN_PLAN);
	p = (struct uidl_place){ b.run, add_folder(&b, "INBOX", ROLE_INBOX), 7 };
	yes(match_pop_place(b.j, b.run, &told, &err));
	cr_expect(told.folder == p.folder && told.uidvalidity == 7 && told.run == b.run);
	fill(&b, p.folder, "aab", "aaab");
	m.uidl = "u0";
	add_store(&b, "/mail", "Work", ROLE_NONE, &m, 1);
	ok(journal_pop_add(b.j, SLICE_LIT("u1"), POP_FETCHED, &err));
	ok(match_pop_align(b.j, &p, &err));
	yes(match_pop_unaligned(b.j, b.run, 0, &number, &err));
	cr_expect(number == 1);
	ok(match_pop_header(b.j, 1, keys_of("2", "2").fields, &err));
	yes(match_pop_unaligned(b.j, b.run, number, &number, &err));
	cr_expect(number == 2);
	ok(match_pop_header(b.j, 2, keys_of("7", "7").fields, &err)); /* not there */
	cr_expect(match_pop_unaligned(b.j, b.run, number, &number, &err) == 0);
	ok(match_pop_by_header(b.j, &p, &err));
	found(&b, have);
	cr_expect_str_eq(have, "C-D");
	/* two listed messages with one header: neither */
	ok(match_pop_align(b.j, &p, &err));
	ok(match_pop_header(b.j, 2, keys_of("2", "2").fields, &err));
	ok(match_pop_by_header(b.j, &p, &err));
	found(&b, have);
	cr_expect_str_eq(have, "--D");
	bench_release(&b);
}

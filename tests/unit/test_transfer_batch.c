/*
 * batch.h: how uploads are cut into commands, and which literals wait for "+".
 */
#include <criterion/criterion.h>

#include "transfer/batch.h"
#include "transfer/queue.h"
#include "transfer/internal.h"

static const struct profile unknown = { .name = "" };
static const struct transfer_options options = {
	.batch_messages = 3,
	.batch_octets = 1000,
	.window_octets = 4000,
	.sync_above = 500,
};

#define ALL (CAP_MULTIAPPEND | CAP_LITERAL_PLUS)

static const struct {
	const char *name;
	uint32_t capabilities;
	uint64_t append_limit;
	uint64_t sizes[5];
	size_t n, want;
} cuts[] = {
	{ "one message", ALL, 0, { 100 }, 1, 1 },
	{ "by number", ALL, 0, { 1, 1, 1, 1 }, 4, 3 },
	{ "by octets, just", ALL, 0, { 500, 500, 1 }, 3, 2 },
	{ "by octets, over", ALL, 0, { 500, 400, 101 }, 3, 2 },
	{ "a big one goes alone", ALL, 0, { 501, 1 }, 2, 1 },
	{ "before a big one", ALL, 0, { 1, 501 }, 2, 1 },
	{ "too big for a batch", ALL, 0, { 5000, 1 }, 2, 1 },
	{ "half the limit", ALL, 300, { 150, 150, 1 }, 3, 3 },
	{ "near the limit", ALL, 300, { 1, 151, 1 }, 3, 1 },
	{ "no MULTIAPPEND", CAP_LITERAL_PLUS, 0, { 1, 1 }, 2, 1 },
	{ "MULTIAPPEND, literals wait", CAP_MULTIAPPEND, 0, { 400, 1, 1 }, 3, 3 },
	{ "MULTIAPPEND, LITERAL-", CAP_MULTIAPPEND | CAP_LITERAL_MINUS, 0, { 400, 1, 1 }, 3, 3 },
};

Test(transfer, batch_cut)
{
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		struct shape s =
			shape_of(cuts[i].capabilities, cuts[i].append_limit, &unknown, &options);
		static struct upload uploads[5];

		for (size_t k = 0; k < cuts[i].n; k++)
			uploads[k].wire_len = cuts[i].sizes[k];
		cr_expect_eq(batch_cut(&s, uploads, cuts[i].n), cuts[i].want, "%s", cuts[i].name);
	}
}

static const struct {
	const char *name;
	uint32_t capabilities;
	uint64_t append_limit, size, taken;
	bool proven, want;
} waits[] = {
	{ "small, proven", ALL, 0, 100, 0, true, false },
	{ "small, first of its flags", ALL, 0, 100, 0, false, true },
	{ "at the bound", ALL, 0, 500, 0, true, false },
	{ "over the bound", ALL, 0, 501, 0, true, true },
	{ "a larger one was stored", ALL, 0, 501, 501, true, false },
	{ "one of half the size was stored", ALL, 0, 1002, 501, true, false },
	{ "a much smaller one was stored", ALL, 0, 1004, 501, true, true },
	{ "stored, but with other flags", ALL, 0, 501, 501, false, true },
	{ "stored, yet near the limit", ALL, 300, 151, 200, true, true },
	{ "LITERAL-, stored", CAP_LITERAL_MINUS, 0, 4097, 5000, true, true },
	{ "no LITERAL+, stored", CAP_MULTIAPPEND, 0, 1, 5000, true, true },
	{ "near the limit", ALL, 300, 151, 0, true, true },
	{ "LITERAL-, 4096", CAP_LITERAL_MINUS, 0, 4096, 0, true, false },
	{ "LITERAL-, 4097", CAP_LITERAL_MINUS, 0, 4097, 0, true, true },
	{ "no LITERAL+", CAP_MULTIAPPEND, 0, 1, 0, true, true },
};

Test(transfer, batch_cut_at_other_flags)
{
	struct shape s = shape_of(ALL, 0, &unknown, &options);
	static struct upload uploads[3];

	for (size_t i = 0; i < 3; i++)
		uploads[i].wire_len = 10;
	uploads[2].flags.system = FLAG_SEEN;
	cr_expect_eq(batch_cut(&s, uploads, 3), 2);
}

Test(transfer, batch_waits)
{
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		struct shape s =
			shape_of(waits[i].capabilities, waits[i].append_limit, &unknown, &options);

		cr_expect_eq(batch_waits(&s, waits[i].size, waits[i].taken, waits[i].proven),
			     waits[i].want, "%s", waits[i].name);
	}
}

static const struct {
	const char *name;
	uint32_t capabilities;
	uint64_t append_limit, size, taken;
	bool want;
} once[] = {
	{ "small", ALL, 0, 100, 0, false },
	{ "large", ALL, 0, 5000, 0, true },
	{ "large, but a larger one was stored", ALL, 0, 5000, 6000, false },
	{ "near the limit: each time", ALL, 6000, 5000, 0, false },
	{ "LITERAL-: each time", CAP_LITERAL_MINUS, 0, 5000, 0, false },
	{ "no LITERAL+: each time", CAP_MULTIAPPEND, 0, 5000, 0, false },
};

Test(transfer, batch_waits_once)
{
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		struct shape s =
			shape_of(once[i].capabilities, once[i].append_limit, &unknown, &options);

		cr_expect_eq(batch_waits_once(&s, once[i].size, once[i].taken), once[i].want, "%s",
			     once[i].name);
	}
}

Test(transfer, list_bring_first)
{
	for (size_t which = 0; which < 3; which++) {
		struct batch b[3] = { { .octets = 1, .n = 1 },
				      { .octets = 2, .n = 5 },
				      { .octets = 3, .n = 7 } };
		struct batch_list list = { 0 };
		uint64_t sum = 0;

		for (size_t i = 0; i < 3; i++)
			list_push_last(&list, &b[i]);
		list_bring_first(&list, &b[which]);
		cr_expect_eq(list.first, &b[which]);
		for (const struct batch *at = list.first; at; at = at->next)
			sum += at->octets;
		cr_expect_eq(sum, 6, "with %zu", which);
		cr_expect_eq(list.last, &b[which == 2 ? 1 : 2]);
		cr_expect_eq(list.messages, 13);
		cr_expect_eq(list_take_first(&list), &b[which]);
		cr_expect_eq(list.messages, 13 - b[which].n);
		cr_expect_null(list.last->next);
	}
}

Test(transfer, batch_careful)
{
	struct shape s = shape_of(ALL, 0, &unknown, &options), careful = shape_careful(&s);
	struct upload two[2] = { { .wire_len = 1 }, { .wire_len = 1 } };

	cr_expect_eq(batch_cut(&careful, two, 2), 1);
	cr_expect(batch_waits(&careful, 1, 5000, true));
	cr_expect_eq(careful.commands, 1);
}

Test(transfer, flag_set_hash)
{
	struct flag_set none = { 0 }, seen = { .system = FLAG_SEEN };
	struct flag_set ab = { .n_keywords = 2, .keywords = { "a", "b" } };
	struct flag_set a_b = { .n_keywords = 1, .keywords = { "ab" } };

	cr_expect_neq(flag_set_hash(&none), flag_set_hash(&seen));
	cr_expect_neq(flag_set_hash(&ab), flag_set_hash(&a_b));
	cr_expect_eq(flag_set_hash(&ab), flag_set_hash(&ab));
}

/* A server that does not answer may come back; one that talks nonsense is given half a minute. */
Test(transfer, patience)
{
	struct transfer t = { 0 };
	struct err nonsense = { .code = ERR_PROTOCOL }, lost = { .code = ERR_CONNECT };
	uint64_t ms = 0;

	for (uint32_t i = 0; i < transfer_tries(&t, &nonsense); i++)
		ms += transfer_backoff_ms(&t, i);
	cr_expect(ms <= 30000, "%lu ms", (unsigned long)ms);
	cr_expect_gt(transfer_tries(&t, &lost), transfer_tries(&t, &nonsense));
}

/*
 * dialect.h: whose metadata headers count.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "source/dialect.h"

#define MOZ                                                                                        \
	"X-Account-Key: account1\nX-UIDL: 1\nX-Mozilla-Status: 0007\n"                             \
	"X-Mozilla-Status2: 00800000\nX-Mozilla-Keys: work $label1          \n"
#define MOZ_STRIP                                                                                  \
	(STRIP_X_ACCOUNT_KEY | STRIP_X_UIDL | STRIP_X_MOZILLA_STATUS | STRIP_X_MOZILLA_STATUS2 |   \
	 STRIP_X_MOZILLA_KEYS)
#define SIX_LINES "A: 1\nA: 2\nA: 3\n 4\n 5\nA: 6\n"

static const struct {
	const char *name, *header;
	bool mozilla_possible;
	enum dialect dialect;
	uint32_t flags, strip;
	const char *keywords; /* joined by blanks */
	enum message_state state;
} rows[] = {
	{ "nothing", "Subject: x\n", false, DIALECT_NONE, 0, 0, "", STATE_WHOLE },
	{ "Status", "A: b\nStatus: RO\nX-Status: AF\n", false, DIALECT_STATUS,
	  FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED, STRIP_STATUS | STRIP_X_STATUS, "",
	  STATE_WHOLE },
	{ "only the first Status", "Status: R\nStatus: D\n", false, DIALECT_STATUS, FLAG_SEEN,
	  STRIP_STATUS, "", STATE_WHOLE },
	{ "keywords", "X-Keywords: a  b   \nX-UID: 7\n", false, DIALECT_STATUS, 0,
	  STRIP_X_KEYWORDS | STRIP_X_UID, "a b", STATE_WHOLE },
	{ "deleted", "Status: ROD\n", false, DIALECT_STATUS, FLAG_SEEN | FLAG_DELETED, STRIP_STATUS,
	  "", STATE_DELETED },
	{ "Mozilla's", MOZ "Subject: x\n", true, DIALECT_MOZILLA,
	  FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED, MOZ_STRIP, "$MDNSent work $label1",
	  STATE_WHOLE },
	{ "Mozilla's beats an alien Status", MOZ "Status: D\n", true, DIALECT_MOZILLA,
	  FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED, MOZ_STRIP, "$MDNSent work $label1",
	  STATE_WHOLE },
	{ "an alien Mozilla set below Received", "Received: x\n" MOZ, false, DIALECT_NONE, 0, 0, "",
	  STATE_WHOLE },
	{ "an alien Mozilla set beside Status", MOZ "Status: R\n", false, DIALECT_STATUS, FLAG_SEEN,
	  STRIP_STATUS, "", STATE_WHOLE },
	{ "Mozilla's alone on top of another From_ line", MOZ "Subject: x\n", false,
	  DIALECT_MOZILLA, FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED, MOZ_STRIP,
	  "$MDNSent work $label1", STATE_WHOLE },
	{ "line 8 still counts", SIX_LINES "A: 7\nX-Mozilla-Status: 0001\n", true, DIALECT_MOZILLA,
	  FLAG_SEEN, STRIP_X_MOZILLA_STATUS, "", STATE_WHOLE },
	{ "line 9 does not", SIX_LINES "A: 7\nA: 8\nX-Mozilla-Status: 0001\n", true, DIALECT_NONE,
	  0, 0, "", STATE_WHOLE },
	{ "only the first Mozilla set", "X-Mozilla-Status: 0001\nX-Mozilla-Status: 0008\n", true,
	  DIALECT_MOZILLA, FLAG_SEEN, STRIP_X_MOZILLA_STATUS, "", STATE_WHOLE },
	{ "expunged", "X-Mozilla-Status: 0009\n", true, DIALECT_MOZILLA, FLAG_SEEN,
	  STRIP_X_MOZILLA_STATUS, "", STATE_DELETED },
	{ "partial", "X-Mozilla-Status: 0400\n", true, DIALECT_MOZILLA, 0, STRIP_X_MOZILLA_STATUS,
	  "", STATE_PARTIAL },
	{ "queued", "X-Mozilla-Status: 0800\n", true, DIALECT_MOZILLA, 0, STRIP_X_MOZILLA_STATUS,
	  "", STATE_OUTBOX },
	{ "feed", "X-Mozilla-Status: 0040\n", true, DIALECT_MOZILLA, 0, STRIP_X_MOZILLA_STATUS, "",
	  STATE_FEED },
	{ "no number", "X-Mozilla-Status: zzzz\n", true, DIALECT_MOZILLA, 0, STRIP_X_MOZILLA_STATUS,
	  "", STATE_WHOLE },
	{ "Evolution's beats Status", "X-Evolution: 00000001-0010\nStatus: D\n", false,
	  DIALECT_EVOLUTION, FLAG_SEEN, STRIP_X_EVOLUTION | STRIP_STATUS, "", STATE_WHOLE },
	{ "a broken X-Evolution is none", "X-Evolution: zz\nStatus: R\n", false, DIALECT_STATUS,
	  FLAG_SEEN, STRIP_STATUS, "", STATE_WHOLE },
};

static void join_keywords(const struct flag_set *set, char *out, size_t size)
{
	out[0] = '\0';
	for (size_t i = 0; i < set->n_keywords; i++) {
		strncat(out, i ? " " : "", size - strlen(out) - 1);
		strncat(out, set->keywords[i], size - strlen(out) - 1);
	}
}

Test(dialect, whose_headers_count)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct arena a = ARENA_INIT(4096);
		struct flag_set flags = { 0 };
		struct dialect_facts facts;
		char keywords[256];

		dialect_read(slice_str(rows[i].header), rows[i].mozilla_possible, &a, &flags,
			     &facts);
		join_keywords(&flags, keywords, sizeof(keywords));
		cr_expect_eq(facts.dialect, rows[i].dialect, "%s: %d", rows[i].name, facts.dialect);
		cr_expect_eq(flags.system, rows[i].flags, "%s: %x", rows[i].name, flags.system);
		cr_expect_eq(facts.strip, rows[i].strip, "%s: %x", rows[i].name, facts.strip);
		cr_expect_str_eq(keywords, rows[i].keywords, "%s", rows[i].name);
		cr_expect_eq(dialect_state(&facts, &flags), rows[i].state, "%s", rows[i].name);
		arena_release(&a);
	}
}

static const struct {
	const char *name, *header;
	bool mozilla_possible, fetched;
	const char *uidl; /* NULL: none */
} uidls[] = {
	{ "Mozilla's", MOZ "Subject: x\n", true, true, "1" },
	{ "alien, below Received", "Received: x\n" MOZ, false, false, NULL },
	{ "without a status", "X-UIDL: 1\n", true, false, NULL },
	{ "beside Status", "X-UIDL: 1\nStatus: RO\n", false, false, NULL },
	{ "below the top", "X-Mozilla-Status: 0001\n" SIX_LINES "A: b\nX-UIDL: 1\n", true, false,
	  NULL },
	{ "no UIDL, but fetched", "X-UIDL: a b\nX-Mozilla-Status: 0001\n", true, true, NULL },
	{ "never fetched", "X-Mozilla-Status: 0001\n", true, false, NULL },
};

Test(dialect, uidls)
{
	for (size_t i = 0; i < sizeof(uidls) / sizeof(uidls[0]); i++) {
		struct arena a = ARENA_INIT(4096);
		struct flag_set flags = { 0 };
		struct dialect_facts f;

		dialect_read(slice_str(uidls[i].header), uidls[i].mozilla_possible, &a, &flags, &f);
		cr_expect_eq(f.pop_fetched, uidls[i].fetched, "%s", uidls[i].name);
		cr_expect(slice_eq(slice_str(f.uidl ? f.uidl : "(none)"),
				   slice_str(uidls[i].uidl ? uidls[i].uidl : "(none)")),
			  "%s: %s", uidls[i].name, f.uidl);
		arena_release(&a);
	}
}

static const struct {
	const char *name, *header;
	bool has_length, behind_uid, by_mutt, imap_base, pseudo;
	uint64_t length;
} lengths[] = {
	{ "Dovecot", "A: b\nX-UID: 1\nStatus: O\nContent-Length: 12\n", true, true, false, false,
	  false, 12 },
	{ "alien before c-client's", "Content-Length: 12\nX-UID: 1\n", true, false, false, false,
	  false, 12 },
	{ "mutt", "A: b\nStatus: RO\nContent-Length: 12\nLines: 1\n", true, false, true, false,
	  false, 12 },
	{ "news", "Lines: 1\nContent-Length: 12\n", true, false, false, false, false, 12 },
	{ "further up", "Content-Length: 12\nLines: 1\nA: b\n", true, false, false, false, false,
	  12 },
	{ "no number", "Content-Length: -1\n", false, false, false, false, false, 0 },
	{ "first message", "X-IMAPbase: 1 2\nStatus: O\n", false, false, false, true, false, 0 },
	{ "pseudo message",
	  "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n", false, false,
	  false, true, true, 0 },
	{ "quoted pseudo message", "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n",
	  false, false, false, false, false, 0 },
};

Test(dialect, lengths)
{
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct arena a = ARENA_INIT(4096);
		struct flag_set flags = { 0 };
		struct dialect_facts f;

		dialect_read(slice_str(lengths[i].header), false, &a, &flags, &f);
		cr_expect_eq(f.has_length, lengths[i].has_length, "%s", lengths[i].name);
		cr_expect(!f.has_length || f.length == lengths[i].length, "%s", lengths[i].name);
		cr_expect_eq(f.length_behind_uid, lengths[i].behind_uid, "%s", lengths[i].name);
		cr_expect_eq(f.length_by_mutt, lengths[i].by_mutt, "%s", lengths[i].name);
		cr_expect_eq(f.has_imap_base, lengths[i].imap_base, "%s", lengths[i].name);
		cr_expect_eq(f.pseudo, lengths[i].pseudo, "%s", lengths[i].name);
		arena_release(&a);
	}
}

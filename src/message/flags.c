/*
 * Flags and keywords, and how the local stores spell them (mail-stores.md 4.2):
 * Status and X-Status (c-client, Dovecot, mutt), X-Mozilla-Status (Thunderbird,
 * nsMsgMessageFlags.idl), X-Evolution (camel-message-info.h), letters in the
 * names of maildir files. Which of them counts in a message is the source's to
 * decide (source/dialect.h).
 */
#include "message/flags.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
	uint32_t bit;
	const char *name;
} names[] = {
	{ FLAG_SEEN, "\\Seen" },       { FLAG_ANSWERED, "\\Answered" },
	{ FLAG_FLAGGED, "\\Flagged" }, { FLAG_DELETED, "\\Deleted" },
	{ FLAG_DRAFT, "\\Draft" },
};

const char *flag_name(uint32_t bit)
{
	for (size_t i = 0; i < COUNT(names); i++)
		if (names[i].bit == bit)
			return names[i].name;
	return NULL;
}

uint32_t flag_from_name(struct slice name)
{
	for (size_t i = 0; i < COUNT(names); i++)
		if (slice_ieq(name, slice_str(names[i].name)))
			return names[i].bit;
	return 0;
}

bool flag_set_add_keyword(struct flag_set *set, struct arena *a, struct slice keyword)
{
	char *copy;

	for (size_t i = 0; i < set->n_keywords; i++)
		if (slice_ieq(slice_str(set->keywords[i]), keyword))
			return true;
	if (set->n_keywords == KEYWORDS_MAX)
		return false;
	copy = arena_slice(a, keyword);
	if (copy == NULL)
		return false;
	set->keywords[set->n_keywords++] = copy;
	return true;
}

/* ---- one letter a flag ---- */

struct letter {
	char letter;
	uint32_t bit;
};

static uint32_t flag_of_letter(const struct letter *table, size_t n, char letter)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].letter == letter)
			return table[i].bit;
	return 0;
}

static uint32_t flags_of_letters(const struct letter *table, size_t n, struct slice letters)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < letters.len; i++)
		flags |= flag_of_letter(table, n, letters.ptr[i]);
	return flags;
}

/* O (not recent) says nothing that a server would take. */
static const struct letter status_letters[] = { { 'R', FLAG_SEEN }, { 'D', FLAG_DELETED } };
static const struct letter x_status_letters[] = {
	{ 'A', FLAG_ANSWERED },
	{ 'F', FLAG_FLAGGED },
	{ 'T', FLAG_DRAFT },
	{ 'D', FLAG_DELETED },
};
static const struct letter maildir_letters[] = {
	{ 'D', FLAG_DRAFT }, { 'F', FLAG_FLAGGED }, { 'R', FLAG_ANSWERED },
	{ 'S', FLAG_SEEN },  { 'T', FLAG_DELETED },
};

uint32_t flags_from_status(struct slice value)
{
	return flags_of_letters(status_letters, COUNT(status_letters), value);
}

uint32_t flags_from_x_status(struct slice value)
{
	return flags_of_letters(x_status_letters, COUNT(x_status_letters), value);
}

void flags_from_maildir(struct flag_set *set, struct arena *a, struct slice letters,
			const char *const dovecot_keywords[26])
{
	for (size_t i = 0; i < letters.len; i++) {
		char c = letters.ptr[i];

		set->system |= flag_of_letter(maildir_letters, COUNT(maildir_letters), c);
		if (c == 'P')
			flag_set_add_keyword(set, a, SLICE_LIT("$Forwarded"));
		if (c >= 'a' && c <= 'z' && dovecot_keywords != NULL &&
		    dovecot_keywords[c - 'a'] != NULL)
			flag_set_add_keyword(set, a, slice_str(dovecot_keywords[c - 'a']));
	}
}

/* ---- one bit a flag ---- */

struct bit {
	uint32_t stored, bit;
};

static const struct bit mozilla_bits[] = {
	{ MOZ_READ, FLAG_SEEN },
	{ MOZ_REPLIED, FLAG_ANSWERED },
	{ MOZ_MARKED, FLAG_FLAGGED },
};
static const struct bit evolution_bits[] = {
	{ 0x0001, FLAG_ANSWERED }, { 0x0002, FLAG_DELETED }, { 0x0004, FLAG_DRAFT },
	{ 0x0008, FLAG_FLAGGED },  { 0x0010, FLAG_SEEN },
};
#define EVOLUTION_JUNK 0x0080

static uint32_t flags_of_bits(const struct bit *table, size_t n, uint32_t stored)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < n; i++)
		if (stored & table[i].stored)
			flags |= table[i].bit;
	return flags;
}

/* Labels 1 to 5 of the time before tags, in three bits; 6 and 7 mean nothing. */
static void add_mozilla_label(struct flag_set *set, struct arena *a, uint32_t status2)
{
	static const char *const labels[8] = { NULL,	  "$label1", "$label2", "$label3",
					       "$label4", "$label5", NULL,	NULL };
	const char *label = labels[(status2 & MOZ2_LABELS) >> 25];

	if (label != NULL)
		flag_set_add_keyword(set, a, slice_str(label));
}

void flags_from_mozilla(struct flag_set *set, struct arena *a, uint32_t status, uint32_t status2)
{
	set->system |= flags_of_bits(mozilla_bits, COUNT(mozilla_bits), status);
	if (status2 & MOZ2_IMAP_DELETED)
		set->system |= FLAG_DELETED;
	if (status & MOZ_FORWARDED)
		flag_set_add_keyword(set, a, SLICE_LIT("$Forwarded"));
	if (status2 & MOZ2_MDN_SENT)
		flag_set_add_keyword(set, a, SLICE_LIT("$MDNSent"));
	add_mozilla_label(set, a, status2);
}

void flags_from_evolution(struct flag_set *set, struct arena *a, uint32_t bits)
{
	set->system |= flags_of_bits(evolution_bits, COUNT(evolution_bits), bits);
	if (bits & EVOLUTION_JUNK)
		flag_set_add_keyword(set, a, SLICE_LIT("Junk"));
}

/* ---- keywords ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t word_length(struct slice s)
{
	size_t n = 0;

	while (n < s.len && !is_blank(s.ptr[n]))
		n++;
	return n;
}

void flags_add_keywords(struct flag_set *set, struct arena *a, struct slice value)
{
	for (value = slice_trim(value); value.len > 0; value = slice_trim(value)) {
		size_t len = word_length(value);

		flag_set_add_keyword(set, a, slice_head(value, len));
		value = slice_from(value, len);
	}
}

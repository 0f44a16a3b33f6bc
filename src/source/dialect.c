/*
 * Which program's metadata headers count: see dialect.h. One walk over the header notes the first
 * field of each name that matters; then the dialect is chosen and only its own fields are used.
 */
#include "source/dialect.h"

#include <string.h>

#include "message/header.h"
#include "message/pop.h"

/* Mozilla writes its five lines on top; a message that once lay in another Mozilla store may bring
 * such lines of its own, further down (mail-stores.md 4.1). */
#define MOZILLA_TOP_LINES 8

static const char pseudo_subject[] = "DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA";

enum field {
	F_STATUS,
	F_X_STATUS,
	F_X_KEYWORDS,
	F_X_UID,
	F_X_IMAP,
	F_X_IMAPBASE,
	F_CONTENT_LENGTH,
	F_LINES,
	F_MOZ_STATUS,
	F_MOZ_STATUS2,
	F_MOZ_KEYS,
	F_ACCOUNT_KEY,
	F_X_UIDL,
	F_EVOLUTION,
	F_EVOLUTION_SOURCE,
	F_SUBJECT,
	F_COUNT
};

static const struct {
	const char *name;
	size_t len;
	uint32_t strip;
} field_names[F_COUNT] = {
#define FIELD(name, strip)                                                                         \
	{                                                                                          \
		name, sizeof(name) - 1, strip                                                      \
	}
	[F_STATUS] = FIELD("Status", STRIP_STATUS),
	[F_X_STATUS] = FIELD("X-Status", STRIP_X_STATUS),
	[F_X_KEYWORDS] = FIELD("X-Keywords", STRIP_X_KEYWORDS),
	[F_X_UID] = FIELD("X-UID", STRIP_X_UID),
	[F_X_IMAP] = FIELD("X-IMAP", STRIP_X_IMAP),
	[F_X_IMAPBASE] = FIELD("X-IMAPbase", STRIP_X_IMAPBASE),
	[F_CONTENT_LENGTH] = FIELD("Content-Length", STRIP_CONTENT_LENGTH),
	[F_LINES] = FIELD("Lines", STRIP_LINES),
	[F_MOZ_STATUS] = FIELD("X-Mozilla-Status", STRIP_X_MOZILLA_STATUS),
	[F_MOZ_STATUS2] = FIELD("X-Mozilla-Status2", STRIP_X_MOZILLA_STATUS2),
	[F_MOZ_KEYS] = FIELD("X-Mozilla-Keys", STRIP_X_MOZILLA_KEYS),
	[F_ACCOUNT_KEY] = FIELD("X-Account-Key", STRIP_X_ACCOUNT_KEY),
	[F_X_UIDL] = FIELD("X-UIDL", STRIP_X_UIDL),
	[F_EVOLUTION] = FIELD("X-Evolution", STRIP_X_EVOLUTION),
	[F_EVOLUTION_SOURCE] = FIELD("X-Evolution-Source", STRIP_X_EVOLUTION_SOURCE),
	[F_SUBJECT] = FIELD("Subject", 0),
#undef FIELD
};

/* The first field of each name. */
struct found {
	uint32_t n_fields;
	bool there[F_COUNT];
	uint32_t index[F_COUNT]; /* number of the field in the header */
	uint32_t line[F_COUNT];	 /* line at which it begins, from 0 */
	struct slice value[F_COUNT];
};

/* Most fields of real mail are none of these, and their first letters tell. */
static bool may_matter(struct slice field)
{
	char first = (char)(field.ptr[0] | 0x20);

	if (first == 's' || first == 'c' || first == 'l')
		return true;
	return first == 'x' && field.len > 2 && memchr("aeikmsu", field.ptr[2] | 0x20, 7);
}

static enum field field_of(struct slice name)
{
	for (int i = 0; i < F_COUNT; i++)
		if (field_names[i].len == name.len &&
		    slice_ieq(name, slice_of(field_names[i].name, field_names[i].len)))
			return (enum field)i;
	return F_COUNT;
}

static uint32_t count_lines(struct slice whole)
{
	uint32_t n = 0;

	for (const char *p = whole.ptr, *end = p + whole.len;
	     p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
		n++;
	return n;
}

/* Pass over a field and its folded lines without looking at it. Returns its lines. */
static uint32_t skip_field(struct slice *rest)
{
	uint32_t n = 0;

	do {
		ptrdiff_t lf = slice_find(*rest, '\n');

		*rest = slice_from(*rest, lf < 0 ? rest->len : (size_t)lf + 1);
		n++;
	} while (rest->len > 0 && (rest->ptr[0] == ' ' || rest->ptr[0] == '\t'));
	return n;
}

static void note_field(struct found *f, const struct header_field *field, uint32_t line)
{
	enum field i = field_of(field->name);

	if (i == F_COUNT || f->there[i])
		return;
	f->there[i] = true;
	f->index[i] = f->n_fields;
	f->line[i] = line;
	f->value[i] = slice_trim(field->value);
}

static void walk(struct slice header, struct found *f)
{
	struct header_field field;
	uint32_t line = 0;

	memset(f, 0, sizeof(*f));
	for (; header.len > 0; f->n_fields++) {
		char first = header.ptr[0];

		if (first != '\r' && first != '\n' && !may_matter(header)) {
			line += skip_field(&header);
			continue;
		}
		if (header_next(&header, &field) == 0)
			break; /* the empty line */
		note_field(f, &field, line);
		line += line < MOZILLA_TOP_LINES ? count_lines(field.whole) : 0;
	}
}

/* ---- Mozilla ---- */

static const enum field mozilla_fields[] = { F_ACCOUNT_KEY, F_X_UIDL, F_MOZ_STATUS, F_MOZ_STATUS2,
					     F_MOZ_KEYS };

static bool mozilla_on_top(const struct found *f, enum field i)
{
	return f->there[i] && f->line[i] < MOZILLA_TOP_LINES;
}

/* Nothing but Mozilla's own fields above X-Mozilla-Status, and nobody else's there. */
static bool mozilla_alone(const struct found *f)
{
	uint32_t above = 0;

	if (!f->there[F_MOZ_STATUS] || f->there[F_STATUS] || f->there[F_X_STATUS] ||
	    f->there[F_X_KEYWORDS] || f->there[F_X_UID] || f->there[F_EVOLUTION])
		return false;
	for (size_t i = 0; i < sizeof(mozilla_fields) / sizeof(mozilla_fields[0]); i++)
		above += f->there[mozilla_fields[i]] &&
			 f->index[mozilla_fields[i]] < f->index[F_MOZ_STATUS];
	return above == f->index[F_MOZ_STATUS];
}

static bool hex_word(struct slice value, uint32_t *out)
{
	uint64_t n;

	if (!slice_hex64(value, &n) || n > UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

static void read_mozilla(const struct found *f, struct arena *a, struct flag_set *flags,
			 struct dialect_facts *out)
{
	uint32_t status = 0, status2 = 0;

	out->dialect = DIALECT_MOZILLA;
	hex_word(f->value[F_MOZ_STATUS], &status);
	if (mozilla_on_top(f, F_MOZ_STATUS2))
		hex_word(f->value[F_MOZ_STATUS2], &status2);
	flags_from_mozilla(flags, a, status, status2);
	if (mozilla_on_top(f, F_MOZ_KEYS))
		flags_add_keywords(flags, a, f->value[F_MOZ_KEYS]);
	out->expunged = status & MOZ_EXPUNGED;
	out->partial = status & MOZ_PARTIAL;
	out->queued = status & MOZ_QUEUED;
	out->feed = status & MOZ_FEED;
	for (size_t i = 0; i < sizeof(mozilla_fields) / sizeof(mozilla_fields[0]); i++)
		if (mozilla_on_top(f, mozilla_fields[i]))
			out->strip |= field_names[mozilla_fields[i]].strip;
	if (mozilla_on_top(f, F_X_UIDL)) {
		out->pop_fetched = true;
		/* Without memory it is as if it were not there: nothing else depends on it. */
		out->uidl = uidl_ok(f->value[F_X_UIDL]) ? arena_slice(a, f->value[F_X_UIDL]) : NULL;
	}
}

/* ---- Evolution, and all others ---- */

/* The flags half of "UUUUUUUU-FFFF". */
static bool evolution_flags(struct slice value, uint32_t *out)
{
	struct slice rest = value, uid = slice_cut(&rest, '-');
	uint64_t n;

	return slice_hex64(uid, &n) && hex_word(slice_trim(rest), out);
}

static void strip_those_there(const struct found *f, uint32_t own, struct dialect_facts *out)
{
	for (int i = 0; i < F_COUNT; i++)
		if (f->there[i])
			out->strip |= field_names[i].strip & own;
}

static void read_status(const struct found *f, struct arena *a, struct flag_set *flags,
			struct dialect_facts *out)
{
	strip_those_there(f, STRIP_MBOX, out);
	out->dialect = out->strip ? DIALECT_STATUS : DIALECT_NONE;
	if (f->there[F_STATUS])
		flags->system |= flags_from_status(f->value[F_STATUS]);
	if (f->there[F_X_STATUS])
		flags->system |= flags_from_x_status(f->value[F_X_STATUS]);
	if (f->there[F_X_KEYWORDS])
		flags_add_keywords(flags, a, f->value[F_X_KEYWORDS]);
	out->has_uid = f->there[F_X_UID];
	out->has_imap_base = f->there[F_X_IMAP] || f->there[F_X_IMAPBASE];
	out->pseudo = out->has_imap_base && f->there[F_SUBJECT] &&
		      slice_eq(f->value[F_SUBJECT], slice_str(pseudo_subject));
}

void dialect_read(struct slice header, bool mozilla_possible, struct arena *a,
		  struct flag_set *flags, struct dialect_facts *out)
{
	struct found f;
	uint32_t bits;

	walk(header, &f);
	memset(out, 0, sizeof(*out));
	out->has_length =
		f.there[F_CONTENT_LENGTH] && slice_u64(f.value[F_CONTENT_LENGTH], &out->length);
	out->length_by_mutt = out->has_length && f.there[F_LINES] &&
			      f.index[F_CONTENT_LENGTH] + 2 == f.n_fields &&
			      f.index[F_LINES] + 1 == f.n_fields;
	out->length_behind_uid =
		out->has_length && f.there[F_X_UID] && f.index[F_CONTENT_LENGTH] > f.index[F_X_UID];
	if ((mozilla_possible && mozilla_on_top(&f, F_MOZ_STATUS)) || mozilla_alone(&f)) {
		read_mozilla(&f, a, flags, out);
	} else if (f.there[F_EVOLUTION] && evolution_flags(f.value[F_EVOLUTION], &bits)) {
		/* Evolution can keep Status beside its own line: ours to remove, not to believe. */
		out->dialect = DIALECT_EVOLUTION;
		flags_from_evolution(flags, a, bits);
		strip_those_there(&f, STRIP_EVOLUTION | STRIP_MBOX, out);
	} else {
		read_status(&f, a, flags, out);
	}
	out->dropped_keywords = flags->n_keywords == KEYWORDS_MAX;
}

enum message_state dialect_state(const struct dialect_facts *facts, const struct flag_set *flags)
{
	if (facts->expunged || (flags->system & FLAG_DELETED))
		return STATE_DELETED;
	if (facts->queued)
		return STATE_OUTBOX;
	if (facts->feed)
		return STATE_FEED;
	return facts->partial ? STATE_PARTIAL : STATE_WHOLE;
}

/*
 * The state of an MH folder: see mh_state.h. .mh_sequences has lines "unseen: 3 7 9-12", folded
 * like header fields (mh-sequence(5)); .sylpheed_mark is a word 2 and pairs of words (number,
 * flags) in the byte order of the machine (mail-stores.md 4.2).
 */
#include "source/mh_state.h"

#include <stdlib.h>
#include <string.h>

#include "message/flags.h"
#include "message/header.h"

#define MARK_VERSION 2
#define WORD_LEN     4

enum {
	MARK_NEW = 1,
	MARK_UNREAD = 2,
	MARK_MARKED = 4,
	MARK_DELETED = 8,
	MARK_REPLIED = 16,
	MARK_FORWARDED = 32,
};

/* ---- .mh_sequences ---- */

static int add_range(struct mh_sequence *q, uint32_t first, uint32_t last, struct err *err)
{
	if (q->n == q->cap) {
		size_t cap = q->cap ? 2 * q->cap : 16;
		struct mh_range *ranges = realloc(q->ranges, cap * sizeof(*ranges));

		if (!ranges)
			return err_nomem(err);
		q->ranges = ranges;
		q->cap = cap;
	}
	q->ranges[q->n++] = (struct mh_range){ first, last };
	return 0;
}

/* "7" or "9-12" */
static bool parse_range(struct slice word, uint32_t *first, uint32_t *last)
{
	uint64_t a, b;

	if (!slice_u64(slice_cut(&word, '-'), &a))
		return false;
	if (word.len == 0)
		b = a;
	else if (!slice_u64(word, &b))
		return false;
	if (a > b || b > UINT32_MAX)
		return false;
	*first = (uint32_t)a;
	*last = (uint32_t)b;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool next_word(struct slice *rest, struct slice *word)
{
	size_t n = 0;

	*rest = slice_trim(*rest);
	while (n < rest->len && !is_blank(rest->ptr[n]))
		n++;
	*word = slice_head(*rest, n);
	*rest = slice_from(*rest, n);
	return n > 0;
}

static int add_sequence(struct mh_sequence *q, struct slice value, struct err *err)
{
	struct slice word;
	uint32_t first, last;

	while (next_word(&value, &word))
		if (parse_range(word, &first, &last) && add_range(q, first, last, err) != 0)
			return -1;
	return 0;
}

static int by_first(const void *a, const void *b)
{
	const struct mh_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Sort, and make the ranges disjoint, so that one look at the nearest is enough. */
static void tidy(struct mh_sequence *q)
{
	size_t kept = 0;

	if (q->n == 0)
		return;
	qsort(q->ranges, q->n, sizeof(q->ranges[0]), by_first);
	for (size_t i = 1; i < q->n; i++) {
		if (q->ranges[i].first > q->ranges[kept].last)
			q->ranges[++kept] = q->ranges[i];
		else if (q->ranges[i].last > q->ranges[kept].last)
			q->ranges[kept].last = q->ranges[i].last;
	}
	q->n = kept + 1;
}

int mh_state_add_sequences(struct mh_state *s, struct slice text, struct err *err)
{
	struct {
		struct slice name;
		struct mh_sequence *sequence;
	} known[] = {
		{ SLICE_LIT("unseen"), &s->unseen },
		{ SLICE_LIT("flagged"), &s->flagged },
		{ SLICE_LIT("replied"), &s->replied },
	};
	const size_t n_known = sizeof(known) / sizeof(known[0]);
	struct header_field field;

	while (text.len > 0) {
		if (!header_next(&text, &field))
			continue; /* an empty line ends nothing here */
		for (size_t i = 0; i < n_known; i++)
			if (slice_eq(field.name, known[i].name) &&
			    add_sequence(known[i].sequence, field.value, err) != 0)
				return -1;
	}
	for (size_t i = 0; i < n_known; i++)
		tidy(known[i].sequence);
	return 0;
}

static bool has(const struct mh_sequence *q, uint32_t number)
{
	size_t low = 0, high = q->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (q->ranges[mid].last < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < q->n && q->ranges[low].first <= number;
}

/* ---- .sylpheed_mark ---- */

static uint32_t word_at(struct slice bytes, size_t at, bool big_endian)
{
	const uint8_t *p = (const uint8_t *)bytes.ptr + at;

	if (big_endian)
		return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* Sylpheed appends changes to the file: the later mark comes behind the earlier. */
static int by_number(const void *a, const void *b)
{
	const struct mh_mark *x = a, *y = b;

	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void sort_marks(struct mh_state *s)
{
	bool sorted = true;

	for (size_t i = 1; i < s->n_marks; i++)
		sorted &= s->marks[i - 1].number <= s->marks[i].number;
	if (!sorted)
		qsort(s->marks, s->n_marks, sizeof(s->marks[0]), by_number);
}

int mh_state_add_marks(struct mh_state *s, struct slice bytes, bool *valid, struct err *err)
{
	bool big_endian = false;
	size_t n;

	*valid = false;
	if (bytes.len < WORD_LEN)
		return 0;
	if (word_at(bytes, 0, false) != MARK_VERSION) {
		big_endian = true;
		if (word_at(bytes, 0, true) != MARK_VERSION)
			return 0;
	}
	bytes = slice_from(bytes, WORD_LEN);
	n = bytes.len / (2 * WORD_LEN);
	s->marks = calloc(n ? n : 1, sizeof(*s->marks));
	if (!s->marks)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		s->marks[i].number = word_at(bytes, 2 * WORD_LEN * i, big_endian);
		s->marks[i].flags = word_at(bytes, 2 * WORD_LEN * i + WORD_LEN, big_endian);
		s->marks[i].order = (uint32_t)i;
	}
	s->n_marks = n;
	s->has_marks = *valid = true;
	sort_marks(s);
	return 0;
}

/* The last mark of that number, or NULL. */
static const struct mh_mark *mark_of(const struct mh_state *s, uint32_t number)
{
	size_t low = 0, high = s->n_marks;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->marks[mid].number <= number)
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 && s->marks[low - 1].number == number ? &s->marks[low - 1] : NULL;
}

/* Sylpheed takes a message that it has no mark for as new. */
static uint32_t flags_of_mark(const struct mh_mark *mark, bool *forwarded)
{
	uint32_t flags = 0;

	if (!mark)
		return 0;
	if (!(mark->flags & (MARK_NEW | MARK_UNREAD)))
		flags |= FLAG_SEEN;
	if (mark->flags & MARK_MARKED)
		flags |= FLAG_FLAGGED;
	if (mark->flags & MARK_DELETED)
		flags |= FLAG_DELETED;
	if (mark->flags & MARK_REPLIED)
		flags |= FLAG_ANSWERED;
	*forwarded = mark->flags & MARK_FORWARDED;
	return flags;
}

/* ---- both ---- */

uint32_t mh_state_flags(const struct mh_state *s, uint32_t number, bool *forwarded)
{
	uint32_t flags = 0;

	*forwarded = false;
	if (s->has_marks)
		return flags_of_mark(mark_of(s, number), forwarded);
	if (!has(&s->unseen, number))
		flags |= FLAG_SEEN;
	if (has(&s->flagged, number))
		flags |= FLAG_FLAGGED;
	if (has(&s->replied, number))
		flags |= FLAG_ANSWERED;
	return flags;
}

void mh_state_release(struct mh_state *s)
{
	free(s->unseen.ranges);
	free(s->flagged.ranges);
	free(s->replied.ranges);
	free(s->marks);
	*s = (struct mh_state)MH_STATE_INIT;
}

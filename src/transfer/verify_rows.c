/*
 * An upload against the row that the index has of it: is it there, with its size,
 * date, flags and header fields?
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "journal/lookup.h"
#include "transfer/verify_work.h"

void verify_finding(struct checked *c, enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->finding, sizeof(c->finding), fmt, ap);
	va_end(ap);
	c->verdict = verdict;
}

static bool has_keyword(const char *joined, const char *keyword)
{
	struct slice rest = slice_str(joined), want = slice_str(keyword);

	while (rest.len > 0) {
		if (slice_ieq(slice_cut(&rest, ' '), want))
			return true;
	}
	return false;
}

/* Flags and date: only of what we ourselves put there a moment ago. */
static int check_attributes(struct verifying *v, struct checked *c, const struct remote_row *row,
			    struct err *err)
{
	const struct upload *u = c->u;

	if (row->internaldate != u->internaldate) {
		CLEANUP(buf_release) struct buf text = BUF_INIT(200);

		buf_adds(&text, "date is ");
		time_add_rfc3339(&text, row->internaldate);
		buf_adds(&text, ", should be ");
		time_add_rfc3339(&text, u->internaldate);
		const char *s = row->internaldate == TIME_NONE ? NULL : buf_cstr(&text);

		verify_finding(c, CHECK_DIFFERS, "%s", s ? s : "the server gives no date");
		c->date = true;
	} else if (verify_flags(v, c, row->flags & FLAG_ALL, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < u->flags.n_keywords; i++) {
		if (!has_keyword(row->keywords, u->flags.keywords[i])) {
			v->keywords_missing++;
			break;
		}
	}
	return 0;
}

static bool same_keys(const struct match_keys *a, const struct match_keys *b)
{
	return a->has_id == b->has_id && memcmp(a->fields, b->fields, KEY_LEN) == 0;
}

/* The server has the original of a message that is here only in pieces: other octets. */
static bool is_original(const struct upload *u)
{
	return u->rebuilt && !u->ours;
}

/* An equal size proves little where octets may have been replaced: those are looked at. */
static bool must_look(const struct verifying *v, const struct upload *u,
		      const struct remote_row *row)
{
	if (u->method != METHOD_APPEND && u->partial) /* there is nothing here to compare it with */
		return false;
	if (is_original(u))
		return false;
	if (v->level == VERIFY_FULL)
		return true;
	if (v->present) /* matched: the bodies have been compared */
		return false;
	return row->size != u->wire_len || u->nul_count > 0;
}

/* A server that keeps one message of each Message-ID may have had one before we sent ours. */
bool verify_may_be_twin(const struct verifying *v, const struct checked *c)
{
	return !v->present && c->u->has_keys && session_profile(v->t->session)->one_per_id;
}

/* The message of the folder that has the same Message-ID, whoever put it there: 1, 0, -1. */
static int find_twin(struct verifying *v, struct checked *c, uint32_t *uid, struct err *err)
{
	const struct remote_wanted wanted = {
		.by = WANTED_BY_ID,
		.folder = v->folder.id,
		.first_uid = 1,
		.keys = &c->u->keys,
	};

	if (!verify_may_be_twin(v, c) || !c->u->keys.has_id)
		return 0;
	return journal_remote_unclaimed(v->t->journal, &wanted, uid, err);
}

int verify_row(struct verifying *v, struct checked *c, struct err *err)
{
	struct remote_row row;
	int got = c->u->uid == 0 ? 0
				 : journal_remote_get(v->t->journal, v->folder.id, c->u->uid,
						      &v->find_arena, &row, err);

	if (got == 0) {
		got = find_twin(v, c, &c->u->uid, err);
		if (got > 0) {
			c->verdict = CHECK_LOOK;
			c->whole = true;
			return 0;
		}
	}
	if (got < 0)
		return -1;
	if (got == 0) {
		if (!verify_may_be_twin(v, c) || (c->u->earlier && c->u->uid > 0))
			return verify_absent(v, c, err);
		verify_finding(c, CHECK_TWIN,
			       "acknowledged, but not there: the server keeps one message of each "
			       "Message-ID");
		return 0;
	}
	c->verdict = CHECK_SAME;
	c->whole = c->u->ours || (c->u->repairs & NOTE_NO_HEADER);
	c->mended = c->u->mended;
	if (!v->present && check_attributes(v, c, &row, err) < 0)
		return -1;
	if (c->verdict == CHECK_DIFFERS && verify_may_be_twin(v, c)) {
		v->had_already++; /* with the flags and the date that it has: look at its text */
		c->verdict = CHECK_LOOK;
		return 0;
	}
	if (c->verdict == CHECK_SAME &&
	    (must_look(v, c->u, &row) ||
	     (v->level >= VERIFY_HEADER && !v->present && !is_original(c->u) &&
	      !same_keys(&row.keys, &c->u->keys))))
		c->verdict = CHECK_LOOK;
	return 0;
}

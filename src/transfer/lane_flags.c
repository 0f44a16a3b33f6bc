/*
 * The flags of a batch: keywords that the folder does not keep are left out.
 */
#include "transfer/lane.h"

#include <strings.h>

void lane_note_keywords(struct lane *l, const struct selected *sel)
{
	l->keywords_allowed = sel->keywords_allowed;
	l->keywords = arena_alloc(&l->keyword_arena, (sel->n_keywords + 1) * sizeof(*l->keywords));
	for (size_t i = 0; l->keywords && i < sel->n_keywords; i++)
		l->keywords[i] = arena_str(&l->keyword_arena, sel->keywords[i]);
	l->n_keywords = l->keywords ? sel->n_keywords : 0;
	l->keywords_known = true;
}

/* Which keywords may be stored here: asked once, when the first message has one. */
static int learn_keywords(struct lane *l, struct err *err)
{
	struct selected sel;

	if (session_select(l->t->session, l->target.wire_name, &sel, err) < 0) {
		/* A folder that one may put mail into, but not open (RFC 4314 "i" without "r"). */
		l->keywords_known = err->code == ERR_REFUSED && !session_is_dead(l->t->session);
		return l->keywords_known ? 0 : -1;
	}
	lane_note_keywords(l, &sel);
	return session_unselect(l->t->session, err);
}

static bool keyword_kept(const struct lane *l, const char *keyword)
{
	if (!session_keyword_ok(keyword))
		return false;
	/* Those of RFC 5788 are known to servers that keep no others. */
	if (session_profile(l->t->session)->no_keywords && keyword[0] != '$')
		return false;
	if (l->keywords_allowed)
		return true;
	for (size_t i = 0; i < l->n_keywords; i++) {
		if (l->keywords[i] && strcasecmp(l->keywords[i], keyword) == 0)
			return true;
	}
	return false;
}

/* Leave out what the server does not keep. */
static int drop_keywords(struct lane *l, struct upload *u, bool all, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < u->flags.n_keywords; i++) {
		if (!all && keyword_kept(l, u->flags.keywords[i]))
			u->flags.keywords[kept++] = u->flags.keywords[i];
	}
	if (kept == u->flags.n_keywords)
		return 0;
	u->flags.n_keywords = kept;
	l->t->tally.flags_dropped++;
	if (l->keywords_noted)
		return 0;
	l->keywords_noted = true;
	progress_note(l->t->progress, "'%s': the server does not keep some keywords here; left out",
		      l->target.name);
	return transfer_notice(l->t, 0, "keywords-dropped", 1, l->target.name,
			       "the server does not keep all keywords in this folder", err);
}

int lane_prepare_flags(struct lane *l, struct batch *b, struct err *err)
{
	struct upload *u = &b->chunk->uploads[b->first];
	bool any = false;

	for (size_t i = 0; i < b->n; i++)
		any = any || u[i].flags.n_keywords > 0;
	if (!any)
		return 0;
	if (!l->keywords_known && learn_keywords(l, err) < 0)
		return -1;
	for (size_t i = 0; i < b->n; i++) {
		if (drop_keywords(l, &u[i], b->plain_flags, err) < 0)
			return -1;
	}
	return 0;
}

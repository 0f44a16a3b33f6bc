/*
 * Is that message of the server the one we sent? Keys and sizes can be those of
 * another message, so in doubt the octets decide: the server's are fetched and
 * compared with the local ones as they come. A difference counts only if the local
 * message still is the one that was sent; a source that has changed since knows
 * nothing about it.
 */
#include <stdlib.h>

#include "base/stop.h"
#include "transfer/content.h"
#include "transfer/internal.h"
#include "transfer/outgoing.h"

#define FIND_ARENA_MAX (1u << 20)

struct judge {
	struct transfer *t;
	const struct remote_folder *folder;
	struct canon *canon;
	struct outgoing *outgoing;
	struct arena arena;
	bool examined;
};

struct judge *judge_new(struct transfer *t, const struct remote_folder *folder, struct err *err)
{
	struct judge *j = calloc(1, sizeof(*j));

	if (!j) {
		err_nomem(err);
		return NULL;
	}
	j->t = t;
	j->folder = folder;
	j->arena = (struct arena)ARENA_INIT(FIND_ARENA_MAX);
	j->canon = canon_new();
	j->outgoing = outgoing_new(err);
	if (j->canon && j->outgoing)
		return j;
	judge_free(j);
	err_nomem(err);
	return NULL;
}

void judge_free(struct judge *j)
{
	if (!j)
		return;
	canon_free(j->canon);
	outgoing_free(j->outgoing);
	arena_release(&j->arena);
	free(j);
}

static int examine(struct judge *j, struct err *err)
{
	struct selected sel;

	if (j->examined)
		return 0;
	if (session_examine(j->t->session, j->folder->wire_name, &sel, err) < 0)
		return -1;
	if (sel.uidvalidity != j->folder->uidvalidity)
		return err_set(err, ERR_TEMPFAIL, SCOPE_ACCOUNT, RETRY_LATER,
			       "'%s' was made anew while it was looked at; run it again later",
			       j->folder->name);
	j->examined = true;
	return 0;
}

/* The local message is still the one that was sent: 1, 0, -1. */
static int is_unchanged(struct judge *j, const struct upload *u, struct err *err)
{
	struct err cause = ERR_INIT;
	struct slice bytes;
	int got = outgoing_open(j->outgoing, j->t->sources, u, &cause);

	if (got == 0) {
		while ((got = outgoing_next(j->outgoing, SIZE_MAX, &bytes, &cause)) > 0)
			;
	}
	outgoing_close(j->outgoing);
	if (got == 0)
		return 1;
	if (cause.scope == SCOPE_MESSAGE)
		return 0;
	*err = cause;
	return -1;
}

/* The answer that has begun. */
static int hear(struct judge *j, const struct upload *u, bool whole, enum judgement *out,
		struct err *err)
{
	struct err cause = ERR_INIT;
	struct content content;
	struct content_wanted wanted = { .kind = u->kind,
					 .source = u->source,
					 .locator = u->locator,
					 .header = whole,
					 .mended = u->mended,
					 .skip = whole ? 0 : u->header_len };
	bool same = false;
	int got;

	arena_reset(&j->arena);
	got = content_receive(&content, j->t->session, j->t->sources, j->canon, &j->arena, &wanted,
			      &same, &cause, err);
	if (got < 0)
		return -1;
	*out = got == 0 ? JUDGED_UNKNOWN : same ? JUDGED_SAME : JUDGED_OTHER;
	return 0;
}

/* All the server says about it. */
static int listen_to(struct judge *j, const struct upload *u, uint32_t uid, bool whole,
		     enum judgement *out, struct err *err)
{
	struct fetch_chunk chunk;
	int got;

	if (session_fetch_start(j->t->session, &uid, 1, whole ? "" : "TEXT", 0, err) < 0)
		return -1;
	while ((got = session_fetch_next(j->t->session, &chunk, err)) > 0) {
		if (chunk.kind == CHUNK_BEGIN && hear(j, u, whole, out, err) < 0)
			return -1;
	}
	return got;
}

int judge_by_server(void *judge, const struct upload *u, uint32_t uid, bool whole,
		    enum judgement *out, struct err *err)
{
	struct judge *j = judge;
	struct err cause = ERR_INIT;
	int got;

	/* What the server copied may have another header than the local message. */
	whole = (whole && u->method == METHOD_APPEND) || (u->repairs & NOTE_NO_HEADER) || u->mended;
	if (stop_check(err) < 0 || examine(j, err) < 0)
		return -1;
	*out = JUDGED_UNKNOWN;
	if (listen_to(j, u, uid, whole, out, &cause) < 0) {
		if (transfer_folder_shut(&cause) && !session_is_dead(j->t->session))
			return 0; /* the server does not give it out */
		*err = cause;
		return -1;
	}
	if (*out != JUDGED_OTHER || u->method != METHOD_APPEND)
		return 0;
	got = is_unchanged(j, u, err);
	if (got == 0)
		*out = JUDGED_UNKNOWN;
	return got < 0 ? -1 : 0;
}

/*
 * Talking with a worker that reads a PST. See pst_reader.h.
 */
#include "source/pst_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS_MAX   ((size_t)32 << 20) /* 65,536 pairs of usual length, ten times over */
#define EVENT_ARENA ((size_t)1 << 20)  /* texts of one event while opening */

void pst_known_init(struct pst_known *k)
{
	*k = (struct pst_known){ .fd = -1, .patience = PST_PATIENCE, .pairs = BUF_INIT(PAIRS_MAX) };
}

void pst_known_release(struct pst_known *k)
{
	free(k->skips);
	buf_release(&k->pairs);
	k->skips = NULL;
	k->n_skips = 0;
}

const char *pst_known_skip(const struct pst_known *k, enum pst_stage stage, uint32_t nid)
{
	for (size_t i = 0; i < k->n_skips; i++)
		if (k->skips[i].stage == (uint32_t)stage && k->skips[i].nid == nid)
			return k->skips[i].why;
	return NULL;
}

bool pst_reader_runs(const struct pst_reader *r)
{
	return pst_child_runs(&r->child);
}

void pst_reader_close(struct pst_reader *r)
{
	pst_child_end(&r->child, NULL, NULL);
}

/* ---- deaths ---- */

/* What stopped us and not the worker. */
static bool is_ours(const struct err *err)
{
	return err->code == ERR_INTERRUPTED || err->code == ERR_NOMEM;
}

static int dead(struct pst_reader *r, struct err *err)
{
	if (is_ours(err))
		return -1;
	pst_child_end(&r->child, err, &r->death);
	r->known->deaths++;
	return err_set(err, ERR_EOF, SCOPE_SOURCE, RETRY_NOW, "the process that reads it %s",
		       r->death.why);
}

int pst_reader_disorder(struct pst_reader *r, struct err *err)
{
	err_set(err, ERR_FORMAT, SCOPE_SOURCE, RETRY_NOW, "spoke out of turn");
	return dead(r, err);
}

static bool add_skip(struct pst_known *k, const struct pst_death *d)
{
	struct pst_skip *skip;

	if (!k->skips)
		k->skips = calloc(PST_DEATHS_MAX, sizeof(*k->skips));
	if (!k->skips)
		return false;
	skip = &k->skips[k->n_skips++];
	skip->stage = d->stage;
	skip->nid = d->item;
	snprintf(skip->why, sizeof(skip->why), "%.*s", WORKER_WHY_MAX - 1, d->why);
	return true;
}

bool pst_reader_blame(struct pst_reader *r)
{
	struct pst_known *k = r->known;
	const struct pst_death *d = &r->death;

	if (d->item == 0 || (d->stage != PST_STAGE_ITEM && d->stage != PST_STAGE_LEARN) ||
	    pst_known_skip(k, (enum pst_stage)d->stage, d->item) || k->deaths >= PST_DEATHS_MAX)
		return false;
	if (k->suspect_stage == d->stage && k->suspect_nid == d->item)
		return add_skip(k, d);
	k->suspect_stage = d->stage;
	k->suspect_nid = d->item;
	return true;
}

/* ---- events ---- */

/* The worker has learned an address: the next one need not. */
static int keep_pair(struct pst_reader *r, struct slice payload, struct err *err)
{
	struct buf *pairs = &r->known->pairs;
	uint32_t len = (uint32_t)payload.len;

	if (r->known->learned)
		return 0;
	if (pairs->len + sizeof(len) + len > pairs->limit) {
		r->known->too_many_pairs = true; /* the next one learns it again */
		return 0;
	}
	buf_add(pairs, &len, sizeof(len));
	buf_add_slice(pairs, payload);
	return buf_ok(pairs, "the addresses of the store", err);
}

/* A worker that talks without end would never be silent for long, and never be found out. */
static bool is_flood(struct pst_reader *r, const struct pst_event *e)
{
	switch (e->type) {
	case PST_DAMAGE:
		return r->asides++ >= PST_ASIDES_MAX;
	case PST_PAIR:
		return r->pairs++ >= PST_PAIRS_MAX;
	case PST_DATA:
		return e->data.len == 0;
	case PST_ALIVE:
		return e->nid <= r->alive;
	case PST_FOLDER:
		r->asides = 0;
		return r->folders++ >= PST_FOLDERS_MAX;
	default:
		r->asides = 0;
		return false;
	}
}

int pst_reader_event(struct pst_reader *r, struct arena *a, struct pst_event *out, struct err *err)
{
	struct frame frame;

	for (;;) {
		if (pst_child_next(&r->child, &frame, err) < 0 ||
		    pst_event_read(&frame, a, out, err) != 0)
			return dead(r, err);
		if (is_flood(r, out))
			return pst_reader_disorder(r, err);
		switch (out->type) {
		case PST_PAIR:
			if (keep_pair(r, frame.payload, err) != 0)
				return dead(r, err);
			break;
		case PST_ALIVE:
			r->alive = out->nid;
			break;
		case PST_AGAIN: /* learning has come to its end */
			if (r->again)
				return pst_reader_disorder(r, err);
			r->again = true;
			r->known->learned = !r->known->too_many_pairs;
			return 1;
		default:
			return 1;
		}
	}
}

int pst_reader_command(struct pst_reader *r, enum pst_frame command, uint32_t nid, enum role role,
		       struct err *err)
{
	struct frame_out *out = &r->child.out;

	frame_begin(out, (uint8_t)command);
	if (command != PST_NEXT_FOLDER)
		frame_put_u32(out, nid);
	if (command == PST_ITEMS || command == PST_FETCH)
		frame_put_u32(out, role);
	if (frame_end(out, err) != 0 || pst_child_send(&r->child, err) != 0)
		return dead(r, err);
	return 0;
}

/* ---- opening ---- */

static int tell_skips(struct pst_reader *r, struct err *err)
{
	struct frame_out *out = &r->child.out;

	for (size_t i = 0; i < r->known->n_skips; i++) {
		frame_begin(out, PST_SKIP);
		frame_put_u32(out, r->known->skips[i].stage);
		frame_put_u32(out, r->known->skips[i].nid);
		if (frame_end(out, err) != 0)
			return -1;
	}
	return 0;
}

static int tell_map(struct pst_reader *r, struct err *err)
{
	for (struct slice rest = r->known->map; rest.len > 0;) {
		struct slice piece = slice_head(rest, PST_DATA_MAX);

		frame_begin(&r->child.out, PST_MAP);
		frame_put_raw(&r->child.out, piece.ptr, piece.len);
		if (frame_end(&r->child.out, err) != 0)
			return -1;
		rest = slice_from(rest, piece.len);
	}
	return 0;
}

static int tell_pairs(struct pst_reader *r, struct err *err)
{
	const struct buf *pairs = &r->known->pairs;

	for (size_t at = 0; at < pairs->len;) {
		uint32_t len;

		memcpy(&len, pairs->ptr + at, sizeof(len));
		at += sizeof(len);
		frame_begin(&r->child.out, PST_PAIR);
		frame_put_raw(&r->child.out, pairs->ptr + at, len);
		if (frame_end(&r->child.out, err) != 0)
			return -1;
		at += len;
	}
	return 0;
}

static int tell_all(struct pst_reader *r, struct err *err)
{
	struct pst_known *k = r->known;

	if (tell_skips(r, err) != 0 || tell_map(r, err) != 0 || tell_pairs(r, err) != 0)
		return -1;
	frame_begin(&r->child.out, PST_OPEN);
	frame_put_u32(&r->child.out, k->wishes | (k->learned ? PST_WISH_LEARNED : 0));
	if (frame_end(&r->child.out, err) != 0)
		return -1;
	return pst_child_send(&r->child, err);
}

static int refused(struct pst_reader *r, const struct pst_event *e, struct err *err)
{
	pst_reader_close(r);
	*err = e->error;
	err->scope = SCOPE_SOURCE;
	return -1;
}

/* It was another store under the same descriptor: somebody writes into the file. */
static int other_store(struct pst_reader *r, struct err *err)
{
	pst_reader_close(r);
	return err_set(err, ERR_CHANGED, SCOPE_SOURCE, RETRY_NEVER,
		       "was replaced while it was read");
}

static int handshake(struct pst_reader *r, struct arena *a, struct err *err)
{
	struct pst_known *k = r->known;
	struct pst_event e = { 0 };

	if (pst_reader_event(r, a, &e, err) < 0)
		return -1;
	if (e.type == PST_ERROR)
		return refused(r, &e, err);
	if (e.type != PST_HELLO || e.protocol != PST_PROTOCOL)
		return pst_reader_disorder(r, err);
	k->landlock = e.landlock > 0;
	if (tell_all(r, err) != 0)
		return dead(r, err);
	if (pst_reader_event(r, a, &e, err) < 0)
		return -1;
	if (e.type == PST_ERROR)
		return refused(r, &e, err);
	if (e.type != PST_STORE)
		return pst_reader_disorder(r, err);
	if (k->opened && memcmp(k->uid, e.uid, PST_UID_LEN) != 0)
		return other_store(r, err);
	memcpy(k->uid, e.uid, PST_UID_LEN);
	k->password_set = e.password_set;
	k->exchange_cache = e.exchange_cache;
	k->opened = true;
	return 0;
}

/* A death while opening may be somebody's kill: it is tried twice. */
int pst_reader_open(struct pst_reader *r, struct pst_known *known, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(EVENT_ARENA);

	for (int attempt = 0;; attempt++) {
		*r = (struct pst_reader)PST_READER_NONE;
		r->known = known;
		if (pst_child_start(&r->child, known->fd, &known->patience, known->instead, err) !=
		    0)
			return -1;
		if (handshake(r, &a, err) == 0)
			return 0;
		if (err->code != ERR_EOF) {
			pst_reader_close(r);
			return -1;
		}
		if (attempt > 0)
			return err_set(err, ERR_FORMAT, SCOPE_SOURCE, RETRY_NEVER,
				       "the process that reads its index %s: this file is damaged; "
				       "run Outlook's Inbox Repair Tool (scanpst) on a copy",
				       r->death.why);
	}
}

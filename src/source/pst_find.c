/*
 * One item of a PST again, by its locator, through a worker of its own.
 *
 * Locator: "STOREUID:NID:SEARCHKEY", all hexadecimal, and ":o" for what lies in a folder of
 * one's own mail, where Bcc is shown. The NID is the item's number in this store for good,
 * but diverged copies of a store hand one number to different mail: so the search key
 * is compared.
 */
#include "source/pst_impl.h"

#include <inttypes.h>
#include <string.h>

static void write_hex(char *to, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*to++ = digits[bytes[i] >> 4];
		*to++ = digits[bytes[i] & 15];
	}
	*to = '\0';
}

char *pst_write_locator(struct pst_source *s, struct arena *a)
{
	char uid[2 * PST_UID_LEN + 1], key[2 * PST_KEY_LEN + 1];

	write_hex(uid, s->known.uid, PST_UID_LEN);
	write_hex(key, s->begin.key, PST_KEY_LEN);
	return arena_printf(a, "%s:%" PRIx32 ":%s%s", uid, s->begin.nid, key,
			    s->folder.ours ? ":o" : "");
}

struct locator {
	uint8_t uid[PST_UID_LEN], key[PST_KEY_LEN];
	uint32_t nid;
	bool ours;
};

static bool read_hex(struct slice text, uint8_t *out, size_t len)
{
	if (text.len != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint64_t octet;

		if (!slice_hex64(slice_of(text.ptr + 2 * i, 2), &octet))
			return false;
		out[i] = (uint8_t)octet;
	}
	return true;
}

static int read_locator(const char *text, struct locator *out, struct err *err)
{
	struct slice rest = slice_str(text);
	struct slice uid = slice_cut(&rest, ':'), nid = slice_cut(&rest, ':');
	struct slice key = slice_cut(&rest, ':');
	uint64_t number;

	if (!read_hex(uid, out->uid, PST_UID_LEN) || !read_hex(key, out->key, PST_KEY_LEN) ||
	    !slice_hex64(nid, &number) || number == 0 || number > UINT32_MAX ||
	    (rest.len > 0 && !slice_eq(rest, SLICE_LIT("o"))))
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
			       "'%s' does not say where a message is", text);
	out->nid = (uint32_t)number;
	out->ours = rest.len > 0;
	return 0;
}

/* 1 found, 0 the worker died (it can be tried again), -1. */
static int fetch(struct pst_source *s, const struct locator *l, struct err *err)
{
	struct pst_event e;

	if (!pst_reader_runs(&s->fetch) && pst_reader_open(&s->fetch, &s->known, err) != 0)
		return -1;
	if (pst_reader_command(&s->fetch, PST_FETCH, l->nid, l->ours ? ROLE_SENT : ROLE_NONE,
			       err) != 0)
		return 0;
	do { /* what is noticed on the way was told by the scan */
		arena_reset(&s->event_arena);
		if (pst_reader_event(&s->fetch, &s->event_arena, &e, err) < 0)
			return pst_reader_runs(&s->fetch) ? -1 : 0;
	} while (e.type == PST_DAMAGE);
	if (e.type == PST_OTHER)
		return err_set(err, ERR_CHANGED, SCOPE_MESSAGE, RETRY_NEVER,
			       "is no message any more");
	if (e.type == PST_FAILED)
		return pst_not_readable(s, &e, err);
	if (e.type != PST_BEGIN || e.nid != l->nid) {
		pst_reader_disorder(&s->fetch, err);
		return 0;
	}
	if (memcmp(e.key, l->key, PST_KEY_LEN) != 0) {
		pst_reader_close(&s->fetch);
		return err_set(err, ERR_CHANGED, SCOPE_MESSAGE, RETRY_NEVER,
			       "another item has its number now");
	}
	switch (pst_read_data(&s->fetch, &s->found, &s->event_arena, NULL, &e, err)) {
	case 1:
		return 1;
	case 0:
		return pst_not_readable(s, &e, err);
	default:
		return pst_reader_runs(&s->fetch) ? -1 : 0;
	}
}

/* Deaths whose culprit is known are tried again without it; others once. */
static int fetch_again(struct pst_source *s, const struct locator *l, struct err *err)
{
	int got;

	for (int deaths = 0;;) {
		got = fetch(s, l, err);
		if (got != 0)
			return got;
		if (!pst_reader_blame(&s->fetch) && ++deaths > 1)
			return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
				       "the process that read it %s", s->fetch.death.why);
	}
}

int pst_find(struct source *source, const char *locator, struct arena *a, struct message *out,
	     struct err *err)
{
	struct pst_source *s = pst_self(source);
	struct locator l = { 0 };

	(void)a;
	if (read_locator(locator, &l, err) != 0)
		return -1;
	if (memcmp(l.uid, s->known.uid, PST_UID_LEN) != 0)
		return err_set(err, ERR_CHANGED, SCOPE_MESSAGE, RETRY_NEVER,
			       "'%s' is another store now", s->path);
	if (fetch_again(s, &l, err) < 0) {
		if (!pst_stopped(err))
			err->scope = SCOPE_MESSAGE;
		return err_prefix(err, "'%s': item 0x%" PRIx32, s->path, l.nid);
	}
	out->canon = (struct canon_rules){ 0 };
	return pst_body_finish(&s->found, &out->body, err);
}

/*
 * The scan of one message. See scan.h.
 */
#include "message/scan.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "message/checksum.h"
#include "message/date.h"
#include "message/header.h"
#include "message/keys.h"
#include "message/pop.h"

#define TEXT_MAX    300 /* bytes kept of a subject or sender for reports */
#define ID_TEXT_MAX 1000

struct scanner {
	struct canon *canon;
	struct keyer *keyer;
	EVP_MD *sha256;
	EVP_MD_CTX *digest;
	struct checksum *checksum;
	struct buf header, text;
};

struct scanner *scanner_new(struct err *err)
{
	struct scanner *s = calloc(1, sizeof(*s));

	if (!s) {
		err_nomem(err);
		return NULL;
	}
	buf_init(&s->header, HEADER_BLOCK_MAX);
	buf_init(&s->text, HEADER_BLOCK_MAX);
	s->canon = canon_new();
	s->keyer = keyer_new(err);
	s->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	s->digest = EVP_MD_CTX_new();
	s->checksum = checksum_new();
	if (!s->canon || !s->keyer || !s->sha256 || !s->digest || !s->checksum) {
		scanner_free(s);
		err_nomem(err);
		return NULL;
	}
	canon_set_piece(s->canon, CANON_PIECE_DIGEST);
	return s;
}

void scanner_free(struct scanner *s)
{
	if (!s)
		return;
	canon_free(s->canon);
	keyer_free(s->keyer);
	EVP_MD_free(s->sha256);
	EVP_MD_CTX_free(s->digest);
	checksum_free(s->checksum);
	buf_release(&s->header);
	buf_release(&s->text);
	free(s);
}

/* Keep the beginning of the canonical bytes. False when the header has ended. */
static bool keep_header(struct scanner *s, struct slice chunk)
{
	struct canon_notes notes;
	uint64_t want;

	canon_notes(s->canon, &notes);
	want = notes.header_len < HEADER_BLOCK_MAX ? notes.header_len : HEADER_BLOCK_MAX;
	if (s->header.len < want)
		buf_add_slice(&s->header, slice_head(chunk, (size_t)want - s->header.len));
	return notes.header_len >= notes.wire_len;
}

static int read_all(struct scanner *s, struct message *m, struct err *err)
{
	struct slice chunk, run = { 0 };
	struct canon_notes notes;
	bool in_header = true, ends;
	int got;

	buf_reset(&s->header);
	canon_start(s->canon, &m->body, &m->canon);
	if (!EVP_DigestInit_ex2(s->digest, s->sha256, NULL))
		return err_nomem(err);
	checksum_start(s->checksum);
	while ((got = canon_next(s->canon, &chunk, err)) > 0) {
		EVP_DigestUpdate(s->digest, chunk.ptr, chunk.len);
		run = canon_run(s->canon, &ends);
		if (ends) {
			checksum_add(s->checksum, run);
			run.len = 0;
		}
		in_header = in_header && keep_header(s, chunk);
	}
	if (got < 0)
		return -1;
	EVP_DigestFinal_ex(s->digest, m->sha256, NULL);
	checksum_add(s->checksum, run);
	checksum_end(s->checksum, m->checksum);
	canon_notes(s->canon, &notes);
	m->wire_len = notes.wire_len;
	m->header_len = notes.header_len;
	m->nul_count = notes.nul_count;
	m->cr_count = notes.cr_count;
	m->cr_cr_lf_count = notes.cr_cr_lf_count;
	m->repairs |= notes.repairs;
	return 0;
}

/* Texts for reports end at a whole UTF-8 character. */
static char *keep_text(struct arena *a, struct slice text, size_t max)
{
	if (text.len > max) {
		text.len = max;
		while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
			text.len--;
	}
	return arena_slice(a, text);
}

static const char *decoded(struct scanner *s, struct slice value, struct arena *a)
{
	if (!value.ptr)
		return NULL;
	buf_reset(&s->text);
	header_decode(&s->text, slice_head(value, 4 * TEXT_MAX));
	return keep_text(a, buf_slice(&s->text), TEXT_MAX);
}

static const char *message_id(struct scanner *s, struct slice value, struct arena *a)
{
	struct slice id;

	if (!value.ptr)
		return NULL;
	id = header_message_id(&s->text, value);
	return id.len > 0 ? keep_text(a, id, ID_TEXT_MAX) : NULL;
}

/* ---- INTERNALDATE ---- */

static int64_t received_date(const struct header_facts *facts)
{
	for (size_t i = 0; i < facts->n_received; i++)
		if (!pop_is_fetchers(facts->received[i]))
			return date_parse_received(facts->received[i]);
	return TIME_NONE;
}

static int64_t field_date(struct slice value)
{
	return value.ptr ? date_parse(value) : TIME_NONE;
}

static bool storable(int64_t t, int64_t now)
{
	bool clamped;

	date_clamp(t, now, &clamped);
	return !clamped;
}

/* The ladder of DESIGN 3: the first source that says something servers can store; if none does,
 * the first that says anything, clamped. */
static void choose_date(struct message *m, const struct header_facts *facts, int64_t now)
{
	const struct arrival *w = &m->arrival;
	int64_t store = !w->trusted		    ? TIME_NONE
			: w->from_line != TIME_NONE ? w->from_line
						    : w->mtime;
	const struct {
		int64_t t;
		enum date_source source;
	} ladder[] = {
		{ store, DATE_STORE },
		{ received_date(facts), DATE_RECEIVED },
		{ m->date, DATE_DATE },
		{ field_date(facts->delivery_date), DATE_DELIVERY },
		{ w->from_line, DATE_FROM_LINE },
		{ w->file_name, DATE_FILE_NAME },
		{ w->mtime, DATE_MTIME },
	};
	bool clamped;

	if (w->mtime != TIME_NONE && w->mtime > now) /* the clock goes slow: that has been */
		now = w->mtime;
	m->internaldate = INTERNALDATE_MIN;
	m->date_source = DATE_NOWHERE;
	for (size_t i = sizeof(ladder) / sizeof(ladder[0]); i-- > 0;)
		if (ladder[i].t != TIME_NONE) {
			m->internaldate = ladder[i].t;
			m->date_source = ladder[i].source;
		}
	for (size_t i = 0; i < sizeof(ladder) / sizeof(ladder[0]); i++)
		if (ladder[i].t != TIME_NONE && storable(ladder[i].t, now)) {
			m->internaldate = ladder[i].t;
			m->date_source = ladder[i].source;
			break;
		}
	m->internaldate = date_clamp(m->internaldate, now, &clamped);
	if (clamped)
		m->repairs |= NOTE_DATE_CLAMPED;
	if (m->date_source != DATE_FROM_LINE && m->date_source != DATE_STORE)
		m->repairs &= ~(uint32_t)NOTE_ZONE_UNKNOWN; /* that date was not used */
}

/* ---- POP ---- */

static int tell_pop(struct scanner *s, struct message *m, struct arena *a, struct err *err)
{
	struct pop_trace trace;

	pop_trace_read(buf_slice(&s->header), &trace);
	m->pop_fetched = m->pop_fetched || trace.fetched;
	m->pop_lead_len = trace.lead_len;
	m->pop_path_len = trace.path_len;
	if (m->uidl || trace.uidl.len == 0)
		return 0;
	m->uidl = arena_slice(a, trace.uidl);
	return m->uidl ? 0 : err_nomem(err);
}

int scanner_run(struct scanner *s, struct message *m, int64_t now, struct arena *a, struct err *err)
{
	struct header_facts facts;

	/* A file of its own, and nothing in it: what some program has lost, not a message. */
	if (m->body.off == 0 && m->body.len == 0)
		return err_set(err, ERR_FORMAT, SCOPE_MESSAGE, RETRY_NEVER,
			       "the file is empty (0 octets)");
	if (read_all(s, m, err) != 0)
		return -1;
	if (keyer_run(s->keyer, buf_slice(&s->header), &m->keys, m->essence, &facts, err) != 0)
		return -1;
	m->message_id = message_id(s, facts.message_id, a);
	m->subject = decoded(s, facts.subject, a);
	m->from = decoded(s, facts.from, a);
	m->date = field_date(facts.date);
	choose_date(m, &facts, now);
	return tell_pop(s, m, a, err);
}

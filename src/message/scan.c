/*
 * The scan of one message. See scan.h.
 */
#include "message/scan.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "message/date.h"
#include "message/header.h"
#include "message/keys.h"

#define TEXT_MAX    300 /* bytes kept of a subject or sender for reports */
#define ID_TEXT_MAX 1000

struct scanner {
	struct canon *canon;
	EVP_MD_CTX *digest;
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
	s->digest = EVP_MD_CTX_new();
	if (!s->canon || !s->digest || !EVP_DigestInit_ex(s->digest, EVP_sha256(), NULL)) {
		scanner_free(s);
		err_nomem(err);
		return NULL;
	}
	return s;
}

void scanner_free(struct scanner *s)
{
	if (!s)
		return;
	canon_free(s->canon);
	EVP_MD_CTX_free(s->digest);
	buf_release(&s->header);
	buf_release(&s->text);
	free(s);
}

/* Keep the beginning of the canonical bytes until the header has ended. */
static void keep_header(struct scanner *s, struct slice chunk)
{
	struct canon_notes notes;
	uint64_t want;

	canon_notes(s->canon, &notes);
	want = notes.header_len < HEADER_BLOCK_MAX ? notes.header_len : HEADER_BLOCK_MAX;
	if (s->header.len < want)
		buf_add_slice(&s->header, slice_head(chunk, (size_t)want - s->header.len));
}

static int read_all(struct scanner *s, struct message *m, struct err *err)
{
	struct slice chunk;
	struct canon_notes notes;
	int got;

	buf_reset(&s->header);
	canon_start(s->canon, &m->body, &m->canon);
	if (!EVP_DigestInit_ex(s->digest, NULL, NULL))
		return err_nomem(err);
	while ((got = canon_next(s->canon, &chunk, err)) > 0) {
		EVP_DigestUpdate(s->digest, chunk.ptr, chunk.len);
		keep_header(s, chunk);
	}
	if (got < 0)
		return -1;
	EVP_DigestFinal_ex(s->digest, m->sha256, NULL);
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

/* The first field of each name that the scan wants, found in one walk through the header. */
enum fact { FACT_ID, FACT_SUBJECT, FACT_FROM, FACT_DATE, FACT_DELIVERY, FACT_RECEIVED, FACT_COUNT };

struct facts {
	bool found[FACT_COUNT];
	struct slice value[FACT_COUNT];
};

static bool is_fetchers(struct slice received);

static void find_facts(struct slice header, struct facts *out)
{
	static const char *const names[FACT_COUNT] = {
		[FACT_ID] = "message-id",
		[FACT_SUBJECT] = "subject",
		[FACT_FROM] = "from",
		[FACT_DATE] = "date",
		[FACT_DELIVERY] = "delivery-date",
		[FACT_RECEIVED] = "received",
	};
	struct header_field f;

	memset(out->found, 0, sizeof(out->found));
	while (header_next(&header, &f) > 0)
		for (enum fact i = 0; i < FACT_COUNT; i++) {
			if (out->found[i] || !slice_ieq(f.name, slice_str(names[i])) ||
			    (i == FACT_RECEIVED && is_fetchers(f.value)))
				continue;
			out->found[i] = true;
			out->value[i] = f.value;
			break;
		}
}

static const char *decoded(struct scanner *s, const struct facts *facts, enum fact fact,
			   struct arena *a)
{
	if (!facts->found[fact])
		return NULL;
	buf_reset(&s->text);
	header_decode(&s->text, slice_head(facts->value[fact], 4 * TEXT_MAX));
	return keep_text(a, buf_slice(&s->text), TEXT_MAX);
}

static const char *message_id(struct scanner *s, const struct facts *facts, struct arena *a)
{
	struct slice id;

	if (!facts->found[FACT_ID])
		return NULL;
	id = header_message_id(&s->text, facts->value[FACT_ID]);
	return id.len > 0 ? keep_text(a, id, ID_TEXT_MAX) : NULL;
}

/* ---- INTERNALDATE ---- */

/* A Received line that the program put on top which fetched the mail by POP. */
static bool is_fetchers(struct slice received)
{
	static const char *const marks[] = { "with POP3", "(fetchmail-", "(mpop-", "getmail6",
					     "with getmail" };

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (slice_ifind(received, slice_str(marks[i])) >= 0)
			return true;
	return false;
}

static bool storable(int64_t t, int64_t now)
{
	bool clamped;

	date_clamp(t, now, &clamped);
	return !clamped;
}

/* The ladder of DESIGN 3: the first source that says something servers can store; if none does,
 * the first that says anything, clamped. */
static void choose_date(struct message *m, const struct facts *facts, int64_t now)
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
		{ facts->found[FACT_RECEIVED] ? date_parse_received(facts->value[FACT_RECEIVED])
					      : TIME_NONE,
		  DATE_RECEIVED },
		{ m->date, DATE_DATE },
		{ facts->found[FACT_DELIVERY] ? date_parse(facts->value[FACT_DELIVERY]) : TIME_NONE,
		  DATE_DELIVERY },
		{ w->from_line, DATE_FROM_LINE },
		{ w->file_name, DATE_FILE_NAME },
		{ w->mtime, DATE_MTIME },
	};
	bool clamped;

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

int scanner_run(struct scanner *s, struct message *m, int64_t now, struct arena *a, struct err *err)
{
	struct slice header;
	struct facts facts;

	if (read_all(s, m, err) != 0)
		return -1;
	header = buf_slice(&s->header);
	find_facts(header, &facts);
	m->message_id = message_id(s, &facts, a);
	m->subject = decoded(s, &facts, FACT_SUBJECT, a);
	m->from = decoded(s, &facts, FACT_FROM, a);
	m->date = facts.found[FACT_DATE] ? date_parse(facts.value[FACT_DATE]) : TIME_NONE;
	choose_date(m, &facts, now);
	if (keys_from_header(header, &m->keys, err) != 0)
		return -1;
	return essence_from_header(header, m->essence, err);
}

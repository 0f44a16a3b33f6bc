/*
 * What the server does to messages: small ones go up, come back, and are compared
 * octet for octet (servers.md 2.2-2.4). All wait for their "+": nothing that is
 * tried can be taken for commands.
 */
#include "transfer/probe_work.h"

#include <inttypes.h>
#include <string.h>

#include "base/stop.h"
#include "message/date.h"

#define MESSAGE_MAX	 (64u << 10)
#define FETCHED_MAX	 (256u << 10) /* a server may make it longer */
#define LONG_LINE_OCTETS 12000	      /* Exchange takes no more than 9,900 to 10,239 */
#define ROUND_MS	 1000
/* A server that puts us off is waited for, within reason. */
#define PUT_OFF_TIMES	3
#define PUT_OFF_MS	10000 /* where it does not say how long */
#define PUT_OFF_MOST_MS 120000

/* ---- sending ---- */

int probe_reap(struct session *s, struct append_result *out, struct err *err)
{
	struct session *const one[] = { s };
	int got;

	while ((got = session_reap(s, out, err)) == 0)
		if (session_poll(one, 1, ROUND_MS, err) < 0)
			return -1;
	return got;
}

/* 1: its octets may go; 0: the command was refused before; -1. */
static int wait_for_go(struct session *s, struct err *err)
{
	struct session *const one[] = { s };
	int may;

	while ((may = session_may_continue(s)) == 0)
		if (session_poll(one, 1, ROUND_MS, err) < 0)
			return -1;
	return may > 0;
}

static int send_octets(struct session *s, struct slice bytes, struct err *err)
{
	struct session *const one[] = { s };

	while (bytes.len > 0) {
		struct slice piece = slice_head(bytes, session_room(s));

		if (piece.len > 0 && session_append_bytes(s, piece.ptr, piece.len, err) < 0)
			return -1;
		bytes = slice_from(bytes, piece.len);
		if (piece.len == 0 && session_poll(one, 1, ROUND_MS, err) < 0)
			return -1;
	}
	return 0;
}

static int append_once(struct session *s, const char *wire_name,
		       const struct probe_message *messages, size_t n, struct append_result *out,
		       struct err *err)
{
	if (session_append_begin(s, wire_name, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct append_spec spec = messages[i].spec;
		int may;

		spec.size = messages[i].bytes.len;
		spec.synchronising = true;
		if (session_append_message(s, &spec, err) < 0)
			return -1;
		may = wait_for_go(s, err);
		if (may < 0)
			return -1;
		if (may == 0)
			return probe_reap(s, out, err);
		if (send_octets(s, messages[i].bytes, err) < 0)
			return -1;
	}
	return session_append_end(s, err) < 0 ? -1 : probe_reap(s, out, err);
}

/* A server that puts us off has not looked at what was sent: 1: it may be tried again now; 0; -1.
 */
static int wait_if_put_off(struct probe_work *w, const struct append_result *r, unsigned times,
			   struct err *err)
{
	uint32_t ms;

	if (r->ok || r->refusal != REFUSAL_THROTTLED || times >= PUT_OFF_TIMES)
		return 0;
	ms = refusal_wait_ms(r->text);
	if (ms == 0)
		ms = PUT_OFF_MS;
	if (ms > PUT_OFF_MOST_MS)
		return 0;
	progress_note(w->probe->progress, "waiting %u s, the server says: %s", (ms + 999) / 1000,
		      r->text);
	return transfer_pause(NULL, ms, err) < 0 ? -1 : 1;
}

int probe_append(struct probe_work *w, const struct probe_message *messages, size_t n,
		 struct append_result *out, struct err *err)
{
	for (unsigned times = 0;; times++) {
		int again;

		if (append_once(w->session, w->scratch.wire_name, messages, n, out, err) < 0)
			return -1;
		again = wait_if_put_off(w, out, times, err);
		if (again <= 0)
			return again < 0 ? -1 : 1;
	}
}

int trial_refused(struct probe_work *w, const char *id, const char *title,
		  const struct append_result *r, struct err *err)
{
	enum trial_verdict verdict =
		r->refusal == REFUSAL_THROTTLED ? TRIAL_UNKNOWN : TRIAL_REFUSED;

	return trial_add(w, id, title, verdict, r->text, err);
}

void probe_compose(struct probe_work *w, struct buf *out, struct slice fields, struct slice body)
{
	w->messages++;
	buf_addf(out,
		 "From: mailhoist <probe@mailhoist.invalid>\r\n"
		 "To: mailhoist <probe@mailhoist.invalid>\r\n"
		 "Date: Sun, 29 Feb 2004 10:11:11 +0000\r\n"
		 "Message-ID: <%s.%u@mailhoist.invalid>\r\n",
		 w->random, w->messages);
	buf_add_slice(out, fields);
	buf_adds(out, "\r\n");
	buf_add_slice(out, body);
}

/* ---- reading back ---- */

/* The one message of the scratch folder from UID `first` on. */
struct found {
	bool there;
	struct index_row row; /* its keywords in the arena of the trial */
	struct buf bytes;
};

static int find(struct probe_work *w, uint32_t first, struct arena *a, struct found *out,
		struct err *err)
{
	struct index_row row;
	int got;

	if (session_sizes_start(w->session, first, err) < 0)
		return -1;
	while ((got = session_index_next(w->session, a, &row, err)) > 0) {
		out->there = true;
		out->row = row;
	}
	return got;
}

static int fetch(struct probe_work *w, struct found *out, struct err *err)
{
	struct fetch_chunk chunk;
	int got;

	if (session_fetch_start(w->session, &out->row.uid, 1, "", 0, err) < 0)
		return -1;
	while ((got = session_fetch_next(w->session, &chunk, err)) > 0)
		if (chunk.kind == CHUNK_BYTES)
			buf_add_slice(&out->bytes, chunk.bytes);
	return got;
}

/* What has come into the scratch folder since its UIDNEXT was `first`. */
static int read_back(struct probe_work *w, uint32_t first, struct arena *a, struct found *out,
		     struct err *err)
{
	struct selected folder;

	if (session_examine(w->session, w->scratch.wire_name, &folder, err) < 0)
		return -1;
	if (folder.messages > 0 && find(w, first, a, out, err) < 0)
		return -1;
	if (out->there && fetch(w, out, err) < 0)
		return -1;
	return session_unselect(w->session, err); /* Courier takes no APPEND into an open one */
}

/* ---- comparing ---- */

/* "the first of 3 changed octets: C3 became 58" */
static void describe_change(struct buf *out, struct slice sent, struct slice found)
{
	size_t first = 0, changed = 0;

	while (first < sent.len && first < found.len && sent.ptr[first] == found.ptr[first])
		first++;
	if (sent.len != found.len) {
		buf_addf(out, "%zu octets became %zu, from octet %zu on", sent.len, found.len,
			 first + 1);
		return;
	}
	for (size_t i = first; i < sent.len; i++)
		changed += sent.ptr[i] != found.ptr[i];
	buf_addf(out, "%zu %s changed, the first from %02X to %02X", changed,
		 changed == 1 ? "octet is" : "octets are", (unsigned char)sent.ptr[first],
		 (unsigned char)found.ptr[first]);
}

/* What is looked at in a message that has come back. */
enum looked_at { LOOK_OCTETS, LOOK_DATE, LOOK_MARKS };

struct mail_trial {
	const char *id, *title;
	struct probe_message message;
	enum looked_at what;
	struct slice fields; /* header fields that it is about */
};

static struct slice body_of(struct slice mail)
{
	ptrdiff_t at;

	if (slice_starts(mail, SLICE_LIT("\r\n")))
		return slice_from(mail, 2);
	at = slice_ifind(mail, SLICE_LIT("\r\n\r\n"));
	return slice_from(mail, at < 0 ? mail.len : (size_t)at + 4);
}

/* A server that writes all headers anew: what the trial is about has come back. */
static bool came_back_rewritten(const struct probe_work *w, const struct mail_trial *t,
				struct slice found)
{
	return w->rewrites && slice_eq(body_of(t->message.bytes), body_of(found)) &&
	       slice_ifind(found, t->fields) >= 0;
}

static bool has_keyword(const struct flag_set *set, const char *keyword)
{
	for (size_t i = 0; i < set->n_keywords; i++)
		if (slice_ieq(slice_str(set->keywords[i]), slice_str(keyword)))
			return true;
	return false;
}

static void describe_date(struct buf *out, const struct append_spec *spec,
			  const struct index_row *row)
{
	if (row->internaldate == spec->internaldate)
		return;
	buf_adds(out, "the date became ");
	time_add_rfc3339(out, row->internaldate);
}

static void describe_marks(struct buf *out, const struct append_spec *spec,
			   const struct index_row *row)
{
	for (uint32_t bit = 1; bit <= FLAG_ALL; bit <<= 1)
		if (spec->flags & ~row->flags.system & bit)
			buf_addf(out, "%s%s is lost", out->len ? ", " : "", flag_name(bit));
	for (size_t i = 0; i < spec->n_keywords; i++)
		if (!has_keyword(&row->flags, spec->keywords[i]))
			buf_addf(out, "%s%s is lost", out->len ? ", " : "", spec->keywords[i]);
}

static void describe_octets(struct probe_work *w, const struct mail_trial *t, struct buf *out,
			    struct slice found)
{
	struct slice sent = t->message.bytes;

	if (slice_eq(sent, found) || came_back_rewritten(w, t, found))
		return;
	if (!w->looked && slice_eq(body_of(sent), body_of(found))) { /* nothing is odd about it */
		w->rewrites = true;
		buf_adds(out, "header fields are rewritten, the body is the same");
	} else {
		describe_change(out, sent, found);
	}
}

static int judge(struct probe_work *w, const struct mail_trial *t, const struct found *found,
		 struct err *err)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT(2048);

	if (!found->there)
		return trial_add(w, t->id, t->title, TRIAL_CHANGED,
				 "the server said OK, but the message is not there", err);
	if (buf_ok(&found->bytes, "a message read back", err) < 0)
		return -1;
	if (t->what == LOOK_DATE)
		describe_date(&text, &t->message.spec, &found->row);
	else if (t->what == LOOK_MARKS)
		describe_marks(&text, &t->message.spec, &found->row);
	else
		describe_octets(w, t, &text, buf_slice(&found->bytes));
	w->looked = true;
	if (text.len == 0)
		return trial_add(w, t->id, t->title, TRIAL_GOOD, NULL, err);
	if (!buf_cstr(&text))
		return err_nomem(err);
	return trial_add(w, t->id, t->title, TRIAL_CHANGED, text.ptr, err);
}

/* Send it, read it back, tell. *taken: the server said OK. */
static int try_mail(struct probe_work *w, const struct mail_trial *t, bool *taken, struct err *err)
{
	CLEANUP(arena_release) struct arena a = ARENA_INIT(1u << 20);
	struct found found = { .bytes = BUF_INIT(FETCHED_MAX) };
	struct folder_status before;
	struct append_result r;
	int result;

	if (stop_check(err) < 0 ||
	    session_status(w->session, w->scratch.wire_name, &before, err) < 0 ||
	    probe_append(w, &t->message, 1, &r, err) < 0)
		return -1;
	*taken = r.ok;
	if (!r.ok) {
		w->result->full |= r.refusal == REFUSAL_QUOTA;
		return trial_refused(w, t->id, t->title, &r, err);
	}
	result = read_back(w, before.uidnext, &a, &found, err);
	if (result == 0)
		result = judge(w, t, &found, err);
	buf_release(&found.bytes);
	return result;
}

/* ---- the trials ---- */

static int try_plain(struct probe_work *w, struct err *err)
{
	CLEANUP(buf_release) struct buf mail = BUF_INIT(MESSAGE_MAX);
	struct mail_trial t = { "append",
				"uploading a message",
				{ .spec = { .internaldate = PROBE_DATE } },
				LOOK_OCTETS,
				{ 0 } };

	probe_compose(w, &mail, SLICE_LIT("Subject: mailhoist probe\r\n"),
		      SLICE_LIT("This message comes and goes.\r\n"));
	t.message.bytes = buf_slice(&mail);
	return try_mail(w, &t, &w->result->can_upload, err);
}

/* Date, flags, keywords: one message each, so that a refusal tells which of them it is for. */
static int try_marks(struct probe_work *w, struct err *err)
{
	static const char *const known[] = { "$Forwarded", "$MDNSent", "$label1" };
	static const char *const own[] = { "mailhoist-probe" };
	const struct mail_trial trials[] = {
		{ "date",
		  "the date of arrival",
		  { .spec = { .internaldate = PROBE_DATE } },
		  LOOK_DATE,
		  { 0 } },
		{ "date-old",
		  "a date of 1970",
		  { .spec = { .internaldate = INTERNALDATE_MIN } },
		  LOOK_DATE,
		  { 0 } },
		{ "flags",
		  "flags",
		  { .spec = { .internaldate = PROBE_DATE,
			      .flags = FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DRAFT } },
		  LOOK_MARKS,
		  { 0 } },
		{ "keywords",
		  "keywords that mail programs know",
		  { .spec = { .internaldate = PROBE_DATE, .keywords = known, .n_keywords = 3 } },
		  LOOK_MARKS,
		  { 0 } },
		{ "keywords-own",
		  "keywords of one's own",
		  { .spec = { .internaldate = PROBE_DATE, .keywords = own, .n_keywords = 1 } },
		  LOOK_MARKS,
		  { 0 } },
	};

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		CLEANUP(buf_release) struct buf mail = BUF_INIT(MESSAGE_MAX);
		struct mail_trial t = trials[i];
		bool taken;

		probe_compose(w, &mail, SLICE_LIT("Subject: marks\r\n"), SLICE_LIT("marked\r\n"));
		t.message.bytes = buf_slice(&mail);
		if (try_mail(w, &t, &taken, err) < 0)
			return -1;
	}
	return 0;
}

#define LIT(text_)                                                                                 \
	{                                                                                          \
		(text_), sizeof(text_) - 1                                                         \
	}

static const struct octets_trial {
	const char *id, *title;
	struct slice fields, body;
	bool bare; /* the body alone, without any field */
	bool literal8;
} octets[] = {
	{ "header-utf8", "UTF-8 in the header",
	  LIT("Subject: Gr\xc3\xbc\xc3\x9f"
	      "e\r\n"),
	  LIT("x\r\n"), false, false },
	{ "header-8bit", "other 8-bit octets in the header",
	  LIT("Subject: Gr\xfc\xdf"
	      "e\r\n"),
	  LIT("x\r\n"), false, false },
	{ "body-8bit", "8-bit octets in the body", LIT("Subject: body\r\n"),
	  LIT("Gr\xfc\xdf"
	      "e \xc3\xbc\r\n"),
	  false, false },
	{ "controls", "control characters", LIT("Subject: controls\r\n"),
	  LIT("a\x01\x07\x08\x0b\x0c\x1b\x1f\x7fz\r\n"), false, false },
	{ "nul", "NUL octets", LIT("Subject: NUL\r\n"), LIT("a\0b\r\n"), false, false },
	{ "nul-literal8", "NUL octets by BINARY", LIT("Subject: NUL by BINARY\r\n"),
	  LIT("a\0b\r\n"), false, true },
	{ "header-missing", "a message without a header", LIT(""),
	  LIT("\r\nThere is no header above.\r\n"), true, false },
	{ "header-invalid", "a header line without a colon",
	  LIT("Subject: below\r\nthis line has none\r\n"), LIT("x\r\n"), false, false },
};

static int try_octets(struct probe_work *w, const struct octets_trial *o, struct err *err)
{
	CLEANUP(buf_release) struct buf mail = BUF_INIT(MESSAGE_MAX);
	struct mail_trial t = { o->id,
				o->title,
				{ .spec = { .internaldate = PROBE_DATE, .literal8 = o->literal8 } },
				LOOK_OCTETS,
				o->fields };
	bool taken;

	if (o->literal8 && !(session_capabilities(w->session) & CAP_BINARY))
		return 0;
	if (o->bare)
		buf_add_slice(&mail, o->body);
	else
		probe_compose(w, &mail, o->fields, o->body);
	t.message.bytes = buf_slice(&mail);
	return try_mail(w, &t, &taken, err);
}

/* One line of LONG_LINE_OCTETS, in the header or in the body. */
static int try_long_line(struct probe_work *w, bool in_header, struct err *err)
{
	CLEANUP(buf_release) struct buf line = BUF_INIT(LONG_LINE_OCTETS + 64);
	CLEANUP(buf_release) struct buf mail = BUF_INIT(MESSAGE_MAX);
	struct mail_trial t = { in_header ? "long-header" : "long-line",
				in_header ? "a header line of 12,000 octets"
					  : "a line of 12,000 octets",
				{ .spec = { .internaldate = PROBE_DATE } },
				LOOK_OCTETS,
				{ 0 } };
	bool taken;

	if (in_header)
		buf_adds(&line, "X-Long: ");
	while (line.len < LONG_LINE_OCTETS)
		buf_adds(&line, "0123456789");
	buf_adds(&line, "\r\n");
	probe_compose(w, &mail, in_header ? buf_slice(&line) : SLICE_LIT("Subject: long\r\n"),
		      in_header ? SLICE_LIT("x\r\n") : buf_slice(&line));
	if (buf_ok(&mail, "a message", err) < 0)
		return -1;
	t.message.bytes = buf_slice(&mail);
	if (in_header)
		t.fields = buf_slice(&line);
	return try_mail(w, &t, &taken, err);
}

int probe_mail(struct probe_work *w, struct err *err)
{
	if (try_plain(w, err) < 0)
		return -1;
	if (!w->result->can_upload)
		return 0;
	if (try_marks(w, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(octets) / sizeof(octets[0]); i++)
		if (try_octets(w, &octets[i], err) < 0)
			return -1;
	if (try_long_line(w, false, err) < 0)
		return -1;
	return try_long_line(w, true, err);
}
